"""
Label files with one line per image: labels and boxes in the formats that common readers expect.

One table defines them, for writing and for checking.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np

from digitseq.batches import Sample
from digitseq.checks import counted
from digitseq.dataset.formats.base import Checker
from digitseq.dataset.formats.coco_rle import coco_rle
from digitseq.dataset.formats.stored_image import facts_json, value_difference
from digitseq.dataset.shards import Place
from digitseq.glyphs.tiles import SIDE
from digitseq.json_fields import parse_json

if TYPE_CHECKING:
    from digitseq.storage.base import Storage

_MOST_LINES = 2  # longest line, in multiples of an image's metadata: COCO has all its boxes in one line
LABELS, METADATA = "labels.csv", "metadata.jsonl"


def image_name(place: Place, number: int) -> str:
    """Return the name of an image in its split."""
    return place.numbered("images", number, ".png")


class Section(NamedTuple):
    """
    A section of a label file, with one line per image.

    Attributes:
        start: the text before the first line.
        line: returns the line of an image, including its line ending.
    """

    start: str
    line: Callable[[Sample, Place], str]


class LineFile(NamedTuple):
    """
    A label file.

    Attributes:
        name: its name.
        sections: its sections, one after the other.
        end: the text after the last line.
    """

    name: str
    sections: tuple[Section, ...]
    end: str = ""


def _between(sample: Sample, place: Place) -> str:
    """Return what follows an entry in JSON."""
    return "\n" if sample.number == place.images - 1 else ",\n"


def _doctr(sample: Sample, place: Place) -> str:
    name = image_name(place, sample.number).removeprefix("images/")
    return f' "{name}": "{sample.label}"{_between(sample, place)}'


def _coco_image(sample: Sample, place: Place) -> str:
    size = f'"width": {sample.image.shape[1]}, "height": {SIDE}'
    names = f'"file_name": "{image_name(place, sample.number)}", {size}, "label": "{sample.label}"'
    return f'  {{"id": {sample.number}, {names}}}{_between(sample, place)}'


def _coco_boxes(sample: Sample, place: Place) -> str:
    # Ids follow from the image and the position in its label, so that no shard needs to know the others. They
    # start at 1, because pycocotools takes annotation 0 for none.
    first = sample.number * place.longest + 1
    boxes = (
        f'{{"id": {first + position}, "image_id": {sample.number}, "category_id": {int(digit) + 1}, '
        f'"bbox": {box}, {_coco_area(sample, position)}, "iscrowd": 0}}'
        for position, (digit, box) in enumerate(zip(sample.label, sample.boxes, strict=True))
    )
    return f"  {', '.join(boxes)}{_between(sample, place)}"


def _coco_area(sample: Sample, position: int) -> str:
    """Return the area of a digit's box; with masks, the area and run lengths of its pixels."""
    if sample.mask is None:
        return f'"area": {sample.boxes[position][2] * sample.boxes[position][3]}'
    own = sample.mask == position + 1
    size = f"[{SIDE}, {sample.mask.shape[1]}]"
    counts = json.dumps(coco_rle(own))
    return f'"area": {np.count_nonzero(own)}, "segmentation": {{"size": {size}, "counts": {counts}}}'


_CATEGORIES = ", ".join(f'{{"id": {digit + 1}, "name": "{digit}"}}' for digit in range(10))

ALWAYS = (
    LineFile(LABELS, (Section("filename,label\n", lambda s, p: f"{image_name(p, s.number)},{s.label}\n"),)),
    LineFile(METADATA, (Section("", lambda s, p: facts_json(s, image_name(p, s.number)) + "\n"),)),
)
LINE_FILES = {
    "paddle": LineFile("gt.txt", (Section("", lambda s, p: f"{image_name(p, s.number)}\t{s.label}\n"),)),
    "paddle-width": LineFile(
        "gt_width.txt",
        (Section("", lambda s, p: f"{image_name(p, s.number)}\t{s.label}\t{s.image.shape[1]}\t{SIDE}\n"),),
    ),
    "doctr": LineFile("labels.json", (Section("{\n", _doctr),), "}\n"),
    "coco": LineFile(
        "coco.json",
        (
            Section(f'{{\n "categories": [{_CATEGORIES}],\n "images": [\n', _coco_image),
            Section(' ],\n "annotations": [\n', _coco_boxes),
        ),
        " ]\n}\n",
    ),
}
"""Those of `LABEL_FILES` with one line per image; `TEXT_FILES` have one file per image."""


