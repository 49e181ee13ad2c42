"""Inspect images and score predictions; both return a report."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from digitseq.checks import integer
from digitseq.errors import ArgumentError, OutputError, SourceWarning, system_errors, warn
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
    Inspect images: measure them, find faults, and score a model's predictions.

    Nothing is changed. A dataset's glyphs are not needed: labels and spacing follow from its recipe, and
    everything else is measured from the pixels.

    Args:
        what: folder or URL of a dataset, folder of one of its splits, an image, a JSON file with a recipe,
            or an unwritten Recipe.
        predictions: predictions of a model: a CSV or JSONL file, a sequence of texts in image order (None
            where there is no prediction), or a mapping from file name or index to text.
        partial: allow images without a prediction.
        split: inspect this split only.
        limit: number of images to inspect, spread evenly. None: all; for a recipe without predictions,
            10,000.
        source: the glyphs, or a path to them; None opens the recipe's source. Glyphs that the images
            were not made from are ignored, with a SourceWarning. For a dataset.json without its
            dataset, the images are drawn from these glyphs, with a SourceWarning if the dataset was made from
            different ones.
        progress: called as images are inspected.

    Returns:
        Report of measurements, findings and scores; pass it to `draw_sheet` or `write_page`.

    Raises:
        FormatError: ``what`` cannot be read, or the predictions are invalid (the message names the line).
        ArgumentError: an argument is invalid.
        SourceError, FetchError, CacheError: the glyphs of ``source`` or of a recipe are unavailable.

    >>> from digitseq import make_recipe
    >>> recipe = make_recipe(length=(2, 4), count=500, seed=1, source="builtin")
    >>> report = inspect_dataset(recipe)
    >>> report.spacing.promised_px, min(report.spacing.counts), max(report.spacing.counts), report.faults
    ((2, 8), 2, 8, 0)
    """
    limit = None if limit is None else integer("limit", limit, 1)
    if limit is not None and predictions is not None:
        raise ArgumentError("limit", "cannot be combined with predictions, which are scored on all images")
    read = None if predictions is None else entries_of(predictions)  # checked before the slower images

    @cache
    def given() -> GlyphSet:
        return glyphs_for(source, "", progress)

    def opened(recipe: Recipe) -> GlyphSet:
        return glyphs_for(None, recipe.source, progress) if source is None else given()

    if isinstance(what, Recipe):
        subject = open_recipe(what, "recipe", opened)
    else:
        at_once = opened if source is not None else lambda recipe: at_hand(recipe.source)
        subject = open_subject(what, opened, at_once)
    if source is not None and (subject.glyphs is None or subject.glyphs.digest != given().digest):
        told = (
            f"was not made from the glyphs of {given().name!r}, so they are ignored; pass its source, or none"
        )
        if subject.recipe is None:
            told = "does not record which glyphs it was made from, so the source is ignored"
        warn(f"{subject.name} {told}", SourceWarning)
    subject = subject.only(split)
    if limit is None and predictions is None and subject.kind == "recipe":
        limit = _OF_A_RECIPE
    with system_errors(OutputError, f"{what} cannot be read"):
        table = gather(subject, limit, progress)
    report = make_report(table)
    return report if read is None else _scored(report, *read, partial)


def score_predictions(report: Report, predictions: Given, *, partial: bool = False) -> Report:
    """
    Score the predictions of another model on the same images, without reading the images again.

    Args:
        report: report on the images.
        predictions: as in `inspect_dataset`.
        partial: allow images without a prediction.

    Returns:
        The report with new scores.

    Raises:
        FormatError: the predictions are invalid; the message names the line.
        ArgumentError: the report covers a sample only.
    """
    if report.table.sample:
        raise ArgumentError("limit", "the report covers a sample; inspect all images to score predictions")
    return _scored(report, *entries_of(predictions), partial)


def _scored(report: Report, name: str, entries: Iterable[Entry], partial: bool) -> Report:

    found = match_predictions(name, entries, report.table, partial=partial)
    return replace(report, scores=score(report.table, found))
