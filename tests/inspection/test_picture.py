"""A single picture tells what it is, with its recipe and without."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from digitseq import draw, inspect_dataset, make_recipe
from digitseq.errors import FormatError


def test_a_picture_tells_its_label_and_spacing(tmp_path: Path) -> None:
    recipe = make_recipe(["3502"], (2, 8), 150, seed=6, source="builtin")
    picture = next(draw(recipe))
    path = picture.save(tmp_path / "a.png")
    report = inspect_dataset(path)
    assert (report.kind, report.images, report.faults) == ("image", 1, 0)
    assert report.table.labels == ["3502"]
    assert report.table.seen_px[:-1].tolist() == picture.gaps_px.tolist()
    assert report.table.glyph.tolist() == picture.origins.tolist()
    assert report.table.boxes_of(0).tolist() == picture.boxes.tolist()


def test_a_picture_that_was_painted_on_is_not_what_its_recipe_draws(tmp_path: Path) -> None:
    path = next(draw(make_recipe(["35"], (2, 8), 90, seed=6, source="builtin"))).save(tmp_path / "a.png")
    with Image.open(path) as picture:
        pixels, text = np.array(picture), picture.text  # type: ignore[attr-defined]
    pixels[1, 1] = 200
    info = PngInfo()
    for name, value in text.items():
        info.add_text(name, value)
    Image.fromarray(pixels).save(path, pnginfo=info)
    sentences = [text for finding in inspect_dataset(path).findings for text in finding.examples]
    assert "a.png: pixels differ from what the recipe renders" in sentences


def test_without_its_glyphs_a_picture_still_tells_its_spacing(tmp_path: Path) -> None:
    recipe = make_recipe(["1711"], (3, 8), 150, seed=6, source="builtin", invert=True)
    picture = next(draw(recipe))
    path = picture.save(tmp_path / "a.png")
    with Image.open(path) as image:
        text = dict(image.text)  # type: ignore[attr-defined]
        pixels = np.array(image)
    info = PngInfo()
    for name, value in (text | {"recipe": json.dumps(recipe.changed(source="mnist").to_dict())}).items():
        info.add_text(name, value)
    Image.fromarray(pixels).save(path, pnginfo=info)
    report = inspect_dataset(path)  # MNIST is not cached here, and nothing is fetched
    assert report.table.seen_px[:-1].tolist() == picture.gaps_px.tolist()
    assert report.glyphs is None


@pytest.mark.parametrize(("mode", "suffix"), [("L", "png"), ("RGB", "jpg"), ("1", "bmp")])
def test_any_image_can_be_looked_at(mode: str, suffix: str, tmp_path: Path) -> None:
    pixels = np.zeros((40, 60), np.uint8)
    pixels[5:30, 20:40] = 255
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).convert(mode).save(path)
    report = inspect_dataset(path)
    assert report.table.labels == [""]
    assert report.width_px.least == 60
    assert report.ink.mean == pytest.approx(500 / 2400, abs=0.01)


def test_a_damaged_recipe_in_a_picture_is_told(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("recipe", "{")
    Image.new("L", (30, 28)).save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(FormatError, match="the embedded recipe is invalid"):
        inspect_dataset(tmp_path / "a.png")
