"""Files that appear whole or not at all."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PARTIAL = ".partial-"
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.EINVAL}


@contextmanager
def whole_file(path: Path, *, new: bool = False, sync: bool = False, owner: str = "") -> Iterator[IO[bytes]]:
    """
    A file that appears whole when the block ends well, or not at all: written beside its place, then moved.

    Args:
        path: where; its folder exists.
        new: never replace a file that is there.
        sync: have it on the disk before it is in place, for what must survive a loss of power.
        owner: as `beside` takes it.

    Yields:
        The open file.

    Raises:
        FileExistsError: ``new``, and there is one.
        OSError: the system refuses.
    """
    # Not the standard library's temporary files: they cost a fifth of numpy to import, and are private to
    # their owner, where this one has the rights that the user's mask gives.
    temporary = beside(path, owner)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if new:
            _move_new(temporary, path)
        else:
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_whole(
    path: Path, write: Callable[[IO[bytes]], object], *, new: bool = False, sync: bool = False
) -> None:
    """
    Put a file in place whole or not at all; `whole_file` in one call.

    Args:
        path: where; its folder exists.
        write: writes the content to the open file that it is given.
        new: never replace a file that is there.
        sync: have it on the disk before it is in place.

    Raises:
        FileExistsError: ``new``, and there is one.
        OSError: the system refuses.
    """
    with whole_file(path, new=new, sync=sync) as file:
        write(file)


def beside(path: Path, owner: str = "") -> Path:
    """
    A name of its own beside a path, for what is not whole yet; `sweep_partial` knows it.

    Args:
        path: what it will be.
        owner: letters and digits that several processes share; else the number of this process.
    """
    return path.with_name(f"{PARTIAL}{owner or os.getpid()}-{os.urandom(6).hex()}")


def sweep_partial(folder: Path, owner: str = "") -> None:
    """
    Remove what killed processes left under names of `beside`.

    Args:
        folder: where.
        owner: whose; "" for everybody's, when nobody is writing there.
    """
    for left_over in folder.glob(f"{PARTIAL}{owner}-*" if owner else f"{PARTIAL}*"):
        if left_over.is_dir():
            shutil.rmtree(left_over, ignore_errors=True)  # somebody may still be at work there after all
        else:
            left_over.unlink(missing_ok=True)


def _move_new(temporary: Path, path: Path) -> None:
    try:
        # A hard link is the one move that fails, in one step, where a file is.
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # No hard links on this file system: take the name first, then fill it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        temporary.replace(path)
    else:
        temporary.unlink()
