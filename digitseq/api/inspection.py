"""Looking at images: reports, sheets, pages, comparisons."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from digitseq.checks import home_path
from digitseq.errors import ArgumentError, OutputError, system_errors
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import at_hand, glyphs_for
from digitseq.recipe import Recipe
from digitseq.storage.atomic import is_stream, write_output

if TYPE_CHECKING:  # loaded by the functions that need it
    from collections.abc import Callable, Iterable
    from typing import IO

    from digitseq.arrays import UInt8Array
    from digitseq.inspection.compare import Comparison
    from digitseq.inspection.predictions import Entry, Given
    from digitseq.inspection.report import Report
    from digitseq.inspection.selection import Choice
    from digitseq.inspection.table import Progress

_OF_A_RECIPE = 10_000
"""Images of a recipe that are looked at, where nobody says how many."""


def inspect_dataset(
    what: str | Path | Recipe,
    *,
    predictions: "Given | None" = None,
    partial: bool = False,
    split: str | None = None,
    limit: int | None = None,
    source: str | Path | GlyphSet | None = None,
    progress: "Progress | None" = None,
) -> "Report":
    """
    Look at images: what they are, what is wrong with them, and how well a model reads them.

    Nothing is changed. The glyphs of a dataset are not needed: labels and spacing follow from its recipe, and
    everything else is measured.

    Args:
        what: the folder or URL of a dataset, the folder of one of its splits, an image, a JSON file with a
            recipe, or a Recipe that was never written.
        predictions: what a model read: a CSV or JSONL file; or texts in the order of the images, None where
            there is none; or file name or index → text.
        partial: some images may have no prediction.
        split: look at this split alone.
        limit: look at so many images, spread evenly. None looks at all, but of a recipe at 10,000 (with
            predictions, at all).
        source: glyphs of a recipe, or a path of them; None opens its own.
        progress: called with images done, images in all and 0.

    Returns:
        The report: numbers and sentences; `draw_sheet` and `write_page` make pictures of it.

    Raises:
        FormatError: there is nothing to look at, or the predictions do not fit; the sentence names the line.
        ArgumentError: a value is not what it must be.
        SourceError, FetchError, CacheError: the glyphs of a recipe cannot be had.

    >>> from digitseq import make_recipe
    >>> recipe = make_recipe(length=(2, 4), count=500, seed=1, source="builtin")
    >>> report = inspect_dataset(recipe)
    >>> report.spacing.promised_px, min(report.spacing.counts), max(report.spacing.counts), report.faults
    ((2, 8), 2, 8, 0)
    """
    from digitseq.inspection.open_images import open_recipe, open_subject
    from digitseq.inspection.predictions import entries_of
    from digitseq.inspection.report import make_report
    from digitseq.inspection.table import gather

    if limit is not None and (type(limit) is not int or limit < 1):
        raise ArgumentError("limit", f"expected an integer ≥ 1, got {limit!r}")
    if limit is not None and predictions is not None:
        raise ArgumentError("limit", "predictions are scored on all images; leave the limit out")
    read = None if predictions is None else entries_of(predictions)  # before the images, which take longer
    if isinstance(what, Recipe):
        subject = open_recipe(what, "recipe", lambda recipe: glyphs_for(source, recipe.source))
    else:
        subject = open_subject(
            what,
            lambda recipe: glyphs_for(source, recipe.source),
            lambda recipe: glyphs_for(source, recipe.source) if source else at_hand(recipe.source),
        )
    subject = subject.only(split)
    if limit is None and predictions is None and subject.kind == "recipe":
        limit = _OF_A_RECIPE
    with system_errors(OutputError, f"{what} cannot be read"):
        table = gather(subject, limit, progress)
    report = make_report(table)
    return report if read is None else _scored(report, *read, partial)


def score_predictions(report: "Report", predictions: "Given", *, partial: bool = False) -> "Report":
    """
    The same images with the predictions of another model: they are not read again.

    Args:
        report: of the images.
        predictions: as in `inspect_dataset`.
        partial: some images may have no prediction.

    Returns:
        The report with other scores.

    Raises:
        FormatError: the predictions do not fit; the sentence names the line.
        ArgumentError: the report is of a sample.
    """
    from digitseq.inspection.predictions import entries_of

    if report.table.sample:
        raise ArgumentError("limit", "predictions are scored on all images; leave the limit out")
    return _scored(report, *entries_of(predictions), partial)


def _scored(report: "Report", name: str, entries: "Iterable[Entry]", partial: bool) -> "Report":
    from digitseq.inspection.predictions import match_predictions
    from digitseq.inspection.scores import score

    found = match_predictions(name, entries, report.table, partial=partial)
    return replace(report, scores=score(report.table, found))


def compare_reports(a: "Report", b: "Report") -> "Comparison":
    """
    Two reports side by side: of two datasets, or of the predictions of two models.

    Args:
        a: the first.
        b: the second. With predictions, both are of the same images.

    Returns:
        What is the same and what is not.

    Raises:
        ArgumentError: only one has predictions, or they are of different images.
    """
    from digitseq.inspection.compare import compare

    return compare(a, b)


def draw_sheet(
    report: "Report",
    rows: int = 12,
    cols: int | None = None,
    *,
    choice: "Choice | None" = None,
    boxes: bool = False,
) -> "UInt8Array":
    """
    A contact sheet: images with their labels.

    Args:
        report: of the images.
        rows: of the sheet.
        cols: of the sheet; None for as many as fit into 1,400 px.
        choice: which images; None for some at random, always the same.
        boxes: draw the boxes of the digits.

    Returns:
        uint8 (height, width, 3), sRGB.

    Raises:
        ArgumentError: there are no such images, or the sheet would be too large.

    >>> from digitseq import make_recipe
    >>> report = inspect_dataset(make_recipe(["42"], (0, 0), 60, count=9, seed=1, source="builtin"))
    >>> draw_sheet(report, 3, 2).shape
    (248, 264, 3)
    """
    from digitseq.inspection.selection import Choice, choose
    from digitseq.inspection.sheet import draw_sheet as draw

    most = rows * (cols or 64) if isinstance(rows, int) and isinstance(cols, int | None) else 1
    return draw(report, choose(report, most, choice or Choice()), rows, cols, boxes=boxes)


def write_sheet(
    report: "Report",
    path: str | Path,
    rows: int = 12,
    cols: int | None = None,
    *,
    choice: "Choice | None" = None,
    boxes: bool = False,
    force: bool = False,
) -> Path:
    """
    A contact sheet as a PNG file.

    Args:
        report: as in `draw_sheet`.
        path: where to write it; a name ending in .png.
        rows: as in `draw_sheet`.
        cols: as in `draw_sheet`.
        choice: as in `draw_sheet`.
        boxes: as in `draw_sheet`.
        force: replace a file of that name.

    Returns:
        The path.

    Raises:
        OutputError: the file exists, or the system refuses.
        ArgumentError: as in `draw_sheet`, or the name does not end in .png.
    """
    from PIL import Image

    path = home_path(path)
    check_output(path, "sheet", force=force)
    sheet = Image.fromarray(draw_sheet(report, rows, cols, choice=choice, boxes=boxes))
    return _write(report, path, lambda file: sheet.save(file, "png"), force)


def write_page(
    report: "Report",
    path: str | Path,
    *,
    images: int = 2_000,
    choice: "Choice | None" = None,
    force: bool = False,
) -> Path:
    """
    A page for a browser: one file that needs no network.

    Args:
        report: of the images.
        path: where to write it.
        images: at most so many are on the page; fewer, if they would take more than about 11 MB.
        choice: which images; None for some at random, always the same. With predictions, up to half of them
            are the worst.
        force: replace a file of that name.

    Returns:
        The path.

    Raises:
        OutputError: the file exists, or the system refuses.
        ArgumentError: there are no such images.
    """
    from digitseq.inspection.page import make_page
    from digitseq.inspection.selection import Choice

    path = home_path(path)
    check_output(path, "html", force=force)
    data = make_page(report, images, choice or Choice())
    return _write(report, path, lambda file: file.write(data), force)


def check_output(path: str | Path, kind: str, *, force: bool) -> None:
    """
    Make sure that a sheet or a page can be written, before any work is done for it.

    Args:
        path: where.
        kind: "sheet" or "html".
        force: replace a file of that name.

    Raises:
        ArgumentError: a sheet's name does not end in .png.
        OutputError: the file exists, or its folder does not.
    """
    path = home_path(path)
    if kind == "sheet" and path.suffix.lower() != ".png":
        raise ArgumentError("sheet", f"expected a name ending in .png, got {str(path)!r}")
    if str(path) == "-":
        raise ArgumentError(kind, "expected the name of a file, got -")
    with system_errors(OutputError, f"{path} cannot be written"):
        if not path.parent.is_dir():
            raise OutputError(f"{path} cannot be written: its folder does not exist")
        if path.is_dir():
            raise OutputError(f"{path} cannot be written: it is a folder")
        if os.path.lexists(path) and not is_stream(path) and not force:
            raise OutputError(f"{path} exists and is kept", hint="--force (force=True) replaces it")


def _write(report: "Report", path: Path, write: "Callable[[IO[bytes]], object]", force: bool) -> Path:
    folder = report.table.subject.folder
    with system_errors(OutputError, f"{path} cannot be written"):
        if folder is not None and folder.resolve() in path.resolve().parents:
            raise OutputError(f"{path} cannot be written: it lies in the dataset, which stays as it is")
        inputs = [report.name, *([report.scores.name] if report.scores is not None else [])]
        if any(path.resolve() == Path(name).resolve() for name in inputs):
            raise OutputError(f"{path} cannot be written: it is what was inspected")
        write_output(path, write, new=not force)
    return path
