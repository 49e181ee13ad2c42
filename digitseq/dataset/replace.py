"""What is in the folder already: it is kept, cleaned up, or replaced."""

from collections.abc import Iterator
from contextlib import suppress

from digitseq.dataset.engine import Job, Shards
from digitseq.dataset.manifest import MANIFEST, MOST_BYTES, NOTES, UNFINISHED, Manifest, known_manifest
from digitseq.errors import FormatError, OutputError
from digitseq.interrupts import check
from digitseq.storage.base import Storage

_BEGUN = b'{\n "format": "'  # of every manifest of ours


def refuse_others(
    storage: Storage, names: set[str], found: Manifest | None, manifest: Manifest, force: bool
) -> None:
    """
    Keep what is not ours to write over.

    Args:
        storage: where a dataset is to be written.
        names: what was at its top before the manifest was read. What came later is of another part.
        found: the manifest that is there, if there is one.
        manifest: that of what is to be written.
        force: a dataset of another recipe may be replaced.

    Raises:
        OutputError: there is something else.
    """
    if found is None:
        # What a run leaves that was killed before it said what it was going to write.
        if strangers := storage.strangers(names, _begun_files(storage, force), manifest.to_json()):
            raise OutputError(
                f"{storage.where()} holds something else ({strangers[0]}) and is kept as it is",
                hint="name an empty folder",
            )
    elif not found.is_same(manifest) and not force:
        raise OutputError(
            f"{storage.where()} holds a dataset of {_difference(found, manifest)}",
            hint="name another folder, or replace it with --force (force=True)",
        )


def _begun_files(storage: Storage, force: bool) -> list[str]:
    """What a run may leave that was killed early; with ``force``, also manifests of ours that are damaged."""
    names = [NOTES]
    for name in (MANIFEST, UNFINISHED) if force else ():
        with suppress(FormatError):
            data = storage.read(name, MOST_BYTES)
            if data is not None and (not data or data.startswith(_BEGUN)):
                names.append(name)
    return names


def _difference(found: Manifest, manifest: Manifest) -> str:
    """The first thing in which two datasets differ, in words."""
    theirs, ours = found.recipe.to_dict(), manifest.recipe.to_dict()
    for name, wanted in ours.items():
        there = theirs[name]
        if there != wanted and name == "augment":
            there, wanted = there or {}, wanted or {}
            name = next(key for key in {**there, **wanted} if there.get(key) != wanted.get(key))
            there, wanted = there.get(name, "nothing"), wanted.get(name, "nothing")
        if there != wanted:
            return f"another recipe ({name}: {str(there)[:40]} there, {str(wanted)[:40]} wanted)"
    if found.format != manifest.format:
        return f"another format ({found.format} there, {manifest.format} wanted)"
    return "another recipe (its source has other glyphs)"


def begin(job: Job) -> None:
    """Say what is going to be here, so that another recipe is refused."""
    found = known_manifest(job.storage)
    if found is None or not found.is_same(job.manifest) or found.labels != job.manifest.labels:
        job.storage.put(UNFINISHED, job.manifest.to_json())


def refuse_to_replace(storage: Storage, found: Manifest | None, manifest: Manifest) -> None:
    """Refuse to replace files that do not belong to the existing dataset."""
    if found is None or (found.is_same(manifest) and found.labels == manifest.labels):
        return
    if theirs := sorted(n for n in storage.files() if manifest.owns(n) and not found.owns(n)):
        raise OutputError(
            f"{storage.where(theirs[0])} is not of this dataset, and would be replaced", hint="move it away"
        )


def sweep(storage: Storage, *manifests: Manifest) -> None:
    """Remove what killed runs of some datasets left half-written in a folder."""
    for manifest in manifests:
        storage.sweep([""])
        for place in manifest.places:
            storage.sweep(manifest.form.folders_there(storage, place))


def folders_of(job: Job, shards: Shards) -> Iterator[str]:
    """Where a process that writes some shards may leave something half-written."""
    yield job.notes
    yield from {
        folder
        for shard in shards
        for folder in (shard.place.folder, *job.form.shard_folders(shard.place, shard.number))
    }


def clear(storage: Storage, found: Manifest) -> None:
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
