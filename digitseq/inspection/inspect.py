"""Images → a report: what they are, what is wrong with them, and how well a model reads them."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from digitseq.errors import ArgumentError, OutputError, system_errors
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import at_hand, glyphs_for
from digitseq.inspection.open_images import open_recipe, open_subject
from digitseq.inspection.predictions import Entry, Given, entries_of, match_predictions
from digitseq.inspection.report import Report, make_report
from digitseq.inspection.scores import score
from digitseq.inspection.table import gather
from digitseq.progress_protocol import Progress
from digitseq.recipe import Recipe

_OF_A_RECIPE = 10_000
"""Default number of images of a recipe to inspect."""


def inspect_dataset(
    what: str | Path | Recipe,
    *,
    predictions: Given | None = None,
    partial: bool = False,
    split: str | None = None,
    limit: int | None = None,
    source: str | Path | GlyphSet | None = None,
    progress: Progress | None = None,
) -> Report:
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
        limit: number of images to inspect, spread evenly. None: all, but 10,000 of a recipe (with
            predictions, at all).
        source: glyphs of a recipe, or a path of them; None opens its own.
        progress: called as images are inspected.

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


def score_predictions(report: Report, predictions: Given, *, partial: bool = False) -> Report:
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
    if report.table.sample:
        raise ArgumentError("limit", "predictions are scored on all images; leave the limit out")
    return _scored(report, *entries_of(predictions), partial)


def _scored(report: Report, name: str, entries: Iterable[Entry], partial: bool) -> Report:

    found = match_predictions(name, entries, report.table, partial=partial)
    return replace(report, scores=score(report.table, found))
