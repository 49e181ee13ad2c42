"""The `verify` command: check a dataset against its recipe."""

import json
from typing import Annotated

import typer

from digitseq import api
from digitseq.checks import counted
from digitseq.cli import console
from digitseq.cli.options import AsJson, Quiet
from digitseq.cli.values import source_name
from digitseq.errors import printable


def verify(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Dataset folder or URL.")],
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Source of the glyphs, if the dataset uses your own. For a mixture, repeat it in the same "
            "order and with the same weights."
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check every file, label, box and pixel of a dataset against its recipe.

    Prints one line per problem. The exit code is 1 if problems are found,
    else 0. Files of your own in the folder are only noted.
    """
    recipe, digest = api.read_recipe(out)
    problems, notes = [], list[str]()
    with console.progress(quiet) as progress:
        if (given := source_name(source)) is None:
            glyphs = api.load_recorded_glyphs(recipe.source, digest, progress=progress)
        else:
            glyphs = api.load_glyphs(given, "all", progress=progress)
        for problem in api.verify_dataset(out, source=glyphs, progress=progress, note=notes.append):
            problems.append(problem)
            if not as_json:
                console.out(printable(problem))
    for text in [] if quiet else notes:
        console.say("note", printable(text))
    if as_json:
        facts = {"path": str(out), "images": len(recipe), "problems": problems, "notes": notes}
        console.out(json.dumps(facts))
    if problems:
        console.fail(
            f"{out}: {counted(len(problems), 'problem')} found",
            "run the same `digitseq batch` command again to rewrite missing or damaged files",
        )
        raise typer.Exit(1)
    if not quiet:
        console.say("note", f"{out}: {counted(len(recipe), 'image')} verified, no problems found")
