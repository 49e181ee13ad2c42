"""The glyphs of a split by writer, for text lines that one writer wrote."""

from dataclasses import dataclass

import numpy as np

from digitseq import streams
from digitseq.arrays import BoolArray, IntArray, UInt64Array, count_values, repeat, unique_inverse
from digitseq.errors import ArgumentError, SourceError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.parts import part_of, pick_part

_IMAGES = 1024  # looked up at once, to limit memory


@dataclass(frozen=True)
class Writers:
    """
    The glyphs of a split by digit and writer.

    Attributes:
        ids: int (writers,), writer ids of the source.
        rows: int (glyphs,), rows of the set, sorted by digit, then by writer.
        starts: int (10, writers), position in ``rows`` of the first glyph of a digit and writer.
        counts: int (10, writers), number of glyphs of a digit and writer.
        parts: int (writers,), the source of each writer; None for a single source.
    """

    ids: IntArray
    rows: IntArray
    starts: IntArray
    counts: IntArray
    parts: IntArray | None = None


def writers_of(glyphs: GlyphSet) -> Writers:
    """
    Return the writers of a split.

    Raises:
        SourceError: the source has no writer ids.
    """
    known = glyphs.derived.get(glyphs.split)
    if isinstance(known, Writers):
        return known
    if glyphs.writers is None:
        hint = (
            'pass writer="mixed", use the built-in digits, or use MNIST with `digitseq fetch-mnist`; '
            "in Python, GlyphSet.from_arrays takes writer ids"
        )
        if glyphs.parts:
            hint = (
                'pass writer="mixed"; in a mixture, all sources need writer ids, and your own files have none'
            )
        raise SourceError(f"source {glyphs.name!r} has no writer ids", hint=hint)
    rows = np.concatenate([np.array(glyphs.rows(digit), np.int64) for digit in range(10)])
    digits = repeat(np.arange(10, dtype=np.int64), glyphs.counts.astype(np.int64))
    ids, writer = unique_inverse(np.asarray(glyphs.writers)[rows])
    key = digits * len(ids) + writer.reshape(-1)
    counts = count_values(key, bins=10 * len(ids)).reshape(10, -1)
    starts = (np.cumsum(counts, dtype=np.int64) - counts.ravel()).reshape(counts.shape)
    parts = None
    if glyphs.parts:
        parts = np.zeros(len(ids), np.int64)
        parts[writer.reshape(-1)] = part_of(glyphs.parts, glyphs.origin[rows].astype(np.int64))
    known = Writers(ids.astype(np.int64), rows[np.argsort(key, kind="stable")], starts, counts, parts)
    glyphs.derived[glyphs.split] = known
    return known


def check_writers(glyphs: GlyphSet, digits: IntArray) -> None:
    """
    Check that each text line has at least one writer who wrote all its digits.

    Args:
        glyphs: the set, with the split selected.
        digits: int (lines, digits); shorter lines are padded with −1.

    Raises:
        SourceError: the source has no writer ids.
        ArgumentError: no single writer wrote all digits of a line.
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
            raise ArgumentError("writer", f"no writer in {whose} wrote all digits of {label}")


def _able(known: Writers, digits: IntArray) -> BoolArray:
    """Return which writers wrote every digit of each line: bool (lines, writers)."""
    able = np.ones((len(digits), len(known.ids)), np.bool_)
    for digit in range(10):
        needs = (digits == digit).any(1)
        able[needs] &= known.counts[digit] > 0
    return able


def draw_in_one_hand(
    glyphs: GlyphSet, digits: IntArray, writer: UInt64Array, glyph: UInt64Array
) -> tuple[IntArray, IntArray]:
    """
    Sample glyphs so that one writer wrote each text line.

    The writer is uniform among those who wrote every digit of the line; in a mixture, the source is chosen by
    weight first. Each glyph is uniform among the writer's glyphs of its digit.

    Args:
        glyphs: the set, with the split selected.
        digits: int (images, digits); shorter lines are padded with −1.
        writer: uint64 (images,), random words that choose the writer.
        glyph: uint64 (images, digits), random words that choose the glyphs.

    Returns:
        Rows int (images, digits), and writer ids int (images,).

    Raises:
        SourceError: the source has no writer ids.
    """
    known = writers_of(glyphs)
    chosen = np.empty(len(digits), np.int64)
    for first in range(0, len(digits), _IMAGES):
        part = slice(first, first + _IMAGES)
        able = _able(known, digits[part])
        if known.parts is not None:
            own = np.arange(len(glyphs.parts), dtype=np.int64)[:, None] == known.parts  # (parts, writers)
            possible = (able[None] & own[:, None]).any(2)
            able &= own[pick_part(glyphs.parts, possible, writer[part])]
        rank = streams.below(writer[part], able.sum(1, dtype=np.int64).astype(np.uint64))
        chosen[part] = (np.cumsum(able, 1, dtype=np.int64) > rank[:, None]).argmax(1).astype(np.int64)
    digit, hand = np.maximum(digits, 0), chosen[:, None]
    counts = np.maximum(known.counts[digit, hand], 1)
    place = known.starts[digit, hand] + streams.below(glyph, counts.astype(np.uint64))
    return known.rows[np.minimum(place, len(known.rows) - 1)], known.ids[chosen]
