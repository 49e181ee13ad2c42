"""Parse the texts of options into values."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import IO

import typer

from digitseq.checks import home_path
from digitseq.errors import ArgumentError, SourceError, system_errors
from digitseq.glyphs.handwriting.styles import STYLES
from digitseq.interrupts import interruptible
from digitseq.sequence import MAX_DIGITS, sequence_text
from digitseq.storage.inputs import open_input

_LONGEST_LINE = MAX_DIGITS + 1_000  # bytes
_MOST_SEQUENCES = 1 << 25  # bytes that dataset.json can hold


def source_name(
    sources: list[str] | None, style_seed: int | None = None, recipe_source: str = ""
) -> str | None:
    """
    Return the source that --source and --style-seed name, or None if neither is given.

    Without --source, --style-seed replaces the style seed of the recipe's source, and keeps its style.
    """
    source = None if sources is None else "+".join(sources)
    if source == "":
        raise ArgumentError("source", "expected mnist, builtin, auto or a path, got an empty string")
    if style_seed is None:
        return source
    named = ("builtin", *(f"builtin:{style}" for style in STYLES))
    if source is None:
        source = recipe_source or "builtin"
        source = source if source in named or "+" in source else source.rpartition(":")[0]
    if source not in named:
        raise typer.BadParameter(
            "--style-seed applies only to the sources builtin and builtin:STYLE; otherwise leave it out, or "
            "write the seed in the source: builtin:SEED or builtin:STYLE:SEED"
        )
    return f"{source}:{style_seed}"


def spacing(minimum: int | None, maximum: int | None, usual: tuple[int, int]) -> tuple[int, int]:
    """Return the spacing range; a missing end takes its usual value, limited by the given end."""
    least, most = usual
    low = min(least, least if maximum is None else maximum) if minimum is None else minimum
    return low, max(most, low) if maximum is None else maximum


def width(text: str) -> int | None:
    """Parse a width in px; auto is None, the natural width."""
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise ArgumentError("image_width", f"expected an integer or auto, got {text!r}") from None


def length_range(text: str) -> tuple[int, int]:
    """Parse a number of digits or a range, such as 4 or 3-6."""
    low, dash, high = text.partition("-")
    with suppress(ValueError):
        least, most = int(low), int(high if dash else low)
        if 1 <= least <= most <= MAX_DIGITS:
            return least, most
    raise ArgumentError("length", f"expected 1 to {MAX_DIGITS:,} digits, such as 4 or 3-6, got {text!r}")


def lengths(text: str) -> tuple[int, int] | str:
    """Parse a number of digits or a range; a list of them stays a text, as a Recipe takes it."""
    return text if "," in text else length_range(text)


def part(text: str) -> tuple[int, int]:
    """Parse a part, such as 3/16."""
    number, _, of = text.partition("/")
    with suppress(ValueError):
        if 1 <= int(number) <= int(of):
            return int(number), int(of)
    raise ArgumentError("part", f"expected K/N with 1 ≤ K ≤ N, such as 3/16, got {text!r}")


def number(name: str, text: str) -> float:
    """Parse a number."""
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(name, f"expected a number, got {text!r}") from None


def strengths(name: str, text: str) -> float | tuple[float, float]:
    """
    Parse a strength or a range of strengths.

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
    Read sequences from a file, or from standard input if the name is "-".

    Raises:
        SourceError: the file cannot be read.
        ArgumentError: a line is not a sequence of digits.
    """
    where = "standard input" if name == "-" else name
    with system_errors(SourceError, f"{where} cannot be read"), interruptible():
        if name == "-":
            return tuple(sequence_lines(sys.stdin.buffer, where))
        with open_input(home_path(name)) as file:
            return tuple(sequence_lines(file, where))


def sequence_lines(stdin: IO[bytes], name: str) -> Iterator[str]:
    """Yield the sequences of a file, one per line; skip blank lines. Errors name the line by its number."""
    empty = True
    size = 0
    for row in count(1):
        line = stdin.readline(_LONGEST_LINE)
        size += len(line)
        if not line:
            break
        if size > _MOST_SEQUENCES:
            raise ArgumentError(name, f"expected at most {_MOST_SEQUENCES:,} bytes, got more")
        text = line.decode("utf-8-sig" if row == 1 else "utf-8", "replace").strip()
        if text:
            empty = False
            try:
                yield sequence_text(text)
            except ArgumentError as error:
                raise ArgumentError(f"{name}, line {row}", error.problem) from None
    if empty:
        raise ArgumentError(name, "expected sequences of digits, one per line, got none")
