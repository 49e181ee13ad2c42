"""Predictions of a model: read from CSV or JSONL, and matched with the images."""

import csv
import json
from array import array
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from io import TextIOWrapper
from itertools import chain, count
from math import isfinite, isnan
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

from digitseq.checks import counted, home_path, short
from digitseq.errors import FormatError, system_errors
from digitseq.inspection.table import Table
from digitseq.storage.inputs import open_input
from digitseq.storage.open_folder import open_regular

_NAMES = ("filename", "file_name", "file", "image", "path", "name")
_INDEX = ("index", "idx", "id", "number", "", "unnamed: 0")  # the last two are how pandas writes its own
_TEXTS = ("prediction", "predictions", "predicted", "pred", "predicted_text", "text", "output")
_CONFIDENCES = ("confidence", "score", "probability", "prob", "conf")
_LONGEST = 10_000  # characters of one prediction
_LONGEST_LINE = 1 << 17  # characters
_PIECE = 1 << 16
_MOST_PIPED = 1 << 32  # bytes, on the disk


@dataclass(frozen=True)
class Predictions:
    """
    What a model read.

    Attributes:
        name: the file.
        texts: one for each image of the table, in its order; None where there is none.
        confidences: likewise; None where none was given.
    """

    name: str
    texts: list[str | None]
    confidences: list[float | None]


Given: TypeAlias = str | Path | Sequence[str | None] | Mapping[str, str | None] | Mapping[int, str | None]
"""Predictions as somebody has them."""


class Entry(NamedTuple):
    """
    One line of a file of predictions.

    Attributes:
        where: the file and the line, for messages.
        line: its number, from 1.
        key: the image's name, or its index.
        text: what was read.
        confidence: of the model, or None.
    """

    where: str
    line: int
    key: str | int
    text: str
    confidence: float | None


def entries_of(predictions: Given) -> tuple[str, Iterable[Entry]]:
    """
    Predictions as somebody has them.

    Args:
        predictions: a file; or texts in the order of the images, None where there is none; or file name or
            index → text.

    Returns:
        What to call them, and one entry for each.

    Raises:
        FormatError: something in it is not a prediction.
    """
    if isinstance(predictions, str | Path):
        return str(predictions), PredictionsFile(home_path(predictions))
    pairs = predictions.items() if isinstance(predictions, Mapping) else enumerate(predictions)
    entries = [
        _entry(f"predictions, image {short(key)}", place, isinstance(key, int), key, text, None)
        for place, (key, text) in enumerate(pairs, 1)
        if text is not None
    ]
    return "predictions", entries


class PredictionsFile:
    """
    A file of predictions: CSV with a header, or one JSON object per line.

    It is read line by line, each time that somebody goes through it, so its length does not matter.
    """

    def __init__(self, path: Path) -> None:
        """
        Open it, and make sure that all of it can be read.

        Args:
            path: a regular file or a pipe.

        Raises:
            FormatError: it is not such a file; the sentence names the line.
        """
        import tempfile

        self._path = path
        with system_errors(FormatError, f"{path} cannot be read"), open_input(path) as file:
            self._spool: IO[bytes] | None = None
            if not file.seekable():  # a pipe can be read once
                spool = tempfile.TemporaryFile()  # noqa: SIM115 - kept
                size = 0
                while piece := file.read(_PIECE):
                    size += spool.write(piece)
                    if size > _MOST_PIPED:
                        raise FormatError(f"{path}: expected at most {_MOST_PIPED:,} bytes from a pipe")
                self._spool = spool
        if not sum(1 for _ in self):
            raise FormatError(f"{path}: no predictions, only a header")

    def __iter__(self) -> Iterator[Entry]:
        """
        Its lines.

        Raises:
            FormatError: one of them is not a prediction; the sentence names it.
        """
        with ExitStack() as stack:
            if self._spool is None:
                with system_errors(FormatError, f"{self._path} cannot be read"):
                    file: IO[bytes] = stack.enter_context(open_regular(self._path))
            else:
                file = self._spool
                file.seek(0)
            start = file.read(_PIECE)
            file.seek(0)
            if not start.removeprefix(BOM_UTF8).strip():
                raise FormatError(f"{self._path}: empty; {_EXPECTED}")
            text = TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
            stack.callback(text.detach)  # the file is not the wrapper's to close
            lines = _lines(self._path, text)
            read = _json_rows if _is_json(self._path, start) else _csv_rows
            for line, *row in read(self._path, lines):
                yield _entry(f"{self._path}, line {line}", line, *row)


