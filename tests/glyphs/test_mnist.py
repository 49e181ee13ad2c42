"""The real MNIST, from its original files."""

import gzip
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from digitseq import load_glyphs
from digitseq.errors import CacheError, DigitSeqWarning, FormatError, SourceError
from digitseq.glyphs import fetch, mnist
from digitseq.glyphs import glyph_cache as cache_module
from digitseq.glyphs.idx import read_idx


def test_the_parsed_cache_holds_the_original_images(with_mnist: Path, mnist_files: Path) -> None:
    glyphs = load_glyphs("mnist", "all")
    images = np.concatenate(
        [read_idx(mnist_files / f.gz_name) for f in (mnist.TRAIN_IMAGES, mnist.TEST_IMAGES)]
    )
    labels = np.concatenate(
        [read_idx(mnist_files / f.gz_name) for f in (mnist.TRAIN_LABELS, mnist.TEST_LABELS)]
    )
    assert (glyphs.images == images[glyphs.origin]).all()
    assert (glyphs.labels == labels[glyphs.origin]).all()
    assert isinstance(glyphs._stored, np.memmap)
    assert glyphs.counts.tolist() == np.bincount(labels).tolist()


def test_ink_widths_are_the_measured_ones(with_mnist: Path) -> None:
    glyphs = load_glyphs("mnist", "all")
    train = glyphs.origin < 60_000
    assert (int(glyphs.ink_width[train].min()), int(glyphs.ink_width[train].max())) == (2, 20)
    assert (int(glyphs.ink_width[~train].min()), int(glyphs.ink_width[~train].max())) == (3, 20)
    medians = [int(np.median(glyphs.ink_width[train & (glyphs.labels == d)])) for d in range(10)]
    assert medians == [19, 8, 20, 16, 16, 20, 15, 16, 16, 14]


def test_writers_are_qmnists_and_no_writer_is_in_both_halves(with_mnist: Path) -> None:
    glyphs = load_glyphs("mnist", "all")
    assert glyphs.writers is not None
    train = glyphs.origin < 60_000
    in_train, in_test = set(glyphs.writers[train].tolist()), set(glyphs.writers[~train].tolist())
    assert (len(in_train), len(in_test), in_train & in_test) == (539, 297, set())


def _links(source: Path, target: Path, *names: str) -> Path:
    target.mkdir()
    for name in names:
        (target / name).symlink_to(source / name)
    return target


@pytest.mark.once
def test_plain_files_under_either_name_are_imported(tmp_path: Path, mnist_files: Path, cache: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    for file in mnist.FILES:
        dotted = file.name.replace("-idx", ".idx") if "train" in file.name else file.name
        (folder / dotted).write_bytes(gzip.decompress((mnist_files / file.gz_name).read_bytes()))
    glyphs = fetch.fetch(from_dir=folder)
    assert (len(glyphs), glyphs.writers) == (70_000, None)
    again = fetch.fetch(from_dir=mnist_files)  # the writers are added to what is there
    assert again.writers is not None
    assert again.digest == glyphs.digest
    assert load_glyphs("mnist").writers is not None


def test_missing_and_foreign_files_are_named(tmp_path: Path, mnist_files: Path, cache: Path) -> None:
    with pytest.raises(SourceError, match="No such file or directory"):
        fetch.fetch(from_dir=tmp_path / "nowhere")
    names = [file.gz_name for file in mnist.FILES]
    short = _links(mnist_files, tmp_path / "short", *names[:3])
    with pytest.raises(SourceError, match=r"t10k-labels-idx1-ubyte \(or .*\.gz\) is missing"):
        fetch.fetch(from_dir=short)
    (short / names[3]).symlink_to(mnist_files / names[1])
    with pytest.raises(FormatError, match="not the original t10k-labels"):
        fetch.fetch(from_dir=short)
    assert not (cache / "mnist-v1").exists()


@pytest.mark.once
def test_a_damaged_cache_is_told_and_renewed(
    mnist_files: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch.fetch(from_dir=mnist_files)
    for name in ("glyphs.npy", "ink.npy", "origin.npy", "writers.npy", "manifest.json"):
        path = cache / "mnist-v1" / name
        whole = path.read_bytes()
        for damaged in (whole[: len(whole) // 2], b""):
            path.write_bytes(damaged)
            with pytest.raises(CacheError, match=r"damaged.*fetch-mnist` to repair"):
                load_glyphs("mnist")
        path.unlink()
        if name != "manifest.json":
            with pytest.raises(CacheError, match="damaged"):
                load_glyphs("mnist")
        told = pytest.warns(DigitSeqWarning, match=rf"damaged \({name} is missing\)")
        with told if name != "manifest.json" else nullcontext():
            fetch.fetch(from_dir=mnist_files)
        assert len(cache_module.open_glyphs(cache / "mnist-v1") or ()) == 70_000


def test_an_unusable_cache_folder_is_named_with_its_variable(
    tmp_path: Path, mnist_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    monkeypatch.setenv("DIGITSEQ_CACHE_DIR", str(in_the_way / "cache"))
    with pytest.raises(CacheError) as caught:
        fetch.fetch(from_dir=mnist_files)
    assert str(in_the_way / "cache") in str(caught.value)
    assert "DIGITSEQ_CACHE_DIR" in str(caught.value)


@pytest.mark.once
def test_another_format_of_the_cache_is_as_no_cache(
    mnist_files: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch.fetch(from_dir=mnist_files)
    monkeypatch.setattr(cache_module, "STORE_FORMAT", 2)
    assert cache_module.open_glyphs(cache / "mnist-v1") is None
