"""Verify a dataset: read every file and compare it with the recipe."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path

from digitseq.batches import draw_batches, pixel_digest
from digitseq.dataset.card import card_names, wrong_card
from digitseq.dataset.find import dataset_storage
from digitseq.dataset.formats.base import Checker, Format
from digitseq.dataset.formats.stored_image import MORE_PX, Found
from digitseq.dataset.manifest import MANIFEST, MOST_BYTES, UNFINISHED, Manifest, finished_manifest
from digitseq.dataset.shards import SHARD, Place
from digitseq.errors import FormatError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import glyphs_for, hint_for, recomputed
from digitseq.kernels import not_compiling
from digitseq.progress_protocol import Progress
from digitseq.recipe import Recipe
from digitseq.storage.base import LOCK, Storage


def verify_dataset(
    out: str | Path,
    *,
    source: str | Path | GlyphSet | None = None,
    progress: Progress | None = None,
    note: Callable[[str], None] | None = None,
) -> Iterator[str]:
    """
    Compare the files, counts, labels, boxes and pixels of a dataset with its recipe.

    Args:
        out: its folder, or a URL.
        source: its glyphs, or a path to them; None opens the recipe's source.
        progress: called while images are read, and while MNIST is fetched.
        note: called with a sentence for each file that does not belong to the dataset, such as .DS_Store;
            these do not count as problems.

    Returns:
        An iterator over the problems, one sentence each; empty if there are none.

    Raises:
        FormatError: there is no finished dataset, or it was rendered from different glyphs.
        ExtraError: its format needs a library that is not installed.
        SourceError, FetchError, CacheError: the source cannot be used.
    """
    storage = dataset_storage(out)
    manifest = finished_manifest(storage)
    glyphs = glyphs_for(source, manifest.recipe.source, progress)
    return _verify(storage, manifest, glyphs, progress, note or (lambda _: None))


def _verify(
    storage: Storage,
    manifest: Manifest,
    glyphs: GlyphSet,
    progress: Progress | None,
    note: Callable[[str], None],
) -> Iterator[str]:
    if glyphs.digest != manifest.digest:
        raise FormatError(
            f"{storage.where()} was rendered from different glyphs than those of {glyphs.name!r}",
            hint=f"its source is {manifest.source!r}, digest {manifest.digest[:12]}"
            + (f"; {hint_for(manifest.source)}" if manifest.parts else ""),
        )
    glyphs = recomputed(glyphs)
    recipe, form, places = manifest.recipe, manifest.form, manifest.places
    names = storage.files()
    yield from (shared := list(_wrong_files(storage, manifest, names, note)))
    if [first for _, first in manifest.parts] != [part.first for part in glyphs.parts]:
        yield f"{storage.where(MANIFEST)}: source.parts does not match the glyphs"
    with not_compiling():  # a stranger's dataset must not start a program
        problems = list(wrong_card(storage, manifest, glyphs))
    yield from problems
    done, digests = 0, []
    for own, place, entry in zip(recipe.by_split(), places, manifest.splits, strict=True):
        state, told = sha256(), set(shared)
        checker = form.checking(storage, place)
        for number in form.stretches(storage, place, names):
            if isinstance(number, range):  # all of these are missing: one sentence for all
                yield _missing(storage, form, place, number)
                images = min(len(number) * SHARD, place.images - number.start * SHARD)
                checker.skip(images)
                done += images
                continue
            missing = [
                f"{storage.where(name)}: missing"
                for name in form.shard_files(place, number)
                if name not in names
            ]
            shard = own.slice(number * SHARD, number * SHARD + place.size(number))
            with not_compiling():
                digest, wrong = _check_shard(storage, form, place, number, shard, glyphs, checker)
            # A problem of a file with several shards is found once per shard, but reported once.
            yield from dict.fromkeys(problem for problem in (*missing, *wrong) if problem not in told)
            told = {*shared, *wrong}
            state.update(digest)
            done += len(shard)
            if progress is not None:
                progress("verify", done, len(recipe), 0)
        yield from checker.end()
        digests.append(state.hexdigest())
        if digests[-1] != entry.pixels:
            yield f"{storage.where(entry.folder)}: pixel digest differs from {MANIFEST}"
    if sha256("".join(digests).encode()).hexdigest() != manifest.pixels:
        yield f"{storage.where(MANIFEST)}: overall digest {manifest.pixels[:12]}… differs from the images"


def _wrong_files(
    storage: Storage, manifest: Manifest, names: set[str], note: Callable[[str], None]
) -> Iterator[str]:
    """Report shared files that are missing or changed; note files that do not belong to the dataset."""
    form, whole = manifest.form, manifest.form.whole_files(manifest.places)
    common = {MANIFEST, *whole, *(name for place in manifest.places for name in form.common_files(place))}
    yield from (f"{storage.where(name)}: missing" for name in sorted(common - names))
    for name in sorted(names - common - {LOCK, UNFINISHED} - card_names(storage)):
        if not manifest.owns(name):
            note(f"{storage.where(name)}: does not belong to the dataset")
    for name, data in whole.items():
        if name in names and storage.read(name, MOST_BYTES) != data:
            yield f"{storage.where(name)}: content differs from the recipe"


def _missing(storage: Storage, form: Format, place: Place, shards: range) -> str:
    if not (files := form.shard_files(place, shards[0])):
        (file,) = form.common_files(place)
        return f"{storage.where(file)}: images from number {shards[0] * SHARD:,} on are missing"
    last = form.shard_files(place, shards[-1])[-1]
    return f"{storage.where(files[0])} to {storage.where(last)}: missing, including all files in between"


def _check_shard(
    storage: Storage,
    form: Format,
    place: Place,
    number: int,
    recipe: Recipe,
    glyphs: GlyphSet,
    checker: Checker,
) -> tuple[bytes, list[str]]:
    """Return the digest of the stored images, and the problems of the images and their metadata."""
    state, wrong = sha256(), list[str]()
    batches = draw_batches(recipe, glyphs.choose(recipe.split), masks=place.masks)
    samples = (sample for batch in batches for sample in batch.samples(number * SHARD, place.parts))
    for sample, found in zip_longest(samples, _found(storage, form, place, number, wrong)):
        if found is not None and sample is not None:
            if problem := found.difference(sample):
                wrong.append(f"{found.where}: {problem}")
            if (image := found.image(2 * sample.image.shape[1] + MORE_PX)) is not None:
                pixel_digest(state, sample.label, image)
        if sample is not None:
            wrong += checker.check(sample)
    return state.digest(), wrong


def _found(storage: Storage, form: Format, place: Place, number: int, wrong: list[str]) -> Iterator[Found]:
    try:
        yield from form.found(storage, place, number)
    except FormatError as error:
        wrong.append(error.problem)
