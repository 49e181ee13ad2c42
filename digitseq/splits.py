"""The splits of a dataset and of a source."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from digitseq.checks import choice, integer, short
from digitseq.errors import ArgumentError

Split: TypeAlias = Literal["train", "validation", "test", "all"]
SPLITS: tuple[str, ...] = get_args(Split)
DISJOINT_SPLITS = SPLITS[:-1]
"""The splits that a source can be divided into."""


def split_counts(value: Any, most: int) -> tuple[tuple[str, int], ...]:
    """
    Return the number of images of each split as pairs, from a mapping or from pairs.

    Args:
        value: split → count.
        most: maximum count.

    Raises:
        ArgumentError: a split is unknown or repeated, or a count is invalid.

    >>> split_counts({"train": 5, "test": 1}, 10)
    (('train', 5), ('test', 1))
    """
    try:
        pairs = [(name, count) for name, count in (value.items() if isinstance(value, Mapping) else value)]
    except (TypeError, ValueError):
        raise ArgumentError(
            "splits", f'expected splits and counts, such as {{"train": 100}}, got {short(value)}'
        ) from None
    splits = tuple(
        (choice("splits", name, DISJOINT_SPLITS), integer("splits", count, 0, most)) for name, count in pairs
    )
    if len({name for name, _ in splits}) < len(splits):
        raise ArgumentError("splits", "expected each split at most once")
    return splits
