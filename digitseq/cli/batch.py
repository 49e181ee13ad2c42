"""The commands that write and check datasets: batch and verify."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digitseq.augment.effects import SPACING
from digitseq.checks import counted
from digitseq.cli import console as terminal
from digitseq.cli.console import AsJson, Maximum, Minimum, Quiet, Seed, Source, StyleSeed, Width
from digitseq.cli.options import Effects, Preset, settings
from digitseq.dataset.formats.names import LABEL_FILES, FormatName
from digitseq.errors import printable
from digitseq.recipe import Align, Recipe, SpacingFrom, Split, Writer

if TYPE_CHECKING:
    from digitseq.glyphs.glyphset import GlyphSet

_RESUME = "run the same command again to resume"
_WHAT, _HOW_MANY, _LAYOUT, _RUN = "What to write (one of)", "How many", "Layout", "Run"


def batch(
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="The folder of the dataset, made if missing; or s3://bucket/name …."
        ),
    ],
    sequence: Annotated[
        str | None, typer.Option("--sequence", help="The same digits in every image.", rich_help_panel=_WHAT)
    ] = None,
    length: Annotated[
        str | None, typer.Option(help="So many random digits, 4 or 3-6.", rich_help_panel=_WHAT)
    ] = None,
    sequences: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Sequences from a file or - (stdin), one a line.", rich_help_panel=_WHAT
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(help='Digits, and # for any digit: "0#0########".', rich_help_panel=_WHAT),
    ] = None,
    unique: Annotated[
        bool | None,
        typer.Option("--unique/--no-unique", help="Never repeat a label.", rich_help_panel=_WHAT),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--count", "-n", help="Images, in one flat dataset.", rich_help_panel=_HOW_MANY),
    ] = None,
    train: Annotated[
        int | None, typer.Option(help="Images in the split train.", rich_help_panel=_HOW_MANY)
    ] = None,
    validation: Annotated[
        int | None, typer.Option(help="Images in the split validation.", rich_help_panel=_HOW_MANY)
    ] = None,
    test: Annotated[
        int | None, typer.Option(help="Images in the split test.", rich_help_panel=_HOW_MANY)
    ] = None,
    minimum: Minimum = None,
    maximum: Maximum = None,
    width: Width = None,
    seed: Seed = None,
    source: Source = None,
    style_seed: StyleSeed = None,
    split: Annotated[
        Split | None, typer.Option(help="Glyphs of a flat dataset. Default train.", rich_help_panel=_LAYOUT)
    ] = None,
    spacing_from: Annotated[
        SpacingFrom | None,
        typer.Option(
            help="Measure spacing between ink (default), 28 px tiles or contours.", rich_help_panel=_LAYOUT
        ),
    ] = None,
    align: Annotated[
        Align | None,
        typer.Option(help="Where the line stands in a wider image. Default center.", rich_help_panel=_LAYOUT),
    ] = None,
    invert: Annotated[
        bool | None,
        typer.Option("--invert/--no-invert", help="Black digits on white.", rich_help_panel=_LAYOUT),
    ] = None,
    writer: Annotated[
        Writer | None,
        typer.Option(
            help="same: all digits of an image from one writer. Default mixed.", rich_help_panel=_LAYOUT
        ),
    ] = None,
    augment: Preset = None,
    effects: Effects = {},  # noqa: B006 - never changed
    recipe_file: Annotated[
        str | None,
        typer.Option(
            "--recipe", help="Make this dataset.json again; options beside it override.", rich_help_panel=_RUN
        ),
    ] = None,
    format_: Annotated[
        FormatName | None,
        typer.Option("--format", help="How to keep it. Default folder.", rich_help_panel=_RUN),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            metavar="|".join(LABEL_FILES),
            help="Label files for other readers, too; repeatable.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes. Default: one a core.", rich_help_panel=_RUN)
    ] = None,
    png_level: Annotated[
        int, typer.Option(help="0 fastest, 1 to 9 smaller files.", rich_help_panel=_RUN)
    ] = 0,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Dask scheduler, tcp://host:8786, or local.", rich_help_panel=_RUN
        ),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="Write every N-th shard, from the K-th on.", rich_help_panel=_RUN),
    ] = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="Put the parts together.", rich_help_panel=_RUN)
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a dataset of another recipe.", rich_help_panel=_RUN)
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be written; write nothing.", rich_help_panel=_RUN),
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write many images and their labels; the same command again finishes what was broken off.

    Writes images/000/000000.png …, labels.csv, metadata.jsonl and, last, dataset.json, and prints the folder;
    or another --format.
    The files are the same for any number of workers.
    """
    from digitseq import api

    source = terminal.source_name(source, style_seed)
    which = None if part is None else terminal.part(part)
    given: dict[str, Any] = {
        "length": None if length is None else terminal.length_range(length),
        "pattern": pattern,
        "unique": unique,
        "count": count,
        "splits": _splits(train=train, validation=validation, test=test),
        "seed": seed,
        "source": source,
        "split": split,
        "spacing_from": spacing_from,
        "align": align,
        "invert": invert,
        "writer": writer,
    }
    if sequence is not None and sequences is not None:
        raise typer.BadParameter("give one of --sequence, --sequences, --length and --pattern")
    given["sequences"] = _sequences(sequences) if sequence is None else (sequence,)
    given = {name: value for name, value in given.items() if value is not None}
    if width is not None:
        given["image_width"] = terminal.width(width)
    if out == "":
        raise typer.BadParameter("OUT is empty; name a folder (. is the current one)")
    if split is not None and given.get("splits"):
        raise typer.BadParameter(
            "--split goes with one flat dataset, not with --train, --validation and --test"
        )
    if recipe_file is None and not given.keys() & {"sequences", "length", "pattern"}:
        raise typer.BadParameter("give one of --sequence, --sequences, --length and --pattern")
    measured, usual = SPACING.get(augment or "", (None, (2, 8)))
    if recipe_file is None:
        if measured is not None:
            given.setdefault("spacing_from", measured)
        given["spacing_range"] = terminal.spacing(minimum, maximum, usual)
        given["augment"] = settings(augment, effects)

    digest = ""
    if recipe_file is None:
        if seed is None and (started := api.seed_in(out)) is not None:
            given["seed"] = started  # the same command again goes on with what it drew
        elif seed is None and part is not None:
            raise typer.BadParameter("parts need the same --seed, or --recipe")
        recipe = api.make_recipe(**given | {"source": source or "auto"})
    else:
        base, digest = api.read_recipe(recipe_file)
        its_format, its_labels = api.read_layout(recipe_file)
        labels = labels or (list(its_labels) if format_ in (None, its_format) else None)
        format_ = format_ or its_format  # type: ignore[assignment]
        given["augment"] = settings(augment, effects, base.settings)
        low, high = base.spacing_range
        given["spacing_range"] = (low if minimum is None else minimum, high if maximum is None else maximum)
        recipe = base.changed(**given)
    glyphs = _open(recipe, source, digest, quiet)
    if dry_run:
        outline = api.outline(
            recipe, source=glyphs, out=out, format=format_, labels=labels or (), png_level=png_level
        )
        _show_outline(outline, as_json)
        return
    start = time.monotonic()
    terminal.if_stopped(f"nothing new was finished; {_RESUME}")
    finished = f"finished; {_RESUME}"
    with terminal.drawing(quiet) as drawing, terminal.counting("writing", quiet, finished) as progress:
        summary = api.write_dataset(
            recipe,
            out,
            source=glyphs,
            format=format_,
            labels=labels or (),
            workers=workers,
            scheduler=scheduler,
            part=which,
            finish=finish,
            force=force,
            png_level=png_level,
            progress=progress,
            drawing=drawing,
        )
    seconds = time.monotonic() - start
    if seed is None and recipe_file is None and not quiet:
        terminal.say("note", f"seed {recipe.seed} (--seed {recipe.seed} makes the same again)")
    if not quiet:
        images = counted(summary.written, "image")
        done = f"{images} written ({summary.size_bytes / 1e6:,.1f} MB) in {seconds:.1f} s"
        kept = summary.images - summary.written
        if not finish:
            terminal.say("note", done + (f"; {kept:,} already there" if kept else ""))
        if summary.missing:
            shards = counted(summary.missing, "shard")
            terminal.say("note", f"still to be written by other parts: {shards}")
    if as_json:
        facts = {"path": summary.path, "images": summary.images, "written": summary.written}
        facts |= {"size_bytes": summary.size_bytes, "pixels": summary.pixels, "seed": recipe.seed}
        facts |= {"missing": summary.missing}
        terminal.out(json.dumps(facts | {"source": glyphs.name, "seconds": round(seconds, 3)}))
    else:
        terminal.out(summary.path)


