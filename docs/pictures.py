"""
The pictures of these pages, made anew.

From the repository's folder, with digitseq installed:

    python docs/pictures.py
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from digitseq import builtin, draw, make_recipe
from digitseq.arrays import UInt8Array
from digitseq.augment.effects import EFFECTS, PRESETS, SPACING
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting import pen
from digitseq.glyphs.handwriting.allographs import allograph, weights
from digitseq.glyphs.handwriting.styles import MODERN

DOCS = Path(__file__).parent


def grid(glyphs: UInt8Array, columns: int) -> Image.Image:
    """Glyphs (n, 28, 28) in rows, with a thin line between them."""
    blank = np.zeros((-len(glyphs) % columns, 28, 28), np.uint8)
    tiles = np.pad(np.concatenate([glyphs, blank]), ((0, 0), (0, 1), (0, 1)), constant_values=48)
    rows = tiles.reshape(-1, columns, 29, 29)
    return Image.fromarray(rows.transpose(0, 2, 1, 3).reshape(-1, columns * 29)[:-1, :-1])


def ways() -> UInt8Array:
    """Every modern allograph of every digit, drawn with an even pen: the mean of its variants."""
    drawn = np.zeros((10, max(len(weights("modern", digit)) for digit in range(10)), 28, 28), np.uint8)
    for digit in range(10):
        for index in range(len(weights("modern", digit))):
            way = allograph("modern", digit, index)
            x, y = way.controls.sum(0) // len(way.controls) @ way.basis.T
            core = np.array([pen.PX * 11 // 10])
            x, y = pen.scale(x[:, None], y[:, None], 20 * pen.PX - 2 * core)
            drawn[digit, index] = pen.write(x, y, np.repeat(core[None], len(x), 0), core, MODERN.edge)[0]
    return drawn.reshape(-1, 28, 28)


def strips(
    rows: list[dict[str, Any]], columns: int = 5, labels: tuple[str, ...] = ("3502", "1798", "6420")
) -> Image.Image:
    """Lines of digits: a row for each of the settings, the same numbers and seed in all rows."""
    count, width = columns, 148
    drawn = []
    for settings in rows:
        usual = {"spacing_range": (2, 8), "image_width": width, "seed": 11, "source": "builtin"}
        recipe = make_recipe(labels, count=count, **usual | settings)
        images = np.stack([picture.image for picture in draw(recipe)])
        drawn.append(np.pad(np.concatenate(list(images), 1), ((0, 2), (0, 0)), constant_values=90))
    return Image.fromarray(np.concatenate(drawn)[:-2])


def gallery(folder: Path) -> None:
    """Each effect at three strengths, and each preset."""
    folder.mkdir(exist_ok=True)
    for name, effect in EFFECTS.items():
        end = (
            effect.low
            if abs(effect.low - effect.neutral) > abs(effect.high - effect.neutral)
            else effect.high
        )
        strengths = [effect.neutral + (end - effect.neutral) * part / 3 for part in (1, 2, 3)]
        strengths = [round(strength, 3) for strength in strengths]
        strengths = {"occlude": [1, 2, 4], "elastic": [0.5, 1, 2]}.get(name, strengths)
        rows: list[dict[str, Any]] = [{"augment": {name: (s, s)}} for s in strengths]
        if name in ("rotate", "slant", "thickness", "shift", "slope"):  # to both sides
            rows = [{"augment": {name: (max(-abs(s), effect.low), abs(s))}} for s in strengths]
        strips(rows).save(folder / f"{name}.png", optimize=True)
    for name in PRESETS:
        spacing_from, spacing_range = SPACING.get(name, ("ink", (2, 8)))
        settings = {"augment": name, "spacing_from": spacing_from, "spacing_range": spacing_range}
        strips([settings | {"seed": seed} for seed in (11, 12, 13)]).save(
            folder / f"preset-{name}.png", optimize=True
        )
    strips(
        [
            {"augment": "paper", "spacing_from": "contour", "spacing_range": (-2, 8), "invert": True}
            | {"writer": "same", "source": "builtin:copperplate", "seed": seed}
            for seed in (11, 12, 13)
        ]
    ).save(folder / "old-documents.png", optimize=True)
    for name, rows in {
        "contour": [{"spacing_from": "contour", "spacing_range": (gap, gap)} for gap in (3, 0, -2)],
        "one-hand": [{"writer": "same", "seed": seed} for seed in (11, 12, 13)],
    }.items():
        strips(rows).save(folder / f"{name}.png", optimize=True)


def main() -> None:
    """Make them all."""
    recipe = make_recipe(["0123456789"], (2, 8), 300, seed=7, source="builtin")
    next(draw(recipe)).save(DOCS / "example.png", force=True)
    glyphs: GlyphSet = builtin()
    folder = DOCS / "builtin"
    folder.mkdir(exist_ok=True)
    for digit in range(10):  # 120 hands, one glyph of each
        grid(glyphs.images[glyphs.rows(digit)[:4800:40]], 24).save(folder / f"{digit}.png", optimize=True)
    hands = [glyphs.rows(digit)[hand * 10 + k] for hand in range(8) for k in range(2) for digit in range(10)]
    for name, style in {"hands": "modern", "casual": "casual", "copperplate": "copperplate"}.items():
        grid(builtin(style=style).images[hands], 20).save(folder / f"{name}.png", optimize=True)
    columns = len(ways()) // 10
    grid(ways(), columns).save(folder / "ways.png", optimize=True)
    gallery(DOCS / "augmentation")


if __name__ == "__main__":
    main()
