"""Render a recipe of one split, with labels and metadata, in batches of bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.tiles import SIDE
from digitseq.interrupts import check
from digitseq.labels import label_texts
from digitseq.plan import make_plan
from digitseq.recipe import Recipe
from digitseq.render import Renderer

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

_BATCH = 250
_BATCH_BYTES = 1 << 26


class Sample(NamedTuple):
    """
    One image, its label and its metadata.

    Attributes:
        number: index in the split.
        label: the digits as text.
        image: uint8 (28, width).
        boxes: x, y, w, h of each digit's ink in px.
        glyphs: index of each glyph in the original order of its source.
        writer: id of the writer of all digits; None if writers are mixed.
        sources: name of the source of each glyph; None if there is only one source.
        mask: uint8 (28, width), 0 for no ink, k where the k-th digit's ink is strongest; None if
            masks were not asked for.
    """

    number: int
    label: str
    image: UInt8Array
    boxes: list[list[int]]
    glyphs: list[int]
    writer: int | None
    sources: list[str] | None = None
    mask: UInt8Array | None = None


@dataclass(frozen=True)
class Batch:
    """
    Consecutive images of a recipe.

    Attributes:
        first: position of the first image among all images rendered.
        labels: the label of each image.
        images: uint8 (28, width) each.
        gaps_px: int (images, digits − 1), as sampled.
        boxes: int (images, digits, 4), x, y, w, h in px.
        origins: int (images, digits), index of each glyph in the original order of its source.
        writers: int (images,), writer of each line; None if writers are mixed.
        masks: uint8 (28, width) each; None if they were not asked for.

    Values beyond the end of a shorter label are undefined.
    """

    first: int
    labels: list[str]
    images: list[UInt8Array]
    gaps_px: IntArray
    boxes: IntArray
    origins: IntArray
    writers: IntArray | None
    masks: list[UInt8Array] | None = None

    def samples(self, first: int = 0, parts: Sequence[tuple[str, int]] = ()) -> Iterator[Sample]:
        """
        Yield the images one by one.

        Args:
            first: number of the first image rendered.
            parts: if the glyphs have several sources, the name of each and where its positions begin.
        """
        boxes, glyphs = self.boxes.tolist(), self.origins.tolist()
        writers = [None] * len(self.labels) if self.writers is None else self.writers.tolist()
        masks = [None] * len(self.labels) if self.masks is None else self.masks
        starts = np.array([start for _, start in parts], np.int64)
        part = (np.searchsorted(starts, self.origins, side="right").astype(np.int64) - 1).tolist()
        for row, (label, image) in enumerate(zip(self.labels, self.images, strict=True)):
            size = len(label)
            yield Sample(
                number=first + self.first + row,
                label=label,
                image=image,
                boxes=boxes[row][:size],
                glyphs=glyphs[row][:size],
                writer=writers[row],
                sources=[parts[number][0] for number in part[row][:size]] if parts else None,
                mask=masks[row],
            )


def draw_batches(
    recipe: Recipe, glyphs: GlyphSet, indices: IntArray | None = None, *, masks: bool = False
) -> Iterator[Batch]:
    """
    Yield the images of a recipe of one split in batches of bounded memory.

    Args:
        recipe: the recipe.
        glyphs: its glyphs.
        indices: int (images,), the images to render; None for all.
        masks: also render the instance masks.
    """
    indices = np.arange(len(recipe), dtype=np.int64) if indices is None else indices
    largest = SIDE * max(
        recipe.widest_px, SIDE * recipe.longest
    )  # bytes per image: of its pixels or of its glyphs
    step = max(1, min(_BATCH, _BATCH_BYTES // largest))
    for start in range(0, len(indices), step):
        check()
        plan = make_plan(recipe, indices[start : start + step], glyphs)
        drawn, mask = Renderer().compose(plan, masks)
        if recipe.invert:
            np.subtract(255, drawn, out=drawn)
        widths = list(enumerate(plan.widths_px.tolist()))
        yield Batch(
            start,
            label_texts(plan.digits),
            [drawn[row, :, :width] for row, width in widths],
            plan.gaps_px,
            plan.boxes(),
            glyphs.origin[plan.rows].astype(np.int64),
            plan.writers,
            None if mask is None else [mask[row, :, :width] for row, width in widths],
        )


def pixel_digest(state: "HASH", label: str, image: UInt8Array) -> None:
    """Update a digest with one image and its label."""
    state.update(b"%b %d " % (label.encode(), image.shape[1]))
    state.update(np.ascontiguousarray(image).reshape(-1))
