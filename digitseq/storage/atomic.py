"""Write files that a user names, completely or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import IO

from digitseq.interrupts import interruptible
from digitseq.storage.open_folder import opened

_STREAMS = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))


def is_stream(path: Path) -> bool:
    """
    Return whether a path is a device or a named pipe, which cannot be replaced atomically.

    The system's own links, such as /dev/stdout, are followed. Other links may belong to somebody else.
    """
    if path.is_symlink() and path.parent not in _STREAMS:
        return False
    return path.exists() and not (path.is_file() or path.is_dir())


def write_whole(path: Path, write: Callable[[IO[bytes]], object], *, new: bool = False) -> None:
    """
    Write a file completely or not at all: under a temporary name in the same folder, then renamed.

    Args:
        path: the file; its folder must exist. A link or a named pipe of that name is replaced, not followed.
        write: function that writes the content to an open file.
        new: never replace anything.

    Raises:
        FileExistsError: ``new`` is set, and the name is taken.
        OSError: the system refuses.
    """
    with opened(path.parent) as folder, folder.whole(path.name, new=new, links=True) as file:
        write(file)


def write_output(path: Path, write: Callable[[IO[bytes]], object], *, new: bool = False) -> None:
    """Write a file like `write_whole`, but write to a device or named pipe instead of replacing it."""
    if is_stream(path):
        with interruptible(), path.open("wb") as file:
            write(file)
    else:
        write_whole(path, write, new=new)
