"""Labels: random, patterned, unique; image i's label depends on nothing but the recipe and i."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq import streams
from digitseq.arrays import IntArray
from digitseq.errors import ArgumentError
from digitseq.labels import draw_labels, label_texts
from digitseq.recipe import Recipe
from tests.evidence import assert_independent, assert_uniform


def _recipe(**fields: Any) -> Recipe:
    return Recipe(**{"spacing_range": (0, 0), "image_width": None, "seed": 1} | fields)


def _labels(recipe: Recipe, indices: IntArray | None = None) -> list[str]:
    indices = np.arange(len(recipe)) if indices is None else indices
    starts = streams.image_starts(streams.seed_start(recipe.seed), indices + recipe.index)
    return label_texts(draw_labels(recipe, indices, starts)[0])


_kinds = st.one_of(
    st.fixed_dictionaries(
        {"sequences": st.lists(st.text("0123456789", min_size=1, max_size=5), min_size=1, max_size=9)}
    ),
    st.fixed_dictionaries(
        {"length": st.tuples(st.integers(1, 6), st.integers(0, 5)).map(lambda p: (p[0], sum(p)))}
    ),
    st.fixed_dictionaries({"pattern": st.text("0123456789#", min_size=1, max_size=9)}),
)


@given(_kinds, st.integers(), st.integers(0, 10**9), st.data())
def test_image_i_has_the_same_label_in_any_part_and_order(
    kind: dict[str, Any], seed: int, index: int, data: st.DataObject
) -> None:
    recipe = _recipe(**kind, seed=seed, index=index, count=60)
    whole = _labels(recipe)
    some = data.draw(st.lists(st.integers(0, 59), min_size=1, max_size=9))
    assert _labels(recipe, np.array(some)) == [whole[i] for i in some]
    start, stop = sorted(data.draw(st.tuples(st.integers(0, 60), st.integers(0, 60))))
    part = recipe.slice(start, stop)
    assert len(part) == stop - start
    assert _labels(part) == whole[start:stop]


def test_lengths_are_uniform_and_then_digits_are() -> None:
    labels = _labels(_recipe(length=(3, 6), count=20_000))
    lengths = np.array([len(label) for label in labels])
    assert_uniform(lengths - 3, 4)
    first, last = (np.array([int(label[place]) for label in labels]) for place in (0, -1))
    assert_uniform(first, 10)
    assert_uniform(last, 10)
    assert_independent(first, last, 10)
    assert_independent(lengths - 3, first % 4, 4)


def test_patterns_keep_their_digits_and_draw_the_others() -> None:
    labels = _labels(_recipe(pattern="0#7#", count=5_000))
    assert all(label[0] == "0" and label[2] == "7" and len(label) == 4 for label in labels)
    for place in (1, 3):
        assert_uniform(np.array([int(label[place]) for label in labels]), 10)


def test_labels_and_glyphs_are_decided_apart() -> None:
    """The same sequence, given or drawn, is drawn with the same glyphs and gaps."""
    from digitseq.api import draw

    random = _recipe(length=(2, 5), count=20, source="builtin", spacing_range=(0, 9), seed=5)
    given_ = random.changed(sequences=_labels(random))
    for a, b in zip(draw(random), draw(given_), strict=True):
        assert (a.sequence, a.image.tobytes()) == (b.sequence, b.image.tobytes())


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ({"length": (1, 1)}, 10),
        ({"length": (3, 3)}, 1000),
        ({"length": (1, 4)}, 11110),
        ({"pattern": "7"}, 1),
        ({"pattern": "0#0#9"}, 100),
    ],
)
def test_unique_runs_through_every_label_once(kind: dict[str, Any], labels: int) -> None:
    recipe = _recipe(**kind, unique=True, count=labels)
    assert recipe.label_count() == labels
    drawn = _labels(recipe)
    assert len(set(drawn)) == labels
    other = _labels(_recipe(**kind, unique=True, count=labels, seed=2))
    assert set(other) == set(drawn)
    assert labels < 100 or other != drawn
    with pytest.raises(
        ArgumentError, match=f"expected at most {labels:,} different labels?, got {labels + 1:,}"
    ):
        _recipe(**kind, unique=True, count=labels + 1)
    with pytest.raises(ArgumentError, match=f"expected at most {labels:,} "):
        _recipe(**kind, unique=True, count=labels, index=1)


@pytest.mark.parametrize("kind", [{"length": (20, 25)}, {"length": (2, 19)}, {"pattern": "1" + "#" * 30}])
def test_unique_holds_where_labels_are_beyond_counting(kind: dict[str, Any]) -> None:
    recipe = _recipe(**kind, unique=True, count=5_000, index=10**14)
    labels = _labels(recipe)
    assert len(set(labels)) == 5_000
    assert _labels(recipe, np.array([4_321])) == [labels[4_321]]
    assert_uniform(np.array([int(label[-1]) for label in labels]), 10)
    assert_uniform(np.array([int(label[1]) for label in labels]), 10)


def test_unique_counts_given_sequences_once() -> None:
    assert len(_recipe(sequences=["1", "2", "3"], unique=True)) == 3
    with pytest.raises(ArgumentError, match="expected at most 2 "):
        _recipe(sequences=["1", "2", "1"], unique=True)


@given(st.integers(1, 3_000), st.integers())
def test_a_permutation_is_one(size: int, seed: int) -> None:
    key = streams.seed_start(seed)
    numbers = np.arange(size, dtype=np.uint64)
    permuted = streams.permute(numbers, size, key)
    assert sorted(permuted.tolist()) == list(range(size))
    assert streams.permute(numbers[::-1], size, key).tolist() == permuted.tolist()[::-1]


def test_a_permutation_shows_no_pattern() -> None:
    places = streams.permute(np.arange(10_000, dtype=np.uint64), 10_000, streams.seed_start(3)).astype(
        np.int64
    )
    assert_uniform(np.diff(places) % 10, 10)
    assert_independent(places[:-1] // 1000, places[1:] // 1000, 10)
    assert (places == np.arange(10_000)).sum() < 10  # on average 1


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"count": 5}, "sequences"),
        ({"sequences": ["1"], "length": (1, 2)}, "length"),
        ({"length": (1, 2), "pattern": "#", "count": 3}, "pattern"),
        ({"length": (1, 2)}, "count"),
        ({"length": (1, 2), "count": -1}, "count"),
        ({"length": (1, 2), "count": 1.5}, "count"),
        *(
            ({"length": bad, "count": 1}, "length")
            for bad in [(0, 2), (3, 2), 0, (1,), (1, 10**6), (1.5, 2), "12"]
        ),
        *(({"pattern": bad, "count": 1}, "pattern") for bad in ["0x#", "0 #", "#" * 70_000, 5]),
        ({"length": (1, 2), "splits": {"train": 5}, "count": 6}, "count"),
        ({"length": (1, 2), "splits": {"all": 5}}, "splits"),
        ({"length": (1, 2), "splits": {"train": -5}}, "splits"),
        ({"length": (1, 2), "splits": (("train", 5), ("train", 6))}, "splits"),
        ({"length": (1, 2), "count": 1, "unique": 1}, "unique"),
    ],
)
def test_recipes_that_cannot_be_are_refused(fields: dict[str, Any], argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        _recipe(**fields)
    assert caught.value.argument == argument


def test_splits_share_one_numbering_of_images() -> None:
    recipe = _recipe(length=(4, 4), unique=True, splits={"train": 50, "validation": 0, "test": 30})
    train, validation, test = recipe.by_split()
    assert [part.split for part in (train, validation, test)] == ["train", "validation", "test"]
    assert [len(part) for part in (train, validation, test)] == [50, 0, 30]
    assert _labels(train) + _labels(test) == _labels(recipe.changed(count=80))
    assert len(set(_labels(train) + _labels(test))) == 80
    assert Recipe.from_dict(recipe.to_dict()) == recipe
