"""
Write reports as self-contained HTML pages that need no network.

Python embeds the data as JSON, page.js builds the page, and page.css styles it. Images are joined into
sprites, because decoding thousands of separate images would be slow.
"""

import html
import json
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.checks import counted, home_path, integer
from digitseq.glyphs.tiles import SIDE
from digitseq.inspection.findings import faults_of_images
from digitseq.inspection.measure_gaps import Seen
from digitseq.inspection.output import check_output, write_beside
from digitseq.inspection.report import Report
from digitseq.inspection.scores import Mistake
from digitseq.inspection.selection import Choice, choose
from digitseq.png import encode_png
from digitseq.version import __version__

_SPRITE_ROWS = 2_800  # px: 100 images of a dataset
_SPRITE_PIXELS = 1_000_000  # approximate; larger sprites could overshoot _BYTES by far
_BYTES = 11_000_000  # all sprites and the metadata of their images
_LONGEST_PX = 4_096  # larger images are cropped to their top left part
_HEAT_COLUMNS = 256
_GAPS = 200  # per image
_FAULTY = 400  # maximum number of faulty images shown first
_SEQUENCES = 20  # of a recipe
_TEXT = 200  # characters of a prediction or a fault
_LABEL = 4_000  # characters


def write_page(
    report: Report,
    path: str | Path,
    *,
    images: int = 2_000,
    choice: Choice | None = None,
    force: bool = False,
) -> Path:
    """
    Write a report as an HTML page: one file that needs no network.

    Args:
        report: report on the images.
        path: output file.
        images: maximum number of images on the page; fewer if they would take more than about 11 MB.
        choice: images to show; None for a random sample with seed 0. With predictions, up to half of the
            sample are the worst errors.
        force: replace an existing file.

    Returns:
        The path.

    Raises:
        OutputError: the file exists or cannot be written.
        ArgumentError: no image matches the choice.
    """
    path = home_path(path)
    check_output(path, "html", force=force)
    data = make_page(report, images, choice or Choice())
    return write_beside(report, path, lambda file: file.write(data), force)


