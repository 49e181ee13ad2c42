"""The command that draws pictures: generate."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitseq import api
from digitseq.checks import counted, home_path
from digitseq.cli import console, values
from digitseq.cli.options import AsJson, Drawing, Effects, Quiet, with_groups
from digitseq.errors import ArgumentError, OutputError, system_errors

if TYPE_CHECKING:
    from digitseq.picture import Picture


@with_groups
def generate(
    sequence: Annotated[
        str,
        typer.Argument(metavar="SEQUENCE", help="Digits to draw; - reads stdin, one sequence per line."),
    ],
    drawing: Drawing,
    effects: Effects,
    index: Annotated[int, typer.Option(help="Which image of the seed's stream (the first one, with -).")] = 0,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="A name ending in .png, or a folder, or - for stdout. With stdin: a folder.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    as_json: AsJson = False,
    show: Annotated[bool, typer.Option("--show", help="Draw the picture in the terminal, too.")] = False,
    quiet: Quiet = False,
) -> None:
    """Draw a sequence of digits and save it as a PNG in the current folder.

    Prints the path of the file. Existing files are kept: if the name is
    taken, the next free one is used.
    """
    if output == "":
        raise ArgumentError("output", "expected a file, a folder or -, got an empty text")
    if output == "-" and as_json:
        raise typer.BadParameter("--json and -o - both want standard output")
    if output == "-" and sys.stdout.isatty():
        raise typer.BadParameter("-o - writes the bytes of a PNG; send them to a file or a pipe")
    source = drawing.source_name() or "auto"
    given = drawing.for_recipe(effects)
    sequences = values.sequences_of("-") if sequence == "-" else (sequence,)
    if output == "-" and len(sequences) > 1:
        raise typer.BadParameter("-o - takes one picture; give a folder for several")
    recipe = api.make_recipe(sequences, index=index, source=source, **given)
    with console.progress(quiet) as progress:
        glyphs = api.load_glyphs(source, recipe.split, progress=progress)
    pictures = api.draw(recipe, glyphs)
    if sequence == "-" and output not in (None, "-"):
        _make_folder(output)
    written: set[Path] = set()
    for picture in pictures:
        if output == "-":
            with console.standard_output():
                sys.stdout.buffer.write(picture.png())
        else:
            path = picture.save(output, force=force, keep=written)
            written.add(path)
            console.if_stopped(f"{len(written):,} of {counted(len(recipe), 'picture')} saved")
            console.out(json.dumps({"path": str(path)} | picture.facts()) if as_json else path)
        if show:
            _show(picture)
    if drawing.seed is None and not quiet:
        console.say("note", f"seed {recipe.seed} (--seed {recipe.seed} draws the same again)")


def _make_folder(output: str) -> None:
    with system_errors(OutputError, f"the folder {output} cannot be made"):
        home_path(output).mkdir(parents=True, exist_ok=True)


def _show(picture: "Picture") -> None:
    from rich.console import Console

    from digitseq.cli.preview import show

    show(Console(stderr=True), picture.image)
