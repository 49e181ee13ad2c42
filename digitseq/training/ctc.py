"""
Labels for connectionist temporal classification (CTC; Graves et al. 2006).

For each of its frames (steps along the width), a CTC model predicts a class: 0 is blank, digit d is d + 1.
A path becomes a label by merging repeats and then removing blanks, so two equal digits in a row need a blank
between them.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from digitseq.arrays import AnyArray, IntArray
from digitseq.checks import as_array, collection, counted, integer, short
from digitseq.errors import ArgumentError
from digitseq.recipe import Recipe
from digitseq.training.collate import checked_labels

BLANK = 0
"""The blank class, for no digit."""
CLASSES = 11
"""Number of classes, blank and ten digits: the width of a model's last layer."""


def ctc_encode(labels: Sequence[str]) -> tuple[IntArray, IntArray]:
    """
    Encode labels as targets of a CTC loss.

    Args:
        labels: strings of digits.

    Returns:
        Targets int64 (digits of all labels,), concatenated, classes 1 to 10; and their lengths
        int64 (labels,): numpy arrays, which ``torch.from_numpy`` converts for PyTorch's ``CTCLoss``.

    Raises:
        ArgumentError: a label contains anything but digits, or is empty.

    >>> targets, lengths = ctc_encode(["042", "7"])
    >>> targets.tolist(), lengths.tolist()
    ([1, 5, 3, 8], [3, 1])
    """
    texts = checked_labels(labels)
    codes = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
    return codes.astype(np.int64) - ord("0") + 1, np.array([len(text) for text in texts], np.int64)


def ctc_decode(paths: AnyArray, lengths: Iterable[int] | None = None) -> list[str]:
    """
    Decode the classes that a model predicts: merge repeats, then remove blanks.

    Args:
        paths: integers (images, frames), classes 0 to 10, such as the argmax over the classes.
        lengths: number of frames of each image to decode; None for all.

    Returns:
        One label per image.

    Raises:
        ArgumentError: the shape or values of an argument are invalid.

    >>> ctc_decode(np.array([[0, 1, 1, 0, 5, 5, 3], [8, 0, 8, 0, 0, 0, 0]]))
    ['042', '77']
    """
    paths = as_array("paths", paths)
    if paths.ndim != 2 or paths.dtype.kind not in "iu":
        raise ArgumentError("paths", f"expected integers (images, frames), got {paths.dtype} {paths.shape}")
    if paths.size and (paths.min() < 0 or paths.max() >= CLASSES):
        raise ArgumentError("paths", f"expected classes 0 to 10, got {paths.min()} to {paths.max()}")
    inside = np.ones(paths.shape, np.bool_)
    if lengths is not None:
        counts = [
            integer("lengths", length, 0, paths.shape[1])
            for length in collection("lengths", lengths, "integers")
        ]
        if len(counts) != len(paths):
            raise ArgumentError(
                "lengths", f"expected {counted(len(paths), 'frame count')}, got {len(counts)}"
            )
        ends = np.array(counts, np.int64)
        inside = np.arange(paths.shape[1], dtype=np.int64) < ends[:, None]
    begins = inside & (paths != BLANK)
    begins[:, 1:] &= paths[:, 1:] != paths[:, :-1]
    digits = "".join(map(str, (paths[begins].astype(np.int64) - 1).tolist()))
    stops = np.cumsum(begins.sum(1, dtype=np.int64), dtype=np.int64).tolist()
    return [digits[start:stop] for start, stop in zip([0, *stops[:-1]], stops, strict=True)] if stops else []


def ctc_frames(label: str) -> int:
    """
    Return the minimum number of frames for a label: one per digit, and a blank between equal neighbours.

    Args:
        label: a string of digits.

    Returns:
        Number of frames.

    Raises:
        ArgumentError: the label contains anything but digits, or is empty.

    >>> ctc_frames("0042"), ctc_frames("111")
    (5, 5)
    """
    (text,) = checked_labels([label])
    return len(text) + sum(a == b for a, b in pairwise(text))


def check_ctc(recipe: Recipe, stride: int) -> int:
    """
    Check that a model of this stride can learn every label of a recipe with CTC.

    If a label needs more frames than the model has, the loss is infinite: training fails at once or, if
    infinite losses are set to zero, silently learns nothing from these images.

    Args:
        recipe: recipe of the images.
        stride: px of width per frame of the model. The number of frames is rounded down.

    Returns:
        Number of frames per image.

    Raises:
        ArgumentError: a label can need more frames than an image has, or the images have no common width.

    >>> from digitseq.recipe import Recipe
    >>> recipe = Recipe(length=(3, 5), count=9, spacing_range=(2, 8), image_width=150, seed=1)
    >>> check_ctc(recipe, 8)
    18
    """
    stride = integer("stride", stride, 1, 10_000)
    if recipe.image_width is None:
        problem = "expected a recipe with an image_width, got one of natural widths"
        raise ArgumentError("recipe", problem)
    frames = recipe.image_width // stride
    label = max(_hardest(recipe), key=ctc_frames)
    if (needed := ctc_frames(label)) > frames:
        widest = max(recipe.image_width // needed, 0)
        hint = f"a stride of at most {widest} px" if widest else "a wider image"
        raise ArgumentError(
            "stride",
            f"an image of {recipe.image_width} px has {frames} frames at a stride of {stride} px; "
            f"the label {short(label)} needs {needed}",
            hint=f"use {hint}",
        )
    return frames


def _hardest(recipe: Recipe) -> Sequence[str]:
    """Return labels, one of which needs as many frames as any label of the recipe."""
    if recipe.sequences:
        return recipe.sequences
    return list(recipe.label_space.hardest())
