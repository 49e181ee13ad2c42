"""CTC: what is encoded is decoded, and the frames that a label needs are the fewest."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq import ArgumentError, Recipe, check_ctc, ctc_decode, ctc_encode, ctc_frames
from digitseq.training.ctc import BLANK, CLASSES


def _recipe(**fields: Any) -> Recipe:
    usual: dict[str, Any] = {"spacing_range": (0, 4), "image_width": 160, "seed": 1, "count": 9}
    return Recipe(**usual | fields)


@given(st.lists(st.text("0123456789", min_size=1, max_size=8), max_size=6), st.randoms(use_true_random=False))
def test_any_path_of_a_label_is_read_as_the_label(labels: list[str], chance: Any) -> None:
    targets, lengths = ctc_encode(labels)
    assert targets.dtype == lengths.dtype == np.int64
    assert lengths.tolist() == [len(label) for label in labels]
    assert targets.size == 0 or (targets.min() >= 1 and targets.max() < CLASSES)
    paths, ends, first = [], [], 0
    for label in labels:
        path: list[int] = []
        for digit in targets[first : first + len(label)].tolist():
            blanks = chance.randrange(3) or (bool(path) and path[-1] == digit)
            path += [BLANK] * blanks + [digit] * chance.randint(1, 3)
        first += len(label)
        ends.append(len(path))
        paths.append(path)
    rows = np.full((len(labels), max(ends, default=0) + 2), 7)  # what stands behind the end does not count
    for row, path in zip(rows, paths, strict=True):
        row[: len(path)] = path
    assert ctc_decode(rows, ends) == labels


def test_the_frames_of_a_label_are_the_fewest_that_it_can_be_read_from() -> None:
    shortest: dict[str, int] = {}
    for frames in range(1, 7):
        paths = np.array(list(product(range(3), repeat=frames)))
        for label in ctc_decode(paths):
            shortest.setdefault(label, frames)
    del shortest[""]
    assert len(shortest) == 40
    assert {label: ctc_frames(label) for label in shortest} == shortest


@pytest.mark.parametrize(
    ("fields", "needed"),
    [
        ({"length": (2, 4)}, 7),
        ({"sequences": ("12345", "111")}, 5),
        ({"pattern": "0#0#"}, 7),
        ({"pattern": "1##2"}, 6),
        ({"pattern": "###"}, 5),
        ({"pattern": "12"}, 2),
        ({"pattern": "#7#"}, 5),
    ],
)
def test_a_recipe_is_refused_just_below_the_frames_that_its_hardest_label_needs(
    fields: dict[str, Any], needed: int
) -> None:
    assert check_ctc(_recipe(image_width=needed * 10, **fields), 10) == needed
    assert check_ctc(_recipe(image_width=needed * 10 + 9, **fields), 10) == needed
    with pytest.raises(
        ArgumentError, match=rf"has {needed - 1} frames at a stride of 10 px; .* needs {needed}"
    ):
        check_ctc(_recipe(image_width=needed * 10 - 1, **fields), 10)


def test_the_error_says_the_stride_that_will_do() -> None:
    recipe = _recipe(length=(6, 6), image_width=160)
    with pytest.raises(ArgumentError, match="use a stride of at most 14 px"):
        check_ctc(recipe, 16)
    assert check_ctc(recipe, 14) == 11


def test_a_pattern_needs_as_many_frames_as_its_worst_label() -> None:
    for pattern in ("#1#", "1#1", "##2#", "1##1", "#", "22#", "1#2#"):
        free = [i for i, c in enumerate(pattern) if c == "#"]
        labels = []
        for digits in product("012", repeat=len(free)):
            text = list(pattern)
            for place, digit in zip(free, digits, strict=True):
                text[place] = digit
            labels.append("".join(text))
        needed = max(map(ctc_frames, labels))
        assert check_ctc(_recipe(pattern=pattern, image_width=needed), 1) == needed
        with pytest.raises(ArgumentError):
            check_ctc(_recipe(pattern=pattern, image_width=needed - 1), 1)


def test_what_is_not_a_label_or_a_path_is_refused() -> None:
    for labels in (["1", "x"], [""], "12"):
        with pytest.raises(ArgumentError):
            ctc_encode(labels)
    for paths in (np.zeros(3, int), np.zeros((2, 2)), np.full((1, 2), 11), np.full((1, 2), -1)):
        with pytest.raises(ArgumentError, match="paths"):
            ctc_decode(paths)
    with pytest.raises(ArgumentError, match="expected 2 frame counts, got 1"):
        ctc_decode(np.zeros((2, 3), int), [1])
    for lengths in ([-1, 2], [4, 2], [1.5, 2]):
        with pytest.raises(ArgumentError, match="lengths: expected an integer from 0 to 3"):
            ctc_decode(np.zeros((2, 3), int), lengths)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="image_width"):
        check_ctc(_recipe(length=(2, 2), image_width=None), 4)
    for stride in (0, 2.5, True):
        with pytest.raises(ArgumentError, match="stride"):
            check_ctc(_recipe(length=(2, 2)), stride)  # type: ignore[arg-type]
    assert ctc_decode(np.zeros((0, 5), int)) == []
    assert ctc_decode(np.zeros((2, 0), int)) == ["", ""]
