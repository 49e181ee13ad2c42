"""Glyphs of several sources as one set: each digit is sampled from one of the sources, by weight."""

import re
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from os.path import lexists
from typing import NamedTuple

import numpy as np

from digitseq.arrays import IntArray
from digitseq.checks import home_path
from digitseq.errors import ArgumentError, CacheError
from digitseq.glyphs.glyph_cache import named_folder, open_glyphs, store, stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.parts import Part
from digitseq.glyphs.tiles import SIDE, measure_ink
from digitseq.progress_protocol import Progress

MOST_WEIGHT = 1_000
_WEIGHT = re.compile(r"(?P<source>.+)=(?P<weight>\d{1,9})")


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

    Raises:
        ArgumentError: a source is missing or its weight is out of range.

    >>> parse_mixture("mnist=2+builtin:3")
    (Weighted(source='mnist', weight=2), Weighted(source='builtin:3', weight=1))
    >>> parse_mixture("builtin")
    ()
    """
    if "+" not in source or lexists(home_path(source)):
        return ()
    parts = []
    for text in source.split("+"):
        found = None if lexists(home_path(text)) else _WEIGHT.fullmatch(text)
        part = Weighted(text) if found is None else Weighted(found["source"], int(found["weight"]))
        if not part.source or not 1 <= part.weight <= MOST_WEIGHT:
            problem = f"expected sources such as mnist=2+builtin, with weights from 1 to {MOST_WEIGHT:,}"
            raise ArgumentError("source", f"{problem}, got {source!r}")
        parts.append(part)
    return tuple(parts)


def mixture_key(sources: Sequence[GlyphSet], weights: Sequence[int]) -> str:
    """Return a key for a mixture, computed from the digests of its sources."""
    stated = [
        f"{glyphs.name} {glyphs.digest} {weight}" for glyphs, weight in zip(sources, weights, strict=True)
    ]
    return sha256("\n".join(["digitseq mixture 1", *stated]).encode()).hexdigest()


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
    sources: Sequence[GlyphSet], weights: Sequence[int], progress: Progress | None = None
) -> GlyphSet:
    """Return a mixture from the cache, or make it and store it there; arguments as in `mix`."""
    try:
        folder = named_folder(mixture_key(sources, weights))
        if (found := open_glyphs(folder)) is not None:
            return found
    except CacheError:  # damaged, or there is no cache folder
        return mix(sources, weights)
    drawn = [glyphs for glyphs in sources if glyphs.drawn_on_demand]
    with suppress(CacheError):  # also keep the drawn glyphs in the cache, if possible
        for glyphs in drawn:
            stored_folder(glyphs, progress)
    mixed = mix(sources, weights)
    with suppress(CacheError):
        store(folder, mixed)
        return open_glyphs(folder) or mixed
    return mixed
