"""
Access to a folder of digitseq, such as a dataset or the cache, that follows no links inside it.

All files that digitseq creates, replaces, reads or removes below such a folder are accessed through this
module. Below the folder, no link is followed and only regular files are opened: a link or a named pipe in
place of one of digitseq's files is an error that names it. The folder itself and its parents may be links.

Where the system supports it, files are opened relative to their folder (POSIX openat), so that nobody can
insert a link between the check and the operation.
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
    A folder and the files below it. Names are relative, with "/" between folders.

    Attributes:
        root: the folder.
    """

    root: Path

    @contextmanager
    def folder(self, name: str = "", *, make: bool = False) -> Iterator[Folder]:
        """
        Open the folder, or one below it.

        Args:
            name: "" for the folder itself.
            make: make folders that do not exist.

        Raises:
            OSError: the folder does not exist, or a link is part of its name.
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
            OSError: the file does not exist, is not a regular file, or a link is part of its name.
        """
        folder, _, file = name.rpartition("/")
        with self.folder(folder) as inside:
            return inside.open(file)

    def is_file(self, name: str) -> bool:
        """
        Return whether a regular file of this name exists.

        Raises:
            OSError: the name belongs to something other than a regular file, or a link is part of it.
        """
        folder, _, file = name.rpartition("/")
        try:
            with self.folder(folder) as inside:
                return inside.need_file(file)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def files(self) -> Iterator[str]:
        """
        Yield the names of everything below the folder except folders; links are included.

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
