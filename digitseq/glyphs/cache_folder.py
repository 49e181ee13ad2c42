"""The cache folder: where it is, and how it is locked."""

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
    """The cache folder, which need not exist: DIGITSEQ_CACHE_DIR, else the user's cache folder."""
    return _cache_dir(os.environ.get(CACHE_VARIABLE, ""))


@lru_cache(maxsize=4)
def _cache_dir(named: str) -> Path:
    if named:
        return home_path(named).absolute()
    from platformdirs import user_cache_path  # 18 ms, only where it is needed

    try:
        return user_cache_path("digitseq", appauthor=False)
    except RuntimeError as error:  # a user without a home
        hint = f"set {CACHE_VARIABLE} to a folder"
        raise CacheError(f"there is no cache folder: {error}", hint=hint) from error


def cache_errors() -> AbstractContextManager[None]:
    """Raise system errors in the cache folder as a CacheError that names the folder and the variable."""
    return system_errors(
        CacheError,
        f"the cache folder {cache_dir()} cannot be used",
        hint=f"free some space or fix its permissions, or set {CACHE_VARIABLE} to another folder",
    )


def tree_of(folder: Path) -> tuple[Tree, str]:
    """
    The tree that a folder of glyphs belongs to, and its name in it.

    In the cache, that is the cache folder: what is above it may be links, what is below may not.
    """
    if folder.is_relative_to(cache := cache_dir()):
        return Tree(cache), folder.relative_to(cache).as_posix()
    return Tree(folder), ""


@contextmanager
def locked(path: Path, wait_s: float = inf, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """
    Keep other processes away from a part of the cache; where files cannot be locked, nobody is kept away.

    Args:
        path: the file of the lock; its folder exists.
        wait_s: how long to wait for another process.
        waiting: called once if there is one.

    Raises:
        LockedError: another process still has the lock.
        CacheError: the file cannot be made, or something else is in its place.
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
