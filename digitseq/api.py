"""
The core API: what programs call, and all that the command line calls.

It wires the rooms; how things are done stands in them.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from digitseq.arrays import FloatArray
from digitseq.augment.settings import Augment
from digitseq.dataset.folder import Batch, draw_batches
from digitseq.dataset.pictures import Picture
from digitseq.errors import ArgumentError, FormatError, system_errors
from digitseq.glyphs.cache import mnist_dir
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import AUTO, Progress, forget_mnist, glyphs_for, open_source
from digitseq.plan import check_recipe, make_plan
from digitseq.recipe import SPLITS, Recipe, sequence_text
from digitseq.render import render, to_float

if TYPE_CHECKING:  # what only datasets need is loaded by the functions that write and read them
    from concurrent.futures import Executor

    from digitseq.dataset.dataset import Progress as BatchProgress
    from digitseq.dataset.dataset import Summary
    from digitseq.dataset.reading import Dataset

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


def write_dataset(
    recipe: Recipe,
    out: str | Path,
    *,
    source: str | Path | GlyphSet | None = None,
    workers: int | None = None,
    force: bool = False,
    png_level: int = 0,
    progress: "BatchProgress | None" = None,
    executor: "Executor | None" = None,
    drawing: "Progress | None" = None,
) -> "Summary":
    """
    Write the images of a recipe and their labels, or finish a dataset of the same recipe.

    The files are the same bytes for any number of workers. A run that was killed is finished by the same
    call; what is whole is not touched. In a script, call it under ``if __name__ == "__main__":``, as the
    workers are fresh processes that import it.

    Args:
        recipe: what is wanted.
        out: the folder; made if missing.
        source: glyphs to draw from, or a path of them; None opens the recipe's own.
        workers: processes; None for one a core.
        force: replace a dataset of another recipe. A folder of something else is never touched.
        png_level: 0, the fastest compression, or zlib's 1 to 9 for smaller files.
        progress: called with images done, images in all and bytes written.
        executor: any `concurrent.futures.Executor`; runs the shards instead of processes of our own.
        drawing: called with glyphs done and glyphs in all, if many images need the built-in digits and these
            are drawn into the cache first.

    Returns:
        What was done.

    Raises:
        ArgumentError: the recipe cannot be drawn, or a value is not what it must be.
        OutputError: the folder holds something else, or the system refuses.
        SourceError, FetchError, CacheError: the source cannot be used.
    """
    from digitseq.dataset.dataset import write_dataset as write
    from digitseq.dataset.execution import cores

    for name, value, low, high in (("workers", workers, 1, 1024), ("png_level", png_level, 0, 9)):
        if value is not None and (type(value) is not int or not low <= value <= high):
            raise ArgumentError(name, f"expected an integer from {low} to {high}, got {value!r}")
    glyphs = glyphs_for(source, recipe.source)
    return write(
        replace(recipe, source=glyphs.name),
        Path(out),
        glyphs,
        workers=workers or cores(),
        force=force,
        png_level=png_level,
        progress=progress,
        executor=executor,
        drawing=drawing,
    )


def read_dataset(out: str | Path) -> "Dataset":
    """
    A dataset that `write_dataset` finished.

    Args:
        out: its folder.

    Returns:
        The dataset: its recipe, and for each split the labels and the images, read when asked for.

    Raises:
        FormatError: there is no finished dataset, or its files do not fit together.
    """
    from digitseq.dataset.reading import read_dataset as read

    return read(Path(out))


def verify_dataset(
    out: str | Path,
    *,
    source: str | Path | GlyphSet | None = None,
    progress: "BatchProgress | None" = None,
) -> Iterator[str]:
    """
    What is wrong with a dataset: files, counts, labels, boxes and pixels are compared with its recipe.

    Args:
        out: its folder.
        source: its glyphs, or a path of them; None opens the recipe's own.
        progress: called with images done, images in all and 0.

    Returns:
        An iterator over one sentence for each thing that is wrong, empty if all is well.

    Raises:
        FormatError: there is no finished dataset, or it is from another source.
        SourceError, FetchError, CacheError: the source cannot be used.
    """
    from digitseq.dataset.verify import verify_dataset as verify

    return verify(Path(out), glyphs_for(source, read_recipe(out)[0].source), progress)


def read_recipe(path: str | Path) -> tuple[Recipe, str]:
    """
    The recipe of a dataset.

    Args:
        path: a dataset.json, or the folder of a dataset.

    Returns:
        The recipe, and the digest of the glyphs that it was drawn from.

    Raises:
        FormatError: there is no dataset.json, or it is damaged.
    """
    from digitseq.dataset.reading import MANIFEST, UNFINISHED, read_manifest

    path = Path(path)
    with system_errors(FormatError, f"{path} cannot be read"):
        if (path / UNFINISHED).exists() and not (path / MANIFEST).exists():
            hint = "the same `digitseq batch` command again finishes it"
            raise FormatError(f"the dataset in {path} is not finished", hint=hint)
        path = path / MANIFEST if path.is_dir() else path
    with system_errors(FormatError, f"{path} cannot be read"):
        manifest = read_manifest(path)
    return Recipe.from_dict(manifest["recipe"]), str(manifest["source"]["digest"])


def seed_in(out: str | Path) -> int | None:
    """
    The seed of the dataset in a folder, finished or not.

    Args:
        out: the folder, which need not exist.

    Returns:
        The seed, or None if there is no dataset.

    Raises:
        FormatError: there is one, but its manifest is damaged.
    """
    from digitseq.dataset.dataset import found_manifest

    with system_errors(FormatError, f"{out} cannot be read"):
        manifest = found_manifest(Path(out))
    return None if manifest is None else int(manifest["recipe"]["seed"])


def outline(
    recipe: Recipe, *, source: str | Path | GlyphSet | None = None, png_level: int = 0
) -> dict[str, Any]:
    """
    What `write_dataset` would write.

    Args:
        recipe: what is wanted.
        source: as in `write_dataset`.
        png_level: as in `write_dataset`.

    Returns:
        As JSON types: images, splits (split → count), width (px, or the range in a sample of natural ones),
        the first five labels, source, seed, files, and size_bytes, estimated from up to 200 images.

    Raises:
        ArgumentError: the recipe cannot be drawn.
        SourceError, FetchError, CacheError: the source cannot be used.
    """
    from digitseq.dataset.dataset import outline as make_outline

    glyphs = glyphs_for(source, recipe.source)
    return make_outline(replace(recipe, source=glyphs.name), glyphs, png_level)


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


def _split(source: str | Path | GlyphSet, split: str | None) -> str:
    if split is None:
        return source.split if isinstance(source, GlyphSet) else "train"
    if not isinstance(split, str) or split not in SPLITS:
        raise ArgumentError("split", f"expected one of {', '.join(SPLITS)}, got {split!r}")
    return split


def _new_seed() -> int:
    # 53 bits: a JSON reader that keeps numbers as doubles still reads it exactly.
    return int.from_bytes(os.urandom(8), "big") >> 11
