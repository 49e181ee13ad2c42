"""A value of the wrong type is an ArgumentError that names the argument, and no error of Python or numpy."""

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import digitseq
from digitseq import ArgumentError, Report

api: Any = digitseq  # its types forbid what is tried here

_INK = np.full((2, 28, 28), 9, np.uint8)


def _recipe(**changes: Any) -> Any:
    fields: dict[str, Any] = {"length": 2, "count": 9, "image_width": 70, "seed": 1, "source": "builtin"}
    return api.make_recipe(**fields | changes)


@pytest.fixture(scope="module")
def report() -> Any:
    return api.inspect_dataset(_recipe())


_CALLS: dict[str, tuple[str, Callable[[Report], Any]]] = {
    "sequences 5": ("sequences", lambda _: api.make_recipe(5)),
    "sequences None": ("sequences", lambda _: api.make_recipe(None)),
    "labels None": ("labels", lambda _: api.encode_digits(None)),
    "labels 5": ("labels", lambda _: api.ctc_encode(5)),
    "ragged digits": ("digits", lambda _: api.decode_digits([[1, 2], [3]])),
    "digits too great": ("digits", lambda _: api.decode_digits(np.array([[2**64 - 1]], np.uint64))),
    "ragged paths": ("paths", lambda _: api.ctc_decode([[1, 2], [3]])),
    "lengths 5": ("lengths", lambda _: api.ctc_decode(np.array([[1, 2]]), 5)),
    "ragged glyphs": ("labels", lambda _: api.GlyphSet.from_arrays(_INK, [[1], [2, 3]])),
    "predictions None": ("predictions", lambda report: api.score_predictions(report, None)),
    "label 5": ("label", lambda _: api.Choice(label=5)),
    "seed of a choice": ("seed", lambda _: api.Choice(seed="a")),
    "choice as text": ("choice", lambda report: api.draw_sheet(report, choice="worst")),
    "rows": ("rows", lambda report: api.draw_sheet(report, 2.5)),
    "dtype": ("dtype", lambda _: api.DigitSequences(_recipe(), dtype="foo,,(")),
    "masks": ("masks", lambda _: api.DigitSequences(_recipe(), masks=0)),
    "boxes": ("boxes", lambda _: api.DigitSequences(_recipe(), boxes="no")),
    "size": ("size", lambda _: next(api.DigitSequences(_recipe()).batches(0))),
    "source of draw": ("source", lambda _: next(api.draw(_recipe(), np.zeros(3)))),
    "source of load": ("source", lambda _: api.load_glyphs(np.zeros(3))),
    "augment": ("augment", lambda _: _recipe(augment=np.array([1, 2]))),
    "effect": ("augment", lambda _: api.Augment().range("foo")),
    "uses": ("augment", lambda _: api.Augment().uses("foo")),
    "numpy's bool": ("rotate", lambda _: api.Augment(rotate=np.True_)),
    "bytes": ("rotate", lambda _: api.Augment(rotate=b"3")),
    "limit": ("limit", lambda _: api.inspect_dataset(_recipe(), limit=0)),
    "endless sequences": ("sequences", lambda _: api.make_recipe(itertools.count())),
    "endless labels": ("labels", lambda _: api.encode_digits(itertools.count())),
    "endless lengths": ("lengths", lambda _: api.ctc_decode(np.array([[1, 2]]), itertools.repeat(-1))),
    "an array without axes": ("sequences", lambda _: api.make_recipe(np.array(5))),
    "what None": ("what", lambda _: api.inspect_dataset(None)),
    "what is empty": ("what", lambda _: api.inspect_dataset("")),
    "out 5": ("out", lambda _: api.write_dataset(_recipe(), 5)),
    "out with NUL": ("out", lambda _: api.write_dataset(_recipe(), "a\0b")),
    "source with NUL": ("source", lambda _: _recipe(source="a\0b")),
    "no report": ("b", lambda report: api.compare_reports(report, 5)),
    "choice of a page": ("choice", lambda report: api.write_page(report, "p.html", choice="worst")),
    "path in bytes": ("path", lambda _: api.read_dataset(b"data")),
    "style seed": ("style_seed", lambda _: api.builtin(1.5)),
}


