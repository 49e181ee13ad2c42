"""Sample strengths from ranges: integers, each decided by its own random word."""

from collections.abc import Callable

import numpy as np

from digitseq import streams
from digitseq.arrays import AnyArray, BoolArray, IntArray, UInt64Array
from digitseq.augment.effects import EFFECTS, FINE, ONE, Augment
from digitseq.random_purposes import Purpose

_HALF = np.uint64(32)


class Sampler:
    """
    Samples the strengths of the effects on some images.

    Attributes:
        spared: bool (images,), images that are not augmented; None if all are.
    """

    def __init__(self, augment: Augment, starts: UInt64Array) -> None:
        """
        Prepare to sample for some images.

        Args:
            augment: the ranges.
            starts: uint64 (images,), the start of each image's stream.
        """
        self.augment, self.starts = augment, starts
        self.spared: BoolArray | None = None
        if augment.chance < 1:
            chance = np.array(round(augment.chance * FINE), np.int64)
            word = self.words(Purpose.CHANCE)[:, 0]
            self.spared = streams.below(word, np.array(FINE, np.uint64)) >= chance

    def words(self, purpose: int, count: int = 1) -> UInt64Array:
        """Return the words of a purpose: uint64 (images, count)."""
        return streams.words(self.starts, streams.addresses(purpose, count))

    def line(self, effect: str) -> IntArray:
        """Sample a strength per image: int (images,), in 1/unit."""
        return self._within(effect)(self.words(EFFECTS[effect].purpose)[:, 0])

    def each(self, effect: str, digits: int) -> IntArray:
        """Sample a strength per digit: int (images, digits), in 1/unit."""
        return self._within(effect)(self.words(EFFECTS[effect].purpose, digits))

    def both(self, effect: str, digits: int) -> tuple[IntArray, IntArray]:
        """Sample two strengths per digit, from the halves of one word: int (images, digits) each."""
        words = self.words(EFFECTS[effect].purpose, digits)
        within = self._within(effect)
        return within(words), within(words << _HALF)

    def shared(self, effect: str, digits: int) -> IntArray:
        """
        Sample a strength per digit, partly shared by its line: int (images, digits), in 1/unit.

        The weighted mean of the two strengths stays within the range.
        """
        row = EFFECTS[effect]
        common = self._within(effect)(self.words(row.line_purpose)[:, :1])
        return (common * row.percent + self.each(effect, digits) * (100 - row.percent)) // 100

    def happens(self, effect: str) -> BoolArray:
        """Sample whether an effect with a probability happens in each image: bool (images,)."""
        drawn = streams.below(self.words(EFFECTS[effect].purpose, 2)[:, 1], np.array(FINE, np.uint64))
        return drawn < self.line(effect)

    def strengths(self, effect: str, digits: int) -> AnyArray:
        """
        Return the strength of an effect on each digit, for statistics.

        Args:
            effect: name of the effect.
            digits: number of digits per line.

        Returns:
            float64 (images, digits), or (images, 1) if sampled per line; in the effect's unit. For a pair,
            the strength that is further from neutral; for a chance, 1 if the effect happens, otherwise 0.
        """
        row = EFFECTS[effect]
        if row.sampled == "chance":
            return self.happens(effect)[:, None].astype(np.float64)
        if row.sampled == "pair":
            wide, high = self.both(effect, digits)
            drawn = np.where(np.abs(wide - ONE) > np.abs(high - ONE), wide, high)
        elif row.sampled == "line":
            drawn = self.line(effect)[:, None]
        else:
            drawn = self.of_digits(effect, digits)
        return drawn / row.unit

    def of_digits(self, effect: str, digits: int) -> IntArray:
        """Return a strength per digit, sampled per digit or per line: int (images, digits), in 1/unit."""
        row = EFFECTS[effect]
        if row.sampled == "shared":
            return self.shared(effect, digits)
        if row.sampled == "line":
            return np.broadcast_to(self.line(effect)[:, None], (len(self.starts), digits))
        return self.each(effect, digits)

    def _within(self, effect: str) -> "Callable[[UInt64Array], IntArray]":
        unit = EFFECTS[effect].unit
        low, high = (round(end * unit) for end in self.augment.range(effect))
        bound = np.array(high - low + 1, np.uint64)
        neutral = round(EFFECTS[effect].neutral * unit)

        def strengths(words: UInt64Array) -> IntArray:
            drawn = streams.below(words, bound) + low
            if self.spared is not None:
                drawn[self.spared] = neutral
            return drawn

        return strengths
