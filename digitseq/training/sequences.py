"""The images of a dataset, rendered on demand instead of read from files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from digitseq.arrays import AnyArray, IntArray, UInt8Array
from digitseq.checks import as_array, as_int, choice, counted, flag, integer, short
from digitseq.dataset.find import read_recipe
from digitseq.dataset.read import Dataset, DatasetSplit
from digitseq.errors import ArgumentError, SourceError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import glyphs_for, hint_for
from digitseq.glyphs.tiles import SIDE
from digitseq.labels import label_texts
from digitseq.plan import check_recipe, make_plan
from digitseq.recipe import Recipe
from digitseq.render import Renderer, check_mask_digits
from digitseq.training.collate import natural_width, padded
from digitseq.training.transforms import (
    INPUTS,
    apply_to_batch,
    apply_to_sample,
    check_probe,
    checked_image,
    shape_of,
)


class _Drawn(NamedTuple):
    """
    Some rendered images.

    Attributes:
        images: (n, 28, widest) of the dtype; narrower images are padded on the right.
        labels: their labels.
        widths_px: int (n,).
        boxes: int (n, digits, 4), −1 where a label is shorter; None if not asked for.
        masks: uint8 (n, 28, widest); None if not asked for.
    """

    images: Any
    labels: list[str]
    widths_px: IntArray
    boxes: IntArray | None
    masks: AnyArray | None

    def samples(self) -> Iterator[dict[str, Any]]:
        """Yield each image at its own width, with its boxes and mask."""
        for row, (label, width) in enumerate(zip(self.labels, self.widths_px.tolist(), strict=True)):
            sample = {"image": self.images[row, :, :width], "label": label}
            if self.boxes is not None:
                sample["boxes"] = self.boxes[row, : len(label)]
            if self.masks is not None:
                sample["mask"] = self.masks[row, :, :width]
            yield sample


class DigitSequences:
    """
    The images of a recipe as a sequence: ``len()``, ``[i]``, ``[a:b]``, ``[[i, j]]``, batches.

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
        recipe: Recipe | Dataset | DatasetSplit | str | Path,
        source: str | Path | GlyphSet | None = None,
        *,
        dtype: Any = "uint8",
        boxes: bool = False,
        masks: bool = False,
        transform: Callable[..., Any] | None = None,
        transform_input: str = "batch",
    ) -> None:
        """
        Prepare the images of a recipe.

        Args:
            recipe: recipe of the images, or a dataset to render again: its folder, its dataset.json, or what
                `read_dataset` returned. If it has splits, choose one: ``recipe.by_split()[0]``, or
                ``read_dataset(OUT).splits["train"]``.
            source: a GlyphSet, or the name or path of a source; None opens the recipe's own.
            dtype: "uint8" or "float32", or numpy's type of that name.
            boxes: also return the boxes of the digits.
            masks: also return the instance masks, uint8 (28, width): 0 for no ink, k where the k-th digit's
                ink is strongest. Lines can have up to 255 digits.
            transform: function that changes the images. It may change their shape, channels and dtype, and
                should treat each image independently.
            transform_input: what the function is called with. "batch": images (n, 28, width) of one width; it
                returns n images, image i at index i of the first axis. "image": one image (28, width) at a
                time. "sample": one image at a time with its boxes and mask, for transforms that move pixels:
                keyword arguments ``image``, ``boxes`` (with ``boxes=True``) and ``mask`` (with
                ``masks=True``); it returns a mapping with the same keys.

        Raises:
            ArgumentError: the recipe has splits or cannot be rendered, or an argument is invalid.
            FormatError: there is no dataset at the path.
            SourceError, FetchError, CacheError: the source cannot be used, or its glyphs are not those of the
                dataset.
        """
        self.dtype = _dtype(dtype)
        if transform is not None and not callable(transform):
            raise ArgumentError("transform", f"expected a function, got {transform!r}")
        choice("transform_input", transform_input, INPUTS)
        self.recipe, self.glyphs = _opened(recipe, source)
        check_recipe(self.recipe, self.glyphs)
        self._boxes, self._masks = flag("boxes", boxes), flag("masks", masks)
        if masks:
            check_mask_digits(self.recipe)
        self._transform, self._input, self._probed = transform, transform_input, False

    def __len__(self) -> int:
        return len(self.recipe)

    def __repr__(self) -> str:
        width = "natural" if self.recipe.image_width is None else f"{self.recipe.image_width} px"
        images = f"{counted(len(self), 'image')}, width {width}, {self.dtype}"
        return f"DigitSequences({images}, source {self.glyphs.name!r}, split {self.recipe.split!r})"

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        """
        Return one image, or a batch.

        Args:
            index: an integer, counted from the end if negative; a slice or a sequence of integers.

        Returns:
            For an integer: the image (28, width) and its label; then, if requested, its boxes,
            int (digits, 4), and its mask, uint8 (28, width). For a batch: images (n, 28, width); widths,
            int (n,), only if the recipe has no ``image_width``; labels; then, if requested, boxes,
            int (n, digits, 4), −1 where a label is shorter, and masks, uint8 (n, 28, width). Images narrower
            than the widest are padded on the right, and so are their masks.

        Raises:
            IndexError: the image does not exist.
            ArgumentError: the transform returned something that its contract does not allow.
        """
        if isinstance(index, slice):
            return self._batch(np.arange(*index.indices(len(self)), dtype=np.int64), Renderer())
        if as_int(index) is not None:
            return self._items([range(len(self))[index]])[0]
        return self._batch(self._numbers(index), Renderer())

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, ...]]:
        """
        Return several images at once, as PyTorch's DataLoader requests them: much faster than one by one.

        Args:
            indices: integers, counted from the end if negative.

        Returns:
            For each index, the same as ``[i]``.

        Raises:
            IndexError: an image does not exist.
            ArgumentError: the transform returned something that its contract does not allow.
        """
        return self._items(self._numbers(indices).tolist())

    def batches(self, size: int, out: AnyArray | None = None) -> Iterator[tuple[Any, ...]]:
        """
        Yield all images in order, in batches.

        Args:
            size: images per batch; the last batch may have fewer.
            out: (size, 28, width) of the dtype, C-contiguous. Each batch overwrites it, and the images
                yielded are a view of it; masks are overwritten too. Allocating new memory costs more than
                rendering.

        Yields:
            The same as a slice.

        Raises:
            ArgumentError: ``size`` or ``out`` is invalid.
        """
        size = integer("size", size, 1)
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
        masks = None if out is None or not self._masks else np.empty(out.shape, np.uint8)
        for first in range(0, len(self), size):
            indices = np.arange(first, min(first + size, len(self)), dtype=np.int64)
            yield self._batch(indices, renderer, out, masks)

    def _numbers(self, indices: Any) -> IntArray:
        numbers = range(len(self))
        try:
            wanted = [numbers[as_int(index)] for index in indices]  # type: ignore[index] # None: TypeError
        except TypeError:
            raise TypeError(
                f"expected an integer, a slice or a sequence of integers, got {short(indices)}"
            ) from None
        return np.array(wanted, np.int64)

    def _draw(
        self,
        indices: IntArray,
        renderer: Renderer,
        into: AnyArray | None = None,
        masks: UInt8Array | None = None,
    ) -> _Drawn:
        plan = make_plan(self.recipe, indices, self.glyphs)
        images, mask = renderer.draw(
            plan,
            self.dtype,
            invert=self.recipe.invert,
            out=into,
            masks=self._masks if masks is None else masks,
        )
        if not len(indices) and self.recipe.image_width is not None:
            empty = np.empty((0, SIDE, self.recipe.image_width), np.uint8)
            images, mask = empty.astype(self.dtype), None if mask is None else empty
        boxes = None
        if self._boxes:
            boxes = plan.boxes()
            if plan.inside is not None:
                boxes[~plan.inside] = -1
        return _Drawn(images, label_texts(plan.digits), plan.widths_px, boxes, mask)

    def _batch(
        self,
        indices: IntArray,
        renderer: Renderer,
        out: AnyArray | None = None,
        masks: UInt8Array | None = None,
    ) -> tuple[Any, ...]:
        """Return some images as a batch."""
        if self._transform is not None and len(indices) and self.recipe.image_width is None:
            items = self._items(indices.tolist())
            try:
                return padded(items, fill=self._white(items) if self.recipe.invert else 0)
            except ArgumentError as error:
                raise ArgumentError("transform", error.problem, hint=error.hint) from None
        into = None if out is None else out[: len(indices)]
        drawn = self._draw(indices, renderer, into, None if masks is None else masks[: len(indices)])
        if self._transform is not None and len(indices):
            if self._input == "batch":
                drawn = drawn._replace(images=self._on_batch(drawn.images))
            else:
                drawn = _stacked(drawn, [self._on_sample(sample) for sample in drawn.samples()])
            if into is not None:
                if shape_of(drawn.images) != shape_of(into):
                    raise ArgumentError(
                        "out", f"expected {shape_of(into)} from transform, got {shape_of(drawn.images)}"
                    )
                np.copyto(into, drawn.images)
                drawn = drawn._replace(images=into)
        widths = (drawn.widths_px,) if self.recipe.image_width is None else ()
        more = (given for given in (drawn.boxes, drawn.masks) if given is not None)
        return (drawn.images, *widths, drawn.labels, *more)

    def _white(self, items: list[tuple[Any, ...]]) -> Any:
        """Return the value of white pixels after the transform, which may change the dtype and the range."""
        images = [as_array("transform", item[0]) for item in items]
        most, usual = max(image.max() for image in images), 255 if self.dtype == np.uint8 else 1
        same = all(image.dtype == self.dtype and image.min() >= 0 for image in images) and most <= usual
        return usual if same else most

    def _items(self, numbers: list[int]) -> list[tuple[Any, ...]]:
        """Return some images one by one, but render them as one batch."""
        drawn = self._draw(np.array(numbers, np.int64), Renderer())
        samples = list(drawn.samples())
        if self._transform is not None and self._input == "batch":
            for width in set(drawn.widths_px.tolist()):  # no image sees padding
                rows = np.flatnonzero(drawn.widths_px == width).tolist()
                images = self._on_batch(np.ascontiguousarray(drawn.images[rows, :, :width]))
                for row, image in zip(rows, images, strict=True):
                    samples[row]["image"] = image
        elif self._transform is not None:
            samples = [self._on_sample(sample) for sample in samples]
        if self.recipe.image_width is None:
            samples = [sample | {"image": natural_width(sample["image"])} for sample in samples]
        return [tuple(sample.values()) for sample in samples]

    def _on_batch(self, images: AnyArray) -> Any:
        transform = cast("Callable[..., Any]", self._transform)
        if not self._probed:
            check_probe(transform, images)
            self._probed = True
        return apply_to_batch(transform, images)

    def _on_sample(self, sample: dict[str, Any]) -> dict[str, Any]:
        transform = cast("Callable[..., Any]", self._transform)
        if self._input == "image":
            return sample | {"image": checked_image(transform(sample["image"]))}
        given = {name: value for name, value in sample.items() if name != "label"}
        return sample | apply_to_sample(transform, given)


