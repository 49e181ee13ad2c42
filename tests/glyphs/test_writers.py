"""One hand: every image by one writer, every writer drawn, none in two splits."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq.api import draw, load_glyphs, make_recipe
from digitseq.errors import ArgumentError, SourceError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting.builtin import builtin
from digitseq.glyphs.writers import writers_of
from digitseq.plan import make_plan
from digitseq.recipe import Recipe
from tests.evidence import assert_uniform


def _recipe(label: str, count: int, **more: object) -> Recipe:
    return make_recipe([label], count=count, seed=5, writer="same", **more)  # type: ignore[arg-type]


def test_real_mnist_is_written_by_one_writer_an_image(with_mnist: Path) -> None:
    mnist = load_glyphs("mnist", "all")
    assert mnist.writers is not None
    seen: dict[str, set[int]] = {}
    for split in ("train", "test"):
        glyphs = mnist.choose(split)
        plan = make_plan(_recipe("3502", 12_000, split=split), np.arange(12_000), glyphs)
        assert plan.writers is not None
        assert (mnist.writers[plan.rows] == plan.writers[:, None]).all()
        able = set.intersection(
            *({int(w) for w in mnist.writers[np.r_[glyphs.rows(digit)]]} for digit in (3, 5, 0, 2))
        )
        seen[split] = set(plan.writers.tolist())
        assert seen[split] == able  # every eligible writer occurs
        assert_uniform(np.searchsorted(sorted(able), plan.writers), len(able))
    assert not seen["train"] & seen["test"]


def test_all_digits_come_from_all_glyphs_of_the_writer() -> None:
    glyphs = builtin().choose("validation")
    plan = make_plan(_recipe("77", 30_000, split="validation"), np.arange(30_000), glyphs)
    assert set(plan.rows.ravel().tolist()) == set(glyphs.rows(7))
    assert_uniform(plan.rows[:, 0] - glyphs.rows(7)[0], 500)


@given(st.lists(st.sampled_from(["0", "12", "121", "2"]), min_size=1, max_size=6), st.integers(0, 2**32))
def test_only_those_are_drawn_who_wrote_what_is_needed(labels: list[str], seed: int) -> None:
    images = np.full((9, 28, 28), 255, np.uint8)
    digits = np.array([0, 0, 1, 1, 2, 2, 1, 2, 0])
    glyphs = GlyphSet.from_arrays(images, digits, writers=np.array([10, 11, 10, 12, 12, 13, 13, 13, 14]))
    order = glyphs.origin
    assert glyphs.writers is not None
    recipe = make_recipe(labels, (0, 0), None, seed=seed, writer="same")
    plan = make_plan(recipe, np.arange(len(labels)), glyphs)
    able = {"0": {10, 11, 14}, "12": {12, 13}, "121": {12, 13}, "2": {12, 13}}
    assert plan.writers is not None
    for k, label in enumerate(labels):
        assert plan.writers[k] in able[label]
        assert set(glyphs.writers[plan.rows[k, : len(label)]].tolist()) == {plan.writers[k]}
        assert digits[order[plan.rows[k, : len(label)]]].tolist() == [int(digit) for digit in label]


def test_nobody_who_wrote_all_of_it_is_told_before_drawing() -> None:
    glyphs = GlyphSet.from_arrays(
        np.full((2, 28, 28), 255, np.uint8), np.array([3, 4]), writers=np.array([1, 2])
    )
    with pytest.raises(ArgumentError, match=r"no writer in 'custom' .* wrote all digits of 34"):
        next(draw(_recipe("34", 1, spacing_range=(0, 0)), glyphs))


def test_random_labels_need_a_writer_of_all_digits() -> None:
    images, order = np.full((20, 28, 28), 255, np.uint8), np.arange(20, dtype=np.int64)
    for writers, able in ((order // 10, True), (order % 2, False)):
        glyphs = GlyphSet.from_arrays(images, order % 10, writers=writers)
        recipe = make_recipe(length=(1, 3), count=5, seed=1, writer="same")
        if able:
            assert len(list(draw(recipe, glyphs))) == 5
        else:
            with pytest.raises(ArgumentError, match="no writer in 'custom'"):
                draw(recipe, glyphs)


def test_writers_are_part_of_the_digest() -> None:
    images, digits = np.full((4, 28, 28), 255, np.uint8), np.array([3, 4, 3, 4])
    sets = [
        GlyphSet.from_arrays(images, digits, writers=np.array(who)) for who in ([1, 1, 2, 2], [1, 2, 1, 2])
    ]
    assert sets[0].digest != sets[1].digest
    with pytest.raises(SourceError, match="the writer of each image"):
        GlyphSet.from_arrays(images, digits, writers=np.arange(3))


def test_without_writer_ids_the_fix_is_named(solid: GlyphSet) -> None:
    with pytest.raises(SourceError, match="has no writer ids") as caught:
        next(draw(_recipe("34", 1), solid))
    assert 'writer="mixed"' in caught.value.hint


def test_mnist_without_ids_names_fetch_mnist(mnist_files: Path, tmp_path: Path) -> None:
    from digitseq.glyphs.fetch import fetch

    for path in mnist_files.iterdir():
        if "idx" in path.name and not path.name.startswith("qmnist"):
            (tmp_path / path.name).symlink_to(path)
    fetch(from_dir=tmp_path)
    with pytest.raises(SourceError) as caught:
        next(draw(_recipe("34", 1, source="mnist")))
    assert "fetch-mnist" in caught.value.hint


def test_the_writer_is_in_the_metadata() -> None:
    glyphs = builtin().choose("train")
    for picture in draw(_recipe("0123456789", 20, source="builtin")):
        assert picture.writer is not None
        assert glyphs.writers is not None
        assert set(glyphs.writers[picture.origins].tolist()) == {picture.writer}
        assert picture.facts()["writer"] == picture.writer
    (mixed,) = draw(make_recipe(["12"], seed=1, source="builtin"))
    assert mixed.facts()["writer"] is None


def test_the_table_of_writers_has_every_glyph_of_the_split_once() -> None:
    glyphs = builtin().choose("test")
    known = writers_of(glyphs)
    assert sorted(known.rows.tolist()) == sorted(row for digit in range(10) for row in glyphs.rows(digit))
    assert known.counts.sum() == len(known.rows)
    assert (known.counts == 10).all()
