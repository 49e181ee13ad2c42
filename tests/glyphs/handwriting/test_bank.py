"""The bank of built-in digits: drawn into the cache once, for large datasets."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from digitseq.api import make_recipe, outline, write_dataset
from digitseq.glyphs.glyph_cache import glyphs_folder, stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting import builtin as module
from digitseq.glyphs.handwriting.builtin import BuiltinGlyphs, builtin

# SHA-256 of the first hundred glyphs of each digit. It changes when the drawing does, and then the changelog
# says so.


def _thousand(glyphs: GlyphSet) -> tuple[bytes, list[list[int]]]:
    rows = np.concatenate([glyphs.rows(digit)[::6] for digit in range(10)])
    glyphs.prepare(rows)
    stored, ink, _ = glyphs.arrays()
    return stored[rows].tobytes(), ink[:, rows].tolist()


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
    seen.clear()
    assert stored_folder(builtin(11), lambda _, done, total, __: seen.append((done, total))) == folder
    assert stored_folder(BuiltinGlyphs(11), lambda _, done, total, __: seen.append((done, total))) == folder
    assert seen == []  # the bank is drawn only once
    cached = builtin(11)
    assert cached.folder == folder
    assert isinstance(cached.arrays()[0], np.memmap)
    assert _thousand(cached) == expected
    for name in ("name", "digest", "splits"):
        assert getattr(cached, name) == getattr(drawn, name)
    for name in ("widest_ink", "starts", "counts", "origin", "writers"):
        assert (getattr(cached, name) == getattr(drawn, name)).all()
    code = "from tests.glyphs.handwriting.test_bank import _thousand, builtin; import hashlib; "
    code += "g = builtin(11); print(g.folder is not None, hashlib.sha256(_thousand(g)[0]).hexdigest())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", sha256(expected[0]).hexdigest()]


def test_a_damaged_or_half_written_bank_is_drawn_again() -> None:
    glyphs = builtin(13)
    expected = _thousand(glyphs)
    folder = stored_folder(glyphs)
    for name in ("glyphs.npy", "ink.npy", "manifest.json"):
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


@pytest.mark.usefixtures("small_shards_everywhere")
def test_many_processes_get_the_bank_and_it_is_announced(tmp_path: Path) -> None:
    recipe = make_recipe(length=(1, 2), count=550, seed=1, source="builtin:14", image_width=70)
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
