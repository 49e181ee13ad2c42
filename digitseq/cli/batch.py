"""The `batch` command: write a dataset."""

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digitseq import api
from digitseq.checks import choice, counted
from digitseq.cli import console, values
from digitseq.cli.batch_options import ONE_OF, Counts, Files, Labels, Running
from digitseq.cli.options import AsJson, Drawing, Effects, Quiet, with_groups
from digitseq.dataset.formats import FORMATS
from digitseq.dataset.label_names import LABEL_FILES, MASKS
from digitseq.errors import RESUME, ArgumentError, printable
from digitseq.recipe import Recipe

if TYPE_CHECKING:
    from digitseq.dataset.assemble import Summary
    from digitseq.glyphs.glyphset import GlyphSet


@with_groups
def batch(
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="Dataset folder, created if missing, or a URL such as s3://bucket/name."
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
    """Write a dataset of images and labels; run the same command again to resume.

    Writes images/000/000000.png …, labels.csv, metadata.jsonl and finally
    dataset.json, or the files of another --format. Prints the folder.
    The files do not depend on the number of workers.
    """
    part = None if running.part is None else values.part(running.part)
    if running.dry_run and (part is not None or running.finish):
        raise typer.BadParameter("--dry-run describes the whole dataset; leave out --part and --finish")
    given = what.for_recipe() | counts.for_recipe()
    _check(out, given, counts, drawing, files)
    if not running.dry_run:
        console.if_stopped(f"no new shard was finished; {RESUME}")
    with console.progress(quiet) as progress:
        if files.recipe_file is None:
            recipe = _new_recipe(out, given, drawing, effects, running)
            form, more = files.form(), files.extra_labels()
            glyphs = api.load_glyphs(recipe.source, "all", progress=progress)
        else:
            base, digest = api.read_recipe(files.recipe_file)
            form, more = _layout(files)
            asked = drawing.source_name(base.source)
            given |= drawing.for_recipe(effects, base) | ({"source": asked} if asked else {})
            if drawing.split is not None and base.splits and not given.keys() & {"count", "splits"}:
                raise typer.BadParameter(
                    "--split needs -n N, the number of images from that split, if the recipe has splits; "
                    "leave out --split to write all of its splits"
                )
            recipe = base.changed(**given)
            if asked is None:
                glyphs = api.load_recorded_glyphs(recipe.source, digest, progress=progress)
            else:
                glyphs = api.load_glyphs(asked, "all", progress=progress)
        if running.dry_run:
            outline = api.outline(
                recipe,
                source=glyphs,
                out=out,
                format=form,
                labels=more,
                force=files.force,
                png_level=files.png_level,
                card=files.card,
            )
            _print_outline(outline, as_json)
            return
        start = time.monotonic()
        summary = api.write_dataset(
            recipe,
            out,
            source=glyphs,
            format=form,
            labels=more,
            workers=running.workers,
            scheduler=running.scheduler,
            part=part,
            finish=running.finish,
            force=files.force,
            png_level=files.png_level,
            card=files.card,
            progress=progress,
        )
    if drawing.seed is None and files.recipe_file is None and not quiet:
        console.say("note", f"seed {recipe.seed} (reproduce with --seed {recipe.seed})")
    _print_summary(summary, recipe, glyphs, time.monotonic() - start, as_json, quiet, running.finish)


def _check(out: str, given: dict[str, Any], counts: Counts, drawing: Drawing, files: Files) -> None:
    if out == "":
        raise typer.BadParameter("OUT: expected a folder, got an empty string; use . for the current folder")
    if files.recipe_file in ("", "-"):
        found = "- (standard input)" if files.recipe_file else "an empty string"
        raise ArgumentError("recipe", f"expected a file, got {found}")
    if drawing.split is not None and given.get("splits"):
        raise typer.BadParameter("--split cannot be combined with --train, --validation or --test")
    if (form := files.form()) is not None:
        choice("format", form, tuple(FORMATS))
    if (numbers := counts.given()) and not any(numbers.values()):
        raise typer.BadParameter(f"{next(iter(numbers))}: expected at least 1 image, got 0")
    for name in files.labels or ():
        choice("labels", name, LABEL_FILES)
    kinds = len(given.keys() & {"sequences", "length", "pattern"})
    if kinds > 1 or (kinds == 0 and files.recipe_file is None):
        raise typer.BadParameter(ONE_OF)
    if files.recipe_file is None and not given.keys() & {"sequences", "count", "splits"}:
        raise typer.BadParameter("say how many images: -n N, or --train/--validation/--test N")


def _new_recipe(
    out: str,
    given: dict[str, Any],
    drawing: Drawing,
    effects: Effects,
    running: Running,
) -> Recipe:
    given = given | drawing.for_recipe(effects)
    if drawing.seed is None and (started := api.seed_in(out)) is not None:
        given["seed"] = started  # resume with the seed chosen by the first run
    elif drawing.seed is None and running.part is not None:
        raise typer.BadParameter("--part needs --seed or --recipe, the same for all parts")
    return api.make_recipe(**given, source=drawing.source_name() or "auto")


def _layout(files: Files) -> tuple[str | None, list[str]]:
    """Return the format and label files asked for, by default those of the recreated dataset."""
    form, labels = api.read_layout(files.recipe_file or "")
    asked = files.form() or form
    kept = [name for name in labels if form == asked or name == MASKS]
    return asked, files.extra_labels() or kept


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
        done = f"{images} written ({console.size_text(summary.size_bytes)}) in {seconds:.1f} s"
        kept = summary.images - summary.written
        if not only_finished:
            console.say("note", done + (f"; {kept:,} already written" if kept else ""))
        if summary.missing:
            shards = counted(summary.missing, "shard")
            console.say("note", f"{shards} still to be written by other parts")
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
    size = console.size_text(outline["size_bytes"])
    console.out(f"size     about {size} in {counted(outline['files'], 'file')}")
