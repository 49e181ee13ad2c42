"""Plan → uint8 images: place the digits, then apply the effects on whole lines."""

from typing import Any

import numpy as np

from digitseq.arrays import AnyArray, FloatArray, UInt8Array
from digitseq.errors import ArgumentError
from digitseq.glyphs.tiles import SIDE
from digitseq.plan import Plan
from digitseq.recipe import Recipe

MASK_DIGITS = 255
"""Maximum number of digits of a line with a mask: the greatest value of a pixel."""


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
        masks: bool | UInt8Array = False,
    ) -> tuple[AnyArray, UInt8Array | None]:
        """
        Render a plan to arrays that are independent of the canvas.

        Args:
            plan: the plan.
            dtype: uint8 (0 to 255) or float32 (0.0 to 1.0, exactly k/255 rounded once).
            invert: black digits on white.
            out: array of this dtype to write to, (images, 28, widest).
            masks: also return instance masks, in a new array or in this one, (images, 28, widest).

        Returns:
            The images, ``out`` or a new array; and the masks, as `compose` returns them.
        """
        canvas, mask = self.compose(plan, masks)
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
        return out, mask

    def compose(self, plan: Plan, masks: bool | UInt8Array = False) -> tuple[UInt8Array, UInt8Array | None]:
        """
        Render a plan on the canvas, white on black.

        Args:
            plan: the plan.
            masks: also return instance masks, in a new array or in this one, (images, 28, widest).

        Returns:
            uint8 (images, 28, widest), a view of the canvas that is valid until the next call; and the masks,
            an array of the same shape and dtype, or None: 0 for no ink, k where the k-th digit's ink
            is strongest (the leftmost of equals), before the effects on whole lines.
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
        ink = plan.tiles.at_left_edge(plan.tile_rows)  # (images, digits, 28, 28)
        if plan.inside is not None:
            ink[~plan.inside] = 0
        mask = None
        if masks is not False:
            mask = np.empty((images, SIDE, width), np.uint8) if masks is True else masks
        if plan.overlapping:
            _overlap(plan, ink, canvas, mask)
        else:
            _place(plan, ink, canvas)
            if mask is not None:  # each column belongs to one digit
                np.greater(canvas[:, :, :width], 0, out=mask.view(np.bool_))
                np.multiply(mask, _digit_of_columns(plan, width)[:, None], out=mask)
        drawn = canvas[:, :, :width]
        if plan.augment is not None and plan.augment.has("line"):
            from digitseq.augment.line_effects import rough_lines  # slow to import and rarely needed

            rough_lines(drawn, plan.augment, plan.starts, plan.widths_px)
        return drawn, mask


def check_mask_digits(recipe: Recipe) -> None:
    """
    Check that the masks of a recipe can be rendered.

    Raises:
        ArgumentError: a line can have more than 255 digits.
    """
    if recipe.longest > MASK_DIGITS:
        problem = f"expected lines of at most {MASK_DIGITS} digits, got {recipe.longest:,}"
        raise ArgumentError("masks", problem)


def _place(plan: Plan, ink: UInt8Array, canvas: UInt8Array) -> None:
    """Write the digits of a plan without overlaps: from left to right, only blank columns are overwritten."""
    every, windows = np.arange(len(plan), dtype=np.int64), _windows(canvas)
    for position in range(ink.shape[1]):
        windows[every, plan.left_px[:, position]] = ink[:, position]


def _overlap(plan: Plan, ink: UInt8Array, canvas: UInt8Array, mask: UInt8Array | None) -> None:
    """Write the digits of a plan so that the stronger ink wins; write the masks, if asked for."""
    every, windows = np.arange(len(plan), dtype=np.int64), _windows(canvas)
    numbers = np.zeros(canvas.shape if mask is not None else (0, SIDE, SIDE), np.uint8)
    number_windows = _windows(numbers)
    for position in range(ink.shape[1]):
        place, own = (every, plan.left_px[:, position]), ink[:, position]
        under = windows[place]
        windows[place] = np.maximum(own, under)
        if mask is not None:
            before = number_windows[place]
            np.copyto(before, np.uint8(position + 1), where=own > under)
            number_windows[place] = before
    if mask is not None:
        np.copyto(mask, numbers[:, :, : mask.shape[2]])


def _digit_of_columns(plan: Plan, width: int) -> UInt8Array:
    """Return the number of digits that begin at or before each column: uint8 (images, width)."""
    kind = np.dtype(np.int16 if width < 1 << 15 else np.int32)  # narrow integers are compared faster
    columns = np.arange(width, dtype=kind)
    numbers = np.zeros((len(plan), width), np.uint8)
    for left in plan.left_px.astype(kind).T:
        numbers += (columns >= left[:, None]).view(np.uint8)
    return numbers


def _windows(canvas: UInt8Array) -> UInt8Array:
    """Return a view in which [i, x] is the 28×28 window of image i that starts at column x."""
    images, _, pitch = canvas.shape
    strides = (SIDE * pitch, 1, pitch, 1)
    return np.ndarray((images, pitch - SIDE + 1, SIDE, SIDE), np.uint8, canvas.reshape(-1).data, 0, strides)


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
    drawn, _ = Renderer().compose(plan)
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
