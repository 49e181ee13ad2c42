"""
Do the built-in digits look like handwriting to a network?

    python tests/benchmarks/transfer.py MNIST_FOLDER [SEED …] [--styles casual modern]

MNIST_FOLDER holds the four original files. Needs torch. A training run takes about three minutes on one core;
each seed needs one run for MNIST and one for each style.

*Transfer*: a small network trained only on 40,000 built-in digits reads the 10,000 images of MNIST-test.
*Legibility*: a network of the same architecture, trained on MNIST-train, reads 10,000 built-in digits of the
splits validation and test. Results vary by about 0.1 percentage points between seeds, so compare means.

While the digits were designed, the accuracy on MNIST-test was evaluated many times, and misread images among
the first 20,000 of MNIST-train were looked at. Of the last 40,000 of MNIST-train, nobody looked at an image.

The network has 89,000 parameters: four convolutions of 3×3 (16, 32, 32, 64 channels, batch norm, ReLU) with
max pooling after all but the second, and two linear layers (96, 10) with dropout 0.25 before each. Four
passes in batches of 128, moved by up to 1 px; AdamW with a one-cycle rate up to 0.003, label smoothing 0.05.
"""

import argparse
import os
import tempfile
import time

import numpy as np
import torch
from torch import nn

from digitseq import builtin, fetch_mnist, load_glyphs
from digitseq.arrays import IntArray, UInt8Array
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting.styles import STYLES

_PASSES, _BATCH, _RATE = 4, 128, 3e-3
_TRAINED = 40_000
_CONFUSIONS = 10


def network(classes: int = 10) -> nn.Module:
    """The reference network."""

    def convolution(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    layers = [
        *convolution(1, 16),
        nn.MaxPool2d(2),
        *convolution(16, 32),
        *convolution(32, 32),
        nn.MaxPool2d(2),
    ]
    layers += [*convolution(32, 64), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.25), nn.Linear(576, 96)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Dropout(0.25), nn.Linear(96, classes))


def trained(
    images: UInt8Array, labels: IntArray, seed: int, passes: int = _PASSES, classes: int = 10
) -> nn.Module:
    """A network that has learned these images: uint8 (n, 28, 28), int (n,)."""
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    net = network(classes)
    optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=1e-2)
    steps = passes * (len(images) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps + 1, pct_start=0.2)
    x, y = torch.from_numpy(images.copy())[:, None], torch.from_numpy(labels.astype(np.int64))
    for _ in range(passes):
        order = torch.randperm(len(x), generator=chance)
        for first in range(0, len(x) - _BATCH + 1, _BATCH):
            batch = order[first : first + _BATCH]
            down, right = torch.randint(0, 3, (2,), generator=chance).tolist()
            moved = nn.functional.pad(x[batch].float() / 255, (1, 1, 1, 1))[
                ..., down : down + 28, right : right + 28
            ]
            loss = nn.functional.cross_entropy(net(moved), y[batch], label_smoothing=0.05)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def read(net: nn.Module, images: UInt8Array) -> IntArray:
    """What a network reads: int (n,)."""
    with torch.no_grad():
        parts = [net(x[:, None].float() / 255).argmax(1) for x in torch.from_numpy(images.copy()).split(500)]
    found: IntArray = torch.cat(parts).numpy()
    return found


def report(title: str, labels: IntArray, found: IntArray) -> float:
    """Print how well it was read, and return the percentage."""
    right = 100 * float((labels == found).mean())
    print(f"{title}: {right:.2f} %")
    print("  per digit  ", "  ".join(f"{d} {100 * (found[labels == d] == d).mean():.1f}" for d in range(10)))
    table = np.bincount(labels * 10 + found, minlength=100)
    table[::11] = 0
    worst = table.argsort(kind="stable")[::-1][:_CONFUSIONS].tolist()
    print("  most taken ", "  ".join(f"{pair // 10}→{pair % 10} {table[pair]}" for pair in worst), flush=True)
    return right


def images_of(glyphs: GlyphSet, *splits: str) -> tuple[UInt8Array, IntArray]:
    """Images and labels of some splits, digits in turn."""
    rows = np.concatenate([np.r_[glyphs.choose(split).rows(d)] for d in range(10) for split in splits])
    return glyphs.images[rows], glyphs.labels[rows]


def built_in(style: str) -> tuple[UInt8Array, IntArray]:
    """Built-in digits to train on: images and labels."""
    images, labels = images_of(builtin(style=style), "train")
    kept = np.concatenate([np.flatnonzero(labels == d)[: _TRAINED // 10] for d in range(10)])
    return images[kept], labels[kept]


def main() -> None:
    """Train both ways for each seed, and print how well each reads the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("mnist", help="folder of the four original files")
    parser.add_argument("seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--styles", nargs="+", choices=STYLES, default=["casual", "modern"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DIGITSEQ_CACHE_DIR"] = folder
        fetch_mnist(from_dir=options.mnist)
        mnist = load_glyphs("mnist", "all")
        rows = np.flatnonzero((mnist.origin >= 20_000) & (mnist.origin < 60_000))
        last = mnist.images[rows], mnist.labels[rows]
        learned, test = images_of(mnist, "train", "validation"), images_of(mnist, "test")
    unseen = {
        f"built-in digits of style {style}": images_of(builtin(style=style), "validation", "test")
        for style in STYLES
    }
    rates: dict[str, list[float]] = {}
    for seed in options.seeds:
        start = time.monotonic()
        for style in options.styles:
            net = trained(*built_in(style), seed)
            for name, (known, digits) in {"MNIST-test": test, "the last 40,000 of MNIST-train": last}.items():
                title = f"trained on {_TRAINED:,} built-in digits of style {style}, reads {name}"
                rates.setdefault(title, []).append(report(f"seed {seed}: {title}", digits, read(net, known)))
        net = trained(*learned, seed)
        for name, (known, digits) in {"MNIST-test": test, **unseen}.items():
            title = f"trained on MNIST-train, reads {name}"
            rates.setdefault(title, []).append(report(f"seed {seed}: {title}", digits, read(net, known)))
        print(f"  ({time.monotonic() - start:.0f} s)")
    for title, each in rates.items():
        print(f"mean of {len(each)}: {title}: {np.mean(each):.2f} %")


if __name__ == "__main__":
    main()
