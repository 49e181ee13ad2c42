"""Files that a user names, which appear whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import IO

from digitseq.interrupts import interruptible
from digitseq.storage.open_folder import opened

_STREAMS = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))


def is_stream(path: Path) -> bool:
    """
    Whether a path is a device or a named pipe, which cannot be replaced atomically.

    The system's own links, such as /dev/stdout, are followed. Any other may be somebody else's.
    """
    if path.is_symlink() and path.parent not in _STREAMS:
        return False
    return path.exists() and not (path.is_file() or path.is_dir())


def write_whole(path: Path, write: Callable[[IO[bytes]], object], *, new: bool = False) -> None:
    """
    Put a file in place whole or not at all: written beside its place, then moved.

    Args:
        path: where; its folder exists. A link or a named pipe of that name is replaced, not followed.
        write: writes the content to the open file that it is given.
        new: never replace what is there.

    Raises:
        FileExistsError: ``new``, and there is something.
        OSError: the system refuses.
    """
    with opened(path.parent) as folder, folder.whole(path.name, new=new, links=True) as file:
        write(file)


def write_output(path: Path, write: Callable[[IO[bytes]], object], *, new: bool = False) -> None:
    """Like `write_whole`, but writes to a device or named pipe instead of replacing it."""
    if is_stream(path):
        with interruptible(), path.open("wb") as file:
            write(file)
    else:
        write_whole(path, write, new=new)
