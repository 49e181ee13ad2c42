"""What people see: words, colours, progress. Results go to standard output, everything else to the other."""

import codecs
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from digitseq.checks import counted, home_path
from digitseq.errors import (
    ArgumentError,
    DigitSeqWarning,
    OutputError,
    SourceError,
    printable,
    system_errors,
)
from digitseq.interrupts import interruptible
from digitseq.recipe import MAX_DIGITS, Writer, sequence_text
from digitseq.storage.inputs import open_input

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 120
_LONGEST_LINE = MAX_DIGITS + 1_000  # bytes
_MOST_SEQUENCES = 1 << 25  # bytes: what dataset.json can hold

# --- Options that several commands have -----------------------------------------------------------------

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only results, warnings and errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]
Minimum = Annotated[
    int | None, typer.Option("--min", help="Least spacing, px; negative overlaps. Default 2, or --max.")
]
Maximum = Annotated[
    int | None, typer.Option("--max", help="Greatest spacing, px, included. Default 8, or --min.")
]
Width = Annotated[
    str | None, typer.Option(help="Width of the image, px, or auto (default): as wide as the line.")
]
Seed = Annotated[int | None, typer.Option(help="Same seed, same pixels. Drawn and shown if not given.")]
Source = Annotated[
    str | None,
    typer.Option(
        help="mnist, builtin, a path of your own glyphs, or auto (default): mnist if it can be had."
    ),
]
HandOption = Annotated[
    Writer, typer.Option("--writer", help="same: all digits of an image from one writer; or mixed.")
]
StyleSeed = Annotated[
    int | None,
    typer.Option(help="Draw with the built-in digits, from the collection of handwriting of this number."),
]


def source_name(source: str | None, style_seed: int | None) -> str | None:
    """The source that --source and --style-seed ask for; None if neither is given."""
    if style_seed is None:
        return source
    if source not in (None, "builtin"):
        raise typer.BadParameter(
            "--style-seed is for the built-in digits; leave --source out, or write builtin"
        )
    return f"builtin:{style_seed}"


def spacing(minimum: int | None, maximum: int | None, usual: tuple[int, int] = (2, 8)) -> tuple[int, int]:
    """The range of the spacing; an end that is not given moves out of the way of the other."""
    least, most = usual
    low = min(least, least if maximum is None else maximum) if minimum is None else minimum
    return low, max(most, low) if maximum is None else maximum


def width(text: str | None) -> int | None:
    """A width in px, or None for the natural one."""
    if text in (None, "auto"):
        return None
    try:
        return int(text or "")
    except ValueError:
        raise ArgumentError("image_width", f"expected an integer or auto, got {text!r}") from None


def length_range(text: str) -> tuple[int, int]:
    """A number of digits, or the range of one."""
    low, dash, high = text.partition("-")
    with suppress(ValueError):
        least, most = int(low), int(high if dash else low)
        if 1 <= least <= most <= MAX_DIGITS:
            return least, most
    raise ArgumentError("length", f"expected 1 to {MAX_DIGITS:,} digits, such as 4 or 3-6, got {text!r}")


def part(text: str) -> tuple[int, int]:
    """Which part of how many: 3/16."""
    number, _, of = text.partition("/")
    with suppress(ValueError):
        if 1 <= int(number) <= int(of):
            return int(number), int(of)
    raise ArgumentError("part", f"expected K/N with 1 ≤ K ≤ N, such as 3/16, got {text!r}")


# --- Words ----------------------------------------------------------------------------------------------


def prepare_streams() -> None:
    """Make standard streams that can be used, whatever the shell has done to them."""
    # A stream that the shell has closed (>&-) is None in Python; what goes there goes nowhere.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    codecs.register_error("digitseq", _in_other_words)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="digitseq")


_PLAIN = {
    "–": "-", "—": "-", "−": "-", "≤": "<=", "≥": ">=", "×": "x", "±": "+/-", "→": "->", "…": "...", "·": ".",
    "“": '"', "”": '"', "‘": "'", "’": "'", "█": "#", "▀": "'", "▄": ".", "²": "^2", "°": " degrees",
}  # fmt: skip
"""What stands for characters that an encoding does not have."""


def _in_other_words(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace a character that a stream's encoding lacks; an error handler, as `codecs` defines it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    one_byte = not error.encoding.lower().startswith(("utf-16", "utf-32"))
    if "\udc80" <= character <= "\udcff" and one_byte:  # of a path that is not text: the byte that it is
        return bytes([ord(character) - 0xDC00]), error.start + 1
    plain = _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode("ascii")
    return plain, error.start + 1


def out(text: object) -> None:
    """
    One line of results to standard output.

    Raises:
        OutputError: it cannot be written, and not because its reader has gone.
    """
    with standard_output():
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


@contextmanager
def standard_output() -> Iterator[None]:
    """
    Write to standard output in the block: a signal ends it at once, as a pipe may block for ever.

    Raises:
        OutputError: it cannot be written, and not because its reader has gone.
    """
    try:
        with interruptible():
            yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror or error}") from error


