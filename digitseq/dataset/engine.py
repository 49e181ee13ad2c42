"""A dataset to write, its shards, and the engine that runs them."""

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from threading import Event, Thread
from typing import Any

from digitseq.dataset.formats import open_format
from digitseq.dataset.formats.base import Format
from digitseq.dataset.manifest import NOTES, Manifest, read_manifest
from digitseq.dataset.shards import SHARD, Place, Shard, Written, as_note
from digitseq.dataset.worker_pool import Watch, run
from digitseq.errors import CacheError, warn
from digitseq.glyphs.anywhere import GlyphsAnywhere
from digitseq.glyphs.glyph_cache import damage, stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import recomputed
from digitseq.kernels import needs_compiling, prepare
from digitseq.progress_protocol import Progress
from digitseq.recipe import Recipe
from digitseq.storage.base import Storage

_PATIENCE_S = 5  # how long the end of a job waits for the compiler
_FEW = 4  # writing this many shards takes less time than starting processes


@dataclass(frozen=True)
class Job:
    """A dataset to write."""

    recipe: Recipe
    storage: Storage
    glyphs: GlyphSet
    manifest: Manifest
    png_level: int
    card: bool = True

    @property
    def form(self) -> Format:
        """The dataset's format."""
        return self.manifest.form

    @property
    def places(self) -> list[Place]:
        """The files of each split."""
        return self.manifest.places

    @cached_property
    def notes(self) -> str:
        """The folder for notes about its shards; it differs for another dataset or other label files."""
        stated = self.manifest.to_dict()
        own = {name: stated.get(name) for name in ("recipe", "source", "format", "labels")}
        return f"{NOTES}/{sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]}"

    @property
    def is_whole(self) -> bool:
        """Whether the finished dataset exists."""
        found = read_manifest(self.storage)
        return found is not None and found.is_same(self.manifest) and found.labels == self.manifest.labels


class Shards(Sequence[Shard]):
    """The shards of a dataset, created on access: there may be a million of them."""

    def __init__(self, job: Job, part: tuple[int, int] | None = None) -> None:
        """
        Select all shards, or every n-th.

        Args:
            job: the dataset.
            part: (k, n) selects every n-th shard from the k-th on, k from 1 to n; None selects all.
        """
        self._job = job
        self._splits = list(zip(job.recipe.by_split(), job.places, strict=True))
        first, step = (0, 1) if part is None else (part[0] - 1, part[1])
        self._numbers = range(first, sum(place.shards for place in job.places), step)
        self._changes: dict[str, Any] = {}

    def changed(self, **changes: Any) -> "Shards":
        """Return the same shards with some fields replaced."""
        other = copy(self)
        other._changes = self._changes | changes
        return other

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> Any:
        number, job = self._numbers[index], self._job
        before = 0
        for own, place in self._splits:
            if before <= number < before + place.shards:
                number -= before
                recipe = own.slice(number * SHARD, number * SHARD + place.size(number))
                shard = Shard(job.form.name, place, number, recipe, job.glyphs, job.storage, job.png_level)
                return replace(shard, **self._changes)
            before += place.shards
        raise IndexError(index)


def write_shard(shard: Shard) -> Written:
    """
    Write what is missing of a shard.

    Args:
        shard: what to write and where.

    Returns:
        The result; its lines have been moved to a note or a scratch file.

    Raises:
        OutputError: the operating system refuses to write.
        CacheError: the stored glyphs have disappeared.
    """
    done = open_format(shard.format).write(shard)
    if shard.notes:
        shard.storage.put(shard.note_of(shard.notes), as_note(done))
    elif done.lines:
        scratch = shard.storage.put_scratch(f"{shard.place.folder}lines", done.lines)
        done = replace(done, scratch=scratch)
    return replace(done, lines=b"")


@dataclass(frozen=True)
class Engine:
    """
    Runs shards in this process, in worker processes or on an executor.

    Attributes:
        workers: number of worker processes, or of tasks that the executor runs at once.
        executor: runs the shards instead of our own processes.
        remote: how the executor's workers get the glyphs; None if they can read our folders.
        progress: called while the built-in digits are rendered into the cache; a few shards need no cache.
        watch: monitors an executor whose workers are on other machines.
        write: the function that writes a shard.
    """

    workers: int = 1
    executor: Executor | None = None
    remote: GlyphsAnywhere | None = None
    progress: Progress | None = None
    watch: Watch | None = None
    write: Callable[[Shard], Written] = write_shard

    def results(self, job: Job, shards: Shards) -> Generator[Written, None, None]:
        """Write shards; yield their results in order."""
        workers, few = self.workers, len(shards) <= _FEW
        if self.executor is not None:
            shards = shards.changed(storage=job.storage.everywhere())
        elif few or job.storage.one_process:
            workers = 1
        if self.remote is not None:
            shards = shards.changed(glyphs=self.remote)
        elif self.executor is None and few:
            if job.glyphs.folder is not None and damage(job.glyphs):
                shards = shards.changed(glyphs=recomputed(job.glyphs))
        else:
            glyphs = recomputed(job.glyphs)  # damaged glyphs would spoil all images
            try:
                shards = shards.changed(glyphs=stored_folder(glyphs, self.progress))
            except CacheError as error:
                if workers > 1 or self.executor is not None:  # a single process needs no cache
                    workers = _without_cache(glyphs, workers, error)
        results = run(self.write, shards, workers, self.executor, self.watch)
        if job.recipe.settings is None or few or self.executor is not None or not needs_compiling():
            return results
        return self._compiling(results, len(shards))

    def _compiling(
        self, results: Generator[Written, None, None], count: int
    ) -> Generator[Written, None, None]:
        """Compile the loops for augmentation while the first shards are written without them."""
        if self.progress is not None:
            self.progress("kernels", 0, 1, 0)
        stop = Event()
        told: list[str] = []  # a warning issued in a thread would not point to the user's program
        options = {"announced": self.progress is not None, "stop": stop, "tell": told.append}
        compiler = Thread(target=prepare, kwargs=options)
        with suppress(RuntimeError):  # there can be a limit on threads
            compiler.start()
        try:
            for number, result in enumerate(results, 1):
                if number == count and compiler.is_alive():
                    compiler.join(_PATIENCE_S)  # otherwise, many short jobs would each compile in vain
                yield result
        finally:
            results.close()
            stop.set()
            if compiler.is_alive():
                compiler.join()
            for message in told:
                warn(message)


def _without_cache(glyphs: GlyphSet, workers: int, error: CacheError) -> int:
    """Issue a warning; return how many processes can work without a cache to share glyphs in."""
    told = f"{error.problem}; working without a cache"
    if workers > 1 and not glyphs.drawn_on_demand:  # each process can render built-in digits itself
        workers, told = 1, f"{told}, in one process"
    warn(told)
    return workers


@contextmanager
def ending(results: Generator[Written, None, None], clean_up: Callable[[], None]) -> Iterator[None]:
    """
    Stop the writers, then clean up after them, however the block ends.

    Errors during cleanup never mask the error that ended the block.
    """
    try:
        yield
    except BaseException:
        for step in (results.close, clean_up):
            with suppress(Exception):
                step()
        raise
    results.close()
    clean_up()
