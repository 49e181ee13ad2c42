"""GlyphSet: sorted by digit and part, measured, checked."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq import (
    DigitSequences,
    draw,
    generate_numbers_sequence,
    inspect_dataset,
    make_recipe,
    write_dataset,
)
from digitseq.errors import ArgumentError, CacheError, SourceError
from digitseq.glyphs.glyph_cache import open_glyphs, save_glyphs, stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting.builtin import BuiltinGlyphs
from digitseq.glyphs.mixture import stored_mixture
from digitseq.glyphs.tiles import measure_ink

_sizes = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=40)


@pytest.mark.parametrize("name", ["mnist", "builtin:3", "auto", "mnist=2+builtin", "mnist+auto", "", None])
def test_own_glyphs_cannot_have_the_name_of_another_source(name: str) -> None:
    images = np.full((1, 28, 28), 255, np.uint8)
    with pytest.raises(ArgumentError, match=r"^name: "):
        GlyphSet.from_arrays(images, np.array([1]), name=name)
    for other in ("builtin/", "builtin:3/", "mnist+mine", "a=2"):
        assert not GlyphSet.from_arrays(images, np.array([1]), name=other).is_builtin


@given(_sizes)
def test_rows_are_sorted_by_digit_and_part_and_keep_their_order(kinds: list[tuple[int, int]]) -> None:
    labels, part = np.array(kinds).T
    images = np.zeros((len(kinds), 28, 28), np.uint8)
    images[:, 0, 0] = np.arange(len(kinds)) + 1
    glyphs = GlyphSet.from_arrays(images, labels, split_of=part, splits=("train", "validation", "test"))
    expected = sorted(range(len(kinds)), key=lambda i: kinds[i])
    assert glyphs.origin.tolist() == expected
    assert glyphs.images[:, 0, 0].tolist() == [i + 1 for i in expected]
    assert glyphs.labels.tolist() == [kinds[i][0] for i in expected]
    for number, split in enumerate(glyphs.splits):
        chosen = glyphs.choose(split)
        for digit in range(10):
            found = [glyphs.origin[row] for row in chosen.rows(digit)]
            assert found == [i for i, kind in enumerate(kinds) if kind == (digit, number)]
    assert sum(int(n) for n in glyphs.counts) == len(kinds)


@given(st.integers(0, 27), st.integers(0, 27), st.integers(0, 27), st.integers(0, 27))
def test_ink_is_measured_to_the_last_pixel(x1: int, x2: int, y1: int, y2: int) -> None:
    glyph = np.zeros((1, 28, 28), np.uint8)
    glyph[0, y1, x1] = glyph[0, y2, x2] = 1
    assert measure_ink(glyph)[:, 0].tolist() == [min(x1, x2), abs(x1 - x2) + 1, min(y1, y2), abs(y1 - y2) + 1]


@given(st.integers(1, 2**32))
def test_a_glyph_at_the_left_edge_is_the_glyph_moved(seed: int) -> None:
    chance = np.random.default_rng(seed)
    images = (chance.random((6, 28, 28)) < 0.05).astype(np.uint8) * np.uint8(200)
    images[:, 27, 27] = images[:, 0, 27] = 7  # ink in the corners, where rows meet
    glyphs = GlyphSet.from_arrays(images, np.array([3, 1, 4, 1, 5, 9]))
    moved = glyphs.at_left_edge(np.arange(6))
    for row in range(6):
        left = glyphs.ink_left[row]
        assert (moved[row, :, : 28 - left] == glyphs.images[row][:, left:]).all()
        assert not moved[row, :, 28 - left :].any()


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.ones((2, 28, 28), np.float32), np.zeros(2, int), "uint8 images"),
        (np.ones((2, 20, 20), np.uint8), np.zeros(2, int), "uint8 images"),
        (np.ones((2, 28, 28), np.uint8), np.zeros(3, int), "2 integer labels"),
        (np.ones((2, 28, 28), np.uint8), np.zeros(2), "integer labels"),
        (np.ones((2, 28, 28), np.uint8), np.array([3, 10]), "got 10 for image 1"),
        (np.ones((2, 28, 28), np.uint8), np.array([-1, 0]), "got -1 for image 0"),
        (np.zeros((2, 28, 28), np.uint8), np.zeros(2, int), "image 0 is blank"),
        (np.ones((0, 28, 28), np.uint8), np.zeros(0, int), "no images"),
    ],
)
def test_wrong_arrays_are_refused(images: np.ndarray, labels: np.ndarray, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        GlyphSet.from_arrays(images, labels)


def test_images_cannot_be_written_to(solid: GlyphSet) -> None:
    with pytest.raises(ValueError, match="read-only"):
        solid.images[0, 0, 0] = 1


def test_the_digest_tells_sets_apart() -> None:
    images = np.full((2, 28, 28), 9, np.uint8)
    digests = {
        GlyphSet.from_arrays(images, np.array([1, 2])).digest,
        GlyphSet.from_arrays(images, np.array([1, 3])).digest,
        GlyphSet.from_arrays(images // 2, np.array([1, 2])).digest,
        GlyphSet.from_arrays(
            images, np.array([1, 2]), split_of=np.array([0, 1]), splits=("train", "test")
        ).digest,
    }
    assert len(digests) == 4
    assert GlyphSet.from_arrays(images, np.array([1, 2]), name="other").digest in digests


def test_sets_with_the_same_glyphs_are_stored_apart_if_anything_else_differs(
    cache: Path, solid: GlyphSet
) -> None:
    half, order = np.arange(len(solid)) % 2, np.arange(len(solid))[::-1]
    for number, (splits, name, rows) in enumerate(
        (
            (("train", "test"), "a", order[::-1]),
            (("test", "train"), "a", order[::-1]),
            (("train", "validation"), "a", order[::-1]),
            (("train", "test"), "b", order[::-1]),
            (("train", "test"), "a", order),
        )
    ):
        glyphs = GlyphSet.from_arrays(
            solid.images[rows], solid.labels[rows], split_of=half[rows], splits=splits, name=name
        )
        stored = open_glyphs(stored_folder(glyphs))
        assert stored is not None, number
        assert (stored.name, stored.splits, stored.digest) == (name, splits, glyphs.digest)
        assert (stored.origin == glyphs.origin).all()
        mixed = stored_mixture([glyphs, solid], [1, 1], lambda own: own)
        assert mixed.splits == splits
        assert mixed.parts[0].name == name
        assert (mixed.origin[mixed.origin < len(glyphs)] == glyphs.origin).all()


@pytest.mark.parametrize("splits", ["train", ("train", "train"), ("train", "all"), (), (1, 2), None, ("",)])
def test_splits_have_different_names(splits: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^splits: expected distinct names"):
        GlyphSet.from_arrays(np.full((1, 28, 28), 9, np.uint8), np.array([1]), splits=splits)


@pytest.mark.parametrize("writers", [[1 << 31, 1], [-1, 1], np.array([1 << 63, 1], np.uint64), [1.0, 1], [1]])
def test_the_writers_of_glyphs_are_checked(writers: Any) -> None:
    images = np.full((2, 28, 28), 9, np.uint8)
    with pytest.raises(
        SourceError, match=r"expected 2 integers from 0 to 2,147,483,647, the writer of each image"
    ):
        GlyphSet.from_arrays(images, np.array([1, 2]), writers=writers)
    assert (
        GlyphSet.from_arrays(images, np.array([1, 2]), writers=np.array([(1 << 31) - 1, 0])).writers
        is not None
    )


def test_repr_is_short_and_says_what_it_is(solid: GlyphSet) -> None:
    assert repr(solid).startswith("<GlyphSet solid (all), 120 glyphs, digest ")


@pytest.mark.parametrize("split_of", [[0, 2, 0], [-1, 0, 0], [0, 0], [0.0, 1.0, 0.0], 0])
def test_the_split_of_each_glyph_is_checked(split_of: list[float]) -> None:
    images = np.full((3, 28, 28), 255, np.uint8)
    with pytest.raises(SourceError, match="the split of each image"):
        GlyphSet.from_arrays(
            images, np.array([3, 3, 9]), split_of=np.array(split_of), splits=("train", "test")
        )


@pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_copies_draw_the_same(solid: GlyphSet, make_copy: Callable[[GlyphSet], GlyphSet]) -> None:
    for glyphs in (solid, BuiltinGlyphs(3).choose("test")):
        again = make_copy(glyphs)
        expected = generate_numbers_sequence("0123456789", (0, 5), 400, seed=1, source=glyphs)
        assert expected.any()
        assert (generate_numbers_sequence("0123456789", (0, 5), 400, seed=1, source=again) == expected).all()
    assert len(pickle.dumps(solid)) < 200_000


def test_a_stored_set_that_is_not_as_long_as_its_manifest_says_is_damaged(
    solid: GlyphSet, tmp_path: Path
) -> None:
    save_glyphs(tmp_path, solid)
    assert len(open_glyphs(tmp_path) or ()) == len(solid)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("120", "119"))
    with pytest.raises(CacheError, match=r"damaged: ink\.npy: an array of shape \(4, 120\)"):
        open_glyphs(tmp_path)


def test_storing_sweeps_what_a_killed_process_left_and_touches_nothing_that_is_right(
    solid: GlyphSet, tmp_path: Path
) -> None:
    save_glyphs(tmp_path, solid)
    before = (tmp_path / "glyphs.npy").stat().st_mtime_ns
    (tmp_path / ".partial-1-0123456789ab").write_text("half")
    (tmp_path / "ink.npy").write_bytes(b"")
    save_glyphs(tmp_path, solid)
    assert (tmp_path / "glyphs.npy").stat().st_mtime_ns == before
    assert {path.name for path in tmp_path.iterdir()} == {
        "glyphs.npy",
        "ink.npy",
        "origin.npy",
        "manifest.json",
    }
    assert len(open_glyphs(tmp_path) or ()) == len(solid)


def test_memory_is_released_as_soon_as_a_set_is_no_longer_used(tmp_path: Path) -> None:
    """In a cycle of references, each of many sets would keep tens of megabytes until a garbage collection."""
    gc.disable()
    try:
        images = np.zeros((40, 28, 28), np.uint8)
        images[:, 4:24, 10:14] = 255
        writers, half = np.zeros(40, np.int64), np.arange(40) // 10 % 2
        glyphs = GlyphSet.from_arrays(
            images, np.arange(40) % 10, split_of=half, splits=("train", "test"), writers=writers
        )
        recipe = make_recipe(length=2, count=3, writer="same", seed=1, augment="heavy", source=glyphs.name)
        live = DigitSequences(recipe, glyphs)
        assert live[0][1] == next(draw(recipe, glyphs)).sequence
        write_dataset(recipe, tmp_path, source=glyphs, workers=1)
        assert inspect_dataset(tmp_path, source=glyphs).faults == 0
        used = [weakref.ref(one) for one in (glyphs, live.glyphs, glyphs.choose("test"), live)]
        del glyphs, live
        assert [one() for one in used] == [None] * 4
    finally:
        gc.enable()
