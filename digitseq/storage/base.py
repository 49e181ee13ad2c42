"""
Where the files of a dataset are kept: put whole files, list, read, remove.

What is written here as a folder renamed into place is a set of single objects in other storage (`remote.py`).
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
    """Files in a place, by names."""

    one_process = False
    """Whether other processes do not see these files."""

    @abstractmethod
    def where(self, name: str = "") -> str:
        """What to call a file in a message."""

    @abstractmethod
    def everywhere(self) -> "Storage":
        """The same for processes that run somewhere else."""

    def owned(self) -> "Storage":
        """The same, but `sweep` can recognise half-written files of this object and its copies."""
        return self

    @abstractmethod
    def make(self) -> None:
        """Have the place to write to."""

    @abstractmethod
    def put(self, name: str, data: bytes, *, sync: bool = False) -> None:
        """
        Write one file, whole or not at all; with ``sync``, have it on the disk when it is in place.

        Raises:
            OutputError: the system refuses, here and in all that writes or removes.
        """

    @abstractmethod
    def put_folder(self, name: str, files: Iterable[tuple[str, bytes]]) -> int:
        """
        Write the files of a new folder.

        Args:
            name: the folder, which is not there yet.
            files: name in the folder, and content.

        Returns:
            Bytes written.
        """

    def put_all(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Write some files, each whole or not at all; many at a time where that is quicker."""
        for name, data in files:
            self.put(name, data)

    @abstractmethod
    def put_scratch(self, name: str, data: bytes) -> str:
        """
        Write a file for `take_scratch`, beside a name.

        It is how workers hand over what is too long for a pipe: a worker that is killed in the middle of a
        long message would leave its reader waiting for the rest for ever.

        Returns:
            The name of the file.
        """

    @abstractmethod
    def take_scratch(self, name: str) -> bytes:
        """Read a file of `put_scratch`, and remove it."""

    @abstractmethod
    def replacing(self, *names: str) -> AbstractContextManager[list[IO[bytes]]]:
        """Open files that replace those of these names at the end, where their content differs."""

    @abstractmethod
    def building(self, name: str) -> AbstractContextManager[Path]:
        """A path for a file that is written in many steps; it takes its place when the block ends well."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""

    @abstractmethod
    def names(self, folder: str = "") -> set[str]:
        """Names in a folder; none where there is no folder."""

    @abstractmethod
    def files(self) -> set[str]:
        """Names of all files in all folders."""

    @abstractmethod
    def read(self, name: str, most: int) -> bytes | None:
        """
        Content of a file; None if there is none.

        Args:
            name: the file.
            most: how many bytes it can have. No more are read.

        Raises:
            FormatError: it cannot be read, is longer, or is not a regular file.
        """

    def checksums(self, folder: str) -> dict[str, str]:
        """MD5 (hex) of the files in a folder, as far as the storage tells it with their names."""
        return {}

    def reader(self, names: Sequence[str], most: int) -> Callable[[str], bytes | None]:
        """What reads some files: where fetching them together is quicker, they are fetched now."""
        return lambda name: self.read(name, most)

    @abstractmethod
    def local(self, name: str) -> AbstractContextManager[IO[bytes] | None]:
        """A file on this machine, open; None if there is none."""

    @abstractmethod
    def lines(self, name: str, most: int) -> Iterator[str]:
        r"""
        Lines of a text file, each with its "\n"; none if there is no file.

        Args:
            name: the file.
            most: how many bytes of a line are read; the rest of a longer line is skipped.
        """

    @abstractmethod
    def touch(self, name: str) -> None:
        """Set the time of a file to now, for programs such as make that compare times."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    @abstractmethod
    def remove_empty(self, folder: str) -> None:
        """Remove a folder in which nothing is left."""

    @abstractmethod
    def sweep(self, folders: Iterable[str], *, own: bool = False) -> None:
        """
        Remove what a killed run left half-written in folders.

        Args:
            folders: their names.
            own: remove only what this object wrote (see `owned`); otherwise nobody may be writing there now.
        """

    @abstractmethod
    def lock(self, name: str = LOCK, *, wait: bool = False) -> AbstractContextManager[None]:
        """
        Keep other runs away.

        Args:
            name: of the file that stands for what is locked.
            wait: until another one is done.

        Raises:
            OutputError: one is at work.
        """

    def strangers(self, names: set[str], ours: Iterable[str], begun: bytes) -> list[str]:
        """
        Which of the names at the top are not of files of ours.

        Args:
            names: what was there.
            ours: names of files that are.
            begun: what a file would hold that is ours, too, if only its beginning has been written.
        """

        def is_begun(name: str) -> bool:
            if not is_partial(name):
                return False
            with suppress(FormatError):
                return begun.startswith(self.read(name, len(begun)) or b"")
            return False

        return sorted(name for name in names - {LOCK, *ours} if not is_begun(name))


def text_lines(file: IO[bytes], most: int) -> Iterator[str]:
    """Lines of an open file, as `Storage.lines` gives them."""
    while line := file.readline(most):
        yield line.decode("utf-8", "replace")
        while len(line) == most and not line.endswith(b"\n"):
            line = file.readline(most)


def too_long(where: str, most: int) -> FormatError:
    """The error about a file that is longer than it can be."""
    return FormatError(f"{where}: expected at most {counted(most, 'byte')}, found more")
