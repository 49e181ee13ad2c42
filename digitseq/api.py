"""
The core API: what programs call, and all that the command line calls.

It wires the rooms; how things are done stands in them.
"""

import json
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np

from digitseq import __version__
from digitseq.arrays import FloatArray, IntArray, UInt8Array
from digitseq.dataset.pictures import save_picture
from digitseq.dataset.png import encode_png
from digitseq.errors import ArgumentError
from digitseq.glyphs.cache import mnist_dir
from digitseq.glyphs.glyphset import SIDE, GlyphSet
from digitseq.glyphs.sources import AUTO, Progress, forget_mnist, open_source
from digitseq.plan import check_lines, make_plan
from digitseq.recipe import SPLITS, Recipe, sequence_text
from digitseq.render import render, to_float

_FIRST = np.zeros(1, np.int64)
_BATCH = 256
_BATCH_BYTES = 1 << 26


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
) -> FloatArray:
    """
    An image of a sequence of handwritten digits.

    Each digit is drawn uniformly from all glyphs of that digit in the source and split; each gap is an
    independent uniform integer. Gaps are never rescaled, digits never resampled or cut to fit; surplus
    width is margin.

    Args:
        digits: a text of ASCII digits, or any iterable of integers 0–9.
        spacing_range: (min, max) px between neighbouring digits, both included; negative overlaps.
        image_width: width of the image in px, 1 to 1,000,000; None for the natural width of the line.
        seed: any integer; the same seed gives the same pixels, anywhere. None draws one from the OS.
        source: "auto" (MNIST if cached or if it can be fetched now, else the built-in digits with a
            SourceWarning), "mnist", "builtin", a path of your own glyphs, or a GlyphSet.
        split: "train" (the default), "validation", "test" or "all". None leaves a GlyphSet as it is.
        spacing_from: "ink" measures the spacing between inked columns, "tile" between 28 px tiles.
        align: "center", "left", "right" or "random".
        invert: black digits on white.

    Returns:
        float32 (28, image_width), a new array; 0.0 black to 1.0 white, every value k/255.

    Raises:
        ArgumentError: an argument is not what it must be. Arguments are checked before data is loaded.
        WidthError: the line could be wider than the image, whatever is drawn; it says the width that
            always fits.
        SourceError, FetchError, CacheError: the source cannot be used.

    >>> image = generate_numbers_sequence([3, 5, 0, 2], (2, 8), 200, seed=1, source="builtin")
    >>> image.shape, image.dtype, float(image.min()), float(image.max())
    ((28, 200), dtype('float32'), 0.0, 1.0)
    """
    recipe = Recipe(
        sequences=(sequence_text(digits),),
        spacing_range=spacing_range,
        image_width=image_width,
        seed=_new_seed() if seed is None else seed,
        split=_split(source, split),
        spacing_from=spacing_from,
        align=align,
        invert=invert,
    )
    glyphs = _glyphs(source, recipe.split)
    plan = make_plan(recipe, _FIRST, glyphs)
    return to_float(render(plan, glyphs, invert=recipe.invert)[0])


@dataclass(frozen=True, eq=False)
class Picture:
    """
    One drawn image, with all that is known of it.

    Attributes:
        image: uint8 (28, width), 0 black to 255 white.
        recipe: the recipe of this one picture: drawing it again gives the same pixels. It names a source
            of your own by the last part of its path; give `draw` the path.
        source_digest: SHA-256 of the source's glyphs.
        gaps_px: int (digits − 1,), as drawn.
        boxes: int (digits, 4): x, y, w, h of each digit's ink in px, tight.
        origins: int (digits,), each glyph's place in the source's own order (for MNIST: 0–59,999
            MNIST-train, 60,000–69,999 MNIST-test).
    """

    image: UInt8Array
    recipe: Recipe
    source_digest: str
    gaps_px: IntArray
    boxes: IntArray
    origins: IntArray

    @property
    def sequence(self) -> str:
        """The digits drawn, the label."""
        return self.recipe.sequences[0]

    def facts(self) -> dict[str, Any]:
        """All but the pixels, as plain JSON types."""
        return {
            "sequence": self.sequence,
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
            "recipe": self.recipe.to_dict(),
            "digitseq": __version__,
        }

    def png(self) -> bytes:
        """The picture as a PNG file: 8-bit greyscale, its recipe in text chunks."""
        text = {
            "sequence": self.sequence,
            "seed": str(self.recipe.seed),
            "source": f"{self.recipe.source} {self.source_digest}",
            "recipe": json.dumps(self.recipe.to_dict()),
            "digitseq version": __version__,
        }
        return encode_png(self.image, text)

    def save(
        self, output: str | Path | None = None, *, force: bool = False, keep: Container[Path] = ()
    ) -> Path:
        """
        Write the picture as a PNG file, whole or not at all.

        Args:
            output: a name ending in .png; or a folder (None: the current one), where the file takes the
                next free name: SEQUENCE.png, SEQUENCE-1.png, ….
            force: replace a file of that name.
            keep: files that are not replaced even so, such as those that the same run wrote.

        Returns:
            The path written.

        Raises:
            OutputError: the file exists, or the system refuses.
            ArgumentError: the name does not end in .png.
        """
        path = None if output is None else Path(output)
        return save_picture(self.png(), self.sequence, path, force=force, keep=keep)


