"""A path or a recipe → what is to be looked at."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.batches import draw_batches
from digitseq.checks import counted, home_path
from digitseq.dataset.formats.label_files import LABELS, METADATA, image_name
from digitseq.dataset.formats.stored_image import facts_from
from digitseq.dataset.manifest import (
    MANIFEST,
    MOST_BYTES,
    UNFINISHED,
    Manifest,
    finished_manifest,
    read_manifest,
)
from digitseq.dataset.read import DatasetPart
from digitseq.dataset.shards import Place
from digitseq.errors import DigitSeqError, FormatError, system_errors
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.tiles import SIDE
from digitseq.inspection.dataset_images import StoredPart, checked
from digitseq.inspection.images import OpenGlyphs, Part, Problem, Row, Subject
from digitseq.inspection.picture import PicturePart, open_picture
from digitseq.json_fields import parse_json
from digitseq.plan import check_recipe
from digitseq.png import decode_png
from digitseq.recipe import MAX_DIGITS, MAX_WIDTH_PX, SPLITS, Recipe
from digitseq.storage.base import Storage
from digitseq.storage.inputs import read_input
from digitseq.storage.local import LocalStorage
from digitseq.storage.open import is_url, open_storage

_SHARDS = (".tar", ".parquet", ".npz", ".mdb")
_MOST_LINE = 1 << 25  # bytes of a line: the longest label has 65,536 digits
_MOST_MISSING = 1_000  # shards; of a dataset that lacks more, nothing is shown
_AT_ONCE = 250  # images that are fetched together, where that is quicker
Read = Callable[[str], bytes | None]
_NUMBER = re.compile(r"(\d{6,})\.png")


def open_subject(path: str | Path, open_glyphs: OpenGlyphs, glyphs_at_hand: OpenGlyphs) -> Subject:
    """
    What lies at a path.

    Args:
        path: the folder of a dataset or of one of its splits, a file with a recipe, an image; or the URL of a
            dataset.
        open_glyphs: opens the glyphs of a recipe.
        glyphs_at_hand: likewise, without a network: datasets and pictures tell most without them.

    Raises:
        FormatError: there is nothing to look at.
    """
    if isinstance(path, str) and is_url(path):
        return _open_dataset(open_storage(path), glyphs_at_hand)
    path = home_path(path)
    with system_errors(FormatError, f"{path} cannot be read"):
        if path.is_dir():
            return _open_folder(path, glyphs_at_hand)
        if not path.exists():
            raise FormatError(f"{path}: no such file or folder")
        if path.suffix.lower() in _SHARDS:
            raise FormatError(f"{path}: a part of a dataset", hint="name the folder with its dataset.json")
        if path.suffix.lower() == ".json":
            return _open_json(path, open_glyphs, glyphs_at_hand)
        return _open_image(path, glyphs_at_hand) or open_picture(path, glyphs_at_hand)


def _most_png(widest_px: int) -> int:
    return Place("", "", 0, 0, widest_px=widest_px).most_png


# --- Datasets -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FolderPart:
    """A split of a dataset in a folder. The metadata's lines say which images there are."""

    storage: Storage
    folder: str
    prefix: str
    split: str
    recipe: Recipe | None
    count: int
    _leftovers: list[Problem] = field(default_factory=list)

    def __len__(self) -> int:
        return self.count

    def name(self, number: int) -> str:
        """The file name of an image, or its number."""
        return self.prefix + image_name(number)

    def image(self, number: int) -> UInt8Array | None:
        """The pixels of one image, as stored."""
        read = self.storage.reader([], _most_png(self._widest_px))
        return _read_image(read, self.folder + image_name(number), self._widest_px)[0]

    @property
    def _most_line(self) -> int:
        longest = MAX_DIGITS if self.recipe is None else self.recipe.longest
        return Place("", "", 0, longest).most_facts

    @property
    def _widest_px(self) -> int:
        return MAX_WIDTH_PX if self.recipe is None else self.recipe.widest_px

    def rows(self, chosen: IntArray | None) -> Iterator[Row]:
        """All images, or some."""
        wanted = None if chosen is None else set(chosen.tolist())
        self._leftovers.clear()
        labels = _read_labels(
            self.storage,
            self.folder + LABELS,
            f"{self.prefix}{LABELS}",
            self._leftovers,
            self.count + 1,
            self._most_line,
        )
        seen: set[str] = set()
        texts = self.storage.lines(self.folder + METADATA, self._most_line)
        lines = enumerate(islice(texts, self.count + 1))
        chosen_lines = (line for line in lines if wanted is None or line[0] in wanted)
        while some := list(islice(chosen_lines, _AT_ONCE)):
            names = [self.folder + image_name(line) for line, _ in some]
            read = self.storage.reader(names, _most_png(self._widest_px))
            for line, text in some:
                yield self._row(line, text, labels, seen, read)
        more = [] if labels is None or wanted is not None else [name for name in labels if name not in seen]
        if more:
            told = (
                f"{counted(len(more), 'line')} for images that are not in {METADATA}: {', '.join(more[:3])}"
            )
            self._leftovers.append(("label", f"{self.prefix}{LABELS}: {told}"))

    def leftovers(self) -> list[Problem]:
        """What is wrong with the part as a whole."""
        return self._leftovers

    def _row(self, line: int, text: str, labels: dict[str, str] | None, seen: set[str], read: Read) -> Row:
        where = f"{METADATA} line {line + 1}"
        try:
            parsed = parse_json(text)
            name = str(parsed["file_name"])
            facts = facts_from(parsed)
        except (ValueError, KeyError, TypeError):
            name, facts = "", None
        label, boxes, glyphs, problems = checked(facts, where)
        found = _NUMBER.search(name)
        number = int(found[1]) if found and image_name(int(found[1])) == name else line
        if name and name != image_name(number):
            problems.append(("metadata", f"{where}: expected {image_name(number)}, found {name[:80]}"))
        if labels is not None and name:
            seen.add(name)
            listed = labels.get(name)
            if listed != label:
                said = "has no line for it" if listed is None else f"says {listed[:80]}"
                problems.append(
                    ("label", f"{self.name(number)}: {LABELS} {said}, {METADATA} says {label[:80]}")
                )
        image, problem = _read_image(read, self.folder + image_name(number), self._widest_px)
        if problem:
            problems.append(("file", f"{self.name(number)}: {problem}"))
        return Row(number, label, image, boxes, glyphs, problems)


