"""A Dask cluster as the engine: its scheduler hands out shards, and its workers write them on any machine."""

import asyncio
import json
import os
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from digitseq.dataset.engine import Engine, write_shard
from digitseq.dataset.shards import Shard, Written
from digitseq.dataset.worker_pool import SHARDS_KEPT, without_main
from digitseq.errors import ArgumentError, CacheError, DigitSeqError, OutputError, warn
from digitseq.extras import require
from digitseq.glyphs.anywhere import GlyphsAnywhere
from digitseq.glyphs.glyph_cache import stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import source_of
from digitseq.interrupts import POLL_S, check, in_thread, kept_from_children
from digitseq.progress_protocol import Progress
from digitseq.recipe import Recipe
from digitseq.version import __version__

LOCAL = "local"
_CONNECT_S = 15
_CLOSE_S = 2
_ANSWER_S = 10.0
_REST_S = 10.0  # time for workers to finish the shards they have started
_RETRIES = 2
_WORKERLESS_S = 10.0
_ADDRESS = re.compile(rf"{LOCAL}|(tcp|tls|ucx|ws|wss)://\S+:\d{{1,5}}")
_LOGGERS = (
    *("distributed.client", "distributed.comm", "distributed.core", "distributed.nanny"),
    *("distributed.scheduler", "distributed.worker", "distributed.utils", "tornado.application", "asyncio"),
)


