"""The image contract of generate_numbers_sequence."""

import inspect
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import digitseq
from digitseq import (
    ArgumentError,
    GlyphSet,
    WidthError,
    draw,
    generate_numbers_sequence,
    load_glyphs,
    make_recipe,
)
from digitseq.arrays import FloatArray, UInt8Array
from tests.evidence import Reader


def _pixels(image: FloatArray) -> UInt8Array:
    """A float image as uint8, making sure that it was exactly k/255."""
    pixels = np.rint(image * 255).astype(np.uint8)
    assert (pixels.astype(np.float32) / np.float32(255) == image).all()
    return pixels


def test_the_signature_is_the_promised_one() -> None:
    parameters = inspect.signature(generate_numbers_sequence).parameters
    positional = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    keyword = [p.name for p in parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert positional == ["digits", "spacing_range", "image_width"]
    assert keyword[:6] == ["seed", "source", "split", "spacing_from", "align", "invert"]
    assert keyword[6:] == ["writer", "augment"]


@given(
    st.text("0123456789", min_size=1, max_size=8),
    st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda s: (s[0], s[0] + s[1])),
    st.integers(),
    st.sampled_from(["center", "left", "right", "random"]),
)
def test_every_image_reads_back_as_its_sequence(
    solid: GlyphSet, line: str, spacing: tuple[int, int], seed: int, align: str
) -> None:
    image = generate_numbers_sequence(line, spacing, 500, seed=seed, source=solid, align=align)
    assert image.dtype == np.float32
    assert image.shape == (28, 500)
    assert image.flags.c_contiguous
    assert image.flags.writeable
    sequence, gaps, _ = Reader(solid).read(_pixels(image))
    assert sequence == line
    assert all(spacing[0] <= gap <= spacing[1] for gap in gaps)
    natural = generate_numbers_sequence(line, spacing, None, seed=seed, source=solid)
    inked = np.flatnonzero(image.any(axis=0))
    assert (image[:, inked[0] : inked[-1] + 1] == natural).all()
    margins = inked[0], 500 - 1 - inked[-1]
    assert align != "left" or margins[0] == 0
    assert align != "right" or margins[1] == 0
    assert align != "center" or 0 <= margins[1] - margins[0] <= 1


def test_a_thousand_real_sequences_read_back_by_exact_look_up(with_mnist: object) -> None:
    glyphs = load_glyphs("mnist", "train")
    reader = Reader(glyphs)
    lengths = random.Random(1)
    for seed in range(1_000):
        line = "".join(lengths.choices("0123456789", k=lengths.randint(1, 8)))
        image = generate_numbers_sequence(line, (0, 6), 300, seed=seed)
        sequence, gaps, rows = reader.read(_pixels(image))
        assert sequence == line
        assert all(0 <= gap <= 6 for gap in gaps)
        assert all(row in glyphs.rows(int(digit)) for row, digit in zip(rows, line, strict=True))


@given(st.text("0123456789", min_size=2, max_size=6), st.integers(0, 30), st.integers())
def test_tile_spacing_is_a_plain_stack_of_tiles(solid: GlyphSet, line: str, gap: int, seed: int) -> None:
    image = _pixels(
        generate_numbers_sequence(line, (gap, gap), None, seed=seed, source=solid, spacing_from="tile")
    )
    assert image.shape == (28, 28 * len(line) + gap * (len(line) - 1))
    tiles = {glyph.tobytes(): digit for digit in range(10) for glyph in solid.images[solid.rows(digit)]}
    for j, digit in enumerate(line):
        left = j * (28 + gap)
        assert tiles[image[:, left : left + 28].tobytes()] == int(digit)
        assert not image[:, left + 28 : left + 28 + gap].any()


def test_values_lie_between_black_and_white(with_mnist: object) -> None:
    for invert in (False, True):
        image = generate_numbers_sequence("8888", (-20, 0), 200, seed=1, invert=invert)
        assert (float(image.min()), float(image.max())) == (0.0, 1.0)
        assert (image[:, 0] == float(invert)).all()


def test_the_same_seed_is_the_same_image_and_another_is_another() -> None:
    def draw(seed: int | None) -> bytes:
        return generate_numbers_sequence("3502", (2, 8), 200, seed=seed, source="builtin").tobytes()

    assert draw(5) == draw(5)
    assert len({draw(seed) for seed in range(20)}) == 20
    assert len({draw(None) for _ in range(20)}) == 20


def test_the_callers_random_state_is_not_touched() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the state in question
    states = random.getstate(), str(np.random.get_state())  # noqa: NPY002
    for seed in (None, 3):
        generate_numbers_sequence("3502", (2, 8), 200, seed=seed, source="builtin", align="random")
    assert (random.getstate(), str(np.random.get_state())) == states  # noqa: NPY002


