"""
`dataset.json`: what a dataset is, made from its recipe, read back, compared.

It is written last: its presence means complete. Until then the same lies under another name, so that a run of
another recipe is refused.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digitseq import __version__
from digitseq.checks import home_path
from digitseq.dataset.formats import FORMATS, open_format
from digitseq.dataset.formats.format import Format, Place
from digitseq.dataset.local import LocalStorage
from digitseq.dataset.names import LABEL_FILES
from digitseq.dataset.storage import Storage, is_url, open_storage
from digitseq.errors import ArgumentError, FormatError, OutputError, system_errors
from digitseq.glyphs.files import IMAGE_SUFFIXES
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.recipe import Recipe

DATASET_FORMAT = 1
MANIFEST = "dataset.json"
UNFINISHED = ".digitseq-unfinished.json"
NOTES = ".digitseq-notes"


def make_manifest(recipe: Recipe, glyphs: GlyphSet, form: Format, labels: Sequence[str]) -> dict[str, Any]:
    """What dataset.json says, but for the digests of pixels, which come at the end."""
    wanted = [name for name in LABEL_FILES if name in labels]
    if wanted and form.name != "folder":
        raise ArgumentError("labels", f"only the format folder has such files, not {form.name}")
    return {
        "format": form.name,
        "version": DATASET_FORMAT,
        "digitseq": __version__,
        "recipe": recipe.to_dict(),
        "source": {"name": glyphs.name, "digest": glyphs.digest},
        "images": len(recipe),
        **({"labels": wanted} if wanted else {}),
        "parts": [
            {"folder": form.folder(part.split, bool(recipe.splits)), "split": part.split, "images": len(part)}
            for part in recipe.parts()
        ],
    }


def manifest_json(manifest: dict[str, Any]) -> bytes:
    """The file of a manifest."""
    return json.dumps(manifest, indent=1).encode() + b"\n"


# --- Reading it ----------------------------------------------------------------------------------------


def read_manifest(storage: Storage, name: str = MANIFEST) -> dict[str, Any] | None:
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
    if not isinstance(form, str) or form not in FORMATS or version != DATASET_FORMAT:
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
        Place(entry["split"], entry["folder"], entry["images"], part.longest, labels, entry.get("sha256", ""))
        for part, entry in zip(recipe.parts(), manifest["parts"], strict=True)
    ]


def find_dataset(path: str | Path) -> tuple[Storage, str]:
    """
    Find a dataset from what the user gave.

    Args:
        path: its folder or URL, or a dataset.json by any name.

    Returns:
        Its folder, and the name of its manifest there.

    Raises:
        FormatError: the path is of something else.
    """
    if is_url(path):
        folder, _, name = str(path).rpartition("/")
        return (open_storage(folder), name) if name.endswith(".json") else (open_storage(path), MANIFEST)
    place = home_path(path)
    with system_errors(FormatError, f"{path} cannot be read"):
        if place.is_dir():
            if not any((place / name).exists() for name in (MANIFEST, UNFINISHED)):
                whole = next(
                    (above for above in place.resolve().parents if (above / MANIFEST).is_file()), None
                )
                if whole is not None:
                    raise FormatError(f"{path} is a folder inside a dataset", hint=f"give the folder {whole}")
                raise FormatError(f"{path} is not a dataset: it has no {MANIFEST}")
            return LocalStorage(place), MANIFEST
        if place.is_file() and place.suffix.lower() in IMAGE_SUFFIXES:
            hint = f"run `digitseq inspect {path}` to look at a picture"
            raise FormatError(f"{path} is a picture, not a dataset", hint=hint)
        if not place.exists() and place.suffix != ".json":
            raise FormatError(f"{path} cannot be read: No such file or directory")
    return LocalStorage(place.parent), place.name


def dataset_storage(path: str | Path) -> Storage:
    """
    The folder of a dataset, from what people give for it: the folder, its URL or its dataset.json.

    Raises:
        FormatError: the path is of something else.
    """
    storage, name = find_dataset(path)
    if name != MANIFEST:
        raise FormatError(f"{path} is not a dataset", hint=f"give the folder that contains {MANIFEST}")
    return storage


def finished_manifest(storage: Storage) -> dict[str, Any]:
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
    if any(not isinstance(entry.get("pixels"), str) for entry in (manifest, *manifest["parts"])):
        raise FormatError(
            f"{storage.where(MANIFEST)}: the manifest is damaged (a digest of pixels is missing)"
        )
    open_format(manifest["format"])
    return manifest


# --- What is there already -----------------------------------------------------------------------------


def found_manifest(storage: Storage) -> dict[str, Any] | None:
    """The manifest of a dataset, finished or not; None where there is none."""
    finished, begun = read_manifest(storage, MANIFEST), read_manifest(storage, UNFINISHED)
    if finished is None or begun is None or not same_dataset(finished, begun):
        return finished or begun
    # More files of labels were asked for, and the run that was to write them was killed.
    both = {*finished.get("labels", ()), *begun.get("labels", ())}
    return finished | {"labels": [name for name in LABEL_FILES if name in both]}


def is_of(found: dict[str, Any], recipe: Recipe, glyphs: GlyphSet) -> bool:
    """Whether a manifest is that of a recipe and its glyphs."""
    return bool(found["recipe"] == recipe.to_dict() and found["source"]["digest"] == glyphs.digest)


def same_dataset(found: dict[str, Any], manifest: dict[str, Any]) -> bool:
    """Whether two manifests are of the same images in the same format."""
    return all(found[name] == manifest[name] for name in ("recipe", "source", "format"))


def known_manifest(storage: Storage) -> dict[str, Any] | None:
    """The manifest, or None if there is none that can be read."""
    try:
        return found_manifest(storage)
    except FormatError:
        return None


def refuse_others(
    storage: Storage, found: dict[str, Any] | None, manifest: dict[str, Any], force: bool
) -> None:
    """
    Keep what is not ours to write over.

    Args:
        storage: where a dataset is to be written.
        found: the manifest that is there, if there is one.
        manifest: that of what is to be written.
        force: a dataset of another recipe may be replaced.

    Raises:
        OutputError: there is something else.
    """
    if found is None:
        # What a run leaves that was killed before it said what it was going to write.
        if strangers := storage.strangers((NOTES, UNFINISHED, MANIFEST) if force else (NOTES, UNFINISHED)):
            raise OutputError(
                f"{storage.where()} holds something else ({strangers[0]}) and is kept as it is",
                hint="name an empty folder",
            )
    elif not same_dataset(found, manifest) and not force:
        raise OutputError(
            f"{storage.where()} holds a dataset of {_difference(found, manifest)}",
            hint="name another folder, or replace it with --force (force=True)",
        )


def _difference(found: dict[str, Any], manifest: dict[str, Any]) -> str:
    """The first thing in which two datasets differ, in words."""
    for name, wanted in manifest["recipe"].items():
        there = found["recipe"].get(name)
        if there != wanted and name == "augment":
            there, wanted = there or {}, wanted or {}
            name = next(key for key in {**there, **wanted} if there.get(key) != wanted.get(key))
            there, wanted = there.get(name, "nothing"), wanted.get(name, "nothing")
        if there != wanted:
            return f"another recipe ({name}: {str(there)[:40]} there, {str(wanted)[:40]} wanted)"
    if found["format"] != manifest["format"]:
        return f"another format ({found['format']} there, {manifest['format']} wanted)"
    return "another recipe (its source has other glyphs)"
