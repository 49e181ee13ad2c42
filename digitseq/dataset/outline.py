"""What a dataset would be, without writing it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digitseq.batches import draw_batches
from digitseq.dataset.formats import open_format
from digitseq.dataset.manifest import found_manifest, make_manifest
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.plan import check_recipe
from digitseq.recipe import Recipe
from digitseq.storage.open import open_storage

_SAMPLE = 200


def outline(
    recipe: Recipe,
    glyphs: GlyphSet,
    png_level: int,
    format: str | None = None,  # noqa: A002
    labels: Sequence[str] = (),
    out: str | Path | None = None,
) -> dict[str, Any]:
    """
    What a dataset would be, without writing it.

    Args:
        recipe: what is wanted.
        glyphs: what it is drawn from.
        png_level: as `compressor` takes it.
        format: one of `FORMATS`.
        labels: further files of labels.
        out: where it would be written: what is there decides what is not said.

    Returns:
        As JSON types; `digitseq.api.outline` says which.
    """
    parts = recipe.parts()
    for part in parts:
        check_recipe(part, glyphs.choose(part.split))
    found = None if out is None else found_manifest(open_storage(out))
    if found is not None and found.is_of(recipe, glyphs) and format in (None, found.format):
        format, labels = found.format, [*found.labels, *labels]  # noqa: A001
    form = open_format(format or "folder")
    places = make_manifest(recipe, glyphs, form, labels).places
    texts: list[str] = []
    size = sampled = 0
    widths: list[int] = []
    for part, place in zip(parts, places, strict=True):
        batches = draw_batches(part.part(0, min(len(part), _SAMPLE)), glyphs.choose(part.split))
        samples = [sample for batch in batches for sample in batch.samples()]
        texts += [sample.label for sample in samples]
        size += form.estimate(samples, place, png_level) if samples else 0
        sampled += len(samples)
        widths += [sample.image.shape[1] for sample in samples]
    return {
        "images": len(recipe),
        "splits": {part.split: len(part) for part in parts},
        "width": recipe.image_width or f"{min(widths, default=0)} to {max(widths, default=0)} (in a sample)",
        "labels": texts[:5],
        "source": f"{glyphs.name} {glyphs.digest[:12]}",
        "seed": recipe.seed,
        "format": form.name,
        "files": sum(form.file_count(place) for place in places) + len(form.whole_files(places)) + 1,
        "size_bytes": round(size / max(sampled, 1) * len(recipe)),
        "recipe": recipe.to_dict(),
    }
