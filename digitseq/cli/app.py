"""The command line: arguments → one API call → words, colours, progress, exit code."""

import json
import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from digitseq.augment.effects import SPACING
from digitseq.checks import counted, home_path
from digitseq.cli import console as terminal
from digitseq.cli.console import AsJson, HandOption, Maximum, Minimum, Quiet, Seed, Source, StyleSeed, Width
from digitseq.cli.options import Effects, Preset, settings, with_effects
from digitseq.errors import ArgumentError, DigitSeqError, DigitSeqWarning, OutputError, system_errors
from digitseq.interrupts import check, ignore_signals, stopped_by
from digitseq.recipe import Align, SpacingFrom, Split
from digitseq.version import __version__

if TYPE_CHECKING:
    from digitseq.picture import Picture

app = typer.Typer(
    name="digitseq",
    help="Draw images of handwritten digit sequences, reproducible to the pixel.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

# The API's names of arguments → what the user wrote.
_WORDS = {
    "digits": "SEQUENCE",
    "sequences": "SEQUENCE",
    "spacing_range": "--min/--max",
    "image_width": "--width",
    "spacing_from": "--spacing-from",
    "output": "--output",
    "png_level": "--png-level",
    "splits": "--train/--validation/--test",
} | {
    name: f"--{name}"
    for name in (
        "seed",
        "index",
        "source",
        "split",
        "align",
        "length",
        "pattern",
        "unique",
        "count",
        "recipe",
        "workers",
    )
}


def main() -> NoReturn:
    """Run the command line and exit."""
    warnings.simplefilter("always", DigitSeqWarning)
    warnings.showwarning = terminal.show_warning
    terminal.prepare_streams()
    code = _run()
    ignore_signals()
    if number := stopped_by():
        terminal.say_stopped()
        _drop_output()
        code = 128 + number
    sys.exit(code)


def _run() -> int:
    """Run the command; the one place where errors become words and exit codes."""
    try:
        app.command()(with_effects(generate))
        if sys.argv[1:2] not in (["generate"], ["fetch-mnist"]):
            _add_dataset_commands()
        check()
        code = app(prog_name="digitseq", standalone_mode=False)
        with terminal.standard_output():
            sys.stdout.flush()
    except ArgumentError as error:
        terminal.fail(f"{_word(error.argument)}: {error.problem}", error.hint)
        code = 2
    except DigitSeqError as error:
        terminal.fail(error.problem, error.hint)
        code = 1
    except typer.TyperException as error:
        hint = "" if error.exit_code != 2 else f"{_program(error)} --help lists what there is"
        if error.format_message():  # not when help was shown for want of arguments
            terminal.fail(error.format_message(), hint)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        _drop_output()  # whoever read it has gone
        code = 1
    except MemoryError:
        terminal.fail("there is not enough memory", "a smaller --width, or fewer --workers, needs less")
        code = 1
    except OSError as error:
        # Where it is known what was being done, the error says so; here only the system's words are known.
        name = f"{error.filename}: " if error.filename else ""
        terminal.fail(f"{name}{error.strerror or error}", "")
        code = 1
    return code if isinstance(code, int) else 0


def _drop_output() -> None:
    """Discard unwritten output; otherwise Python would try to write it at exit, and block or complain."""
    with suppress(OSError, ValueError):  # not a real file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _add_dataset_commands() -> None:
    # Their many options take a tenth of the time of a whole `generate`, which does not need them.
    from digitseq.cli import batch as cli_dataset
    from digitseq.cli import inspect as cli_inspect

    app.command()(with_effects(cli_dataset.batch))
    app.command()(cli_dataset.verify)
    app.command()(cli_inspect.inspect)


def _word(argument: str) -> str:
    if argument in _WORDS:
        return _WORDS[argument]
    return f"--{argument}" if argument.isidentifier() and argument.islower() else argument


def _program(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    words = [
        word for word in sys.argv[1:2] if word in ("generate", "batch", "verify", "inspect", "fetch-mnist")
    ]
    return getattr(context, "command_path", " ".join(["digitseq", *words]))


# --- Options --------------------------------------------------------------------------------------------


def _version(value: bool) -> None:
    if value:
        terminal.out(f"digitseq {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


# --- generate -------------------------------------------------------------------------------------------


def generate(
    sequence: Annotated[
        str,
        typer.Argument(metavar="SEQUENCE", help="The digits to draw; - reads all of stdin, one a line."),
    ],
    minimum: Minimum = None,
    maximum: Maximum = None,
    width: Width = None,
    seed: Seed = None,
    index: Annotated[int, typer.Option(help="Which image of the seed's stream (the first one, with -).")] = 0,
    source: Source = None,
    style_seed: StyleSeed = None,
    split: Annotated[Split, typer.Option(help="Which of the source's glyphs to draw from.")] = "train",
    spacing_from: Annotated[
        SpacingFrom | None,
        typer.Option(help="Measure spacing between ink (default), 28 px tiles or contours."),
    ] = None,
    align: Annotated[Align, typer.Option(help="Where the line stands in a wider image.")] = "center",
    invert: Annotated[bool, typer.Option("--invert", help="Black digits on white.")] = False,
    writer: HandOption = "mixed",
    augment: Preset = None,
    effects: Effects = {},  # noqa: B006 - never changed
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

    Prints the path that was written. A name that is taken is not replaced: the next free one is used.
    """
    if output == "":
        raise ArgumentError("output", "expected a file, a folder or -, got an empty text")
    if output == "-" and as_json:
        raise typer.BadParameter("--json and -o - both want standard output")
    if output == "-" and sys.stdout.isatty():
        raise typer.BadParameter("-o - writes the bytes of a PNG; send them to a file or a pipe")
    image_width = terminal.width(width)
    source = terminal.source_name(source, style_seed)
    sequences = terminal.sequences_of("-") if sequence == "-" else (sequence,)
    if output == "-" and len(sequences) > 1:
        raise typer.BadParameter("-o - takes one picture; give a folder for several")

    from digitseq import api  # numpy, only now that there is something to draw

    measured, usual = SPACING.get(augment or "", ("ink", (2, 8)))
    recipe = api.make_recipe(
        sequences,
        terminal.spacing(minimum, maximum, usual),
        image_width,
        seed=seed,
        index=index,
        source=source or "auto",
        split=split,
        spacing_from=spacing_from or measured,
        align=align,
        invert=invert,
        writer=writer,
        augment=settings(augment, effects),
    )
    with terminal.fetching(quiet) as progress:
        glyphs = api.load_glyphs(source or "auto", split, progress=progress)
    pictures = api.draw(recipe, glyphs)
    if sequence == "-" and output not in (None, "-"):
        _make_folder(output)
    written: set[Path] = set()
    for picture in pictures:
        if output == "-":
            with terminal.standard_output():
                sys.stdout.buffer.write(picture.png())
        else:
            path = picture.save(output, force=force, keep=written)
            written.add(path)
            terminal.if_stopped(f"{len(written):,} of {counted(len(recipe), 'picture')} saved")
            terminal.out(json.dumps({"path": str(path)} | picture.facts()) if as_json else path)
        if show:
            _show(picture)
    if seed is None and not quiet:
        terminal.say("note", f"seed {recipe.seed} (--seed {recipe.seed} draws the same again)")


def _make_folder(output: str) -> None:
    with system_errors(OutputError, f"the folder {output} cannot be made"):
        home_path(output).mkdir(parents=True, exist_ok=True)


def _show(picture: "Picture") -> None:
    from rich.console import Console

    from digitseq.cli.preview import show

    show(Console(stderr=True), picture.image)


# --- fetch-mnist ----------------------------------------------------------------------------------------


@app.command("fetch-mnist")
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
    from digitseq import api

    terminal.if_stopped("downloaded files are kept; run the same command again to resume")
    with terminal.fetching(quiet) as progress:
        folder = api.fetch_mnist(force=force, from_dir=from_dir, progress=progress)
    glyphs = api.load_glyphs("mnist", "all")
    if not quiet:
        writers = (
            "with writers"
            if glyphs.writers is not None
            else "without writers (QMNIST's labels were not there)"
        )
        terminal.say("note", f"MNIST is cached: {len(glyphs):,} glyphs, {writers}")
    terminal.out(folder)
