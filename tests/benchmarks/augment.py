"""
How fast is augmentation? One core, four digits, beside the same operations done image by image with OpenCV.

    python tests/benchmarks/augment.py

Needs opencv-python-headless. Both draw from the built-in digits, ours in batches of 250. What OpenCV does is
the bare work of a preset on digits that are there: no spacing, no boxes, no seeds that last.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from digitseq import builtin, make_recipe
from digitseq.augment.effects import PRESETS, SPACING, Augment
from digitseq.plan import make_plan
from digitseq.render import Renderer

_IMAGES, _BATCH, _ROUNDS, _WIDTH = 2_000, 250, 7, 200
_KERNEL = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def ours(name: str) -> Callable[[], None]:
    """All images of a recipe."""
    spacing_from, spacing_range = SPACING.get(name, ("ink", (2, 8)))
    glyphs = builtin().choose("train")
    recipe = make_recipe(
        ["3502"],
        spacing_range,
        _WIDTH,
        seed=1,
        count=_IMAGES,
        augment=name,
        spacing_from=spacing_from,
        source="builtin",
    )
    renderer, uint8 = Renderer(), np.dtype(np.uint8)
    out = np.empty((_BATCH, 28, _WIDTH), np.uint8)

    def draw() -> None:
        for first in range(0, _IMAGES, _BATCH):
            renderer.draw(make_plan(recipe, np.arange(first, first + _BATCH), glyphs), uint8, out=out)

    draw()
    return draw


def theirs(name: str) -> Callable[[], None]:
    """The operations of a preset, one image after another."""
    augment = PRESETS[name]
    glyphs = builtin().choose("train")
    tiles = [glyphs.images[glyphs.rows(digit)[:500]] for digit in (3, 5, 0, 2)]
    chance = np.random.default_rng(1)

    def draw() -> None:
        for number in range(_IMAGES):
            image = np.zeros((28, _WIDTH), np.uint8)
            x = 20
            for of_digit in tiles:
                digit = _digit(of_digit[number % 500], augment, chance)
                np.maximum(image[:, x : x + 28], digit, out=image[:, x : x + 28])
                x += 28
            _line(image, augment, chance)

    return draw


def _digit(tile: Any, augment: Augment, chance: np.random.Generator) -> Any:
    def drawn(name: str) -> float:
        return float(chance.uniform(*augment.range(name)))

    turn, lean = np.radians(drawn("rotate")), np.tan(np.radians(drawn("slant")))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = rotation @ np.array([[1, -lean], [0, 1]]) @ np.diag([drawn("scale"), drawn("scale")])
    shift = np.array([13.5, 13.5 + drawn("shift")]) - matrix @ (13.5, 13.5)
    affine = np.concatenate([matrix, shift[:, None]], 1)
    if augment.uses("elastic"):
        inverse = cv2.invertAffineTransform(affine)
        x, y = np.meshgrid(np.arange(28, dtype=np.float32), np.arange(28, dtype=np.float32))
        noise = chance.standard_normal((2, 28, 28)).astype(np.float32)
        bend = [cv2.GaussianBlur(field, (0, 0), 4) * 14 * drawn("elastic") for field in noise]
        across, down = (row[0] * x + row[1] * y + row[2] for row in inverse)
        columns, rows = ((a + b).astype(np.float32) for a, b in zip((across, down), bend, strict=True))
        tile = cv2.remap(tile, columns, rows, cv2.INTER_LINEAR)
    else:
        tile = cv2.warpAffine(tile, affine, (28, 28), flags=cv2.INTER_LINEAR)
    amount = drawn("thickness")
    other = cv2.dilate(tile, _KERNEL) if amount > 0 else cv2.erode(tile, _KERNEL)
    tile = cv2.addWeighted(tile, 1 - abs(amount), other, abs(amount), 0)
    if augment.uses("blur"):
        tile = cv2.GaussianBlur(tile, (0, 0), max(drawn("blur"), 0.05))
    return tile


def _line(image: Any, augment: Augment, chance: np.random.Generator) -> None:
    def drawn(name: str) -> float:
        return float(chance.uniform(*augment.range(name)))

    if augment.uses("contrast"):
        image = cv2.convertScaleAbs(image, alpha=drawn("contrast"))
    if augment.uses("background"):
        level = drawn("background")
        image = cv2.convertScaleAbs(image, alpha=1 - level / 255, beta=level)
    if augment.uses("occlude"):
        x, y = chance.integers(0, _WIDTH), chance.integers(0, 28)
        cv2.line(image, (int(x), int(y)), (int(x) + 60, int(y) + 8), 255)
    if augment.uses("noise"):
        noise = chance.standard_normal(image.shape, dtype=np.float32) * drawn("noise")
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if augment.uses("specks"):
        mask = chance.random(image.shape, dtype=np.float32)
        image[mask < drawn("specks")] = 255


def main() -> None:
    """Measure each preset, in turns."""
    cv2.setNumThreads(1)
    print(f"images/s on one core, four digits, {_WIDTH} px wide; medians of {_ROUNDS} rounds in turns")
    for name in PRESETS:
        both = {"digitseq": ours(name), "OpenCV": theirs(name)}
        taken: dict[str, list[float]] = {key: [] for key in both}
        for _ in range(_ROUNDS):
            for key, action in both.items():
                start = time.perf_counter()
                action()
                taken[key].append(time.perf_counter() - start)
        rates = {key: _IMAGES / statistics.median(seconds) for key, seconds in taken.items()}
        ratio = rates["digitseq"] / rates["OpenCV"]
        print(f"  {name:10}{rates['digitseq']:>10,.0f}   OpenCV {rates['OpenCV']:>8,.0f}   {ratio:.1f} ×")


if __name__ == "__main__":
    main()
