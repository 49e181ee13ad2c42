"""A source's name → its GlyphSet: mnist, builtin, auto or a path."""

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from digitseq.checks import home_path
from digitseq.errors import ArgumentError, CacheError, FetchError, SourceError, SourceWarning
from digitseq.glyphs.cache_folder import CACHE_VARIABLE
from digitseq.glyphs.glyph_cache import damage, damaged, mnist_dir, open_glyphs, stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.interrupts import noted
from digitseq.progress_protocol import Progress
from digitseq.splits import SPLITS
from digitseq.version import __version__

AUTO = "auto"
MNIST = "mnist"
BUILTIN = "builtin"

# What this process has opened: (mnist or auto, the cache folder as named) or ("", path) → its glyphs.
_opened: dict[tuple[str, str], GlyphSet] = {}


def open_source(source: str | Path, progress: Progress | None = None) -> GlyphSet:
    """
    The glyphs of a source, all splits. A source is opened once in a process.

    Args:
        source: "mnist" (fetched if it is not cached), "builtin" or "builtin:STYLE_SEED", "auto" (MNIST if
            cached or if it can be fetched now, else builtin with a SourceWarning) or a path of the user's own
            glyphs.
        progress: called as bytes arrive, if MNIST is fetched.

    Raises:
        SourceError: a path holds no glyphs.
        FetchError: "mnist" is not cached and could not be fetched.
        CacheError: the cached MNIST is damaged, or the cache folder cannot be used.
    """
    if source == AUTO:
        return _auto(progress)
    if isinstance(source, str) and (row := _row(source)) is not None:
        return row.open(source, progress)
    if not isinstance(source, str | Path) or not str(source):
        raise ArgumentError("source", f"expected mnist, builtin, auto, a path or a GlyphSet, got {source!r}")
    path = home_path(source)
    key = ("", str(path.absolute()))
    if key not in _opened:
        from digitseq.glyphs.own_glyphs import load

        _opened[key] = load(path, reserved=(AUTO, *SOURCES))
        _opened[key].opened_from = str(path.absolute())
    return _opened[key]


def recomputed(glyphs: GlyphSet) -> GlyphSet:
    """
    The same glyphs, checked instead of trusted: their digest is computed, or they are drawn anew.

    Args:
        glyphs: any set.

    Raises:
        CacheError: what is stored in the cache is damaged.
        SourceError: the glyphs are not those of their digest.
    """
    row = _row(glyphs.name)
    if row is not None and row.redraw is not None:
        return row.redraw(glyphs)
    if wrong := damage(glyphs):
        if glyphs.folder is not None:
            raise damaged(glyphs.folder, wrong)
        raise SourceError(f"the glyphs of {glyphs.name!r} do not match their digest {glyphs.digest[:12]}")
    return glyphs


def source_of(glyphs: GlyphSet) -> str:
    """What another process opens to have the same glyphs; "" if it cannot."""
    return glyphs.opened_from if _row(glyphs.name) is None else glyphs.name


def glyphs_for(
    source: str | Path | GlyphSet | None, named: str, progress: Progress | None = None
) -> GlyphSet:
    """
    The glyphs to draw a recipe from.

    Args:
        source: what the caller gave; None opens the recipe's own.
        named: the recipe's own.
        progress: called as bytes arrive, if MNIST is fetched.
    """
    if isinstance(source, GlyphSet):
        return source
    return open_recorded(named, progress) if source is None else open_source(source, progress)


def open_recorded(named: str, progress: Progress | None = None) -> GlyphSet:
    """
    The glyphs of a source that a recipe names.

    Args:
        named: the name in a recipe: for a source of the user's own, the last part of its path.
        progress: called as bytes arrive, if MNIST is fetched.

    Raises:
        SourceError: it is a path, and nothing is there.
        FetchError, CacheError: as `open_source`.
    """
    if named != AUTO and _row(named) is None and not os.path.lexists(home_path(named)):
        raise SourceError(
            f"no source {named!r} in the current folder: the recipe uses glyphs of your own",
            hint="give the path of the glyphs (--source PATH)",
        )
    return open_source(named, progress)


