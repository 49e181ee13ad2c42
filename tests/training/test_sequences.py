"""DigitSequences: the images of a dataset without files."""

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitseq import (
    ArgumentError,
    DigitSequences,
    Recipe,
    SourceError,
    draw,
    make_recipe,
    pad_batch,
    read_dataset,
    write_dataset,
)
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
    images, widths, labels = live[:50]
    assert (widths.dtype, len(labels)) == (np.int64, 50)
    for number in range(50):
        image = live[number][0]
        assert widths[number] == image.shape[1]
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


@pytest.mark.parametrize("source", ["builtin", "builtin:copperplate:5", "mnist"])
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


# --- Transforms -------------------------------------------------------------------------------------------


def _halved(images: Any) -> Any:
    return (images // 2).astype(np.float32)


@pytest.mark.parametrize("width", [None, 220])
@pytest.mark.parametrize(
    ("transform", "kind"),
    [
        (_halved, "batch"),
        (_halved, "image"),
        (lambda images: images[:, None], "batch"),
        (lambda image: np.repeat(image, 2, axis=1)[None], "image"),
        (lambda images: images[:, ::2, ::2], "batch"),
    ],
)
def test_a_transform_gives_the_same_images_at_once_and_alone(
    solid: GlyphSet, transform: Any, kind: str, width: int | None
) -> None:
    recipe = _recipe(image_width=width, count=20)
    live = DigitSequences(recipe, solid, boxes=True, transform=transform, transform_input=kind)
    plain = DigitSequences(recipe, solid)
    wanted = [3, 0, 19, 3]
    for one, number in zip(live.__getitems__(wanted), wanted, strict=True):
        image = plain[number][0]
        expected = transform(image[None])[0] if kind == "batch" else transform(image)
        for given in (one, live[number]):
            assert given[0].dtype == expected.dtype
            assert np.array_equal(given[0], expected)
            assert len(given[2]) == len(given[1])
    if width is not None:
        assert (live[wanted][0] == np.stack([live[number][0] for number in wanted])).all()


def test_a_transform_moves_boxes_and_masks_with_the_image(solid: GlyphSet) -> None:
    def mirrored(*, image: Any, boxes: Any, mask: Any) -> dict[str, Any]:
        x, y, w, h = boxes.T
        moved = np.stack([image.shape[1] - x - w, y, w, h], axis=1)
        return {"image": image[:, ::-1], "boxes": moved, "mask": mask[:, ::-1]}

    plain = DigitSequences(_recipe(), solid, boxes=True, masks=True)
    live = DigitSequences(
        _recipe(), solid, boxes=True, masks=True, transform=mirrored, transform_input="sample"
    )
    image, label, boxes, mask = live[7]
    before, _, old_boxes, old_mask = plain[7]
    assert (image[:, ::-1] == before).all()
    assert (mask[:, ::-1] == old_mask).all()
    assert min(*image.strides, *mask.strides) > 0  # PyTorch accepts no others
    for position, (x, y, w, h) in enumerate(boxes.tolist(), 1):
        inked = mask[y : y + h, x : x + w] == position
        assert inked[:, [0, -1]].any(axis=0).all()
        assert inked[[0, -1]].any(axis=1).all()
    assert (boxes[:, 1:] == old_boxes[:, 1:]).all()
    images, _, all_boxes, masks = live[5:9]
    assert (images[2] == image).all()
    assert (masks[2] == mask).all()
    assert (all_boxes[2, : len(label)] == boxes).all()
    assert (all_boxes[2, len(label) :] == -1).all()


@pytest.mark.parametrize("kind", ["batch", "image"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("invert", [False, True])
def test_a_transform_that_changes_nothing_changes_no_padding(
    solid: GlyphSet, kind: str, dtype: str, invert: bool
) -> None:
    recipe = _recipe(image_width=None, invert=invert)
    plain = DigitSequences(recipe, solid, dtype=dtype)
    live = DigitSequences(recipe, solid, dtype=dtype, transform=lambda x: x, transform_input=kind)
    assert (live[:][0] == plain[:][0]).all()
    assert live[:][0].dtype == plain.dtype


@pytest.mark.parametrize(
    ("change", "white"),
    [
        (lambda x: x.astype(np.float32), 255),
        (lambda x: (x // 2).astype(np.int8), 127),
        (lambda x: x.astype(np.float32) / 127.5 - 1, 1),
    ],
)
def test_white_padding_is_as_white_as_the_paper_after_a_transform(
    solid: GlyphSet, change: Callable[[Any], Any], white: float
) -> None:
    live = DigitSequences(_recipe(image_width=None, invert=True), solid, transform=change)
    images, widths, _ = live[:]
    narrow = int(widths.argmin())
    assert (images[narrow, :, widths[narrow] :] == white).all()
    assert images.max() == white


@pytest.mark.parametrize("width", [150, None])
def test_a_batch_without_images_has_the_width_of_the_others(solid: GlyphSet, width: int | None) -> None:
    live = DigitSequences(_recipe(image_width=width), solid, boxes=True, masks=True, dtype="float32")
    images, *more = live[0:0]
    assert (images.shape, images.dtype) == ((0, 28, width or 0), np.float32)
    assert more[-1].shape == images.shape
    assert live[[]][0].shape == images.shape


def _to_tensor(image: Any) -> Any:
    """Like torchvision's ToTensor: takes (height, width, channels), returns (channels, height, width)."""
    return np.moveaxis(image, 2, 0) if image.ndim == 3 else image[None]


@pytest.mark.parametrize("count", [1, 5, 28, 220])
def test_a_transform_that_swaps_axes_is_an_error_for_any_number_of_images(
    solid: GlyphSet, count: int
) -> None:
    live = DigitSequences(_recipe(count=300), solid, transform=_to_tensor)
    for ask in (lambda: live[:count], lambda: live.__getitems__(range(count))):
        with pytest.raises(ArgumentError, match=r'transform: expected .* transform_input="image"'):
            ask()
    one_by_one = DigitSequences(_recipe(count=300), solid, transform=_to_tensor, transform_input="image")
    assert one_by_one[:count][0].shape == (count, 1, 28, 220)


@pytest.mark.parametrize(
    ("transform", "kind", "told"),
    [
        (lambda images: images.mean(), "batch", r"expected 50 images back, .* got float64 \(\)"),
        (lambda images: images.tolist(), "batch", "got list"),
        (lambda image: image.mean(0).mean(), "image", r"expected an image \(height, width\)"),
        (lambda image: image, "sample", "expected a mapping with image, boxes back, got uint8"),
        (lambda **given: {"image": given["image"]}, "sample", "expected a mapping with image, boxes back"),
        (lambda image, boxes: {"image": image, "boxes": boxes[:0]}, "sample", "one per digit"),
    ],
)  # fmt: skip
def test_what_a_transform_must_not_return_is_told(
    solid: GlyphSet, transform: Any, kind: str, told: str
) -> None:
    if kind == "sample" and told.endswith("uint8"):
        transform = lambda image, boxes: image  # noqa: E731
    live = DigitSequences(_recipe(), solid, boxes=True, transform=transform, transform_input=kind)
    with pytest.raises(ArgumentError, match=f"transform: .*{told}"):
        live[:]


@pytest.mark.parametrize("change", [lambda mask: mask.T, lambda mask: mask[:, 1:], lambda mask: None])
def test_a_mask_of_another_size_than_the_image_is_told(solid: GlyphSet, change: Any) -> None:
    def moved(image: Any, mask: Any) -> dict[str, Any]:
        return {"image": image[None], "mask": change(mask)}

    live = DigitSequences(_recipe(), solid, masks=True, transform=moved, transform_input="sample")
    with pytest.raises(ArgumentError, match="transform: expected a mask as high and wide as the image"):
        live[0]


def test_images_of_different_shapes_are_no_batch(solid: GlyphSet) -> None:
    def cropped(image: Any) -> Any:
        return image[:, : 10 + image.sum() % 7]

    live = DigitSequences(_recipe(), solid, transform=cropped, transform_input="image")
    with pytest.raises(ArgumentError, match="expected images of one shape to form a batch"):
        live[:]
    assert live[3][0].shape == cropped(DigitSequences(_recipe(), solid)[3][0]).shape


def test_no_transform_sees_the_padding_of_a_batch(solid: GlyphSet) -> None:
    recipe = _recipe(image_width=None, count=20)
    plain = DigitSequences(recipe, solid)
    live = DigitSequences(recipe, solid, transform=lambda images: images[:, :, ::-1].repeat(2, axis=2))
    images, widths, labels = live[:]
    for number, one in enumerate(live.__getitems__(range(20))):
        expected = plain[number][0][:, ::-1].repeat(2, axis=1)
        assert (one[0] == expected).all()
        assert widths[number] == expected.shape[1]
        assert (images[number, :, : widths[number]] == expected).all()
        assert labels[number] == one[1] == plain[number][1]


def test_boxes_keep_the_type_that_a_transform_gives_them(solid: GlyphSet) -> None:
    def scaled(image: Any, boxes: Any) -> dict[str, Any]:
        return {"image": image, "boxes": boxes / 220}

    live = DigitSequences(_recipe(), solid, boxes=True, transform=scaled, transform_input="sample")
    *_, boxes = live[:5]
    *_, padded_boxes = pad_batch([live[number] for number in range(5)])
    for number in range(5):
        own = live[number][2]
        assert own.dtype == boxes.dtype == np.float64
        assert (boxes[number, : len(own)] == own).all()
        assert (np.asarray(padded_boxes)[number, : len(own)] == own).all()


# --- What it is made from -----------------------------------------------------------------------------------


def test_a_dataset_on_disk_is_rendered_again(tmp_path: Path) -> None:
    recipe = make_recipe(length=3, count=30, image_width=120, seed=1, source="builtin")
    write_dataset(recipe, tmp_path / "flat", workers=1)
    read = read_dataset(tmp_path / "flat")
    for given in (read, read.splits["train"], tmp_path / "flat", str(tmp_path / "flat/dataset.json")):
        live = DigitSequences(given)
        assert (live[7][0] == read.splits["train"][7][0]).all()
        assert live[7][1] == read.splits["train"][7][1]
    splits = recipe.changed(splits={"train": 9, "test": 5})
    write_dataset(splits, tmp_path / "splits", workers=1)
    read = read_dataset(tmp_path / "splits")
    assert (DigitSequences(read.splits["test"])[4][0] == read.splits["test"][4][0]).all()
    for given in (read, tmp_path / "splits"):
        with pytest.raises(
            ArgumentError, match=r'without splits, got one with train, test.*splits\["train"\]'
        ):
            DigitSequences(given)
    with pytest.raises(KeyError, match="splits: expected one of train, test, got 'val'"):
        read.splits["val"]
    assert read.splits.get("val") is None
    with pytest.raises(SourceError, match="rendered from glyphs that differ"):
        DigitSequences(tmp_path / "flat", "builtin:3")
    with pytest.raises(ArgumentError, match="expected a recipe, a dataset or its path, got 3"):
        DigitSequences(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32")])
def test_numpys_types_are_types(solid: GlyphSet, dtype: Any) -> None:
    assert DigitSequences(_recipe(), solid, dtype=dtype)[0][0].dtype == np.float32


@pytest.mark.parametrize("dtype", [None, float, "int8", 3])
def test_other_types_are_refused(solid: GlyphSet, dtype: Any) -> None:
    with pytest.raises(ArgumentError, match="dtype: expected uint8 or float32"):
        DigitSequences(_recipe(), solid, dtype=dtype)


def test_a_list_asks_for_a_batch(solid: GlyphSet) -> None:
    live = DigitSequences(_recipe(), solid)
    images, labels = live[[1, 5, -1]]
    assert [live[number][1] for number in (1, 5, 49)] == labels
    assert (images[1] == live[5][0]).all()
    assert live[[]][0].shape[0] == 0
    with pytest.raises(IndexError):
        live[[1, 50]]
    for wrong in ("ab", [True], [1.5], None, 2.0):
        with pytest.raises(TypeError, match="expected an integer, a slice or a sequence of integers"):
            live[wrong]


def test_datasets_introduce_themselves_in_two_lines(tmp_path: Path, solid: GlyphSet) -> None:
    recipe = make_recipe(length=3, splits={"train": 9, "test": 5}, seed=1, source="builtin")
    write_dataset(recipe, tmp_path / "out", workers=1)
    read = read_dataset(tmp_path / "out")
    assert repr(read) == f"Dataset({str(tmp_path / 'out')!r}, folder, train 9, test 5)"
    assert repr(read.splits["test"]) == f"DatasetSplit({str(tmp_path / 'out')!r}, test, 5 images)"
    assert repr(DigitSequences(_recipe(), solid)) == (
        "DigitSequences(50 images, width 220 px, uint8, source 'solid', split 'train')"
    )
