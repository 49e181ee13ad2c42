"""The images of a page: their pixels in sprites, and what is known about each."""

import json
from base64 import b64encode
from typing import Any

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.glyphs.tiles import SIDE
from digitseq.inspection.charts import Chart, bar_names, members
from digitseq.inspection.findings import faults_of_images
from digitseq.inspection.measure_gaps import Seen
from digitseq.inspection.report import Report
from digitseq.inspection.scores import NONE, NOTHING, OTHER, Mistake
from digitseq.png import encode_png

_SPRITE_ROWS = 2_800  # px: 100 images of a dataset
_SPRITE_PIXELS = 1_000_000  # approximate; larger sprites could overshoot _BYTES by far
_BYTES = 11_000_000  # all sprites and the metadata of their images
_LONGEST_PX = 4_096  # larger images are cropped to their top left part
_GAPS = 200  # per image
_TEXT = 200  # characters of a prediction or a fault
_LABEL = 4_000  # characters
_COLUMNS = NONE + 1  # of the confusion matrix


class Sprites:
    """
    Images stacked vertically in PNG files, as data URLs, and their masks in others.

    Attributes:
        is_full: whether the page has as many images as it should have.
    """

    def __init__(self) -> None:
        self.is_full = False
        self._done: list[tuple[str, str]] = []
        self._rows: list[UInt8Array] = []
        self._masks: list[UInt8Array | None] = []
        self._size = 0

    def add(self, image: UInt8Array, mask: UInt8Array | None) -> list[int]:
        """
        Add an image.

        Returns:
            The number of its sprite, its first row there and its height.
        """
        if sum(map(len, self._rows)) >= _SPRITE_ROWS or sum(row.size for row in self._rows) > _SPRITE_PIXELS:
            self._finish()
        place = [len(self._done), sum(map(len, self._rows)), len(image)]
        self._rows.append(image)
        self._masks.append(mask)
        return place

    def weigh(self, item: dict[str, Any]) -> None:
        """Count the size of an image's metadata."""
        self._size += len(json.dumps(item))
        # The images that are not encoded yet take about a third of their pixels.
        self.is_full = self._size + sum(row.size for row in self._rows) // 3 > _BYTES

    def finished(self) -> tuple[list[str], list[str]]:
        """Return the sprites, and those of the masks, "" for a sprite without masks."""
        if self._rows:
            self._finish()
        return [image for image, _ in self._done], [mask for _, mask in self._done]

    def _finish(self) -> None:
        masks = [
            np.zeros_like(row) if mask is None or mask.shape != row.shape else mask
            for row, mask in zip(self._rows, self._masks, strict=True)
        ]
        has_masks = any(mask is not None for mask in self._masks)
        self._done.append((_sprite(self._rows), _sprite(masks) if has_masks else ""))
        self._size += sum(map(len, self._done[-1]))
        self._rows, self._masks = [], []


def _sprite(rows: list[UInt8Array]) -> str:
    sheet = np.zeros((sum(map(len, rows)), max(row.shape[1] for row in rows)), np.uint8)
    top = 0
    for row in rows:
        sheet[top : top + len(row), : row.shape[1]] = row
        top += len(row)
    return "data:image/png;base64," + b64encode(encode_png(sheet)).decode()


