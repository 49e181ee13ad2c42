"""Assemble a dataset from its shards: the shared label files, then the manifest."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256

from digitseq.dataset.card import remove_card, write_card
from digitseq.dataset.engine import Job
from digitseq.dataset.manifest import MANIFEST, UNFINISHED
from digitseq.dataset.shards import Written
from digitseq.errors import FormatError
from digitseq.interrupts import check
from digitseq.progress_protocol import Progress
from digitseq.storage.base import Storage


@dataclass(frozen=True)
class Summary:
    """
    Result of `write_dataset`.

    Attributes:
        path: the dataset's folder or URL.
        images: number of images in the dataset, or in the part that was written.
        written: number of images written by this run; the others already existed and were correct.
        size_bytes: bytes of the image files or shard files written.
        pixels: SHA-256 of all labels, widths and pixels; "" while parts are missing.
        missing: number of shards that are still missing after a part was written.
    """

    path: str
    images: int
    written: int
    size_bytes: int
    pixels: str
    missing: int = 0


def take_lines(storage: Storage, done: Written) -> bytes:
    """Return a shard's lines of the label files from the scratch file where a worker left them, if any."""
    return storage.take_scratch(done.scratch) if done.scratch else b""


def assemble(job: Job, results: Iterator[tuple[Written, bytes]], progress: Progress | None) -> Summary:
    """Assemble a dataset from shards: write the shared label files and the manifest."""
    storage, form = job.storage, job.form
    total, done, written, size = len(job.recipe), 0, 0, 0
    splits = []
    for place, entry in zip(job.places, job.manifest.splits, strict=True):
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
                    progress("write", done, total, size)
        size = before + form.written_bytes(storage, place, size - before)
        splits.append(replace(entry, pixels=pixels.hexdigest()))
    for name, data in form.whole_files(job.places).items():
        _put_changed(storage, name, data)
    if job.card:
        write_card(storage, job.manifest, job.glyphs)
    else:
        remove_card(storage)
    digest = sha256("".join(entry.pixels for entry in splits).encode()).hexdigest()
    _put_changed(storage, MANIFEST, replace(job.manifest, splits=tuple(splits), pixels=digest).to_json())
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
        storage.touch(name)  # make compares its time with that of its inputs
