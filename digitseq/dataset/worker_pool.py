"""
Running shards: in this process, in a pool of processes, or on any executor.

The one thing that an engine must have is the interface of `concurrent.futures.Executor`.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Protocol, TypeVar

from digitseq.errors import RESUME, DigitSeqWarning, OutputError
from digitseq.interrupts import POLL_S, SIGNALS, check, kept_from_children

Task = TypeVar("Task")
Result = TypeVar("Result")

SHARDS_KEPT = f"finished shards are kept; {RESUME}"
"""The hint for everything that ends a run early."""

_AHEAD = 4  # tasks per worker that are handed out at once: enough to keep it busy, few enough to forget
_START_S = 0.02
_ASK_S = 1.0
_TRIES = 2  # a shard whose worker died is run again once


# Signals that workers ignore. (Not SIGTERM: a pool ends its processes with it.)
_DEAF_TO = tuple(number for number in SIGNALS if number != signal.SIGTERM)
_NO_PROCESSES = (OSError, NotImplementedError, ImportError, RuntimeError)


class Watch(Protocol):
    """Looks after the workers of an executor that are on other machines."""

    def is_lost(self) -> bool:
        """Whether they can no longer be reached; asked now and then while nothing comes back."""

    def rest(self) -> None:
        """Wait until they have stopped, where that can be told. Never raises."""


class WorkersError(Exception):
    """Worker processes cannot be started; the message is the reason."""


def run(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int,
    executor: Executor | None = None,
    watch: Watch | None = None,
) -> Generator[Result, None, None]:
    """
    Results of a function for all tasks, in the order of the tasks.

    Where processes cannot be started, a DigitSeqWarning says why, and everything is done in this one.

    Results must be short (under 4 KB pickled): the system hands them over in one piece then, and a worker
    that is killed cannot leave half of one in the pipe.

    Args:
        function: a module's function, so that processes can find it.
        tasks: what to do; each can be pickled.
        workers: processes; 1 works in this one.
        executor: runs the tasks instead.
        watch: looks after the executor's workers, if these are not just threads or processes here.

    Raises:
        OutputError: worker processes died again and again.
        Interrupted: a signal asked the program to stop.
    """
    if executor is not None:
        try:
            yield from _in_order(function, tasks, workers, executor, {}, watch=watch)
        except BrokenExecutor as error:
            raise OutputError(f"the executor broke down: {error}") from error
        except CancelledError as error:
            raise OutputError("the executor gave up before the work was done", hint=SHARDS_KEPT) from error
        return
    done: dict[int, Result] = {}
    first = 0
    workers = min(workers, len(tasks))
    if workers > 1:
        try:
            for result in _in_processes(function, tasks, workers, done):
                yield result
                first += 1
            return
        except WorkersError as error:
            problem = f"worker processes cannot be started ({error}); everything is done in one process"
            warnings.warn(problem, DigitSeqWarning, stacklevel=2)
    for number in range(first, len(tasks)):
        check()
        yield done.pop(number) if number in done else function(tasks[number])


def _in_processes(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int, done: dict[int, Result]
) -> Generator[Result, None, None]:
    """Results from processes of our own; ``done`` holds those that are there before their turn."""
    first, failed_starts = 0, 0
    deaths = [0] * len(tasks)
    while first < len(tasks):
        died_before = sum(deaths)
        try:
            with _pool(workers) as pool:
                for result in _in_order(function, tasks, workers, pool, done, first, deaths):
                    yield result
                    first += 1
        except BrokenProcessPool:
            check()  # a signal to the whole group may have ended them
            failed_starts += sum(deaths) == died_before  # it broke with nothing under way
            if max(deaths) >= _TRIES:
                raise OutputError(
                    "worker processes died twice while the same work was under way",
                    hint=f"they may have run out of memory; {SHARDS_KEPT}",
                ) from None
            if failed_starts >= _TRIES:
                raise WorkersError("they exit immediately") from None


def _in_order(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int,
    executor: Executor,
    done: dict[int, Result],
    first: int = 0,
    deaths: list[int] | None = None,
    watch: Watch | None = None,
) -> Iterator[Result]:
    running: dict[Future[Result], int] = {}
    handed_out, heard = first, time.monotonic()
    try:
        for number in range(first, len(tasks)):
            while number not in done:
                check()
                while handed_out < len(tasks) and len(running) < workers * _AHEAD:
                    if handed_out not in done:
                        running[executor.submit(function, tasks[handed_out])] = handed_out
                    handed_out += 1
                finished, _ = wait(running, POLL_S, FIRST_COMPLETED)
                if finished:
                    heard = time.monotonic()
                elif watch is not None and time.monotonic() - heard > _ASK_S:
                    heard = time.monotonic()
                    if watch.is_lost():
                        raise CancelledError
                for future in finished:
                    if isinstance(future.exception(), BrokenProcessPool) and deaths is not None:
                        for lost in running.values():
                            deaths[lost] += lost not in done
                    done[running.pop(future)] = future.result()
            yield done.pop(number)
    finally:
        if deaths is None:  # somebody else's workers: nothing of ours may run on
            for future in running:
                future.cancel()
            if watch is None:
                wait(running)
            elif running:
                watch.rest()
        # Our own workers are killed; Python 3.11's pool would complain about futures cancelled before that.


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """
    A pool whose processes never see Ctrl-C, and end at once when the block ends badly.

    Raises:
        WorkersError: processes cannot be started here.
    """
    if multiprocessing.current_process().daemon:
        raise WorkersError("this process is itself a pool worker and may not start processes")
    pool = None
    try:
        with kept_from_children(*_DEAF_TO), without_main():
            pool = ProcessPoolExecutor(
                workers, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare_worker
            )
            # One waiting task each, so that all start here, where what they inherit is settled.
            starts = [pool.submit(time.sleep, _START_S) for _ in range(workers)]
    except BaseException as error:
        if pool is not None:
            _kill(pool)
        if isinstance(error, BrokenProcessPool) or not isinstance(error, _NO_PROCESSES):
            raise
        if "bootstrapping" in str(error):  # a script runs again in a process that it started itself
            hint = 'start processes under `if __name__ == "__main__":`'
            raise OutputError("the main module of this process is still being imported", hint=hint) from None
        # No semaphores (/dev/shm is full, read-only or missing), no processes or threads (a limit).
        raise WorkersError(getattr(error, "strerror", None) or str(error)) from error
    try:
        for start in starts:
            _result(start)
        yield pool
    except BaseException:
        _kill(pool)
        raise
    else:
        pool.shutdown(wait=True)


def _kill(pool: ProcessPoolExecutor) -> None:
    processes = list((getattr(pool, "_processes", None) or {}).values())
    for process in processes:
        process.kill()
    with suppress(RuntimeError):  # its thread may not have started
        pool.shutdown(wait=True, cancel_futures=True)
    for process in processes:
        process.join()


def _result(future: Future[Result]) -> Result:
    while True:
        check()
        with suppress(TimeoutError):
            return future.result(POLL_S)


@contextmanager
def without_main() -> Iterator[None]:
    """
    Processes that are started in the block do not run the program's main module again.

    Their work is all in digitseq. So a script needs no `if __name__ == "__main__":`, and what it imports is
    not imported once more in each worker.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _prepare_worker() -> None:
    for number in _DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        multiprocessing.connection.wait([parent.sentinel] if parent else [])
        os._exit(1)  # nobody waits for what it does; half-written files are swept by the next run

    threading.Thread(target=end_with_parent, daemon=True).start()
