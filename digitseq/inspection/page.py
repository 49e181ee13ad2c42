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

from digitseq.arrays import IntArray
from digitseq.checks import counted, home_path, integer, percent
from digitseq.inspection.charts import FEW, charts_of, plain
from digitseq.inspection.findings import faults_of_images
from digitseq.inspection.output import check_output, write_beside
from digitseq.inspection.page_items import Items, Sprites
from digitseq.inspection.report import Report
from digitseq.inspection.scores import NONE, NOTHING, Scores
from digitseq.inspection.selection import Choice, checked_choice, choose
from digitseq.version import __version__

_HEAT_COLUMNS = 256
_FAULTY = 400  # maximum number of faulty images shown first
_CONFUSED = 5  # errors named in a sentence
ORDERS = (
    *("default order", "label", "shortest label", "longest label", "widest", "narrowest"),
    *("most ink", "least ink", "smallest spacing"),
)
_SCORED = ("worst errors first", "lowest confidence")


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
    data = make_page(report, images, checked_choice(choice))
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
    scores = report.scores
    images, stated = _sample(report, integer("images", count, 1, 100_000), wanted)
    charts = charts_of(report)
    items, sprites = Items(report, images, [charts], 0), Sprites()
    shown = []
    for image in images.tolist():
        shown.append(items.item(image, sprites))
        if sprites.is_full:
            stated += f" To limit the page size, only the first {len(shown):,} appear here."
            break
    scored = scores is not None and bool(scores.mistakes)
    data = {
        "summary": summary_of(report),
        "verdict": [*(verdict_of_scores(scores) if scores else []), verdict_of_faults(report)],
        "confused": [] if scores is None else _most_confused(scores),
        "confusion": scores.confusion.tolist() if scores is not None and scored else None,
        "findings": items.findings(),
        "numbers": list(_numbers(report)),
        "charts": plain([charts], [""]),
        "stated": stated,
        "orders": [*_SCORED, *ORDERS] if scored else [*ORDERS, *(_SCORED if scores else ())],
        "views": [],
        "names": [],
        "models": False,
        "scored": scores is not None,
        "items": shown,
    }
    return fill(report.name, data | heat_map(report), sprites, report.inspected)


def fill(title: str, data: dict[str, Any], sprites: Sprites, inspected: int) -> bytes:
    """
    Return a page as HTML.

    Args:
        title: what was inspected.
        data: what page.js shows.
        sprites: the pixels of its images.
        inspected: number of images inspected, on the page or not.
    """
    pictures, masks = sprites.finished()
    data = data | {"sprites": pictures, "masks": masks, "inspected": inspected, "few": FEW}
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
        title=html.escape(f"digitseq: {title}"),
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


# --- The result -------------------------------------------------------------------------------------------


def summary_of(report: Report) -> str:
    """Return what was inspected, in a line."""
    some = f", {report.inspected:,} of them inspected" if report.inspected < report.images else ""
    return f"{report.kind}, {counted(report.images, 'image')}{some}"


def verdict_of_scores(scores: Scores) -> list[list[str]]:
    """Return the two numbers of a model: value, meaning and mood."""
    return [
        [percent(scores.sequence_accuracy), f"sequences right ({scores.right:,} of {scores.images:,})", ""],
        [
            percent(scores.cer, 2),
            f"character error rate ({counted(scores.errors, 'error')} in {counted(scores.digits, 'digit')})",
            "",
        ],
    ]


def verdict_of_faults(report: Report) -> list[str]:
    """Return whether anything is wrong with the images: value, meaning and mood."""
    faulty = {image for finding in report.findings if finding.fault for image in finding.images}
    if faulty:
        return [f"{len(faulty):,}", f"of {counted(report.inspected, 'image')} with faults", "bad"]
    if report.faults:
        return [counted(report.faults, "fault"), f"in {counted(report.inspected, 'image')}", "bad"]
    return ["No faults", f"in {counted(report.inspected, 'image')}", "good"]


def _most_confused(scores: Scores) -> list[list[Any]]:
    """Return the most frequent errors: key and value of a filter, and how often each occurs."""
    pairs = [
        (n, row, column)
        for row, counts in enumerate(scores.confusion.tolist())
        for column, n in enumerate(counts)
        if n and (row == NOTHING or row != column) and not (row == NOTHING and column == NONE)
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    return [["confusion", f"{row}-{column}", n] for n, row, column in pairs[:_CONFUSED]]


def _numbers(report: Report) -> Any:
    """Yield the numbers that describe the images: value and meaning."""
    for split, images in report.splits.items():
        yield [f"{images:,}", f"images in {split}"]
    yield [f"{report.labels:,}", "distinct labels"]
    yield [f"{report.twins:,}", "duplicate images"]
    spacing = report.spacing
    if spacing.spread is not None:
        low, high = f"{spacing.spread.least:g}", f"{spacing.spread.greatest:g}"
        dash = "–" if spacing.promised_px is None or spacing.promised_px[0] >= 0 else " to "
        promised = (
            "" if spacing.promised_px is None else f" (specified: {dash.join(map(str, spacing.promised_px))})"
        )
        yield [f"{low} to {high} px", f"measured spacing{promised}"]
    if report.glyphs is not None:
        yield [f"{report.glyphs[0]:,}", f"distinct glyphs (max. reuse {report.glyphs[1]:,}×)"]
    if report.scores is not None:
        scores = report.scores
        for name in ("substitutions", "insertions", "deletions"):
            yield [f"{getattr(scores, name):,}", name]


def _sample(report: Report, count: int, wanted: Choice) -> tuple[IntArray, str]:
    """Return the images to show, and a sentence that describes the selection."""
    total = len(report.table)
    if not total and wanted == Choice(seed=wanted.seed):
        return np.zeros(0, np.int64), "No images."
    special: list[int] = []
    if wanted == Choice(seed=wanted.seed):  # default choice: errors and faults come first
        if report.scores is not None:
            special += [mistake.image for mistake in report.scores.mistakes][: max(1, count // 2)]
        special += sorted(faults_of_images(report.table))[:_FAULTY]
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


def heat_map(report: Report) -> dict[str, Any]:
    """Return the heat map, scaled to a maximum of 255 and at most 256 columns, and its original maximum."""
    heat = report.table.heat
    step = max(1, -(-heat.shape[1] // _HEAT_COLUMNS))
    if not heat.size:
        return {"heat": [], "heat_most": ""}
    firsts = np.arange(0, heat.shape[1], step, dtype=np.int64)
    joined = np.add.reduceat(heat, firsts.astype(np.intp), axis=1, dtype=np.float64) / step
    brightest = float(joined.max())
    scaled = (joined / max(brightest, 1e-9) * 255).astype(np.int64).tolist()
    return {"heat": scaled, "heat_most": percent(brightest)}
