"""
The pen: paths → ink, in fixed-point arithmetic, independent of the digit.

The last axis of all arrays is the glyph, so that numpy's inner loops run over hundreds of glyphs instead of
twenty pixels. Lengths are in 1/256 px unless a name says otherwise.
"""

from functools import lru_cache
from math import isqrt

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.glyphs.tiles import SIDE

PX = 256
"""Fixed-point units per pixel."""

_BOX = 20  # px: MNIST's digits fill a 20×20 box, with their centre of mass in the middle of 28×28
_FINE = 16  # units per px for squared distances, so that the squares fit in 16 bits
_REACH = 7 * _FINE  # a pixel farther from the pen than this along one axis has no ink


def write(x: IntArray, y: IntArray, radius: IntArray, core: IntArray, edge: int) -> UInt8Array:
    """
    Return glyphs written along paths with a round pen.

    Args:
        x: int (points, n), to the right, any unit: the digit is scaled to fill its box.
        y: int (points, n), down, the same unit.
        radius: int (points, n), radius of the pen at each point, 1/256 px, up to 4 px.
        core: int (n,), a typical radius of each glyph.
        edge: how fast the ink fades at the edges of strokes, in sixtieths of full strength per px.

    Returns:
        uint8 (n, 28, 28), from 0 (no ink) to 255: longest side 20 px, centre of mass in the middle.
    """
    return _set_down(_cover(*_fit(x, y, radius, core), edge=edge))


def scale(x: IntArray, y: IntArray, room: IntArray) -> tuple[IntArray, IntArray]:
    """
    Scale paths so that their longer side has a given length.

    Args:
        x: int (points, n).
        y: int (points, n).
        room: int (n,), wanted length of the longer side of each path, in any unit.

    Returns:
        x and y in that unit, starting at 0, new arrays.
    """
    x, y = x - x.min(0), y - y.min(0)
    longer = np.maximum(np.maximum(x.max(0), y.max(0)), 1)
    return x * room // longer, y * room // longer


def _fit(x: IntArray, y: IntArray, radius: IntArray, core: IntArray) -> tuple[IntArray, ...]:
    """Scale paths and radii together, so that the ink is as long as the box and centred in it."""
    low_x, low_y = (x - radius).min(0), (y - radius).min(0)
    wide, high = (x + radius).max(0) - low_x, (y + radius).max(0) - low_y
    longer, box = np.maximum(wide, high), _BOX * PX
    x = ((x - low_x) * 2 - wide) * box // (2 * longer) + box // 2
    y = ((y - low_y) * 2 - high) * box // (2 * longer) + box // 2
    return x, y, radius * box // longer, core * box // longer


def _cover(x: IntArray, y: IntArray, radius: IntArray, core: IntArray, *, edge: int) -> UInt8Array:
    """
    Return the coverage of each pixel of the box by the pen: uint8 (20, 20, n).

    The distance to a pen of varying width follows from the power distance d² − radius². Its minimum over the
    path needs no square root per point; one square root per pixel is enough.
    """
    points, n = x.shape
    step = PX // _FINE
    centres = (np.arange(_BOX, dtype=np.int64) * _FINE + _FINE // 2)[:, None]
    across, down = (
        (np.minimum(np.abs(axis[:, None] // step - centres), _REACH) ** 2).astype(np.int16)  # (points, 20, n)
        for axis in (x, y)
    )
    across -= ((radius // step) ** 2).astype(np.int16)[:, None]
    nearest = np.full((_BOX, _BOX, n), np.iinfo(np.int16).max, np.int16)
    power = np.empty_like(nearest)
    for point in range(points):
        np.add(down[point, :, None], across[point], out=power)
        np.minimum(nearest, power, out=nearest)
    square = np.maximum(nearest + (core // step) ** 2, 0)
    outside = _roots()[square] - core // step * step  # distance from the edge of the stroke, 1/256 px
    coverage = (PX // 2 - outside * edge // 60).clip(0, PX)  # edges as soft as in a scan
    ink: UInt8Array = (coverage * 255 // coverage.max((0, 1))).astype(np.uint8)  # 255 at the darkest pixel
    return ink


def _set_down(box: UInt8Array) -> UInt8Array:
    """Place boxes (20, 20, n) with their centre of mass in the middle: uint8 (n, 28, 28)."""
    n = box.shape[-1]
    glyphs = np.zeros((n, SIDE, SIDE), np.uint8)
    mass = box.sum((0, 1), dtype=np.int64)
    steps = np.arange(_BOX, dtype=np.int64)
    corner = []
    for axis in (1, 0):  # rows, then columns
        moment = steps @ box.sum(axis, dtype=np.int64)
        corner.append((SIDE // 2 - (2 * moment + mass) // (2 * mass)).clip(0, SIDE - _BOX)[:, None] + steps)
    every = np.arange(n, dtype=np.int64)[:, None, None]
    glyphs[every, corner[0][:, :, None], corner[1][:, None, :]] = np.moveaxis(box, -1, 0)
    return glyphs


@lru_cache(maxsize=1)
def _roots() -> IntArray:
    """Return the square roots of 0, 1, 2, … (in units of 1/_FINE px) in 1/256 px, rounded down."""
    squares = range(np.iinfo(np.int16).max + 5000)
    return np.array([isqrt(square * (PX // _FINE) ** 2) for square in squares], np.int64)
