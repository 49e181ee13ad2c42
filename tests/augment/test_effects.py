"""Effects: properties that each one keeps over hundreds of draws, at its greatest strength."""

from typing import Any

import numpy as np
import pytest

from digitseq.api import make_recipe
from digitseq.arrays import AnyArray, UInt8Array
from digitseq.augment import line_effects as lines
from digitseq.augment.effects import EFFECTS, ONE, PRESETS, Augment, effects_of, preset
from digitseq.augment.sampler import Sampler
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting.builtin import builtin
from digitseq.plan import Plan, make_plan
from digitseq.random_purposes import Purpose
from digitseq.recipe import Recipe
from digitseq.render import render
from tests.evidence import assert_uniform

_DRAWS = 600
# The least of its ink that a digit keeps, whatever is drawn within the bounds of an effect.
FLOOR = 0.1


def _settings(**ranges: Any) -> Augment:
    return preset(ranges) or Augment()


STRONGEST = {name: _settings(**{name: (effect.low, effect.high)}) for name, effect in EFFECTS.items()}


def _recipe(augment: Any, *, count: int = _DRAWS, **more: Any) -> Recipe:
    settings = {
        "spacing_range": (1, 4),
        "image_width": 170,
        "seed": 5,
        "source": "builtin",
        "augment": augment,
    }
    return make_recipe(["3502", "17", "86491", "0"], **{"count": count} | settings | more)


def _draw(recipe: Recipe, indices: AnyArray | None = None) -> tuple[Plan, UInt8Array]:
    plan = make_plan(recipe, np.arange(len(recipe)) if indices is None else indices, builtin())
    return plan, render(plan, invert=recipe.invert)


@pytest.fixture(scope="module")
def clean() -> tuple[Plan, UInt8Array]:
    return _draw(_recipe(None))


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_changes_images_but_not_what_is_in_them(name: str, clean: tuple[Plan, UInt8Array]) -> None:
    plan, images = _draw(_recipe(STRONGEST[name]))
    assert images.shape == (_DRAWS, 28, 170)
    assert images.dtype == np.uint8
    assert (images != clean[1]).any((1, 2)).mean() > 0.4
    for same in ("digits", "rows", "gaps_px", "starts"):
        assert (getattr(plan, same) == getattr(clean[0], same)).all()


@pytest.mark.parametrize("name", EFFECTS)
def test_strength_nothing_is_the_identity_to_the_byte(name: str, clean: tuple[Plan, UInt8Array]) -> None:
    """Also beside another effect, so that its own code runs."""
    neutral = (EFFECTS[name].neutral,) * 2
    assert (_draw(_recipe({name: neutral}))[1] == clean[1]).all()
    other = "rotate" if name in effects_of("map", "digit") else "specks"
    if name == other:
        return
    tiny = EFFECTS[name].neutral + (1e-9 if EFFECTS[name].high > EFFECTS[name].neutral else -1e-9)
    strength = {name: (0, 0)} if EFFECTS[name].whole else {name: sorted((neutral[0], tiny))}
    alone, beside = _recipe({other: 0.05}), _recipe({other: 0.05} | strength)
    assert (_draw(alone)[1] == _draw(beside)[1]).all()


@pytest.mark.parametrize("settings", [*STRONGEST.values(), *PRESETS.values()], ids=[*EFFECTS, *PRESETS])
def test_an_image_does_not_depend_on_its_batch(settings: Augment) -> None:
    recipe = _recipe(settings, count=50)
    some = np.random.default_rng(3).permutation(50)[:23]
    whole, part = _draw(recipe), _draw(recipe, some)
    assert (whole[1][some] == part[1]).all()
    assert (whole[0].boxes()[some] == part[0].boxes()).all()
    free = _recipe(settings, count=50, image_width=None)  # in a batch as wide as its widest line
    wide = _draw(free)
    for index in some[:9].tolist():
        plan, alone = _draw(free, np.array([index]))
        assert (wide[1][index, :, : int(plan.widths_px[0])] == alone[0]).all()
        assert not wide[1][index, :, int(plan.widths_px[0]) :].any()


