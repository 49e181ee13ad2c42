"""Open a path, URL or recipe for inspection."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.batches import draw_batches
from digitseq.checks import counted, home_path
from digitseq.dataset.formats import FORMATS, find_format
from digitseq.dataset.formats.label_files import METADATA
from digitseq.dataset.manifest import (
    MANIFEST,
    MOST_BYTES,
    UNFINISHED,
    Manifest,
    finished_manifest,
    read_manifest,
)
from digitseq.dataset.read import DatasetSplit
from digitseq.errors import (
    RESUME_BATCH,
    ArgumentError,
    DigitSeqError,
    FormatError,
    SourceWarning,
    system_errors,
    warn,
)
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.own_glyphs import IMAGE_SUFFIXES
from digitseq.inspection.dataset_images import StoredSplit
from digitseq.inspection.folder_images import MOST_LINE, FolderSplit, without_recipe
from digitseq.inspection.images import OpenGlyphs, Problem, Row, SplitImages, Subject
from digitseq.inspection.single_picture import PictureSplit, open_picture
from digitseq.json_fields import parse_json
from digitseq.plan import check_recipe
from digitseq.recipe import Recipe
from digitseq.splits import SPLITS
from digitseq.storage.base import Storage
from digitseq.storage.inputs import read_input
from digitseq.storage.local import LocalStorage
from digitseq.storage.open_storage import is_url, open_storage

_MOST_MISSING = 1_000  # shards; a dataset that lacks more is refused


def open_subject(path: str | Path, open_glyphs: OpenGlyphs, glyphs_at_hand: OpenGlyphs) -> Subject:
    """
    Open what a path or URL refers to.

    Args:
        path: folder of a dataset or of one of its splits, recipe file, image, or URL of a dataset.
        open_glyphs: opens the glyphs of a recipe.
        glyphs_at_hand: opens the glyphs of a dataset or image without using the network; most checks do not
            need them.

    Raises:
        FormatError: the path is not something that can be inspected.
    """
    if isinstance(path, str) and is_url(path):
        return _open_dataset(open_storage(path), glyphs_at_hand)
    path = home_path(path, "what")
    with system_errors(FormatError, f"{path} cannot be read"):
        if path.is_dir():
            return _open_folder(path, glyphs_at_hand)
        if not path.exists():
            raise FormatError(f"{path}: no such file or folder")
        if path.suffix.lower() in {find_format(name).suffix for name in FORMATS} - IMAGE_SUFFIXES:
            raise FormatError(
                f"{path}: expected a dataset folder, found one of its files",
                hint="pass the folder that contains dataset.json",
            )
        if path.suffix.lower() == ".json":
            return _open_json(path, open_glyphs, glyphs_at_hand)
        return _open_image(path, glyphs_at_hand) or open_picture(path, glyphs_at_hand)


def _at_hand(recipe: Recipe, digest: str, glyphs_at_hand: OpenGlyphs) -> GlyphSet | None:
    """Return the glyphs of a dataset, if they are available and match its digest."""
    with suppress(DigitSeqError):
        glyphs = glyphs_at_hand(recipe)
        return glyphs if glyphs.digest == digest else None
    return None


def _open_dataset(storage: Storage, glyphs_at_hand: OpenGlyphs) -> Subject:
    """Open a dataset that has a manifest."""
    manifest = finished_manifest(storage)
    name, recipe = storage.where(), manifest.recipe
    folder = storage.root if isinstance(storage, LocalStorage) else None
    glyphs = _at_hand(recipe, manifest.digest, glyphs_at_hand)
    splits: list[SplitImages] = []
    problems: list[Problem] = []
    _need_most_shards(storage, manifest)
    for own, place in zip(recipe.by_split(), manifest.places, strict=True):
        if not manifest.form.stands_alone:
            splits.append(StoredSplit(DatasetSplit(own, place, manifest.form, storage)))
        elif storage.exists(place.folder + METADATA):
            splits.append(
                FolderSplit(
                    storage,
                    *(place.folder, place.folder, own.split, own, len(own)),
                    *(place.flat, place.masks, place.parts),
                )
            )
        else:
            images = counted(len(own), "image")
            told = f"{place.folder}{METADATA}: missing, so its {images} cannot be inspected"
            problems.append(("split", told))
    if not splits:
        raise FormatError(
            f"{name}: {problems[0][1]}", hint="run the same `digitseq batch` command again to write it"
        )
    return Subject(name, "dataset", splits, recipe, problems, folder, glyphs)


def _need_most_shards(storage: Storage, manifest: Manifest) -> None:
    """Refuse a dataset with so many missing shards that the report would mostly list them."""
    promised = sum(place.shards for place in manifest.places)
    if promised <= _MOST_MISSING:
        return
    names = storage.files()
    there = sum(len(manifest.form.shards_there(storage, place, names)) for place in manifest.places)
    if promised - there > _MOST_MISSING:
        raise FormatError(
            f"{storage.where()}: {promised - there:,} of its {promised:,} shards are missing",
            hint="run the same `digitseq batch` command again to write them",
        )


def _open_folder(path: Path, glyphs_at_hand: OpenGlyphs) -> Subject:
    storage = LocalStorage(path)
    if storage.exists(MANIFEST):
        return _open_dataset(storage, glyphs_at_hand)
    if storage.exists(UNFINISHED):
        raise FormatError(f"the dataset in {path} is not finished", hint=RESUME_BATCH)
    above = path.resolve().parent
    if storage.exists(METADATA) or (above / MANIFEST).is_file():
        return _open_split(path, above, glyphs_at_hand)
    folders = [name for name in SPLITS if (path / name / METADATA).is_file()]
    if not folders:
        raise FormatError(f"{path}: not a digitseq dataset ({MANIFEST} and {METADATA} are missing)")
    found = [without_recipe(path, f"{name}/", f"{name}/", name) for name in folders]
    return Subject(str(path), "dataset", [*found], None, [_NO_MANIFEST], path)


_NO_MANIFEST = ("manifest", f"{MANIFEST}: missing, so images cannot be compared with their recipe")


def _open_split(path: Path, above: Path, glyphs_at_hand: OpenGlyphs) -> Subject:
    """Open a folder of images without a manifest: one split of a dataset, or a dataset that lost it."""
    if (above / MANIFEST).is_file():
        whole = _open_folder(above, glyphs_at_hand)
        for split in whole.splits:
            folder = split.folder if isinstance(split, FolderSplit) else f"{split.split}/"
            if above / folder == path.resolve():
                own = replace(split, prefix="") if isinstance(split, FolderSplit) else split
                others = tuple(f"{other.split}/" for other in whole.splits if other is not split)
                return replace(
                    whole, name=str(path), splits=[own], recipe=split.recipe, problems=[], left_out=others
                )
    if not (path / METADATA).is_file():
        raise FormatError(f"{path}: not a digitseq dataset ({MANIFEST} and {METADATA} are missing)")
    split = without_recipe(path, "", "", "all")
    return Subject(str(path), "dataset", [split], None, [_NO_MANIFEST], path)


def _open_image(path: Path, glyphs_at_hand: OpenGlyphs) -> Subject | None:
    """Open an image of a dataset together with its metadata; None if it belongs to no dataset."""
    path = path.resolve()
    above = [place.parent for place in path.parents[:2] if place.name == "images"]
    if not above or not (above[0] / METADATA).is_file():
        return None
    folder = above[0]
    subject = _open_folder(folder, glyphs_at_hand)
    for split in subject.splits:
        inside = isinstance(split, FolderSplit) and (subject.folder or folder) / split.folder == folder
        if inside and path.stem.isdigit():
            name = path.relative_to(folder).as_posix()
            texts = LocalStorage(folder).lines(METADATA, MOST_LINE)
            lines = [line for line, text in enumerate(texts) if f'"{name}"' in text]
            for row in split.rows(np.array(lines[:1], np.int64)):
                one = PictureSplit(path, split.split, split.recipe, row)
                return replace(
                    subject, name=str(path), kind="image", splits=[one], recipe=split.recipe, problems=[]
                )
    return None


def _is_stored(folder: Path, manifest: Manifest) -> bool:
    """Return whether a folder has files of a format that stores many images per file."""
    return not manifest.form.stands_alone and any(map(manifest.owns, LocalStorage(folder).files()))


# --- Recipes --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RecipeSplit:
    """A split of a recipe; images are rendered on demand."""

    split: str
    recipe: Recipe
    glyphs: GlyphSet
    prefix: str

    def __len__(self) -> int:
        return len(self.recipe)

    def name(self, number: int) -> str:
        """Return the name of an image: its number, after the split if there are several."""
        return f"{self.prefix}{number}"

    def leftovers(self) -> list[Problem]:
        """Return no problems."""
        return []

    def image(self, number: int) -> UInt8Array | None:
        """Render one image, uint8 (28, width)."""
        return next(draw_batches(self.recipe, self.glyphs, np.array([number], np.int64))).images[0]

    def mask(self, number: int) -> UInt8Array | None:
        """Return no mask."""
        return None

    def rows(self, chosen: IntArray | None) -> Iterator[Row]:
        """Yield all images, or those with the chosen numbers."""
        chosen = np.arange(len(self), dtype=np.int64) if chosen is None else chosen
        for batch in draw_batches(self.recipe, self.glyphs, chosen):
            boxes, glyphs = batch.boxes.tolist(), batch.origins.tolist()
            for row, (label, image) in enumerate(zip(batch.labels, batch.images, strict=True)):
                size, number = len(label), int(chosen[batch.first + row])
                yield Row(number, label, image, boxes[row][:size], glyphs[row][:size], [])


def open_recipe(recipe: Recipe, name: str, open_glyphs: OpenGlyphs) -> Subject:
    """
    Open a recipe; its images are rendered, not read.

    Args:
        recipe: recipe to render.
        name: name of the subject.
        open_glyphs: opens the glyphs of the recipe.
    """
    glyphs = open_glyphs(recipe)
    splits: list[SplitImages] = []
    for own in recipe.by_split():
        check_recipe(own, glyphs.choose(own.split))
        prefix = f"{own.split}/" if recipe.splits else ""
        splits.append(RecipeSplit(own.split, own, glyphs.choose(own.split), prefix))
    return Subject(name, "recipe", splits, recipe, glyphs=glyphs)


def _open_json(path: Path, open_glyphs: OpenGlyphs, glyphs_at_hand: OpenGlyphs) -> Subject:
    try:
        data = parse_json(read_input(path, MOST_BYTES))
    except ValueError as error:
        raise FormatError(f"{path}: not JSON ({error})") from error
    if path.name == MANIFEST and isinstance(data, dict):
        manifest = read_manifest(LocalStorage(path.parent))
        folders = [] if manifest is None else [path.parent / split.folder for split in manifest.splits]
        is_stored = manifest is not None and _is_stored(path.parent, manifest)
        if is_stored or any((folder / METADATA).is_file() for folder in folders):
            return _open_folder(path.parent, glyphs_at_hand)
    recipe = data.get("recipe", data) if isinstance(data, dict) else data
    try:
        made = Recipe.from_dict(recipe)
    except ArgumentError as error:
        raise FormatError(f"{path}: not a recipe or dataset.json ({error.problem})") from error
    subject = open_recipe(made, str(path), open_glyphs)
    source = data.get("source")
    recorded = source.get("digest") if isinstance(source, dict) else None
    if recorded is not None and subject.glyphs is not None and recorded != subject.glyphs.digest:
        told = f"they are drawn from {subject.glyphs.name!r}, whose glyphs differ from those of the dataset"
        warn(f"{path} has no images; {told}", SourceWarning)
    return subject
