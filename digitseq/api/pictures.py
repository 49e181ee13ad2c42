"""Pictures, and the glyphs that they are drawn from."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np

from digitseq.arrays import FloatArray
from digitseq.augment.effects import Augment
from digitseq.batches import Batch, draw_batches
from digitseq.checks import home_path
from digitseq.errors import ArgumentError, SourceError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import AUTO, Progress, forget_mnist, glyphs_for, open_recorded, open_source
from digitseq.glyphs.store import mnist_dir
from digitseq.interrupts import noted
from digitseq.picture import Picture
from digitseq.plan import check_recipe, make_plan
from digitseq.recipe import SPLITS, Recipe, sequence_text
from digitseq.render import render, to_float

_FIRST = np.zeros(1, np.int64)


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
    An image of a sequence of handwritten digits.

    Each digit is drawn uniformly from all glyphs of that digit in the source and split; each gap is an
    independent uniform integer. Gaps are never rescaled, digits never resampled or cut to fit (unless
    ``augment`` asks for it); surplus width is margin.

    Args:
        digits: a text of ASCII digits, or any iterable of integers 0–9.
        spacing_range: (min, max) px between neighbouring digits, both included; negative overlaps.
        image_width: width of the image in px, 1 to 1,000,000; None for the natural width of the line.
        seed: any integer; the same seed gives the same pixels, anywhere. None draws one from the OS.
        source: "auto" (MNIST if cached or if it can be fetched now, else the built-in digits with a
            SourceWarning), "mnist", "builtin" (or "builtin:7", see `builtin`), a path of your own
            glyphs, or a GlyphSet.
        split: "train" (the default), "validation", "test" or "all". None leaves a GlyphSet as it is.
        spacing_from: "ink" measures the spacing between inked columns, "tile" between 28 px tiles, "contour"
            where neighbours come nearest: 0 touches, less interlocks.
        align: "center", "left", "right" or "random".
        invert: black digits on white.
        writer: "mixed", or "same" for all digits from one writer.
        augment: an `Augment`, or a preset: "none", "light", "medium", "heavy", "touching".

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
        writer=writer,
        augment=augment,
    )
    glyphs = (source if isinstance(source, GlyphSet) else open_source(source)).choose(recipe.split)
    plan = make_plan(recipe, _FIRST, glyphs)
    return to_float(render(plan, invert=recipe.invert)[0])


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
    if recipe.splits:
        raise ArgumentError("recipe", "it has splits; draw one of them", hint="recipe.parts() has them")
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
        )


def make_recipe(
    sequences: Sequence[str] = (),
    spacing_range: tuple[int, int] = (2, 8),
    image_width: int | None = None,
    *,
    seed: int | None = None,
    **settings: Any,
) -> Recipe:
    """
    A recipe, with a seed drawn from the OS where none is given.

    Args:
        sequences: texts of digits, one image each unless ``count`` says otherwise; or none, with ``length``
            or ``pattern`` and ``count`` among the settings.
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
    [500, 500, 500, 500, 500, 500, 500, 500, 500, 500]
    """
    return open_source(source, progress).choose(_split(source, split))


def load_recorded_glyphs(recipe: Recipe, digest: str, *, progress: Progress | None = None) -> GlyphSet:
    """
    The glyphs that a dataset was drawn from.

    Args:
        recipe: the dataset's recipe.
        digest: the digest of its glyphs, as returned by `read_recipe`.
        progress: called with bytes done and bytes in all, if MNIST is fetched.

    Returns:
        The glyph set, with the split "all".

    Raises:
        SourceError: the glyphs are missing or have changed.
        FetchError, CacheError: MNIST is unavailable.
    """
    glyphs = open_recorded(recipe.source, progress)
    if glyphs.digest != digest:
        raise SourceError(
            f"the dataset was drawn from other glyphs: {glyphs.name!r} has changed or is another source",
            hint="give the path of the original glyphs (--source PATH)",
        )
    return glyphs


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

    with noted():
        fetch(force=force, from_dir=None if from_dir is None else home_path(from_dir), progress=progress)
    forget_mnist()
    return mnist_dir()


def _split(source: str | Path | GlyphSet, split: str | None) -> str:
    if split is None:
        return source.split if isinstance(source, GlyphSet) else "train"
    if not isinstance(split, str) or split not in SPLITS:
        raise ArgumentError("split", f"expected one of {', '.join(SPLITS)}, got {split!r}")
    return split


def _new_seed() -> int:
    # 53 bits: a JSON reader that keeps numbers as doubles still reads it exactly.
    return int.from_bytes(os.urandom(8), "big") >> 11
