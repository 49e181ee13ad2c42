"""The table of formats: each name and the class that writes and reads it, loaded on first use."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from digitseq.checks import choice
from digitseq.extras import require

if TYPE_CHECKING:
    from digitseq.dataset.formats.base import Format

FORMATS = {
    "folder": "digitseq.dataset.formats.folder.Folder",
    "flat": "digitseq.dataset.formats.folder.Flat",
    "webdataset": "digitseq.dataset.formats.webdataset.WebDataset",
    "parquet": "digitseq.dataset.formats.parquet.Parquet",
    "npz": "digitseq.dataset.formats.npz.Npz",
    "lmdb": "digitseq.dataset.formats.lmdb.Lmdb",
}
"""Name → class, as text, so that the command line can list the names without loading numpy."""
DEFAULT = next(iter(FORMATS))


@cache
def find_format(name: str) -> "Format":
    """Return a format from the table; its library need not be installed."""
    module, _, kind = FORMATS[name].rpartition(".")
    return cast("Format", getattr(import_module(module), kind)())


def open_format(name: str) -> "Format":
    """
    Return a format, after checking that its library is installed.

    Raises:
        ArgumentError: there is no format of this name.
        ExtraError: the library is not installed or cannot be imported.
    """
    found = find_format(choice("format", name, tuple(FORMATS)))
    if found.library:
        require(found.library, f"the format {name}", extra=name)
    return found
