"""
Reads `--format lmdb` with the dataset classes of PARSeq and compares labels and pixels.

Clone https://github.com/baudm/parseq and give its folder as the argument. Install what the classes need with
`pip install torch torchvision lmdb`. Last run with commit 1902db0 on 2026-11-27.
"""

import sys
from pathlib import Path

import numpy as np
from made import assert_same, fails, make_dataset

sys.path.insert(0, str(Path(sys.argv[1]).resolve()))

from strhub.data.dataset import LmdbDataset, build_tree_dataset

DIGITS, LONGEST = "0123456789", 25


def compare(split, dataset):
    images, labels = zip(*(dataset[number] for number in range(len(dataset))), strict=True)
    assert_same(split, [np.asarray(image.convert("L")) for image in images], labels)


def main():
    folder, split = make_dataset("lmdb")
    compare(split, LmdbDataset(str(folder / "train"), DIGITS, LONGEST))
    compare(split, build_tree_dataset(str(folder / "train"), DIGITS, LONGEST))
    # PARSeq uses min_image_dim before it is set, whatever the dataset.
    assert fails(lambda: LmdbDataset(str(folder / "train"), DIGITS, LONGEST, min_image_dim=8), AttributeError)
    # Given the whole dataset instead of a split, it reads all splits together.
    assert len(build_tree_dataset(str(folder), DIGITS, LONGEST)) == 380
    print("parseq 1902db0 ok")


if __name__ == "__main__":
    main()
