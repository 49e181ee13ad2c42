"""
Locks between processes, based on locked files where the file system supports them.

No library is used: locking libraries open the file by its path, follow links or truncate existing files.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress

from digitseq.interrupts import POLL_S, check
from digitseq.storage.open_folder import Folder


class LockedError(Exception):
    """Raised when another process holds the lock."""


class Lock:
    """A lock that this process holds, or a placeholder if the file system does not support locks."""

    def __init__(self, folder: Folder, name: str, handle: int) -> None:
        self._folder, self._name, self._handle = folder, name, handle

    def release(self, *, remove: bool = False) -> None:
        """
        Release the lock.

        Args:
            remove: also remove the lock file. A process that has it open notices this and tries again.
        """
        if remove:
            with suppress(OSError):
                self._folder.remove(self._name)
        os.close(self._handle)


def lock_file(folder: Folder, name: str, wait_s: float, waiting: Callable[[], None] | None = None) -> Lock:
    """
    Lock a file, creating it if needed.

    Some file systems, including many network file systems, do not support locks. There, nobody is kept away.

    Args:
        folder: the file's folder, which must stay open until the lock is released.
        name: the lock file, which is empty.
        wait_s: how long to wait if another process holds the lock, seconds.
        waiting: called once before waiting.

    Raises:
        LockedError: another process still holds the lock.
        OSError: the file cannot be created, or is not a lock file.
        Interrupted: a signal has asked the program to stop.
    """
    check()  # now, rather than just after the file has been created
    end = time.monotonic() + wait_s
    told = False
    while True:
        handle = folder.open_lock(name)
        try:
            locked = _lock(handle)
        except OSError:  # this file system does not support locks
            return Lock(folder, name, handle)
        if locked and _is_still(folder, name, handle):
            return Lock(folder, name, handle)
        os.close(handle)
        if locked:
            continue
        if time.monotonic() >= end:
            raise LockedError(f"another process holds the lock {folder.path / name}")
        check()
        if not told and waiting is not None:
            waiting()
        told = True
        time.sleep(min(POLL_S / 2, max(end - time.monotonic(), 0)))


def _lock(handle: int) -> bool:
    """Lock an open file; return False if another process holds the lock."""
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
    """Return whether the locked file still has this name; the previous holder may have removed it."""
    found, own = folder.stat(name), os.fstat(handle)
    return found is not None and (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)
