"""
The format ``folder``: 1,000 PNG files a folder, labels as CSV and as JSONL. Writer and reader side by side.

A shard is 1,000 images, one folder, whatever the number of workers. It needs nothing but its recipe and its
number, so any process can write it, in any order.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.dataset.png import compressor, decode_png, encode_png
from digitseq.glyphs.cache import stored_split
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.tiles import SIDE
from digitseq.labels import label_texts
from digitseq.plan import make_plan
from digitseq.recipe import Recipe
from digitseq.render import render

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

    from digitseq.dataset.storage import LocalStorage

SHARD = 1_000
"""Images a shard, and files a folder."""
LABELS, METADATA = "labels.csv", "metadata.jsonl"
LABELS_HEADER = b"filename,label\r\n"  # RFC 4180 ends lines so

_BATCH = 250
_BATCH_BYTES = 1 << 26


@dataclass(frozen=True)
class Shard:
    """
    One shard to write.

    Attributes:
        recipe: the recipe of its images alone, of one split.
        first: number of its first image in its part.
        folder: the part's folder in the storage with a "/" behind it, or nothing.
        glyphs: the stored glyphs, or the glyphs themselves for a worker in the same process.
        storage: where to write.
        png_level: as `compressor` takes it.
    """

    recipe: Recipe
    first: int
    folder: str
    glyphs: Path | GlyphSet
    storage: "LocalStorage"
    png_level: int


@dataclass(frozen=True)
class Written:
    """
    What a shard came to.

    Attributes:
        images: how many images it has.
        written: how many files were written; the others were there, whole.
        size_bytes: bytes of the files written.
        lines: the scratch file with its lines of labels.csv and then of metadata.jsonl.
        labels_bytes: how many bytes of these are labels.
        digest: SHA-256 of its labels, widths and pixels.
    """

    images: int
    written: int
    size_bytes: int
    lines: str
    labels_bytes: int
    digest: bytes


def image_name(number: int) -> str:
    """Name of an image in its part: images/000/000000.png."""
    return f"{folder_name(number)}/{number:06d}.png"


def folder_name(number: int) -> str:
    """Folder of an image in its part."""
    return f"images/{number // SHARD:03d}"


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

    def metadata(self, row: int, name: str) -> str:
        """The line of metadata.jsonl of one of the images."""
        digits = len(self.labels[row])
        return metadata_line(
            name,
            self.labels[row],
            self.boxes[row, :digits].tolist(),
            self.origins[row, :digits].tolist(),
            None if self.writers is None else int(self.writers[row]),
        )


def draw_batches(recipe: Recipe, glyphs: GlyphSet, indices: IntArray | None = None) -> Iterator[Batch]:
    """All images of a recipe of one split, or some of them, in batches of bounded memory."""
    indices = np.arange(len(recipe)) if indices is None else indices
    widest_px = recipe.image_width or recipe.longest * (SIDE + max(0, recipe.spacing_range[1]))
    largest = SIDE * max(widest_px, SIDE * recipe.longest)  # bytes of its pixels, or of its glyphs
    step = max(1, min(_BATCH, _BATCH_BYTES // largest))
    for start in range(0, len(indices), step):
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
    state.update(b"%b %d " % (label.encode(), image.shape[1]) + image.tobytes())


def metadata_line(
    name: str, label: str, boxes: list[list[int]], origins: list[int], writer: int | None = None
) -> str:
    """
    One line of metadata.jsonl.

    >>> metadata_line("images/000/000000.png", "07", [[1, 4, 9, 20], [12, 4, 9, 20]], [5, 9])[:50]
    '{"file_name": "images/000/000000.png", "label": "0'
    """
    # A list of integers is written alike in Python and in JSON.
    objects = f'{{"bbox": {boxes}, "categories": {list(map(int, label))}}}'
    hand = "" if writer is None else f', "writer": {writer}'
    return f'{{"file_name": "{name}", "label": "{label}", "objects": {objects}, "glyphs": {origins}{hand}}}\n'


def write_shard(shard: Shard) -> Written:
    """
    Write what is missing of a shard, and tell its labels and digest.

    Files that are there are read and kept if their pixels are right: what a power failure or a curious
    hand left is mended.

    Args:
        shard: what to write and where.

    Returns:
        What it came to.

    Raises:
        OutputError: the system refuses.
        CacheError: the stored glyphs are gone.
    """
    split, glyphs = shard.recipe.split, shard.glyphs
    glyphs = glyphs.choose(split) if isinstance(glyphs, GlyphSet) else stored_split(glyphs, split)
    compress = compressor(shard.png_level)
    labels, metadata, state = io.StringIO(), io.StringIO(), sha256()

    def images() -> Iterator[tuple[str, UInt8Array]]:
        number = shard.first
        for batch in draw_batches(shard.recipe, glyphs):
            for row, (label, image) in enumerate(zip(batch.labels, batch.images, strict=True)):
                name = image_name(number)
                labels.write(f"{name},{label}\r\n")
                metadata.write(batch.metadata(row, name))
                pixel_digest(state, label, image)
                yield name, image
                number += 1

    folder = shard.folder + folder_name(shard.first)
    there = shard.storage.list(folder)
    written = size = 0
    if not there:
        files = ((name.rsplit("/", 1)[1], encode_png(image, compress=compress)) for name, image in images())
        size = shard.storage.put_folder(folder, files)
        written = len(shard.recipe)
    else:
        for name, image in images():
            if name.rsplit("/", 1)[1] in there:
                found = decode_png(shard.storage.read(shard.folder + name))
                if found is not None and np.array_equal(found, image):
                    continue
            data = encode_png(image, compress=compress)
            shard.storage.put(shard.folder + name, data)
            written, size = written + 1, size + len(data)
    lines = shard.storage.put_scratch(
        shard.folder + METADATA, (labels.getvalue() + metadata.getvalue()).encode("ascii")
    )
    return Written(len(shard.recipe), written, size, lines, len(labels.getvalue()), state.digest())
