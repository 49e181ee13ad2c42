"""
An open folder, and what can be done in it: nothing is followed, and only regular files are touched.

`digitseq.storage.tree` says why.
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
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # opening a named pipe would wait for its other end
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
    A new name for what is not whole yet.

    Args:
        owner: lower-case letters and digits that several processes share; else the number of this process.
    """
    return f"{PARTIAL}{owner or os.getpid()}-{os.urandom(6).hex()}"


def is_partial(name: str, owner: str = "") -> bool:
    """Whether a name is of exactly the form of `partial_name`; of one owner, if one is given."""
    found = _PARTIAL_NAME.fullmatch(name)
    return found is not None and owner in ("", found["owner"])


def kind_of(mode: int) -> str:
    """
    What a file is, from its mode, for messages; "" for a regular file.

    >>> kind_of(0o010644), kind_of(0o100644)
    ('a named pipe', '')
    """
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "")


def open_regular(path: str | Path, *, links: bool = True, at: int | None = None) -> BufferedReader:
    """
    Open a regular file for reading, without waiting for anybody.

    Args:
        path: the file.
        links: it may be a link.
        at: a folder, already open, that the path is relative to.

    Raises:
        OSError: there is none, it is not a regular file, or the system refuses.
    """
    flags = os.O_RDONLY | _BINARY | _NO_WAIT | (0 if links else _NO_LINK)
    if not links and not _NO_LINK and os.path.islink(path):  # noqa: PTH114 - relative to nothing
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
    """The error about something that is not a regular file."""
    if kind == "a directory":
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    wanted = "expected an actual file or folder" if kind == "a link" else "expected a regular file"
    return OSError(number, f"it is {kind}, {wanted}", os.fspath(path))


