"""Glyphs of several sources as one set: each digit is sampled from one of the sources, by weight."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from os.path import lexists
from typing import NamedTuple

import numpy as np

from digitseq.arrays import IntArray
from digitseq.cache_folder import CACHE_VARIABLE
from digitseq.checks import home_path
from digitseq.errors import ArgumentError, CacheError, warn
from digitseq.glyphs.glyph_cache import named_folder, open_glyphs, set_key, store, stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.names import is_reserved
from digitseq.glyphs.parts import Part
from digitseq.glyphs.tiles import SIDE, measure_ink
from digitseq.progress_protocol import Progress

MOST_WEIGHT = 1_000


class Weighted(NamedTuple):
    """
    A source and its share of the digits.

    Attributes:
        source: name or path.
        weight: its share, relative to the other sources.
    """

    source: str
    weight: int = 1

    def __str__(self) -> str:
        return self.source if self.weight == 1 else f"{self.source}={self.weight}"


def parse_mixture(source: str) -> tuple[Weighted, ...]:
    """
    Split a name such as "mnist=2+builtin" into its sources; return an empty tuple for a single source.

    An existing path is a single source, unless all its parts are reserved names.

    Args:
        source: the name.

    Raises:
        ArgumentError: a source is missing, a path contains +, or a weight is not an integer from 1 to 1,000.

    >>> parse_mixture("mnist=2+builtin:3")
    (Weighted(source='mnist', weight=2), Weighted(source='builtin:3', weight=1))
    >>> parse_mixture("builtin")
    ()
    """
    texts = source.split("+")
    reserved = [is_reserved(text) for text in texts]
    if not all(reserved) and lexists(home_path(source, "source")):
        return ()
    if len(texts) == 1:
        if "=" in source and reserved[0]:
            raise ArgumentError("source", f"a weight needs a second source, got {source!r}")
        return ()
    _refuse_path_with_plus(texts, reserved)
    return tuple(_weighted(text, source, known) for text, known in zip(texts, reserved, strict=True))


def _refuse_path_with_plus(texts: list[str], are_reserved: list[bool]) -> None:
    """Raise an error if some of the texts, joined by +, are the name of a file or folder."""
    for first in range(len(texts)):
        for end in range(first + 2, len(texts) + 1):
            joined = "+".join(texts[first:end])
            for path in (joined, joined.rpartition("=")[0]):
                if "+" in path and not all(are_reserved[first:end]) and lexists(home_path(path, "source")):
                    problem = f"a path in a mixture cannot contain +, got {path!r}"
                    raise ArgumentError("source", problem, hint="rename it, or copy it to another name")


def _weighted(text: str, source: str, is_reserved: bool) -> Weighted:
    name, equals, weight = text.rpartition("=")
    if not equals or (not is_reserved and lexists(home_path(text, "source"))):
        name, weight = text, "1"
    if not name or not (weight.isascii() and weight.isdigit()) or not 1 <= int(weight[:9]) <= MOST_WEIGHT:
        expected = f"sources such as mnist=2+builtin, with integer weights from 1 to {MOST_WEIGHT:,}"
        raise ArgumentError("source", f"expected {expected}, got {source!r}")
    return Weighted(name, int(weight))


def mixture_key(sources: Sequence[GlyphSet], weights: Sequence[int]) -> str:
    """Return a key for a mixture, computed from the keys of its sources."""
    state = sha256(b"digitseq mixture 1")
    for glyphs, weight in zip(sources, weights, strict=True):
        state.update(f"\n{set_key(glyphs)} {weight}".encode())
    return state.hexdigest()


def mix(sources: Sequence[GlyphSet], weights: Sequence[int]) -> GlyphSet:
    """
    Return the glyphs of several sources as one set.

    A digit's source is sampled by weight among those that have glyphs of the digit in the split; its glyph is
    then sampled uniformly from that source. A mixture has writers if all its sources do.

    Args:
        sources: the sets, all splits.
        weights: the weight of each.
    """
    splits = tuple(dict.fromkeys(split for glyphs in sources for split in glyphs.splits))
    total = sum(map(len, sources))
    counts = np.zeros((len(sources), 10, len(splits)), np.int64)
    for number, glyphs in enumerate(sources):
        bounds = glyphs.arrays()[2]
        for place, split in enumerate(glyphs.splits):
            counts[number, :, splits.index(split)] = bounds[:, place + 1] - bounds[:, place]
    ends = np.cumsum(counts.transpose(1, 2, 0).ravel(), dtype=np.int64).reshape(10, len(splits), len(sources))
    bounds = np.concatenate([ends[:, :1, 0] - counts[0, :, :1], ends[:, :, -1]], 1)
    stored = np.zeros((total, SIDE + 1, SIDE), np.uint8)
    origin = np.zeros(total, np.int64)
    known = [glyphs.writers for glyphs in sources]
    writers = None if any(own is None for own in known) else np.zeros(total, np.int64)
    first_origin = first_writer = 0
    parts = []
    for number, (glyphs, weight) in enumerate(zip(sources, weights, strict=True)):
        glyphs.prepare(np.arange(len(glyphs), dtype=np.int64))
        own, _, own_bounds = glyphs.arrays()
        for digit in range(10):
            for place, split in enumerate(glyphs.splits):
                rows = slice(*own_bounds[digit, place : place + 2].tolist())
                end = int(ends[digit, splits.index(split), number])
                here = slice(end - (rows.stop - rows.start), end)
                stored[here] = own[rows]
                origin[here] = glyphs.origin[rows].astype(np.int64) + first_origin
                if writers is not None and glyphs.writers is not None:
                    writers[here] = glyphs.writers[rows].astype(np.int64) + first_writer
        parts.append(Part(glyphs.name, weight, first_origin, _table(counts[number])))
        first_origin += int(glyphs.origin.max(initial=-1)) + 1
        if glyphs.writers is not None:
            first_writer += int(glyphs.writers.max(initial=-1)) + 1
    name = "+".join(str(Weighted(part.name, part.weight)) for part in parts)
    return GlyphSet.from_parts(
        stored, measure_ink(stored), bounds, origin, writers, name, splits, tuple(parts)
    )


def _table(counts: IntArray) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in counts.tolist())


def stored_mixture(
    sources: Sequence[GlyphSet],
    weights: Sequence[int],
    undamaged: Callable[[GlyphSet], GlyphSet],
    progress: Progress | None = None,
) -> GlyphSet:
    """
    Return a mixture from the cache, or make it and store it there.

    Args:
        sources: as in `mix`.
        weights: as in `mix`.
        undamaged: verifies the glyphs of a source, and returns them or a repaired set.
        progress: as in `stored_folder`.
    """
    key = mixture_key(sources, weights)
    with suppress(CacheError):  # the stored mixture is damaged, or there is no cache folder
        if (found := open_glyphs(named_folder(key))) is not None:
            return found
    with suppress(CacheError):  # also keep the drawn glyphs in the cache, if possible
        for glyphs in sources:
            if glyphs.drawn_on_demand:
                stored_folder(glyphs, progress)
    # Glyphs drawn in this process cannot be damaged.
    whole = [glyphs if glyphs.drawn_on_demand else undamaged(glyphs) for glyphs in sources]
    mixed = mix(whole, weights)
    try:
        return open_glyphs(store(named_folder(key), mixed)) or mixed
    except CacheError as error:
        told = "without a cache, the sources are mixed again in each run"
        warn(f"{error.problem}; {told}; set {CACHE_VARIABLE} to another folder")
        return mixed
