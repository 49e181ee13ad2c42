"""
Recipe + image indices → digits.

A label consumes one random word for its length and one for each random digit. Unique labels are numbered;
image i takes number π(i) of a permutation keyed by the seed.
"""

import numpy as np

from digitseq import streams
from digitseq.arrays import BoolArray, IntArray, UInt64Array
from digitseq.random_purposes import Purpose
from digitseq.recipe import ANY_DIGIT, Recipe

_NUMBERED = 18
"""Number of digits that the permutation decides: 10¹⁸ is the greatest power of ten below 2⁶⁰."""


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
    if recipe.unique:
        size = min(recipe.label_count(), 10**_NUMBERED)
        key = streams.seed_start(recipe.seed, "digitseq/1/labels")
        numbers = streams.permute((indices + recipe.index).astype(np.uint64), size, key).astype(np.int64)
    else:
        numbers = None
    if recipe.pattern is not None:
        return _from_pattern(recipe.pattern, starts, numbers), None
    return _from_lengths(recipe.lengths or (1, 1), starts, numbers)


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


def _free_digits(starts: UInt64Array, count: int) -> IntArray:
    """Sample digits, int (images, count), from position 1 on; position 0 of the purpose is for the length."""
    words = streams.words(starts, streams.addresses(Purpose.LABEL, count + 1)[1:])
    return streams.below(words, np.array(10, np.uint64))


def _number_digits(numbers: IntArray, count: int) -> IntArray:
    """Return the last ``count`` decimal digits of each number, int (images, count)."""
    return numbers[:, None] // 10 ** np.arange(count - 1, -1, -1, dtype=np.int64) % 10


def _from_pattern(pattern: str, starts: UInt64Array, numbers: IntArray | None) -> IntArray:
    free = np.array([place for place, sign in enumerate(pattern) if sign == ANY_DIGIT], np.int64)
    fixed = [0 if character == ANY_DIGIT else int(character) for character in pattern]
    digits = np.tile(np.array(fixed, np.int64), (len(starts), 1))
    digits[:, free] = _free_digits(starts, len(free))
    if numbers is not None:
        numbered = free[-_NUMBERED:]
        digits[:, numbered] = _number_digits(numbers, len(numbered))
    return digits


def _from_lengths(
    lengths_range: tuple[int, int], starts: UInt64Array, numbers: IntArray | None
) -> tuple[IntArray, BoolArray | None]:
    low, high = lengths_range
    digits = _free_digits(starts, high)
    if numbers is not None and high <= _NUMBERED:
        # Numbers count all labels of the shortest length first, then those of the next.
        ends = np.cumsum([10**length for length in range(low, high + 1)], dtype=np.int64)
        which = np.searchsorted(ends, numbers, side="right").astype(np.int64)
        lengths = which + low
        numbers = numbers - np.append(np.int64(0), ends)[which]
        for length in range(low, high + 1):
            rows = np.flatnonzero(lengths == length).astype(np.int64)
            digits[rows, :length] = _number_digits(numbers[rows], length)
    else:
        if numbers is not None:
            # Shorter labels are too rare among all labels to be sampled in a lifetime.
            low = max(low, _NUMBERED)
        words = streams.words(starts, streams.addresses(Purpose.LABEL, 1))[:, 0]
        lengths = streams.below(words, np.array(high - low + 1, np.uint64)) + low
        if numbers is not None:
            columns = lengths[:, None] + np.arange(-_NUMBERED, 0, dtype=np.int64)
            np.put_along_axis(digits, columns, _number_digits(numbers, _NUMBERED), 1)
    inside = np.arange(high, dtype=np.int64) < lengths[:, None]
    longest = int(lengths.max(initial=1))
    digits = np.where(inside, digits, -1)[:, :longest]
    inside = inside[:, :longest]
    return digits, (None if inside.all() else inside)
