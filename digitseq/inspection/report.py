"""Build the report of an inspection: numbers and findings, independent of how they are displayed."""

from collections import Counter
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from digitseq.arrays import AnyArray, unique_counts
from digitseq.inspection.findings import Finding, digit_counts, find, shared_glyphs
from digitseq.inspection.scores import Scores
from digitseq.inspection.spacing_report import Spacing, Spread, spacing_of
from digitseq.inspection.table import Table

_BINS = 20  # of the histograms of shares


@dataclass(frozen=True, eq=False)
class Report:
    """
    Results of an inspection.

    Attributes:
        name: path as given, or "recipe".
        kind: "dataset", "recipe" or "image".
        images: number of images.
        inspected: number of images inspected.
        recipe: recipe as plain JSON types; None if unknown.
        splits: split → number of images inspected.
        width_px: width of the images.
        lengths: digits per label → number of images; ascending.
        digits: count of each digit 0–9.
        width_use: share of the width from the first to the last inked column; None if not measurable.
        width_use_counts: images in each of twenty equal bins of that share, 0 to 1.
        spacing: spacing between neighbours.
        ink: mean brightness of the images, 0 to 1.
        ink_counts: images in each of twenty equal bins, from 0 to the maximum.
        labels: number of distinct labels.
        common_labels: most frequent labels that occur more than once → count.
        twins: number of images with the same pixels as an earlier one.
        glyphs: number of distinct glyphs, and uses of the most used one; None if unknown.
        shared_glyphs: number of glyphs that occur in more than one split.
        shared_labels: number of labels that occur in more than one split.
        findings: faults and notes.
        scores: scores of the predictions; None without predictions.
        table: per-image and per-digit values behind the report.
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
        """Total number of faults."""
        return sum(finding.count for finding in self.findings if finding.fault)

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes except ``table`` as plain JSON types."""
        plain = {name: value for name, value in vars(self).items() if name not in ("table", "scores")}
        spread = self.spacing.spread
        return deepcopy(plain) | {
            "width_px": asdict(self.width_px),
            "width_use": None if self.width_use is None else asdict(self.width_use),
            "ink": asdict(self.ink),
            "spacing": asdict(self.spacing)
            | {"measured": self.spacing.measured, "spread": None if spread is None else asdict(spread)},
            "findings": [finding.to_dict() for finding in self.findings],
            "scores": None if self.scores is None else self.scores.to_dict(),
        }


def make_report(table: Table) -> Report:
    """
    Build a report from a table, without scores.

    Args:
        table: measurements of the images.
    """
    subject, count = table.subject, len(table)
    # Known labels of images that cannot be read are in no statistics either.
    read, of_read = table.readable, table.readable[table.image]
    sizes = np.diff(table.first)
    lengths, images = unique_counts(sizes[read & (sizes > 0)])
    digits = digit_counts(table.digit[of_read])
    told = table.left_px >= 0
    use = (table.right_px - table.left_px)[told] / np.maximum(table.width_px[told], 1)
    ink = table.ink[table.readable]
    placed = zip(table.labels, table.split.tolist(), read.tolist(), strict=True)
    seen = [(label, split) for label, split, is_read in placed if is_read and label]
    labels = Counter(label for label, _ in seen)
    known = of_read & (table.glyph >= 0)
    uses = unique_counts(table.glyph[known])[1]
    splits_of_label = Counter(label for label, _ in set(seen))
    return Report(
        name=subject.name,
        kind=subject.kind,
        images=sum(map(len, subject.splits)),
        inspected=count,
        recipe=None if subject.recipe is None else subject.recipe.to_dict(),
        splits={own.split: int(np.count_nonzero(table.split == n)) for n, own in enumerate(subject.splits)},
        width_px=_spread(table.width_px[table.readable]) or Spread(0, 0, 0),
        lengths=dict(zip(lengths.tolist(), images.tolist(), strict=True)),
        digits=tuple(digits.tolist()),
        width_use=_spread(use),
        width_use_counts=tuple(np.histogram(use, _BINS, (0, 1))[0].tolist()),
        spacing=spacing_of(table),
        ink=_spread(ink) or Spread(0, 0, 0),
        ink_counts=tuple(np.histogram(ink, _BINS, (0, ink.max(initial=1e-9)))[0].tolist()),
        labels=len(labels),
        common_labels={label: times for label, times in labels.most_common(10) if times > 1},
        twins=sum(len(group) - 1 for group in table.twins),
        glyphs=(len(uses), int(uses.max())) if len(uses) else None,
        shared_glyphs=len(shared_glyphs(table)),
        shared_labels=sum(splits > 1 for splits in splits_of_label.values()),
        findings=find(table),
        scores=None,
        table=table,
    )


def _spread(values: AnyArray) -> Spread | None:
    if not len(values):
        return None
    return Spread(float(values.min()), float(values.mean()), float(values.max()))
