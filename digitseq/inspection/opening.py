"""A path or a recipe → what is to be looked at."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.dataset.folder import LABELS, METADATA, draw_batches, image_name
from digitseq.dataset.png import decode_png
from digitseq.dataset.reading import MANIFEST, UNFINISHED, read_manifest
from digitseq.errors import FormatError, system_errors
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.tiles import SIDE
from digitseq.inspection.picture import open_picture
from digitseq.inspection.subject import OpenGlyphs, Part, Problem, Row, Subject
from digitseq.plan import check_recipe
from digitseq.recipe import SPLITS, Recipe

_NUMBER = re.compile(r"(\d{6,})\.png")


def open_subject(path: Path, open_glyphs: OpenGlyphs, glyphs_at_hand: OpenGlyphs) -> Subject:
    """
    What lies at a path.

    Args:
        path: the folder of a dataset or of one of its splits, a file with a recipe, or an image.
        open_glyphs: opens the glyphs of a recipe.
        glyphs_at_hand: likewise, without a network: a picture tells most of what it is without them.

    Raises:
        FormatError: there is nothing to look at.
    """
    with system_errors(FormatError, f"{path} cannot be read"):
        if path.is_dir():
            return _open_folder(path)
        if not path.exists():
            raise FormatError(f"{path}: no such file or folder")
        if path.suffix.lower() == ".json":
            return _open_json(path, open_glyphs)
        return open_picture(path, glyphs_at_hand)


# --- Datasets -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FolderPart:
    """A split of a dataset in a folder. The metadata's lines say which images there are."""

    folder: Path
    prefix: str
    split: str
    recipe: Recipe | None
    count: int

    def __len__(self) -> int:
        return self.count

    def name(self, number: int) -> str:
        """The file name of an image, or its number."""
        return self.prefix + image_name(number)

    def image(self, number: int) -> UInt8Array | None:
        """The pixels of one image, as stored."""
        return _read_image(self.folder / image_name(number))[0]

    def rows(self, chosen: IntArray | None) -> Iterator[Row]:
        """All images, or some."""
        wanted = None if chosen is None else set(chosen.tolist())
        with (self.folder / METADATA).open(encoding="utf-8", errors="replace") as file:
            labels = _csv_rows(self.folder / LABELS)
            for line, text in enumerate(file):
                listed = next(labels, None)
                if wanted is None or line in wanted:
                    yield self._row(line, text, listed)

    def _row(self, line: int, text: str, listed: list[str] | None) -> Row:
        problems: list[Problem] = []
        name, expected = "", image_name(line)
        try:
            facts = json.loads(text)
            name, label = str(facts["file_name"]), facts["label"]
            boxes, glyphs = facts["objects"]["bbox"], facts.get("glyphs", [])
            whole = isinstance(label, str) and all(len(box) == 4 for box in boxes)
            if (
                not whole
                or len(boxes) != len(label)
                or facts["objects"]["categories"] != list(map(int, label))
            ):
                problems.append(("boxes", f"{METADATA} line {line + 1}: label, boxes and categories differ"))
                boxes, glyphs, label = [], [], str(label)
        except (ValueError, KeyError, TypeError, AttributeError):
            problems.append(("metadata", f"{METADATA} line {line + 1}: not what digitseq writes"))
            label, boxes, glyphs = "", [], []
        number = line
        if name and name != expected:
            problems.append(
                ("metadata", f"{METADATA} line {line + 1}: expected {expected}, found {name[:80]}")
            )
            found = _NUMBER.search(name)
            number = int(found[1]) if found and image_name(int(found[1])) == name else line
        if listed != [name, label]:
            problems.append(("label", _label_difference(line, name, label, listed)))
        image, problem = _read_image(self.folder / image_name(number))
        if problem:
            problems.append(("file", f"{self.name(number)}: {problem}"))
        return Row(number, label, image, boxes, glyphs, problems)


def _label_difference(line: int, name: str, label: str, listed: list[str] | None) -> str:
    found = "nothing" if listed is None else ",".join(listed)[:80]
    return f"{LABELS} line {line + 2} says {found}, {METADATA} {name},{label[:80]}"


