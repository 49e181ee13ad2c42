"""Write the comparison of two datasets, or of two models, as a page like that of `page.py`."""

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from digitseq.arrays import IntArray
from digitseq.checks import counted, home_path, integer, percent
from digitseq.inspection.charts import charts_of, plain, scales_of
from digitseq.inspection.compare import Comparison, Line, compare_reports, p_value
from digitseq.inspection.output import check_output, write_beside
from digitseq.inspection.page import ORDERS, fill, heat_map, verdict_of_faults
from digitseq.inspection.page_items import Items, Sprites
from digitseq.inspection.report import Report
from digitseq.inspection.scores import score

_DIFFERENT, _SAME = "different", "same"
_Pair: TypeAlias = tuple[int | None, int | None]
"""An image of each report, as indices into their tables; None if a report has no such image."""


def write_comparison_page(
    first: Report, second: Report, path: str | Path, *, images: int = 2_000, force: bool = False
) -> Path:
    """
    Write the comparison of two reports as an HTML page: side by side, the images where they differ first.

    Args:
        first: report on a dataset, or on the predictions of a model.
        second: report on another dataset, or on the predictions of another model for the same images.
        path: output file.
        images: maximum number of images on the page; fewer if they would take more than about 11 MB.
        force: replace an existing file.

    Returns:
        The path.

    Raises:
        ArgumentError: the reports cannot be compared.
        OutputError: the file exists or cannot be written.
    """
    path = home_path(path)
    check_output(path, "html", force=force)
    integer("images", images, 1, 100_000)
    comparison = compare_reports(first, second)
    pairs = _Models(first, second) if comparison.agreement is not None else _Datasets(first, second)
    data = _page(pairs, comparison, images)
    return write_beside(first, path, lambda file: file.write(data), force)


class _Datasets:
    """Two datasets: images of the same split and number are shown side by side."""

    models = False

    def __init__(self, first: Report, second: Report) -> None:
        self.reports = (first, second)
        self.names = _distinct(first.name, second.name)
        tables = [report.table for report in self.reports]
        keys: list[dict[tuple[str, int], int]] = []
        for table in tables:
            splits = [split.split for split in table.subject.splits]
            places = zip(table.split.tolist(), table.number.tolist(), strict=True)
            keys.append({(splits[split], number): n for n, (split, number) in enumerate(places)})
        every = dict.fromkeys([*keys[0], *keys[1]])
        pairs = [(keys[0].get(key), keys[1].get(key)) for key in every]
        self.differing: list[_Pair] = [pair for pair in pairs if self._differ(*pair)]
        self.alike: list[_Pair] = [pair for pair in pairs if not self._differ(*pair)]
        self.views = {_DIFFERENT: len(self.differing), _SAME: len(self.alike)}

    def _differ(self, a: int | None, b: int | None) -> bool:
        one, two = (report.table for report in self.reports)
        return a is None or b is None or one.digests[a] != two.digests[b] or one.labels[a] != two.labels[b]

    def item(self, pair: _Pair, items: list[Items], sprites: Sprites) -> dict[str, Any]:
        a, b = pair
        shown = [own.item(n, sprites) for own, n in zip(items, pair, strict=True) if n is not None]
        item = shown[0] | {"views": [_DIFFERENT if self._differ(a, b) else _SAME], "second": None}
        if len(shown) == 1:
            return item | {"only": f"only in {self.names[a is None]}"}
        inside = shown[0]["in"] | shown[1]["in"]
        if found := [*shown[0]["in"].get("finding", ()), *shown[1]["in"].get("finding", ())]:
            inside["finding"] = found
        return item | {"in": inside, "second": shown[1]}

    def verdict(self, comparison: Comparison) -> list[list[str]]:
        pairs = counted(len(self.differing) + len(self.alike), "pair")
        verdict = [[f"{len(self.differing):,}", f"of {pairs} of images differ", ""]]
        for report, name in zip(self.reports, self.names, strict=True):
            value, meaning, mood = verdict_of_faults(report)
            verdict.append([value, f"{meaning}: {name}", mood])
        return verdict


