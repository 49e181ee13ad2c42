"""Existing files in the output folder: keep, clean up or replace them."""

from collections.abc import Iterator
from contextlib import suppress

from digitseq.dataset.card import card_names, remove_card
from digitseq.dataset.engine import Job, Shards
from digitseq.dataset.label_names import MASKS
from digitseq.dataset.manifest import MANIFEST, MOST_BYTES, NOTES, UNFINISHED, Manifest, known_manifest
from digitseq.errors import FormatError, OutputError
from digitseq.interrupts import check
from digitseq.storage.base import Storage

_BEGUN = b'{\n "format": "'  # every manifest of digitseq starts with this


def refuse_others(
    storage: Storage, names: set[str], found: Manifest | None, manifest: Manifest, force: bool
) -> None:
    """
    Refuse to write into a folder with other files or a dataset of another recipe.

    Args:
        storage: where the dataset is to be written.
        names: names in its top folder before the manifest was read. Later ones belong to another part.
        found: the existing manifest, if any.
        manifest: the manifest of the dataset to write.
        force: whether a dataset of another recipe may be replaced.

    Raises:
        OutputError: the folder has other contents.
    """
    if found is None:
        # A run that was killed before it wrote its manifest may have left some of our own files.
        if strangers := storage.strangers(names, _begun_files(storage, force), manifest.to_json()):
            raise OutputError(
                f"{storage.where()} is not empty and is not a digitseq dataset (found {strangers[0]}); "
                "nothing was written",
                hint="choose an empty folder",
            )
    elif not found.is_same(manifest) and not found.grows_to(manifest) and not force:
        told = _difference(found, manifest)
        both = found.recipe.splits and manifest.recipe.splits
        if both and "(splits: " in told and len(found.recipe) < len(manifest.recipe):
            told += "; images are numbered across splits, so a dataset with splits cannot grow"
        raise OutputError(
            f"{storage.where()} holds a dataset of {told}",
            hint="choose another folder, or pass force=True to replace it",
        )


def _begun_files(storage: Storage, force: bool) -> list[str]:
    """Return the names that a run killed early may leave; with ``force``, also damaged manifests of ours."""
    names = [NOTES, *card_names(storage)]
    for name in (MANIFEST, UNFINISHED) if force else ():
        with suppress(FormatError):
            data = storage.read(name, MOST_BYTES)
            if data is not None and (not data or data.startswith(_BEGUN)):
                names.append(name)
    return names


def _difference(found: Manifest, manifest: Manifest) -> str:
    """Describe the first difference between two datasets."""
    theirs, ours = found.recipe.to_dict(), manifest.recipe.to_dict()
    sizes = [{name: values.pop(name) for name in ("splits", "count")} for values in (theirs, ours)]
    for name in {**theirs, **ours}:
        there, wanted = theirs.get(name, 0), ours.get(name, 0)  # a margin of 0 is not stated
        if there != wanted and name == "augment":
            there, wanted = there or {}, wanted or {}
            name = next(key for key in {**there, **wanted} if there.get(key) != wanted.get(key))
            there, wanted = there.get(name, "nothing"), wanted.get(name, "nothing")
        if there != wanted:
            return f"another recipe ({name}: expected {str(wanted)[:40]}, found {str(there)[:40]})"
    if found.digest != manifest.digest:
        return "another recipe (source: same name, different glyphs)"
    if found.source != manifest.source:  # an edited file: its recipe names our source
        return f"another recipe (source: expected {manifest.source!r}, found {found.source!r})"
    differs = next((name for name, size in sizes[0].items() if size != sizes[1][name]), "")
    if found.format != manifest.format and (not differs or len(found.recipe) < len(manifest.recipe)):
        return f"another format (expected {manifest.format}, found {found.format})"
    return f"another recipe ({differs}: expected {sizes[1][differs]}, found {sizes[0][differs]})"


def begin(job: Job) -> None:
    """Write the unfinished manifest, so that a run of another recipe is refused."""
    found = known_manifest(job.storage)
    if found is not None and found.grows_to(job.manifest):
        job.storage.put(UNFINISHED, job.manifest.to_json())
        for name in sorted(filter(found.owns, job.storage.files())):
            if not job.manifest.owns(name):  # the names of a format can depend on the number of shards
                job.storage.remove(name)
        job.storage.remove(MANIFEST)  # from now on, the images are not those that it describes
        return
    if found is None or not found.is_same(job.manifest) or found.labels != job.manifest.labels:
        job.storage.put(UNFINISHED, job.manifest.to_json())
        adds_masks = MASKS in job.manifest.labels and found is not None and MASKS not in found.labels
        if adds_masks and not job.form.stands_alone:
            job.storage.remove(MANIFEST)  # shards are rewritten, so that it does not describe them any more


def refuse_to_replace(storage: Storage, found: Manifest | None, manifest: Manifest) -> None:
    """Refuse to replace files that do not belong to the existing dataset."""
    if found is None or (found.is_same(manifest) and found.labels == manifest.labels):
        return
    theirs = sorted(n for n in storage.files() if manifest.owns(n) and not found.owns(n))
    now = known_manifest(storage)  # another part may have begun meanwhile
    if theirs and not (now is not None and now.is_same(manifest) and now.labels == manifest.labels):
        raise OutputError(
            f"{storage.where(theirs[0])} does not belong to this dataset and would be overwritten",
            hint="move it to another folder",
        )


def sweep(storage: Storage, *manifests: Manifest) -> None:
    """Remove the half-written files that killed runs left in the folders of some datasets."""
    for manifest in manifests:
        storage.sweep([""])
        for place in manifest.places:
            storage.sweep(manifest.form.folders_there(storage, place))


def folders_of(job: Job, shards: Shards) -> Iterator[str]:
    """Yield the folders in which a process that writes some shards may leave half-written files."""
    yield job.notes
    yield from {
        folder
        for shard in shards
        for folder in (shard.place.folder, *job.form.shard_folders(shard.place, shard.number))
    }


def clear(storage: Storage, found: Manifest) -> None:
    """
    Remove the files of the dataset that a manifest describes, and nothing else.

    The folder keeps a manifest until all of them are gone, so that another run can continue if this one is
    killed.
    """
    if storage.exists(MANIFEST):
        storage.put(UNFINISHED, found.unfinished().to_json())
        storage.remove(MANIFEST)
    remove_card(storage)
    folders = set()
    for name in sorted(filter(found.owns, storage.files())):
        check()
        storage.remove(name)
        while "/" in name:
            name = name.rsplit("/", 1)[0]
            folders.add(name)
    for folder in sorted(folders, key=len, reverse=True):
        storage.remove_empty(folder)
