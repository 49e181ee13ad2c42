"""Measure in the pixels where the ink is and how far apart the digits are."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from digitseq.arrays import BoolArray, IntArray, UInt8Array


class Seen(IntEnum):
    """Whether the spacing between two digits was measured, and if not, why."""

    MEASURED = 0
    """The spacing in px is known."""
    TOUCHING = 1
    """The ink of the digits touches."""
    UNSEEN = 2
    """Not measurable: the digits share columns, or their ink does not stand out from the paper."""
    SKIPPED = 3
    """Not measured: contours are measured in a sample of the images only."""


class Gaps(NamedTuple):
    """
    Spacings measured in the pixels.

    Attributes:
        px: int, 0 where not measured.
        seen: uint8, `Seen` value of each gap.
    """

    px: IntArray
    seen: UInt8Array

    @classmethod
    def unseen(cls, count: int) -> "Gaps":
        """Return gaps that are not measured yet."""
        return cls(np.zeros(count, np.int64), np.full(count, Seen.UNSEEN, np.uint8))

    def put(self, places: IntArray, gaps: "Gaps") -> None:
        """Set the gaps at some places, in place."""
        self.px[places], self.seen[places] = gaps

    def where(self, condition: BoolArray, seen: Seen) -> "Gaps":
        """Return a copy in which gaps that meet a condition have another `Seen` value and 0 px."""
        return Gaps(np.where(condition, 0, self.px), np.where(condition, np.uint8(seen), self.seen))


_PAIRS = 256  # per batch
_STEPS = 8  # of growth between two checks for convergence


def ink_columns(images: UInt8Array) -> tuple[IntArray, IntArray]:
    """
    Return the nearest inked columns on either side of each column.

    Args:
        images: uint8 (images, height, width), white on black.

    Returns:
        Int32 (images, width + 1) each, for column c: the last inked column before c (−1 if none), and the
        first one at or after c (width if none).
    """
    n, _, width = images.shape
    inked = images.max(1, initial=0) > 0
    columns = np.arange(width, dtype=np.int32)
    before = np.full((n, width + 1), -1, np.int32)
    np.maximum.accumulate(np.where(inked, columns, np.int32(-1)), axis=1, out=before[:, 1:])
    after = np.full((n, width + 1), width, np.int32)
    backwards = np.where(inked, columns, np.int32(width))[:, ::-1]
    after[:, :width] = np.minimum.accumulate(backwards, axis=1)[:, ::-1]
    return before, after


def column_gaps(before: IntArray, after: IntArray, image: IntArray, boxes: IntArray, right: IntArray) -> Gaps:
    """
    Count the blank columns between neighbours in the pixels; boxes only tell which columns to search.

    Args:
        before: from `ink_columns`.
        after: from `ink_columns`.
        image: int (pairs,), image of each pair.
        boxes: int (pairs, 4), x, y, w, h of the left digit.
        right: int (pairs, 4), x, y, w, h of the right digit.

    Returns:
        Gaps (pairs,), UNSEEN where digits share columns or there is no ink.

    >>> line = np.zeros((1, 3, 9), np.uint8)
    >>> line[0, 1, [1, 2, 6]] = 255
    >>> box = np.array([[1, 1, 2, 1], [6, 1, 1, 1]])
    >>> column_gaps(*ink_columns(line), np.array([0]), box[:1], box[1:]).px
    array([3])
    """
    width = before.shape[1] - 1
    end, start = boxes[:, 0] + boxes[:, 2], right[:, 0]
    middle = ((end + start) // 2).clip(0, width)
    last, first = before[image, middle], after[image, middle]
    apart = (end <= start) & (last >= 0) & (first < width)
    px = first.astype(np.int64) - last - 1
    return Gaps(px, np.full(len(px), Seen.MEASURED, np.uint8)).where(~apart, Seen.UNSEEN)


def contour_gaps(images: UInt8Array, image: IntArray, boxes: IntArray, right: IntArray) -> Gaps:
    """
    Measure the smallest gap between neighbours, row by row and diagonally, as in ``contour`` spacing.

    Ink in columns that only one of the two boxes covers belongs to that digit; each digit then grows from
    there through connected ink.

    Args:
        images: uint8 (images, height, width), white on black.
        image: int (pairs,), image of each pair.
        boxes: int (pairs, 4), x, y, w, h of the left digit.
        right: int (pairs, 4), x, y, w, h of the right digit.

    Returns:
        Gaps (pairs,), TOUCHING where the ink touches, UNSEEN where ink cannot be assigned to a digit.
    """
    found = [Gaps.unseen(0)]
    for first in range(0, len(image), _PAIRS):
        part = slice(first, first + _PAIRS)
        found.append(_contour_gaps(images, image[part], boxes[part], right[part]))
    return Gaps(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _contour_gaps(images: UInt8Array, image: IntArray, boxes: IntArray, right: IntArray) -> Gaps:
    start, end = boxes[:, 0], right[:, 0] + right[:, 2]
    wide = int((end - start).max(initial=1))
    columns = start[:, None] + np.arange(wide, dtype=np.int64)  # (pairs, wide)
    inside = columns < end[:, None]
    seen = images[image[:, None], :, np.minimum(columns, images.shape[2] - 1)]  # (pairs, wide, height)
    ink = np.swapaxes(seen > 0, 1, 2) & inside[:, None, :]
    one = ink & (columns < right[:, :1])[:, None, :]
    other = ink & (columns >= (boxes[:, 0] + boxes[:, 2])[:, None])[:, None, :]
    told = one.any((1, 2)) & other.any((1, 2))
    one, other = _grown(one, ink), _grown(other, ink)
    touching = (one & other).any((1, 2))
    told &= ~(ink & ~one & ~other).any((1, 2))  # some ink is connected to neither digit
    # If a digit's ink does not reach its own edge, a loose piece of it was assigned to the other digit.
    nearest, last_own = right[:, 0] - start, boxes[:, 2] - 1
    pairs = np.arange(len(image), dtype=np.int64)
    told &= touching | (other.any(1)[pairs, nearest] & one.any(1)[pairs, last_own])

    # Last column of the left digit in each row and the rows above and below; first column of the right one.
    place = np.arange(wide, dtype=np.int64)
    last = np.where(one, place, -wide).max(2)
    near = last.copy()
    np.maximum(near[:, 1:], last[:, :-1], out=near[:, 1:])
    np.maximum(near[:, :-1], last[:, 1:], out=near[:, :-1])
    first = np.where(other, place, 2 * wide).min(2)
    gaps = (first - near).min(1) - 1
    # For digits with no row in common, the spacing is the distance in columns.
    gaps = np.where(gaps < wide, gaps, right[:, 0] - boxes[:, 0] - boxes[:, 2])
    measured = Gaps(gaps, np.full(len(gaps), Seen.MEASURED, np.uint8))
    return measured.where(touching, Seen.TOUCHING).where(~told, Seen.UNSEEN)


def _grown(seed: BoolArray, ink: BoolArray) -> BoolArray:
    """Return all ink connected to the seeds, including diagonally."""
    grown = seed.copy()
    while True:
        size = np.count_nonzero(grown)
        for _ in range(_STEPS):
            wider = grown.copy()
            wider[:, :, 1:] |= grown[:, :, :-1]
            wider[:, :, :-1] |= grown[:, :, 1:]
            grown = wider.copy()
            grown[:, 1:] |= wider[:, :-1]
            grown[:, :-1] |= wider[:, 1:]
            grown &= ink
        if np.count_nonzero(grown) == size:
            return grown
