"""
Does a network that has seen only digitseq's images read real handwriting?

    python tests/benchmarks/real.py FOLDER [--mnist MNIST_FOLDER] [--source builtin] [--preset paper] …

FOLDER contains folders 0 to 9 with crops of single digits, of any size and colour mode. A crop may show
parts of neighbouring digits. Without FOLDER, scikit-learn's `load_digits` is used. Needs torch (and scikit-
learn without FOLDER); takes about eight minutes on one core for each seed.

The network of `transfer.py` is trained on the middle digits of images of three digits. Each is cropped like
the real ones, to its box with margins of 2 to 6 px, which may show parts of its neighbours, and scaled to
28×28 px. The network then reads the crops, also scaled to 28×28 px. Both are inverted to white on black if
needed, and their contrast is stretched to the full range, as is usual for scans.

`--half first` (the default) reads the first half of each folder, in the order of the numbers in the names.
Look at these as often as you like. `--half second` reads the other half. Use it only for published figures,
and never look at these images.
"""

import argparse
import json
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transfer import read, report, trained

from digitseq import fetch_mnist, load_glyphs, make_recipe
from digitseq.arrays import AnyArray, IntArray, UInt8Array
from digitseq.augment.effects import PRESETS, SPACING
from digitseq.batches import draw_batches

_SIDE = 28


def normalised(images: AnyArray) -> UInt8Array:
    """Return the images white on black; stretch the 2nd to 99th percentile of each to 0 to 255."""
    values = images.astype(np.float32)
    middle = np.median(values, axis=(1, 2))
    low, high = np.percentile(values, (1, 99), axis=(1, 2))
    values = np.where((middle - low > high - middle)[:, None, None], 255 - values, values)
    low, high = np.percentile(values, (2, 99), axis=(1, 2))[:, :, None, None]
    stretched: UInt8Array = ((values - low) / np.maximum(high - low, 1) * 255).clip(0, 255).astype(np.uint8)
    return stretched


def window(image: UInt8Array, box: list[int], margins: IntArray) -> UInt8Array:
    """
    Crop a digit to its box plus margins in px (left, right, above, below), and scale it to 28×28 px.

    Pixels beyond the image get the median of its edge columns.
    """
    x, y, width, height = box
    left, right, above, below = margins.tolist()
    padded = np.pad(image, _SIDE, constant_values=int(np.median(image[:, [0, -1]])))
    rows = slice(_SIDE + y - above, _SIDE + y + height + below)
    columns = slice(_SIDE + x - left, _SIDE + x + width + right)
    cut = Image.fromarray(padded[rows, columns])
    seen: UInt8Array = np.asarray(cut.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS))
    return seen


def crops(folder: Path, half: str) -> tuple[UInt8Array, IntArray]:
    """Half of the crops of each digit: uint8 (n, 28, 28), int (n,)."""
    images, labels = [], []
    for digit in range(10):
        files = sorted(
            (path for path in (folder / str(digit)).iterdir() if path.is_file()),
            key=lambda path: ([int(number) for number in re.findall(r"\d+", path.stem)], path.name),
        )
        middle = (len(files) + 1) // 2
        for path in files[:middle] if half == "first" else files[middle:]:
            with Image.open(path) as picture:
                grey = picture.convert("L")
            images.append(np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)))
            labels.append(digit)
    return normalised(np.stack(images)), np.array(labels, np.int64)


def digits_of_scikit_learn(half: str) -> tuple[UInt8Array, IntArray]:
    """Half of the 1,797 images of `load_digits`, 8×8, scaled to 20 px within 28."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    chosen = slice(None, 900) if half == "first" else slice(900, None)
    images = np.zeros((len(bunch.images[chosen]), _SIDE, _SIDE), np.uint8)
    for place, image in enumerate(bunch.images[chosen]):
        small = Image.fromarray((image * 255 / 16).astype(np.uint8))
        images[place, 4:24, 4:24] = np.asarray(small.resize((20, 20), Image.Resampling.BICUBIC))
    return normalised(images), bunch.target[chosen].astype(np.int64)


def training_windows(source: str, preset: Any, count: int, seed: int) -> tuple[UInt8Array, IntArray]:
    """Windows around the middle digit of images of three digits: uint8 (n, 28, 28), int (n,)."""
    spacing_from, spacing_range = SPACING.get(preset if isinstance(preset, str) else "heavy", ("ink", (1, 6)))
    recipe = make_recipe(
        length=3, count=count, seed=seed, source=source, image_width=None, spacing_range=spacing_range,
        spacing_from=spacing_from, augment=preset, margin=_SIDE,
    )  # fmt: skip
    chance = np.random.default_rng(seed)
    images, labels = [], []
    for batch in draw_batches(recipe, load_glyphs(source, "train")):
        seen = []
        for sample in batch.samples():
            seen.append(window(sample.image, sample.boxes[1], chance.integers(2, 7, 4)))
            labels.append(int(sample.label[1]))
        images.append(normalised(np.stack(seen)))
    return np.concatenate(images), np.array(labels, np.int64)


def sheet(images: UInt8Array, labels: IntArray, found: IntArray, path: Path) -> None:
    """Save the images that were read wrongly, sorted by what they are and what they were read as."""
    wrong = np.flatnonzero(labels != found)
    wrong = wrong[np.argsort(labels[wrong] * 10 + found[wrong], kind="stable")][:1_200]
    columns = 40
    rows = -(-len(wrong) // columns)
    page = np.full((rows * 30, columns * 30), 128, np.uint8)
    for place, number in enumerate(wrong):
        y, x = divmod(place, columns)
        page[y * 30 : y * 30 + _SIDE, x * 30 : x * 30 + _SIDE] = images[number]
    Image.fromarray(page).resize((page.shape[1], page.shape[0])).save(path)


def main() -> None:
    """Run the benchmark with the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--mnist", type=Path, help="folder of the four original files, for the source mnist")
    parser.add_argument("--source", default="builtin", help="such as mnist+builtin (default: builtin)")
    parser.add_argument("--preset", default="paper", help="a preset, or effects as JSON")
    parser.add_argument(
        "--count", type=int, default=480_000, help="number of training images (default: 480,000)"
    )
    parser.add_argument("--passes", type=int, default=1, help="epochs (default: 1)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--half", choices=("first", "second"), default="first")
    parser.add_argument("--sheet", type=Path, help="PNG file for images that were read wrongly")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DIGITSEQ_CACHE_DIR"] = folder
        if options.mnist:
            fetch_mnist(from_dir=options.mnist)
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Train with each seed, and print how well the network reads the crops."""
    images, labels = (
        crops(options.folder, options.half) if options.folder else digits_of_scikit_learn(options.half)
    )
    preset = options.preset if options.preset in PRESETS else json.loads(options.preset)
    rates = []
    for seed in options.seeds:
        start = time.monotonic()
        net = trained(*training_windows(options.source, preset, options.count, seed), seed, options.passes)
        found = read(net, images)
        title = f"{options.source}, {options.preset}, seed {seed}, {options.half} half"
        rates.append(report(title, labels, found))
        print(f"  ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"mean of {len(rates)} seeds: {np.mean(rates):.2f} % read correctly")
    if options.sheet:
        sheet(images, labels, found, options.sheet)


if __name__ == "__main__":
    main()
