"""Base classes of the formats, with the code they share: resuming and comparing images."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from itertools import zip_longest
from typing import IO, TYPE_CHECKING, TypeAlias

from digitseq.arrays import UInt8Array
from digitseq.batches import Sample
from digitseq.checks import counted
from digitseq.dataset.formats.stored_image import Found, label_of, sample_key
from digitseq.dataset.label_names import MASKS
from digitseq.dataset.shards import SHARD, Place, Shard, Written
from digitseq.errors import FormatError
from digitseq.png import compressor, encode_png

if TYPE_CHECKING:
    from digitseq.storage.base import Storage

ReadOne: TypeAlias = Callable[[IO[bytes], int], Found]
"""Reads one image from its shard's open file, by its number in the shard."""

JSON_LINES, PNG = "application/jsonlines", "image/png"
TAR, ARROW = "application/x-tar", "application/x-parquet"
"""MIME types of files that other libraries read by their columns or members."""

_FEW_SHARDS = 3  # up to this many consecutive missing shards are reported one by one
_MOST_DIGITS = 16  # of a shard number


class Format(ABC):
    """
    The writer and reader of one dataset format.

    Attributes:
        name: its name, as `write_dataset` takes it.
        library: a library that it needs in addition to digitseq's dependencies, and that the extra named
            after the format installs; "" if none.
        label_files: names of the extra labels that it can have, from `LABEL_FILES`.
        suffix: suffix of the files that hold its images.
        stands_alone: whether its images and labels can be read without a manifest.
        flat: whether the images of a split are in one folder.
    """

    name: str
    library: str = ""
    label_files: tuple[str, ...] = (MASKS,)
    suffix: str
    stands_alone: bool = False
    flat: bool = False

    # --- File names ---

    def folder(self, split: str, several: bool) -> str:
        """Return the folder of a split, with a trailing "/", or "" for the top folder."""
        return ""

    @abstractmethod
    def shard_files(self, place: Place, shard: int) -> list[str]:
        """Return the names of the files that hold the images of a shard."""

    @abstractmethod
    def shard_of(self, place: Place, name: str) -> int | None:
        """Return the shard that a file name belongs to; None if it is not one of `shard_files`."""

    def common_files(self, place: Place) -> list[str]:
        """Return the names of the files of a split that cover all its images."""
        return []

    def is_passing(self, place: Place, name: str) -> bool:
        """Return whether a file name is that of a temporary file."""
        return False

    def shards_there(self, storage: "Storage", place: Place, names: Iterable[str]) -> list[int]:
        """
        Return the shards that exist at least partly, in order.

        Args:
            storage: where the files are.
            place: the split.
            names: the names of all files.
        """
        return sorted({shard for name in names if (shard := self.shard_of(place, name)) is not None})

    def stretches(self, storage: "Storage", place: Place, names: Iterable[str]) -> Iterator[int | range]:
        """
        Yield all shards in order: one by one, but a long run of completely missing shards as one range.

        A manifest can promise more shards than could be checked one by one.

        Args:
            storage: where the files are.
            place: the split.
            names: the names of all files.
        """
        after = 0
        for shard in (*self.shards_there(storage, place, names), place.shards):
            if shard - after > _FEW_SHARDS:
                yield range(after, shard)
            else:
                yield from range(after, shard)
            if shard < place.shards:
                yield shard
            after = shard + 1

    def shard_folders(self, place: Place, shard: int) -> list[str]:
        """Return the folders, other than the split's, in which files or folders of a shard are written."""
        return []

    def folders_there(self, storage: "Storage", place: Place) -> Iterator[str]:
        """Yield the folders of a split in which a run may have left half-written files."""
        yield place.folder

    def owns(self, place: Place, name: str) -> bool:
        """Return whether a file name belongs to a split, including temporary files."""
        return (
            self.shard_of(place, name) is not None
            or name in self.common_files(place)
            or self.is_passing(place, name)
        )

    def file_count(self, place: Place) -> int:
        """Return the number of files in a split."""
        full, rest = divmod(place.images, SHARD)
        count = full * len(self.shard_files(place, 0)) if full else 0
        count += len(self.shard_files(place, full)) if rest else 0
        return count + len(self.common_files(place))

    def whole_files(self, places: list[Place]) -> dict[str, bytes]:
        """Return the files that a dataset has only once: name → content."""
        return {}

    def patterns(self, place: Place) -> dict[str, str]:
        """Return the files of a split that a reader needs: MIME type → pattern of names."""
        return {"application/octet-stream": f"{place.folder}{place.stem}-*{self.suffix}"}

    def sections(self, place: Place) -> int:
        """Return the number of sections in a shard's lines, which are assembled at the end."""
        return 0

    # --- Writing ---

    @abstractmethod
    def write(self, shard: Shard) -> Written:
        """Write what is missing of a shard. Existing files are read, and kept if they are correct."""

    def assembling(
        self, storage: "Storage", place: Place
    ) -> AbstractContextManager[Callable[[Written, bytes], None]]:
        """Assemble the common files of a split; yield a function that takes each shard's result and lines."""
        return nullcontext(lambda _done, _lines: None)

    def written_bytes(self, storage: "Storage", place: Place, by_shards: int) -> int:
        """Return how many bytes were written for a split, given the bytes that its shards wrote."""
        return by_shards

    @abstractmethod
    def estimate(self, samples: list[Sample], place: Place, level: int) -> int:
        """Return the number of bytes that some images take."""

    # --- Reading ---

    @abstractmethod
    def found(self, storage: "Storage", place: Place, shard: int) -> Iterator[Found]:
        """
        Yield the images of a shard in order, as they were found.

        Raises:
            FormatError: a file that holds several of them cannot be read at all.
        """

    def found_one(self, storage: "Storage", place: Place, number: int) -> Found | None:
        """Return one image, or None if it cannot be read without the rest of its shard."""
        return None

    def one_reader(self, file: IO[bytes], place: Place, shard: int) -> "ReadOne | None":
        """
        Return a function that reads one image of a shard without the rest.

        Args:
            file: the shard's file, open at its start.
            place: the split.
            shard: the number of the shard.

        Returns:
            The function; None if the shard must be read as a whole, or is not as digitseq writes it.
        """
        return None

    @abstractmethod
    def labels(self, storage: "Storage", place: Place) -> tuple[str, ...]:
        """
        Return all labels of a split.

        Raises:
            FormatError: they cannot be read, or there are more or fewer labels than images.
        """

    def checking(self, storage: "Storage", place: Place) -> "Checker":
        """Return a checker for the files that cover all images of a split."""
        return Checker()


