"""A picture in the terminal: two pixels a character, in half blocks."""

from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

from digitseq.arrays import UInt8Array

_INK = 96  # without colours, a pixel from here on is ink


def show(console: Console, image: UInt8Array) -> None:
    """
    Print an image, shrunk if it is wider than the terminal.

    With colours, every cell sets ink and paper itself, so the picture is the same on a dark and on a light
    background; without, ink is the terminal's own text colour.

    Args:
        console: where.
        image: uint8 (height, width), 0 black to 255 white.
    """
    import numpy as np
    from PIL import Image

    height, width = image.shape
    columns = max(1, min(width, console.width))
    rows = max(2, round(height * columns / width))
    rows += rows % 2
    if (columns, rows) != (width, height):
        image = np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.BOX))
    for upper, lower in zip(image[::2].tolist(), image[1::2].tolist(), strict=True):
        pairs = zip(upper, lower, strict=True)
        if console.no_color or console.color_system is None:
            blocks = "".join(" ▄▀█"[2 * (a >= _INK) + (b >= _INK)] for a, b in pairs)
            console.print(blocks.rstrip(), highlight=False, markup=False, soft_wrap=True)
        else:
            cells = [Segment("▀", Style(color=_grey(a), bgcolor=_grey(b))) for a, b in pairs]
            console.print(Segments([*cells, Segment.line()]), end="", soft_wrap=True)


def _grey(value: int) -> Color:
    return Color.from_rgb(value, value, value)
