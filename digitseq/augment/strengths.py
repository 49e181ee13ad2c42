"""Strengths: a range → integers, each decided by a word of its own."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from digitseq import streams
from digitseq.arrays import AnyArray, BoolArray, IntArray, UInt64Array
from digitseq.augment.effects import EFFECTS, Augment
from digitseq.streams import Purpose

ONE = 1 << 12
"""Fixed-point 1."""

_HALF = np.uint64(32)
_FINE = 1 << 16


class Way(NamedTuple):
    """
    How the strength of an effect is drawn.

    Attributes:
        purpose: of its words.
        per_digit: each digit draws its own; else one for the line.
        unit: strengths are integers in 1/unit.
        line: purpose of the part that a line's digits share; None if they share nothing.
        percent: how large that part is.
    """

    purpose: Purpose
    per_digit: bool = False
    unit: int = ONE
    line: Purpose | None = None
    percent: int = 0


# How much of what a digit varies is its line's: standard deviations between and within MNIST's writers,
# slant 10.5° and 8.9°, thickness 0.47 and 0.44 px.
WAYS = {
    "rotate": Way(Purpose.ROTATE, True),
    "slant": Way(Purpose.SLANT, True, line=Purpose.LINE_SLANT, percent=54),
    "scale": Way(Purpose.SCALE, True),
    "elastic": Way(Purpose.ELASTIC, True),
    "thickness": Way(Purpose.THICKNESS, True, line=Purpose.LINE_THICKNESS, percent=52),
    "shift": Way(Purpose.SHIFT, True),
    "slope": Way(Purpose.SLOPE),
    "wave": Way(Purpose.WAVE),
    "blur": Way(Purpose.BLUR),
    "contrast": Way(Purpose.CONTRAST, unit=256),
    "background": Way(Purpose.BACKGROUND, unit=1),
    "noise": Way(Purpose.NOISE, unit=64),
    "occlude": Way(Purpose.OCCLUDE, unit=1),
    "specks": Way(Purpose.SPECKS, unit=_FINE),
    "negative": Way(Purpose.NEGATIVE, unit=_FINE),
}
"""Effect → how its strength is drawn."""


class Draws:
    """
    The strengths that some images draw from their settings.

    Attributes:
        spared: bool (images,), those that stay as they are; None if none do.
    """

    def __init__(self, augment: Augment, starts: UInt64Array) -> None:
        """
        Draws of some images.

        Args:
            augment: the ranges.
            starts: uint64 (images,), the start of each image's stream.
        """
        self.augment, self.starts = augment, starts
        self.spared: BoolArray | None = None
        if augment.chance < 1:
            chance = np.array(round(augment.chance * _FINE), np.int64)
            word = self.words(Purpose.CHANCE)[:, 0]
            self.spared = streams.below(word, np.array(_FINE, np.uint64)) >= chance

    def words(self, purpose: Purpose, count: int = 1) -> UInt64Array:
        """Words of a purpose: uint64 (images, count)."""
        return streams.words(self.starts, streams.addresses(purpose, count))

    def line(self, effect: str) -> IntArray:
        """A strength for each image: int (images,), in 1/unit."""
        return self._within(effect)(self.words(WAYS[effect].purpose)[:, 0])

    def each(self, effect: str, digits: int) -> IntArray:
        """A strength for each digit: int (images, digits), in 1/unit."""
        return self._within(effect)(self.words(WAYS[effect].purpose, digits))

    def both(self, effect: str, digits: int) -> tuple[IntArray, IntArray]:
        """Two strengths for each digit, from the halves of one word: int (images, digits) each."""
        words = self.words(WAYS[effect].purpose, digits)
        within = self._within(effect)
        return within(words), within(words << _HALF)

    def shared(self, effect: str, digits: int) -> IntArray:
        """
        A strength for each digit, in part the line's, else its own: int (images, digits).

        The sum stays within the range.
        """
        way = WAYS[effect]
        common = self._within(effect)(self.words(way.line or way.purpose)[:, :1])
        return (common * way.percent + self.each(effect, digits) * (100 - way.percent)) // 100

    def negative(self) -> BoolArray:
        """Which images are black on white: bool (images,)."""
        drawn = streams.below(self.words(Purpose.NEGATIVE, 2)[:, 1], np.array(_FINE, np.uint64))
        return drawn < self.line("negative")

    def strengths(self, effect: str, digits: int) -> AnyArray:
        """
        What an effect did to each digit, for statistics.

        Args:
            effect: its name.
            digits: how many a line has.

        Returns:
            float64 (images, digits), or (images, 1) for an effect of lines; in the effect's own unit. Of the
            two factors of ``scale`` the one further from 1; of ``negative`` 1 where it was done, else 0.
        """
        way = WAYS[effect]
        if effect == "negative":
            return self.negative()[:, None].astype(np.float64)
        if effect == "scale":
            wide, high = self.both(effect, digits)
            drawn = np.where(np.abs(wide - ONE) > np.abs(high - ONE), wide, high)
        elif way.line is not None:
            drawn = self.shared(effect, digits)
        elif way.per_digit:
            drawn = self.each(effect, digits)
        else:
            drawn = self.line(effect)[:, None]
        return drawn / way.unit

    def _within(self, effect: str) -> "Callable[[UInt64Array], IntArray]":
        unit = WAYS[effect].unit
        low, high = (round(end * unit) for end in self.augment.range(effect))
        bound = np.array(high - low + 1, np.uint64)
        neutral = round(EFFECTS[effect].neutral * unit)

        def strengths(words: UInt64Array) -> IntArray:
            drawn = streams.below(words, bound) + low
            if self.spared is not None:
                drawn[self.spared] = neutral
            return drawn

        return strengths
