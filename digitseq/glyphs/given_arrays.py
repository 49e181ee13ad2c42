"""Check glyphs that are given as arrays, and bring them into the order in which they are stored."""

from typing import Any

import numpy as np

from digitseq.arrays import AnyArray, IntArray, UInt8Array, count_values
from digitseq.checks import as_array, counted, short
from digitseq.errors import ArgumentError, SourceError
from digitseq.glyphs.tiles import SIDE

_MOST_WRITERS = 1 << 31  # the cache and the formats store their ids in 32 bits


def arrange(
    images: AnyArray, labels: AnyArray, split_of: AnyArray | None, splits: int, name: str
) -> tuple[UInt8Array, IntArray, IntArray]:
    """
    Bring images into the order and form in which they are stored.

    Args:
        images: uint8 (rows, 28, 28).
        labels: integers (rows,), 0–9, the digit of each image.
        split_of: integers (rows,), below ``splits``; if None, all are 0.
        splits: number of splits.
        name: for messages.

    Returns:
        stored uint8 (rows, 29, 28), bounds int (10, splits + 1), and order int (rows,): stored row r is
        image order[r].

    Raises:
        SourceError: shape, dtype or a label is wrong, or an image is blank.
    """
    images, labels = as_array("images", images), as_array("labels", labels)
    if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE) or images.dtype != np.uint8:
        raise SourceError(f"{name}: expected uint8 images (n, 28, 28), got {images.dtype} {images.shape}")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise SourceError(
            f"{name}: expected {counted(len(images), 'integer label')}, got {labels.dtype} {labels.shape}"
        )
    if not len(images):
        raise SourceError(f"{name}: contains no images")
    wrong = (labels < 0) | (labels > 9)
    if wrong.any():
        row = int(wrong.argmax())
        raise SourceError(f"{name}: expected labels 0–9, got {labels[row]} for image {row}")
    blank = ~images.any((1, 2))
    if blank.any():
        raise SourceError(f"{name}: image {int(blank.argmax())} is blank; every glyph needs ink")
    split_of = np.zeros(len(images), np.int64) if split_of is None else as_array("split_of", split_of)
    fits = split_of.shape == labels.shape and split_of.dtype.kind in "iu"
    if not fits or (split_of < 0).any() or (split_of >= splits).any():
        raise SourceError(
            f"{name}: expected {counted(len(images), 'integer')} below {splits}, the split of each image"
        )
    key = labels.astype(np.int64) * splits + split_of.astype(np.int64)
    order = np.argsort(key, kind="stable").astype(np.int64)
    stored = np.zeros((len(images), SIDE + 1, SIDE), np.uint8)
    stored[:, :SIDE] = images[order]
    ends = np.cumsum(count_values(key, bins=10 * splits), dtype=np.int64).reshape(10, splits)
    bounds = np.zeros((10, splits + 1), np.int64)
    bounds[:, 1:] = ends
    bounds[1:, 0] = ends[:-1, -1]
    return stored, bounds, order.astype(np.int64)


def checked_splits(splits: Any) -> tuple[str, ...]:
    """Return the names of splits; raise an ArgumentError if they are not valid and distinct."""
    names = tuple(splits) if isinstance(splits, tuple | list) else ()
    right = all(isinstance(name, str) and name not in ("", "all") for name in names)
    if not names or not right or len(set(names)) < len(names):
        problem = f'expected distinct names other than "all", such as ("train", "test"), got {short(splits)}'
        raise ArgumentError("splits", problem)
    return names


def checked_writers(writers: Any, count: int, name: str) -> IntArray:
    """Return the writer of each image, int (count,); raise a SourceError if they are not valid ids."""
    ids = as_array("writers", writers)
    if ids.shape != (count,) or ids.dtype.kind not in "iu" or (ids < 0).any() or (ids >= _MOST_WRITERS).any():
        expected = f"{counted(count, 'integer')} from 0 to {_MOST_WRITERS - 1:,}, the writer of each image"
        raise SourceError(f"{name}: expected {expected}")
    return ids.astype(np.int64)
