"""
Interface to the files of a dataset, wherever they are stored: write complete files, list, read, remove.

Local storage renames a new folder into place; remote storage (`remote.py`) writes its files one by one.
All names are relative, with "/" between folders.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO

from digitseq.checks import counted
from digitseq.errors import FormatError
from digitseq.storage.open_folder import is_partial

LOCK = ".digitseq.lock"


class Storage(ABC):
    """Named files in one place."""

    one_process = False
    """Whether other processes cannot see these files."""

    @abstractmethod
    def where(self, name: str = "") -> str:
        """Return the path or URL of a file, for messages."""

    @abstractmethod
    def everywhere(self) -> "Storage":
        """Return the same storage for processes that run elsewhere."""

    def owned(self) -> "Storage":
        """
        Return this storage with an owner, if it supports owners.

        `sweep` can then recognise unfinished files of the returned object and its copies.
        """
        return self

    @abstractmethod
    def make(self) -> None:
        """Make the place, or make sure that it can be written to."""

    @abstractmethod
    def put(self, name: str, data: bytes, *, sync: bool = False) -> None:
        """
        Write one file, completely or not at all; with ``sync``, flush it to disk before it appears.

        Raises:
            OutputError: the system refuses. All methods that write or remove raise this.
        """

    @abstractmethod
    def put_folder(self, name: str, files: Iterable[tuple[str, bytes]]) -> int:
        """
        Write the files of a new folder.

        Args:
            name: the folder, which does not exist yet.
            files: name in the folder and content of each file.

        Returns:
            Number of bytes written.
        """

    def put_all(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Write several files, each completely or not at all; concurrently where that is faster."""
        for name, data in files:
            self.put(name, data)

    @abstractmethod
    def put_scratch(self, name: str, data: bytes) -> str:
        """
        Write a temporary file for `take_scratch`, in the folder of ``name``.

        Workers hand over data this way if it is too long for a pipe: if a worker were killed in the middle of
        a long message, the reader would wait for the rest forever.

        Returns:
            Name of the temporary file.
        """

    @abstractmethod
    def take_scratch(self, name: str) -> bytes:
        """Read and remove a file that `put_scratch` wrote."""

    @abstractmethod
    def replacing(self, *names: str) -> AbstractContextManager[list[IO[bytes]]]:
        """Open files that replace those of these names at the end of the block, if the content differs."""

    @abstractmethod
    def building(self, name: str) -> AbstractContextManager[Path]:
        """Yield a path for a file that is written in many steps; it appears if the block succeeds."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Return whether a file of this name exists."""

    @abstractmethod
    def names(self, folder: str = "") -> set[str]:
        """Return the names in a folder; an empty set if the folder does not exist."""

    @abstractmethod
    def files(self) -> set[str]:
        """Return the names of all files in all folders."""

    @abstractmethod
    def read(self, name: str, most: int) -> bytes | None:
        """
        Return the content of a file; None if the file does not exist.

        Args:
            name: the file.
            most: maximum size, bytes. The rest of a larger file is not read.

        Raises:
            FormatError: the file cannot be read, is larger, or is not a regular file.
        """

    def checksums(self, folder: str) -> dict[str, str]:
        """Return file name → MD5 (hex) for a folder, as far as the storage lists checksums."""
        return {}

    is_local = False
    """Whether files can be opened at no cost, so that part of a file can be read."""

    def reader(self, names: Sequence[str], most: int) -> Callable[[str], bytes | None]:
        """Return a function that reads these files; they are fetched together now if that is faster."""
        return lambda name: self.read(name, most)

    @abstractmethod
    def local(self, name: str) -> AbstractContextManager[IO[bytes] | None]:
        """Yield a file opened on this machine; None if the file does not exist."""

    @abstractmethod
    def lines(self, name: str, most: int) -> Iterator[str]:
        r"""
        Yield the lines of a text file, each with its "\n"; none if the file does not exist.

        Args:
            name: the file.
            most: maximum number of bytes read per line; the rest of a longer line is skipped.
        """

    @abstractmethod
    def touch(self, name: str) -> None:
        """Set a file's times to now, for programs such as make that compare times."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""

    @abstractmethod
    def remove_empty(self, folder: str) -> None:
        """Remove a folder, if it is empty."""

    @abstractmethod
    def sweep(self, folders: Iterable[str], *, own: bool = False) -> None:
        """
        Remove unfinished files that a killed run left in folders.

        Args:
            folders: names of the folders.
            own: remove only files of this object (see `owned`). If False, nobody may be writing to the
                folders.
        """

    @abstractmethod
    def lock(self, name: str = LOCK, *, wait: bool = False) -> AbstractContextManager[None]:
        """
        Keep other runs away during the block.

        Args:
            name: name of the lock file.
            wait: wait until another run releases the lock.

        Raises:
            OutputError: another run holds the lock.
        """

    def strangers(self, names: set[str], ours: Iterable[str], begun: bytes) -> list[str]:
        """
        Return the top-level names that are not digitseq's, sorted.

        Args:
            names: all top-level names.
            ours: names that are digitseq's.
            begun: content of a file of digitseq. An unfinished file that holds the beginning of it is
                digitseq's, too.
        """

        def is_begun(name: str) -> bool:
            if not is_partial(name):
                return False
            with suppress(FormatError):
                return begun.startswith(self.read(name, len(begun)) or b"")
            return False

        return sorted(name for name in names - {LOCK, *ours} if not (is_begun(name) or is_bystander(name)))


def is_bystander(name: str) -> bool:
    """
    Return whether a folder with only such files counts as empty: hidden files and descriptions.

    >>> [is_bystander(name) for name in (".DS_Store", "README.md", "croissant.json", "images", ".digitseq-x")]
    [True, True, True, False, False]
    """
    if name.startswith("."):
        return not name.startswith((".digitseq", ".partial-"))
    stem = name.partition(".")[0].lower()
    return stem in ("readme", "license", "licence") or name in (
        "croissant.json",
        "Thumbs.db",
        "desktop.ini",
        "lost+found",
    )


def text_lines(file: IO[bytes], most: int) -> Iterator[str]:
    """Yield the lines of an open file, as `Storage.lines` does."""
    while line := file.readline(most):
        yield line.decode("utf-8", "replace")
        while len(line) == most and not line.endswith(b"\n"):
            line = file.readline(most)


def too_long(where: str, most: int) -> FormatError:
    """Return the error about a file that is larger than allowed."""
    return FormatError(f"{where}: expected at most {counted(most, 'byte')}, found more")
