"""
A dataset in a folder: written, finished after a break, replaced.

Everything that a dataset is follows from its recipe and the digest of its source, so going on after a break
is writing it again and keeping what is right. `dataset.json` comes last: its presence means complete.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from digitseq import __version__
from digitseq.checks import choice
from digitseq.dataset.drawing import draw_batches
from digitseq.dataset.execution import run
from digitseq.dataset.formats import FORMATS, open_format, write_shard
from digitseq.dataset.formats.format import SHARD, Format, Place, Shard
from digitseq.dataset.names import LABEL_FILES
from digitseq.dataset.png import FAST
from digitseq.dataset.reading import DATASET_FORMAT, MANIFEST, UNFINISHED, places_of, read_manifest
from digitseq.dataset.storage import LocalStorage
from digitseq.errors import ArgumentError, CacheError, FormatError, OutputError, system_errors
from digitseq.glyphs.cache import stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.plan import check_recipe
from digitseq.recipe import Recipe

_SAMPLE = 200
_FEW = 4  # shards that are written sooner than processes are started

Progress = Callable[[int, int, int], None]
"""Called with images done, images in all, and bytes written."""


@dataclass(frozen=True)
class Summary:
    """
    What `write_dataset` did.

    Attributes:
        path: the dataset's folder.
        images: how many images the dataset has.
        written: how many image files were written; the others were there, whole.
        size_bytes: bytes of the image files written.
        pixels: SHA-256 of all labels, widths and pixels.
    """

    path: str
    images: int
    written: int
    size_bytes: int
    pixels: str


def write_dataset(
    recipe: Recipe,
    out: Path,
    glyphs: GlyphSet,
    *,
    format: str | None = None,  # noqa: A002 - what everybody calls it
    labels: Sequence[str] = (),
    workers: int = 1,
    force: bool = False,
    png_level: int = FAST,
    progress: Progress | None = None,
    executor: Executor | None = None,
    drawing: Callable[[int, int], None] | None = None,
) -> Summary:
    """
    Write a dataset, or finish one of the same recipe.

    Args:
        recipe: what is wanted, its source that of the glyphs.
        out: the folder; made if missing.
        glyphs: what it is drawn from.
        format: one of `FORMATS`; None for that of the dataset that is there, or ``folder``.
        labels: further files of labels, of `LABEL_FILES`; those that are there already are kept.
        workers: processes.
        force: replace a dataset of another recipe. A folder of something else is never touched.
        png_level: 0, the fastest compression, or zlib's 1 to 9.
        progress: called as shards are done.
        executor: runs the shards instead of processes of our own; its workers see the same folders.
        drawing: called as the built-in glyphs are drawn into the cache; few images do without.

    Returns:
        What was done.

    Raises:
        ArgumentError: the recipe cannot be drawn from these glyphs, or there is no such format.
        ExtraError: the format needs a library that is not installed.
        OutputError: the folder holds something else, another process works on it, or the system refuses.
    """
    for part in recipe.parts():
        check_recipe(part, glyphs.choose(part.split))
    if format is not None:
        open_format(format)
    for name in labels:
        choice("labels", name, LABEL_FILES)
    storage = LocalStorage(out)
    with system_errors(OutputError, f"{storage.where()} cannot be written"):
        found = _known(storage) if force else found_manifest(storage)
        same = found is not None and _recipe_is(found, recipe, glyphs)
        if format is None:
            format = found["format"] if found is not None and same else "folder"  # noqa: A001
        if found is not None and same and found["format"] == format:
            labels = [*found.get("labels", ()), *labels]
        manifest = _manifest(recipe, glyphs, open_format(format), labels)
        _refuse_others(storage, found, manifest, force)
        storage.make()
        with storage.lock():
            return _write(
                recipe, storage, glyphs, manifest, workers, force, png_level, progress, executor, drawing
            )


def _write(
    recipe: Recipe,
    storage: LocalStorage,
    glyphs: GlyphSet,
    manifest: dict[str, Any],
    workers: int,
    force: bool,
    png_level: int,
    progress: Progress | None,
    executor: Executor | None,
    drawing: Callable[[int, int], None] | None,
) -> Summary:
    parts, places = recipe.parts(), places_of(manifest)
    form = open_format(manifest["format"])
    _sweep(storage, places)
    if force and (found := _known(storage)) and not _same(found, manifest):
        _clear(storage, found)
    if not storage.exists(MANIFEST):
        storage.put(UNFINISHED, _json(manifest))
    shards = [
        Shard(
            form.name,
            place,
            number,
            part.part(number * SHARD, min((number + 1) * SHARD, len(part))),
            glyphs,
            storage,
            png_level,
        )
        for part, place in zip(parts, places, strict=True)
        for number in range(place.shards)
    ]
    if len(shards) <= _FEW and executor is None:
        workers = 1
    shared = workers > 1 or executor is not None
    if shared or (glyphs.drawn_on_demand and len(shards) > _FEW):
        try:
            folder = stored_folder(glyphs, drawing)
        except CacheError:
            if shared:
                raise  # one process can do without: it draws what it needs
        else:
            shards = [replace(shard, glyphs=folder) for shard in shards]
    results = run(write_shard, shards, workers, executor)
    total, done, written, size = len(recipe), 0, 0, 0
    try:
        for place, entry in zip(places, manifest["parts"], strict=True):
            pixels, before = sha256(), size
            with form.assembling(storage, place) as add:
                for _ in range(place.shards):
                    result = next(results)
                    add(result)
                    pixels.update(result.digest)
                    done += result.images
                    written += result.written
                    size += result.size_bytes
                    if progress is not None:
                        progress(done, total, size)
            size = before + form.written_bytes(storage, place, size - before)
            entry["pixels"] = pixels.hexdigest()
    finally:
        results.close()
        _sweep(storage, places)
    for name, data in form.whole_files(places).items():
        _put_changed(storage, name, data)
    digest = sha256("".join(entry["pixels"] for entry in manifest["parts"]).encode()).hexdigest()
    manifest["pixels"] = digest
    _put_changed(storage, MANIFEST, _json(manifest))
    storage.remove(UNFINISHED)
    return Summary(storage.where(), total, written, size, digest)


def _put_changed(storage: LocalStorage, name: str, data: bytes) -> None:
    if storage.read(name) != data:
        storage.put(name, data, sync=True)


def outline(
    recipe: Recipe,
    glyphs: GlyphSet,
    png_level: int,
    format: str = "folder",  # noqa: A002
    labels: Sequence[str] = (),
) -> dict[str, Any]:
    """
    What a dataset would be, without writing it.

    Args:
        recipe: what is wanted.
        glyphs: what it is drawn from.
        png_level: as `compressor` takes it.
        format: one of `FORMATS`.
        labels: further files of labels.

    Returns:
        As JSON types; `digitseq.api.outline` says which.
    """
    parts = recipe.parts()
    for part in parts:
        check_recipe(part, glyphs.choose(part.split))
    form = open_format(format)
    places = places_of(_manifest(recipe, glyphs, form, labels))
    texts: list[str] = []
    size = sampled = 0
    widths: list[int] = []
    for part, place in zip(parts, places, strict=True):
        batches = draw_batches(part.part(0, min(len(part), _SAMPLE)), glyphs.choose(part.split))
        samples = [sample for batch in batches for sample in batch.samples()]
        texts += [sample.label for sample in samples]
        size += form.estimate(samples, place, png_level) if samples else 0
        sampled += len(samples)
        widths += [sample.image.shape[1] for sample in samples]
    return {
        "images": len(recipe),
        "splits": {part.split: len(part) for part in parts},
        "width": recipe.image_width or f"{min(widths, default=0)} to {max(widths, default=0)} (in a sample)",
        "labels": texts[:5],
        "source": f"{glyphs.name} {glyphs.digest[:12]}",
        "seed": recipe.seed,
        "format": form.name,
        "files": sum(1 for place in places for _ in form.files(place)) + len(form.whole_files(places)) + 1,
        "size_bytes": round(size / max(sampled, 1) * len(recipe)),
        "recipe": recipe.to_dict(),
    }


def _manifest(recipe: Recipe, glyphs: GlyphSet, form: Format, labels: Sequence[str]) -> dict[str, Any]:
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


def _json(manifest: dict[str, Any]) -> bytes:
    return json.dumps(manifest, indent=1).encode() + b"\n"


# --- What is in the folder already ----------------------------------------------------------------------


def found_manifest(storage: LocalStorage) -> dict[str, Any] | None:
    """The manifest of a dataset, finished or not; None where there is none."""
    return read_manifest(storage, MANIFEST) or read_manifest(storage, UNFINISHED)


def _recipe_is(found: dict[str, Any], recipe: Recipe, glyphs: GlyphSet) -> bool:
    return bool(found["recipe"] == recipe.to_dict() and found["source"]["digest"] == glyphs.digest)


def _same(found: dict[str, Any], manifest: dict[str, Any]) -> bool:
    return all(found[name] == manifest[name] for name in ("recipe", "source", "format"))


def _known(storage: LocalStorage) -> dict[str, Any] | None:
    """The manifest, or None if there is none that can be read."""
    try:
        return found_manifest(storage)
    except FormatError:
        return None


def _refuse_others(
    storage: LocalStorage, found: dict[str, Any] | None, manifest: dict[str, Any], force: bool
) -> None:
    if found is None:
        # What a run leaves that was killed before it said what it was going to write.
        if strangers := storage.strangers((UNFINISHED, MANIFEST) if force else ()):
            raise OutputError(
                f"{storage.where()} holds something else ({strangers[0]}) and is kept as it is",
                hint="name an empty folder",
            )
    elif not _same(found, manifest) and not force:
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


def _sweep(storage: LocalStorage, places: Sequence[Place]) -> None:
    """Remove what a killed run left half-written."""
    for folder in {"", *(place.folder for place in places)}:
        storage.sweep([folder])
        for kind in ("images", "labels"):
            shards = storage.names(f"{folder}{kind}")
            storage.sweep([f"{folder}{kind}", *(f"{folder}{kind}/{shard}" for shard in shards)])


def _clear(storage: LocalStorage, found: dict[str, Any]) -> None:
    """
    Remove the dataset that a manifest tells of: its own files, and nothing else.

    Until all are gone the folder says what it holds, so that a run that is killed here can be followed by
    another.
    """
    form, places = FORMATS[found["format"]], places_of(found)
    if (data := storage.read(MANIFEST)) is not None:
        storage.put(UNFINISHED, data)
        storage.remove(MANIFEST)
    folders = set()
    names = (name for place in places for name in (*form.files(place), *form.passing(place)))
    for name in (*form.whole_files(places), *names):
        storage.remove(name)
        while "/" in name:
            name = name.rsplit("/", 1)[0]
            folders.add(name)
    for folder in sorted(folders, key=len, reverse=True):
        storage.remove_empty(folder)