def line_files(place: Place) -> list[LineFile]:
    """Return the label files of a split that have one line per image."""
    files = LINE_FILES | ({"easyocr": EASYOCR_FLAT} if place.flat else {})
    return [*ALWAYS, *(files[name] for name in place.labels if name in files)]


class Lines:
    """Collects the lines of a shard's images, section by section."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._sections = [(section.line, list[str]()) for f in line_files(place) for section in f.sections]

    def add(self, sample: Sample) -> None:
        """Add the lines of the next image."""
        for line, lines in self._sections:
            lines.append(line(sample, self._place))

    def sections(self) -> list[bytes]:
        """Return the lines of each section."""
        return ["".join(lines).encode("ascii") for _, lines in self._sections]


class Assembly:
    """Assembles the lines of all shards in open files."""

    def __init__(self, place: Place, files: Sequence[IO[bytes]], later: Sequence[IO[bytes]]) -> None:
        """
        Write the start of each section.

        Args:
            place: the split.
            files: one file for each of `line_files`.
            later: one empty file for each section that is not the first of its label file.
        """
        self._kinds, self._files = line_files(place), files
        remaining = iter(later)
        self._outs = [
            file if position == 0 else next(remaining)
            for kind, file in zip(self._kinds, files, strict=True)
            for position in range(len(kind.sections))
        ]
        starts = (section.start for kind in self._kinds for section in kind.sections)
        for out, start in zip(self._outs, starts, strict=True):
            out.write(start.encode("ascii"))

    @staticmethod
    def later(place: Place) -> int:
        """Return the number of sections that are not the first of their label file."""
        return sum(len(kind.sections) - 1 for kind in line_files(place))

    def add(self, data: bytes, sizes: Sequence[int]) -> None:
        """Add a shard's sections, which follow each other in ``data`` with these sizes."""
        start = 0
        for out, size in zip(self._outs, sizes, strict=True):
            out.write(data[start : start + size])
            start += size

    def end(self) -> None:
        """Append the later sections and the ends of the files."""
        import shutil

        outs = iter(self._outs)
        for kind, file in zip(self._kinds, self._files, strict=True):
            for _ in kind.sections:
                if (out := next(outs)) is not file:
                    out.seek(0)
                    shutil.copyfileobj(out, file)
            file.write(kind.end.encode("ascii"))


class LineChecker(Checker):
    """Compares label files with their expected content, line by line, ignoring line endings."""

    def __init__(self, storage: "Storage", place: Place) -> None:
        self._place = place
        self._sections: list[tuple[str, Section, Iterator[tuple[int, str]]]] = []
        self._ends: list[tuple[str, str, Iterator[tuple[int, str]]]] = []
        self._problems: list[str] = []
        for kind in line_files(place):
            name, begin = place.folder + kind.name, 0
            if not storage.exists(name):
                continue  # reported with the missing files
            where = storage.where(name)
            for section in kind.sections:
                # Each section is read separately, so that all are at the same image.
                texts = storage.lines(name, _MOST_LINES * place.most_facts)
                lines = islice(enumerate(map(_bare, texts), 1), begin, None)
                self._expect(where, section.start.splitlines(), lines)
                self._sections.append((where, section, lines))
                begin += section.start.count("\n") + place.images
            self._ends.append((where, kind.end, lines))

    def _expect(self, where: str, wanted: list[str], lines: Iterator[tuple[int, str]]) -> None:
        for line in wanted:
            number, there = next(lines, (0, None))
            if there != line:
                self._problems.append(f"{where}: {_at(number)}: expected {line}, found {_shown(there)}")

    def check(self, sample: Sample) -> Iterator[str]:
        yield from self._problems
        self._problems.clear()
        for where, section, lines in self._sections:
            number, there = next(lines, (0, None))
            wanted = _bare(section.line(sample, self._place))
            if there != wanted:
                yield f"{where}: {_at(number)}: {_difference(there, wanted)}"

    def skip(self, images: int) -> None:
        for _, _, lines in self._sections:
            deque(islice(lines, images), maxlen=0)

    def end(self) -> Iterator[str]:
        for where, end, lines in self._ends:
            self._expect(where, end.splitlines(), lines)
            if next(lines, None) is not None:
                self._problems.append(
                    f"{where}: more lines than expected for {counted(self._place.images, 'image')}"
                )
        yield from self._problems


