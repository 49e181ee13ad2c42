"""Batches of different widths and targets per position."""

from functools import partial
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq import ArgumentError, DigitSequences, decode_digits, encode_digits, make_recipe, pad_batch
from digitseq.glyphs.glyphset import GlyphSet
from tests.dataset.libraries import library


@given(st.lists(st.text("0123456789", min_size=1, max_size=9), max_size=20))
def test_encoded_digits_are_decoded_to_the_same_labels(labels: list[str]) -> None:
    digits = encode_digits(labels)
    longest = max(map(len, labels), default=0)
    assert digits.dtype == np.int64
    assert digits.shape == (len(labels), longest)
    assert decode_digits(digits) == labels
    assert decode_digits(encode_digits(labels, 12)) == labels


def test_digits_have_the_length_that_is_asked_for() -> None:
    assert encode_digits(["042", "7"], 4).tolist() == [[0, 4, 2, -1], [7, -1, -1, -1]]
    assert decode_digits(np.array([[-1, -1]])) == [""]


_BLANK = np.zeros((28, 5), np.uint8)


@pytest.mark.parametrize(
    ("function", "value", "told"),
    [
        (encode_digits, "042", "labels: expected a collection of labels, got '042'"),
        (encode_digits, ["1", "4x"], "labels: label 2: "),
        (encode_digits, [""], "labels: label 1: "),
        (
            partial(encode_digits, length=2),
            ["123"],
            "length: expected at least 3, the length of the longest label, got 2",
        ),
        (
            decode_digits,
            np.array([[1, -1, 2]]),
            "digits: expected 0 to 9, and −1 only after the last digit of a label",
        ),
        (decode_digits, np.array([[10]]), "digits: expected 0 to 9"),
        (
            decode_digits,
            np.array([[1.0]]),
            r"digits: expected integers \(labels, length\), got float64 \(1, 1\)",
        ),
        (pad_batch, [], "samples: expected at least one sample, got none"),
        (
            partial(pad_batch, fill=256),
            [(_BLANK, "1")],
            "fill: expected a number that uint8 pixels can have, got 256",
        ),
        (
            partial(pad_batch, fill=0.5),
            [(_BLANK, "1")],
            "fill: expected a number that uint8 pixels can have, got 0.5",
        ),
        (
            partial(cast("Any", pad_batch), fill="x"),
            [(_BLANK, "1")],
            "fill: expected a number that uint8 pixels can have, got 'x'",
        ),
        *(
            (pad_batch, [(_BLANK, "1", _BLANK), wrong], "samples: expected .* sample 2$")
            for wrong in (
                *((image, "1", _BLANK) for image in (_BLANK[0], _BLANK[1:], _BLANK / 2)),
                *((_BLANK, "1", mask) for mask in (_BLANK[1:], 5)),
                *((_BLANK, "1"), (_BLANK,), (), 1),
            )
        ),
        (
            partial(pad_batch, multiple_of=0),
            [1],
            "multiple_of: expected an integer from 1 to 1,000,000, got 0",
        ),
    ],
)
def test_what_cannot_be_encoded_or_combined_is_told(function: Any, value: Any, told: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{told}"):
        function(value)


@pytest.fixture
def live(solid: GlyphSet) -> DigitSequences:
    """Lines of 1 to 6 digits, as wide as they are."""
    recipe = make_recipe(length=(1, 6), count=50, seed=1)
    return DigitSequences(recipe, solid, boxes=True, masks=True)


def _arrays(batch: tuple[Any, ...]) -> list[Any]:
    return [column if isinstance(column, list) else np.asarray(column) for column in batch]


@pytest.mark.parametrize("step", [1, 8, 100])
def test_padded_images_are_the_images_and_blank_beyond_them(live: DigitSequences, step: int) -> None:
    samples = [live[number] for number in (3, 40, 7, 7)]
    images, widths, labels, boxes, masks = _arrays(pad_batch(samples, multiple_of=step, fill=9))
    widest = max(image.shape[1] for image, *_ in samples)
    assert images.shape == masks.shape == (4, 28, -(-widest // step) * step)
    assert (images.dtype, widths.dtype, boxes.dtype, masks.dtype) == (np.uint8, np.int64, np.int64, np.uint8)
    for row, (image, label, box, mask) in enumerate(samples):
        width = image.shape[1]
        assert (widths[row], labels[row]) == (width, label)
        assert (images[row, :, :width] == image).all()
        assert (images[row, :, width:] == 9).all()
        assert (masks[row, :, :width] == mask).all()
        assert not masks[row, :, width:].any()
        assert (boxes[row, : len(label)] == box).all()
        assert (boxes[row, len(label) :] == -1).all()


def test_a_slice_is_the_padded_batch_of_its_images(live: DigitSequences) -> None:
    padded = _arrays(pad_batch([live[number] for number in range(5, 12)]))
    for sliced in (live[5:12], live[list(range(5, 12))], live[np.arange(5, 12)]):
        for ours, theirs in zip(sliced, padded, strict=True):
            assert np.array_equal(ours, theirs)


def test_some_images_at_once_are_drawn_as_one_batch(
    live: DigitSequences, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    draw = live._draw
    monkeypatch.setattr(live, "_draw", lambda *given: calls.append(given) or draw(*given))  # type: ignore[func-returns-value]
    some = live.__getitems__([4, 9, 4])
    assert len(calls) == 1
    for one, number in zip(some, (4, 9, 4), strict=True):
        for ours, alone in zip(one, live[number], strict=True):
            assert np.array_equal(ours, alone)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_pytorch_loader_combines_images_of_all_widths(live: DigitSequences, workers: int) -> None:
    torch = library("torch")
    loader = torch.utils.data.DataLoader(
        live, batch_size=8, collate_fn=partial(pad_batch, multiple_of=4), num_workers=workers
    )
    number = 0
    for images, widths, labels, boxes, masks in loader:
        assert (images.dtype, widths.dtype, boxes.dtype) == (torch.uint8, torch.int64, torch.int64)
        assert images.shape[2] % 4 == 0
        for row, label in enumerate(labels):
            image, wanted, box, mask = live[number]
            assert label == wanted
            assert (images[row, :, : widths[row]].numpy() == image).all()
            assert (masks[row, :, : widths[row]].numpy() == mask).all()
            assert (boxes[row, : len(label)].numpy() == box).all()
            number += 1
    assert number == len(live)


@pytest.mark.filterwarnings("default")
def test_a_pytorch_loader_without_it_says_what_to_pass(live: DigitSequences) -> None:
    torch = library("torch")
    with pytest.raises(ArgumentError, match=r"pass collate_fn=digitseq\.pad_batch"):
        next(iter(torch.utils.data.DataLoader(live, batch_size=8)))
    image, *_ = next(iter(torch.utils.data.DataLoader(live)))  # one image has one width
    assert (image[0].numpy() == live[0][0]).all()


def test_masks_keep_their_own_width_if_a_transform_changes_only_the_image(solid: GlyphSet) -> None:
    recipe = make_recipe(length=(1, 4), count=9, seed=1)
    for step, compared in ((2, "wider"), (1, "narrower")):
        transform = (lambda image: image.repeat(2, axis=1)) if step == 2 else (lambda image: image[:, ::2])
        live = DigitSequences(
            recipe, solid, boxes=True, masks=True, transform=transform, transform_input="image"
        )
        samples = [live[number] for number in range(9)]
        *_, boxes, masks = _arrays(pad_batch(samples))
        for row, (_, label, own_boxes, own_mask) in enumerate(samples):
            assert (boxes[row, : len(label)] == own_boxes).all(), compared
            assert (masks[row, :, : own_mask.shape[1]] == own_mask).all(), compared
