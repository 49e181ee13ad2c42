"""Read the rows of a folder split from metadata.jsonl, labels.csv and the PNG files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from digitseq.arrays import IntArray, UInt8Array
from digitseq.checks import counted
from digitseq.dataset.formats.folder_listing import FolderListing, Listed
from digitseq.dataset.formats.label_files import LABELS, METADATA, image_name
from digitseq.dataset.shards import Place
from digitseq.inspection.dataset_images import checked
from digitseq.inspection.images import Problem, Row
from digitseq.recipe import MAX_WIDTH_PX, Recipe
from digitseq.sequence import MAX_DIGITS
from digitseq.storage.base import Storage
from digitseq.storage.local import LocalStorage

_HEAD = 200  # characters of a line, which begins with the name of its image
_FLAT = re.compile(r'"images/[0-9]{6,}\.png"')
MOST_LINE = 1 << 25  # bytes per line: the longest label has 65,536 digits


@dataclass(frozen=True)
class FolderSplit:
    """A split in a folder of PNG files; the rows of its metadata.jsonl list the images."""

    storage: Storage
    folder: str
    prefix: str
    split: str
    recipe: Recipe | None
    count: int
    flat: bool = False
    masks: bool = False
    parts: tuple[tuple[str, int], ...] = ()
    _leftovers: list[Problem] = field(default_factory=list)

    def __len__(self) -> int:
        return self.count

    def name(self, number: int) -> str:
        """Return the file name of an image."""
        return self.prefix + image_name(self._listing.place, number)

    def image(self, number: int) -> UInt8Array | None:
        """Return the pixels of one image as stored; None if unreadable."""
        return self._listing.image(number)

    def mask(self, number: int) -> UInt8Array | None:
        """Return the instance mask of one image as stored; None if there is none or it is unreadable."""
        return self._listing.mask(number) if self.masks else None

    @property
    def _listing(self) -> FolderListing:
        recipe = self.recipe
        longest, widest_px = (
            (MAX_DIGITS, MAX_WIDTH_PX) if recipe is None else (recipe.longest, recipe.widest_px)
        )
        place = Place(
            self.split, self.folder, self.count, longest, (), widest_px, flat=self.flat, parts=self.parts
        )
        return FolderListing(self.storage, self.folder, place)

    def rows(self, chosen: IntArray | None) -> Iterator[Row]:
        """Yield all images, or those with the chosen numbers."""
        listing, file = self._listing, f"{self.prefix}{LABELS}"
        self._leftovers.clear()
        labels, problems = listing.labels(self.count + 1)
        self._leftovers.extend(
            ("file" if labels is None else "label", file + problem) for problem in problems
        )
        seen: set[str] = set()
        for listed in listing.images(self.count + 1, None if chosen is None else set(chosen.tolist())):
            seen.add(listed.name)
            yield self._row(listed, labels)
        more = [] if labels is None or chosen is not None else [name for name in labels if name not in seen]
        if more:
            told = f"{counted(len(more), 'row')} for images that are not in {METADATA}: {', '.join(more[:3])}"
            self._leftovers.append(("label", f"{file}: {told}"))

    def leftovers(self) -> list[Problem]:
        """Return problems of the split as a whole."""
        return self._leftovers

    def _row(self, listed: Listed, labels: dict[str, str] | None) -> Row:
        where, number, name = f"{METADATA} line {listed.line + 1}", listed.number, self.name(listed.number)
        label, boxes, glyphs, problems = checked(listed.facts, where, self.parts)
        expected = image_name(self._listing.place, number)
        if listed.name and listed.name != expected:
            problems.append(("metadata", f"{where}: expected {expected}, found {listed.name[:80]}"))
        if labels is not None and listed.name:
            in_csv = labels.get(listed.name)
            if in_csv != label:
                said = "has no row for it" if in_csv is None else f"has label {in_csv[:80]}"
                problems.append(("label", f"{name}: {LABELS} {said}, {METADATA} has label {label[:80]}"))
        if listed.problem:
            problems.append(("file", f"{name}: {listed.problem}"))
        return Row(number, label, listed.image, boxes, glyphs, problems)


def without_recipe(path: Path, folder: str, prefix: str, split: str) -> FolderSplit:
    """Return a split whose dataset.json is missing."""
    storage = LocalStorage(path)
    count, flat = 0, False
    for line in storage.lines(folder + METADATA, MOST_LINE):
        flat = flat or _FLAT.search(line[:_HEAD]) is not None
        count += 1
    masks = (path / folder / "masks").is_dir()
    return FolderSplit(storage, folder, prefix, split, None, count, flat, masks)
