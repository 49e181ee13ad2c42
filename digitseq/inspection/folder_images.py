"""Images of a folder of PNG files whose labels are read from labels.csv and metadata.jsonl."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.checks import counted
from digitseq.dataset.formats.label_files import LABELS, METADATA, image_name
from digitseq.dataset.formats.stored_image import facts_from
from digitseq.dataset.shards import Place
from digitseq.errors import FormatError
from digitseq.glyphs.tiles import SIDE
from digitseq.inspection.dataset_images import checked
from digitseq.inspection.images import Problem, Row
from digitseq.json_fields import parse_json
from digitseq.png import decode_png
from digitseq.recipe import MAX_WIDTH_PX, Recipe
from digitseq.sequence import MAX_DIGITS
from digitseq.storage.base import Storage
from digitseq.storage.local import LocalStorage

MOST_LINE = 1 << 25  # bytes of a line: the longest label has 65,536 digits
_AT_ONCE = 250  # images that are fetched together, where that is quicker
Read = Callable[[str], bytes | None]
_NUMBER = re.compile(r"(\d{6,})\.png")


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


def without_recipe(path: Path, folder: str, prefix: str, split: str) -> FolderPart:
    """A split whose dataset.json is lost."""
    storage = LocalStorage(path)
    count = sum(1 for _ in storage.lines(folder + METADATA, MOST_LINE))
    return FolderPart(storage, folder, prefix, split, None, count)
