"""All that is looked at, as columns: one row an image, one row a digit. Numbers first, words later."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np

from digitseq.arrays import AnyArray, BoolArray, IntArray, UInt8Array
from digitseq.checks import counted
from digitseq.inspection.box_fit import misfits
from digitseq.inspection.image_batch import Lines, is_clean, is_white, lines_of, of_digits, outer_edges, stack
from digitseq.inspection.images import Part, Problem, Row, Subject
from digitseq.inspection.measure import Gaps, Seen, column_gaps, contour_gaps, ink_columns
from digitseq.inspection.recipe_promises import promise
from digitseq.interrupts import check
from digitseq.progress_protocol import Progress
from digitseq.recipe import Recipe

_BATCH = 500
_BATCH_BYTES = 1 << 25
_CONTOURS = 2_000  # images whose contours are measured, evenly spread: 100 times the work of counting columns
HEAT_COLUMNS = 2_048
"""Columns of the heat map; of wider images it shows the left part."""


@dataclass(eq=False)
class Table:
    """
    Columns, one value an image (or a digit).

    Attributes:
        subject: what was looked at.
        part: int (images,), which of its parts.
        number: int (images,), number in the part.
        labels: texts.
        width_px: int (images,).
        left_px: int (images,), the first inked column; −1 where ink cannot be told.
        right_px: int (images,), the column after the last inked one.
        ink: float (images,), mean brightness of the image, 0 to 1.
        readable: bool (images,), the image is there.
        clean: bool (images,), its ink can be told from the paper.
        first: int (images + 1,), where the digits of each image begin.
        strengths: effect → float (images,), how strong it was; NaN where there is no recipe to say it.
        digit: int (digits,).
        image: int (digits,), which image.
        position: int (digits,), place in its line.
        boxes: int (digits, 4); −1 where not known.
        glyph: int (digits,), place in the source; −1 where not known.
        drawn_px: int (digits,), spacing to the next digit that the recipe draws …
        is_drawn: bool (digits,), … where it draws one.
        seen_px: int (digits,), spacing to the next digit as the pixels show it …
        seen: uint8 (digits,), … where it is `Seen.MEASURED`.
        heat: float (28, columns), mean brightness of the images at each place.
        twins: groups of images with the same pixels.
        problems: what is wrong: kind, image (−1: none), sentence.
        digests: of width and pixels of each image; empty where it cannot be read.
        sample: some images were chosen, not all looked at.
    """

    subject: Subject
    part: IntArray
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
        """Images with a problem of their own: bool (images,)."""
        spoilt = np.zeros(len(self), np.bool_)
        spoilt[[image for _, image, _ in self.problems if image >= 0]] = True
        return spoilt

    def name(self, image: int) -> str:
        """The file name of an image."""
        return self.subject.parts[int(self.part[image])].name(int(self.number[image]))

    def pixels(self, image: int) -> UInt8Array | None:
        """An image as it is stored, read again; None if it cannot be."""
        return self.subject.parts[int(self.part[image])].image(int(self.number[image]))

    def boxes_of(self, image: int) -> IntArray:
        """The boxes of one image, int (digits, 4)."""
        return self.boxes[self.first[image] : self.first[image + 1]]


def gather(subject: Subject, limit: int | None, progress: Progress | None = None) -> Table:
    """
    Look at all images, or at some of them.

    Args:
        subject: what is looked at.
        limit: at most so many images, spread evenly; None for all.
        progress: called with images done, images in all and 0.
    """
    total = sum(map(len, subject.parts))
    many = min(total, limit or total)
    gathering = _Gathering(many)
    every, first = spread(total, many if many < total else 0), 0
    for number, part in enumerate(subject.parts):
        chosen = None
        if many < total:
            chosen = every[(every >= first) & (every < first + len(part))] - first
        first += len(part)
        for rows in _batches(part.rows(chosen)):
            check()
            gathering.add(number, part, rows)
            if progress is not None:
                progress("inspect", len(gathering.labels), many, 0)
        gathering.note(part.leftovers())
    return gathering.table(subject, many < total)


def spread(count: int, wanted: int) -> IntArray:
    """
    Some numbers below a count, evenly spread.

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


