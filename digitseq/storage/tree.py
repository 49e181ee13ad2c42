"""
A folder of ours, such as a dataset or the cache, in which nothing leads anywhere else.

All that digitseq creates, replaces, reads and removes below such a folder goes through here. Below the
folder no link is followed, and only regular files are opened: a link or a named pipe in the place of a file
of ours is an error that names it. The folder itself, and what is above it, may be links.

Where the system can, files are opened relative to their folder (POSIX openat), so that nobody can put a link
in the way between the look and the act.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from digitseq.storage.open_folder import Folder, opened


@dataclass(frozen=True)
class Tree:
    """
    A folder, and files below it by names with "/" in them.

    Attributes:
        root: the folder.
    """

    root: Path

    @contextmanager
    def folder(self, name: str = "", *, make: bool = False) -> Iterator[Folder]:
        """
        A folder below it, open.

        Args:
            name: "" for the folder itself.
            make: make what is missing.

        Raises:
            OSError: there is none, or a link is on the way.
        """
        if make:
            self.root.mkdir(parents=True, exist_ok=True)
        parts = [part for part in name.split("/") if part]
        with opened(self.root) as root:
            yield from _below(root, parts, make)

    def open(self, name: str) -> BufferedReader:
        """
        Open a regular file for reading.

        Raises:
            OSError: there is none, something else is there, or a link is on the way.
        """
        folder, _, file = name.rpartition("/")
        with self.folder(folder) as inside:
            return inside.open(file)

    def is_file(self, name: str) -> bool:
        """
        Whether there is a regular file.

        Raises:
            OSError: something else is there, or a link is on the way.
        """
        folder, _, file = name.rpartition("/")
        try:
            with self.folder(folder) as inside:
                return inside.need_file(file)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def files(self) -> Iterator[str]:
        """
        Names of everything below it that is not a folder, links included.

        Raises:
            OSError: a folder cannot be read.
        """

        def refuse(error: OSError) -> None:
            raise error

        for folder, folders, names in os.walk(self.root, onerror=refuse):
            place = Path(folder).relative_to(self.root)
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118
            yield from ((place / name).as_posix() for name in (*names, *links))


def _below(folder: Folder, parts: list[str], make: bool) -> Iterator[Folder]:
    if not parts:
        yield folder
        return
    with folder.folder(parts[0], make=make) as inside:
        yield from _below(inside, parts[1:], make)
