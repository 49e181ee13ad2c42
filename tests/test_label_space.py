"""Label spaces: lists of templates, sampled as stated, counted and enumerated without repeats."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq import ArgumentError, DigitSequences, check_ctc, ctc_frames, make_recipe
from digitseq.label_templates import Template, disjoint, parse_template
from digitseq.recipe import Recipe
from tests.cli.test_generate import run
from tests.evidence import assert_uniform
from tests.test_labels import _labels, _recipe

_class = st.sets(st.sampled_from("0123456789"), min_size=1, max_size=4).map(
    lambda some: "".join(sorted(some))
)
_position = st.one_of(_class.map(lambda some: f"[{some}]"), st.sampled_from("0123456789"))
_pattern = st.lists(_position, min_size=1, max_size=3).map("".join)


def _enumerated(patterns: tuple[str, ...]) -> set[str]:
    """Every label of some patterns, by brute force."""
    return {"".join(label) for pattern in patterns for label in product(*parse_template(pattern).allowed)}


@given(st.lists(_pattern, min_size=1, max_size=4), st.integers(0, 99))
def test_unique_labels_are_all_labels_once(patterns: list[str], seed: int) -> None:
    labels = _enumerated(tuple(patterns))
    recipe = _recipe(pattern=tuple(patterns), unique=True, count=len(labels), seed=seed)
    assert recipe.label_count() == len(labels)
    drawn = _labels(recipe)
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == labels
    with pytest.raises(ArgumentError, match=f"unique: expected at most {len(labels)} different label"):
        _recipe(pattern=tuple(patterns), unique=True, count=len(labels) + 1)


@given(st.lists(_pattern, min_size=1, max_size=4), st.booleans(), st.integers(0, 50))
def test_image_i_of_10_is_image_i_of_1000(patterns: list[str], unique: bool, index: int) -> None:
    labels = len(_enumerated(tuple(patterns)))
    count = min(1_000, labels) if unique else 1_000
    long = _recipe(pattern=tuple(patterns), unique=unique, count=count)
    whole = _labels(long)
    assert set(whole) <= _enumerated(tuple(patterns))
    short = _recipe(pattern=tuple(patterns), unique=unique, count=min(10, count))
    assert _labels(short) == whole[: len(short)]
    some = np.array([index % count, 0])
    assert _labels(long, some) == [whole[index % count], whole[0]]


def test_templates_are_as_likely_as_stated_and_their_labels_equally() -> None:
    labels = _labels(_recipe(pattern=("1#:3", "[2468]", "0[13]5:2"), count=60_000))
    kinds = np.array([{2: 0, 1: 1, 3: 2}[len(label)] for label in labels])
    shares = np.bincount(kinds) / len(labels)
    assert np.abs(shares - np.array([3, 1, 2]) / 6).max() < 0.01
    # In sixths, so that chi-square can be used: three parts of the first kind, two of the last.
    spread = np.array([0, 3, 4])[kinds] + np.arange(len(kinds)) % np.array([3, 1, 2])[kinds]
    assert_uniform(spread, 6)
    assert_uniform(np.array([int(label[1]) for label in labels if len(label) == 2]), 10)
    assert_uniform(np.array([int(label) // 2 - 1 for label in labels if len(label) == 1]), 4)
    assert_uniform(np.array([int(label[1]) // 2 for label in labels if len(label) == 3]), 2)


def test_lengths_are_templates_of_any_digits() -> None:
    for fields in ({}, {"unique": True}):
        ranged = _labels(_recipe(length=(3, 6), count=200, **fields))
        assert ranged == _labels(_recipe(pattern=("###", "####", "#####", "######"), count=200, **fields))
        assert ranged == _labels(_recipe(length="3-6", count=200, **fields))
    listed = _recipe(length="3,8", count=500)
    assert listed.pattern == ("###", "########")
    assert {len(label) for label in _labels(listed)} == {3, 8}
    assert {len(label) for label in _labels(_recipe(length="1, 4-5", count=500))} == {1, 4, 5}


def test_one_pattern_is_the_same_however_it_is_given() -> None:
    plain = _recipe(pattern="0#", count=5)
    assert plain == _recipe(pattern=("0#",), count=5) == _recipe(pattern="0#:7", count=5)
    several = _recipe(pattern=["0#", "1[2-4]:2"], count=5)
    assert Recipe.from_dict(several.to_dict()) == several
    assert several.to_dict()["pattern"] == ["0#", "1[2-4]:2"]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("", "got an empty string"),
        ("1[", r"'\[' at position 2 of '1\['"),
        ("[]", r"'\[\]' at position 1 of .*to allow only some digits, put them in brackets, such as \[1-9\]"),
        ("[a]", "at position 1"),
        ("#[3-1]", "at position 2"),
        ("[1-]", "at position 1"),
        ("[1", "at position 1"),
        ("1]", "at position 2"),
        ("#x", "'x' at position 2"),
        ("1²", "'²' at position 2"),
        ("#:", "expected a weight from 1 to 100,000"),
        ("#:0", "expected a weight"),
        ("#:-1", "expected a weight"),
        ("#:1.5", "expected a weight"),
        ("#:9999999", "expected a weight"),
        ("#:" + "0" * 30 + "9" * 30, "expected a weight"),
        (tuple(["#"] * 1_001), "expected at most 1,000 patterns, got 1,001 patterns"),
        (":3", "got an empty string"),
        ((), r"expected one or more patterns, got \(\)"),
        (("#", 5), "got 5"),
        ({"#"}, "expected one or more patterns"),
        (tuple(["#" * 60_000] * 20), "expected at most 1,000,000 positions in all patterns, got 1,200,000"),
    ],
)
def test_patterns_that_make_no_sense_are_told(pattern: Any, told: str) -> None:
    with pytest.raises(ArgumentError, match=f"^pattern: .*{told}"):
        _recipe(pattern=pattern, count=3)


@pytest.mark.parametrize(
    "length", ["3," + "9" * 5_000, "3,", "0,4", "a-b", "3-", "6-3", "3;4", "1,70000", "-"]
)
def test_lengths_that_make_no_sense_are_told(length: str) -> None:
    with pytest.raises(ArgumentError, match=r"^length: expected 1 to 65,536 digits, such as 4 or 3-6, got"):
        _recipe(length=length, count=3)


def test_weights_make_no_sense_where_all_labels_are_equally_likely() -> None:
    with pytest.raises(ArgumentError, match="unique: unique labels are all equally likely"):
        _recipe(pattern=("#:2", "##"), unique=True, count=3)
    assert len(set(_labels(_recipe(pattern=("#:2", "##:2"), unique=True, count=110)))) == 110


@pytest.mark.parametrize(
    "patterns", [("1" + "#" * 30, "[2-9]" + "[02468]" * 40), ("#" * 17 + "[0-7]" * 9, "##")]
)
def test_unique_holds_where_labels_are_beyond_counting(patterns: tuple[str, ...]) -> None:
    recipe = _recipe(pattern=patterns, unique=True, count=5_000, index=10**14)
    labels = _labels(recipe)
    assert len(set(labels)) == 5_000
    assert _labels(recipe, np.array([4_321])) == [labels[4_321]]


def test_many_patterns_and_sizes_are_all_equally_likely_where_labels_are_beyond_counting() -> None:
    several = tuple(f"{number:02d}{'#' * 17}" for number in range(47))
    labels = _labels(_recipe(pattern=several, unique=True, count=4_700))
    assert len(set(labels)) == 4_700
    assert_uniform(np.array([int(label[:2]) for label in labels]), 47)
    labels = _labels(_recipe(pattern=("#" * 18, "1" + "#" * 18), unique=True, count=4_000))
    assert len(set(labels)) == 4_000
    assert_uniform(np.array([len(label) - 18 for label in labels]), 2)


def test_a_list_of_lengths_has_a_limit() -> None:
    with pytest.raises(ArgumentError, match="length: expected at most 1,000,000 positions"):
        _recipe(length="1-60000,3", count=3)


@given(st.lists(_pattern, min_size=1, max_size=5))
def test_disjoint_templates_have_the_same_labels_and_share_none(patterns: list[str]) -> None:
    pieces = [list(product(*piece.allowed)) for piece in disjoint(list(map(parse_template, patterns)))]
    together = ["".join(label) for piece in pieces for label in piece]
    assert len(together) == len(set(together))
    assert set(together) == _enumerated(tuple(patterns))


def test_a_recipe_is_checked_with_its_widest_label_and_its_own_digits(solid: Any) -> None:
    wide = DigitSequences(make_recipe(pattern=("1[23]", "4[56]7"), count=500, seed=1), solid)
    widest = max(image.shape[1] for image, _ in (wide[number] for number in range(500)))
    with pytest.raises(ArgumentError, match="too narrow"):
        DigitSequences(
            make_recipe(pattern=("1[23]", "4[56]7"), count=9, image_width=widest - 1, seed=1), solid
        )
    labels = DigitSequences(make_recipe(pattern="[37]#", count=200, seed=1), solid)[:][2]
    assert {label[0] for label in labels} == {"3", "7"}


@given(st.lists(_pattern, min_size=1, max_size=3))
def test_the_hardest_label_for_ctc_is_that_of_all_labels(patterns: list[str]) -> None:
    recipe = _recipe(pattern=tuple(patterns), count=9).changed(image_width=300)
    assert max(map(ctc_frames, recipe.label_space.hardest())) == max(
        map(ctc_frames, _enumerated(tuple(patterns)))
    )
    assert check_ctc(recipe, 1) == 300


def test_a_template_counts_its_labels() -> None:
    assert parse_template("[02468]#1:4") == Template(("02468", "0123456789", "1"), 4)
    assert parse_template("[02468]#1").size == 50


def test_the_command_takes_classes_weights_and_lists(in_folder: Any) -> None:
    common = ("--seed", "1", "--source", "builtin", "-q")
    for number, options in enumerate(
        [
            ("--pattern", "###[02468]"),
            ("--pattern", "[1-9]###", "--pattern", "##:3"),
            ("--length", "3,8"),
            ("--length", "2,4-5", "--unique"),
        ]
    ):
        done = run("batch", f"out{number}", "-n", "40", *options, *common)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert run("verify", f"out{number}", "-q").returncode == 0
        assert run("inspect", f"out{number}").returncode == 0
        again = run("batch", f"again{number}", "--recipe", f"out{number}/dataset.json", "-q")
        assert again.returncode == 0


def test_no_images_are_a_mistake(in_folder: Any) -> None:
    for options, named in (
        (("-n", "0"), "-n"),
        (("--train", "0", "--test", "0"), "--train"),
    ):
        done = run("batch", "out", *options, "--length", "3", "--source", "builtin")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{named}: expected at least 1 image, got" in done.stderr
    assert (
        run("batch", "out", "--train", "5", "--test", "0", "--length", "3", "--source", "builtin").returncode
        == 0
    )


# --- Margin -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", ["ink", "tile", "contour"])
def test_a_margin_is_blank_at_both_ends(solid: Any, spacing: str) -> None:
    fields: dict[str, Any] = {"length": (1, 5), "count": 30, "seed": 1, "spacing_from": spacing}
    plain = DigitSequences(make_recipe(**fields), solid, boxes=True, masks=True)
    wide = DigitSequences(make_recipe(**fields, margin=7), solid, boxes=True, masks=True)
    for number in range(30):
        image, label, boxes, mask = plain[number]
        padded, _, moved, padded_mask = wide[number]
        assert (padded == np.pad(image, ((0, 0), (7, 7)))).all()
        assert (padded_mask == np.pad(mask, ((0, 0), (7, 7)))).all()
        assert (moved == boxes + np.array([7, 0, 0, 0])).all()
        assert len(moved) == len(label)


def test_a_margin_needs_lines_of_natural_width(in_folder: Any) -> None:
    with pytest.raises(ArgumentError, match="margin: expected 0 for images of a fixed width, got 3"):
        make_recipe(["1"], margin=3, image_width=60)
    for wrong in (-1, 1.5, 2_000_000):
        with pytest.raises(ArgumentError, match="margin: expected an integer from 0"):
            make_recipe(["1"], margin=wrong)
    assert "margin" not in make_recipe(["1"], seed=1).to_dict()
    recipe = make_recipe(["1"], seed=1, margin=4)
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    facts = run("generate", "35", "--margin", "5", "--seed", "1", "--source", "builtin", "--json").stdout
    assert '"margin": 5' in facts
    wrong_width = run("generate", "35", "--margin", "5", "--width", "90", "--source", "builtin")
    assert wrong_width.returncode == 2
    assert "--margin: expected 0 for images of a fixed width, got 5" in wrong_width.stderr
