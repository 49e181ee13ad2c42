"""
Exceptions and warnings.

Every error that a user can cause derives from DigitSeqError::

    DigitSeqError
    ├── ArgumentError (also ValueError)   an argument is invalid
    │   └── WidthError                    the image may be too narrow for the line
    ├── SourceError                       a source of glyphs cannot provide what is needed
    │   └── FormatError                   a file does not follow its format
    ├── FetchError                        MNIST could not be downloaded
    ├── CacheError                        the cache folder cannot be used
    ├── ExtraError                        an optional library (an extra) is not installed
    └── OutputError                       a result could not be written

    DigitSeqWarning (UserWarning)         something is unavailable; the work continues without it
    └── SourceWarning                     another source is used, or one is ignored
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

RESUME = "run the same command again to resume"
"""Hint for every error that ends a run early."""
RESUME_BATCH = "run the same `digitseq batch` command again to resume"
"""The same hint, for commands other than `batch` that find an unfinished run."""


def printable(text: str, most: int = 2_000) -> str:
    r"""
    Escape control characters and other unprintable characters of untrusted text.

    Args:
        text: text from a file, a server or a file name.
        most: maximum length in characters; the middle of a longer text is omitted.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


class DigitSeqError(Exception):
    """An expected failure, described in one sentence; ``hint`` says what to do about it, or is empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        # The message may contain file names, labels and server responses, and will be printed to a terminal.
        super().__init__(printable(message))
        self.hint = printable(hint)

    def __str__(self) -> str:
        return f"{self.args[0]} ({self.hint})" if self.hint else str(self.args[0])

    @property
    def problem(self) -> str:
        """The message without the hint."""
        return str(self.args[0])


class ArgumentError(DigitSeqError, ValueError):
    """
    An argument is invalid.

    ``argument`` is its name in the API, which the command line translates to the name of an option;
    ``problem`` is the message without that name.
    """

    def __init__(self, argument: str, problem: str, *, hint: str = "") -> None:
        super().__init__(problem, hint=hint)
        self.argument = argument

    def __reduce__(self) -> tuple[object, ...]:
        # __init__ takes two arguments but args holds one, so the default would fail to unpickle.
        return (type(self), (self.argument, self.args[0]), self.__dict__.copy())

    def __str__(self) -> str:
        return f"{self.argument}: {super().__str__()}"


class WidthError(ArgumentError):
    """The image may be too narrow for the line; ``required_px`` is a width that always fits."""

    required_px: int = 0


class SourceError(DigitSeqError):
    """A source of glyphs cannot provide what is needed."""


class FormatError(SourceError):
    """A file does not follow its format."""


class FetchError(DigitSeqError):
    """MNIST could not be downloaded."""


class CacheError(DigitSeqError):
    """The cache folder cannot be read or written."""


class ExtraError(DigitSeqError):
    """An optional library, installed by an extra of digitseq, is missing."""

    def __init__(self, message: str, *, extra: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint or f"run: pip install 'digitseq[{extra}]'")


class OutputError(DigitSeqError):
    """A result could not be written."""


class DigitSeqWarning(UserWarning):
    """Something is unavailable (the cache, worker processes, a file); the work continues without it."""


class SourceWarning(DigitSeqWarning):
    """Another source is used than was asked for, or a source is left out or ignored."""


def warn(message: str, kind: type[DigitSeqWarning] = DigitSeqWarning) -> None:
    """
    Issue a warning that points to the line of the user's program that called digitseq.

    Without such a line, as in some threads, the warning points to whatever called digitseq.

    Args:
        message: what is unavailable, and what to do about it.
        kind: the warning category.
    """
    own, standard = (module.removesuffix(Path(module).name) for module in (__file__, warnings.__file__))
    frame: FrameType | None = sys._getframe(1)
    callers = []
    while frame is not None:
        if not frame.f_code.co_filename.startswith(own):
            callers.append(frame)
        frame = frame.f_back
    # There may be a library between the user's program and digitseq: functools, torch.utils.data …
    users = [
        caller
        for caller in callers
        if not caller.f_code.co_filename.startswith((standard, "<frozen "))
        and "-packages" not in caller.f_code.co_filename
    ]
    caller = [*users, *callers, sys._getframe(1)][0]  # a thread can begin in digitseq
    name = str(caller.f_globals.get("__name__"))
    registry = caller.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, kind, caller.f_code.co_filename, caller.f_lineno, name, registry)


@contextmanager
def system_errors(kind: type[DigitSeqError], sentence: str, *, hint: str = "") -> Iterator[None]:
    """
    Convert an OSError raised in the block to one of our errors.

    Args:
        kind: the exception type.
        sentence: what could not be done; the system's reason is appended.
        hint: what to do about it.

    Raises:
        DigitSeqError: an error of type ``kind``.
    """
    try:
        yield
    except OSError as error:
        inner = error.filename if error.filename and str(error.filename) not in sentence else ""
        name = f"{inner}: " if isinstance(inner, str) and inner else ""
        raise kind(f"{sentence}: {name}{error.strerror or error}", hint=hint) from error
