"""Which images to show: some at random, or those of a kind, or the most extreme."""

import re
from dataclasses import dataclass
from fnmatch import translate
from typing import Literal, TypeAlias, cast, get_args

import numpy as np

from digitseq import streams
from digitseq.arrays import AnyArray, IntArray, count_values
from digitseq.checks import choice, integers, short
from digitseq.errors import ArgumentError
from digitseq.inspection.measure import Seen
from digitseq.inspection.report import Report
from digitseq.inspection.spacing import stated_gaps
from digitseq.inspection.table import Table
from digitseq.recipe import ANY_DIGIT
from digitseq.sequence import MAX_DIGITS

Order: TypeAlias = Literal["random", "first", "widest", "touching", "worst"]
ORDERS: tuple[str, ...] = get_args(Order)
ANY_DIGITS = "*"
NO_PREDICTIONS = "the worst can be told only with predictions"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """
    Which images to show.

    Args:
        order: "random" by the seed; "first" in their order; "widest" by the extent of their ink; "touching"
            by how many neighbours are 0 px or less apart, then how near the others are; "worst" those that
            were not read right, the worst first. None is the worst, where there are predictions, and then
            the others at random.
        label: show labels of this pattern alone: digits, # for any digit, * for any number of digits.
        length: show only labels of (min, max) digits, or of exactly this many.
        seed: of the random order.

    Raises:
        ArgumentError: a value is not what it must be.
    """

    order: str | None = None
    label: str | None = None
    length: tuple[int, int] | int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.order is not None:
            choice("order", self.order, ORDERS)
        if self.label is not None and not re.fullmatch(r"[0-9#*]+", self.label):
            expected = "expected digits, # for any digit and * for any number of digits"
            raise ArgumentError("label", f"{expected}, got {short(self.label)}")
        if self.length is not None:
            object.__setattr__(self, "length", integers("length", self.length, 1, MAX_DIGITS))

    @property
    def lengths(self) -> tuple[int, int] | None:
        """Fewest and most digits; None for any."""
        return cast("tuple[int, int] | None", self.length)  # one number became two

    @property
    def narrow(self) -> str:
        """The name of the setting that leaves images out, if one does."""
        named = {"label": self.label, "length": self.length, "order": self.order}
        return next((name for name, value in named.items() if value is not None), "images")


def choose(report: Report, count: int, wanted: Choice) -> IntArray:
    """
    The first images of a choice.

    Args:
        report: what to choose from.
        count: at most so many.
        wanted: which.

    Returns:
        int (images,), places in the report's table.

    Raises:
        ArgumentError: there are no such images, or the worst are asked for and there are no predictions.
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
        nothing = "no image was read wrong" if wanted.order == "worst" else "there are no such images to show"
        raise ArgumentError(wanted.narrow, nothing)
    return images[:count]


def _worst(report: Report, images: IntArray) -> list[int]:
    """Those of some images that were not read right, the worst first."""
    inside = set(images.tolist())
    return [m.image for m in (report.scores.mistakes if report.scores else ()) if m.image in inside]


def _fits(table: Table, wanted: Choice) -> AnyArray:
    sizes = np.diff(table.first)
    fits: AnyArray = np.ones(len(table), np.bool_)
    if wanted.lengths is not None:
        fits &= (sizes >= wanted.lengths[0]) & (sizes <= wanted.lengths[1])
    if wanted.label is not None:
        # fnmatch's expressions do not go back and forth between stars.
        pattern = re.compile(translate(wanted.label.replace(ANY_DIGIT, "[0-9]")))
        fits &= np.array([pattern.match(label) is not None for label in table.labels], np.bool_)
    return fits


def _nearness(table: Table) -> tuple[AnyArray, AnyArray]:
    """Neighbours of each image that are 0 px or less apart, and the sum of all its spacings."""
    (stated, known), recipe = stated_gaps(table), table.subject.recipe
    if recipe is not None and recipe.spacing_from == "contour":  # boxes that interlock share columns
        stated, known = np.where(table.is_drawn, table.drawn_px, stated), known | table.is_drawn
    is_told = table.seen <= Seen.TOUCHING  # touching digits are 0 px apart, as ``seen_px`` says
    px, known = np.where(is_told, table.seen_px, stated), known | is_told
    near = count_values(table.image[known & (px <= 0)], bins=len(table))
    room = count_values(table.image[known], weights=px[known], bins=len(table))
    return near, room