def _bare(line: str) -> str:
    return line.rstrip("\r\n")


def _at(number: int) -> str:
    return f"line {number}" if number else "at the end"


def _shown(line: str | None) -> str:
    return "nothing" if line is None else line.strip()[:80]


def _difference(found: str | None, expected: str) -> str:
    """Describe how two lines differ; if they are JSON, name the first field that differs."""
    try:
        there, wanted = parse_json(found or ""), parse_json(expected)
        name = next(key for key in wanted if there.get(key) != wanted[key])
        return value_difference(name, there.get(name), wanted[name])
    except (ValueError, AttributeError, StopIteration):
        return f"expected {_shown(expected)}, found {_shown(found)}"


def yolo_lines(sample: Sample) -> bytes:
    """Return the boxes of an image for YOLO: class, centre and size, relative to the image's size."""
    width = sample.image.shape[1]
    return "".join(
        f"{digit} {(x + w / 2) / width:.6f} {(y + h / 2) / SIDE:.6f} {w / width:.6f} {h / SIDE:.6f}\n"
        for digit, (x, y, w, h) in zip(sample.label, sample.boxes, strict=True)
    ).encode("ascii")


class TextFile(NamedTuple):
    """
    A text file beside each image.

    Attributes:
        kind: the folder of such files.
        suffix: what follows the number of the image in its name.
        content: returns its content.
    """

    kind: str
    suffix: str
    content: Callable[[Sample], bytes]


TEXT_FILES = {
    # YOLO looks for the boxes of an image in labels/, beside images/.
    "yolo": TextFile("labels", ".txt", yolo_lines),
    "kraken": TextFile("images", ".gt.txt", lambda sample: sample.label.encode("ascii")),
}
"""Those of `LABEL_FILES` with one file per image."""


def text_files(place: Place) -> list[TextFile]:
    """Return the text files that each image of a split has."""
    return [file for name, file in TEXT_FILES.items() if name in place.labels]


def has_words(place: Place) -> bool:
    """Return whether every folder of images has a label file of its own, which EasyOCR's trainer reads."""
    return "easyocr" in place.labels and not place.flat


def words_name(place: Place, shard: int) -> str:
    """Return the name of the label file in a folder of images."""
    return f"{place.folder_of('images', shard)}/{LABELS}"


def words_line(sample: Sample) -> str:
    """Return the line of an image in the label file of its folder."""
    return f"{sample.number:06d}.png,{sample.label}\n"


WORDS_START = "filename,words\n"
EASYOCR_FLAT = LineFile(f"images/{LABELS}", (Section(WORDS_START, lambda s, _: words_line(s)),))


def shared_files(places: list[Place]) -> dict[str, bytes]:
    """Return the files that a dataset has once: name → content."""
    files = {}
    if "yolo" in places[0].labels:
        files["data.yaml"] = yolo_settings(places)
    if "paddle-width" in places[0].labels:
        files["digits.txt"] = b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"  # PaddleOCR's dictionary
    return files


def yolo_settings(places: list[Place]) -> bytes:
    """Return the data.yaml that tells YOLO's trainer where the images are."""
    folders = {place.split: f"{place.folder}images" for place in places}
    first = next(iter(folders.values()))
    lines = [f"train: {folders.get('train', first)}", f"val: {folders.get('validation', first)}"]
    if "test" in folders:
        lines.append(f"test: {folders['test']}")
    names = [f'  {digit}: "{digit}"' for digit in range(10)]
    return "\n".join([*lines, "names:", *names, ""]).encode("ascii")
