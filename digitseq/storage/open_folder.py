"""
File operations in an open folder that follow no links and touch only regular files.

`digitseq.storage.tree` explains why.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO

PARTIAL = ".partial-"
_PARTIAL_NAME = re.compile(r"\.partial-(?P<owner>[0-9a-z]+)-[0-9a-f]{12}")
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.EINVAL}
_RELATIVE = {os.open, os.stat, os.mkdir, os.rename, os.link, os.unlink, os.rmdir} <= os.supports_dir_fd
_LISTS = os.listdir in os.supports_fd
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # opening a named pipe would block until its other end is opened
_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def partial_name(owner: str = "") -> str:
    """
    Return a new name for an unfinished file or folder.

    Args:
        owner: lower-case letters and digits that several processes may share (default: this process's id).
    """
    return f"{PARTIAL}{owner or os.getpid()}-{os.urandom(6).hex()}"


def is_partial(name: str, owner: str = "") -> bool:
    """Return whether a name has exactly the form of `partial_name`, with this owner if one is given."""
    found = _PARTIAL_NAME.fullmatch(name)
    return found is not None and owner in ("", found["owner"])


def kind_of(mode: int) -> str:
    """
    Describe a file's type from its mode, for messages; "" for a regular file.

    >>> kind_of(0o010644), kind_of(0o100644)
    ('a named pipe', '')
    """
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "")


def open_regular(path: str | Path, *, links: bool = True, at: int | None = None) -> BufferedReader:
    """
    Open a regular file for reading, without blocking.

    Args:
        path: the file.
        links: whether the file may be a link.
        at: handle of an open folder that the path is relative to.

    Raises:
        OSError: the file does not exist, is not a regular file, or cannot be opened.
    """
    flags = os.O_RDONLY | _BINARY | _NO_WAIT | (0 if links else _NO_LINK)
    if not links and not _NO_LINK and os.path.islink(path):  # noqa: PTH114 - may be a str
        raise wrong_kind(errno.ELOOP, "a link", path)
    try:
        handle = os.open(path, flags, dir_fd=at)
    except OSError as error:
        if not links and error.errno in (errno.ELOOP, errno.EMLINK):
            raise wrong_kind(errno.ELOOP, "a link", path) from None
        if error.errno == errno.ENXIO:
            raise wrong_kind(errno.ENXIO, "a socket or a device", path) from None
        raise
    try:
        if kind := kind_of(os.fstat(handle).st_mode):
            raise wrong_kind(errno.EINVAL, kind, path)
    except BaseException:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def wrong_kind(number: int, kind: str, path: str | Path) -> OSError:
    """Return the error about something that is not a regular file."""
    if kind == "a directory":
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    wanted = "expected a regular file or folder" if kind == "a link" else "expected a regular file"
    return OSError(number, f"{wanted}, found {kind}", os.fspath(path))


class Folder:
    """An open folder. Names are those of files directly in it."""

    def __init__(self, path: Path, handle: int | None) -> None:
        self.path, self._handle = path, handle

    def _at(self, name: str) -> str:
        return name if self._handle is not None else os.path.join(self.path, name)  # noqa: PTH118 - faster

    def stat(self, name: str) -> os.stat_result | None:
        """Return the status of a file or link, without following it; None if it does not exist."""
        try:
            return os.stat(self._at(name), dir_fd=self._handle, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def need_file(self, name: str) -> bool:
        """
        Return whether a regular file of this name exists.

        Raises:
            OSError: the name belongs to something other than a regular file.
        """
        if (found := self.stat(name)) is None:
            return False
        if kind := kind_of(found.st_mode):
            raise wrong_kind(errno.ELOOP, kind, self.path / name)
        return True

    def names(self) -> list[str]:
        """Return the names of everything in the folder."""
        return os.listdir(self._handle if self._handle is not None and _LISTS else self.path)  # noqa: PTH208 - may be a handle

    def create(self, name: str) -> IO[bytes]:
        """Create a file, with the permissions that the user's umask allows."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY | _NO_LINK
        return os.fdopen(os.open(self._at(name), flags, 0o666, dir_fd=self._handle), "wb")

    def write(self, name: str, data: bytes) -> None:
        """Create a file with this content, as fast as possible."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY | _NO_LINK
        handle = os.open(self._at(name), flags, 0o666, dir_fd=self._handle)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(handle, rest) :]
        finally:
            os.close(handle)

    def open(self, name: str) -> BufferedReader:
        """
        Open a regular file for reading.

        Raises:
            OSError: the file does not exist, or is not a regular file.
        """
        return open_regular(self._at(name), links=False, at=self._handle)

    def open_lock(self, name: str) -> int:
        """
        Open an empty file that serves as a lock, creating it if needed. The caller closes the handle.

        Raises:
            OSError: the name belongs to something other than an empty file.
        """
        flags = os.O_RDWR | os.O_CREAT | _BINARY | _NO_LINK | _NO_WAIT
        self.need_file(name)
        handle = os.open(self._at(name), flags, 0o666, dir_fd=self._handle)
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size:
            os.close(handle)
            raise OSError(
                errno.EEXIST,
                "expected an empty lock file of digitseq, found something else",
                os.fspath(self.path / name),
            )
        return handle

    def replace(self, partial: str, name: str, *, links: bool = False) -> None:
        """
        Rename a file, replacing any file that has the new name.

        Args:
            partial: the current name.
            name: the new name.
            links: also replace a link of the new name. Its target is not changed.

        Raises:
            OSError: the new name belongs to something other than a file.
        """
        if not links:
            self.need_file(name)
        os.replace(self._at(partial), self._at(name), src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def move(self, name: str, other: "Folder") -> None:
        """
        Move a file to another folder, replacing any file of the same name there.

        Raises:
            OSError: the name belongs to something other than a file there.
        """
        other.need_file(name)
        os.replace(self._at(name), other._at(name), src_dir_fd=self._handle, dst_dir_fd=other._handle)

    def place(self, partial: str, name: str) -> None:
        """
        Rename a file to a name that is free.

        Raises:
            FileExistsError: the name is taken.
        """
        try:
            # Creating a hard link is the only atomic operation that fails if the name is taken.
            os.link(self._at(partial), self._at(name), src_dir_fd=self._handle, dst_dir_fd=self._handle)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            # No hard links on this file system: reserve the name with an empty file, then replace it.
            self.create(name).close()
            self.replace(partial, name)
        else:
            self.remove(partial)

    @contextmanager
    def whole(
        self, name: str, *, new: bool = False, sync: bool = False, owner: str = "", links: bool = False
    ) -> Iterator[IO[bytes]]:
        """
        Create a file that appears complete at the end of the block, or not at all.

        It is written under a temporary name in the same folder, then renamed.

        Args:
            name: the file.
            new: never replace an existing file.
            sync: flush the file to disk before renaming it, for files that must survive a power failure.
            owner: as in `partial_name`.
            links: as in `replace`.

        Raises:
            FileExistsError: ``new`` is set, and the name is taken.
            OSError: the name belongs to something other than a file, or the system refuses.
        """
        if not new and not links:
            self.need_file(name)
        partial = partial_name(owner)
        try:
            with self.create(partial) as file:
                yield file
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            if new:
                self.place(partial, name)
            else:
                self.replace(partial, name, links=links)
        except BaseException:
            with suppress(OSError):
                self.remove(partial)
            raise

    def remove(self, name: str) -> None:
        """
        Remove a regular file, if it exists.

        Raises:
            OSError: the name belongs to something other than a regular file.
        """
        if self.need_file(name):
            with suppress(FileNotFoundError):
                os.unlink(self._at(name), dir_fd=self._handle)

    def make_folder(self, name: str) -> None:
        """Make a subfolder."""
        os.mkdir(self._at(name), dir_fd=self._handle)

    def remove_folder(self, name: str) -> None:
        """Remove an empty subfolder."""
        os.rmdir(self._at(name), dir_fd=self._handle)

    def rename(self, old: str, new: str) -> None:
        """
        Rename a subfolder to a name that is free, or that of an empty folder.

        Raises:
            OSError: the name is taken.
        """
        os.rename(self._at(old), self._at(new), src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def touch(self, name: str) -> None:
        """Set a file's times to now."""
        with self.open(name) as file:
            os.utime(file.fileno() if os.utime in os.supports_fd else self._at(name))

    def sweep(self, owner: str = "", files: "re.Pattern[str] | None" = None) -> None:
        """
        Remove files and folders that killed processes left under names of `partial_name`.

        Args:
            owner: remove only this owner's; "" for everybody's, if nobody is writing to the folder.
            files: pattern of the files that may be removed from an unfinished folder. Other files are kept,
                and so is their folder. None keeps all unfinished folders.
        """
        for name in self.names():
            if not is_partial(name, owner) or (found := self.stat(name)) is None:
                continue
            if stat.S_ISREG(found.st_mode):
                self.remove(name)
            elif stat.S_ISDIR(found.st_mode) and files is not None:
                with suppress(OSError):  # another process may still be writing to it
                    with self.folder(name) as inside:
                        for file in filter(files.fullmatch, inside.names()):
                            inside.remove(file)
                    self.remove_folder(name)

    @contextmanager
    def folder(self, name: str, *, make: bool = False) -> Iterator["Folder"]:
        """
        Open a subfolder.

        Args:
            name: its name.
            make: make the folder if it does not exist.

        Raises:
            OSError: the folder does not exist, or the name belongs to something else.
        """
        if make:
            with suppress(FileExistsError):
                self.make_folder(name)
        if (found := self.stat(name)) is not None and stat.S_ISLNK(found.st_mode):
            raise wrong_kind(errno.ELOOP, "a link", self.path / name)
        if self._handle is None:
            if not os.path.isdir(self._at(name)):  # noqa: PTH112 - a str
                raise NotADirectoryError(
                    errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(self.path / name)
                )
            yield Folder(self.path / name, None)
            return
        try:
            handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK | _BINARY, dir_fd=self._handle)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, os.fspath(self.path / name)) from None
        try:
            yield Folder(self.path / name, handle)
        finally:
            os.close(handle)


@contextmanager
def opened(path: Path) -> Iterator[Folder]:
    """
    Open any folder; the path may be a link.

    Raises:
        OSError: the folder does not exist, or cannot be opened.
    """
    if not _RELATIVE:
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(path))
        yield Folder(path, None)
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _BINARY)
    try:
        yield Folder(path, handle)
    finally:
        os.close(handle)
