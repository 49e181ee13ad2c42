"""Compare two reports: two datasets, or two models on the same images."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import comb, exp, fsum, lgamma, log
from typing import Any

from digitseq.checks import counted, short
from digitseq.errors import ArgumentError
from digitseq.inspection.report import Report
from digitseq.inspection.scores import Scores, score
from digitseq.inspection.spacing_report import Spread
from digitseq.inspection.table import Table

_NAMED = 50
_EXACT = 1_000


@dataclass(frozen=True)
class Line:
    """
    One compared quantity.

    Attributes:
        what: name of the quantity.
        a: value in the first report, a number or a text; None if it has none.
        b: value in the second report.
        unit: "%" if the numbers are shares, 0 to 1; otherwise "".
    """

    what: str
    a: float | str | None
    b: float | str | None
    unit: str = ""


@dataclass(frozen=True)
class Comparison:
    """
    Result of comparing two reports.

    Attributes:
        a: name of the first.
        b: name of the second.
        lines: compared quantities.
        settings: recipe settings that differ.
        agreement: with predictions, number of images that both models read correctly, only the first, only
            the second, and neither; None without.
        p_value: with predictions, p-value of McNemar's test, exact and two-sided: the probability that the
            two middle numbers of `agreement` differ at least as much if both models are equally good; None
            without.
        only_a: with predictions, names of up to 50 images that only the first model reads correctly.
        only_b: with predictions, names of up to 50 images that only the second model reads correctly.
        notes: signs of mistakes in the prediction files.
    """

    a: str
    b: str
    lines: tuple[Line, ...]
    settings: tuple[Line, ...]
    agreement: tuple[int, int, int, int] | None = None
    p_value: float | None = None
    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain JSON types."""
        return asdict(self)


def compare_reports(a: Report, b: Report) -> Comparison:
    """
    Compare two datasets, or the predictions of two models.

    Args:
        a: first report.
        b: second report; with predictions, of the same images.

    Returns:
        The comparison.

    Raises:
        ArgumentError: only one report has predictions, or they are not of the same images.
    """
    for argument, report in (("a", a), ("b", b)):
        if not isinstance(report, Report):
            raise ArgumentError(argument, f"expected a Report, got {short(report)}")
    if (a.scores is None) != (b.scores is None):
        raise ArgumentError("compare", "only one of the two reports has predictions")
    if a.scores is None or b.scores is None:
        return Comparison(a.name, b.name, tuple(_of_images(a, b)), tuple(_settings(a, b)))
    if a.table is not b.table and (a.name != b.name or a.table.digests != b.table.digests):
        raise ArgumentError("compare", "the predictions are of different images")
    return _of_predictions(a.table, a.scores, b.scores)


