"""The warp: what bilinear sampling with floats would give, to 1/16 px."""

import numpy as np
import pytest

from digitseq.arrays import AnyArray, IntArray
from digitseq.augment.digit_effects import _circle, sine_cosine
from digitseq.augment.effects import ONE
from digitseq.augment.warp import GRID, _smooth, warp
from digitseq.glyphs.handwriting.builtin import builtin


def _slow(tile: AnyArray, inverse: AnyArray, source: AnyArray, target: AnyArray) -> AnyArray:
    """One tile through a map, in floats: inverse (2, 2), source and target (2,) in px from the middle."""
    seen = np.zeros((28, 28))
    padded = np.pad(tile.astype(float), 30)
    for y in range(28):
        for x in range(28):
            at = inverse @ (np.array([x - 13.5, y - 13.5]) - target) + source + 13.5 + 30
            at = np.clip(at, 0, 86)
            column, row = at.astype(int)
            u, v = at - (column, row)
            block = padded[row : row + 2, column : column + 2]
            seen[y, x] = np.array([1 - v, v]) @ block @ np.array([1 - u, u])
    return seen


def test_it_is_the_map_that_floats_would_follow() -> None:
    chance = np.random.default_rng(7)
    glyphs = builtin()
    rows = chance.choice(60_000, 40)
    glyphs.prepare(rows)
    tiles = glyphs.pictures(rows)
    inverse = (np.eye(2)[..., None] + chance.uniform(-0.4, 0.4, (2, 2, 40))) * ONE
    source, target = (chance.uniform(-3, 3, (2, 40)) * 2 * ONE for _ in range(2))
    found = np.empty((40, 28, 28), np.uint8)
    as_int: list[IntArray] = [array.astype(np.int64) for array in (inverse, source, target)]
    warp(tiles, as_int[0], as_int[1], as_int[2], None, found)
    for k in range(40):
        expected = _slow(
            tiles[k],
            as_int[0][:, :, k] / ONE,
            as_int[1][:, k] / (2 * ONE),
            as_int[2][:, k] / (2 * ONE),
        )
        difference = np.abs(found[k] - expected)
        assert difference.max() <= 255 / 16 * 2 + 2  # two axes, each to 1/16 px
        assert difference.mean() < 2


def test_nothing_is_moved_by_the_identity() -> None:
    tiles = np.random.default_rng(1).integers(0, 256, (70, 28, 28), np.uint8)
    eye = np.broadcast_to((np.eye(2, dtype=np.int64) * ONE)[..., None], (2, 2, 70))
    for place in (np.zeros((2, 70), np.int64), np.full((2, 70), 12_345)):
        out = np.empty_like(tiles)
        warp(tiles, eye, place, place, np.zeros((70, 2, GRID, GRID), np.int64), out)
        assert (out == tiles).all()


def test_an_elastic_distortion_has_the_strength_that_it_is_said_to_have() -> None:
    """Root mean square of the shifts along an axis, in px, and smooth."""
    from digitseq import streams

    starts = streams.image_starts(streams.seed_start(1), np.arange(4_000))
    grid = streams.bells(streams.words(starts, streams.addresses(0, GRID * GRID)))
    shifts = _smooth(grid.reshape(-1, GRID, GRID) * 100 // 55) / ONE
    assert np.sqrt((shifts**2).mean()) == pytest.approx(1, abs=0.05)
    assert np.abs(np.diff(shifts)).mean() < 0.2


def test_sines_are_exact() -> None:
    degrees = np.arange(-50 * ONE, 50 * ONE + 1, 97)
    sine, cosine = sine_cosine(degrees)
    angle = np.radians(degrees / ONE)
    assert np.abs(sine - np.sin(angle) * ONE).max() <= 1
    assert np.abs(cosine - np.cos(angle) * ONE).max() <= 1
    assert np.abs(_circle() - np.sin(np.arange(64) / 64 * 2 * np.pi) * ONE).max() <= 1.5


def test_what_is_moved_leaves_nothing_behind() -> None:
    """Beyond the tile there is no ink: a picture that fills it, moved inwards, has blank edges."""
    tiles = np.full((4, 28, 28), 255, np.uint8)
    eye = np.broadcast_to((np.eye(2, dtype=np.int64) * ONE)[..., None], (2, 2, 4))
    target = np.array([[6, -6, 0, 0], [0, 0, 6, -6]]) * 2 * ONE
    out = np.empty_like(tiles)
    warp(tiles, eye, np.zeros((2, 4), np.int64), target, None, out)
    for picture in (out[0][:, :6], out[1][:, -6:], out[2][:6], out[3][-6:]):
        assert not picture.any()
    assert (out == 255).sum() == 4 * 28 * 22