def _read_labels(
    storage: Storage, path: str, name: str, problems: list[Problem], count: int, most_line: int
) -> dict[str, str] | None:
    """File name → label of so many images and one more; None if there is no such file."""
    if not storage.exists(path):
        problems.append(("file", f"{name}: missing"))
        return None
    labels: dict[str, str] = {}
    rows = csv.reader(storage.lines(path, most_line))
    try:
        next(rows, None)
        for row in islice(rows, count):
            if len(row) != 2 or row[0] in labels:
                found = ",".join(row)[:80]
                problems.append(
                    ("label", f"{name} line {rows.line_num}: not one label of one image: {found}")
                )
            else:
                labels[row[0]] = row[1]
    except csv.Error as error:
        problems.append(("label", f"{name} line {rows.line_num}: not CSV ({error})"))
    return labels


def _read_image(read: Read, name: str, widest_px: int) -> tuple[UInt8Array | None, str]:
    try:
        data = read(name)
    except FormatError as error:
        return None, f"cannot be read ({error.problem.rpartition(': ')[2]})"
    if data is None:
        return None, "missing"
    image = decode_png(data, widest_px)
    if image is None:
        image, problem = _decode_any(data, widest_px)  # another program may have saved the same pixels anew
        if image is None or problem:
            return image, problem
    return (image, "") if len(image) == SIDE else (None, f"{len(image)} px high, not {SIDE}")


