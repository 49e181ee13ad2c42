"""Tiles: images of single digits with the position of their ink, ready to be placed side by side."""

import numpy as np

from digitseq.arrays import AnyArray, BoolArray, IntArray, UInt8Array, read_only
from digitseq.kernels import kernel

SIDE = 28
"""Height and width of a tile, px."""

NO_INK = -(1 << 20)
"""Marks a row of pixels without ink in a profile; far beyond any column."""


class Tiles:
    """28×28 images of digits and the measurements of their ink."""

    def __init__(self, stored: UInt8Array, ink: AnyArray) -> None:
        """
        Create tiles from images in their stored form.

        Args:
            stored: uint8 (rows, 29, 28), the 28 rows of each image and one blank row below.
            ink: int (4, rows): ink_left, ink_width, ink_top, ink_height.
        """
        self._stored, self._ink = stored, ink

    @property
    def ink_left(self) -> IntArray:
        """First inked column: int (rows,)."""
        return read_only(self._ink[0])

    @property
    def ink_width(self) -> IntArray:
        """Last − first inked column + 1, blank columns between them included: int (rows,)."""
        return read_only(self._ink[1])

    @property
    def ink_top(self) -> IntArray:
        """First inked row of pixels: int (rows,)."""
        return read_only(self._ink[2])

    @property
    def ink_height(self) -> IntArray:
        """Last − first inked row of pixels + 1: int (rows,)."""
        return read_only(self._ink[3])

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._stored)

    def at_left_edge(self, rows: IntArray) -> UInt8Array:
        """
        Return glyphs shifted so that their first inked column is column 0.

        Args:
            rows: int, any shape; they must be prepared.

        Returns:
            uint8 (…, 28, 28), a new array.
        """
        # A window of 28×28 bytes that starts at the first inked column is the glyph shifted to the left edge:
        # what enters at the right is the blank left margin of the next row of pixels, and the last row is
        # followed by the blank one. So the shift costs nothing.
        shape, strides = (len(self._stored), SIDE, SIDE, SIDE), ((SIDE + 1) * SIDE, 1, SIDE, 1)
        windows = np.ndarray(shape, np.uint8, self._stored.data, 0, strides)
        moved: UInt8Array = windows[rows, self.ink_left[rows]]
        return moved

    def pictures(self, rows: IntArray) -> UInt8Array:
        """Return the images of rows that are prepared: uint8 (…, 28, 28), a new array."""
        chosen: UInt8Array = self._stored[rows, :SIDE]
        return chosen

    def profiles(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """
        Return where the ink of each digit begins and ends in each row of pixels.

        Args:
            rows: int, any shape; they must be prepared.

        Returns:
            First and last inked column, int (…, 28) each, counted from the digit's first inked column;
            −NO_INK and NO_INK for a row of pixels without ink.

        >>> picture = np.zeros((1, 29, 28), np.uint8)
        >>> picture[0, 5, 7:9] = picture[0, 6, 10] = 255
        >>> first, last = Tiles(picture, measure_ink(picture)).profiles(np.array([0]))
        >>> first[0, 5:7].tolist(), last[0, 5:7].tolist()
        ([0, 3], [1, 3])
        """
        if loop := kernel("measure_profiles"):
            first, last = np.empty((2, *rows.shape, SIDE), np.int64)
            loop(rows.size, self._stored, np.ascontiguousarray(rows), self._ink[0], NO_INK, first, last)
            return first, last
        pictures = self.pictures(rows)
        # Columns come first, so that each step works on all rows of pixels of all digits.
        inked = (pictures.reshape(-1, SIDE).T > 0).astype(np.uint8)  # (columns, digits · 28)
        ramp = np.arange(1, SIDE + 1, dtype=np.uint8)[:, None]
        offset = self.ink_left[rows][..., None]
        last = np.maximum.reduce(inked * ramp, 0).reshape(pictures.shape[:-1]).astype(np.int64)
        first = np.maximum.reduce(inked * ramp[::-1], 0).reshape(last.shape).astype(np.int64)
        blank = last == 0
        first, last = SIDE - first - offset, last - 1 - offset
        first[blank], last[blank] = -NO_INK, NO_INK
        return first, last


def measure_ink(glyphs: UInt8Array) -> IntArray:
    """
    Measure the position and size of the ink of each glyph.

    Args:
        glyphs: uint8 (n, height, width).

    Returns:
        int (4, n): first inked column, ink width, first inked row, ink height; all 0 for a blank glyph.
    """
    measured = np.empty((4, len(glyphs)), np.int64)
    if glyphs.shape[1:] == (SIDE, SIDE) and (loop := kernel("measure")):
        loop(len(glyphs), glyphs, measured)
        return measured
    for row, axis in ((0, 1), (2, 2)):
        inked: BoolArray = np.bitwise_or.reduce(glyphs, axis=axis) > 0  # (n, columns) or (n, rows)
        measured[row] = inked.argmax(1).astype(np.int64)
        last = inked.shape[1] - inked[:, ::-1].argmax(1).astype(np.int64)
        measured[row + 1] = (last - measured[row]) * inked.any(1)
    return measured
