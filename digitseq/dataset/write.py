"""
A dataset: written, in one go or in parts, finished after a break, replaced.

Everything that a dataset is follows from its recipe and the digest of its source, so going on after a break
is writing it again and keeping what is right. `dataset.json` comes last: its presence means complete.
"""

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from digitseq.checks import choice, counted
from digitseq.dataset.engine import Engine, Job, Shards
from digitseq.dataset.formats import open_format
from digitseq.dataset.formats.names import LABEL_FILES
from digitseq.dataset.manifest import (
    MANIFEST,
    MOST_BYTES,
    NOTES,
    UNFINISHED,
    Manifest,
    found_manifest,
    known_manifest,
    make_manifest,
    read_manifest,
    refuse_others,
)
from digitseq.dataset.shards import Place, Shard, Written, from_note, is_note
from digitseq.errors import FormatError, OutputError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.interrupts import check
from digitseq.plan import check_recipe
from digitseq.png import FAST
from digitseq.recipe import Recipe
from digitseq.storage.base import Storage
from digitseq.storage.open import open_storage
from digitseq.storage.open_folder import is_partial

_NOTES_AT_ONCE = 1_000
_PART = "part-"  # the names of locks begin so

Progress = Callable[[int, int, int], None]
"""Called with images done, images in all, and bytes written."""


@dataclass(frozen=True)
class Summary:
    """
    What `write_dataset` did.

    Attributes:
        path: the dataset's folder or URL.
        images: how many images the dataset has, or the part that was written.
        written: how many of them were written; the others were there, whole.
        size_bytes: bytes of the files written.
        pixels: SHA-256 of all labels, widths and pixels; "" while parts are missing.
        missing: how many shards are not there yet, after a part.
    """

    path: str
    images: int
    written: int
    size_bytes: int
    pixels: str
    missing: int = 0


def write_dataset(
    recipe: Recipe,
    out: str | Path,
    glyphs: GlyphSet,
    engine: Engine,
    *,
    format: str | None = None,  # noqa: A002 - what everybody calls it
    labels: Sequence[str] = (),
    part: tuple[int, int] | None = None,
    finish: bool = False,
    force: bool = False,
    png_level: int = FAST,
    progress: Progress | None = None,
) -> Summary:
    """
    Write a dataset, or finish one of the same recipe.

    Args:
        recipe: what is wanted, its source that of the glyphs.
        out: the folder, made if missing, or a URL.
        glyphs: what it is drawn from.
        engine: what runs the shards.
        format: one of `FORMATS`; None for that of a dataset of this recipe that is there, or ``folder``.
        labels: further files of labels, of `LABEL_FILES`; those that are there already are kept.
        part: (k, n): every n-th shard, from the k-th on, and nothing else.
        finish: write no shard; put the parts together.
        force: replace a dataset of another recipe. A folder of something else is never touched.
        png_level: 0, the fastest compression, or zlib's 1 to 9.
        progress: called as shards are done.

    Returns:
        What was done.

    Raises:
        ArgumentError: the recipe cannot be drawn from these glyphs, or there is no such format.
        ExtraError: a library is not installed.
        OutputError: the folder holds something else, another process works on it, or the system refuses.
    """
    for split in recipe.parts():
        check_recipe(split, glyphs.choose(split.split))
    if format is not None:
        open_format(format)
    for name in labels:
        choice("labels", name, LABEL_FILES)
    storage = open_storage(out).owned()
    look = known_manifest if force else found_manifest
    # Another part may begin at any moment, and writes its manifest first: what was here before that, and
    # is without a manifest, is not ours. It may also end, when one manifest takes the place of the other.
    names = storage.names()
    found = look(storage) or look(storage)
    own = found is not None and found.is_of(recipe, glyphs)
    if format is None:
        format = found.format if found is not None and own else "folder"  # noqa: A001
    if found is not None and own and found.format == format:
        labels = [*found.labels, *labels]
    manifest = make_manifest(recipe, glyphs, open_format(format), labels)
    refuse_others(storage, names, found, manifest, force)
    _refuse_to_replace(storage, found, manifest)
    job = Job(recipe, storage, glyphs, manifest, png_level)
    if finish:
        return _finish(job, progress)
    storage.make()
    if part is not None:
        try:
            with storage.lock(f"{NOTES}/{_PART}{part[0]}-of-{part[1]}.lock"):
                return _write_part(job, engine, part, progress)
        finally:
            storage.remove_empty(NOTES)
    with storage.lock():
        return _write_all(job, engine, force, progress)


