"""Plan → uint8 images: place the digits, then apply the effects on whole lines."""

from typing import Any

import numpy as np

from digitseq.arrays import AnyArray, FloatArray, UInt8Array
from digitseq.glyphs.tiles import SIDE
from digitseq.plan import Plan


class Renderer:
    """
    Renders plans; reuses its canvas between batches, as allocating memory costs more than rendering.

    Not thread-safe: use one renderer per thread.
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
        Render a plan to an array that is independent of the canvas.

        Args:
            plan: the plan.
            dtype: uint8 (0 to 255) or float32 (0.0 to 1.0, exactly k/255 rounded once).
            invert: black digits on white.
            out: array of this dtype to write to, (images, 28, widest).

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
        Render a plan on the canvas, white on black.

        Args:
            plan: the plan.

        Returns:
            uint8 (images, 28, widest), a view of the canvas that is valid until the next call.
        """
        images, width = len(plan), int(plan.widths_px.max(initial=0))
        # Each glyph is written as 28 columns from its first ink, so the last one needs room on the right.
        pitch = width + SIDE
        size = images * SIDE * pitch
        if size > len(self._canvas):
            self._canvas = np.zeros(size, np.uint8)
        else:
            self._canvas[:size] = 0
        canvas = self._canvas[:size].reshape(images, SIDE, pitch)
        # windows[i, x] is a view of the 28×28 window of image i that starts at column x.
        strides = (SIDE * pitch, 1, pitch, 1)
        windows = np.ndarray((images, width + 1, SIDE, SIDE), np.uint8, self._canvas.data, 0, strides)
        ink = plan.tiles.at_left_edge(plan.tile_rows)  # (images, digits, 28, 28)
        if plan.inside is not None:
            ink[~plan.inside] = 0
        every = np.arange(images, dtype=np.int64)
        for position in range(plan.tile_rows.shape[1]):
            place = (every, plan.left_px[:, position])
            # Without overlaps, going from left to right overwrites only blank columns.
            windows[place] = (
                np.maximum(ink[:, position], windows[place]) if plan.overlapping else ink[:, position]
            )
        drawn = canvas[:, :, :width]
        if plan.augment is not None and plan.augment.has("line"):
            from digitseq.augment.line_effects import rough_lines  # slow to import and rarely needed

            rough_lines(drawn, plan.augment, plan.starts, plan.widths_px)
        return drawn


def render(plan: Plan, *, invert: bool = False) -> UInt8Array:
    """
    Render a plan.

    Args:
        plan: the plan.
        invert: black digits on white.

    Returns:
        uint8 (images, 28, widest), a new array (not necessarily contiguous); 0 black, 255 white. Narrower
        images are padded on the right with blank pixels (0, or 255 if inverted).

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
    Convert pixels to float32.

    Args:
        images: uint8, any shape.

    Returns:
        float32, same shape, a new array in C order; 0.0 black to 1.0 white, exactly k/255 rounded once.
    """
    scaled: FloatArray = np.divide(images, np.float32(255), dtype=np.float32, order="C")
    return scaled
