"""The built-in source: 60,000 glyphs, drawn when needed or mapped from the cache, the same bytes."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from digitseq.api import load_glyphs, make_recipe, outline, write_dataset
from digitseq.arrays import count_values
from digitseq.errors import ArgumentError
from digitseq.glyphs.glyph_cache import glyphs_folder, stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting import builtin as module
from digitseq.glyphs.handwriting.builtin import PARTS, PER_DIGIT, BuiltinGlyphs, builtin
from digitseq.glyphs.handwriting.strokes import PER_HAND

# SHA-256 of the first hundred glyphs of each digit. It changes when the drawing does, and then the changelog
# says so.
GOLDEN = {
    0: "09361ec070d304e36ab6d61d09a4345e442bd9015955eec2ccf579ce3f0adde9",
    7: "ed2afccfcc4232ed2749fb0818b1b4fb6d8245a1b2d34fba6104ee10d781761a",
    -(2**70): "f5fd4c3cb7b7329e38b69b86c16fbe63c5fa6b4b4644bb171c7ea7ac49837a07",
}


def _thousand(glyphs: GlyphSet) -> tuple[bytes, list[list[int]]]:
    rows = np.concatenate([glyphs.rows(digit)[::6] for digit in range(10)])
    glyphs.prepare(rows)
    stored, ink, _ = glyphs.arrays()
    return stored[rows].tobytes(), ink[:, rows].tolist()


@pytest.mark.parametrize("style_seed", GOLDEN)
def test_the_glyphs_are_the_same_pixels_as_ever(style_seed: int) -> None:
    glyphs = BuiltinGlyphs(style_seed)
    rows = np.concatenate([glyphs.rows(digit)[:100] for digit in range(10)])
    glyphs.prepare(rows)
    assert sha256(glyphs.arrays()[0][rows].tobytes()).hexdigest() == GOLDEN[style_seed]


def test_drawn_and_cached_glyphs_agree(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand of each digit, with all that planning knows of them, in another process, too."""
    drawn = builtin(11)
    assert drawn.folder is None
    # Drawn by an object of its own: the bank below has to draw all of its glyphs itself, in other chunks.
    expected = _thousand(BuiltinGlyphs(11))
    seen = []
    folder = stored_folder(drawn, lambda _, done, total, __: seen.append((done, total)))
    assert folder.is_relative_to(cache)
    assert seen[0] == (0, 60_000)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    module._opened.cache_clear()
    cached = builtin(11)
    assert cached.folder == folder
    assert isinstance(cached.arrays()[0], np.memmap)
    assert _thousand(cached) == expected
    for name in ("name", "digest", "parts"):
        assert getattr(cached, name) == getattr(drawn, name)
    for name in ("widest_ink", "starts", "counts", "origin", "writers"):
        assert (getattr(cached, name) == getattr(drawn, name)).all()
    code = "from tests.glyphs.handwriting.test_builtin import _thousand, builtin; import hashlib; "
    code += "g = builtin(11); print(g.folder is not None, hashlib.sha256(_thousand(g)[0]).hexdigest())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", sha256(expected[0]).hexdigest()]


def test_a_bank_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stored_folder(builtin(12))
    module._opened.cache_clear()
    calls: list[int] = []
    assert stored_folder(builtin(12), lambda _, done, *__: calls.append(done)) == folder
    assert stored_folder(BuiltinGlyphs(12), lambda _, done, *__: calls.append(done)) == folder
    assert calls == []


@pytest.mark.parametrize("name", ["glyphs.npy", "ink.npy", "manifest.json"])
def test_a_damaged_or_half_written_bank_is_drawn_again(name: str) -> None:
    glyphs = builtin(13)
    expected = _thousand(glyphs)
    folder = stored_folder(glyphs)
    whole = (folder / name).read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", None):
        if damaged is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(damaged)
        module._opened.cache_clear()
        assert _thousand(builtin(13)) == expected
        stored_folder(builtin(13))
        assert (folder / name).read_bytes() == whole


