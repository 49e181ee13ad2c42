"""
Locks between processes: files, if the file system can lock them.

No library is used: they open the file by its path, follow links or truncate what they find there.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress

from digitseq.interrupts import POLL_S, check
from digitseq.storage.open_folder import Folder


class LockedError(Exception):
    """Another process has the lock."""


class Lock:
    """A lock that this process has, or what stands for one where files cannot be locked."""

    def __init__(self, folder: Folder, name: str, handle: int) -> None:
        self._folder, self._name, self._handle = folder, name, handle

    def release(self, *, remove: bool = False) -> None:
        """
        Give it back.

        Args:
            remove: remove its file, too. Whoever has it open already looks again.
        """
        if remove:
            with suppress(OSError):
                self._folder.remove(self._name)
        os.close(self._handle)


def lock_file(folder: Folder, name: str, wait_s: float, waiting: Callable[[], None] | None = None) -> Lock:
    """
    Lock a file, which is made if it is missing.

    Some file systems lock nothing, such as many on a network. There, nobody is kept away.

    Args:
        folder: its folder, which stays open until the lock is released.
        name: the file, which is empty.
        wait_s: how long to wait for another process that has the lock.
        waiting: called once if there is one.

    Raises:
        LockedError: another process still has it.
        OSError: the file cannot be made, or is not a lock.
        Interrupted: a signal asked the program to stop.
    """
    check()  # here, and not when the file has just been made
    end = time.monotonic() + wait_s
    told = False
    while True:
        handle = folder.open_lock(name)
        try:
            locked = _lock(handle)
        except OSError:  # this file system locks nothing
            return Lock(folder, name, handle)
        if locked and _is_still(folder, name, handle):
            return Lock(folder, name, handle)
        os.close(handle)
        if locked:
            continue
        if time.monotonic() >= end:
            raise LockedError(f"another process has the lock {folder.path / name}")
        check()
        if not told and waiting is not None:
            waiting()
        told = True
        time.sleep(min(POLL_S / 2, max(end - time.monotonic(), 0)))


def _lock(handle: int) -> bool:
    """Lock an open file; False if another process has it."""
    try:
        import fcntl
    except ImportError:
        return _lock_on_windows(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_on_windows(handle: int) -> bool:
    import msvcrt

    try:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except PermissionError:
        return False
    return True


def _is_still(folder: Folder, name: str, handle: int) -> bool:
    """Whether a file that was locked is the one of that name: the process before may have removed it."""
    found, own = folder.stat(name), os.fstat(handle)
    return found is not None and (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)
