"""
Run shards in this process, in a pool of processes, or on any executor.

An engine only needs the interface of `concurrent.futures.Executor`.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
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

from digitseq.errors import RESUME, OutputError, warn
from digitseq.interrupts import POLL_S, SIGNALS, check, kept_from_children
from digitseq.kernels import never_compile

Task = TypeVar("Task")
Result = TypeVar("Result")

SHARDS_KEPT = f"finished shards are kept; {RESUME}"
"""The hint for everything that ends a run early."""

_AHEAD = 4  # tasks handed out per worker at a time: enough to keep it busy, few enough to redo
_START_S = 0.02
_ASK_S = 1.0
_TRIES = 2  # a shard whose worker died is retried once


# Signals that workers ignore. SIGTERM is not among them: a pool ends its processes with it.
_DEAF_TO = tuple(number for number in SIGNALS if number != signal.SIGTERM)
_NO_PROCESSES = (OSError, NotImplementedError, ImportError, RuntimeError)


class Watch(Protocol):
    """Monitors the workers of an executor on other machines."""

    def is_lost(self) -> bool:
        """Return whether the workers are unreachable; called now and then while no results arrive."""

    def rest(self) -> None:
        """Wait until the workers have stopped, if that can be determined. Never raises."""


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
    Yield the results of a function for all tasks, in the order of the tasks.

    If worker processes cannot be started, a DigitSeqWarning says why, and all tasks run in this process.

    Results must be short (under 4 KB pickled): the operating system then writes each to the pipe in one
    piece, so a worker that is killed cannot leave a partial result in it.

    Args:
        function: a module-level function, so that processes can import it.
        tasks: the tasks; each can be pickled.
        workers: number of processes; with 1, the tasks run in this process.
        executor: runs the tasks instead.
        watch: monitors the executor's workers, unless they are threads or processes on this machine.

    Raises:
        OutputError: worker processes died repeatedly, or the executor failed.
        Interrupted: a signal asked the program to stop.
    """
    if executor is not None:
        try:
            yield from _in_order(function, tasks, workers, executor, {}, watch=watch)
        except BrokenExecutor as error:
            raise OutputError(f"the executor failed: {error}") from error
        except CancelledError as error:
            raise OutputError("the executor cancelled unfinished work", hint=SHARDS_KEPT) from error
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
            problem = f"worker processes cannot be started ({error}); working in one process"
            warn(problem)
    for number in range(first, len(tasks)):
        check()
        yield done.pop(number) if number in done else function(tasks[number])


def _in_processes(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int, done: dict[int, Result]
) -> Generator[Result, None, None]:
    """Yield results from our own processes; ``done`` holds those that arrive before their turn."""
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
            check()  # a signal to the process group may have ended them
            failed_starts += sum(deaths) == died_before  # the pool broke while no task was running
            if max(deaths) >= _TRIES:
                raise OutputError(
                    "worker processes died twice while the same shard was in progress",
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
        if deaths is None:  # somebody else's workers: none of our tasks may keep running
            for future in running:
                future.cancel()
            if watch is None:
                wait(running)
            elif running:
                watch.rest()
        # Our own workers are killed; Python 3.11's pool complains about futures that were cancelled before.


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """
    Yield a pool whose processes never receive Ctrl-C, and are killed if the block raises.

    Raises:
        WorkersError: processes cannot be started.
    """
    if multiprocessing.current_process().daemon:
        raise WorkersError("this process is itself a pool worker and cannot start processes")
    pool = None
    try:
        with kept_from_children(*_DEAF_TO), without_main():
            pool = ProcessPoolExecutor(
                workers, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare_worker
            )
            # One waiting task per process, so that all of them start here and inherit this signal mask.
            starts = [pool.submit(time.sleep, _START_S) for _ in range(workers)]
    except BaseException as error:
        if pool is not None:
            _kill(pool)
        if isinstance(error, BrokenProcessPool) or not isinstance(error, _NO_PROCESSES):
            raise
        if "bootstrapping" in str(error):  # a script is run again in a process that it started
            hint = 'start processes under `if __name__ == "__main__":`'
            raise OutputError("the main module of this process is still being imported", hint=hint) from None
        # No semaphores (/dev/shm is full, read-only or missing), or a limit on processes or threads.
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
    with suppress(RuntimeError):  # the pool's thread may not have started
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
    Keep processes that are started in the block from running the program's main module again.

    They only need digitseq. So a script needs no `if __name__ == "__main__":`, and workers do not import what
    the script imports.
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
    never_compile()  # the parent does

    def end_with_parent() -> None:
        multiprocessing.connection.wait([parent.sentinel] if parent else [])
        os._exit(1)  # nobody waits for its results; the next run removes half-written files

    threading.Thread(target=end_with_parent, daemon=True).start()
