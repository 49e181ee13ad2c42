"""Predictions of a model, read from CSV or JSONL and matched with the images."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
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
    places = {table.name(image): image for image in range(len(table))}
    texts: list[str | None] = [None] * len(table)
    confidences: list[float | None] = [None] * len(table)
    lines: dict[int, int] = {}
    for line, key, text, confidence in rows:
        where = f"{path}, line {line}"
        image = _image(where, key, places, table)
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


def _image(where: str, key: Any, places: dict[str, int], table: Table) -> int:
    """Which image a name or an index means."""
    if isinstance(key, str) and key in places:
        return places[key]
    if isinstance(key, str) and key.startswith("./") and key[2:] in places:
        return places[key[2:]]
    number = key if type(key) is int else int(key) if isinstance(key, str) and key.isdecimal() else None
    if number is not None:
        if 0 <= number < len(table):
            return number
        raise FormatError(
            f"{where}: there is no image {number}; the {len(table):,} images are 0 to {len(table) - 1}"
        )
    ends = [name for name in places if isinstance(key, str) and name.endswith("/" + key)] if key else []
    hint = ""
    if ends:
        hint = f"is it {ends[0]}? --split names the split" if "/" in str(key) else f"is it {ends[0]}?"
    raise FormatError(
        f"{where}: {json.dumps(key)[:80]} is not among the images; the first is {table.name(0)}", hint=hint
    )


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
