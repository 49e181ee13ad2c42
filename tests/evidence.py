"""Chi-square on counts, and the exact reading of digits from pixels."""

import numpy as np

from digitseq.arrays import AnyArray, UInt8Array, count_values
from digitseq.glyphs.glyphset import GlyphSet


def assert_uniform(values: AnyArray, bins: int) -> None:
    """Integers in [0, bins) are uniform: chi-square below the value passed by chance once in 10⁶."""
    counts = count_values(values.ravel(), bins)
    assert len(counts) == bins
    expected = counts.sum() / bins
    assert expected >= 20, "too few draws to tell"
    assert ((counts - expected) ** 2 / expected).sum() < _limit(bins - 1)


def assert_independent(a: AnyArray, b: AnyArray, bins: int) -> None:
    """Pairs of integers in [0, bins) are independent, by chi-square on the table of their counts."""
    table = count_values(a * bins + b, bins * bins).reshape(bins, bins)
    expected = table.sum(0) * table.sum(1)[:, None] / table.sum()
    assert expected.min() >= 5, "too few draws to tell"
    assert ((table - expected) ** 2 / expected).sum() < _limit((bins - 1) ** 2)


def _limit(freedom: int) -> float:
    # Wilson and Hilferty (1931): the chi-square quantile from the normal one, which is 4.753 for 1 − 10⁻⁶.
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + 4.753 * part**0.5) ** 3)


class Reader:
    """Reads digits from pixels by exact look-up of their ink in a source."""

    def __init__(self, glyphs: GlyphSet) -> None:
        self.digits: dict[bytes, int] = {}
        self.rows: dict[bytes, int] = {}
        for digit in range(10):
            for row in glyphs.rows(digit):
                left, width = glyphs.ink_left[row], glyphs.ink_width[row]
                key = glyphs.images[row][:, left : left + width].tobytes()
                self.digits[key] = digit
                self.rows[key] = row

    def read(self, image: UInt8Array) -> tuple[str, list[int], list[int]]:
        """
        The digits of a line whose inks do not share columns.

        Returns:
            The sequence, the gaps between inks in px, and the rows in the source.
        """
        inked = np.flatnonzero(image.any(axis=0))
        found = self._from(image, int(inked[0]), int(inked[-1]) + 1)
        assert found is not None, "the ink is not that of glyphs of the source"
        lefts, widths, keys = zip(*found, strict=True)
        gaps = [b - a - w for a, b, w in zip(lefts[:-1], lefts[1:], widths[:-1], strict=True)]
        return "".join(str(self.digits[k]) for k in keys), gaps, [self.rows[k] for k in keys]

    def _from(self, image: UInt8Array, left: int, end: int) -> list[tuple[int, int, bytes]] | None:
        for width in range(min(28, end - left), 0, -1):  # the longest first: ink may have gaps inside
            key = image[:, left : left + width].tobytes()
            if key not in self.digits:
                continue
            if left + width == end:
                return [(left, width, key)]
            following = left + width + int(image[:, left + width :].any(axis=0).argmax())
            rest = self._from(image, following, end)
            if rest is not None:
                return [(left, width, key), *rest]
        return None