def _write_all(job: Job, engine: Engine, force: bool, progress: Progress | None) -> Summary:
    storage = job.storage
    for name in sorted(storage.names(NOTES)):
        if _LOCK_NAME.fullmatch(name):
            with storage.lock(f"{NOTES}/{name}"):  # nobody is at work on it
                pass
    found = known_manifest(storage)
    _sweep(storage, [*job.places, *(found.places if found else ())])
    _forget_notes(job)  # all shards are looked at again
    if force and found and not found.is_same(job.manifest):
        _clear(storage, found)
    _begin(job)
    results = engine.results(job, Shards(job))
    with _ending(results, lambda: _sweep(storage, job.places)):
        return _assemble(job, ((done, _lines(storage, done)) for done in results), progress)


@contextmanager
def _ending(results: Generator[Written, None, None], clean_up: Callable[[], None]) -> Iterator[None]:
    """
    End the writers, then clean up after them, however the block ends.

    What goes wrong meanwhile never hides why the block ended.
    """
    try:
        yield
    except BaseException:
        for step in (results.close, clean_up):
            with suppress(Exception):
                step()
        raise
    results.close()
    clean_up()


def _begin(job: Job) -> None:
    """Say what is going to be here, so that another recipe is refused."""
    found = known_manifest(job.storage)
    if found is None or not found.is_same(job.manifest) or found.labels != job.manifest.labels:
        job.storage.put(UNFINISHED, job.manifest.to_json())


def _lines(storage: Storage, done: Written) -> bytes:
    return storage.take_scratch(done.scratch) if done.scratch else b""


def _assemble(job: Job, results: Iterator[tuple[Written, bytes]], progress: Progress | None) -> Summary:
    """Make a dataset of shards: what stands about all images, and the manifest."""
    storage, form = job.storage, job.form
    total, done, written, size = len(job.recipe), 0, 0, 0
    parts = []
    for place, entry in zip(job.places, job.manifest.parts, strict=True):
        pixels, before = sha256(), size
        with form.assembling(storage, place) as add:
            for _ in range(place.shards):
                check()
                result, lines = next(results)
                add(result, lines)
                pixels.update(result.digest)
                done += result.images
                written += result.written
                size += result.size_bytes
                if progress is not None:
                    progress(done, total, size)
        size = before + form.written_bytes(storage, place, size - before)
        parts.append(replace(entry, pixels=pixels.hexdigest()))
    for name, data in form.whole_files(job.places).items():
        _put_changed(storage, name, data)
    digest = sha256("".join(entry.pixels for entry in parts).encode()).hexdigest()
    _put_changed(storage, MANIFEST, replace(job.manifest, parts=tuple(parts), pixels=digest).to_json())
    storage.remove(UNFINISHED)
    return Summary(storage.where(), total, written, size, digest)


def _is_there(storage: Storage, name: str, data: bytes) -> bool:
    with suppress(FormatError):
        return storage.read(name, len(data)) == data
    return False


def _put_changed(storage: Storage, name: str, data: bytes) -> None:
    if not _is_there(storage, name, data):
        storage.put(name, data, sync=True)
    elif name == MANIFEST:
        storage.touch(name)  # make compares its time with that of what it was made from


# --- In parts -------------------------------------------------------------------------------------------
# Several processes write shards of one dataset at once, and know nothing of each other. Each leaves a note
# about each shard; who finds the notes of all shards puts them together.


def _write_part(job: Job, engine: Engine, part: tuple[int, int], progress: Progress | None) -> Summary:
    storage = job.storage
    shards = Shards(job, part)
    whole = job.is_whole
    _begin(job)
    total = sum(shard.place.size(shard.number) for shard in shards)
    done = written = size = 0
    results = engine.results(job, shards.changed(notes=job.notes))
    with _ending(results, lambda: storage.sweep(_folders_of(shards, job.notes), own=True)):
        for result in results:
            done, written, size = done + result.images, written + result.written, size + result.size_bytes
            if progress is not None:
                progress(done, total, size)
    missing = [] if whole else _missing(job)
    pixels = "" if missing else _finish(job, None).pixels
    return Summary(storage.where(), total, written, size, pixels, len(missing))


def _missing(job: Job) -> list[Shard]:
    """The shards of which there is no note; none if the dataset is there already."""
    there = job.storage.names(job.notes)
    if job.is_whole:
        return []
    return [shard for shard in Shards(job) if shard.note_of(job.notes).rpartition("/")[2] not in there]


