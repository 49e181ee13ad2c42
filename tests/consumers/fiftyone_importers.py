"""
Reads `--labels coco` and `--labels yolo` with the importers of FiftyOne, without its database.

Labels, boxes and masks are compared. Install it with `pip install fiftyone pycocotools`. Last run with
fiftyone 1.22.1 on 2026-11-27.
"""

import os
from pathlib import Path

import numpy as np
from made import HEIGHT, WIDTH, boxes_of, make_dataset, temporary_folder

from digitseq import read_dataset

os.environ |= {"FIFTYONE_DATABASE_DIR": str(temporary_folder()), "FIFTYONE_DO_NOT_TRACK": "1"}

import fiftyone
from fiftyone.utils.coco import COCODetectionDatasetImporter
from fiftyone.utils.yolo import YOLOv5DatasetImporter


def compare(split, importer, with_masks=False):
    with importer:
        images = sorted((path, digits) for path, _, digits in importer)
    assert len(images) == len(split)
    boxes = boxes_of(split)
    for number, (path, found) in enumerate(images):
        assert Path(path).is_file()
        digits = (found if hasattr(found, "detections") else next(iter(found.values()))).detections
        assert "".join(digit.label for digit in digits) == split.labels[number]
        found_boxes = np.array([digit.bounding_box for digit in digits]) * [WIDTH, HEIGHT, WIDTH, HEIGHT]
        assert np.abs(found_boxes - boxes[number]).max() < 0.01
        if with_masks:
            for instance, (digit, box) in enumerate(zip(digits, boxes[number], strict=True), start=1):
                x, y, width, height = box
                mask = split.mask(number)[y : y + height, x : x + width]
                assert np.array_equal(digit.mask, mask == instance)


def main():
    folder, split = make_dataset(labels=["coco", "yolo", "masks"])
    splits = read_dataset(folder).splits
    for name in ("train", "val"):
        importer = YOLOv5DatasetImporter(dataset_dir=str(folder), yaml_path="data.yaml", split=name)
        compare(splits["validation" if name == "val" else name], importer)
    train = folder / "train"
    for kind in ("detections", "segmentations"):
        importer = COCODetectionDatasetImporter(
            data_path=str(train), labels_path=str(train / "coco.json"), label_types=[kind]
        )
        compare(split, importer, with_masks=kind == "segmentations")
    print("fiftyone", fiftyone.__version__, "ok")


if __name__ == "__main__":
    main()
