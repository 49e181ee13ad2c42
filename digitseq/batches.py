"""A recipe of one split → its images and all that is known of them, in batches of bounded memory."""

from collections.abc import Iterator
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
from digitseq.render import render

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

_BATCH = 250
_BATCH_BYTES = 1 << 26


class Sample(NamedTuple):
    """
    One image and all that is known of it.

    Attributes:
        number: its number in its split.
        label: its digits.
        image: uint8 (28, width).
        boxes: x, y, w, h of each digit's ink in px.
        glyphs: each glyph's place in its source's own order.
        writer: who wrote all of it; None if not one writer did.
    """

    number: int
    label: str
    image: UInt8Array
    boxes: list[list[int]]
    glyphs: list[int]
    writer: int | None


@dataclass(frozen=True)
class Batch:
    """
    Some images of a part, one after the other.

    Attributes:
        first: place of the first of them among those drawn.
        labels: their labels.
        images: uint8, each (28, its width).
        gaps_px: int (images, digits − 1), as drawn.
        boxes: int (images, digits, 4), x, y, w, h in px.
        origins: int (images, digits), each glyph's place in its source's own order.
        writers: int (images,), who wrote each line; None if it is not one writer's.

    Where a label is shorter than the longest of them, what stands behind its digits is without meaning.
    """

    first: int
    labels: list[str]
    images: list[UInt8Array]
    gaps_px: IntArray
    boxes: IntArray
    origins: IntArray
    writers: IntArray | None

    def samples(self, first: int = 0) -> Iterator[Sample]:
        """Its images one by one, the first of all those drawn being number ``first``."""
        boxes, glyphs = self.boxes.tolist(), self.origins.tolist()
        writers = [None] * len(self.labels) if self.writers is None else self.writers.tolist()
        for row, (label, image) in enumerate(zip(self.labels, self.images, strict=True)):
            size = len(label)
            yield Sample(
                first + self.first + row, label, image, boxes[row][:size], glyphs[row][:size], writers[row]
            )


def draw_batches(recipe: Recipe, glyphs: GlyphSet, indices: IntArray | None = None) -> Iterator[Batch]:
    """All images of a recipe of one split, or some of them, in batches of bounded memory."""
    indices = np.arange(len(recipe), dtype=np.int64) if indices is None else indices
    widest_px = recipe.image_width or recipe.longest * (SIDE + max(0, recipe.spacing_range[1]))
    largest = SIDE * max(widest_px, SIDE * recipe.longest)  # bytes of its pixels, or of its glyphs
    step = max(1, min(_BATCH, _BATCH_BYTES // largest))
    for start in range(0, len(indices), step):
        check()
        plan = make_plan(recipe, indices[start : start + step], glyphs)
        drawn = render(plan, invert=recipe.invert)
        images = [drawn[row, :, :width] for row, width in enumerate(plan.widths_px.tolist())]
        yield Batch(
            start,
            label_texts(plan.digits),
            images,
            plan.gaps_px,
            plan.boxes(),
            glyphs.origin[plan.rows],
            plan.writers,
        )


def pixel_digest(state: "HASH", label: str, image: UInt8Array) -> None:
    """Add one image to a digest."""
    state.update(b"%b %d " % (label.encode(), image.shape[1]))
    state.update(np.ascontiguousarray(image).reshape(-1))