def _lines(path: Path, text: TextIOWrapper) -> Iterator[str]:
    """Lines of a file, which are UTF-8 and not endless."""
    for number in count(1):
        line = text.readline(_LONGEST_LINE)
        if not line:
            return
        if len(line) == _LONGEST_LINE:
            raise FormatError(f"{path}, line {number}: the line is longer than {_LONGEST_LINE:,} characters")
        if not line.isascii() and (wrong := next((c for c in line if "\udc80" <= c <= "\udcff"), "")):
            raise FormatError(f"{path}, line {number}: not UTF-8 (byte 0x{ord(wrong) - 0xDC00:02x})")
        yield line.removeprefix("\ufeff") if number == 1 else line


def match_predictions(
    name: str, entries: Iterable[Entry], table: Table, *, partial: bool = False
) -> Predictions:
    """
    Predictions in the order of the images.

    Args:
        name: of the file, for messages.
        entries: its lines.
        table: the images.
        partial: some images may have no prediction.

    Raises:
        FormatError: an image is not there, has two predictions or none; the sentence names the line.
    """
    images = _Images(table)
    texts: list[str | None] = [None] * len(table)
    confidences: list[float | None] = [None] * len(table)
    lines = array("q", bytes(8 * len(table)))
    for entry in entries:
        image = images.find(entry.where, entry.key)
        if image is None:
            continue
        if lines[image]:
            raise FormatError(
                f"{entry.where}: {table.name(image)} has a prediction already, in line {lines[image]}"
            )
        lines[image], texts[image], confidences[image] = entry.line, entry.text, entry.confidence
    if (lacking := lines.count(0)) and not (partial and lacking < len(table)):
        first = next((table.name(image) for image in range(len(table)) if not lines[image]), "")
        raise FormatError(
            f"{name}: {lacking:,} of {counted(len(table), 'image')} without a prediction, the first {first}",
            hint="--split names the split they are for; --partial scores those that are there",
        )
    return Predictions(name, texts, confidences)


_EXPECTED = "expected a column filename (or index) and a column prediction"
Cells = tuple[int, bool, Any, Any, Any]
"""Line, whether the image is told by its index, name or index, prediction, confidence."""


def _is_json(path: Path, start: bytes) -> bool:
    if path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        return True
    return path.suffix.lower() not in (".csv", ".tsv") and start.removeprefix(BOM_UTF8).lstrip()[:1] == b"{"


def _csv_rows(path: Path, lines: Iterator[str]) -> Iterator[Cells]:
    head = next(lines, "")
    delimiter = max(",\t;", key=head.count)
    reader = csv.reader(chain([head], lines), delimiter=delimiter, strict=True)
    line = 1
    try:
        header = [cell.strip() for cell in next(reader)]
        twice = [name for name in header if header.count(name) > 1]
        if twice:
            raise FormatError(f"{path}, line 1: the column {short(twice[0])} occurs twice")
        indexed, image, prediction, confidence = _columns(path, 1, header)
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if not cells:
                continue
            if len(cells) != len(header):
                raise FormatError(
                    f"{path}, line {line}: expected {counted(len(header), 'cell')}, got {len(cells)}"
                )
            found = dict(zip(header, cells, strict=True))
            yield line, indexed, found[image], found[prediction], found.get(confidence)
    except csv.Error as error:
        raise FormatError(f"{path}, line {line}: not CSV ({error})") from None


def _json_rows(path: Path, lines: Iterator[str]) -> Iterator[Cells]:
    for line, part in enumerate(lines, 1):
        if not part.strip():
            continue
        found = None
        with suppress(ValueError, RecursionError):
            found = json.loads(part)  # pandas and Python write NaN
        if not isinstance(found, dict):
            hint = "pandas writes such a file with to_json(orient='records', lines=True)"
            raise FormatError(
                f"{path}, line {line}: expected one JSON object a line, got {short(part.strip())}",
                hint=hint if isinstance(found, list) else "",
            )
        indexed, image, prediction, confidence = _columns(path, line, list(found))
        yield line, indexed, found[image], found[prediction], found.get(confidence)


