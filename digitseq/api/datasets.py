"""Datasets: written, read, verified, outlined."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitseq.checks import short
from digitseq.errors import ArgumentError, FormatError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import Progress, glyphs_for
from digitseq.interrupts import noted
from digitseq.recipe import Recipe

if TYPE_CHECKING:  # loaded by the functions that need it
    from concurrent.futures import Executor

    from digitseq.dataset.manifest import Manifest
    from digitseq.dataset.read import Dataset
    from digitseq.dataset.write import Progress as BatchProgress
    from digitseq.dataset.write import Summary


def write_dataset(
    recipe: Recipe,
    out: str | Path,
    *,
    source: str | Path | GlyphSet | None = None,
    format: str | None = None,  # noqa: A002 - what everybody calls it
    labels: Sequence[str] = (),
    workers: int | None = None,
    force: bool = False,
    png_level: int = 0,
    progress: "BatchProgress | None" = None,
    executor: "Executor | None" = None,
    scheduler: str | None = None,
    part: tuple[int, int] | None = None,
    finish: bool = False,
    drawing: "Progress | None" = None,
) -> "Summary":
    """
    Write the images of a recipe and their labels, or finish a dataset of the same recipe.

    The files are the same bytes for any number of workers. Make the same
    call again to resume an interrupted run; finished shards are kept. Ctrl-C in the main thread stops the run
    between two batches of images.

    If the cache or worker processes cannot be used, a DigitSeqWarning says so and work continues.

    Args:
        recipe: what is wanted.
        out: the folder, made if missing; or a URL that fsspec knows, such as s3://bucket/name.
        source: glyphs to draw from, or a path of them; None opens the recipe's own.
        format: "folder" (PNG files, CSV and JSONL), "webdataset" (tar shards), "parquet" (Hugging Face),
            "npz" (numpy) or "lmdb" (CRNN); None: that of a dataset of this recipe that is there, or "folder".
        labels: with "folder", further files of labels: any of "paddle", "doctr", "coco", "yolo".
        workers: processes; None for one a core.
        force: replace a dataset of another recipe. A folder of something else is never touched.
        png_level: 0, the fastest compression, or zlib's 1 to 9 for smaller files.
        progress: called with images done, images in all and bytes written.
        executor: any `concurrent.futures.Executor`; runs the shards instead of processes of our own. Its
            workers must see the cache folder, and ``out``.
        scheduler: the address of a Dask scheduler, whose workers run the shards, on any machines; or "local".
        part: (k, n) writes every n-th shard, from the k-th on, and nothing else, so that n processes that
            know nothing of each other write a dataset together. Who is last puts the parts together.
        finish: writes no shard; puts the parts together.
        drawing: called with glyphs done and glyphs in all, if many images need the built-in digits and these
            are drawn into the cache first.

    Returns:
        What was done.

    Raises:
        ArgumentError: the recipe cannot be drawn, or a value is not what it must be.
        OutputError: the folder holds something else, or the system refuses.
        ExtraError: a library that the format, the URL or the scheduler needs is not installed, or broken.
        SourceError, FetchError, CacheError: the source cannot be used, or its cached glyphs are damaged.
        KeyboardInterrupt: Ctrl-C; finished shards are kept, half-written files are removed.
    """
    from digitseq.dataset.cpu_count import cores
    from digitseq.dataset.engine import Engine
    from digitseq.dataset.write import write_dataset as write

    for name, value, low, high in (("workers", workers, 1, 1024), ("png_level", png_level, 0, 9)):
        if value is not None and (type(value) is not int or not low <= value <= high):
            raise ArgumentError(name, f"expected an integer from {low} to {high}, got {value!r}")
    if part is not None:
        _check_part(part)
    if force and (part is not None or finish):
        raise ArgumentError("force", "a part cannot replace a dataset; write the whole with it")
    if finish and part is not None:
        raise ArgumentError(
            "finish", "it puts the parts together when all are written; give it without a part"
        )
    if scheduler is not None and executor is not None:
        raise ArgumentError("scheduler", "give it or an executor, not both")
    with noted(), ExitStack() as stack:
        glyphs = glyphs_for(source, recipe.source)
        recipe = replace(recipe, source=glyphs.name)
        engine = Engine(workers or cores(), executor, drawing=drawing)
        if scheduler is not None and not finish:
            from digitseq.dataset.cluster import cluster

            engine = stack.enter_context(cluster(scheduler, recipe, glyphs, workers, drawing))
        return write(
            recipe,
            out,
            glyphs,
            engine,
            format=format,
            labels=labels,
            part=part,
            finish=finish,
            force=force,
            png_level=png_level,
            progress=progress,
        )


def _check_part(part: Any) -> None:
    fits = isinstance(part, tuple) and len(part) == 2 and all(type(value) is int for value in part)
    if not fits or not 1 <= part[0] <= part[1]:
        raise ArgumentError("part", f"expected two integers k and n, 1 ≤ k ≤ n, got {short(part)}")


def read_dataset(out: str | Path) -> "Dataset":
    """
    A dataset that `write_dataset` finished.

    Args:
        out: its folder, or a URL.

    Returns:
        The dataset: its recipe, and for each split the labels and the images, read when asked for.

    Raises:
        FormatError: there is no finished dataset, or its files do not fit together.
        ExtraError: its format needs a library that is not installed.
    """
    from digitseq.dataset.read import read_dataset as read

    return read(out)


def verify_dataset(
    out: str | Path,
    *,
    source: str | Path | GlyphSet | None = None,
    progress: "BatchProgress | None" = None,
) -> Iterator[str]:
    """
    What is wrong with a dataset: files, counts, labels, boxes and pixels are compared with its recipe.

    Args:
        out: its folder, or a URL.
        source: its glyphs, or a path of them; None opens the recipe's own.
        progress: called with images done, images in all and 0.

    Returns:
        An iterator over one sentence for each thing that is wrong, empty if all is well.

    Raises:
        FormatError: there is no finished dataset, or it is from another source.
        ExtraError: its format needs a library that is not installed.
        SourceError, FetchError, CacheError: the source cannot be used.
    """
    from digitseq.dataset.verify import verify_dataset as verify

    return verify(out, glyphs_for(source, read_recipe(out)[0].source), progress)


def read_recipe(path: str | Path) -> tuple[Recipe, str]:
    """
    The recipe of a dataset.

    Args:
        path: a dataset.json, or the folder or URL of a dataset.

    Returns:
        The recipe, and the digest of the glyphs that it was drawn from.

    Raises:
        FormatError: there is no dataset.json, or it is damaged.
    """
    manifest = _manifest_at(path)
    return manifest.recipe, manifest.digest


def read_layout(path: str | Path) -> tuple[str, tuple[str, ...]]:
    """
    How a dataset is kept.

    Args:
        path: a dataset.json, or the folder or URL of a dataset.

    Returns:
        The format, and the further files of labels, as `write_dataset` takes them.

    Raises:
        FormatError: there is no dataset.json, or it is damaged.
    """
    manifest = _manifest_at(path)
    return manifest.format, manifest.labels


def _manifest_at(path: str | Path) -> "Manifest":
    from digitseq.dataset.manifest import MANIFEST, UNFINISHED, find_dataset, read_manifest

    storage, name = find_dataset(path)
    manifest = read_manifest(storage, name)
    if manifest is None:
        if name == MANIFEST and storage.exists(UNFINISHED):
            hint = "the same `digitseq batch` command again finishes it"
            raise FormatError(f"the dataset in {storage.where()} is not finished", hint=hint)
        raise FormatError(f"{storage.where(name)} cannot be read: No such file or directory")
    return manifest


def seed_in(out: str | Path) -> int | None:
    """
    The seed of the dataset in a folder, finished or not.

    Args:
        out: the folder, which need not exist.

    Returns:
        The seed, or None if there is no dataset.

    Raises:
        FormatError: there is one, but its manifest is damaged.
    """
    from digitseq.dataset.manifest import found_manifest
    from digitseq.storage.open import open_storage

    manifest = found_manifest(open_storage(out))
    return None if manifest is None else manifest.recipe.seed


def outline(
    recipe: Recipe,
    *,
    source: str | Path | GlyphSet | None = None,
    out: str | Path | None = None,
    format: str | None = None,  # noqa: A002 - what everybody calls it
    labels: Sequence[str] = (),
    png_level: int = 0,
) -> dict[str, Any]:
    """
    What `write_dataset` would write.

    Args:
        recipe: what is wanted.
        source: as in `write_dataset`.
        out: where it would be written; needed only where the format depends on what is there.
        format: as in `write_dataset`.
        labels: as in `write_dataset`.
        png_level: as in `write_dataset`.

    Returns:
        As JSON types: images, splits (split → count), width (px, or the range in a sample of natural ones),
        the first five labels, source, seed, format, files, size_bytes (estimated from up to 200 images), the
        recipe.

    Raises:
        ArgumentError: the recipe cannot be drawn, or there is no such format.
        ExtraError: the format needs a library that is not installed.
        SourceError, FetchError, CacheError: the source cannot be used.
    """
    from digitseq.dataset.outline import outline as make_outline

    glyphs = glyphs_for(source, recipe.source)
    return make_outline(replace(recipe, source=glyphs.name), glyphs, png_level, format, labels, out)
