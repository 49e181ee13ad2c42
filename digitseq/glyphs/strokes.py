"""
Built-in handwriting: pen strokes drawn in fixed point; no files, no network.

Glyph k of digit d is a pure function of (style seed, d, k): the pen paths of one allograph
(`strokes_data`), their control points moved a little, then scale, slant, rotation and pen width, then
coverage of the pixels. Everything from control points to pixels is integer arithmetic, so the pictures
are the same on every platform. Glyphs are drawn when they are first needed.
"""

from functools import lru_cache
from hashlib import sha256
from math import isqrt

import numpy as np

from digitseq import streams
from digitseq.arrays import IntArray, UInt8Array, UInt64Array
from digitseq.glyphs.glyphset import SIDE, GlyphSet, measure_ink
from digitseq.glyphs.strokes_data import ALLOGRAPHS

NAME = "builtin"
PARTS = ("train", "validation", "test")
PER_DIGIT = (6_000, 1_000, 1_000)
"""Distinct glyphs of each digit in train, validation and test: 80,000 in all."""

_VERSION = 1  # of the drawing; part of the digest
_BOX = 20  # px: MNIST's digits fill a 20×20 box, centre of mass in the middle of 28×28
_UNIT = 64  # fixed-point units a px while a glyph is shaped …
_FINE = 16  # … and while its pixels are covered
_STEPS = 8  # points on each spline segment
_CHUNK = 512  # glyphs drawn at once: bounds memory
_REACH = 5 * _FINE  # farther from the pen than this, a pixel has no ink


