"""Strengths: a range → integers, each decided by a word of its own."""

from collections.abc import Callable

import numpy as np

from digitseq import streams
from digitseq.arrays import AnyArray, BoolArray, IntArray, UInt64Array
from digitseq.augment.effects import EFFECTS, FINE, ONE, Augment
from digitseq.random_purposes import Purpose

_HALF = np.uint64(32)


class Sampler:
    """
    The strengths that some images draw from their settings.

    Attributes:
        spared: bool (images,), those that stay as they are; None if none do.
    """

    def __init__(self, augment: Augment, starts: UInt64Array) -> None:
        """
        A sampler for some images.

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
        """Words of a purpose: uint64 (images, count)."""
        return streams.words(self.starts, streams.addresses(purpose, count))

    def line(self, effect: str) -> IntArray:
        """A strength for each image: int (images,), in 1/unit."""
        return self._within(effect)(self.words(EFFECTS[effect].purpose)[:, 0])

    def each(self, effect: str, digits: int) -> IntArray:
        """A strength for each digit: int (images, digits), in 1/unit."""
        return self._within(effect)(self.words(EFFECTS[effect].purpose, digits))

    def both(self, effect: str, digits: int) -> tuple[IntArray, IntArray]:
        """Two strengths for each digit, from the halves of one word: int (images, digits) each."""
        words = self.words(EFFECTS[effect].purpose, digits)
        within = self._within(effect)
        return within(words), within(words << _HALF)

    def shared(self, effect: str, digits: int) -> IntArray:
        """
        A strength for each digit, in part the line's, else its own: int (images, digits).

        The sum stays within the range.
        """
        row = EFFECTS[effect]
        common = self._within(effect)(self.words(row.line_purpose)[:, :1])
        return (common * row.percent + self.each(effect, digits) * (100 - row.percent)) // 100

    def happens(self, effect: str) -> BoolArray:
        """In which images an effect that has a chance happens: bool (images,)."""
        drawn = streams.below(self.words(EFFECTS[effect].purpose, 2)[:, 1], np.array(FINE, np.uint64))
        return drawn < self.line(effect)

    def strengths(self, effect: str, digits: int) -> AnyArray:
        """
        What an effect did to each digit, for statistics.

        Args:
            effect: its name.
            digits: how many a line has.

        Returns:
            float64 (images, digits), or (images, 1) for an effect of lines; in the effect's own unit. Of the
            two strengths of a pair the one further from neutral; of a chance 1 where it happens, else 0.
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
        """A strength for each digit, its own or its line's: int (images, digits), in 1/unit."""
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
