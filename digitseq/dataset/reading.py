"""A dataset on disk, read back: its manifest, its labels, its images."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitseq.arrays import UInt8Array
from digitseq.dataset.folder import LABELS, image_name
from digitseq.dataset.png import decode_png
from digitseq.errors import FormatError, system_errors
from digitseq.recipe import Recipe

DATASET_FORMAT = 1
MANIFEST = "dataset.json"
UNFINISHED = ".digitseq-unfinished.json"


def read_manifest(path: Path) -> dict[str, Any]:
    """
    A dataset.json.

    Raises:
        FileNotFoundError: there is none.
        FormatError: it is not one, or of a later version.
    """
    try:
        manifest = dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise FormatError(f"{path}: not a manifest of digitseq: no JSON object") from error
    if (found := (manifest.get("format"), manifest.get("version"))) != ("folder", DATASET_FORMAT):
        expected = f"format folder, version {DATASET_FORMAT}"
        raise FormatError(
            f"{path}: not a manifest of digitseq: expected {expected}, got {found[0]}, {found[1]}"
        )
    try:
        recipe = Recipe.from_dict(manifest["recipe"])
        parts = [(part["split"], part["images"]) for part in manifest["parts"]]
        whole = all(isinstance(manifest["source"][name], str) for name in ("name", "digest"))
        if not whole or parts != [(part.split, len(part)) for part in recipe.parts()]:
            raise ValueError("its parts are not those of its recipe")
        if any(not isinstance(part["folder"], str) for part in manifest["parts"]):
            raise ValueError("a part has no folder")
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(f"{path}: the manifest is damaged ({error})") from error
    return manifest


@dataclass(frozen=True)
class DatasetPart:
    """
    The images of one split of a dataset on disk.

    Attributes:
        folder: where labels.csv lies.
        recipe: the recipe of this split alone.
        labels: the labels, as text.
    """

    folder: Path
    recipe: Recipe
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[UInt8Array, str]:
        """
        Image and label.

        Returns:
            uint8 (28, width), and the label.

        Raises:
            FormatError: the image is damaged.
        """
        label = self.labels[index]
        path = self.folder / image_name(range(len(self))[index])
        with system_errors(FormatError, f"{path} cannot be read"):
            image = decode_png(path.read_bytes())
        if image is None:
            raise FormatError(f"{path}: damaged, or not a PNG of digitseq")
        return image, label


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
    """
    try:
        manifest = read_manifest(out / MANIFEST)
    except FileNotFoundError:
        unfinished = (out / UNFINISHED).exists()
        hint = "run the same `digitseq batch` again to finish it" if unfinished else ""
        raise FormatError(f"{out}: no finished dataset here ({MANIFEST} is missing)", hint=hint) from None
    recipe = Recipe.from_dict(manifest["recipe"])
    parts = {}
    for part, entry in zip(recipe.parts(), manifest["parts"], strict=True):
        folder = out / entry["folder"]
        with system_errors(FormatError, f"{folder / LABELS} cannot be read"):
            text = (folder / LABELS).read_text(encoding="utf-8", errors="replace")
        try:
            rows = list(csv.reader(text.splitlines()))[1:]
        except csv.Error as error:
            raise FormatError(f"{folder / LABELS}: not CSV ({error})") from error
        if len(rows) != len(part) or any(len(row) != 2 for row in rows):
            raise FormatError(
                f"{folder / LABELS}: expected {len(part)} rows of file name and label, got {len(rows)}"
            )
        parts[part.split] = DatasetPart(folder, part, tuple(row[1] for row in rows))
    return Dataset(out, recipe, manifest, parts)
