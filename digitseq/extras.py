"""Import optional libraries that digitseq's extras install; a failure is one sentence."""

from importlib import import_module
from types import ModuleType

from digitseq.errors import ExtraError


def require(library: str, what: str, extra: str) -> ModuleType:
    """
    Import a library that an extra installs.

    Args:
        library: name of the module to import.
        what: what needs the library, for the message.
        extra: the extra that installs it.

    Raises:
        ExtraError: the library is not installed, or cannot be imported.

    >>> require("json", "the format x", "x").dumps([])
    '[]'
    """
    try:
        return import_module(library)
    except Exception as error:  # a broken installation can raise almost anything
        raise import_problem(error, library.partition(".")[0], what, extra) from error


def import_problem(error: BaseException, library: str, what: str, extra: str) -> ExtraError:
    """Return the error about a failed import: the library is missing, or installed but broken."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == library:
        return ExtraError(f"{what} needs {library}", extra=extra)
    reason = str(error).split("\n", 1)[0][:200] or type(error).__name__
    return ExtraError(
        f"{what} needs {library}, which is installed but cannot be imported: {reason}",
        hint=f"reinstall it: pip install --force-reinstall {library}",
    )
