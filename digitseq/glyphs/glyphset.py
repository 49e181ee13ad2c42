"""GlyphSet: the glyphs of a source, sorted by digit, with the measurements that planning needs."""

from collections.abc import Callable, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from digitseq import streams
from digitseq.arrays import (
    AnyArray,
    IntArray,
    UInt8Array,
    UInt64Array,
    read_only,
    repeat,
)
from digitseq.errors import ArgumentError, SourceError
from digitseq.glyphs.given_arrays import arrange, checked_splits, checked_writers
from digitseq.glyphs.names import BUILTIN, base_name, own_name
from digitseq.glyphs.parts import Part, part_of, pick
from digitseq.glyphs.tiles import SIDE, Tiles, measure_ink

ALL = "all"


class GlyphSet(Tiles):
    """
    The glyphs of one source, with one split selected for sampling.

    A set is opened once per process and shared, so its arrays are read-only; copy an array to change it.

    Rows are sorted by digit, then by split (train, validation, test). Each digit of a split is therefore one
    range of rows: there are no index lists and no copies, and a row number refers to the same glyph in every
    split.

    Attributes:
        name: name of the source.
        digest: SHA-256 of the glyphs and their order, hex.
        splits: names of the splits, in order.
        split: the selected split, or "all".
        starts: int (10,), first row of each digit in the split.
        counts: uint64 (10,), number of rows of each digit in the split; may be 0.
        widest_ink: int (10,), the greatest ink width of each digit over all splits, so that what fits does
            not depend on the split.
        origin: int (rows,), position of each glyph in the source's own order (for MNIST: 0–59,999 train,
            60,000–69,999 test).
        writers: int (rows,), writer of each glyph; None if unknown.
        folder: folder of the memory-mapped files; None if the set is only in this process.
        reopen: opens a split from such a folder in another process.
        opened_from: path that the set was read from; "" if none.
        parts: the sources of a mixture (`mixture.mix`), in order; empty for a single source.
        drawn_on_demand: whether glyphs are drawn when they are first prepared.
    """

    drawn_on_demand = False

    def __init__(
        self,
        stored: UInt8Array,
        ink: AnyArray,
        bounds: IntArray,
        origin: AnyArray,
        *,
        name: str,
        digest: str,
        splits: tuple[str, ...] = ("train",),
        writers: AnyArray | None = None,
        widest_ink: IntArray | None = None,
        parts: tuple[Part, ...] = (),
    ) -> None:
        """
        Create a set from glyphs in their stored form; `from_arrays` takes plain images.

        Args:
            stored: uint8 (rows, 29, 28), each glyph's 28 rows and one blank row below.
            ink: integers (4, rows): ink_left, ink_width, ink_top, ink_height.
            bounds: int (10, splits + 1): rows bounds[d, s] up to, not including, bounds[d, s + 1] are digit
                d of split s.
            origin: integers (rows,), position of each glyph in the source's own order.
            name: name of the source.
            digest: SHA-256 of the glyphs, hex.
            splits: names of the splits.
            writers: integers (rows,), or None if unknown.
            widest_ink: int (10,); measured if None.
            parts: the sources of a mixture; rows of a digit and split are grouped by source, in this order.
        """
        super().__init__(stored, ink.astype(np.int64))
        self.name, self.digest, self.splits = name, digest, splits
        self.origin = read_only(origin)
        self.folder: Path | None = None
        self.reopen: Callable[[Path, str], GlyphSet] | None = None
        self.opened_from = ""
        self.writers = None if writers is None else read_only(writers)
        self._bounds, self.parts = bounds, parts
        if widest_ink is None:
            of_digits = [self.ink_width[low:high] for low, high in bounds[:, [0, -1]]]
            widest_ink = np.array([widths.max(initial=0) for widths in of_digits], np.int64)
        self.widest_ink = read_only(widest_ink)
        self.split = ALL
        self._select(0, len(splits))
        # All splits share these two. Neither keeps a split alive: in a cycle, tens of megabytes would stay in
        # memory until the garbage collector runs.
        self._choices = WeakValueDictionary({ALL: self})
        self.derived: dict[str, Any] = {}

    @classmethod
    def from_arrays(
        cls,
        images: AnyArray,
        labels: AnyArray,
        *,
        name: str = "custom",
        split_of: AnyArray | None = None,
        splits: tuple[str, ...] = ("train",),
        writers: AnyArray | None = None,
    ) -> "GlyphSet":
        """
        Create a set from images and their digits, in any order.

        Args:
            images: uint8 (rows, 28, 28), 0 is no ink, 255 is full ink; no image may be blank.
            labels: integers (rows,), 0–9, the digit of each image.
            name: name of the source; names such as "mnist" and "builtin" are reserved.
            split_of: integers (rows,), index into ``splits`` of each image; if None, all are in the first.
            splits: names of the splits; recipes can use only "train", "validation" and "test".
            writers: integers (rows,) from 0 to 2³¹ − 1, writer of each image; None if unknown.

        Returns:
            The set, with the split "all"; rows keep their order within a digit and split.

        Raises:
            SourceError: shape or dtype is wrong, a number is out of range, or an image is blank.
            ArgumentError: the name is empty or reserved, or the names of the splits are invalid.

        >>> GlyphSet.from_arrays(np.full((3, 28, 28), 255, np.uint8), np.array([7, 1, 7])).counts.tolist()
        [0, 1, 0, 0, 0, 0, 0, 2, 0, 0]
        """
        splits = checked_splits(splits)
        stored, bounds, order = arrange(images, labels, split_of, len(splits), own_name(name))
        writers = None if writers is None else checked_writers(writers, len(order), name)[order]
        digest = _digest(glyph_digest(stored, bounds), writers, ())
        return cls(
            stored,
            measure_ink(stored),
            bounds,
            order,
            name=name,
            digest=digest,
            splits=splits,
            writers=writers,
        )

    @classmethod
    def from_parts(
        cls,
        stored: UInt8Array,
        ink: AnyArray,
        bounds: IntArray,
        origin: AnyArray,
        writers: AnyArray | None,
        name: str,
        splits: tuple[str, ...],
        parts: tuple[Part, ...],
    ) -> "GlyphSet":
        """Create a mixture; arguments as in `__init__`. Its digest is that of its glyphs and weights."""
        digest = _digest(glyph_digest(stored, bounds), writers, parts)
        return cls(
            stored, ink, bounds, origin, name=name, digest=digest, splits=splits, writers=writers, parts=parts
        )

    def _select(self, low: int, high: int) -> None:
        """Select splits by number, from `low` up to but not including `high`."""
        self.starts, self.counts = _ranges(self._bounds[:, low], self._bounds[:, high])
        self._selected = (low, high)

    def pick(self, digits: IntArray, words: UInt64Array) -> IntArray:
        """
        Sample a glyph uniformly for each digit; in a mixture, first sample its source by weight.

        Args:
            digits: int, any shape, 0–9.
            words: uint64, the same shape. The upper half decides the glyph, the lower half the source.

        Returns:
            Rows, int, the same shape; undefined for a digit without glyphs.
        """
        if not self.parts:
            return self.starts[digits] + streams.below(words, self.counts[digits])
        return pick(self.parts, self._bounds, self._selected, digits, words)

    def sources_of(self, origins: IntArray) -> list[str]:
        """Return the name of the source of each glyph of a mixture, given its position in `origin`."""
        return [self.parts[number].name for number in part_of(self.parts, origins).tolist()]

    def __len__(self) -> int:
        """Number of rows, all splits together."""
        return len(self._stored)

    def __repr__(self) -> str:
        counts: Mapping[int, int] = {d: int(n) for d, n in enumerate(self.counts)}
        return (
            f"<GlyphSet {self.name} ({self.split}), {sum(counts.values())} glyphs, digest {self.digest[:12]}>"
        )

    @cached_property
    def images(self) -> UInt8Array:
        """All glyphs as they are in the source: uint8 (rows, 28, 28), read-only."""
        self.prepare(np.arange(len(self), dtype=np.int64))
        return read_only(self._stored[:, :SIDE])

    @property
    def labels(self) -> IntArray:
        """The digit of every row: int (rows,)."""
        return repeat(np.arange(10, dtype=np.int64), self._bounds[:, -1] - self._bounds[:, 0])

    def arrays(self) -> tuple[UInt8Array, IntArray, IntArray]:
        """Return the first arguments of `__init__`, read-only: stored glyphs, ink (4, rows) and bounds."""
        return read_only(self._stored), read_only(self._ink), read_only(self._bounds)

    def rows(self, digit: int) -> range:
        """Return the rows of a digit in the split."""
        first = int(self.starts[digit])
        return range(first, first + int(self.counts[digit]))

    def choose(self, split: str) -> "GlyphSet":
        """
        Return the same glyphs with another split selected.

        Args:
            split: one of `splits`, or "all".

        Raises:
            SourceError: the source has no such split.
        """
        if isinstance(split, str) and (known := self._choices.get(split)) is not None:
            return known
        if split == ALL:
            low, high = 0, len(self.splits)
        elif split in self.splits:
            low = self.splits.index(split)
            high = low + 1
        else:
            raise SourceError(
                f"source {self.name!r} has no split {split!r}; it has {', '.join((*self.splits, ALL))}",
                hint=f'pass one of these, such as split="{self.splits[0]}"; for your own files, put '
                "train, validation or test into the file or folder names; glyphs without such names are "
                "divided into splits if there are enough of them (usually about 60 per digit)",
            )
        chosen = object.__new__(type(self))  # copy.copy would call __reduce__
        vars(chosen).update(vars(self))
        chosen.split = split
        chosen._select(low, high)
        self._choices[split] = chosen
        return chosen

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the other splits and what can be computed again."""
        return {name: value for name, value in vars(self).items() if name not in ("_choices", "derived")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start with this split alone."""
        vars(self).update(state)
        self._choices, self.derived = WeakValueDictionary({self.split: self}), {}

    def __reduce__(self) -> Any:
        """Pickle a stored set as the name of its folder; the other process maps the same files."""
        if self.folder is None or self.reopen is None:
            return super().__reduce__()
        return self.reopen, (self.folder, self.split)

    @property
    def is_builtin(self) -> bool:
        """Whether these are the built-in digits, and no others."""
        return not self.parts and base_name(self.name) == BUILTIN

    def has_wrong_ink(self) -> bool:
        """Return whether the ink measurements or the values of `widest_ink` do not match the pixels."""
        ink = measure_ink(self._stored)
        widest = [ink[1, low:high].max(initial=0) for low, high in self._bounds[:, [0, -1]]]
        # The widest ink of the built-in digits is the width of their box.
        same = self.is_builtin or np.array_equal(self.widest_ink, np.array(widest, np.int64))
        return not (same and np.array_equal(ink, self._ink))

    def is_intact(self) -> bool:
        """
        Return whether the digest of the pixels is the digest of the set.

        Always True for the built-in digits: their digest identifies how they are drawn, not their pixels.
        """
        if self.is_builtin:
            return True
        digest = glyph_digest(self._stored, self._bounds)
        return self.digest in (digest, _digest(digest, self.writers, self.parts))

    def prepare(self, rows: IntArray) -> None:
        """Make these rows available; a source that draws its glyphs on demand draws them here."""


