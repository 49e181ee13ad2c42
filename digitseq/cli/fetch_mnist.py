"""The command that fills the cache: fetch-mnist."""

from pathlib import Path
from typing import Annotated

import typer

from digitseq import api
from digitseq.cli import console
from digitseq.cli.options import Quiet
from digitseq.errors import RESUME


def fetch_mnist(
    from_dir: Annotated[
        Path | None, typer.Option("--from", help="Import the four files (gzip or plain) from this folder.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Check and parse it again, even if it is there.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Put MNIST into the cache: from its mirrors, or from files on disk.

    Prints the folder of the cached MNIST.
    """
    console.if_stopped(f"downloaded files are kept; {RESUME}")
    with console.progress(quiet) as progress:
        folder = api.fetch_mnist(force=force, from_dir=from_dir, progress=progress)
    glyphs = api.load_glyphs("mnist", "all")
    if not quiet:
        writers = (
            "with writers"
            if glyphs.writers is not None
            else "without writers (QMNIST's labels were not there)"
        )
        console.say("note", f"MNIST is cached: {len(glyphs):,} glyphs, {writers}")
    console.out(folder)