def verify(
    out: Annotated[str, typer.Argument(metavar="OUT", help="The folder of a dataset, or its URL.")],
    source: Annotated[
        str | None, typer.Option(help="Its glyphs, if they are not mnist or builtin: their path.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Read a whole dataset again and name what is wrong with it: files, labels, boxes, pixels.

    Prints a line for each thing that is wrong; the exit code is 1 then, 0 if all is well.
    """
    from digitseq import api

    recipe, digest = api.read_recipe(out)
    glyphs = _open(recipe, source, digest, quiet)
    problems = []
    with terminal.counting("verifying", quiet, "verified; nothing was changed") as progress:
        for problem in api.verify_dataset(out, source=glyphs, progress=progress):
            problems.append(problem)
            if not as_json:
                terminal.out(printable(problem))
    if as_json:
        terminal.out(json.dumps({"path": str(out), "images": len(recipe), "problems": problems}))
    if problems:
        terminal.fail(
            f"{out}: {counted(len(problems), 'problem')} found",
            "the same `digitseq batch` command again writes what is missing or damaged",
        )
        raise typer.Exit(1)
    if not quiet:
        images = counted(len(recipe), "image")
        terminal.say("note", f"{out}: {images} verified, no problems found")


def _open(recipe: Recipe, source: str | None, digest: str, quiet: bool) -> "GlyphSet":
    """The glyphs of a recipe, fetched if need be; those that it was made from, if a digest says which."""
    from digitseq import api

    with terminal.fetching(quiet) as progress:
        if digest and source is None:
            return api.load_recorded_glyphs(recipe, digest, progress=progress)
        return api.load_glyphs(source or recipe.source, "all", progress=progress)


def _sequences(name: str | None) -> Sequence[str] | None:
    return None if name is None else terminal.sequences_of(name)


def _splits(**counts: int | None) -> dict[str, int] | None:
    return {split: count for split, count in counts.items() if count is not None} or None


def _show_outline(outline: dict[str, Any], as_json: bool) -> None:
    if as_json:
        terminal.out(json.dumps(outline))
        return
    splits = ", ".join(f"{split} {count:,}" for split, count in outline["splits"].items())
    terminal.out(f"images   {outline['images']:,} ({splits})")
    terminal.out(f"width    {outline['width']}")
    terminal.out(f"labels   {', '.join(outline['labels'])}{', …' if outline['images'] > 5 else ''}")
    terminal.out(f"source   {printable(outline['source'])}")
    terminal.out(f"seed     {outline['seed']}")
    terminal.out(f"format   {outline['format']}")
    terminal.out(
        f"size     about {outline['size_bytes'] / 1e6:,.1f} MB in {counted(outline['files'], 'file')}"
    )
