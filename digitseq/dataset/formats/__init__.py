"""The table of formats: a row is a name and the class that writes and reads it, loaded on first use."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from digitseq.checks import choice
from digitseq.extras import require

if TYPE_CHECKING:
    from digitseq.dataset.formats.base import Format

FORMATS = {
    "folder": "digitseq.dataset.formats.folder.Folder",
    "webdataset": "digitseq.dataset.formats.webdataset.WebDataset",
    "parquet": "digitseq.dataset.formats.parquet.Parquet",
    "npz": "digitseq.dataset.formats.npz.Npz",
    "lmdb": "digitseq.dataset.formats.lmdb.Lmdb",
}
"""Name → class, as text: the command line lists the names without loading numpy."""
DEFAULT = next(iter(FORMATS))
LABEL_FILES = ("paddle", "doctr", "coco", "yolo")
"""Label files for other readers that a dataset of the format ``folder`` can have."""


@cache
def find_format(name: str) -> "Format":
    """A format of the table; its library need not be installed."""
    module, _, kind = FORMATS[name].rpartition(".")
    return cast("Format", getattr(import_module(module), kind)())


def open_format(name: str) -> "Format":
    """
    A format that can be used.

    Raises:
        ArgumentError: there is none of this name.
        ExtraError: it needs a library that is not installed, or cannot be imported.
    """
    found = find_format(choice("format", name, tuple(FORMATS)))
    if found.library:
        require(found.library, f"the format {name}", extra=name)
    return found
