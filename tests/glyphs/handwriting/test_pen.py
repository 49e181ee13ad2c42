"""The pen: coverage as it would be without fixed point, in MNIST's form."""

import numpy as np
import pytest

from digitseq.arrays import AnyArray, IntArray, UInt8Array
from digitseq.glyphs.handwriting import pen
from digitseq.glyphs.handwriting.styles import MODERN


def _path(points: int, *ends: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    (left, top), (right, bottom) = ends
    x, y = np.linspace(left, right, points), np.linspace(top, bottom, points)
    return x.astype(np.int64)[:, None], y.astype(np.int64)[:, None]


def _slow(x: AnyArray, y: AnyArray, radius: float) -> AnyArray:
    """Coverage (20, 20) of the box by a pen of one width, with floats and all distances; x, y in px."""
    centres = np.arange(20) + 0.5
    d: AnyArray = np.hypot(x[:, None, None] - centres, y[:, None, None] - centres[:, None]).min(0)
    coverage: AnyArray = (0.5 - (d - radius) * 5 / 6).clip(0, 1)
    coverage *= 255 / coverage.max()
    return coverage


def _write(x: IntArray, y: IntArray, radius_px: float) -> UInt8Array:
    radius = np.full(x.shape, int(radius_px * pen.PX))
    glyph: UInt8Array = pen.write(x, y, radius, radius[0], MODERN.edge)[0]
    return glyph


@pytest.mark.parametrize("radius", [0.6, 1.2, 2.5])
@pytest.mark.parametrize("ends", [(0, 0, 0, 20), (0, 0, 20, 20), (3, 0, 0, 20), (0, 7, 20, 0)])
def test_a_line_is_covered_as_it_would_be_with_floats(radius: float, ends: tuple[int, ...]) -> None:
    x, y = (axis * pen.PX for axis in _path(96, ends[:2], ends[2:]))
    glyph = _write(x, y, radius)
    fine = np.concatenate([x, y], 1) / pen.PX  # (points, 2)
    low, high = fine.min(0) - radius, fine.max(0) + radius
    scale = 20 / (high - low).max()
    fitted = (fine - (low + high) / 2) * scale + 10
    expected = _slow(fitted[:, 0], fitted[:, 1], radius * scale)
    rows, columns = np.flatnonzero(glyph.any(1)), np.flatnonzero(glyph.any(0))
    inked = expected > 4
    found = glyph[rows[0] : rows[0] + inked.any(1).sum(), columns[0] : columns[0] + inked.any(0).sum()]
    wanted = expected[inked.any(1)][:, inked.any(0)]
    assert np.abs(found[: len(wanted), : wanted.shape[1]] - wanted).max() <= 26  # a tenth: 1/16 px


def test_the_longer_side_is_twenty_pixels_and_the_mass_is_in_the_middle() -> None:
    x, y = _path(96, (0, 0), (30, 100))
    glyph = _write(x * 50, y * 50, 1.0)
    rows = np.flatnonzero(glyph.any(1))
    assert rows[-1] - rows[0] + 1 == 20
    mass = glyph.astype(float)
    for axis in (0, 1):
        centre = (mass.sum(axis) * np.arange(28)).sum() / mass.sum()
        assert abs(centre - 14) <= 0.5


def test_scale_and_unit_of_a_path_do_not_matter() -> None:
    x, y = _path(96, (0, 0), (40, 96))
    room = np.array([20 * pen.PX])
    first, second = pen.scale(x * 64, y * 64, room), pen.scale(x * 640 + 5, y * 640 - 7, room)
    assert np.abs(np.array(first) - np.array(second)).max() <= 1


def test_a_glyph_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    chance = np.random.default_rng(3)
    x, y = chance.integers(0, 4000, (2, 30, 7))
    radius = chance.integers(150, 700, (30, 7))
    core = np.full(7, 400)
    together = pen.write(x, y, radius, core, MODERN.edge)
    for k in range(7):
        one = slice(k, k + 1)
        assert (
            pen.write(x[:, one], y[:, one], radius[:, one], core[one], MODERN.edge)[0] == together[k]
        ).all()
