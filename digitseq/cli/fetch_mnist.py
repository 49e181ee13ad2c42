"""The `fetch-mnist` command: put MNIST into the cache."""

from typing import Annotated

import typer

from digitseq import api
from digitseq.cli import console
from digitseq.cli.options import Quiet
from digitseq.errors import RESUME, ArgumentError


def fetch_mnist(
    from_dir: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="Import the original files from this folder or one inside it, or Keras's mnist.npz.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Check and parse the original files again, even if MNIST is cached."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Download MNIST into the cache, or import it from files on disk.

    Prints the cache folder of MNIST.
    """
    if from_dir == "":
        raise ArgumentError("from", "expected a folder or mnist.npz, got an empty string")
    console.if_stopped(f"downloaded files are kept; {RESUME}")
    with console.progress(quiet) as progress:
        folder = api.fetch_mnist(force=force, from_dir=from_dir, progress=progress)
    glyphs = api.load_glyphs("mnist", "all")
    if not quiet:
        writers = (
            "with writer ids"
            if glyphs.writers is not None
            else "without writer ids (QMNIST labels unavailable)"
        )
        console.say("note", f"MNIST is cached: {len(glyphs):,} glyphs, {writers}")
    console.out(folder)
