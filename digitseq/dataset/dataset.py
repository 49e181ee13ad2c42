"""
A dataset in a folder: written, finished after a break, replaced.

Everything that a dataset is follows from its recipe and the digest of its source, so going on after a break
is writing it again and keeping what is right. `dataset.json` comes last: its presence means complete.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from filecmp import cmp
from hashlib import sha256
from pathlib import Path
from typing import Any

from digitseq import __version__
from digitseq.dataset.execution import run
from digitseq.dataset.folder import (
    LABELS,
    LABELS_HEADER,
    METADATA,
    SHARD,
    Shard,
    Written,
    draw_batches,
    image_name,
    write_shard,
)
from digitseq.dataset.png import FAST, compressor, encode_png
from digitseq.dataset.reading import DATASET_FORMAT, MANIFEST, UNFINISHED, read_manifest
from digitseq.dataset.storage import LocalStorage
from digitseq.errors import CacheError, FormatError, OutputError, system_errors
from digitseq.glyphs.cache import stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.plan import check_recipe
from digitseq.recipe import Recipe
from digitseq.wholefile import PARTIAL, beside, sweep_partial

_SAMPLE = 200
_FEW = 4  # shards that are written sooner than processes are started
LOCK = ".digitseq.lock"

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
        workers: processes.
        force: replace a dataset of another recipe. A folder of something else is never touched.
        png_level: 0, the fastest compression, or zlib's 1 to 9.
        progress: called as shards are done.
        executor: runs the shards instead of processes of our own; its workers see the same folders.
        drawing: called as the built-in glyphs are drawn into the cache; few images do without.

    Returns:
        What was done.

    Raises:
        ArgumentError: the recipe cannot be drawn from these glyphs.
        OutputError: the folder holds something else, another process works on it, or the system refuses.
    """
    for part in recipe.parts():
        check_recipe(part, glyphs.choose(part.split))
    manifest = _manifest(recipe, glyphs)
    with system_errors(OutputError, f"{out} cannot be written"):
        out.mkdir(parents=True, exist_ok=True)
        _refuse_others(out, manifest, force)
        with _lock(out):
            return _write(
                recipe, out, glyphs, manifest, workers, force, png_level, progress, executor, drawing
            )


