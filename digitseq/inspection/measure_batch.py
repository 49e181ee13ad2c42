"""Measure a batch of images: a pure function from rows to columns of values."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from digitseq.arrays import AnyArray, BoolArray, IntArray, UInt8Array
from digitseq.checks import counted
from digitseq.inspection.box_fit import misfits
from digitseq.inspection.image_batch import Lines, is_clean, is_white, lines_of, of_digits, outer_edges, stack
from digitseq.inspection.images import Row
from digitseq.inspection.measure_gaps import Gaps, Seen, column_gaps, contour_gaps, ink_columns
from digitseq.inspection.recipe_promises import Promise, promise
from digitseq.recipe import Recipe

HEAT_COLUMNS = 2_048
"""Maximum width of the heat map in px; of wider images, it shows the left part."""
BatchProblem = tuple[str, int, str]
"""Kind of fault, image in the batch, and a sentence that describes it."""


@dataclass(frozen=True, eq=False)
class Measured:
    """
    Measurements of a batch.

    Attributes:
        labels: one string per image.
        columns: column of `Table` → one value per image or per digit; ``image`` counts within the batch.
        sizes: int (images,), digits per image.
        strengths: effect → float (images,).
        heat: int (28, columns), sum of all images.
        digests: digest of width and pixels of each image; empty if unreadable.
        problems: faults found.
    """

    labels: list[str]
    columns: dict[str, AnyArray]
    sizes: IntArray
    strengths: dict[str, AnyArray]
    heat: IntArray
    digests: list[bytes]
    problems: list[BatchProblem]


def measure_batch(rows: list[Row], recipe: Recipe | None, with_contours: BoolArray) -> Measured:
    """
    Measure a batch of images.

    Args:
        rows: images of one split.
        recipe: recipe of that split; None if unknown.
        with_contours: bool (images,), images whose contours are measured; used for ``contour`` spacing only.
    """
    problems = [(kind, place, sentence) for place, row in enumerate(rows) for kind, sentence in row.problems]
    numbers = np.array([row.number for row in rows], np.int64)
    readable = np.array([row.image is not None for row in rows], np.bool_)
    lines = lines_of(rows)
    promised = _appearance(rows) if recipe is None else promise(recipe, _within(recipe, numbers))
    if recipe is not None:
        problems += _wrong_labels(recipe, rows, promised.labels)
    drawn, is_drawn = of_digits(promised.gaps_px, lines.sizes)
    images, widths = stack(rows, promised.white)

    ends = ink_columns(images)
    told = promised.clean & readable
    blank = told & (ends[0][:, -1] < 0)
    problems += _each("ink", blank, "the image is blank")
    inked = told & ~blank
    misfit = misfits(recipe, images, ends, lines, inked, widths)
    if recipe is None:  # the paper may not be clean: ink that does not match the boxes is taken as a sign
        inked &= ~misfit
        told &= ~misfit
    else:
        problems += _each("boxes", misfit, "the ink does not match the boxes")
    if recipe is not None and recipe.spacing_from == "contour":
        gaps = _contours(images, lines, inked, drawn, with_contours)
    else:
        gaps, wrong = _columns(images, ends, lines, inked, recipe is not None)
        problems += wrong
    columns = {
        "number": numbers,
        "width_px": widths,
        "left_px": np.where(inked, ends[1][:, 0], -1),
        "right_px": np.where(inked, ends[0][:, -1] + 1, -1),
        "ink": images.sum((1, 2), dtype=np.int64) / np.maximum(widths * images.shape[1] * 255, 1),
        "readable": readable,
        "clean": told,
        "digit": lines.digit,
        "image": lines.image,
        "position": lines.position,
        "boxes": lines.boxes,
        "glyph": lines.glyph,
        "drawn_px": drawn,
        "is_drawn": is_drawn,
        "seen_px": gaps.px,
        "seen": gaps.seen,
    }
    heat = images[:, :, :HEAT_COLUMNS].sum(0, dtype=np.int64)
    labels, digests = [row.label for row in rows], [_digest(row.image) for row in rows]
    return Measured(labels, columns, lines.sizes, promised.strengths, heat, digests, problems)


def _within(recipe: Recipe, numbers: IntArray) -> IntArray:
    return np.minimum(numbers, max(len(recipe) - 1, 0))


def _appearance(rows: list[Row]) -> Promise:
    """Guess from the pixels, without a recipe, which images are clean and which are black on white."""
    white = np.array([row.image is not None and is_white(row.image) for row in rows], np.bool_)
    clean = np.array([row.image is not None and is_clean(row.image) for row in rows], np.bool_)
    return Promise([], np.zeros((len(rows), 0), np.int64), {}, clean, white)


def _wrong_labels(recipe: Recipe, rows: list[Row], labels: list[str]) -> list[BatchProblem]:
    problems = []
    for place, (row, label) in enumerate(zip(rows, labels, strict=True)):
        if row.number >= len(recipe):
            problems.append(("metadata", place, f"the recipe has only {counted(len(recipe), 'image')}"))
        elif row.label != label and (row.label or row.image is not None):  # else the whole image is missing
            sentence = f"label is {row.label[:80] or 'missing'}, expected {label[:80]} from the recipe"
            problems.append(("label", place, sentence))
    return problems


def _each(kind: str, which: BoolArray, sentence: str) -> list[BatchProblem]:
    return [(kind, int(image), sentence) for image in np.flatnonzero(which).astype(np.int64)]


def _neighbours(lines: Lines, inked: BoolArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return digits whose gap to the next one is measurable, and how far other digits of the line extend."""
    boxes = lines.boxes
    known = inked[lines.image] & (boxes[:, 0] >= 0)
    pairs = np.flatnonzero(known[:-1] & (lines.position[1:] > 0)).astype(np.int64)
    # If a third digit extends between two others, their spacing cannot be measured in the pixels.
    reach, later = outer_edges(lines)
    pairs = pairs[reach[pairs] <= boxes[pairs, 0] + boxes[pairs, 2]]
    return pairs[later[pairs + 1] >= boxes[pairs + 1, 0]], reach, later


