"""What people write for an option → the value that it stands for."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import IO

import typer

from digitseq.checks import home_path
from digitseq.errors import ArgumentError, SourceError, system_errors
from digitseq.interrupts import interruptible
from digitseq.sequence import MAX_DIGITS, sequence_text
from digitseq.storage.inputs import open_input

_LONGEST_LINE = MAX_DIGITS + 1_000  # bytes
_MOST_SEQUENCES = 1 << 25  # bytes: what dataset.json can hold


def source_name(source: str | None, style_seed: int | None) -> str | None:
    """The source that --source and --style-seed ask for; None if neither is given."""
    if style_seed is None:
        return source
    if source not in (None, "builtin"):
        raise typer.BadParameter(
            "--style-seed is for the built-in digits; leave --source out, or write builtin"
        )
    return f"builtin:{style_seed}"


def spacing(minimum: int | None, maximum: int | None, usual: tuple[int, int]) -> tuple[int, int]:
    """The range of the spacing; an end that is not given moves out of the way of the other."""
    least, most = usual
    low = min(least, least if maximum is None else maximum) if minimum is None else minimum
    return low, max(most, low) if maximum is None else maximum


def width(text: str) -> int | None:
    """A width in px, or None for the natural one."""
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise ArgumentError("image_width", f"expected an integer or auto, got {text!r}") from None


def length_range(text: str) -> tuple[int, int]:
    """A number of digits, or the range of one."""
    low, dash, high = text.partition("-")
    with suppress(ValueError):
        least, most = int(low), int(high if dash else low)
        if 1 <= least <= most <= MAX_DIGITS:
            return least, most
    raise ArgumentError("length", f"expected 1 to {MAX_DIGITS:,} digits, such as 4 or 3-6, got {text!r}")


def part(text: str) -> tuple[int, int]:
    """Which part of how many: 3/16."""
    number, _, of = text.partition("/")
    with suppress(ValueError):
        if 1 <= int(number) <= int(of):
            return int(number), int(of)
    raise ArgumentError("part", f"expected K/N with 1 ≤ K ≤ N, such as 3/16, got {text!r}")


def number(name: str, text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(name, f"expected a number, got {text!r}") from None


def strengths(name: str, text: str) -> float | tuple[float, float]:
    """
    A strength or a range of them.

    >>> strengths("rotate", "10"), strengths("slant", "-20:20")
    (10.0, (-20.0, 20.0))
    """
    low, colon, high = text.partition(":")
    try:
        return (float(low), float(high)) if colon else float(low)
    except ValueError:
        raise ArgumentError(name, f"expected a number or LOW:HIGH, got {text!r}") from None


def sequences_of(name: str) -> tuple[str, ...]:
    """
    Sequences from a file, or from standard input if its name is "-".

    Raises:
        SourceError: it cannot be read.
        ArgumentError: a line of it is no sequence.
    """
    where = "standard input" if name == "-" else name
    with system_errors(SourceError, f"{where} cannot be read"), interruptible():
        if name == "-":
            return tuple(sequence_lines(sys.stdin.buffer, where))
        with open_input(home_path(name)) as file:
            return tuple(sequence_lines(file, where))


def sequence_lines(stdin: IO[bytes], name: str) -> Iterator[str]:
    """Sequences from a file, one per line; blank lines do not count, a bad one is named by its number."""
    empty = True
    size = 0
    for row in count(1):
        line = stdin.readline(_LONGEST_LINE)
        size += len(line)
        if not line:
            break
        if size > _MOST_SEQUENCES:
            raise ArgumentError(name, f"expected at most {_MOST_SEQUENCES:,} bytes of sequences, got more")
        text = line.decode("utf-8-sig" if row == 1 else "utf-8", "replace").strip()
        if text:
            empty = False
            try:
                yield sequence_text(text)
            except ArgumentError as error:
                raise ArgumentError(f"{name}, line {row}", error.problem) from None
    if empty:
        raise ArgumentError(name, "expected sequences of digits, one per line, got none")