def _dtype(dtype: Any) -> "np.dtype[Any]":
    try:
        found: np.dtype[Any] | None = None if dtype is None else np.dtype(dtype)
    except (TypeError, ValueError):
        found = None
    if found is None or found not in (np.dtype(np.uint8), np.dtype(np.float32)):
        raise ArgumentError("dtype", f"expected uint8 or float32, got {short(dtype)}")
    return found


def _opened(
    recipe: Recipe | Dataset | DatasetSplit | str | Path, source: str | Path | GlyphSet | None
) -> tuple[Recipe, GlyphSet]:
    """Return a recipe of one split, and its glyphs."""
    digest, hint = "", "choose one from recipe.by_split()"
    if isinstance(recipe, str | Path):
        hint = f'choose one: read_dataset({str(recipe)!r}).splits["train"]'
        recipe, digest = read_recipe(recipe)
    elif isinstance(recipe, Dataset | DatasetSplit):
        hint = 'choose one from its splits, such as splits["train"]'
        digest, recipe = recipe.digest, recipe.recipe
    if not isinstance(recipe, Recipe):
        raise ArgumentError("recipe", f"expected a recipe, a dataset or its path, got {short(recipe)}")
    if recipe.splits:
        names = ", ".join(name for name, _ in recipe.splits)
        raise ArgumentError("recipe", f"expected a recipe without splits, got one with {names}", hint=hint)
    glyphs = glyphs_for(source, recipe.source)
    if digest and glyphs.digest != digest:
        raise SourceError(
            f"the dataset was rendered from glyphs that differ from those of {glyphs.name!r}",
            hint=hint_for(recipe.source),
        )
    return replace(recipe, source=glyphs.name), glyphs.choose(recipe.split)


def _stacked(drawn: _Drawn, samples: list[dict[str, Any]]) -> _Drawn:
    """Return transformed samples as a batch."""
    columns = {}
    for name in ("image", "mask"):
        arrays = [np.asarray(sample[name]) for sample in samples if name in sample]
        if len({array.shape for array in arrays}) > 1:
            raise ArgumentError(
                "transform", f"expected {name}s of one shape to form a batch, got several shapes",
                hint="index single images, or use a DataLoader with collate_fn=digitseq.pad_batch",
            )  # fmt: skip
        columns[name] = np.stack(arrays) if arrays else None
    boxes = drawn.boxes
    if boxes is not None:
        moved = [np.asarray(sample["boxes"]) for sample in samples]
        boxes = np.full(boxes.shape, -1, np.result_type(*moved))
        for row, own in enumerate(moved):
            boxes[row, : len(own)] = own
    return drawn._replace(images=columns["image"], boxes=boxes, masks=columns["mask"])
