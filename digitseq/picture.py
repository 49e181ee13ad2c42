"""Pictures: rendered images with metadata, and their PNG files."""

import json
import os
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from typing import IO, Any, SupportsIndex

import numpy as np

from digitseq.arrays import FloatArray, IntArray, UInt8Array
from digitseq.augment.effects import Augment
from digitseq.batches import Batch, draw_batches
from digitseq.checks import home_path
from digitseq.errors import ArgumentError, OutputError, system_errors
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.names import AUTO
from digitseq.glyphs.parts import warn_of_missing
from digitseq.glyphs.sources import glyphs_for, open_source, split_of
from digitseq.plan import check_recipe, make_plan
from digitseq.png import encode_png
from digitseq.recipe import Recipe, new_seed
from digitseq.render import MASK_DIGITS, check_mask_digits, render, to_float
from digitseq.sequence import sequence_text
from digitseq.storage.atomic import is_stream, write_output, write_whole
from digitseq.version import __version__

_LONGEST_STEM = 100  # most file systems limit names to 255 bytes


_FIRST = np.zeros(1, np.int64)


@dataclass(frozen=True, eq=False)
class Picture:
    """
    One rendered image with its metadata.

    Attributes:
        image: uint8 (28, width), 0 black to 255 white.
        recipe: the recipe of this picture; rendering it again gives the same pixels. If the source is a
            path, the recipe keeps only its last component; pass the full path to `draw`.
        source_digest: SHA-256 of the source's glyphs.
        gaps_px: int (digits − 1,), as sampled.
        boxes: int (digits, 4): x, y, w, h of each digit's ink in px, tight.
        origins: int (digits,), index of each glyph in the original order of the source (MNIST: 0–59,999 are
            MNIST-train, 60,000–69,999 MNIST-test). With several sources, the indices of each one
            follow those of the source before it.
        writer: the source's id of the writer of all digits; None if writers are mixed.
        glyphs: the glyphs that it was rendered from, of its split.
    """

    image: UInt8Array
    recipe: Recipe
    source_digest: str
    gaps_px: IntArray
    boxes: IntArray
    origins: IntArray
    writer: int | None = None
    glyphs: GlyphSet | None = field(default=None, repr=False)

    @cached_property
    def mask(self) -> UInt8Array:
        """
        Instance mask, uint8 (28, width): 0 for no ink, k where the k-th digit's ink is strongest.

        Ink is what the boxes measure: occlusion, noise and backgrounds do not change the mask. It is rendered
        on first access.

        Raises:
            ArgumentError: the picture has more than 255 digits, or it was not rendered by `draw`.
        """
        if self.glyphs is None:
            raise ArgumentError("mask", "this picture has no glyphs; render it with draw(picture.recipe)")
        check_mask_digits(self.recipe)
        (batch,) = draw_batches(self.recipe, self.glyphs, masks=True)
        return next(batch.samples()).mask.copy()  # type: ignore[union-attr] # asked for

    @property
    def sequence(self) -> str:
        """The digits as text: the label."""
        return self.recipe.sequences[0]

    def facts(self) -> dict[str, Any]:
        """Return everything except the pixels, as plain JSON types."""
        of_parts = self.glyphs.sources_of(self.origins) if self.glyphs and self.glyphs.parts else None
        return {
            "label": self.sequence,
            "seed": self.recipe.seed,
            "index": self.recipe.index,
            "source": self.recipe.source,
            "source_digest": self.source_digest,
            "split": self.recipe.split,
            "width": int(self.image.shape[1]),
            "height": int(self.image.shape[0]),
            "gaps": self.gaps_px.tolist(),
            "boxes": self.boxes.tolist(),
            "glyphs": self.origins.tolist(),
            **({"sources": of_parts} if of_parts else {}),
            "writer": self.writer,
            "recipe": self.recipe.to_dict(),
            "digitseq": __version__,
        }

    def png(self) -> bytes:
        """Return the picture as a PNG file: 8-bit greyscale, with its recipe in text chunks."""
        text = {
            "label": self.sequence,
            "seed": str(self.recipe.seed),
            "source": f"{self.recipe.source} {self.source_digest}",
            "recipe": json.dumps(self.recipe.to_dict()),
            "digitseq version": __version__,
        }
        return encode_png(self.image, text)

    def save(
        self,
        output: str | Path | None = None,
        *,
        force: bool = False,
        keep: Container[Path] = (),
        mask: bool = False,
    ) -> Path:
        """
        Write the picture to a PNG file, atomically.

        Args:
            output: a file name ending in .png, or a folder (None: the current folder). In a folder, the
                next free name is used: SEQUENCE.png, SEQUENCE-1.png, ….
            force: replace an existing file.
            keep: files that are never replaced, such as those that the same run wrote.
            mask: also write the instance mask, beside the picture: NAME.mask.png for NAME.png.

        Returns:
            The path of the picture's file.

        Raises:
            OutputError: the file exists or cannot be written.
            ArgumentError: the name does not end in .png.
        """
        path = None if output is None else home_path(output, "output")
        extra = encode_png(self.mask) if mask else None
        return save_picture(self.png(), self.sequence, path, force=force, keep=keep, mask=extra)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: the mask instead of the glyphs."""
        if self.glyphs is None or len(self.sequence) > MASK_DIGITS:
            return vars(self) | {"glyphs": None}
        return vars(self) | {"mask": self.mask, "glyphs": None}


def generate_numbers_sequence(
    digits: str | Iterable[SupportsIndex],
    spacing_range: tuple[int, int],
    image_width: int | None,
    *,
    seed: int | None = None,
    source: str | Path | GlyphSet = AUTO,
    split: str | None = None,
    spacing_from: str = "ink",
    align: str = "center",
    invert: bool = False,
    writer: str = "mixed",
    augment: Augment | str | None = None,
) -> FloatArray:
    """
    Generate an image of a sequence of handwritten digits.

    Each digit is sampled uniformly from all glyphs of that digit in the source and split; each gap is an
    independent uniform integer. Gaps are never rescaled, and digits are never resampled or cut to fit (except
    by ``augment``); surplus width becomes margin.

    Args:
        digits: a string of ASCII digits, or an iterable of integers 0–9.
        spacing_range: (min, max) px between neighbouring digits, inclusive; negative values overlap.
        image_width: width of the image in px, 1 to 1,000,000; None for the natural width of the line.
        seed: any integer; the same seed gives the same pixels on any machine. None for a random seed.
        source: "auto" (MNIST if it is cached or can be downloaded, else the built-in digits with a
            SourceWarning), "mnist", "builtin" (or "builtin:7", "builtin:casual", see `builtin`), a path
            to your own glyphs, several of these by weight ("mnist=2+builtin"), or a GlyphSet.
        split: "train", "validation", "test" or "all". None means the split of a GlyphSet, or "train".
        spacing_from: "ink" measures the spacing between inked columns, "tile" between 28 px tiles, "contour"
            at the nearest points of neighbours: at 0 they touch, below 0 they interlock.
        align: position of the line in a wider image: "center", "left", "right" or "random".
        invert: black digits on white.
        writer: "mixed", or "same" for all digits from one writer.
        augment: an `Augment`, or a preset: "none", "light", "medium", "heavy", "touching", "paper".

    Returns:
        float32 (28, image_width), a new array; 0.0 black to 1.0 white, every value k/255.

    Raises:
        ArgumentError: an argument is invalid. Arguments are checked before data is loaded.
        WidthError: the line could be wider than the image, for some choice of glyphs and gaps; the error
            gives a width that always fits.
        SourceError, FetchError, CacheError: the source cannot be used.

    >>> image = generate_numbers_sequence([3, 5, 0, 2], (2, 8), 200, seed=1, source="builtin")
    >>> image.shape, image.dtype, float(image.min()), float(image.max())
    ((28, 200), dtype('float32'), 0.0, 1.0)
    """
    recipe = Recipe(
        sequences=(sequence_text(digits),),
        spacing_range=spacing_range,
        image_width=image_width,
        seed=new_seed() if seed is None else seed,
        split=split_of(source, split),
        spacing_from=spacing_from,
        align=align,
        invert=invert,
        writer=writer,
        augment=augment,
    )
    glyphs = (source if isinstance(source, GlyphSet) else open_source(source)).choose(recipe.split)
    warn_of_missing(glyphs.parts, glyphs.splits, glyphs.split)
    plan = make_plan(recipe, _FIRST, glyphs)
    return to_float(render(plan, invert=recipe.invert)[0])


def draw(recipe: Recipe, source: str | Path | GlyphSet | None = None) -> Iterator[Picture]:
    """
    Render the pictures of a recipe lazily, in batches.

    Args:
        recipe: the recipe, without splits.
        source: a GlyphSet, or the name or path of a source; None for the recipe's source. The split is that
            of the recipe.

    Returns:
        An iterator over the pictures, in order.

    Raises:
        WidthError: a line could be wider than the image; raised at once, before the first picture.
        ArgumentError: the recipe has splits, or a digit has no glyphs; raised at once.
        SourceError, FetchError, CacheError: the source cannot be used; raised at once.

    >>> from digitseq import make_recipe
    >>> recipe = make_recipe(["007", "1"], (0, 0), 90, seed=1, source="builtin")
    >>> [picture.image.shape for picture in draw(recipe)]
    [(28, 90), (28, 90)]
    """
    if recipe.splits:
        raise ArgumentError(
            "recipe", "expected a recipe without splits", hint="draw each recipe of recipe.by_split()"
        )
    glyphs = glyphs_for(source, recipe.source).choose(recipe.split)
    recipe = replace(recipe, source=glyphs.name)
    check_recipe(recipe, glyphs)
    return (picture for batch in draw_batches(recipe, glyphs) for picture in _pictures(recipe, batch, glyphs))


def _pictures(recipe: Recipe, batch: Batch, glyphs: GlyphSet) -> Iterator[Picture]:
    for row, (label, image) in enumerate(zip(batch.labels, batch.images, strict=True)):
        index = recipe.index + batch.first + row
        yield Picture(
            image=image.copy(),
            recipe=replace(
                recipe, sequences=(label,), length=None, pattern=None, unique=False, count=1, index=index
            ),
            source_digest=glyphs.digest,
            gaps_px=batch.gaps_px[row, : len(label) - 1],
            boxes=batch.boxes[row, : len(label)],
            origins=batch.origins[row, : len(label)],
            writer=None if batch.writers is None else int(batch.writers[row]),
            glyphs=glyphs,
        )


def save_picture(
    png: bytes,
    sequence: str,
    output: Path | None = None,
    *,
    force: bool = False,
    keep: Container[Path] = (),
    mask: bytes | None = None,
) -> Path:
    """
    Write a PNG file, and perhaps a mask beside it, each atomically.

    Args:
        png: the bytes of the file.
        sequence: the name of the file, if ``output`` is a folder.
        output: a file name ending in .png, a folder, or None for the current folder. In a folder, the next
            free name is used: SEQUENCE.png, SEQUENCE-1.png, ….
        force: replace an existing file.
        keep: files that are never replaced.
        mask: the bytes of the mask's file, or None.

    Returns:
        The path of the file.

    Raises:
        OutputError: the file exists and ``force`` is not set, or it cannot be written.
        ArgumentError: the name does not end in .png.
    """
    output = output or Path()
    with system_errors(OutputError, f"{output} cannot be written"):
        if output.is_dir():
            return _save_in(output, _stem(sequence), png, force, keep, mask)
        if output.suffix.lower() != ".png" and not is_stream(output):
            expected = "expected a name ending in .png or an existing folder"
            raise ArgumentError("output", f"{expected}, got {str(output)!r}")
        if not output.parent.is_dir():
            raise OutputError(f"{output} cannot be written: its folder does not exist")
        files = [(output, png)] if mask is None else [(_mask_path(output), mask), (output, png)]
        if not force:  # neither file is written if the other exists
            for path, _ in files:
                if os.path.lexists(path) and not is_stream(path):
                    raise OutputError(f"{path} already exists", hint="pass force=True to replace it")
        for path, data in files:
            try:
                write_output(path, partial(_write, data), new=not force)
            except FileExistsError:
                raise OutputError(f"{path} already exists", hint="pass force=True to replace it") from None
        return output


def _mask_path(path: Path) -> Path:
    return path.with_suffix(".mask.png")


def _write(data: bytes, file: IO[bytes]) -> None:
    file.write(data)


def _stem(sequence: str) -> str:
    long = len(sequence) > _LONGEST_STEM
    return f"{sequence[:_LONGEST_STEM]}-{len(sequence)}-digits" if long else sequence


def _save_in(
    folder: Path, stem: str, png: bytes, force: bool, keep: Container[Path], mask: bytes | None
) -> Path:
    def path_of(number: int) -> Path:
        return folder / f"{stem}{f'-{number}' if number else ''}.png"

    def taken(number: int) -> bool:
        path = path_of(number)
        files = (path,) if mask is None else (path, _mask_path(path))
        return path in keep or (not force and any(map(os.path.lexists, files)))

    for number in count(_first_free(taken)):
        if taken(number) or not _written(path_of(number), png, force):
            continue  # another process has just taken the name
        if mask is None or _written(_mask_path(path_of(number)), mask, force):
            return path_of(number)
    raise AssertionError  # there is no last number


def _first_free(taken: Callable[[int], bool]) -> int:
    """
    Return a free number whose predecessor is taken, or 0 if 0 is free.

    Thousands of images can have the same label, so the numbers are not tried one by one.
    """
    high = 0
    while taken(high):
        high = 2 * high + 1
    low = high // 2
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if taken(middle) else (low, middle)
    return high


def _written(path: Path, png: bytes, force: bool) -> bool:
    """Write the file unless it exists; return whether it was written."""
    if not force and os.path.lexists(path):  # the usual case, detected without writing anything
        return False
    try:
        write_whole(path, lambda file: file.write(png), new=not force)
    except FileExistsError:
        return False
    return True