class Folder:
    """An open folder. Its names are those of the files directly in it."""

    def __init__(self, path: Path, handle: int | None) -> None:
        self.path, self._handle = path, handle

    def _at(self, name: str) -> str:
        return name if self._handle is not None else os.path.join(self.path, name)  # noqa: PTH118 - fast

    def stat(self, name: str) -> os.stat_result | None:
        """What is there, links not followed; None if there is nothing."""
        try:
            return os.stat(self._at(name), dir_fd=self._handle, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def need_file(self, name: str) -> bool:
        """
        Whether there is a regular file.

        Raises:
            OSError: there is something else.
        """
        if (found := self.stat(name)) is None:
            return False
        if kind := kind_of(found.st_mode):
            raise wrong_kind(errno.ELOOP, kind, self.path / name)
        return True

    def names(self) -> list[str]:
        """What is in it."""
        return os.listdir(self._handle if self._handle is not None and _LISTS else self.path)  # noqa: PTH208 - open

    def create(self, name: str) -> IO[bytes]:
        """A new file, with the rights that the user's mask gives."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY | _NO_LINK
        return os.fdopen(os.open(self._at(name), flags, 0o666, dir_fd=self._handle), "wb")

    def write(self, name: str, data: bytes) -> None:
        """A new file and its content, as fast as can be."""
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
            OSError: there is none, or something else is there.
        """
        return open_regular(self._at(name), links=False, at=self._handle)

    def open_lock(self, name: str) -> int:
        """
        Open an empty file that stands for a lock, or make it. The handle is the caller's to close.

        Raises:
            OSError: something else is there.
        """
        flags = os.O_RDWR | os.O_CREAT | _BINARY | _NO_LINK | _NO_WAIT
        self.need_file(name)
        handle = os.open(self._at(name), flags, 0o666, dir_fd=self._handle)
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size:
            os.close(handle)
            raise OSError(
                errno.EEXIST,
                "it is not a lock of digitseq, which would be empty",
                os.fspath(self.path / name),
            )
        return handle

    def replace(self, partial: str, name: str, *, links: bool = False) -> None:
        """
        Move a file to a name; what was there is gone.

        Args:
            partial: its name.
            name: the new one.
            links: a link of that name may be replaced, too. What it points to stays as it is.

        Raises:
            OSError: something else than a file is there.
        """
        if not links:
            self.need_file(name)
        os.replace(self._at(partial), self._at(name), src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def move(self, name: str, other: "Folder") -> None:
        """
        Move a file to another folder, where it replaces one of its name.

        Raises:
            OSError: something else than a file is there.
        """
        other.need_file(name)
        os.replace(self._at(name), other._at(name), src_dir_fd=self._handle, dst_dir_fd=other._handle)

    def place(self, partial: str, name: str) -> None:
        """
        Move a file to a name that is free.

        Raises:
            FileExistsError: it is not.
        """
        try:
            # Making a hard link is the only atomic step that fails if the name is taken.
            os.link(self._at(partial), self._at(name), src_dir_fd=self._handle, dst_dir_fd=self._handle)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            # No hard links on this file system: take the name first, then fill it.
            self.create(name).close()
            self.replace(partial, name)
        else:
            self.remove(partial)

    @contextmanager
    def whole(
        self, name: str, *, new: bool = False, sync: bool = False, owner: str = "", links: bool = False
    ) -> Iterator[IO[bytes]]:
        """
        A file that appears whole at the end of the block, or not at all: written beside its place and moved.

        Args:
            name: the file.
            new: never replace a file that is there.
            sync: have it on the disk before it is in place, for what must survive a loss of power.
            owner: as `partial_name` takes it.
            links: as `replace` takes it.

        Raises:
            FileExistsError: ``new``, and there is one.
            OSError: something else than a file is there, or the system refuses.
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
        Remove a regular file, if it is there.

        Raises:
            OSError: something else is there.
        """
        if self.need_file(name):
            with suppress(FileNotFoundError):
                os.unlink(self._at(name), dir_fd=self._handle)

    def make_folder(self, name: str) -> None:
        """Make a folder in it."""
        os.mkdir(self._at(name), dir_fd=self._handle)

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(self._at(name), dir_fd=self._handle)

    def rename(self, old: str, new: str) -> None:
        """
        Move a folder to a name that is free, or that of an empty folder.

        Raises:
            OSError: it is not.
        """
        os.rename(self._at(old), self._at(new), src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def touch(self, name: str) -> None:
        """Set the time of a file to now."""
        with self.open(name) as file:
            os.utime(file.fileno() if os.utime in os.supports_fd else self._at(name))

    def sweep(self, owner: str = "", files: "re.Pattern[str] | None" = None) -> None:
        """
        Remove what killed processes left under names of `partial_name`.

        Args:
            owner: whose; "" for everybody's, when nobody is writing here.
            files: names in a half-written folder. Files with other names stay, and so does the folder.
        """
        for name in self.names():
            if not is_partial(name, owner) or (found := self.stat(name)) is None:
                continue
            if stat.S_ISREG(found.st_mode):
                self.remove(name)
            elif stat.S_ISDIR(found.st_mode) and files is not None:
                with suppress(OSError):  # somebody may still be at work there after all
                    with self.folder(name) as inside:
                        for file in filter(files.fullmatch, inside.names()):
                            inside.remove(file)
                    self.remove_folder(name)

    @contextmanager
    def folder(self, name: str, *, make: bool = False) -> Iterator["Folder"]:
        """
        A folder in it.

        Args:
            name: its name.
            make: make it if it is missing.

        Raises:
            OSError: there is none, or something else is there.
        """
        if make:
            with suppress(FileExistsError):
                self.make_folder(name)
        if (found := self.stat(name)) is not None and stat.S_ISLNK(found.st_mode):
            raise wrong_kind(errno.ELOOP, "a link", self.path / name)
        if self._handle is None:
            if not os.path.isdir(self._at(name)):  # noqa: PTH112 - as above
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
    Any folder, open; it may be a link.

    Raises:
        OSError: there is none.
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
