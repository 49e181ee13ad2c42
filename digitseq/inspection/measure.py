"""Pixels → numbers: where the ink is, and how far apart digits stand."""

import numpy as np

from digitseq.arrays import AnyArray, BoolArray, IntArray, UInt8Array

UNSEEN = -(1 << 30)
"""A spacing that pixels cannot tell: digits share columns, or there is no clean ink."""
SKIPPED = UNSEEN - 1
"""A spacing that was not looked at: contours are measured in some of the images."""
TOUCHING = UNSEEN + 1
"""A spacing of digits whose ink meets. Whatever is greater is a spacing in px."""

_PAIRS = 256  # looked at at once
_STEPS = 8  # of growth between two looks whether it goes on


def ink_columns(images: UInt8Array) -> tuple[IntArray, IntArray]:
    """
    The nearest inked columns of each column.

    Args:
        images: uint8 (images, height, width), white on black.

    Returns:
        int32 (images, width + 1) each, for column c: the last inked one before c (−1: none), and the first
        from c on (width: none).
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


def column_gaps(
    before: IntArray, after: IntArray, image: IntArray, boxes: IntArray, right: IntArray
) -> IntArray:
    """
    Blank columns between neighbours, counted in the pixels; boxes only say between which columns to look.

    Args:
        before: from `ink_columns`.
        after: from `ink_columns`.
        image: int (pairs,), the image of each pair.
        boxes: int (pairs, 4), x, y, w, h of its left digit.
        right: int (pairs, 4), of its right digit.

    Returns:
        int (pairs,), px; UNSEEN where digits share columns, or where there is no ink.

    >>> line = np.zeros((1, 3, 9), np.uint8)
    >>> line[0, 1, [1, 2, 6]] = 255
    >>> box = np.array([[1, 1, 2, 1], [6, 1, 1, 1]])
    >>> column_gaps(*ink_columns(line), np.array([0]), box[:1], box[1:])
    array([3])
    """
    width = before.shape[1] - 1
    end, start = boxes[:, 0] + boxes[:, 2], right[:, 0]
    middle = ((end + start) // 2).clip(0, width)
    last, first = before[image, middle], after[image, middle]
    apart = (end <= start) & (last >= 0) & (first < width)
    gaps: IntArray = np.where(apart, first.astype(np.int64) - last - 1, UNSEEN)
    return gaps


def contour_gaps(images: UInt8Array, image: IntArray, boxes: IntArray, right: IntArray) -> IntArray:
    """
    How near neighbours come, row by row and diagonally, as the spacing ``contour`` measures it.

    What stands in columns of one box alone is that digit's; from there it grows through connected ink.

    Args:
        images: uint8 (images, height, width), white on black.
        image: int (pairs,), the image of each pair.
        boxes: int (pairs, 4), x, y, w, h of its left digit.
        right: int (pairs, 4), of its right digit.

    Returns:
        int (pairs,), px; TOUCHING where their ink meets, UNSEEN where it is not clear what is whose.
    """
    found = [np.zeros(0, np.int64)]
    for first in range(0, len(image), _PAIRS):
        part = slice(first, first + _PAIRS)
        found.append(_contour_gaps(images, image[part], boxes[part], right[part]))
    return np.concatenate(found)


def _contour_gaps(images: UInt8Array, image: IntArray, boxes: IntArray, right: IntArray) -> IntArray:
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
    told &= ~(ink & ~one & ~other).any((1, 2))  # a piece of ink that could be either's
    # One whose ink does not reach its own edge has lost a loose piece to the other.
    nearest, last_own = right[:, 0] - start, boxes[:, 2] - 1
    pairs = np.arange(len(image), dtype=np.int64)
    told &= touching | (other.any(1)[pairs, nearest] & one.any(1)[pairs, last_own])

    # The last column of the left digit in each row and the rows beside it, the first of the right one.
    place = np.arange(wide, dtype=np.int64)
    last = np.where(one, place, -wide).max(2)
    near = last.copy()
    np.maximum(near[:, 1:], last[:, :-1], out=near[:, 1:])
    np.maximum(near[:, :-1], last[:, 1:], out=near[:, :-1])
    first = np.where(other, place, 2 * wide).min(2)
    gaps = (first - near).min(1) - 1
    # Digits with no row in common keep apart by columns.
    gaps = np.where(gaps < wide, gaps, right[:, 0] - boxes[:, 0] - boxes[:, 2])
    return np.where(told, np.where(touching, TOUCHING, gaps), UNSEEN)


def _grown(seed: BoolArray, ink: BoolArray) -> BoolArray:
    """All ink that is connected with a seed, diagonals included."""
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


def misfitting(images: UInt8Array, image: IntArray, boxes: IntArray) -> BoolArray:
    """
    Digits whose ink does not end where their box does; they share no column with another.

    Args:
        images: uint8 (images, height, width), white on black.
        image: int (digits,), the image of each.
        boxes: int (digits, 4), x, y, w, h, within the images.

    Returns:
        bool (digits,).
    """
    x, y, w, h = boxes.T
    height, width = images.shape[1:]
    # Eight rows of a column in a byte, and columns one after the other: those of a box are one piece.
    packed = np.zeros((len(images), -(-height // 8), width), np.uint8)
    for row in range(height):  # three times as fast as packbits along this axis
        packed[:, row // 8] |= (images[:, row] > 0).view(np.uint8) << np.uint8(7 - row % 8)
    columns = np.zeros((len(images) * width + 1, packed.shape[1]), np.uint8)
    columns[:-1] = packed.transpose(0, 2, 1).reshape(-1, packed.shape[1])
    first = image * width + x
    pieces = np.stack([first, first + w], axis=1).ravel()
    rows = np.unpackbits(np.bitwise_or.reduceat(columns, pieces.astype(np.intp), axis=0)[::2], axis=1)[
        :, :height
    ]
    top, bottom = rows.argmax(1).astype(np.int64), height - rows[:, ::-1].argmax(1).astype(np.int64)
    edges = columns[first].any(1) & columns[first + w - 1].any(1)
    wrong: BoolArray = (top != y) | (bottom != y + h) | ~rows.any(1) | ~edges
    return wrong


def misplaced(
    images: UInt8Array,
    before: IntArray,
    after: IntArray,
    line_boxes: IntArray,
    image: IntArray,
) -> BoolArray:
    """
    Lines whose ink ends elsewhere than their boxes do.

    Args:
        images: uint8 (images, height, width), white on black.
        before: from `ink_columns`.
        after: from `ink_columns`.
        line_boxes: int (lines, 4): left, top, right, bottom of all boxes of a line, ends excluded.
        image: int (lines,), the image of each.

    Returns:
        bool (lines,).
    """
    rows = images.max(2, initial=0) > 0  # (images, height)
    height = images.shape[1]
    top = rows.argmax(1).astype(np.int64)[image]
    bottom = height - rows[:, ::-1].argmax(1).astype(np.int64)[image]
    ends: AnyArray = np.stack([after[image, 0], top, before[image, -1] + 1, bottom], axis=1)
    wrong: BoolArray = (ends != line_boxes).any(1) | ~rows.any(1)[image]
    return wrong
