"""
Recipe: everything that defines a set of images; validated once, frozen, converted to and from JSON.

Image i of a recipe is a pure function of (recipe, i) and the glyphs of its source.
"""

import os
from collections.abc import Mapping, Sequence, Sized
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

from digitseq.augment.effects import Augment, preset
from digitseq.checks import as_int, choice, collection, counted, flag, integer, integers, short
from digitseq.errors import ArgumentError
from digitseq.label_templates import parse_lengths, parse_patterns
from digitseq.sequence import MAX_DIGITS, sequence_text
from digitseq.splits import SPLITS, split_counts

if TYPE_CHECKING:
    from digitseq.label_space import LabelSpace

SIDE_PX = 28
MAX_WIDTH_PX = 1_000_000
"""Maximum image width in px, so that a typo does not allocate terabytes."""

MAX_IMAGES = 10**15
"""Maximum number of images of a recipe, and maximum index."""

SpacingFrom: TypeAlias = Literal["ink", "tile", "contour"]
Writer: TypeAlias = Literal["mixed", "same"]
Align: TypeAlias = Literal["center", "left", "right", "random"]
SPACING_FROM: tuple[str, ...] = get_args(SpacingFrom)
WRITER: tuple[str, ...] = get_args(Writer)
ALIGN: tuple[str, ...] = get_args(Align)

