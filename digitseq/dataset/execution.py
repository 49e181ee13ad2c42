"""
Running shards: in this process, in a pool of processes, or on any executor.

The one thing that an engine must have is the interface of `concurrent.futures.Executor`.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
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
from contextlib import contextmanager
from typing import TypeVar

from digitseq.errors import OutputError

Task = TypeVar("Task")
Result = TypeVar("Result")

_AHEAD = 4  # tasks a worker that are handed out at once: enough to keep it busy, few enough to forget
_START_S = 0.02
_ASK_S = 1.0
_TRIES = 2  # a shard whose worker died is run again once


def run(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int,
    executor: Executor | None = None,
    is_lost: Callable[[], bool] | None = None,
) -> Generator[Result, None, None]:
    """
    Results of a function for all tasks, in the order of the tasks.

    Results must be short (under 4 KB pickled): the system hands them over in one piece then, and a worker
    that is killed cannot leave half of one in the pipe.

    Args:
        function: a module's function, so that processes can find it.
        tasks: what to do; each can be pickled.
        workers: processes; 1 works in this one.
        executor: runs the tasks instead.
        is_lost: whether the executor's workers can no longer be reached; asked now and then while nothing
            comes back. Nothing is waited for then.

    Raises:
        OutputError: worker processes died again and again.
    """
    if executor is not None:
        try:
            yield from _in_order(function, tasks, workers, executor, {}, is_lost=is_lost)
        except BrokenExecutor as error:
            raise OutputError(f"the executor broke down: {error}") from error
        except CancelledError as error:
            hint = "what is whole stays, the same command goes on"
            raise OutputError("the executor gave up before the work was done", hint=hint) from error
        return
    workers = min(workers, len(tasks))
    if workers <= 1:
        yield from map(function, tasks)
        return
    done: dict[int, Result] = {}
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
            failed_starts += sum(deaths) == died_before  # it broke with nothing under way
            if max(deaths) >= _TRIES:
                raise OutputError(
                    "worker processes died twice while the same work was under way",
                    hint="they may have run out of memory; what is whole stays, the same command goes on",
                ) from None
            if failed_starts >= _TRIES:
                raise OutputError(
                    "worker processes do not start",
                    hint='in a script, call write_dataset under `if __name__ == "__main__":`',
                ) from None


def _in_order(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int,
    executor: Executor,
    done: dict[int, Result],
    first: int = 0,
    deaths: list[int] | None = None,
    is_lost: Callable[[], bool] | None = None,
) -> Iterator[Result]:
    running: dict[Future[Result], int] = {}
    handed_out = first
    try:
        for number in range(first, len(tasks)):
            while number not in done:
                while handed_out < len(tasks) and len(running) < workers * _AHEAD:
                    if handed_out not in done:
                        running[executor.submit(function, tasks[handed_out])] = handed_out
                    handed_out += 1
                finished, _ = wait(running, None if is_lost is None else _ASK_S, FIRST_COMPLETED)
                if not finished and is_lost is not None and is_lost():
                    raise CancelledError
                for future in finished:
                    if isinstance(future.exception(), BrokenProcessPool) and deaths is not None:
                        for lost in running.values():
                            deaths[lost] += lost not in done
                    done[running.pop(future)] = future.result()
            yield done.pop(number)
    finally:
        for future in running:
            future.cancel()
        if deaths is None and is_lost is None:  # somebody else's workers: nothing of ours may run on
            wait(running)


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes never see Ctrl-C, and end at once when the block ends badly."""
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare_worker
    )
    try:
        with _interrupts_held_back():
            # One waiting task each, so that all start here, where what they inherit is settled.
            for started in [pool.submit(time.sleep, _START_S) for _ in range(workers)]:
                started.result()
        yield pool
    except BaseException:
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    else:
        pool.shutdown(wait=True)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """
    Ctrl-C waits until the end of the block, and does nothing to what is started in it.

    A new process inherits the mask and keeps it. In this one the mask is not enough: the signal may reach a
    thread of a library, and Python raises in the main thread all the same.
    """
    pressed: list[int] = []
    handler = None
    if threading.current_thread() is threading.main_thread():
        handler = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    masked = hasattr(signal, "pthread_sigmask")  # not on Windows
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masked else None
    try:
        yield
    finally:
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
    if pressed:
        raise KeyboardInterrupt


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        multiprocessing.connection.wait([parent.sentinel] if parent else [])
        os._exit(1)  # nobody waits for what it does; half-written files are swept by the next run

    threading.Thread(target=end_with_parent, daemon=True).start()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
