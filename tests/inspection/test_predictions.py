"""Predictions are read from what people have; what does not fit is told with its line."""

import json
from pathlib import Path

import pytest

from digitseq import inspect_dataset, make_recipe, score_predictions
from digitseq.errors import ArgumentError, FormatError
from digitseq.inspection.predictions import Predictions, entries_of, match_predictions
from digitseq.inspection.table import Table


def read_predictions(path: Path, table: Table, *, partial: bool = False) -> Predictions:
    return match_predictions(*entries_of(path), table, partial=partial)


@pytest.fixture(scope="module")
def table(written: Path) -> Table:
    """The thirty images of a split."""
    return inspect_dataset(written, split="test").table


@pytest.fixture(scope="module")
def rows(table: Table) -> list[tuple[str, str]]:
    """File name and a prediction that is right."""
    return [(table.name(i), label) for i, label in enumerate(table.labels)]


def _csv(rows: list[tuple[str, str]], header: str = "filename,prediction", end: str = "\n") -> str:
    return end.join([header, *(f"{name},{text}" for name, text in rows)]) + end


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("header", ["filename,prediction", "file_name,pred", "Image,Predicted", "path,text"])
def test_csv_is_read_by_the_names_of_its_columns(
    header: str, end: str, table: Table, rows: list[tuple[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_bytes(b"\xef\xbb\xbf" + _csv(rows[::-1], header, end).encode())
    found = read_predictions(tmp_path / "p.csv", table)
    assert found.texts == table.labels
    assert any(text.startswith("0") for text in table.labels)
    assert found.confidences == [None] * len(table)


def test_every_form_gives_the_same(table: Table, rows: list[tuple[str, str]], tmp_path: Path) -> None:
    texts = {
        "index.csv": "index,prediction\n" + "".join(f"{i},{text}\n" for i, (_, text) in enumerate(rows)),
        "quoted.csv": "".join(f'"{a}","{b}"\n' for a, b in [("filename", "prediction"), *rows]),
        "tabs.tsv": "filename\tprediction\n" + "".join(f"{a}\t{b}\n" for a, b in rows),
        "semicolons.csv": "filename;prediction\n" + "".join(f"{a};{b}\n" for a, b in rows),
        "pandas.csv": ",prediction\n" + "".join(f"{i},{b}\n" for i, (_, b) in enumerate(rows)),
        "windows.csv": _csv([(a.replace("/", "\\"), b) for a, b in rows]),
        "whole.csv": _csv([("train/images/000/000000.png", "1"), *rows]),  # of a split that is left out
        "more.csv": "epoch,prediction,filename\n" + "".join(f"1,{b},./{a}\n\n" for a, b in rows),
        "names.jsonl": "".join(json.dumps({"file_name": a, "prediction": b}) + "\n" for a, b in rows),
        "numbers.ndjson": "".join(
            json.dumps({"index": i, "pred": b}) + "\n" for i, (_, b) in enumerate(rows)
        ),
        "unnamed": "".join(json.dumps({"file_name": a, "prediction": b}) + "\n" for a, b in rows),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        assert read_predictions(tmp_path / name, table).texts == table.labels, name


def test_confidences_are_numbers_and_may_be_absent(
    table: Table, rows: list[tuple[str, str]], tmp_path: Path
) -> None:
    lines = [f"{a},{b},{['0.25', '', 'nan'][i % 3]}" for i, (a, b) in enumerate(rows)]
    (tmp_path / "p.csv").write_text("\n".join(["filename,prediction,confidence", *lines]))
    assert read_predictions(tmp_path / "p.csv", table).confidences[:3] == [0.25, None, None]


def test_an_empty_prediction_is_one(table: Table, rows: list[tuple[str, str]], tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(_csv([(rows[0][0], ""), *rows[1:]]))
    assert read_predictions(tmp_path / "p.csv", table).texts[0] == ""


def test_bad_files_are_told_with_their_line(
    table: Table, rows: list[tuple[str, str]], tmp_path: Path
) -> None:
    name, _ = rows[3]
    many = dict(rows)

    def without(*names: str) -> list[tuple[str, str]]:
        return [(a, b) for a, b in many.items() if a not in names]

    jsonl = [json.dumps({"file_name": a, "prediction": b}) for a, b in rows]
    cases: list[tuple[str, bytes | str, str]] = [
        ("empty.csv", "", r"empty.csv: empty; expected a filename \(or index\) column"),
        ("blank.csv", " \n\n", "empty; expected"),
        ("header.csv", "filename,prediction\n", "no predictions, only a header"),
        ("columns.csv", "a,b\n1,2\n", r"line 1: expected a filename .* got 'a', 'b'"),
        ("none.csv", _csv(rows)[20:], "line 1: expected a filename"),
        ("other.csv", _csv([*rows[:4], ("x.png", "1")]), "line 6: 'x.png' is not one of the images"),
        ("double.csv", _csv([*rows, rows[3]]), f"line 32: {name} already has a prediction, in line 5"),
        ("twice.csv", "index,prediction,prediction\n", "line 1: duplicate column 'prediction'"),
        ("names.csv", "index,prediction\nx.png,1\n", "line 2: expected an index, got 'x.png'"),
        ("missing.csv", _csv(without(name)), f"no prediction for 1 of 30 images; the first is {name}"),
        ("cells.csv", _csv(rows).replace(f"{name},", f"{name},9,"), "line 5: expected 2 cells, got 3"),
        ("open.csv", _csv(rows[:4]) + '"images', "line 6: not CSV"),
        ("range.csv", "index,prediction\n0,1\n30,5\n", "line 3: there is no image 30; .* numbered 0 to 29"),
        ("bytes.csv", _csv(rows[:3]).encode() + b"\xff\xfe", r"line 5: not UTF-8 \(byte 0xff\)"),
        ("sure.csv", "index,pred,score\n0,1,much\n", "line 2: expected a number as confidence, got 'much'"),
        ("inf.csv", "index,pred,score\n0,1,inf\n", "line 2: expected a number as confidence"),
        ("huge.jsonl", '{"index": 0, "pred": "1", "score": 1' + "0" * 400 + "}", "line 1: expected a number"),
        ("deep.jsonl", "[" * 100_000, "line 1: expected one JSON object per line"),
        ("escape.csv", "\x1b]0;x\x07,b\n1,2\n", r"line 1: .* got '\\x1b\]0;x\\x07', 'b'"),
        ("null.jsonl", '{"index": 0, "pred": null}', "line 1: expected the prediction as text, got None$"),
        ("number.jsonl", jsonl[0] + '\n{"index": 1, "pred": 42}\n', "line 2: expected the prediction as"),
        ("broken.jsonl", jsonl[0] + "\n{\n", "line 2: expected one JSON object per line"),
        ("list.json", json.dumps([{"index": 1}]), "line 1: expected one JSON object per line"),
        ("keys.jsonl", jsonl[0] + '\n{"index": 1}\n', "line 2: expected a filename"),
        ("true.jsonl", '{"index": true, "pred": "1"}\n', "line 1: expected an index, got True"),
        ("long.jsonl", json.dumps({"index": 0, "pred": "1" * 10_001}), "line 1: expected a prediction of"),
    ]  # fmt: skip
    for file, content, sentence in cases:
        path = tmp_path / file
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(FormatError, match=sentence) as told:
            read_predictions(path, table)
        assert str(path) in str(told.value), file
    with pytest.raises(FormatError, match="cannot be read: No such file"):
        read_predictions(tmp_path / "nowhere.csv", table)


def test_some_predictions_are_enough_where_it_is_said(
    table: Table, rows: list[tuple[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_text(_csv(rows[:10]))
    found = read_predictions(tmp_path / "p.csv", table, partial=True)
    assert found.texts == [*table.labels[:10], *[None] * 20]


def test_names_may_lack_folders_or_have_the_dataset_s(
    written: Path, table: Table, rows: list[tuple[str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "p.csv"
    before_all = ("images/000/", "", "000/", "./test/images/000/", f"{written}/test/images/000/")
    for before in before_all:
        path.write_text(_csv([(before + name.rsplit("/", 1)[1], text) for name, text in rows]))
        assert read_predictions(path, table).texts == table.labels
    assert inspect_dataset(written / "test", predictions=path, partial=True).scores is not None
    path.write_text(_csv([(f"/other/{name}", text) for name, text in rows]))
    with pytest.raises(FormatError, match=r"line 2: .* is not one of the images"):
        read_predictions(path, table)


def test_names_that_could_be_of_several_splits_are_told(
    written: Path, rows: list[tuple[str, str]], tmp_path: Path
) -> None:
    whole = inspect_dataset(written).table
    (tmp_path / "p.csv").write_text(_csv([(name.removeprefix("test/"), text) for name, text in rows]))
    with pytest.raises(FormatError, match=r"is ambiguous: train/images/.*\(pass split=NAME to choose one\)"):
        read_predictions(tmp_path / "p.csv", whole)
    assert inspect_dataset(written, split="test", predictions=tmp_path / "p.csv").scores is not None
    assert inspect_dataset(written / "test", predictions=tmp_path / "p.csv").scores is not None


def test_predictions_may_be_given_as_texts(table: Table, rows: list[tuple[str, str]], written: Path) -> None:
    for given in (table.labels, dict(enumerate(table.labels)), dict(rows)):
        assert match_predictions(*entries_of(given), table).texts == table.labels
    assert match_predictions(*entries_of([None, *table.labels[1:]]), table, partial=True).texts[0] is None
    report = inspect_dataset(written, split="test", predictions=table.labels)
    assert report.scores is not None
    assert report.scores.sequence_accuracy == 1
    worse = score_predictions(report, ["1"] * len(table))
    assert worse.scores is not None
    assert worse.scores.right == 0
    assert worse.table is report.table
    with pytest.raises(FormatError, match="predictions, image 1: expected the prediction as text, got 5"):
        entries_of(["1", 5])  # type: ignore[list-item]
    with pytest.raises(FormatError, match="there is no image 30"):
        inspect_dataset(written, split="test", predictions=[*table.labels, "1"])
    sample = inspect_dataset(written, limit=9)
    with pytest.raises(ArgumentError, match="limit: the report covers a sample"):
        score_predictions(sample, ["1"] * 9)


def test_an_index_is_not_taken_for_the_name_of_a_drawn_image() -> None:
    splits = {"train": 10, "test": 5}
    recipe = make_recipe(length=(3, 5), image_width=150, seed=1, source="builtin", splits=splits)
    labels = inspect_dataset(recipe).table.labels
    read = inspect_dataset(recipe, predictions=dict(enumerate(labels)))
    assert read.scores is not None
    assert read.scores.right == 15
    assert [read.table.name(i) for i in (0, 10)] == ["train/0", "test/0"]
