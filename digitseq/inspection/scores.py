"""How good predictions are: alignment of label and prediction, and what follows from it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from digitseq.arrays import AnyArray, IntArray, count_values, unique_inverse
from digitseq.checks import short
from digitseq.inspection.measure import Seen
from digitseq.inspection.predictions import Predictions
from digitseq.inspection.table import Table

OTHER, NONE = 10, 11
"""Columns of the confusion matrix beside 0–9: another character was read, or nothing."""
NOTHING = 10
"""Row of the confusion matrix beside 0–9: nothing is there."""
_STEPS = 5  # groups of an effect's strength
_ODD, _ENOUGH = 2, 20  # lines that are no accident; images of which chance reads one
_FEW_SPACINGS = 24  # more different spacings than these are put into groups


@dataclass(frozen=True)
class Rate:
    """
    How much of a group was read right.

    Attributes:
        group: what the group is.
        right: how many.
        of: of how many.
    """

    group: str
    right: int
    of: int

    @property
    def share(self) -> float:
        """Right of all, 0 to 1."""
        return self.right / self.of if self.of else 0.0


@dataclass(frozen=True)
class Mistake:
    """
    An image that was not read right.

    Attributes:
        image: its place in the table.
        name: its file.
        label: what it shows.
        prediction: what was read.
        confidence: as the model gave it, or None.
        errors: how many edits make the prediction the label.
        above: the label, with a space where something was inserted.
        below: the prediction under it, with a space where a digit was missed; a space that was read is ␣.
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
    How good predictions are.

    Rates of images count those that are read right as a whole, rates of digits those that the alignment pairs
    with an equal character.

    Attributes:
        name: the file of the predictions.
        images: how many have a prediction.
        right: how many were read right as a whole.
        digits: digits of their labels.
        substitutions: digits that were read as another character.
        insertions: characters that were read where nothing is.
        deletions: digits that were not read.
        confusion: int (11, 12): rows the digit shown, 0–9 and "nothing"; columns what was read, 0–9, another
            character, and nothing.
        by_length: images, by digits of their label.
        by_spacing: digits, by the spacing on their narrower side, px, as drawn (as seen without a recipe).
        by_digit: digits, by which one.
        by_position: digits, by their place from the left.
        by_split: images, by split.
        by_effect: effect → images, by its mean strength over their digits (its distance from neutral).
        confidence: mean confidence of images read right and of the others; None where there is none.
        mistakes: all images that were not read right, the worst first: most edits a digit, then the
            most confident.
        texts: prediction of each image of the table; None where there is none.
        confidences: likewise.
        notes: what is suspicious about the predictions.
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
    by_split: tuple[Rate, ...]
    by_effect: dict[str, tuple[Rate, ...]]
    confidence: tuple[float | None, float | None]
    mistakes: tuple[Mistake, ...]
    texts: list[str | None] = field(repr=False)
    confidences: list[float | None] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def sequence_accuracy(self) -> float:
        """Share of images that were read right as a whole."""
        return self.right / self.images if self.images else 0.0

    @property
    def errors(self) -> int:
        """Edits in all."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def cer(self) -> float:
        """Character error rate: edits by digits of the labels; above 1 if much is inserted."""
        return self.errors / self.digits if self.digits else 0.0

    def groups(self) -> list[tuple[str, tuple[Rate, ...]]]:
        """All rates, each with what it counts and by what: "images by length", "digits by spacing", …."""
        return [
            ("images by length", self.by_length),
            ("images by split", self.by_split if len(self.by_split) > 1 else ()),
            *((f"images by {effect}", rates) for effect, rates in self.by_effect.items()),
            ("digits by digit", self.by_digit),
            ("digits by position", self.by_position),
            ("digits by spacing", self.by_spacing),
        ]

    def of_images(self, images: Sequence[int]) -> Predictions:
        """The predictions of some images alone."""
        inside = set(images)
        texts = [text if i in inside else None for i, text in enumerate(self.texts)]
        return Predictions(self.name, texts, self.confidences)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        values = {
            name: value
            for name, value in vars(self).items()
            if name not in ("texts", "confidences", "mistakes")
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
    How good predictions are.

    Args:
        table: the images.
        predictions: one for each image, or None.
    """
    images = np.array([i for i, text in enumerate(predictions.texts) if text is not None], np.int64)
    read = np.zeros(len(table.digit), np.bool_)  # each digit: was it read right?
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
    sizes = np.diff(table.first)

    def of_digits(values: AnyArray, say: Callable[[int], str] = str) -> tuple[Rate, ...]:
        return _grouped(values[in_question], read[in_question], say)

    return Scores(
        name=predictions.name,
        images=len(images),
        right=int(np.count_nonzero(whole)),
        digits=int(np.count_nonzero(in_question)),
        substitutions=counts["replace"],
        insertions=counts["insert"],
        deletions=counts["delete"],
        confusion=confusion,
        by_length=_grouped(sizes[images], whole[images]),
        by_spacing=_by_spacing(table, in_question, read),
        by_digit=of_digits(table.digit),
        by_position=of_digits(table.position + 1),
        by_split=_grouped(table.split[images], whole[images], lambda n: table.subject.splits[n].split),
        by_effect={
            name: _by_strength(values[images], whole[images]) for name, values in table.strengths.items()
        },
        confidence=_mean_confidence(predictions, images, whole),
        mistakes=tuple(mistakes),
        texts=predictions.texts,
        confidences=predictions.confidences,
        notes=tuple(_suspicions([(table.labels[i], predictions.texts[i] or "") for i in images.tolist()])),
    )


