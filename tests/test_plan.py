"""Plans: integers, the same for any order and batch, inside the promised bounds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq.arrays import count_values
from digitseq.errors import ArgumentError, WidthError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.labels import digit_matrix
from digitseq.plan import line_up, make_plan, required_width
from digitseq.recipe import MAX_WIDTH_PX, Recipe
from tests.evidence import assert_independent, assert_uniform


def _recipe(sequences: list[str], spacing: tuple[int, int] = (2, 8), **more: Any) -> Recipe:
    more = {"image_width": None, "seed": 1} | more
    return Recipe(sequences=tuple(sequences), spacing_range=spacing, **more)


_lines = st.lists(st.text("0123456789", min_size=1, max_size=6), min_size=1, max_size=8)
_spacings = st.tuples(st.integers(-25, 5), st.integers(0, 12)).map(lambda s: (s[0], s[0] + s[1]))


@given(_lines, _spacings, st.integers(), st.data())
def test_image_i_does_not_depend_on_order_or_batch(
    solid: GlyphSet, lines: list[str], spacing: tuple[int, int], seed: int, data: st.DataObject
) -> None:
    recipe = _recipe(lines, spacing, seed=seed, image_width=300, align="random")
    whole = make_plan(recipe, np.arange(len(lines)), solid)
    some = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=8))
    part = make_plan(recipe, np.array(some), solid)
    for row, index in enumerate(some):
        n = len(lines[index])
        for name in ("digits", "rows", "left_px"):
            assert getattr(part, name)[row, :n].tolist() == getattr(whole, name)[index, :n].tolist()
        assert part.gaps_px[row, : n - 1].tolist() == whole.gaps_px[index, : n - 1].tolist()


def test_the_index_is_the_place_in_the_seeds_stream(solid: GlyphSet) -> None:
    ten = make_plan(_recipe(["3502"] * 10), np.arange(10), solid)
    third = make_plan(_recipe(["3502"], index=3), np.array([0]), solid)
    assert third.rows.tolist() == ten.rows[3:4].tolist()
    assert third.gaps_px.tolist() == ten.gaps_px[3:4].tolist()
    assert ten.rows[3].tolist() != ten.rows[4].tolist()


@given(_spacings, st.integers(), st.text("0123456789", min_size=1, max_size=9))
def test_gaps_do_not_depend_on_width_or_layout(
    solid: GlyphSet, spacing: tuple[int, int], seed: int, line: str
) -> None:
    plans = [
        make_plan(_recipe([line], spacing, seed=seed, **layout), np.array([0]), solid)
        for layout in (
            {},
            {"image_width": 400},
            {"image_width": 999, "align": "random"},
            {"spacing_from": "tile", "invert": True},
        )
    ]
    assert len({str(plan.gaps_px.tolist()) for plan in plans}) == 1
    assert len({str(plan.rows.tolist()) for plan in plans}) == 1
    assert all(spacing[0] <= gap <= spacing[1] for gap in plans[0].gaps_px.ravel())


def test_gaps_are_uniform_and_reach_both_ends(solid: GlyphSet) -> None:
    plan = make_plan(_recipe(["3502"] * 6_000, (-3, 7)), np.arange(6_000), solid)
    assert [int(plan.gaps_px.min()), int(plan.gaps_px.max())] == [-3, 7]
    for position in range(3):
        assert_uniform(plan.gaps_px[:, position] + 3, 11)


def test_gaps_are_independent_of_each_other_and_of_the_glyphs(solid: GlyphSet) -> None:
    plan = make_plan(_recipe(["3502"] * 10_000, (0, 6)), np.arange(10_000), solid)
    gaps, glyph = plan.gaps_px, plan.rows - solid.starts[plan.digits]
    assert_independent(gaps[:, 0], gaps[:, 1], 7)
    assert_independent(gaps[:, 1], gaps[:, 2], 7)
    assert_independent(gaps[:-1, 0], gaps[1:, 0], 7)
    assert_independent(gaps[:, 0], glyph[:, 0] % 7, 7)
    assert_independent(glyph[:, 0] % 7, glyph[:, 1] % 7, 7)


def test_glyphs_are_uniform_over_their_digit(solid: GlyphSet) -> None:
    plan = make_plan(_recipe(["73"] * 5_000), np.arange(5_000), solid)
    for position, digit in enumerate((7, 3)):
        rows = plan.rows[:, position]
        assert set(rows.tolist()) == set(solid.rows(digit))
        assert_uniform(rows - solid.rows(digit).start, len(solid.rows(digit)))


def test_random_alignment_is_uniform_over_the_surplus(solid: GlyphSet) -> None:
    recipe = _recipe(["1"] * 20_000, image_width=40, align="random")
    plan = make_plan(recipe, np.arange(20_000), solid)
    width = solid.ink_width[plan.rows[:, 0]]
    narrow = width == count_values(width).argmax()
    assert_uniform(plan.left_px[narrow, 0], int(40 - width[narrow][0] + 1))


@given(
    st.lists(st.integers(1, 28), min_size=1, max_size=8),
    st.data(),
)
def test_left_edges_always_increase_and_gaps_are_kept_where_they_can_be(
    widths: list[int], data: st.DataObject
) -> None:
    gaps = data.draw(st.lists(st.integers(-40, 40), min_size=len(widths) - 1, max_size=len(widths) - 1))
    left, extent = line_up(np.array([widths]), np.array([gaps], np.int64).reshape(1, -1))
    edges = left[0].tolist()
    assert edges[0] == 0
    for j, gap in enumerate(gaps):
        assert edges[j + 1] == max(edges[j] + widths[j] + gap, edges[j] + 1)
    assert extent[0] == max(e + w for e, w in zip(edges, widths, strict=True))


@given(st.text("0123456789", min_size=1, max_size=7), _spacings, st.sampled_from(["ink", "tile"]))
def test_the_required_width_is_the_worst_that_can_be_drawn(
    solid: GlyphSet, line: str, spacing: tuple[int, int], spacing_from: str
) -> None:
    required = int(required_width(*digit_matrix([line]), spacing[1], spacing_from == "tile", solid)[0])
    drawn = make_plan(_recipe([line] * 40, spacing, spacing_from=spacing_from), np.arange(40), solid)
    assert drawn.widths_px.max() <= required
    fits = _recipe([line] * 40, spacing, spacing_from=spacing_from, image_width=required)
    make_plan(fits, np.arange(40), solid)
    for seed in range(5):  # one px less is refused whatever the seed: decided by the arguments alone
        tight = _recipe([line], spacing, spacing_from=spacing_from, image_width=required - 1 or 1, seed=seed)
        if required > 1:
            with pytest.raises(WidthError) as caught:
                make_plan(tight, np.array([0]), solid)
            assert caught.value.required_px == required
            assert str(required) in str(caught.value)


def test_the_worst_case_is_reached(solid: GlyphSet) -> None:
    line = "11"
    plan = make_plan(_recipe([line] * 30_000, (0, 3)), np.arange(30_000), solid)
    assert plan.widths_px.max() == required_width(*digit_matrix([line]), 3, False, solid)[0]


def test_a_natural_width_has_an_upper_bound_too(solid: GlyphSet) -> None:
    with pytest.raises(WidthError, match=str(MAX_WIDTH_PX)):
        make_plan(_recipe(["11"], (0, MAX_WIDTH_PX)), np.array([0]), solid)


def test_what_fits_does_not_depend_on_the_split() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 5, :20] = 255
    images[1, 5, :3] = 255
    glyphs = GlyphSet.from_arrays(
        images, np.array([7, 7]), split_of=np.array([0, 1]), splits=("train", "test"), name="two"
    )
    for split in ("train", "test", "all"):
        with pytest.raises(WidthError, match="20 px"):
            make_plan(_recipe(["7"], image_width=19), np.array([0]), glyphs.choose(split))


def test_a_digit_that_the_source_lacks_is_named() -> None:
    glyphs = GlyphSet.from_arrays(np.full((1, 28, 28), 9, np.uint8), np.array([4]), name="fours")
    with pytest.raises(ArgumentError, match="'fours' has no glyph of the digit 2 in its split 'all'"):
        make_plan(_recipe(["42", "4"]), np.arange(2), glyphs)


@given(
    _lines,
    _spacings,
    st.sampled_from(["ink", "tile"]),
    st.sampled_from(["center", "left", "right", "random"]),
)
def test_lines_stand_inside_the_image_and_where_they_are_aligned(
    solid: GlyphSet, lines: list[str], spacing: tuple[int, int], spacing_from: str, align: str
) -> None:
    width = int(required_width(*digit_matrix(lines), spacing[1], spacing_from == "tile", solid).max()) + 13
    recipe = _recipe(lines, spacing, spacing_from=spacing_from, align=align, image_width=width)
    plan = make_plan(recipe, np.arange(len(lines)), solid)
    for row, line in enumerate(lines):
        n = len(line)
        ink = solid.ink_width[plan.rows[row, :n]]
        left, right = plan.left_px[row, :n].min(), (plan.left_px[row, :n] + ink).max()
        assert 0 <= left < right <= width
        if spacing_from == "ink":
            margin = {"left": left == 0, "right": right == width, "center": abs(left - (width - right)) <= 1}
            assert margin.get(align, True)
