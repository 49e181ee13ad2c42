"""The pen paths: every one can be read, fits the others of its kind, and becomes an exact spline."""

import numpy as np
import pytest

from digitseq.glyphs.handwriting.allographs import (
    ONE,
    POINTS,
    Allograph,
    allograph,
    entries,
    parse,
    text,
    weights,
)
from digitseq.glyphs.handwriting.styles import STYLES

EVERY = [
    (style, digit, index)
    for style in STYLES
    for digit in range(10)
    for index in range(len(weights(style, digit)))
]


def _variants(style: str) -> list[tuple[str, list[str]]]:
    every = [entry for of_digit in entries(style) for entry in of_digit]
    return [(" ".join(head), [variant.strip() for variant in variants]) for head, variants in every]


@pytest.mark.parametrize("style", STYLES)
def test_the_variants_of_an_allograph_have_the_same_strokes_and_corners(style: str) -> None:
    for head, variants in _variants(style):
        shapes = {str((len(parse(path)[0]), parse(path)[1])) for path in variants}
        assert len(shapes) == 1, head


@pytest.mark.parametrize(("style", "least"), [("modern", 297), ("copperplate", 224), ("casual", 378)])
def test_no_variant_is_there_twice_and_each_digit_has_several_ways_to_write_it(
    style: str, least: int
) -> None:
    paths = [path for _, variants in _variants(style) for path in variants]
    assert len(paths) == len(set(paths))
    assert len(paths) >= least
    assert [digit for digit in range(10) if len(weights(style, digit)) < 4] == []


def test_an_allograph_without_paths_is_that_of_modern_with_another_weight() -> None:
    for digit in range(10):
        known = [allograph("modern", digit, index) for index in range(len(weights("modern", digit)))]
        ways = [allograph("casual", digit, index) for index in range(len(weights("casual", digit)))]
        assert [way.name for way in ways[: len(known)]] == [way.name for way in known]
        assert len(ways) > len(known)
        for way, original in zip(ways, known, strict=False):
            assert (way.controls == original.controls).all()
        assert 98 <= sum(way.weight for way in ways) <= 102
    assert text("modern") in text("casual")  # so a change to its paths changes the digest
    assert text("modern") not in text("copperplate")


@pytest.mark.parametrize(("style", "digit", "index"), EVERY)
def test_a_spline_has_all_its_points_and_passes_the_ends_and_corners(
    style: str, digit: int, index: int
) -> None:
    way: Allograph = allograph(style, digit, index)
    assert way.weight > 0
    assert way.basis.shape == (POINTS, way.controls.shape[2])
    assert (way.basis.sum(1) == ONE).all()  # so that moving all control points moves the path as much
    exact = np.flatnonzero((way.basis == ONE).any(1))
    for points in (np.unique(way.first), np.unique(way.last)):
        assert np.isin(points, exact).all()
    assert (way.first <= np.arange(POINTS)).all()
    assert (way.last >= np.arange(POINTS)).all()
    assert all(0 <= part < ONE // 4 for part in way.trim)


def test_points_lie_evenly_along_the_path() -> None:
    for style, digit, index in EVERY:
        way = allograph(style, digit, index)
        path = way.controls.mean(0) @ way.basis.T / ONE  # (2, POINTS)
        steps = np.hypot(*np.diff(path))[np.diff(way.first) == 0]
        # 0.12 of 10 px: no gaps between the dots of a pen
        assert steps.max() < 0.12 * ONE, f"{style} {digit} {way.name}"


def test_a_corner_parts_a_stroke_and_a_named_point_joins_two() -> None:
    points, strokes = parse("0,0 9,0* 9,9 / @1 5,5")
    assert points == [(0, 0), (9, 0), (9, 9), (5, 5)]
    assert strokes == [[[0, 1], [1, 2]], [[1, 3]]]