class StrokeGlyphs(GlyphSet):
    """The built-in glyphs, each drawn when it is first prepared."""

    def __init__(self, style_seed: int) -> None:
        rows = 10 * sum(PER_DIGIT)
        ends = np.cumsum([0, *PER_DIGIT])
        bounds = np.arange(10)[:, None] * sum(PER_DIGIT) + ends
        identity = f"digitseq strokes {_VERSION} {style_seed} {PER_DIGIT} {ALLOGRAPHS}"
        super().__init__(
            np.zeros((rows, SIDE + 1, SIDE), np.uint8),  # memory is taken only where glyphs are drawn
            np.zeros((4, rows), np.uint8),
            bounds,
            np.arange(rows),
            name=NAME,
            digest=sha256(identity.encode()).hexdigest(),
            parts=PARTS,
        )
        self.widest_ink = np.full(10, _BOX)  # by construction, so that nothing need be drawn to know it
        self._start = streams.seed_start(style_seed, "digitseq/strokes/1")
        self._drawn = np.zeros(rows, np.bool_)

    def prepare(self, rows: IntArray) -> None:
        """Draw those of these rows that are not there yet."""
        missing = np.unique(rows[~self._drawn[rows]])
        for digit in np.unique(missing // sum(PER_DIGIT)).tolist():
            of_digit = missing[missing // sum(PER_DIGIT) == digit]
            for first in range(0, len(of_digit), _CHUNK):
                chunk = of_digit[first : first + _CHUNK]
                glyphs = draw(int(digit), streams.image_starts(self._start, chunk))
                self._stored[chunk, :SIDE] = glyphs
                measured = measure_ink(glyphs)
                for target, values in zip(
                    (self.ink_left, self.ink_width, self.ink_top, self.ink_height), measured, strict=True
                ):
                    target[chunk] = values
                self._drawn[chunk] = True


@lru_cache(maxsize=4)
def builtin(style_seed: int = 0) -> StrokeGlyphs:
    """
    The built-in handwriting.

    Args:
        style_seed: another number is another world of handwriting.

    >>> glyphs = builtin()
    >>> glyphs.prepare(np.array([0]))
    >>> bool(glyphs.at_left_edge(np.array([0])).any())
    True
    """
    return StrokeGlyphs(style_seed)


# --- Drawing --------------------------------------------------------------------------------------------


def draw(digit: int, starts: UInt64Array) -> UInt8Array:
    """
    Glyphs of one digit.

    Args:
        digit: 0–9.
        starts: uint64 (n,), the start of each glyph's own stream.

    Returns:
        uint8 (n, 28, 28).
    """
    allographs, weights = _digit(digit)
    drawn = np.zeros((len(starts), SIDE, SIDE), np.uint8)
    word = streams.words(starts, streams.addresses(0, 1))[:, 0]
    choice = np.searchsorted(weights, streams.below(word, weights[-1:].astype(np.uint64)), side="right")
    for index in np.unique(choice).tolist():
        chosen = np.flatnonzero(choice == index)
        drawn[chosen] = _draw_allograph(allographs[index], starts[chosen])
    return drawn


def _draw_allograph(allograph: "list[IntArray]", starts: UInt64Array) -> UInt8Array:
    points = sum(map(len, allograph))
    noise = _bell(starts, 1, 2 * points + 8)  # (n, …) in about [-1024, 1024], a bell around 0
    moves = noise[:, 8:].reshape(len(starts), points, 2) * 5 * _UNIT // 1024 // 2
    path, first = [], 0
    for stroke in allograph:
        control = stroke * _UNIT + moves[:, first : first + len(stroke)]
        path.append(_spline(control))
        first += len(stroke)
    x, y = np.moveaxis(np.concatenate(path, axis=1), -1, 0)  # (n, points on the path)
    x, y = x - 50 * _UNIT, y - 50 * _UNIT
    y += y * noise[:, :1] // 1024 * x // (2000 * _UNIT)  # one end of the digit larger than the other
    x = x * (1024 + noise[:, 1:2] // 5) // 1024  # narrow or wide
    x -= y * (140 + noise[:, 2:3] // 3) // 1024  # slant
    turn = noise[:, 3:4] // 8  # a small rotation by two shears
    x, y = x - y * turn // 1024, y + x * turn // 1024
    pen = (2 * _FINE * (1024 + noise[:, 4] // 2) // 1024 * 5 // 8).clip(_FINE * 3 // 4, 2 * _FINE)  # radius
    return _centre(_cover(*_fit(x, y, pen), pen))


def _bell(starts: UInt64Array, purpose: int, count: int) -> IntArray:
    """(n, count) integers in [-1024, 1024]: a sum of four uniforms, standard deviation about 296 · √3."""
    words = streams.words(starts, streams.addresses(purpose, count))
    total = np.zeros(words.shape, np.int64)
    for shift in (0, 16, 32, 48):
        total += ((words >> np.uint64(shift)) & np.uint64(1023)).astype(np.int64)
    return (total - 2046) // 2


def _spline(control: IntArray) -> IntArray:
    """Catmull–Rom curves through (n, points, 2): (n, more points, 2)."""
    before = 2 * control[:, :1] - control[:, 1:2]
    after = 2 * control[:, -1:] - control[:, -2:-1]
    c = np.concatenate([before, control, after], axis=1)
    p0, p1, p2, p3 = c[:, :-3, None], c[:, 1:-2, None], c[:, 2:-1, None], c[:, 3:, None]
    t = np.arange(_STEPS)[:, None]
    one = _STEPS
    curve = (
        2 * p1 * one**3
        + (p2 - p0) * t * one**2
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 * one
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    ) // (2 * one**3)
    return np.concatenate([curve.reshape(len(control), -1, 2), control[:, -1:]], axis=1)


def _fit(x: IntArray, y: IntArray, pen: IntArray) -> tuple[IntArray, IntArray]:
    """Paths scaled so that the ink just fits the box, in its middle: (n, points), in 1/_FINE px."""
    low_x, low_y = x.min(1, keepdims=True), y.min(1, keepdims=True)
    wide, high = x.max(1, keepdims=True) - low_x, y.max(1, keepdims=True) - low_y
    room = (_BOX * _FINE - 2 * pen)[:, None] - _FINE  # half a px of soft edge at either side
    longer = np.maximum(np.maximum(wide, high), 1)
    middle = _BOX * _FINE
    return (
        (x - low_x) * room // longer + (middle - wide * room // longer) // 2,
        (y - low_y) * room // longer + (middle - high * room // longer) // 2,
    )


def _cover(x: IntArray, y: IntArray, pen: IntArray) -> UInt8Array:
    """How much of each pixel of the box the pen covers: uint8 (n, 20, 20)."""
    centres = np.arange(_BOX) * _FINE + _FINE // 2
    across = ((x[:, :, None] - centres) ** 2).astype(np.int32)  # (n, points, columns)
    down = ((y[:, :, None] - centres) ** 2).astype(np.int32)  # (n, points, rows)
    nearest = np.full((len(x), _BOX, _BOX), _REACH**2, np.int32)
    for point in range(x.shape[1]):
        np.minimum(nearest, down[:, point, :, None] + across[:, point, None, :], out=nearest)
    distance = _roots()[nearest]
    edge = pen[:, None, None] + _FINE // 2 - distance
    return (edge.clip(0, _FINE) * 255 // _FINE).astype(np.uint8)


def _centre(box: UInt8Array) -> UInt8Array:
    """Boxes set down with their centre of mass in the middle: uint8 (n, 28, 28)."""
    glyphs = np.zeros((len(box), SIDE, SIDE), np.uint8)
    mass = box.sum((1, 2), dtype=np.int64)
    steps = np.arange(_BOX)
    corner = []
    for axis in (2, 1):  # rows, then columns
        moment = (box.sum(axis, dtype=np.int64) * steps).sum(1)
        corner.append((SIDE // 2 - (2 * moment + mass) // (2 * mass)).clip(0, SIDE - _BOX)[:, None] + steps)
    every = np.arange(len(box))[:, None, None]
    glyphs[every, corner[0][:, :, None], corner[1][:, None, :]] = box
    return glyphs


@lru_cache(maxsize=1)
def _roots() -> IntArray:
    """Square roots of 0 to _REACH², rounded down."""
    return np.array([isqrt(square) for square in range(_REACH**2 + 1)])


@lru_cache(maxsize=10)
def _digit(digit: int) -> "tuple[list[list[IntArray]], IntArray]":
    """The allographs of a digit as lists of strokes (points, 2), and their cumulated weights."""
    strokes = [
        [
            np.array([[int(v) for v in point.split(",")] for point in stroke.split()])
            for stroke in path.split("|")
        ]
        for _, path in ALLOGRAPHS[digit]
    ]
    return strokes, np.cumsum([weight for weight, _ in ALLOGRAPHS[digit]])
