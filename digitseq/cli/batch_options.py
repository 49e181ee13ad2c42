"""The options of the `batch` command."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from digitseq.cli import values
from digitseq.dataset.formats import FORMATS
from digitseq.dataset.label_names import LABEL_FILES, MASKS

_LABELS, _HOW_MANY, _FILES, _RUN = (
    "Labels (one of --sequence, --length, --sequences, --pattern)",
    "Number of images",
    "Output",
    "Execution",
)
ONE_OF = "expected exactly one of --sequence, --length, --sequences and --pattern"


@dataclass(frozen=True)
class Labels:
    """Options for the labels of the images."""

    sequence: Annotated[
        str | None, typer.Option(help="The same digits in every image.", rich_help_panel=_LABELS)
    ] = None
    length: Annotated[
        str | None,
        typer.Option(
            help="Random digits per label: 4, a range such as 3-6, or a list such as 3,8.",
            rich_help_panel=_LABELS,
        ),
    ] = None
    sequences: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Read sequences from FILE or stdin (-), one per line.",
            rich_help_panel=_LABELS,
        ),
    ] = None
    pattern: Annotated[
        list[str] | None,
        typer.Option(
            help='Fixed digits, # for any digit, brackets for a choice of digits: "0#[1-9]####". Repeatable; '
            '":3" at the end makes a pattern three times as likely.',
            rich_help_panel=_LABELS,
        ),
    ] = None
    unique: Annotated[
        bool | None,
        typer.Option(
            "--unique/--no-unique",
            help="Never repeat a label (default: --no-unique).",
            rich_help_panel=_LABELS,
        ),
    ] = None

    def for_recipe(self) -> dict[str, Any]:
        """Return the given options as fields of a recipe."""
        if self.sequence is not None and self.sequences is not None:
            raise typer.BadParameter(ONE_OF)
        given: dict[str, Any] = {
            "length": None if self.length is None else values.lengths(self.length),
            "pattern": tuple(self.pattern) if self.pattern else None,
            "unique": self.unique,
            "sequences": None if self.sequence is None else (self.sequence,),
        }
        if self.sequences is not None:
            given["sequences"] = values.sequences_of(self.sequences)
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Counts:
    """Options for the number of images."""

    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            "-n",
            help="Images in a dataset without splits (default: one per sequence).",
            rich_help_panel=_HOW_MANY,
        ),
    ] = None
    train: Annotated[
        int | None, typer.Option(help="Images in the train split.", rich_help_panel=_HOW_MANY)
    ] = None
    validation: Annotated[
        int | None, typer.Option(help="Images in the validation split.", rich_help_panel=_HOW_MANY)
    ] = None
    test: Annotated[int | None, typer.Option(help="Images in the test split.", rich_help_panel=_HOW_MANY)] = (
        None
    )

    def given(self) -> dict[str, int]:
        """Return option → count for the options given."""
        counts = {
            "-n": self.count,
            "--train": self.train,
            "--validation": self.validation,
            "--test": self.test,
        }
        return {option: count for option, count in counts.items() if count is not None}

    def for_recipe(self) -> dict[str, Any]:
        """Return the given options as fields of a recipe."""
        counts = {"train": self.train, "validation": self.validation, "test": self.test}
        splits = {split: count for split, count in counts.items() if count is not None}
        return ({} if self.count is None else {"count": self.count}) | ({"splits": splits} if splits else {})


@dataclass(frozen=True)
class Files:
    """Options for the files of the dataset."""

    recipe_file: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            help="Recreate the dataset described by this dataset.json; other options override its values.",
            rich_help_panel=_FILES,
        ),
    ] = None
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            autocompletion=lambda: list(FORMATS),
            help="Dataset format (default: folder).",
            rich_help_panel=_FILES,
        ),
    ] = None
    flat: Annotated[
        bool,
        typer.Option(
            "--flat",
            help="Put all images into one folder; short for --format flat.",
            rich_help_panel=_FILES,
        ),
    ] = False
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            metavar="|".join(name for name in LABEL_FILES if name != MASKS),
            help="Also write label files for other tools; repeatable.",
            rich_help_panel=_FILES,
        ),
    ] = None
    masks: Annotated[
        bool,
        typer.Option(
            "--masks",
            help="Also write instance masks: 0 for no ink, k for the ink of the k-th digit.",
            rich_help_panel=_FILES,
        ),
    ] = False
    card: Annotated[
        bool,
        typer.Option(
            "--card/--no-card",
            help="Write a dataset card (README.md) and croissant.json (default: --card).",
            show_default=False,
            rich_help_panel=_FILES,
        ),
    ] = True
    png_level: Annotated[
        int,
        typer.Option(
            help="PNG compression level, 0 (fastest) to 9 (default: 0).",
            show_default=False,
            rich_help_panel=_FILES,
        ),
    ] = 0
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace an existing dataset of another recipe.", rich_help_panel=_FILES
        ),
    ] = False

    def form(self) -> str | None:
        """Return the format asked for."""
        if self.flat and self.format_ not in (None, "folder", "flat"):
            raise typer.BadParameter(
                f"--flat cannot be combined with --format {self.format_}, which stores no single images"
            )
        return "flat" if self.flat else self.format_

    def extra_labels(self) -> list[str]:
        """Return the requested label files and masks, as `write_dataset` takes them."""
        return [*(self.labels or ()), *((MASKS,) if self.masks else ())]


@dataclass(frozen=True)
class Running:
    """Options for running the command."""

    workers: Annotated[
        int | None, typer.Option(help="Worker processes (default: one per core).", rich_help_panel=_RUN)
    ] = None
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Dask scheduler: an address such as tcp://host:8786, or local.",
            rich_help_panel=_RUN,
        ),
    ] = None
    part: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="Write part K of N: every N-th shard, starting with the K-th.",
            rich_help_panel=_RUN,
        ),
    ] = None
    finish: Annotated[
        bool,
        typer.Option("--finish", help="Combine the parts after all have been written.", rich_help_panel=_RUN),
    ] = False
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show what would be written, but write nothing.", rich_help_panel=_RUN
        ),
    ] = False
