"""Checking what callers give: once, in the core, with sentences that name it."""

import operator
import os
from pathlib import Path
from typing import Any

from digitseq.errors import ArgumentError


def integer(argument: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """The integer that a value is, within bounds; an ArgumentError names the argument."""
    number = as_int(value)
    bounds = "" if low is None else f" from {low} to {high}"
    if number is None or (low is not None and number < low) or (high is not None and number > high):
        raise ArgumentError(argument, f"expected an integer{bounds}, got {short(value)}")
    return number


def integers(argument: str, value: Any, low: int, high: int) -> tuple[int, int]:
    """A value as a range (min, max): a pair of integers, or one integer that stands for both."""
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
    """The integer that a value is, or None; True and False are not integers here."""
    if type(value) is int:
        return value
    if type(value).__name__ in ("bool", "bool_"):  # numpy's bool too, without importing numpy
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def choice(argument: str, value: Any, allowed: tuple[str, ...]) -> str:
    """One of the allowed words; an ArgumentError names the argument."""
    if not isinstance(value, str) or value not in allowed:
        raise ArgumentError(argument, f"expected one of {', '.join(allowed)}, got {short(value)}")
    return str(value)


def home_path(path: str | Path) -> Path:
    """A path with ~ replaced by the home folder, as no shell does it in `--recipe=~/x`."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own raises for unknown users


def short(value: Any) -> str:
    """A value as a message shows it."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write out integers of over 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text)} characters)"


def counted(number: int, thing: str) -> str:
    """
    A number and what it counts.

    >>> counted(1, "problem"), counted(1200, "shard")
    ('1 problem', '1,200 shards')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
