"""What can be looked at: a dataset, one of its splits, a recipe that was never written, a single picture."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from digitseq.arrays import IntArray, UInt8Array
from digitseq.errors import ArgumentError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.recipe import Recipe

Problem = tuple[str, str]
"""What kind of fault, and a sentence about it."""
OpenGlyphs = Callable[[Recipe], GlyphSet]


class Row(NamedTuple):
    """
    One image, as the files tell of it.

    Attributes:
        number: its number in its split.
        label: its label.
        image: uint8 (28, width) as it is stored; None if it is missing or damaged.
        boxes: x, y, w, h of each digit; none if nothing is known of them.
        glyphs: each glyph's place in its source's own order; none if not known.
        problems: what is wrong with it already.

    A label that is not of digits is given as none, and a problem; likewise boxes and glyphs.
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
        """Its name."""

    @property
    def recipe(self) -> Recipe | None:
        """The recipe of this split alone, where there is one."""

    def __len__(self) -> int:
        """How many images there should be."""

    def name(self, number: int) -> str:
        """The file name of an image, or its number."""

    def rows(self, chosen: IntArray | None) -> Iterator[Row]:
        """All images, or those of some numbers in ascending order."""

    def image(self, number: int) -> UInt8Array | None:
        """The pixels of one image, uint8 (28, width), as stored."""

    def leftovers(self) -> list[Problem]:
        """What is wrong with the split as a whole, known when all rows have been read."""


@dataclass(frozen=True)
class Subject:
    """
    What is looked at.

    Attributes:
        name: the path that was given, or a word for a recipe.
        kind: "dataset", "recipe" or "image".
        splits: its splits.
        recipe: of the whole; None where there is none.
        problems: what is wrong with the whole.
        folder: where its files are, if it is a dataset.
        glyphs: what it was drawn from, if that is at hand.
        left_out: beginnings of file names of the splits that are not looked at.
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
        One split alone; None: all of them.

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
