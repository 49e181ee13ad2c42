"""Read predictions of a model from CSV or JSONL, and match them to the images."""

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

from digitseq.checks import as_int, collection, counted, home_path, short
from digitseq.errors import FormatError, system_errors
from digitseq.inspection.table import Table
from digitseq.storage.inputs import open_input
from digitseq.storage.open_folder import open_regular

_NAMES = ("filename", "file_name", "file", "image", "path", "name")
_INDEX = ("index", "idx", "id", "number", "", "unnamed: 0")  # the last two are the unnamed index of pandas
_TEXTS = ("prediction", "predictions", "predicted", "pred", "predicted_text", "text", "output")
_CONFIDENCES = ("confidence", "score", "probability", "prob", "conf")
_LONGEST = 10_000  # characters of one prediction
_LONGEST_LINE = 1 << 17  # characters
_PIECE = 1 << 16
_MOST_PIPED = 1 << 32  # bytes, spooled to disk


@dataclass(frozen=True)
class Predictions:
    """
    Predictions of a model, in the order of a table.

    Attributes:
        name: file name, or "predictions".
        texts: predicted text per image; None if there is no prediction.
        confidences: confidence per image; None if there is none.
    """

    name: str
    texts: list[str | None]
    confidences: list[float | None]


Given: TypeAlias = str | Path | Sequence[str | None] | Mapping[str, str | None] | Mapping[int, str | None]
"""Accepted forms of predictions: a file, a sequence of texts, or a mapping from name or index to text."""


class Entry(NamedTuple):
    """
    One prediction.

    Attributes:
        where: file and line, for messages.
        line: line number, from 1.
        key: file name or index of the image.
        text: predicted text.
        confidence: confidence of the model; None if there is none.
    """

    where: str
    line: int
    key: str | int
    text: str
    confidence: float | None


def entries_of(predictions: Given) -> tuple[str, Iterable[Entry]]:
    """
    Convert any accepted form of predictions to entries.

    Args:
        predictions: a file, a sequence of texts in image order (None where there is no prediction), or a
            mapping from file name or index to text.

    Returns:
        Name for messages, and one entry per prediction.

    Raises:
        FormatError: a prediction is invalid.
    """
    if isinstance(predictions, str | Path):
        return str(predictions), PredictionsFile(home_path(predictions, "predictions"))
    if isinstance(predictions, Mapping):
        pairs: Iterable[tuple[Any, Any]] = predictions.items()
    else:
        pairs = enumerate(collection("predictions", predictions, "strings"))
    entries = []
    for place, (given, text) in enumerate(pairs, 1):
        index = as_int(given)
        key = given if index is None else index
        if text is not None:
            where = f"predictions, image {short(key)}"
            entries.append(_entry(where, place, index is not None, key, text, None))
    return "predictions", entries


class PredictionsFile:
    """
    A file of predictions: CSV with a header, or one JSON object per line.

    It is read line by line on every iteration, so files of any length fit into memory.
    """

    def __init__(self, path: Path) -> None:
        """
        Open a file and check all of its lines.

        Args:
            path: regular file or pipe.

        Raises:
            FormatError: the file is invalid; the message names the line.
        """
        import tempfile

        self._path = path
        with system_errors(FormatError, f"{path} cannot be read"), open_input(path) as file:
            self._spool: IO[bytes] | None = None
            if not file.seekable():  # a pipe can be read only once
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
        Yield one entry per prediction.

        Raises:
            FormatError: a line is invalid; the message names it.
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
            stack.callback(text.detach)  # keep the wrapper from closing the file
            lines = _lines(self._path, text)
            read = _json_rows if _is_json(self._path, start) else _csv_rows
            for line, *row in read(self._path, lines):
                yield _entry(f"{self._path}, line {line}", line, *row)


def _lines(path: Path, text: TextIOWrapper) -> Iterator[str]:
    """Yield the lines of a file; raise FormatError if one is too long or not UTF-8."""
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
    Match predictions to images.

    Args:
        name: name of the file, for messages.
        entries: predictions.
        table: images.
        partial: allow images without a prediction.

    Returns:
        Predictions in the order of the images.

    Raises:
        FormatError: an image is unknown, or has two predictions or none; the message names the line.
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
                f"{entry.where}: {table.name(image)} already has a prediction, in line {lines[image]}"
            )
        lines[image], texts[image], confidences[image] = entry.line, entry.text, entry.confidence
    if (lacking := lines.count(0)) and not (partial and lacking < len(table)):
        first = next((table.name(image) for image in range(len(table)) if not lines[image]), "")
        raise FormatError(
            f"{name}: no prediction for {lacking:,} of {counted(len(table), 'image')}; the first is {first}",
            hint="pass split=NAME to inspect one split, or partial=True to score the images with predictions",
        )
    return Predictions(name, texts, confidences)


_EXPECTED = "expected a filename (or index) column and a prediction column"
Cells = tuple[int, bool, Any, Any, Any]
"""Line, whether the image is identified by index, file name or index, prediction, confidence."""


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
            raise FormatError(f"{path}, line 1: duplicate column {short(twice[0])}")
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
            found = json.loads(part)  # accepts NaN, which pandas and Python write
        if not isinstance(found, dict):
            hint = "in pandas, write the file with to_json(orient='records', lines=True)"
            raise FormatError(
                f"{path}, line {line}: expected one JSON object per line, got {short(part.strip())}",
                hint=hint if isinstance(found, list) else "",
            )
        indexed, image, prediction, confidence = _columns(path, line, list(found))
        yield line, indexed, found[image], found[prediction], found.get(confidence)


def _columns(path: Path, line: int, header: list[str]) -> tuple[bool, str, str, str]:
    """Return whether images have an index, and the columns of image, prediction and confidence (if any)."""
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
        hint = 'numbers lose leading zeros; write "0042"' if isinstance(text, int | float) else ""
        raise FormatError(f"{where}: expected the prediction as text, got {short(text)}", hint=hint)
    if len(text) > _LONGEST:
        raise FormatError(
            f"{where}: expected a prediction of at most {_LONGEST:,}, got {len(text):,} characters"
        )
    if indexed and isinstance(key, str) and _is_number(key.strip()):
        key = int(key)
    if type(key) is not int and (indexed or not isinstance(key, str)):
        kind = "an index" if indexed else "a file name"
        raise FormatError(f"{where}: expected {kind}, got {short(key)}")
    return Entry(where, line, key, text.strip(), _confidence(where, confidence))


class _Images:
    """
    Lookup of images by file name or index.

    A name may omit leading folders, if it stays unambiguous, or start with the path of the dataset.
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
        """Return the image; None if it belongs to a split that is not inspected."""
        count = len(self._table)
        if isinstance(key, int):
            if 0 <= key < count:
                return key
            raise FormatError(f"{where}: there is no image {key}; images are numbered 0 to {count - 1}")
        name = key.replace("\\", "/").removeprefix("./")
        for before in self._before:
            for end in ("", ".png"):  # keys of samples in shards have no suffix
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
            raise FormatError(
                f"{where}: {short(key)} is ambiguous: {names}", hint="pass split=NAME to choose one"
            )
        if _is_number(key):
            return self.find(where, int(key))
        first = self._table.name(0) if count else "missing"
        raise FormatError(f"{where}: {short(key)} is not one of the images; the first is {first}")

    @cached_property
    def _ends(self) -> dict[str, list[int]]:
        """Names without some leading folders → at most two images with that ending."""
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
    if isinstance(value, float) and isnan(value):  # written as NaN by Python and pandas
        return None
    raise FormatError(f"{where}: expected a number as confidence, got {short(value)}")
