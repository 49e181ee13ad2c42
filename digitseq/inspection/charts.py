"""Charts of a report, and the images behind each of their bars."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from digitseq.arrays import AnyArray, IntArray, count_values
from digitseq.checks import percent
from digitseq.inspection.measure_gaps import Seen
from digitseq.inspection.report import Report
from digitseq.inspection.scores import Rate
from digitseq.inspection.table import Table

FEW = 20
"""Rates over fewer items are marked."""
_MOST_BARS = 40
_ENOUGH = 50  # items of a group that a sentence names
_MEANS = {
    "ink": "between ink",
    "tile": "between ink; the recipe specifies spacing between 28 px tiles, whose blank margins are added",
    "contour": "between the nearest points of neighbours",
}


class Bar(NamedTuple):
    """
    One bar.

    Attributes:
        name: the group below it.
        value: its height, a share from 0 to 1.
        tip: the group and its counts.
        few: whether the share is of fewer than `FEW` items.
        said: a description of its images, such as "length 4".
    """

    name: str
    value: float
    tip: str
    few: bool
    said: str


@dataclass(frozen=True)
class Chart:
    """
    A bar chart, and the images behind each bar.

    Attributes:
        key: its name in the address of a view.
        title: what it shows.
        note: what is counted.
        summary: its result in a sentence; "" if there is none.
        errors: whether it shows error rates; its images are the wrong ones.
        bars: the bars, from left to right.
        images: int (members,), images of the table.
        groups: int (members,), the bar that each of them belongs to.
    """

    key: str
    title: str
    note: str
    summary: str
    errors: bool
    bars: tuple[Bar, ...]
    images: IntArray
    groups: IntArray


class Scales(NamedTuple):
    """The ranges of label lengths and spacings, and the width of a bin of ink, that charts share."""

    lengths: tuple[int, int]
    spacings_px: tuple[int, int]
    ink_step: float


def scales_of(*reports: Report) -> Scales:
    """Return scales that fit all of some reports."""
    tables = [report.table for report in reports]
    return Scales(
        _range(*(np.diff(table.first) for table in tables)),
        _range(*(table.seen_px[_gaps(table, Seen.MEASURED)] for table in tables)),
        _round_step(max((float(table.ink[table.readable].max(initial=0)) for table in tables), default=0)),
    )


def _range(*values: AnyArray) -> tuple[int, int]:
    """Return the least and the greatest of some integers."""
    joined = np.concatenate(values)
    return (int(joined.min()), int(joined.max())) if len(joined) else (0, 0)


def charts_of(report: Report, scales: Scales | None = None) -> list[Chart]:
    """
    Return the charts of a report that have anything to show; those of errors come first.

    Args:
        report: the report.
        scales: the scales, if other reports have the same charts; None for its own.
    """
    every = [*_of_errors(report), *_of_data(report, scales or scales_of(report))]
    return [chart for chart in every if any(bar.value for bar in chart.bars)]


def members(chart: Chart, images: IntArray) -> dict[int, list[int]]:
    """Return the bars that each of some images belongs to, ascending: image → numbers of bars."""
    here = np.isin(chart.images, images)
    bars: dict[int, list[int]] = {}
    pairs = zip(chart.images[here].tolist(), chart.groups[here].tolist(), strict=True)
    for image, group in sorted(set(pairs)):
        bars.setdefault(image, []).append(group)
    return bars


# --- Errors -----------------------------------------------------------------------------------------------


def _of_errors(report: Report) -> Iterator[Chart]:
    scores = report.scores
    if scores is None or not scores.mistakes:
        return
    images, digits = "wrong images", "wrong digits"
    kinds: list[tuple[str, str, str, tuple[Rate, ...], str]] = [
        ("digit", "digit", f"{digits}, by true digit", scores.by_digit, "{} misread"),
        (
            *("position", "position", f"{digits}, by position from the left"),
            *(scores.by_position, "wrong at position {}"),
        ),
        (
            *("end", "position from the end", f"{digits}; 1 is the last digit"),
            *(scores.by_position_from_end, "wrong at position {} from the end"),
        ),
        (
            *("spacing", "spacing, px", f"{digits}, by the spacing on their narrower side"),
            *(scores.by_spacing, "wrong at spacing {} px"),
        ),
        ("length", "length", f"{images}, by label length", scores.by_length, "wrong, length {}"),
    ]
    if len(scores.by_split) > 1:
        kinds.append(("split", "split", f"{images}, by split", scores.by_split, "wrong, split {}"))
    note = f"{images}, by the mean distance from the neutral strength"
    kinds += [(name, name, note, rates, f"wrong, {name} {{}}") for name, rates in scores.by_effect.items()]
    for key, title, note, every, said in kinds:
        wrong, groups = scores.wrong_in[key]
        rates, step = _joined(every)
        bars = [
            Bar(
                rate.group.replace(" to ", "–"),
                1 - rate.share,
                f"{rate.group}: {rate.of - rate.right:,} of {rate.of:,} wrong ({percent(1 - rate.share)})",
                rate.of < FEW,
                said.format(rate.group),
            )
            for rate in rates
        ]
        summary = _extremes(rates, title)
        title = f"Error rate by {title}"
        yield Chart(f"error-{key}", title, note, summary, True, tuple(bars), wrong, groups // step)


def _joined(rates: tuple[Rate, ...]) -> tuple[tuple[Rate, ...], int]:
    """Join neighbouring groups so that there are few enough; return them, and how many were joined."""
    step = max(1, -(-len(rates) // _MOST_BARS))
    if step == 1:
        return rates, 1
    parts = [rates[first : first + step] for first in range(0, len(rates), step)]
    return tuple(
        Rate(
            part[0].group if len(part) == 1 else f"{part[0].group} to {part[-1].group}",
            sum(rate.right for rate in part),
            sum(rate.of for rate in part),
        )
        for part in parts
    ), step


def _extremes(rates: tuple[Rate, ...], title: str) -> str:
    """Name the groups with the highest and the lowest error rate among those with enough items."""
    known = [rate for rate in rates if rate.of >= _ENOUGH]
    if len(known) < 2:
        return ""
    worst, best = min(known, key=lambda rate: rate.share), max(known, key=lambda rate: rate.share)
    unit = " px" if title.endswith("px") else ""
    high, low = percent(1 - worst.share), percent(1 - best.share)
    return (
        ""
        if high == low
        else f"Highest at {worst.group}{unit} ({high}), lowest at {best.group}{unit} ({low})."
    )


# --- Data -------------------------------------------------------------------------------------------------


def _of_data(report: Report, scales: Scales) -> Iterator[Chart]:
    table = report.table
    known = (table.digit >= 0) & (table.digit <= 9)
    yield _histogram(
        "data-digit", "Digit distribution", "share of all digits", table.image[known], table.digit[known],
        [str(digit) for digit in range(10)], "contains {}",
    )  # fmt: skip
    sizes = np.diff(table.first)
    yield _binned(
        "data-length", "Label length", "share of images, by number of digits",
        np.arange(len(table), dtype=np.int64), sizes, *scales.lengths, "length {}",
    )  # fmt: skip
    if (spacing := _spacing(report, scales)) is not None:
        yield spacing
    told = np.flatnonzero(table.left_px >= 0).astype(np.int64)
    use = (table.right_px - table.left_px)[told] / np.maximum(table.width_px[told], 1)
    names = [f"{5 * n}%" for n in range(20)]
    yield _histogram(
        "data-width-use", "Width use", "share of images, by the part of the width that the ink spans", told,
        np.minimum(use * 20, 19).astype(np.int64), names, "width use from {}",
    )  # fmt: skip
    read = np.flatnonzero(table.readable).astype(np.int64)
    ink = table.ink[read]
    step = scales.ink_step
    groups = np.floor(ink / step + 1e-9).astype(np.int64)
    names = [f"{100 * step * n:g}%" for n in range(int(groups.max(initial=0)) + 1)]
    note = "share of images, by mean brightness in % of full brightness"
    yield _histogram("data-ink", "Ink", note, read, groups, names, "ink from {}")


def _spacing(report: Report, scales: Scales) -> Chart | None:
    """Return the chart of the spacing measured; touching neighbours have a bar of their own."""
    table, spacing = report.table, report.spacing
    measured, touching = _gaps(table, Seen.MEASURED), _gaps(table, Seen.TOUCHING)
    if not len(measured) and not len(touching):
        return None
    told = f"share of gaps, {_MEANS.get(spacing.measured_from, 'between ink')}: {spacing.measured:,} measured"
    if untold := spacing.unseen + spacing.skipped:
        told += f", {untold:,} not"
    px = table.seen_px[measured].astype(np.int64)
    chart = _binned(
        "data-spacing", "Measured spacing, px", told, table.image[measured], px, *scales.spacings_px,
        "spacing {} px",
        more=("touch", table.image[touching]) if len(touching) else None,
    )  # fmt: skip
    summary = ""
    if spacing.promised_px is not None and spacing.measured:
        least, most = spacing.promised_px
        wrong = f"{spacing.different:,} not as specified" if spacing.different else "all as specified"
        summary = f"Specified: {least} to {most} px; {wrong}."
    return Chart(**vars(chart) | {"summary": summary})


def _gaps(table: Table, seen: Seen) -> IntArray:
    """Return the digits whose gap to the next one was seen in some way: int (gaps,)."""
    followed = np.ones(len(table.digit), np.bool_)
    followed[table.first[1:][np.diff(table.first) > 0] - 1] = False
    return np.flatnonzero((table.seen == seen) & followed).astype(np.int64)


def _round_step(most: float) -> float:
    """Return the smallest round step, 1, 2 or 5 times a power of ten, that makes at most 20 bins."""
    step = 10.0 ** np.floor(np.log10(max(most, 1e-4) / 20))
    return next(float(step * n) for n in (1, 2, 5, 10) if most / (step * n) <= 20)


def _binned(
    key: str,
    title: str,
    note: str,
    images: AnyArray,
    values: AnyArray,
    low: int,
    high: int,
    said: str,
    more: tuple[str, AnyArray] | None = None,
) -> Chart:
    """Return the histogram of integers, in bins of equal size; ``more`` is a bar before the others."""
    step = -(-(high - low + 1) // _MOST_BARS)
    firsts = range(low, high + 1, step)
    names = [str(first) if step == 1 else f"{first}–{first + step - 1}" for first in firsts]
    groups = (values.astype(np.int64) - low) // step
    if more is not None:
        names = [more[0], *names]
        images = np.concatenate([more[1], images])
        groups = np.concatenate([np.zeros(len(more[1]), np.int64), groups + 1])
    return _histogram(key, title, note, images, groups, names, said)


def _histogram(
    key: str, title: str, note: str, images: AnyArray, groups: AnyArray, names: list[str], said: str
) -> Chart:
    """Return a chart of the share of items in each group."""
    counts = (
        count_values(groups.astype(np.int64), bins=len(names)).tolist() if len(groups) else [0] * len(names)
    )
    total = sum(counts) or 1
    bars = [
        Bar(name, n / total, f"{name}: {n:,} ({percent(n / total)})", False, said.format(name))
        for name, n in zip(names, counts, strict=True)
    ]
    return Chart(key, title, note, "", False, tuple(bars), images.astype(np.int64), groups.astype(np.int64))


# --- Several reports in one chart ---------------------------------------------------------------------------


def bar_names(charts: list[list[Chart]]) -> dict[str, list[str]]:
    """Return the names of all bars of the charts of one or more reports: key of a chart → names, in order."""
    names: dict[str, list[str]] = {}
    for own in charts:
        for chart in own:
            names.setdefault(chart.key, []).extend(bar.name for bar in chart.bars)
    merged = {key: list(dict.fromkeys(every)) for key, every in names.items()}
    for every in merged.values():
        if all(name.lstrip("-").isdigit() for name in every):
            every.sort(key=int)
    return merged


def plain(charts: list[list[Chart]], series: list[str]) -> list[dict[str, Any]]:
    """
    Return charts as JSON types; those of the same key are drawn into one.

    Args:
        charts: the charts of each report.
        series: the name of each report.
    """
    return [
        _plain([next((chart for chart in own if chart.key == key), None) for own in charts], names, series)
        for key, names in bar_names(charts).items()
    ]


def _plain(pair: list[Chart | None], names: list[str], series: list[str]) -> dict[str, Any]:
    first = next(chart for chart in pair if chart is not None)
    by_name = [{} if chart is None else {bar.name: bar for bar in chart.bars} for chart in pair]
    bars = []
    for name in names:
        own = [bars_of.get(name, Bar(name, 0, f"{name}: none", False, "")) for bars_of in by_name]
        prefix = [f"{one}: " if len(series) > 1 else "" for one in series]
        bars.append(
            {
                "name": name,
                "values": [round(bar.value, 6) for bar in own],
                "tips": [before + bar.tip for before, bar in zip(prefix, own, strict=True)],
                "marks": [percent(bar.value) for bar in own],
                "few": any(bar.few for bar in own),
                "said": next(bar.said for bar in own if bar.said),
            }
        )
    alone = len(series) == 1
    return {
        "key": first.key,
        "title": first.title,
        "note": first.note if alone else first.note.partition(":")[0],
        "summary": first.summary if alone else "",
        "errors": first.errors,
        "series": series,
        "bars": bars,
    }
