"""
Read the images that a folder lists, whatever the state of its files.

`folder.py` writes such folders and reads them strictly, by number. This module reads whatever exists, with or
without a manifest: the lines of metadata.jsonl, the labels in labels.csv, and the PNG files that they name.
"""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from digitseq.arrays import UInt8Array
from digitseq.dataset.formats.label_files import LABELS, METADATA, image_name
from digitseq.dataset.formats.stored_image import Facts, facts_from
from digitseq.dataset.shards import Place
from digitseq.errors import FormatError
from digitseq.glyphs.tiles import SIDE
from digitseq.json_fields import parse_json
from digitseq.png import decode_png

if TYPE_CHECKING:
    from digitseq.storage.base import Storage

_AT_ONCE = 250  # images that are fetched together if that is faster
_NUMBER = re.compile(r"(\d{6,})\.png")
Read = Callable[[str], bytes | None]


class Listed(NamedTuple):
    """
    One line of metadata.jsonl, and the image that it names.

    Attributes:
        line: number of the line, from 0.
        name: the file name in the line; "" if the line cannot be parsed.
        number: number of the image.
        facts: the metadata of the image; None if the line cannot be parsed.
        image: uint8 (height, width); None if it is missing or damaged.
        problem: what is wrong with the image; "" if nothing.
    """

    line: int
    name: str
    number: int
    facts: Facts | None
    image: UInt8Array | None
    problem: str


@dataclass(frozen=True)
class FolderListing:
    """
    A folder of images with metadata.jsonl and labels.csv.

    Attributes:
        storage: where it is.
        folder: its path there, with a trailing "/", or "".
        place: limits on the length of its lines and the width of its images.
    """

    storage: "Storage"
    folder: str
    place: Place

    def images(self, count: int, chosen: Collection[int] | None) -> Iterator[Listed]:
        """
        Yield the images that metadata.jsonl lists.

        Args:
            count: maximum number of lines to read.
            chosen: numbers of the lines to read, from 0; None reads all.

        Raises:
            FormatError: metadata.jsonl is missing or cannot be read.
        """
        texts = self.storage.lines(self.folder + METADATA, self.place.most_facts)
        lines = (line for line in enumerate(islice(texts, count)) if chosen is None or line[0] in chosen)
        while some := list(islice(lines, _AT_ONCE)):
            names = [self.folder + image_name(self.place, line) for line, _ in some]
            read = self.storage.reader(names, self.place.most_png)
            for line, text in some:
                name, facts = _parsed(text)
                found = _NUMBER.search(name)
                number = int(found[1]) if found and image_name(self.place, int(found[1])) == name else line
                yield Listed(line, name, number, facts, *self._image(read, number))

    def image(self, number: int) -> UInt8Array | None:
        """Return one image, uint8 (height, width); None if it is missing or damaged."""
        return self._image(self.storage.reader([], self.place.most_png), number)[0]

    def mask(self, number: int) -> UInt8Array | None:
        """Return the instance mask of one image, uint8 (height, width); None if missing or damaged."""
        with suppress(FormatError):
            name = self.folder + self.place.numbered("masks", number, ".png")
            data = self.storage.read(name, self.place.most_png)
            return None if data is None else decode_png(data, self.place.widest_px)
        return None

    def labels(self, count: int) -> tuple[dict[str, str] | None, list[str]]:
        """
        Read labels.csv.

        Args:
            count: maximum number of rows to read.

        Returns:
            File name → label, or None if there is no labels.csv; and its problems, as texts that follow its
            name.
        """
        if not self.storage.exists(self.folder + LABELS):
            return None, [": missing"]
        labels: dict[str, str] = {}
        problems = []
        rows = csv.reader(self.storage.lines(self.folder + LABELS, self.place.most_facts))
        try:
            next(rows, None)
            for row in islice(rows, count):
                if len(row) != 2 or row[0] in labels:
                    found = ",".join(row)[:80]
                    problems.append(f" line {rows.line_num}: expected one label for one image, found {found}")
                else:
                    labels[row[0]] = row[1]
        except csv.Error as error:
            problems.append(f" line {rows.line_num}: not CSV ({error})")
        return labels, problems

    def _image(self, read: Read, number: int) -> tuple[UInt8Array | None, str]:
        try:
            data = read(self.folder + image_name(self.place, number))
        except FormatError as error:
            return None, f"cannot be read ({error.problem.rpartition(': ')[2]})"
        if data is None:
            return None, "missing"
        image = decode_png(data, self.place.widest_px)
        if image is None:  # another program may have re-encoded the same pixels
            image, problem = _decode_any(data, self.place.widest_px)
            if image is None or problem:
                return image, problem
        return (image, "") if len(image) == SIDE else (None, f"expected height {SIDE} px, found {len(image)}")


def _parsed(text: str) -> tuple[str, Facts | None]:
    try:
        parsed = parse_json(text)
        return str(parsed["file_name"]), facts_from(parsed)
    except (ValueError, KeyError, TypeError):
        return "", None


def _decode_any(data: bytes, widest_px: int) -> tuple[UInt8Array | None, str]:
    from PIL import Image

    if data.startswith(b"\x89PNG") and b"IEND" not in data[-12:]:
        return None, "damaged or cut off"  # Pillow would accept it
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            if picture.width * picture.height > 4 * SIDE * (widest_px + 1):
                return None, f"too large, {picture.width} × {picture.height} px"
            if picture.mode != "L":
                return None, f"expected 8-bit greyscale, found mode {picture.mode}"
            return np.asarray(picture), ""
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None, "damaged or cut off"