def _of_predictions(table: Table, one: Scores, two: Scores) -> Comparison:
    """Compare two models on the images that both have predictions for."""
    pairs = list(zip(one.texts, two.texts, strict=True))
    both = [image for image, pair in enumerate(pairs) if None not in pair]
    if not both:
        raise ArgumentError("compare", "no image has a prediction from both models")
    notes = [f"{scores.name}: {note}" for scores in (one, two) for note in scores.notes]
    if one.images != len(both) or two.images != len(both):
        notes.append(
            f"compared on the {counted(len(both), 'image')} with predictions from both models, "
            f"of {one.images:,} and {two.images:,}"
        )
        one, two = (score(table, scores.of_images(both)) for scores in (one, two))
    lines = [Line("images", len(both), len(both))]
    for what, name in (("sequence accuracy", "sequence_accuracy"), ("character error rate", "cer")):
        lines.append(Line(what, getattr(one, name), getattr(two, name), "%"))
    measures = ("substitutions", "insertions", "deletions")
    lines += [Line(name, getattr(one, name), getattr(two, name)) for name in measures]
    for (what, first), (_, second) in zip(one.groups(), two.groups(), strict=True):
        shares = [{rate.group: rate.share for rate in rates} for rates in (first, second)]
        groups = dict.fromkeys([*shares[0], *shares[1]])
        lines += [
            Line(f"accuracy, {what} {group}", shares[0].get(group), shares[1].get(group), "%")
            for group in groups
        ]
    rights = [[table.labels[i] == texts[i] for i in both] for texts in (one.texts, two.texts)]
    only_a = [i for i, a, b in zip(both, *rights, strict=True) if a and not b]
    only_b = [i for i, a, b in zip(both, *rights, strict=True) if b and not a]
    right = sum(a and b for a, b in zip(*rights, strict=True))
    return Comparison(
        one.name,
        two.name,
        tuple(lines),
        (),
        (right, len(only_a), len(only_b), len(both) - right - len(only_a) - len(only_b)),
        mcnemar(len(only_a), len(only_b)),
        tuple(table.name(i) for i in only_a[:_NAMED]),
        tuple(table.name(i) for i in only_b[:_NAMED]),
        tuple(notes),
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """
    Return the two-sided p-value of McNemar's test (1947), exact by the binomial distribution.

    >>> mcnemar(0, 0), mcnemar(1, 7)
    (1.0, 0.0703125)
    """
    total, less = only_a + only_b, min(only_a, only_b)
    if only_a == only_b:
        return 1.0
    if total <= _EXACT:
        return min(1.0, 2 * sum(comb(total, k) for k in range(less + 1)) / (1 << total))
    # Use logarithms for larger totals, whose exact integers would be too long.
    terms = (lgamma(total + 1) - lgamma(k + 1) - lgamma(total - k + 1) for k in range(less + 1))
    return min(1.0, 2 * fsum(exp(term - total * log(2)) for term in terms))


def p_value(value: float) -> str:
    """
    Return a p-value as people report it.

    >>> p_value(0.00000123), p_value(0.04), p_value(0.5)
    ('p < 0.001', 'p = 0.040', 'p = 0.50')
    """
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def _of_images(a: Report, b: Report) -> list[Line]:
    lines = [Line("images", a.images, b.images)]
    is_sample = a.table.sample or b.table.sample
    if is_sample:
        lines.append(Line("images inspected", a.inspected, b.inspected))
    lines.append(Line("faults", a.faults, b.faults))
    splits = dict.fromkeys([*a.splits, *b.splits])
    lines += [Line(f"split {split}", a.splits.get(split), b.splits.get(split)) for split in splits]
    lines += _spread("width, px", a.width_px, b.width_px)
    for length in sorted({*a.lengths, *b.lengths}):
        lines.append(Line(f"labels of length {length}", a.lengths.get(length, 0), b.lengths.get(length, 0)))
    totals = sum(a.digits) or 1, sum(b.digits) or 1
    for digit in range(10):
        shares = (a.digits[digit] / totals[0], b.digits[digit] / totals[1])
        lines.append(Line(f"share of {digit}", *shares, "%"))
    lines += _spread("width use", a.width_use, b.width_use, "%")
    lines.append(Line("gaps measured", a.spacing.measured, b.spacing.measured))
    lines += _spread("spacing, px", a.spacing.spread, b.spacing.spread)
    lines.append(Line("gaps outside the specified range", a.spacing.outside, b.spacing.outside))
    lines += _spread("ink", a.ink, b.ink, "%")
    lines += [Line("distinct labels", a.labels, b.labels), Line("duplicate images", a.twins, b.twins)]
    glyphs = [None if r.glyphs is None else r.glyphs[0] for r in (a, b)]
    lines.append(Line("distinct glyphs", glyphs[0], glyphs[1]))
    if is_sample:  # what two samples have in common says nothing about the whole
        return lines
    labels = _common(filter(None, a.table.labels), filter(None, b.table.labels))
    lines.append(Line("labels in both", labels, labels))
    images = _common(filter(None, a.table.digests), filter(None, b.table.digests))
    lines.append(Line("images in both", images, images))
    if a.recipe is not None and b.recipe is not None and a.recipe["source"] == b.recipe["source"]:
        shared = _common(*(r.table.glyph[r.table.glyph >= 0].tolist() for r in (a, b)))
        lines.append(Line("glyphs in both", shared, shared))
    return lines


def _common(a: Iterable[object], b: Iterable[object]) -> int:
    return len(set(a) & set(b))


def _spread(what: str, a: Spread | None, b: Spread | None, unit: str = "") -> list[Line]:
    return [
        Line(f"{what}, {name}", getattr(a, name, None), getattr(b, name, None), unit)
        for name in ("least", "mean", "greatest")
    ]


def _stated(recipe: dict[str, Any]) -> dict[str, str]:
    """Return the settings of a recipe as text, with one entry per effect."""
    effects = {f"augment {name}": value for name, value in (recipe.get("augment") or {}).items()}
    return {name: str(value) for name, value in (recipe | effects).items() if name != "augment"}


def _settings(a: Report, b: Report) -> list[Line]:
    one, two = (_stated(report.recipe or {}) for report in (a, b))
    return [
        Line(name, one.get(name), two.get(name))
        for name in dict.fromkeys([*one, *two])
        if one.get(name) != two.get(name)
    ]
