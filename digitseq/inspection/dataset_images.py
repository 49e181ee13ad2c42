"""Read the rows of a split whose format stores many images per file."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from digitseq.arrays import IntArray, UInt8Array
from digitseq.checks import short
from digitseq.dataset.formats.stored_image import Facts, Found, sample_key
from digitseq.dataset.read import DatasetSplit
from digitseq.dataset.shards import SHARD
from digitseq.errors import FormatError
from digitseq.glyphs.tiles import SIDE
from digitseq.inspection.images import Problem, Row
from digitseq.recipe import MAX_WIDTH_PX, Recipe

_MOST_GLYPHS = 1 << 30


@dataclass(frozen=True)
class StoredSplit:
    """A split of a dataset whose format stores many images per file."""

    stored: DatasetSplit
    _leftovers: list[Problem] = field(default_factory=list)

    @property
    def split(self) -> str:
        """Name of the split."""
        return self.stored.place.split

    @property
    def recipe(self) -> Recipe:
        """Recipe of this split alone."""
        return self.stored.recipe

    def __len__(self) -> int:
        return len(self.stored)

    def name(self, number: int) -> str:
        """Return the name of an image, such as test/000000007.png."""
        return f"{self.split}/{sample_key(number)}.png"

    def image(self, number: int) -> UInt8Array | None:
        """Return the pixels of one image as stored; None if unreadable."""
        try:
            image = self.stored.found(number).image(self.stored.place.widest_px)
        except (FormatError, IndexError):
            return None
        return image if image is not None and len(image) == SIDE else None

    def mask(self, number: int) -> UInt8Array | None:
        """Return the instance mask of one image as stored; None if there is none or it is unreadable."""
        with suppress(FormatError, IndexError):
            return self.stored.mask(number) if self.stored.place.masks else None
        return None

    def rows(self, chosen: IntArray | None) -> Iterator[Row]:
        """Yield all images, or those with the chosen numbers."""
        self._leftovers.clear()
        wanted = range(len(self)) if chosen is None else chosen.tolist()
        for shard, numbers in groupby(wanted, lambda number: number // SHARD):
            (found, reason), reported = self._found(shard), False
            for number in numbers:
                if number % SHARD < len(found):
                    yield self._row(number, found[number % SHARD])
                else:
                    yield Row(number, "", None, [], [], [("file", f"{self.name(number)}: {reason}")])
                    reported = True
            if reason and not reported:
                self._leftovers.append(("file", reason))

    def _found(self, shard: int) -> tuple[list[Found], str]:
        """Return the readable images of a shard, and the error that ended reading, if any."""
        found: list[Found] = []
        try:
            found.extend(self.stored.format.found(self.stored.storage, self.stored.place, shard))
        except FormatError as error:
            return found, error.problem
        return found, ""

    def leftovers(self) -> list[Problem]:
        """Return problems of the split as a whole."""
        return self._leftovers

    def _row(self, number: int, found: Found) -> Row:
        label, boxes, glyphs, problems = checked(found.facts, found.where, self.stored.place.parts)
        if found.problem:
            problems = [("metadata", f"{found.where}: {found.problem}")]
        image = found.image(self.stored.place.widest_px)
        if image is None or len(image) != SIDE:
            problems.append(("file", f"{found.where}: damaged or cut off"))
            image = None
        return Row(number, label, image, boxes, glyphs, problems)


def checked(
    facts: Facts | None, where: str, parts: Sequence[tuple[str, int]] = ()
) -> tuple[str, list[list[int]], list[int], list[Problem]]:
    """
    Validate the metadata of an image.

    Args:
        facts: metadata with fields of any type; None if it could not be parsed.
        where: position of the metadata, for messages.
        parts: if the glyphs have several sources, the name of each and where its positions begin.

    Returns:
        Label, boxes and glyphs, each empty if invalid; and the problems.
    """
    if facts is None:
        return "", [], [], [("metadata", f"{where}: not valid digitseq metadata")]
    label, boxes, glyphs = facts.label, facts.boxes, facts.glyphs
    if not (isinstance(label, str) and label.isascii() and label.isdigit()):
        return "", [], [], [("label", f"{where}: expected a label of digits, found {short(label)}")]
    problems: list[Problem] = []
    try:
        fits = facts.categories == list(map(int, label)) and _are_boxes(boxes, len(label))
    except TypeError:
        fits = False
    if not fits:
        problems.append(("boxes", f"{where}: boxes or categories do not match label {label[:40]}"))
        boxes = []
    try:
        fits = not glyphs or _are_places(glyphs, len(label))
    except TypeError:
        fits = False
    if not fits:
        problems.append(("metadata", f"{where}: expected one glyph per digit, found {short(glyphs)}"))
        glyphs = []
    starts = [start for _, start in parts]
    if parts and glyphs:
        sources = [parts[bisect_right(starts, glyph) - 1][0] for glyph in glyphs]
        if facts.sources != sources:
            told = f"expected the sources {short(sources)}, found {short(facts.sources)}"
            problems.append(("metadata", f"{where}: {told}"))
    return label, boxes, glyphs, problems


def _are_boxes(boxes: Any, count: int) -> bool:
    values = [value for box in boxes for value in box]
    return (
        len(boxes) == count
        and set(map(len, boxes)) <= {4}
        and set(map(type, values)) <= {int}
        and 0 <= min(values, default=0) <= max(values, default=0) <= MAX_WIDTH_PX
    )


def _are_places(glyphs: Any, count: int) -> bool:
    return len(glyphs) == count and all(type(place) is int and 0 <= place < _MOST_GLYPHS for place in glyphs)
