"""Augment: ranges are checked once, a number stands for a range, JSON brings them back."""

import dataclasses
import json
import math
import runpy
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digitseq.api import make_recipe
from digitseq.augment.effects import EFFECTS, PRESETS, SPACING, Augment, preset
from digitseq.errors import ArgumentError
from digitseq.recipe import Recipe


def _made(ranges: Any) -> Augment:
    return preset(ranges) or Augment()


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("rotate", 10, (-10, 10)),
        ("rotate", -10, (-10, 10)),
        ("rotate", (-3, 5), (-3, 5)),
        ("slant", [10, 20], (10, 20)),
        ("scale", 0.1, (0.9, 1.1)),
        ("scale", (0.85, 1.15), (0.85, 1.15)),
        ("elastic", 1.2, (0, 1.2)),
        ("contrast", 0.4, (0.4, 1)),
        ("negative", 0.3, (0.3, 0.3)),
        ("occlude", 2, (0, 2)),
    ],
)
def test_a_number_stands_for_a_range(name: str, given: Any, expected: tuple[float, float]) -> None:
    assert _made({name: given}).range(name) == pytest.approx(expected)


def test_settings_that_change_nothing_are_none() -> None:
    nothing: Any
    for nothing in (None, "none", Augment(), {}, Augment(rotate=0, scale=(1, 1))):
        assert preset(nothing) is None
    assert make_recipe(["1"], seed=1, augment="none").to_dict()["augment"] is None


def test_every_effect_has_a_field_a_neutral_strength_and_an_option() -> None:
    for name, effect in EFFECTS.items():
        assert effect.low <= effect.neutral <= effect.high
        assert Augment().range(name) == (effect.neutral, effect.neutral)
        assert not Augment().uses(name)
        assert _made({name: (effect.low, effect.high)}).uses(name)


@pytest.mark.parametrize("name", PRESETS)
def test_a_recipe_brings_its_augmentation_through_json(name: str) -> None:
    recipe = make_recipe(["12"], seed=1, augment=name, writer="same")
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe
    assert again.settings == preset(name)
    own = make_recipe(["12"], seed=1, augment=Augment(rotate=0.1, backgrounds=("paper",)))
    assert Recipe.from_dict(json.loads(json.dumps(own.to_dict()))) == own


def test_presets_grow_stronger() -> None:
    light, medium, heavy = (PRESETS[name] for name in ("light", "medium", "heavy"))
    for name in EFFECTS:
        for less, more in ((light, medium), (medium, heavy)):
            assert more.range(name)[0] <= less.range(name)[0] or name == "elastic"
            assert more.range(name)[1] >= less.range(name)[1]
    assert set(SPACING) <= set(PRESETS)


@pytest.mark.parametrize(
    ("given", "argument", "words"),
    [
        ({"rotate": "10"}, "rotate", "expected a number or a pair"),
        ({"rotate": True}, "rotate", "expected a number or a pair"),
        ({"rotate": (1, 2, 3)}, "rotate", "expected a number or a pair"),
        ({"rotate": math.nan}, "rotate", "expected a number or a pair"),
        ({"rotate": (5, -5)}, "rotate", "low ≤ high"),
        ({"rotate": 46}, "rotate", "from -45 to 45"),
        ({"elastic": -1}, "elastic", "from 0 to 4"),
        ({"scale": (0, 1)}, "scale", "from 0.5 to 1.5"),
        ({"occlude": 1.5}, "occlude", "whole numbers"),
        ({"backgrounds": ("sky",)}, "backgrounds", "plain, gradient, paper, lines, ledger"),
        ({"backgrounds": ()}, "backgrounds", "one or more of"),
        ({"backgrounds": [["plain"]]}, "backgrounds", "one or more of"),
        ({"chance": 1.5}, "chance", "from 0 to 1"),
        ({"scale": 1.1}, "scale", "from 0.5 to 1.5"),
        ({"turn": 3}, "augment", "unknown effect 'turn'"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], argument: str, words: str) -> None:
    with pytest.raises(ArgumentError, match=words) as caught:
        preset(given)
    assert caught.value.argument == argument


@pytest.mark.parametrize("value", ["strong", 3, ["light"]])
def test_only_presets_and_settings_augment(value: Any) -> None:
    with pytest.raises(ArgumentError, match=r"expected one of none|expected a preset's name"):
        make_recipe(["1"], seed=1, augment=value)


def test_the_docs_list_the_presets_as_they_are() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "augmentation.md").read_text(encoding="utf-8")
    names = [name for name in PRESETS if name != "none"]
    for effect in EFFECTS:
        used = [PRESETS[name].uses(effect) for name in names]
        ranges = [PRESETS[name].range(effect) for name in names]
        cells = [f"{low:g}:{high:g}" if use else "" for use, (low, high) in zip(used, ranges, strict=True)]
        assert (f"| `{effect}` | {' | '.join(cells)} |" in docs) == any(used)


def test_the_gallery_of_the_docs_is_of_every_effect_and_can_be_made(tmp_path: Path) -> None:
    docs = Path(__file__).parents[2] / "docs"
    runpy.run_path(str(docs / "pictures.py"))["gallery"](tmp_path / "made")
    made = {path.name: path for path in (tmp_path / "made").iterdir()}
    there = {path.name: path for path in (docs / "augmentation").iterdir()}
    assert made.keys() == there.keys()
    assert {f"{name}.png" for name in EFFECTS} <= made.keys()
    for name, path in made.items():
        with Image.open(path) as new, Image.open(there[name]) as old:
            assert new.tobytes() == old.tobytes(), f"{name} is out of date: python docs/pictures.py"


@pytest.mark.parametrize("augment", [{"self": 1}, {"ranges": 1}, {1: 2}, {None: 2}, {"fog": 1}])
def test_names_that_are_no_effects_are_one_error(augment: Any) -> None:
    with pytest.raises(ArgumentError, match="unknown effect"):
        preset(augment)


def test_some_effects_can_be_replaced() -> None:
    before = Augment(rotate=5, noise=9, backgrounds="paper")
    after = Augment(rotate=5, noise=3, backgrounds="paper", chance=0.1)
    changes: dict[str, Any] = {"noise": 3, "chance": 0.1}
    assert dataclasses.replace(before, **changes) == after
    assert Augment(**dataclasses.asdict(before)) == before
    assert {"rotate", "noise"} <= set(dir(before))
    with pytest.raises(ArgumentError, match="unknown effect 'nothing'"):
        before.uses("nothing")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        before.nothing  # noqa: B018
