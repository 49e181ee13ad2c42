"""
Parts of a dataset, written by processes that do not communicate.

Each process leaves a note about each shard; the one that finds the notes of all shards assembles the dataset.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from digitseq.checks import counted
from digitseq.dataset.assemble import Summary, assemble
from digitseq.dataset.engine import Engine, Job, Shards, ending
from digitseq.dataset.manifest import MANIFEST, NOTES, read_manifest
from digitseq.dataset.replace import begin, folders_of, sweep
from digitseq.dataset.shards import Shard, Written, from_note, is_note
from digitseq.errors import RESUME_BATCH, FormatError, OutputError
from digitseq.interrupts import check
from digitseq.progress_protocol import Progress
from digitseq.storage.base import Storage
from digitseq.storage.open_folder import is_partial

_NOTES_AT_ONCE = 1_000


@contextmanager
def part_lock(storage: Storage, part: tuple[int, int]) -> Iterator[None]:
    """Keep other processes from writing the same part."""
    try:
        with storage.lock(f"{NOTES}/part-{part[0]}-of-{part[1]}.lock"):
            yield
    finally:
        storage.remove_empty(NOTES)


def write_part(job: Job, engine: Engine, part: tuple[int, int], progress: Progress | None) -> Summary:
    """Write the shards of one part; the last part to finish assembles the dataset."""
    storage = job.storage
    shards = Shards(job, part)
    whole = job.is_whole
    begin(job)
    total = sum(shard.place.size(shard.number) for shard in shards)
    done = written = size = 0
    results = engine.results(job, shards.changed(notes=job.notes))
    with ending(results, lambda: storage.sweep(folders_of(job, shards), own=True)):
        for result in results:
            done, written, size = done + result.images, written + result.written, size + result.size_bytes
            if progress is not None:
                progress("write", done, total, size)
    missing = [] if whole else _missing(job)
    pixels = "" if missing else finish_parts(job, None).pixels
    return Summary(storage.where(), total, written, size, pixels, len(missing))


def _missing(job: Job) -> list[Shard]:
    """Return the shards that have no note; none if the finished dataset exists."""
    there = job.storage.names(job.notes)
    if job.is_whole:
        return []
    return [shard for shard in Shards(job) if shard.note_of(job.notes).rpartition("/")[2] not in there]


def finish_parts(job: Job, progress: Progress | None) -> Summary:
    """Assemble a dataset whose parts have all been written."""
    storage = job.storage
    if missing := _missing(job):
        total, first = len(Shards(job)), missing[0]
        raise OutputError(
            f"{storage.where()}: {len(missing):,} of {counted(total, 'shard')} still missing, "
            f"the first is shard {first.number + 1} of {first.place.split}",
            hint="run the missing parts, or run the command without --part and --finish",
        )
    with storage.lock(wait=True):
        if not job.is_whole:
            _check_files(job)
            try:
                assemble(job, _noted(job), progress)
            except OutputError:
                if not job.is_whole:  # without locks, another process may have assembled it meanwhile
                    raise
        else:
            storage.touch(MANIFEST)  # like a complete run that finds nothing missing
        forget_notes(job)
        sweep(storage, job.manifest)
        manifest = read_manifest(storage)
        return Summary(storage.where(), len(job.recipe), 0, 0, manifest.pixels if manifest else "")


def _check_files(job: Job) -> None:
    """Check that no shard has been deleted since its note was written."""
    names = job.storage.files()
    for place in job.places:
        if not job.form.shard_files(place, 0):
            continue  # checked when the shards are packed
        there = set(job.form.shards_there(job.storage, place, names))
        if (first := next((shard for shard in range(place.shards) if shard not in there), None)) is not None:
            problem = f"shard {first + 1} of {place.split} is missing, although its part was written"
            raise OutputError(f"{job.storage.where()}: {problem}", hint=RESUME_BATCH)


def _noted(job: Job) -> Iterator[tuple[Written, bytes]]:
    """Yield the result and the lines of each shard, in order, from its note."""
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


LOCK_NAME = re.compile(r"part-[0-9]+-of-[0-9]+\.lock")
_NOTES_NAME = re.compile(r"[0-9a-f]{16}")
_NOTE_NAME = re.compile(r"(train|validation|test|all)-[0-9]{6,}")


def forget_notes(job: Job) -> None:
    """Remove the notes about shards, but no other files in their folders."""
    storage, most = job.storage, max((place.most_note for place in job.places), default=0)
    for folder in filter(_NOTES_NAME.fullmatch, storage.names(NOTES)):
        for name in storage.names(f"{NOTES}/{folder}"):
            note = f"{NOTES}/{folder}/{name}"
            with suppress(FormatError):  # too long, or not a regular file: not ours
                is_named = _NOTE_NAME.fullmatch(name) is not None
                # A note of this dataset may be damaged; one of another dataset is recognised by its content.
                is_own = f"{NOTES}/{folder}" == job.notes or is_note(storage.read(note, most) or b"")
                if (is_named and is_own) or is_partial(name):
                    storage.remove(note)
        storage.remove_empty(f"{NOTES}/{folder}")
    storage.remove_empty(NOTES)