def at_hand(source: str) -> GlyphSet:
    """
    The glyphs of a source, without a network.

    Raises:
        DigitSeqError: they are not there.
    """
    if source == AUTO:
        source = MNIST
    row = _row(source)
    if row is None or row.at_hand is None:
        return open_source(source)
    if (glyphs := row.at_hand()) is None:
        raise SourceError(f"{source} is not cached")
    return glyphs


@dataclass(frozen=True)
class GlyphsAnywhere:
    """
    Glyphs for a process on any machine, which comes to them by itself.

    Attributes:
        source: what to open, as `open_source` takes it; "" for glyphs that are only in a folder.
        folder: where the sender has them; used if the same are there. None if they are stored nowhere.
        digest: what they must be.
        version: the sender's digitseq, which must be that of the process.
    """

    source: str
    folder: Path | None
    digest: str
    version: str = __version__

    def choose(self, split: str) -> GlyphSet:
        """
        A split of them.

        Raises:
            SourceError: this machine has other glyphs, or none.
            FetchError, CacheError: they cannot be fetched or stored.
        """
        return _anywhere(self).choose(split)


@lru_cache(maxsize=4)
def _anywhere(glyphs: GlyphsAnywhere) -> GlyphSet:
    """The glyphs: the sender's folder, else the cache of this machine, else in memory."""
    if glyphs.version != __version__:
        raise SourceError(f"this process has digitseq {__version__}, who sent the work {glyphs.version}")
    with suppress(CacheError):
        there = None if glyphs.folder is None else open_glyphs(glyphs.folder)
        if there is not None and there.digest == glyphs.digest and not damage(there):
            return there
    if not glyphs.source:
        raise SourceError(
            f"the glyphs in {glyphs.folder} are not on this machine", hint="name a path as source"
        )
    found = open_source(glyphs.source)
    if found.digest != glyphs.digest:
        raise SourceError(
            f"the source {glyphs.source!r} has other glyphs here", hint="use the same on all machines"
        )
    with suppress(CacheError):  # without a cache, each process has its own
        return open_glyphs(stored_folder(found)) or found
    return found


def forget_mnist() -> None:
    """Open MNIST anew, and decide about auto anew, when they are next asked for."""
    for key in [key for key in _opened if key[0] in (MNIST, AUTO)]:
        del _opened[key]


def _cached_mnist() -> GlyphSet | None:
    key = (MNIST, os.environ.get(CACHE_VARIABLE, ""))
    if key not in _opened and (glyphs := open_glyphs(mnist_dir())):
        _opened[key] = glyphs
    return _opened.get(key)


def _auto(progress: Progress | None) -> GlyphSet:
    # Decided once in a process: the same seed must not change its glyphs in the middle of a run.
    key = (AUTO, os.environ.get(CACHE_VARIABLE, ""))
    if key not in _opened:
        try:
            _opened[key] = _cached_mnist() or _fetched_or_builtin(progress)
        except CacheError as error:
            _opened[key] = _fetched_or_builtin(progress, error.problem)
    return _opened[key]


def _mnist(progress: Progress | None) -> GlyphSet:
    try:
        if (glyphs := _cached_mnist()) is not None:
            return glyphs
    except CacheError:
        with suppress(FetchError, CacheError):  # then what was wrong in the first place says more
            return _fetched(False, progress)
        raise
    return _fetched(False, progress)


def _builtin(name: str, progress: Progress | None = None) -> GlyphSet:
    from digitseq.glyphs.handwriting.builtin import builtin, style_seed_of  # only who draws with it pays

    return builtin(style_seed_of(name) or 0)


def _redrawn(glyphs: GlyphSet) -> GlyphSet:
    from digitseq.glyphs.handwriting.builtin import BuiltinGlyphs, style_seed_of

    return BuiltinGlyphs(style_seed_of(glyphs.name) or 0).choose(glyphs.split)


class Source(NamedTuple):
    """
    A source that has a name of its own. Paths are sources, too.

    Attributes:
        open: its glyphs, from its name (with what follows a ":") and a `Progress`.
        at_hand: its glyphs without a network, or None; omitted for a source that never needs one.
        redraw: the same glyphs anew, for a source that draws them and so cannot be damaged.
    """

    open: Callable[[str, Progress | None], GlyphSet]
    at_hand: Callable[[], GlyphSet | None] | None = None
    redraw: Callable[[GlyphSet], GlyphSet] | None = None


