"""
Reads `--labels yolo` with the dataset class of Ultralytics and compares labels and boxes of every split.

Then it trains a small detector for one epoch, and validates it on the test split. Install it with
`pip install ultralytics`. Last run with ultralytics 8.4.190 on 2026-11-27.
"""

import os

import numpy as np
from made import HEIGHT, SPLITS, WIDTH, boxes_of, make_dataset, temporary_folder

from digitseq import read_dataset

os.environ["YOLO_CONFIG_DIR"] = str(temporary_folder())
os.environ["YOLO_OFFLINE"] = "true"

import ultralytics
from ultralytics.cfg import get_cfg
from ultralytics.data.build import build_yolo_dataset
from ultralytics.data.utils import check_det_dataset


def read(folder, key):
    """Return what Ultralytics knows of every image of a split, in the order of the files."""
    data = check_det_dataset(str(folder / "data.yaml"), autodownload=False)
    assert data["names"] == {digit: str(digit) for digit in range(10)}
    settings = get_cfg(overrides={"imgsz": 128, "task": "detect"})
    dataset = build_yolo_dataset(settings, data[key], 8, data, mode="val", stride=32)
    return sorted(dataset.labels, key=lambda image: image["im_file"])


def main():
    folder, _ = make_dataset(labels=["yolo"])
    for key, split in zip(("train", "val", "test"), read_dataset(folder).splits.values(), strict=True):
        images = read(folder, key)
        assert len(images) == len(split)
        for image, label, boxes in zip(images, split.labels, boxes_of(split), strict=True):
            assert "".join(str(int(digit)) for digit in image["cls"][:, 0]) == label
            found = image["bboxes"] * [WIDTH, HEIGHT, WIDTH, HEIGHT]
            found[:, :2] -= found[:, 2:] / 2  # from the centre to the corner
            assert np.abs(found - boxes).max() < 0.01

    # Without a validation split, the training set is validated.
    unsplit_folder, unsplit = make_dataset(labels=["yolo"], splits={}, count=50)
    files = [[image["im_file"] for image in read(unsplit_folder, key)] for key in ("train", "val")]
    assert files[0] == files[1]
    assert len(files[0]) == len(unsplit)
    # Images that are less than 10 pixels wide are dropped.
    narrow_folder, narrow = make_dataset(labels=["yolo"], pattern="#", image_width=None)
    wide_enough = sum(pixels.shape[1] >= 10 for pixels, _ in narrow)
    assert len(read(narrow_folder, "train")) == wide_enough < len(narrow)

    options = {"data": str(folder / "data.yaml"), "imgsz": 128, "batch": 8, "workers": 0, "device": "cpu"}
    options |= {"project": str(temporary_folder()), "plots": False}
    model = ultralytics.YOLO("yolo11n.yaml")
    # Mirroring (fliplr) is on by default, and makes impossible digits.
    model.train(epochs=1, pretrained=False, amp=False, fliplr=0.0, **options)
    digits_per_class = model.val(split="test", **options).nt_per_class
    assert digits_per_class.sum() == 4 * SPLITS["test"]
    print("ultralytics", ultralytics.__version__, "ok")


if __name__ == "__main__":
    main()