def say(kind: str, text: str, colour: str | None = None) -> None:
    """One line to standard error: what kind of thing it is, and the thing."""
    text = printable(text)
    with suppress(OSError):  # nobody can be told that nobody can be told
        if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
            sys.stderr.write(f"{kind}: {text}\n")
            sys.stderr.flush()
        else:
            typer.echo(f"{typer.style(kind, fg=colour, bold=True)}: {text}", err=True)


def fail(problem: str, hint: str) -> None:
    """An error, and what to do about it."""
    say("error", problem, "red")
    if hint:
        say("hint", hint, "cyan")


def show_warning(message: Warning | str, category: type[Warning], *_args: Any, **_more: Any) -> None:
    """A warning of ours as a line for people; stands in for `warnings.showwarning`."""
    if issubclass(category, DigitSeqWarning):
        say("warning", str(message), "yellow")


def console() -> "Console":
    """Standard output for tables; as wide as they need where it is no terminal."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else _PIPE_WIDTH
    return Console(file=sys.stdout, width=width)


def sequences_of(name: str) -> tuple[str, ...]:
    """
    Sequences from a file, or from standard input if its name is "-".

    Raises:
        SourceError: it cannot be read.
        ArgumentError: a line of it is no sequence.
    """
    where = "standard input" if name == "-" else name
    with system_errors(SourceError, f"{where} cannot be read"), interruptible():
        if name == "-":
            return tuple(sequence_lines(sys.stdin.buffer, where))
        with open_input(home_path(name)) as file:
            return tuple(sequence_lines(file, where))


def sequence_lines(stdin: IO[bytes], name: str) -> Iterator[str]:
    """Sequences from a file, one a line; blank lines do not count, a bad one is named by its number."""
    empty = True
    size = 0
    for number in count(1):
        line = stdin.readline(_LONGEST_LINE)
        size += len(line)
        if not line:
            break
        if size > _MOST_SEQUENCES:
            raise ArgumentError(name, f"expected at most {_MOST_SEQUENCES:,} bytes of sequences, got more")
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
        if text:
            empty = False
            try:
                yield sequence_text(text)
            except ArgumentError as error:
                raise ArgumentError(f"{name}, line {number}", error.problem) from None
    if empty:
        raise ArgumentError(name, "expected sequences of digits, one a line, got none")


_stopped = ["nothing was done"]


def if_stopped(sentence: str) -> None:
    """Set what is to be said if a signal stops the program from now on: what is finished, and what to do."""
    _stopped[0] = sentence


def say_stopped() -> None:
    """Say that a signal stopped the program."""
    say("stopped", _stopped[0], "yellow")


# --- Progress -------------------------------------------------------------------------------------------


def fetching(quiet: bool) -> AbstractContextManager[Callable[[int, int], None]]:
    """A callback for a download that may happen."""
    return _once("fetching MNIST", "download", lambda total: f"{total / 1e6:.0f} MB", quiet)


def drawing(quiet: bool) -> AbstractContextManager[Callable[[int, int], None]]:
    """A callback for the built-in digits, which may have to be drawn into the cache."""
    return _once("drawing the built-in digits", "glyphs", lambda total: f"{total:,} glyphs", quiet)


@contextmanager
def _once(
    title: str, kind: str, amount: Callable[[int], str], quiet: bool
) -> Iterator[Callable[[int, int], None]]:
    """A callback for what is done once, and may be done now: a bar on a terminal, one line elsewhere."""
    bar: list[Any] = []
    begun = False

    def advance(done: int, total: int) -> None:
        nonlocal begun
        first, begun = not begun, True
        if quiet:
            return
        if not sys.stderr.isatty():
            if first:
                say("note", f"{title} ({amount(total)}, once)")
            return
        if not bar:
            bar.append(_started(title, total, kind))
        bar[0].update(bar[0].task_ids[0], completed=done)
        if done == total:
            bar[0].stop()  # before another bar begins

    try:
        yield advance
    finally:
        for started in bar:
            started.stop()


@contextmanager
def counting(title: str, quiet: bool, stopped: str) -> Iterator[Callable[[int, int, int], None]]:
    """
    A callback for images done, images in all and bytes written: a bar on a terminal, nothing elsewhere.

    Args:
        title: what is done.
        quiet: no bar.
        stopped: the end of the message if a signal stops the run; the number of images done comes before it.
    """
    bar: list[Any] = []
    start = time.monotonic()
    shown = not quiet and sys.stderr.isatty()

    def advance(done: int, total: int, size: int) -> None:
        if_stopped(f"{done:,} of {counted(total, 'image')} {stopped}")
        if not shown:
            return
        if not bar:
            bar.append(_started(title, total, "images"))
        rate = done / max(time.monotonic() - start, 0.001)
        written = f" {size / 1e6:,.0f} MB" if size else ""
        bar[0].update(bar[0].task_ids[0], completed=done, rate=f"{rate:,.0f}/s{written}")

    try:
        yield advance
    finally:
        for started in bar:
            started.stop()


def _started(title: str, total: int, kind: str) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    counted: list[Any] = [DownloadColumn() if kind == "download" else MofNCompleteColumn()]
    if kind == "images":
        counted.append(TextColumn("{task.fields[rate]}"))
    columns = [TextColumn("{task.description}"), BarColumn(), *counted, TimeRemainingColumn()]
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    progress.add_task(title, total=total, rate="")
    progress.start()
    return progress
