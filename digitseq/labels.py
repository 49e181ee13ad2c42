"""Recipe + image indices → digits."""

import numpy as np

from digitseq import streams
from digitseq.arrays import BoolArray, IntArray, UInt64Array
from digitseq.label_space import MAX_NUMBER
from digitseq.recipe import Recipe


def draw_labels(recipe: Recipe, indices: IntArray, starts: UInt64Array) -> tuple[IntArray, BoolArray | None]:
    """
    Return the digits of some images.

    Args:
        recipe: the recipe.
        indices: int (images,), in [0, len(recipe)).
        starts: uint64 (images,), the start of each image's stream.

    Returns:
        Digits int (images, digits), −1 beyond the end of a shorter label, and a mask of the valid positions,
        or None if all labels have the same length.
    """
    if recipe.sequences:
        repeat = len(recipe.sequences)
        return digit_matrix([recipe.sequences[i % repeat] for i in indices.tolist()])
    numbers = None
    if recipe.unique:
        size = min(recipe.label_count(), MAX_NUMBER)
        key = streams.seed_start(recipe.seed, "digitseq/1/labels")
        numbers = streams.permute((indices + recipe.index).astype(np.uint64), size, key).astype(np.int64)
    return recipe.label_space.sample(starts, numbers)


def label_texts(digits: IntArray) -> list[str]:
    """
    Convert rows of digits to texts.

    Args:
        digits: int (labels, digits), −1 beyond the end of a shorter label.

    >>> label_texts(np.array([[0, 4, 2], [7, -1, -1]]))
    ['042', '7']
    """
    if not digits.size:
        return []
    codes = np.where(digits >= 0, digits + ord("0"), 0).astype(np.uint8)
    texts: list[str] = codes.view(f"S{digits.shape[1]}")[:, 0].astype(str).tolist()
    return texts


def digit_matrix(sequences: list[str]) -> tuple[IntArray, BoolArray | None]:
    """
    Convert sequences to a matrix of digits.

    Returns:
        Digits int (sequences, longest), −1 beyond the end of a shorter sequence, and a mask of the valid
        positions, or None if all sequences have the same length.

    >>> digit_matrix(["042", "7"])[0]
    array([[ 0,  4,  2],
           [ 7, -1, -1]])
    """
    longest = max(map(len, sequences), default=0)
    # "/" precedes "0" in ASCII, so it becomes -1.
    text = "".join([sequence.ljust(longest, "/") for sequence in sequences])
    codes = np.frombuffer(text.encode("ascii"), np.uint8).reshape(len(sequences), longest)
    digits = codes.astype(np.int64) - ord("0")
    return digits, (digits >= 0 if "/" in text else None)
