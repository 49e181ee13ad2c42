"""The command that writes datasets: batch."""

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digitseq import api
from digitseq.checks import choice, counted
from digitseq.cli import console, values
from digitseq.cli.options import AsJson, Drawing, Effects, Quiet, with_groups
from digitseq.dataset.formats import FORMATS, LABEL_FILES
from digitseq.errors import RESUME, printable
from digitseq.recipe import Recipe

if TYPE_CHECKING:
    from digitseq.dataset.assemble import Summary
    from digitseq.glyphs.glyphset import GlyphSet

_LABELS, _HOW_MANY, _FILES, _RUN = "What to write (one of)", "How many", "Files", "Run"
_ONE_OF = "give one of --sequence, --sequences, --length and --pattern"


@dataclass(frozen=True)
class Labels:
    """What the images show."""

    sequence: Annotated[
        str | None, typer.Option(help="The same digits in every image.", rich_help_panel=_LABELS)
    ] = None
    length: Annotated[
        str | None, typer.Option(help="Number of random digits, such as 4 or 3-6.", rich_help_panel=_LABELS)
    ] = None
    sequences: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Sequences from a file or - (stdin), one per line.", rich_help_panel=_LABELS
        ),
    ] = None
    pattern: Annotated[
        str | None,
        typer.Option(help='Digits, and # for any digit: "0#0########".', rich_help_panel=_LABELS),
    ] = None
    unique: Annotated[
        bool | None,
        typer.Option("--unique/--no-unique", help="Never repeat a label.", rich_help_panel=_LABELS),
    ] = None

    def for_recipe(self) -> dict[str, Any]:
        """The fields of a recipe that were given."""
        if self.sequence is not None and self.sequences is not None:
            raise typer.BadParameter(_ONE_OF)
        given: dict[str, Any] = {
            "length": None if self.length is None else values.length_range(self.length),
            "pattern": self.pattern,
            "unique": self.unique,
            "sequences": None if self.sequence is None else (self.sequence,),
        }
        if self.sequences is not None:
            given["sequences"] = values.sequences_of(self.sequences)
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Counts:
    """How many images."""

    count: Annotated[
        int | None,
        typer.Option("--count", "-n", help="Images, in one flat dataset.", rich_help_panel=_HOW_MANY),
    ] = None
    train: Annotated[
        int | None, typer.Option(help="Images in the split train.", rich_help_panel=_HOW_MANY)
    ] = None
    validation: Annotated[
        int | None, typer.Option(help="Images in the split validation.", rich_help_panel=_HOW_MANY)
    ] = None
    test: Annotated[int | None, typer.Option(help="Images in the split test.", rich_help_panel=_HOW_MANY)] = (
        None
    )

    def for_recipe(self) -> dict[str, Any]:
        """The fields of a recipe that were given."""
        counts = {"train": self.train, "validation": self.validation, "test": self.test}
        splits = {split: count for split, count in counts.items() if count is not None}
        return ({} if self.count is None else {"count": self.count}) | ({"splits": splits} if splits else {})


@dataclass(frozen=True)
class Files:
    """How the dataset is kept."""

    recipe_file: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            help="Recreate the dataset of this dataset.json; other options override it.",
            rich_help_panel=_FILES,
        ),
    ] = None
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            autocompletion=lambda: list(FORMATS),
            help="Format of the dataset. Default folder.",
            rich_help_panel=_FILES,
        ),
    ] = None
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            metavar="|".join(LABEL_FILES),
            help="Label files for other readers, too; repeatable.",
            rich_help_panel=_FILES,
        ),
    ] = None
    png_level: Annotated[
        int, typer.Option(help="0 fastest, 1 to 9 smaller files.", rich_help_panel=_FILES)
    ] = 0
    force: Annotated[
        bool, typer.Option("--force", help="Replace a dataset of another recipe.", rich_help_panel=_FILES)
    ] = False


@dataclass(frozen=True)
class Running:
    """What does the work."""

    workers: Annotated[
        int | None, typer.Option(help="Processes. Default: one per core.", rich_help_panel=_RUN)
    ] = None
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Dask scheduler, tcp://host:8786, or local.", rich_help_panel=_RUN
        ),
    ] = None
    part: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="Write every N-th shard, from the K-th on.", rich_help_panel=_RUN),
    ] = None
    finish: Annotated[
        bool, typer.Option("--finish", help="Put the parts together.", rich_help_panel=_RUN)
    ] = False
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be written; write nothing.", rich_help_panel=_RUN),
    ] = False


