"""What the API gives is the caller's to change, and what a caller gives is not changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import digitseq
from digitseq.arrays import AnyArray
from digitseq.glyphs.glyphset import GlyphSet

RECIPE = digitseq.make_recipe(length=3, count=12, image_width=120, seed=1, source="builtin", augment="heavy")


def _of_dataset(format_: str) -> Callable[[Path], list[AnyArray]]:
    def images(folder: Path) -> list[AnyArray]:
        out = folder / format_
        if not out.exists():
            digitseq.write_dataset(RECIPE, out, format=format_, workers=1)
        part = digitseq.read_dataset(out).splits["train"]
        return [part[0][0], part[0][0], part[1][0]]

    return images


GIVES: dict[str, Callable[[Path], list[AnyArray]]] = {
    "generate_numbers_sequence": lambda _: [
        digitseq.generate_numbers_sequence("42", (0, 4), 90, seed=1, source="builtin")
    ],
    "draw": lambda _: [
        array
        for picture in digitseq.draw(RECIPE)
        for array in (picture.image, picture.boxes, picture.gaps_px, picture.origins)
    ],
    "DigitSequences[i]": lambda _: list(_arrays(digitseq.DigitSequences(RECIPE, boxes=True)[3])),
    "DigitSequences[a:b]": lambda _: list(_arrays(digitseq.DigitSequences(RECIPE, boxes=True)[3:7])),
    "batches": lambda _: list(_arrays(next(iter(digitseq.DigitSequences(RECIPE, boxes=True).batches(4))))),
    "read_dataset folder": _of_dataset("folder"),
    "read_dataset webdataset": _of_dataset("webdataset"),
    "read_dataset npz": _of_dataset("npz"),
    "draw_sheet": lambda _: [digitseq.draw_sheet(digitseq.inspect_dataset(RECIPE), 2, 2)],
    "ctc_encode": lambda _: list(digitseq.ctc_encode(["042", "7"])),
}


def _arrays(values: Any) -> list[AnyArray]:
    return [value for value in values if isinstance(value, np.ndarray)]


@pytest.mark.parametrize("name", GIVES)
def test_arrays_are_the_callers_to_change_and_change_nothing_else(name: str, tmp_path: Path) -> None:
    before = [array.copy() for array in GIVES[name](tmp_path)]
    given = GIVES[name](tmp_path)
    for array in given:
        assert array.flags.writeable
        array[...] = 77
    assert before, name
    for array, expected in zip(GIVES[name](tmp_path), before, strict=True):
        assert np.array_equal(array, expected)


def test_what_is_known_of_a_stored_image_is_the_callers_too(tmp_path: Path) -> None:
    digitseq.write_dataset(RECIPE, tmp_path / "out", format="npz", workers=1)
    part = digitseq.read_dataset(tmp_path / "out").splits["train"]
    facts = part.found(0).facts
    assert facts is not None
    expected = [list(box) for box in facts.boxes]
    facts.boxes[0][0] = -99
    again = part.found(0).facts
    assert again is not None
    assert again.boxes == expected


@pytest.mark.parametrize(
    "name",
    [
        "images",
        "origin",
        "writers",
        "starts",
        "counts",
        "ink_left",
        "ink_width",
        "ink_top",
        "ink_height",
        "widest_ink",
    ],
)
def test_the_arrays_of_a_shared_source_cannot_be_written_to(name: str) -> None:
    """A source is opened once in a process: whoever changed it would change what everybody draws."""
    array = getattr(digitseq.load_glyphs("builtin", "test"), name)
    with pytest.raises(ValueError, match="read-only"):
        array[...] = 0


def test_what_a_caller_gives_is_not_changed() -> None:
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 5:20, 9:15] = 255
    labels, writers = np.arange(10, dtype=np.int64)[::-1].copy(), np.zeros(10, np.int64)
    given: list[AnyArray] = [images, labels, writers]
    kept = [array.copy() for array in given]
    glyphs = GlyphSet.from_arrays(images, labels, writers=writers)
    digits, paths = [4, 2], np.array([[0, 1, 1, 0]])
    digitseq.generate_numbers_sequence(digits, (0, 4), None, seed=1, source=glyphs)
    digitseq.ctc_decode(paths, [3])
    data = RECIPE.to_dict()
    original = RECIPE.to_dict()
    digitseq.Recipe.from_dict(data)
    predictions = ["123"] * 12
    digitseq.inspect_dataset(RECIPE, predictions=predictions)
    for array, expected in zip(given, kept, strict=True):
        assert array.flags.writeable
        assert np.array_equal(array, expected)
    assert (digits, paths.tolist(), data, predictions) == ([4, 2], [[0, 1, 1, 0]], original, ["123"] * 12)


def test_a_recipe_as_a_dictionary_is_the_callers_to_change() -> None:
    before = RECIPE.to_dict()
    changed = RECIPE.to_dict()
    changed["augment"]["rotate"][0] = 1
    changed["spacing_range"][0] = 99
    assert RECIPE.to_dict() == before


def test_a_report_as_a_dictionary_is_the_callers_to_change() -> None:
    report = digitseq.inspect_dataset(RECIPE)
    before = report.to_dict()
    changed = report.to_dict()
    changed["recipe"]["seed"] = 99
    changed["splits"].clear()
    changed["lengths"].clear()
    assert report.to_dict() == before
