"""All that is looked at, as columns: one row an image, one row a digit. Numbers first, words later."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from digitseq.arrays import AnyArray, BoolArray, IntArray, UInt8Array
from digitseq.inspection.measure import SKIPPED, UNSEEN, column_gaps, contour_gaps, ink_columns, misplaced
from digitseq.inspection.promise import promise
from digitseq.inspection.subject import Part, Problem, Row, Subject
from digitseq.recipe import Recipe

_BATCH = 500
_BATCH_BYTES = 1 << 25
_CONTOURS = 2_000  # images whose contours are measured, evenly spread: 100 times the work of counting columns
HEAT_COLUMNS = 2_048
"""Columns of the heat map; of wider images it shows the left part."""

Progress = Callable[[int, int, int], None]


@dataclass(eq=False)
class Table:
    """
    Columns, one value an image (or a digit); ``None`` in place of a strength's column: not used there.

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
        strengths: effect → float (images,), how strong it was.
        digit: int (digits,).
        image: int (digits,), which image.
        position: int (digits,), place in its line.
        boxes: int (digits, 4); −1 where not known.
        glyph: int (digits,), place in the source; −1 where not known.
        drawn_px: int (digits,), spacing to the next digit that the recipe draws; UNSEEN where there is none.
        seen_px: int (digits,), spacing to the next digit as the pixels show it; SKIPPED, UNSEEN or TOUCHING,
            which are all below any spacing, where they show none.
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
    seen_px: IntArray
    heat: AnyArray
    twins: list[list[int]]
    problems: list[tuple[str, int, str]]
    digests: list[bytes]
    sample: bool

    def __len__(self) -> int:
        return len(self.labels)

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
    every, first = spread(total, many), 0
    for number, part in enumerate(subject.parts):
        chosen = None
        if many < total:
            chosen = every[(every >= first) & (every < first + len(part))] - first
        first += len(part)
        for rows in _batches(part.rows(chosen)):
            gathering.add(number, part, rows)
            if progress is not None:
                progress(len(gathering.labels), many, 0)
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
        self._heat = np.zeros((0, 0))
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
        base = len(self.labels)
        self.labels += [row.label for row in rows]
        numbers = np.array([row.number for row in rows])
        readable = np.array([row.image is not None for row in rows])
        for place, row in enumerate(rows):
            self._problems += [(kind, base + place, sentence) for kind, sentence in row.problems]
        clean, white, drawn = self._promised(part.recipe, rows, numbers, base)
        images, widths = _stack(rows, white)
        self._find_twins(number, rows, base)
        self._warm(images, int(readable.sum()))

        sizes = np.array([len(row.label) for row in rows])
        image = np.repeat(np.arange(len(rows)), sizes)
        boxes = np.full((len(image), 4), -1)
        glyph = np.full(len(image), -1)
        ends = np.cumsum(sizes)
        for row, end in zip(rows, ends.tolist(), strict=True):
            if row.boxes:
                boxes[end - len(row.boxes) : end] = row.boxes
            if len(row.glyphs) == len(row.label):
                glyph[end - len(row.glyphs) : end] = row.glyphs
        position = np.arange(len(image)) - np.repeat(ends - sizes, sizes)
        codes = np.frombuffer("".join(row.label for row in rows).encode("ascii", "replace"), np.uint8)
        told = clean & readable
        before, after = ink_columns(images)
        inked = told & (before[:, -1] >= 0)
        blank = np.flatnonzero(told & ~inked)
        self._problems += [("ink", base + int(i), "nothing is on it") for i in blank]
        known = inked[image] & (boxes[:, 0] >= 0)
        misfit = self._misfits(part.recipe, images, before, after, known, image, boxes, sizes, widths)
        if part.recipe is None:  # nobody says that the paper is clean: where boxes do not fit, it is not
            inked &= ~misfit
            told &= ~misfit
            known &= inked[image]
        else:
            self._problems += [
                ("boxes", base + int(i), "its ink is not where its boxes are") for i in np.flatnonzero(misfit)
            ]
        pairs = np.flatnonzero(known[:-1] & (position[1:] > 0)) if len(image) else np.zeros(0, np.int64)
        seen = np.full(len(image), UNSEEN)
        wanted = _of_digits(drawn, sizes)
        if part.recipe is not None and part.recipe.spacing_from == "contour":
            looked = base + image[pairs]
            some = (looked * _CONTOURS // self._images != (looked - 1) * _CONTOURS // self._images) | (
                self._images <= _CONTOURS
            )
            seen[pairs] = SKIPPED
            pairs = pairs[some]
            gaps = contour_gaps(images, image[pairs], boxes[pairs], boxes[pairs + 1])
            # A loose piece that touches the neighbour grows with it: then digits that touch seem apart.
            seen[pairs] = np.where((wanted[pairs] <= 0) & (gaps > 0), UNSEEN, gaps)
        else:
            seen[pairs] = column_gaps(before, after, image[pairs], boxes[pairs], boxes[pairs + 1])
            stated = boxes[pairs + 1, 0] - boxes[pairs, 0] - boxes[pairs, 2]
            for pair in pairs[(seen[pairs] != UNSEEN) & (seen[pairs] != stated)].tolist():
                said = int(boxes[pair + 1, 0] - boxes[pair, 0] - boxes[pair, 2])
                if part.recipe is None:
                    seen[pair] = UNSEEN
                    continue
                sentence = (
                    f"the pixels show {seen[pair]} px after digit {position[pair] + 1}, its boxes {said}"
                )
                self._problems.append(("boxes", base + int(image[pair]), sentence))
        self._put(
            part=np.full(len(rows), number),
            number=numbers,
            width_px=widths,
            left_px=np.where(inked, after[:, 0], -1),
            right_px=np.where(inked, before[:, -1] + 1, -1),
            ink=images.sum((1, 2), dtype=np.int64) / np.maximum(widths * images.shape[1] * 255, 1),
            readable=readable,
            clean=told,
            sizes=sizes,
            digit=codes.astype(np.int64) - ord("0"),
            image=image + base,
            position=position,
            boxes=boxes,
            glyph=glyph,
            drawn_px=wanted,
            seen_px=seen,
        )

    def _promised(
        self, recipe: Recipe | None, rows: list[Row], numbers: IntArray, base: int
    ) -> tuple[BoolArray, BoolArray, IntArray]:
        """Which images are clean, which are black on white, and the gaps drawn; labels are compared."""
        if recipe is None:
            white = np.array([row.image is not None and _is_white(row.image) for row in rows])
            clean = np.array([row.image is not None and _is_clean(row.image) for row in rows])
            return clean, white, np.zeros((len(rows), 0), np.int64)
        within = np.minimum(numbers, max(len(recipe) - 1, 0))
        wanted = promise(recipe, within)
        for place, (row, label) in enumerate(zip(rows, wanted.labels, strict=True)):
            if numbers[place] >= len(recipe):
                self._problems.append(("metadata", base + place, f"the recipe has {len(recipe):,} images"))
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
            if (
                not digest or (part, row.number) in self._numbers
            ):  # a second line about the same file is no twin
                continue
            self._numbers.add((part, row.number))
            first = self._seen.setdefault(digest, base + place)
            if first != base + place:
                self._twins.setdefault(first, [first]).append(base + place)

    def _warm(self, images: UInt8Array, pictures: int) -> None:
        here = images[:, :, :HEAT_COLUMNS].sum(0, dtype=np.int64)
        height, width = max(self._heat.shape[0], len(here)), max(self._heat.shape[1], here.shape[1])
        if self._heat.shape != (height, width):
            larger = np.zeros((height, width))
            larger[: self._heat.shape[0], : self._heat.shape[1]] = self._heat
            self._heat = larger
        self._heat[: len(here), : here.shape[1]] += here
        self._pictures += pictures

    def _misfits(
        self,
        recipe: Recipe | None,
        images: UInt8Array,
        before: IntArray,
        after: IntArray,
        known: BoolArray,
        image: IntArray,
        boxes: IntArray,
        sizes: IntArray,
        widths: IntArray,
    ) -> BoolArray:
        """Which images have ink that ends elsewhere than their boxes, or another width than the recipe's."""
        wrong = np.zeros(len(sizes), np.bool_)
        stated = boxes[:, 0] >= 0
        wrong[image[stated & (boxes[:, 0] + boxes[:, 2] > widths[image]) & (widths[image] > 0)]] = True
        if recipe is not None and recipe.image_width is not None:
            wrong |= (widths > 0) & (widths != recipe.image_width)
        if not known.any():
            return wrong
        starts = np.cumsum(sizes) - sizes
        lines = np.flatnonzero((sizes > 0) & known[np.minimum(starts, len(known) - 1)])
        spans = starts[sizes > 0]
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
        ends = np.zeros((len(sizes), 4), np.int64)
        ends[sizes > 0, :2] = np.minimum.reduceat(corners[:, :2], spans, axis=0)
        ends[sizes > 0, 2:] = np.maximum.reduceat(corners[:, 2:], spans, axis=0)
        wrong[lines[misplaced(images, before, after, ends[lines], lines)]] = True
        return wrong

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
            strengths[name] = np.full(len(self.labels), np.nan)
            for base, values in parts:
                strengths[name][base : base + len(values)] = values
        return Table(
            subject=subject,
            labels=self.labels,
            first=np.concatenate([[0], np.cumsum(sizes)]),
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
    "digit", "image", "position", "glyph", "drawn_px", "seen_px",
)  # fmt: skip


