"""Argument checks, made once, in the core; errors name the argument."""

import operator
import os
from collections.abc import Iterator
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitseq.errors import ArgumentError

if TYPE_CHECKING:
    from digitseq.arrays import AnyArray


FLAGS = ("bool", "bool_")
"""Names of the types of True and False: Python's and numpy's, without importing numpy."""


def integer(argument: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """Return a value as an integer within bounds; raise an ArgumentError if it is none."""
    number = as_int(value)
    bounds = "" if low is None else f" ≥ {low:,}" if high is None else f" from {low:,} to {high:,}"
    if number is None or (low is not None and number < low) or (high is not None and number > high):
        raise ArgumentError(argument, f"expected an integer{bounds}, got {short(value)}")
    return number


def integers(argument: str, value: Any, low: int, high: int) -> tuple[int, int]:
    """Return a range (min, max) from a pair of integers, or from one integer that is both ends."""
    try:
        first, last = (value, value) if as_int(value) is not None else value
    except (TypeError, ValueError):
        first = last = None
    least, greatest = as_int(first), as_int(last)
    if least is None or greatest is None or not low <= least <= greatest <= high:
        expected = f"an integer or a pair (min, max), {low} ≤ min ≤ max ≤ {high}"
        raise ArgumentError(argument, f"expected {expected}, got {short(value)}")
    return least, greatest


def as_int(value: Any) -> int | None:
    """Return a value as an int, or None if it is not an integer; True and False do not count as integers."""
    if type(value) is int:
        return value
    if type(value).__name__ in FLAGS:
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def choice(argument: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Return a value that is one of the allowed words; raise an ArgumentError if it is not."""
    if not isinstance(value, str) or value not in allowed:
        raise ArgumentError(argument, f"expected one of {', '.join(allowed)}, got {short(value)}")
    return str(value)


def flag(argument: str, value: Any) -> bool:
    """Return a value that is True or False; raise an ArgumentError if it is anything else."""
    if type(value).__name__ not in FLAGS:
        raise ArgumentError(argument, f"expected True or False, got {short(value)}")
    return bool(value)


def collection(argument: str, value: Any, things: str) -> Iterator[Any]:
    """Return an iterator over a value that is no string; raise an ArgumentError if it has no items."""
    if not isinstance(value, str | bytes):
        with suppress(TypeError):
            return iter(value)
    raise ArgumentError(argument, f"expected a collection of {things}, got {short(value)}")


def as_array(argument: str, value: Any) -> "AnyArray":
    """Return a value as an array; raise an ArgumentError if its rows have different lengths."""
    import numpy as np  # slow to import

    try:
        array: AnyArray = np.asarray(value)
    except (TypeError, RuntimeError) as error:  # such as a tensor on a GPU; the message says what to do
        raise ArgumentError(argument, f"expected an array, got {short(value)}", hint=str(error)) from error
    except (ValueError, OverflowError):
        expected = "expected an array (rows of equal length)"
        raise ArgumentError(argument, f"{expected}, got {short(value)}") from None
    return array


def home_path(path: Any, argument: str = "path") -> Path:
    """
    Return a path with ~ expanded to the home folder, which shells do not do in `--recipe=~/x`.

    Raises:
        ArgumentError: it is not a path.
    """
    if not isinstance(path, str | PathLike) or not str(path) or "\0" in str(path):
        raise ArgumentError(argument, f"expected a path, got {short(path)}")
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own raises for unknown users


def short(value: Any) -> str:
    """Return a value as messages show it: its repr, shortened if necessary."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to convert integers of more than 4,300 digits
        return "an integer of more than 4,300 digits"
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text)} characters)"


def counted(number: int, thing: str) -> str:
    """
    Return a number and the noun it counts, singular or plural.

    >>> counted(1, "problem"), counted(1200, "shard")
    ('1 problem', '1,200 shards')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def percent(share: float, places: int = 1) -> str:
    """
    Return a share as a percentage; only 0 and 1 are shown as 0% and 100%.

    >>> percent(0.5), percent(0.9996), percent(0.00001), percent(1), percent(1 / 3, 2)
    ('50.0%', '99.96%', '0.001%', '100.0%', '33.33%')
    """
    while (text := f"{share:.{places}%}") in (f"{0:.{places}%}", f"{1:.{places}%}") and 0 < share != 1:
        places += 1
        if places > 9:
            break
    return text
