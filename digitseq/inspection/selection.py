"""Select the images to show: at random, by label or length, or by an extreme."""

import re
from dataclasses import dataclass
from fnmatch import translate
from typing import Literal, TypeAlias, cast, get_args

import numpy as np

from digitseq import streams
from digitseq.arrays import AnyArray, IntArray, count_values
from digitseq.checks import choice, integer, integers, short
from digitseq.errors import ArgumentError
from digitseq.inspection.measure_gaps import Seen
from digitseq.inspection.report import Report
from digitseq.inspection.spacing_report import stated_gaps
from digitseq.inspection.table import Table
from digitseq.label_templates import ANY_DIGIT
from digitseq.sequence import MAX_DIGITS

Order: TypeAlias = Literal["random", "first", "widest", "touching", "worst"]
ORDERS: tuple[str, ...] = get_args(Order)
ANY_DIGITS = "*"
NO_PREDICTIONS = "'worst' requires predictions"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """
    Which images to show, and in which order.

    Args:
        order: "random": shuffled by the seed; "first": in dataset order; "widest": widest ink first;
            "touching": most gaps of 0 px or less first, then smallest total spacing; "worst": errors only,
            worst errors first. None: worst errors first if there are predictions, then the rest at random.
        label: label pattern: digits, # for any digit, * for any number of digits.
        length: number of digits, or a range (min, max).
        seed: seed of the random order.

    Raises:
        ArgumentError: a value is invalid.
    """

    order: str | None = None
    label: str | None = None
    length: tuple[int, int] | int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.order is not None:
            choice("order", self.order, ORDERS)
        integer("seed", self.seed)
        if self.label is not None and not re.fullmatch(
            r"[0-9#*]+", self.label if isinstance(self.label, str) else ""
        ):
            expected = "expected digits, # for any digit and * for any number of digits"
            raise ArgumentError("label", f"{expected}, got {short(self.label)}")
        if self.length is not None:
            object.__setattr__(self, "length", integers("length", self.length, 1, MAX_DIGITS))

    @property
    def lengths(self) -> tuple[int, int] | None:
        """Minimum and maximum number of digits; None for any."""
        return cast("tuple[int, int] | None", self.length)  # __post_init__ turned one number into a pair

    @property
    def narrow(self) -> str:
        """Name of the setting to blame if no image matches."""
        named = {"label": self.label, "length": self.length, "order": self.order}
        return next((name for name, value in named.items() if value is not None), "images")


def checked_choice(choice: object) -> Choice:
    """Return a choice, the default one for None; raise an ArgumentError for anything else."""
    if choice is None:
        return Choice()
    if not isinstance(choice, Choice):
        raise ArgumentError("choice", f"expected a Choice, got {short(choice)}")
    return choice


def choose(report: Report, count: int, wanted: Choice) -> IntArray:
    """
    Return the first images of a choice.

    Args:
        report: report on the images.
        count: maximum number of images.
        wanted: which images, in which order.

    Returns:
        Int (images,), indices into the report's table.

    Raises:
        ArgumentError: no image matches, or the order is "worst" and there are no predictions.
    """
    table = report.table
    images = np.flatnonzero(_fits(table, wanted)).astype(np.int64)
    if wanted.order in (None, "random"):
        start = streams.seed_start(wanted.seed, "digitseq/1/inspect")
        images = images[np.argsort(streams.image_starts(start, images), kind="stable")]
        if wanted.order is None and report.scores is not None:
            images = np.array(list(dict.fromkeys([*_worst(report, images), *images.tolist()])), np.int64)
    elif wanted.order == "widest":
        extent = table.right_px - table.left_px
        images = images[np.argsort(-extent[images], kind="stable")]
    elif wanted.order == "touching":
        near, room = _nearness(table)
        images = images[np.lexsort((room[images], -near[images]))]
    elif wanted.order == "worst":
        if report.scores is None:
            raise ArgumentError("order", NO_PREDICTIONS)
        images = np.array(_worst(report, images), np.int64)
    if not len(images):
        nothing = "no errors to show" if wanted.order == "worst" else "no image matches"
        raise ArgumentError(wanted.narrow, nothing)
    return images[:count]


def _worst(report: Report, images: IntArray) -> list[int]:
    """Return the misread images among some images, worst errors first."""
    inside = set(images.tolist())
    return [m.image for m in (report.scores.mistakes if report.scores else ()) if m.image in inside]


def _fits(table: Table, wanted: Choice) -> AnyArray:
    sizes = np.diff(table.first)
    fits: AnyArray = np.ones(len(table), np.bool_)
    if wanted.lengths is not None:
        fits &= (sizes >= wanted.lengths[0]) & (sizes <= wanted.lengths[1])
    if wanted.label is not None:
        # fnmatch translates to expressions that do not backtrack between stars.
        pattern = re.compile(translate(wanted.label.replace(ANY_DIGIT, "[0-9]")))
        fits &= np.array([pattern.match(label) is not None for label in table.labels], np.bool_)
    return fits


def _nearness(table: Table) -> tuple[AnyArray, AnyArray]:
    """Return the number of gaps of 0 px or less in each image, and the sum of its spacings."""
    (stated, known), recipe = stated_gaps(table), table.subject.recipe
    if recipe is not None and recipe.spacing_from == "contour":  # interlocking boxes overlap
        stated, known = np.where(table.is_drawn, table.drawn_px, stated), known | table.is_drawn
    is_told = table.seen <= Seen.TOUCHING  # touching digits have a ``seen_px`` of 0
    px, known = np.where(is_told, table.seen_px, stated), known | is_told
    near = count_values(table.image[known & (px <= 0)], bins=len(table))
    room = count_values(table.image[known], weights=px[known], bins=len(table))
    return near, room