class _Models:
    """Two models on the same images: each image is shown with both readings."""

    models = True

    def __init__(self, first: Report, second: Report) -> None:
        scores = [report.scores for report in (first, second) if report.scores is not None]
        names = [one.name for one in scores]
        short = [Path(name).name for name in names]
        self.names = _distinct(*(short if short[0] != short[1] else names))
        table, labels = first.table, first.table.labels
        both = [n for n in range(len(labels)) if all(one.texts[n] is not None for one in scores)]
        if any(one.images != len(both) for one in scores):
            scores = [score(table, one.of_images(both)) for one in scores]
        self.reports = (replace(first, scores=scores[0]), replace(first, scores=scores[1]))
        right = [[t == label for t, label in zip(one.texts, labels, strict=True)] for one in scores]
        self._right = {n: (right[0][n], right[1][n]) for n in both}
        self._views = {
            (True, False): f"only {self.names[0]} right",
            (False, True): f"only {self.names[1]} right",
            (False, False): "both wrong",
            (True, True): "both right",
        }
        self.differing: list[_Pair] = [(n, n) for n in both if len(set(self._right[n])) > 1]
        alike = sorted((n for n in both if len(set(self._right[n])) == 1), key=lambda n: self._right[n])
        self.alike: list[_Pair] = [(n, n) for n in alike]  # those that both read wrongly come first
        self.views = {
            name: sum(own == right for own in self._right.values()) for right, name in self._views.items()
        }

    def item(self, pair: _Pair, items: list[Items], sprites: Sprites) -> dict[str, Any]:
        image = pair[0] or 0
        item, second = items[0].item(image, sprites), items[1].reading(image)
        inside = {name: bars for name, bars in second["in"].items() if name.endswith(".b")}
        views = [self._views[self._right[image]]]
        return item | {"in": item["in"] | inside, "views": views, "second": second}

    def verdict(self, comparison: Comparison) -> list[list[str]]:
        accuracy = next(line for line in comparison.lines if line.what == "sequence accuracy")
        values = zip((accuracy.a, accuracy.b), self.names, strict=True)
        told = [[percent(float(value or 0), 2), f"sequences right: {name}", ""] for value, name in values]
        return [*told, [p_value(comparison.p_value or 0), "McNemar's test", ""]]


def _page(pairs: _Datasets | _Models, comparison: Comparison, count: int) -> bytes:
    differing = pairs.differing[:count]
    chosen = [*differing, *pairs.alike[: count - len(differing)]]
    # Two models see the same images, so only their errors differ.
    scales = scales_of(*pairs.reports)
    charts = [
        [chart for chart in charts_of(report, scales) if chart.errors or not pairs.models]
        for report in pairs.reports
    ]
    items: list[Items] = []
    for series, report in enumerate(pairs.reports):
        before = sum(len(own.findings()) for own in items)
        items.append(Items(report, _present(chosen, series), charts, series, before))
    sprites = Sprites()
    shown: list[dict[str, Any]] = []
    for pair in chosen:
        shown.append(pairs.item(pair, items, sprites))
        if sprites.is_full:
            break
    total = len(pairs.differing) + len(pairs.alike)
    stated = f"{len(shown):,} of {counted(total, 'image')}. Images where the two differ come first."
    data = {
        "summary": f"{pairs.reports[0].name}: {pairs.names[0]} and {pairs.names[1]}" if pairs.models else "",
        "verdict": pairs.verdict(comparison),
        "confused": [],
        "confusion": None,
        "findings": [] if pairs.models else _findings(items, pairs.names),
        "numbers": [[_shown(line), line.what] for line in comparison.lines if "accuracy, " not in line.what],
        "charts": plain(charts, pairs.names),
        "stated": stated,
        "orders": list(ORDERS),
        "views": list(pairs.views.items()),
        "names": pairs.names,
        "models": pairs.models,
        "scored": pairs.models,
        "items": shown,
    }
    heat = {"heat": [], "heat_most": ""} if not pairs.models else heat_map(pairs.reports[0])
    return fill(f"{comparison.a} and {comparison.b}", data | heat, sprites, total)


def _distinct(first: str, second: str) -> list[str]:
    """Return two names that differ."""
    return [first, second] if first != second else [f"{first} (first)", f"{second} (second)"]


def _findings(items: list[Items], names: list[str]) -> list[dict[str, Any]]:
    """Return the findings of both reports, each with the name of its dataset."""
    return [
        finding | {"sentence": f"{finding['sentence']} ({name})"}
        for own, name in zip(items, names, strict=True)
        for finding in own.findings()
    ]


def _present(chosen: list[_Pair], series: int) -> IntArray:
    """Return the images of one report among some pairs."""
    return np.array([pair[series] for pair in chosen if pair[series] is not None], np.int64)


def _shown(line: Line) -> str:
    """Return two values as text."""
    values = []
    for value in (line.a, line.b):
        if value is None or isinstance(value, str):
            values.append(value or "–")
        elif line.unit == "%":
            values.append(percent(value, 2))
        else:
            values.append(f"{value:,}" if isinstance(value, int) else f"{value:.4g}")
    return " / ".join(values)
