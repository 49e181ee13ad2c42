"""Files of a dataset in a folder of this machine."""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from filecmp import cmp
from math import inf
from pathlib import Path
from typing import IO

from digitseq.dataset.storage import LOCK, Storage
from digitseq.errors import FormatError, OutputError, system_errors
from digitseq.interrupts import interruptible
from digitseq.locks import LockedError, lock_file
from digitseq.wholefile import beside, sweep_partial, whole_file


@dataclass(frozen=True)
class LocalStorage(Storage):
    """Files in a folder of this machine."""

    root: Path
    owner: str = ""

    def where(self, name: str = "") -> str:
        """What to call a file in a message."""
        return str(self.root / name)

    def everywhere(self) -> "LocalStorage":
        """The same for processes with another working folder."""
        return replace(self, root=self.root.absolute())

    def owned(self) -> "LocalStorage":
        """The same, but `sweep` can tell what is half-written by this object and its copies."""
        return replace(self, owner=os.urandom(4).hex())

    # --- Writing ----------------------------------------------------------------------------------------

    def make(self) -> None:
        """Have the place to write to."""
        with self._told(""):
            self.root.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, data: bytes, *, sync: bool = False) -> None:
        """Write one file, whole or not at all; with ``sync``, have it on the disk when it is in place."""
        path = self.root / name
        with self._told(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path, sync=sync, owner=self.owner) as file:
                file.write(data)

    def put_folder(self, name: str, files: Iterable[tuple[str, bytes]]) -> int:
        """
        Write the files of a new folder: all of them appear at once, or none.

        One rename for all costs nothing beside the writing, where one for each file would.
        """
        path = self.root / name
        with self._told(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = beside(path, self.owner)
            partial.mkdir()
            size = 0
            try:
                for file_name, data in files:
                    with (partial / file_name).open("xb", buffering=0) as file:
                        file.write(data)
                    size += len(data)
                self._place_folder(partial, path)
            except BaseException:
                import shutil

                shutil.rmtree(partial, ignore_errors=True)
                raise
        return size

    @staticmethod
    def _place_folder(partial: Path, path: Path) -> None:
        try:
            partial.rename(path)
        except OSError:
            if not path.is_dir():
                raise
            # Somebody else wrote it meanwhile: a worker that was given up for lost. The files are the same.
            for file in partial.iterdir():
                file.replace(path / file.name)
            partial.rmdir()

    def put_scratch(self, name: str, data: bytes) -> str:
        """Write a file for `take_scratch`, beside a name."""
        path = beside(self.root / name, self.owner)
        with self._told(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return path.relative_to(self.root).as_posix()

    def take_scratch(self, name: str) -> bytes:
        """Read a file of `put_scratch`, and remove it."""
        path = self.root / name
        with system_errors(OutputError, f"{path} cannot be read"):
            data = path.read_bytes()
            path.unlink()
        return data

    @contextmanager
    def replacing(self, *names: str) -> Iterator[list[IO[bytes]]]:
        """Open files that replace those of these names at the end, where their content differs."""
        places = [self.root / name for name in names]
        with self._told(names[0]):
            for folder in {path.parent for path in places}:
                folder.mkdir(parents=True, exist_ok=True)
            partial = [beside(path, self.owner) for path in places]
            files: list[IO[bytes]] = [path.open("xb") for path in partial]
        try:
            yield files
        finally:
            for name, file in zip(names, files, strict=True):
                with self._told(name):  # what is left is written now
                    file.close()
        for name, written, path in zip(names, partial, places, strict=True):
            with self._told(name):
                if path.is_file() and cmp(written, path, shallow=False):
                    written.unlink()
                else:
                    written.replace(path)

    @contextmanager
    def building(self, name: str) -> Iterator[Path]:
        """A path for a file that is written in many steps; it takes its place when the block ends well."""
        path = self.root / name
        partial = beside(path, self.owner)
        with self._told(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                yield partial
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

    # --- Looking ----------------------------------------------------------------------------------------

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        with system_errors(FormatError, f"{self.root / name} cannot be read"):
            return (self.root / name).is_file()

    def names(self, folder: str = "") -> set[str]:
        """Names in a folder; none where there is no folder."""
        try:
            return {entry.name for entry in (self.root / folder).iterdir()}
        except (FileNotFoundError, NotADirectoryError):
            return set()
        except OSError as error:
            raise OutputError(f"{self.root / folder} cannot be read: {error.strerror}") from error

    def files(self) -> set[str]:
        """Names of all files in all folders."""
        with system_errors(FormatError, f"{self.root} cannot be read"):
            return {
                path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if not path.is_dir()
            }

    def read(self, name: str) -> bytes | None:
        """
        Content of a file; None if there is none.

        Raises:
            FormatError: it cannot be read.
        """
        try:
            with interruptible():  # it may be a pipe
                return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise FormatError(f"{self.root / name} cannot be read: {error.strerror}") from error

    @contextmanager
    def local(self, name: str) -> Iterator[Path | None]:
        """A file as a path on this machine; None if there is none."""
        yield self.root / name if self.exists(name) else None

    def stamp(self, name: str) -> object:
        """What changes when a file is replaced; None if there is none."""
        with suppress(OSError):
            found = (self.root / name).stat()
            return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
        return None

    def lines(self, name: str) -> Iterator[str]:
        r"""Lines of a text file, each with its "\n"; none if there is no file."""
        path = self.root / name
        try:
            with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
                yield from file
        except FileNotFoundError:
            return
        except OSError as error:
            raise FormatError(f"{path} cannot be read: {error.strerror}") from error

    # --- Removing ---------------------------------------------------------------------------------------

    def touch(self, name: str) -> None:
        """Set the time of a file to now, for programs such as make that compare times."""
        with self._told(name):
            os.utime(self.root / name)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._told(name, "removed"):
            (self.root / name).unlink(missing_ok=True)

    def remove_empty(self, folder: str) -> None:
        """Remove a folder in which nothing is left."""
        with suppress(OSError):  # not empty, or not there: not ours to remove
            if (self.root / folder) != self.root:
                (self.root / folder).rmdir()

    def sweep(self, folders: Iterable[str], *, own: bool = False) -> None:
        """Remove what a killed run left half-written in folders."""
        for folder in folders:
            with self._told(folder, "cleaned up"):
                if (self.root / folder).is_dir():
                    sweep_partial(self.root / folder, self.owner if own else "")

    @contextmanager
    def lock(self, name: str = LOCK, *, wait: bool = False) -> Iterator[None]:
        """Keep other runs away."""
        path = self.root / name
        try:
            with self._told(name):
                path.parent.mkdir(parents=True, exist_ok=True)
                lock = lock_file(path, inf if wait else 0)
        except LockedError:
            what = f"to {self.root}" if name == LOCK else f"a part of {self.root}"
            hint = (
                "wait for it, or name another folder"
                if name == LOCK
                else "wait for it, or write another part"
            )
            raise OutputError(f"another digitseq is writing {what}", hint=hint) from None
        try:
            yield
        finally:
            # Removed while it is held: whoever has it open already holds nothing, and looks again.
            with suppress(OSError):
                path.unlink()
            lock.release()

    def _told(self, name: str, done: str = "written") -> AbstractContextManager[None]:
        return system_errors(OutputError, f"{self.root / name} cannot be {done}")
