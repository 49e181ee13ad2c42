"""The table of effects: limits of each, how its strength is sampled, and the function that applies it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from math import isfinite
from typing import Any, NamedTuple, TypeAlias, cast

from digitseq.checks import FLAGS, short
from digitseq.errors import ArgumentError
from digitseq.random_purposes import Purpose

Range: TypeAlias = tuple[float, float]
Strength: TypeAlias = float | Range
"""A range (low, high), or a single number that `Augment` turns into one."""

BACKGROUNDS = ("plain", "gradient", "paper", "lines", "ledger")
DEFAULT_BACKGROUNDS = BACKGROUNDS[:4]
"""The default kinds. Do not change them: existing recipes rely on them."""
ONE = 1 << 12
"""Fixed-point 1."""
FINE = 1 << 16
"""Fixed-point 1 of fractions and probabilities."""


class Effect(NamedTuple):
    """
    One effect.

    Attributes:
        meaning: help text, with the unit.
        low: minimum strength.
        high: maximum strength.
        stage: "map" (one of the effects that `digit_effects.rough_digits` composes into one map), "digit"
            (applied to tiles after the map) or "line" (applied to whole lines). Effects of a stage are
            applied in the order of the table.
        purpose: purpose of the words that decide the strength.
        neutral: the strength that changes nothing.
        single: meaning of a single number n: n to either side "around" the neutral strength, from the
            neutral strength "to" n, or "exactly" n.
        sampled: how strengths are sampled: one per "digit", a "pair" per digit, one per digit but partly
            "shared" by a line's digits, one per "line", or a "chance" per line.
        unit: strengths are integers in 1/unit.
        function: "module.name" of the function that applies the effect in place: to digits, (tiles
            uint8 (n, 28, 28), strengths int (n,)); to lines, (images uint8 (n, 28, widest), sampler,
            widths_px int (n,)).
        line_purpose: purpose of the words that decide the strength that a line's digits share.
        percent: weight of the shared strength, percent.
        widens: whether a digit's ink may become as wide as a tile.
        covers: whether ink can no longer be distinguished from its surroundings.
        whole: whether strengths are whole numbers.
    """

    meaning: str
    low: float
    high: float
    stage: str
    purpose: int
    neutral: float = 0
    single: str = "around"
    sampled: str = "digit"
    unit: int = ONE
    function: str = ""
    line_purpose: int = 0
    percent: int = 0
    widens: bool = False
    covers: bool = False
    whole: bool = False


_DIGITS, _LINES = "digitseq.augment.digit_effects.", "digitseq.augment.line_effects."

# The weights of shared strengths follow from the standard deviations between and within MNIST's writers:
# slant 10.5° and 8.9°, thickness 0.47 and 0.44 px.
EFFECTS: dict[str, Effect] = {
    "rotate": Effect(
        "Rotation of each digit, degrees clockwise.", -45, 45, "map", Purpose.ROTATE, widens=True
    ),
    "slant": Effect(
        "Slant to the right, degrees; mostly shared by the digits of a line.", -40, 40, "map", Purpose.SLANT,
        sampled="shared", line_purpose=Purpose.LINE_SLANT, percent=54, widens=True,
    ),
    "scale": Effect(
        "Independent scale factors of each digit's width and height.", 0.5, 1.5, "map", Purpose.SCALE,
        neutral=1, sampled="pair", widens=True,
    ),
    "elastic": Effect(
        "Elastic distortion of each digit, px (RMS shift along each axis).", 0, 4, "map", Purpose.ELASTIC,
        single="to", widens=True,
    ),
    "thickness": Effect(
        "Stroke thickness, px added at each edge; half shared by the digits of a line.", -0.7, 1, "digit",
        Purpose.THICKNESS, sampled="shared", line_purpose=Purpose.LINE_THICKNESS, percent=52,
        function=_DIGITS + "thicken", widens=True,
    ),
    "shift": Effect("Vertical shift of each digit, px down.", -4, 4, "map", Purpose.SHIFT),
    "slope": Effect(
        "Slope of the baseline, degrees clockwise.", -5, 5, "map", Purpose.SLOPE, sampled="line", widens=True
    ),
    "wave": Effect(
        "Amplitude of a wavy baseline, px.", 0, 4, "map", Purpose.WAVE, single="to", sampled="line"
    ),
    "blur": Effect(
        "Blur, px (standard deviation).", 0, 1, "digit", Purpose.BLUR,
        single="to", sampled="line", function=_DIGITS + "blur", widens=True,
    ),
    "contrast": Effect(
        "Factor on the brightness of the ink.", 0.2, 1, "digit", Purpose.CONTRAST,
        neutral=1, single="to", sampled="line", unit=256, function=_DIGITS + "fade",
    ),
    "background": Effect(
        "Brightness of the background; white is 255.", 0, 160, "line", Purpose.BACKGROUND,
        single="to", sampled="line", unit=1, function=_LINES + "background", covers=True,
    ),
    "occlude": Effect(
        "Number of small boxes and strokes over the line.", 0, 4, "line", Purpose.OCCLUDE,
        single="to", sampled="line", unit=1, function=_LINES + "occlude", covers=True, whole=True,
    ),
    "noise": Effect(
        "Standard deviation of the noise; white is 255.", 0, 60, "line", Purpose.NOISE,
        single="to", sampled="line", unit=64, function=_LINES + "noise", covers=True,
    ),
    "specks": Effect(
        "Salt-and-pepper noise, fraction of the pixels.", 0, 0.2, "line", Purpose.SPECKS,
        single="to", sampled="line", unit=FINE, function=_LINES + "specks", covers=True,
    ),
    "negative": Effect(
        "Probability of black on white.", 0, 1, "line", Purpose.NEGATIVE,
        single="exactly", sampled="chance", unit=FINE, function=_LINES + "negative",
    ),
}  # fmt: skip


def effects_of(*stages: str) -> tuple[str, ...]:
    """Return the effects of the given stages, in the order of the table."""
    return tuple(name for name, effect in EFFECTS.items() if effect.stage in stages)


@cache
def effect_function(path: str) -> Callable[..., None]:
    """Import the function of an effect from its path, "module.name"."""
    module, _, name = path.rpartition(".")
    return cast("Callable[..., None]", getattr(import_module(module), name))


@dataclass(frozen=True, init=False, repr=False)
class Augment:
    """
    Effects on images, and the range of each effect's strength.

    Every effect is a range (low, high), from which a strength is sampled uniformly. A single number n is the
    range from the neutral strength to n or, where both directions make sense, n to either side of it
    (``scale=0.1`` is 0.9 to 1.1). For ``negative``, it is exactly n.
    ``Augment()`` leaves every byte unchanged.

    Args:
        rotate: degrees clockwise, per digit.
        slant: degrees to the right, per digit; 58 % of the variance is shared by the line.
        scale: factors of width and height, sampled independently, per digit.
        elastic: RMS shift along each axis, px, per digit.
        thickness: px added at each edge of a stroke (negative: thinner); partly shared by the line.
        shift: px down, per digit.
        slope: degrees of the baseline, clockwise.
        wave: amplitude of a wavy baseline, px.
        blur: standard deviation, px.
        contrast: factor on the brightness of the ink.
        background: brightness; white is 255.
        noise: standard deviation; white is 255.
        occlude: number of small boxes and strokes.
        specks: fraction of the pixels that become black or white.
        negative: probability that the image is black on white (with ``invert``, white on black).
        backgrounds: one or several of plain, gradient, paper, lines and ledger (default: all but ledger).
        chance: probability that an image is augmented; other images are unchanged.

    Raises:
        ArgumentError: a range is not two numbers in ascending order, it exceeds the effect's limits, or an
            effect does not exist.

    >>> Augment(rotate=10, scale=(0.9, 1.2)).rotate
    (-10.0, 10.0)
    >>> Augment(rotate=0) == Augment()
    True
    """

    ranges: tuple[tuple[str, Range], ...]
    backgrounds: tuple[str, ...]
    chance: float

    def __init__(
        self,
        /,
        *,
        ranges: Iterable[tuple[str, Range]] = (),
        backgrounds: tuple[str, ...] | str = DEFAULT_BACKGROUNDS,
        chance: float = 1,
        **strengths: Strength,
    ) -> None:
        # dataclasses.replace passes the old ranges in ``ranges``, and the new ones by name.
        strengths = {**dict(ranges), **strengths}
        _refuse_unknown(strengths)
        given = {name: _range(name, strengths[name]) for name in EFFECTS if name in strengths}
        used = [(name, ends) for name, ends in given.items() if ends != (EFFECTS[name].neutral,) * 2]
        kinds = (backgrounds,) if isinstance(backgrounds, str) else backgrounds
        if not isinstance(kinds, list | tuple) or not kinds or any(k not in BACKGROUNDS for k in kinds):
            expected = f"one or more of {', '.join(BACKGROUNDS)}"
            found = ",".join(map(str, kinds)) if isinstance(kinds, list | tuple) else short(kinds)
            raise ArgumentError("backgrounds", f"expected {expected}, got {found}")
        share = _numbers(chance)
        if share is None or len(share) != 1 or not 0 <= share[0] <= 1:
            raise ArgumentError("chance", f"expected a number from 0 to 1, got {short(chance)}")
        for name, value in (("ranges", tuple(used)), ("backgrounds", tuple(kinds)), ("chance", share[0])):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Range:
        if name not in EFFECTS:
            raise AttributeError(f"'Augment' object has no attribute {name!r}")
        return self.range(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *EFFECTS]

    def __repr__(self) -> str:
        return f"Augment({', '.join(f'{name}={value!r}' for name, value in self._changed())})"

    def range(self, name: str) -> Range:
        """
        Return the range of an effect.

        >>> Augment(rotate=10).range("rotate")
        (-10.0, 10.0)
        """
        _refuse_unknown([name])
        return dict(self.ranges).get(name, (float(EFFECTS[name].neutral),) * 2)

    def uses(self, *names: str) -> bool:
        """
        Return whether any of these effects can change something.

        >>> Augment(rotate=3).uses("slant"), Augment(rotate=3).uses("slant", "rotate")
        (False, True)
        """
        return any(self.range(name) != (EFFECTS[name].neutral,) * 2 for name in names)

    def has(self, *stages: str) -> bool:
        """Return whether any effect of these stages can change something."""
        return any(EFFECTS[name].stage in stages for name, _ in self.ranges)

    @property
    def widens(self) -> bool:
        """Whether a digit's ink may become as wide as a tile."""
        return any(EFFECTS[name].widens for name, _ in self.ranges)

    def _changed(self) -> Iterator[tuple[str, Any]]:
        """Yield the names and values that differ from ``Augment()``."""
        yield from self.ranges
        if self.backgrounds != DEFAULT_BACKGROUNDS:
            yield "backgrounds", self.backgrounds
        if self.chance != 1:
            yield "chance", self.chance

    def to_dict(self) -> dict[str, Any]:
        """Return what differs from ``Augment()``, as plain JSON types; ``Augment(**…)`` restores it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self._changed()}


def _refuse_unknown(names: Iterable[Any]) -> None:
    if unknown := [name for name in names if name not in EFFECTS]:
        known = ", ".join((*EFFECTS, "backgrounds", "chance"))
        raise ArgumentError("augment", f"unknown effect {short(unknown[0])}; known: {known}")


def _range(name: str, value: Any) -> Range:
    effect = EFFECTS[name]
    numbers = _numbers(value)
    if numbers is None:
        raise ArgumentError(name, f"expected a number or a pair (low, high), got {short(value)}")
    if len(numbers) == 1:
        numbers = _around(effect, numbers[0])
    low, high = numbers
    if low > high:
        raise ArgumentError(name, f"expected low ≤ high, got {low:g} and {high:g}")
    if low < effect.low or high > effect.high:
        allowed = f"from {effect.low:g} to {effect.high:g}"
        hint = ""
        one_number = effect.single == "around" and isinstance(value, int | float)
        if one_number and (effect.neutral or effect.low <= value <= effect.high):
            ends = ("1 - n", "1 + n") if effect.neutral else ("-n", "n")
            hint = f"a single number n means {ends[0]} to {ends[1]}; give a range to choose both ends"
        raise ArgumentError(name, f"expected strengths {allowed}, got {low:g} to {high:g}", hint=hint)
    if effect.whole and (low != int(low) or high != int(high)):
        raise ArgumentError(name, f"expected whole numbers, got {low:g} to {high:g}")
    return float(low), float(high)


def _around(effect: Effect, number: float) -> tuple[float, float]:
    if effect.single == "exactly":
        return number, number
    if effect.single == "around":
        return effect.neutral - abs(number), effect.neutral + abs(number)
    return min(effect.neutral, number), max(effect.neutral, number)


def _numbers(value: Any) -> tuple[float, ...] | None:
    values = value if isinstance(value, list | tuple) else (value,)
    are_none = (isinstance(v, str | bytes) or type(v).__name__ in FLAGS for v in values)
    if not 1 <= len(values) <= 2 or any(are_none):
        return None
    try:
        numbers = tuple(float(v) for v in values)
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if all(map(isfinite, numbers)) else None


# docs/augmentation.md explains where the ranges come from.
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
    "paper": Augment(
        chance=0.8, rotate=10, slant=(-12, 36), scale=0.2, elastic=(0.4, 1.3), thickness=0.7, shift=2,
        slope=2.5, wave=1.5, blur=0.9, contrast=0.45, background=70, backgrounds="ledger", noise=3,
    ),
}  # fmt: skip
"""Presets by name."""

SPACING: dict[str, tuple[str, tuple[int, int]]] = {
    "heavy": ("contour", (-2, 8)),
    "touching": ("contour", (-2, 0)),
    "paper": ("contour", (-2, 8)),
}
"""Preset → default spacing of the command line, for presets whose digits are not separate."""


def preset(value: Any) -> Augment | None:
    """
    Return the Augment for a preset's name, an Augment or a mapping of its fields; None if it changes nothing.

    Raises:
        ArgumentError: the preset or an effect does not exist, or a range is invalid.
    """
    if value is None:
        return None
    if isinstance(value, Augment):
        return None if value == PRESETS["none"] else value
    if isinstance(value, str):
        if value not in PRESETS:
            raise ArgumentError("augment", f"expected one of {', '.join(PRESETS)}, got {value!r}")
        return preset(PRESETS[value])
    if not isinstance(value, Mapping):
        raise ArgumentError("augment", f"expected a preset's name or an Augment, got {short(value)}")
    _refuse_unknown(name for name in value if name not in ("backgrounds", "chance"))
    return preset(Augment(**value))
