"""A new effect, source or format is a row in a table and a function or a class; nothing else knows of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from digitseq import draw, make_recipe, read_dataset, verify_dataset, write_dataset
from digitseq.arrays import IntArray, UInt8Array
from digitseq.augment.effects import EFFECTS, Augment, Effect
from digitseq.augment.sampler import Sampler
from digitseq.batches import Sample
from digitseq.dataset.formats import FORMATS
from digitseq.dataset.formats.base import FileShards, png_encoder
from digitseq.dataset.formats.stored_image import Found, facts_from, facts_json, sample_key
from digitseq.dataset.shards import Place
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import SOURCES, Source
from digitseq.recipe import Recipe

# --- An effect ------------------------------------------------------------------------------------------


def fog(images: UInt8Array, sampler: Sampler, widths_px: IntArray) -> None:
    """Lift everything towards white."""
    level = sampler.line("fog")[:, None, None]
    images[:] = np.maximum(images, level.astype(np.uint8))


_FOG = Effect(
    "Fog, of 255.", 0, 100, "line", 60,
    single="to", sampled="line", unit=1, function="tests.test_extending.fog", covers=True,
)  # fmt: skip


def test_an_effect_is_a_row_and_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EFFECTS, "fog", _FOG)
    recipe = make_recipe(
        ["35"], (2, 8), 80, count=50, seed=1, source="builtin", augment=Augment(fog=(20, 40))
    )
    lowest = [int(picture.image.min()) for picture in draw(recipe)]
    assert (min(lowest), max(lowest)) == (20, 40)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


# --- A source -------------------------------------------------------------------------------------------


def _bars(name: str, progress: object) -> GlyphSet:
    """Digit d is a bar d + 1 px wide."""
    images = np.zeros((10, 28, 28), np.uint8)
    for digit in range(10):
        images[digit, 4:24, 4 : 5 + digit] = 255
    return GlyphSet.from_arrays(images, np.arange(10), name=name)


def test_a_source_is_a_row_and_a_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "bars", Source(_bars))
    recipe = make_recipe(length=4, count=30, seed=1, source="bars")
    assert [box[2] for box in next(draw(recipe)).boxes] == [int(d) + 1 for d in next(draw(recipe)).sequence]
    write_dataset(recipe, tmp_path / "out", workers=1)
    assert list(verify_dataset(tmp_path / "out")) == []


# --- A format -------------------------------------------------------------------------------------------


class HexLines(FileShards):
    """A line per image: its facts as JSON, and its PNG in hexadecimal digits."""

    name = "hexlines"
    suffix = ".hex"

    def shard_file(self, place: Place, shard: int) -> str:
        return f"{place.stem}-{shard:06d}.hex"

    def encode(self, samples: Iterator[Sample], place: Place, level: int) -> bytes:
        png = png_encoder(level)
        lines = (f"{facts_json(sample)}\t{png(sample.image).hex()}\n" for sample in samples)
        return "".join(lines).encode("ascii")

    def decode(self, data: bytes, place: Place, shard: int) -> Iterator[Found]:
        for number, line in enumerate(data.decode("ascii").splitlines(), shard * 1_000):
            facts, _, image = line.partition("\t")
            yield Found(sample_key(number), bytes.fromhex(image), facts_from(json.loads(facts)))


def test_a_format_is_a_row_and_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "hexlines", "tests.test_extending.HexLines")
    recipe = make_recipe(length=(2, 4), splits={"train": 1_100, "test": 30}, seed=1, source="builtin")
    write_dataset(recipe, tmp_path / "out", format="hexlines", workers=1)
    assert list(verify_dataset(tmp_path / "out")) == []
    assert len(read_dataset(tmp_path / "out").splits["train"]) == 1_100
    file = tmp_path / "out/test-000000.hex"
    file.write_bytes(file.read_bytes().replace(b'"label": "', b'"label": "9', 1))
    (problem,) = verify_dataset(tmp_path / "out")
    assert "test-000000.hex: 000000000: label" in problem
    assert write_dataset(recipe, tmp_path / "out", workers=1).written == 30
