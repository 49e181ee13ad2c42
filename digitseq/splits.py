"""The splits of a dataset and of a source."""

from typing import Literal, TypeAlias, get_args

Split: TypeAlias = Literal["train", "validation", "test", "all"]
SPLITS: tuple[str, ...] = get_args(Split)
DISJOINT_SPLITS = SPLITS[:-1]
"""The splits that a source can be divided into."""
