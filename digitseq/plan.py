"""
Recipe + image indices → Plan: integer arrays with the glyph and position of each digit, no pixels.

Arrays have the shape (images, digits): a batch of lines, the shorter ones padded on the right.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from digitseq import streams
from digitseq.arrays import BoolArray, IntArray, UInt64Array
from digitseq.augment.effects import Augment
from digitseq.errors import WidthError
from digitseq.glyphs.glyphset import GlyphSet, need_digits
from digitseq.glyphs.parts import warn_of_missing
from digitseq.glyphs.tiles import NO_INK, SIDE, Tiles
from digitseq.glyphs.writers import check_writers, draw_in_one_hand
from digitseq.kernels import worked
from digitseq.labels import digit_matrix, draw_labels
from digitseq.random_purposes import Purpose
from digitseq.recipe import MAX_WIDTH_PX, Recipe

_CHECKED = 256  # sequences checked at a time, to bound memory


@dataclass(frozen=True, eq=False)
class Plan:
    """
    The glyph and position of each digit in a batch of images.

    Values in the padding, beyond the end of a shorter line, are undefined unless stated.

    Attributes:
        digits: int (images, digits), −1 in the padding.
        inside: bool (images, digits), False in the padding; None if there is no padding.
        rows: int (images, digits), row in the GlyphSet.
        gaps_px: int (images, digits − 1), as sampled, in [min, max].
        left_px: int (images, digits), column of each digit's first ink, from 0; the width of the image in
            the padding.
        widths_px: int (images,), width of each image.
        overlapping: whether ink of neighbours may share columns.
        tiles: the tiles to render: the GlyphSet, or its augmented glyphs.
        tile_rows: int (images, digits), row in ``tiles``.
        writers: int (images,), writer of each line; None if writers are mixed.
        starts: uint64 (images,), the start of each image's stream.
        augment: the settings, of which effects on whole lines are still to be applied.
    """

    digits: IntArray
    inside: BoolArray | None
    rows: IntArray
    gaps_px: IntArray
    left_px: IntArray
    widths_px: IntArray
    overlapping: bool
    tiles: Tiles
    tile_rows: IntArray
    writers: IntArray | None
    starts: UInt64Array
    augment: Augment | None

    def __len__(self) -> int:
        return len(self.digits)

    def boxes(self) -> IntArray:
        """Return the ink boxes, int (images, digits, 4): x, y, w, h in px; undefined in the padding."""
        t, r = self.tiles, self.tile_rows
        return np.stack([self.left_px, t.ink_top[r], t.ink_width[r], t.ink_height[r]], axis=-1)


def make_plan(recipe: Recipe, indices: IntArray, glyphs: GlyphSet) -> Plan:
    """
    Plan some images of a recipe.

    Args:
        recipe: the recipe.
        indices: int (images,), in [0, len(recipe)).
        glyphs: the glyphs to sample from, with the split already chosen.

    Returns:
        The plan, with images in the order of ``indices``.

    Raises:
        WidthError: a line could be wider than the image, for some choice of glyphs and gaps.
        ArgumentError: a digit has no glyphs.

    >>> from digitseq.glyphs.handwriting.builtin import builtin
    >>> recipe = Recipe(sequences=("3502",), spacing_range=(2, 8), image_width=200, seed=1)
    >>> make_plan(recipe, np.array([0]), builtin()).gaps_px.shape
    (1, 3)
    """
    starts = streams.image_starts(streams.seed_start(recipe.seed), indices + recipe.index)
    if recipe.settings is not None:
        worked(len(indices) * recipe.longest)
    digits, inside = draw_labels(recipe, indices, starts)
    check_lines(recipe, digits, inside, glyphs)
    looked_up = digits if inside is None else np.maximum(digits, 0)
    count = digits.shape[1]
    words = streams.words(starts, _addresses(count))  # (images, 2 · digits): glyphs, gaps, position
    writers = None
    if recipe.writer == "same":
        writer = streams.words(starts, _WRITER)[:, 0]
        rows, writers = draw_in_one_hand(glyphs, digits, writer, words[:, :count])
    else:
        rows = glyphs.pick(looked_up, words[:, :count])
    gaps = _gaps(recipe, words[:, count:-1])
    glyphs.prepare(rows if inside is None else rows[inside])

    tiles, seen = _tiles(recipe, glyphs, rows, gaps, inside, starts)
    if recipe.spacing_from == "tile":
        left, extent = line_up(np.full(rows.shape, SIDE, np.int64), gaps, inside)
        left += tiles.ink_left[seen]
    elif recipe.spacing_from == "ink":
        left, extent = line_up(tiles.ink_width[seen], gaps, inside)
    else:
        left, extent = line_up(tiles.ink_width[seen], gaps, inside, _reaches(tiles, seen))
    if recipe.image_width is None:
        widths = extent + 2 * recipe.margin
        left += recipe.margin
    else:
        widths = np.full(len(digits), recipe.image_width, np.int64)
        left += _margin(recipe.align, widths - extent, words[:, -1])[:, None]
    if inside is not None:
        left = np.where(inside, left, widths[:, None])
    overlapping = recipe.spacing_range[0] < 0 or recipe.spacing_from == "contour"
    return Plan(
        digits, inside, rows, gaps, left, widths, overlapping, tiles, seen, writers, starts, recipe.settings
    )


def drawn_gaps(recipe: Recipe, starts: UInt64Array, count: int) -> IntArray:
    """
    Sample the gaps of some images without glyphs; equal to those of their plan.

    Args:
        recipe: the recipe.
        starts: uint64 (images,), the start of each image's stream.
        count: number of gaps per line.

    Returns:
        int (images, count), px.
    """
    return _gaps(recipe, streams.words(starts, streams.addresses(Purpose.GAP, count)))


def _gaps(recipe: Recipe, words: UInt64Array) -> IntArray:
    low, high = recipe.spacing_range
    return streams.below(words, np.array(high - low + 1, np.uint64)) + low


def _tiles(
    recipe: Recipe,
    glyphs: GlyphSet,
    rows: IntArray,
    gaps_px: IntArray,
    inside: BoolArray | None,
    starts: UInt64Array,
) -> tuple[Tiles, IntArray]:
    """Return the tiles to render, after augmentation of digits, and the row of each digit in them."""
    if recipe.settings is None or not recipe.settings.has("map", "digit"):
        return glyphs, rows
    from digitseq.augment.digit_effects import rough_digits
    from digitseq.augment.sampler import Sampler  # slow to import and rarely needed

    # The baseline is a function of the x position in the line without augmentation.
    wide = glyphs.ink_width[rows]
    left, extent = line_up(wide, gaps_px, inside)
    middles = left + wide // 2 - extent[:, None] // 2
    tiles = rough_digits(Sampler(recipe.settings, starts), glyphs, rows, middles)
    return tiles, np.arange(rows.size, dtype=np.int64).reshape(rows.shape)


def _reaches(tiles: Tiles, rows: IntArray) -> IntArray:
    """
    Return the distance from each digit's left edge to the next digit's at which their ink just touches.

    Each pixel row is compared with the same row of the neighbour and those above and below, so that pixels
    that meet diagonally count as touching.

    Returns:
        int (images, digits − 1), at most the ink width.
    """
    first, last = tiles.profiles(rows)  # (images, digits, 28)
    near = last[:, :-1].copy()
    np.maximum(near[..., 1:], last[:, :-1, :-1], out=near[..., 1:])
    np.maximum(near[..., :-1], last[:, :-1, 1:], out=near[..., :-1])
    reach = (near - first[:, 1:]).max(-1) + 1
    # Digits with no rows in common never touch; use the ink width instead.
    return np.where(reach > NO_INK // 2, reach, tiles.ink_width[rows[:, :-1]])


def check_lines(recipe: Recipe, digits: IntArray, inside: BoolArray | None, glyphs: GlyphSet) -> None:
    """
    Check that some labels of a recipe can be rendered with any seed.

    Args:
        recipe: the recipe.
        digits: int (lines, digits), −1 in the padding.
        inside: mask of the digits, False in the padding, or None.
        glyphs: the glyphs to sample from.

    Raises:
        WidthError: a line could be wider than the image.
        ArgumentError: a digit has no glyphs.
    """
    if not glyphs.counts.all():
        need_digits(glyphs, digits[digits >= 0])
    if recipe.writer == "same":
        check_writers(glyphs, digits)
    _check_fit(recipe, digits, inside, glyphs)


def check_recipe(recipe: Recipe, glyphs: GlyphSet) -> None:
    """
    Check that every image of a recipe can be rendered, without planning any.

    For random labels, the widest possible label is checked. A SourceWarning is issued for each
    source of a mixture that has no glyphs in the recipe's split.

    Args:
        recipe: the recipe.
        glyphs: the glyphs to sample from.

    Raises:
        WidthError: a line could be wider than the image.
        ArgumentError: a digit has no glyphs.
    """
    warn_of_missing(glyphs.parts, glyphs.splits, glyphs.split)
    if recipe.sequences:
        lines = list(dict.fromkeys(recipe.sequences))
        for first in range(0, len(lines), _CHECKED):
            check_lines(recipe, *digit_matrix(lines[first : first + _CHECKED]), glyphs)
        return
    space = recipe.label_space
    possible = np.array(list(map(int, space.digits)), np.int64)
    need_digits(glyphs, possible)
    if recipe.writer == "same":  # a label may contain any of them
        check_writers(glyphs, possible[None])
    for label in space.widest(glyphs.widest_ink):
        check_lines(recipe, *digit_matrix([label]), glyphs)


def line_up(
    advances_px: IntArray,
    gaps_px: IntArray,
    inside: BoolArray | None = None,
    reaches_px: IntArray | None = None,
) -> tuple[IntArray, IntArray]:
    """
    Place digits side by side from column 0.

    If a digit is narrower than the overlap, the gap is clamped so that left edges still increase.

    Args:
        advances_px: int (lines, digits), width of each digit.
        gaps_px: int (lines, digits − 1), may be negative.
        inside: bool (lines, digits), False in the padding of shorter lines; None if there is none.
        reaches_px: int (lines, digits − 1), distance of left edges at a gap of 0; None for the widths.

    Returns:
        Left edges int (lines, digits) and the extent of each line int (lines,), as new arrays.

    >>> line_up(np.array([[10, 20, 3]]), np.array([[5, -30]]))
    (array([[ 0, 15, 16]]), array([35]))
    """
    steps = np.maximum((advances_px[:, :-1] if reaches_px is None else reaches_px) + gaps_px, 1)
    if inside is not None:
        advances_px = advances_px * inside
        steps *= inside[:, 1:]
    left = np.zeros(advances_px.shape, np.int64)
    np.add.accumulate(steps, axis=1, out=left[:, 1:])
    return left, (left + advances_px).max(axis=1, initial=0)


def required_width(
    digits: IntArray, inside: BoolArray | None, max_gap_px: int, whole_tiles: bool, glyphs: GlyphSet
) -> IntArray:
    """
    Return the width that always fits: the widest glyph of each digit, with maximum gaps.

    The extent of a line grows with each digit's width and each gap, so their maxima give the widest line.

    Args:
        digits: int (lines, digits), −1 in the padding of shorter lines.
        inside: mask of the digits, False in the padding, or None.
        max_gap_px: the maximum gap.
        whole_tiles: whether a digit may be as wide as a tile.
        glyphs: the glyphs to sample from.

    Returns:
        int (lines,), px.
    """
    widest = np.full(10, SIDE, np.int64) if whole_tiles else glyphs.widest_ink
    gaps = np.full((len(digits), digits.shape[1] - 1), max_gap_px, np.int64)
    return line_up(widest[digits], gaps, inside)[1]


def _check_fit(recipe: Recipe, digits: IntArray, inside: BoolArray | None, glyphs: GlyphSet) -> None:
    available = MAX_WIDTH_PX if recipe.image_width is None else recipe.image_width
    high = recipe.spacing_range[1]
    if not len(digits):
        return
    # An upper bound that does not depend on the digits; it is enough for nearly every call.
    if SIDE * digits.shape[1] + max(high, 0) * (digits.shape[1] - 1) <= available:
        return
    whole_tiles = recipe.spacing_from == "tile" or (recipe.settings is not None and recipe.settings.widens)
    required = required_width(digits, inside, high, whole_tiles, glyphs)
    worst = int(required.argmax())
    needed = int(required[worst])
    if needed <= available:
        return
    sequence = "".join(map(str, digits[worst][digits[worst] >= 0].tolist()))
    shown = sequence if len(sequence) <= 24 else f"{sequence[:20]}… ({len(sequence)} digits)"
    if recipe.image_width is None:
        problem = f"{shown} can be {needed} px wide; the maximum image width is {MAX_WIDTH_PX} px"
        error = WidthError("digits", problem, hint="use a shorter sequence or a smaller spacing")
    else:
        problem = f"{available} px is too narrow for {shown}, which can be {needed} px wide"
        error = WidthError("image_width", problem, hint=f"{needed} always fits")
    error.required_px = needed
    raise error


def _margin(align: str, surplus_px: IntArray, words: UInt64Array) -> IntArray:
    """Return the columns to the left of each line, int (lines,)."""
    if align == "center":
        return surplus_px // 2
    if align == "left":
        return np.zeros_like(surplus_px)
    if align == "right":
        return surplus_px
    return streams.below(words, (surplus_px + 1).astype(np.uint64))


@lru_cache(maxsize=64)
def _addresses(digits: int) -> UInt64Array:
    """Return the addresses of a line's random words: for its glyphs, its gaps and its position."""
    return np.concatenate(
        [
            streams.addresses(Purpose.GLYPH, digits),
            streams.addresses(Purpose.GAP, digits - 1),
            streams.addresses(Purpose.PLACE, 1),
        ]
    )


_WRITER = streams.addresses(Purpose.WRITER, 1)