def draw(recipe: Recipe, source: str | Path | GlyphSet | None = None) -> Iterator[Picture]:
    """
    The pictures of a recipe, one after the other, drawn in batches as they are asked for.

    Args:
        recipe: what is wanted.
        source: glyphs to draw from, or a path of them; None opens the recipe's own. The split is the
            recipe's.

    Returns:
        An iterator over one picture a sequence, in order.

    Raises:
        WidthError: a line could be wider than the image; told at once, before the first picture.
        ArgumentError, SourceError, FetchError, CacheError: the source cannot be used; at once, too.

    >>> recipe = make_recipe(["007", "1"], (0, 0), 90, seed=1, source="builtin")
    >>> [picture.image.shape for picture in draw(recipe)]
    [(28, 90), (28, 90)]
    """
    glyphs = _glyphs(recipe.source if source is None else source, recipe.split)
    recipe = replace(recipe, source=glyphs.name)
    longest = max(map(len, recipe.sequences))
    widest_px = recipe.image_width or longest * (SIDE + max(0, recipe.spacing_range[1]))
    largest = SIDE * max(widest_px, SIDE * longest)  # bytes of its pixels, or of its glyphs
    batch = max(1, min(_BATCH, _BATCH_BYTES // largest))
    batches = [np.arange(first, min(first + batch, len(recipe))) for first in range(0, len(recipe), batch)]
    for indices in batches:
        check_lines(recipe, indices, glyphs)
    return (picture for indices in batches for picture in _pictures(recipe, indices, glyphs))


def _pictures(recipe: Recipe, indices: IntArray, glyphs: GlyphSet) -> Iterator[Picture]:
    plan = make_plan(recipe, indices, glyphs)
    images, boxes = render(plan, glyphs, invert=recipe.invert), plan.boxes(glyphs)
    for row, index in enumerate(indices.tolist()):
        sequence = recipe.sequences[index]
        yield Picture(
            image=images[row, :, : plan.widths_px[row]].copy(),
            recipe=replace(recipe, sequences=(sequence,), index=recipe.index + index),
            source_digest=glyphs.digest,
            gaps_px=plan.gaps_px[row, : len(sequence) - 1],
            boxes=boxes[row, : len(sequence)],
            origins=glyphs.origin[plan.rows[row, : len(sequence)]],
        )


def make_recipe(
    sequences: Sequence[str],
    spacing_range: tuple[int, int],
    image_width: int | None = None,
    *,
    seed: int | None = None,
    **settings: Any,
) -> Recipe:
    """
    A recipe, with a seed drawn from the OS where none is given.

    Args:
        sequences: texts of digits, one image each.
        spacing_range: as in Recipe.
        image_width: as in Recipe.
        seed: any integer, or None.
        **settings: the other fields of Recipe.

    Returns:
        The recipe.

    Raises:
        ArgumentError: a value is not what it must be.
    """
    if isinstance(settings.get("source"), Path):
        settings["source"] = os.path.join(".", settings["source"])  # noqa: PTH118 - a Path would drop the dot
    return Recipe(
        sequences=sequences if isinstance(sequences, str) else tuple(sequences),  # type: ignore[arg-type]
        spacing_range=spacing_range,
        image_width=image_width,
        seed=_new_seed() if seed is None else seed,
        **settings,
    )


def load_glyphs(
    source: str | Path = AUTO, split: str = "train", *, progress: Progress | None = None
) -> GlyphSet:
    """
    The glyphs of a source, to look at or to draw from.

    Args:
        source: as in `generate_numbers_sequence`.
        split: "train", "validation", "test" or "all".
        progress: called with bytes done and in all, if MNIST is fetched.

    Returns:
        The set, its split chosen. A source is opened once in a process.

    Raises:
        SourceError: there are no glyphs, or no such split.
        FetchError, CacheError: MNIST cannot be had.

    >>> load_glyphs("builtin", "test").counts.tolist()
    [1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000]
    """
    return open_source(source, progress).choose(_split(source, split))


def fetch_mnist(
    *, force: bool = False, from_dir: str | Path | None = None, progress: Progress | None = None
) -> Path:
    """
    Put MNIST into the cache, if it is not there.

    Args:
        force: get it again, even if it is there.
        from_dir: import the four original files (gzip or plain) from this folder, without a network.
        progress: called with bytes done and bytes in all as they arrive.

    Returns:
        The folder of the parsed MNIST.

    Raises:
        FetchError: no mirror gave the files, or the network is switched off.
        SourceError: ``from_dir`` lacks a file, or one is not the original.
        CacheError: the cache folder cannot be used.
    """
    from digitseq.glyphs.fetch import fetch  # the network stack, only when it is asked for

    fetch(force=force, from_dir=None if from_dir is None else Path(from_dir), progress=progress)
    forget_mnist()
    return mnist_dir()


def _glyphs(source: str | Path | GlyphSet, split: str) -> GlyphSet:
    glyphs = source if isinstance(source, GlyphSet) else open_source(source)
    return glyphs.choose(split)


def _split(source: str | Path | GlyphSet, split: str | None) -> str:
    if split is None:
        return source.split if isinstance(source, GlyphSet) else "train"
    if not isinstance(split, str) or split not in SPLITS:
        raise ArgumentError("split", f"expected one of {', '.join(SPLITS)}, got {split!r}")
    return split


def _new_seed() -> int:
    # 53 bits: a JSON reader that keeps numbers as doubles still reads it exactly.
    return int.from_bytes(os.urandom(8), "big") >> 11
