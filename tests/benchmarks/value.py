"""
Does augmentation make models better?

    python tests/benchmarks/value.py MNIST_FOLDER [PRESET …] [--seeds SEED …]

MNIST_FOLDER holds the four original files. Needs torch; a few minutes on one core for each preset and seed.

The same small network (four convolutions, a bidirectional GRU, CTC) learns from as many images of three
or four digits of MNIST-train, drawn live with each preset and the spacing that it is meant for, and reads
strings of MNIST-test: clean, touching, slanted, noisy, and all of these at once. Printed are the share of
strings with an error and the character error rate (edits per digit). With several seeds, their mean is
printed after them.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from digitseq import DigitSequences, Recipe, fetch_mnist
from digitseq.augment.effects import PRESETS, SPACING, Augment

_WIDTH, _LENGTH = 136, (3, 4)
_IMAGES, _BATCH, _RATE = 256_000, 64, 4e-3
_TESTED = 10_000

TESTS: dict[str, dict[str, Any]] = {
    "clean": {"spacing_range": (2, 8)},
    "touching": {"spacing_range": (-2, 0), "spacing_from": "contour"},
    "slanted": {"spacing_range": (2, 8), "augment": Augment(slant=(18, 30), rotate=8)},
    "noisy": {
        "spacing_range": (2, 8),
        "augment": Augment(noise=(20, 35), blur=(0.3, 0.8), contrast=(0.5, 0.9), background=(20, 70)),
    },
    "mix": {
        "spacing_range": (-2, 2),
        "spacing_from": "contour",
        "augment": Augment(
            slant=25, rotate=8, noise=30, blur=0.8, contrast=0.5, background=70, thickness=0.5, elastic=0.8
        ),
    },
}


class Reader(nn.Module):  # type: ignore[misc,unused-ignore]
    """A small CRNN: (n, 1, 28, width) → log-probabilities (width / 2, n, 11), 0 is CTC's blank."""

    def __init__(self) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, size: Any, stride: Any, padding: Any) -> list[nn.Module]:
            layer = nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)
            return [layer, nn.BatchNorm2d(outputs), nn.ReLU()]

        self.see = nn.Sequential(
            *block(1, 24, 5, 2, 2),
            *block(24, 32, 3, (2, 1), 1),
            *block(32, 32, 3, 1, 1),
            *block(32, 64, (7, 3), 1, (0, 1)),
        )
        self.read = nn.GRU(64, 64, bidirectional=True)
        self.name = nn.Linear(128, 11)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Read a batch."""
        frames = self.see(images).squeeze(2).permute(2, 0, 1)
        said: torch.Tensor = self.name(self.read(frames)[0]).log_softmax(2)
        return said


def sequences(seed: int, count: int, split: str, **settings: Any) -> DigitSequences:
    """Images of random numbers."""
    recipe = Recipe(
        length=_LENGTH, count=count, image_width=_WIDTH, seed=seed, split=split, align="random", **settings
    )
    return DigitSequences(recipe)


def trained(settings: dict[str, Any], seed: int) -> Reader:
    """A network that has learned from one pass over images."""
    torch.manual_seed(seed)
    net = Reader()
    optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _RATE, total_steps=_IMAGES // _BATCH, pct_start=0.15
    )
    for images, labels in sequences(1 + 10 * seed, _IMAGES, "train", **settings).batches(_BATCH):
        said = net(torch.from_numpy(images.copy())[:, None].float() / 255)
        digits = torch.tensor([int(digit) + 1 for label in labels for digit in label])
        lengths = torch.tensor([len(label) for label in labels])
        frames = torch.full((len(labels),), len(said))
        loss = nn.functional.ctc_loss(said, digits, frames, lengths, zero_infinity=True)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        schedule.step()
    net.eval()
    return net


def read(net: Reader, images: Any) -> list[str]:
    """What a network reads: at each frame the likeliest, repeats and blanks dropped."""
    with torch.no_grad():
        best = net(torch.from_numpy(images.copy())[:, None].float() / 255).argmax(2).T.numpy()
    kept = (best != np.pad(best, ((0, 0), (1, 0)))[:, :-1]) & (best > 0)
    return ["".join(str(digit - 1) for digit in row[keep]) for row, keep in zip(best, kept, strict=True)]


def edits(a: str, b: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def errors(net: Reader, settings: dict[str, Any]) -> tuple[float, float]:
    """Percent of strings with an error, and edits per 100 digits."""
    wrong = changed = digits = 0
    for images, labels in sequences(2, _TESTED, "test", **settings).batches(250):
        for label, found in zip(labels, read(net, images), strict=True):
            wrong += label != found
            changed += edits(label, found)
            digits += len(label)
    return 100 * wrong / _TESTED, 100 * changed / digits


def main() -> None:
    """Train with each preset, and test on everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("mnist", type=Path)
    parser.add_argument("presets", nargs="*", default=list(PRESETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DIGITSEQ_CACHE_DIR"] = folder
        fetch_mnist(from_dir=options.mnist)
        print(f"{'percent (CER)':14}" + "".join(f"{name:>16}" for name in TESTS))
        for name in options.presets:
            spacing_from, spacing_range = SPACING.get(name, ("ink", (2, 8)))
            settings = {"augment": name, "spacing_from": spacing_from, "spacing_range": spacing_range}
            every = []
            for seed in options.seeds:
                start = time.monotonic()
                net = trained(settings, seed)
                every.append([errors(net, tested) for tested in TESTS.values()])
                print(f"{name:14}{row(every[-1])}  ({time.monotonic() - start:.0f} s)", flush=True)
            if len(every) > 1:
                print(f"{'  mean':14}{row(np.mean(every, 0).tolist())}", flush=True)


def row(found: list[Any]) -> str:
    """The cells of a row of the table."""
    return "".join(f"{strings:>8.2f} ({characters:5.2f})" for strings, characters in found)


if __name__ == "__main__":
    main()
