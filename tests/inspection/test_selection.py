"""Which images are shown: by seed, by label, by length, the most extreme; and the sheet of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitseq import (
    Choice,
    Report,
    compare_reports,
    draw_sheet,
    inspect_dataset,
    make_recipe,
    score_predictions,
    write_sheet,
)
from digitseq.errors import ArgumentError, OutputError
from digitseq.inspection.compare import mcnemar
from digitseq.inspection.selection import choose


@pytest.fixture(scope="module")
def report() -> Report:
    """Lines of one to five digits, some of which touch."""
    settings: dict[str, Any] = {"spacing_range": (-3, 5), "image_width": 130, "seed": 2, "source": "builtin"}
    return inspect_dataset(make_recipe(length=(1, 5), count=400, **settings))


def test_random_is_by_seed_and_always_the_same(report: Report) -> None:
    chosen = choose(report, 9, Choice(seed=5))
    assert chosen.tolist() == choose(report, 400, Choice(seed=5))[:9].tolist()
    assert chosen.tolist() == [7, 369, 216, 350, 247, 347, 322, 390, 302]  # as on every machine
    assert choose(report, 9, Choice(seed=6)).tolist() != chosen.tolist()
    assert sorted(choose(report, 400, Choice())) == list(range(400))
    assert choose(report, 3, Choice(order="first")).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("7", lambda label: label == "7"),
        ("##", lambda label: len(label) == 2),
        ("*7*", lambda label: "7" in label),
        ("0#*", lambda label: label[0] == "0" and len(label) > 1),
        ("*", lambda label: True),
    ],
)
def test_labels_of_a_pattern(pattern: str, fits: Any, report: Report) -> None:
    chosen = choose(report, 400, Choice(order="first", label=pattern)).tolist()
    assert chosen == [i for i, label in enumerate(report.table.labels) if fits(label)]
    assert chosen


def test_lengths_and_extremes(report: Report) -> None:
    table = report.table
    chosen = choose(report, 400, Choice(length=(2, 3))).tolist()
    assert sorted(chosen) == [i for i, label in enumerate(table.labels) if len(label) in (2, 3)]
    extent = table.right_px - table.left_px
    widest = choose(report, 5, Choice(order="widest"))
    assert extent[widest].tolist() == sorted(extent.tolist(), reverse=True)[:5]
    touching = choose(report, 400, Choice(order="touching"))
    near = [int(((table.drawn_px <= 0) & table.is_drawn & (table.image == i)).sum()) for i in touching]
    assert near == sorted(near, reverse=True)
    assert near[0] >= 3


def test_bad_choices_are_told(report: Report) -> None:
    for bad in ({"order": "best"}, {"label": "a"}, {"label": ""}, {"length": (3, 2)}):
        with pytest.raises(ArgumentError):
            Choice(**bad)
    with pytest.raises(ArgumentError, match="'worst' requires predictions"):
        choose(report, 3, Choice(order="worst"))
    with pytest.raises(ArgumentError, match="no image matches"):
        draw_sheet(report, choice=Choice(label="99999"))


def test_a_sheet_shows_the_images_twice_their_size(report: Report) -> None:
    choice = Choice(order="first")
    sheet = draw_sheet(report, 3, 2, choice=choice)
    assert sheet.shape == (8 + 3 * (56 + 16 + 8), 8 + 2 * (260 + 8), 3)
    for place in range(6):
        row, col = divmod(place, 2)
        shown = sheet[8 + row * 80 : 64 + row * 80 : 2, 8 + col * 268 : 268 + col * 268 : 2]
        pixels = report.table.pixels(place)
        assert pixels is not None
        assert (shown == pixels[:, :, None]).all()
        assert sheet[65 + row * 80 : 79 + row * 80, 8 + col * 268 :].min() < 100  # its label
    boxed = draw_sheet(report, 3, 2, choice=choice, boxes=True)
    changed = np.argwhere((boxed != sheet).any(2))
    x, y, *_ = report.table.boxes_of(0)[0].tolist()
    assert (8 + 2 * y, 8 + 2 * x) in map(tuple, changed.tolist())
    assert draw_sheet(report, 2, choice=choice).shape[1] <= 1400


def test_sheets_that_cannot_be_made_are_told(report: Report, tmp_path: Path) -> None:
    for rows, cols in ((0, 1), (1, 0), ("3", 1), (10**6, 1)):
        with pytest.raises(ArgumentError):
            draw_sheet(report, rows, cols)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"ending in \.png"):
        write_sheet(report, tmp_path / "a.jpg")
    assert write_sheet(report, tmp_path / "a.png", 1, 1).is_file()
    with pytest.raises(OutputError, match="already exists"):
        write_sheet(report, tmp_path / "a.png", 1, 1)
    write_sheet(report, tmp_path / "a.png", 1, 1, force=True)


def test_the_worst_come_first_where_there_are_predictions(report: Report, tmp_path: Path) -> None:
    labels = report.table.labels
    texts = ["" if i in (7, 9) else label for i, label in enumerate(labels)]
    (tmp_path / "p.csv").write_text("index,prediction\n" + "".join(f"{i},{t}\n" for i, t in enumerate(texts)))
    scored = inspect_dataset(
        make_recipe(
            length=(1, 5), count=400, spacing_range=(-3, 5), image_width=130, seed=2, source="builtin"
        ),
        predictions=tmp_path / "p.csv",
    )
    assert sorted(choose(scored, 2, Choice()).tolist()) == [7, 9]
    assert choose(scored, 400, Choice(order="worst")).tolist() == choose(scored, 2, Choice()).tolist()
    assert len(choose(scored, 400, Choice())) == 400
    assert (draw_sheet(scored, 1, 2) != draw_sheet(report, 1, 2, choice=Choice(order="first"))).any()


def test_two_reports_side_by_side(report: Report, tmp_path: Path) -> None:
    other = inspect_dataset(
        make_recipe(length=(2, 5), count=300, spacing_range=(1, 5), image_width=130, seed=2, source="builtin")
    )
    comparison = compare_reports(report, other)
    lines = {line.what: (line.a, line.b) for line in comparison.lines}
    assert lines["images"] == (400, 300)
    assert lines["labels of length 1"] == (report.lengths[1], 0)
    common = set(report.table.labels) & set(other.table.labels)
    assert lines["labels in both"] == (len(common), len(common))
    assert {line.what for line in comparison.settings} == {"spacing_range", "length", "count"}
    assert comparison.p_value is None


def test_two_models_side_by_side(written: Path, tmp_path: Path) -> None:
    labels = inspect_dataset(written).table.labels
    reports = []
    for name, wrong in (("a", range(10)), ("b", range(8, 38))):
        texts = [label[:-1] if i in wrong else label for i, label in enumerate(labels)]
        path = tmp_path / f"{name}.csv"
        path.write_text("index,prediction\n" + "".join(f"{i},{text}\n" for i, text in enumerate(texts)))
        reports.append(inspect_dataset(written, predictions=path))
    comparison = compare_reports(*reports)
    assert comparison.agreement == (142, 28, 8, 2)
    assert comparison.p_value == pytest.approx(mcnemar(28, 8))
    assert comparison.only_a[0] == "train/images/000/000010.png"
    lines = {line.what: (line.a, line.b) for line in comparison.lines}
    assert lines["deletions"] == (10, 30)
    assert lines["sequence accuracy"] == (170 / 180, 150 / 180)
    with pytest.raises(ArgumentError, match="only one of the two reports has predictions"):
        compare_reports(reports[0], inspect_dataset(written))
    (tmp_path / "c.csv").write_text("index,prediction\n0,1\n")
    other = inspect_dataset(written, split="test", predictions=tmp_path / "c.csv", partial=True)
    with pytest.raises(ArgumentError, match="different images"):
        compare_reports(reports[0], other)


def test_two_models_are_compared_on_what_both_have_read(written: Path) -> None:
    report = inspect_dataset(written)
    labels = report.table.labels
    half = [label if i % 2 else None for i, label in enumerate(labels)]
    wrong = ["x" if i in (1, 2) else label for i, label in enumerate(labels)]
    one, two = score_predictions(report, wrong), score_predictions(report, half, partial=True)
    comparison = compare_reports(one, two)
    assert comparison.agreement == (89, 0, 1, 0)  # image 2 was read by the first alone
    lines = {line.what: (line.a, line.b) for line in comparison.lines}
    assert lines["images"] == (90, 90)
    assert lines["sequence accuracy"] == (89 / 90, 1)
    assert {what.split(" ")[3] for what in lines if what.startswith("accuracy, digits by ")} == {
        "digit", "position", "spacing",
    }  # fmt: skip
    assert lines["accuracy, images by split test"] == (1, 1)
    assert comparison.notes == ("compared on the 90 images with predictions from both models, of 180 and 90",)
    other = [None if text else label for text, label in zip(half, labels, strict=True)]
    with pytest.raises(ArgumentError, match="no image has a prediction from both models"):
        compare_reports(two, score_predictions(report, other, partial=True))


def test_two_datasets_that_share_images_and_glyphs_say_so() -> None:
    settings: dict[str, Any] = {
        "length": (2, 3),
        "image_width": 90,
        "source": "builtin",
        "spacing_range": (0, 2),
    }
    one = inspect_dataset(make_recipe(count=300, seed=1, **settings))
    part = inspect_dataset(make_recipe(count=100, seed=1, index=250, **settings))
    test = inspect_dataset(make_recipe(count=300, seed=1, split="test", **settings))
    lines = {line.what: line.a for line in compare_reports(one, part).lines}
    assert lines["images in both"] == 50
    assert isinstance(lines["glyphs in both"], int)
    assert lines["glyphs in both"] >= 100
    lines = {line.what: line.a for line in compare_reports(one, test).lines}
    assert (lines["images in both"], lines["glyphs in both"]) == (0, 0)


def test_the_most_touching_of_interlocking_digits_are_told_by_the_spacing_that_was_drawn() -> None:
    settings: dict[str, Any] = {"image_width": 150, "source": "builtin", "spacing_from": "contour"}
    recipe = make_recipe(["1234"], (-2, 6), count=3_000, seed=1, **settings)
    report = inspect_dataset(recipe)
    table = report.table
    gaps = table.drawn_px.reshape(-1, 4)[:, :3]
    chosen = choose(report, 3_000, Choice(order="touching"))
    near = (gaps[chosen] <= 0).sum(1)
    assert near[0] == 3
    assert (np.diff(near) <= 0).mean() > 0.99  # where pixels tell, they are believed


def test_mcnemar_is_the_binomial_test() -> None:
    from scipy.stats import binomtest

    for a, b in ((0, 0), (0, 1), (3, 3), (1, 9), (28, 8), (300, 401), (4_000, 4_300)):
        expected = binomtest(a, a + b, 0.5).pvalue if a + b else 1
        assert mcnemar(a, b) == pytest.approx(expected, rel=1e-9), (a, b)
        assert mcnemar(a, b) == mcnemar(b, a)