def _count_errors(
    above: Sequence[str | None],
    below: Sequence[str | None],
    confusion: IntArray,
    counts: dict[str, int],
    read: AnyArray,
) -> int:
    """Count the errors of an alignment, in place; ``read`` begins with the digits of its label."""
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
    Label and prediction, character under character; None where the other has one more.

    The alignment has the fewest edits (Levenshtein); where several have, it is the one that rapidfuzz gives.

    >>> align("0042", "042")
    (['0', '0', '4', '2'], ['0', None, '4', '2'])
    """
    from rapidfuzz.distance import Levenshtein  # 16 ms, only for predictions

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


def _grouped(values: IntArray, right: AnyArray, say: Callable[[int], str] = str) -> tuple[Rate, ...]:
    groups, which = unique_inverse(values)
    totals, rights = count_values(which), count_values(which, weights=right)
    return tuple(
        Rate(say(group), int(r), int(n)) for group, r, n in zip(groups.tolist(), rights, totals, strict=True)
    )


def _by_spacing(table: Table, in_question: AnyArray, read: AnyArray) -> tuple[Rate, ...]:
    """Digits by the spacing on their narrower side."""
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
        return ()
    low, high = int(values.min()), int(values.max())
    step = -(-(high - low + 1) // _FEW_SPACINGS)

    def say(group: int) -> str:
        first = low + group * step
        return str(first) if step == 1 else f"{first} to {first + step - 1}"

    return _grouped((values - low) // step, read[chosen], say)


def _by_strength(values: AnyArray, right: AnyArray) -> tuple[Rate, ...]:
    """Images by the strength of an effect: those without it, and equal steps of its range."""
    used = values > 0
    greatest = float(values.max(initial=0))
    if not greatest:
        return _grouped(np.zeros(len(values), np.int64), right, lambda _: "0")
    if len(np.unique(values)) <= _STEPS + 1:  # counts, such as of occlusions
        which = [(value, values == value) for value in np.unique(values).tolist()]
        return tuple(
            Rate(f"{value:g}", int(np.count_nonzero(right[same])), int(np.count_nonzero(same)))
            for value, same in which
        )
    step = np.where(used, 1 + np.minimum((values / greatest * _STEPS).astype(np.int64), _STEPS - 1), 0)

    def say(group: int) -> str:
        return f"{greatest * (group - 1) / _STEPS:.3g} to {greatest * group / _STEPS:.3g}" if group else "0"

    return _grouped(step, right, say)


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
    """What looks like a mistake in the making of the file, not in the reading of the images."""
    lost = sum(
        label[:1] == "0" and text != label and text == (label.lstrip("0") or "0") for label, text in pairs
    )
    if lost >= _ODD and not any(text[:1] == "0" and len(text) > 1 for _, text in pairs):
        yield f"{lost:,} predictions are their label without its leading zeros: were they taken for numbers?"
    strange = [text for _, text in pairs if text and not (text.isascii() and text.isdigit())]
    if len(strange) >= max(_ODD, len(pairs) // 10):
        yield f"{len(strange):,} predictions have characters that are not digits, such as {short(strange[0])}"
    if len(pairs) >= _ENOUGH and not any(label == text for label, text in pairs):
        yield "not one image was read right: are these predictions of these images?"
