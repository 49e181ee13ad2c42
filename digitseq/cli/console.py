"""Terminal output: text, colours, progress. Results go to stdout, everything else to stderr."""

import codecs
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from digitseq.checks import counted
from digitseq.errors import RESUME, DigitSeqWarning, OutputError, printable
from digitseq.interrupts import interruptible
from digitseq.progress_protocol import Progress

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 120

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
    with suppress(OSError):  # there is nowhere left to report an error
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


_stopped = ["nothing was done"]


def if_stopped(sentence: str) -> None:
    """Set what is to be said if a signal stops the program from now on: what is finished, and what to do."""
    _stopped[0] = sentence


def say_stopped() -> None:
    """Say that a signal stopped the program."""
    say("stopped", _stopped[0], "yellow")


# --- Progress -------------------------------------------------------------------------------------------


class _Stage(NamedTuple):
    """
    How a stage of work is shown.

    Attributes:
        title: what is done.
        once: says how much it is, if the stage comes once and never again; a line then says so where there
            is no terminal.
        stopped: what is said of the images that are done, if a signal stops the program.
    """

    title: str
    once: Callable[[int], str] | None = None
    stopped: str = ""


_STAGES = {
    "fetch": _Stage("fetching MNIST", lambda total: f"{total / 1e6:.0f} MB"),
    "builtin": _Stage("drawing the built-in digits", lambda total: f"{total:,} glyphs"),
    "write": _Stage("writing", stopped=f"finished; {RESUME}"),
    "verify": _Stage("verifying", stopped="verified; nothing was changed"),
    "inspect": _Stage("inspecting", stopped="inspected; nothing was changed"),
}


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """
    A `Progress` for people: bars on a terminal, else a line for what is done once and takes a while.

    Args:
        quiet: neither.
    """
    bars: dict[str, Any] = {}
    starts: dict[str, float] = {}
    last = time.monotonic()  # a stage begins where the one before it ended
    shown = not quiet and sys.stderr.isatty()

    def advance(name: str, done: int, total: int, size_bytes: int, /) -> None:
        nonlocal last
        stage = _STAGES[name]
        if stage.stopped:
            if_stopped(f"{done:,} of {counted(total, 'image')} {stage.stopped}")
        if name not in starts:
            starts[name] = last
            if stage.once and not shown and not quiet:
                say("note", f"{stage.title} ({stage.once(total)}, once)")
        last = time.monotonic()
        if not shown:
            return
        if name not in bars:
            for bar in bars.values():
                bar.stop()
            bars[name] = _bar(name, stage.title, total)
        rate = done / max(last - starts[name], 0.001)
        written = f" {size_bytes / 1e6:,.0f} MB" if size_bytes else ""
        bars[name].update(bars[name].task_ids[0], completed=done, rate=f"{rate:,.0f}/s{written}")
        if done == total:
            bars.pop(name).stop()

    try:
        yield advance
    finally:
        for bar in bars.values():
            bar.stop()


def _bar(name: str, title: str, total: int) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    counting: list[Any] = [DownloadColumn() if name == "fetch" else MofNCompleteColumn()]
    if not _STAGES[name].once:
        counting.append(TextColumn("{task.fields[rate]}"))
    columns = [TextColumn("{task.description}"), BarColumn(), *counting, TimeRemainingColumn()]
    # Results that are printed meanwhile must not go where the bar is, unless both are the terminal.
    bar = Bars(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty())
    bar.add_task(title, total=total, rate="")
    bar.start()
    return bar
