"""Scores equal a table counted by hand, and what independent programs compute."""

import random
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq import inspect_dataset, make_recipe
from digitseq.inspection.predictions import Predictions
from digitseq.inspection.report import Report
from digitseq.inspection.scores import NONE, NOTHING, OTHER, Scores, align, score
from digitseq.inspection.table import Table

_LABELS = ("3502", "0042", "7", "118", "118")


def _table(labels: tuple[str, ...], **settings: Any) -> Table:
    settings = {"image_width": None, "spacing_range": (2, 8), "seed": 1, "source": "builtin"} | settings
    return inspect_dataset(make_recipe(labels, **settings)).table


def _score(table: Table, *texts: str | None, confidences: list[float | None] | None = None) -> Scores:
    return score(table, Predictions("p", list(texts), confidences or [None] * len(texts)))


def test_scores_equal_a_table_counted_by_hand() -> None:
    table = _table(_LABELS)
    #           right    0 missing  read as x  1 → 7    9 added
    scores = _score(table, "3502", "042", "x", "178", "1189", confidences=[0.9, 0.8, 0.7, 0.6, 0.95])
    assert (scores.images, scores.right, scores.digits) == (5, 1, 15)
    assert (scores.substitutions, scores.insertions, scores.deletions) == (2, 1, 1)
    assert scores.sequence_accuracy == 0.2
    assert scores.cer == pytest.approx(4 / 15)
    expected = np.zeros((11, 12), int)
    for digit in "3502" + "042" + "18" + "118":
        expected[int(digit), int(digit)] += 1
    expected[0, NONE] = expected[7, OTHER] = expected[1, 7] = expected[NOTHING, 9] = 1
    assert (scores.confusion == expected).all()
    assert [(rate.group, rate.right, rate.of) for rate in scores.by_length] == [
        ("1", 0, 1),
        ("3", 0, 2),
        ("4", 1, 2),
    ]
    assert [(rate.group, rate.right, rate.of) for rate in scores.by_digit] == [
        ("0", 2, 3), ("1", 3, 4), ("2", 2, 2), ("3", 1, 1), ("4", 1, 1), ("5", 1, 1), ("7", 0, 1),
        ("8", 2, 2),
    ]  # fmt: skip
    first = table.first.tolist()
    assert sum(rate.of for rate in scores.by_position) == first[-1] == 15
    assert [(rate.group, rate.right, rate.of) for rate in scores.by_position][2:] == [
        ("3", 4, 4),
        ("4", 2, 2),
    ]
    assert scores.confidence[0] == 0.9
    assert scores.confidence[1] == pytest.approx((0.8 + 0.7 + 0.6 + 0.95) / 4)
    assert [(m.label, m.prediction, m.errors) for m in scores.mistakes] == [
        ("7", "x", 1), ("118", "1189", 1), ("118", "178", 1), ("0042", "042", 1),
    ]  # fmt: skip
    assert (scores.mistakes[1].above, scores.mistakes[1].below) == ("118 ", "1189")


def test_digits_are_counted_by_the_spacing_on_their_narrower_side() -> None:
    table = _table(("12345",), spacing_range=(0, 9), seed=3)
    gaps = table.drawn_px[:-1].tolist()
    narrow = [gaps[0], *map(min, gaps[:-1], gaps[1:]), gaps[-1]]
    scores = _score(table, "12x45")
    expected: dict[str, list[int]] = {}
    for place, gap in enumerate(narrow):
        right, of = expected.setdefault(str(gap), [0, 0])
        expected[str(gap)] = [right + (place != 2), of + 1]
    assert {rate.group: [rate.right, rate.of] for rate in scores.by_spacing} == expected


def test_images_are_counted_by_the_strength_of_each_effect() -> None:
    augment = {"noise": (0, 40), "occlude": (0, 2), "chance": 0.5}
    table = _table(("123",), count=400, augment=augment, image_width=90, spacing_range=(0, 2))
    noise = table.strengths["noise"]
    read = ["123" if strength < 20 else "12" for strength in noise]
    scores = _score(table, *read)
    rates = {rate.group: rate for rate in scores.by_effect["noise"]}
    assert rates["0"].of == (noise == 0).sum() > 150
    assert sum(rate.of for rate in rates.values()) == 400
    assert [rate.share for rate in rates.values()][:3] == [1, 1, 1]
    assert [rate.share for rate in rates.values()][-2:] == [0, 0]
    assert {rate.group for rate in scores.by_effect["occlude"]} == {"0", "1", "2"}


