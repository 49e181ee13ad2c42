"""
Handwriting: a digit and its number → the path and width of a pen → `pen` → pixels.

Glyph k of digit d is a pure function of (style, style seed, d, k); its writer is k // PER_HAND. A writer has
preferred allographs, a slant, a width, a pen and a neatness. Each glyph adds a smaller variation, in the
proportions in which people vary (docs/builtin.md). All arithmetic is on integers, so the pixels are the same
on every platform.
"""

from functools import cache

import numpy as np

from digitseq import streams
from digitseq.arrays import IntArray, UInt8Array, UInt64Array
from digitseq.glyphs.handwriting import pen
from digitseq.glyphs.handwriting.allographs import ONE, POINTS, Allograph, allograph, weights
from digitseq.glyphs.handwriting.styles import MODERN, Style

PER_HAND = 10
"""Glyphs of each digit per writer."""

_NUMBERS = 40  # bits of the glyph number in an address

# Purposes of random words. Each decision has separate words, so that none affects another.
_LIKING, _TASTE, _NIB = range(3)  # of a writer
_CHOICE, _SHAPE, _PRESSURE, _TREMOR, _JITTER = range(5)  # of a glyph


def draw(style: Style, style_seed: int, digits: IntArray, numbers: IntArray) -> UInt8Array:
    """
    Draw glyphs, given their digits and numbers.

    Args:
        style: allographs, slant and pen.
        style_seed: selects the handwriting.
        digits: int (n,), 0–9.
        numbers: int (n,), 0 to 2⁴⁰ − 1, the number of each glyph within its digit.

    Returns:
        uint8 (n, 28, 28), in MNIST's form.

    >>> draw(MODERN, 0, np.array([3, 5]), np.array([0, 4_000_000_000])).shape
    (2, 28, 28)
    """
    digits = digits.astype(np.int64)  # a caller may pass 32-bit integers
    own, hand = _starts(style, style_seed, digits, numbers.astype(np.int64))
    shape, liking = _bell(own, _SHAPE, 12), _bell(hand, _LIKING, 4)
    x, y = _bend(style, digits, *_paths(style, digits, own, hand), shape, liking)
    flex = (ONE + _bell(hand, _NIB, 1)[0] // 2).clip(0) * style.flex // 100
    return pen.write(*_pen(style, digits, x, y, own, flex, shape, liking), style.edge)


def allographs_of(style: Style, style_seed: int, digits: IntArray, numbers: IntArray) -> IntArray:
    """Return the allograph of each glyph as a position in the file, int (n,); arguments as in `draw`."""
    digits, numbers = digits.astype(np.int64), numbers.astype(np.int64)
    return _ways(style, digits, *_words(*_starts(style, style_seed, digits, numbers)))


def _starts(
    style: Style, style_seed: int, digits: IntArray, numbers: IntArray
) -> tuple[UInt64Array, UInt64Array]:
    """Return where the random numbers of each glyph, and those of its writer, start in their streams."""
    stream = "digitseq/strokes/2" if style == MODERN else f"digitseq/strokes/2/{style.name}"
    glyphs = streams.seed_start(style_seed, stream)
    hands = streams.seed_start(style_seed, stream + "/hands")
    own = streams.image_starts(glyphs, digits << _NUMBERS | numbers)
    return own, streams.image_starts(hands, numbers // PER_HAND)


# --- Random numbers -------------------------------------------------------------------------------------


def _bell(starts: UInt64Array, purpose: int, count: int) -> IntArray:
    """Return bell-shaped random values around 0 with standard deviation ONE: int (count, n)."""
    return streams.bells(streams.words(starts, streams.addresses(purpose, count)).T)


def _below(words: UInt64Array, bound: int) -> IntArray:
    return streams.below(words, np.array(bound, np.uint64))


def _times(value: IntArray, factor: IntArray | int) -> IntArray:
    return value * factor >> 12


def _exp(value: IntArray) -> IntArray:
    """Return e^value for |value| up to about 1.2 · ONE, from the first terms of its series."""
    square = _times(value, value)
    return ONE + value + square // 2 + _times(square, value) // 6 + _times(square, square) // 24


def _smooth(knots: IntArray) -> IntArray:
    """Interpolate linearly between knots: (knots, n) → (POINTS, n)."""
    place = np.arange(POINTS, dtype=np.int64) * (len(knots) - 1) * ONE // (POINTS - 1)
    low = np.minimum(place // ONE, len(knots) - 2)
    return knots[low] + _times(knots[low + 1] - knots[low], (place - low * ONE)[:, None])


# --- The path -------------------------------------------------------------------------------------------


def _paths(style: Style, digits: IntArray, own: UInt64Array, hand: UInt64Array) -> tuple[IntArray, IntArray]:
    """Return the path of every glyph, x and y, int (POINTS, n); ONE is half the height of a digit."""
    x, y = np.empty((2, POINTS, len(digits)), np.int64)
    choice, taste = _words(own, hand)
    ways = _ways(style, digits, choice, taste)
    for digit in np.unique(digits).tolist():
        for index in np.unique(ways[digits == digit]).tolist():
            chosen = np.flatnonzero((digits == digit) & (ways == index)).astype(np.int64)
            x[:, chosen], y[:, chosen] = _path(
                allograph(style.name, digit, index),
                style.jitter,
                taste[2 * digit + 1, chosen],
                choice[2:, chosen],
                own[chosen],
                hand[chosen],
            )
    return x, y


def _words(own: UInt64Array, hand: UInt64Array) -> tuple[UInt64Array, UInt64Array]:
    """Return the random numbers for choices: uint64 (7, n) by glyph, and (20, n) by writer, two a digit."""
    choice = streams.words(own, streams.addresses(_CHOICE, 7)).T
    return choice, streams.words(hand, streams.addresses(_TASTE, 20)).T


def _ways(style: Style, digits: IntArray, choice: UInt64Array, taste: UInt64Array) -> IntArray:
    """Return the allograph of each glyph: int (n,)."""
    every = np.arange(len(digits), dtype=np.int64)
    # Four out of five glyphs use the writer's preferred allograph.
    word = np.where(_below(choice[0], 5) > 0, taste[2 * digits, every], choice[1])
    ways = np.zeros(len(digits), np.int64)
    for digit in np.unique(digits).tolist():
        edges, of_digit = _edges(style.name, digit), digits == digit
        ticket = _below(word[of_digit], int(edges[-1]))
        ways[of_digit] = np.searchsorted(edges, ticket, side="right").astype(np.int64)
    return ways


@cache
def _edges(style: str, digit: int) -> IntArray:
    return np.cumsum(weights(style, digit), dtype=np.int64)


def _path(
    way: Allograph,
    jitter: int,
    taste: UInt64Array,
    choice: UInt64Array,
    own: UInt64Array,
    hand: UInt64Array,
) -> list[IntArray]:
    """Mix the writer's variant with another one, move the control points a little, and trim the ends."""
    variants, _, count = way.controls.shape
    one, other = _below(taste, variants), _below(choice[0], variants)
    # Share of the other variant at both ends of the path: a digit may start as one and end as the other.
    share = (_below(choice[1:3], 2 * ONE) - ONE // 2).clip(0, ONE)  # (2, n)
    along = (np.arange(count, dtype=np.int64) * ONE // max(count - 1, 1))[:, None]
    mixed = share[0] + _times(share[1] - share[0], along)  # (control points, n)
    noise = _bell(own, _JITTER, 2 * (count + 2)).reshape(2, count + 2, len(own))
    moves = (noise[:, :-2] + 2 * noise[:, 1:-1] + noise[:, 2:]) * 2 // 5  # neighbouring points move together
    reach = _exp(_bell(hand, _LIKING, 1)[0] * 3 // 10) * jitter // 50  # ONE is half the height of a digit
    length = (way.last - way.first)[:, None]
    begin = way.first[:, None] + _times(length, _times(_below(choice[3], ONE), way.trim[0]))
    end = way.last[:, None] - _times(length, _times(_below(choice[4], ONE), way.trim[1]))
    kept = np.arange(POINTS, dtype=np.int64)[:, None].clip(begin, end)
    path = []
    for axis in (0, 1):
        a, b = way.controls[one, axis].T, way.controls[other, axis].T
        control = a + _times(b - a, mixed) + _times(moves[axis], reach)  # (control points, n)
        path.append(np.take_along_axis(way.basis @ control // ONE, kept, 0))
    return path


# --- The shape ------------------------------------------------------------------------------------------


def _varied(
    thousandths: int, liking: IntArray, own: IntArray, grip: tuple[int, int] = MODERN.grip
) -> IntArray:
    """Return values with that standard deviation, split between writer and glyph by `grip`."""
    return (liking * grip[0] + own * grip[1]) * thousandths // 100_000


def _bend(
    style: Style, digits: IntArray, x: IntArray, y: IntArray, shape: IntArray, liking: IntArray
) -> tuple[IntArray, IntArray]:
    """Bend, taper, narrow or widen, slant and rotate the paths."""
    x, y = x - x.sum(0, dtype=np.int64) // POINTS, y - y.sum(0, dtype=np.int64) // POINTS
    # Move the middle vertically and sideways while the ends stay: large or small bowls.
    y = y + _times(ONE - _times(y, y), shape[0] * 12 // 100 + _MIDDLE[digits])
    middle = ONE - _times(y, y)
    x = x + _times(middle, shape[1] * 10 // 100)
    x = x + _times(_times(middle, y), shape[2] * 7 // 100)
    # Make one end, or one side, larger than the other.
    x = x + _times(_times(x, y), shape[3] * 14 // 100)
    y = y + _times(_times(x, y), shape[4] * 12 // 100)
    # Bend horizontal lines.
    square = _times(x, x)
    y = y + _times(square, shape[5] * 6 // 100) + _times(x - _times(square, x), shape[6] * 5 // 100)
    x = _times(x, _exp(_varied(170, liking[1], shape[7])))  # narrow or wide
    x = x - _times(y, style.slant * ONE // 100 + _varied(style.slant_spread, liking[2], shape[8]))  # slant
    turn = shape[9] // 10
    cosine = ONE - _times(turn, turn) // 2
    return _times(x, cosine) - _times(y, turn), _times(y, cosine) + _times(x, turn)


# Make the loops of 6 and 9 smaller.
_MIDDLE = np.array([0, 0, 0, 0, 0, 0, 6, 0, 0, -2], np.int64) * ONE // 100


# --- The pen --------------------------------------------------------------------------------------------


def _pen(
    style: Style,
    digits: IntArray,
    x: IntArray,
    y: IntArray,
    own: UInt64Array,
    flex: IntArray,
    shape: IntArray,
    liking: IntArray,
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return the arguments of `pen.write`: the writer's pen with uneven pressure, tilt and tremor."""
    spread = _varied(320, liking[3], shape[10], style.grip) + np.where(digits == 1, shape[11] * 22 // 100, 0)
    usual = pen.PX * style.pen // 100 * np.array(style.pens, np.int64)[digits] // 100
    core = _times(_exp(spread), usual).clip(pen.PX * 58 // 100, pen.PX * 26 // 10)
    x, y = pen.scale(x, y, 20 * pen.PX - 2 * core)
    # Limit the width of the pen so that it does not fill the loops.
    narrow = np.minimum(x.max(0), y.max(0)) * style.loop // 100
    core = np.where(digits == 1, core, np.minimum(core, np.maximum(narrow, pen.PX * 7 // 10)))
    tremor = _bell(own, _TREMOR, 2 * 12) * pen.PX * 16 // (100 * ONE)
    x, y = x + _smooth(tremor[:12]), y + _smooth(tremor[12:])
    pressure = _bell(own, _PRESSURE, 7 + 2)
    # A tilted pen writes broader in one direction: a·cos 2θ + b·sin 2θ for the stroke direction θ.
    right, down = np.zeros_like(x), np.zeros_like(y)
    right[1:-1], down[1:-1] = x[2:] - x[:-2], y[2:] - y[:-2]
    askew = (right * right - down * down) * pressure[7] + 2 * right * down * pressure[8]
    length = right * right + down * down + 1
    askew //= length
    # A pointed nib spreads under pressure, which writers apply in downstrokes.
    swell = flex * (down * np.abs(down)) // length
    radius = _times(core, ONE + _smooth(pressure[:7]) * 12 // 100 + askew * 8 // 100 + swell)
    return x, y, radius.clip(pen.PX // 2, pen.PX * 38 // 10), core