@with_groups
def batch(
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="The folder of the dataset, made if missing; or s3://bucket/name …."
        ),
    ],
    what: Labels,
    counts: Counts,
    drawing: Drawing,
    effects: Effects,
    files: Files,
    running: Running,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write many images and their labels; run the same command again to resume.

    Writes images/000/000000.png …, labels.csv, metadata.jsonl and, last,
    dataset.json, or the files of another --format. Prints the folder.
    The files are the same for any number of workers.
    """
    part = None if running.part is None else values.part(running.part)
    given = what.for_recipe() | counts.for_recipe()
    _check(out, given, drawing, files)
    if not running.dry_run:
        console.if_stopped(f"nothing new was finished; {RESUME}")
    with console.progress(quiet) as progress:
        if files.recipe_file is None:
            recipe = _new_recipe(out, given, drawing, effects, running)
            form, more = files.format_, files.labels
            glyphs = api.load_glyphs(recipe.source, "all", progress=progress)
        else:
            base, digest = api.read_recipe(files.recipe_file)
            form, more = _layout(files)
            asked = drawing.source_name()
            given |= drawing.for_recipe(effects, base) | ({"source": asked} if asked else {})
            recipe = base.changed(**given)
            if asked is None:
                glyphs = api.load_recorded_glyphs(recipe.source, digest, progress=progress)
            else:
                glyphs = api.load_glyphs(asked, "all", progress=progress)
        if running.dry_run:
            outline = api.outline(
                recipe, source=glyphs, out=out, format=form, labels=more or (), png_level=files.png_level
            )
            _print_outline(outline, as_json)
            return
        start = time.monotonic()
        summary = api.write_dataset(
            recipe,
            out,
            source=glyphs,
            format=form,
            labels=more or (),
            workers=running.workers,
            scheduler=running.scheduler,
            part=part,
            finish=running.finish,
            force=files.force,
            png_level=files.png_level,
            progress=progress,
        )
    if drawing.seed is None and files.recipe_file is None and not quiet:
        console.say("note", f"seed {recipe.seed} (--seed {recipe.seed} makes the same again)")
    _print_summary(summary, recipe, glyphs, time.monotonic() - start, as_json, quiet, running.finish)


def _check(out: str, given: dict[str, Any], drawing: Drawing, files: Files) -> None:
    if out == "":
        raise typer.BadParameter("OUT is empty; name a folder (. is the current one)")
    if drawing.split is not None and given.get("splits"):
        raise typer.BadParameter(
            "--split goes with one flat dataset, not with --train, --validation and --test"
        )
    if files.format_ is not None:
        choice("format", files.format_, tuple(FORMATS))
    for name in files.labels or ():
        choice("labels", name, LABEL_FILES)
    if files.recipe_file is None and not given.keys() & {"sequences", "length", "pattern"}:
        raise typer.BadParameter(_ONE_OF)


def _new_recipe(
    out: str,
    given: dict[str, Any],
    drawing: Drawing,
    effects: Effects,
    running: Running,
) -> Recipe:
    given = given | drawing.for_recipe(effects)
    if drawing.seed is None and (started := api.seed_in(out)) is not None:
        given["seed"] = started  # the same command again goes on with the seed that was chosen for it
    elif drawing.seed is None and running.part is not None:
        raise typer.BadParameter("parts need the same --seed, or --recipe")
    return api.make_recipe(**given, source=drawing.source_name() or "auto")


def _layout(files: Files) -> tuple[str | None, list[str] | None]:
    """Format and label files: those of the dataset that is made again, where no others are asked for."""
    form, labels = api.read_layout(files.recipe_file or "")
    same = files.format_ in (None, form)
    return files.format_ or form, files.labels or (list(labels) if same else None)


def _print_summary(
    summary: "Summary",
    recipe: Recipe,
    glyphs: "GlyphSet",
    seconds: float,
    as_json: bool,
    quiet: bool,
    only_finished: bool,
) -> None:
    if not quiet:
        images = counted(summary.written, "image")
        done = f"{images} written ({summary.size_bytes / 1e6:,.1f} MB) in {seconds:.1f} s"
        kept = summary.images - summary.written
        if not only_finished:
            console.say("note", done + (f"; {kept:,} already there" if kept else ""))
        if summary.missing:
            shards = counted(summary.missing, "shard")
            console.say("note", f"still to be written by other parts: {shards}")
    if not as_json:
        console.out(summary.path)
        return
    facts = {
        "path": summary.path,
        "images": summary.images,
        "written": summary.written,
        "size_bytes": summary.size_bytes,
        "pixels": summary.pixels,
        "seed": recipe.seed,
        "missing": summary.missing,
        "source": glyphs.name,
        "seconds": round(seconds, 3),
    }
    console.out(json.dumps(facts))


def _print_outline(outline: dict[str, Any], as_json: bool) -> None:
    if as_json:
        console.out(json.dumps(outline))
        return
    splits = ", ".join(f"{split} {count:,}" for split, count in outline["splits"].items())
    console.out(f"images   {outline['images']:,} ({splits})")
    console.out(f"width    {outline['width']}")
    console.out(f"labels   {', '.join(outline['labels'])}{', …' if outline['images'] > 5 else ''}")
    console.out(f"source   {printable(outline['source'])}")
    console.out(f"seed     {outline['seed']}")
    console.out(f"format   {outline['format']}")
    console.out(
        f"size     about {outline['size_bytes'] / 1e6:,.1f} MB in {counted(outline['files'], 'file')}"
    )
