"""The sources of a mixture: which one a glyph is from, and how glyphs are sampled from them by weight."""

from typing import NamedTuple

import numpy as np

from digitseq import streams
from digitseq.arrays import BoolArray, IntArray, UInt64Array
from digitseq.errors import SourceWarning, warn


class Part(NamedTuple):
    """
    One of several sources of a set.

    Attributes:
        name: name of the source.
        weight: its share of the digits, relative to the other sources.
        first: where its positions begin in the `origin` of the set.
        counts: number of its glyphs by digit and split.
    """

    name: str
    weight: int
    first: int
    counts: tuple[tuple[int, ...], ...]


Parts = tuple[Part, ...]


def part_of(parts: Parts, origins: IntArray) -> IntArray:
    """Return the number of the part of each glyph, given its position in `GlyphSet.origin`."""
    firsts = np.array([part.first for part in parts], np.int64)
    return np.searchsorted(firsts, origins, side="right").astype(np.int64) - 1


def warn_of_missing(parts: Parts, splits: tuple[str, ...], split: str) -> None:
    """Issue a warning for each part that has no glyphs in the split."""
    for part in parts:
        if split in splits and not any(row[splits.index(split)] for row in part.counts):
            warn(
                f"source {part.name!r} has no split {split!r}, so no digits are drawn from it; "
                f"to create the split, include {split!r} in the name of a file, folder or array",
                SourceWarning,
            )


def pick_part(parts: Parts, able: BoolArray, words: UInt64Array) -> IntArray:
    """
    Sample parts by weight.

    Args:
        parts: the parts.
        able: bool (parts, …), which of them are possible.
        words: uint64 (…); the lower half of each decides.

    Returns:
        Numbers of parts, int (…); undefined where none is possible.
    """
    weights = np.array([part.weight for part in parts], np.int64)
    ends = np.cumsum(able * weights.reshape(-1, *[1] * words.ndim), 0, dtype=np.int64)
    ticket = streams.below(words << np.uint64(32), ends[-1].astype(np.uint64))
    return np.minimum((ticket >= ends).sum(0, dtype=np.int64), len(parts) - 1)


def pick(
    parts: Parts, bounds: IntArray, selected: tuple[int, int], digits: IntArray, words: UInt64Array
) -> IntArray:
    """
    Sample a glyph for each digit, from a part that is chosen by weight.

    Args:
        parts: the parts; within a digit and split, rows are grouped by part, in this order.
        bounds: int (10, splits + 1), as in `GlyphSet`.
        selected: the first split, and the one after the last.
        digits: int, any shape, 0–9.
        words: uint64, the same shape. The upper half decides the glyph, the lower half the part.

    Returns:
        Rows, int, the same shape; undefined for a digit without glyphs.
    """
    chosen = slice(*selected)
    sizes = np.array([part.counts for part in parts], np.int64)[:, :, chosen]  # (parts, 10, splits)
    starts = bounds[None, :, chosen] + np.cumsum(sizes, 0, dtype=np.int64) - sizes
    totals = sizes.sum(-1, dtype=np.int64)
    part = pick_part(parts, (totals > 0)[:, digits], words)
    place = streams.below(words, totals[part, digits].astype(np.uint64))
    rows: IntArray = starts[part, digits, 0] + place
    passed = sizes[part, digits, 0]
    for split in range(1, sizes.shape[2]):  # in "all", a part's glyphs of a digit are in several ranges
        rows = np.where(place >= passed, starts[part, digits, split] + place - passed, rows)
        passed = passed + sizes[part, digits, split]
    return rows
