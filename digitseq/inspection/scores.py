"""Score predictions: align them with labels and compute accuracy, error rates and confusions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from digitseq.arrays import AnyArray, IntArray, count_values, unique_inverse
from digitseq.checks import short
from digitseq.inspection.measure_gaps import Seen
from digitseq.inspection.predictions import Predictions
from digitseq.inspection.table import Table

OTHER, NONE = 10, 11
"""Columns of the confusion matrix after 0–9: another character was predicted, or nothing."""
NOTHING = 10
"""Row of the confusion matrix after 0–9: no digit, for insertions."""
_STEPS = 5  # groups per effect, by strength
_ODD, _ENOUGH = 2, 20  # predictions that are no coincidence; images of which at least one should be correct
_FEW_SPACINGS = 24  # a wider range of spacings is grouped


@dataclass(frozen=True)
class Rate:
    """
    Accuracy within a group.

    Attributes:
        group: name of the group.
        right: number of correct items.
        of: number of items.
    """

    group: str
    right: int
    of: int

    @property
    def share(self) -> float:
        """Share of correct items, 0 to 1."""
        return self.right / self.of if self.of else 0.0


@dataclass(frozen=True)
class Mistake:
    """
    An image with a wrong prediction.

    Attributes:
        image: index in the table.
        name: file name.
        label: label.
        prediction: predicted text.
        confidence: confidence of the model; None if there is none.
        errors: edit distance of prediction and label.
        above: aligned label, with a space for each insertion.
        below: aligned prediction, with a space for each deletion; a predicted space is shown as ␣.
    """

    image: int
    name: str
    label: str
    prediction: str
    confidence: float | None
    errors: int
    above: str
    below: str


@dataclass(frozen=True, eq=False)
class Scores:
    """
    Scores of the predictions of a model.

    An image is correct if its prediction equals its label; a digit is correct if the alignment pairs it with
    the same character.

    Attributes:
        name: name of the prediction file.
        images: number of images with a prediction.
        right: number of correct images.
        digits: number of digits in their labels.
        substitutions: digits predicted as another character.
        insertions: predicted characters that match no digit of the label.
        deletions: digits that were not predicted.
        confusion: int (11, 12): rows are true digits 0–9 and "nothing"; columns are predictions 0–9, another
            character, and nothing.
        by_length: accuracy of images, by label length.
        by_spacing: accuracy of digits, by the spacing in px on their narrower side: that of the recipe, or
            measured if there is no recipe.
        by_digit: accuracy of digits, by true digit.
        by_position: accuracy of digits, by position in the label, from 1.
        by_position_from_end: accuracy of digits, by position from the end of the label: 1 is the last digit.
        by_split: accuracy of images, by split.
        by_effect: effect → accuracy of images, by its mean strength (distance from neutral) over the digits.
        confidence: mean confidence of correct and of wrong images; None where there is none.
        mistakes: all wrong images, worst errors first: most edits per digit, then highest confidence.
        texts: prediction per image of the table; None if there is none.
        confidences: confidence per image of the table; None if there is none.
        notes: signs of mistakes in the prediction file.
        wrong_in: "length", "spacing", "digit", "position", "split" or an effect → the wrong items of that
            grouping: the image of each, int (items,), and the index of its group, int (items,).
    """

    name: str
    images: int
    right: int
    digits: int
    substitutions: int
    insertions: int
    deletions: int
    confusion: IntArray
    by_length: tuple[Rate, ...]
    by_spacing: tuple[Rate, ...]
    by_digit: tuple[Rate, ...]
    by_position: tuple[Rate, ...]
    by_position_from_end: tuple[Rate, ...]
    by_split: tuple[Rate, ...]
    by_effect: dict[str, tuple[Rate, ...]]
    confidence: tuple[float | None, float | None]
    mistakes: tuple[Mistake, ...]
    texts: list[str | None] = field(repr=False)
    confidences: list[float | None] = field(repr=False)
    notes: tuple[str, ...] = ()
    wrong_in: dict[str, tuple[IntArray, IntArray]] = field(default_factory=dict, repr=False)

    @property
    def sequence_accuracy(self) -> float:
        """Share of correct images, 0 to 1."""
        return self.right / self.images if self.images else 0.0

    @property
    def errors(self) -> int:
        """Total number of edits."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def cer(self) -> float:
        """Character error rate: edits divided by digits of the labels; over 1 with many insertions."""
        return self.errors / self.digits if self.digits else 0.0

    def groups(self) -> list[tuple[str, tuple[Rate, ...]]]:
        """Return all rates with their titles, such as "images by length" or "digits by spacing"."""
        return [
            ("images by length", self.by_length),
            ("images by split", self.by_split if len(self.by_split) > 1 else ()),
            *((f"images by {effect}", rates) for effect, rates in self.by_effect.items()),
            ("digits by digit", self.by_digit),
            ("digits by position", self.by_position),
            ("digits by position from the end", self.by_position_from_end),
            ("digits by spacing", self.by_spacing),
        ]

    def of_images(self, images: Sequence[int]) -> Predictions:
        """Return the predictions of some images only."""
        inside = set(images)
        texts = [text if i in inside else None for i, text in enumerate(self.texts)]
        return Predictions(self.name, texts, self.confidences)

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain JSON types."""
        values = {
            name: value
            for name, value in vars(self).items()
            if name not in ("texts", "confidences", "mistakes", "wrong_in")
        }
        for name, value in values.items():
            if name.startswith("by_") and name != "by_effect":
                values[name] = _rates(value)
        return values | {
            "sequence_accuracy": self.sequence_accuracy,
            "cer": self.cer,
            "by_effect": {effect: _rates(rates) for effect, rates in self.by_effect.items()},
            "confusion": self.confusion.tolist(),
            "mistakes": [asdict(mistake) for mistake in self.mistakes],
        }


def _rates(rates: Sequence[Rate]) -> list[dict[str, Any]]:
    return [asdict(rate) | {"share": rate.share} for rate in rates]


def score(table: Table, predictions: Predictions) -> Scores:
    """
    Score predictions.

    Args:
        table: images.
        predictions: predictions in the order of the table.
    """
    images = np.array([i for i, text in enumerate(predictions.texts) if text is not None], np.int64)
    read = np.zeros(len(table.digit), np.bool_)  # whether each digit is correct
    whole = np.zeros(len(table), np.bool_)
    confusion = np.zeros((11, 12), np.int64)
    counts = {"replace": 0, "insert": 0, "delete": 0}
    mistakes = []
    for image in images.tolist():
        label, text = table.labels[image], predictions.texts[image] or ""
        first = int(table.first[image])
        if text == label:
            whole[image] = True
            read[first : first + len(label)] = True
            continue
        above, below = align(label, text)
        errors = _count_errors(above, below, confusion, counts, read[first:])
        mistakes.append(
            Mistake(
                image, table.name(image), label, text, predictions.confidences[image], errors,
                "".join(" " if c is None else c for c in above),
                "".join(" " if c is None else c.replace(" ", "␣") for c in below),
            )
        )  # fmt: skip
    in_question = np.isin(table.image, images)
    right_digits = count_values(table.digit[read & whole[table.image]].clip(0, 9), bins=10)
    confusion[range(10), range(10)] += right_digits
    mistakes.sort(key=lambda m: (-m.errors / max(len(m.label), 1), -(m.confidence or 0), m.image))
    groups = _groupings(table, images, whole, read)
    return Scores(
        name=predictions.name,
        images=len(images),
        right=int(np.count_nonzero(whole)),
        digits=int(np.count_nonzero(in_question)),
        substitutions=counts["replace"],
        insertions=counts["insert"],
        deletions=counts["delete"],
        confusion=confusion,
        by_length=groups["length"].rates,
        by_spacing=groups["spacing"].rates,
        by_digit=groups["digit"].rates,
        by_position=groups["position"].rates,
        by_position_from_end=groups["end"].rates,
        by_split=groups["split"].rates,
        by_effect={name: groups[name].rates for name in table.strengths},
        confidence=_mean_confidence(predictions, images, whole),
        mistakes=tuple(mistakes),
        texts=predictions.texts,
        confidences=predictions.confidences,
        notes=tuple(_suspicions([(table.labels[i], predictions.texts[i] or "") for i in images.tolist()])),
        wrong_in={name: (own.images, own.groups) for name, own in groups.items()},
    )


class _Groups(NamedTuple):
    """The accuracy of each group, and the image and group index of each wrong item."""

    rates: tuple[Rate, ...] = ()
    images: IntArray = np.zeros(0, np.int64)
    groups: IntArray = np.zeros(0, np.int64)


def _groupings(table: Table, images: IntArray, whole: AnyArray, read: AnyArray) -> dict[str, _Groups]:
    """
    Return the accuracy in each grouping: those of `Scores.wrong_in`.

    Args:
        table: the images.
        images: int (images,), those with a prediction.
        whole: bool (images of the table,), whether each was read correctly.
        read: bool (digits,), whether each digit was.
    """
    sizes, in_question = np.diff(table.first), np.isin(table.image, images)
    splits = [split.split for split in table.subject.splits]

    def of_digits(values: AnyArray) -> _Groups:
        return _grouped(values[in_question], read[in_question], table.image[in_question])

    return {
        "length": _grouped(sizes[images], whole[images], images),
        "spacing": _by_spacing(table, in_question, read),
        "digit": of_digits(table.digit),
        "position": of_digits(table.position + 1),
        "end": of_digits(sizes[table.image] - table.position),
        "split": _grouped(table.split[images], whole[images], images, lambda number: splits[number]),
    } | {name: _by_strength(v[images], whole[images], images) for name, v in table.strengths.items()}


def _count_errors(
    above: Sequence[str | None],
    below: Sequence[str | None],
    confusion: IntArray,
    counts: dict[str, int],
    read: AnyArray,
) -> int:
    """Return the errors of an alignment, and add it to the counts; ``read`` starts at its first digit."""
    place = errors = 0
    for shown, seen in zip(above, below, strict=True):
        row = NOTHING if shown is None else _column(shown)
        confusion[row, NONE if seen is None else _column(seen)] += 1
        if shown != seen:
            errors += 1
            counts["insert" if shown is None else "delete" if seen is None else "replace"] += 1
        else:
            read[place] = True
        place += shown is not None
    return errors


def align(label: str, prediction: str) -> tuple[list[str | None], list[str | None]]:
    """
    Align label and prediction character by character, with None for each insertion or deletion.

    The alignment has the fewest edits (Levenshtein); rapidfuzz chooses among several such alignments.

    >>> align("0042", "042")
    (['0', '0', '4', '2'], ['0', None, '4', '2'])
    """
    from rapidfuzz.distance import Levenshtein  # takes 16 ms, so only if there are predictions

    above: list[str | None] = []
    below: list[str | None] = []
    for part in Levenshtein.opcodes(label, prediction):
        shown: list[str | None] = list(label[part.src_start : part.src_end])
        seen: list[str | None] = list(prediction[part.dest_start : part.dest_end])
        longer = max(len(shown), len(seen))
        above += shown + [None] * (longer - len(shown))
        below += seen + [None] * (longer - len(seen))
    return above, below


def _column(character: str) -> int:
    return int(character) if character in "0123456789" else OTHER


def _grouped(values: IntArray, right: AnyArray, images: IntArray, say: Callable[[int], str] = str) -> _Groups:
    groups, which = unique_inverse(values)
    totals, rights = count_values(which), count_values(which, weights=right)
    rates = tuple(
        Rate(say(group), int(r), int(n)) for group, r, n in zip(groups.tolist(), rights, totals, strict=True)
    )
    wrong = ~np.asarray(right, np.bool_)
    return _Groups(rates, images[wrong].astype(np.int64), which.reshape(-1)[wrong].astype(np.int64))


def _by_spacing(table: Table, in_question: AnyArray, read: AnyArray) -> _Groups:
    """Return the accuracy of digits by the spacing on their narrower side."""
    if table.subject.recipe is not None:
        behind, known = table.drawn_px, table.is_drawn
    else:
        behind, known = table.seen_px, table.seen == Seen.MEASURED
    nothing = np.int64(np.iinfo(np.int64).max)
    behind = np.where(known, behind, nothing)
    before = np.where(table.position > 0, np.append(np.int64(nothing), behind[:-1])[: len(behind)], nothing)
    narrow = np.minimum(behind, before)
    chosen = in_question & (narrow < nothing)
    values = narrow[chosen].astype(np.int64)
    if not len(values):
        return _Groups()
    low, high = int(values.min()), int(values.max())
    step = -(-(high - low + 1) // _FEW_SPACINGS)

    def say(group: int) -> str:
        first = low + group * step
        return str(first) if step == 1 else f"{first} to {first + step - 1}"

    return _grouped((values - low) // step, read[chosen], table.image[chosen], say)


def _by_strength(values: AnyArray, right: AnyArray, images: IntArray) -> _Groups:
    """Return the accuracy of images by the strength of an effect: 0, and equal steps up to the maximum."""
    used = values > 0
    greatest = float(values.max(initial=0))
    if not greatest:
        return _grouped(np.zeros(len(values), np.int64), right, images, lambda _: "0")
    if len(np.unique(values)) <= _STEPS + 1:  # counts, such as the number of occlusions
        every = np.unique(values)
        which = np.searchsorted(every, values).astype(np.int64)
        return _grouped(which, right, images, lambda group: f"{every[group]:g}")
    step = np.where(used, 1 + np.minimum((values / greatest * _STEPS).astype(np.int64), _STEPS - 1), 0)

    def say(group: int) -> str:
        return f"{greatest * (group - 1) / _STEPS:.3g} to {greatest * group / _STEPS:.3g}" if group else "0"

    return _grouped(step, right, images, say)


def _mean_confidence(
    predictions: Predictions, images: IntArray, whole: AnyArray
) -> tuple[float | None, float | None]:
    means: list[float | None] = []
    for wanted in (True, False):
        given = [predictions.confidences[i] for i in images.tolist() if bool(whole[i]) is wanted]
        there = [value for value in given if value is not None]
        means.append(sum(there) / len(there) if there else None)
    return means[0], means[1]


def _suspicions(pairs: list[tuple[str, str]]) -> Iterator[str]:
    """Yield notes on predictions that suggest a mistake in the file rather than in the model."""
    lost = sum(
        label[:1] == "0" and text != label and text == (label.lstrip("0") or "0") for label, text in pairs
    )
    if lost >= _ODD and not any(text[:1] == "0" and len(text) > 1 for _, text in pairs):
        yield f"{lost:,} predictions equal their label without its leading zeros; were they saved as numbers?"
    strange = [text for _, text in pairs if text and not (text.isascii() and text.isdigit())]
    if len(strange) >= max(_ODD, len(pairs) // 10):
        yield f"{len(strange):,} predictions contain non-digit characters, such as {short(strange[0])}"
    if len(pairs) >= _ENOUGH and not any(label == text for label, text in pairs):
        yield "no prediction is correct; do the predictions belong to these images?"
