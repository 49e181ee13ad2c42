"""Show images in the terminal, two pixels per character, as half blocks."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

from digitseq.arrays import UInt8Array

_INK = 96  # least value of a pixel shown as ink without colours
_LEAST_SCALE = 0.5


def show(console: Console, image: UInt8Array, boxes: Sequence[Sequence[int]] = ()) -> None:
    """
    Print an image, shrunk to the terminal while digits stay readable; break it between digits if it is wider.

    With colours, each cell sets foreground and background, so the image looks the same in dark and light
    terminals. Without colours, ink has the terminal's text colour, whatever its colour in the image.

    Args:
        console: the console to print to.
        image: uint8 (height, width), 0 black to 255 white.
        boxes: x, y, width and height of each digit, px; empty to break at blank columns.
    """
    import numpy as np
    from PIL import Image

    height, width = image.shape
    scale = min(1.0, max(console.width / width, _LEAST_SCALE))
    columns, rows = max(1, round(width * scale)), 2 * max(1, round(height * scale / 2))
    paper = int(np.median(image))
    breaks = _between(boxes) if len(boxes) else _blank((image != paper).any(0).tolist())
    if (columns, rows) != (width, height):
        image = np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.BOX))
    plain = console.no_color or console.color_system is None
    if plain and paper >= 128:
        image = 255 - image
    places = [round(place * columns / width) for place in breaks]
    for left, right in _lines(columns, console.width, places):
        _show_strip(console, image[:, left:right], plain)


def _between(boxes: Sequence[Sequence[int]]) -> list[int]:
    """Return the columns in the middle between neighbouring digits."""
    return [(left[0] + left[2] + right[0] + 1) // 2 for left, right in pairwise(boxes)]


def _blank(inked: list[bool]) -> list[int]:
    """Return the columns in the middle of each run of columns without ink."""
    ends = [place for place in range(1, len(inked)) if inked[place] != inked[place - 1]]
    starts = [0, *ends]
    return [(a + b) // 2 for a, b in zip(starts, [*ends, len(inked)], strict=True) if not inked[a]]


def _lines(columns: int, most: int, places: list[int]) -> Iterator[tuple[int, int]]:
    """
    Yield the first column of each line and the column after its last.

    >>> list(_lines(100, 40, [30, 45, 90]))
    [(0, 30), (30, 45), (45, 85), (85, 100)]
    """
    places = sorted({0, *places, columns})
    start = 0
    while start < columns:
        end = places[bisect_right(places, start + most) - 1]  # the last one that fits
        end = end if end > start else start + most
        yield start, end
        start = end


def _show_strip(console: Console, image: UInt8Array, plain: bool) -> None:
    blocks = " ▄▀█" if console.encoding.startswith("utf") else " .'#"
    for upper, lower in zip(image[::2].tolist(), image[1::2].tolist(), strict=True):
        pairs = list(zip(upper, lower, strict=True))
        if plain:
            text = "".join(blocks[2 * (a >= _INK) + (b >= _INK)] for a, b in pairs)
            console.print(text.rstrip(), highlight=False, markup=False, soft_wrap=True)
        else:
            cells = [Segment(blocks[2], Style(color=_grey(a), bgcolor=_grey(b))) for a, b in pairs]
            console.print(Segments([*cells, Segment.line()]), end="", soft_wrap=True)


def _grey(value: int) -> Color:
    return Color.from_rgb(value, value, value)
