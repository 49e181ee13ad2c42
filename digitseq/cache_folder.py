"""Location and locking of the cache folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import lru_cache
from math import inf
from pathlib import Path

from digitseq.checks import home_path
from digitseq.errors import CacheError, system_errors
from digitseq.storage.tree import Tree

CACHE_VARIABLE = "DIGITSEQ_CACHE_DIR"


def cache_dir() -> Path:
    """Return the cache folder, which may not exist: DIGITSEQ_CACHE_DIR, or the user's cache folder."""
    return _cache_dir(os.environ.get(CACHE_VARIABLE, ""))


@lru_cache(maxsize=4)
def _cache_dir(named: str) -> Path:
    if named:
        return home_path(named).absolute()
    from platformdirs import user_cache_path  # imported only when needed: takes 18 ms

    try:
        return user_cache_path("digitseq", appauthor=False)
    except RuntimeError as error:  # the user has no home folder
        hint = f"set {CACHE_VARIABLE} to a folder"
        raise CacheError(f"there is no cache folder: {error}", hint=hint) from error


def cache_errors() -> AbstractContextManager[None]:
    """Convert system errors to a CacheError that names the cache folder and its environment variable."""
    return system_errors(
        CacheError,
        f"the cache folder {cache_dir()} cannot be used",
        hint=f"free some space or fix its permissions, or set {CACHE_VARIABLE} to another folder",
    )


def tree_of(folder: Path) -> tuple[Tree, str]:
    """
    Return the tree that a folder of glyphs belongs to, and the folder's name in that tree.

    For a folder in the cache, the tree is the cache folder: links are allowed above it, but not below it.
    """
    if folder.is_relative_to(cache := cache_dir()):
        return Tree(cache), folder.relative_to(cache).as_posix()
    return Tree(folder), ""


@contextmanager
def locked(path: Path, wait_s: float = inf, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """
    Lock a part of the cache against other processes; no lock is taken on file systems without locking.

    Args:
        path: the lock file, in an existing folder.
        wait_s: how long to wait for another process.
        waiting: called once if another process has the lock.

    Raises:
        LockedError: another process still has the lock.
        CacheError: the lock file cannot be created, or something else is in its place.
    """
    from digitseq.storage.locks import lock_file

    tree, place = tree_of(path.parent)
    with ExitStack() as stack:
        with cache_errors():
            folder = stack.enter_context(tree.folder(place))
            lock = lock_file(folder, path.name, wait_s, waiting)
        try:
            yield
        finally:
            lock.release()
