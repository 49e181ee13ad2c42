"""
Where the files of a dataset are kept: put whole files, list, read.

This is the seam for other storage: what is written here as a folder renamed into place can be a set of
single objects elsewhere. All names are relative, with "/" between folders.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from digitseq.errors import OutputError, system_errors
from digitseq.wholefile import beside, whole_file


@dataclass(frozen=True)
class LocalStorage:
    """Files in a folder of this machine."""

    root: Path

    def put(self, name: str, data: bytes, *, sync: bool = False) -> None:
        """Write one file, whole or not at all; with ``sync``, have it on the disk when it is in place."""
        path = self.root / name
        with self._told(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path, sync=sync) as file:
                file.write(data)

    def put_folder(self, name: str, files: Iterable[tuple[str, bytes]]) -> int:
        """
        Write the files of a new folder: all of them appear at once, or none.

        One rename for all costs nothing beside the writing, where one for each file would.

        Args:
            name: the folder, which is not there yet.
            files: name in the folder, and content.

        Returns:
            Bytes written.
        """
        path = self.root / name
        with self._told(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = beside(path)
            partial.mkdir()
            size = 0
            try:
                for file_name, data in files:
                    with (partial / file_name).open("xb", buffering=0) as file:
                        file.write(data)
                    size += len(data)
                partial.rename(path)
            except BaseException:
                import shutil

                shutil.rmtree(partial, ignore_errors=True)
                raise
        return size

    def put_scratch(self, name: str, data: bytes) -> str:
        """
        Write a file for `take_scratch`, beside a name.

        It is how workers hand over what is too long for a pipe: a worker that is killed in the middle of a
        long message would leave its reader waiting for the rest for ever.

        Returns:
            The name of the file.
        """
        path = beside(self.root / name)
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

    def list(self, folder: str) -> set[str]:
        """Names in a folder; none where there is no folder."""
        try:
            return {entry.name for entry in (self.root / folder).iterdir()}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise OutputError(f"{self.root / folder} cannot be read: {error.strerror}") from error

    def read(self, name: str) -> bytes:
        """Content of a file."""
        with system_errors(OutputError, f"{self.root / name} cannot be read"):
            return (self.root / name).read_bytes()

    def _told(self, name: str) -> AbstractContextManager[None]:
        return system_errors(OutputError, f"{self.root / name} cannot be written")
