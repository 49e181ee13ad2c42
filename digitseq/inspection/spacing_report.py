"""Compare the spacing measured in the pixels with the spacing that the recipe specifies."""

from dataclasses import dataclass

import numpy as np

from digitseq.arrays import AnyArray, unique_counts
from digitseq.glyphs.tiles import SIDE
from digitseq.inspection.measure_gaps import Seen
from digitseq.inspection.table import Table


@dataclass(frozen=True)
class Spread:
    """Minimum, mean and maximum of some numbers."""

    least: float
    mean: float
    greatest: float


@dataclass(frozen=True)
class Spacing:
    """
    Spacing between neighbouring digits, measured in the pixels.

    Attributes:
        measured_from: "ink", "tile" or "contour", as the recipe defines spacing; "" without a recipe.
        promised_px: (min, max) of the recipe; None without one.
        counts: spacing in px → number of gaps; ascending.
        touching: number of neighbours whose ink touches (``contour`` spacing only).
        unseen: number of gaps in readable images that cannot be measured because digits share columns or
            the paper is not clean.
        skipped: number of gaps not measured, because contours are measured in at most 2,000 images.
        outside: number of gaps outside the range of the recipe.
        different: number of gaps that differ from what the recipe specifies for the image, including those
            outside its range.
    """

    measured_from: str
    promised_px: tuple[int, int] | None
    counts: dict[int, int]
    touching: int
    unseen: int
    skipped: int
    outside: int
    different: int

    @property
    def measured(self) -> int:
        """Number of gaps measured in the pixels."""
        return sum(self.counts.values()) + self.touching

    @property
    def spread(self) -> Spread | None:
        """Minimum, mean and maximum gap in px, without touching neighbours; None if there are no gaps."""
        if not self.counts:
            return None
        mean = sum(px * n for px, n in self.counts.items()) / sum(self.counts.values())
        return Spread(min(self.counts), mean, max(self.counts))


def spacing_of(table: Table) -> Spacing:
    """Summarise the measured spacing of a table."""
    recipe = table.subject.recipe
    between = _between(table) & table.readable[table.image]
    seen = table.seen[between]
    values, counts = unique_counts(table.seen_px[between][seen == Seen.MEASURED])
    return Spacing(
        measured_from="" if recipe is None else recipe.spacing_from,
        promised_px=None if recipe is None else recipe.spacing_range,
        counts=dict(zip(values.tolist(), counts.tolist(), strict=True)),
        touching=int(np.count_nonzero(seen == Seen.TOUCHING)),
        unseen=int(np.count_nonzero(seen == Seen.UNSEEN)),
        skipped=int(np.count_nonzero(seen == Seen.SKIPPED)),
        outside=int(np.count_nonzero(outside(table))),
        different=int(np.count_nonzero(different(table))),
    )


def _between(table: Table) -> AnyArray:
    """Return which digits are followed by another one: bool (digits,)."""
    behind = np.ones(len(table.digit), np.bool_)
    behind[table.first[1:][np.diff(table.first) > 0] - 1] = False
    return behind


def stated_gaps(table: Table) -> tuple[AnyArray, AnyArray]:
    """Return the columns between neighbouring boxes (negative if they overlap), and where they are known."""
    stated, known = np.zeros(len(table.digit), np.int64), np.zeros(len(table.digit), np.bool_)
    here = np.flatnonzero(_between(table)).astype(np.int64)
    here = here[(table.boxes[here, 0] >= 0) & (table.boxes[here + 1, 0] >= 0)]
    stated[here] = table.boxes[here + 1, 0] - table.boxes[here, 0] - table.boxes[here, 2]
    known[here] = True
    return stated, known


def outside(table: Table) -> AnyArray:
    """Return which gaps are outside the range of the recipe: bool (digits,)."""
    recipe, seen, px = table.subject.recipe, table.seen, table.seen_px
    wrong: AnyArray = np.zeros(len(seen), np.bool_)
    if recipe is None:
        return wrong
    low, high = recipe.spacing_range
    if recipe.spacing_from == "tile":
        high += 2 * (SIDE - 1)  # at most the padding of two tiles
    wrong = (seen == Seen.MEASURED) & ((px < low) | (px > high)) | (seen == Seen.TOUCHING) & (low > 0)
    if recipe.spacing_from != "contour" and low >= 0:
        stated, known = stated_gaps(table)
        wrong |= known & (stated < 0)
    return wrong


def different(table: Table) -> AnyArray:
    """Return which measured gaps differ from what the recipe specifies for the image: bool (digits,)."""
    recipe, px, drawn = table.subject.recipe, table.seen_px, table.drawn_px
    if recipe is None:
        return np.zeros(len(px), np.bool_)
    told = (table.seen == Seen.MEASURED) & table.is_drawn
    if recipe.spacing_from == "tile":
        padding = _padding(table)
        if padding is None:  # the blank margins of the digits are unknown
            return outside(table)
        wrong: AnyArray = told & (px != drawn + padding) & (padding >= 0)
    else:
        wrong = told & (px != drawn) | (table.seen == Seen.TOUCHING) & (drawn > 0)
    return wrong | outside(table)


def _padding(table: Table) -> AnyArray | None:
    """
    Return the blank tile margins between neighbours: int (digits,), −1 where unknown.

    None if the glyphs are unavailable, or were changed by augmentation.
    """
    glyphs, recipe = table.subject.glyphs, table.subject.recipe
    if glyphs is None or (
        recipe is not None and recipe.settings is not None and recipe.settings.has("map", "digit")
    ):
        return None
    row_of = np.full(
        max(int(glyphs.origin.max(initial=0)), int(table.glyph.max(initial=0))) + 1, -1, dtype=np.int64
    )
    row_of[glyphs.origin] = np.arange(len(glyphs), dtype=np.int64)
    rows = np.where(table.glyph >= 0, row_of[table.glyph], -1)
    glyphs.prepare(np.unique(rows[rows >= 0]))
    here = np.flatnonzero(_between(table)).astype(np.int64)
    here = here[(rows[here] >= 0) & (rows[here + 1] >= 0)]
    padding = np.full(len(rows), -1, np.int64)
    left, right = rows[here], rows[here + 1]
    padding[here] = SIDE - glyphs.ink_left[left] - glyphs.ink_width[left] + glyphs.ink_left[right]
    return padding
