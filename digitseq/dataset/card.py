"""
The card of a dataset: README.md, which says what it is, how to read it and how to make it again.

Format: the YAML metadata of Hugging Face's dataset cards
(huggingface.co/docs/hub/datasets-cards), with which ``load_dataset(OUT)`` reads the dataset. `croissant.py`
describes the same files in croissant.json.
"""

from collections.abc import Iterator

import numpy as np

from digitseq.arrays import UInt8Array
from digitseq.batches import draw_batches
from digitseq.checks import counted
from digitseq.dataset.croissant import croissant
from digitseq.dataset.hub_metadata import can_load, hub_metadata
from digitseq.dataset.manifest import Manifest
from digitseq.dataset.marked import Marked
from digitseq.errors import FormatError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.names import base_name
from digitseq.glyphs.tiles import SIDE
from digitseq.png import decode_png, encode_png
from digitseq.recipe import Recipe
from digitseq.storage.base import Storage

CARD = Marked("README.md", "# Written by digitseq, SHA-256 {}. Delete this line to make the card your own.")
CROISSANT = Marked("croissant.json", ' "identifier": "digitseq, SHA-256 {}",')
SHEET = ".digitseq-sheet.png"
"""Hidden, because readers of image folders treat every visible image as data."""
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
    "mnist": (
        "cc-by-sa-3.0",
        "https://creativecommons.org/licenses/by-sa/3.0/",
        "MNIST (by Y. LeCun, C. Cortes and C. Burges), which is under the CC BY-SA 3.0 licence",
    ),
    "builtin": (
        "mit",
        "https://opensource.org/license/mit",
        "the built-in digits of digitseq, which are under the MIT licence",
    ),
}


def write_card(storage: Storage, manifest: Manifest, glyphs: GlyphSet) -> None:
    """Write the card, its contact sheet and croissant.json, but replace no file of the user."""
    if CARD.put(storage, _text(manifest)):
        sheet = _sheet(manifest, glyphs)
        if not _is_sheet(storage, sheet):
            storage.put(SHEET, encode_png(sheet))
    CROISSANT.put(storage, croissant(manifest, _licence(manifest)[1]))


def remove_card(storage: Storage) -> None:
    """Remove the files of the card, but none that the user wrote or changed."""
    if CARD.remove(storage):
        storage.remove(SHEET)
    CROISSANT.remove(storage)


def card_names(storage: Storage) -> set[str]:
    """Return the names of the card's files that digitseq wrote."""
    names = {CARD.name, SHEET} if CARD.is_marked(storage) else set()
    return names | ({CROISSANT.name} if CROISSANT.is_marked(storage) else set())


def wrong_card(storage: Storage, manifest: Manifest, glyphs: GlyphSet) -> Iterator[str]:
    """Yield what is wrong with the card's files that digitseq wrote, with this version or another."""
    for file in (CARD, CROISSANT):
        if file.is_changed(storage):
            told = "changed; delete its second line to make it your own, or delete the file to write it again"
            yield f"{storage.where(file.name)}: {told}"
    if CARD.is_marked(storage) and not _is_sheet(storage, _sheet(manifest, glyphs)):
        yield f"{storage.where(SHEET)}: missing or changed"


# --- The text -----------------------------------------------------------------------------------------------


def _text(manifest: Manifest) -> str:
    recipe = manifest.recipe
    licence, _, origin = _licence(manifest)
    size = next((name for most, name in _SIZES if len(recipe) < most), _LARGEST)
    lines = [
        "---",
        f"license: {licence}",
        f"size_categories: [{size}]",
        "task_categories: [image-to-text]",
    ]
    lines += ["tags: [handwriting, digits, ocr]", *hub_metadata(manifest), "---"]
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
        *_reading(manifest),
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


def _licence(manifest: Manifest) -> tuple[str, str, str]:
    """Return the name and URL of the licence of the glyphs, and where they come from."""
    names = dict.fromkeys([name for name, _ in manifest.parts] or [manifest.source])
    found = [_LICENCES.get(base_name(name), ("unknown", "", f"the source {name!r}")) for name in names]
    # The most restrictive licence applies to the whole: unknown, then MNIST's, then MIT.
    name, url, _ = min(found, key=lambda licence: ("unknown", "cc-by-sa-3.0", "mit").index(licence[0]))
    return name, url, ", and from ".join(dict.fromkeys(origin for _, _, origin in found))


def _reading(manifest: Manifest) -> list[str]:
    """Return the lines that say how to read the dataset."""
    lines = [
        "```python",
        "from digitseq import read_dataset",
        "",
        'dataset = read_dataset("path/to/this/folder")',
    ]
    if can_load(manifest):
        lines += ["", "# or with Hugging Face's library:", "from datasets import load_dataset"]
        return [*lines, "", 'dataset = load_dataset("path/to/this/folder")', "```", ""]
    return [*lines, "```", "", "Hugging Face's `load_dataset` does not read this format.", ""]


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
