"""
Write the dataset of a recipe, in one go or in parts; resume or replace an existing one.

A dataset is determined by its recipe and the digest of its source, so resuming means writing it again and
keeping what is already correct. `dataset.json` is written last: its presence means complete.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from digitseq.checks import as_int, flag, integer, short
from digitseq.dataset.assemble import Summary, assemble, take_lines
from digitseq.dataset.cpu_count import cores
from digitseq.dataset.engine import Engine, Job, Shards, ending
from digitseq.dataset.formats import DEFAULT, open_format
from digitseq.dataset.label_names import MASKS, label_names
from digitseq.dataset.manifest import NOTES, Manifest, found_manifest, known_manifest, make_manifest
from digitseq.dataset.parts import LOCK_NAME, finish_parts, forget_notes, part_lock, write_part
from digitseq.dataset.replace import begin, clear, refuse_others, refuse_to_replace, sweep
from digitseq.errors import ArgumentError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import glyphs_for
from digitseq.interrupts import noted
from digitseq.plan import check_recipe
from digitseq.progress_protocol import Progress
from digitseq.recipe import Recipe
from digitseq.render import check_mask_digits
from digitseq.storage.base import Storage
from digitseq.storage.open_storage import open_storage


def write_dataset(
    recipe: Recipe,
    out: str | Path,
    *,
    source: str | Path | GlyphSet | None = None,
    format: str | None = None,  # noqa: A002 - the usual name
    labels: Sequence[str] = (),
    workers: int | None = None,
    force: bool = False,
    png_level: int = 0,
    progress: Progress | None = None,
    executor: Executor | None = None,
    scheduler: str | None = None,
    part: tuple[int, int] | None = None,
    finish: bool = False,
    card: bool = True,
) -> Summary:
    """
    Write the images and labels of a recipe, or resume a dataset of the same recipe.

    The files are byte-identical for any number of workers. Make the same call again to resume an interrupted
    run; finished shards are kept. Ctrl-C in the main thread stops the run between two batches of images.

    If the cache or worker processes cannot be used, a DigitSeqWarning says so and work continues.

    Args:
        recipe: the recipe.
        out: the folder, created if missing; or a URL that fsspec supports, such as s3://bucket/name.
        source: the glyphs, or a path to them; None opens the recipe's source.
        format: "folder" (PNG files, CSV and JSONL), "flat" (the same, but all images in one folder),
            "webdataset" (tar shards), "parquet" (Hugging Face), "npz" (numpy) or "lmdb" (CRNN); None keeps
            the format of an existing dataset of this recipe and otherwise means "folder".
        labels: extra labels: "masks" in any format; with "folder" and "flat", also "paddle", "paddle-width",
            "doctr", "coco", "yolo", "easyocr" and "kraken".
        workers: number of processes; None for one per core.
        force: replace a dataset of another recipe. A folder with other contents is never touched.
        png_level: 0, the fastest compression, or zlib's 1 to 9 for smaller files.
        progress: called while images are written, and before that while MNIST is fetched or the built-in
            digits are rendered into the cache.
        executor: any `concurrent.futures.Executor`; runs the shards instead of our own processes. Its workers
            must have access to the cache folder and ``out``.
        scheduler: the address of a Dask scheduler, whose workers run the shards on any machine; or "local".
        part: (k, n) writes only every n-th shard, from the k-th on, so that n processes that do not
            communicate can write a dataset together. The last one to finish assembles the dataset.
        finish: write no shards; assemble the dataset from its parts.
        card: also write README.md, a dataset card with a contact sheet, and croissant.json. Files of these
            names that are your own are kept.

    Returns:
        A summary of what was written.

    Raises:
        ArgumentError: the recipe cannot be rendered, or a value is invalid.
        OutputError: the folder has other contents, or the operating system refuses to write.
        ExtraError: a library that the format, the URL or the scheduler needs is not installed or is broken.
        SourceError, FetchError, CacheError: the source cannot be used, or its cached glyphs are damaged.
        KeyboardInterrupt: Ctrl-C; finished shards are kept, half-written files are removed.
    """
    _check_arguments(workers, part, finish, force, scheduler, executor)
    labels, png_level, card = label_names(labels), integer("png_level", png_level, 0, 9), flag("card", card)
    with noted(), ExitStack() as stack:
        glyphs = glyphs_for(source, recipe.source, progress)
        recipe = replace(recipe, source=glyphs.name)
        check_dataset(recipe, glyphs, labels)
        storage = open_storage(out).owned()
        manifest = plan_dataset(recipe, storage, glyphs, format, labels, force)
        job = Job(recipe, storage, glyphs, manifest, png_level, card=card)
        if finish:
            return finish_parts(job, progress)
        if scheduler is None:
            engine = Engine(workers or cores(), executor, progress=progress)
        else:
            from digitseq.dataset.cluster import cluster

            engine = stack.enter_context(cluster(scheduler, recipe, glyphs, workers, progress))
        job.storage.make()
        if part is not None:
            stack.enter_context(part_lock(job.storage, part))
            return write_part(job, engine, part, progress)
        stack.enter_context(job.storage.lock())
        return _write_all(job, engine, force, progress)


def _check_arguments(workers: Any, part: Any, finish: Any, force: Any, scheduler: Any, executor: Any) -> None:
    if workers is not None:
        integer("workers", workers, 1, 1024)
    flag("finish", finish)
    flag("force", force)
    if part is not None:
        k, n = map(as_int, part) if isinstance(part, tuple) and len(part) == 2 else (None, None)
        if k is None or n is None or not 1 <= k <= n:
            raise ArgumentError("part", f"expected two integers k and n, 1 ≤ k ≤ n, got {short(part)}")
    if force and (part is not None or finish):
        raise ArgumentError("force", "a part cannot replace a dataset; write the whole dataset instead")
    if finish and part is not None:
        raise ArgumentError(
            "finish", "cannot be combined with a part; it assembles parts that are already written"
        )
    if scheduler is not None and executor is not None:
        raise ArgumentError("scheduler", "cannot be combined with an executor")


def check_dataset(recipe: Recipe, glyphs: GlyphSet, labels: Sequence[str]) -> None:
    """
    Check that the images of a recipe, and their masks if asked for, can be rendered.

    Raises:
        ArgumentError, SourceError: they cannot.
    """
    for of_split in recipe.by_split():
        check_recipe(of_split, glyphs.choose(of_split.split))
    if MASKS in labels:
        check_mask_digits(recipe)


def plan_dataset(
    recipe: Recipe, storage: Storage, glyphs: GlyphSet, form: str | None, labels: Sequence[str], force: bool
) -> Manifest:
    """
    Return the manifest of a dataset, after checking that no other files would be lost.

    Args:
        recipe: as in `write_dataset`.
        storage: where it is to be written.
        glyphs: as in `write_dataset`.
        form: as ``format`` in `write_dataset`.
        labels: as in `write_dataset`.
        force: as in `write_dataset`.

    Raises:
        ArgumentError: there is no such format.
        OutputError: other contents would be replaced.
    """
    if form is not None:
        open_format(form)
    look = known_manifest if force else found_manifest
    # List the names before looking for a manifest. Another part may start in between, but it writes its
    # manifest first: if there is none, the names listed are not ours.
    names = storage.names()
    found = look(storage)
    own = found is not None and found.is_of(recipe, glyphs)
    if form is None:
        form = found.format if found is not None and own else DEFAULT
    if found is not None and own and found.format == form:
        labels = [*found.labels, *labels]
    manifest = make_manifest(recipe, glyphs, open_format(form), labels)
    refuse_others(storage, names, found, manifest, force)
    refuse_to_replace(storage, found, manifest)
    return manifest


def _write_all(job: Job, engine: Engine, force: bool, progress: Progress | None) -> Summary:
    storage = job.storage
    for name in sorted(storage.names(NOTES)):
        if LOCK_NAME.fullmatch(name):
            with storage.lock(f"{NOTES}/{name}"):  # raises if that part is being written
                pass
    found = known_manifest(storage)
    sweep(storage, job.manifest, *([found] if found else []))
    forget_notes(job)  # all shards are checked again
    if force and found and not found.is_same(job.manifest):
        clear(storage, found)
    begin(job)
    results = engine.results(job, Shards(job))
    with ending(results, lambda: sweep(storage, job.manifest)):
        return assemble(job, ((done, take_lines(storage, done)) for done in results), progress)