def test_splits_and_their_hands_are_disjoint_and_of_the_stated_size() -> None:
    glyphs = builtin()
    assert len(glyphs) == 60_000
    seen: set[int] = set()
    hands: set[int] = set()
    for part, size in zip(PARTS, PER_DIGIT, strict=True):
        rows = [row for digit in range(10) for row in glyphs.choose(part).rows(digit)]
        assert len(rows) == 10 * size
        assert not set(rows) & seen
        seen.update(rows)
        assert glyphs.writers is not None
        writers = set(glyphs.writers[rows].tolist())
        assert len(writers) == size // PER_HAND
        assert not writers & hands
        hands |= writers


def test_a_hand_writes_all_ten_digits() -> None:
    glyphs = builtin()
    assert glyphs.writers is not None
    rows = np.flatnonzero(glyphs.writers == 123)
    assert count_values(glyphs.labels[rows]).tolist() == [PER_HAND] * 10


def test_a_style_seed_is_part_of_the_sources_name() -> None:
    named = load_glyphs("builtin:7")
    assert (named.name, named.digest) == (builtin(7).name, builtin(style_seed=7).digest)
    assert load_glyphs("builtin:0").name == load_glyphs("builtin").name == "builtin"
    assert load_glyphs("builtin:-3").name == "builtin:-3"
    assert len({load_glyphs(f"builtin:{seed}").digest for seed in range(-5, 5)}) == 10


@pytest.mark.parametrize("source", ["builtin:", "builtin:x", "builtin:1.5", "builtin:1:2"])
def test_a_style_seed_that_is_no_integer_is_told(source: str) -> None:
    with pytest.raises(ArgumentError, match="builtin:INTEGER"):
        load_glyphs(source)


@pytest.mark.parametrize("seed", ["1", 1.0, True, None])
def test_builtin_takes_an_integer(seed: object) -> None:
    with pytest.raises(ArgumentError, match="style_seed"):
        builtin(seed)  # type: ignore[arg-type]


def test_a_folder_of_the_same_name_is_not_taken_for_it(in_folder: Path) -> None:
    from PIL import Image

    (in_folder / "builtin:7" / "3").mkdir(parents=True)
    Image.fromarray(np.pad(np.full((20, 9), 255, np.uint8), 4)).save(in_folder / "builtin:7" / "3" / "a.png")
    assert load_glyphs(in_folder / "builtin:7").name == "builtin:7/"


def test_many_processes_get_the_bank_and_it_is_announced(tmp_path: Path) -> None:
    recipe = make_recipe(length=(1, 2), count=5_500, seed=1, source="builtin:14", image_width=70)
    seen: list[tuple[int, int]] = []

    def progress(stage: str, done: int, total: int, _size: int) -> None:
        if stage == "builtin":
            seen.append((done, total))

    two = write_dataset(recipe, tmp_path / "two", workers=2, progress=progress)
    assert seen[0] == (0, 60_000)
    assert glyphs_folder(builtin(14)).is_dir()
    one = write_dataset(recipe, tmp_path / "one", workers=1)
    assert one.pixels == two.pixels
    assert outline(recipe)["source"].startswith("builtin:14 ")


def test_one_process_needs_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSEQ_CACHE_DIR", os.devnull)
    for count in (20, 4_001):
        recipe = make_recipe(length=(1, 1), count=count, seed=1, source="builtin:15")
        assert write_dataset(recipe, tmp_path / str(count), workers=1).images == count


def test_one_process_draws_the_bank_for_a_large_dataset(tmp_path: Path) -> None:
    for count, folders in ((4_000, 0), (4_001, 1)):
        recipe = make_recipe(length=(1, 1), count=count, seed=1, source="builtin:16")
        write_dataset(recipe, tmp_path / str(count), workers=1)
        assert glyphs_folder(builtin(16)).is_dir() == folders