def _contours(
    images: UInt8Array, lines: Lines, inked: BoolArray, drawn: IntArray, with_contours: BoolArray
) -> Gaps:
    """Measure the contour spacing after each digit."""
    boxes, found = lines.boxes, Gaps.unseen(len(lines.image))
    pairs, reach, later = _neighbours(lines, inked)
    found.seen[pairs] = Seen.SKIPPED
    pairs = pairs[with_contours[lines.image[pairs]]]
    gaps = contour_gaps(images, lines.image[pairs], boxes[pairs], boxes[pairs + 1])
    # A loose piece that touches the neighbour is assigned to it, so touching digits may appear apart.
    doubt = (drawn[pairs] <= 0) & (gaps.px > 0)
    # A third digit may be nearer than these two are to each other.
    right = boxes[pairs, 0] + boxes[pairs, 2]
    near = np.minimum(boxes[pairs + 1, 0] - reach[pairs], later[pairs + 1] - right)
    found.put(pairs, gaps.where(doubt | (near <= np.maximum(gaps.px, 0)), Seen.UNSEEN))
    return found


def _columns(
    images: UInt8Array, ends: tuple[IntArray, IntArray], lines: Lines, inked: BoolArray, trusted: bool
) -> tuple[Gaps, list[BatchProblem]]:
    """
    Count the blank columns after each digit.

    A box that contradicts the pixels is a problem if boxes are `trusted`; otherwise the gap is UNSEEN.
    """
    boxes, found = lines.boxes, Gaps.unseen(len(lines.image))
    pairs, _, _ = _neighbours(lines, inked)
    gaps = column_gaps(*ends, lines.image[pairs], boxes[pairs], boxes[pairs + 1])
    stated = boxes[pairs + 1, 0] - boxes[pairs, 0] - boxes[pairs, 2]
    unlike = (gaps.seen == Seen.MEASURED) & (gaps.px != stated)
    if not trusted:
        found.put(pairs, gaps.where(unlike, Seen.UNSEEN))
        return found, []
    found.put(pairs, gaps)
    problems = []
    for pair, said in zip(pairs[unlike].tolist(), stated[unlike].tolist(), strict=True):
        digit = int(lines.position[pair]) + 1
        sentence = f"gap after digit {digit}: {found.px[pair]} px in the pixels, {said} px by the boxes"
        problems.append(("boxes", int(lines.image[pair]), sentence))
    return found, problems


def _digest(image: UInt8Array | None) -> bytes:
    if image is None:
        return b""
    return blake2b(b"%d " % image.shape[1] + image.tobytes(), digest_size=16).digest()
