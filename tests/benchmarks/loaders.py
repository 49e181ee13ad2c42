"""
A PyTorch DataLoader over DigitSequences beside the same loader over the PNG folder of the same recipe.

    python tests/benchmarks/loaders.py MNIST_FOLDER [WORK_FOLDER]

It needs PyTorch. Both give batches of 256 images, 28×200, four digits, as uint8 and as float32; in turns,
medians of five epochs without the first batch. The folder's images are decoded by Pillow, as people do.

Then: lines of natural width in a loader; the preset `heavy`, with compiled loops and with numpy; batches with
masks beside batches without; single images of npz and webdataset, in order and shuffled.
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

from digitseq import (
    DigitSequences,
    fetch_mnist,
    kernels,
    make_recipe,
    pad_batch,
    read_dataset,
    write_dataset,
)

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
        natural_widths()
        augmented()
        masks()
        random_access(Path(temporary))


def augmented() -> None:
    """The preset `heavy` in a DataLoader, with compiled loops and with numpy."""
    count = _IMAGES // 4
    recipe = make_recipe(
        length=4, count=count, image_width=200, seed=1, source="mnist", augment="heavy",
        spacing_range=(-2, 8), spacing_from="contour",
    )  # fmt: skip
    dataset = DigitSequences(recipe)
    kernels.prepare()

    def with_numpy(workers: int) -> float:
        with kernels.only_numpy():
            return epoch(dataset, workers)

    for workers in (0, 2):
        passes: dict[str, Callable[[], float]] = {
            kernels.in_use(): partial(epoch, dataset, workers),
            "numpy": partial(with_numpy, workers),
        }
        seconds = medians(passes, rounds=_ROUNDS)
        rates = ", ".join(f"{name} {count / value:,.0f} images/s" for name, value in seconds.items())
        print(f"heavy, {workers} workers: {rates}")


def natural_widths() -> None:
    """Lines as wide as they are, in a DataLoader without workers."""
    recipe = make_recipe(length=(1, 6), count=_IMAGES, seed=1, source="mnist")
    seconds = medians({"natural": partial(padded_epoch, DigitSequences(recipe))}, rounds=_ROUNDS)
    print(f"natural widths, pad_batch: {_IMAGES / seconds['natural']:,.0f} images/s")


def padded_epoch(dataset: Any) -> float:
    """Seconds of one pass with `pad_batch`."""
    start = time.perf_counter()
    for _ in DataLoader(dataset, batch_size=_BATCH, collate_fn=pad_batch):
        pass
    return time.perf_counter() - start


def masks() -> None:
    """Batches in warm buffers, with and without masks."""
    for preset in ("none", "heavy"):
        spacing, where = ((-2, 8), "contour") if preset == "heavy" else ((2, 8), "ink")
        count = _IMAGES if preset == "none" else _IMAGES // 8
        recipe = make_recipe(
            length=4, count=count, image_width=200, seed=1, source="mnist", augment=preset,
            spacing_range=spacing, spacing_from=where,
        )  # fmt: skip
        buffer = np.empty((_BATCH, 28, 200), np.uint8)
        passes: dict[str, Callable[[], float]] = {
            name: partial(batches, DigitSequences(recipe, masks=name == "masks"), buffer)
            for name in ("plain", "masks")
        }
        seconds = medians(passes, rounds=3 * _ROUNDS)
        rates = ", ".join(f"{name} {count / value:,.0f} images/s" for name, value in seconds.items())
        print(f"{preset}: {rates}, {seconds['masks'] / seconds['plain']:.2f} × the time")


def batches(dataset: DigitSequences, buffer: Any) -> float:
    """Seconds of one pass over the batches."""
    start = time.perf_counter()
    for _ in dataset.batches(_BATCH, buffer):
        pass
    return time.perf_counter() - start


def random_access(folder: Path) -> None:
    """Images of a dataset on disk, in order and shuffled."""
    recipe = make_recipe(length=4, count=_IMAGES, image_width=200, seed=1, source="mnist")
    for name in ("npz", "webdataset"):
        write_dataset(recipe, folder / name, format=name, workers=1)
        order = list(range(_IMAGES))
        shuffled = np.random.default_rng(1).permutation(_IMAGES).tolist()
        passes: dict[str, Callable[[], float]] = {
            kind: partial(reads, folder / name, numbers)
            for kind, numbers in (("in order", order), ("shuffled", shuffled))
        }
        seconds = medians(passes, rounds=3)
        rates = ", ".join(f"{kind} {_IMAGES / value:,.0f} images/s" for kind, value in seconds.items())
        print(f"{name}: {rates}")


def reads(folder: Path, numbers: list[int]) -> float:
    """Seconds of reading some images one by one."""
    split = read_dataset(folder).splits["train"]
    start = time.perf_counter()
    for number in numbers:
        split[number]
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
