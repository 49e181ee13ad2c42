"""The built-in digits: a pure function of (style seed, digit, number), readable, never broken."""

import numpy as np
import pytest

from digitseq.arrays import UInt8Array
from digitseq.glyphs.strokes import PARTS, PER_DIGIT, StrokeGlyphs, builtin


@pytest.fixture(scope="module")
def sample() -> UInt8Array:
    """uint8 (10, 400, 28, 28): 400 glyphs of each digit."""
    glyphs = StrokeGlyphs(0)
    rows = np.array([[glyphs.rows(digit)[k * 20] for k in range(400)] for digit in range(10)])
    glyphs.prepare(rows.ravel())
    return glyphs._stored[rows, :28]


def test_a_glyph_does_not_depend_on_what_else_is_drawn() -> None:
    chance = np.random.default_rng(1)
    rows = chance.choice(80_000, 60, replace=False)
    together, alone = StrokeGlyphs(5), StrokeGlyphs(5)
    together.prepare(rows)
    for row in rows[:20]:
        alone.prepare(np.array([row]))
        assert (alone._stored[row] == together._stored[row]).all()
        for name in ("ink_left", "ink_width", "ink_top", "ink_height"):
            assert getattr(alone, name)[row] == getattr(together, name)[row]


def test_another_style_seed_is_another_world() -> None:
    rows = np.arange(0, 80_000, 4_000)
    worlds = [StrokeGlyphs(seed) for seed in (0, 1)]
    for world in worlds:
        world.prepare(rows)
    assert not (worlds[0]._stored[rows] == worlds[1]._stored[rows]).all(axis=(1, 2)).any()
    assert worlds[0].digest != worlds[1].digest


def test_splits_are_disjoint_and_of_the_stated_size() -> None:
    glyphs = builtin()
    seen: set[int] = set()
    for part, size in zip(PARTS, PER_DIGIT, strict=True):
        rows = {row for digit in range(10) for row in glyphs.choose(part).rows(digit)}
        assert len(rows) == 10 * size
        assert not rows & seen
        seen |= rows


def test_all_glyphs_of_the_sample_are_distinct(sample: UInt8Array) -> None:
    assert len({glyph.tobytes() for digit in sample for glyph in digit}) == sample.shape[0] * sample.shape[1]


def test_glyphs_keep_mnists_convention(sample: UInt8Array) -> None:
    """A 20×20 box filled in one direction, centre of mass in the middle, full ink somewhere."""
    flat = sample.reshape(-1, 28, 28)
    rows, columns = flat.any(2), flat.any(1)
    heights = 28 - rows[:, ::-1].argmax(1) - rows.argmax(1)
    widths = 28 - columns[:, ::-1].argmax(1) - columns.argmax(1)
    longer = np.maximum(heights, widths)
    assert longer.max() <= 20
    assert longer.min() >= 18
    assert (flat.max((1, 2)) == 255).all()
    mass = flat.sum((1, 2), dtype=np.int64)
    for axis in (1, 2):
        centre = (flat.sum(axis, dtype=np.int64) * np.arange(28)).sum(1) / mass
        assert np.abs(centre - 14).max() <= 1.01


def test_no_glyph_is_blank_or_a_blob(sample: UInt8Array) -> None:
    ink = sample.reshape(-1, 784).mean(1)
    assert ink.min() > 8  # MNIST's own range is about 10 to 115
    assert ink.max() < 110
