"""Plan → uint8 images: the digits side by side, then what is done to the whole line."""

from typing import Any

import numpy as np

from digitseq.arrays import AnyArray, FloatArray, UInt8Array
from digitseq.glyphs.tiles import SIDE
from digitseq.plan import Plan


class Renderer:
    """
    Draws plans; keeps its canvas from one batch to the next, as fresh memory costs more than the drawing.

    One renderer serves one thread.
    """

    def __init__(self) -> None:
        self._canvas = np.zeros(0, np.uint8)

    def draw(
        self,
        plan: Plan,
        dtype: np.dtype[Any],
        *,
        invert: bool = False,
        out: AnyArray | None = None,
    ) -> AnyArray:
        """
        The images of a plan, in memory of their own.

        Args:
            plan: where each digit stands.
            dtype: uint8 (0 to 255) or float32 (0.0 to 1.0, exactly k/255 rounded once).
            invert: black digits on white.
            out: array of that dtype to write into, (images, 28, widest).

        Returns:
            ``out``, or a new array.
        """
        canvas = self.compose(plan)
        if out is None:
            out = np.empty(canvas.shape, dtype)
        if dtype == np.float32:
            np.divide(
                np.subtract(255, canvas) if invert else canvas, np.float32(255), out=out, dtype=np.float32
            )
        elif invert:
            np.subtract(255, canvas, out=out)
        else:
            np.copyto(out, canvas)
        return out

    def compose(self, plan: Plan) -> UInt8Array:
        """
        The images of a plan on the canvas, white on black: gone with the next call.

        Args:
            plan: where each digit stands.

        Returns:
            uint8 (images, 28, widest), a view of the canvas.
        """
        images, width = len(plan), int(plan.widths_px.max(initial=0))
        # A glyph is written as a whole, 28 columns from its first ink: room for the last one at the right.
        pitch = width + SIDE
        size = images * SIDE * pitch
        if size > len(self._canvas):
            self._canvas = np.zeros(size, np.uint8)
        else:
            self._canvas[:size] = 0
        canvas = self._canvas[:size].reshape(images, SIDE, pitch)
        # windows[i, x] is the 28×28 piece of image i that starts at column x; writing to it writes there.
        strides = (SIDE * pitch, 1, pitch, 1)
        windows = np.ndarray((images, width + 1, SIDE, SIDE), np.uint8, self._canvas.data, 0, strides)
        ink = plan.tiles.at_left_edge(plan.tile_rows)  # (images, digits, 28, 28)
        if plan.inside is not None:
            ink[~plan.inside] = 0
        every = np.arange(images, dtype=np.int64)
        for position in range(plan.tile_rows.shape[1]):
            place = (every, plan.left_px[:, position])
            # From left to right, and ink ends where the next begins: only blank columns are overwritten.
            windows[place] = (
                np.maximum(ink[:, position], windows[place]) if plan.overlapping else ink[:, position]
            )
        drawn = canvas[:, :, :width]
        if plan.augment is not None and plan.augment.has("line"):
            from digitseq.augment.line_effects import rough_lines  # only who augments pays for it

            rough_lines(drawn, plan.augment, plan.starts, plan.widths_px)
        return drawn


def render(plan: Plan, *, invert: bool = False) -> UInt8Array:
    """
    The images of a plan.

    Args:
        plan: where each digit stands.
        invert: black digits on white.

    Returns:
        uint8 (images, 28, widest), a new array (its rows may lie apart in memory); 0 black, 255 white.
        An image narrower than the widest is at the left, blank (0, or 255 when inverted) on its right.

    >>> from digitseq.glyphs.handwriting.builtin import builtin
    >>> from digitseq.plan import make_plan
    >>> from digitseq.recipe import Recipe
    >>> recipe = Recipe(sequences=("3502",), spacing_range=(2, 8), image_width=200, seed=1)
    >>> render(make_plan(recipe, np.array([0]), builtin())).shape
    (1, 28, 200)
    """
    drawn = Renderer().compose(plan)
    return np.subtract(255, drawn, out=drawn) if invert else drawn


def to_float(images: UInt8Array) -> FloatArray:
    """
    Pixels for training.

    Args:
        images: uint8, any shape.

    Returns:
        float32, the same shape, a new array in C order; 0.0 black to 1.0 white, exactly k/255 rounded once.
    """
    scaled: FloatArray = np.divide(images, np.float32(255), dtype=np.float32, order="C")
    return scaled
