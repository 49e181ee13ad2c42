"""Re-reading a dataset: is everything there, and is it what the recipe says?"""

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path

from digitseq.dataset.drawing import draw_batches, pixel_digest
from digitseq.dataset.formats import FORMATS
from digitseq.dataset.formats.format import SHARD, Checker, Format, Place
from digitseq.dataset.formats.found import Found
from digitseq.dataset.manifest import MANIFEST, UNFINISHED, dataset_storage, finished_manifest, places_of
from digitseq.dataset.storage import LOCK, Storage
from digitseq.errors import FormatError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import recomputed
from digitseq.recipe import Recipe


def verify_dataset(
    out: str | Path, glyphs: GlyphSet, progress: Callable[[int, int, int], None] | None = None
) -> Iterator[str]:
    """
    What is wrong with a dataset.

    Every image is read and compared with the one that its recipe gives, every label and box with its plan,
    the digest of all pixels with the manifest's, and the files that are there with those that belong there.
    The digest of the glyphs is computed, too: a damaged cache would spoil the comparison.

    Args:
        out: its folder, or a URL.
        glyphs: its source.
        progress: called with images done, images in all and 0.

    Yields:
        A sentence for each thing that is wrong; nothing if all is well.

    Raises:
        FormatError: there is no finished dataset, or it is from another source.
        CacheError: the cached glyphs are damaged.
        ExtraError: its format needs a library that is not installed.
    """
    storage = dataset_storage(out)
    manifest = finished_manifest(storage)
    if glyphs.digest != manifest["source"]["digest"]:
        raise FormatError(
            f"{storage.where()} was drawn from other glyphs than {glyphs.name!r}",
            hint=f"its source is {manifest['source']['name']!r}, digest {manifest['source']['digest'][:12]}",
        )
    glyphs = recomputed(glyphs)
    recipe = Recipe.from_dict(manifest["recipe"])
    form, places = FORMATS[manifest["format"]], places_of(manifest)
    missing, wrong = _wrong_files(storage, form, places)
    yield from wrong
    done, digests = 0, []
    for part, place, entry in zip(recipe.parts(), places, manifest["parts"], strict=True):
        state, told = sha256(), missing
        checker = form.checking(storage, place)
        for number in range(place.shards):
            shard = part.part(number * SHARD, number * SHARD + place.size(number))
            digest, wrong = _check_shard(storage, form, place, number, shard, glyphs, checker)
            yield from (problem for problem in wrong if problem not in told)
            # What is wrong with a whole file is found again with each of its shards.
            told = {*missing, *wrong}
            state.update(digest)
            done += len(shard)
            if progress is not None:
                progress(done, len(recipe), 0)
        yield from checker.end()
        digests.append(state.hexdigest())
        if digests[-1] != entry["pixels"]:
            yield f"{storage.where(entry['folder'])}: its pixels have not the digest that {MANIFEST} says"
    if sha256("".join(digests).encode()).hexdigest() != manifest["pixels"]:
        yield f"{storage.where(MANIFEST)}: the digest of all pixels is not {manifest['pixels'][:12]}…"


def _wrong_files(storage: Storage, form: Format, places: list[Place]) -> tuple[set[str], list[str]]:
    """Sentences about files that are missing; and these, and about files that do not belong there."""
    whole = form.whole_files(places)
    expected = {MANIFEST, *whole, *(name for place in places for name in form.files(place))}
    passing = {LOCK, UNFINISHED, *(name for place in places for name in form.passing(place))}
    found = storage.files()
    missing = [f"{storage.where(name)}: missing" for name in sorted(expected - found)]
    wrong = [
        f"{storage.where(name)}: does not belong to the dataset"
        for name in sorted(found - expected - passing)
    ]
    changed = [name for name, data in whole.items() if name in found and storage.read(name) != data]
    return set(missing), [*missing, *wrong, *(f"{storage.where(name)}: changed" for name in changed)]


def _check_shard(
    storage: Storage,
    form: Format,
    place: Place,
    number: int,
    recipe: Recipe,
    glyphs: GlyphSet,
    checker: Checker,
) -> tuple[bytes, list[str]]:
    """The digest of the images that are there, and what is wrong with them and with what is said of them."""
    state, wrong = sha256(), list[str]()
    batches = draw_batches(recipe, glyphs.choose(recipe.split))
    samples = (sample for batch in batches for sample in batch.samples(number * SHARD))
    for sample, found in zip_longest(samples, _found(storage, form, place, number, wrong)):
        if found is not None and sample is not None:
            if problem := found.difference(sample):
                wrong.append(f"{found.where}: {problem}")
            if (image := found.image()) is not None:
                pixel_digest(state, sample.label, image)
        if sample is not None:
            wrong += checker.check(sample)
    return state.digest(), wrong


def _found(storage: Storage, form: Format, place: Place, number: int, wrong: list[str]) -> Iterator[Found]:
    try:
        yield from form.found(storage, place, number)
    except FormatError as error:
        wrong.append(error.problem)
