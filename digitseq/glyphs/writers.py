"""Who wrote what: the glyphs of a split by writer, for lines in one hand."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from digitseq import streams
from digitseq.arrays import BoolArray, IntArray, UInt64Array, count_values, repeat, unique_inverse
from digitseq.errors import ArgumentError, SourceError
from digitseq.glyphs.glyphset import GlyphSet

_IMAGES = 1024  # whose writers are looked up at once: bounds memory


@dataclass(frozen=True)
class Writers:
    """
    The glyphs of a split by digit and writer.

    Attributes:
        ids: int (writers,), as the source numbers them.
        rows: int (glyphs,), rows of the set, those of one digit and writer together.
        starts: int (10, writers), place of the first of them in ``rows``.
        counts: int (10, writers).
    """

    ids: IntArray
    rows: IntArray
    starts: IntArray
    counts: IntArray


@lru_cache(maxsize=16)
def writers_of(glyphs: GlyphSet) -> Writers:
    """
    The writers of a split.

    Raises:
        SourceError: it is not known who wrote these glyphs.
    """
    if glyphs.writers is None:
        hint = (
            "use --writer mixed, the built-in digits, or MNIST (`digitseq fetch-mnist` gets its writer ids); "
            "in Python, GlyphSet.from_arrays(…, writers=…)"
        )
        raise SourceError(f"it is not known who wrote the glyphs of {glyphs.name!r}", hint=hint)
    rows = np.concatenate([np.array(glyphs.rows(digit), np.int64) for digit in range(10)])
    digits = repeat(np.arange(10, dtype=np.int64), glyphs.counts.astype(np.int64))
    ids, writer = unique_inverse(np.asarray(glyphs.writers)[rows])
    key = digits * len(ids) + writer.reshape(-1)
    counts = count_values(key, bins=10 * len(ids)).reshape(10, -1)
    starts = (np.cumsum(counts, dtype=np.int64) - counts.ravel()).reshape(counts.shape)
    return Writers(ids.astype(np.int64), rows[np.argsort(key, kind="stable")], starts, counts)


def check_writers(glyphs: GlyphSet, digits: IntArray) -> None:
    """
    Make sure that for each line there is somebody who wrote all its digits.

    Args:
        glyphs: the set, its split chosen.
        digits: int (lines, digits), −1 where a line is shorter.

    Raises:
        SourceError: it is not known who wrote what.
        ArgumentError: nobody wrote all digits of a line.
    """
    known = writers_of(glyphs)
    if (known.counts > 0).all(0).any():
        return
    for first in range(0, len(digits), _IMAGES):
        some = digits[first : first + _IMAGES]
        alone = ~_able(known, some).any(1)
        if alone.any():
            line = some[int(alone.argmax())]
            label = "".join(map(str, line[line >= 0].tolist()))
            whose = f"{glyphs.name!r} (split {glyphs.split!r})"
            raise ArgumentError("writer", f"nobody in {whose} wrote all digits of {label}")


def _able(known: Writers, digits: IntArray) -> BoolArray:
    """Who wrote every digit of each line: bool (lines, writers)."""
    able = np.ones((len(digits), len(known.ids)), np.bool_)
    for digit in range(10):
        needs = (digits == digit).any(1)
        able[needs] &= known.counts[digit] > 0
    return able


def draw_in_one_hand(
    glyphs: GlyphSet, digits: IntArray, writer: UInt64Array, glyph: UInt64Array
) -> tuple[IntArray, IntArray]:
    """
    Glyphs of lines that are each by one writer.

    The writer is uniform among those who wrote every digit of the line, each glyph among the writer's own.

    Args:
        glyphs: the set, its split chosen.
        digits: int (images, digits), −1 where a line is shorter.
        writer: uint64 (images,), words that decide.
        glyph: uint64 (images, digits), words that decide.

    Returns:
        Rows int (images, digits), and the ids of the writers, int (images,).

    Raises:
        SourceError: it is not known who wrote what.
    """
    known = writers_of(glyphs)
    chosen = np.empty(len(digits), np.int64)
    for first in range(0, len(digits), _IMAGES):
        part = slice(first, first + _IMAGES)
        able = _able(known, digits[part])
        rank = streams.below(writer[part], able.sum(1, dtype=np.int64).astype(np.uint64))
        chosen[part] = (np.cumsum(able, 1, dtype=np.int64) > rank[:, None]).argmax(1).astype(np.int64)
    digit, hand = np.maximum(digits, 0), chosen[:, None]
    counts = np.maximum(known.counts[digit, hand], 1)
    place = known.starts[digit, hand] + streams.below(glyph, counts.astype(np.uint64))
    return known.rows[np.minimum(place, len(known.rows) - 1)], known.ids[chosen]
