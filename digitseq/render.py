"""Plan + GlyphSet → uint8 images."""

import numpy as np

from digitseq.arrays import FloatArray, UInt8Array
from digitseq.glyphs.glyphset import SIDE, GlyphSet
from digitseq.plan import Plan


def render(plan: Plan, glyphs: GlyphSet, *, invert: bool = False) -> UInt8Array:
    """
    The images of a plan.

    Args:
        plan: where each glyph stands.
        glyphs: the set that the plan was made with.
        invert: black digits on white.

    Returns:
        uint8 (images, 28, widest), a new array (its rows may lie apart in memory); 0 black, 255 white.
        An image narrower than the widest is at the left, blank (0, or 255 when inverted) on its right.

    >>> from digitseq.glyphs.strokes import builtin
    >>> from digitseq.plan import make_plan
    >>> from digitseq.recipe import Recipe
    >>> recipe = Recipe(sequences=("3502",), spacing_range=(2, 8), image_width=200, seed=1)
    >>> render(make_plan(recipe, np.array([0]), builtin()), builtin()).shape
    (1, 28, 200)
    """
    images, width = len(plan), int(plan.widths_px.max(initial=0))
    # A glyph is written as a whole, 28 columns from its first ink: room for the last one at the right.
    pitch = width + SIDE
    canvas = np.zeros((images, SIDE, pitch), np.uint8)
    # windows[i, x] is the 28×28 piece of image i that starts at column x; writing to it writes the canvas.
    windows = np.ndarray(
        (images, width + 1, SIDE, SIDE), np.uint8, canvas.data, 0, (SIDE * pitch, 1, pitch, 1)
    )
    ink = glyphs.at_left_edge(plan.rows)  # (images, digits, 28, 28)
    if plan.inside is not None:
        ink[~plan.inside] = 0
    every = np.arange(images)
    for position in range(plan.rows.shape[1]):
        place = (every, plan.left_px[:, position])
        # From left to right, and ink ends where the next begins: only blank columns are overwritten.
        windows[place] = (
            np.maximum(ink[:, position], windows[place]) if plan.overlapping else ink[:, position]
        )
    drawn = canvas[:, :, :width]
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
