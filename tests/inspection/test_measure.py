"""What pixels tell of spacing is what the recipe drew, to the pixel."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitseq import Recipe, draw, inspect_dataset, make_recipe, streams, write_dataset
from digitseq.augment.sampler import Sampler
from digitseq.batches import draw_batches
from digitseq.errors import ArgumentError, FormatError, SourceError, SourceWarning
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting.builtin import builtin
from digitseq.inspection.measure_batch import measure_batch
from digitseq.inspection.measure_gaps import Seen, column_gaps, contour_gaps, ink_columns
from digitseq.inspection.open_images import open_recipe
from digitseq.inspection.recipe_promises import promise
from digitseq.plan import make_plan
from digitseq.render import render


def _recipe(**changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        "length": (3, 5), "count": 300, "spacing_range": (0, 6), "image_width": 180, "seed": 4,
        "source": "builtin",
    }  # fmt: skip
    return make_recipe(**settings | changes)


def test_gaps_are_counted_between_columns_of_ink() -> None:
    image = np.zeros((1, 4, 12), np.uint8)
    image[0, 1, [0, 1, 4, 5, 9]] = 1  # the second digit has a blank column inside: 4, 5 and 9 are one and one
    boxes = np.array([[0, 1, 2, 1], [4, 1, 2, 1], [9, 1, 1, 1]])
    before, after = ink_columns(image)
    assert before[0].tolist() == [-1, 0, 1, 1, 1, 4, 5, 5, 5, 5, 9, 9, 9]
    assert after[0].tolist() == [0, 1, 4, 4, 4, 5, 9, 9, 9, 9, 12, 12, 12]
    assert column_gaps(before, after, np.zeros(2, int), boxes[:-1], boxes[1:]).px.tolist() == [2, 3]
    image[0, 1, 7] = 1  # ink where the boxes say that there is none
    before, after = ink_columns(image)
    assert column_gaps(before, after, np.zeros(2, int), boxes[:-1], boxes[1:]).px.tolist() == [2, 1]
    shared = np.array([[0, 1, 6, 1]])
    assert column_gaps(before, after, np.zeros(1, int), shared, boxes[1:2]).seen.tolist() == [Seen.UNSEEN]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"invert": True},
        {"image_width": None},
        {"align": "random", "spacing_range": (1, 1)},
        {
            "augment": {"rotate": 10, "slant": 20, "blur": 1, "contrast": 0.3, "thickness": 0.5},
            "image_width": 200,
        },
        {"augment": {"negative": 0.5}},
        {"augment": {"noise": (5, 30), "chance": 0.5}},
    ],
)
def test_measured_gaps_are_the_drawn_ones(changes: dict[str, Any]) -> None:
    report = inspect_dataset(_recipe(**changes))
    table = report.table
    told = table.seen != Seen.UNSEEN
    assert told.any()
    assert (table.seen_px[told] == table.drawn_px[told]).all()
    assert report.faults == report.spacing.different == 0
    noisy = "noise" in str(changes)
    between = table.is_drawn
    assert (told == between).all() or noisy
    if noisy:  # half of the images have no clean paper, and the strengths say which
        assert (told[between] == (table.strengths["noise"] == 0)[table.image[between]]).all()


def test_gaps_of_solid_glyphs_with_blank_columns_inside_are_not_taken_for_spacing(solid: GlyphSet) -> None:
    report = inspect_dataset(_recipe(source="mnist"), source=solid)
    table = report.table
    between = table.is_drawn
    assert (table.seen_px[between] == table.drawn_px[between]).all()


def test_a_source_that_the_images_were_not_made_from_is_reported(
    tmp_path: Path, in_folder: Path, solid: GlyphSet
) -> None:
    write_dataset(_recipe(count=3), "out", source=solid, workers=1)
    next(draw(_recipe(count=1), solid)).save("one.png")
    Path("recipe").mkdir()
    Path("recipe/dataset.json").write_bytes(Path("out/dataset.json").read_bytes())
    for path in ("out", "out/images/000/000001.png", "one.png", "recipe/dataset.json"):
        assert inspect_dataset(path, source=solid).faults == 0
        told = (
            "drawn from 'builtin', whose"
            if path.startswith("recipe")
            else "not made from the glyphs of 'built"
        )
        with pytest.warns(SourceWarning, match=told):
            inspect_dataset(path, source="builtin")
        for wrong, error in (("no such file", SourceError), ("mnist=0+builtin", ArgumentError)):
            with pytest.raises(error):
                inspect_dataset(path, source=wrong)
    with pytest.raises(FormatError, match="no such"):
        inspect_dataset("no such path", source="neither")
    Path("out/dataset.json").unlink()
    with pytest.warns(SourceWarning, match="out does not record which glyphs it was made from"):
        inspect_dataset("out", source=solid)


def test_negative_spacing_is_told_where_digits_share_no_columns() -> None:
    report = inspect_dataset(_recipe(spacing_range=(-3, 3)))
    table = report.table
    between = table.is_drawn
    told = table.seen != Seen.UNSEEN
    assert (told[between] == (table.drawn_px[between] >= 0)).all()
    assert (table.seen_px[told] == table.drawn_px[told]).all()
    assert report.spacing.unseen == (between & ~told).sum()


def test_spacing_between_tiles_is_seen_with_its_padding() -> None:
    report = inspect_dataset(_recipe(spacing_from="tile", image_width=200, spacing_range=(0, 3)))
    table = report.table
    between = table.is_drawn
    padding = table.seen_px[between] - table.drawn_px[between]
    assert padding.min() >= 0
    assert 5 < padding.mean() < 20
    assert report.faults == 0


@pytest.mark.parametrize(("low", "high"), [(-3, 5), (1, 4)])
def test_contours_are_measured_as_they_are_drawn(low: int, high: int) -> None:
    report = inspect_dataset(_recipe(spacing_from="contour", spacing_range=(low, high), count=600))
    table = report.table
    between = table.is_drawn
    seen, drawn = table.seen[between], table.drawn_px[between]
    assert (seen == Seen.UNSEEN).mean() < 0.03
    told = seen == Seen.MEASURED
    assert (table.seen_px[between][told] == drawn[told]).all()
    assert (drawn[seen == Seen.TOUCHING] <= 0).all()
    assert told[drawn > 0].mean() > 0.99
    assert report.faults == 0


def test_a_loose_piece_of_ink_leaves_a_contour_untold() -> None:
    image = np.zeros((1, 9, 9), np.uint8)
    image[0, 0:3, 0:4] = 1  # the left digit, and under it …
    image[0, 6:9, 3:8] = 1  # … the right one, one column shared
    boxes, right = np.array([[0, 0, 4, 3]]), np.array([[3, 6, 5, 3]])
    assert contour_gaps(image, np.array([0]), boxes, right).px.tolist() == [-1]  # by columns
    image[0, 4, 3] = 1  # whose is this?
    assert contour_gaps(image, np.array([0]), boxes, right).seen.tolist() == [Seen.UNSEEN]
    image[0, 3:6, 3] = 1
    assert contour_gaps(image, np.array([0]), boxes, right).seen.tolist() == [Seen.TOUCHING]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"length": None, "pattern": "0#7#"},
        {"length": (1, 4), "unique": True, "index": 77},
        {"length": None, "sequences": ("3502", "1", "0042"), "count": 50},
        {"augment": "heavy", "image_width": 300, "invert": True},
    ],
)
def test_a_promise_without_glyphs_is_the_plan_with_glyphs(changes: dict[str, Any]) -> None:
    recipe = _recipe(**changes)
    numbers = np.arange(0, len(recipe), 3)
    plan = make_plan(recipe, numbers, builtin())
    wanted = promise(recipe, numbers)
    assert (wanted.gaps_px == plan.gaps_px).all()
    (batch,) = draw_batches(recipe, builtin(), numbers)
    assert wanted.labels == batch.labels
    images = render(plan, invert=recipe.invert)
    for row in range(len(numbers)):
        dark = 255 - images[row] if wanted.white[row] else images[row]
        paper = dark[:, : plan.widths_px[row]][:, -6:]  # the right margin, or ink on blank paper
        assert not wanted.clean[row] or (paper == 0).mean() > 0.3
    if recipe.settings is not None:
        assert 0.1 < wanted.clean.mean() < 0.5
        bare = make_plan(recipe.changed(augment=None), numbers, builtin())
        same = [(images[i] == render(bare, invert=True)[i]).all() for i in range(len(numbers))]
        assert (wanted.clean >= np.array(same)).all()
        spared = np.all([strength == 0 for strength in wanted.strengths.values()], axis=0)
        assert (spared == np.array(same)).all()


def test_strengths_are_means_over_the_digits_that_there_are() -> None:
    recipe = _recipe(length=(1, 5), augment={"rotate": 10}, image_width=200)
    numbers = np.arange(len(recipe))
    wanted = promise(recipe, numbers)
    starts = streams.image_starts(streams.seed_start(recipe.seed), numbers)
    assert recipe.settings is not None
    each = np.abs(Sampler(recipe.settings, starts).strengths("rotate", 5))
    for number, label in enumerate(wanted.labels):
        assert wanted.strengths["rotate"][number] == pytest.approx(each[number, : len(label)].mean())


def test_a_loose_piece_that_the_neighbour_took_leaves_a_contour_untold() -> None:
    image = np.zeros((1, 9, 16), np.uint8)
    image[0, 2:7, 0:5] = 1  # the left digit touches …
    image[0, 4, 5] = 1  # … a speck, where the box of the right one begins
    image[0, 2:7, 11:15] = 1
    boxes, right = np.array([[0, 2, 5, 5]]), np.array([[5, 2, 10, 5]])
    assert contour_gaps(image, np.array([0]), boxes, right).seen.tolist() == [Seen.TOUCHING]
    boxes = np.array([[0, 2, 6, 5]])  # now the column of the speck is both's, and it grows with the left one
    assert contour_gaps(image, np.array([0]), boxes, right).seen.tolist() == [Seen.UNSEEN]


def test_real_digits_that_touch_have_no_faults(with_mnist: Path) -> None:
    for settings in (
        {"writer": "same", "spacing_range": (-2, 0)},
        {"augment": "touching", "spacing_range": (-2, 4)},
    ):
        recipe = _recipe(
            length=(3, 6), count=1_500, source="mnist", image_width=None, spacing_from="contour", **settings
        )
        report = inspect_dataset(recipe)
        assert report.faults == 0, report.findings
        assert report.spacing.touching > 500


@pytest.mark.parametrize("spacing_from", ["ink", "contour"])
def test_measuring_depends_on_nothing_but_the_images(spacing_from: str) -> None:
    recipe = make_recipe(
        length=(1, 5), count=40, spacing_range=(-2, 4), image_width=None, seed=3, source="builtin",
        spacing_from=spacing_from, augment={"rotate": 9, "noise": 0.1},
    )  # fmt: skip
    rows = list(open_recipe(recipe, "recipe", lambda recipe: builtin()).splits[0].rows(None))
    looked = np.arange(40) % 3 > 0
    whole = measure_batch(rows, recipe, looked)
    again = [
        measure_batch(rows[place : place + 7], recipe, looked[place : place + 7]) for place in range(0, 40, 7)
    ]
    for name, column in whole.columns.items():
        pieces = [part.columns[name] + (7 * n if name == "image" else 0) for n, part in enumerate(again)]
        assert np.array_equal(np.concatenate(pieces), column), name
    assert [digest for part in again for digest in part.digests] == whole.digests
    assert not whole.problems
