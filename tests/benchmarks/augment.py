"""
How fast is augmentation? One core, four digits, and the same operations in other libraries.

    python tests/benchmarks/augment.py [WORK_FOLDER]

Needs a C compiler, opencv-python-headless and albumentations (2.0.8 is the last one under the MIT licence).
All use the built-in digits. digitseq draws batches of 250, with numpy and with compiled loops. The other
libraries only apply a preset's effects to existing digits: no spacing, no boxes, no reproducible images.

Then it measures the memory that compiled loops add to a process. With WORK_FOLDER, it also times a whole
`batch` of 100,000 `heavy` images with two workers, starting without compiled loops in the cache.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import albumentations as A  # noqa: N812 - the usual name
import cv2
import numpy as np

from digitseq import builtin, kernels, make_recipe
from digitseq.augment.effects import PRESETS, SPACING, Augment
from digitseq.cache_folder import cache_dir
from digitseq.plan import make_plan
from digitseq.render import Renderer

_IMAGES, _BATCH, _ROUNDS, _WIDTH = 2_000, 250, 7, 200
_KERNEL = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
_MEMORY = """
import resource
from digitseq import draw, kernels, make_recipe
recipe = make_recipe(length=4, count=3_000, seed=1, source="builtin", augment="heavy")
for _ in draw(recipe): pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, bool(kernels._state.loops))
"""


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


def albumentations(name: str) -> Callable[[], None]:
    """The operations of a preset as two albumentations pipelines: one for digits, one for lines."""
    augment = PRESETS[name]
    glyphs = builtin().choose("train")
    tiles = [glyphs.images[glyphs.rows(digit)[:500]] for digit in (3, 5, 0, 2)]
    of_digit: list[Any] = []
    if augment.uses("rotate", "slant", "scale", "shift"):
        shear, shift = augment.range("slant"), augment.range("shift")
        affine = A.Affine(
            rotate=augment.range("rotate"),
            shear={"x": shear, "y": (0, 0)},
            scale=augment.range("scale"),
            translate_px={"x": (0, 0), "y": tuple(map(int, shift))},
            p=1,
        )
        of_digit.append(affine)
    if augment.uses("elastic"):
        of_digit.append(A.ElasticTransform(alpha=14, sigma=4, p=1))
    if augment.uses("thickness"):
        either = [A.Morphological(scale=(2, 3), operation=kind) for kind in ("dilation", "erosion")]
        of_digit.append(A.OneOf(either, p=1))
    if augment.uses("blur"):
        of_digit.append(A.GaussianBlur(sigma_limit=(0.05, max(augment.range("blur"))), p=1))
    of_line: list[Any] = []
    if augment.uses("contrast"):
        of_line.append(A.RandomBrightnessContrast(0, (augment.range("contrast")[0] - 1, 0), p=1))
    if augment.uses("background"):
        of_line.append(A.RandomBrightnessContrast((0, augment.range("background")[1] / 255), 0, p=1))
    if augment.uses("occlude"):
        holes = {"hole_height_range": (2, 5), "hole_width_range": (2, 4)}
        of_line.append(A.CoarseDropout(num_holes_range=(1, 1), **holes, p=1))
    if augment.uses("noise"):
        of_line.append(A.GaussNoise(std_range=(0, augment.range("noise")[1] / 255), p=1))
    if augment.uses("specks"):
        of_line.append(A.PixelDropout(augment.range("specks")[1], p=1))
    digit_pipeline, line_pipeline = A.Compose(of_digit, seed=1), A.Compose(of_line, seed=1)

    def draw() -> None:
        for number in range(_IMAGES):
            image = np.zeros((28, _WIDTH), np.uint8)
            x = 20
            for tile in tiles:
                digit = digit_pipeline(image=tile[number % 500])["image"]
                np.maximum(image[:, x : x + 28], digit, out=image[:, x : x + 28])
                x += 28
            line_pipeline(image=image)

    return draw


def with_numpy(draw: Callable[[], None]) -> Callable[[], None]:
    """The same without compiled loops."""

    def run() -> None:
        with kernels.only_numpy():
            draw()

    return run


def rates() -> None:
    """Print the images per second of each preset; the libraries take turns."""
    columns = ("compiled", "numpy", "OpenCV", "albumentations")
    print(f"images/s on one core, four digits, {_WIDTH} px wide; medians of {_ROUNDS} rounds (others: 3)")
    print(f"  {'':10}" + "".join(f"{column:>16}" for column in columns))
    for name in PRESETS:
        own = ours(name)
        actions = dict(zip(columns, (own, with_numpy(own), theirs(name), albumentations(name)), strict=True))
        taken: dict[str, list[float]] = {column: [] for column in columns}
        for number in range(_ROUNDS):
            for column, action in actions.items():
                if number >= 3 and column in columns[2:]:
                    continue  # these are slow
                start = time.perf_counter()
                action()
                taken[column].append(time.perf_counter() - start)
        found = [_IMAGES / statistics.median(taken[column]) for column in columns]
        print(f"  {name:10}" + "".join(f"{rate:>16,.0f}" for rate in found))


def memory() -> None:
    """Print the memory of a process that augments, with and without compiled loops."""
    for setting in ("0", "1"):
        surroundings = os.environ | {kernels.VARIABLE: setting}
        done = subprocess.run(
            [sys.executable, "-c", _MEMORY], env=surroundings, capture_output=True, text=True, check=True
        )
        print(
            f"  {kernels.VARIABLE}={setting}: peak memory in MiB and whether compiled: {done.stdout.strip()}"
        )


def batch(work: Path) -> None:
    """Print how long a whole process takes for 100,000 images, compiling included; settings alternate."""
    taken: dict[str, list[float]] = {"0": [], "": []}
    command = [sys.executable, "-m", "digitseq", "batch", str(work / "out"), "--length", "4", "-n", "100000"]
    command += [
        "--augment",
        "heavy",
        "--width",
        "200",
        "--seed",
        "1",
        "--source",
        "builtin",
        "--workers",
        "2",
        "-q",
    ]
    for _ in range(3):
        for setting, seconds in taken.items():
            shutil.rmtree(work / "out", ignore_errors=True)
            shutil.rmtree(cache_dir() / "kernels", ignore_errors=True)
            surroundings = os.environ | {kernels.VARIABLE: setting}
            start = time.perf_counter()
            subprocess.run(command, env=surroundings, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - start)
    shutil.rmtree(work / "out")
    slow, fast = (statistics.median(seconds) for seconds in taken.values())
    print(
        f"  100,000 heavy images, two workers: numpy {slow:.1f} s, compiled {fast:.1f} s, {slow / fast:.2f} ×"
    )
    print(f"  {taken}")


def main() -> None:
    """Run all measurements."""
    cv2.setNumThreads(1)
    kernels.prepare()
    if not kernels.kernel("warp"):
        raise SystemExit(kernels.in_use())
    rates()
    memory()
    if len(sys.argv) > 1:
        batch(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
