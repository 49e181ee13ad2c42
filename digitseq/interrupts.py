"""
Ctrl-C, SIGTERM and SIGHUP: noted when they arrive, acted upon at the next safe point.

Python's own handler raises KeyboardInterrupt wherever the main thread happens to be: inside a lock, halfway
through an import, between writing a file and renaming it. The handler here only sets a flag. The loops of
digitseq call `check`, which raises at a moment when everything can be put in order.
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
"""How long anything may wait before it calls `check` again."""

_PATIENCE_S = 5.0  # from then on, a further signal ends the process at once


class Interrupted(KeyboardInterrupt):
    """A signal asked the program to stop."""


class _State:
    noted = 0  # the number of the first signal, or 0
    noted_at = 0.0
    raised = False
    in_wait = False  # between `interruptible` and its end, where an exception harms nothing


def note_signals() -> None:
    """
    Take note of signals from now on, for the rest of the process; the first thing that the command line does.

    A signal that the process was started to ignore stays ignored (`nohup`, background jobs of a shell).
    """
    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, _note)


def ignore_signals() -> None:
    """Take no more notice of what was noted: the work is done, or stopped, and the exit code is settled."""
    for number in SIGNALS:
        if signal.getsignal(number) is _note:  # not where a program has handlers of its own
            signal.signal(number, signal.SIG_IGN)


def check() -> None:
    """
    Stop here if a signal has been noted. Call it where nothing is half done.

    Raises:
        Interrupted: one has, and this is the main thread.
    """
    if _State.noted and threading.current_thread() is threading.main_thread():
        _State.raised = True
        raise Interrupted(signal.Signals(_State.noted).name)


def stopped_by() -> int:
    """The number of the signal that stopped the program; 0 if none did."""
    return _State.noted if _State.raised else 0


@contextmanager
def noted() -> Iterator[None]:
    """
    In the block, Ctrl-C raises only where `check` is called, or at the end of the block.

    For programs that call digitseq: within the block, Python's own handler is replaced. Where the program has
    a handler of its own, or this is not the main thread, nothing changes.

    Raises:
        Interrupted: Ctrl-C came.
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
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _State.noted = 0


def in_thread(function: Callable[[], Result], limit_s: float = inf) -> Result:
    """
    Call something that may block for a long time, while this thread watches for signals.

    A call that is given up goes on in its thread, which ends with the process.

    Args:
        function: what to call; whatever it raises is raised here.
        limit_s: how long to wait for it.

    Returns:
        What it returns.

    Raises:
        TimeoutError: it has not returned in time.
        OSError: no thread can be started.
        Interrupted: a signal asked the program to stop.

    >>> in_thread(lambda: 6 * 7)
    42
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:  # handed to the waiting thread
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
    In the block, a signal that would only be noted raises at once.

    For what may wait for ever and leaves nothing half done: reading a pipe, writing to one.

    Raises:
        Interrupted: a signal came, in the block or before it.
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
    Processes started in the block never receive certain signals that a terminal sends to the whole group.

    A new process inherits the mask of the thread that starts it, and keeps it.

    Args:
        *signals: which; all of `SIGNALS` if none is named.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    blocked = signals or SIGNALS
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        resource_tracker.ensure_running()  # a process, too; starting it unblocks SIGINT and SIGTERM
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
