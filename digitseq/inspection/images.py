"""What can be inspected: a dataset, one of its splits, an unwritten recipe, or a single image."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from digitseq.arrays import IntArray, UInt8Array
from digitseq.errors import ArgumentError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.recipe import Recipe

Problem = tuple[str, str]
"""Kind of fault, and a sentence that describes it."""
OpenGlyphs = Callable[[Recipe], GlyphSet]


class Row(NamedTuple):
    """
    One image and its metadata, as read from the files.

    Attributes:
        number: number of the image in its split.
        label: label; empty if unknown.
        image: uint8 (28, width) as stored; None if missing or damaged.
        boxes: x, y, w, h of each digit; empty if unknown.
        glyphs: index of each glyph in its source's original order; empty if unknown.
        problems: faults found while reading.

    An invalid label, list of boxes or list of glyphs is left empty and reported as a problem.
    """

    number: int
    label: str
    image: UInt8Array | None
    boxes: list[list[int]]
    glyphs: list[int]
    problems: list[Problem]


class SplitImages(Protocol):
    """Images of one split."""

    @property
    def split(self) -> str:
        """Name of the split."""

    @property
    def recipe(self) -> Recipe | None:
        """Recipe of this split alone; None if unknown."""

    def __len__(self) -> int:
        """Return the number of images that the split should have."""

    def name(self, number: int) -> str:
        """Return the file name of an image, or its number."""

    def rows(self, chosen: IntArray | None) -> Iterator[Row]:
        """Yield all images, or those with the chosen numbers (ascending)."""

    def image(self, number: int) -> UInt8Array | None:
        """Return the pixels of one image as stored, uint8 (28, width); None if unreadable."""

    def mask(self, number: int) -> UInt8Array | None:
        """Return the instance mask of one image as stored, uint8 (28, width); None if there is none."""

    def leftovers(self) -> list[Problem]:
        """Return problems of the split as a whole; complete once all rows have been read."""


@dataclass(frozen=True)
class Subject:
    """
    What is inspected.

    Attributes:
        name: path as given, or "recipe".
        kind: "dataset", "recipe" or "image".
        splits: splits to inspect.
        recipe: recipe of all splits; None if unknown.
        problems: problems of the subject as a whole.
        folder: local folder of a dataset; None otherwise.
        glyphs: glyphs of its source; None if unavailable.
        left_out: file name prefixes of the splits that are not inspected.
    """

    name: str
    kind: str
    splits: list[SplitImages]
    recipe: Recipe | None
    problems: list[Problem] = field(default_factory=list)
    folder: Path | None = None
    glyphs: GlyphSet | None = None
    left_out: tuple[str, ...] = ()

    def only(self, split: str | None) -> "Subject":
        """
        Return the subject with one split alone, or with all of them (None).

        Raises:
            ArgumentError: there is no such split.
        """
        if split is None:
            return self
        splits = [images for images in self.splits if images.split == split]
        if not splits:
            there = ", ".join(images.split for images in self.splits)
            raise ArgumentError("split", f"expected one of {there}, got {split!r}")
        others = tuple(f"{images.split}/" for images in self.splits if images.split != split)
        return replace(self, splits=splits, left_out=others)
