"""
The built-in digits: handwriting drawn by digitseq, without files or network.

A glyph is drawn (`strokes`) when it is first needed. The whole set can also be drawn once into the cache,
where all processes share it; the bytes are the same either way.
"""

import os
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np

from digitseq.arrays import IntArray
from digitseq.cache_folder import CACHE_VARIABLE
from digitseq.checks import integer
from digitseq.errors import ArgumentError, CacheError
from digitseq.glyphs.glyph_cache import glyphs_folder, open_glyphs
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting import allographs, strokes
from digitseq.glyphs.handwriting.styles import MODERN, STYLES, Style, style_named
from digitseq.glyphs.names import BUILTIN
from digitseq.glyphs.tiles import SIDE, measure_ink
from digitseq.splits import DISJOINT_SPLITS

PER_DIGIT = (5_000, 500, 500)
"""Glyphs per digit in train, validation and test: 60,000 in total. Splits share no glyphs and no writers."""

_VERSION = 2  # of the drawing code; part of the digest
_SEED_BITS = 256
_CHUNK = 512  # glyphs drawn at once; their data fits into the CPU cache
_WIDEST = 20  # px; the box, not the widest ink, as what fits must not depend on which glyphs are drawn


class BuiltinGlyphs(GlyphSet):
    """The built-in glyphs, each drawn when it is first prepared."""

    drawn_on_demand = True

    def __init__(self, style_seed: int, style: Style = MODERN) -> None:
        """
        Create the set for a style and a style seed; no glyph is drawn yet.

        Args:
            style_seed: any integer.
            style: allographs, slant and pen.
        """
        rows = 10 * sum(PER_DIGIT)
        of_digit = np.arange(0, rows, sum(PER_DIGIT), dtype=np.int64)
        identity = f"digitseq strokes {_VERSION} {style_seed} {PER_DIGIT} {strokes.PER_HAND}"
        if style != MODERN:
            identity += style.identity
        super().__init__(
            np.zeros((rows, SIDE + 1, SIDE), np.uint8),  # memory is used only where glyphs are drawn
            np.zeros((4, rows), np.uint8),
            of_digit[:, None] + np.cumsum([0, *PER_DIGIT], dtype=np.int64),
            np.arange(rows, dtype=np.int64),
            name=source_name(style_seed, style.name),
            digest=sha256((identity + allographs.text(style.name)).encode()).hexdigest(),
            splits=DISJOINT_SPLITS,
            writers=np.arange(rows, dtype=np.int64) % sum(PER_DIGIT) // strokes.PER_HAND,
            widest_ink=np.full(10, _WIDEST, np.int64),
        )
        self._style, self._style_seed = style, style_seed
        self._drawn = np.zeros(rows, np.bool_)

    def __reduce__(self) -> Any:
        """Pickle only the style, its seed and the split; the other process draws its own glyphs."""
        return _split, (self._style_seed, self._style.name, self.split)

    def prepare(self, rows: IntArray) -> None:
        """Draw those of these rows that are not drawn yet."""
        missing = np.unique(rows[~self._drawn[rows]]).astype(np.int64)
        for first in range(0, len(missing), _CHUNK):
            chunk = missing[first : first + _CHUNK]
            digits, numbers = np.divmod(chunk, sum(PER_DIGIT))
            glyphs = strokes.draw(self._style, self._style_seed, digits, numbers)
            self._stored[chunk, :SIDE] = glyphs
            self._ink[:, chunk] = measure_ink(glyphs)
            self._drawn[chunk] = True


def builtin(style_seed: int = 0, style: str = MODERN.name) -> GlyphSet:
    """
    Return the built-in digits: 60,000 glyphs.

    Args:
        style_seed: selects the handwriting; each integer gives 60,000 different glyphs.
        style: "modern", "casual" for hurried handwriting, which is closest to MNIST, or "copperplate" for
            slanted 19th-century handwriting.

    Returns:
        The set, with the split "all". If it is cached, the glyphs are memory-mapped; otherwise each glyph is
        drawn when it is first needed.

    Raises:
        ArgumentError: style_seed is not an integer or has more than 256 bits, or there is no such style.

    >>> builtin().counts.tolist()[:3], builtin(7).name, builtin(7, "copperplate").name
    ([6000, 6000, 6000], 'builtin:7', 'builtin:copperplate:7')
    """
    style_seed = integer("style_seed", style_seed)
    if style_seed.bit_length() > _SEED_BITS:
        raise ArgumentError("style_seed", f"expected an integer of at most {_SEED_BITS} bits")
    return _opened(style_seed, style_named(style), os.environ.get(CACHE_VARIABLE, ""))


def _split(style_seed: int, style: str, split: str) -> GlyphSet:
    return builtin(style_seed, style).choose(split)


@lru_cache(maxsize=4)
def _opened(style_seed: int, style: Style, cache: str) -> GlyphSet:
    glyphs = _drawn(style_seed, style)
    try:
        return open_glyphs(glyphs_folder(glyphs)) or glyphs
    except CacheError:  # damaged glyphs in the cache are not needed: they can be drawn
        return glyphs


@lru_cache(maxsize=4)
def _drawn(style_seed: int, style: Style) -> BuiltinGlyphs:
    return BuiltinGlyphs(style_seed, style)


def redrawn(name: str) -> GlyphSet:
    """Return a fresh set with this name, in which no glyph is drawn yet."""
    seed, style = style_of(name)
    return BuiltinGlyphs(seed, STYLES[style])


def source_name(style_seed: int, style: str = MODERN.name) -> str:
    """
    Return the name of the source with a style and a style seed, for `--source` and ``source=``.

    >>> source_name(0), source_name(-3), source_name(0, "copperplate"), source_name(7, "copperplate")
    ('builtin', 'builtin:-3', 'builtin:copperplate', 'builtin:copperplate:7')
    """
    parts = [BUILTIN, *([style] if style != MODERN.name else []), *([str(style_seed)] if style_seed else [])]
    return ":".join(parts)


def style_of(source: str) -> tuple[int, str]:
    """
    Parse the name of a source that begins with "builtin" into (style seed, style).

    Raises:
        ArgumentError: the rest is neither a style nor a style seed.

    >>> style_of("builtin:-3"), style_of("builtin:copperplate")
    ((-3, 'modern'), (0, 'copperplate'))
    """
    _, *rest = source.split(":")
    style = rest.pop(0) if rest and rest[0] in STYLES else MODERN.name
    try:
        (seed,) = rest or ["0"]
        return int(seed), style
    except ValueError:
        problem = (
            f"expected {BUILTIN}, {BUILTIN}:STYLE, {BUILTIN}:SEED or {BUILTIN}:STYLE:SEED, got {source!r}"
        )
        hint = f"styles: {', '.join(STYLES)}; seeds are integers, as in {BUILTIN}:copperplate:7"
        raise ArgumentError("source", problem, hint=hint) from None