def make_page(report: Report, count: int, wanted: Choice) -> bytes:
    """
    Build the HTML page of a report.

    Args:
        report: report on the images.
        count: maximum number of images on the page.
        wanted: which images.

    Returns:
        HTML, encoded as UTF-8.

    Raises:
        ArgumentError: no image matches the choice.
    """
    faults = faults_of_images(report.table)
    images, stated = _sample(report, integer("images", count, 1, 100_000), wanted, faults)
    sprites, items = _items(report, images, faults)
    if len(items) < len(images):
        stated += f" To limit the page size, only the first {len(items):,} appear here."
    heat, brightest = _heat(report)
    facts = report.to_dict()
    if facts["recipe"] is not None:
        facts["recipe"]["sequences"] = facts["recipe"]["sequences"][:_SEQUENCES]
    if report.scores is not None:
        facts["scores"]["mistakes"] = []
        facts["scores"].pop("name")
    data = {
        "report": facts,
        "stated": stated,
        "heat": heat,
        "heat_most": brightest,
        "sprites": sprites,
        "items": items,
    }
    folder = files("digitseq.inspection")
    page, style, script = ((folder / f"page.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    # Labels and predictions are untrusted: allow no style or script but these two.
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )
    text = Template(page).substitute(
        policy=policy,
        version=__version__,
        title=html.escape(f"digitseq: {report.name}"),
        style=style,
        script=script,
        data=_json(data),
    )
    return text.encode("utf-8", "replace")


def _digest(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def _json(data: Any) -> str:
    """Encode as JSON that cannot close the HTML element that contains it."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _sample(report: Report, count: int, wanted: Choice, faults: dict[int, list[str]]) -> tuple[IntArray, str]:
    """Return the images to show, and a sentence that describes the selection."""
    total = len(report.table)
    special: list[int] = []
    if wanted == Choice(seed=wanted.seed):  # default choice: errors and faults come first
        if report.scores is not None:
            special += [mistake.image for mistake in report.scores.mistakes][: max(1, count // 2)]
        special += sorted(faults)[:_FAULTY]
        special = list(dict.fromkeys(special))[:count]
    order = wanted.order or "random"
    images = choose(
        report, count, replace(wanted, order="first" if total <= count and not wanted.order else order)
    )
    chosen = list(dict.fromkeys([*special, *images.tolist()]))[:count]
    if len(chosen) == total:
        return np.array(chosen, np.int64), "1 image." if total == 1 else f"All {total:,} images."
    everything = len(images) < count and (wanted.label is not None or wanted.length is not None)
    kinds = [f"at random (seed {wanted.seed})" if order == "random" else f"in the order {order!r}"]
    kinds = ["all"] if everything and not wanted.order else kinds
    kinds += [f"labels {wanted.label}"] if wanted.label else []
    if wanted.lengths:
        low, high = wanted.lengths
        kinds.append(f"length {low}" if low == high else f"lengths {low} to {high}")
    first = " Images with errors or faults come first." if special else ""
    told = f"{len(chosen):,} of {counted(total, 'image')}, {', '.join(kinds)}.{first}"
    return np.array(chosen, np.int64), told


def _items(
    report: Report, images: IntArray, faults: dict[int, list[str]]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Return sprites as data URLs, and the metadata of the images on them."""
    sprites: list[str] = []
    items: list[dict[str, Any]] = []
    rows: list[UInt8Array] = []
    told: list[dict[str, Any]] = []
    size = 0
    wrong = {} if report.scores is None else {m.image: m for m in report.scores.mistakes}
    for place, image in enumerate(images.tolist(), 1):
        pixels = report.table.pixels(image)
        shown = np.zeros((SIDE, SIDE), np.uint8) if pixels is None else pixels[:_LONGEST_PX, :_LONGEST_PX]
        rows.append(shown)
        told.append(_item(report, image, shown.shape[1], wrong.get(image), faults.get(image, [])))
        told[-1]["missing"] = pixels is None
        full = sum(map(len, rows)) >= _SPRITE_ROWS or sum(row.size for row in rows) > _SPRITE_PIXELS
        if full or place == len(images):
            sprites.append(_sprite(rows, told, len(sprites)))
            items += told
            size += len(sprites[-1]) + len(json.dumps(told))
            rows, told = [], []
            if size > _BYTES:
                break
    return sprites, items


def _sprite(rows: list[UInt8Array], told: list[dict[str, Any]], number: int) -> str:
    """Return images stacked vertically as a data URL, and store each position in its item."""
    sheet = np.zeros((sum(map(len, rows)), max(row.shape[1] for row in rows)), np.uint8)
    top = 0
    for row, item in zip(rows, told, strict=True):
        sheet[top : top + len(row), : row.shape[1]] = row
        item["at"] = [number, top, len(row)]
        top += len(row)
    return "data:image/png;base64," + b64encode(encode_png(sheet)).decode()


def _item(
    report: Report, image: int, width: int, mistake: Mistake | None, faults: list[str]
) -> dict[str, Any]:
    table, scores = report.table, report.scores
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
    read = None if scores is None else scores.texts[image]
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
        "faults": [_cut(fault) for fault in faults[:5]],
        "read": None if read is None else _cut(read),
        "confidence": None if scores is None else scores.confidences[image],
        "wrong": mistake is not None,
        "errors": 0 if mistake is None else mistake.errors,
        "above": "" if mistake is None else _cut(mistake.above),
        "below": "" if mistake is None else _cut(mistake.below),
    }


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}…"


def _heat(report: Report) -> tuple[list[list[int]], int]:
    """Return the heat map, scaled to a maximum of 255 and at most 256 columns, and its original maximum."""
    heat = report.table.heat
    step = max(1, -(-heat.shape[1] // _HEAT_COLUMNS))
    if not heat.size:
        return [], 0
    firsts = np.arange(0, heat.shape[1], step, dtype=np.int64)
    joined = np.add.reduceat(heat, firsts.astype(np.intp), axis=1, dtype=np.float64) / step
    brightest = float(joined.max())
    return (joined / max(brightest, 1e-9) * 255).astype(np.int64).tolist(), round(255 * brightest)
