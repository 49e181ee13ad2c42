"""
`dataset.json`: the manifest of a dataset, created from its recipe, read back and compared.

It is written last, so its presence means that the dataset is complete. Until then, it exists under another
name, so that a run of another recipe is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from json import dumps
from typing import Any

from digitseq.dataset.formats import FORMATS, find_format, open_format
from digitseq.dataset.formats.base import Format
from digitseq.dataset.label_names import LABEL_FILES
from digitseq.dataset.shards import Place
from digitseq.errors import RESUME_BATCH, ArgumentError, DigitSeqError, FormatError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.json_fields import MOST_VALUES, Fields, count_values, parse_json
from digitseq.recipe import MAX_IMAGES, Recipe
from digitseq.storage.base import Storage
from digitseq.version import __version__

DATASET_FORMAT = 1
MANIFEST = "dataset.json"
UNFINISHED = ".digitseq-unfinished.json"
NOTES = ".digitseq-notes"
MOST_BYTES = 1 << 25
"""Maximum size of a manifest, bytes; it depends on the sequences that the manifest lists."""


@dataclass(frozen=True)
class Entry:
    """
    A split's entry in a manifest.

    Attributes:
        folder: the folder of its files, with a trailing "/", or "".
        split: its name.
        images: number of images.
        pixels: SHA-256 of its labels, widths and pixels; "" until it is finished.
    """

    folder: str
    split: str
    images: int
    pixels: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        known = {"folder": self.folder, "split": self.split, "images": self.images}
        return known | ({"pixels": self.pixels} if self.pixels else {})


@dataclass(frozen=True)
class Manifest:
    """
    The contents of dataset.json.

    Attributes:
        format: name of the format.
        recipe: the recipe of the dataset.
        source: name of the source of the glyphs.
        digest: digest of the glyphs.
        labels: extra label files.
        splits: the splits, in order.
        pixels: SHA-256 of the pixel digests of all splits; "" until the dataset is finished.
        version: version of digitseq that wrote it.
        parts: for a mixture, the name of each source and the first position of its glyphs; else empty.
    """

    format: str
    recipe: Recipe
    source: str
    digest: str
    labels: tuple[str, ...]
    splits: tuple[Entry, ...]
    pixels: str = ""
    version: str = __version__
    parts: tuple[tuple[str, int], ...] = ()

    @property
    def form(self) -> Format:
        """The format."""
        return find_format(self.format)

    @cached_property
    def places(self) -> list[Place]:
        """The files of each split."""
        return [
            Place(
                entry.split,
                entry.folder,
                entry.images,
                own.longest,
                self.labels,
                own.widest_px,
                self.form.flat,
                self.parts,
            )
            for own, entry in zip(self.recipe.by_split(), self.splits, strict=True)
        ]

    def is_of(self, recipe: Recipe, glyphs: GlyphSet) -> bool:
        """Return whether it describes a recipe and its glyphs, or the first images of such a recipe."""
        return self.digest == glyphs.digest and (self.recipe == recipe or self._begins(recipe))

    def _begins(self, recipe: Recipe) -> bool:
        """Return whether this dataset is finished and a recipe has the same images and more of them."""
        if not self.pixels or self.recipe.splits or recipe.splits or len(recipe) <= len(self.recipe):
            return False
        return replace(recipe, count=len(self.recipe)) == self.recipe

    def is_same(self, other: "Manifest") -> bool:
        """Return whether another manifest describes the same images in the same format."""
        return (self.recipe, self.source, self.digest, self.format) == (
            other.recipe,
            other.source,
            other.digest,
            other.format,
        )

    def grows_to(self, other: "Manifest") -> bool:
        """Return whether another manifest describes the same images and more of them."""
        return self._begins(other.recipe) and replace(self, recipe=other.recipe).is_same(other)

    def owns(self, name: str) -> bool:
        """Return whether a file name belongs to the dataset, including temporary files."""
        if name in self.form.whole_files(self.places):
            return True
        return any(self.form.owns(place, name) for place in self.places)

    def unfinished(self) -> "Manifest":
        """Return it without the digests of a finished dataset."""
        return replace(self, pixels="", splits=tuple(replace(entry, pixels="") for entry in self.splits))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "format": self.format,
            "version": DATASET_FORMAT,
            "digitseq": self.version,
            "recipe": self.recipe.to_dict(),
            "source": {
                "name": self.source,
                "digest": self.digest,
                **({"parts": [{"name": n, "first": first} for n, first in self.parts]} if self.parts else {}),
            },
            "images": len(self.recipe),
            **({"labels": list(self.labels)} if self.labels else {}),
            "splits": [entry.to_dict() for entry in self.splits],
            **({"pixels": self.pixels} if self.pixels else {}),
        }

    def to_json(self) -> bytes:
        """
        Return the contents of the file.

        Raises:
            ArgumentError: the recipe lists too many sequences for one dataset.
        """
        text = dumps(self.to_dict(), indent=1) + "\n"
        for name, size, most in (
            ("bytes of JSON", len(text), MOST_BYTES),
            ("values", count_values(text), MOST_VALUES),
        ):
            if size > most:
                problem = f"expected at most {most:,} {name}, got {size:,}"
                raise ArgumentError("sequences", problem, hint="write several datasets")
        return text.encode()


def make_manifest(recipe: Recipe, glyphs: GlyphSet, form: Format, labels: Sequence[str]) -> Manifest:
    """Return a manifest without pixel digests, which are known only at the end."""
    wanted = tuple(name for name in LABEL_FILES if name in labels)
    if not set(wanted) <= set(form.label_files):
        raise ArgumentError(
            "labels", f"only the formats folder and flat can have extra label files, not {form.name}"
        )
    splits = tuple(
        Entry(form.folder(own.split, bool(recipe.splits)), own.split, len(own)) for own in recipe.by_split()
    )
    parts = tuple((part.name, part.first) for part in glyphs.parts)
    return Manifest(form.name, recipe, glyphs.name, glyphs.digest, wanted, splits, parts=parts)


# --- Reading -------------------------------------------------------------------------------------------


def read_manifest(storage: Storage, name: str = MANIFEST) -> Manifest | None:
    """
    Read a dataset.json.

    Returns:
        The manifest; None if there is no such file.

    Raises:
        FormatError: it is not a manifest, is damaged, or is of a later version.
    """
    data, where = storage.read(name, MOST_BYTES), storage.where(name)
    return None if data is None else parse_manifest(data, where)


def parse_manifest(data: bytes, where: str) -> Manifest:
    """
    Parse a dataset.json.

    Args:
        data: its bytes.
        where: its name for error messages.

    Raises:
        FormatError: it is not a manifest, is damaged, or is of a later version.
    """
    try:
        fields = Fields(parse_json(data), MANIFEST)
    except ValueError as error:
        raise FormatError(f"{where}: not a digitseq manifest ({error})") from error
    try:
        form, version = fields.text("format"), fields.integer("version", 0, 1 << 31)
        if form not in FORMATS or version != DATASET_FORMAT:
            raise ValueError(f"found version {version}, format {form[:40]}")
    except ValueError as error:
        raise FormatError(
            f"{where}: not a digitseq manifest that this version can read: expected version {DATASET_FORMAT} "
            f"and one of the formats {', '.join(FORMATS)} ({error})",
            hint="if a newer digitseq wrote it, install that version",
        ) from error
    try:
        return _manifest(fields, form)
    except (ValueError, DigitSeqError) as error:
        raise FormatError(f"{where}: the manifest is damaged ({error})") from error


def _manifest(fields: Fields, form: str) -> Manifest:
    recipe = Recipe.from_dict(fields.mapping("recipe"))
    source = fields.object("source")
    splits = []
    for value in fields.items("splits"):
        entry = Fields(value, "splits")
        splits.append(
            Entry(
                entry.text("folder"),
                entry.text("split"),
                entry.integer("images", 0, MAX_IMAGES),
                entry.digest("pixels", ""),
            )
        )
    if [(entry.split, entry.images) for entry in splits] != [
        (own.split, len(own)) for own in recipe.by_split()
    ]:
        raise ValueError("its splits differ from those of its recipe")
    if [entry.folder for entry in splits] != [
        find_format(form).folder(own.split, bool(recipe.splits)) for own in recipe.by_split()
    ]:
        raise ValueError("a split has an unexpected folder")
    labels = fields.texts("labels") if "labels" in fields else []
    if not set(labels) <= set(find_format(form).label_files):
        raise ValueError("it has unknown label files")
    parts = [Fields(part, "parts") for part in source.items("parts")] if "parts" in source else []
    return Manifest(
        form,
        recipe,
        source.text("name"),
        source.text("digest"),
        tuple(name for name in LABEL_FILES if name in labels),
        tuple(splits),
        fields.digest("pixels", ""),
        fields.text("digitseq", ""),
        tuple((part.text("name"), part.integer("first", 0, 1 << 31)) for part in parts),
    )


def finished_manifest(storage: Storage) -> Manifest:
    """
    Return the manifest of a finished dataset.

    Raises:
        FormatError: there is no manifest, or it is damaged.
        ExtraError: its format needs a library that is not installed.
    """
    manifest = read_manifest(storage)
    if manifest is None:
        hint = RESUME_BATCH if storage.exists(UNFINISHED) else ""
        raise FormatError(f"{storage.where()}: not a finished dataset ({MANIFEST} is missing)", hint=hint)
    if not all((manifest.pixels, *(entry.pixels for entry in manifest.splits))):
        raise FormatError(f"{storage.where(MANIFEST)}: the manifest is damaged (a pixel digest is missing)")
    open_format(manifest.format)
    return manifest


# --- Existing datasets ---------------------------------------------------------------------------------


def found_manifest(storage: Storage) -> Manifest | None:
    """Return the manifest of a dataset, finished or not; None if there is none."""
    # In this order: a run that ends meanwhile writes the finished one before it removes the other.
    begun = read_manifest(storage, UNFINISHED)
    finished = read_manifest(storage, MANIFEST)
    if finished is None or begun is None or not finished.is_same(begun):
        return finished or begun
    # A run that was adding label files was killed.
    both = {*finished.labels, *begun.labels}
    return replace(finished, labels=tuple(name for name in LABEL_FILES if name in both))


def known_manifest(storage: Storage) -> Manifest | None:
    """Return the manifest, or None if there is none that can be read."""
    try:
        return found_manifest(storage)
    except FormatError:
        return None
