"""Spacing between contours: exactly the nearest that two inks come, rows beside each other included."""

import numpy as np
import pytest

from digitseq.api import make_recipe
from digitseq.arrays import UInt8Array
from digitseq.glyphs.handwriting.builtin import builtin
from digitseq.plan import make_plan
from digitseq.render import render


def _nearest(left: UInt8Array, right: UInt8Array, x_left: int, x_right: int) -> int:
    """Return the smallest gap between two digits in px; rows are compared with their neighbours too."""
    ends = [x_left + int(np.flatnonzero(row)[-1]) if row.any() else -1_000 for row in left]
    starts = [x_right + int(np.flatnonzero(row)[0]) if row.any() else 1_000 for row in right]
    return min(start - end - 1 for y, end in enumerate(ends) for start in starts[max(y - 1, 0) : y + 2])


@pytest.mark.parametrize("augment", [None, "heavy"])
def test_the_gap_is_what_a_slow_search_finds(augment: str | None) -> None:
    recipe = make_recipe(
        length=(2, 2), count=500, seed=3, spacing_range=(-3, 5), spacing_from="contour", augment=augment
    )
    plan = make_plan(recipe, np.arange(500), builtin())
    ink = plan.tiles.at_left_edge(plan.tile_rows)
    exact = 0
    for k in range(500):
        a, b = ink[k]
        x_a, x_b = plan.left_px[k].tolist()
        gap = int(plan.gaps_px[k, 0])
        found = _nearest(a, b, x_a, x_b)
        if x_b - x_a > 1:  # else clamped, so that left edges increase
            assert found == gap
            exact += 1
    assert exact > 490


def test_zero_touches_and_one_does_not() -> None:
    from scipy.ndimage import label

    for gap, pieces in ((0, 1), (1, 2)):
        recipe = make_recipe(
            length=(2, 2),
            count=300,
            seed=4,
            spacing_range=(gap, gap),
            spacing_from="contour",
            source="builtin",
        )
        plan = make_plan(recipe, np.arange(300), builtin())
        for image in render(plan):
            assert label(image > 0, np.ones((3, 3)))[1] == pieces


def test_a_digit_may_stand_under_the_arm_of_the_one_before() -> None:
    recipe = make_recipe(["74"] * 500, (0, 0), None, seed=1, spacing_from="contour", source="builtin")
    plan = make_plan(recipe, np.arange(500), builtin())
    x, _, w, _ = np.moveaxis(plan.boxes(), -1, 0)
    assert ((x[:, 1] - x[:, 0] - w[:, 0]) < 0).mean() > 0.5
    assert (np.diff(plan.left_px) > 0).all()


def test_digits_without_a_row_in_common_keep_their_columns() -> None:
    from digitseq.glyphs.glyphset import GlyphSet

    high, low = np.zeros((2, 28, 28), np.uint8)
    high[2:8, 5:15], low[20:26, 9:14] = 255, 255
    glyphs = GlyphSet.from_arrays(np.stack([high, low]), np.array([0, 1]))
    plan = make_plan(make_recipe(["01"], (3, 3), None, seed=1, spacing_from="contour"), np.array([0]), glyphs)
    assert plan.left_px.tolist() == [[0, 13]]
