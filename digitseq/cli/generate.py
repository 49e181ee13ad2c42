"""The `generate` command: render sequences as PNG files."""

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
        typer.Argument(
            metavar="SEQUENCE", help="Digits such as 0042, or - to read sequences from stdin, one per line."
        ),
    ],
    drawing: Drawing,
    effects: Effects,
    index: Annotated[
        int,
        typer.Option(
            help="Index of the image in the seed's stream; with -, of the first image (default: 0).",
            show_default=False,
        ),
    ] = 0,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="PNG file, folder, or - for stdout (default: the current folder). If SEQUENCE is -, any "
            "name is treated as a folder.",
        ),
    ] = None,
    mask: Annotated[
        bool,
        typer.Option(
            "--mask",
            help="Also save the instance mask as NAME.mask.png: 0 for no ink, k for the ink of the "
            "k-th digit.",
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    as_json: AsJson = False,
    show: Annotated[bool, typer.Option("--show", help="Also show the image in the terminal.")] = False,
    quiet: Quiet = False,
) -> None:
    """Render a sequence of digits and save it as a PNG file.

    Prints the path of the file. Without --force, existing files are kept:
    in a folder, the next free name is used, such as 3502-1.png.
    """
    if output == "":
        raise ArgumentError("output", "expected a file, a folder or -, got an empty string")
    if output == "-" and as_json:
        raise typer.BadParameter("--json and -o - both write to standard output")
    if output == "-" and mask:
        raise typer.BadParameter("--mask writes a second file; -o - writes only one")
    if output == "-" and sys.stdout.isatty():
        raise typer.BadParameter("-o - writes binary data; redirect it to a file or a pipe")
    source = drawing.source_name() or "auto"
    given = drawing.for_recipe(effects)
    sequences = values.sequences_of("-") if sequence == "-" else (sequence,)
    if output == "-" and len(sequences) > 1:
        raise typer.BadParameter("-o - writes only one image; give a folder for several")
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
            path = picture.save(output, force=force, keep=written, mask=mask)
            written.add(path)
            console.if_stopped(f"{len(written):,} of {counted(len(recipe), 'image')} saved")
            more = {"mask": str(path.with_suffix(".mask.png"))} if mask else {}
            console.out(json.dumps({"path": str(path)} | more | picture.facts()) if as_json else path)
        if show:
            _show(picture)
    if drawing.seed is None and not quiet:
        console.say("note", f"seed {recipe.seed} (reproduce with --seed {recipe.seed})")


def _make_folder(output: str) -> None:
    with system_errors(OutputError, f"the folder {output} cannot be created"):
        home_path(output).mkdir(parents=True, exist_ok=True)


def _show(picture: "Picture") -> None:
    from rich.console import Console

    from digitseq.cli.preview import show

    show(Console(stderr=True), picture.image, picture.boxes.tolist())
