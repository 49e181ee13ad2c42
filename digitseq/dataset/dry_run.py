"""Describe the dataset that a recipe would produce, without writing it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from digitseq.batches import draw_batches
from digitseq.checks import flag, integer
from digitseq.dataset.formats import DEFAULT, open_format
from digitseq.dataset.label_names import label_names
from digitseq.dataset.manifest import make_manifest
from digitseq.dataset.write import check_dataset, plan_dataset
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import glyphs_for
from digitseq.recipe import Recipe
from digitseq.storage.open_storage import open_storage

_SAMPLE = 200


def outline(
    recipe: Recipe,
    *,
    source: str | Path | GlyphSet | None = None,
    out: str | Path | None = None,
    force: bool = False,
    format: str | None = None,  # noqa: A002 - the usual name
    labels: Sequence[str] = (),
    png_level: int = 0,
    card: bool = True,
) -> dict[str, Any]:
    """
    Return what `write_dataset` would write.

    Args:
        recipe: the recipe.
        source: as in `write_dataset`.
        out: where the dataset would be written; None if that is not known yet. If a dataset of this recipe
            already exists there, it determines the format.
        force: as in `write_dataset`.
        format: as in `write_dataset`.
        labels: as in `write_dataset`.
        png_level: as in `write_dataset`.
        card: as in `write_dataset`.

    Returns:
        As JSON types: images, splits (split → count), width (px; if widths vary, their range in a sample of
        images), labels (the first five), source, seed, format, files (their number), size_bytes (estimated
        from up to 200 images per split), recipe.

    Raises:
        ArgumentError: the recipe cannot be rendered, or a value is invalid.
        OutputError: ``out`` has contents that `write_dataset` would not replace.
        ExtraError: the format needs a library that is not installed.
        SourceError, FetchError, CacheError: the source cannot be used.
    """
    labels, png_level, card = label_names(labels), integer("png_level", png_level, 0, 9), flag("card", card)
    glyphs = glyphs_for(source, recipe.source)
    recipe = replace(recipe, source=glyphs.name)
    recipes = recipe.by_split()
    check_dataset(recipe, glyphs, labels)
    if out is None:
        manifest = make_manifest(recipe, glyphs, open_format(format or DEFAULT), labels)
    else:
        manifest = plan_dataset(recipe, open_storage(out), glyphs, format, labels, flag("force", force))
    form, places = manifest.form, manifest.places
    texts: list[str] = []
    size = sampled = 0
    widths: list[int] = []
    for own, place in zip(recipes, places, strict=True):
        some = own.slice(0, min(len(own), _SAMPLE))
        batches = draw_batches(some, glyphs.choose(own.split), masks=place.masks)
        samples = [sample for batch in batches for sample in batch.samples(parts=place.parts)]
        texts += [sample.label for sample in samples]
        size += form.estimate(samples, place, png_level) if samples else 0
        sampled += len(samples)
        widths += [sample.image.shape[1] for sample in samples]
    return {
        "images": len(recipe),
        "splits": {own.split: len(own) for own in recipes},
        "width": recipe.image_width or f"{min(widths, default=0)} to {max(widths, default=0)} (in a sample)",
        "labels": texts[:5],
        "source": f"{glyphs.name} {glyphs.digest[:12]}",
        "seed": recipe.seed,
        "format": form.name,
        "files": sum(map(form.file_count, places)) + len(form.whole_files(places)) + 1 + 3 * card,
        "size_bytes": round(size / max(sampled, 1) * len(recipe)),
        "recipe": recipe.to_dict(),
    }
