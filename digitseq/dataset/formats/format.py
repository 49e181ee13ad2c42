"""
What a format of datasets is, and what all formats share: shards, going on after a break, comparing.

A shard is 1,000 images, whatever the format and the number of workers. It needs nothing but its recipe and
its number, so any process can write it, in any order.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from digitseq.arrays import UInt8Array
from digitseq.checks import counted
from digitseq.dataset.drawing import Sample, draw_batches, pixel_digest
from digitseq.dataset.formats.found import Found, label_of, sample_key
from digitseq.dataset.png import compressor, encode_png
from digitseq.errors import FormatError
from digitseq.glyphs.cache import stored_split
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.recipe import Recipe

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

    from digitseq.dataset.storage import Storage
    from digitseq.glyphs.sources import GlyphsAnywhere

SHARD = 1_000
"""Images a shard."""


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
        sha256: of the one file that holds all images, where a format has one and it is finished; or nothing.
    """

    split: str
    folder: str
    images: int
    longest: int
    labels: tuple[str, ...] = ()
    sha256: str = ""

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
        notes: a folder for a note about it; "" where somebody waits for what it comes to.
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
    What a shard came to.

    Attributes:
        images: how many images it has.
        written: how many of them were written; the others were there, whole.
        size_bytes: bytes of the files written.
        digest: SHA-256 of its labels, widths and pixels.
        lines: what stands about its images in files about all of them; empty once it is handed over.
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


# --- Formats --------------------------------------------------------------------------------------------


def as_note(done: Written) -> bytes:
    """What a shard came to, as a file for those who put the parts of a dataset together later."""
    facts = {"images": done.images, "digest": done.digest.hex(), "sections": done.sections}
    return json.dumps(facts).encode() + b"\n" + done.lines


def from_note(data: bytes) -> tuple[Written, bytes] | None:
    """What a shard came to, and its lines; None if the file is damaged."""
    try:
        facts, _, lines = data.partition(b"\n")
        found = json.loads(facts)
        sections = tuple(map(int, found["sections"]))
        if sum(sections) != len(lines):
            return None
        return Written(int(found["images"]), 0, 0, bytes.fromhex(found["digest"]), b"", sections), lines
    except (ValueError, KeyError, TypeError):
        return None


class Format(ABC):
    """
    A way to keep a dataset: its writer and its reader.

    Attributes:
        name: what `write_dataset` calls it.
        library: a library that it needs beside those of digitseq, and that an extra of the same name as the
            format installs; or nothing.
    """

    name: str
    library: str = ""

    # --- Where ---

    def folder(self, split: str, several: bool) -> str:
        """Where the files of a split are."""
        return ""

    @abstractmethod
    def files(self, place: Place) -> Iterator[str]:
        """Names of all files of a split."""

    def passing(self, place: Place) -> Iterator[str]:
        """Names of files that may be there for a while."""
        return iter(())

    def whole_files(self, places: list[Place]) -> dict[str, bytes]:
        """Files that the whole dataset has once."""
        return {}

    # --- Writing ---

    @abstractmethod
    def write(self, shard: Shard) -> Written:
        """Write what is missing of a shard. What is there is read, and kept if it is right."""

    def assembling(
        self, storage: "Storage", place: Place
    ) -> AbstractContextManager[Callable[[Written, bytes], None]]:
        """Make what all shards of a split need: gives a function that takes each in order, with its lines."""
        return nullcontext(lambda _done, _lines: None)

    def written_bytes(self, storage: "Storage", place: Place, by_shards: int) -> int:
        """How many bytes were written of a split, if its shards wrote so many."""
        return by_shards

    @abstractmethod
    def estimate(self, samples: list[Sample], place: Place, level: int) -> int:
        """Bytes that some images take."""

    def digest(self, storage: "Storage", place: Place) -> str:
        """SHA-256 of the file that holds all images of a split, if it is to be checked before it is read."""
        return ""

    # --- Reading ---

    @abstractmethod
    def found(self, storage: "Storage", place: Place, shard: int) -> Iterator[Found]:
        """
        The images of a shard in their order, as they were found.

        Raises:
            FormatError: nothing can be read of a file that holds several of them.
        """

    def found_one(self, storage: "Storage", place: Place, number: int) -> Found | None:
        """One image, where it can be had without the rest of its shard; else None."""
        return None

    @abstractmethod
    def labels(self, storage: "Storage", place: Place) -> tuple[str, ...]:
        """
        All labels of a split.

        Raises:
            FormatError: they cannot be read, or there are more or fewer than images.
        """

    def checking(self, storage: "Storage", place: Place) -> "Checker":
        """What checks the files that hold something of all images."""
        return Checker()


