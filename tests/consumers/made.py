"""
What the scripts in this folder share: datasets of 300, 40 and 40 images, and comparisons with them.

Labels have four digits and begin with 0, so a reader that parses them as numbers is noticed.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from digitseq import DigitSequences, make_recipe, read_dataset, write_dataset
from digitseq.dataset.read import DatasetSplit

HEIGHT, WIDTH = 28, 120
SPLITS = {"train": 300, "validation": 40, "test": 40}
_RECIPE = {"pattern": "0###", "splits": SPLITS, "spacing_range": (1, 5), "image_width": WIDTH, "seed": 1}
_kept: list[TemporaryDirectory[str]] = []


def temporary_folder() -> Path:
    """Make a folder that is deleted when Python exits."""
    _kept.append(TemporaryDirectory(ignore_cleanup_errors=True))
    return Path(_kept[-1].name).resolve()


def make_dataset(
    kind: str = "folder", labels: Sequence[str] = (), **settings: Any
) -> tuple[Path, DatasetSplit]:
    """Write a dataset of the format ``kind``; returns its folder and its training split."""
    folder = temporary_folder() / "dataset"
    write_dataset(make_recipe(source="builtin", **_RECIPE | settings), folder, format=kind, labels=labels)
    return folder, next(iter(read_dataset(folder).splits.values()))


def assert_same(split: DatasetSplit, images: Iterable[Any], labels: Iterable[str]) -> None:
    """Assert that these are the images, uint8 (height, width), and the labels of the split, in order."""
    assert list(labels) == list(split.labels)
    pairs = list(zip(images, split, strict=True))
    assert all(np.array_equal(np.asarray(image), pixels) for image, (pixels, _) in pairs)


def boxes_of(split: DatasetSplit) -> list[Any]:
    """Return the boxes of each image: x, y, width and height of every digit, in pixels."""
    images = DigitSequences(split, boxes=True)
    return [images[number][2] for number in range(len(images))]


def fails(action: Callable[[], object], *errors: type[BaseException]) -> bool:
    """Tell whether the action raises one of these errors."""
    try:
        action()
    except errors:
        return True
    return False
