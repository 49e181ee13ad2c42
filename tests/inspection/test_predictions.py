"""Predictions are read from what people have; what does not fit is told with its line."""

import json
from pathlib import Path

import pytest

from digitseq import inspect_dataset
from digitseq.errors import FormatError
from digitseq.inspection.predictions import read_predictions
from digitseq.inspection.table import Table


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
    lines = [f"{a},{b},{'' if i % 2 else 0.25}" for i, (a, b) in enumerate(rows)]
    (tmp_path / "p.csv").write_text("\n".join(["filename,prediction,confidence", *lines]))
    assert read_predictions(tmp_path / "p.csv", table).confidences[:2] == [0.25, None]


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
        ("empty.csv", "", r"empty.csv: empty; expected a column filename \(or index\)"),
        ("blank.csv", " \n\n", "empty; expected"),
        ("header.csv", "filename,prediction\n", "no predictions, only a header"),
        ("columns.csv", "a,b\n1,2\n", r"line 1: expected a column filename .* got a, b"),
        ("none.csv", _csv(rows)[20:], "line 1: expected a column filename"),
        ("other.csv", _csv([*rows[:4], ("x.png", "1")]), 'line 6: "x.png" is not among the images'),
        ("split.csv", _csv([("train/" + name[5:], "1")]), "line 2: .* is not among the images"),
        ("double.csv", _csv([*rows, rows[3]]), f"line 32: {name} has a prediction already, in line 5"),
        ("again.csv", _csv([*rows, ("3", "1")]), f"line 32: {name} has a prediction already, in line 5"),
        ("missing.csv", _csv(without(name)), f"1 of 30 images have no prediction, the first {name}"),
        ("cells.csv", _csv(rows).replace(f"{name},", f"{name},9,"), "line 5: expected 2 cells, got 3"),
        ("open.csv", _csv(rows[:4]) + '"images', "line 6: not CSV"),
        ("range.csv", "index,prediction\n0,1\n30,5\n", "line 3: there is no image 30; .* are 0 to 29"),
        ("bytes.csv", _csv(rows[:3]).encode() + b"\xff\xfe", r"line 5: not UTF-8 \(byte 0xff\)"),
        ("sure.csv", "index,pred,score\n0,1,much\n", 'line 2: expected a number as confidence, got "much"'),
        ("nan.csv", "index,pred,score\n0,1,nan\n", "line 2: expected a number as confidence"),
        ("number.jsonl", jsonl[0] + '\n{"index": 1, "pred": 42}\n', "line 2: expected the prediction as"),
        ("broken.jsonl", jsonl[0] + "\n{\n", "line 2: expected one JSON object a line"),
        ("list.json", json.dumps([{"index": 1}]), "line 1: expected one JSON object a line"),
        ("keys.jsonl", jsonl[0] + '\n{"index": 1}\n', "line 2: expected a column filename"),
        ("true.jsonl", '{"index": true, "pred": "1"}\n', "line 1: true is not among the images"),
        ("long.jsonl", json.dumps({"index": 0, "pred": "1" * 100_001}), "line 1: the prediction has 100,001"),
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
    for before in ("images/000/", "", "000/", f"{written}/test/images/000/"):
        path.write_text(_csv([(before + name.rsplit("/", 1)[1], text) for name, text in rows]))
        assert read_predictions(path, table).texts == table.labels
    assert inspect_dataset(written / "test", predictions=path, partial=True).scores is not None
    path.write_text(_csv([(f"/other/{name}", text) for name, text in rows]))
    with pytest.raises(FormatError, match=r"line 2: .* is not among the images"):
        read_predictions(path, table)


def test_names_that_could_be_of_several_splits_are_told(
    written: Path, rows: list[tuple[str, str]], tmp_path: Path
) -> None:
    whole = inspect_dataset(written).table
    (tmp_path / "p.csv").write_text(_csv([(name.removeprefix("test/"), text) for name, text in rows]))
    with pytest.raises(FormatError, match=r"could be train/images/.*\(--split names the split\)"):
        read_predictions(tmp_path / "p.csv", whole)
    assert inspect_dataset(written, split="test", predictions=tmp_path / "p.csv").scores is not None
    assert inspect_dataset(written / "test", predictions=tmp_path / "p.csv").scores is not None
