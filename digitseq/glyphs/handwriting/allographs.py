"""
Read allographs (ways to write a digit) from `modern.txt`, `casual.txt` or `copperplate.txt`.

`modern.txt` describes the format. This module converts its paths to control points and the weights of a
Catmull–Rom spline (Catmull, Rom: "A class of local interpolating splines", 1974), all in integers.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import isqrt
from pathlib import Path

import numpy as np

from digitseq.arrays import IntArray, repeat
from digitseq.glyphs.handwriting.styles import MODERN

ONE = 1 << 12
"""Fixed-point 1: half the height of a digit, before it is scaled to its box."""

POINTS = 96
"""Points on the path of every digit, the same for all allographs."""


@dataclass(frozen=True)
class Allograph:
    """
    One way to write a digit.

    Attributes:
        name: what distinguishes it from the others.
        weight: its frequency relative to the other allographs of the digit.
        trim: maximum share of each stroke that is cut off at its start and at its end, in 1/ONE.
        controls: int (variants, 2, control points), x and y; ONE is half the height of the digit.
        basis: int (POINTS, control points), point p of a path is basis[p] · controls / ONE. Rows sum to ONE.
        first: int (POINTS,), the first point of the stroke that each point belongs to.
        last: int (POINTS,), the last point of that stroke.
    """

    name: str
    weight: int
    trim: tuple[int, int]
    controls: IntArray
    basis: IntArray
    first: IntArray
    last: IntArray


@cache
def text(style: str) -> str:
    """Return all text that defines the shapes of a style: its file, and the file it refers to, if any."""
    whole = _file(style)
    return whole + text(MODERN.name) if any("\n" not in block for block in _blocks(whole)) else whole


def weights(style: str, digit: int) -> IntArray:
    """Return the weights of the allographs of a digit: int (allographs,)."""
    return np.array([int(head[1]) for head, _ in entries(style)[digit]], np.int64)


@cache
def allograph(style: str, digit: int, index: int) -> Allograph:
    """
    Return an allograph of a digit by its position in the file, from 0; parsed when first needed.

    >>> allograph("modern", 7, 0).name, allograph("modern", 7, 0).basis.shape
    ('plain', (96, 5))
    """
    (_, weight, trim, name), variants = entries(style)[digit][index]
    parsed = [parse(variant) for variant in variants]
    strokes = parsed[0][1]
    # (variants, control points, 2), 0 to 100
    controls = np.array([points for points, _ in parsed], np.int64)
    mean = controls.sum(0, dtype=np.int64) * 16 // len(parsed)
    pieces = [piece for stroke in strokes for piece in stroke]
    shares = _shares([_lengths(mean, piece) for piece in pieces])
    basis = [_spline(mean, piece, share) for piece, share in zip(pieces, shares, strict=True)]
    of_pieces = np.array([number for number, stroke in enumerate(strokes) for _ in stroke], np.int64)
    owner = repeat(of_pieces, np.array(shares, np.int64))
    start, end = (int(percent) * ONE // 100 for percent in trim.split())
    return Allograph(
        name,
        int(weight),
        (start, end),
        np.moveaxis((controls - 50) * ONE // 50, 1, 2),
        np.concatenate(basis),
        np.searchsorted(owner, owner).astype(np.int64),
        np.searchsorted(owner, owner, side="right").astype(np.int64) - 1,
    )


@cache
def entries(style: str) -> list[list[tuple[list[str], list[str]]]]:
    """Return the allographs of each digit: the fields of the first line, and the variants."""
    found: list[list[tuple[list[str], list[str]]]] = [[] for _ in range(10)]
    for block in _blocks(_file(style)):
        head, *variants = block.splitlines()
        fields = [field.strip() for field in head.split("|")]
        digit = int(fields[0])
        if not variants:
            (variants,) = (paths for known, paths in entries(MODERN.name)[digit] if known[3] == fields[3])
        found[digit].append((fields, variants))
    return found


def _file(style: str) -> str:
    return Path(__file__).with_name(f"{style}.txt").read_text("ascii")


def _blocks(whole: str) -> list[str]:
    return [block.strip() for block in whole.split("\n\n")[1:]]


def parse(path: str) -> tuple[list[tuple[int, int]], list[list[list[int]]]]:
    """
    Return a path's control points and strokes; a stroke is a list of pieces, each a list of point numbers.

    Pieces end at corners.

    >>> parse("0,0 9,0* 9,9 / @1 5,5")
    ([(0, 0), (9, 0), (9, 9), (5, 5)], [[[0, 1], [1, 2]], [[1, 3]]])
    """
    points: list[tuple[int, int]] = []
    strokes = []
    for stroke in path.split("/"):
        pieces: list[list[int]] = [[]]
        for word in stroke.split():
            place = word.rstrip("*")
            if place.startswith("@"):
                number = int(place[1:])
            else:
                number = len(points)
                x, y = place.split(",")
                points.append((int(x), int(y)))
            pieces[-1].append(number)
            if word.endswith("*"):
                pieces.append([number])
        strokes.append([piece for piece in pieces if len(piece) > 1])
    return points, strokes


def _lengths(points: IntArray, piece: list[int]) -> list[int]:
    return [isqrt(int(((points[b] - points[a]) ** 2).sum(dtype=np.int64))) or 1 for a, b in pairwise(piece)]


def _shares(lengths: list[list[int]]) -> list[int]:
    """Return the number of points per piece; points are added one by one where the spacing is widest."""
    shares = [2] * len(lengths)
    for _ in range(POINTS - sum(shares)):
        shares[max(range(len(shares)), key=lambda k: sum(lengths[k]) * 1000 // (shares[k] - 1))] += 1
    return shares


def _spline(points: IntArray, piece: list[int], share: int) -> IntArray:
    """
    Return the weights of a spline through some of the control points.

    Args:
        points: int (control points, 2), mean positions, used to space the points on the curve evenly.
        piece: numbers of the control points that the spline passes through.
        share: number of points on the curve, both ends included.

    Returns:
        int (share, control points), rows sum to ONE.
    """
    ends = np.cumsum([0, *_lengths(points, piece)], dtype=np.int64)
    rows = np.zeros((share, len(points)), np.int64)
    for row in range(share):
        place = int(ends[-1]) * row // (share - 1)
        segment = min(int(np.searchsorted(ends, place, side="right")) - 1, len(piece) - 2)
        t = (place - int(ends[segment])) * ONE // int(ends[segment + 1] - ends[segment])
        t2, t3 = t * t // ONE, t * t * t // ONE**2
        before, here, after, beyond = (2 * t2 - t - t3) // 2, 0, (t + 4 * t2 - 3 * t3) // 2, (t3 - t2) // 2
        here = ONE - before - after - beyond
        if segment == 0:  # the curve continues straight beyond its ends
            before, here, after = 0, here + 2 * before, after - before
        if segment == len(piece) - 2:
            here, after, beyond = here - beyond, after + 2 * beyond, 0
        for number, weight in zip(
            range(segment - 1, segment + 3), (before, here, after, beyond), strict=True
        ):
            if weight:
                rows[row, piece[number]] += weight
    return rows