class Checker:
    """Compares the common files of a split with its images, which are rendered in order."""

    def check(self, sample: Sample) -> Iterator[str]:
        """Yield the problems with the next image."""
        yield from ()

    def skip(self, images: int) -> None:
        """Skip some images."""

    def end(self) -> Iterator[str]:
        """Yield the problems that remain after the last image."""
        yield from ()


class FileShards(Format):
    """A format that stores each shard in one file."""

    @abstractmethod
    def shard_file(self, place: Place, shard: int) -> str:
        """Return the name of a shard's file."""

    @abstractmethod
    def encode(self, samples: Iterator[Sample], place: Place, level: int) -> bytes:
        """Return the contents of a shard's file."""

    @abstractmethod
    def decode(self, data: bytes, place: Place, shard: int) -> Iterator[Found]:
        """
        Yield the images in a shard's file.

        Raises:
            FormatError: it cannot be read at all; the message follows the name of the file.
        """

    def shard_files(self, place: Place, shard: int) -> list[str]:
        return [self.shard_file(place, shard)]

    def shard_of(self, place: Place, name: str) -> int | None:
        for digits in re.findall(r"[0-9]+", name.removeprefix(place.folder))[:1]:
            number = int(digits) if len(digits) < _MOST_DIGITS else place.shards
            return number if number < place.shards and self.shard_file(place, number) == name else None
        return None

    def write(self, shard: Shard) -> Written:
        name = self.shard_file(shard.place, shard.number)
        state, images = sha256(), len(shard.recipe)
        if shard.storage.exists(name):
            if same(shard.drawn(state), self.found(shard.storage, shard.place, shard.number)):
                return Written(images, 0, 0, state.digest())
            state = sha256()
        data = self.encode(shard.drawn(state), shard.place, shard.png_level)
        shard.storage.put(name, data)
        return Written(images, images, len(data), state.digest())

    def estimate(self, samples: list[Sample], place: Place, level: int) -> int:
        return len(self.encode(iter(samples), place, level))

    def found(self, storage: "Storage", place: Place, shard: int) -> Iterator[Found]:
        name = self.shard_file(place, shard)
        data = storage.read(name, place.most_shard)
        if data is None:
            raise FormatError(f"{storage.where(name)}: missing")
        count = 0
        try:
            for count, found in enumerate(self.decode(data, place, shard), 1):
                key = sample_key(shard * SHARD + count - 1)
                problem = found.problem or ("" if found.where == key else f"expected the key {key}")
                yield found._replace(where=f"{storage.where(name)}: {found.where}", problem=problem)
                if count > place.size(shard):
                    break
        except FormatError as error:
            raise FormatError(f"{storage.where(name)}: {error.problem}") from error
        except MemoryError:
            raise
        except Exception as error:  # on damaged bytes, libraries can raise anything
            reason = str(error).split("\n", 1)[0][:120] or type(error).__name__
            raise FormatError(f"{storage.where(name)}: damaged ({reason})") from error
        if count != place.size(shard):
            raise FormatError(
                f"{storage.where(name)}: expected {counted(place.size(shard), 'image')}, found {count:,}"
            )

    def labels(self, storage: "Storage", place: Place) -> tuple[str, ...]:
        return tuple(
            label_of(found) for shard in range(place.shards) for found in self.found(storage, place, shard)
        )


def same(samples: Iterator[Sample], found: Iterator[Found]) -> bool:
    """Return whether the images found are the expected ones. If so, all samples have been rendered."""
    try:
        return all(
            sample is not None and there is not None and not there.difference(sample)
            for sample, there in zip_longest(samples, found)
        )
    except FormatError:
        return False


def png_encoder(level: int) -> Callable[[UInt8Array], bytes]:
    """Return a function from an image, uint8 (height, width), to the bytes of a PNG file."""
    compress = compressor(level)
    return lambda image: encode_png(image, compress=compress)
