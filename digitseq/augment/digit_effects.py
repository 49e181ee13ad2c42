"""
Effects on each digit, before layout: rotation, slant, scale, distortion, shift, thickness, blur, contrast.

The result is a set of tiles like any other, measured again: spacing and boxes refer to the visible ink.
"""

import numpy as np

from digitseq import streams
from digitseq.arrays import AnyArray, IntArray, UInt8Array
from digitseq.augment.effects import EFFECTS, ONE, effect_function, effects_of
from digitseq.augment.sampler import Sampler
from digitseq.augment.warp import GRID, warp
from digitseq.glyphs.tiles import SIDE, Tiles, measure_ink
from digitseq.kernels import kernel
from digitseq.random_purposes import Purpose

_RADIAN = 1_000_000  # 1 radian is 57,295,780 / _RADIAN degrees
_MARGIN = 1  # px kept free at a tile's edges, unless the ink was closer to them before
_EDGE = 128  # fixed-point 1 of thickness at a stroke's edge: 255 times it fits in 16 bits
_CHUNK = 64  # tiles processed at once, so that they stay in the processor's cache
_WAVES = 64  # steps of one period of the wave


def rough_digits(draws: Sampler, tiles: Tiles, rows: IntArray, middles_px: IntArray) -> Tiles:
    """
    Apply the effects on digits to the digits of some images.

    Args:
        draws: samples the strengths.
        tiles: tiles of the original digits, prepared.
        rows: int (images, digits), row of each digit in ``tiles``.
        middles_px: int (images, digits), approximate position of each digit along its line, relative to
            the line's middle; determines its shift by slope and wave.

    Returns:
        One tile per digit (images · digits), image by image.
    """
    flat = rows.ravel()
    stored = np.zeros((len(flat), SIDE + 1, SIDE), np.uint8)
    seen = stored[:, :SIDE]
    pictures = tiles.pictures(flat)
    if draws.augment.has("map"):
        warp(pictures, *_maps(draws, tiles, rows, middles_px), seen)
    else:
        seen[:] = pictures
    wanted = [
        (effect_function(EFFECTS[name].function), draws.of_digits(name, rows.shape[1]).ravel())
        for name in effects_of("digit")
        if draws.augment.uses(name)
    ]
    step = max(len(flat), 1) if kernel("thicken") else _CHUNK
    for first in range(0, len(flat), step):
        part = slice(first, first + step)
        for change, strengths in wanted:
            change(seen[part], strengths[part])
    ink = measure_ink(seen)
    erased = ink[1] == 0  # such as a dot that fell between two samples: keep the original
    seen[erased] = pictures[erased]
    ink[:, erased] = measure_ink(pictures[erased])
    return Tiles(stored, ink)


# --- Geometry -------------------------------------------------------------------------------------------