def _decode_any(data: bytes, widest_px: int) -> tuple[UInt8Array | None, str]:
    from PIL import Image

    if data.startswith(b"\x89PNG") and b"IEND" not in data[-12:]:
        return None, "damaged or cut off"  # Pillow would forgive it
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            if picture.width * picture.height > 4 * SIDE * (widest_px + 1):
                return None, f"{picture.width} × {picture.height} px, too large"
            if picture.mode != "L":
                return None, f"expected 8-bit greyscale, found the mode {picture.mode}"
            return np.asarray(picture), ""
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None, "damaged or cut off"


def _at_hand(recipe: Recipe, digest: str, glyphs_at_hand: OpenGlyphs) -> GlyphSet | None:
    """The glyphs of a dataset, if they are here and the same."""
    with suppress(DigitSeqError):
        glyphs = glyphs_at_hand(recipe)
        return glyphs if glyphs.digest == digest else None
    return None


def _open_dataset(storage: Storage, glyphs_at_hand: OpenGlyphs) -> Subject:
    """A dataset with its manifest."""
    manifest = finished_manifest(storage)
    name, recipe = storage.where(), manifest.recipe
    folder = storage.root if isinstance(storage, LocalStorage) else None
    glyphs = _at_hand(recipe, manifest.digest, glyphs_at_hand)
    parts: list[Part] = []
    problems: list[Problem] = []
    _need_most_shards(storage, manifest)
    for part, place in zip(recipe.parts(), manifest.places, strict=True):
        if manifest.format != "folder":
            parts.append(StoredPart(DatasetPart(part, place, manifest.form, storage)))
        elif storage.exists(place.folder + METADATA):
            parts.append(FolderPart(storage, place.folder, place.folder, part.split, part, len(part)))
        else:
            images = counted(len(part), "image")
            told = f"{place.folder}{METADATA}: missing, so its {images} cannot be inspected"
            problems.append(("split", told))
    if not parts:
        raise FormatError(f"{name}: {problems[0][1]}", hint="the same `digitseq batch` again writes it anew")
    return Subject(name, "dataset", parts, recipe, problems, folder, glyphs)


def _need_most_shards(storage: Storage, manifest: Manifest) -> None:
    """Refuse a dataset that lacks so many shards that a report would be mostly a list of them."""
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
        hint = "the same `digitseq batch` command again finishes it"
        raise FormatError(f"the dataset in {path} is not finished", hint=hint)
    above = path.resolve().parent
    if storage.exists(METADATA) or (above / MANIFEST).is_file():
        return _open_split(path, above, glyphs_at_hand)
    folders = [name for name in SPLITS if (path / name / METADATA).is_file()]
    if not folders:
        raise FormatError(f"{path}: no dataset here ({MANIFEST} and {METADATA} are missing)")
    found = [_without_recipe(path, f"{name}/", f"{name}/", name) for name in folders]
    return Subject(str(path), "dataset", [*found], None, [_NO_MANIFEST], path)


_NO_MANIFEST = ("manifest", f"{MANIFEST}: missing, so nothing is known of what was wanted")


def _open_split(path: Path, above: Path, glyphs_at_hand: OpenGlyphs) -> Subject:
    """A folder with images that has no manifest: one split of a dataset, or one that has lost it."""
    if (above / MANIFEST).is_file():
        whole = _open_folder(above, glyphs_at_hand)
        for part in whole.parts:
            folder = part.folder if isinstance(part, FolderPart) else f"{part.split}/"
            if above / folder == path.resolve():
                own = replace(part, prefix="") if isinstance(part, FolderPart) else part
                others = tuple(f"{other.split}/" for other in whole.parts if other is not part)
                return replace(
                    whole, name=str(path), parts=[own], recipe=part.recipe, problems=[], left_out=others
                )
    if not (path / METADATA).is_file():
        raise FormatError(f"{path}: no dataset here ({MANIFEST} and {METADATA} are missing)")
    part = _without_recipe(path, "", "", "all")
    return Subject(str(path), "dataset", [part], None, [_NO_MANIFEST], path)


