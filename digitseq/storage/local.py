"""Files of a dataset in a local folder."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from pathlib import Path
from typing import IO

from digitseq.errors import FormatError, OutputError, system_errors
from digitseq.storage.base import LOCK, Storage, text_lines, too_long
from digitseq.storage.locks import LockedError, lock_file
from digitseq.storage.open_folder import Folder, partial_name
from digitseq.storage.tree import Tree

_IN_PARTIAL = re.compile(r"[0-9]{6,}\.(png|txt)")
"""Names of files in an unfinished folder."""
_PIECE = 1 << 20


@dataclass(frozen=True)
class LocalStorage(Storage):
    """Files in a local folder."""

    root: Path
    owner: str = ""

    @cached_property
    def _tree(self) -> Tree:
        return Tree(self.root)

    def where(self, name: str = "") -> str:
        return str(self.root / name)

    def everywhere(self) -> "LocalStorage":
        return replace(self, root=self.root.absolute())

    def owned(self) -> "LocalStorage":
        return replace(self, owner=os.urandom(4).hex())

    # --- Writing ----------------------------------------------------------------------------------------

    def make(self) -> None:
        with self._told(""):
            try:
                self.root.mkdir(parents=True, exist_ok=True)
            except FileExistsError:
                raise self._no_folder() from None

    @contextmanager
    def _folder_of(self, name: str) -> Iterator[tuple[Folder, str]]:
        """Yield the folder of a file, made if needed, and the file's name in it."""
        folder, _, file = name.rpartition("/")
        with self._tree.folder(folder, make=True) as inside:
            yield inside, file

    def put(self, name: str, data: bytes, *, sync: bool = False) -> None:
        with (
            self._told(name),
            self._folder_of(name) as (folder, file_name),
            folder.whole(file_name, sync=sync, owner=self.owner) as file,
        ):
            file.write(data)

    def put_folder(self, name: str, files: Iterable[tuple[str, bytes]]) -> int:
        """
        Write the files of a new folder: all of them appear at once, or none.

        One rename per folder costs almost nothing compared with the writing; one per file would.
        """
        with self._told(name), self._folder_of(name) as (above, folder_name):
            partial = partial_name(self.owner)
            size, names = 0, list[str]()
            try:
                with above.folder(partial, make=True) as inside:
                    for file_name, data in files:
                        names.append(file_name)
                        inside.write(file_name, data)
                        size += len(data)
                _place_folder(above, partial, folder_name)
            except BaseException:
                with suppress(OSError):
                    with above.folder(partial) as inside:
                        for file_name in names:
                            inside.remove(file_name)
                    above.remove_folder(partial)
                raise
        return size

    def put_scratch(self, name: str, data: bytes) -> str:
        folder_name, slash, _ = name.rpartition("/")
        partial = partial_name(self.owner)
        with self._told(name), self._folder_of(name) as (folder, _):
            folder.write(partial, data)
        return f"{folder_name}{slash}{partial}"

    def take_scratch(self, name: str) -> bytes:
        with (
            system_errors(OutputError, f"{self.root / name} cannot be read"),
            self._folder_of(name) as (folder, file_name),
        ):
            with folder.open(file_name) as file:
                data = file.read()
            folder.remove(file_name)
        return data

    @contextmanager
    def replacing(self, *names: str) -> Iterator[list[IO[bytes]]]:
        partial = [f"{name.rpartition('/')[0]}/{partial_name(self.owner)}".lstrip("/") for name in names]
        files: list[IO[bytes]] = []
        with self._told(names[0]):
            for name in partial:
                with self._folder_of(name) as (folder, file_name):
                    files.append(folder.create(file_name))
        try:
            yield files
        finally:
            for name, file in zip(names, files, strict=True):
                with self._told(name):  # closing writes what is still buffered
                    file.close()
        for name, written in zip(names, partial, strict=True):
            with self._told(name), self._folder_of(name) as (folder, file_name):
                own = written.rpartition("/")[2]
                if folder.need_file(file_name) and _same(folder, own, file_name):
                    folder.remove(own)
                else:
                    folder.replace(own, file_name)

    @contextmanager
    def building(self, name: str) -> Iterator[Path]:
        partial = partial_name(self.owner)
        with self._told(name), self._folder_of(name) as (folder, file_name):
            folder.need_file(file_name)
            try:
                yield folder.path / partial
                folder.replace(partial, file_name)
            finally:
                folder.remove(partial)

    # --- Looking ----------------------------------------------------------------------------------------

    def exists(self, name: str) -> bool:
        with system_errors(FormatError, f"{self.root / name} cannot be read"):
            return self._tree.is_file(name)

    def _no_folder(self) -> OutputError:
        what = "a file, not a folder" if self.root.exists() else "a broken link"
        return OutputError(f"{self.root} is {what}", hint="give another folder")

    def names(self, folder: str = "") -> set[str]:
        try:
            with self._tree.folder(folder) as inside:
                return set(inside.names())
        except (FileNotFoundError, NotADirectoryError):
            if not folder and os.path.lexists(self.root):
                raise self._no_folder() from None
            return set()
        except OSError as error:
            raise OutputError(f"{self.root / folder} cannot be read: {error.strerror}") from error

    def files(self) -> set[str]:
        with system_errors(FormatError, f"{self.root} cannot be read"):
            return set(self._tree.files())

    def read(self, name: str, most: int) -> bytes | None:
        try:
            with self._tree.open(name) as file:
                size = os.fstat(file.fileno()).st_size
                data = file.read(min(size, most) + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise FormatError(f"{self.root / name} cannot be read: {error.strerror}") from error
        if len(data) > most:
            raise too_long(self.where(name), most)
        return data

    is_local = True

    @contextmanager
    def local(self, name: str) -> Iterator[IO[bytes] | None]:
        file = None
        with (
            system_errors(FormatError, f"{self.root / name} cannot be read"),
            suppress(FileNotFoundError, NotADirectoryError),
        ):
            file = self._tree.open(name)
        if file is None:
            yield None
            return
        with file:
            yield file

    def lines(self, name: str, most: int) -> Iterator[str]:
        try:
            with self._tree.open(name) as file:
                yield from text_lines(file, most)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FormatError(f"{self.root / name} cannot be read: {error.strerror}") from error

    # --- Removing ---------------------------------------------------------------------------------------

    def touch(self, name: str) -> None:
        with self._told(name), self._folder_of(name) as (folder, file_name):
            folder.touch(file_name)

    def remove(self, name: str) -> None:
        folder_name, _, file_name = name.rpartition("/")
        with (
            self._told(name, "removed"),
            suppress(FileNotFoundError, NotADirectoryError),
            self._tree.folder(folder_name) as folder,
        ):
            folder.remove(file_name)

    def remove_empty(self, folder: str) -> None:
        above, _, name = folder.rstrip("/").rpartition("/")
        with suppress(OSError):  # not empty, or does not exist
            if name:
                with self._tree.folder(above) as inside:
                    inside.remove_folder(name)

    def sweep(self, folders: Iterable[str], *, own: bool = False) -> None:
        for name in folders:
            with (
                self._told(name, "cleaned up"),
                suppress(FileNotFoundError, NotADirectoryError),
                self._tree.folder(name) as folder,
            ):
                folder.sweep(self.owner if own else "", _IN_PARTIAL)

    @contextmanager
    def lock(self, name: str = LOCK, *, wait: bool = False) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                with self._told(name):
                    folder, file_name = stack.enter_context(self._folder_of(name))
                    lock = lock_file(folder, file_name, inf if wait else 0)
            except LockedError:
                what = f"to {self.root}" if name == LOCK else f"a part of {self.root}"
                hint = (
                    "wait for it to finish, or choose another folder"
                    if name == LOCK
                    else "wait for it to finish, or write another part"
                )
                raise OutputError(f"another digitseq process is writing {what}", hint=hint) from None
            try:
                yield
            finally:
                lock.release(remove=True)

    def _told(self, name: str, done: str = "written") -> AbstractContextManager[None]:
        return system_errors(OutputError, f"{self.root / name} cannot be {done}")


def _place_folder(above: Folder, partial: str, name: str) -> None:
    try:
        above.rename(partial, name)
    except OSError:
        if above.stat(name) is None:
            raise
        # A worker that was presumed dead has written the folder in the meantime. The files are the same.
        with above.folder(partial) as new, above.folder(name) as there:
            for file in new.names():
                new.move(file, there)
        above.remove_folder(partial)


def _same(folder: Folder, one: str, other: str) -> bool:
    """Return whether two files have the same content."""
    with folder.open(one) as first, folder.open(other) as second:
        if os.fstat(first.fileno()).st_size != os.fstat(second.fileno()).st_size:
            return False
        while piece := first.read(_PIECE):
            if piece != second.read(_PIECE):
                return False
        return True