@pytest.mark.parametrize("settings", [*STRONGEST.values(), *PRESETS.values()], ids=[*EFFECTS, *PRESETS])
def test_no_digit_is_erased(settings: Augment) -> None:
    """Against what stands there when the effect spares the ink: the same image without any digits."""
    before = make_plan(_recipe(None), np.arange(_DRAWS), builtin())
    plan, images = _draw(_recipe(settings))
    boxes = plan.boxes()
    inside = np.ones(boxes.shape[:2], np.bool_) if plan.inside is None else plan.inside
    source = before.tiles.pictures(before.tile_rows[inside]).sum((1, 2), dtype=np.int64)
    kept = plan.tiles.pictures(plan.tile_rows[inside])
    assert (kept.sum((1, 2), dtype=np.int64) >= FLOOR * source).all()
    # On the finished image, ink is what differs from the same image with no digits in it.
    if settings.has("line"):
        empty = np.zeros_like(images)
        lines.rough_lines(empty, settings, plan.starts, plan.widths_px)
        differs = np.abs(images.astype(np.int64) - empty) > 0
        for image, position in np.argwhere(inside)[::7].tolist():
            x, y, w, h = boxes[image, position].tolist()
            digit = plan.tiles.pictures(plan.tile_rows[image, position]) > 0
            assert differs[image, y : y + h, x : x + w].sum() >= FLOOR * digit.sum()


@pytest.mark.parametrize("spacing_from", ["ink", "tile", "contour"])
@pytest.mark.parametrize("name", effects_of("map", "digit"))
def test_boxes_hold_all_ink_of_their_digit_and_are_tight(name: str, spacing_from: str) -> None:
    recipe = _recipe(STRONGEST[name], spacing_range=(1, 9), spacing_from=spacing_from, image_width=210)
    plan, images = _draw(recipe)
    boxes = plan.boxes()
    inside = np.ones(boxes.shape[:2], np.bool_) if plan.inside is None else plan.inside
    outside = images.copy()
    for image, position in np.argwhere(inside).tolist():
        x, y, w, h = boxes[image, position].tolist()
        assert min(x, y, w, h) >= 0
        assert max(x + w - 210, y + h - 28) <= 0
        outside[image, y : y + h, x : x + w] = 0
        inked = images[image, y : y + h, x : x + w] > 0
        assert all(edge.any() for edge in (inked[0], inked[-1], inked[:, 0], inked[:, -1]))
    assert not outside.any()


@pytest.mark.parametrize("name", effects_of("map", "digit"))
def test_spacing_is_that_of_the_ink_that_is_seen(name: str) -> None:
    plan, _ = _draw(_recipe(STRONGEST[name]))
    boxes = plan.boxes()
    gaps = boxes[:, 1:, 0] - boxes[:, :-1, 0] - boxes[:, :-1, 2]
    both = np.ones(gaps.shape, np.bool_) if plan.inside is None else plan.inside[:, 1:]
    assert (gaps[both] == plan.gaps_px[both]).all()


def test_an_effect_leaves_the_draws_of_all_others_alone() -> None:
    """Each strength has a purpose of its own, and with one more effect in use all others draw as before."""
    purposes = [purpose for row in EFFECTS.values() for purpose in (row.purpose, row.line_purpose) if purpose]
    assert len(set(purposes)) == len(purposes)
    plan = make_plan(_recipe(None, count=9), np.arange(9), builtin())
    few, many = _settings(rotate=9, slant=5), PRESETS["medium"]
    for effect, purpose in (("rotate", Purpose.ROTATE), ("slant", Purpose.SLANT)):
        for settings in (few, many):  # the same word, whatever else is drawn
            low, high = settings.range(effect)
            strengths = Sampler(settings, plan.starts).each(effect, 4) / ONE
            place = (strengths - low) / (high - low)
            words = Sampler(few, plan.starts).words(purpose, 4) / np.float64(2**64)
            assert np.abs(place - words).max() < 1e-3


def test_a_chance_spares_some_images_altogether(clean: tuple[Plan, UInt8Array]) -> None:
    for chance in (0.25, 0.75):
        heavy = PRESETS["heavy"].to_dict() | {"specks": (0.01, 0.02), "chance": chance}
        _, images = _draw(_recipe(_settings(**heavy)))
        same = (images == clean[1]).all((1, 2))
        assert abs(same.mean() - (1 - chance)) < 0.06
        always = _draw(_recipe(_settings(**heavy | {"chance": 1})))[1]
        assert (always[~same] == images[~same]).all()  # the others draw as ever
    assert (_draw(_recipe(Augment(noise=9, chance=0)))[1] == clean[1]).all()