def _open_image(path: Path, glyphs_at_hand: OpenGlyphs) -> Subject | None:
    """An image of a dataset, which knows more of it than the image itself; None if it is of none."""
    path = path.resolve()
    folder = path.parent.parent.parent
    if path.parent.parent.name != "images" or not (folder / METADATA).is_file():
        return None
    subject = _open_folder(folder, glyphs_at_hand)
    for part in subject.parts:
        inside = isinstance(part, FolderPart) and (subject.folder or folder) / part.folder == folder
        if inside and path.stem.isdigit():
            name = image_name(int(path.stem))
            texts = LocalStorage(folder).lines(METADATA, _MOST_LINE)
            lines = [line for line, text in enumerate(texts) if f'"{name}"' in text]
            for row in part.rows(np.array(lines[:1], np.int64)):
                one = PicturePart(path, part.split, part.recipe, row)
                return replace(
                    subject, name=str(path), kind="image", parts=[one], recipe=part.recipe, problems=[]
                )
    return None


def _is_stored(folder: Path, manifest: Manifest) -> bool:
    """Whether files of a dataset that keeps many images in one file are there."""
    return manifest.format != "folder" and any(map(manifest.owns, LocalStorage(folder).files()))


def _without_recipe(path: Path, folder: str, prefix: str, split: str) -> FolderPart:
    storage = LocalStorage(path)
    count = sum(1 for _ in storage.lines(folder + METADATA, _MOST_LINE))
    return FolderPart(storage, folder, prefix, split, None, count)


# --- Recipes --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DrawnPart:
    """A split of a recipe: images that are drawn when they are looked at."""

    split: str
    recipe: Recipe
    glyphs: GlyphSet
    prefix: str

    def __len__(self) -> int:
        return len(self.recipe)

    def name(self, number: int) -> str:
        """The file name of an image, or its number."""
        return f"{self.prefix}{number}"

    def leftovers(self) -> list[Problem]:
        """What is wrong with the part as a whole: nothing."""
        return []

    def image(self, number: int) -> UInt8Array | None:
        """The pixels of one image, as stored."""
        return next(draw_batches(self.recipe, self.glyphs, np.array([number], np.int64))).images[0]

    def rows(self, chosen: IntArray | None) -> Iterator[Row]:
        """All images, or some."""
        chosen = np.arange(len(self), dtype=np.int64) if chosen is None else chosen
        for batch in draw_batches(self.recipe, self.glyphs, chosen):
            boxes, glyphs = batch.boxes.tolist(), batch.origins.tolist()
            for row, (label, image) in enumerate(zip(batch.labels, batch.images, strict=True)):
                size, number = len(label), int(chosen[batch.first + row])
                yield Row(number, label, image, boxes[row][:size], glyphs[row][:size], [])


def open_recipe(recipe: Recipe, name: str, open_glyphs: OpenGlyphs) -> Subject:
    """
    A recipe that was never written.

    Args:
        recipe: what would be drawn.
        name: what to call it.
        open_glyphs: opens its glyphs.
    """
    glyphs = open_glyphs(recipe)
    parts: list[Part] = []
    for part in recipe.parts():
        check_recipe(part, glyphs.choose(part.split))
        prefix = f"{part.split}/" if recipe.splits else ""
        parts.append(DrawnPart(part.split, part, glyphs.choose(part.split), prefix))
    return Subject(name, "recipe", parts, recipe, glyphs=glyphs)


def _open_json(path: Path, open_glyphs: OpenGlyphs, glyphs_at_hand: OpenGlyphs) -> Subject:
    try:
        data = parse_json(read_input(path, MOST_BYTES))
    except ValueError as error:
        raise FormatError(f"{path}: not JSON ({error})") from error
    if path.name == MANIFEST and isinstance(data, dict):
        manifest = read_manifest(LocalStorage(path.parent))
        folders = [] if manifest is None else [path.parent / part.folder for part in manifest.parts]
        is_stored = manifest is not None and _is_stored(path.parent, manifest)
        if is_stored or any((folder / METADATA).is_file() for folder in folders):
            return _open_folder(path.parent, glyphs_at_hand)
    recipe = data.get("recipe", data) if isinstance(data, dict) else data
    return open_recipe(Recipe.from_dict(recipe), str(path), open_glyphs)