def _stack(rows: list[Row], white: BoolArray) -> tuple[UInt8Array, IntArray]:
    """Images side by side in one array, white on black, narrower ones at the left; and their widths."""
    shapes = [(0, 0) if row.image is None else row.image.shape for row in rows]
    widths = np.array([width for _, width in shapes])
    images = np.zeros((len(rows), max(height for height, _ in shapes), widths.max(initial=0)), np.uint8)
    for place, (row, (height, width)) in enumerate(zip(rows, shapes, strict=True)):
        if row.image is not None:
            images[place, :height, :width] = row.image if not white[place] else 255 - row.image
    return images, widths


def _of_digits(gaps: IntArray, sizes: IntArray) -> IntArray:
    """Gaps (images, digits − 1) → one a digit: the gap behind it, UNSEEN behind the last one."""
    room = np.full((len(sizes), max(int(sizes.max(initial=0)), gaps.shape[1] + 1)), UNSEEN)
    room[:, : gaps.shape[1]] = gaps
    places = np.arange(room.shape[1])
    room[places >= sizes[:, None] - 1] = UNSEEN
    return room[places < sizes[:, None]]


def _is_white(image: UInt8Array) -> bool:
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return bool(np.median(border) > 127)


def _is_clean(image: UInt8Array) -> bool:
    """More than half of the image is of one colour, black or white: it may be paper."""
    return bool(max((image == 0).mean(), (image == 255).mean()) > 0.5)
