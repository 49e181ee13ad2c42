"""
A shard: 1,000 images of a split, the unit of work and of storage in every format.

A shard depends only on its recipe and its number, so any process can write it, in any order.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from digitseq.batches import Sample, draw_batches, pixel_digest
from digitseq.dataset.label_names import MASKS
from digitseq.glyphs.glyph_cache import stored_split
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.tiles import SIDE
from digitseq.json_fields import Fields, parse_json
from digitseq.recipe import Recipe

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

    from digitseq.glyphs.anywhere import GlyphsAnywhere
    from digitseq.storage.base import Storage

SHARD = 1_000
"""Images per shard."""
_MOST_EXTRA = 1 << 16  # bytes for headers and other overhead
_MOST_A_DIGIT, _MOST_A_LINE = 256, 1 << 11  # maximum bytes of metadata per digit and per image
_MOST_A_MASK = 1 << 10  # bytes of run lengths per digit


@dataclass(frozen=True)
class Place:
    """
    The files of one split of a dataset.

    Attributes:
        split: its name.
        folder: the folder of its files, with a trailing "/", or "".
        images: number of images.
        longest: number of digits that its longest label can have.
        labels: extra labels, from `label_names.LABEL_FILES`.
        widest_px: upper limit on the width of its images.
        flat: whether its images are in one folder, instead of 1,000 per folder.
        parts: if its glyphs come from several sources, the name of each source and the first position of its
            glyphs; the metadata then names the source of each digit.
    """

    split: str
    folder: str
    images: int
    longest: int
    labels: tuple[str, ...] = ()
    widest_px: int = 0
    flat: bool = False
    parts: tuple[tuple[str, int], ...] = ()

    @property
    def stem(self) -> str:
        """The prefix of its file names, as `file_stem` returns it."""
        return file_stem(self.split)

    @property
    def shards(self) -> int:
        """The number of shards."""
        return -(-self.images // SHARD)

    def size(self, shard: int) -> int:
        """Return the number of images in a shard."""
        return min(SHARD, self.images - shard * SHARD)

    def numbered(self, kind: str, number: int, suffix: str) -> str:
        """Return the name of a file of an image: images/000/000000.png, or images/000000.png if flat."""
        return f"{self.folder_of(kind, number // SHARD)}/{number:06d}{suffix}"

    def folder_of(self, kind: str, shard: int) -> str:
        """Return the folder of the images of a shard, or of another kind of file."""
        return kind if self.flat else f"{kind}/{shard:03d}"

    @property
    def masks(self) -> bool:
        """Whether images have instance masks."""
        return MASKS in self.labels

    # Upper limits on what is read back: nothing larger is read, whatever a file claims.

    @property
    def most_png(self) -> int:
        """Maximum size of one image as a PNG file, even if another program saved it, bytes."""
        return 2 * SIDE * (self.widest_px + 1) + _MOST_EXTRA

    @property
    def most_facts(self) -> int:
        """Maximum size of the metadata of one image in one file, bytes."""
        longest_name = max((len(json.dumps(name)) + 2 for name, _ in self.parts), default=0)
        return (_MOST_A_DIGIT + self.masks * _MOST_A_MASK + longest_name) * self.longest + _MOST_A_LINE

    @property
    def most_shard(self) -> int:
        """Maximum size of a file with the images and metadata of a shard, bytes."""
        return SHARD * ((1 + self.masks) * self.most_png + 2 * self.most_facts) + _MOST_EXTRA

    @property
    def most_note(self) -> int:
        """Maximum size of a note about a shard, bytes."""
        return SHARD * len(self.labels or (1,)) * 4 * self.most_facts + _MOST_EXTRA


def file_stem(split: str) -> str:
    """Return the prefix of a split's file names: "train" for "all", which Hugging Face reserves."""
    return "train" if split == "all" else split


@dataclass(frozen=True)
class Shard:
    """
    One shard to write.

    Attributes:
        format: name of the format.
        place: the files of its split.
        number: its number in the split, from 0.
        recipe: the recipe of its images only.
        glyphs: the folder of the stored glyphs, how to get them on another machine, or the glyphs themselves.
        storage: where to write.
        png_level: as in `compressor`.
        notes: folder for a note about the shard; "" if the caller waits for the result.
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
        """Return the path of this shard's note in the folder of notes."""
        return f"{notes}/{self.place.split}-{self.number:06d}"

    def drawn(self, state: "HASH") -> Iterator[Sample]:
        """Render its images and yield them one by one; each is added to the digest ``state``."""
        glyphs = self.glyphs
        if isinstance(glyphs, Path):
            glyphs = stored_split(glyphs, self.recipe.split)
        chosen = glyphs.choose(self.recipe.split)
        for batch in draw_batches(self.recipe, chosen, masks=self.place.masks):
            for sample in batch.samples(self.number * SHARD, self.place.parts):
                pixel_digest(state, sample.label, sample.image)
                yield sample


@dataclass(frozen=True)
class Written:
    """
    Result of writing one shard.

    Attributes:
        images: number of images in the shard.
        written: number of images written; the others already existed and were correct.
        size_bytes: bytes of the files written.
        digest: SHA-256 of its labels, widths and pixels.
        lines: its lines of the label files; empty once they are handed over.
        sections: number of bytes of each section in ``lines``.
        scratch: the file in which the lines were handed over; "" if there is none.
    """

    images: int
    written: int
    size_bytes: int
    digest: bytes
    lines: bytes = b""
    sections: tuple[int, ...] = ()
    scratch: str = ""


def as_note(done: Written) -> bytes:
    """Return the result of a shard as the contents of a file, for the run that assembles the parts."""
    facts = {"images": done.images, "digest": done.digest.hex(), "sections": done.sections}
    body = json.dumps(facts).encode() + b"\n" + done.lines
    return sha256(body).hexdigest().encode() + b"\n" + body


def is_note(data: bytes) -> bool:
    """Return whether a file is a note about any shard: its first line is the SHA-256 of the rest."""
    digest, _, body = data.partition(b"\n")
    return sha256(body).hexdigest().encode() == digest


def from_note(data: bytes, shard: Shard, count: int) -> tuple[Written, bytes] | None:
    """
    Parse a note about a shard.

    Args:
        data: the contents of the file, from `as_note`.
        shard: the shard that the note should be about.
        count: expected number of sections.

    Returns:
        The result of the shard and its lines; None if the note is damaged or does not fit the shard.
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
