"""
A shard: 1,000 images of a split, the unit of work and of storage in every format.

It needs nothing but its recipe and its number, so any process can write it, in any order.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from digitseq.batches import Sample, draw_batches, pixel_digest
from digitseq.glyphs.glyph_cache import stored_split
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.tiles import SIDE
from digitseq.json_fields import Fields, parse_json
from digitseq.recipe import Recipe

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

    from digitseq.glyphs.sources import GlyphsAnywhere
    from digitseq.storage.base import Storage

SHARD = 1_000
"""Images a shard."""
_MOST_EXTRA = 1 << 16  # bytes of headers and the like
_MOST_A_DIGIT, _MOST_A_LINE = 256, 1 << 11  # bytes about a digit and about an image, in any file


@dataclass(frozen=True)
class Place:
    """
    One split of a dataset as files.

    Attributes:
        split: its name.
        folder: where its files are, with a "/" behind it, or nothing.
        images: how many images it has.
        longest: how many digits its longest label can have.
        labels: further files of labels, for the format ``folder``.
        widest_px: width that no image exceeds.
    """

    split: str
    folder: str
    images: int
    longest: int
    labels: tuple[str, ...] = ()
    widest_px: int = 0

    @property
    def stem(self) -> str:
        """What the names of its files begin with; "all" is reserved by Hugging Face."""
        return file_stem(self.split)

    @property
    def shards(self) -> int:
        """How many shards."""
        return -(-self.images // SHARD)

    def size(self, shard: int) -> int:
        """How many images a shard has."""
        return min(SHARD, self.images - shard * SHARD)

    # How large what is read back can be: nothing larger is read, whatever a file says of itself.

    @property
    def most_png(self) -> int:
        """Bytes of one image as a PNG file, also if another program has saved it."""
        return 2 * SIDE * (self.widest_px + 1) + _MOST_EXTRA

    @property
    def most_facts(self) -> int:
        """Bytes of what stands in one place about one image."""
        return _MOST_A_DIGIT * self.longest + _MOST_A_LINE

    @property
    def most_shard(self) -> int:
        """Bytes of a file that holds the images of a shard and all about them."""
        return SHARD * (self.most_png + 2 * self.most_facts) + _MOST_EXTRA

    @property
    def most_note(self) -> int:
        """Bytes of a note about a shard."""
        return SHARD * len(self.labels or (1,)) * 4 * self.most_facts + _MOST_EXTRA


def file_stem(split: str) -> str:
    """What the names of a split's files begin with; "all" is reserved by Hugging Face."""
    return "train" if split == "all" else split


@dataclass(frozen=True)
class Shard:
    """
    One shard to write.

    Attributes:
        format: name of the format.
        place: the split that it belongs to.
        number: its number in the split.
        recipe: the recipe of its images alone.
        glyphs: the stored glyphs, or the glyphs themselves for a worker in the same process.
        storage: where to write.
        png_level: as `compressor` takes it.
        notes: a folder for a note about it; "" if the caller waits for the result.
    """

    format: str
    place: Place
    number: int
    recipe: Recipe
    glyphs: "Path | GlyphSet | GlyphsAnywhere"
    storage: "Storage"
    png_level: int
    notes: str = ""

    def note_of(self, notes: str) -> str:
        """The name of the note about it, in a folder."""
        return f"{notes}/{self.place.split}-{self.number:06d}"

    def drawn(self, state: "HASH") -> Iterator[Sample]:
        """Its images one by one; each is added to the digest."""
        glyphs = self.glyphs
        if isinstance(glyphs, Path):
            glyphs = stored_split(glyphs, self.recipe.split)
        for batch in draw_batches(self.recipe, glyphs.choose(self.recipe.split)):
            for sample in batch.samples(self.number * SHARD):
                pixel_digest(state, sample.label, sample.image)
                yield sample


@dataclass(frozen=True)
class Written:
    """
    Result of writing one shard.

    Attributes:
        images: how many images it has.
        written: how many of them were written; the others were there, whole.
        size_bytes: bytes of the files written.
        digest: SHA-256 of its labels, widths and pixels.
        lines: its share of the files about all images; empty once it is handed over.
        sections: how many bytes of that belong to which file.
        scratch: the file in which it was handed over; "" if there is nothing.
    """

    images: int
    written: int
    size_bytes: int
    digest: bytes
    lines: bytes = b""
    sections: tuple[int, ...] = ()
    scratch: str = ""


def as_note(done: Written) -> bytes:
    """The result of a shard as a file, for the run that later puts the parts of a dataset together."""
    facts = {"images": done.images, "digest": done.digest.hex(), "sections": done.sections}
    body = json.dumps(facts).encode() + b"\n" + done.lines
    return sha256(body).hexdigest().encode() + b"\n" + body


def is_note(data: bytes) -> bool:
    """Whether a file is a note about a shard, whichever: its first line is the SHA-256 of the rest."""
    digest, _, body = data.partition(b"\n")
    return sha256(body).hexdigest().encode() == digest


def from_note(data: bytes, shard: Shard, count: int) -> tuple[Written, bytes] | None:
    """
    The result of a shard, and its lines.

    Args:
        data: what `as_note` gave.
        shard: which it should be.
        count: how many sections its lines should have.

    Returns:
        None if the file is damaged, or of another shard.
    """
    if not is_note(data):
        return None
    _, head, lines = data.split(b"\n", 2)
    try:
        facts = Fields(parse_json(head), "note")
        images = len(shard.recipe)
        facts.integer("images", images, images)
        sections = tuple(facts.integers("sections", 0, len(lines)))
        pixels = bytes.fromhex(facts.digest("digest"))
    except ValueError:
        return None
    if sum(sections) != len(lines) or len(sections) != count:
        return None
    return Written(images, 0, 0, pixels, b"", sections), lines
