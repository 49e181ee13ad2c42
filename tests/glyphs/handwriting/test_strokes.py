"""Handwriting: a pure function of (style, style seed, digit, number), readable, never broken."""

import numpy as np
import pytest
from scipy.ndimage import label

from digitseq.arrays import AnyArray, FloatArray, IntArray, UInt8Array
from digitseq.glyphs.handwriting import strokes
from digitseq.glyphs.handwriting.allographs import allograph, weights
from digitseq.glyphs.handwriting.strokes import PER_HAND
from digitseq.glyphs.handwriting.styles import MODERN, STYLES, Style

_GAPS = {"casual": 0.002}  # maximum share of digits whose strokes do not all touch
_MANY = {"modern": 60_000, "copperplate": 12_000, "casual": 12_000}


def draw(style_seed: int, digits: IntArray, numbers: IntArray, style: Style = MODERN) -> UInt8Array:
    return strokes.draw(style, style_seed, digits, numbers)


@pytest.fixture(scope="module", params=list(STYLES.values()), ids=list(STYLES))
def style(request: pytest.FixtureRequest) -> Style:
    chosen: Style = request.param
    return chosen


@pytest.fixture(scope="module")
def many(style: Style) -> UInt8Array:
    """uint8 (_MANY, 28, 28), digits 0 to 9 in turn."""
    numbers = np.arange(_MANY[style.name])
    return np.concatenate([draw(0, n % 10, n // 10, style) for n in np.split(numbers, 60)])


def test_a_glyph_does_not_depend_on_what_else_is_drawn() -> None:
    chance = np.random.default_rng(1)
    digits, numbers = chance.integers(0, 10, 300), chance.integers(0, 2**40, 300)
    together = draw(5, digits, numbers)
    backwards = draw(5, digits[::-1].copy(), numbers[::-1].copy())
    assert (backwards[::-1] == together).all()
    for k in range(0, 300, 7):
        assert (draw(5, digits[k : k + 1], numbers[k : k + 1])[0] == together[k]).all()


def test_another_style_seed_is_another_world() -> None:
    digits, numbers = np.arange(100) % 10, np.arange(100) // 10
    worlds = [draw(seed, digits, numbers) for seed in (0, 1, -1, 2**80)]
    worlds.append(draw(0, digits, numbers, STYLES["copperplate"]))
    for k, world in enumerate(worlds):
        for other in worlds[:k]:
            assert not (world == other).all((1, 2)).any()


@pytest.mark.parametrize("style", STYLES.values(), ids=list(STYLES))
def test_allographs_are_as_frequent_as_their_weights_say(style: Style) -> None:
    hands = 20_000
    numbers = np.arange(hands) * PER_HAND  # one glyph per writer, so the samples are independent
    for digit in range(10):
        found = strokes.allographs_of(style, 3, np.full(hands, digit), numbers)
        narrow = strokes.allographs_of(style, 3, np.full(99, digit, np.int32), numbers[:99].astype(np.int32))
        assert (narrow == found[:99]).all()
        share = weights(style.name, digit) / weights(style.name, digit).sum()
        deviation = np.sqrt(share * (1 - share) / hands)
        assert (np.abs(np.bincount(found, minlength=len(share)) / hands - share) < 5 * deviation).all()


def test_no_glyph_is_broken(many: UInt8Array, style: Style) -> None:
    """Each stroke is one piece of ink. Strokes touch, except for the flag of some 5s and rare gaps."""
    neighbours = np.zeros((3, 3, 3), np.int64)
    neighbours[1] = 1  # pixels that touch, corners included; not one glyph with the next
    for digit in range(10):
        glyphs = many[digit::10]
        labels, count = label(glyphs >= 64, neighbours)
        owner = np.zeros(count + 1, np.int64)
        owner[labels] = np.arange(len(glyphs))[:, None, None]
        pieces = np.bincount(owner[1:], minlength=len(glyphs))
        numbers = np.arange(len(glyphs))
        ways = strokes.allographs_of(style, 0, np.full(len(glyphs), digit), numbers)
        lifts = np.array([len(set(allograph(style.name, digit, way).first)) for way in range(ways.max() + 1)])
        assert pieces.min() == 1
        assert (pieces <= lifts[ways]).all()
        if digit == 5 and style.name == "copperplate":
            assert pieces.max() == 2
        else:
            assert (pieces > 1).mean() <= _GAPS.get(style.name, 0)


def test_no_glyph_is_blank_or_a_blob(many: UInt8Array) -> None:
    ink = many.mean((1, 2))
    assert ink.min() > 5  # MNIST-train: 5.6 to 124
    assert ink.max() < 100
    assert (many.max((1, 2)) == 255).all()
    for digit in range(10):
        assert 15 < ink[digit::10].mean() < 47  # MNIST: 19 to 44


def test_no_glyph_is_clipped(many: UInt8Array) -> None:
    """MNIST's form: a 20×20 box that is just filled, and as near to the middle as the 28×28 allow."""
    rows, columns = many.any(2), many.any(1)
    heights = 28 - rows[:, ::-1].argmax(1) - rows.argmax(1)
    widths = 28 - columns[:, ::-1].argmax(1) - columns.argmax(1)
    longer = np.maximum(heights, widths)
    assert longer.max() == 20
    assert longer.min() >= 18
    assert widths.min() >= 2
    mass = many.sum((1, 2), dtype=np.int64)
    for axis in (1, 2):
        centre = (many.sum(axis, dtype=np.int64) * np.arange(28)).sum(1) / mass
        assert (np.abs(centre - 14) <= 1).mean() > 0.999
        assert np.abs(centre - 14).max() <= 2


def test_all_glyphs_are_distinct(many: UInt8Array) -> None:
    assert len({glyph.tobytes() for glyph in many}) == len(many)


def test_one_hand_writes_alike(many: UInt8Array) -> None:
    """Ink and slant differ more between hands than by chance, and less than all within one."""
    for measured in (many.mean((1, 2)), _slants(many)):
        assert 0.25 < _share_of_hands(measured) < 0.75  # in MNIST 0.54 to 0.59 for slant, 0.38 for ink


def test_one_hand_keeps_one_pen(many: UInt8Array, style: Style) -> None:
    """In `copperplate`, a writer's stroke width is as consistent as in MNIST."""
    least = {"copperplate": 0.6}.get(style.name, 0.35)  # in MNIST 0.65
    assert _share_of_hands(_widths(many[:12_000])) > least


def _share_of_hands(measured: AnyArray) -> float:
    """Return the share of the variance between writers, averaged over the digits; glyph k is a k % 10."""
    share = []
    for digit in range(10):
        hands = measured[digit::10].reshape(-1, PER_HAND)  # glyph k of a digit is by writer k // PER_HAND
        within = hands.var(1, ddof=1).mean()
        share.append(1 - within / measured[digit::10].var())
    return float(np.mean(share))


def _widths(glyphs: UInt8Array) -> FloatArray:
    """Return the approximate stroke width of each glyph, px: twice the area of its ink by its outline."""
    ink = np.pad(glyphs / 255, ((0, 0), (1, 1), (1, 1)))
    across, down = np.diff(ink, axis=2)[:, 1:], np.diff(ink, axis=1)[:, :, 1:]
    widths: FloatArray = 2 * ink.sum((1, 2)) / np.hypot(across, down).sum((1, 2))
    return widths


def _slants(glyphs: UInt8Array) -> FloatArray:
    ink = glyphs.astype(float)
    mass = ink.sum((1, 2))
    x, y = np.arange(28)[None, None, :], np.arange(28)[None, :, None]
    x = x - ((ink * x).sum((1, 2)) / mass)[:, None, None]
    y = y - ((ink * y).sum((1, 2)) / mass)[:, None, None]
    slants: FloatArray = (ink * x * y).sum((1, 2)) / (ink * y * y).sum((1, 2))
    return slants