def test_noise_is_the_same_with_specks_and_without() -> None:
    noisy, both = (_draw(_recipe(_settings(noise=30, specks=share)))[1] for share in (0, 0.05))
    same = noisy == both
    assert 0.9 < same.mean() < 1
    assert np.isin(both[~same], (0, 255)).all()


@pytest.mark.parametrize("name", ["rotate", "elastic", "shift", "scale"])
def test_strengths_are_uniform_over_their_range(name: str) -> None:
    settings = STRONGEST[name]
    draws = Sampler(settings, make_plan(_recipe(None), np.arange(_DRAWS), builtin()).starts)
    drawn = draws.both(name, 4) if name == "scale" else (draws.each(name, 4),)
    low, high = settings.range(name)
    for values in drawn:
        place = (values / ONE - low) / (high - low)
        assert 0 <= place.min() < 0.01
        assert 0.99 < place.max() <= 1
        assert_uniform((place * 9.999).astype(np.int64), 10)


def test_a_line_shares_more_than_half_of_its_slant_and_thickness() -> None:
    draws = Sampler(Augment(slant=20), make_plan(_recipe(None), np.arange(_DRAWS), builtin()).starts)
    slants = draws.shared("slant", 4).astype(float)
    within = slants.var(1, ddof=1).mean()
    assert 0.5 < 1 - within / slants.var() < 0.66  # between MNIST's writers 0.58


def test_everything_at_once_on_the_narrowest_lines() -> None:
    everything = _settings(**{name: (effect.neutral, effect.high) for name, effect in EFFECTS.items()})
    recipe = make_recipe(["7", "1"], (0, 0), None, seed=2, source="builtin", augment=everything, count=60)
    plan, images = _draw(recipe)
    assert plan.widths_px.min() < 12
    assert len({image.tobytes() for image in images}) == 60


def test_what_is_small_or_faint_is_not_lost() -> None:
    """A dot, a thin line and a whole tile, of the faintest ink."""
    shapes = np.zeros((3, 28, 28), np.uint8)
    shapes[0, 3, 20], shapes[1, :, 5], shapes[2] = 1, 1, 1
    glyphs = GlyphSet.from_arrays(shapes, np.arange(3))
    for settings in (PRESETS["heavy"], _settings(scale=(0.5, 0.5), shift=4, elastic=4, thickness=(-0.7, 0))):
        recipe = make_recipe(["012"], (0, 3), 100, seed=1, count=400, augment=settings)
        plan = make_plan(recipe, np.arange(400), glyphs)
        assert plan.tiles.pictures(plan.tile_rows).any((2, 3)).all()


def test_an_empty_batch_has_no_images() -> None:
    for name, value in (("align", "left"), ("writer", "same"), ("spacing_from", "contour")):
        recipe = _recipe("heavy", image_width=170, **{name: value})  # type: ignore[arg-type]
        assert _draw(recipe, np.arange(0))[1].shape[0] == 0


def test_strengths_tell_what_was_done_to_each_image(clean: tuple[Plan, UInt8Array]) -> None:
    settings = _settings(noise=(4, 40), negative=0.5, scale=0.3, slant=20, chance=0.6)
    plan, images = _draw(_recipe(settings))
    draws = Sampler(settings, plan.starts)
    done = {name: draws.strengths(name, 4) for name in ("noise", "negative", "scale", "slant", "blur")}
    spared = (done["noise"] == 0)[:, 0]
    assert ((images == clean[1]).all((1, 2)) == spared).all()
    assert (done["negative"][:, 0] == (images.mean((1, 2)) > 128)).all()
    noisy = ~spared & (done["negative"][:, 0] == 0)
    seen = images[noisy][:, :, :8].astype(float)  # the margin: paper
    assert np.corrcoef(seen.std((1, 2)), done["noise"][noisy, 0])[0, 1] > 0.95
    assert (done["scale"][spared] == 1).all()
    assert done["slant"].shape == done["scale"].shape == (_DRAWS, 4)
    assert np.abs(done["slant"]).max() <= 20
    assert 0.9 < np.abs(done["scale"] - 1).max() / 0.3 <= 1.001
    assert (done["blur"] == 0).all()
