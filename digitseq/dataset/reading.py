"""A dataset on disk, read back: its manifest, its labels, its images."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from digitseq.arrays import UInt8Array
from digitseq.dataset.formats import FORMATS, open_format
from digitseq.dataset.formats.format import SHARD, Format, Place
from digitseq.dataset.formats.found import Found
from digitseq.dataset.names import LABEL_FILES
from digitseq.dataset.storage import LocalStorage
from digitseq.errors import FormatError
from digitseq.recipe import Recipe

DATASET_FORMAT = 1
MANIFEST = "dataset.json"
UNFINISHED = ".digitseq-unfinished.json"


def read_manifest(storage: LocalStorage, name: str = MANIFEST) -> dict[str, Any] | None:
    """
    A dataset.json.

    Returns:
        What it says; None if there is none.

    Raises:
        FormatError: it is not one, or of a later version.
    """
    data, where = storage.read(name), storage.where(name)
    if data is None:
        return None
    try:
        manifest = dict(json.loads(data))
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{where}: not a manifest of digitseq: no JSON object") from error
    form, version = manifest.get("format"), manifest.get("version")
    if form not in FORMATS or version != DATASET_FORMAT:
        later = isinstance(version, int) and version > DATASET_FORMAT
        raise FormatError(
            f"{where}: not a manifest of digitseq that this version reads: expected version {DATASET_FORMAT} "
            f"and one of the formats {', '.join(FORMATS)}, got version {version}, format {form}",
            hint="a later digitseq wrote it; install that one" if later else "",
        )
    try:
        recipe = Recipe.from_dict(manifest["recipe"])
        parts = [(part["split"], part["images"]) for part in manifest["parts"]]
        whole = all(isinstance(manifest["source"][name], str) for name in ("name", "digest"))
        if not whole or parts != [(part.split, len(part)) for part in recipe.parts()]:
            raise ValueError("its parts are not those of its recipe")
        folders = [FORMATS[form].folder(part.split, bool(recipe.splits)) for part in recipe.parts()]
        if [part["folder"] for part in manifest["parts"]] != folders:
            raise ValueError("a part has another folder")
        if not set(manifest.get("labels", ())) <= set(LABEL_FILES):
            raise ValueError("it has unknown files of labels")
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(f"{where}: the manifest is damaged ({error})") from error
    return manifest


def places_of(manifest: dict[str, Any]) -> list[Place]:
    """Where the splits of a dataset are."""
    recipe = Recipe.from_dict(manifest["recipe"])
    labels = tuple(manifest.get("labels", ()))
    return [
        Place(entry["split"], entry["folder"], entry["images"], part.longest, labels)
        for part, entry in zip(recipe.parts(), manifest["parts"], strict=True)
    ]


def finished_manifest(storage: LocalStorage) -> dict[str, Any]:
    """
    The manifest of a finished dataset.

    Raises:
        FormatError: there is none, or it is damaged.
        ExtraError: its format needs a library that is not installed.
    """
    manifest = read_manifest(storage)
    if manifest is None:
        hint = "run the same `digitseq batch` again to finish it" if storage.exists(UNFINISHED) else ""
        raise FormatError(f"{storage.where()}: no finished dataset here ({MANIFEST} is missing)", hint=hint)
    open_format(manifest["format"])
    return manifest


@dataclass(frozen=True)
class DatasetPart:
    """
    The images of one split of a dataset on disk.

    Attributes:
        recipe: the recipe of this split alone.
        place: where its files are.
        format: how they are kept.
        storage: what keeps them.
    """

    recipe: Recipe
    place: Place
    format: Format
    storage: LocalStorage
    _last: dict[int, list[Found]] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return self.place.images

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
        Image and label. A shard that holds many images in one file is kept until another is asked for.

        Returns:
            uint8 (28, width), and the label.

        Raises:
            IndexError: there is no such image.
            FormatError: the image is damaged.
        """
        number = range(len(self))[index]
        found = self.found(number)
        image = None if found.problem else found.image()
        if image is None:
            raise FormatError(f"{found.where}: {found.problem or 'damaged, or not a PNG of digitseq'}")
        return image, self.labels[number] if found.facts is None else str(found.facts.label)

    def found(self, number: int) -> Found:
        """
        One image, as it is found.

        Raises:
            FormatError: the file that holds it cannot be read.
        """
        if (one := self.format.found_one(self.storage, self.place, number)) is not None:
            return one
        shard = number // SHARD
        if shard not in self._last:
            self._last.clear()
            self._last[shard] = list(self.format.found(self.storage, self.place, shard))
        return self._last[shard][number % SHARD]


@dataclass(frozen=True)
class Dataset:
    """
    A dataset on disk.

    Attributes:
        path: its folder.
        recipe: what it was made from.
        manifest: all that dataset.json says.
        parts: split → its images; one entry, named after its split, if there are no splits.
    """

    path: Path
    recipe: Recipe
    manifest: dict[str, Any]
    parts: dict[str, DatasetPart]

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))


def read_dataset(out: Path) -> Dataset:
    """
    A dataset that `write_dataset` finished.

    Args:
        out: its folder.

    Returns:
        The dataset; images are read when they are asked for.

    Raises:
        FormatError: there is no finished dataset, or its files do not fit together.
        ExtraError: its format needs a library that is not installed.
    """
    storage = LocalStorage(out)
    manifest = finished_manifest(storage)
    recipe, form = Recipe.from_dict(manifest["recipe"]), FORMATS[manifest["format"]]
    parts = {
        part.split: DatasetPart(part, place, form, storage)
        for part, place in zip(recipe.parts(), places_of(manifest), strict=True)
    }
    return Dataset(out, recipe, manifest, parts)
