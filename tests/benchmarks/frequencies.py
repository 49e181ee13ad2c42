"""
How often does each allograph of a style occur in MNIST?

    python tests/benchmarks/frequencies.py MNIST_FOLDER [STYLE]

MNIST_FOLDER holds the four original files; STYLE is "casual" if omitted. Needs torch; takes about five
minutes on one core.

The network of `transfer.py` is trained to tell the allographs of built-in digits apart, with about the same
number of glyphs of each. It then classifies the first 20,000 images of MNIST-train. The frequencies are
estimated from its probabilities with the EM algorithm of Saerens, Latinne and Decaestecker ("Adjusting the
outputs of a classifier to new a priori probabilities", 2002). Similar allographs are hard to tell apart, so
the result is only a rough guide. EM overstates the most frequent allographs; the means of the probabilities
understate them.
"""

import os
import sys
import tempfile

import numpy as np
import torch
import transfer
from torch import nn

from digitseq import fetch_mnist, load_glyphs
from digitseq.arrays import AnyArray, IntArray, UInt8Array
from digitseq.glyphs.handwriting import strokes
from digitseq.glyphs.handwriting.allographs import entries
from digitseq.glyphs.handwriting.styles import STYLES, Style

_OF_EACH = 1_000
_FROM = 100_000  # number of glyphs per digit to choose from
_PASSES, _STEPS = 3, 200
_LOOKED_AT = 20_000


def examples(style: Style, starts: IntArray) -> tuple[UInt8Array, IntArray]:
    """About the same number of digits of each allograph, uint8 (n, 28, 28), and their classes, int (n,)."""
    images, classes = [], []
    numbers = np.arange(_FROM, dtype=np.int64)
    for digit in range(10):
        digits = np.full(_FROM, digit, np.int64)
        ways = strokes.allographs_of(style, 0, digits, numbers)
        for way in range(int(ways.max()) + 1):
            chosen = np.flatnonzero(ways == way)[:_OF_EACH]
            images.append(strokes.draw(style, 0, digits[: len(chosen)], chosen.astype(np.int64)))
            classes.append(np.full(len(chosen), starts[digit] + way, np.int64))
    return np.concatenate(images), np.concatenate(classes)


def probabilities(net: nn.Module, images: UInt8Array, digits: IntArray, starts: IntArray) -> AnyArray:
    """For each image, the probabilities of the allographs of its digit: float (n, classes)."""
    with torch.no_grad():
        parts = torch.from_numpy(images.copy()).split(500)
        found = torch.cat([net(part[:, None].float() / 255).softmax(1) for part in parts]).double().numpy()
    classes = np.arange(found.shape[1])
    own = (classes >= starts[digits, None]) & (classes < starts[digits + 1, None])
    found = np.where(own, found + 1e-9, 0)
    shares: AnyArray = found / found.sum(1, keepdims=True)
    return shares


def estimate(found: AnyArray) -> AnyArray:
    """Estimate frequencies with EM, from the probabilities for images of one digit: float (allographs,)."""
    shares: AnyArray = np.full(found.shape[1], 1 / found.shape[1])
    for _ in range(_STEPS):
        weighted = found * shares
        shares = (weighted / weighted.sum(1, keepdims=True)).mean(0)
    return shares


def main() -> None:
    """Print the estimate for every allograph."""
    if len(sys.argv) < 2:
        raise SystemExit((__doc__ or "").strip())
    torch.set_num_threads(1)
    style = STYLES[sys.argv[2] if len(sys.argv) > 2 else "casual"]
    known = entries(style.name)
    starts = np.cumsum([0, *map(len, known)], dtype=np.int64)
    net = transfer.trained(*examples(style, starts), 0, _PASSES, classes=int(starts[-1]))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DIGITSEQ_CACHE_DIR"] = folder
        fetch_mnist(from_dir=sys.argv[1])
        mnist = load_glyphs("mnist", "all")
        rows = np.flatnonzero(mnist.origin < _LOOKED_AT)
        images, digits = mnist.images[rows], mnist.labels[rows]
    found = probabilities(net, images, digits, starts)
    print("digit  allograph              weight    EM  mean  (percent)")
    for digit in range(10):
        own = found[digits == digit, starts[digit] : starts[digit + 1]]
        weights = np.array([int(head[1]) for head, _ in known[digit]])
        columns = zip(
            known[digit], 100 * weights / weights.sum(), 100 * estimate(own), 100 * own.mean(0), strict=True
        )
        for (head, _), weight, by_em, mean in columns:
            print(f"{digit}      {head[3]:22} {weight:6.1f} {by_em:5.1f} {mean:5.1f}")


if __name__ == "__main__":
    main()
