"""Read a dataset on disk: its manifest, labels and images."""

import os
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from digitseq.arrays import UInt8Array
from digitseq.checks import counted, short
from digitseq.dataset.find import dataset_storage
from digitseq.dataset.formats.base import Format
from digitseq.dataset.formats.stored_image import Found, label_of
from digitseq.dataset.manifest import finished_manifest
from digitseq.dataset.shards import SHARD, Place
from digitseq.errors import ArgumentError, FormatError
from digitseq.glyphs.tiles import SIDE
from digitseq.recipe import Recipe
from digitseq.storage.base import Storage


@dataclass(frozen=True, repr=False)
class DatasetSplit:
    """
    The images of one split of a dataset on disk.

    Attributes:
        recipe: the recipe of this split only.
        place: its files.
        format: their format.
        storage: where they are stored.
        digest: digest of the glyphs that they were rendered from.
    """

    recipe: Recipe
    place: Place
    format: Format
    storage: Storage
    digest: str = field(default="", repr=False)
    _last: dict[int, list[Found]] = field(default_factory=dict, repr=False, compare=False)
    _readers: dict[int, tuple[Any, Any]] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return self.place.images

    def __repr__(self) -> str:
        return f"DatasetSplit({self.storage.where()!r}, {self.place.split}, {counted(len(self), 'image')})"

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: everything but what was read."""
        return vars(self) | {"_last": {}, "_readers": {}}

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """
        All labels, as text.

        Raises:
            FormatError: they cannot be read.
        """
        return self.format.labels(self.storage, self.place)

    def __getitem__(self, index: int) -> tuple[UInt8Array, str]:
        """
        Return an image and its label.

        Shards of ``parquet``, compressed shards of ``npz`` and shards at a URL are read as a whole, and kept
        in memory until another shard is needed.

        Returns:
            A new uint8 array (28, width), and the label.

        Raises:
            IndexError: there is no such image.
            FormatError: the image is damaged.
        """
        number = range(len(self))[index]
        found = self.found(number)
        image = None if found.problem else found.image(self.place.widest_px)
        if image is None or len(image) != SIDE:
            raise FormatError(f"{found.where}: {found.problem or 'damaged, or not a PNG of digitseq'}")
        # Decoded PNGs are read-only.
        return image.copy(), self.labels[number] if found.facts is None else label_of(found)

    def mask(self, index: int) -> UInt8Array:
        """
        Return the instance mask of an image.

        Returns:
            A new uint8 array (28, width): 0 for no ink, k where the k-th digit's ink is strongest.

        Raises:
            IndexError: there is no such image.
            FormatError: the dataset has no masks, or this one is damaged.
        """
        if not self.place.masks:
            raise FormatError(
                f"{self.storage.where()} has no masks", hint="pass labels=['masks'] when you write it"
            )
        found = self.found(range(len(self))[index])
        mask = None if found.problem else found.mask_image(self.place.widest_px)
        if mask is None or len(mask) != SIDE:
            raise FormatError(f"{found.where}: {found.problem or 'its mask is damaged'}")
        return mask.copy()

    def found(self, number: int) -> Found:
        """
        Return one image as it was found, with its problem if it has one.

        Raises:
            IndexError: there is no such image.
            FormatError: the file that holds it cannot be read.
        """
        number = range(len(self))[number]
        if (one := self.format.found_one(self.storage, self.place, number)) is not None:
            return one
        shard, row = divmod(number, SHARD)
        if (rows := self._last.get(shard)) is None:
            if (one := self._alone(shard, row)) is not None:
                return one
            rows = list(self.format.found(self.storage, self.place, shard))
            self._last.clear()  # other threads keep the rows that they are reading
            self._last[shard] = rows
        return deepcopy(rows[row])

    def _alone(self, shard: int, row: int) -> Found | None:
        """Return one image of a shard without reading the rest; None if that is not possible."""
        files = self.format.shard_files(self.place, shard)
        if not self.storage.is_local or len(files) != 1:
            return None
        where = self.storage.where(files[0])
        with self.storage.local(files[0]) as file:
            if file is None:
                return None
            state = os.fstat(file.fileno())
            if state.st_size > self.place.most_shard:
                return None
            stamp = (state.st_ino, state.st_size, state.st_mtime_ns)
            known, read = self._readers.get(shard, (None, None))
            if known != stamp:
                read = None
                with suppress(Exception):  # damaged: reading the whole shard says how
                    read = self.format.one_reader(file, self.place, shard)
                self._readers[shard] = (stamp, read)
            if read is None:
                return None
            try:
                found: Found = read(file, row)
            except (ValueError, TypeError, IndexError, OSError) as error:
                raise FormatError(f"{where}: damaged ({error})") from error
        return found._replace(where=f"{where}: {found.where}")


@dataclass(frozen=True, repr=False)
class Dataset:
    """
    A dataset on disk.

    Attributes:
        path: its folder, or a URL.
        recipe: the recipe it was rendered from.
        manifest: the contents of dataset.json, as JSON types.
        splits: split → its images; a dataset without splits has one entry, named after its split. An
            unknown name is a KeyError that lists the splits.
    """

    path: Path | str
    recipe: Recipe
    manifest: dict[str, Any]
    splits: dict[str, DatasetSplit]

    def __len__(self) -> int:
        return sum(map(len, self.splits.values()))

    def __repr__(self) -> str:
        splits = ", ".join(f"{name} {len(split):,}" for name, split in self.splits.items())
        return f"Dataset({str(self.path)!r}, {self.manifest['format']}, {splits})"

    @property
    def digest(self) -> str:
        """Digest of the glyphs that it was rendered from."""
        return str(self.manifest["source"]["digest"])


class Splits(dict[str, DatasetSplit]):
    """Split → its images; a missing one is an error that lists them."""

    def __missing__(self, name: object) -> DatasetSplit:
        raise _UnknownSplitError("splits", f"expected one of {', '.join(self)}, got {short(name)}")


class _UnknownSplitError(ArgumentError, KeyError):
    """A split that a dataset does not have."""


def read_dataset(out: str | Path) -> Dataset:
    """
    Read a finished dataset.

    Args:
        out: its folder, or a URL.

    Returns:
        The dataset; images are read on access.

    Raises:
        FormatError: there is no finished dataset, or its manifest is damaged.
        ExtraError: its format needs a library that is not installed.
    """
    storage = dataset_storage(out)
    manifest = finished_manifest(storage)
    splits = Splits(
        (own.split, DatasetSplit(own, place, manifest.form, storage, manifest.digest))
        for own, place in zip(manifest.recipe.by_split(), manifest.places, strict=True)
    )
    return Dataset(out, manifest.recipe, manifest.to_dict(), splits)
