"""Terminal output: text, colours and progress. Results go to stdout, everything else to stderr."""

import codecs
import errno
import io
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import typer

from digitseq.checks import counted
from digitseq.errors import RESUME, DigitSeqWarning, OutputError, printable
from digitseq.interrupts import interruptible
from digitseq.progress_protocol import Progress

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 120

# --- Text -----------------------------------------------------------------------------------------------


def prepare_streams() -> None:
    """Make sure that the standard streams exist and can print any text."""
    # If the shell closed a stream (>&-), it is None in Python; use the null device.
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
"""Replacements for characters that an encoding lacks."""


def _in_other_words(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace a character that a stream's encoding lacks (an error handler for `codecs`)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    one_byte = not error.encoding.lower().startswith(("utf-16", "utf-32"))
    if "\udc80" <= character <= "\udcff" and one_byte:  # a byte of a path that is not text
        return bytes([ord(character) - 0xDC00]), error.start + 1
    plain = _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode("ascii")
    return plain, error.start + 1


def out(text: object) -> None:
    """
    Write one line of results to standard output.

    Raises:
        OutputError: standard output cannot be written.
    """
    with standard_output():
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


@contextmanager
def standard_output() -> Iterator[None]:
    """
    Let the block write to standard output; a signal interrupts it, as a pipe may block forever.

    If the reader has closed the pipe, as `head` does, it has what it wants: the rest of the output is
    dropped, and the command does the rest of its work.

    Raises:
        OutputError: standard output cannot be written.
    """
    try:
        with interruptible():
            yield
    except OSError as error:
        drop_output()
        # Windows reports a closed pipe as an invalid argument.
        if isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL):
            return
        raise OutputError(f"standard output cannot be written: {error.strerror or error}") from error


def drop_output(stream: IO[str] | None = None) -> None:
    """Discard all output from now on, and what is not written yet; Python would try to write it at exit."""
    with suppress(OSError, ValueError):  # the stream has no file descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())


def say(kind: str, text: str, colour: str | None = None) -> None:
    """Write one line to standard error, such as `note: …` or `error: …`."""
    text = printable(text)
    try:
        if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
            sys.stderr.write(f"{kind}: {text}\n")
            sys.stderr.flush()
        else:
            typer.echo(f"{typer.style(kind, fg=colour, bold=True)}: {text}", err=True)
    except OSError:  # it cannot be reported anywhere
        drop_output(sys.stderr)


# Hints are written for Python: pass force=True. On the command line, the same is: pass --force.
_ARGUMENT = re.compile(r"\b(force|partial|source|split|writer)=(\"?)([\w:./-]+)\2")


def _as_options(text: str) -> str:
    return _ARGUMENT.sub(lambda m: f"--{m[1]}" if m[3] == "True" else f"--{m[1]} {m[3]}", text)


def fail(problem: str, hint: str) -> None:
    """Print an error and, if there is one, its hint."""
    say("error", problem, "red")
    if hint:
        say("hint", _as_options(hint), "cyan")


def show_warning(message: Warning | str, category: type[Warning], *_args: Any, **_more: Any) -> None:
    """Print one of our warnings as a line; ignore others (replaces `warnings.showwarning`)."""
    if issubclass(category, DigitSeqWarning):
        say("warning", _as_options(str(message)), "yellow")


def console() -> "Console":
    """Return a console on standard output; if that is not a terminal, it is wide enough for tables."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:
            raise  # for `standard_output`; Rich would end the program with exit code 1

    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else _PIPE_WIDTH
    return Ours(file=sys.stdout, width=width)


_stopped = ["nothing was done"]


def if_stopped(sentence: str) -> None:
    """Set the message for a stop by a signal: what is finished and what to do next."""
    _stopped[0] = sentence


def say_stopped() -> None:
    """Print the message for a stop by a signal."""
    say("stopped", _stopped[0], "yellow")


# --- Progress -------------------------------------------------------------------------------------------


class _Stage(NamedTuple):
    """
    How the progress of a stage is shown.

    Attributes:
        title: the work, as a participle.
        once: for a stage that is needed only once, the text for its amount of work, which is shown as a note
            if there is no terminal.
        stopped: what to say about the images done so far if a signal stops the program.
    """

    title: str
    once: Callable[[int], str] | None = None
    stopped: str = ""


def size_text(size_bytes: int) -> str:
    """
    Return a file size as text.

    >>> size_text(4_300), size_text(12_345_678)
    ('4.3 kB', '12.3 MB')
    """
    return f"{size_bytes / 1e3:,.1f} kB" if size_bytes < 100_000 else f"{size_bytes / 1e6:,.1f} MB"


_STAGES = {
    "fetch": _Stage("fetching MNIST", lambda total: f"{total / 1e6:.0f} MB"),
    "builtin": _Stage("generating the built-in digits", lambda total: f"{total:,} glyphs"),
    "kernels": _Stage("compiling loops for augmentation", lambda _: "a few seconds"),
    "write": _Stage("writing", stopped=f"written or checked; {RESUME}"),
    "verify": _Stage("verifying", stopped="verified; nothing was changed"),
    "inspect": _Stage("inspecting", stopped="inspected; nothing was changed"),
}


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """
    Show progress: bars on a terminal, otherwise one line for each stage that is needed only once.

    Args:
        quiet: show nothing.
    """
    bars: dict[str, Any] = {}
    starts: dict[str, float] = {}
    last = time.monotonic()  # a stage starts when the previous one ends
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
        written = f" {size_text(size_bytes)}" if size_bytes else ""
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
    # Leave results on standard output alone, unless they share the terminal with the bar.
    bar = Bars(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty())
    bar.add_task(title, total=total, rate="")
    bar.start()
    return bar
