"""Libraries that extras of digitseq install: imported when needed; a failure is one sentence."""

from importlib import import_module
from types import ModuleType

from digitseq.errors import ExtraError


def require(library: str, what: str, extra: str) -> ModuleType:
    """
    A library of an extra.

    Args:
        library: the name of the module to import.
        what: what needs it, for the message.
        extra: which extra installs it.

    Raises:
        ExtraError: it is not installed, or cannot be imported.

    >>> require("json", "the format x", "x").dumps([])
    '[]'
    """
    try:
        return import_module(library)
    except Exception as error:  # a broken installation raises nearly anything
        raise import_problem(error, library.partition(".")[0], what, extra) from error


def import_problem(error: BaseException, library: str, what: str, extra: str) -> ExtraError:
    """The error about a library that was not imported: is it missing, or is something wrong with it?"""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == library:
        return ExtraError(f"{what} needs {library}", extra=extra)
    reason = str(error).split("\n", 1)[0][:200] or type(error).__name__
    return ExtraError(
        f"{what} needs {library}, which is installed but cannot be imported: {reason}",
        hint=f"install it again: pip install --force-reinstall {library}",
    )