@contextmanager
def cluster(
    address: str,
    recipe: Recipe,
    glyphs: GlyphSet,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Engine]:
    """
    Connect to a cluster and check its workers.

    Args:
        address: the scheduler's address, such as tcp://host:8786, or "local" for a temporary cluster on this
            machine.
        recipe: the recipe to render.
        glyphs: the glyphs to render it from.
        workers: number of processes in a local cluster; None for one per core.
        progress: called while the built-in digits are rendered into the cache.

    Yields:
        The engine.

    Raises:
        ArgumentError: the address is invalid.
        ExtraError: Dask is not installed.
        OutputError: the scheduler cannot be reached or is lost, or a worker cannot do the work.
    """
    dask = require("distributed", "a scheduler", "dask")
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise ArgumentError(
            "scheduler", f"expected an address such as tcp://host:8786, or local, got {address!r}"
        )
    anywhere = GlyphsAnywhere(source_of(glyphs), _shared_folder(glyphs, progress), glyphs.digest)
    if (
        address.startswith("tls://")
        and dask.Security().get_connection_args("client").get("ssl_context") is None
    ):
        hint = "set them in Dask's configuration: distributed.comm.tls"
        raise OutputError(f"{address} needs certificates, but none are configured", hint=hint)
    with _quiet(), _local(workers) if address == LOCAL else nullcontext(address) as place:
        try:
            if address != LOCAL:
                _probe(address)
            client = dask.Client(place, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = str(error).strip() or type(error).__name__
            raise OutputError(
                f"the scheduler {address} cannot be reached: {reason}",
                hint="check that `dask scheduler` is running there; use its port, not the dashboard's",
            ) from error
        executor = client.get_executor(pure=False, retries=_RETRIES)
        try:
            watch = _Watch(client)
            with _losses(address, watch):
                _check_workers(client, address, recipe, anywhere)
                threads = sum(in_thread(client.nthreads, _ANSWER_S).values())
                yield Engine(threads, executor, anywhere, watch=watch, write=watch.work)
        finally:
            with suppress(Exception):  # an error here must not hide the original one
                executor.shutdown(wait=False)
            with suppress(Exception):
                client.close(timeout=_CLOSE_S)


def _probe(address: str) -> None:
    """
    Make sure that a Dask scheduler answers within a few seconds.

    A Dask client would wait forever for a server that sends nothing.

    Raises:
        OSError: nothing answers, or the server is not a Dask scheduler.
        Interrupted: a signal asked the program to stop.
    """
    from distributed import Security, rpc

    async def ask() -> dict[str, Any]:
        certificates = Security().get_connection_args("client")
        async with rpc(address, timeout=_CONNECT_S, connection_args=certificates) as there:
            return dict(await asyncio.wait_for(there.identity(), _CONNECT_S))

    try:
        # In a thread, because this one may already run an event loop (in a notebook).
        answer = in_thread(lambda: asyncio.run(ask()), _CONNECT_S + 1)
    except TimeoutError as error:
        raise OSError(f"no Dask scheduler answered within {_CONNECT_S} s") from error
    except OSError:
        raise
    except Exception as error:  # parsing another server's greeting as a Dask message can raise anything
        raise OSError("the server at this address is not a Dask scheduler") from error
    if answer.get("type") != "Scheduler":
        raise OSError(f"expected a Dask scheduler, found a Dask {str(answer.get('type')).lower()}")


def _shared_folder(glyphs: GlyphSet, progress: Progress | None) -> Path | None:
    """Return a cache folder with the glyphs, or None if there is no cache and workers can open the source."""
    try:
        return stored_folder(glyphs, progress).absolute()
    except CacheError as error:
        if not source_of(glyphs):
            raise
        warn(f"{error.problem}; working without a cache")
        return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Dask's logging, which prints tracebacks for errors that digitseq reports itself."""
    import logging

    loggers = [logging.getLogger(name) for name in ("distributed", *_LOGGERS)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def _local(workers: int | None) -> Generator[Any, None, None]:
    """Yield a cluster on this machine, one thread per process: the work is too fine-grained for threads."""
    import logging

    import dask
    from distributed import LocalCluster

    from digitseq.dataset.cpu_count import cores

    scratch = tempfile.TemporaryDirectory(prefix="digitseq-", ignore_cleanup_errors=True)

    made: list[Any] = []

    def start() -> None:
        try:
            with dask.config.set({"temporary-directory": scratch.name}):
                cluster = LocalCluster(
                    n_workers=workers or cores(),
                    threads_per_worker=1,
                    local_directory=scratch.name,
                    # None would listen on all interfaces; this picks a free port on this machine only.
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    silence_logs=logging.CRITICAL,
                )
            made.append(cluster)
        except Exception as error:  # passed to the waiting thread
            made.append(error)

    # Dask's threads and processes inherit the signal mask of this thread. It is joined, because whatever it
    # has started must be closed.
    thread = threading.Thread(target=start, daemon=True)
    with scratch:
        try:
            with without_main():
                with kept_from_children():
                    thread.start()
                thread.join()
        except (OSError, RuntimeError) as error:
            made.append(error)
        if isinstance(reason := made[0], Exception):
            # Dask wraps the cause; an error of the operating system is the clearest.
            while not isinstance(reason, OSError) and (first := reason.__cause__ or reason.__context__):
                reason = first
            raise OutputError(f"a local Dask cluster cannot be started: {reason}") from made[0]
        try:
            check()
            yield made[0]
        finally:
            with suppress(Exception):  # an error here must not hide the original one
                made[0].close()


class _Watch:
    """
    Monitors whether a cluster can still do work and whether it has stopped.

    Attributes:
        workerless: whether it has had no workers for a while.
        work: the function that writes a shard on a worker.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.work = _Work(os.urandom(8).hex())
        self._seen = time.monotonic()
        self.workerless = False

    def is_lost(self) -> bool:
        """Return whether the cluster is lost; called while no results arrive."""
        if self._client.status != "running":
            return True
        try:
            threads = in_thread(self._client.nthreads, _ANSWER_S)
        except OSError:  # including a timeout: the scheduler hangs
            return True
        if threads:
            self._seen = time.monotonic()
        self.workerless = time.monotonic() - self._seen > _WORKERLESS_S
        return self.workerless

    def rest(self) -> None:
        """Wait until no worker is writing for this client, but at most a few seconds."""
        end = time.monotonic() + _REST_S
        while self._client.status == "running" and (left := end - time.monotonic()) > 0:
            # One unresponsive worker must not use up all the time.
            with suppress(OSError, RuntimeError):
                busy = self._client.run(
                    _no_more, self.work.run, on_error="ignore", callback_timeout=min(1.0, left)
                )
                if not any(busy.values()):
                    return
            time.sleep(POLL_S)


_counting = threading.Lock()
_at_work: Counter[str] = Counter()  # run → number of shards that this worker is writing
_over: set[str] = set()  # runs that their client has ended


@dataclass(frozen=True)
class _Work:
    """
    Writes shards on a worker and counts those in progress.

    Attributes:
        run: id of the run that the shards belong to.
    """

    run: str

    def __call__(self, shard: Shard) -> Written:
        with _counting:
            if self.run in _over:
                raise OutputError("the run was stopped")
            _at_work[self.run] += 1
        try:
            return write_shard(shard)
        finally:
            with _counting:
                _at_work[self.run] -= 1


def _no_more(run: str) -> int:
    """Stop this worker from starting more shards of a run; return how many it is still writing."""
    with _counting:
        _over.add(run)
        return _at_work[run]


@contextmanager
def _losses(address: str, watch: "_Watch") -> Iterator[None]:
    """Turn failures of the scheduler and its workers into OutputErrors."""
    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    hint = SHARDS_KEPT
    try:
        yield
    except OutputError as error:
        if isinstance(error.__cause__, CancelledError):
            if watch.workerless:
                raise OutputError(f"the scheduler {address} has no workers left", hint=hint) from error
            raise OutputError(f"the scheduler {address} was lost", hint=hint) from error
        raise
    except (CommClosedError, TimeoutError) as error:
        raise OutputError(f"the scheduler {address} was lost", hint=hint) from error
    except KilledWorker as error:
        raise OutputError(
            f"workers of {address} died repeatedly while writing the same shard",
            hint=f"they may have run out of memory; {hint}",
        ) from error


def _check_workers(client: Any, address: str, recipe: Recipe, glyphs: GlyphsAnywhere) -> None:
    """Refuse workers that would not render the same images."""
    import importlib

    if not client.scheduler_info(n_workers=-1)["workers"]:
        raise OutputError(
            f"the scheduler {address} has no workers", hint=f"start some: dask worker {address}"
        )
    # First check that this module can be imported at all; `worker_problem` cannot run without it.
    try:
        found = in_thread(
            lambda: client.run(importlib.import_module, __name__, on_error="return"), _ANSWER_S + _CONNECT_S
        )
    except TimeoutError:
        raise OutputError(f"a worker of the scheduler {address} does not answer", hint="restart it") from None
    for worker, problem in sorted(found.items()):
        if isinstance(problem, ImportError):
            raise OutputError(
                f"the worker {worker} has no digitseq or an older version ({problem})",
                hint=f"install digitseq {__version__} there",
            )
    recipe_data, digest = recipe.to_dict(), recipe_digest(recipe)
    answers = in_thread(  # without a time limit: a worker may have to fetch MNIST
        lambda: client.run(worker_problem, __version__, recipe_data, digest, glyphs, on_error="return")
    )
    for worker, problem in sorted(answers.items()):
        if problem:
            raise OutputError(f"the worker {worker} cannot be used: {problem}")


def worker_problem(version: str, recipe: dict[str, Any], digest: str, glyphs: GlyphsAnywhere) -> str:
    """
    Return what keeps a worker from rendering the same images as its client.

    Runs on the worker, and fetches glyphs if necessary.

    Args:
        version: the client's version of digitseq.
        recipe: the recipe to render, as JSON types.
        digest: the client's digest of the recipe.
        glyphs: the glyphs to render it from.

    Returns:
        The problem; "" if there is none.
    """
    if version != __version__:
        return f"it has digitseq {__version__}, the client has {version}"
    try:
        if (found := recipe_digest(Recipe.from_dict(recipe))) != digest:
            return f"its digest of the recipe is {found[:12]}, the client's is {digest[:12]}"
        glyphs.choose("all")
    except DigitSeqError as error:
        return str(error)
    return ""


def recipe_digest(recipe: Recipe) -> str:
    """Return the SHA-256 of a recipe, in hex."""
    return sha256(json.dumps(recipe.to_dict(), sort_keys=True).encode()).hexdigest()
