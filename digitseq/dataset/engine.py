"""A dataset to write, its shards, and what runs them."""

import json
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

from digitseq.dataset.formats import open_format
from digitseq.dataset.formats.base import Format
from digitseq.dataset.manifest import NOTES, Manifest, read_manifest
from digitseq.dataset.shards import SHARD, Place, Shard, Written, as_note
from digitseq.dataset.worker_pool import Watch, run
from digitseq.errors import CacheError, DigitSeqWarning
from digitseq.glyphs.glyph_cache import damage, stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import GlyphsAnywhere, recomputed
from digitseq.progress_protocol import Progress
from digitseq.recipe import Recipe
from digitseq.storage.base import Storage

_FEW = 4  # shards that are written sooner than processes are started


@dataclass(frozen=True)
class Job:
    """A dataset to write."""

    recipe: Recipe
    storage: Storage
    glyphs: GlyphSet
    manifest: Manifest
    png_level: int

    @property
    def form(self) -> Format:
        """Its format."""
        return self.manifest.form

    @property
    def places(self) -> list[Place]:
        """Where its splits are."""
        return self.manifest.places

    @cached_property
    def notes(self) -> str:
        """The folder of the notes about its shards; another dataset, or other lines, have another one."""
        stated = self.manifest.to_dict()
        own = {name: stated.get(name) for name in ("recipe", "source", "format", "labels")}
        return f"{NOTES}/{sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]}"

    @property
    def is_whole(self) -> bool:
        """Whether it is there, finished."""
        found = read_manifest(self.storage)
        return found is not None and found.is_same(self.manifest) and found.labels == self.manifest.labels


class Shards(Sequence[Shard]):
    """Shards of a dataset, made when they are asked for: there may be a million of them."""

    def __init__(self, job: Job, part: tuple[int, int] | None = None) -> None:
        """
        All shards, or every n-th.

        Args:
            job: the dataset.
            part: (k, n), k from 1 to n.
        """
        self._job = job
        self._splits = list(zip(job.recipe.by_split(), job.places, strict=True))
        first, step = (0, 1) if part is None else (part[0] - 1, part[1])
        self._numbers = range(first, sum(place.shards for place in job.places), step)
        self._changes: dict[str, Any] = {}

    def changed(self, **changes: Any) -> "Shards":
        """The same shards with other fields."""
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
        What it came to.

    Raises:
        OutputError: the system refuses.
        CacheError: the stored glyphs are gone.
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
    What runs shards.

    Attributes:
        workers: processes of our own, or tasks that the executor runs at once.
        executor: runs them instead.
        remote: how the executor's workers come to the glyphs; None if they see our folders.
        watch: looks after an executor whose workers are elsewhere.
        write: writes a shard.
        progress: called as the built-in digits are drawn into the cache; few images do without.
    """

    workers: int = 1
    executor: Executor | None = None
    remote: GlyphsAnywhere | None = None
    progress: Progress | None = None
    watch: Watch | None = None
    write: Callable[[Shard], Written] = write_shard

    def results(self, job: Job, shards: Shards) -> Generator[Written, None, None]:
        """Write shards; gives what they came to, in their order."""
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
            glyphs = recomputed(job.glyphs)  # damaged ones would spoil all images
            try:
                shards = shards.changed(glyphs=stored_folder(glyphs, self.progress))
            except CacheError as error:
                if workers > 1 or self.executor is not None:  # one process needs none
                    workers = _without_cache(glyphs, workers, error)
        return run(self.write, shards, workers, self.executor, self.watch)


def _without_cache(glyphs: GlyphSet, workers: int, error: CacheError) -> int:
    """How many processes can work without a cache to share glyphs in; a warning says so."""
    told = f"{error.problem}; working without a cache"
    if workers > 1 and not glyphs.drawn_on_demand:  # the built-in ones can be drawn by each process
        workers, told = 1, f"{told}, in one process"
    warnings.warn(told, DigitSeqWarning, stacklevel=2)
    return workers


@contextmanager
def ending(results: Generator[Written, None, None], clean_up: Callable[[], None]) -> Iterator[None]:
    """
    End the writers, then clean up after them, however the block ends.

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
