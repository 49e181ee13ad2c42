"""
A PyTorch DataLoader over DigitSequences beside the same loader over the PNG folder of the same recipe.

    python tests/benchmarks/loaders.py MNIST_FOLDER [WORK_FOLDER]

It needs PyTorch. Both give batches of 256 images, 28×200, four digits, as uint8 and as float32; in turns,
medians of five epochs without the first batch. The folder's images are decoded by Pillow, as people do.
"""

import csv
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from core import medians
from PIL import Image
from torch.utils.data import DataLoader

from digitseq import DigitSequences, fetch_mnist, make_recipe, write_dataset

_IMAGES, _BATCH, _ROUNDS = 20_000, 256, 5


class Folder:
    """A map-style dataset over the files of `digitseq batch`."""

    def __init__(self, folder: Path, dtype: str) -> None:
        self.dtype = dtype
        with (folder / "labels.csv").open(newline="") as file:
            self.rows = [(str(folder / name), label) for name, label in list(csv.reader(file))[1:]]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Any, str]:
        name, label = self.rows[index]
        with Image.open(name) as image:
            pixels = np.array(image)
        return pixels if self.dtype == "uint8" else pixels / np.float32(255), label


def epoch(dataset: Any, workers: int) -> float:
    """Seconds of one pass, the start of the workers not counted."""
    loader = DataLoader(dataset, batch_size=_BATCH, num_workers=workers, persistent_workers=bool(workers))
    for _ in loader:
        break
    start, images = time.perf_counter(), 0
    for batch, _ in loader:
        images += len(batch)
    assert images == len(dataset)
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print a table."""
    files, where = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else tempfile.gettempdir()
    torch.set_num_threads(1)
    with TemporaryDirectory(dir=where) as temporary:
        os.environ["DIGITSEQ_CACHE_DIR"] = str(Path(temporary) / "cache")
        fetch_mnist(from_dir=files)
        recipe = make_recipe(length=(4, 4), count=_IMAGES, image_width=200, seed=1, source="mnist")
        write_dataset(recipe, Path(temporary) / "data", workers=1)
        for dtype, workers in product(("uint8", "float32"), (0, 2)):
            live, folder = DigitSequences(recipe, dtype=dtype), Folder(Path(temporary) / "data", dtype)
            assert all((live[number][0] == folder[number][0]).all() for number in (0, 777))
            passes: dict[str, Callable[[], float]] = {
                "live": partial(epoch, live, workers),
                "PNG folder": partial(epoch, folder, workers),
            }
            seconds = medians(passes, rounds=_ROUNDS)
            for name, value in seconds.items():
                ratio = seconds["PNG folder"] / value
                print(
                    f"{dtype:8} {workers} workers  {name:10} {_IMAGES / value:9,.0f} images/s  {ratio:5.1f} ×"
                )


if __name__ == "__main__":
    main()
