"""The `inspect` command: report on a dataset, its problems and predictions for it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from digitseq import api
from digitseq.checks import integer
from digitseq.cli import console, values
from digitseq.cli.options import Quiet, with_groups
from digitseq.errors import ArgumentError

if TYPE_CHECKING:
    from digitseq.inspection.compare import Comparison
    from digitseq.inspection.report import Report
    from digitseq.inspection.selection import Choice

Targets: TypeAlias = list[tuple[str, Path]]
"""Kind and path of each file written."""
_SCORE, _SHOW, _PICK = "Score and compare", "Show images", "Choose the images to show"
_STRIP = 3
_SAMPLE, _ROWS = 2_000, 12


@dataclass(frozen=True)
class Scoring:
    """Options for scoring and comparing."""

    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Predictions: CSV or JSONL with filename or index, prediction, and optional confidence.",
            rich_help_panel=_SCORE,
        ),
    ] = None
    partial: Annotated[
        bool, typer.Option("--partial", help="Accept images without a prediction.", rich_help_panel=_SCORE)
    ] = False
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Compare two datasets or, with PATH, two files of predictions for it.",
            rich_help_panel=_SCORE,
        ),
    ] = None


@dataclass(frozen=True)
class Pictures:
    """Options for showing images."""

    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an HTML page.", rich_help_panel=_SHOW)
    ] = None
    images: Annotated[
        int | None,
        typer.Option(
            help=f"Maximum number of images on the page (default: {_SAMPLE:,}).", rich_help_panel=_SHOW
        ),
    ] = None
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png", help="Write a contact sheet of images and labels.", rich_help_panel=_SHOW
        ),
    ] = None
    rows: Annotated[
        int | None, typer.Option(help=f"Rows of the sheet (default: {_ROWS}).", rich_help_panel=_SHOW)
    ] = None
    cols: Annotated[
        int | None,
        typer.Option(
            help="Columns of the sheet (default: as many as fit into 1,400 px).", rich_help_panel=_SHOW
        ),
    ] = None
    boxes: Annotated[
        bool, typer.Option("--boxes", help="Outline each digit on the sheet.", rich_help_panel=_SHOW)
    ] = False
    strip: Annotated[
        int | None,
        typer.Option(
            help="Images to show below the report (default: 3 on a terminal, else 0).", rich_help_panel=_SHOW
        ),
    ] = None

    @property
    def of_sheet(self) -> bool:
        """Whether an option for the sheet was given."""
        return self.boxes or (self.sheet, self.rows, self.cols) != (None, None, None)

    def check(self, force: bool, inspected: list[str | Path]) -> None:
        """Check the options and output files before any data is read."""
        for name, value, low, high in (
            ("strip", self.strip, 0, 1_000),
            ("images", self.images, 1, 100_000),
            ("rows", self.rows, 1, 10_000),
            ("cols", self.cols, 1, 1_000),
        ):
            integer(name, low if value is None else value, low, high)
        if self.html is None and self.images is not None:
            raise typer.BadParameter("--images requires --html")
        if self.sheet is None and self.of_sheet:
            raise typer.BadParameter("--rows, --cols and --boxes require --sheet")
        if self.html is not None and self.html == self.sheet:
            raise typer.BadParameter("--html and --sheet name the same file")
        for kind, target in (("html", self.html), ("sheet", self.sheet)):
            if target is not None:
                api.check_output(target, kind, force=force, inspected=inspected)

    def write(self, report: "Report", choice: "Choice", force: bool) -> Targets:
        """Write the page and the sheet; return what was written."""
        if self.html is not None:
            api.write_page(report, self.html, images=self.images or _SAMPLE, choice=choice, force=force)
        if self.sheet is not None:
            api.write_sheet(
                report,
                self.sheet,
                self.rows or _ROWS,
                self.cols,
                choice=choice,
                boxes=self.boxes,
                force=force,
            )
        return [
            (kind, path) for kind, path in (("page", self.html), ("sheet", self.sheet)) if path is not None
        ]


@dataclass(frozen=True)
class Picking:
    """Options that choose the images to show."""

    order: Annotated[
        str | None,
        typer.Option(
            help="random, first, widest, touching or worst (default: worst with --predictions, else random).",
            rich_help_panel=_PICK,
        ),
    ] = None
    label: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help='Labels such as "12##" or "*7*": # is one digit, * any number of digits.',
            rich_help_panel=_PICK,
        ),
    ] = None
    length: Annotated[
        str | None, typer.Option(help="Digits per label: 4, or a range such as 3-6.", rich_help_panel=_PICK)
    ] = None
    seed: Annotated[
        int,
        typer.Option(
            help="Seed of the random order (default: 0).", show_default=False, rich_help_panel=_PICK
        ),
    ] = 0

    def choice(self) -> "Choice":
        """Return the choice for the API."""
        from digitseq.inspection.selection import Choice

        length = None if self.length is None else values.length_range(self.length)
        return Choice(order=self.order, label=self.label, length=length, seed=self.seed)


@with_groups
def inspect(
    scoring: Scoring,
    pictures: Pictures,
    picking: Picking,
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="PATH",
            help="Dataset folder or URL, one of its splits, an image, or a recipe (.json).",
            show_default=False,
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Inspect only this split.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Number of images to inspect, evenly spaced (default: all, or 10,000 for a recipe)."
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Source of the glyphs, if the images were made from glyphs of your own. For a mixture, "
            "repeat the option, in the same order and with the same weights."
        ),
    ] = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="Print only the result: accuracy, error rate, faults and files.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Report the contents of a dataset, its problems, and how well a model reads it.

    Prints the report, then the result and the paths of any files
    written. The dataset is never changed. The exit code is 0 even if
    problems are found; to check a dataset in a script, use `digitseq verify`.
    """
    compare = scoring.compare
    _check(path, scoring, pictures, picking, brief, as_json)
    choice = picking.choice()
    if picking.order == "worst" and scoring.predictions is None:
        from digitseq.inspection.selection import NO_PREDICTIONS

        raise ArgumentError("order", NO_PREDICTIONS)
    inputs = [path, scoring.predictions, *(compare or ())]
    pictures.check(force, [one for one in inputs if one is not None and "://" not in str(one)])

    def look(what: str | Path, predictions: Path | None) -> "Report":
        with console.progress(quiet) as progress:
            return api.inspect_dataset(
                what,
                predictions=predictions,
                partial=scoring.partial,
                split=split,
                limit=limit,
                source=values.source_name(source),
                progress=progress,
            )

    if compare is not None:
        if path is None:
            first, second = (look(one, None) for one in compare)
        else:
            first = look(path, Path(compare[0]))
            second = api.score_predictions(first, Path(compare[1]), partial=scoring.partial)
        comparison = api.compare_reports(first, second)
        if pictures.html is not None:
            api.write_comparison_page(
                first, second, pictures.html, images=pictures.images or _SAMPLE, force=force
            )
        written: Targets = [] if pictures.html is None else [("page", pictures.html)]
        _print_comparison(comparison, written, as_json, brief)
        return
    strip = pictures.strip if pictures.strip is not None or brief or as_json else _usual_strip()
    if picking != Picking() and not (pictures.html or pictures.sheet or strip) and not quiet:
        told = "--order, --label, --length and --seed choose the images to show, but none are shown"
        console.say("note", f"{told}; add --sheet or --html")
    report = look("" if path is None else path, scoring.predictions)
    targets = pictures.write(report, choice, force)  # before anything is printed: the reader may be `head`
    if as_json:
        console.out(json.dumps(report.to_dict()))
        return
    _print(report, choice, strip or 0, targets, brief)


