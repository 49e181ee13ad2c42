"""GlyphSet: the glyphs of a source, sorted by digit, with what planning needs to know of each."""

from collections.abc import Callable, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from digitseq.arrays import AnyArray, IntArray, UInt8Array, UInt64Array, count_values, read_only, repeat
from digitseq.checks import counted
from digitseq.errors import ArgumentError, SourceError
from digitseq.glyphs.tiles import SIDE, Tiles, measure_ink

ALL = "all"


class GlyphSet(Tiles):
    """
    Glyphs of one source, and the choice of those that are drawn from.

    A set is opened once in a process and shared, so its arrays are read-only; copy what you want to change.

    The rows of one digit lie together, and within them the rows of one split (train, validation, test).
    So every split is, for each digit, one range of rows: no index lists, no copies, and a row number
    names the same glyph in every split.

    Attributes:
        name: what the source is called.
        digest: SHA-256 of the glyphs and their order, hex.
        splits: names of the splits, in order.
        split: which split is drawn from, or "all".
        starts: int (10,), first row of each digit in the split.
        counts: uint64 (10,), how many rows each digit has there; 0 where the split has none.
        widest_ink: int (10,), the greatest ink width of each digit in the whole source, all splits: what
            fits does not depend on the split.
        origin: int (rows,), place of each glyph in the source's own order (for MNIST: 0–59,999 train,
            60,000–69,999 test).
        writers: int (rows,), who wrote each glyph; None where that is not known.
        folder: where it is stored as a memory map; None if it is in this process only.
        reopen: opens a split of what is stored in a folder, in another process.
        opened_from: the path that it was read from; "" if from none.
        drawn_on_demand: its glyphs are drawn when they are first prepared.
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
    ) -> None:
        """
        Glyphs as they are stored; `from_arrays` takes plain images.

        Args:
            stored: uint8 (rows, 29, 28), each glyph's 28 rows and one blank row below.
            ink: integers (4, rows): ink_left, ink_width, ink_top, ink_height.
            bounds: int (10, splits + 1): digit d of split s is rows bounds[d, s] to bounds[d, s + 1], end
                excluded.
            origin: integers (rows,).
            name: what the source is called.
            digest: SHA-256 of the glyphs, hex.
            splits: names of the splits.
            writers: integers (rows,) or None.
            widest_ink: int (10,); measured if None.
        """
        super().__init__(stored, ink.astype(np.int64))
        self.name, self.digest, self.splits = name, digest, splits
        self.origin = read_only(origin)
        self.folder: Path | None = None
        self.reopen: Callable[[Path, str], GlyphSet] | None = None
        self.opened_from = ""
        self.writers = None if writers is None else read_only(writers)
        self._bounds = bounds
        if widest_ink is None:
            of_digits = [self.ink_width[low:high] for low, high in bounds[:, [0, -1]]]
            widest_ink = np.array([widths.max(initial=0) for widths in of_digits], np.int64)
        self.widest_ink = read_only(widest_ink)
        self.split = ALL
        self.starts, self.counts = _ranges(bounds[:, 0], bounds[:, -1])
        self._choices = {ALL: self}

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
        A set of glyphs from images and their labels, in any order.

        Args:
            images: uint8 (rows, 28, 28), 0 is no ink, 255 full ink; every image has ink.
            labels: integers (rows,), 0–9.
            name: what the source is called.
            split_of: integers (rows,), which of ``splits`` each image belongs to; all to the first if None.
            splits: names of the splits.
            writers: integers (rows,), who wrote each image; None if that is not known.

        Returns:
            The set, its split "all"; rows keep their order within a digit and split.

        Raises:
            SourceError: shape, dtype or a label is wrong, or an image is blank.

        >>> GlyphSet.from_arrays(np.full((3, 28, 28), 255, np.uint8), np.array([7, 1, 7])).counts.tolist()
        [0, 1, 0, 0, 0, 0, 0, 2, 0, 0]
        """
        stored, bounds, order = arrange(images, labels, split_of, len(splits), name)
        digest = glyph_digest(stored, bounds)
        if writers is not None:
            writers = np.asarray(writers)
            if writers.shape != order.shape or writers.dtype.kind not in "iu":
                raise SourceError(
                    f"{name}: expected {counted(len(order), 'integer')}, the writer of each image"
                )
            writers = writers[order].astype(np.int64)
            digest = _with_writers(digest, writers)
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
        """uint8 (rows, 28, 28), read-only: every glyph as it was in the source."""
        self.prepare(np.arange(len(self), dtype=np.int64))
        return read_only(self._stored[:, :SIDE])

    @property
    def labels(self) -> IntArray:
        """Int (rows,): the digit of every row."""
        return repeat(np.arange(10, dtype=np.int64), self._bounds[:, -1] - self._bounds[:, 0])

    def arrays(self) -> tuple[UInt8Array, IntArray, IntArray]:
        """What `__init__` took first: stored glyphs, ink (4, rows) and bounds; read-only."""
        return read_only(self._stored), read_only(self._ink), read_only(self._bounds)

    def rows(self, digit: int) -> range:
        """The rows of a digit in the split."""
        first = int(self.starts[digit])
        return range(first, first + int(self.counts[digit]))

    def choose(self, split: str) -> "GlyphSet":
        """
        The same glyphs, drawn from one split.

        Args:
            split: one of `splits`, or "all".

        Raises:
            SourceError: the source has no such split.
        """
        if split in self._choices:
            return self._choices[split]
        if split == ALL:
            low, high = 0, len(self.splits)
        elif split in self.splits:
            low = self.splits.index(split)
            high = low + 1
        else:
            raise SourceError(
                f"source {self.name!r} has no split {split!r}; it has {', '.join((*self.splits, ALL))}",
                hint=f"choose one of these (--split {self.splits[0]}); your own files tell their split by "
                "train, validation or test in their names",
            )
        chosen = object.__new__(type(self))  # copy.copy would go by __reduce__
        vars(chosen).update(vars(self))
        chosen.split = split
        chosen.starts, chosen.counts = _ranges(self._bounds[:, low], self._bounds[:, high])
        self._choices[split] = chosen  # shared by all splits of the set
        return chosen

    def __reduce__(self) -> Any:
        """Glyphs that are stored go to another process as the name of their folder, which it maps, too."""
        if self.folder is None or self.reopen is None:
            return super().__reduce__()
        return self.reopen, (self.folder, self.split)

    @property
    def is_builtin(self) -> bool:
        """Whether digitseq draws them itself."""
        return self.name.partition(":")[0] == "builtin"

    def has_wrong_ink(self) -> bool:
        """Whether the stored ink measurements, or the stated greatest widths, differ from the pixels."""
        ink = measure_ink(self._stored)
        widest = [ink[1, low:high].max(initial=0) for low, high in self._bounds[:, [0, -1]]]
        # That of the built-in digits is the width of their box.
        same = self.is_builtin or np.array_equal(self.widest_ink, np.array(widest, np.int64))
        return not (same and np.array_equal(ink, self._ink))

    def is_intact(self) -> bool:
        """
        Whether the glyphs have the digest that they claim to have; it is computed from their pixels.

        The digest of the built-in digits is that of how they are drawn, so they cannot be checked: True.
        """
        if self.is_builtin:
            return True
        digest = glyph_digest(self._stored, self._bounds)
        with_writers = None if self.writers is None else _with_writers(digest, self.writers)
        return self.digest in (digest, with_writers)

    def prepare(self, rows: IntArray) -> None:
        """Make sure that these rows are there; a source that draws its glyphs on demand does it here."""


