"""Templates of labels: the texts that describe them, and sets without a label in common."""

import re
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

from digitseq.checks import counted, short
from digitseq.errors import ArgumentError
from digitseq.sequence import MAX_DIGITS

ANY_DIGIT = "#"
DIGITS = "0123456789"
MOST_POSITIONS = 1_000_000
"""Maximum number of positions of all templates together."""
_MOST_WEIGHT, _MOST_PIECES = 100_000, 1_000
_POSITION = re.compile(r"\[(?P<some>[^\[\]]*)\]|(?P<one>.)", re.DOTALL)
_RANGE = re.compile(r"([0-9])-([0-9])|([0-9])")


class Template(NamedTuple):
    """
    A set of labels of one length.

    Attributes:
        allowed: the allowed digits of each position, in ascending order, such as "02468".
        weight: how likely the template is, relative to others.
    """

    allowed: tuple[str, ...]
    weight: int = 1

    @property
    def size(self) -> int:
        """Number of labels."""
        return prod(map(len, self.allowed))


def parse_template(text: str) -> Template:
    """
    Parse a pattern.

    Args:
        text: fixed digits, # for any digit, brackets for some digits, and perhaps a weight: "0#[1-9]:3".

    Raises:
        ArgumentError: the pattern is invalid; the message names the position.

    >>> parse_template("0#[2-46]:3")
    Template(allowed=('0', '0123456789', '2346'), weight=3)
    """
    if not isinstance(text, str):
        raise ArgumentError("pattern", f"expected digits 0–9 and #, got {short(text)}")
    body, colon, weight = text.partition(":")
    if colon and not (
        weight.isascii() and weight.isdigit() and len(weight) < 8 and 1 <= int(weight) <= _MOST_WEIGHT
    ):
        raise ArgumentError(
            "pattern", f"expected a weight from 1 to {_MOST_WEIGHT:,} after the colon, got {short(text)}"
        )
    if not body:
        raise ArgumentError("pattern", "expected digits 0–9 and #, got an empty string")
    allowed: list[str] = []
    for found in _POSITION.finditer(body):
        some = found["one"] if found["some"] is None else _class(found["some"])
        if found["one"] == ANY_DIGIT:
            some = DIGITS
        if not some or some.strip(DIGITS):
            where = f"{found[0]!r} at position {len(allowed) + 1} of {short(text)}"
            hint = "to allow only some digits, put them in brackets, such as [1-9] or [02468]"
            raise ArgumentError("pattern", f"expected digits 0–9 and #, got {where}", hint=hint)
        allowed.append(some)
    if len(allowed) > MAX_DIGITS:
        raise ArgumentError("pattern", f"expected at most {MAX_DIGITS} digits, got {len(allowed)}")
    return Template(tuple(allowed), int(weight) if colon else 1)


def _number(text: str) -> int:
    """Parse up to seven digits; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


def _class(text: str) -> str:
    """Return the digits between brackets in ascending order; "" if they are invalid."""
    if not text or _RANGE.sub("", text):
        return ""
    digits = set()
    for low, high, one in _RANGE.findall(text):
        digits |= set(one or DIGITS[int(low) : int(high) + 1])
        if low > high:
            return ""
    return "".join(sorted(digits))


def parse_patterns(value: Any) -> str | tuple[str, ...]:
    """Return one pattern, or several; a single one has no weight."""
    patterns = (value,) if isinstance(value, str) else value
    if not isinstance(patterns, list | tuple) or not patterns:
        raise ArgumentError("pattern", f"expected one or more patterns, got {short(value)}")
    if len(patterns) > _MOST_PIECES:
        found = counted(len(patterns), "pattern")
        raise ArgumentError("pattern", f"expected at most {counted(_MOST_PIECES, 'pattern')}, got {found}")
    for pattern in patterns:
        parse_template(pattern)
    return patterns[0].partition(":")[0] if len(patterns) == 1 else tuple(patterns)


def parse_lengths(text: str) -> list[tuple[int, int]]:
    """Parse numbers of digits, such as 4, 3-6 or 3,5-8."""
    ranges = []
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        least, most = _number(low), _number(high if dash else low)
        if not 1 <= least <= most <= MAX_DIGITS:
            expected = f"expected 1 to {MAX_DIGITS:,} digits, such as 4 or 3-6"
            raise ArgumentError("length", f"{expected}, got {short(text)}")
        ranges.append((least, most))
    positions = sum((most - least + 1) * most for least, most in ranges)
    if len(ranges) > 1 and positions > MOST_POSITIONS:
        raise ArgumentError(
            "length", f"expected at most {counted(MOST_POSITIONS, 'position')} in a list of lengths"
        )
    return ranges


def disjoint(templates: Sequence[Template]) -> Iterator[Template]:
    """
    Yield templates that share no label and together cover the same labels as those given.

    Raises:
        ArgumentError: there would be too many of them.

    >>> [template.allowed for template in disjoint([parse_template("1#"), parse_template("[12]5")])]
    [('1', '0123456789'), ('2', '5')]
    """
    found: dict[int, list[tuple[str, ...]]] = {}
    for template in templates:
        others = found.setdefault(len(template.allowed), [])
        pieces = [template.allowed]
        for other in others:
            pieces = [rest for piece in pieces for rest in _without(piece, other)]
            if len(pieces) > _MOST_PIECES:
                raise ArgumentError("pattern", "the patterns overlap in too many ways to count their labels")
        others += pieces
        yield from map(Template, pieces)


def _without(allowed: tuple[str, ...], other: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield sets of labels that together are those of one template without those of another."""
    common = [_common(ours, theirs) for ours, theirs in zip(allowed, other, strict=True)]
    if not all(common):
        yield allowed
        return
    for position, (ours, theirs) in enumerate(zip(allowed, other, strict=True)):
        if outside := "".join(digit for digit in ours if digit not in theirs):
            yield (*common[:position], outside, *allowed[position + 1 :])


def _common(ours: str, theirs: str) -> str:
    return "".join(digit for digit in ours if digit in theirs)