def _ranges(low: IntArray, high: IntArray) -> tuple[IntArray, UInt64Array]:
    return read_only(low), read_only((high - low).astype(np.uint64))


def glyph_digest(stored: UInt8Array, bounds: IntArray) -> str:
    """Return the SHA-256 of glyphs and bounds: sources with the same digest give the same images."""
    state = sha256(b"digitseq glyphs 1")
    state.update(bounds.astype("<i8").tobytes())
    state.update(np.ascontiguousarray(stored))
    return state.hexdigest()


def _digest(digest: str, writers: AnyArray | None, parts: tuple[Part, ...]) -> str:
    """Return the digest of a set from that of its pixels."""
    if writers is not None:
        digest = sha256(digest.encode() + writers.astype("<i8").tobytes()).hexdigest()
    if parts:
        stated = [[part.weight, part.counts] for part in parts]
        digest = sha256(f"{digest} {stated}".encode()).hexdigest()
    return digest


def need_digits(glyphs: GlyphSet, digits: IntArray) -> None:
    """
    Check that a split has glyphs of all these digits.

    Args:
        glyphs: the set, with the split selected.
        digits: int, any shape, 0–9.

    Raises:
        ArgumentError: the split has no glyph of one of the digits.
    """
    missing = digits[glyphs.counts[digits] == 0]
    if missing.size:
        raise ArgumentError(
            "source", f"{glyphs.name!r} has no glyph of the digit {missing[0]} in its split {glyphs.split!r}"
        )
