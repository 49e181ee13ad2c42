"""What a format of datasets is, and what all formats share: going on after a break, comparing."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from itertools import zip_longest
from typing import TYPE_CHECKING

from digitseq.arrays import UInt8Array
from digitseq.batches import Sample
from digitseq.checks import counted
from digitseq.dataset.formats.stored_image import Found, label_of, sample_key
from digitseq.dataset.shards import SHARD, Place, Shard, Written
from digitseq.errors import FormatError
from digitseq.png import compressor, encode_png

if TYPE_CHECKING:
    from digitseq.storage.base import Storage

_FEW_SHARDS = 3  # missing in a row: up to this many are still named one by one
_MOST_DIGITS = 16  # of the number of a shard


class Format(ABC):
    """
    A way to keep a dataset: its writer and its reader.

    Attributes:
        name: what `write_dataset` calls it.
        library: a library that it needs beside those of digitseq, and that an extra of the same name as the
            format installs; or nothing.
        label_files: names of label files for other readers that it can have.
        suffix: of the files that hold its images.
        stands_alone: whether its images and labels can be read without a manifest.
    """

    name: str
    library: str = ""
    label_files: tuple[str, ...] = ()
    suffix: str
    stands_alone: bool = False

    # --- Where ---

    def folder(self, split: str, several: bool) -> str:
        """Where the files of a split are."""
        return ""

    @abstractmethod
    def shard_files(self, place: Place, shard: int) -> list[str]:
        """Names of the files that hold the images of a shard."""

    @abstractmethod
    def shard_of(self, place: Place, name: str) -> int | None:
        """Which shard a file belongs to, by its name; None if it is not one of `shard_files`."""

    def common_files(self, place: Place) -> list[str]:
        """Names of the files of a split that hold something of all its images."""
        return []

    def is_passing(self, place: Place, name: str) -> bool:
        """Whether a file, by its name, is a temporary one."""
        return False

    def shards_there(self, storage: "Storage", place: Place, names: Iterable[str]) -> list[int]:
        """
        The shards of which there is anything, in order.

        Args:
            storage: where the files are.
            place: the split.
            names: the names of all files.
        """
        return sorted({shard for name in names if (shard := self.shard_of(place, name)) is not None})

    def stretches(self, storage: "Storage", place: Place, names: Iterable[str]) -> Iterator[int | range]:
        """
        All shards in order: each by itself, but a long run of wholly missing shards as one range.

        A manifest can promise more shards than could be looked for one by one.

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
        """Folders, beside that of the split, in which files or folders of a shard are written."""
        return []

    def folders_there(self, storage: "Storage", place: Place) -> Iterator[str]:
        """Folders of a split in which a run may have left something half-written."""
        yield place.folder

    def owns(self, place: Place, name: str) -> bool:
        """Whether a file, by its name, belongs to a split or is on its way to it."""
        return (
            self.shard_of(place, name) is not None
            or name in self.common_files(place)
            or self.is_passing(place, name)
        )

    def file_count(self, place: Place) -> int:
        """How many files a split has."""
        full, rest = divmod(place.images, SHARD)
        count = full * len(self.shard_files(place, 0)) if full else 0
        count += len(self.shard_files(place, full)) if rest else 0
        return count + len(self.common_files(place))

    def whole_files(self, places: list[Place]) -> dict[str, bytes]:
        """Files that the whole dataset has once."""
        return {}

    def sections(self, place: Place) -> int:
        """How many sections the lines of a shard have, which are put together at the end."""
        return 0

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

    def skip(self, images: int) -> None:
        """Pass over some images."""

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
    def decode(self, data: bytes, place: Place, shard: int) -> Iterator[Found]:
        """
        The images in the file of a shard.

        Raises:
            FormatError: nothing can be read of it; the sentence goes on after the name of the file.
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
                problem = found.problem or ("" if found.where == key else f"expected it to be called {key}")
                yield found._replace(where=f"{storage.where(name)}: {found.where}", problem=problem)
                if count > place.size(shard):
                    break
        except FormatError as error:
            raise FormatError(f"{storage.where(name)}: {error.problem}") from error
        except MemoryError:
            raise
        except Exception as error:  # libraries raise whatever damaged bytes lead them to
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
