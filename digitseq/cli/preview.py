"""Show images in the terminal, two pixels per character, as half blocks."""

from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

from digitseq.arrays import UInt8Array

_INK = 96  # least value of a pixel shown as ink without colours
_LEAST_SCALE = 0.4


def show(console: Console, image: UInt8Array) -> None:
    """
    Print an image, shrunk to the terminal while digits stay readable; cut what is still wider into strips.

    With colours, each cell sets foreground and background, so the image looks the same in dark and light
    terminals. Without, ink has the terminal's text colour.

    Args:
        console: the console to print to.
        image: uint8 (height, width), 0 black to 255 white.
    """
    import numpy as np
    from PIL import Image

    height, width = image.shape
    scale = min(1.0, max(console.width / width, _LEAST_SCALE))
    columns, rows = max(1, round(width * scale)), 2 * max(1, round(height * scale / 2))
    if (columns, rows) != (width, height):
        image = np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.BOX))
    for left in range(0, columns, console.width):
        _show_strip(console, image[:, left : left + console.width])


def _show_strip(console: Console, image: UInt8Array) -> None:
    blocks = " ▄▀█" if console.encoding.startswith("utf") else " .'#"
    for upper, lower in zip(image[::2].tolist(), image[1::2].tolist(), strict=True):
        pairs = list(zip(upper, lower, strict=True))
        if console.no_color or console.color_system is None:
            text = "".join(blocks[2 * (a >= _INK) + (b >= _INK)] for a, b in pairs)
            console.print(text.rstrip(), highlight=False, markup=False, soft_wrap=True)
        else:
            cells = [Segment(blocks[2], Style(color=_grey(a), bgcolor=_grey(b))) for a, b in pairs]
            console.print(Segments([*cells, Segment.line()]), end="", soft_wrap=True)


def _grey(value: int) -> Color:
    return Color.from_rgb(value, value, value)
