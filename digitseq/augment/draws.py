"""Strengths: a range → integers, each decided by a word of its own."""

from collections.abc import Callable

import numpy as np

from digitseq import streams
from digitseq.arrays import BoolArray, IntArray, UInt64Array
from digitseq.augment.settings import EFFECTS, Augment
from digitseq.streams import Purpose

ONE = 1 << 12
"""Fixed-point 1."""

_HALF = np.uint64(32)
_FINE = 1 << 16


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

    def line(self, effect: str, purpose: Purpose, unit: int = ONE) -> IntArray:
        """A strength for each image: int (images,), in 1/unit."""
        return self._within(effect, unit)(self.words(purpose)[:, 0])

    def each(self, effect: str, purpose: Purpose, digits: int, unit: int = ONE) -> IntArray:
        """A strength for each digit: int (images, digits), in 1/unit."""
        return self._within(effect, unit)(self.words(purpose, digits))

    def both(self, effect: str, purpose: Purpose, digits: int) -> tuple[IntArray, IntArray]:
        """Two strengths for each digit, from the halves of one word: int (images, digits) each."""
        words = self.words(purpose, digits)
        within = self._within(effect, ONE)
        return within(words), within(words << _HALF)

    def shared(self, effect: str, line: Purpose, own: Purpose, digits: int, percent: int) -> IntArray:
        """
        A strength for each digit, to so many percent the line's, else its own: int (images, digits).

        The sum stays within the range.
        """
        common, free = self.line(effect, line)[:, None], self.each(effect, own, digits)
        return (common * percent + free * (100 - percent)) // 100

    def _within(self, effect: str, unit: int) -> "Callable[[UInt64Array], IntArray]":
        low, high = (round(end * unit) for end in self.augment.range(effect))
        bound = np.array(high - low + 1, np.uint64)
        neutral = round(EFFECTS[effect].neutral * unit)

        def strengths(words: UInt64Array) -> IntArray:
            drawn = streams.below(words, bound) + low
            if self.spared is not None:
                drawn[self.spared] = neutral
            return drawn

        return strengths
