"""DigitSequences: the images of a dataset without files."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitseq import ArgumentError, DigitSequences, Recipe, draw, make_recipe
from digitseq.glyphs.glyphset import GlyphSet


def _recipe(**fields: Any) -> Recipe:
    start: dict[str, Any] = {
        "length": (1, 6),
        "count": 50,
        "spacing_range": (-3, 6),
        "image_width": 220,
        "seed": 1,
    }
    return Recipe(**start | fields)


@pytest.mark.parametrize(
    "fields", [{}, {"invert": True}, {"align": "random", "spacing_from": "tile"}, {"index": 10**9}]
)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_every_way_to_ask_gives_the_same_images(solid: GlyphSet, fields: dict[str, Any], dtype: str) -> None:
    recipe = _recipe(**fields)
    live = DigitSequences(recipe, solid, dtype=dtype, boxes=True)
    pictures = list(draw(recipe, solid))
    assert len(live) == len(pictures) == 50
    sliced = live[10:40:3]
    buffer = np.empty((7, 28, 220), dtype)
    batched = [(i.copy(), x, b.copy()) for i, x, b in live.batches(7, buffer)]
    batched_images = np.concatenate([images for images, _, _ in batched])
    batched_labels = [label for _, labels, _ in batched for label in labels]
    for number, picture in enumerate(pictures):
        image, label, boxes = live[number]
        expected = picture.image if dtype == "uint8" else picture.image / np.float32(255)
        assert image.dtype == np.dtype(dtype)
        assert (image == expected).all()
        assert (batched_images[number] == expected).all()
        assert label == batched_labels[number] == picture.sequence
        assert (boxes[: len(label)] == picture.boxes).all()
        if number in range(10, 40, 3):
            place = range(10, 40, 3).index(number)
            assert (sliced[0][place] == expected).all()
            assert sliced[1][place] == label
            assert (sliced[2][place][: len(label)] == picture.boxes).all()
            assert (sliced[2][place][len(label) :] == -1).all()


def test_batches_are_views_of_the_callers_buffer(solid: GlyphSet) -> None:
    live = DigitSequences(_recipe(), solid)
    buffer = np.full((16, 28, 220), 7, np.uint8)
    sizes = []
    for images, labels in live.batches(16, buffer):
        assert np.shares_memory(images, buffer)
        assert len(images) == len(labels)
        sizes.append(len(images))
    assert sizes == [16, 16, 16, 2]


def test_what_is_given_once_is_not_changed_later(solid: GlyphSet) -> None:
    live = DigitSequences(_recipe(), solid)
    first = live[0][0].copy()
    kept, others = live[0][0], [images for images, _ in live.batches(9)]
    assert (kept == first).all()
    assert not any(np.shares_memory(a, b) for a, b in pairwise(others))


def test_numbers_from_the_end_and_beyond(solid: GlyphSet) -> None:
    live = DigitSequences(_recipe(), solid)
    assert live[-1][1] == live[49][1]
    assert (live[-50][0] == live[0][0]).all()
    for number in (50, -51):
        with pytest.raises(IndexError):
            live[number]
    images, labels = live[60:70]
    assert (images.shape[0], labels) == (0, [])


def test_threads_may_share_one(solid: GlyphSet) -> None:
    live = DigitSequences(_recipe(count=400), solid)
    expected = [live[i][0].tobytes() for i in range(400)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda i: live[i][0].tobytes(), range(400))) == expected


def test_natural_widths(solid: GlyphSet) -> None:
    live = DigitSequences(_recipe(image_width=None), solid)
    images, _ = live[:50]
    for number in range(50):
        image = live[number][0]
        assert image.shape[1] <= images.shape[2]
        assert (images[number, :, : image.shape[1]] == image).all()


def test_what_cannot_be_is_refused(solid: GlyphSet) -> None:
    live = DigitSequences(_recipe(), solid)
    with pytest.raises(ArgumentError, match="uint8 or float32"):
        DigitSequences(_recipe(), solid, dtype="float64")
    with pytest.raises(ArgumentError, match=r"recipe.by_split\(\)"):
        DigitSequences(_recipe(count=None, splits={"train": 3}), solid)
    with pytest.raises(ArgumentError, match="too narrow"):
        DigitSequences(_recipe(image_width=60), solid)
    with pytest.raises(ArgumentError, match="size"):
        next(live.batches(0))
    for bad in (
        np.empty((8, 28, 219), np.uint8),
        np.empty((8, 28, 220), np.float32),
        np.empty((8, 28, 440), np.uint8)[:, :, ::2],
    ):
        with pytest.raises(ArgumentError, match="out: expected a C-contiguous uint8 array"):
            next(live.batches(8, bad))


def test_a_step_of_ones_own_gets_the_batch_and_its_result_is_given(solid: GlyphSet) -> None:
    recipe = make_recipe(["12", "3"], (0, 4), 60, seed=1, count=9, augment="light")
    plain = DigitSequences(recipe, solid, dtype="float32")
    seen = []

    def double(images: Any) -> Any:
        seen.append(images.shape)
        return images * 2

    own = DigitSequences(recipe, solid, dtype="float32", transform=double)
    assert (own[2:5][0] == plain[2:5][0] * 2).all()
    assert (own[3][0] == plain[3][0] * 2).all()
    out = np.empty((4, 28, 60), np.float32)
    parts = [images.copy() for images, _ in own.batches(4, out)]
    assert (np.concatenate(parts) == plain[:][0] * 2).all()
    assert seen == [(3, 28, 60), (1, 28, 60), (4, 28, 60), (4, 28, 60), (1, 28, 60)]
    with pytest.raises(ArgumentError, match="expected 9 images back"):
        DigitSequences(recipe, solid, transform=lambda images: images[:2])[:]


@pytest.mark.parametrize("augment", ["light", "heavy", "touching"])
def test_augmented_images_are_the_same_live_and_alone(augment: str) -> None:
    recipe = make_recipe(length=(1, 4), count=40, seed=2, source="builtin", augment=augment, image_width=150)
    live = DigitSequences(recipe, boxes=True)
    images, labels, boxes = live[:]
    for k in (0, 7, 39):
        image, label, box = live[k]
        assert (image == images[k]).all()
        assert label == labels[k]
        assert (box == boxes[k, : len(label)]).all()


@pytest.mark.parametrize("fields", [{}, {"image_width": None}, {"splits": {"train": 20}, "count": None}])
@pytest.mark.parametrize("boxes", [False, True])
def test_some_images_at_once_are_the_images_one_by_one(
    solid: GlyphSet, fields: dict[str, Any], boxes: bool
) -> None:
    live = DigitSequences(_recipe(**fields).by_split()[0], solid, boxes=boxes, dtype="float32")
    wanted = [7, -1, 3, 3, 0]
    for one, number in zip(live.__getitems__(wanted), wanted, strict=True):
        alone = live[number]
        assert len(one) == len(alone) == 2 + boxes
        assert one[0].dtype == np.float32
        assert (one[0] == alone[0]).all()
        assert one[1] == alone[1]
        assert not boxes or (one[2] == alone[2]).all()
    assert live.__getitems__([]) == []
    with pytest.raises(IndexError):
        live.__getitems__([0, len(live)])


@pytest.mark.parametrize("source", ["builtin", "builtin:5", "mnist"])
def test_a_dataset_travels_light_and_draws_the_same_elsewhere(source: str, with_mnist: Path) -> None:
    live = DigitSequences(_recipe(source=source, split="test", spacing_range=(0, 5)))
    live[0]  # so that some built-in digits are drawn
    data = pickle.dumps(live)
    assert len(data) < 5_000
    again = pickle.loads(data)
    assert again.glyphs.split == "test"
    assert (again[:][0] == live[:][0]).all()
    assert copy.copy(live.glyphs).digest == live.glyphs.digest


def test_glyphs_that_are_stored_nowhere_travel_whole(solid: GlyphSet) -> None:
    live = DigitSequences(_recipe(), solid)
    assert (pickle.loads(pickle.dumps(live))[:][0] == live[:][0]).all()
