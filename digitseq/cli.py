"""The command line: arguments → one API call → words, colours, progress, exit code."""

import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from digitseq import __version__
from digitseq.errors import ArgumentError, DigitSeqError, OutputError, SourceWarning, system_errors
from digitseq.recipe import Align, SpacingFrom, Split, sequence_text

if TYPE_CHECKING:
    from digitseq.api import Picture

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
} | {name: f"--{name}" for name in ("seed", "index", "source", "split", "align")}


def main() -> NoReturn:
    """Run the command line and exit. The one place where errors become words and exit codes."""
    warnings.simplefilter("always", SourceWarning)
    warnings.showwarning = _show_warning
    _prepare_streams()
    try:
        code = app(prog_name="digitseq", standalone_mode=False)
        sys.stdout.flush()
    except ArgumentError as error:
        _fail(f"{_WORDS.get(error.argument, error.argument)}: {error.problem}", error.hint)
        code = 2
    except DigitSeqError as error:
        _fail(error.problem, error.hint)
        code = 1
    except typer.TyperException as error:
        hint = "" if error.exit_code != 2 else f"{_program(error)} --help lists what there is"
        if error.format_message():  # not when help was shown for want of arguments
            _fail(error.format_message(), hint)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:
        _fail(f"the output cannot be written: {error.strerror or error}", "")
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _prepare_streams() -> None:
    # A stream that the shell has closed (>&-) is None in Python; what goes there goes nowhere.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    # A path that is not in the locale's encoding is printed as the bytes that it is.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")


def _program(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    words = [word for word in sys.argv[1:2] if word in ("generate", "fetch-mnist")]
    return getattr(context, "command_path", " ".join(["digitseq", *words]))


def _say(kind: str, text: str, colour: str | None = None) -> None:
    plain = bool(os.environ.get("NO_COLOR"))
    head = kind if plain else typer.style(kind, fg=colour, bold=True)
    typer.echo(f"{head}: {text}", err=True)


def _fail(problem: str, hint: str) -> None:
    _say("error", problem, "red")
    if hint:
        _say("hint", hint, "cyan")


def _show_warning(message: Warning | str, category: type[Warning], *_args: Any, **_more: Any) -> None:
    if issubclass(category, SourceWarning):
        _say("warning", str(message), "yellow")


# --- Options --------------------------------------------------------------------------------------------

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only results, warnings and errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"digitseq {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def _spacing(minimum: int | None, maximum: int | None) -> tuple[int, int]:
    """The range of the spacing; an end that is not given moves out of the way of the other."""
    low = min(2, 2 if maximum is None else maximum) if minimum is None else minimum
    return low, max(8, low) if maximum is None else maximum


def _width(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise ArgumentError("image_width", f"expected an integer or auto, got {text!r}") from None


# --- generate -------------------------------------------------------------------------------------------


@app.command()
def generate(
    sequence: Annotated[
        str,
        typer.Argument(metavar="SEQUENCE", help="The digits to draw; - reads all of stdin, one a line."),
    ],
    minimum: Annotated[
        int | None, typer.Option("--min", help="Least spacing, px; negative overlaps. Default 2, or --max.")
    ] = None,
    maximum: Annotated[
        int | None, typer.Option("--max", help="Greatest spacing, px, included. Default 8, or --min.")
    ] = None,
    width: Annotated[
        str, typer.Option(help="Width of the image, px, or auto: as wide as the line.")
    ] = "auto",
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same pixels. Drawn and shown if not given.")
    ] = None,
    index: Annotated[int, typer.Option(help="Which image of the seed's stream (the first one, with -).")] = 0,
    source: Annotated[
        str, typer.Option(help="mnist, builtin, a path of your own glyphs, or auto: mnist if it can be had.")
    ] = "auto",
    split: Annotated[Split, typer.Option(help="Which of the source's glyphs to draw from.")] = "train",
    spacing_from: Annotated[
        SpacingFrom, typer.Option(help="Measure spacing between ink or 28 px tiles.")
    ] = "ink",
    align: Annotated[Align, typer.Option(help="Where the line stands in a wider image.")] = "center",
    invert: Annotated[bool, typer.Option("--invert", help="Black digits on white.")] = False,
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
    image_width = _width(width)
    sequences = list(_lines(sys.stdin.buffer)) if sequence == "-" else [sequence]
    if output == "-" and len(sequences) > 1:
        raise typer.BadParameter("-o - takes one picture; give a folder for several")

    from digitseq import api  # numpy, only now that there is something to draw

    recipe = api.make_recipe(
        sequences,
        _spacing(minimum, maximum),
        image_width,
        seed=seed,
        index=index,
        source=source,
        split=split,
        spacing_from=spacing_from,
        align=align,
        invert=invert,
    )
    with _fetching(quiet) as progress:
        glyphs = api.load_glyphs(source, split, progress=progress)
    pictures = api.draw(recipe, glyphs)
    if sequence == "-" and output not in (None, "-"):
        _make_folder(output)
    written: set[Path] = set()
    for picture in pictures:
        if output == "-":
            sys.stdout.buffer.write(picture.png())
        else:
            path = picture.save(output, force=force, keep=written)
            written.add(path)
            typer.echo(json.dumps({"path": str(path)} | picture.facts()) if as_json else path)
        if show:
            _show(picture)
    if seed is None and not quiet:
        _say("note", f"seed {recipe.seed} (--seed {recipe.seed} draws the same again)")


def _lines(stdin: IO[bytes]) -> Iterator[str]:
    empty = True
    for number, line in enumerate(stdin, 1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
        if text:
            empty = False
            try:
                yield sequence_text(text)
            except ArgumentError as error:
                raise ArgumentError(f"line {number}", error.problem) from None
    if empty:
        raise ArgumentError("standard input", "expected sequences of digits, one a line, got none")


def _make_folder(output: str) -> None:
    with system_errors(OutputError, f"the folder {output} cannot be made"):
        Path(output).mkdir(parents=True, exist_ok=True)


def _show(picture: "Picture") -> None:
    from rich.console import Console

    from digitseq.preview import show

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

    with _fetching(quiet) as progress:
        folder = api.fetch_mnist(force=force, from_dir=from_dir, progress=progress)
    glyphs = api.load_glyphs("mnist", "all")
    if not quiet:
        writers = (
            "with writers"
            if glyphs.writers is not None
            else "without writers (QMNIST's labels were not there)"
        )
        _say("note", f"MNIST is cached: {len(glyphs):,} glyphs, {writers}")
    typer.echo(folder)


@contextmanager
def _fetching(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A callback for a download that may happen: a bar on a terminal, one line elsewhere."""
    bar: list[Any] = []
    begun = False

    def advance(done: int, total: int) -> None:
        nonlocal begun
        first, begun = not begun, True
        if quiet:
            return
        if not sys.stderr.isatty():
            if first:
                _say("note", f"fetching MNIST ({total / 1e6:.0f} MB, once)")
            return
        if not bar:
            bar.append(_bar())
            bar[0].add_task("fetching MNIST", total=total)
            bar[0].start()
        bar[0].update(bar[0].task_ids[0], completed=done)

    try:
        yield advance
    finally:
        for started in bar:
            started.stop()


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns: Iterable[Any] = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