def test_splits_and_missing_predictions(written: Path) -> None:
    table = inspect_dataset(written).table
    texts: list[str | None] = [label if i % 2 else None for i, label in enumerate(table.labels)]
    texts[1] = ""
    scores = _score(table, *texts)
    assert (scores.images, scores.right) == (90, 89)
    assert scores.deletions == len(table.labels[1])
    assert [(rate.group, rate.right, rate.of) for rate in scores.by_split] == [
        ("train", 59, 60), ("validation", 15, 15), ("test", 15, 15),
    ]  # fmt: skip
    assert (
        sum(rate.of for rate in scores.by_digit) == scores.digits == sum(len(x) for x in table.labels[1::2])
    )


def _spoilt(label: str, chance: random.Random) -> str:
    text = list(label)
    for _ in range(chance.randrange(4)):
        place = chance.randrange(len(text) + 1)
        text[place : place + chance.randrange(2)] = chance.choice(["", "1", "7", "x", "08"])
    return "".join(text)


def test_error_rates_equal_those_of_jiwer() -> None:
    chance = random.Random(5)
    labels = tuple("".join(chance.choices("0123456789", k=chance.randint(1, 7))) for _ in range(400))
    table = _table(labels)
    read = [_spoilt(label, chance) for label in labels]
    scores = _score(table, *read)
    other = jiwer.process_characters(list(labels), read)
    assert scores.cer == pytest.approx(other.cer)
    assert scores.errors == other.substitutions + other.insertions + other.deletions
    assert (scores.substitutions, scores.insertions, scores.deletions) == (
        other.substitutions, other.insertions, other.deletions,
    )  # fmt: skip
    assert scores.right == sum(a == b for a, b in zip(labels, read, strict=True)) > 50
    assert sum(mistake.errors for mistake in scores.mistakes) == scores.errors
    assert scores.confusion[:10].sum() == scores.digits
    assert scores.confusion[NOTHING].sum() == scores.insertions
    assert scores.confusion[:10, NONE].sum() == scores.deletions
    off_diagonal = scores.confusion[:10, : OTHER + 1].sum() - np.trace(scores.confusion[:10, :10])
    assert off_diagonal == scores.substitutions
    right = [(rate.right, rate.of) for rate in scores.by_digit]
    assert [r for r, _ in right] == np.diag(scores.confusion[:10, :10]).tolist()
    assert [n for _, n in right] == scores.confusion[:10].sum(1).tolist()


def _distance(a: str, b: str) -> int:
    """Levenshtein's distance by the textbook's table (Wagner and Fischer, 1974)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


@given(st.text("0123x", max_size=9), st.text("0123x", max_size=9))
def test_an_alignment_has_the_fewest_edits_and_loses_nothing(label: str, read: str) -> None:
    above, below = align(label, read)
    assert "".join(c for c in above if c is not None) == label
    assert "".join(c for c in below if c is not None) == read
    assert sum(a != b for a, b in zip(above, below, strict=True)) == _distance(label, read)


def test_what_looks_like_a_mistake_in_the_file_is_said() -> None:
    table = _table(("0042", "7", "0001", "3502", "0000"))
    (note,) = _score(table, "42", "7", "1", "3502", "0").notes
    assert note.startswith("3 predictions equal their label without its leading zeros")
    assert _score(table, "42", "7", "0001", "3502", "0000").notes == ()  # some have theirs
    assert _score(table, *table.labels).notes == ()
    assert _score(table, *table.labels).confidence == (None, None)
    assert _score(_table(("0042", "7")), "42", "7").notes == ()  # one is no habit
    (note,) = _score(table, "42.0", "7.0", "1.0", "3502.0", "0.0").notes
    assert note == "5 predictions contain non-digit characters, such as '42.0'"
    many = _table(("12",), count=30)
    assert _score(many, *["21"] * 30).notes == (
        "no prediction is correct; do the predictions belong to these images?",
    )
    assert _score(many, "12", *["21"] * 29).notes == ()


def test_a_space_that_was_read_is_not_a_missing_digit() -> None:
    (mistake,) = _score(_table(("1234",)), "1 3").mistakes
    assert (mistake.above, mistake.below) == ("1234", "1␣3 ")


def test_a_report_with_scores_is_plain_json(written: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    labels = inspect_dataset(written).table.labels
    path.write_text("index,prediction\n" + "".join(f"{i},{label[::-1]}\n" for i, label in enumerate(labels)))
    report: Report = inspect_dataset(written, predictions=path)
    facts = report.to_dict()["scores"]
    assert report.scores is not None
    assert facts["sequence_accuracy"] == report.scores.sequence_accuracy
    assert len(facts["mistakes"]) == facts["images"] - facts["right"]
    assert facts["by_length"][0].keys() == {"group", "right", "of", "share"}
    with pytest.raises(Exception, match="limit: cannot be combined with predictions"):
        inspect_dataset(written, predictions=path, limit=9)
