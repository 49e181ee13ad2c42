"""
Record Ctrl-C, SIGTERM and SIGHUP when they arrive, and act on them at the next safe point.

Python's own handler raises KeyboardInterrupt wherever the main thread happens to be: inside a lock, halfway
through an import, between writing a file and renaming it. This module's handler only sets a flag. digitseq's
loops call `check`, which raises where it is safe to stop and clean up.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from types import FrameType
from typing import TypeVar

Result = TypeVar("Result")

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP

POLL_S = 0.1
"""Maximum time between two calls of `check` while waiting, seconds."""

_PATIENCE_S = 5.0  # after this time, another signal ends the process at once


class Interrupted(KeyboardInterrupt):
    """Raised when a signal has asked the program to stop."""


class _State:
    noted = 0  # number of the first signal; 0 if none has arrived
    noted_at = 0.0
    raised = False
    in_wait = False  # inside `interruptible`, where raising does no harm


def note_signals() -> None:
    """
    Record signals for the rest of the process, instead of raising. The command line calls this first.

    Signals that were ignored when the process started stay ignored (`nohup`, background jobs of a shell).
    """
    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, _note)


def ignore_signals() -> None:
    """Ignore further signals: the work has finished or stopped, and the exit code is decided."""
    for number in SIGNALS:
        if signal.getsignal(number) is _note:  # leave a program's own handlers in place
            signal.signal(number, signal.SIG_IGN)


def check() -> None:
    """
    Raise if a signal has been recorded. Call this only where no work is half done.

    Raises:
        Interrupted: a signal has been recorded, and this is the main thread.
    """
    if _State.noted and threading.current_thread() is threading.main_thread():
        _State.raised = True
        raise Interrupted(signal.Signals(_State.noted).name)


def stopped_by() -> int:
    """Return the number of the signal that stopped the program, or 0."""
    return _State.noted if _State.raised else 0


@contextmanager
def noted() -> Iterator[None]:
    """
    Defer Ctrl-C in the block until `check` is called or the block ends.

    For programs that use digitseq as a library: Python's default handler is replaced during the block. If the
    program has installed its own handler, or this is not the main thread, nothing changes.

    Raises:
        Interrupted: Ctrl-C was pressed.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    _State.noted = 0
    signal.signal(signal.SIGINT, _note)
    try:
        yield
        check()
    except Exception:
        check()  # otherwise a program that handles the error would continue, and Ctrl-C would be lost
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _State.noted = 0


def in_thread(function: Callable[[], Result], limit_s: float = inf) -> Result:
    """
    Call a function that may block for a long time, while this thread watches for signals.

    An abandoned call continues in its thread, which ends with the process.

    Args:
        function: the function to call; whatever it raises is raised here.
        limit_s: how long to wait for it, seconds.

    Returns:
        The function's result.

    Raises:
        TimeoutError: the function has not returned in time.
        OSError: no thread can be started.
        Interrupted: a signal has asked the program to stop.

    >>> in_thread(lambda: 6 * 7)
    42
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:  # raised again in the waiting thread
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise OSError(str(error)) from error
    end = time.monotonic() + limit_s
    while thread.is_alive():
        check()
        if time.monotonic() > end:
            raise TimeoutError(f"no answer within {limit_s:g} s")
        thread.join(POLL_S)
    if errors:
        raise errors[0]
    return results[0]


@contextmanager
def interruptible() -> Iterator[None]:
    """
    Let signals in the block raise at once, instead of only being recorded.

    For operations that may wait forever and leave nothing half done: reading from or writing to a pipe.

    Raises:
        Interrupted: a signal arrived in the block or before it.
    """
    _State.in_wait = True
    try:
        check()
        yield
    finally:
        _State.in_wait = False


@contextmanager
def kept_from_children(*signals: int) -> Iterator[None]:
    """
    Block signals that a terminal sends to the whole process group in processes started in the block.

    A new process inherits the signal mask of the thread that starts it, and keeps it.

    Args:
        *signals: the signals to block (default: all of `SIGNALS`).
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    blocked = signals or SIGNALS
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        resource_tracker.ensure_running()  # also a process; starting it unblocks SIGINT and SIGTERM
        signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _note(number: int, _frame: FrameType | None) -> None:
    if not _State.noted:
        _State.noted, _State.noted_at = number, time.monotonic()
    elif time.monotonic() - _State.noted_at > _PATIENCE_S:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    if _State.in_wait:
        _State.in_wait = False
        check()
