"""A recipe is checked once, and survives JSON."""

import json
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq.errors import ArgumentError, WidthError
from digitseq.recipe import ALIGN, MAX_WIDTH_PX, SPACING_FROM, Recipe
from digitseq.sequence import MAX_DIGITS, sequence_text
from digitseq.splits import SPLITS


def _recipe(**changes: Any) -> Recipe:
    fields: dict[str, Any] = {
        "sequences": ("0042",),
        "spacing_range": (2, 8),
        "image_width": 200,
        "seed": 1,
    }
    return Recipe(**(fields | changes))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=50))
def test_every_form_of_digits_means_the_same_sequence(digits: list[int]) -> None:
    text = "".join(map(str, digits))
    forms: list[Any] = [
        text,
        digits,
        tuple(digits),
        iter(digits),
        (d for d in digits),
        np.array(digits, np.uint8),
        [np.int64(d) for d in digits],
    ]
    assert {sequence_text(form) for form in forms} == {text}


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("", ["at least one digit"]),
        ([], ["at least one digit"]),
        ("12a4", ["'a'", "position 3"]),
        ("1 2", ["' '", "position 2"]),
        ("٣", ["'٣'", "position 1"]),
        ("３", ["position 1"]),
        ("-1", ["'-'"]),
        ([1, 10], ["10", "position 2"]),
        ([1, -1], ["-1", "position 2"]),
        ([True], ["True", "position 1"]),
        ([np.True_], ["position 1"]),
        ([1.0], ["1.0", "position 1"]),
        ([None], ["None", "position 1"]),
        (["1"], ["'1'", "position 1"]),
        ([[1]], ["[1]", "position 1"]),
        (None, ["None"]),
        (3502, ["3502", "'3502'"]),
        (3.5, ["3.5"]),
        (True, ["got True"]),
        (b"12", ["bytes"]),
    ],
)
def test_what_is_not_a_digit_is_named_with_its_place(digits: Any, words: list[str]) -> None:
    with pytest.raises(ArgumentError) as caught:
        sequence_text(digits)
    assert caught.value.argument == "digits"
    for word in words:
        assert word in str(caught.value)