class Items:
    """What is known about the images of a page, from one report."""

    def __init__(
        self, report: Report, images: IntArray, charts: list[list[Chart]], series: int, first: int = 0
    ) -> None:
        """
        Look up which images belong to which bars and findings.

        Args:
            report: the report.
            images: int (images,), the images on the page, as indices into the report's table.
            charts: the charts of all reports on the page.
            series: which of these reports it is.
            first: number of its first finding on the page.
        """
        self._report = report
        self._faults = faults_of_images(report.table)
        self._wrong = {} if report.scores is None else {m.image: m for m in report.scores.mistakes}
        places = {key: {name: n for n, name in enumerate(names)} for key, names in bar_names(charts).items()}
        self._bars = {
            chart.key + ".b" * series: {
                image: [places[chart.key][chart.bars[bar].name] for bar in bars]
                for image, bars in members(chart, images).items()
            }
            for chart in charts[series]
        }
        self._there = set(images.tolist())
        notes = [] if report.scores is None else report.scores.notes
        self._findings: list[dict[str, Any]] = [
            {"fault": False, "count": 0, "sentence": note, "examples": [], "images": 0} for note in notes
        ]
        self._found: dict[int, list[int]] = {}
        for finding in report.findings:
            here = self._there.intersection(finding.images)
            for image in here:
                self._found.setdefault(image, []).append(first + len(self._findings))
            self._findings.append(finding.to_dict() | {"images": len(here)})

    def findings(self) -> list[dict[str, Any]]:
        """Return the findings, each with the number of its images on the page."""
        return self._findings

    def item(self, image: int, sprites: Sprites) -> dict[str, Any]:
        """Return the metadata of an image as JSON types, and add its pixels to the sprites."""
        table = self._report.table
        pixels = table.pixels(image)
        shown = np.zeros((SIDE, SIDE), np.uint8) if pixels is None else pixels[:_LONGEST_PX, :_LONGEST_PX]
        mask = None if pixels is None else table.mask(image)
        item = {"at": sprites.add(shown, None if mask is None else mask[:_LONGEST_PX, :_LONGEST_PX])}
        item |= self._facts(image, shown.shape[1]) | {"missing": pixels is None}
        sprites.weigh(item)
        return item

    def _facts(self, image: int, width: int) -> dict[str, Any]:
        table = self._report.table
        digits = slice(int(table.first[image]), int(table.first[image + 1]))
        boxes = table.boxes[digits]
        measured = table.seen[digits] == Seen.MEASURED
        # Measured spacing, or the spacing of the recipe where it could not be measured.
        gaps = [
            px if known else None
            for px, known in zip(
                np.where(measured, table.seen_px[digits], table.drawn_px[digits]).tolist(),
                (measured | table.is_drawn[digits]).tolist(),
                strict=True,
            )
        ]
        return {
            "name": table.name(image),
            "label": table.labels[image][:_LABEL],
            "digits": len(table.labels[image]),
            "split": table.subject.splits[int(table.split[image])].split,
            "w": width,
            "width": int(table.width_px[image]),
            "boxes": [box for box in boxes.tolist() if 0 <= box[0] < width],
            "gaps": gaps[:-1][:_GAPS],
            "room": min((gap for gap in gaps[:-1] if gap is not None), default=None),
            "ink": round(float(table.ink[image]), 5),
            "extent": int(table.right_px[image] - table.left_px[image]),
            "effects": {
                n: round(float(v[image]), 4) for n, v in table.strengths.items() if not np.isnan(v[image])
            },
            "faults": [_cut(fault) for fault in self._faults.get(image, [])[:5]],
            "views": [],
            "only": "",
        } | self.reading(image)

    def reading(self, image: int) -> dict[str, Any]:
        """Return what the model read in an image, and the bars and findings that the image belongs to."""
        scores, mistake = self._report.scores, self._wrong.get(image)
        read = None if scores is None else scores.texts[image]
        inside = {key: bars[image] for key, bars in self._bars.items() if image in bars}
        if image in self._found:
            inside["finding"] = self._found[image]
        if read is not None:
            inside["confusion"] = _cells(self._report.table.labels[image], mistake)
        return {
            "in": inside,
            "read": None if read is None else _cut(read),
            "confidence": None if scores is None else scores.confidences[image],
            "wrong": mistake is not None,
            "errors": 0 if mistake is None else mistake.errors,
            "above": "" if mistake is None else _cut(mistake.above),
            "below": "" if mistake is None else _cut(mistake.below),
        }


def _cells(label: str, mistake: Mistake | None) -> list[int]:
    """Return the cells of the confusion matrix that a reading counts in: 12 · row + column."""
    above, below = (label, label) if mistake is None else (mistake.above, mistake.below)
    cells = set()
    for true, read in zip(above, below, strict=True):
        row = NOTHING if true == " " else int(true)
        column = NONE if read == " " else int(read) if read in "0123456789" else OTHER
        cells.add(_COLUMNS * row + column)
    return sorted(cells)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}…"