def test_every_call_gives_a_fresh_array(solid: GlyphSet) -> None:
    first = generate_numbers_sequence("12", (0, 0), 99, seed=1, source=solid)
    first[:] = 0.5
    assert (generate_numbers_sequence("12", (0, 0), 99, seed=1, source=solid) != 0.5).all()


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"digits": "12x"}, "digits"),
        ({"digits": [True]}, "digits"),
        ({"digits": None}, "digits"),
        ({"spacing_range": (8, 2)}, "spacing_range"),
        ({"spacing_range": 3}, "spacing_range"),
        ({"image_width": 0}, "image_width"),
        ({"image_width": True}, "image_width"),
        ({"image_width": 10**9}, "image_width"),
        ({"seed": "x"}, "seed"),
        ({"split": "training"}, "split"),
        ({"spacing_from": "box"}, "spacing_from"),
        ({"align": "middle"}, "align"),
        ({"invert": 1}, "invert"),
    ],
)
def test_bad_arguments_are_told_before_any_data_is_loaded(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], argument: str
) -> None:
    def no_data(*_: object) -> None:
        raise AssertionError("data was loaded")

    monkeypatch.setattr("digitseq.picture.open_source", no_data)
    arguments: dict[str, Any] = {"digits": "3502", "spacing_range": (2, 8), "image_width": 200} | change
    with pytest.raises(ArgumentError) as caught:
        generate_numbers_sequence(**arguments)
    assert caught.value.argument == argument


@pytest.mark.parametrize("source", [3, None, b"mnist", ""])
def test_a_source_of_no_known_kind_is_refused(source: Any) -> None:
    with pytest.raises(ArgumentError, match="source"):
        generate_numbers_sequence("1", (0, 0), 50, source=source)


def test_too_narrow_is_refused_for_every_seed_alike(with_mnist: object) -> None:
    assert load_glyphs("mnist").widest_ink.max() == 20
    for seed in range(30):
        with pytest.raises(WidthError) as caught:
            generate_numbers_sequence("3502", (2, 8), 103, seed=seed)
        assert caught.value.required_px == 104
        generate_numbers_sequence("3502", (2, 8), 104, seed=seed)


def test_a_glyph_set_of_the_callers_own_is_drawn_from_as_it_is() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, :, 3] = 10
    images[1, :, 3] = 20
    glyphs = GlyphSet.from_arrays(
        images, np.array([5, 5]), split_of=np.array([0, 1]), splits=("train", "test"), name="own"
    )

    def shades(source: GlyphSet, split: str | None) -> set[int]:
        drawn = [
            generate_numbers_sequence("5", (0, 0), 1, seed=s, source=source, split=split) for s in range(40)
        ]
        return {int(_pixels(image).max()) for image in drawn}

    assert shades(glyphs, None) == {10, 20}
    assert shades(glyphs, "test") == {20}
    assert shades(glyphs.choose("train"), None) == {10}
    with pytest.raises(digitseq.SourceError, match="no split 'validation'; it has train, test, all"):
        shades(glyphs, "validation")


def test_splits_of_mnist_share_no_glyph_and_are_what_the_design_says(with_mnist: object) -> None:
    origins: dict[str, set[int]] = {}
    for split in ("train", "validation", "test", "all"):
        glyphs = load_glyphs("mnist", split)
        rows = [row for digit in range(10) for row in glyphs.rows(digit)]
        origins[split] = set(glyphs.origin[rows].tolist())
    assert origins["train"] == set(range(54_000))
    assert origins["validation"] == set(range(54_000, 60_000))
    assert origins["test"] == set(range(60_000, 70_000))
    assert origins["all"] == set(range(70_000))


def test_a_draw_from_a_split_comes_from_that_split(with_mnist: object) -> None:
    for split in ("train", "validation", "test"):
        reader = Reader(load_glyphs("mnist", split))
        for seed in range(60):
            image = generate_numbers_sequence("0123456789", (1, 3), 400, seed=seed, split=split)
            assert reader.read(_pixels(image))[0] == "0123456789"


def test_a_source_may_be_a_path_object(tmp_path: Path) -> None:
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 4:24, 10:18] = 255
    np.savez(tmp_path / "own.npz", images=images, labels=np.array([7]))
    image = generate_numbers_sequence("7", (0, 0), 8, source=tmp_path / "own.npz")
    assert (image[4:24] == 1).all()
    recipe = make_recipe(["7"], (0, 0), seed=1, source=tmp_path / "own.npz")
    (picture,) = draw(recipe)
    (again,) = draw(picture.recipe, tmp_path / "own.npz")  # the recipe names it, the caller knows where it is
    assert (picture.image == again.image).all()


def test_one_text_is_not_a_collection_of_sequences() -> None:
    with pytest.raises(ArgumentError, match="a collection of strings"):
        make_recipe("3502", (2, 8))


def test_draw_takes_the_split_from_the_recipe(with_mnist: object) -> None:
    recipe = make_recipe(["5"] * 50, (0, 0), seed=1, split="test")
    assert next(draw(recipe, load_glyphs("mnist", "train"))).origins.dtype == np.int64
    assert all(picture.origins[0] >= 60_000 for picture in draw(recipe, load_glyphs("mnist", "train")))
