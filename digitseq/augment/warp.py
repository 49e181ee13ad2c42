"""
Warp tiles through a map from each output pixel to its place in the input, in fixed point.

All geometric effects are composed into one map before any pixel is read, so that sampling blurs the ink only
once. The identity map leaves every byte unchanged.
"""

import numpy as np

from digitseq.arrays import AnyArray, IntArray, UInt8Array
from digitseq.augment.effects import ONE
from digitseq.glyphs.tiles import SIDE
from digitseq.kernels import kernel

GRID = 6
"""Number of control points of an elastic distortion along each axis, `_SPACING` px apart."""

_SPACING = 8
_UNIT = 2 * ONE  # 1 px of a position in a tile: offsets from the middle are half px, times ONE
_CHUNK = 48  # tiles processed at once, so that they stay in the processor's cache
_PITCH = 32  # length of a row with its blank border: a power of 2, so that shifts give addresses
_ROWS = SIDE + 2
_LANES = np.uint32(0x00FF00FF)


def warp(
    tiles: UInt8Array,
    inverse: IntArray,
    source: IntArray,
    target: IntArray,
    bend: AnyArray | None,
    out: UInt8Array,
) -> None:
    """
    Warp tiles through a map.

    Args:
        tiles: uint8 (n, 28, 28).
        inverse: int (2, 2, n), in 1/ONE: matrix from offsets in the result to offsets in the tile.
        source: int (2, n), x and y of a point in the tile, in 1/_UNIT px from its middle.
        target: int (2, n), x and y of the same point in the result, in the same unit.
        bend: int32 (n, 2, GRID, GRID), elastic shifts in 1/_UNIT px, or None.
        out: uint8 (n, 28, 28), receives the result.
    """
    if loop := kernel("warp"):
        loop(len(tiles), tiles, inverse, source, target, bend, out)
        return
    half_px = (2 * np.arange(SIDE, dtype=np.int32) - (SIDE - 1)).astype(np.int32)
    offset = half_px * ONE  # from the tile's middle to each pixel's middle
    for first in range(0, len(tiles), _CHUNK):
        part = slice(first, first + _CHUNK)
        places = []
        for axis in (0, 1):
            along = [
                (inverse[axis, k, part, None] * (offset - target[k, part, None]) // ONE).astype(np.int32)
                for k in (0, 1)
            ]
            # Relative to the middle of the border pixel.
            start = (source[axis, part] + (SIDE + 1) * _UNIT // 2).astype(np.int32)
            place = along[1][:, :, None] + (along[0] + start[:, None])[:, None, :]
            if bend is not None:
                place += _smooth(bend[part, axis])
            places.append(np.clip(place, 0, (SIDE + 1) * _UNIT, out=place))
        out[part] = _sample(tiles[part], *places)


def _smooth(grid: AnyArray) -> IntArray:
    """Evaluate quadratic B-splines with control points (n, GRID, GRID) at each pixel: int (n, 28, 28)."""
    cells, weights = _SPLINE
    rows = grid[:, cells] * weights[0][:, None]
    for k in (1, 2):
        rows += grid[:, cells + k] * weights[k][:, None]
    rows >>= 8
    bent: IntArray = rows[:, :, cells] * weights[0]
    for k in (1, 2):
        bent += rows[:, :, cells + k] * weights[k]
    bent >>= 8
    return bent


def _spline() -> tuple[IntArray, IntArray]:
    place = 2 * np.arange(SIDE, dtype=np.int64) + 1  # half px
    cells, t = place // (2 * _SPACING), place % (2 * _SPACING) * 256 // (2 * _SPACING)
    before, after = (256 - t) ** 2 // 512, t * t // 512
    return cells, np.stack([before, 256 - before - after, after]).astype(np.int32)


_SPLINE = _spline()


def _sample(tiles: UInt8Array, x: IntArray, y: IntArray) -> UInt8Array:
    """
    Sample bilinearly, to 1/16 px: uint8 (n, 28, 28).

    Each pixel's 2×2 neighbourhood is packed into one integer, so that one look-up fetches it. The upper and
    lower pairs are then interpolated together, in two 16-bit lanes.

    Args:
        tiles: uint8 (n, 28, 28).
        x: int32 (n, 28, 28), columns in 1/_UNIT px; 0 is the middle of a blank border of 1 px.
        y: int32 (n, 28, 28), rows in the same unit.
    """
    n = len(tiles)
    padded = np.zeros((n, _ROWS + 1, _PITCH + 1), np.uint8)
    padded[:, 1 : SIDE + 1, 1 : SIDE + 1] = tiles
    pairs = padded[:, :, 1:].astype(np.uint16)
    pairs <<= 8
    pairs |= padded[:, :, :-1]
    packed = pairs[:, 1:].astype(np.uint32)  # (n, 30, 32), from the low byte: here, right, below, below right
    packed <<= 16
    packed |= pairs[:, :-1]
    shift = _UNIT.bit_length() - 1
    place = y >> shift
    place <<= _PITCH.bit_length() - 1
    place += x >> shift
    where = place.astype(np.intp)
    where += (np.arange(n, dtype=np.intp) * (_ROWS * _PITCH))[:, None, None]
    left = packed.reshape(-1).take(where, mode="clip")  # every index is valid; "clip" only skips the check
    part = shift - 4
    right = left >> 8
    right &= _LANES
    left &= _LANES
    right -= left
    right *= (x >> part & 15).view(np.uint32)
    left <<= 4
    left += right  # upper pair in the low 16 bits, lower pair in the high ones, times 16
    below = left >> 16
    left &= 0xFFFF
    below -= left
    below *= (y >> part & 15).view(np.uint32)
    left <<= 4
    left += below
    left += 128
    return (left >> 8).astype(np.uint8)
