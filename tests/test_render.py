"""Pixels: exactly the glyphs of the plan, composed by maximum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq.arrays import UInt8Array
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting.builtin import builtin
from digitseq.plan import Plan, make_plan
from digitseq.recipe import Recipe
from digitseq.render import render, to_float


def _slow(plan: Plan, row: int, digits: int, glyphs: GlyphSet) -> UInt8Array:
    """One image, pixel by pixel from whole tiles: an independent reading of the contract."""
    width = int(plan.widths_px[row])
    image = np.zeros((28, width), np.uint8)
    for j in range(digits):
        glyph = glyphs.arrays()[0][plan.rows[row, j], :28]  # `images` would draw all built-in digits
        corner = int(plan.left_px[row, j] - glyphs.ink_left[plan.rows[row, j]])
        for y, x in zip(*np.nonzero(glyph), strict=True):
            image[y, corner + x] = max(image[y, corner + x], glyph[y, x])
    return image


_recipes = st.builds(
    Recipe,
    sequences=st.lists(st.text("0123456789", min_size=1, max_size=6), min_size=1, max_size=6).map(tuple),
    spacing_range=st.tuples(st.integers(-30, 4), st.integers(0, 9)).map(lambda s: (s[0], s[0] + s[1])),
    image_width=st.none() | st.just(400),
    seed=st.integers(),
    spacing_from=st.sampled_from(["ink", "tile"]),
    align=st.sampled_from(["center", "left", "right", "random"]),
)


@given(_recipes)
def test_images_are_the_tiles_composed_by_maximum(solid: GlyphSet, recipe: Recipe) -> None:
    plan = make_plan(recipe, np.arange(len(recipe)), solid)
    images = render(plan)
    assert images.dtype == np.uint8
    assert images.shape == (len(recipe), 28, plan.widths_px.max())
    for row, sequence in enumerate(recipe.sequences):
        width = int(plan.widths_px[row])
        assert (images[row, :, :width] == _slow(plan, row, len(sequence), solid)).all()
        assert not images[row, :, width:].any()


@given(_recipes)
def test_invert_is_the_negative(solid: GlyphSet, recipe: Recipe) -> None:
    plan = make_plan(recipe, np.arange(len(recipe)), solid)
    assert (render(plan, invert=True) == 255 - render(plan)).all()


@given(_recipes)
def test_boxes_are_tight_on_the_ink_of_each_digit(solid: GlyphSet, recipe: Recipe) -> None:
    plan = make_plan(recipe, np.arange(len(recipe)), solid)
    images, boxes = render(plan), plan.boxes()
    for row, sequence in enumerate(recipe.sequences):
        for j in range(len(sequence)):
            x, y, w, h = boxes[row, j].tolist()
            ink = solid.images[plan.rows[row, j]]
            rows, columns = np.nonzero(ink.any(1))[0], np.nonzero(ink.any(0))[0]
            assert (y, h) == (rows[0], rows[-1] - rows[0] + 1)
            assert w == columns[-1] - columns[0] + 1
            crop = ink[y : y + h, columns[0] : columns[-1] + 1]
            assert (images[row, y : y + h, x : x + w] >= crop).all()


def test_the_blank_margin_of_a_glyph_never_hides_its_neighbour() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, :, 10:14] = 200  # wide blank margins at both sides, ink in the first and the last row
    images[1, :, 20:28] = 100
    glyphs = GlyphSet.from_arrays(images, np.array([0, 1]))
    recipe = Recipe(sequences=("0101",), spacing_range=(0, 0), image_width=None, seed=1)
    line = render(make_plan(recipe, np.array([0]), glyphs))[0]
    assert (line == np.repeat([200, 100, 200, 100], [4, 8, 4, 8])).all()


def test_floats_are_k_over_255_rounded_once() -> None:
    floats = to_float(np.arange(256, dtype=np.uint8)[None])
    assert floats.dtype == np.float32
    assert floats[0].tolist() == [float(np.float32(k) / np.float32(255)) for k in range(256)]


@pytest.mark.parametrize("width", [None, 300])
def test_the_built_in_glyphs_are_drawn_as_they_are_looked_at(width: int | None) -> None:
    recipe = Recipe(sequences=("9075",), spacing_range=(1, 4), image_width=width, seed=3)
    plan = make_plan(recipe, np.array([0]), builtin())
    assert (render(plan)[0] == _slow(plan, 0, 4, builtin())).all()


def test_ink_that_shares_one_column_is_composed_by_maximum() -> None:
    """Spacing −1: the smallest overlap there is."""
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 5, 10:14] = 200  # a bar that reaches the edges of its box …
    images[0, 9, 13] = 90  # … and a dot in its last column, where the next bar begins
    glyphs = GlyphSet.from_arrays(images, np.array([4]))
    recipe = Recipe(sequences=("44",), spacing_range=(-1, -1), image_width=None, seed=1)
    line = render(make_plan(recipe, np.array([0]), glyphs))[0]
    assert line.shape == (28, 7)
    assert (line[5] == 200).all()
    assert line[9].tolist() == [0, 0, 0, 90, 0, 0, 90]
