"""
Golden digests of decoded pixels: the same on every platform, Python and numpy.

A digest here changes only when the randomness contract or the built-in drawing does, and then the changelog
says so. `python -m tests.test_golden` prints the table anew.
"""

import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from digitseq.api import draw, load_glyphs
from digitseq.recipe import Recipe

_MIXED = ("3502", "0", "00000000", "9876543210", "7")

RECIPES: dict[str, dict[str, Any]] = {
    "plain": {"spacing_range": (2, 8), "image_width": 200, "seed": 42, "sequences": ("3502",) * 50},
    "natural width": {"spacing_range": (0, 5), "image_width": None, "seed": 1, "sequences": _MIXED * 10},
    "overlap": {"spacing_range": (-12, -2), "image_width": 250, "seed": 2, "sequences": _MIXED * 10},
    "tiles": {
        "spacing_range": (-6, 6),
        "image_width": 400,
        "seed": -3,
        "sequences": _MIXED * 10,
        "spacing_from": "tile",
        "align": "right",
    },
    "random place, inverted": {
        "spacing_range": (1, 1),
        "image_width": 333,
        "seed": 2**70,
        "index": 123_456_789_012,
        "sequences": _MIXED * 10,
        "align": "random",
        "invert": True,
        "split": "test",
    },
}

BUILTIN: dict[str, str] = {
    "plain": "59176864baf431bf17b72c44088f0bc6ad802784a48793ccb4731f70b7f5cbb4",
    "natural width": "46c333750bccdc033b1a297f7018958f21b8df02d9421863aa4985eb147fedca",
    "overlap": "8a22e5d4cd1421745faa2ab5115aa68b6731c27f7ba26bb83be9fae467a799a7",
    "tiles": "f058cdccf189840b615442eba2e22b33aa9c43922e9411d77a52e183dd2f266e",
    "random place, inverted": "080062ad5e3276717c9a499e04a918446b5f9406060d240f1771c77d020d9f19",
}

MNIST: dict[str, str] = {
    "plain": "206883d064945f4f7d1370d065f5b5bf46c0273466b378f0bf8cdf48918b11b6",
    "natural width": "d63bc69a8393928a3108dccca923c14b26c0a6389b5dceee3b11f29ee4974b68",
    "overlap": "b0954208467a90303c4ebc6fa9ef0d49361d6acf6fa57a88550b0d677a0f670e",
    "tiles": "c25effba39de75e4ca39a51315d049a2330d0862b8b010b30b71ae4a10b1926a",
    "random place, inverted": "c6b1d7f7b0398b1a398e0b564d4b7ed0e44bc5aae3c1371a8206e4310095362f",
}


def digest(name: str, source: str) -> str:
    """SHA-256 of the pixels of all images of a recipe, each led by its label and width."""
    recipe = Recipe(**RECIPES[name], source=source)
    state = sha256()
    for picture in draw(recipe):
        state.update(f"{picture.sequence} {picture.image.shape[1]} ".encode() + picture.image.tobytes())
    return state.hexdigest()


@pytest.mark.parametrize("name", RECIPES)
def test_the_built_in_digits_are_the_same_pixels_as_ever(name: str) -> None:
    assert digest(name, "builtin") == BUILTIN[name]


@pytest.mark.parametrize("name", RECIPES)
def test_mnist_is_the_same_pixels_as_ever(name: str, with_mnist: Path) -> None:
    assert load_glyphs("mnist").digest == "a08153a787784910dfa450ee7a972b9169a3edbef13bd824316eace880fcb90e"
    assert digest(name, "mnist") == MNIST[name]


if __name__ == "__main__":
    for source in ("builtin", "mnist"):
        for recipe_name in RECIPES:
            sys.stdout.write(f"{source}: {recipe_name!r}: {digest(recipe_name, source)!r},\n")
