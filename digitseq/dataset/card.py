"""
The card of a dataset: README.md, which says what it is, how to read it and how to make it again.

Format: the YAML metadata of Hugging Face's dataset cards
(huggingface.co/docs/hub/datasets-cards), with which ``load_dataset(OUT)`` reads the dataset.
"""

import re
from collections.abc import Iterator
from hashlib import sha256

import numpy as np

from digitseq.arrays import UInt8Array
from digitseq.batches import draw_batches
from digitseq.checks import counted
from digitseq.dataset.manifest import Manifest
from digitseq.errors import FormatError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.tiles import SIDE
from digitseq.png import decode_png, encode_png
from digitseq.recipe import Recipe
from digitseq.storage.base import Storage

CARD = "README.md"
SHEET = ".digitseq-sheet.png"
"""Hidden, because readers of image folders treat every visible image as data."""
_MARK = re.compile(
    r"# Written by digitseq, SHA-256 ([0-9a-f]{64})\. Delete this line to make the card your own\.\n"
)
_MOST_BYTES = 1 << 20
_SHEET_PX, _SHEET_ROWS, _GAP_PX = 840, 8, 4
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)
_LARGEST = "n>10M"
_LICENCES = {
    "mnist": ("cc-by-sa-3.0", "MNIST, by Y. LeCun, C. Cortes and C. Burges"),
    "builtin": ("mit", "the built-in digits of digitseq, which are under the MIT licence"),
}


def write_card(storage: Storage, manifest: Manifest, glyphs: GlyphSet) -> None:
    """Write the card and its contact sheet, unless there is a README.md that the user wrote or changed."""
    found = _found(storage)
    if found is not None and not _is_ours(found):
        return
    if found != (text := _marked(_text(manifest))):
        storage.put(CARD, text.encode())
    sheet = _sheet(manifest, glyphs)
    if not _is_sheet(storage, sheet):
        storage.put(SHEET, encode_png(sheet))


def remove_card(storage: Storage) -> None:
    """Remove the card and its contact sheet, but no README.md that the user wrote or changed."""
    found = _found(storage)
    if found is not None and _is_ours(found):
        storage.remove(CARD)
        storage.remove(SHEET)


def card_names(storage: Storage) -> set[str]:
    """Return the names of the card's files, if digitseq wrote the card."""
    found = _found(storage)
    return set() if found is None or _MARK.search(found) is None else {CARD, SHEET}


def wrong_card(storage: Storage, manifest: Manifest, glyphs: GlyphSet) -> Iterator[str]:
    """Yield what is wrong with a card that digitseq wrote, with this version or another."""
    found = _found(storage)
    if found is None or _MARK.search(found) is None:
        return
    if not _is_ours(found):
        told = "changed; delete its second line to make it your own, or delete the file to write it again"
        yield f"{storage.where(CARD)}: {told}"
    if not _is_sheet(storage, _sheet(manifest, glyphs)):
        yield f"{storage.where(SHEET)}: missing or changed"


def _found(storage: Storage) -> str | None:
    """Return the text of README.md; None if there is none."""
    try:
        data = storage.read(CARD, _MOST_BYTES)
    except FormatError:
        return ""  # too long, or not a regular file: not ours
    return None if data is None else data.decode("utf-8", "replace")


def _marked(text: str) -> str:
    """Return a card with its digest in the second line."""
    first, rest = text.split("\n", 1)
    mark = f"# Written by digitseq, SHA-256 {_digest(text)}. Delete this line to make the card your own."
    return f"{first}\n{mark}\n{rest}"


def _is_ours(found: str) -> bool:
    """Return whether a card is as digitseq wrote it."""
    mark = _MARK.search(found)
    return mark is not None and mark[1] == _digest(found[: mark.start()] + found[mark.end() :])


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


# --- The text -----------------------------------------------------------------------------------------------


def _text(manifest: Manifest) -> str:
    recipe, kind = manifest.recipe, manifest.source.partition(":")[0]
    licence, origin = _LICENCES.get(kind, ("unknown", f"the source {manifest.source!r}"))
    size = next((name for most, name in _SIZES if len(recipe) < most), _LARGEST)
    lines = [
        "---",
        f"license: {licence}",
        f"size_categories: [{size}]",
        "task_categories: [image-to-text]",
    ]
    lines += ["tags: [handwriting, digits, ocr]", *manifest.form.card(manifest.places), "---"]
    splits = ", ".join(f"{entry.split} {entry.images:,}" for entry in manifest.splits)
    width = "as wide as the line" if recipe.image_width is None else f"{recipe.image_width} px wide"
    lines += [
        "",
        "# Handwritten digit sequences",
        "",
        f"{counted(len(recipe), 'image')} of handwritten digit sequences ({splits}), 28 px high and {width},",
        f"with labels and a bounding box for every digit. The digits come from {origin}.",
        "",
        f"![Some of the images]({SHEET})",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in _facts(recipe)),
        "",
        f"[digitseq](https://github.com/digitseq/digitseq) {manifest.version} made this dataset, in the",
        f"format `{manifest.format}`. Labels are text: leading zeros count. `dataset.json` holds the recipe.",
        "From it, anybody can make the same images again:",
        "",
        "```sh",
        "digitseq batch again --recipe dataset.json",
        "digitseq verify again",
        "```",
        "",
    ]
    return "\n".join(lines)


def _facts(recipe: Recipe) -> Iterator[tuple[str, str]]:
    low, high = recipe.spacing_range
    if recipe.sequences:
        yield "labels", "given sequences"
    elif recipe.lengths is not None:
        least, most = recipe.lengths
        yield "labels", f"{least} digits" if least == most else f"{least} to {most} digits"
    else:
        patterns = (recipe.pattern,) if isinstance(recipe.pattern, str) else recipe.pattern or ()
        shown = ", ".join(f"`{pattern}`" for pattern in patterns[:5])
        yield "labels", f"patterns {shown}{', …' if len(patterns) > 5 else ''}"
    yield "spacing", f"{low} to {high} px, measured from {recipe.spacing_from}"
    yield "seed", str(recipe.seed)[:40]
    if recipe.settings is not None:
        yield (
            "augmentation",
            ", ".join(f"{name} {value}" for name, value in recipe.settings.to_dict().items()),
        )


# --- The contact sheet --------------------------------------------------------------------------------------


def _sheet(manifest: Manifest, glyphs: GlyphSet) -> UInt8Array:
    """Draw the first images in rows, uint8 (height, 840)."""
    own = manifest.recipe.by_split()[0]
    sheet = np.zeros((_SHEET_ROWS * (SIDE + _GAP_PX), _SHEET_PX), np.uint8)
    x = y = 0
    wanted = own.slice(0, min(len(own), 10 * _SHEET_ROWS))
    for batch in draw_batches(wanted, glyphs.choose(own.split)):
        for image in batch.images:
            shown = image[:, :_SHEET_PX]
            if x + shown.shape[1] > _SHEET_PX:
                x, y = 0, y + SIDE + _GAP_PX
            if y >= len(sheet):
                return sheet
            sheet[y : y + SIDE, x : x + shown.shape[1]] = shown
            x += shown.shape[1] + _GAP_PX
    return sheet[: y + SIDE]


def _is_sheet(storage: Storage, sheet: UInt8Array) -> bool:
    """Return whether the contact sheet is there, whatever compressor wrote it."""
    try:
        found = decode_png(storage.read(SHEET, _MOST_BYTES) or b"", _SHEET_PX * _SHEET_ROWS)
    except FormatError:
        return False
    return found is not None and np.array_equal(found, sheet)
