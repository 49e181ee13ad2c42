"""Open a source by name (mnist, builtin, auto or a path) as a GlyphSet."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from digitseq.cache_folder import CACHE_VARIABLE
from digitseq.checks import home_path, short
from digitseq.errors import ArgumentError, CacheError, FetchError, SourceError, SourceWarning, warn
from digitseq.glyphs.glyph_cache import damage, damaged, mnist_dir, open_glyphs
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.mixture import Weighted, mix, mixture_key, parse_mixture, stored_mixture
from digitseq.glyphs.names import AUTO, BUILTIN, MNIST
from digitseq.interrupts import noted
from digitseq.progress_protocol import Progress
from digitseq.splits import SPLITS

# Glyphs opened in this process, by (mnist or auto, DIGITSEQ_CACHE_DIR) or ("", path).
_opened: dict[tuple[str, str], GlyphSet] = {}


def open_source(source: str | Path, progress: Progress | None = None) -> GlyphSet:
    """
    Open the glyphs of a source, all splits. Each source is opened once per process.

    Args:
        source: "mnist" (fetched if not cached), "builtin" (or "builtin:7", "builtin:casual"), "auto"
            (MNIST if it is cached or can be fetched now, else builtin with a SourceWarning), the path of the
            user's own glyphs, or several of these with weights, such as "mnist=2+builtin:3".
        progress: called as bytes arrive, if MNIST is fetched.

    Raises:
        SourceError: there are no glyphs at a path.
        FetchError: "mnist" is not cached and could not be fetched.
        CacheError: the cached MNIST is damaged, or the cache folder cannot be used.
    """
    if isinstance(source, str) and source == AUTO:
        return _auto(progress)
    if not isinstance(source, str | Path) or not str(source):
        expected = "expected mnist, builtin, auto, a path or a GlyphSet"
        raise ArgumentError("source", f"{expected}, got {short(source)}")
    if isinstance(source, str) and (several := parse_mixture(source)):
        return _mixed(several, partial(open_source, progress=progress), progress)
    if isinstance(source, str) and (row := _row(source)) is not None:
        return row.open(source, progress)
    path = home_path(source, "source")
    key = ("", str(path.absolute()))
    if key not in _opened:
        from digitseq.glyphs.own_glyphs import load

        _opened[key] = load(path)
        _opened[key].opened_from = str(path.absolute())
    return _opened[key]


def recomputed(glyphs: GlyphSet) -> GlyphSet:
    """
    Return the same glyphs after verifying them; built-in digits are drawn again instead.

    Args:
        glyphs: any set.

    Raises:
        CacheError: the cached glyphs are damaged.
        SourceError: the glyphs do not match their digest.
    """
    row = _row(glyphs.name)
    if row is not None and row.redraw is not None:
        return row.redraw(glyphs)
    if wrong := damage(glyphs):
        if glyphs.parts and (several := parse_mixture(glyphs.opened_from)):
            sources = [recomputed(open_source(part.source)) for part in several]
            return mix(sources, [part.weight for part in several]).choose(glyphs.split)
        if glyphs.folder is not None:
            raise damaged(glyphs.folder, wrong)
        raise SourceError(f"the glyphs of {glyphs.name!r} do not match their digest {glyphs.digest[:12]}")
    return glyphs


def _undamaged(glyphs: GlyphSet) -> GlyphSet:
    """Return cached glyphs as they are if undamaged; otherwise call `recomputed`, which can be slow."""
    return glyphs if glyphs.folder is not None and not damage(glyphs) else recomputed(glyphs)


def source_of(glyphs: GlyphSet) -> str:
    """Return the source that another process can open to get the same glyphs; "" if there is none."""
    return glyphs.opened_from if _row(glyphs.name) is None else glyphs.name


def glyphs_for(
    source: str | Path | GlyphSet | None, named: str, progress: Progress | None = None
) -> GlyphSet:
    """
    Return the glyphs for a recipe.

    Args:
        source: the caller's source or glyphs; None opens the source in the recipe.
        named: the source in the recipe.
        progress: called as bytes arrive, if MNIST is fetched.
    """
    if isinstance(source, GlyphSet):
        return source
    return open_recorded(named, progress) if source is None else open_source(source, progress)


def open_recorded(named: str, progress: Progress | None = None, mixture: str = "") -> GlyphSet:
    """
    Open the glyphs of the source in a recipe.

    Args:
        named: the source in the recipe; for the user's own glyphs, the last part of their path.
        progress: called as bytes arrive, if MNIST is fetched.
        mixture: the mixture that the source is part of; used in the error's hint.

    Raises:
        SourceError: it is a path that does not exist.
        FetchError, CacheError: as `open_source`.
    """
    if several := parse_mixture(named):
        return _mixed(several, partial(open_recorded, progress=progress, mixture=named), progress)
    if named != AUTO and _row(named) is None and not os.path.lexists(home_path(named, "source")):
        raise SourceError(
            f"no source {named!r} in the current folder: the recipe uses your own glyphs",
            hint=hint_for(mixture or named),
        )
    return open_source(named, progress)


def hint_for(named: str) -> str:
    """Return the hint for a recorded source whose glyphs are missing or have changed."""
    if parse_mixture(named):
        return (
            f"pass source=A+B, the path or name of each source, in the order and with the weights of {named}"
        )
    return "pass source=PATH, the path to the original glyphs"


def at_hand(source: str) -> GlyphSet:
    """
    Open the glyphs of a source without using the network.

    Raises:
        DigitSeqError: the glyphs are not available locally.
    """
    if source == AUTO:
        source = MNIST
    if several := parse_mixture(source):
        return _mixed(several, at_hand)
    row = _row(source)
    if row is None or row.at_hand is None:
        return open_source(source)
    if (glyphs := row.at_hand(source)) is None:
        raise SourceError(f"{source} is not cached")
    return glyphs


def forget_mnist() -> None:
    """Make the next use of mnist or auto open the glyphs again."""
    for key in [key for key in _opened if key[0] in (MNIST, AUTO)]:
        del _opened[key]


def _cached_mnist() -> GlyphSet | None:
    key = (MNIST, os.environ.get(CACHE_VARIABLE, ""))
    if key not in _opened and (glyphs := open_glyphs(mnist_dir())):
        _opened[key] = glyphs
    return _opened.get(key)


def _auto(progress: Progress | None) -> GlyphSet:
    # Decided once per process: the glyphs for a seed must not change in the middle of a run.
    key = (AUTO, os.environ.get(CACHE_VARIABLE, ""))
    if key not in _opened:
        try:
            _opened[key] = _cached_mnist() or _fetched_or_builtin(progress)
        except CacheError as error:
            _opened[key] = _fetched_or_builtin(progress, error.problem)
    return _opened[key]


def _mnist_at_hand(name: str) -> GlyphSet | None:
    if name != MNIST:
        raise ArgumentError("source", f"expected mnist, got {name!r}", hint="a weight is written mnist=2")
    return _cached_mnist()


def _mnist(name: str, progress: Progress | None) -> GlyphSet:
    try:
        if (glyphs := _mnist_at_hand(name)) is not None:
            return glyphs
    except CacheError:
        with suppress(FetchError, CacheError):  # the original error is more helpful
            return _fetched(False, progress)
        raise
    return _fetched(False, progress)


def _builtin(name: str, progress: Progress | None = None) -> GlyphSet:
    from digitseq.glyphs.handwriting.builtin import builtin, style_of  # imported only when used

    return builtin(*style_of(name))


def _redrawn(glyphs: GlyphSet) -> GlyphSet:
    from digitseq.glyphs.handwriting.builtin import redrawn

    return redrawn(glyphs.name).choose(glyphs.split)


class Source(NamedTuple):
    """
    A named source; sources given as paths have no entry.

    Attributes:
        open: opens the glyphs, given the full name (such as "builtin:7") and a `Progress`.
        at_hand: like `open`, but without using the network; returns None if the glyphs are not available.
            Omitted for a source that never needs the network.
        redraw: draws the same glyphs again, for a source whose glyphs are drawn and so cannot be damaged.
    """

    open: Callable[[str, Progress | None], GlyphSet]
    at_hand: Callable[[str], GlyphSet | None] | None = None
    redraw: Callable[[GlyphSet], GlyphSet] | None = None


SOURCES: dict[str, Source] = {
    MNIST: Source(_mnist, at_hand=_mnist_at_hand),
    BUILTIN: Source(_builtin, redraw=_redrawn),
}


def _row(name: str) -> Source | None:
    return None if "+" in name or "/" in name else SOURCES.get(name.partition(":")[0])


def _mixed(
    several: tuple[Weighted, ...], opened: Callable[[str], GlyphSet], progress: Progress | None = None
) -> GlyphSet:
    glyphs = [opened(part.source) for part in several]
    weights = [part.weight for part in several]
    key = ("+", mixture_key(glyphs, weights) + os.environ.get(CACHE_VARIABLE, ""))
    if key not in _opened:
        _opened[key] = stored_mixture(glyphs, weights, _undamaged, progress)
        names = [str(Weighted(source_of(own), weight)) for own, weight in zip(glyphs, weights, strict=True)]
        _opened[key].opened_from = "" if any("+" in name for name in names) else "+".join(names)
    return _opened[key]


def _fetched_or_builtin(progress: Progress | None, problem: str = "") -> GlyphSet:
    from digitseq.glyphs import fetch  # the network stack, imported only if MNIST is not cached

    try:
        if fetch.failed_lately():
            reason = problem or "fetching it failed within the last hour"
        else:
            return _fetched(True, progress)
    except FetchError as error:
        reason = problem or error.problem
    except CacheError as error:
        reason = f"{problem or error.problem}; set {CACHE_VARIABLE} to another folder"
    advice = fetch.HINT_OFFLINE if fetch.is_offline() else "run `digitseq fetch-mnist` to get MNIST"
    warn(
        f"using the built-in digits instead of MNIST: {reason}; {advice}, "
        'or pass source="builtin" to choose the built-in digits',
        SourceWarning,
    )
    return open_source(BUILTIN)


def _fetched(in_passing: bool, progress: Progress | None) -> GlyphSet:
    from digitseq.glyphs import fetch

    fetch.fetch(in_passing=in_passing, progress=progress)
    glyphs = _cached_mnist()  # mapped from the files, as in every later process
    if glyphs is None:
        raise CacheError(f"the MNIST that was just cached in {mnist_dir()} has disappeared")
    return glyphs


def load_glyphs(
    source: str | Path | GlyphSet = AUTO, split: str = "train", *, progress: Progress | None = None
) -> GlyphSet:
    """
    Load the glyphs of a source.

    Args:
        source: as in `generate_numbers_sequence`.
        split: "train", "validation", "test" or "all".
        progress: called with bytes done and bytes in total, if MNIST is fetched.

    Returns:
        The glyph set, with that split. Each source is opened once per process.

    Raises:
        SourceError: there are no glyphs, or the source has no such split.
        FetchError, CacheError: MNIST is unavailable.

    >>> load_glyphs("builtin", "test").counts.tolist()
    [500, 500, 500, 500, 500, 500, 500, 500, 500, 500]
    """
    return glyphs_for(source, AUTO, progress).choose(split_of(source, split))


def load_recorded_glyphs(named: str, digest: str, *, progress: Progress | None = None) -> GlyphSet:
    """
    Load the glyphs that a dataset was made from.

    Args:
        named: the source in the dataset's recipe.
        digest: the digest of its glyphs, as returned by `read_recipe`.
        progress: called with bytes done and bytes in total, if MNIST is fetched.

    Returns:
        The glyph set, with the split "all".

    Raises:
        SourceError: the glyphs are missing or have changed.
        FetchError, CacheError: MNIST is unavailable.
    """
    glyphs = open_recorded(named, progress)
    if glyphs.digest != digest:
        raise SourceError(
            f"the dataset was made from other glyphs: {glyphs.name!r} has changed or is another source",
            hint=hint_for(named),
        )
    return glyphs


def fetch_mnist(
    *, force: bool = False, from_dir: str | Path | None = None, progress: Progress | None = None
) -> Path:
    """
    Put MNIST into the cache if it is not there.

    Args:
        force: check and parse the original files again, even if MNIST is cached.
        from_dir: import the four original files (gzip or plain) from this folder, without using the network.
        progress: called with bytes done and bytes in total as they arrive.

    Returns:
        The folder of the parsed MNIST.

    Raises:
        FetchError: no mirror delivered the files, or the network is switched off.
        SourceError: a file in ``from_dir`` is missing or not the original.
        CacheError: the cache folder cannot be used.
    """
    from digitseq.glyphs.fetch import fetch

    with noted():
        fetch(
            force=force,
            from_dir=None if from_dir is None else home_path(from_dir, "from_dir"),
            progress=progress,
        )
    forget_mnist()
    return mnist_dir()


def split_of(source: str | Path | GlyphSet, split: str | None) -> str:
    """Return the split to sample from: the caller's, else that of the glyph set, else train."""
    if split is None:
        return source.split if isinstance(source, GlyphSet) else "train"
    if not isinstance(split, str) or split not in SPLITS:
        raise ArgumentError("split", f"expected one of {', '.join(SPLITS)}, got {split!r}")
    return split
