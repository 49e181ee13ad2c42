"""Instance masks: equal to a compositing that is written here, pixel by pixel."""

import os
import pickle
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitseq import ArgumentError, Augment, DigitSequences, draw, make_recipe, write_dataset
from digitseq.arrays import UInt8Array
from digitseq.augment.effects import PRESETS
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.plan import Plan, make_plan
from digitseq.sequence import MAX_DIGITS
from tests.cli.test_generate import run

_COUNT = int(os.environ.get("DIGITSEQ_TEST_MASKS", "60"))  # 2,000 by hand
_SPACINGS = {
    "ink": (2, 8),
    "tile": (0, 3),
    "contour": (-2, 8),
    "ink overlapping": (-9, 3),
    "tile closer": (-15, 0),
}


def _composed(plan: Plan, image: int) -> UInt8Array:
    """The mask of one image: digits placed one after the other, the strongest ink wins, then the leftmost."""
    width = int(plan.widths_px[image])
    strongest, mask = np.zeros((28, width), np.int64), np.zeros((28, width), np.uint8)
    for position, digit in enumerate(plan.digits[image].tolist()):
        if digit < 0:
            continue
        row = plan.tile_rows[image, position]
        (tile,) = plan.tiles.pictures(row[None])
        for y, x in zip(*np.nonzero(tile), strict=True):
            column = int(plan.left_px[image, position] - plan.tiles.ink_left[row] + x)
            if tile[y, x] > strongest[y, column]:
                strongest[y, column], mask[y, column] = tile[y, x], position + 1
    return mask


@pytest.mark.parametrize(("preset", "spacing"), list(product(PRESETS, _SPACINGS)))
def test_a_mask_is_what_compositing_pixel_by_pixel_gives(preset: str, spacing: str) -> None:
    recipe = make_recipe(
        length=(1, 5), count=_COUNT, image_width=None, seed=3, source="builtin", augment=preset,
        spacing_from=spacing.split()[0], spacing_range=_SPACINGS[spacing],
    )  # fmt: skip
    live = DigitSequences(recipe, boxes=True, masks=True)
    plan = make_plan(recipe, np.arange(_COUNT, dtype=np.int64), live.glyphs)
    for number, (_, label, boxes, mask) in enumerate(live.__getitems__(range(_COUNT))):
        assert (mask == _composed(plan, number)).all()
        if not plan.overlapping:
            for position, (x, y, w, h) in enumerate(boxes.tolist(), 1):
                rows, columns = np.nonzero(mask == position)
                assert (columns.min(), rows.min()) == (x, y)
                assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == (w, h)
            assert mask.max() == len(label)


def test_what_covers_a_line_does_not_change_its_mask(solid: GlyphSet) -> None:
    fields: dict[str, Any] = {"length": (2, 5), "count": 50, "image_width": 200, "seed": 1}
    plain = DigitSequences(make_recipe(**fields), solid, masks=True)
    covers = Augment(noise=40, background=120, occlude=4, specks=0.1, negative=1)
    covered = DigitSequences(make_recipe(**fields, augment=covers), solid, masks=True)
    inverted = DigitSequences(make_recipe(**fields, invert=True), solid, masks=True)
    images, _, masks = plain[:]
    assert ((images > 0) == (masks > 0)).all()
    for other in (covered, inverted):
        assert (other[:][0] != images).any()
        assert (other[:][2] == masks).all()


@pytest.mark.parametrize("fields", [{"image_width": 220}, {"image_width": None}, {"spacing_range": (-4, 2)}])
def test_every_way_to_ask_gives_the_same_mask(solid: GlyphSet, fields: dict[str, Any]) -> None:
    start: dict[str, Any] = {"length": (1, 6), "count": 40, "spacing_range": (0, 6), "image_width": 220}
    recipe = make_recipe(**start | fields, seed=1)
    live = DigitSequences(recipe, solid, masks=True)
    *_, masks = live[:]
    batched = np.concatenate(
        [np.pad(m, ((0, 0), (0, 0), (0, 220 - m.shape[2]))) for *_, m in live.batches(7)]
    )
    for number, picture in enumerate(draw(recipe, solid)):
        image, _, mask = live[number]
        assert mask.shape == image.shape
        assert mask.dtype == np.uint8
        assert (mask == picture.mask).all()
        assert (mask == masks[number, :, : mask.shape[1]]).all()
        assert (mask == batched[number, :, : mask.shape[1]]).all()
        assert not masks[number, :, mask.shape[1] :].any()


def test_a_picture_keeps_its_mask_when_it_travels(solid: GlyphSet) -> None:
    picture = next(draw(make_recipe(["3502"], seed=1), solid))
    data = pickle.dumps(picture)
    assert len(data) < 20_000
    assert (pickle.loads(data).mask == picture.mask).all()


def test_a_mask_has_room_for_255_digits(solid: GlyphSet, tmp_path: Path) -> None:
    longest = DigitSequences(make_recipe(["7" * 255], (1, 1), seed=1), solid, masks=True)
    assert longest[0][2].max() == 255
    longer = make_recipe(["7" * 256], (-1, 1), seed=1)
    with pytest.raises(ArgumentError, match="masks: expected lines of at most 255 digits, got 256"):
        DigitSequences(longer, solid, masks=True)
    with pytest.raises(ArgumentError, match="masks: expected lines of at most 255 digits, got 256"):
        write_dataset(longer, tmp_path / "out", source=solid, labels=["masks"])
    assert not (tmp_path / "out").exists()
    assert MAX_DIGITS > 255
    assert len(pickle.dumps(next(draw(make_recipe(["7" * 256], seed=1), solid)))) < 1_000_000


def test_generate_saves_the_mask_beside_the_picture(in_folder: Path) -> None:
    command = ("generate", "3502", "--source", "builtin", "--seed", "1", "--mask", "-q")
    assert run(*command).stdout == "3502.png\n"
    with Image.open("3502.png") as image, Image.open("3502.mask.png") as mask:
        assert (mask.mode, mask.size) == ("L", image.size)
        assert set(np.unique(np.asarray(mask))) == {0, 1, 2, 3, 4}
        assert ((np.asarray(mask) > 0) == (np.asarray(image) > 0)).all()
    Path("3502-1.mask.png").write_bytes(b"mine")
    assert run(*command).stdout == "3502-2.png\n"  # both names must be free
    assert Path("3502-1.mask.png").read_bytes() == b"mine"
    assert not Path("3502-1.png").exists()
    refused = run(*command, "-o", "3502-1.png")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "error: 3502-1.mask.png already exists\nhint: pass --force to replace it\n"
    assert not Path("3502-1.png").exists()
    assert '"mask": "3502-1.mask.png"' in run(*command, "-o", "3502-1.png", "--force", "--json").stdout
    assert Path("3502-1.mask.png").read_bytes() == Path("3502.mask.png").read_bytes()
    wrong = run(*command, "-o", "-")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--mask writes a second file; -o - writes only one" in wrong.stderr