def _columns(path: Path, line: int, header: list[str]) -> tuple[bool, str, str, str]:
    """Whether images are told by index, and the columns of image, prediction and confidence (or nothing)."""
    lower = {name.lower(): name for name in reversed(header)}

    def pick(*names: str) -> str | None:
        return next((lower[name] for name in names if name in lower), None)

    name, index, text = pick(*_NAMES), pick(*_INDEX), pick(*_TEXTS)
    image = index if name is None else name
    if image is None or text is None:
        shown = ", ".join(map(short, header[:6]))
        raise FormatError(f"{path}, line {line}: {_EXPECTED}, got {shown}")
    return name is None, image, text, pick(*_CONFIDENCES) or "\0"  # no column has this name


def _entry(where: str, line: int, indexed: bool, key: Any, text: Any, confidence: Any) -> Entry:
    if not isinstance(text, str):
        hint = 'a number has lost its leading zeros; write "0042"' if isinstance(text, int | float) else ""
        raise FormatError(f"{where}: expected the prediction as text, got {short(text)}", hint=hint)
    if len(text) > _LONGEST:
        raise FormatError(f"{where}: the prediction has {len(text):,} characters")
    if indexed and isinstance(key, str) and _is_number(key.strip()):
        key = int(key)
    if type(key) is not int and (indexed or not isinstance(key, str)):
        kind = "an index" if indexed else "a file name"
        raise FormatError(f"{where}: expected {kind}, got {short(key)}")
    return Entry(where, line, key, text.strip(), _confidence(where, confidence))


class _Images:
    """
    Finds the image that a file name or an index means.

    A name may lack the folders that are the same for all images, or have the dataset's own before it.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names = {table.name(image): image for image in range(len(table))}
        self._before: tuple[str, ...] = ("",)
        if (folder := table.subject.folder) is not None:
            own = Path(table.subject.name)
            whole = {f"{path.as_posix()}/" for path in (folder, own, folder.absolute(), own.absolute())}
            self._before = ("", f"{own.name}/", *sorted(whole))

    def find(self, where: str, key: str | int) -> int | None:
        """The image; None if it is of a split that is not looked at."""
        count = len(self._table)
        if isinstance(key, int):
            if 0 <= key < count:
                return key
            raise FormatError(f"{where}: there is no image {key}; images are numbered 0 to {count - 1}")
        name = key.replace("\\", "/").removeprefix("./")
        for before in self._before:
            for end in ("", ".png"):  # the keys of samples in shards have no end
                own = name[len(before) :] + end
                if name.startswith(before) and (image := self._names.get(own)) is not None:
                    return image
            if any(name.startswith(before + other) for other in self._table.subject.left_out):
                return None
        found = self._ends.get(name, [])
        if len(found) == 1:
            return found[0]
        if found:
            names = " or ".join(self._table.name(image) for image in found)
            raise FormatError(f"{where}: {short(key)} could be {names}", hint="--split names the split")
        if _is_number(key):
            return self.find(where, int(key))
        first = self._table.name(0) if count else "missing"
        raise FormatError(f"{where}: {short(key)} is not among the images, the first is {first}")

    @cached_property
    def _ends(self) -> dict[str, list[int]]:
        """Names without some of their folders → at most two images."""
        ends: dict[str, list[int]] = {}
        for name, image in self._names.items():
            parts = name.split("/")
            for start in range(1, len(parts)):
                there = ends.setdefault("/".join(parts[start:]), [])
                if len(there) < 2:
                    there.append(image)
        return ends


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


def _confidence(where: str, value: Any) -> float | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "nan", "none", "null")):
        return None
    number = float("nan")
    if not isinstance(value, bool):
        with suppress(TypeError, ValueError, OverflowError):
            number = float(value)
    if isfinite(number):
        return number
    if isinstance(value, float) and isnan(value):  # JSON of Python and pandas
        return None
    raise FormatError(f"{where}: expected a number as confidence, got {short(value)}")