RECIPE_FORMAT = 1
_SEED_BITS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """
    The definition of a set of images.

    Exactly one of ``sequences``, ``length`` and ``pattern`` defines the labels.

    Args:
        spacing_range: (min, max) px between neighbouring digits, inclusive; negative values overlap.
        image_width: width of every image in px, or None for the natural width of each line.
        seed: any integer.
        sequences: strings of digits 0–9; leading zeros are kept. Image i shows sequence i; the sequences are
            repeated if there are more images.
        length: (min, max) digits, inclusive, or one number; the length and each digit are uniformly random. A
            string such as "3,8" or "3-5,8" allows only these lengths, all equally likely.
        pattern: fixed digits, # for any digit, and brackets for some digits: "0#[1-9]####". Several patterns
            are equally likely, unless they end in a weight: ("####:3", "[13579]##").
        unique: never repeat a label, not even across splits. Up to 10¹⁸ labels are equally likely.
        count: number of images; by default, one per sequence.
        splits: split → count, for a dataset of several splits, which share no glyphs; images are numbered
            across splits. Cannot be combined with ``split``.
        index: index of the first image in the seed's stream; image i of this recipe is image index + i.
        source: "mnist", "builtin" or the name of another source.
        split: split of the source that glyphs are sampled from: "train", "validation", "test" or "all".
        spacing_from: "ink" measures the spacing between inked columns, "tile" between 28 px tiles, "contour"
            at the nearest points of neighbours: at 0 they touch, below 0 they interlock.
        writer: "mixed" samples each digit from all glyphs; "same" samples all digits of an image from one
            writer.
        augment: an Augment, the name of a preset, or None for no augmentation.
        align: position of the line in a wider image: "center", "left", "right" or "random".
        invert: black digits on white.
        margin: blank px at both ends of each line, if there is no image_width.

    Raises:
        ArgumentError: a value is invalid; the ``argument`` attribute names it.

    >>> recipe = Recipe(sequences=("0042",), spacing_range=(2, 8), image_width=200, seed=7, count=3)
    >>> len(recipe), recipe.to_dict()["sequences"]
    (3, ['0042'])
    """

    spacing_range: tuple[int, int]
    image_width: int | None
    seed: int
    sequences: tuple[str, ...] = ()
    length: tuple[int, int] | int | str | None = None
    pattern: str | tuple[str, ...] | None = None
    unique: bool = False
    count: int | None = None
    splits: tuple[tuple[str, int], ...] = ()
    index: int = 0
    source: str = "mnist"
    split: str = "train"
    spacing_from: str = "ink"
    align: str = "center"
    invert: bool = False
    writer: str = "mixed"
    augment: Augment | str | None = None
    margin: int = 0

    def __post_init__(self) -> None:
        # A frozen dataclass can normalise its fields only through object.__setattr__.
        put = object.__setattr__
        put(self, "sequences", _sequences(self.sequences))
        for name in ("invert", "unique"):
            put(self, name, flag(name, getattr(self, name)))
        if self.length is not None or self.pattern is not None or not self.sequences:
            self._check_labels()
        put(self, "spacing_range", _spacing_range(self.spacing_range))
        if self.image_width is not None:
            put(self, "image_width", integer("image_width", self.image_width, 1, MAX_WIDTH_PX))
        put(self, "margin", integer("margin", self.margin, 0, MAX_WIDTH_PX))
        if self.margin and self.image_width is not None:
            raise ArgumentError("margin", f"expected 0 for images of a fixed width, got {self.margin}")
        put(self, "seed", integer("seed", self.seed))
        if self.seed.bit_length() > _SEED_BITS:
            raise ArgumentError("seed", f"expected an integer of at most {_SEED_BITS} bits")
        if not isinstance(self.source, str) or not self.source or "\0" in self.source:
            told = f"expected the name of a source, got {self.source!r}"
            raise ArgumentError("source", told, hint="pass a GlyphSet as source= to draw or write_dataset")
        choice("split", self.split, SPLITS)
        choice("spacing_from", self.spacing_from, SPACING_FROM)
        choice("align", self.align, ALIGN)
        choice("writer", self.writer, WRITER)
        put(self, "augment", preset(self.augment))
        self._check_count()

    def _check_labels(self) -> None:
        given = {
            "sequences": self.sequences,
            "length": self.length is not None,
            "pattern": self.pattern is not None,
        }
        kinds = [name for name, there in given.items() if there]
        if len(kinds) != 1:
            raise ArgumentError(
                kinds[-1] if kinds else "sequences",
                f"expected one of sequences, length and pattern, got {' and '.join(kinds) or 'none of them'}",
            )
        put = object.__setattr__
        if isinstance(self.length, str) and not self.length.isdigit():
            ranges = parse_lengths(self.length)
            put(self, "length", ranges[0] if len(ranges) == 1 else None)
            if len(ranges) > 1:
                put(self, "pattern", tuple("#" * n for low, high in ranges for n in range(low, high + 1)))
        if self.length is not None:
            put(self, "length", integers("length", self.length, 1, MAX_DIGITS))
        if self.pattern is not None:
            put(self, "pattern", parse_patterns(self.pattern))
            self.label_space  # noqa: B018 - checks the patterns

    def _check_count(self) -> None:
        put = object.__setattr__
        splits = () if self.splits is None else split_counts(self.splits, MAX_IMAGES)
        put(self, "splits", splits)
        if splits:
            total = sum(count for _, count in splits)
            if self.count not in (None, total):
                raise ArgumentError("count", f"expected {total} (the sum of the splits) or no count")
            if self.split != "train":
                raise ArgumentError("split", f"{self.split!r} cannot be combined with splits")
            put(self, "count", total)
        elif self.count is not None:
            put(self, "count", integer("count", self.count, 0, MAX_IMAGES))
        elif self.sequences:
            put(self, "count", len(self.sequences))
        else:
            raise ArgumentError("count", "expected a number of images, got none")
        put(self, "index", integer("index", self.index, 0, MAX_IMAGES))
        if self.unique and self.sequences:
            put(self, "sequences", tuple(dict.fromkeys(self.sequences)))
        if self.unique and (labels := self.label_count()) < self.index + len(self):
            possible = counted(labels, "different label")
            raise ArgumentError("unique", f"expected at most {possible}, got {self.index + len(self):,}")

    def __len__(self) -> int:
        return self.count or 0

    def label_count(self) -> int:
        """
        Return the number of different labels that are possible.

        >>> Recipe(length=(1, 3), count=5, spacing_range=(0, 0), image_width=None, seed=1).label_count()
        1110
        """
        return len(set(self.sequences)) if self.sequences else self.label_space.label_count

    @property
    def label_space(self) -> "LabelSpace":
        """The labels that are sampled, if there are no sequences."""
        from digitseq.label_space import label_space  # slow to import, because of numpy

        patterns = (self.pattern,) if isinstance(self.pattern, str) else self.pattern or ("#",)
        return label_space(self.lengths, patterns, self.unique)

    @property
    def settings(self) -> Augment | None:
        """Augmentation settings; None for no augmentation."""
        return cast("Augment | None", self.augment)  # __post_init__ has replaced a preset's name

    @property
    def lengths(self) -> tuple[int, int] | None:
        """``length`` as (min, max) digits; None if it was not given."""
        return cast("tuple[int, int] | None", self.length)  # __post_init__ has replaced a single number

    @property
    def longest(self) -> int:
        """Maximum number of digits of a label."""
        if self.sequences:
            return max(map(len, self.sequences))
        return self.lengths[1] if self.lengths is not None else int(self.label_space.lengths.max())

    @property
    def widest_px(self) -> int:
        """Upper bound of the image width in px: ``image_width``, or the longest label in whole tiles."""
        if self.image_width is not None:
            return self.image_width
        line_px = SIDE_PX * self.longest + max(self.spacing_range[1], 0) * (self.longest - 1)
        return line_px + 2 * self.margin

    def changed(self, **changes: Any) -> "Recipe":
        """
        Return a copy with some fields changed; new labels or a new count replace the old ones.

        Args:
            **changes: fields of a recipe.

        >>> recipe = Recipe(sequences=("1", "2"), spacing_range=(0, 0), image_width=None, seed=1)
        >>> recipe.changed(length=(3, 3), count=9).sequences
        ()
        """
        given = changes.get("sequences")
        new_sequences = given is not None and (not isinstance(given, Sized) or len(given) > 0)
        if changes.keys() & {"sequences", "length", "pattern"}:
            changes = {"sequences": (), "length": None, "pattern": None} | changes
        if changes.get("splits"):
            changes = {"split": "train"} | changes
        if changes.keys() & {"count", "splits"}:
            changes = {"count": None, "splits": ()} | changes
        elif new_sequences and len(self) == len(self.sequences):
            changes["count"] = None  # one each, as before
        return replace(self, **changes)

    def by_split(self) -> "list[Recipe]":
        """Return one recipe per split, in order, or the recipe itself if it has no splits."""
        if not self.splits:
            return [self]
        first, recipes = 0, []
        for split, count in self.splits:
            recipes.append(replace(self.slice(first, first + count), split=split))
            first += count
        return recipes

    def slice(self, start: int, stop: int) -> "Recipe":
        """
        Return a recipe of the same images from start to stop (exclusive).

        >>> recipe = Recipe(sequences=("1", "2"), count=9, spacing_range=(0, 0), image_width=None, seed=1)
        >>> recipe.slice(3, 5).sequences, recipe.slice(3, 5).index
        (('2', '1'), 3)
        """
        sequences = self.sequences
        if len(sequences) > 1:
            wanted = min(stop - start, len(sequences))
            sequences = tuple(sequences[(start + k) % len(sequences)] for k in range(wanted)) or sequences[:1]
        return replace(
            self,
            sequences=sequences,
            count=stop - start,
            splits=(),
            index=self.index + start,
            # The sequences are already unique; checking them again would count the images before index, too.
            unique=self.unique and not sequences,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain JSON types; `from_dict` restores it."""
        stated = asdict(self)
        if not self.margin:  # datasets without a margin have the same manifest as ever
            del stated["margin"]
        return (
            {"format": RECIPE_FORMAT}
            | stated
            | {
                "spacing_range": list(self.spacing_range),
                "sequences": list(self.sequences),
                "length": None if self.lengths is None else list(self.lengths),
                "pattern": list(self.pattern) if isinstance(self.pattern, tuple) else self.pattern,
                "splits": dict(self.splits),
                "augment": None if self.settings is None else self.settings.to_dict(),
            }
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Recipe":
        """
        Create a recipe from the output of `to_dict`.

        Raises:
            ArgumentError: a field is missing, unknown or invalid, or the format version is not supported.
        """
        if not isinstance(data, Mapping):
            raise ArgumentError("recipe", f"expected an object with named fields, got {data!r}")
        values = dict(data)
        if (found := values.pop("format", None)) != RECIPE_FORMAT:
            raise ArgumentError("recipe", f"expected format {RECIPE_FORMAT}, got {found!r}")
        known = [field.name for field in fields(cls)]
        if unknown := [name for name in values if name not in known]:
            raise ArgumentError("recipe", f"unknown field {unknown[0]!r}; known: {', '.join(known)}")
        for needed in ("spacing_range", "image_width", "seed"):
            if needed not in values:
                raise ArgumentError("recipe", f"missing field {needed!r}")
        if not isinstance(values.get("sequences", []), list):
            raise ArgumentError("sequences", f"expected a list of strings, got {values['sequences']!r}")
        if not isinstance(values.setdefault("splits", {}), dict):
            raise ArgumentError(
                "splits", f"expected an object that maps splits to counts, got {values['splits']!r}"
            )
        if values["splits"]:  # earlier versions stored a split beside them, which had no effect
            values["split"] = "train"
        return cls(**values | {"splits": tuple(values["splits"].items())})


def _sequences(values: Any) -> tuple[str, ...]:
    sequences = []
    for number, value in enumerate(collection("sequences", values, "strings")):
        try:
            sequences.append(sequence_text(value))
        except ArgumentError as error:
            where = f"sequence {number + 1}: " if number else ""
            raise ArgumentError("sequences", where + error.problem, hint=error.hint) from None
    return tuple(sequences)


def _spacing_range(value: Any) -> tuple[int, int]:
    try:
        low, high = (None, None) if isinstance(value, str | bytes) else value
    except (TypeError, ValueError):
        low = high = None
    minimum, maximum = as_int(low), as_int(high)
    if minimum is None or maximum is None:
        raise ArgumentError("spacing_range", f"expected two integers (min, max), got {short(value)}")
    if minimum > maximum:
        raise ArgumentError(
            "spacing_range", f"expected min ≤ max, got min {short(minimum)} and max {short(maximum)}"
        )
    if max(-minimum, maximum) > MAX_WIDTH_PX:
        raise ArgumentError(
            "spacing_range", f"expected at most {MAX_WIDTH_PX} px in either direction, got {short(value)}"
        )
    return minimum, maximum


def make_recipe(
    sequences: Sequence[str] = (),
    spacing_range: tuple[int, int] = (2, 8),
    image_width: int | None = None,
    *,
    seed: int | None = None,
    **settings: Any,
) -> Recipe:
    """
    Create a recipe, with a random seed if none is given.

    Args:
        sequences: strings of digits, one image each unless ``count`` is given. Leave empty to pass ``length``
            or ``pattern``, with ``count``, instead.
        spacing_range: as in Recipe.
        image_width: as in Recipe.
        seed: any integer, or None for a random seed from the operating system.
        **settings: other fields of Recipe. The default source is "auto": MNIST if it is available, else the
            built-in digits.

    Returns:
        The recipe.

    Raises:
        ArgumentError: a value is invalid.
    """
    settings.setdefault("source", "auto")
    if isinstance(settings["source"], Path):
        settings["source"] = os.path.join(".", settings["source"])  # noqa: PTH118 - a Path would drop the "."
    return Recipe(
        sequences=sequences,  # type: ignore[arg-type] # checked and made a tuple by Recipe
        spacing_range=spacing_range,
        image_width=image_width,
        seed=new_seed() if seed is None else seed,
        **settings,
    )


def new_seed() -> int:
    """Return a random seed from the operating system."""
    # 53 bits, so that JSON readers that store numbers as doubles read it exactly.
    return int.from_bytes(os.urandom(8), "big") >> 11