class _Gathering:
    """Columns that grow, batch by batch."""

    def __init__(self, images: int) -> None:
        self.labels: list[str] = []
        self._images = images
        self._columns: dict[str, list[AnyArray]] = {}
        self._strengths: dict[str, list[tuple[int, AnyArray]]] = {}
        self._seen: dict[bytes, int] = {}
        self._digests: list[bytes] = []
        self._numbers: set[tuple[int, int]] = set()
        self._twins: dict[int, list[int]] = {}
        self._problems: list[tuple[str, int, str]] = []
        self._heat = np.zeros((0, 0), np.float64)
        self._pictures = 0

    def _put(self, **columns: AnyArray) -> None:
        for name, values in columns.items():
            if values.dtype == np.int64 and name != "number":
                values = values.astype(np.int32)  # a million images have some five million digits
            self._columns.setdefault(name, []).append(values)

    def note(self, problems: list[Problem]) -> None:
        """Keep what is wrong with a part as a whole."""
        self._problems += [(kind, -1, sentence) for kind, sentence in problems]

    def add(self, number: int, part: Part, rows: list[Row]) -> None:
        """Measure a batch."""
        base, recipe = len(self.labels), part.recipe
        self.labels += [row.label for row in rows]
        for place, row in enumerate(rows):
            self._problems += [(kind, base + place, sentence) for kind, sentence in row.problems]
        numbers = np.array([row.number for row in rows], np.int64)
        readable = np.array([row.image is not None for row in rows], np.bool_)
        lines = lines_of(rows)
        clean, white, gaps = self._promised(recipe, rows, numbers, base)
        drawn, is_drawn = of_digits(gaps, lines.sizes)
        images, widths = stack(rows, white)
        self._find_twins(number, rows, base)
        self._warm(images, int(np.count_nonzero(readable)))

        ends = ink_columns(images)
        told = clean & readable
        blank = told & (ends[0][:, -1] < 0)
        self._name("ink", base, blank, "nothing is on it")
        inked = told & ~blank
        misfit = misfits(recipe, images, ends, lines, inked, widths)
        if recipe is None:  # nobody says that the paper is clean: where boxes do not fit, it is not
            inked &= ~misfit
            told &= ~misfit
        else:
            self._name("boxes", base, misfit, "its ink is not where its boxes are")
        seen = self._spacing(recipe, images, ends, lines, inked, drawn, base)
        self._put(
            part=np.full(len(rows), number, np.int64),
            number=numbers,
            width_px=widths,
            left_px=np.where(inked, ends[1][:, 0], -1),
            right_px=np.where(inked, ends[0][:, -1] + 1, -1),
            ink=images.sum((1, 2), dtype=np.int64) / np.maximum(widths * images.shape[1] * 255, 1),
            readable=readable,
            clean=told,
            sizes=lines.sizes,
            digit=lines.digit,
            image=lines.image + base,
            position=lines.position,
            boxes=lines.boxes,
            glyph=lines.glyph,
            drawn_px=drawn,
            is_drawn=is_drawn,
            seen_px=seen.px,
            seen=seen.seen,
        )

    def _name(self, kind: str, base: int, which: BoolArray, sentence: str) -> None:
        self._problems += [
            (kind, base + int(image), sentence) for image in np.flatnonzero(which).astype(np.int64)
        ]

    def _spacing(
        self,
        recipe: Recipe | None,
        images: UInt8Array,
        ends: tuple[IntArray, IntArray],
        lines: Lines,
        inked: BoolArray,
        drawn: IntArray,
        base: int,
    ) -> Gaps:
        """The spacing behind each digit as the pixels show it."""
        image, boxes, position = lines.image, lines.boxes, lines.position
        known = inked[image] & (boxes[:, 0] >= 0)
        found = Gaps.unseen(len(image))
        pairs = np.flatnonzero(known[:-1] & (position[1:] > 0)).astype(np.int64)
        # Where a third digit reaches between two, pixels do not tell how far these are apart.
        reach, later = outer_edges(lines)
        pairs = pairs[reach[pairs] <= boxes[pairs, 0] + boxes[pairs, 2]]
        pairs = pairs[later[pairs + 1] >= boxes[pairs + 1, 0]]
        if recipe is not None and recipe.spacing_from == "contour":
            found.seen[pairs] = Seen.SKIPPED
            if self._images > _CONTOURS:  # some of them, spread evenly
                place = base + image[pairs]
                step = place * _CONTOURS // self._images
                pairs = pairs[step != (place - 1) * _CONTOURS // self._images]
            gaps = contour_gaps(images, image[pairs], boxes[pairs], boxes[pairs + 1])
            # A loose piece that touches the neighbour grows with it: then digits that touch seem apart.
            doubt = (drawn[pairs] <= 0) & (gaps.px > 0)
            # And a third digit may be nearer than these two are to each other.
            right = boxes[pairs, 0] + boxes[pairs, 2]
            near = np.minimum(boxes[pairs + 1, 0] - reach[pairs], later[pairs + 1] - right)
            found.put(pairs, gaps.where(doubt | (near <= np.maximum(gaps.px, 0)), Seen.UNSEEN))
            return found
        gaps = column_gaps(*ends, image[pairs], boxes[pairs], boxes[pairs + 1])
        stated = boxes[pairs + 1, 0] - boxes[pairs, 0] - boxes[pairs, 2]
        unlike = (gaps.seen == Seen.MEASURED) & (gaps.px != stated)
        if recipe is None:
            gaps = gaps.where(unlike, Seen.UNSEEN)
        found.put(pairs, gaps)
        if recipe is None:
            return found
        for pair, said in zip(pairs[unlike].tolist(), stated[unlike].tolist(), strict=True):
            sentence = (
                f"the pixels show {found.px[pair]} px after digit {position[pair] + 1}, its boxes {said}"
            )
            self._problems.append(("boxes", base + int(image[pair]), sentence))
        return found

    def _promised(
        self, recipe: Recipe | None, rows: list[Row], numbers: IntArray, base: int
    ) -> tuple[BoolArray, BoolArray, IntArray]:
        """Which images are clean, which are black on white, and the gaps drawn; labels are compared."""
        if recipe is None:
            white = np.array([row.image is not None and is_white(row.image) for row in rows], np.bool_)
            clean = np.array([row.image is not None and is_clean(row.image) for row in rows], np.bool_)
            return clean, white, np.zeros((len(rows), 0), np.int64)
        within = np.minimum(numbers, max(len(recipe) - 1, 0))
        wanted = promise(recipe, within)
        for place, (row, label) in enumerate(zip(rows, wanted.labels, strict=True)):
            if numbers[place] >= len(recipe):
                self._problems.append(
                    ("metadata", base + place, f"the recipe has {counted(len(recipe), 'image')}")
                )
            elif row.label != label:
                sentence = f"its label is {row.label[:80] or 'missing'}, the recipe draws {label[:80]}"
                self._problems.append(("label", base + place, sentence))
        for name, values in wanted.strengths.items():
            self._strengths.setdefault(name, []).append((base, values))
        return wanted.clean, wanted.white, wanted.gaps_px

    def _find_twins(self, part: int, rows: list[Row], base: int) -> None:
        for place, row in enumerate(rows):
            digest = b""
            if row.image is not None:
                data = b"%d " % row.image.shape[1] + row.image.tobytes()
                digest = blake2b(data, digest_size=16).digest()
            self._digests.append(digest)
            if not digest or (part, row.number) in self._numbers:
                continue  # a second line about the same file is no twin
            self._numbers.add((part, row.number))
            first = self._seen.setdefault(digest, base + place)
            if first != base + place:
                self._twins.setdefault(first, [first]).append(base + place)

    def _warm(self, images: UInt8Array, pictures: int) -> None:
        here = images[:, :, :HEAT_COLUMNS].sum(0, dtype=np.int64)
        height, width = max(self._heat.shape[0], len(here)), max(self._heat.shape[1], here.shape[1])
        if self._heat.shape != (height, width):
            larger = np.zeros((height, width), np.float64)
            larger[: self._heat.shape[0], : self._heat.shape[1]] = self._heat
            self._heat = larger
        self._heat[: len(here), : here.shape[1]] += here
        self._pictures += pictures

    def table(self, subject: Subject, sample: bool) -> Table:
        """All that was gathered."""
        columns = {name: np.concatenate(values) for name, values in self._columns.items()}
        if not columns:
            columns = {name: np.zeros(0, np.int64) for name in _COLUMNS} | {
                "boxes": np.zeros((0, 4), np.int64)
            }
        sizes = columns.pop("sizes")
        strengths = {}
        for name, parts in self._strengths.items():
            strengths[name] = np.full(len(self.labels), np.nan, np.float64)
            for base, values in parts:
                strengths[name][base : base + len(values)] = values
        return Table(
            subject=subject,
            labels=self.labels,
            first=np.cumsum(np.append(np.int64(0), sizes), dtype=np.int64),
            strengths=strengths,
            heat=self._heat / max(self._pictures, 1) / 255,
            twins=list(self._twins.values()),
            problems=[(kind, -1, sentence) for kind, sentence in subject.problems] + self._problems,
            digests=self._digests,
            sample=sample,
            **columns,
        )


_COLUMNS = (
    "part", "number", "width_px", "left_px", "right_px", "ink", "readable", "clean", "sizes",
    "digit", "image", "position", "glyph", "drawn_px", "is_drawn", "seen_px", "seen",
)  # fmt: skip
