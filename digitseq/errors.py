"""
What can go wrong, as types.

Everything that a user can cause derives from DigitSeqError::

    DigitSeqError
    ├── ArgumentError (also ValueError)   an argument is not what it must be
    │   └── WidthError                    the image is narrower than the line can be
    ├── SourceError                       a source of glyphs cannot give what is asked
    │   └── FormatError                   a file's bytes are not what its format says
    ├── FetchError                        MNIST could not be downloaded
    ├── CacheError                        the cache folder cannot be used
    ├── ExtraError                        a library is not installed that an extra installs
    └── OutputError                       a result could not be written

    DigitSeqWarning (UserWarning)         something cannot be used, and the work goes on without it
    └── SourceWarning                     another source than MNIST was used
"""

from collections.abc import Iterator
from contextlib import contextmanager

RESUME = "run the same command again to resume"
"""What to do about everything that ends a run early."""
RESUME_BATCH = "run the same `digitseq batch` command again to resume"
"""The same, for whoever meets what an earlier run left."""


def printable(text: str, most: int = 2_000) -> str:
    r"""
    Foreign text as it can be printed: a terminal obeys some characters, and others cannot be seen.

    Args:
        text: from a file, a server, or a name.
        most: characters; of a longer one, the middle is left out.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


class DigitSeqError(Exception):
    """An expected failure, told in one sentence; ``hint`` says what to do about it, or is empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        # Names, labels and what servers say are in here, and all of it ends up on a terminal.
        super().__init__(printable(message))
        self.hint = printable(hint)

    def __str__(self) -> str:
        return f"{self.args[0]} ({self.hint})" if self.hint else str(self.args[0])

    @property
    def problem(self) -> str:
        """The sentence without the hint."""
        return str(self.args[0])


class ArgumentError(DigitSeqError, ValueError):
    """
    An argument is not what it must be.

    ``argument`` is its name in the API, so that the command line can say it in the words of its options;
    ``problem`` is the sentence about it.
    """

    def __init__(self, argument: str, problem: str, *, hint: str = "") -> None:
        super().__init__(problem, hint=hint)
        self.argument = argument

    def __reduce__(self) -> tuple[object, ...]:
        # Two positional arguments but one in args: pickling between processes needs to be told.
        return (type(self), (self.argument, self.args[0]), self.__dict__.copy())

    def __str__(self) -> str:
        return f"{self.argument}: {super().__str__()}"


class WidthError(ArgumentError):
    """The image is narrower than the line can be; ``required_px`` is the width that always fits."""

    required_px: int = 0


class SourceError(DigitSeqError):
    """A source of glyphs cannot give what is asked of it."""


class FormatError(SourceError):
    """The bytes of a file are not what its format says."""


class FetchError(DigitSeqError):
    """MNIST could not be downloaded."""


class CacheError(DigitSeqError):
    """The cache folder cannot be read or written."""


class ExtraError(DigitSeqError):
    """A library is not installed that an extra of digitseq installs."""

    def __init__(self, message: str, *, extra: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint or f"pip install 'digitseq[{extra}]' installs it")


class OutputError(DigitSeqError):
    """A result could not be written."""


class DigitSeqWarning(UserWarning):
    """Something cannot be used (the cache, worker processes, a file), and the work goes on without it."""


class SourceWarning(DigitSeqWarning):
    """A source other than MNIST was used because MNIST was unavailable."""


@contextmanager
def system_errors(kind: type[DigitSeqError], sentence: str, *, hint: str = "") -> Iterator[None]:
    """
    Tell what the system refuses inside the block as one of our errors.

    Args:
        kind: the error.
        sentence: what could not be done; the system's reason is added.
        hint: what to do about it.
    """
    try:
        yield
    except OSError as error:
        inner = error.filename if error.filename and str(error.filename) not in sentence else ""
        name = f"{inner}: " if isinstance(inner, str) and inner else ""
        raise kind(f"{sentence}: {name}{error.strerror or error}", hint=hint) from error
