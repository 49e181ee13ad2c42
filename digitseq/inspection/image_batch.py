"""Rows → arrays: what a batch of images is measured from."""

from typing import NamedTuple

import numpy as np

from digitseq.arrays import BoolArray, IntArray, UInt8Array, repeat
from digitseq.inspection.images import Row


class Lines(NamedTuple):
    """
    The digits of a batch, one after the other.

    Attributes:
        sizes: int (images,), digits of each.
        image: int (digits,), which image of the batch.
        position: int (digits,), place in its line.
        digit: int (digits,).
        boxes: int (digits, 4); −1 where not known.
        glyph: int (digits,); −1 where not known.
    """

    sizes: IntArray
    image: IntArray
    position: IntArray
    digit: IntArray
    boxes: IntArray
    glyph: IntArray


def outer_edges(lines: Lines) -> tuple[IntArray, IntArray]:
    """
    How far the other digits of a line reach towards each of its digits.

    Returns:
        Int (digits,) each: the greatest right edge of those before it (0: none), and the least left edge of
        those behind it (far to the right: none).

    >>> boxes = np.array([[0, 4, 20, 9], [12, 4, 6, 9], [21, 4, 9, 9]])
    >>> none, places = np.zeros(3, int), np.arange(3)
    >>> before, behind = outer_edges(Lines(np.array([3]), none, places, np.array([8, 1, 8]), boxes, none))
    >>> before.tolist(), behind.tolist()[:2]
    ([0, 20, 20], [12, 21])
    """
    far = 1 << 32  # no image is as wide, so lines do not mix
    line = lines.image * far
    left, right = lines.boxes[:, 0] + line, lines.boxes[:, 0] + np.maximum(lines.boxes[:, 2], 0) + line
    before, behind = np.zeros(len(left), np.int64), np.full(len(left), far, np.int64)
    before[1:] = np.maximum.accumulate(right)[:-1] - line[1:]
    behind[:-1] = np.minimum.accumulate(left[::-1])[::-1][1:] - line[:-1]
    return np.maximum(before, 0), behind


def lines_of(rows: list[Row]) -> Lines:
    """The digits of some rows, one after the other."""
    sizes = np.array([len(row.label) for row in rows], np.int64)
    image = repeat(np.arange(len(rows), dtype=np.int64), sizes)
    boxes, glyph = np.full((len(image), 4), -1, np.int64), np.full(len(image), -1, np.int64)
    ends = np.cumsum(sizes, dtype=np.int64)
    for row, end in zip(rows, ends.tolist(), strict=True):
        if row.boxes:
            boxes[end - len(row.boxes) : end] = row.boxes
        if row.glyphs:
            glyph[end - len(row.glyphs) : end] = row.glyphs
    position = np.arange(len(image), dtype=np.int64) - repeat(ends - sizes, sizes)
    codes = np.frombuffer("".join(row.label for row in rows).encode("ascii"), np.uint8)
    return Lines(sizes, image, position, codes.astype(np.int64) - ord("0"), boxes, glyph)


def stack(rows: list[Row], white: BoolArray) -> tuple[UInt8Array, IntArray]:
    """Images side by side in one array, white on black, narrower ones at the left; and their widths."""
    shapes = [(0, 0) if row.image is None else row.image.shape for row in rows]
    widths = np.array([width for _, width in shapes], np.int64)
    images = np.zeros(
        (len(rows), max((height for height, _ in shapes), default=0), widths.max(initial=0)), np.uint8
    )
    for place, (row, (height, width)) in enumerate(zip(rows, shapes, strict=True)):
        if row.image is not None:
            images[place, :height, :width] = row.image if not white[place] else 255 - row.image
    return images, widths


def of_digits(gaps: IntArray, sizes: IntArray) -> tuple[IntArray, BoolArray]:
    """Gaps (images, digits − 1) → the gap behind each digit, 0 behind the last one; and which there are."""
    room = np.zeros((len(sizes), max(int(sizes.max(initial=0)), gaps.shape[1] + 1)), np.int64)
    room[:, : gaps.shape[1]] = gaps
    places = np.arange(room.shape[1], dtype=np.int64)
    there = (places < gaps.shape[1]) & (places < sizes[:, None] - 1)
    own = places < sizes[:, None]
    return np.where(there, room, 0)[own], there[own]


def is_white(image: UInt8Array) -> bool:
    """Whether most of the border is bright: black on white, for all that an image says."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return bool(np.median(border) > 127)


def is_clean(image: UInt8Array) -> bool:
    """More than half of the image is of one colour, black or white: it may be paper."""
    return bool(max((image == 0).mean(), (image == 255).mean()) > 0.5)
