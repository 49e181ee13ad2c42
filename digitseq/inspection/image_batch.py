"""Convert a batch of rows to the arrays that measurements work on."""

from typing import NamedTuple

import numpy as np

from digitseq.arrays import BoolArray, IntArray, UInt8Array, repeat
from digitseq.inspection.images import Row


class Lines(NamedTuple):
    """
    Digits of all text lines of a batch, concatenated.

    Attributes:
        sizes: int (images,), digits per image.
        image: int (digits,), image in the batch.
        position: int (digits,), position in the text line, from 0.
        digit: int (digits,), 0–9.
        boxes: int (digits, 4), x, y, w, h; −1 where unknown.
        glyph: int (digits,), index in the source; −1 where unknown.
    """

    sizes: IntArray
    image: IntArray
    position: IntArray
    digit: IntArray
    boxes: IntArray
    glyph: IntArray


def outer_edges(lines: Lines) -> tuple[IntArray, IntArray]:
    """
    Return how far the preceding and the following digits of a text line extend.

    Returns:
        Int (digits,) each: the greatest right edge of the digits before each digit (0 if none), and the
        smallest left edge of the digits after it (a very large number if none).

    >>> boxes = np.array([[0, 4, 20, 9], [12, 4, 6, 9], [21, 4, 9, 9]])
    >>> none, places = np.zeros(3, int), np.arange(3)
    >>> before, behind = outer_edges(Lines(np.array([3]), none, places, np.array([8, 1, 8]), boxes, none))
    >>> before.tolist(), behind.tolist()[:2]
    ([0, 20, 20], [12, 21])
    """
    far = 1 << 32  # wider than any image, which keeps text lines apart
    line = lines.image * far
    left, right = lines.boxes[:, 0] + line, lines.boxes[:, 0] + np.maximum(lines.boxes[:, 2], 0) + line
    before, behind = np.zeros(len(left), np.int64), np.full(len(left), far, np.int64)
    before[1:] = np.maximum.accumulate(right)[:-1] - line[1:]
    behind[:-1] = np.minimum.accumulate(left[::-1])[::-1][1:] - line[:-1]
    return np.maximum(before, 0), behind


def lines_of(rows: list[Row]) -> Lines:
    """Return the digits of all rows, concatenated."""
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
    """Return images as one array (white on black, zero-padded on the right and below), and their widths."""
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
    """Convert gaps (images, digits − 1) to the gap after each digit (0 after the last), and a mask."""
    room = np.zeros((len(sizes), max(int(sizes.max(initial=0)), gaps.shape[1] + 1)), np.int64)
    room[:, : gaps.shape[1]] = gaps
    places = np.arange(room.shape[1], dtype=np.int64)
    there = (places < gaps.shape[1]) & (places < sizes[:, None] - 1)
    own = places < sizes[:, None]
    return np.where(there, room, 0)[own], there[own]


def is_white(image: UInt8Array) -> bool:
    """Return whether an image looks black on white: most of its border is bright."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return bool(np.median(border) > 127)


def is_clean(image: UInt8Array) -> bool:
    """Return whether over half of the image is pure black or pure white, which suggests clean paper."""
    return bool(max((image == 0).mean(), (image == 255).mean()) > 0.5)
