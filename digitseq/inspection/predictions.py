"""Predictions of a model, read from CSV or JSONL and matched with the images."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from digitseq.errors import FormatError, system_errors
from digitseq.inspection.table import Table

_NAMES = ("filename", "file_name", "file", "image", "path", "name")
_INDEX = ("index", "idx", "id", "number")
_TEXTS = ("prediction", "predicted", "pred", "predicted_text", "text", "output")
_CONFIDENCES = ("confidence", "score", "probability", "prob", "conf")
_LONGEST = 100_000  # characters of one prediction


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


def read_predictions(path: Path, table: Table, *, partial: bool = False) -> Predictions:
    """
    Predictions from a file.

    CSV with a header, or one JSON object a line. One column names the image (its file name, or its index
    among the images looked at, from 0), one the predicted digits, and one, if there is one, the confidence.

    Args:
        path: the file.
        table: the images.
        partial: some images may have no prediction.

    Returns:
        The predictions in the order of the table.

    Raises:
        FormatError: it is not such a file, an image is not there, has two predictions or none; the sentence
            names the line.
    """
    with system_errors(FormatError, f"{path} cannot be read"):
        data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(f"{path}, line {line}: not UTF-8 (byte 0x{data[error.start]:02x})") from None
    if not text.strip():
        raise FormatError(f"{path}: empty; {_EXPECTED}")
    rows = _json_rows(path, text) if _is_json(path, text) else _csv_rows(path, text)
    return _matched(path, rows, table, partial)


_EXPECTED = "expected a column filename (or index) and a column prediction"


def _is_json(path: Path, text: str) -> bool:
    if path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        return True
    return path.suffix.lower() not in (".csv", ".tsv") and text.lstrip().startswith("{")


Entry = tuple[int, Any, Any, Any]
"""Line, name or index, prediction, confidence."""


def _csv_rows(path: Path, text: str) -> Iterator[Entry]:
    delimiter = "\t" if "\t" in text.split("\n", 1)[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 0
    try:
        header = [cell.strip() for cell in next(reader)]
        image, prediction, confidence = _columns(path, 1, header)
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if not cells:
                continue
            if len(cells) != len(header):
                raise FormatError(f"{path}, line {line}: expected {len(header)} cells, got {len(cells)}")
            found = dict(zip(header, cells, strict=True))
            yield line, found[image], found[prediction], found.get(confidence)
    except csv.Error as error:
        raise FormatError(f"{path}, line {line}: not CSV ({error})") from None


def _json_rows(path: Path, text: str) -> Iterator[Entry]:
    for line, part in enumerate(text.split("\n"), 1):
        if not part.strip():
            continue
        try:
            found = json.loads(part)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise FormatError(
                f"{path}, line {line}: expected one JSON object a line, got {part.strip()[:60]}"
            )
        image, prediction, confidence = _columns(path, line, list(found))
        yield line, found[image], found[prediction], found.get(confidence)


def _columns(path: Path, line: int, header: list[str]) -> tuple[str, str, str]:
    """The columns of the image, the prediction and the confidence (nothing: there is none)."""
    lower = {name.lower(): name for name in reversed(header)}

    def pick(*names: str) -> str | None:
        return next((lower[name] for name in names if name in lower), None)

    image, text = pick(*_NAMES, *_INDEX), pick(*_TEXTS)
    if image is None or text is None:
        shown = ", ".join(header)[:80]
        raise FormatError(f"{path}, line {line}: {_EXPECTED}, got {shown}")
    return image, text, pick(*_CONFIDENCES) or ""


def _matched(path: Path, rows: Iterator[Entry], table: Table, partial: bool) -> Predictions:
    images = _Images(table)
    texts: list[str | None] = [None] * len(table)
    confidences: list[float | None] = [None] * len(table)
    lines: dict[int, int] = {}
    for line, key, text, confidence in rows:
        where = f"{path}, line {line}"
        image = images.find(where, key)
        if image in lines:
            raise FormatError(
                f"{where}: {table.name(image)} has a prediction already, in line {lines[image]}"
            )
        if not isinstance(text, str):
            raise FormatError(
                f"{where}: expected the prediction as text, got {json.dumps(text)[:40]}",
                hint='a number has lost its leading zeros; write "0042"',
            )
        if len(text) > _LONGEST:
            raise FormatError(f"{where}: the prediction has {len(text):,} characters")
        lines[image], texts[image] = line, text.strip()
        confidences[image] = _confidence(where, confidence)
    if not lines:
        raise FormatError(f"{path}: no predictions, only a header")
    if (lacking := len(table) - len(lines)) and not partial:
        first = table.name(next(image for image in range(len(table)) if image not in lines))
        raise FormatError(
            f"{path}: {lacking:,} of {len(table):,} images have no prediction, the first {first}",
            hint="--split names the split they are for; --partial scores those that are there",
        )
    return Predictions(str(path), texts, confidences)


class _Images:
    """
    Finds the image that a file name or an index means.

    A name may lack the folders that are the same for all images, or have the dataset's own before it.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names = {table.name(image): image for image in range(len(table))}
        folder = Path(table.subject.name)
        self._before = ("./", f"{folder.as_posix()}/", f"{folder.absolute().as_posix()}/")

    def find(self, where: str, key: Any) -> int:
        if isinstance(key, str):
            for before in ("", *self._before):
                if key.startswith(before) and (image := self._names.get(key[len(before) :])) is not None:
                    return image
        number = key if type(key) is int else int(key) if isinstance(key, str) and _is_number(key) else None
        if number is not None:
            if 0 <= number < len(self._table):
                return number
            last = len(self._table) - 1
            raise FormatError(
                f"{where}: there is no image {number}; the {len(self._table):,} images are 0 to {last}"
            )
        found = self._ends.get(key, []) if isinstance(key, str) else []
        if len(found) == 1:
            return found[0]
        shown = json.dumps(key)[:80]
        if found:
            names = " or ".join(self._table.name(image) for image in found)
            raise FormatError(f"{where}: {shown} could be {names}", hint="--split names the split")
        raise FormatError(f"{where}: {shown} is not among the images, the first is {self._table.name(0)}")

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
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(value, bool) or number != number or number in (float("inf"), float("-inf")):
        raise FormatError(f"{where}: expected a number as confidence, got {json.dumps(value)[:40]}")
    return number
