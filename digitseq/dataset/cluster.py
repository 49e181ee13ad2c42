"""A Dask cluster as the engine: its scheduler hands out shards, its workers write them, on any machines."""

import json
import re
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from typing import Any

from digitseq import __version__
from digitseq.dataset.job import Engine
from digitseq.errors import ArgumentError, DigitSeqError, ExtraError, OutputError
from digitseq.glyphs.cache import stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import GlyphsAnywhere, source_of
from digitseq.recipe import Recipe

LOCAL = "local"
_CONNECT_S = 15
_CLOSE_S = 2
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
    drawing: Callable[[int, int], None] | None = None,
) -> Iterator[Engine]:
    """
    A cluster whose workers have been checked.

    Args:
        address: of its scheduler, tcp://host:8786; or "local" for one on this machine, for as long as needed.
        recipe: what will be drawn.
        glyphs: from what.
        workers: processes of a local cluster; None for one a core.
        drawing: called as the built-in glyphs are drawn into this machine's cache.

    Yields:
        The engine.

    Raises:
        ExtraError: Dask is not installed.
        OutputError: the scheduler cannot be reached or is lost, or a worker is not fit for the work.
    """
    try:
        from distributed import Client, Security
    except ImportError:
        raise ExtraError("a scheduler needs Dask's distributed", extra="dask") from None
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise ArgumentError(
            "scheduler", f"expected an address such as tcp://host:8786, or local, got {address!r}"
        )
    anywhere = GlyphsAnywhere(source_of(glyphs), stored_folder(glyphs, drawing).absolute(), glyphs.digest)
    if address.startswith("tls://") and Security().get_connection_args("client").get("ssl_context") is None:
        hint = "Dask's configuration names them: distributed.comm.tls"
        raise OutputError(f"{address} needs certificates, and there are none", hint=hint)
    with _quiet(), _local(workers) if address == LOCAL else nullcontext(address) as place:
        try:
            client = Client(place, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = str(error).strip() or type(error).__name__
            raise OutputError(
                f"the scheduler {address} cannot be reached: {reason}",
                hint="is `dask scheduler` running there?",
            ) from error
        executor = client.get_executor(pure=False, retries=_RETRIES)
        try:
            watch = _Watch(client)
            with _losses(address, watch):
                _check_workers(client, address, recipe, anywhere)
                threads = sum(client.nthreads().values())
                yield Engine(threads, executor, anywhere, watch.is_lost)
        finally:
            executor.shutdown(wait=False)  # whoever is still at work is at work for nobody
            client.close(timeout=_CLOSE_S)


@contextmanager
def _quiet() -> Iterator[None]:
    """What goes wrong is told once, by us: Dask logs it with tracebacks to the terminal."""
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
    """A cluster on this machine. One thread a process: the work is too fine for threads."""
    import logging

    from distributed import LocalCluster

    from digitseq.dataset.cores import cores

    with _deaf_children():
        made = LocalCluster(
            n_workers=workers or cores(),
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )
    with made:
        yield made


@contextmanager
def _deaf_children() -> Iterator[None]:
    """
    Processes that are started in the block never see Ctrl-C; they end when this one ends them.

    What is ignored stays so in a new program. (A mask does not reach them: threads of Dask start them.)
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, before)


class _Watch:
    """
    Whether a cluster can still do anything.

    Attributes:
        workerless: whether its workers have been gone for a while.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._seen = time.monotonic()
        self.workerless = False

    def is_lost(self) -> bool:
        """Asked while nothing comes back."""
        if self._client.status != "running":
            return True
        if self._client.nthreads():
            self._seen = time.monotonic()
        self.workerless = time.monotonic() - self._seen > _WORKERLESS_S
        return self.workerless


@contextmanager
def _losses(address: str, watch: "_Watch") -> Iterator[None]:
    """Tell what goes wrong between here and the workers."""
    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    hint = "what is whole stays, the same command goes on"
    try:
        yield
    except OutputError as error:
        if isinstance(error.__cause__, CancelledError):
            if watch.workerless:
                raise OutputError(f"the scheduler {address} has no workers any more", hint=hint) from error
            raise OutputError(f"the scheduler {address} was lost", hint=hint) from error
        raise
    except (CommClosedError, TimeoutError) as error:
        raise OutputError(f"the scheduler {address} was lost", hint=hint) from error
    except KilledWorker as error:
        raise OutputError(
            f"workers of {address} died again and again under the same work",
            hint=f"they may have run out of memory; {hint}",
        ) from error


def _check_workers(client: Any, address: str, recipe: Recipe, glyphs: GlyphsAnywhere) -> None:
    """Refuse workers that would draw something else."""
    import importlib

    if not client.scheduler_info(n_workers=-1)["workers"]:
        raise OutputError(
            f"the scheduler {address} has no workers", hint=f"start some: dask worker {address}"
        )
    # First that there is a digitseq with this module at all: what cannot be loaded tells nothing of itself.
    found = client.run(importlib.import_module, __name__, on_error="return")
    for worker, problem in sorted(found.items()):
        if isinstance(problem, ImportError):
            raise OutputError(
                f"the worker {worker} has no digitseq, or an older one ({problem})",
                hint=f"install digitseq {__version__} there",
            )
    answers = client.run(
        check, __version__, recipe.to_dict(), recipe_digest(recipe), glyphs, on_error="return"
    )
    for worker, problem in sorted(answers.items()):
        if problem:
            raise OutputError(f"the worker {worker} is not fit for this: {problem}")


def check(version: str, recipe: dict[str, Any], digest: str, glyphs: GlyphsAnywhere) -> str:
    """
    What keeps a worker from drawing the same as its client; runs on the worker. Fetches glyphs if need be.

    Args:
        version: the client's digitseq.
        recipe: what will be drawn, as JSON types.
        digest: the client's digest of that.
        glyphs: from what.

    Returns:
        A sentence; empty if all is well.
    """
    if version != __version__:
        return f"it has digitseq {__version__}, the client {version}"
    try:
        if (found := recipe_digest(Recipe.from_dict(recipe))) != digest:
            return f"it reads the recipe as {found[:12]}, the client as {digest[:12]}"
        glyphs.choose("all")
    except DigitSeqError as error:
        return str(error)
    return ""


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 of a recipe."""
    return sha256(json.dumps(recipe.to_dict(), sort_keys=True).encode()).hexdigest()
