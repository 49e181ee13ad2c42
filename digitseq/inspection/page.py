"""
A page for a browser: one file, no network.

Python says what is on it, as JSON; page.js draws it, page.css says how it looks. Small images are joined into
sprites, as tens of thousands of files in one page would be slower to decode than to draw.
"""

import html
import json
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from digitseq import __version__
from digitseq.arrays import IntArray, UInt8Array
from digitseq.checks import integer
from digitseq.dataset.png import encode_png
from digitseq.errors import ArgumentError
from digitseq.inspection.choose import Choice, choose
from digitseq.inspection.measure import TOUCHING, UNSEEN
from digitseq.inspection.report import Report

_SPRITE_ROWS = 2_800  # px: 100 images of a dataset
_SPRITE_PIXELS = 1_000_000  # about; large ones would overshoot the limit
_BYTES = 8_000_000  # of all sprites, before base64 makes them a third larger
_WIDEST_PX = 4_096  # of wider images the page shows the left part
_HEAT_COLUMNS = 256
_GAPS = 200  # of one image
_FAULTY = 200  # images with a fault that are shown first
_MISTAKES = 2_000  # in the JSON of the page


def make_page(report: Report, count: int, wanted: Choice) -> bytes:
    """
    The page of a report.

    Args:
        report: what was seen.
        count: at most so many images are on it.
        wanted: which images.

    Returns:
        HTML, UTF-8.

    Raises:
        ArgumentError: there are no such images.
    """
    images, stated = _sample(report, integer("images", count, 1, 100_000), wanted)
    sprites, items = _items(report, images)
    if len(items) < len(images):
        stated += f" Only the first {len(items):,} of them are here, to keep the page small."
    heat, brightest = _heat(report)
    facts = report.to_dict()
    if report.scores is not None:
        facts["scores"]["mistakes"] = []
        facts["scores"].pop("name")
    data = {
        "report": facts,
        "stated": stated,
        "heat": heat,
        "heat_most": brightest,
        "sprites": ["data:image/png;base64," + b64encode(sprite).decode() for sprite in sprites],
        "items": items,
    }
    folder = files("digitseq.inspection")
    page, style, script = ((folder / f"page.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    # Nothing but this style and this script may act on the page, whatever labels and predictions say.
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
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _sample(report: Report, count: int, wanted: Choice) -> tuple[IntArray, str]:
    """Which images are on the page, and a sentence that says so."""
    total = len(report.table)
    special: list[int] = []
    if wanted == Choice(seed=wanted.seed):  # no wish of the user's: what is wrong comes first
        special = list(dict.fromkeys(image for _, image, _ in report.table.problems if image >= 0))[:_FAULTY]
        special += [image for twins in report.table.twins for image in twins][:_FAULTY]
        if report.scores is not None:
            special += [mistake.image for mistake in report.scores.mistakes][: max(1, count // 2)]
        special = list(dict.fromkeys(special))[:count]
    order = wanted.order or "random"
    images = choose(report, count, replace(wanted, order=order))
    if not len(images):
        raise ArgumentError("images", "there are none of that kind to show")
    if len(images) == total:
        return np.array(list(dict.fromkeys([*special, *range(total)]))), f"All {total:,} images."
    kinds = [f"at random (seed {wanted.seed})" if order == "random" else f"in the order {order!r}"]
    kinds += [f"labels {wanted.label}"] if wanted.label else []
    kinds += [f"lengths {wanted.length[0]} to {wanted.length[1]}"] if wanted.length else []
    chosen = list(dict.fromkeys([*special, *images.tolist()]))[:count]
    first = f" The first {len(special):,} are those with faults or read worst." if special else ""
    return np.array(chosen), f"{len(chosen):,} of {total:,} images, {', '.join(kinds)}.{first}"


def _items(report: Report, images: IntArray) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Sprites, and what is known of the images on them."""
    sprites: list[bytes] = []
    items: list[dict[str, Any]] = []
    rows: list[UInt8Array] = []
    told: list[dict[str, Any]] = []
    size = 0

    def close() -> None:
        nonlocal size
        if rows:
            sheet = np.zeros((sum(map(len, rows)), max(row.shape[1] for row in rows)), np.uint8)
            top = 0
            for row, item in zip(rows, told, strict=True):
                sheet[top : top + len(row), : row.shape[1]] = row
                item["at"] = [len(sprites), top, len(row)]
                top += len(row)
            sprites.append(encode_png(sheet))
            size += len(sprites[-1])
            items.extend(told)
            rows.clear()
            told.clear()

    wrong = {} if report.scores is None else {m.image: m for m in report.scores.mistakes}
    for image in images.tolist():
        pixels = report.table.pixels(image)
        pixels = np.zeros((28, 28), np.uint8) if pixels is None else pixels[:, :_WIDEST_PX]
        rows.append(pixels)
        told.append(_item(report, image, pixels.shape[1], wrong))
        if sum(map(len, rows)) >= _SPRITE_ROWS or sum(row.size for row in rows) > _SPRITE_PIXELS:
            close()
            if size > _BYTES:
                break
    close()
    return sprites, items


def _item(report: Report, image: int, width: int, wrong: dict[int, Any]) -> dict[str, Any]:
    table, scores = report.table, report.scores
    digits = slice(int(table.first[image]), int(table.first[image + 1]))
    boxes = table.boxes[digits]
    gaps = [
        _gap(*pair)
        for pair in zip(table.seen_px[digits].tolist(), table.drawn_px[digits].tolist(), strict=True)
    ]
    numbers = [gap for gap in gaps[:-1] if gap is not None]
    mistake = wrong.get(image)
    return {
        "name": table.name(image),
        "label": table.labels[image],
        "split": table.subject.parts[int(table.part[image])].split,
        "w": width,
        "boxes": [box for box in boxes.tolist() if 0 <= box[0] < width],
        "gaps": gaps[:-1][:_GAPS],
        "room": min(numbers, default=1 << 15),
        "ink": round(float(table.ink[image]), 5),
        "extent": int(table.right_px[image] - table.left_px[image]),
        "effects": {
            n: round(float(v[image]), 4) for n, v in table.strengths.items() if not np.isnan(v[image])
        },
        "read": None if scores is None else scores.texts[image],
        "confidence": None if scores is None else scores.confidences[image],
        "wrong": mistake is not None,
        "errors": 0 if mistake is None else mistake.errors,
        "above": "" if mistake is None else mistake.above,
        "below": "" if mistake is None else mistake.below,
    }


def _gap(seen: int, drawn: int) -> int | None:
    """The spacing as it is seen; where pixels do not tell, as it is drawn."""
    if seen > TOUCHING:
        return seen
    return drawn if drawn > UNSEEN else None


def _heat(report: Report) -> tuple[list[list[int]], int]:
    """The heat map in at most 256 columns, its brightest place 255; and how bright that is."""
    heat = report.table.heat
    step = max(1, -(-heat.shape[1] // _HEAT_COLUMNS))
    if not heat.size:
        return [], 0
    joined = np.add.reduceat(heat, np.arange(0, heat.shape[1], step), axis=1) / step
    brightest = float(joined.max())
    return (joined / max(brightest, 1e-9) * 255).astype(int).tolist(), round(255 * brightest)
