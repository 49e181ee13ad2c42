"""Augment: which effects, and how strong each may be. Numbers only; nothing is drawn here."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

from digitseq.checks import short
from digitseq.errors import ArgumentError

Range: TypeAlias = tuple[float, float]
Strength: TypeAlias = float | Range
"""A range (low, high), or a number that stands for one."""

BACKGROUNDS = ("plain", "gradient", "paper", "lines")


class Effect(NamedTuple):
    """
    What an effect's range may be.

    Attributes:
        neutral: the strength at which nothing happens.
        low: the least strength.
        high: the greatest.
        single: what a single number n means: "around" the neutral strength, from it "to" n, or n "exactly".
        meaning: for people, with the unit.
    """

    neutral: float
    low: float
    high: float
    single: str
    meaning: str


EFFECTS: dict[str, Effect] = {
    # of each digit, before the digits meet
    "rotate": Effect(0, -45, 45, "around", "Turn each digit, degrees, clockwise."),
    "slant": Effect(0, -40, 40, "around", "Slant, degrees, to the right; most of it shared by the line."),
    "scale": Effect(1, 0.5, 1.5, "around", "Width and height of each digit, factors drawn apart."),
    "elastic": Effect(0, 0, 4, "to", "Elastic distortion of each digit, px (rms shift along each axis)."),
    "thickness": Effect(
        0, -0.7, 1, "around", "Thinner or thicker strokes, px at the edge; half shared by the line."
    ),
    "shift": Effect(0, -4, 4, "around", "Move each digit up or down, px."),
    # of the line
    "slope": Effect(0, -5, 5, "around", "Slope of the baseline, degrees."),
    "wave": Effect(0, 0, 4, "to", "Wave of the baseline, px."),
    "blur": Effect(0, 0, 1, "to", "Blur, px (standard deviation)."),
    "contrast": Effect(1, 0.2, 1, "to", "Strength of the ink, a factor."),
    "background": Effect(0, 0, 160, "to", "Brightness of the background, of 255."),
    "noise": Effect(0, 0, 60, "to", "Noise, standard deviation of 255."),
    "occlude": Effect(0, 0, 4, "to", "Small boxes and strokes over the line, how many."),
    "specks": Effect(0, 0, 0.2, "to", "Salt and pepper, share of the pixels."),
    "negative": Effect(0, 0, 1, "exactly", "Chance of black on white."),
}

GEOMETRY = ("rotate", "slant", "scale", "elastic", "shift", "slope", "wave")
OF_DIGITS = (*GEOMETRY, "thickness", "blur", "contrast")
"""What is done to digits, before they meet."""
OF_LINES = ("background", "noise", "occlude", "specks", "negative")
"""What is done to whole lines."""
WIDENING = ("rotate", "slant", "scale", "elastic", "slope", "thickness", "blur")
"""With any of these, a digit's ink may be as wide as a tile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augment:
    """
    How rough images are made.

    Every effect is a range (low, high), from which a strength is drawn uniformly; a single number n is the
    range from the neutral strength to n, or, where both directions make sense, n to either side of it
    (``scale=0.1`` is 0.9 to 1.1).
    ``Augment()`` changes nothing, to the byte.

    Args:
        rotate: degrees, clockwise; of each digit.
        slant: degrees, to the right; 58 % of its variance is the line's, the rest each digit's own.
        scale: factors of width and of height, drawn apart; of each digit.
        elastic: rms shift along each axis, px; of each digit.
        thickness: px at the edge of a stroke, negative is thinner; part the line's, part each digit's.
        shift: px down; of each digit.
        slope: degrees of the baseline, clockwise.
        wave: amplitude of the baseline, px.
        blur: standard deviation, px.
        contrast: factor of the ink.
        background: brightness of 255.
        noise: standard deviation of 255.
        occlude: how many small boxes and strokes.
        specks: share of the pixels that become black or white.
        negative: chance that the image is black on white (with ``invert``, white on black).
        backgrounds: the kinds to choose from: plain, gradient, paper, lines; one or several.
        chance: of an image to be roughened at all; the others stay as they are.

    Raises:
        ArgumentError: a range is not two numbers in order, or beyond what the effect can do.

    >>> Augment(rotate=10, scale=(0.9, 1.2)).rotate
    (-10.0, 10.0)
    >>> Augment(rotate=0) == Augment()
    True
    """

    rotate: Strength = (0, 0)
    slant: Strength = (0, 0)
    scale: Strength = (1, 1)
    elastic: Strength = (0, 0)
    thickness: Strength = (0, 0)
    shift: Strength = (0, 0)
    slope: Strength = (0, 0)
    wave: Strength = (0, 0)
    blur: Strength = (0, 0)
    contrast: Strength = (1, 1)
    background: Strength = (0, 0)
    noise: Strength = (0, 0)
    occlude: Strength = (0, 0)
    specks: Strength = (0, 0)
    negative: Strength = (0, 0)
    backgrounds: tuple[str, ...] | str = BACKGROUNDS
    chance: float = 1

    def __post_init__(self) -> None:
        for name, effect in EFFECTS.items():
            object.__setattr__(self, name, _range(name, getattr(self, name), effect))
        if any(count != int(count) for count in self.range("occlude")):
            low, high = self.range("occlude")
            raise ArgumentError("occlude", f"expected whole numbers, got {low:g} to {high:g}")
        kinds = (self.backgrounds,) if isinstance(self.backgrounds, str) else self.backgrounds
        if not isinstance(kinds, list | tuple) or not kinds or any(k not in BACKGROUNDS for k in kinds):
            expected = f"some of {', '.join(BACKGROUNDS)}"
            found = ",".join(map(str, kinds)) if isinstance(kinds, list | tuple) else short(kinds)
            raise ArgumentError("backgrounds", f"expected {expected}, got {found}")
        object.__setattr__(self, "backgrounds", tuple(kinds))
        chance = _numbers(self.chance)
        if chance is None or len(chance) != 1 or not 0 <= chance[0] <= 1:
            raise ArgumentError("chance", f"expected a number from 0 to 1, got {short(self.chance)}")
        object.__setattr__(self, "chance", chance[0])

    def range(self, name: str) -> Range:
        """
        The range of an effect.

        >>> Augment(rotate=10).range("rotate")
        (-10.0, 10.0)
        """
        strengths: Range = getattr(self, name)
        return strengths

    def uses(self, *names: str) -> bool:
        """
        Whether any of these effects can change something.

        >>> Augment(rotate=3).uses("slant"), Augment(rotate=3).uses("slant", "rotate")
        (False, True)
        """
        return any(getattr(self, name) != (EFFECTS[name].neutral,) * 2 for name in names)

    def to_dict(self) -> dict[str, Any]:
        """What differs from ``Augment()``, as plain JSON types; ``Augment(**…)`` restores it."""
        plain = Augment()
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value != getattr(plain, name)
        }