@pytest.mark.parametrize("call", _CALLS)
def test_a_wrong_argument_is_named(call: str, report: Report, in_folder: Path) -> None:
    argument, function = _CALLS[call]
    with pytest.raises(ArgumentError, match=rf"^{argument}: ") as caught:
        function(report)
    assert re.search("expected|unknown", caught.value.problem)
    assert list(in_folder.iterdir()) == []


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *(("labels", value) for value in (["foo"], "masks", None, 5)),
        *(("png_level", value) for value in (99, None, 1.5)),
        *(("card", value) for value in (2, "no")),
    ],
)
def test_an_outline_and_writing_check_the_same(argument: str, value: object, in_folder: Path) -> None:
    told = []
    for function in (api.outline, api.write_dataset):
        with pytest.raises(ArgumentError, match=rf"^{argument}: ") as caught:
            function(_recipe(), out="out", **{argument: value})
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert list(in_folder.iterdir()) == []


def test_a_split_of_the_wrong_type_is_one_that_a_source_does_not_have() -> None:
    with pytest.raises(digitseq.SourceError, match=r"has no split \['train'\]"):
        api.load_glyphs("builtin").choose(["train"])


def test_integers_of_numpy_are_integers(report: Report, in_folder: Path) -> None:
    one, two = np.int64(1), np.uint8(2)
    live = api.DigitSequences(_recipe(), boxes=np.True_, masks=np.False_)
    assert len(live[0]) == 3
    assert json.dumps(_recipe(invert=np.True_, unique=np.False_).to_dict())
    assert next(live.batches(two))[0].shape == (2, 28, 70)
    assert len(api.inspect_dataset(_recipe(), limit=two).table) == 2
    assert api.builtin(np.int64(3)).name == "builtin:3"
    assert api.draw_sheet(report, np.int64(3), two).shape == api.draw_sheet(report, 3, 2).shape
    summary = api.write_dataset(_recipe(), "out", workers=one, png_level=two, part=(one, two))
    assert (summary.images, summary.written, summary.missing) == (9, 9, 0)
    scores = api.score_predictions(report, dict(zip(np.arange(9), ["1"] * 9, strict=True))).scores
    assert scores is not None
    assert scores.right == 0


def test_labels_can_come_from_a_generator(in_folder: Path) -> None:
    api.write_dataset(_recipe(), "out", labels=(name for name in ("masks", "coco")), card=False)
    assert Path("out/masks").is_dir()
    assert Path("out/coco.json").is_file()


@pytest.mark.parametrize("nothing", [(), {}, [], None])
def test_no_splits_are_no_splits(nothing: Any, in_folder: Path) -> None:
    recipe = _recipe(splits=nothing)
    assert recipe == _recipe()
    assert hash(recipe) == hash(_recipe())
    api.write_dataset(recipe, "out", workers=1)
    assert api.write_dataset(recipe, "out", workers=1).written == 0


def test_new_labels_keep_the_number_of_images() -> None:
    assert len(api.make_recipe(["1", "2"]).changed(length=3)) == 2
    assert len(api.make_recipe(["1", "2"]).changed(sequences=("1", "2", "3"))) == 3
    assert len(api.make_recipe(["1", "2"]).changed(sequences=("1", "2", "3"), length=None)) == 3
    assert len(api.make_recipe(length=2, count=0).changed(length=3)) == 0
    by_splits = api.make_recipe(["1", "2"], splits={"train": 1, "test": 1}).changed(sequences=("3",))
    assert dict(by_splits.splits) == {"train": 1, "test": 1}
