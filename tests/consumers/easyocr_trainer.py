"""
Reads `--labels easyocr` with the dataset classes of EasyOCR's trainer and compares labels and pixels.

Clone https://github.com/JaidedAI/EasyOCR and give its folder as the argument. Install what the trainer needs
with `pip install torch torchvision pandas natsort six`. Last run with commit c4f3cd7 on 2026-11-27.
"""

import itertools
import sys
from argparse import Namespace
from functools import partial
from pathlib import Path

import torch
from made import assert_same, fails, make_dataset

sys.path.insert(0, str(Path(sys.argv[1], "trainer").resolve()))
if not hasattr(torch._utils, "_accumulate"):
    # Its dataset.py imports this name, which newer versions of PyTorch do not have.
    torch._utils._accumulate = itertools.accumulate

import dataset as trainer

OPTIONS = Namespace(character="0123456789", batch_max_length=25)
OPTIONS.rgb = OPTIONS.sensitive = OPTIONS.data_filtering_off = False


def read(folder, selected):
    """Return the trainer's dataset for its settings train_data (or valid_data) and select_data."""
    together, _ = trainer.hierarchical_dataset(str(folder), OPTIONS, selected)
    return together


def main():
    folder, split = make_dataset(labels=["easyocr"])
    # The labels are read as numbers, which then cannot be searched for characters.
    assert fails(lambda: read(folder, ["train/images"]), AttributeError)
    # What a user has to change in dataset.py: labels are text.
    trainer.pd.read_csv = partial(trainer.pd.read_csv, dtype=str)

    training = read(folder, ["train/images"])
    images, labels = zip(*(training[number] for number in range(len(training))), strict=True)
    assert_same(split, images, labels)
    assert len(read(folder / "validation" / "images", "/")) == 40
    assert len(read(folder / "validation", "/")) == 40
    # The trainer expects a table in every folder, also in the folders with the boxes for YOLO.
    with_boxes, _ = make_dataset(labels=["easyocr", "yolo"])
    assert fails(lambda: read(with_boxes / "validation", "/"), FileNotFoundError)
    print("easyocr c4f3cd7 ok")


if __name__ == "__main__":
    main()
