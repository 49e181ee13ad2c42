"""
Reads `--labels yolo` and `--labels coco` with supervision and compares labels, boxes, masks and pixels.

Install it with `pip install supervision`. Last run with supervision 0.31.2 on 2026-11-27.
"""

from pathlib import Path

import numpy as np
import supervision
from made import boxes_of, make_dataset
from supervision import DetectionDataset


def from_yolo(folder):
    train = folder / "train"
    return DetectionDataset.from_yolo(str(train / "images"), str(train / "labels"), str(folder / "data.yaml"))


def from_coco(folder, **options):
    return DetectionDataset.from_coco(str(folder / "train"), str(folder / "train" / "coco.json"), **options)


def compare(split, dataset, with_masks=False):
    assert len(dataset) == len(split)
    boxes = boxes_of(split)
    for path, image, digits in dataset:
        number = int(Path(path).stem)
        pixels, label = split[number]
        assert (image == pixels[..., None]).all()
        assert "".join(dataset.classes[digit] for digit in digits.class_id) == label
        corners, sizes = digits.xyxy[:, :2], digits.xyxy[:, 2:] - digits.xyxy[:, :2]
        assert np.abs(np.hstack([corners, sizes]) - boxes[number]).max() < 0.01
        if with_masks:
            instances = np.arange(1, len(label) + 1)[:, None, None]
            assert (digits.mask == (split.mask(number) == instances)).all()


def main():
    flat, flat_split = make_dataset("flat", labels=["yolo", "coco", "masks"])
    compare(flat_split, from_yolo(flat))
    folder, split = make_dataset("folder", labels=["yolo", "coco", "masks"])
    assert len(from_yolo(folder)) == 0  # it does not look into folders, and does not complain
    for where, train in ((flat, flat_split), (folder, split)):
        compare(train, from_coco(where))
        compare(train, from_coco(where, force_masks=True), with_masks=True)
    print("supervision", supervision.__version__, "ok")


if __name__ == "__main__":
    main()
