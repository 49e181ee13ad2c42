"""
Recipe: everything that defines a set of images, checked once, frozen, JSON in and out.

Image i of a recipe is a pure function of (recipe, i) and of the glyphs of its source.
"""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, SupportsIndex, TypeAlias, get_args

from digitseq.errors import ArgumentError

MAX_DIGITS = 65_536
"""Most digits in one sequence: as many as the randomness contract has positions."""
MAX_WIDTH_PX = 1_000_000
"""Widest image, px: a typing mistake must not allocate terabytes."""

Split: TypeAlias = Literal["train", "validation", "test", "all"]
SpacingFrom: TypeAlias = Literal["ink", "tile"]
Align: TypeAlias = Literal["center", "left", "right", "random"]
SPLITS: tuple[str, ...] = get_args(Split)
SPACING_FROM: tuple[str, ...] = get_args(SpacingFrom)
ALIGN: tuple[str, ...] = get_args(Align)

RECIPE_FORMAT = 1
_SEED_BITS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """
    What is wanted: one image for each of ``sequences``.

    Args:
        sequences: texts of digits 0–9, leading zeros kept; one image each.
        spacing_range: (min, max) px between neighbouring digits, both included; negative overlaps.
        image_width: width of every image in px, or None for the natural width of each line.
        seed: any integer.
        index: place of the first image in the seed's stream; image i of this recipe is number index + i.
        source: "mnist", "builtin" or the name of another source.
        split: "train", "validation", "test" or "all": which of the source's glyphs are drawn from.
        spacing_from: "ink" measures the spacing between inked columns, "tile" between 28 px tiles.
        align: where surplus width goes: "center", "left", "right" (the line is there) or "random".
        invert: black digits on white.

    Raises:
        ArgumentError: a value is not what it must be; its ``argument`` says which.

    >>> Recipe(sequences=("0042",), spacing_range=(2, 8), image_width=200, seed=7).to_dict()["sequences"]
    ['0042']
    """

    sequences: tuple[str, ...]
    spacing_range: tuple[int, int]
    image_width: int | None
    seed: int
    index: int = 0
    source: str = "mnist"
    split: str = "train"
    spacing_from: str = "ink"
    align: str = "center"
    invert: bool = False

    def __post_init__(self) -> None:
        # object.__setattr__ is the one way to normalise a field of a frozen dataclass.
        put = object.__setattr__
        put(self, "sequences", _sequences(self.sequences))
        put(self, "spacing_range", _spacing_range(self.spacing_range))
        if self.image_width is not None:
            put(self, "image_width", _integer("image_width", self.image_width, 1, MAX_WIDTH_PX))
        put(self, "seed", _integer("seed", self.seed))
        if self.seed.bit_length() > _SEED_BITS:
            raise ArgumentError("seed", f"expected an integer of at most {_SEED_BITS} bits")
        put(self, "index", _integer("index", self.index, 0, 2**63 - 1 - len(self.sequences)))
        if not isinstance(self.source, str) or not self.source:
            raise ArgumentError("source", f"expected the name of a source, got {self.source!r}")
        _choice("split", self.split, SPLITS)
        _choice("spacing_from", self.spacing_from, SPACING_FROM)
        _choice("align", self.align, ALIGN)
        if not isinstance(self.invert, bool):
            raise ArgumentError("invert", f"expected True or False, got {self.invert!r}")

    def __len__(self) -> int:
        return len(self.sequences)

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON types; `from_dict` restores it."""
        return (
            {"format": RECIPE_FORMAT}
            | asdict(self)
            | {
                "sequences": list(self.sequences),
                "spacing_range": list(self.spacing_range),
            }
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Recipe":
        """
        A recipe from what `to_dict` gave.

        Raises:
            ArgumentError: a field is missing, unknown or wrong, or the format is a later one.
        """
        if not isinstance(data, Mapping):
            raise ArgumentError("recipe", f"expected an object with named fields, got {data!r}")
        values = dict(data)
        if (found := values.pop("format", None)) != RECIPE_FORMAT:
            raise ArgumentError("recipe", f"expected format {RECIPE_FORMAT}, got {found!r}")
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise ArgumentError("recipe", f"unknown field {unknown[0]!r}; known: {', '.join(known)}")
        for needed in ("sequences", "spacing_range", "image_width", "seed"):
            if needed not in values:
                raise ArgumentError("recipe", f"the field {needed!r} is missing")
        if not isinstance(values["sequences"], list):
            raise ArgumentError("sequences", f"expected a list of texts, got {values['sequences']!r}")
        return cls(**values)


def sequence_text(digits: str | Iterable[SupportsIndex]) -> str:
    """
    A sequence as text, from text or from any iterable of integers.

    Args:
        digits: ASCII digits, or integers 0–9 (numpy's too; an iterator is used up).

    Raises:
        ArgumentError: something in it is not a digit (its value and place are named), it is empty, or
            it is longer than MAX_DIGITS.

    >>> sequence_text([0, 0, 4, 2])
    '0042'
    """
    if isinstance(digits, str):
        text = str(digits)
        # isdigit alone accepts '３' and '²'.
        if not (text.isascii() and text.isdigit()):
            for position, character in enumerate(text):
                if character not in "0123456789":
                    raise ArgumentError(
                        "digits",
                        f"expected digits 0–9, got {character!r} at position {position} of {_short(text)}",
                    )
    else:
        text = "".join(_digit_texts(digits))
    if not text:
        raise ArgumentError("digits", "expected at least one digit, got none")
    if len(text) > MAX_DIGITS:
        raise ArgumentError("digits", f"expected at most {MAX_DIGITS} digits, got more")
    return text


def _digit_texts(digits: Iterable[SupportsIndex]) -> Iterable[str]:
    if isinstance(digits, bytes | bytearray):
        raise ArgumentError("digits", f"expected a text or integers, got bytes: {_short(bytes(digits))}")
    try:
        values = iter(digits)
    except TypeError:
        number = _as_int(digits)
        hint = f"write it as text: '{number}'" if number is not None and 0 <= number < 10**100 else ""
        raise ArgumentError(
            "digits", f"expected a text or an iterable of integers 0–9, got {_short(digits)}", hint=hint
        ) from None
    for position, value in enumerate(values):
        number = _as_int(value)
        if number is None or not 0 <= number <= 9:
            raise ArgumentError(
                "digits", f"expected integers 0–9, got {_short(value)} at position {position}"
            )
        if position >= MAX_DIGITS:  # an endless generator ends here
            raise ArgumentError("digits", f"expected at most {MAX_DIGITS} digits, got more")
        yield "0123456789"[number]


def _sequences(values: Any) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ArgumentError("sequences", f"expected a collection of texts, got {_short(values)}")
    sequences = []
    for number, value in enumerate(values):
        try:
            sequences.append(sequence_text(value))
        except ArgumentError as error:
            where = f"number {number}: " if number else ""
            raise ArgumentError("sequences", where + error.problem, hint=error.hint) from None
    if not sequences:
        raise ArgumentError("sequences", "expected at least one sequence, got none")
    return tuple(sequences)


def _spacing_range(value: Any) -> tuple[int, int]:
    try:
        low, high = (None, None) if isinstance(value, str | bytes) else value
    except (TypeError, ValueError):
        low = high = None
    minimum, maximum = _as_int(low), _as_int(high)
    if minimum is None or maximum is None:
        raise ArgumentError("spacing_range", f"expected two integers (min, max), got {_short(value)}")
    if minimum > maximum:
        raise ArgumentError(
            "spacing_range", f"expected min ≤ max, got min {_short(minimum)} and max {_short(maximum)}"
        )
    if max(-minimum, maximum) > MAX_WIDTH_PX:
        raise ArgumentError(
            "spacing_range", f"expected at most {MAX_WIDTH_PX} px either way, got {_short(value)}"
        )
    return minimum, maximum


def _integer(argument: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    number = _as_int(value)
    bounds = "" if low is None else f" from {low} to {high}"
    if number is None or (low is not None and number < low) or (high is not None and number > high):
        raise ArgumentError(argument, f"expected an integer{bounds}, got {_short(value)}")
    return number


def _as_int(value: Any) -> int | None:
    """The integer that a value is, or None; True and False are not integers here."""
    if type(value) is int:
        return value
    if type(value).__name__ in ("bool", "bool_"):  # numpy's bool too, without importing numpy
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _choice(argument: str, value: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise ArgumentError(argument, f"expected one of {', '.join(allowed)}, got {_short(value)}")


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python does not write out integers of over 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text)} characters)"
