"""Locks between processes: files, as long as the file system can lock them."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from digitseq.interrupts import POLL_S, check

if TYPE_CHECKING:
    from filelock import FileLock


class LockedError(Exception):
    """Another process has the lock."""


class NoLock:
    """Stands in for a lock where there are none."""

    def release(self) -> None:
        """Do nothing."""


def lock_file(path: Path, wait_s: float, waiting: Callable[[], None] | None = None) -> "FileLock | NoLock":
    """
    Lock a file, which is made if it is missing.

    Some file systems lock nothing, such as many on a network. There, nobody is kept away.

    Args:
        path: the file.
        wait_s: how long to wait for another process that has the lock.
        waiting: called once if there is one.

    Returns:
        What releases the lock.

    Raises:
        LockedError: another process still has it.
        OSError: the file cannot be made.
        Interrupted: a signal asked the program to stop.
    """
    from filelock import FileLock, Timeout  # 54 ms, only where something is locked

    check()  # here, and not when the file has just been made
    if not _can_lock(path):
        return NoLock()
    lock = FileLock(path)
    end = time.monotonic() + wait_s
    told = False
    while True:
        try:
            lock.acquire(timeout=min(POLL_S, wait_s), poll_interval=POLL_S / 2)
            return lock
        except Timeout:
            if time.monotonic() >= end:
                raise LockedError(f"another process has the lock {path}") from None
        check()
        if not told and waiting is not None:
            waiting()
        told = True


def _can_lock(path: Path) -> bool:
    """
    Whether the file system locks a file.

    Asked first, as the library takes a refusal for another process, or falls back on a file whose presence is
    the lock, and which outlives a process that is killed.
    """
    try:
        import fcntl
    except ImportError:  # Windows locks everywhere
        return True
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
