"""Open the storage that a path or URL names."""

from pathlib import Path

from digitseq.checks import home_path
from digitseq.storage.base import Storage
from digitseq.storage.local import LocalStorage


def is_url(out: object) -> bool:
    """Return whether this is a URL rather than a path."""
    return isinstance(out, str) and "://" in out


def open_storage(out: str | Path) -> Storage:
    """
    Open the storage that a path or URL names.

    Raises:
        ExtraError: the URL needs a library that is not installed.
        OutputError: fsspec cannot open this kind of URL.
    """
    if isinstance(out, str) and out.startswith("file://"):
        return LocalStorage(home_path(out.removeprefix("file://"), "out"))
    if isinstance(out, str) and is_url(out):
        from digitseq.storage.remote import RemoteStorage

        return RemoteStorage(out).opened()
    return LocalStorage(home_path(out, "out"))