class Checker:
    """Compares what stands about all images in files of their own, while these are drawn in order."""

    def check(self, sample: Sample) -> Iterator[str]:
        """What is wrong about an image."""
        yield from ()

    def end(self) -> Iterator[str]:
        """What is wrong after the last one."""
        yield from ()


class FileShards(Format):
    """A format that keeps each shard in one file."""

    @abstractmethod
    def shard_file(self, place: Place, shard: int) -> str:
        """Name of the file of a shard."""

    @abstractmethod
    def encode(self, samples: Iterator[Sample], place: Place, level: int) -> bytes:
        """The file of a shard."""

    @abstractmethod
    def decode(self, data: bytes, name: str) -> Iterator[Found]:
        """
        The images in the file of a shard.

        Raises:
            FormatError: nothing can be read of it; the sentence goes on after the name of the file.
        """

    def files(self, place: Place) -> Iterator[str]:
        """Names of all files of a split."""
        return (self.shard_file(place, shard) for shard in range(place.shards))

    def write(self, shard: Shard) -> Written:
        """Write a shard, unless it is there, whole."""
        return self.write_as(shard, self.shard_file(shard.place, shard.number))

    def write_as(self, shard: Shard, name: str) -> Written:
        """Write a shard under a name, unless it is there, whole."""
        state, images = sha256(), len(shard.recipe)
        if shard.storage.exists(name):
            found = self.found_in(shard.storage, shard.place, shard.number, name)
            if same(shard.drawn(state), found):
                return Written(images, 0, 0, state.digest())
            state = sha256()
        data = self.encode(shard.drawn(state), shard.place, shard.png_level)
        shard.storage.put(name, data)
        return Written(images, images, len(data), state.digest())

    def estimate(self, samples: list[Sample], place: Place, level: int) -> int:
        """Bytes that some images take."""
        return len(self.encode(iter(samples), place, level))

    def found(self, storage: "Storage", place: Place, shard: int) -> Iterator[Found]:
        """The images of a shard, as they were found."""
        return self.found_in(storage, place, shard, self.shard_file(place, shard))

    def found_in(self, storage: "Storage", place: Place, shard: int, name: str) -> Iterator[Found]:
        """The images of a shard that lies under a name."""
        data = storage.read(name)
        if data is None:
            raise FormatError(f"{storage.where(name)}: missing")
        count = 0
        try:
            for count, found in enumerate(self.decode(data, name), 1):
                key = sample_key(shard * SHARD + count - 1)
                problem = found.problem or ("" if found.where == key else f"expected it to be called {key}")
                yield found._replace(where=f"{storage.where(name)}: {found.where}", problem=problem)
        except FormatError as error:
            raise FormatError(f"{storage.where(name)}: {error.problem}") from error
        except Exception as error:  # libraries raise whatever damaged bytes lead them to
            reason = str(error).split("\n", 1)[0][:120] or type(error).__name__
            raise FormatError(f"{storage.where(name)}: damaged ({reason})") from error
        if count != place.size(shard):
            raise FormatError(
                f"{storage.where(name)}: expected {counted(place.size(shard), 'image')}, found {count:,}"
            )

    def labels(self, storage: "Storage", place: Place) -> tuple[str, ...]:
        """All labels of a split."""
        return tuple(
            label_of(found) for shard in range(place.shards) for found in self.found(storage, place, shard)
        )


def same(samples: Iterator[Sample], found: Iterator[Found]) -> bool:
    """Whether what was found is what should be there. All samples are drawn if it is."""
    try:
        return all(
            sample is not None and there is not None and not there.difference(sample)
            for sample, there in zip_longest(samples, found)
        )
    except FormatError:
        return False


def png_encoder(level: int) -> Callable[[UInt8Array], bytes]:
    """Image → PNG file."""
    compress = compressor(level)
    return lambda image: encode_png(image, compress=compress)