def _ranges(low: IntArray, high: IntArray) -> tuple[IntArray, UInt64Array]:
    return read_only(low), read_only((high - low).astype(np.uint64))


def arrange(
    images: AnyArray, labels: AnyArray, split_of: AnyArray | None, splits: int, name: str
) -> tuple[UInt8Array, IntArray, IntArray]:
    """
    Images in the order and form in which they are stored.

    Args:
        images: uint8 (rows, 28, 28).
        labels: integers (rows,), 0–9.
        split_of: integers (rows,), below splits, or None.
        splits: number of splits.
        name: for messages.

    Returns:
        stored uint8 (rows, 29, 28), bounds int (10, splits + 1), and the order int (rows,): stored row r was
        image order[r].

    Raises:
        SourceError: shape, dtype or a label is wrong, or an image is blank.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE) or images.dtype != np.uint8:
        raise SourceError(f"{name}: expected uint8 images (n, 28, 28), got {images.dtype} {images.shape}")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise SourceError(
            f"{name}: expected {counted(len(images), 'integer label')}, got {labels.dtype} {labels.shape}"
        )
    if not len(images):
        raise SourceError(f"{name}: there are no images in it")
    wrong = (labels < 0) | (labels > 9)
    if wrong.any():
        row = int(wrong.argmax())
        raise SourceError(f"{name}: expected labels 0–9, got {labels[row]} for image {row}")
    blank = ~images.any((1, 2))
    if blank.any():
        raise SourceError(f"{name}: image {int(blank.argmax())} is blank; every glyph needs ink")
    split_of = np.zeros(len(images), np.int64) if split_of is None else np.asarray(split_of)
    fits = split_of.shape == labels.shape and split_of.dtype.kind in "iu"
    if not fits or (split_of < 0).any() or (split_of >= splits).any():
        raise SourceError(
            f"{name}: expected {counted(len(images), 'integer')} below {splits}, the split of each image"
        )
    key = labels.astype(np.int64) * splits + split_of.astype(np.int64)
    order = np.argsort(key, kind="stable").astype(np.int64)
    stored = np.zeros((len(images), SIDE + 1, SIDE), np.uint8)
    stored[:, :SIDE] = images[order]
    ends = np.cumsum(count_values(key, bins=10 * splits), dtype=np.int64).reshape(10, splits)
    bounds = np.zeros((10, splits + 1), np.int64)
    bounds[:, 1:] = ends
    bounds[1:, 0] = ends[:-1, -1]
    return stored, bounds, order.astype(np.int64)


def glyph_digest(stored: UInt8Array, bounds: IntArray) -> str:
    """SHA-256 of glyphs and of how they are divided: two sources with one digest draw the same."""
    state = sha256(b"digitseq glyphs 1")
    state.update(bounds.astype("<i8").tobytes())
    state.update(np.ascontiguousarray(stored))
    return state.hexdigest()


def _with_writers(digest: str, writers: AnyArray) -> str:
    return sha256(digest.encode() + writers.astype("<i8").tobytes()).hexdigest()


def need_digits(glyphs: GlyphSet, digits: IntArray) -> None:
    """
    Make sure that a split has a glyph of every digit.

    Args:
        glyphs: the set, its split chosen.
        digits: int, any shape, 0–9.

    Raises:
        ArgumentError: it has none of one of them.
    """
    missing = digits[glyphs.counts[digits] == 0]
    if missing.size:
        raise ArgumentError(
            "source", f"{glyphs.name!r} has no glyph of the digit {missing[0]} in its split {glyphs.split!r}"
        )
