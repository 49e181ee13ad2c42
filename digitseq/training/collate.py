"""Batches of images of different widths, and targets for models with a fixed number of digits."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from digitseq.arrays import AnyArray, IntArray
from digitseq.checks import as_array, collection, integer, short
from digitseq.errors import ArgumentError
from digitseq.labels import digit_matrix, label_texts
from digitseq.recipe import MAX_WIDTH_PX
from digitseq.sequence import sequence_text

NO_DIGIT = -1
"""Padding of targets beyond the end of a shorter label."""


def encode_digits(labels: Sequence[str], length: int | None = None) -> IntArray:
    """
    Encode labels as one class per position, for models with a fixed number of digits.

    Args:
        labels: strings of digits.
        length: number of positions; None for that of the longest label.

    Returns:
        int64 (labels, length): digits 0 to 9, then −1 beyond the end of a shorter label. Pass
        ``ignore_index=-1`` to PyTorch's ``cross_entropy``.

    Raises:
        ArgumentError: a label is empty, longer than ``length``, or contains anything but digits.

    >>> encode_digits(["042", "7"]).tolist()
    [[0, 4, 2], [7, -1, -1]]
    """
    texts = checked_labels(labels)
    digits, _ = digit_matrix(texts)
    longest = digits.shape[1]
    if length is None:
        return digits
    if integer("length", length, 1, MAX_WIDTH_PX) < longest:
        raise ArgumentError(
            "length", f"expected at least {longest}, the length of the longest label, got {length}"
        )
    padded = np.full((len(texts), length), NO_DIGIT, np.int64)
    padded[:, :longest] = digits
    return padded


def decode_digits(digits: AnyArray) -> list[str]:
    """
    Decode classes per position to labels; the inverse of `encode_digits`.

    Args:
        digits: integers (labels, length): 0 to 9, then −1 after the end of a label.

    Returns:
        One label per row; "" for a row without digits.

    Raises:
        ArgumentError: a value is out of range, or a digit follows a −1.

    >>> decode_digits(np.array([[0, 4, 2], [7, -1, -1]]))
    ['042', '7']
    """
    given = as_array("digits", digits)
    if given.ndim != 2 or given.dtype.kind not in "iu":
        raise ArgumentError("digits", f"expected integers (labels, length), got {given.dtype} {given.shape}")
    ended = np.logical_or.accumulate(given == NO_DIGIT, axis=1)
    if ((given < NO_DIGIT) | (given > 9) | (ended & (given != NO_DIGIT))).any():
        raise ArgumentError("digits", "expected 0 to 9, and −1 only after the last digit of a label")
    return label_texts(given.astype(np.int64)) if given.shape[1] else [""] * len(given)


def checked_labels(labels: Sequence[str]) -> list[str]:
    """
    Return labels as a list of strings of digits.

    Raises:
        ArgumentError: they are not a collection of strings of digits.
    """
    return [_label(number, label) for number, label in enumerate(collection("labels", labels, "labels"))]


def _label(number: int, label: Any) -> str:
    try:
        return sequence_text(label)
    except ArgumentError as error:
        raise ArgumentError("labels", f"label {number + 1}: {error.problem}", hint=error.hint) from None


def pad_batch(
    samples: Iterable[tuple[Any, ...]], *, multiple_of: int = 1, fill: float = 0
) -> tuple[Any, ...]:
    """
    Combine images of different widths into a batch: the ``collate_fn`` of a DataLoader.

    Args:
        samples: items of a DigitSequences: image (…, height, width), label, and perhaps boxes and mask.
        multiple_of: round the width of the batch up to a multiple of this, such as a network's stride.
        fill: value of the padding on the right; for images with black digits on white, pass white: 255 or
            1.0.

    Returns:
        Images (n, …, height, widest) in the dtype of the images; int64 (n,) widths; list of labels; then, if
        the samples have them, boxes int64 (n, digits, 4), −1 where a label is shorter, and masks uint8
        (n, height, widest). If PyTorch has been imported, arrays are tensors.

    Raises:
        ArgumentError: there are no samples, their dtypes or shapes do not match, or an argument is invalid.

    >>> wide, narrow = np.ones((28, 30), np.uint8), np.ones((28, 21), np.uint8)
    >>> images, widths, labels = pad_batch([(wide, "07"), (narrow, "1")], multiple_of=8)
    >>> images.shape, labels
    ((2, 28, 32), ['07', '1'])
    """
    step = integer("multiple_of", multiple_of, 1, MAX_WIDTH_PX)
    columns = list(padded(samples, step, fill))
    torch = sys.modules.get("torch")
    if torch is not None:
        columns = [torch.from_numpy(c) if isinstance(c, np.ndarray) else c for c in columns]
    return tuple(columns)


def padded(samples: Iterable[tuple[Any, ...]], step: int = 1, fill: float = 0) -> tuple[Any, ...]:
    """Return what `pad_batch` returns, as numpy arrays."""
    samples = list(collection("samples", samples, "samples"))
    if not samples:
        raise ArgumentError("samples", "expected at least one sample, got none")
    for number, sample in enumerate(samples, 1):
        if not isinstance(sample, tuple | list) or len(sample) < 2 or len(sample) != len(samples[0]):
            expected = "expected tuples of an image, a label and the same further items"
            raise ArgumentError("samples", f"{expected}, got {short(sample)} as sample {number}")
    first, labels, *more = ([sample[place] for sample in samples] for place in range(len(samples[0])))
    images = _alike(first)
    widths = np.array([image.shape[-1] for image in images], np.int64)
    widest = -(-int(widths.max()) // step) * step
    columns: list[Any] = [_padded(images, widest, _checked_fill(fill, images[0].dtype)), widths, labels]
    for items in more:
        boxes = [as_array("samples", item) for item in items]
        if any(own.shape != (_digits(label), 4) for own, label in zip(boxes, labels, strict=True)):
            masks = _alike(items)
            columns.append(_padded(masks, max(widest, *(own.shape[-1] for own in masks)), 0))
            continue
        all_boxes = np.full((len(boxes), max(map(len, boxes)), 4), NO_DIGIT, np.result_type(*boxes))
        for row, own in enumerate(boxes):
            all_boxes[row, : len(own)] = own
        columns.append(all_boxes)
    return tuple(columns)


def _digits(label: Any) -> int:
    return len(label) if isinstance(label, str) else -1


def _alike(items: list[Any]) -> list[AnyArray]:
    """Return images or masks as arrays; raise an ArgumentError if they differ in more than their width."""
    arrays = [as_array("samples", item) for item in items]
    for number, array in enumerate(arrays, 1):
        if array.ndim < 2 or array.dtype != arrays[0].dtype or array.shape[:-1] != arrays[0].shape[:-1]:
            expected = "expected images and masks (…, height, width) that differ only in width"
            raise ArgumentError("samples", f"{expected}, got {array.dtype} {array.shape} in sample {number}")
    return arrays


def _padded(images: list[AnyArray], widest: int, fill: float) -> AnyArray:
    padded = np.full((len(images), *images[0].shape[:-1], widest), fill, images[0].dtype)
    for row, image in enumerate(images):
        padded[row, ..., : image.shape[-1]] = image
    return padded


def _checked_fill(fill: Any, dtype: "np.dtype[Any]") -> float:
    """Return the fill value as a number; raise an ArgumentError if pixels of this dtype cannot have it."""
    with suppress(TypeError, ValueError, OverflowError):
        if dtype.kind not in "iu":
            return float(fill + 0)  # + 0 rejects strings
        if fill == int(fill) and np.iinfo(dtype).min <= fill <= np.iinfo(dtype).max:
            return int(fill)
    raise ArgumentError("fill", f"expected a number that {dtype} pixels can have, got {short(fill)}")


class NaturalWidthImage(np.ndarray):
    """
    An image of a recipe without ``image_width``: an ordinary array in every respect.

    PyTorch's default ``collate_fn`` looks up how to combine samples by their type, so that a batch of these
    can say what to do instead.
    """


def natural_width(image: Any) -> Any:
    """Return an image of any width, ready for a DataLoader."""
    if isinstance(image, np.ndarray) and (torch := sys.modules.get("torch")) is not None:
        # "In-place modify default_collate_fn_map": documentation of torch.utils.data.default_collate.
        with suppress(AttributeError):  # versions of PyTorch before 2
            torch.utils.data._utils.collate.default_collate_fn_map.setdefault(NaturalWidthImage, _collate)
            return image.view(NaturalWidthImage)
    return image


def _collate(batch: list[AnyArray], *, collate_fn_map: Any = None) -> Any:
    if len({image.shape for image in batch}) > 1:
        raise ArgumentError(
            "collate_fn", "images of different widths need padding", hint="pass collate_fn=digitseq.pad_batch"
        )
    return sys.modules["torch"].from_numpy(np.stack(batch).view(np.ndarray))