def _maps(
    draws: Sampler, tiles: Tiles, rows: IntArray, middles_px: IntArray
) -> tuple[IntArray, IntArray, IntArray, AnyArray | None]:
    """Return the arguments of `warp`: one map for all geometric effects of each digit."""
    count = rows.shape[1]
    slope = draws.line("slope")[:, None]
    turn = draws.each("rotate", count) + slope
    lean = draws.shared("slant", count)
    wide, high = draws.both("scale", count)
    sine, cosine = sine_cosine(turn.ravel())
    lean_sine, lean_cosine = sine_cosine(lean.ravel())
    slant = lean_sine * ONE // lean_cosine
    wide, high = wide.ravel(), high.ravel()

    # Half the size of the ink's bounding box, before and after, in 1/ONE px.
    flat = rows.ravel()
    half_x, half_y = tiles.ink_width[flat] * ONE // 2, tiles.ink_height[flat] * ONE // 2
    sheared = (wide * half_x + np.abs(slant * high // ONE) * half_y) // ONE
    upright = high * half_y // ONE
    reach_x = (cosine * sheared + np.abs(sine) * upright) // ONE
    reach_y = (np.abs(sine) * sheared + cosine * upright) // ONE
    strength = draws.each("elastic", count)
    room = np.maximum((SIDE // 2 - _MARGIN) * ONE - strength.ravel() * 5 // 2, 8 * ONE)
    # A digit that would leave its tile is scaled down; one that already filled it may still fill it.
    fit = np.minimum(
        np.maximum(room, half_x) * ONE // np.maximum(reach_x, 1),
        np.maximum(room, half_y) * ONE // np.maximum(reach_y, 1),
    )
    fit = np.minimum(fit, ONE)
    reach_x, reach_y = reach_x * fit // ONE, reach_y * fit // ONE

    # inverse scale · inverse slant · inverse rotation
    wide, high = wide * fit // ONE, high * fit // ONE
    inverse = np.stack(
        [
            np.stack([cosine - slant * sine // ONE, sine + slant * cosine // ONE]) * ONE // wide,
            np.stack([-sine, cosine]) * ONE // high,
        ]
    )
    # The middle of the ink's box moves only with shift and baseline, or to keep the ink inside the tile.
    x = (2 * tiles.ink_left[flat] + tiles.ink_width[flat] - SIDE) * ONE // 2
    y = (2 * tiles.ink_top[flat] + tiles.ink_height[flat] - SIDE) * ONE // 2
    drop = draws.each("shift", count)
    if draws.augment.uses("slope", "wave"):
        drop = drop + _baseline(draws, middles_px)
    most_x, most_y = _room_to_move(x, reach_x), _room_to_move(y, reach_y)
    target = np.stack([x.clip(-most_x, most_x), (y + drop.ravel()).clip(-most_y, most_y)])
    bend = _bend(draws, strength) if draws.augment.uses("elastic") else None
    return inverse, np.stack([x, y]) * 2, target * 2, bend


def _room_to_move(middle: IntArray, reach: IntArray) -> IntArray:
    """Return how far from the tile's middle a digit may be: up to the margin, or as far as it was before."""
    edge = np.maximum(SIDE * ONE // 2 - reach, 0)
    room: IntArray = np.minimum(edge, np.maximum(edge - _MARGIN * ONE, np.abs(middle)))
    return room


def _bend(draws: Sampler, strength: IntArray) -> AnyArray:
    """Sample elastic shifts of the control points: int32 (digits, 2, GRID, GRID), in 1/(2·ONE) px."""
    own = draws.words(Purpose.BEND, strength.shape[1]).ravel()  # the start of each digit's own stream
    # A spline with independent control points has 0.3025 of their variance (0.55 along each axis).
    amplitude = strength.ravel() * 2 * 100 // 55
    offsets = streams.addresses(0, 2 * GRID * GRID)
    if loop := kernel("bend"):
        bent = np.empty((len(own), 2, GRID, GRID), np.int32)
        loop(len(own), len(offsets), own, offsets, amplitude, bent)
        return bent
    grid = streams.bells(streams.words(own, offsets))
    return (grid * amplitude[:, None] // ONE).astype(np.int32).reshape(-1, 2, GRID, GRID)


def _baseline(draws: Sampler, middles_px: IntArray) -> IntArray:
    """Return each digit's shift down by slope and wave: int (images, digits), in 1/ONE px."""
    slope = draws.line("slope")
    sine, cosine = sine_cosine(slope)
    height = draws.line("wave")
    words = draws.words(Purpose.WAVE, 3)
    phase = streams.below(words[:, 1], np.array(_WAVES, np.uint64))[:, None]
    length_px = 40 + streams.below(words[:, 2], np.array(80, np.uint64))[:, None]
    turned = (middles_px * _WAVES // length_px + phase) % _WAVES
    drop: IntArray = middles_px * (sine * ONE // cosine)[:, None] + height[:, None] * _circle()[turned] // ONE
    return drop


def _circle() -> IntArray:
    """Return one period of a sine in _WAVES steps, in 1/ONE."""
    eighth = np.arange(_WAVES // 8 + 1, dtype=np.int64) * 45 * ONE // (_WAVES // 8)
    sine, cosine = sine_cosine(eighth)
    quarter = np.concatenate([sine, cosine[-2::-1]])
    half = np.concatenate([quarter, quarter[-2::-1]])
    return np.concatenate([half[:-1], -half[:-1]])


def sine_cosine(degrees: IntArray) -> tuple[IntArray, IntArray]:
    """
    Compute sine and cosine by their series, in 1/ONE, exact to 1/ONE for angles up to 50°.

    Args:
        degrees: int, any shape, in 1/ONE degree.

    >>> [value.tolist() for value in sine_cosine(np.array([0, 30 * ONE]))]
    [[0, 2048], [4096, 3547]]
    """
    fine = 1 << 20
    angle = degrees.astype(np.int64) * (fine // ONE) * _RADIAN // 57_295_780
    square = angle * angle // fine
    sine = angle - angle * square // fine // 6
    sine += angle * (square * square // fine) // fine // 120
    fourth = square * square // fine
    cosine = fine - square // 2 + fourth // 24 - fourth * square // fine // 720
    half = fine // ONE // 2
    return (sine + half) // (fine // ONE), (cosine + half) // (fine // ONE)


# --- Ink ------------------------------------------------------------------------------------------------


def thicken(tiles: UInt8Array, strengths: IntArray) -> None:
    """Make strokes thicker or thinner, in place; strengths: int (n,), in 1/ONE px at the edge."""
    amount = strengths * _EDGE // ONE
    if loop := kernel("thicken"):
        loop(len(tiles), tiles, amount)
        return
    for chosen, choose in ((amount > 0, np.maximum), (amount < 0, np.minimum)):
        if not chosen.any():
            continue
        ink = np.zeros((np.count_nonzero(chosen), SIDE + 2, SIDE + 2), np.uint8)
        ink[:, 1:-1, 1:-1] = tiles[chosen]
        other = choose(ink[:, :-2, 1:-1], ink[:, 2:, 1:-1])
        for near in (ink[:, 1:-1, :-2], ink[:, 1:-1, 2:], ink[:, 1:-1, 1:-1]):
            choose(other, near, out=other)
        here = ink[:, 1:-1, 1:-1].astype(np.int16)
        share = np.abs(amount[chosen]).astype(np.int16)
        change = other.astype(np.int16)
        change -= here
        change *= share[:, None, None]
        change += _EDGE // 2
        change //= _EDGE
        here += change
        tiles[chosen] = np.maximum(here.astype(np.uint8), tiles[chosen] > 0)  # inked pixels stay inked


def fade(tiles: UInt8Array, strengths: IntArray) -> None:
    """Make ink fainter, in place; strengths: int (n,), factors in 1/256. Inked pixels stay inked."""
    if loop := kernel("fade"):
        loop(len(tiles), tiles, strengths)
        return
    faint = (tiles * strengths.astype(np.uint16)[:, None, None] + 128) >> 8
    tiles[:] = np.maximum(faint, tiles > 0)


def blur(tiles: UInt8Array, strengths: IntArray) -> None:
    """Apply a 3-pixel blur twice along each axis, in place; strengths: int (n,), sigma in 1/ONE px."""
    weight = strengths * strengths // ONE * 64 // ONE  # weight of a neighbouring pixel, in 1/256
    if loop := kernel("blur"):
        loop(len(tiles), tiles, weight)
        return
    side = weight.astype(np.uint16)[:, None, None]
    middle = 256 - 2 * side
    wide = np.zeros((len(tiles), SIDE + 2, SIDE + 2), np.uint16)
    inner = wide[:, 1:-1, 1:-1]
    inner[:] = tiles
    for _ in range(2):
        for before, after in (
            (wide[:, :-2, 1:-1], wide[:, 2:, 1:-1]),
            (wide[:, 1:-1, :-2], wide[:, 1:-1, 2:]),
        ):
            inner[:] = (inner * middle + (before + after) * side + 128) >> 8
    tiles[:] = inner
