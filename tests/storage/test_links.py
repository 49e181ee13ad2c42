"""Links in the place of files and folders of digitseq lead nowhere: what they point to stays as it is."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import pytest

from digitseq import (
    Recipe,
    fetch_mnist,
    inspect_dataset,
    load_glyphs,
    read_dataset,
    verify_dataset,
    write_dataset,
)
from digitseq.errors import DigitSeqError, OutputError
from digitseq.glyphs import mnist
from digitseq.glyphs.glyph_cache import stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.sources import forget_mnist
from tests.dataset.libraries import library
from tests.dataset.made import CARD

_RECIPE = Recipe(length=2, count=2, spacing_range=(2, 8), image_width=60, seed=1, source="builtin")
_OTHER = _RECIPE.changed(seed=2, count=3)
_FORMATS: dict[str, dict[str, object]] = {
    "folder": {},
    "labels": {"labels": ("paddle", "doctr", "coco", "yolo")},
    "webdataset": {"format": "webdataset"},
    "npz": {"format": "npz"},
    "parquet": {"format": "parquet"},
    "lmdb": {"format": "lmdb"},
}
_PASSING = (
    ".digitseq.lock",
    ".digitseq-unfinished.json",
    ".digitseq-notes",
    ".partial-12-0123456789ab",
    "images/.partial-12-0123456789ab",
    "images/000/.partial-12-0123456789ab",
)
"""What is there for a while, or after a kill."""


def _home(folder: Path) -> Path:
    """A home folder, whose files have names that digitseq uses, too."""
    home = folder / "home"
    for name in (
        "letter.txt", "dataset.json", "tmpabcdefgh", "000000.png", ".partial-12-0123456789ab",
        "manifest.json",
        "images/000/000000.png", "000/000000.png", "data.mdb", "part-1-of-1.lock", "glyphs.npy", "ink.npy",
        "0123456789abcdef/train-000000", "train-images-idx3-ubyte.gz", "labels/000/000000.txt",
        "train/data.mdb", "mnist-v1/manifest.json", ".partial-12-ba9876543210/000000.png",
    ):  # fmt: skip
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("mine")
    (home / "empty").touch()
    (home / "nothing").mkdir()
    return home


def _tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes() if path.is_file() else b"",
            path.stat().st_mode,
        )
        for path in sorted(folder.rglob("*"))
    }


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _everything(out: Path, **layout: object) -> list[Callable[[], object]]:
    """What can be done with a dataset."""

    def write(recipe: Recipe = _RECIPE, **more: object) -> object:
        return write_dataset(recipe, out, workers=1, **layout, **more)  # type: ignore[arg-type]

    return [
        lambda: list(verify_dataset(out)),
        lambda: inspect_dataset(out),
        lambda: [read_dataset(out).splits["train"][number] for number in range(2)],
        write,
        lambda: write(part=(1, 1)),
        lambda: write(finish=True),
        lambda: write(_OTHER),
        lambda: write(_OTHER, force=True),
    ]


@pytest.mark.parametrize("name", _FORMATS)
def test_no_link_in_a_dataset_leads_out_of_it(tmp_path: Path, name: str) -> None:
    """Each file and folder in turn is a link into the home folder, and then everything is tried."""
    library({"parquet": "pyarrow", "lmdb": "lmdb"}.get(name, "numpy"))
    home, whole, out = _home(tmp_path), tmp_path / "whole", tmp_path / "out"
    before = _tree(home)
    write_dataset(_RECIPE, whole, workers=1, **_FORMATS[name])  # type: ignore[arg-type]
    names = [path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.name not in CARD]
    passing = (*_PASSING, f".digitseq-notes/{'0' * 16}", ".digitseq-notes/part-1-of-1.lock")
    places = [*((linked, True) for linked in (*names, *passing)), *((linked, False) for linked in passing)]
    targets = cycle([home, home / "letter.txt", home / "empty", tmp_path / "absent", None])
    for linked, is_written in places:
        for target in [next(targets) or home / Path(linked).name]:
            shutil.rmtree(out, ignore_errors=True)
            if is_written:
                shutil.copytree(whole, out)
            _link(out / linked, target)
            refused = []
            for attempt in _everything(out, **_FORMATS[name]):
                try:
                    attempt()
                except DigitSeqError as error:
                    refused.append(str(error))
                assert _tree(home) == before, (linked, target)
            assert not (tmp_path / "absent").exists(), linked
            if linked in names:
                named = any(f"{out / linked}" in text and "a link" in text for text in refused)
                assert named, (linked, target, refused)


def test_a_dataset_below_a_link_is_the_users_own_choice(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    write_dataset(_RECIPE, tmp_path / "data", workers=1)
    assert list(verify_dataset(tmp_path / "data")) == []
    assert (tmp_path / "disk/dataset.json").is_file()


@pytest.mark.parametrize("before", [False, True], ids=["a new dataset", "a dataset"])
@pytest.mark.parametrize(
    "name",
    [".partial-", ".partial-old", ".partial-1-x", ".partial-12-0123456789AB", ".partial-12-0123456789ab"],
)
def test_what_is_only_called_like_something_of_ours_is_kept(tmp_path: Path, name: str, before: bool) -> None:
    if before:
        write_dataset(_RECIPE, tmp_path, workers=1)
    place = tmp_path / name
    place.mkdir()
    (place / "novel.txt").write_text("mine")
    (place / "000000.png").write_text("perhaps ours")
    with suppress(OutputError):
        write_dataset(_RECIPE, tmp_path, workers=1)
    assert (place / "novel.txt").read_text() == "mine"
    if not before:
        assert (tmp_path / "dataset.json").exists() is False
        assert sorted(_tree(place)) == ["000000.png", "novel.txt"]


def test_a_half_written_file_of_ours_is_no_stranger_and_another_of_its_name_is(tmp_path: Path) -> None:
    partial = tmp_path / ".partial-12-0123456789ab"
    partial.write_text("a letter")
    with pytest.raises(OutputError, match=r"not a digitseq dataset \(found \.partial-12"):
        write_dataset(_RECIPE, tmp_path, workers=1)
    assert partial.read_text() == "a letter"
    partial.write_text('{\n "format": "fol')
    write_dataset(_RECIPE, tmp_path, workers=1)
    assert not partial.exists()


def test_notes_that_are_not_ours_are_kept(tmp_path: Path) -> None:
    place = tmp_path / ".digitseq-notes" / "0123456789abcdef"
    place.mkdir(parents=True)
    for name in ("train-123456", "all-123456789", "diary"):
        (place / name).write_text("dear diary")
    write_dataset(_RECIPE, tmp_path, workers=1)
    assert {path.read_text() for path in place.iterdir()} == {"dear diary"}
    assert len(list(place.iterdir())) == 3


@pytest.mark.parametrize("name", ["dataset.json", ".digitseq-unfinished.json"])
def test_force_keeps_a_file_that_is_no_manifest_of_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"name": "other data"}')
    with pytest.raises(OutputError, match="not a digitseq dataset"):
        write_dataset(_RECIPE, tmp_path, workers=1, force=True)
    assert (tmp_path / name).read_text() == '{"name": "other data"}'


@pytest.mark.parametrize("content", ["", "mine"])
def test_a_lock_is_an_empty_file_of_its_own(tmp_path: Path, content: str) -> None:
    letter = tmp_path / "letter"
    letter.write_text("dear")
    (tmp_path / "out").mkdir()
    os.link(letter, tmp_path / "out/.digitseq.lock")
    with pytest.raises(OutputError, match="expected an empty lock file"):
        write_dataset(_RECIPE, tmp_path / "out", workers=1)
    assert letter.read_text() == "dear"


# --- The cache ------------------------------------------------------------------------------------------


def _cached_names(cache: Path) -> list[str]:
    files = sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*"))
    return [*files, "mnist-unreachable.json", "mnist-v1/.partial-12-0123456789ab", "downloads/tmpabcdefgh"]


@pytest.mark.filterwarnings("ignore::digitseq.errors.DigitSeqWarning")
def test_no_link_in_the_cache_leads_out_of_it(
    tmp_path: Path,
    cache: Path,
    in_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    mnist_files: Path,
    solid: GlyphSet,
) -> None:
    monkeypatch.setenv("DIGITSEQ_MNIST_MIRROR", mnist_files.as_uri())
    home = _home(tmp_path)
    before = _tree(home)
    # Parsing and storing the real images takes seconds, and would be repeated for every link.
    few = GlyphSet.from_arrays(solid.images, solid.labels)
    few.name = "mnist"
    monkeypatch.setattr(mnist, "parse", lambda _: few)
    fetch_mnist()
    stored_folder(solid)
    names = _cached_names(cache)
    assert {"downloads", "mnist.lock", "mnist-v1/glyphs.npy", "glyphs-v1"} < set(names)
    whole = cache.rename(tmp_path / "whole")
    targets = cycle((home, home / "letter.txt", home / "empty", tmp_path / "absent"))
    for linked, target in zip(names, targets, strict=False):
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(whole, cache, copy_function=os.link)
        _link(cache / linked, target)
        for attempt in (
            lambda: load_glyphs("auto"),
            lambda: fetch_mnist(force=True),
            lambda: stored_folder(solid),
        ):
            forget_mnist()
            with suppress(DigitSeqError):
                attempt()
            assert _tree(home) == before, (linked, target)
        assert not (tmp_path / "absent").exists(), linked