def _range(name: str, value: Any, effect: Effect) -> Range:
    numbers = _numbers(value)
    if numbers is None:
        raise ArgumentError(name, f"expected a number or two (low, high), got {short(value)}")
    if len(numbers) == 1:
        numbers = _around(effect, numbers[0])
    low, high = numbers
    if low > high:
        raise ArgumentError(name, f"expected low ≤ high, got {low:g} and {high:g}")
    if low < effect.low or high > effect.high:
        allowed = f"from {effect.low:g} to {effect.high:g}"
        hint = ""
        if name == "scale":
            hint = "a single number is the way to either side of 1: 0.1 is 0.9 to 1.1"
        raise ArgumentError(name, f"expected strengths {allowed}, got {low:g} to {high:g}", hint=hint)
    return float(low), float(high)


def _around(effect: Effect, number: float) -> tuple[float, float]:
    if effect.single == "exactly":
        return number, number
    if effect.single == "around":
        return effect.neutral - abs(number), effect.neutral + abs(number)
    return min(effect.neutral, number), max(effect.neutral, number)


def _numbers(value: Any) -> tuple[float, ...] | None:
    values = value if isinstance(value, list | tuple) else (value,)
    if not 1 <= len(values) <= 2 or any(isinstance(v, bool | str) for v in values):
        return None
    try:
        numbers = tuple(float(v) for v in values)
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if all(map(isfinite, numbers)) else None


# What the ranges lean on is told in docs/augmentation.md.
PRESETS: dict[str, Augment] = {
    "none": Augment(),
    "light": Augment(rotate=7, slant=10, scale=0.1, thickness=0.3, shift=1),
    "medium": Augment(
        rotate=10, slant=15, scale=0.15, elastic=(0.3, 0.9), thickness=0.5, shift=1.5,
        slope=1.5, wave=1, blur=0.5, contrast=0.7, noise=8,
    ),
    "heavy": Augment(
        chance=0.75, rotate=12, slant=28, scale=0.2, elastic=(0.4, 1.2), thickness=0.7, shift=2,
        slope=2.5, wave=1.5, blur=0.9, contrast=0.45, background=70, noise=25, occlude=1, specks=0.02,
    ),
    "touching": Augment(
        chance=0.75, rotate=10, slant=22, scale=0.2, elastic=(0.3, 0.9), thickness=0.6, shift=2,
        slope=2, wave=1,
    ),
}  # fmt: skip
"""Named settings."""

SPACING: dict[str, tuple[str, tuple[int, int]]] = {
    "heavy": ("contour", (-2, 8)),
    "touching": ("contour", (-2, 0)),
}
"""The spacing that a preset is meant for, where digits are not separate: the command line's default."""


def preset(value: Any) -> Augment | None:
    """
    Settings from a preset's name, from an Augment, from a mapping of its fields, or None for none.

    Raises:
        ArgumentError: there is no such preset, or no such effect.
    """
    if value is None or value == PRESETS["none"]:
        return None
    if isinstance(value, Augment):
        return value
    if isinstance(value, str):
        if value not in PRESETS:
            raise ArgumentError("augment", f"expected one of {', '.join(PRESETS)}, got {value!r}")
        return preset(PRESETS[value])
    if not isinstance(value, Mapping):
        raise ArgumentError("augment", f"expected a preset's name or an Augment, got {short(value)}")
    known = [field.name for field in fields(Augment)]
    if unknown := sorted(set(value) - set(known)):
        raise ArgumentError("augment", f"unknown effect {unknown[0]!r}; known: {', '.join(known)}")
    return preset(Augment(**value))