def test_an_endless_iterator_ends_in_an_error() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 7

    with pytest.raises(ArgumentError, match=str(MAX_DIGITS)):
        sequence_text(endless())
    with pytest.raises(ArgumentError, match=str(MAX_DIGITS)):
        sequence_text("7" * (MAX_DIGITS + 1))
    assert len(sequence_text([7] * MAX_DIGITS)) == MAX_DIGITS


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *(
            ("spacing_range", bad)
            for bad in [
                (8, 2),
                5,
                None,
                (1,),
                (1, 2, 3),
                "28",
                "ab",
                (1.0, 2),
                (1, 2.5),
                (True, 2),
                (None, 1),
            ]
        ),
        ("spacing_range", (0, MAX_WIDTH_PX + 1)),
        ("spacing_range", (-MAX_WIDTH_PX - 1, 0)),
        *(("image_width", bad) for bad in [0, -5, 1.0, "200", True, MAX_WIDTH_PX + 1, 10**15, np.float64(3)]),
        *(("seed", bad) for bad in [1.0, "1", None, True, np.bool_(1)]),
        *(("image_width", bad) for bad in [[1], np.array([1, 2])]),
        *((name, np.array(["a", "b"])) for name in ("split", "align", "spacing_from")),
        *(("index", bad) for bad in [-1, 1.5, None, 2**63]),
        *(("source", bad) for bad in ["", None, 3]),
        *(
            ("splits", bad)
            for bad in [5, "train", ["train"], [("train", 1, 2)], {"all": 1}, {"train": 1.5}, {7: 1}]
        ),
        *(("split", bad) for bad in ["Train", "", None, 0]),
        *(("spacing_from", bad) for bad in ["inks", None]),
        *(("align", bad) for bad in ["centre", None, 1]),
        *(("invert", bad) for bad in [1, None, "yes"]),
        *(("sequences", bad) for bad in ["12", (), None, 12, ["1", "x"], [12]]),
    ],
)
def test_bad_values_are_refused_by_name(argument: str, value: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        _recipe(**{argument: value})
    assert caught.value.argument == argument
    assert isinstance(caught.value, ValueError)


def test_a_recipe_of_several_splits_has_no_split_of_its_own() -> None:
    with pytest.raises(ArgumentError, match="split: 'test' cannot be combined with splits"):
        _recipe(splits={"train": 1, "test": 1}, split="test")
    changed = _recipe(split="test").changed(splits={"train": 1, "test": 1})
    assert [part.split for part in changed.by_split()] == ["train", "test"]
    assert _recipe(split="test").changed(splits=(), count=2).split == "test"
    stored = _recipe(splits={"train": 1, "test": 1}).to_dict() | {"split": "test"}  # by an earlier version
    assert Recipe.from_dict(stored) == _recipe(splits={"train": 1, "test": 1})


def test_integers_of_numpy_and_lists_become_plain_values() -> None:
    recipe = _recipe(sequences=["1"], spacing_range=[np.int8(-3), np.int64(4)], image_width=np.uint16(90))
    assert recipe == _recipe(sequences=("1",), spacing_range=(-3, 4), image_width=90)
    assert type(recipe.image_width) is int
    assert hash(recipe) == hash(_recipe(sequences=("1",), spacing_range=(-3, 4), image_width=90))


@given(
    st.builds(
        _recipe,
        sequences=st.lists(st.text("0123456789", min_size=1, max_size=9), min_size=1, max_size=5),
        spacing_range=st.tuples(st.integers(-99, 0), st.integers(0, 99)),
        image_width=st.none() | st.integers(1, MAX_WIDTH_PX),
        seed=st.integers(),
        index=st.integers(0, 10**12),
        source=st.text(min_size=1),
        split=st.sampled_from(SPLITS),
        spacing_from=st.sampled_from(SPACING_FROM),
        align=st.sampled_from(ALIGN),
        invert=st.booleans(),
    )
)
def test_json_restores_the_recipe(recipe: Recipe) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert pickle.loads(pickle.dumps(recipe)) == recipe


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"format": 2}, "format 1"),
        ({"format": None}, "format 1"),
        ({"colour": 1}, "'colour'"),
        ({"sequences": "12"}, "list"),
        ({"sequences": [12]}, "12"),
        ({"seed": "x"}, "integer"),
    ],
)
def test_a_wrong_recipe_file_is_refused(change: dict[str, Any], word: str) -> None:
    with pytest.raises(ArgumentError, match=word):
        Recipe.from_dict(_recipe().to_dict() | change)


def test_a_missing_field_is_named() -> None:
    data = _recipe().to_dict()
    del data["seed"]
    with pytest.raises(ArgumentError, match="missing field 'seed'"):
        Recipe.from_dict(data)
    with pytest.raises(ArgumentError, match="object"):
        Recipe.from_dict([])  # type: ignore[arg-type]


def test_errors_survive_pickling_between_processes() -> None:
    error = WidthError("image_width", "too narrow", hint="90 always fits")
    error.required_px = 90
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.required_px) == (WidthError, str(error), 90)


def test_a_bad_sequence_among_many_is_numbered() -> None:
    with pytest.raises(ArgumentError, match="sequence 3: expected digits 0–9, got 'x'"):
        _recipe(sequences=["1", "2", "3x"])


def test_numbers_that_python_does_not_write_out_are_refused_too() -> None:
    huge = 10**5000
    for change in (
        {"seed": huge},
        {"image_width": huge},
        {"spacing_range": (huge, 0)},
        {"sequences": [[huge]]},
    ):
        with pytest.raises(ArgumentError):
            _recipe(**change)
