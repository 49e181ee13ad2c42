"""
Label spaces: the labels that a recipe can have, and how one is sampled.

A label space is a list of templates. A range of lengths is one template of any digits per length, equally
likely. A label consumes one random word for its template and one for each position with a choice. Unique
labels are numbered, template by template; image i shows label π(i), with a permutation π that depends on the
seed.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np

from digitseq import streams
from digitseq.arrays import BoolArray, IntArray, UInt64Array
from digitseq.checks import counted
from digitseq.errors import ArgumentError
from digitseq.label_templates import DIGITS, MOST_POSITIONS, Template, disjoint, parse_template
from digitseq.random_purposes import Purpose

MAX_NUMBER = 10**18
"""Number of labels that the permutation of unique labels decides."""
_MOST_EXACT = 1 << 62
"""Up to this many labels are numbered one by one; of larger spaces, only the last digits are."""


class LabelSpace(ABC):
    """
    A list of templates.

    Attributes:
        lengths: int (templates,), digits of each.
    """

    lengths: IntArray

    @property
    @abstractmethod
    def label_count(self) -> int:
        """Number of different labels."""

    @abstractmethod
    def widest(self, widths_px: IntArray) -> Iterator[str]:
        """Yield labels, one of which is the widest, given the width of each digit, int (10,)."""

    @abstractmethod
    def hardest(self) -> Iterator[str]:
        """Yield labels, one of which needs as many CTC frames as any label."""

    @property
    @abstractmethod
    def digits(self) -> str:
        """The digits that occur in labels, in ascending order."""

    def sample(self, starts: UInt64Array, numbers: IntArray | None) -> tuple[IntArray, BoolArray | None]:
        """
        Sample labels.

        Args:
            starts: uint64 (images,), the start of each image's stream.
            numbers: int (images,), the number of each label, for unique labels; otherwise None.

        Returns:
            Digits int (images, digits), −1 beyond the end of a shorter label; and a mask of the valid
            positions, or None if all labels have the same length.
        """
        which, rest = self._choose(streams.words(starts, streams.addresses(Purpose.LABEL, 1))[:, 0], numbers)
        lengths = self.lengths[which]
        positions = np.arange(int(lengths.max(initial=1)), dtype=np.int64)
        picks = self._picks(starts, which[:, None], positions)
        if numbers is not None:
            self._number(picks, which, rest)
        digits = self._digit(which[:, None], positions, picks)
        inside = positions < lengths[:, None]
        if inside.all():
            return digits, None
        return np.where(inside, digits, np.int64(-1)), inside

    def _number(self, picks: IntArray, which: IntArray, rest: IntArray) -> None:
        """Replace choices with those that the numbers determine, from the last position backwards."""
        rows, covered = np.arange(len(picks), dtype=np.int64), np.ones(len(picks), np.uint64)
        for k in range(picks.shape[1]):
            place = self._nth_free(which, k)
            open_ = (place >= 0) & (covered < np.uint64(MAX_NUMBER))
            if not open_.any():
                break
            at = (rows[open_], place[open_])
            sizes = self._sizes(which[open_], place[open_])
            rest[open_], picks[at] = np.divmod(rest[open_], sizes.astype(np.int64))
            covered[open_] *= sizes

    @abstractmethod
    def _choose(self, words: UInt64Array, numbers: IntArray | None) -> tuple[IntArray, IntArray]:
        """Return the template of each label, and its number within the template."""

    @abstractmethod
    def _sizes(self, which: IntArray, positions: IntArray) -> UInt64Array:
        """Return the number of allowed digits at positions of templates; 1 beyond their end."""

    @abstractmethod
    def _picks(self, starts: UInt64Array, which: IntArray, positions: IntArray) -> IntArray:
        """Sample which of the allowed digits each position has, from 0."""

    @abstractmethod
    def _digit(self, which: IntArray, positions: IntArray, picks: IntArray) -> IntArray:
        """Return the digits that choices stand for."""

    @abstractmethod
    def _nth_free(self, which: IntArray, k: int) -> IntArray:
        """Return the k-th position with a choice from the end of each template; −1 if there is none."""


class AnyDigits(LabelSpace):
    """Templates of any digits, one for each length in a range."""

    def __init__(self, low: int, high: int) -> None:
        """
        Create the templates.

        Args:
            low: number of digits of the shortest.
            high: number of digits of the longest.
        """
        self._low, self._high = low, high
        self.lengths = np.arange(low, high + 1, dtype=np.int64)

    @property
    def label_count(self) -> int:
        return int((10 ** (self._high + 1) - 10**self._low) // 9)  # sum of a geometric series

    @property
    def digits(self) -> str:
        return DIGITS

    def widest(self, widths_px: IntArray) -> Iterator[str]:
        yield str(int(widths_px.argmax())) * self._high

    def hardest(self) -> Iterator[str]:
        yield "0" * self._high

    def _choose(self, words: UInt64Array, numbers: IntArray | None) -> tuple[IntArray, IntArray]:
        if numbers is not None and self.label_count <= _MOST_EXACT:
            return _split_numbers(numbers, [10**length for length in self.lengths.tolist()])
        # Of large spaces, shorter labels are too rare to be sampled in a lifetime.
        first = 0 if numbers is None else max(0, len(str(MAX_NUMBER)) - 1 - self._low)
        which = streams.below(words, np.array(len(self.lengths) - first, np.uint64)) + first
        return which, np.zeros(len(words), np.int64) if numbers is None else numbers

    def _sizes(self, which: IntArray, positions: IntArray) -> UInt64Array:
        return np.full(np.broadcast_shapes(which.shape, positions.shape), 10, np.uint64)

    def _picks(self, starts: UInt64Array, which: IntArray, positions: IntArray) -> IntArray:
        words = streams.words(starts, streams.addresses(Purpose.LABEL, len(positions) + 1)[1:])
        return streams.below(words, np.array(10, np.uint64))

    def _digit(self, which: IntArray, positions: IntArray, picks: IntArray) -> IntArray:
        return picks

    def _nth_free(self, which: IntArray, k: int) -> IntArray:
        return np.maximum(self.lengths[which] - 1 - k, -1)


class Templates(LabelSpace):
    """Any list of templates."""

    def __init__(self, templates: Sequence[Template], unique: bool) -> None:
        """
        Prepare tables of the templates.

        Args:
            templates: the templates.
            unique: whether labels are numbered; then templates are split until no two share a label.

        Raises:
            ArgumentError: there are too many positions, or unique labels have weights.
        """
        if unique:
            if len({template.weight for template in templates}) > 1:
                raise ArgumentError(
                    "unique", "unique labels are all equally likely; leave out the weights of patterns"
                )
            templates = list(disjoint(templates))
        longest = max(len(template.allowed) for template in templates)
        if (positions := longest * len(templates)) > MOST_POSITIONS:
            raise ArgumentError(
                "pattern",
                f"expected at most {counted(MOST_POSITIONS, 'position')} in all patterns, got {positions:,}",
            )
        self._templates = templates
        self.lengths = np.array([len(template.allowed) for template in templates], np.int64)
        self._ends = np.cumsum([template.weight for template in templates], dtype=np.int64)
        self._options = np.ones((len(templates), longest), np.uint64)
        self._values = np.zeros((len(templates), longest, len(DIGITS)), np.uint8)
        for number, template in enumerate(templates):
            for position, some in enumerate(template.allowed):
                self._options[number, position] = len(some)
                self._values[number, position, : len(some)] = list(map(int, some))
        free = self._options > 1
        self._ordinals = np.maximum(np.cumsum(free, axis=1, dtype=np.int64) - 1, 0)
        most = int(free.sum(1, dtype=np.int64).max())
        self._free = np.full((len(templates), most), -1, np.int64)
        for number, row in enumerate(free):
            places = np.flatnonzero(row).astype(np.int64)[::-1]
            self._free[number, : len(places)] = places

    @property
    def label_count(self) -> int:
        return sum(template.size for template in disjoint(self._templates))

    @property
    def digits(self) -> str:
        return "".join(
            sorted({digit for template in self._templates for some in template.allowed for digit in some})
        )

    def widest(self, widths_px: IntArray) -> Iterator[str]:
        for template in self._templates:
            yield "".join(
                max(some, key=lambda digit: int(widths_px[int(digit)])) for some in template.allowed
            )

    def hardest(self) -> Iterator[str]:
        return (_most_repeated(template.allowed) for template in self._templates)

    def _choose(self, words: UInt64Array, numbers: IntArray | None) -> tuple[IntArray, IntArray]:
        if numbers is None:
            random = streams.below(words, np.array(self._ends[-1], np.uint64))
            return np.searchsorted(self._ends, random, side="right").astype(np.int64), np.zeros(
                len(words), np.int64
            )
        sizes = [template.size for template in self._templates]
        if sum(sizes) <= MAX_NUMBER or len(sizes) == 1:
            return _split_numbers(numbers, [min(size, MAX_NUMBER) for size in sizes])
        # Each template gets a share of the numbers, in proportion to its size and never larger.
        ends = [end * MAX_NUMBER // sum(sizes) for end in accumulate(sizes)]
        shares = [end - start for start, end in pairwise([0, *ends])]
        return _split_numbers(numbers, shares)

    def _sizes(self, which: IntArray, positions: IntArray) -> UInt64Array:
        return self._options[which, positions]

    def _picks(self, starts: UInt64Array, which: IntArray, positions: IntArray) -> IntArray:
        words = streams.words(starts, streams.addresses(Purpose.LABEL, self._free.shape[1] + 2)[1:])
        own = np.take_along_axis(words, self._ordinals[which, positions].astype(np.intp), 1)
        return streams.below(own, self._options[which, positions])

    def _digit(self, which: IntArray, positions: IntArray, picks: IntArray) -> IntArray:
        return self._values[which, positions, picks].astype(np.int64)

    def _nth_free(self, which: IntArray, k: int) -> IntArray:
        return self._free[which, k] if k < self._free.shape[1] else np.full(len(which), -1, np.int64)


def _split_numbers(numbers: IntArray, sizes: Sequence[int]) -> tuple[IntArray, IntArray]:
    """Return the template of each number, and the number within it; the first template comes first."""
    ends = np.cumsum(np.array(sizes, np.int64), dtype=np.int64)
    which = np.searchsorted(ends, numbers, side="right").astype(np.int64)
    return which, numbers - np.append(np.int64(0), ends)[which]


def _most_repeated(allowed: tuple[str, ...]) -> str:
    """Return a label of a template with as many equal neighbours as possible."""
    # Dynamic programming: for each last digit, the greatest number of equal neighbours so far.
    most = dict.fromkeys(allowed[0], 0)
    before: list[dict[str, str]] = []
    for some in allowed[1:]:
        best = max(most, key=lambda digit: most[digit])
        # Repeating a digit is never worse than changing to it from the best one.
        repeats = {digit for digit in some if digit in most and most[digit] + 1 >= most[best]}
        before.append({digit: digit if digit in repeats else best for digit in some})
        most = {digit: most[digit] + 1 if digit in repeats else most[best] for digit in some}
    label = [max(most, key=lambda digit: most[digit])]
    for previous in reversed(before):
        label.append(previous[label[-1]])
    return "".join(reversed(label))


@lru_cache(maxsize=64)
def label_space(
    lengths: tuple[int, int] | None, patterns: tuple[str, ...], unique: bool = False
) -> LabelSpace:
    """
    Return the label space of a recipe.

    Args:
        lengths: minimum and maximum number of digits, or None for patterns.
        patterns: the patterns, if there is no range of lengths.
        unique: whether labels are numbered.

    Raises:
        ArgumentError: a pattern is invalid.
    """
    if lengths is not None:
        return AnyDigits(*lengths)
    return Templates([parse_template(pattern) for pattern in patterns], unique)
