"""The images of a dataset, rendered on demand instead of read from files."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from digitseq.arrays import AnyArray, IntArray
from digitseq.checks import counted
from digitseq.errors import ArgumentError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import glyphs_for
from digitseq.glyphs.tiles import SIDE
from digitseq.labels import label_texts
from digitseq.plan import check_recipe, make_plan
from digitseq.recipe import Recipe
from digitseq.render import Renderer


class DigitSequences:
    """
    The images of a recipe as a sequence: ``len()``, ``[i]``, ``[a:b]``, batches.

    PyTorch can use it as a map-style dataset, and Grain as a data source, without an adapter.

    Image i is the same as image i of `write_dataset`, in any process and in any order of access.

    >>> recipe = Recipe(length=(2, 2), count=9, spacing_range=(0, 4), image_width=50, seed=1)
    >>> images, labels = DigitSequences(recipe, "builtin")[2:5]
    >>> images.shape, len(labels)
    ((3, 28, 50), 3)

    Attributes:
        recipe: the recipe, of one split.
        glyphs: the glyphs of that split.
        dtype: uint8 (0 to 255) or float32 (0.0 to 1.0).
    """

    def __init__(
        self,
        recipe: Recipe,
        source: str | Path | GlyphSet | None = None,
        *,
        dtype: str = "uint8",
        boxes: bool = False,
        transform: Callable[[AnyArray], AnyArray] | None = None,
    ) -> None:
        """
        Prepare the images of a recipe.

        Args:
            recipe: recipe of the images. If it has splits, choose one: ``recipe.by_split()``.
            source: a GlyphSet, or the name or path of a source; None opens the recipe's own.
            dtype: "uint8" or "float32".
            boxes: also return the boxes of the digits.
            transform: function that takes images (n, 28, width) and returns as many. It is called with
                whatever batches are requested, so it should treat each image independently.

        Raises:
            ArgumentError: the recipe has splits or cannot be rendered, or an argument is invalid.
            SourceError, FetchError, CacheError: the source cannot be used.
        """
        if recipe.splits:
            raise ArgumentError(
                "recipe", "expected a recipe without splits", hint="choose one from recipe.by_split()"
            )
        if dtype not in ("uint8", "float32"):
            raise ArgumentError("dtype", f"expected uint8 or float32, got {dtype!r}")
        self.recipe, self.glyphs = recipe, glyphs_for(source, recipe.source).choose(recipe.split)
        check_recipe(recipe, self.glyphs)
        self.dtype = np.dtype(dtype)
        if transform is not None and not callable(transform):
            raise ArgumentError("transform", f"expected a function, got {transform!r}")
        self._boxes = boxes
        self._transform = transform

    def __len__(self) -> int:
        return len(self.recipe)

    @overload
    def __getitem__(self, index: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Any, ...]: ...

    def __getitem__(self, index: int | slice) -> tuple[Any, ...]:
        """
        Return one image, or a slice of images.

        Args:
            index: an integer, counted from the end if negative; or a slice.

        Returns:
            For an integer: the image (28, width), its label, and with ``boxes`` int (digits, 4). For a slice:
            images (n, 28, width), labels, and with ``boxes`` int (n, digits, 4), −1 where a label is shorter.
            Images narrower than the widest are left-aligned.

        Raises:
            IndexError: the image does not exist.
        """
        if isinstance(index, slice):
            return self._draw(np.arange(*index.indices(len(self)), dtype=np.int64), Renderer())
        number = range(len(self))[index]
        images, labels, *boxes = self._draw(np.array([number], np.int64), Renderer())
        return (images[0], labels[0], *(b[0] for b in boxes))

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, ...]]:
        """
        Return several images at once, as PyTorch's DataLoader requests them: much faster than one by one.

        Args:
            indices: integers, counted from the end if negative.

        Returns:
            For each index, the same as ``[i]``.

        Raises:
            IndexError: an image does not exist.
        """
        if self.recipe.image_width is None or self._transform is not None:  # widths may differ
            return [self[index] for index in indices]
        numbers = [range(len(self))[index] for index in indices]
        images, labels, *boxes = self._draw(np.array(numbers, np.int64), Renderer())
        cut = [[b[: len(label)] for b, label in zip(some, labels, strict=True)] for some in boxes]
        return list(zip(images, labels, *cut, strict=True))

    def batches(self, size: int, out: AnyArray | None = None) -> Iterator[tuple[Any, ...]]:
        """
        Yield all images in order, in batches.

        Args:
            size: images per batch; the last batch may have fewer.
            out: (size, 28, width) of the dtype, C-contiguous. Each batch overwrites it, and the images
                yielded are a view of it. Allocating new memory costs more than rendering.

        Yields:
            The same as a slice.

        Raises:
            ArgumentError: ``size`` or ``out`` is invalid.
        """
        if type(size) is not int or size < 1:
            raise ArgumentError("size", f"expected an integer ≥ 1, got {size!r}")
        if out is not None:
            if self.recipe.image_width is None or not isinstance(out, np.ndarray):
                raise ArgumentError("out", "expected a numpy array, and a recipe with an image_width")
            shape = (size, SIDE, self.recipe.image_width)
            fits = out.shape == shape and out.dtype == self.dtype
            if not fits or not out.flags.c_contiguous or not out.flags.writeable:
                raise ArgumentError(
                    "out", f"expected a C-contiguous {self.dtype} array {shape}, got {out.dtype} {out.shape}"
                )
        renderer = Renderer()
        for first in range(0, len(self), size):
            yield self._draw(np.arange(first, min(first + size, len(self)), dtype=np.int64), renderer, out)

    def _draw(self, indices: IntArray, renderer: Renderer, out: AnyArray | None = None) -> tuple[Any, ...]:
        plan = make_plan(self.recipe, indices, self.glyphs)
        into = None if out is None else out[: len(indices)]
        images = renderer.draw(plan, self.dtype, invert=self.recipe.invert, out=into)
        labels = label_texts(plan.digits)
        if self._transform is not None:
            images = self._transform(images)
            if not hasattr(images, "__len__") or len(images) != len(labels):
                raise ArgumentError(
                    "transform", f"expected {counted(len(labels), 'image')} back, got {_shape(images)}"
                )
            if into is not None:
                if getattr(images, "shape", None) != into.shape or images.dtype != into.dtype:
                    raise ArgumentError(
                        "out", f"expected {into.dtype} {into.shape} from transform, got {_shape(images)}"
                    )
                np.copyto(into, images)
                images = into
        if not self._boxes:
            return images, labels
        boxes = plan.boxes()
        if plan.inside is not None:
            boxes[~plan.inside] = -1
        return images, labels, boxes


def _shape(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if hasattr(value, "shape") else type(value).__name__
