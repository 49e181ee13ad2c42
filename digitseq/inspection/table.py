"""Gather the measurements of all images as columns, with one value per image or per digit."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from digitseq.arrays import AnyArray, BoolArray, IntArray, UInt8Array, repeat
from digitseq.inspection.images import Row, Subject
from digitseq.inspection.measure_batch import Measured, measure_batch
from digitseq.interrupts import check
from digitseq.progress_protocol import Progress

_BATCH = 500
_BATCH_BYTES = 1 << 25
_CONTOURS = 2_000  # images with measured contours, spread evenly: 100 times slower than counting columns


@dataclass(eq=False)
class Table:
    """
    Measurements as columns, with one value per image or per digit.

    Attributes:
        subject: what was inspected.
        split: int (images,), index of the split in ``subject.splits``.
        number: int (images,), number in the split.
        labels: one text per image.
        width_px: int (images,).
        left_px: int (images,), first inked column; −1 if not measurable.
        right_px: int (images,), column after the last inked one; −1 if not measurable.
        ink: float (images,), mean brightness of the image, 0 to 1.
        readable: bool (images,), the image could be read.
        clean: bool (images,), ink can be distinguished from paper.
        first: int (images + 1,), index of the first digit of each image.
        strengths: effect → float (images,), strength of the effect; NaN if there is no recipe.
        digit: int (digits,), 0–9.
        image: int (digits,), index of the image.
        position: int (digits,), position in the label, from 0.
        boxes: int (digits, 4), x, y, w, h; −1 where unknown.
        glyph: int (digits,), index in the source; −1 where unknown.
        drawn_px: int (digits,), spacing to the next digit according to the recipe; valid where `is_drawn`.
        is_drawn: bool (digits,), the recipe specifies the spacing to the next digit.
        seen_px: int (digits,), spacing to the next digit, measured in the pixels; valid where `seen` is
            `Seen.MEASURED`.
        seen: uint8 (digits,), `Seen` value of the spacing to the next digit.
        heat: float (28, columns), mean brightness of all images at each position, 0 to 1.
        twins: groups of images with the same pixels.
        problems: kind, image (−1 if none) and sentence of each problem.
        digests: digest of width and pixels per image; empty if unreadable.
        sample: only a sample of the images was inspected.
    """

    subject: Subject
    split: IntArray
    number: IntArray
    labels: list[str]
    width_px: IntArray
    left_px: IntArray
    right_px: IntArray
    ink: AnyArray
    readable: BoolArray
    clean: BoolArray
    first: IntArray
    strengths: dict[str, AnyArray]
    digit: IntArray
    image: IntArray
    position: IntArray
    boxes: IntArray
    glyph: IntArray
    drawn_px: IntArray
    is_drawn: BoolArray
    seen_px: IntArray
    seen: UInt8Array
    heat: AnyArray
    twins: list[list[int]]
    problems: list[tuple[str, int, str]]
    digests: list[bytes]
    sample: bool

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def spoilt(self) -> BoolArray:
        """Images with a problem: bool (images,)."""
        spoilt = np.zeros(len(self), np.bool_)
        spoilt[[image for _, image, _ in self.problems if image >= 0]] = True
        return spoilt

    def name(self, image: int) -> str:
        """Return the file name of an image."""
        return self.subject.splits[int(self.split[image])].name(int(self.number[image]))

    def pixels(self, image: int) -> UInt8Array | None:
        """Read the pixels of an image again, as stored; None if unreadable."""
        return self.subject.splits[int(self.split[image])].image(int(self.number[image]))

    def mask(self, image: int) -> UInt8Array | None:
        """Read the instance mask of an image; None if the dataset has none."""
        return self.subject.splits[int(self.split[image])].mask(int(self.number[image]))

    def boxes_of(self, image: int) -> IntArray:
        """Return the boxes of one image, int (digits, 4)."""
        return self.boxes[self.first[image] : self.first[image + 1]]


def gather(subject: Subject, limit: int | None, progress: Progress | None = None) -> Table:
    """
    Measure all images, or a sample.

    Args:
        subject: what to inspect.
        limit: maximum number of images, spread evenly; None for all.
        progress: called with "inspect", images done, total images and 0.
    """
    total = sum(map(len, subject.splits))
    many = min(total, limit or total)
    every, first, done = spread(total, many if many < total else 0), 0, 0
    batches: list[tuple[int, Measured]] = []
    problems = [(kind, -1, sentence) for kind, sentence in subject.problems]
    heat: AnyArray = np.zeros((0, 0), np.int64)
    for number, split in enumerate(subject.splits):
        chosen = None
        if many < total:
            chosen = every[(every >= first) & (every < first + len(split))] - first
        first += len(split)
        for rows in _batches(split.rows(chosen)):
            check()
            measured = measure_batch(rows, split.recipe, _evenly(done, len(rows), many))
            problems += [(kind, done + image, sentence) for kind, image, sentence in measured.problems]
            heat = _added(heat, measured.heat)
            batches.append((number, _compact(measured)))
            done += len(rows)
            if progress is not None:
                progress("inspect", done, many, 0)
        problems += [(kind, -1, sentence) for kind, sentence in split.leftovers()]
    return _joined(subject, batches, heat, problems, many < total)


def spread(count: int, wanted: int) -> IntArray:
    """
    Return evenly spread integers below a count.

    >>> spread(10, 4).tolist()
    [0, 2, 5, 7]
    """
    wanted = min(count, wanted)
    return np.array([place * count // wanted for place in range(wanted)], np.int64)  # exact beyond 64 bits


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    widest = 0
    for row in rows:
        batch.append(row)
        widest = max(widest, 0 if row.image is None else row.image.size)
        if len(batch) >= _BATCH or len(batch) * widest > _BATCH_BYTES:
            yield batch
            batch, widest = [], 0
    if batch:
        yield batch


def _evenly(first: int, count: int, images: int) -> BoolArray:
    """Return which images of a batch have their contours measured: `_CONTOURS` in total, spread evenly."""
    number, images = np.arange(first, first + count, dtype=np.int64), max(images, 1)
    chosen: BoolArray = number * _CONTOURS // images != (number - 1) * _CONTOURS // images
    return chosen | (images <= _CONTOURS)


def _compact(measured: Measured) -> Measured:
    """Drop what is not needed later and use 32 bits: a million images have some five million digits."""
    columns = {
        name: values.astype(np.int32) if values.dtype == np.int64 and name != "number" else values
        for name, values in measured.columns.items()
    }
    return replace(measured, columns=columns, heat=np.zeros((0, 0), np.int64), problems=[])


def _joined(
    subject: Subject,
    batches: list[tuple[int, Measured]],
    heat: AnyArray,
    problems: list[tuple[str, int, str]],
    sample: bool,
) -> Table:
    """Concatenate batches, each given with the index of its split."""
    if not batches:
        batches = [(0, measure_batch([], None, np.zeros(0, np.bool_)))]
    every = [measured for _, measured in batches]
    counts = [len(measured.labels) for measured in every]
    firsts = np.cumsum([0, *counts], dtype=np.int64)[:-1].tolist()
    columns = {
        name: np.concatenate([measured.columns[name] for measured in every]) for name in every[0].columns
    }
    sizes = np.concatenate([measured.sizes for measured in every])
    in_batch = [len(measured.columns["image"]) for measured in every]
    columns["image"] += repeat(np.array(firsts, np.int32), np.array(in_batch, np.int64))
    split = repeat(np.array([number for number, _ in batches], np.int32), np.array(counts, np.int64))
    digests = [digest for measured in every for digest in measured.digests]
    return Table(
        subject=subject,
        split=split,
        labels=[label for measured in every for label in measured.labels],
        first=np.cumsum(np.append(np.int64(0), sizes), dtype=np.int64),
        strengths=_strengths(every, firsts, sum(counts)),
        heat=heat / max(int(np.count_nonzero(columns["readable"])), 1) / 255,
        twins=_twins(digests, split, columns["number"]),
        problems=problems,
        digests=digests,
        sample=sample,
        **columns,
    )


def _strengths(batches: list[Measured], firsts: list[int], images: int) -> dict[str, AnyArray]:
    strengths: dict[str, AnyArray] = {}
    for measured, first in zip(batches, firsts, strict=True):
        for name, values in measured.strengths.items():
            column = strengths.setdefault(name, np.full(images, np.nan, np.float64))
            column[first : first + len(values)] = values
    return strengths


def _added(total: AnyArray, heat: IntArray) -> AnyArray:
    """Add two heat maps of different sizes."""
    height, width = (max(total.shape[axis], heat.shape[axis]) for axis in (0, 1))
    added = np.zeros((height, width), np.int64)
    added[: total.shape[0], : total.shape[1]] = total
    added[: heat.shape[0], : heat.shape[1]] += heat
    return added


def _twins(digests: list[bytes], split: IntArray, number: IntArray) -> list[list[int]]:
    """Return groups of images with the same pixels; further metadata rows of the same file are ignored."""
    groups: dict[bytes, list[int]] = {}
    files: set[tuple[int, int]] = set()
    for image, (digest, *file) in enumerate(zip(digests, split.tolist(), number.tolist(), strict=True)):
        if digest and (file[0], file[1]) not in files:
            files.add((file[0], file[1]))
            groups.setdefault(digest, []).append(image)
    return [group for group in groups.values() if len(group) > 1]