def _csv_rows(path: Path) -> Iterator[list[str]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file)
        try:
            next(rows, None)
            yield from rows
        except csv.Error:
            return  # every following image is told to be missing there


def _read_image(path: Path) -> tuple[UInt8Array | None, str]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None, "missing"
    except OSError as error:
        return None, f"cannot be read ({error.strerror})"
    image = decode_png(data)
    if image is None:
        return None, "damaged or cut off, or not written by digitseq"
    return (image, "") if len(image) == SIDE else (None, f"{len(image)} px high, not {SIDE}")


def _open_folder(path: Path) -> Subject:
    if (path / MANIFEST).is_file():
        manifest = read_manifest(path / MANIFEST)
        recipe = Recipe.from_dict(manifest["recipe"])
        parts: list[Part] = []
        problems: list[Problem] = []
        for part, entry in zip(recipe.parts(), manifest["parts"], strict=True):
            folder = path / entry["folder"]
            if (folder / METADATA).is_file():
                parts.append(FolderPart(folder, entry["folder"], part.split, part, len(part)))
            else:
                problems.append(("file", f"{entry['folder']}{METADATA}: missing"))
        if not parts:
            raise FormatError(
                f"{path}: {problems[0][1]}", hint="the same `digitseq batch` again writes it anew"
            )
        return Subject(str(path), "dataset", parts, recipe, problems)
    if (path / UNFINISHED).exists():
        hint = "the same `digitseq batch` command again finishes it"
        raise FormatError(f"the dataset in {path} is not finished", hint=hint)
    if (path / METADATA).is_file():
        return _open_split(path)
    folders = [name for name in SPLITS if (path / name / METADATA).is_file()]
    if not folders:
        raise FormatError(f"{path}: no dataset here ({MANIFEST} and {METADATA} are missing)")
    found = [_without_recipe(path / name, f"{name}/", name) for name in folders]
    return Subject(str(path), "dataset", [*found], None, [_NO_MANIFEST])


_NO_MANIFEST = ("manifest", f"{MANIFEST}: missing, so nothing is known of what was wanted")


def _open_split(path: Path) -> Subject:
    """A folder with images that has no manifest: one split of a dataset, or one that has lost it."""
    above = path.absolute().parent
    if (above / MANIFEST).is_file():
        whole = _open_folder(above)
        for part in whole.parts:
            if isinstance(part, FolderPart) and part.folder.absolute() == path.absolute():
                return Subject(str(path), "dataset", [replace(part, prefix="")], part.recipe)
    return Subject(str(path), "dataset", [_without_recipe(path, "", "all")], None, [_NO_MANIFEST])


def _without_recipe(folder: Path, prefix: str, split: str) -> Part:
    with (folder / METADATA).open("rb") as file:
        count = sum(1 for _ in file)
    return FolderPart(folder, prefix, split, None, count)


# --- Recipes --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DrawnPart:
    """A split of a recipe: images that are drawn when they are looked at."""

    split: str
    recipe: Recipe
    glyphs: GlyphSet

    def __len__(self) -> int:
        return len(self.recipe)

    def name(self, number: int) -> str:
        """The file name of an image, or its number."""
        return str(number)

    def image(self, number: int) -> UInt8Array | None:
        """The pixels of one image, as stored."""
        return next(draw_batches(self.recipe, self.glyphs, np.array([number]))).images[0]

    def rows(self, chosen: IntArray | None) -> Iterator[Row]:
        """All images, or some."""
        chosen = np.arange(len(self)) if chosen is None else chosen
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
        parts.append(DrawnPart(part.split, part, glyphs.choose(part.split)))
    return Subject(name, "recipe", parts, recipe)


def _open_json(path: Path, open_glyphs: OpenGlyphs) -> Subject:
    try:
        data = json.loads(path.read_bytes())
    except ValueError as error:
        raise FormatError(f"{path}: not JSON ({error})") from error
    if path.name == MANIFEST and isinstance(data, dict):
        folders = [path.parent / part["folder"] for part in read_manifest(path)["parts"]]
        if any((folder / METADATA).is_file() for folder in folders):
            return _open_folder(path.parent)
    recipe = data.get("recipe", data) if isinstance(data, dict) else data
    return open_recipe(Recipe.from_dict(recipe), str(path), open_glyphs)