def _write(
    recipe: Recipe,
    out: Path,
    glyphs: GlyphSet,
    manifest: dict[str, Any],
    workers: int,
    force: bool,
    png_level: int,
    progress: Progress | None,
    executor: Executor | None,
    drawing: Callable[[int, int], None] | None,
) -> Summary:
    storage = LocalStorage(out)
    parts = recipe.parts()
    _sweep(out, parts, recipe)
    if force and (found := _known(out)) and not _same(found, manifest):
        _clear(out, found)
    if not (out / MANIFEST).exists():
        storage.put(UNFINISHED, _json(manifest))
    shards = [
        Shard(
            part.part(first, min(first + SHARD, len(part))),
            first,
            _folder(recipe, part),
            glyphs,
            storage,
            png_level,
        )
        for part in parts
        for first in range(0, len(part), SHARD)
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
        for part, entry in zip(parts, manifest["parts"], strict=True):
            pixels = sha256()
            with _whole_or_as_it_was(out / entry["folder"], LABELS, METADATA) as (labels, metadata):
                labels.write(LABELS_HEADER)
                for _ in range(0, len(part), SHARD):
                    result: Written = next(results)
                    lines = storage.take_scratch(result.lines)
                    labels.write(lines[: result.labels_bytes])
                    metadata.write(lines[result.labels_bytes :])
                    pixels.update(result.digest)
                    done, written, size = (
                        done + result.images,
                        written + result.written,
                        size + result.size_bytes,
                    )
                    if progress is not None:
                        progress(done, total, size)
            entry["pixels"] = pixels.hexdigest()
    finally:
        results.close()
        _sweep(out, parts, recipe)
    digest = sha256("".join(entry["pixels"] for entry in manifest["parts"]).encode()).hexdigest()
    manifest["pixels"] = digest
    data = _json(manifest)
    if not (out / MANIFEST).exists() or (out / MANIFEST).read_bytes() != data:
        storage.put(MANIFEST, data, sync=True)
    (out / UNFINISHED).unlink(missing_ok=True)
    return Summary(str(out), total, written, size, digest)


def outline(recipe: Recipe, glyphs: GlyphSet, png_level: int) -> dict[str, Any]:
    """
    What a dataset would be, without writing it.

    Args:
        recipe: what is wanted.
        glyphs: what it is drawn from.
        png_level: as `compressor` takes it.

    Returns:
        As JSON types; `digitseq.api.outline` says which.
    """
    parts = recipe.parts()
    for part in parts:
        check_recipe(part, glyphs.choose(part.split))
    compress = compressor(png_level)
    labels: list[str] = []
    size = sampled = 0
    widths: list[int] = []
    for part in parts:
        for batch in draw_batches(part.part(0, min(len(part), _SAMPLE)), glyphs.choose(part.split)):
            labels += batch.labels
            size += sum(len(encode_png(image, compress=compress)) for image in batch.images)
            sampled += len(batch.images)
            widths += [image.shape[1] for image in batch.images]
    return {
        "images": len(recipe),
        "splits": {part.split: len(part) for part in parts},
        "width": recipe.image_width or f"{min(widths, default=0)} to {max(widths, default=0)} (in a sample)",
        "labels": labels[:5],
        "source": f"{glyphs.name} {glyphs.digest[:12]}",
        "seed": recipe.seed,
        "files": len(recipe) + 2 * len(parts) + 1,
        "size_bytes": round(size / max(sampled, 1) * len(recipe)),
        "recipe": recipe.to_dict(),
    }


def _manifest(recipe: Recipe, glyphs: GlyphSet) -> dict[str, Any]:
    """What dataset.json says, but for the digests of pixels, which come at the end."""
    return {
        "format": "folder",
        "version": DATASET_FORMAT,
        "digitseq": __version__,
        "recipe": recipe.to_dict(),
        "source": {"name": glyphs.name, "digest": glyphs.digest},
        "images": len(recipe),
        "parts": [
            {"folder": _folder(recipe, part), "split": part.split, "images": len(part)}
            for part in recipe.parts()
        ],
    }


def _json(manifest: dict[str, Any]) -> bytes:
    return json.dumps(manifest, indent=1).encode() + b"\n"


def _folder(recipe: Recipe, part: Recipe) -> str:
    return f"{part.split}/" if recipe.splits else ""


@contextmanager
def _whole_or_as_it_was(folder: Path, *names: str) -> Iterator[list[Any]]:
    """Open files that replace those of these names at the end, where their content differs."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = [beside(folder / name) for name in names]
    with ExitStack() as stack:
        yield [stack.enter_context(path.open("xb")) for path in partial]
    for path, name in zip(partial, names, strict=True):
        if (folder / name).is_file() and cmp(path, folder / name, shallow=False):
            path.unlink()
        else:
            path.replace(folder / name)


# --- What is in the folder already ----------------------------------------------------------------------


def found_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest of a dataset, finished or not; None where there is none."""
    for name in (MANIFEST, UNFINISHED):
        with suppress(FileNotFoundError, NotADirectoryError):
            return read_manifest(out / name)
    return None


def _same(found: dict[str, Any], manifest: dict[str, Any]) -> bool:
    return bool(found["recipe"] == manifest["recipe"] and found["source"] == manifest["source"])


def _known(out: Path) -> dict[str, Any] | None:
    """The manifest, or None if there is none that can be read."""
    try:
        return found_manifest(out)
    except FormatError:
        return None


def _refuse_others(out: Path, manifest: dict[str, Any], force: bool) -> None:
    found = _known(out) if force else found_manifest(out)
    if found is None:
        # What a run leaves that was killed before it said what it was going to write.
        ours = (LOCK, UNFINISHED, MANIFEST) if force else (LOCK,)
        names = sorted(path.name for path in out.iterdir())
        strangers = [name for name in names if name not in ours and not name.startswith(PARTIAL)]
        if strangers:
            raise OutputError(
                f"{out} holds something else ({strangers[0]}) and is kept as it is",
                hint="name an empty folder",
            )
    elif not _same(found, manifest) and not force:
        raise OutputError(
            f"{out} holds a dataset of another recipe ({_difference(found, manifest)})",
            hint="name another folder, or replace it with --force (force=True)",
        )


def _difference(found: dict[str, Any], manifest: dict[str, Any]) -> str:
    """The first thing in which two recipes differ, in words."""
    for name, wanted in manifest["recipe"].items():
        there = found["recipe"].get(name)
        if there != wanted and name == "augment":
            there, wanted = there or {}, wanted or {}
            name = next(key for key in {**there, **wanted} if there.get(key) != wanted.get(key))
            there, wanted = there.get(name, "nothing"), wanted.get(name, "nothing")
        if there != wanted:
            return f"{name}: {str(there)[:40]} there, {str(wanted)[:40]} wanted"
    return "its source has other glyphs"


def _sweep(out: Path, parts: Sequence[Recipe], recipe: Recipe) -> None:
    """Remove what a killed run left half-written."""
    for folder in {out, *(out / _folder(recipe, part) for part in parts)}:
        for place in (folder, folder / "images", *(folder / "images").glob("[0-9]*")):
            if place.is_dir():
                sweep_partial(place)


def _clear(out: Path, found: dict[str, Any]) -> None:
    """
    Remove the dataset that a manifest tells of: its own files, and nothing else.

    Until all are gone the folder says what it holds, so that a run that is killed here can be followed by
    another.
    """
    if (out / MANIFEST).exists():
        (out / MANIFEST).replace(out / UNFINISHED)
    for part in found["parts"]:
        folder = out / part["folder"]
        for name in (LABELS, METADATA):
            (folder / name).unlink(missing_ok=True)
        for number in range(part["images"]):
            (folder / image_name(number)).unlink(missing_ok=True)
        shards = sorted({(folder / image_name(number)).parent for number in range(0, part["images"], SHARD)})
        for emptied in (*shards, folder / "images", folder):
            with suppress(OSError):  # not empty, or not there: not ours to remove
                if emptied != out:
                    emptied.rmdir()


@contextmanager
def _lock(out: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout  # 54 ms, only where it is needed

    lock = FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise OutputError(
            f"another digitseq is writing to {out}", hint="wait for it, or name another folder"
        ) from None
    try:
        yield
    finally:
        # Removed while it is held: whoever has it open already holds nothing, and looks again.
        with suppress(OSError):
            (out / LOCK).unlink()
        lock.release()