SOURCES: dict[str, Source] = {
    MNIST: Source(lambda _, progress: _mnist(progress), at_hand=_cached_mnist),
    BUILTIN: Source(_builtin, redraw=_redrawn),
}


def _row(name: str) -> Source | None:
    return SOURCES.get(name.partition(":")[0])


def _fetched_or_builtin(progress: Progress | None, problem: str = "") -> GlyphSet:
    from digitseq.glyphs import fetch  # the network stack, only when MNIST is not there

    try:
        if fetch.failed_lately():
            reason = problem or "it could not be fetched within the last hour"
        else:
            return _fetched(True, progress)
    except FetchError as error:
        reason = problem or error.problem
    except CacheError as error:
        reason = f"{problem or error.problem}; set {CACHE_VARIABLE} to another folder"
    warnings.warn(
        f"drawing with the built-in digits instead of MNIST: {reason}; "
        '`digitseq fetch-mnist` gets MNIST, `--source builtin` (source="builtin") asks for the built-in ones',
        SourceWarning,
        stacklevel=6,
    )
    return open_source(BUILTIN)


def _fetched(in_passing: bool, progress: Progress | None) -> GlyphSet:
    from digitseq.glyphs import fetch

    fetch.fetch(in_passing=in_passing, progress=progress)
    glyphs = _cached_mnist()  # as every later process will open it: from the files, shared
    if glyphs is None:
        raise CacheError(f"the MNIST that was just cached in {mnist_dir()} has disappeared")
    return glyphs


def load_glyphs(
    source: str | Path = AUTO, split: str = "train", *, progress: Progress | None = None
) -> GlyphSet:
    """
    The glyphs of a source, to look at or to draw from.

    Args:
        source: as in `generate_numbers_sequence`.
        split: "train", "validation", "test" or "all".
        progress: called with bytes done and in all, if MNIST is fetched.

    Returns:
        The glyph set, with that split. Each source is opened once per process.

    Raises:
        SourceError: there are no glyphs, or no such split.
        FetchError, CacheError: MNIST is unavailable.

    >>> load_glyphs("builtin", "test").counts.tolist()
    [500, 500, 500, 500, 500, 500, 500, 500, 500, 500]
    """
    return open_source(source, progress).choose(split_of(source, split))


def load_recorded_glyphs(named: str, digest: str, *, progress: Progress | None = None) -> GlyphSet:
    """
    The glyphs that a dataset was drawn from.

    Args:
        named: the source in the dataset's recipe.
        digest: the digest of its glyphs, as returned by `read_recipe`.
        progress: called with bytes done and bytes in all, if MNIST is fetched.

    Returns:
        The glyph set, with the split "all".

    Raises:
        SourceError: the glyphs are missing or have changed.
        FetchError, CacheError: MNIST is unavailable.
    """
    glyphs = open_recorded(named, progress)
    if glyphs.digest != digest:
        raise SourceError(
            f"the dataset was drawn from other glyphs: {glyphs.name!r} has changed or is another source",
            hint="give the path of the original glyphs (--source PATH)",
        )
    return glyphs


def fetch_mnist(
    *, force: bool = False, from_dir: str | Path | None = None, progress: Progress | None = None
) -> Path:
    """
    Put MNIST into the cache, if it is not there.

    Args:
        force: get it again, even if it is there.
        from_dir: import the four original files (gzip or plain) from this folder, without a network.
        progress: called with bytes done and bytes in all as they arrive.

    Returns:
        The folder of the parsed MNIST.

    Raises:
        FetchError: no mirror gave the files, or the network is switched off.
        SourceError: ``from_dir`` lacks a file, or one is not the original.
        CacheError: the cache folder cannot be used.
    """
    from digitseq.glyphs.fetch import fetch

    with noted():
        fetch(force=force, from_dir=None if from_dir is None else home_path(from_dir), progress=progress)
    forget_mnist()
    return mnist_dir()


def split_of(source: str | Path | GlyphSet, split: str | None) -> str:
    """The split to draw from: the one that the caller named; else that of a glyph set; else train."""
    if split is None:
        return source.split if isinstance(source, GlyphSet) else "train"
    if not isinstance(split, str) or split not in SPLITS:
        raise ArgumentError("split", f"expected one of {', '.join(SPLITS)}, got {split!r}")
    return split