def _check(
    path: str | None, scoring: Scoring, pictures: Pictures, picking: Picking, brief: bool, as_json: bool
) -> None:
    compare = scoring.compare
    if path is None and compare is None:
        raise typer.BadParameter("give a PATH or --compare A B")
    if compare is not None and (scoring.predictions or pictures.of_sheet):
        raise typer.BadParameter(
            "--compare cannot be combined with --predictions, --sheet, --rows, --cols or --boxes"
        )
    if compare is not None and (picking != Picking() or pictures.strip is not None):
        raise typer.BadParameter(
            "--compare cannot be combined with --order, --label, --length, --seed or --strip"
        )
    if brief and as_json:
        raise typer.BadParameter("--brief cannot be combined with --json")
    if as_json and pictures.strip:
        raise typer.BadParameter("--strip cannot be combined with --json")
    if scoring.partial and scoring.predictions is None and (compare is None or path is None):
        raise typer.BadParameter("--partial requires --predictions")
    if scoring.predictions == Path("-"):
        raise ArgumentError("predictions", "expected a file, got - (standard input)")


def _usual_strip() -> int:
    return _STRIP if sys.stdout.isatty() else 0


def _print(report: "Report", choice: "Choice", strip: int, targets: Targets, brief: bool) -> None:
    from digitseq.cli.report import show_report, show_strip, show_verdict
    from digitseq.inspection.selection import choose

    chosen = choose(report, strip, choice) if strip else None
    with console.standard_output():
        terminal = console.console()
        if not brief:
            show_report(terminal, report)
        if chosen is not None:
            show_strip(terminal, report, chosen)
        show_verdict(terminal, report, targets)


def _print_comparison(comparison: "Comparison", targets: Targets, as_json: bool, brief: bool) -> None:
    if as_json:
        console.out(json.dumps(comparison.to_dict()))
        return
    from digitseq.cli.comparison import show_comparison, show_comparison_verdict

    with console.standard_output():
        terminal = console.console()
        if not brief:
            show_comparison(terminal, comparison)
        show_comparison_verdict(terminal, comparison, targets)
