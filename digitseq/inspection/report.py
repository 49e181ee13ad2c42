"""The report: what was seen, as numbers and sentences. How it is shown is somebody else's business."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from digitseq.arrays import AnyArray
from digitseq.inspection.measure import TOUCHING, UNSEEN
from digitseq.inspection.scores import Scores
from digitseq.inspection.table import Table

EXAMPLES = 20
"""Images named for each kind of finding."""
_BINS = 20  # of the histograms of shares
_SURPRISE = 5.0  # standard deviations from an even share of digits, and …
_OFF = 0.2  # … this far from it


@dataclass(frozen=True)
class Spread:
    """Least, mean and greatest of some numbers."""

    least: float
    mean: float
    greatest: float


@dataclass(frozen=True)
class Spacing:
    """
    Spacing between neighbouring digits, as the pixels show it.

    Attributes:
        measured_from: "ink", "tile" or "contour": what the recipe means by it; "" without a recipe.
        promised_px: (min, max) of the recipe; None without one.
        counts: px → how many gaps; ascending.
        touching: neighbours whose ink meets, where contours are measured.
        unseen: neighbours that pixels cannot tell apart: they share columns, or the paper is not blank.
        outside: gaps that the recipe does not allow.
        different: gaps that are not those that the recipe draws for their image.
    """

    measured_from: str
    promised_px: tuple[int, int] | None
    counts: dict[int, int]
    touching: int
    unseen: int
    outside: int
    different: int

    @property
    def measured(self) -> int:
        """How many gaps were told by their pixels."""
        return sum(self.counts.values()) + self.touching

    @property
    def spread(self) -> Spread | None:
        """Of the gaps in px; None if there are none."""
        if not self.counts:
            return None
        mean = sum(px * n for px, n in self.counts.items()) / sum(self.counts.values())
        return Spread(min(self.counts), mean, max(self.counts))


@dataclass(frozen=True)
class Finding:
    """
    Something that is wrong, or that one should know.

    Attributes:
        kind: "file", "metadata", "manifest", "label", "boxes", "pixels", "ink", "spacing", "missing",
            "duplicate", "leak", "repeated label" or "balance".
        fault: it should not be so; else it may be meant.
        count: how many times.
        sentence: in words.
        examples: the first of them by name, at most 20.
    """

    kind: str
    fault: bool
    count: int
    sentence: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Report:
    """
    What was seen.

    Attributes:
        name: what was looked at.
        kind: "dataset", "recipe" or "image".
        images: how many there are.
        inspected: how many were looked at.
        recipe: as plain JSON types; None where there is none.
        splits: split → images looked at.
        width_px: of the images.
        lengths: digits of a label → images; ascending.
        digits: how often each digit 0–9 occurs.
        width_use: share of the width between the first and the last ink; None where ink cannot be told.
        width_use_counts: images in each of twenty equal steps of that share.
        spacing: between neighbours.
        ink: mean brightness of the ink, 0 to 1.
        ink_counts: images in each of twenty equal steps from 0 to the greatest.
        labels: how many different labels there are.
        common_labels: the most frequent labels that occur more than once, and how often.
        twins: images that have the pixels of an earlier one.
        glyphs: how many different glyphs were used, and how often the most used one; None if not known.
        shared_glyphs: glyphs that occur in more than one split.
        shared_labels: labels that occur in more than one split.
        findings: what is wrong, or worth knowing.
        scores: how good the predictions are; None without predictions.
        table: the columns behind it, for whoever draws.
    """

    name: str
    kind: str
    images: int
    inspected: int
    recipe: dict[str, Any] | None
    splits: dict[str, int]
    width_px: Spread
    lengths: dict[int, int]
    digits: tuple[int, ...]
    width_use: Spread | None
    width_use_counts: tuple[int, ...]
    spacing: Spacing
    ink: Spread
    ink_counts: tuple[int, ...]
    labels: int
    common_labels: dict[str, int]
    twins: int
    glyphs: tuple[int, int] | None
    shared_glyphs: int
    shared_labels: int
    findings: tuple[Finding, ...]
    scores: Scores | None
    table: Table = field(repr=False)

    @property
    def faults(self) -> int:
        """How many things are wrong."""
        return sum(finding.count for finding in self.findings if finding.fault)

    def to_dict(self) -> dict[str, Any]:
        """All but the columns, as plain JSON types."""
        shallow = {name: value for name, value in vars(self).items() if name not in ("table", "scores")}
        spread = self.spacing.spread
        return shallow | {
            "width_px": asdict(self.width_px),
            "width_use": None if self.width_use is None else asdict(self.width_use),
            "ink": asdict(self.ink),
            "spacing": asdict(self.spacing)
            | {"measured": self.spacing.measured, "spread": None if spread is None else asdict(spread)},
            "findings": [asdict(finding) for finding in self.findings],
            "scores": None if self.scores is None else self.scores.to_dict(),
        }


def make_report(table: Table, scores: Scores | None = None) -> Report:
    """
    A report from its columns.

    Args:
        table: what was gathered.
        scores: how good the predictions are.
    """
    subject, count = table.subject, len(table)
    sizes = np.diff(table.first)
    lengths, images = np.unique(sizes, return_counts=True)
    digits = np.bincount(table.digit[(table.digit >= 0) & (table.digit <= 9)], minlength=10)
    told = table.left_px >= 0
    use = (table.right_px - table.left_px)[told] / np.maximum(table.width_px[told], 1)
    ink = table.ink[table.readable]
    labels = Counter(table.labels)
    known = table.glyph >= 0
    uses = np.unique(table.glyph[known], return_counts=True)[1]
    leaks = _shared_glyphs(table)
    labels_of_parts = Counter(label for label, _ in set(zip(table.labels, table.part.tolist(), strict=True)))
    spacing = _spacing(table)
    findings = [*_problems(table), *_missing(table), *_twins(table), *_leaks(table, leaks)]
    findings += [*_spacing_findings(table, spacing), *_repeated(table, labels), *_balance(digits)]
    return Report(
        name=subject.name,
        kind=subject.kind,
        images=sum(map(len, subject.parts)),
        inspected=count,
        recipe=None if subject.recipe is None else subject.recipe.to_dict(),
        splits={part.split: int((table.part == n).sum()) for n, part in enumerate(subject.parts)},
        width_px=_spread(table.width_px[table.readable]) or Spread(0, 0, 0),
        lengths=dict(zip(lengths.tolist(), images.tolist(), strict=True)),
        digits=tuple(digits.tolist()),
        width_use=_spread(use),
        width_use_counts=tuple(np.histogram(use, _BINS, (0, 1))[0].tolist()),
        spacing=spacing,
        ink=_spread(ink) or Spread(0, 0, 0),
        ink_counts=tuple(np.histogram(ink, _BINS, (0, ink.max(initial=1e-9)))[0].tolist()),
        labels=len(labels),
        common_labels={label: times for label, times in labels.most_common(10) if times > 1},
        twins=sum(len(group) - 1 for group in table.twins),
        glyphs=(len(uses), int(uses.max())) if len(uses) else None,
        shared_glyphs=len(leaks),
        shared_labels=sum(parts > 1 for parts in labels_of_parts.values()),
        findings=tuple(sorted(findings, key=lambda finding: not finding.fault)),
        scores=scores,
        table=table,
    )


def _spread(values: AnyArray) -> Spread | None:
    if not len(values):
        return None
    return Spread(float(values.min()), float(values.mean()), float(values.max()))


def _spacing(table: Table) -> Spacing:
    seen, recipe = table.seen_px, table.subject.recipe
    last = np.zeros(len(seen), np.bool_)
    last[table.first[1:][np.diff(table.first) > 0] - 1] = True
    gaps = seen[~last]
    told = gaps > TOUCHING
    values, counts = np.unique(gaps[told], return_counts=True)
    outside = different = 0
    measured_from, promised = "", None
    if recipe is not None:
        measured_from, promised = recipe.spacing_from, recipe.spacing_range
        outside = int(_outside(table)[~last].sum())
        drawn = table.drawn_px[~last]
        if measured_from != "tile":  # there, padding that nobody sees comes on top
            different = int(((gaps != drawn) & told).sum() + ((gaps == TOUCHING) & (drawn > 0)).sum())
    return Spacing(
        measured_from=measured_from,
        promised_px=promised,
        counts=dict(zip(values.tolist(), counts.tolist(), strict=True)),
        touching=int((gaps == TOUCHING).sum()),
        unseen=int((gaps == UNSEEN).sum()),
        outside=outside,
        different=different,
    )


def _outside(table: Table) -> AnyArray:
    """Which gaps their recipe does not allow: bool (digits,)."""
    recipe, seen = table.subject.recipe, table.seen_px
    if recipe is None:
        return np.zeros(len(seen), np.bool_)
    low, high = recipe.spacing_range
    if recipe.spacing_from == "tile":
        high += 2 * 27  # at most the padding of two tiles
    wrong: AnyArray = (seen > TOUCHING) & ((seen < low) | (seen > high)) | (seen == TOUCHING) & (low > 0)
    return wrong


def _parts_of(value: AnyArray, part: AnyArray, values: int) -> AnyArray:
    """Which values occur in which parts: bool (values, parts)."""
    there = np.zeros((values, int(part.max(initial=0)) + 1), np.bool_)
    there[value, part] = True
    return there


# --- Findings -------------------------------------------------------------------------------------------

_SENTENCES = {
    "file": "image files are missing or damaged",
    "metadata": "lines of the metadata are not what they should be",
    "manifest": "the manifest is missing",
    "label": "labels are wrong or contradict each other",
    "boxes": "images do not show what their boxes say",
    "pixels": "images are not what their recipe draws",
    "ink": "images are blank",
}


def _problems(table: Table) -> Iterable[Finding]:
    """What was noticed on the way, image by image."""
    for kind, sentence in _SENTENCES.items():
        found = [(image, text) for what, image, text in table.problems if what == kind]
        examples: list[str] = []
        named = set()
        for image, text in found:
            named.add(image)
            name = f"{table.name(image)}: " if image >= 0 else ""
            if len(examples) < EXAMPLES:
                examples.append(text if name and text.startswith(name) else name + text)
        if found:
            yield Finding(kind, True, len(named), sentence, tuple(examples))


def _missing(table: Table) -> Iterable[Finding]:
    """Images that no line of the metadata tells of, and images that two tell of."""
    if table.subject.kind != "dataset":
        return
    whole = len(table) >= sum(map(len, table.subject.parts))
    absent: list[str] = []
    doubles: list[str] = []
    for place, part in enumerate(table.subject.parts):
        numbers, times = np.unique(table.number[table.part == place], return_counts=True)
        doubles += [part.name(number) for number in numbers[times > 1].tolist()]
        if whole or len(numbers[times > 1]):
            absent += [part.name(n) for n in np.setdiff1d(np.arange(len(part)), numbers).tolist()]
    if whole or doubles:
        for kind, names, sentence in (
            ("missing", absent, "images have no line in the metadata"),
            ("missing", doubles, "images have more than one line in the metadata"),
        ):
            if names:
                yield Finding(kind, True, len(names), sentence, tuple(names[:EXAMPLES]))


def _twins(table: Table) -> Iterable[Finding]:
    within: list[str] = []
    across: list[str] = []
    for group in table.twins:
        text = " = ".join(table.name(image) for image in group[:5])
        text += f" (and {len(group) - 5} more)" if len(group) > 5 else ""
        labels = sorted({table.labels[image] for image in group})
        text += f" labelled {' and '.join(labels[:3])}" if len(labels) > 1 else ""
        (across if len({int(table.part[image]) for image in group}) > 1 else within).append(text)
    for kind, groups, sentence in (
        ("duplicate", within, "groups of images have the same pixels"),
        ("leak", across, "groups of images with the same pixels stand in different splits"),
    ):
        if groups:
            yield Finding(kind, True, len(groups), sentence, tuple(groups[:EXAMPLES]))


def _shared_glyphs(table: Table) -> AnyArray:
    """Glyphs that occur in more than one split, ascending."""
    if len(table.subject.parts) < 2:
        return np.zeros(0, np.int64)
    known = table.glyph >= 0
    glyphs, which = np.unique(table.glyph[known], return_inverse=True)
    shared: AnyArray = glyphs[_parts_of(which, table.part[table.image[known]], len(glyphs)).sum(1) > 1]
    return shared


def _leaks(table: Table, leaks: AnyArray) -> Iterable[Finding]:
    if not len(leaks):
        return
    examples = []
    for glyph in leaks[:EXAMPLES].tolist():
        images = table.image[table.glyph == glyph]
        firsts = [int(images[table.part[images] == part][0]) for part in np.unique(table.part[images])]
        examples.append(f"glyph {glyph}: " + ", ".join(table.name(image) for image in firsts))
    yield Finding("leak", True, len(leaks), "glyphs occur in more than one split", tuple(examples))


def _spacing_findings(table: Table, spacing: Spacing) -> Iterable[Finding]:
    if not spacing.outside or spacing.promised_px is None:
        return
    wrong = np.flatnonzero(_outside(table))[:EXAMPLES]
    examples = []
    for digit in wrong.tolist():
        px = "touching" if table.seen_px[digit] == TOUCHING else f"{table.seen_px[digit]} px"
        examples.append(
            f"{table.name(int(table.image[digit]))}: {px} after digit {table.position[digit] + 1}"
        )
    low, high = spacing.promised_px
    sentence = f"gaps lie outside the {low} to {high} px of the recipe"
    yield Finding("spacing", True, spacing.outside, sentence, tuple(examples))


def _repeated(table: Table, labels: Counter[str]) -> Iterable[Finding]:
    recipe = table.subject.recipe
    if recipe is None or not recipe.unique:
        return
    again = [label for label, times in labels.items() if times > 1]
    if not again:
        return
    examples = []
    places: dict[str, list[int]] = {label: [] for label in again[:EXAMPLES]}
    for image, label in enumerate(table.labels):
        if label in places:
            places[label].append(image)
    for label, images in places.items():
        examples.append(f"{label}: " + ", ".join(table.name(image) for image in images[:5]))
    sentence = "labels occur more than once, where the recipe says unique"
    yield Finding("repeated label", True, len(again), sentence, tuple(examples))


def _balance(digits: AnyArray) -> Iterable[Finding]:
    """Digits that are so much more or less frequent than a tenth that chance does not explain it."""
    total = int(digits.sum())
    if not total:
        return
    even = total / 10
    off = (np.abs(digits - even) > _SURPRISE * (even * 0.9) ** 0.5) & (np.abs(digits / even - 1) > _OFF)
    examples = [
        f"digit {digit}: {digits[digit]:,} of {total:,}, {digits[digit] / even:.2f} × an even share"
        for digit in np.flatnonzero(off).tolist()
    ]
    if examples:
        sentence = "digits are much more or less frequent than a tenth each"
        yield Finding("balance", False, len(examples), sentence, tuple(examples))