def _finish(job: Job, progress: Progress | None) -> Summary:
    storage = job.storage
    if missing := _missing(job):
        total, first = len(Shards(job)), missing[0]
        raise OutputError(
            f"{storage.where()}: {len(missing):,} of {counted(total, 'shard')} still missing, "
            f"the first is number {first.number + 1} of {first.place.split}",
            hint="run the parts that are missing, or the command without --part and --finish",
        )
    with storage.lock(wait=True):
        if not job.is_whole:
            try:
                _assemble(job, _noted(job), progress)
            except OutputError:
                if not job.is_whole:  # where there are no locks, another may have done it meanwhile
                    raise
        else:
            storage.touch(MANIFEST)  # as for a whole run in which nothing was missing
        _forget_notes(job)
        _sweep(storage, job.places)
        manifest = read_manifest(storage)
        return Summary(storage.where(), len(job.recipe), 0, 0, manifest.pixels if manifest else "")


def _noted(job: Job) -> Iterator[tuple[Written, bytes]]:
    """What the shards came to, from their notes."""
    shards = Shards(job)
    most = max((place.most_note for place in job.places), default=0)
    for first in range(0, len(shards), _NOTES_AT_ONCE):
        check()
        some = [shards[number] for number in range(first, min(first + _NOTES_AT_ONCE, len(shards)))]
        names = [shard.note_of(job.notes) for shard in some]
        read = job.storage.reader(names, most)
        for shard, name in zip(some, names, strict=True):
            note = None
            with suppress(FormatError):
                note = from_note(read(name) or b"", shard, job.form.sections(shard.place))
            if note is None:
                where = job.storage.where(name)
                raise OutputError(f"{where}: missing or damaged", hint="run its part again")
            yield note


_LOCK_NAME = re.compile(r"part-[0-9]+-of-[0-9]+\.lock")
_NOTES_NAME = re.compile(r"[0-9a-f]{16}")
_NOTE_NAME = re.compile(r"(train|validation|test|all)-[0-9]{6,}")


def _forget_notes(job: Job) -> None:
    """Remove the notes about shards, and nothing else that may lie beside them."""
    storage, most = job.storage, max((place.most_note for place in job.places), default=0)
    for folder in filter(_NOTES_NAME.fullmatch, storage.names(NOTES)):
        for name in storage.names(f"{NOTES}/{folder}"):
            note = f"{NOTES}/{folder}/{name}"
            with suppress(FormatError):  # too long, or no regular file: not ours
                is_named = _NOTE_NAME.fullmatch(name) is not None
                # One of this very dataset may be damaged; of another one, only its content tells.
                is_own = f"{NOTES}/{folder}" == job.notes or is_note(storage.read(note, most) or b"")
                if (is_named and is_own) or is_partial(name):
                    storage.remove(note)
        storage.remove_empty(f"{NOTES}/{folder}")
    storage.remove_empty(NOTES)


# --- What was there -------------------------------------------------------------------------------------


def _refuse_to_replace(storage: Storage, found: Manifest | None, manifest: Manifest) -> None:
    """Keep files that are not of the dataset that is there, and would be replaced by what it becomes."""
    if found is None or (found.is_same(manifest) and found.labels == manifest.labels):
        return
    if theirs := sorted(n for n in storage.files() if manifest.owns(n) and not found.owns(n)):
        raise OutputError(
            f"{storage.where(theirs[0])} is not of this dataset, and would be replaced", hint="move it away"
        )


_SHARD_NAME = re.compile(r"[0-9]{3,}")


def _sweep(storage: Storage, places: Sequence[Place]) -> None:
    """Remove what a killed run left half-written."""
    for folder in {"", *(place.folder for place in places)}:
        storage.sweep([folder])
        for kind in ("images", "labels"):
            shards = filter(_SHARD_NAME.fullmatch, storage.names(f"{folder}{kind}"))
            storage.sweep([f"{folder}{kind}", *(f"{folder}{kind}/{shard}" for shard in shards)])


def _folders_of(shards: Shards, notes: str) -> Iterator[str]:
    """Where a process that writes some shards may leave something half-written."""
    yield notes
    for folder in {shard.place.folder for shard in shards}:
        yield from (folder, f"{folder}images", f"{folder}labels")
    for shard in shards:
        for kind in ("images", "labels"):
            yield f"{shard.place.folder}{kind}/{shard.number:03d}"


def _clear(storage: Storage, found: Manifest) -> None:
    """
    Remove the dataset that a manifest tells of: its own files, and nothing else.

    Until all are gone the folder says what it holds, so that a run that is killed here can be followed by
    another.
    """
    if (data := storage.read(MANIFEST, MOST_BYTES)) is not None:
        storage.put(UNFINISHED, data)
        storage.remove(MANIFEST)
    folders = set()
    for name in sorted(filter(found.owns, storage.files())):
        check()
        storage.remove(name)
        while "/" in name:
            name = name.rsplit("/", 1)[0]
            folders.add(name)
    for folder in sorted(folders, key=len, reverse=True):
        storage.remove_empty(folder)
