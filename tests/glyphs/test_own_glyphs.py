"""The user's own glyphs: IDX pairs, class folders, .npz; and the rule for other sizes."""

import random
from codecs import BOM_UTF8
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitseq import generate_numbers_sequence, load_glyphs
from digitseq.arrays import AnyArray, UInt8Array
from digitseq.errors import DigitSeqError, DigitSeqWarning, FormatError, SourceError
from digitseq.glyphs.fetch import fetch
from digitseq.glyphs.idx import read_idx
from digitseq.glyphs.normalise import as_glyphs, normalise
from digitseq.glyphs.own_glyphs import load
from tests.dataset.libraries import library
from tests.glyphs.idx_files import write_idx


def _images(count: int, first: int = 1) -> UInt8Array:
    images = np.zeros((count, 28, 28), np.uint8)
    for k in range(count):
        images[k, 4:24, 4 : 8 + k % 12] = first + k
        images[k, 5, 20] = 255
    return images


_LABELS = np.arange(20) % 10


def _shades(glyphs_path: Path, split: str = "all") -> set[int]:
    glyphs = load(glyphs_path).choose(split)
    return {int(glyphs.images[row][10, 5]) for d in range(10) for row in glyphs.rows(d)}


# --- IDX ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", ".gz"])
def test_an_idx_pair_is_named_by_folder_or_by_either_file(tmp_path: Path, end: str) -> None:
    write_idx(tmp_path / f"my-images-idx3-ubyte{end}", _images(20))
    write_idx(tmp_path / f"my-labels-idx1-ubyte{end}", _LABELS.astype(np.uint8))
    for path in (tmp_path, *tmp_path.iterdir()):
        glyphs = load(path)
        assert glyphs.counts.tolist() == [2] * 10
        assert (glyphs.images == _images(20)[glyphs.origin]).all()
        assert (glyphs.name, glyphs.splits) == (path.name, ("train",))


def test_splits_are_told_by_file_names(tmp_path: Path) -> None:
    for word, first in (("train", 1), ("valid", 50), ("t10k", 100)):
        write_idx(tmp_path / f"{word}-images-idx3-ubyte", _images(20, first))
        write_idx(tmp_path / f"{word}-labels-idx1-ubyte", _LABELS.astype(np.uint8))
    assert _shades(tmp_path, "train") == set(range(1, 21))
    assert _shades(tmp_path, "validation") == set(range(50, 70))
    assert _shades(tmp_path, "test") == set(range(100, 120))


def test_emnist_is_turned_and_its_letters_left_out(tmp_path: Path) -> None:
    upright = _images(20)
    labels = np.arange(20)
    write_idx(tmp_path / "emnist-balanced-test-images-idx3-ubyte.gz", upright.transpose(0, 2, 1).copy())
    write_idx(tmp_path / "emnist-balanced-test-labels-idx1-ubyte.gz", labels.astype(np.uint8))
    glyphs = load(tmp_path)
    assert glyphs.counts.tolist() == [1] * 10
    assert (glyphs.images == upright[:10]).all()
    assert glyphs.splits == ("test",)


def test_emnists_letters_are_no_digits(tmp_path: Path) -> None:
    write_idx(tmp_path / "emnist-letters-train-images-idx3-ubyte", _images(20))
    write_idx(tmp_path / "emnist-letters-train-labels-idx1-ubyte", np.arange(1, 21, dtype=np.uint8))
    with pytest.raises(SourceError, match="letters, not digits"):
        load(tmp_path)


def test_qmnist_enters_with_its_table_of_labels(tmp_path: Path) -> None:
    table = np.zeros((20, 8), np.int32)
    table[:, 0] = _LABELS
    write_idx(tmp_path / "qmnist-test-images-idx3-ubyte.gz", _images(20))
    write_idx(tmp_path / "qmnist-test-labels-idx2-int.gz", table)
    assert load(tmp_path).choose("test").counts.tolist() == [2] * 10


def test_kmnist_enters_like_mnist(tmp_path: Path) -> None:
    """KMNIST uses MNIST's own file names."""
    for word in ("train", "t10k"):
        write_idx(tmp_path / f"{word}-images-idx3-ubyte.gz", _images(20))
        write_idx(tmp_path / f"{word}-labels-idx1-ubyte.gz", _LABELS.astype(np.uint8))
    image = generate_numbers_sequence("0123456789", (1, 1), None, seed=1, source=str(tmp_path), split="test")
    assert image.shape[0] == 28


def test_a_file_that_is_there_plain_and_compressed_counts_once(tmp_path: Path) -> None:
    for end in ("", ".gz"):
        write_idx(tmp_path / f"my-images-idx3-ubyte{end}", _images(20))
        write_idx(tmp_path / f"my-labels-idx1-ubyte{end}", _LABELS.astype(np.uint8))
    assert len(load(tmp_path)) == 20


def test_idx_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    write_idx(tmp_path / "a-images-idx3-ubyte", _images(20))
    with pytest.raises(SourceError, match="a-labels-idx1-ubyte, are missing"):
        load(tmp_path)
    write_idx(tmp_path / "a-labels-idx1-ubyte", _LABELS[:19].astype(np.uint8))
    with pytest.raises(FormatError, match="n labels"):
        load(tmp_path)
    write_idx(tmp_path / "a-labels-idx1-ubyte", np.arange(20, dtype=np.uint8))
    with pytest.raises(SourceError, match="labels 0–9, got 10"):
        load(tmp_path)


def test_without_names_of_splits_glyphs_are_divided_by_their_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (1_500, 28, 28)).astype(np.uint8)
    images[:, 0] = 0
    labels = np.arange(1_500) % 10
    images[7] = images[16]  # the same picture as a 7 and a 6
    np.savez(tmp_path / "some.npz", images=images[:1_000], labels=labels[:1_000])
    order = rng.permutation(1_500)
    np.savez(tmp_path / "more.npz", images=images[order], labels=labels[order])

    def places(name: str) -> dict[bytes, set[str]]:
        glyphs = load(tmp_path / name)
        assert glyphs.splits == ("train", "validation", "test")
        found: dict[bytes, set[str]] = {}
        for split in glyphs.splits:
            chosen = glyphs.choose(split)
            for digit in range(10):
                for row in chosen.rows(digit):
                    found.setdefault(glyphs.images[row].tobytes(), set()).add(split)
        return found

    some, more = places("some.npz"), places("more.npz")
    assert all(len(splits) == 1 for splits in more.values())  # equal pixels are never in two splits
    assert {key: more[key] for key in some} == some  # a glyph keeps its split when others are added
    shares = [
        sum(splits == {name} for splits in more.values()) / len(more)
        for name in load(tmp_path / "more.npz").splits
    ]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.03)
    image = generate_numbers_sequence(
        "0123456789", (1, 1), None, seed=1, source=tmp_path / "more.npz", split="test"
    )
    assert image.shape[0] == 28


def test_few_glyphs_and_named_splits_are_not_divided(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (1_000, 28, 28)).astype(np.uint8)
    images[:, 0] = 0
    labels = np.arange(1_000) % 10
    np.savez(tmp_path / "few.npz", images=images[:20], labels=labels[:20])
    np.savez(tmp_path / "train.npz", images=images, labels=labels)
    labels[labels == 3] = 2
    labels[:2] = 3  # two of them cannot be in three splits
    np.savez(tmp_path / "rare.npz", images=images, labels=labels)
    for name in ("few", "train", "rare"):
        assert load(tmp_path / f"{name}.npz").splits == ("train",)
    with pytest.raises(SourceError, match="usually about 60 per digit"):
        load(tmp_path / "few.npz").choose("test")


# --- npz ------------------------------------------------------------------------------------------------


def test_npz_under_the_usual_names(tmp_path: Path) -> None:
    images, labels = _images(20), _LABELS
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    np.savez(tmp_path / "b.npz", x_train=images, y_train=labels, x_test=images + 100, y_test=labels)
    np.savez(
        tmp_path / "c-test.npz", test_images=images[..., None], test_labels=labels[:, None].astype(np.uint8)
    )
    np.savez(tmp_path / "d.npz", train_images=images / 255, train_labels=labels)
    np.savez(tmp_path / "e.npz", images=images[:, None].astype(np.int64), labels=labels)
    assert (load(tmp_path / "e.npz").images == load(tmp_path / "a.npz").images).all()
    assert _shades(tmp_path / "a.npz") == set(range(1, 21))
    assert _shades(tmp_path / "b.npz", "train") == set(range(1, 21))
    assert _shades(tmp_path / "b.npz", "test") == set(range(101, 121))
    assert load(tmp_path / "c-test.npz").splits == ("test",)
    assert (load(tmp_path / "d.npz").images == load(tmp_path / "a.npz").images).all()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({}, "found none"),
        ({"pictures": np.zeros(3)}, "found pictures"),
        ({"images": _images(3)}, "found images"),
        ({"x_train": _images(3), "y_test": np.zeros(3, int)}, "x_train"),
        ({"images": _images(3), "labels": np.zeros(2, int)}, "3 images"),
        ({"images": _images(3), "labels": np.zeros(3)}, "integer label"),
        ({"images": _images(3).astype(np.int64) * 2, "labels": np.zeros(3, int)}, "got int64"),
        ({"images": _images(3) * 1.0, "labels": np.zeros(3, int)}, r"in \[0, 1\]"),
        ({"images": np.full((1, 28, 28), np.nan), "labels": np.zeros(1, int)}, r"in \[0, 1\]"),
        ({"images": np.zeros((3, 28), np.uint8), "labels": np.zeros(3, int)}, "shape"),
        ({"images": np.zeros((1, 28, 28), np.uint8), "labels": np.zeros(1, int)}, "image 0 is blank"),
        ({"images": np.zeros((1, 9, 9), np.uint8), "labels": np.zeros(1, int)}, "blank"),
    ],
)
def test_npz_with_other_content_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(SourceError, match=words):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04broken", b"\x93NUMPY"])
def test_a_broken_npz_is_a_format_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(FormatError, match=r"a\.npz"):
        load(tmp_path / "a.npz")


def test_mutated_archives_give_only_our_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=_images(3), labels=np.arange(3))
    whole, chance, broken = (tmp_path / "a.npz").read_bytes(), random.Random(1), 0
    for _ in range(1_500):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            at = chance.choice(
                [chance.randrange(len(data)), chance.randrange(150), -1 - chance.randrange(200)]
            )
            data[at] = chance.randrange(256)
        (tmp_path / "a.npz").write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
        try:
            load(tmp_path / "a.npz")
        except DigitSeqError:
            broken += 1
    assert broken > 700


def test_an_npz_never_runs_code(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.array([object()], dtype=object), labels=np.zeros(1, int))
    with pytest.raises(FormatError, match="plain arrays"):
        load(tmp_path / "a.npz")


# --- Class folders --------------------------------------------------------------------------------------


def _drawn(size: tuple[int, int] = (100, 80)) -> Image.Image:
    """A dark 7 on white paper, off centre."""
    paper = np.full((size[1], size[0]), 255, np.uint8)
    paper[20:28, 20:60] = 10
    for step in range(40):
        paper[28 + step, 52 - step // 2 : 60 - step // 2] = 10
    return Image.fromarray(paper)


def _folder(root: Path, image: Image.Image, name: str = "a.png") -> Path:
    (root / "7").mkdir(parents=True, exist_ok=True)
    image.save(root / "7" / name)
    return root


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr"])
def test_an_image_of_any_mode_gives_the_same_glyph(tmp_path: Path, mode: str) -> None:
    grey = _drawn()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey, np.uint16) * np.uint16(257))
    else:
        image = grey.convert(mode, dither=Image.Dither.NONE)
    name = {"CMYK": "a.tif", "F": "a.tif", "YCbCr": "a.jpg", "I": "a.tif"}.get(mode, "a.png")
    glyph = load(_folder(tmp_path / mode, image, name)).images[0].astype(int)
    reference = normalise(np.asarray(grey), "x").astype(int)
    assert np.abs(glyph - reference).max() <= 16  # 1-bit paper is whiter, CMYK rounds, JPEG is lossy
    assert glyph.max() >= 240


def test_transparent_paper_is_paper_for_dark_and_for_bright_ink(tmp_path: Path) -> None:
    ink = np.asarray(_drawn()) < 128
    for colour in (0, 255):
        pixels = np.zeros((*ink.shape, 4), np.uint8)
        pixels[ink] = (colour, colour, colour, 255)
        glyph = load(_folder(tmp_path / str(colour), Image.fromarray(pixels))).images[0]
        assert glyph.max() == 255
        assert glyph[0].max() == 0


def test_other_sizes_follow_mnists_own_rule(tmp_path: Path) -> None:
    """A 20×20 box, aspect kept, the centre of mass in the middle of 28×28, white on black."""
    glyph = normalise(np.asarray(_drawn()), "x")
    rows, columns = np.nonzero(glyph)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    assert (np.ptp(columns) + 1) / (np.ptp(rows) + 1) == pytest.approx(40 / 48, abs=0.06)
    mass = glyph.sum()
    for axis in (0, 1):
        centre = (glyph.sum(1 - axis) * np.arange(28)).sum() / mass
        assert abs(centre - 14) <= 0.75
    assert (normalise(255 - np.asarray(_drawn()), "x") == glyph).all()  # bright ink on dark paper, too


@pytest.mark.parametrize(("side", "pen"), [(100, 4), (1000, 6), (2000, 8)])
def test_a_thin_pen_in_a_large_image_is_as_black_as_any(side: int, pen: int) -> None:
    paper = np.full((side, side), 255, np.uint8)
    paper[side // 5 : side // 5 * 4, side // 2 : side // 2 + pen] = 0
    paper[side // 5 : side // 5 + pen, side // 4 : side // 2] = 0
    assert normalise(paper, "x").max() == 255


def test_hidden_files_are_no_glyphs(tmp_path: Path) -> None:
    (_folder(tmp_path, _drawn()) / "7" / "._a.png").write_bytes(b"\0\5\x16\7")  # a Mac writes them beside
    assert len(load(tmp_path)) == 1


def test_a_glyph_in_mnists_form_is_left_as_it_is(tmp_path: Path) -> None:
    images = _images(20)
    for label, image in zip(_LABELS, images, strict=True):
        (tmp_path / str(label)).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / str(label) / f"{image[10, 5]:03}.png")
    glyphs = load(tmp_path)
    assert (glyphs.images == images[np.argsort(_LABELS, kind="stable")]).all()


def test_dark_ink_at_28_px_is_inverted_and_nothing_else(tmp_path: Path) -> None:
    image = _images(1)
    assert (as_glyphs(255 - image, "x") == image).all()
    assert (as_glyphs(image > 0, "x") == (image > 0) * np.uint8(255)).all()


def test_split_folders_and_stray_files(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        _folder(tmp_path / split, _drawn())
        (tmp_path / split / "7" / "notes.txt").write_text("not an image")
    with pytest.warns(DigitSeqWarning, match="not used as glyphs: test/7/notes"):
        assert load(tmp_path).splits == ("train", "validation", "test")
    with pytest.warns(DigitSeqWarning, match="not used as glyphs: 7/notes"):
        assert load(tmp_path / "test").splits == ("train",)  # all there is


def test_images_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "c.png"):
        image = _images(1, ord(name[0]))
        _folder(tmp_path, Image.fromarray(image[0]), name)
    assert load(tmp_path).images[:, 10, 5].tolist() == [97, 98, 99]


@pytest.mark.parametrize("data", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(30)])
def test_a_broken_image_is_named(tmp_path: Path, data: bytes) -> None:
    _folder(tmp_path, _drawn())
    (tmp_path / "7" / "broken.png").write_bytes(data)
    with pytest.raises(FormatError, match=r"broken\.png: cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize("side", [28, 50])
def test_a_blank_image_is_named(tmp_path: Path, side: int) -> None:
    _folder(tmp_path, Image.new("L", (side, side), 255), "blank.png")
    with pytest.raises(SourceError, match=r"blank\.png.*blank"):
        load(tmp_path)


def test_a_folder_of_another_number_is_refused(tmp_path: Path) -> None:
    _folder(tmp_path, _drawn())
    (tmp_path / "10").mkdir()
    with pytest.raises(SourceError, match="10: expected folders 0 to 9"):
        load(tmp_path)


def test_a_folder_called_mnist_is_not_mnist(tmp_path: Path) -> None:
    for name in ("mnist", "mnist=2", "builtin:3"):
        assert load_glyphs(_folder(tmp_path / name, _drawn())).name == f"{name}/"


# --- What is no source ----------------------------------------------------------------------------------


def test_a_path_without_glyphs_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected mnist, builtin, auto, or an existing file"):
        load_glyphs(tmp_path / "none")
    with pytest.raises(SourceError, match="expected mnist"):
        load_glyphs("~nobody-of-this-name/x")
    with pytest.raises(SourceError, match="folders 0 to 9"):
        load_glyphs(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SourceError, match="folders 0 to 9"):
        load_glyphs(tmp_path / "a.txt")


def test_a_source_is_read_once_in_a_process(tmp_path: Path) -> None:
    _folder(tmp_path, _drawn())
    assert load_glyphs(tmp_path) is load_glyphs(str(tmp_path))


def test_a_source_without_a_split_says_which_it_has(tmp_path: Path) -> None:
    with pytest.raises(DigitSeqError, match="no split 'test'; it has train, all"):
        load_glyphs(_folder(tmp_path, _drawn()), "test")


def test_two_arrays_of_the_same_meaning_are_an_error(tmp_path: Path) -> None:
    images, labels = np.full((1, 28, 28), 255, np.uint8), np.array([3])
    np.savez(tmp_path / "two.npz", x_train=images, images_train=images, y_train=labels)
    with pytest.raises(SourceError, match=r"two\.npz: the arrays x_train and images_train"):
        load(tmp_path / "two.npz")


# --- Forms that other programs write ----------------------------------------------------------------------


def _of_each_digit() -> UInt8Array:
    return _images(20, first=100)


def _write_png(path: Path, pixels: UInt8Array, **more: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **more)


_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _as_class_folders(folder: Path, form: str) -> Path:
    for row, label in enumerate(_LABELS.tolist()):
        name = _WORDS[label] if form == "words" else form.format(label)
        _write_png(folder / name / f"{row}.png", _of_each_digit()[row])
    return folder


def _as_csv(folder: Path, header: bool) -> Path:
    rows = [
        [label, *image.reshape(-1).tolist()] for label, image in zip(_LABELS, _of_each_digit(), strict=True)
    ]
    lines = [",".join(map(str, row)) for row in rows]
    if header:
        lines.insert(0, ",".join(["label", *(f"pixel{k}" for k in range(784))]))
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    return folder / "train.csv"


def _as_table(folder: Path, suffix: str) -> Path:
    pa = library("pyarrow")
    data = []
    for image in _of_each_digit():
        out = BytesIO()
        Image.fromarray(image).save(out, "PNG")
        data.append({"bytes": out.getvalue(), "path": None})
    table = pa.table({"image": data, "label": pa.array(_LABELS.tolist(), pa.int64())})
    file = folder / "cache" / f"mnist-train{suffix}"
    file.parent.mkdir()
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, file)
    else:
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return file


def _as_npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "mine.npz", **arrays)
    return folder / "mine.npz"


def _as_idx(folder: Path) -> Path:
    write_idx(folder / "TRAIN-IMAGES-IDX3-UBYTE", _of_each_digit())
    write_idx(folder / "TRAIN-LABELS-IDX1-UBYTE", _LABELS.astype(np.uint8))
    return folder


_FORMS: dict[str, Callable[[Path], Path]] = {
    "folders 00 to 09": lambda folder: _as_class_folders(folder, "0{}"),
    "folders digit_0 to digit_9": lambda folder: _as_class_folders(folder, "digit_{}"),
    "folders Class 0 to Class 9": lambda folder: _as_class_folders(folder, "Class {}"),
    "folders zero to nine": lambda folder: _as_class_folders(folder, "words"),
    "one level deeper": lambda folder: _as_class_folders(folder / "archive", "{}").parent,
    "splits one level deeper": lambda folder: _as_class_folders(folder / "archive/train", "0{}").parents[1],
    "Kaggle's CSV": lambda folder: _as_csv(folder, header=True),
    "a CSV without a header": lambda folder: _as_csv(folder, header=False),
    "the folder of a CSV": lambda folder: _as_csv(folder, header=True).parent,
    "Parquet": lambda folder: _as_table(folder, ".parquet"),
    "the folder of a Parquet": lambda folder: _as_table(folder, ".parquet").parents[1],
    "Arrow in a cache": lambda folder: _as_table(folder, ".arrow").parents[1],
    "flat npz": lambda folder: _as_npz(folder, x=_of_each_digit().reshape(20, 784), y=_LABELS),
    "float npz": lambda folder: _as_npz(folder, images=_of_each_digit() / 255, labels=_LABELS),
    "one-hot npz": lambda folder: _as_npz(folder, images=_of_each_digit(), labels=np.eye(10)[_LABELS]),
    "text npz": lambda folder: _as_npz(folder, images=_of_each_digit(), labels=_LABELS.astype(str)),
    "bytes npz": lambda folder: _as_npz(folder, images=_of_each_digit(), labels=_LABELS.astype("S")),
    "upper-case IDX": _as_idx,
}


@pytest.mark.parametrize("form", _FORMS)
def test_forms_that_people_have_are_read(tmp_path: Path, form: str) -> None:
    glyphs = load(_FORMS[form](tmp_path))
    assert glyphs.splits == ("train",)
    assert glyphs.counts.tolist() == [2] * 10
    for digit in range(10):
        found = {glyphs.images[row].tobytes() for row in glyphs.rows(digit)}
        assert found == {_of_each_digit()[row].tobytes() for row in np.flatnonzero(digit == _LABELS)}


@pytest.mark.parametrize("form", _FORMS)
def test_each_form_cut_off_is_refused_in_one_sentence_that_names_the_file(tmp_path: Path, form: str) -> None:
    made = _FORMS[form](tmp_path)
    file = max((path for path in tmp_path.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DigitSeqError) as caught:
        load(made)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


_DAMAGED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "folder 10": (
        lambda folder: _with_folder_10(_as_class_folders(folder, "{}")),
        "expected folders 0 to 9, one per digit",
    ),
    "no folder of digits": (lambda folder: _as_class_folders(folder, "x{}"), "no glyphs found"),
    "CSV of another width": (
        lambda folder: _edited(_as_csv(folder, header=True), lambda text: "label,a\n1,2\n"),
        "expected a label and 784 pixels per row, found 2 columns",
    ),
    "CSV with a short row": (
        lambda folder: _edited(_as_csv(folder, header=True), lambda text: text + "3,4\n"),
        "expected whole numbers in every row",
    ),
    "CSV with text": (
        lambda folder: _edited(_as_csv(folder, header=True), lambda text: text.replace(",0,", ",x,", 1)),
        "expected whole numbers in every row",
    ),
    "CSV beyond 255": (
        lambda folder: _edited(_as_csv(folder, header=True), lambda text: text.replace(",0,", ",256,", 1)),
        "expected pixels from 0 to 255",
    ),
    "CSV without labels": (
        lambda folder: _edited(_as_csv(folder, header=False), lambda text: ",".join(["0"] * 784) + "\n"),
        "no glyphs found",
    ),
    "Parquet cut off": (
        lambda folder: _cut(_as_table(folder, ".parquet")),
        "damaged, or not a Parquet or Arrow file",
    ),
    "Arrow cut off": (
        lambda folder: _cut(_as_table(folder, ".arrow")),
        "damaged, or not a Parquet or Arrow file",
    ),
    "two labels at once": (
        lambda folder: _as_npz(folder, images=_of_each_digit(), labels=np.ones((20, 10), np.int64)),
        "expected one integer label",
    ),
    "text that is no number": (
        lambda folder: _as_npz(folder, images=_of_each_digit(), labels=np.array(["a"] * 20)),
        "expected one integer label",
    ),
    "flat images of another size": (
        lambda folder: _as_npz(folder, images=np.ones((20, 100), np.uint8), labels=_LABELS),
        r"expected images \(n, height, width\), got shape \(20, 100\)",
    ),
}


def _with_folder_10(folder: Path) -> Path:
    (folder / "10").mkdir()
    return folder


def _edited(path: Path, change: Callable[[str], str]) -> Path:
    path.write_text(change(path.read_text()))
    return path


def _cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-300])
    return path


@pytest.mark.parametrize("form", _DAMAGED)
def test_damaged_forms_are_refused_in_one_sentence(tmp_path: Path, form: str) -> None:
    make, told = _DAMAGED[form]
    with pytest.raises(DigitSeqError, match=told) as caught:
        load(make(tmp_path))
    assert "\n" not in str(caught.value)


def test_other_tables_beside_the_glyphs_are_left_out(tmp_path: Path) -> None:
    _as_csv(tmp_path, header=True)
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX/._train.csv").write_bytes(b"\0\5")
    with pytest.warns(DigitSeqWarning, match=r"not used as glyphs: sample_submission\.csv"):
        assert load(tmp_path).counts.tolist() == [2] * 10


def test_splits_of_tables_are_told_by_their_folders(tmp_path: Path) -> None:
    for split in ("train", "test"):
        file = _as_table(tmp_path, ".parquet")
        (tmp_path / split).mkdir()
        file.rename(tmp_path / split / "0000.parquet")
        file.parent.rmdir()
    assert load(tmp_path).splits == ("train", "test")


def _rows(label_first: bool = True) -> AnyArray:
    """Rows of a CSV file: 20 glyphs with their labels."""
    pixels, labels = _images(20).reshape(20, -1), _LABELS[:, None]
    return np.concatenate([labels, pixels] if label_first else [pixels, labels], axis=1)


def _csv(path: Path, rows: AnyArray, header: str = "", start: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(map(str, row)) for row in rows.tolist()]
    path.write_bytes(start + "\n".join([*([header] if header else []), *lines]).encode())
    return path


def test_the_label_of_a_csv_file_can_be_last_if_the_header_says_so(tmp_path: Path) -> None:
    names = ",".join(f"pixel{number}" for number in range(784))
    expected = load_glyphs(_csv(tmp_path / "first.csv", _rows()), "all").digest
    for header in (f"{names},class", f'{names},"Label"'):
        assert (
            load_glyphs(_csv(tmp_path / f"{len(header)}.csv", _rows(False), header), "all").digest == expected
        )
    with pytest.raises(
        FormatError, match=r"labels seem to be in the last column.*call the last column label"
    ):
        load_glyphs(_csv(tmp_path / "none.csv", _rows(False)))
    assert len(load_glyphs(_csv(tmp_path / "bom.CSV", _rows(), start=BOM_UTF8), "all")) == 20
    with pytest.raises(FormatError, match="expected rows after the header, found none"):
        load_glyphs(_csv(tmp_path / "empty.csv", _rows()[:0], f"label,{names}"))


def test_emnist_in_csv_is_turned_like_emnist_in_idx(tmp_path: Path) -> None:
    rows = _rows()
    rows[:, 2] = 200  # the second pixel of the first row
    glyphs = load_glyphs(_csv(tmp_path / "emnist-digits.csv", rows), "all")
    assert (glyphs.images[:, 1, 0] == 200).all()
    with pytest.raises(SourceError, match="are letters, not digits"):
        load_glyphs(_csv(tmp_path / "emnist-letters.csv", rows))


def test_a_table_of_glyphs_with_a_fault_is_not_left_out(tmp_path: Path) -> None:
    _csv(tmp_path / "data/mnist_train.csv", _rows())
    spoilt = _csv(tmp_path / "data/mnist_test.csv", _rows() * 300)
    with pytest.raises(FormatError, match=r"mnist_test\.csv: expected pixels from 0 to 255"):
        load_glyphs(tmp_path / "data")
    _csv(spoilt, _rows())
    (tmp_path / "data/dev").mkdir()
    spoilt.rename(tmp_path / "data/dev/mnist_test.csv")  # the name of the file counts more
    assert load_glyphs(tmp_path / "data", "all").splits == ("train", "test")


def test_folders_with_a_split_in_their_names_are_splits(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for digit in range(10):
            folder = tmp_path / f"mine/digits_{split}/{digit}"
            folder.mkdir(parents=True)
            Image.fromarray(np.roll(_images(1)[0] * 200, digit)).save(folder / "a.png")
    assert load_glyphs(tmp_path / "mine", "all").splits == ("train", "test")


def test_errors_name_the_image_as_it_is_numbered_in_its_array(tmp_path: Path) -> None:
    images = _images(20)
    images[1] = images[0]
    spoilt = images.copy()
    spoilt[12] = 0
    labels = np.zeros(20, np.int64)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=spoilt, y_test=labels)
    with pytest.raises(SourceError, match=r"a\.npz, split test: image 12 is blank"):
        load_glyphs(tmp_path / "a.npz")


def test_floats_beyond_1_are_refused_with_a_hint_that_helps(tmp_path: Path) -> None:
    for top, hint in (
        (16, "divide them by 16"),
        (255, "divide them by 255"),
        (-1, "scale them so that"),
    ):
        images = np.full((20, 28, 28), float(top))
        path = _as_npz(tmp_path, images=images, labels=_LABELS)
        with pytest.raises(SourceError, match=rf"in \[0, 1\], got .* \({hint}"):
            load_glyphs(path)


@pytest.mark.parametrize("offset", [300, 1 << 30])
def test_offsets_in_an_arrow_file_are_not_trusted(tmp_path: Path, offset: int) -> None:
    pa = library("pyarrow")
    table = pa.record_batch([pa.array([b"x" * 61], pa.binary()), pa.array([7])], names=["image", "label"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_batch(table)
    data = bytearray(sink.getvalue().to_pybytes())
    place = data.rindex(np.array([0, 61], np.int32).tobytes())
    data[place : place + 8] = np.array([0, offset], np.int32).tobytes()
    (tmp_path / "a.arrow").write_bytes(data)
    with pytest.raises(FormatError, match="damaged, or not a Parquet or Arrow file"):
        load(tmp_path / "a.arrow")


@pytest.mark.parametrize(
    "labels", [np.array([b"\xff"] * 20), np.array(["9" * 30] * 20), np.array(["²"] * 20)]
)
def test_text_that_is_no_digit_is_no_label(tmp_path: Path, labels: Any) -> None:
    with pytest.raises(SourceError, match="expected one integer label"):
        load(_as_npz(tmp_path, images=_of_each_digit(), labels=labels))


@pytest.mark.parametrize("most", [1, 15, 16])
def test_images_with_few_grey_levels_are_stretched(most: int) -> None:
    levels = np.zeros((2, 28, 28), np.uint8)
    levels[:, 5:20, 9:15] = most
    levels[1, 6, 10] = most // 2
    glyphs = as_glyphs(levels, "x")
    assert glyphs.max() == 255
    assert glyphs[1, 6, 10] == (0 if most == 1 else (most // 2) * 255 // most)


def test_grey_paper_is_named(tmp_path: Path) -> None:
    grey = np.maximum(_images(20), 30)
    with pytest.warns(DigitSeqWarning, match="most glyphs fill their tiles, as if the background were ink"):
        load(_as_npz(tmp_path, images=grey, labels=_LABELS))


def test_a_photo_is_turned_as_the_camera_was_held(tmp_path: Path) -> None:
    upright = np.full((60, 40), 255, np.uint8)
    upright[10:50, 15:20] = upright[10:14, 15:32] = 0
    for digit in range(10):
        _write_png(tmp_path / f"a/{digit}/x.png", upright)
        exif = Image.Exif()
        exif[0x0112] = 6  # rotated by 90 degrees to be seen upright
        _write_png(tmp_path / f"b/{digit}/x.png", np.rot90(upright).copy(), exif=exif)
    assert (load(tmp_path / "a").images == load(tmp_path / "b").images).all()


def test_the_same_picture_twice_counts_once(tmp_path: Path) -> None:
    images, labels = np.concatenate([_images(20)] * 3), np.concatenate([_LABELS] * 3)
    np.savez(tmp_path / "thrice.npz", images=images, labels=labels)
    np.savez(tmp_path / "once.npz", images=_images(20), labels=_LABELS)
    assert load(tmp_path / "thrice.npz").digest == load(tmp_path / "once.npz").digest
    twice = np.repeat(np.arange(20), 2)
    np.savez(tmp_path / "twice.npz", images=_images(20)[twice], labels=_LABELS[twice])
    glyphs = load(tmp_path / "twice.npz")
    assert sorted(glyphs.origin.tolist()) == list(range(0, 40, 2))  # positions in the file
    assert (_images(20)[twice][glyphs.origin] == glyphs.images).all()


# --- MNIST that other programs have stored ------------------------------------------------------------------


def test_mnist_is_imported_from_a_folder_above_its_files(
    mnist_files: Path, tmp_path: Path, cache: Path
) -> None:
    raw = (
        tmp_path / "root/MNIST/raw"
    )  # as torchvision stores it, beside a dataset with files of the same names
    raw.mkdir(parents=True)
    for file in mnist_files.glob("*-ubyte.gz"):
        (raw / file.name).symlink_to(file)
    fashion = tmp_path / "root/FashionMNIST/raw"
    fashion.mkdir(parents=True)
    for file in mnist_files.glob("*-ubyte.gz"):
        (fashion / file.name).write_bytes(b"another dataset")
    assert len(fetch(from_dir=tmp_path / "root")) == 70_000


@pytest.mark.once
def test_mnist_is_imported_from_keras(mnist_files: Path, tmp_path: Path, cache: Path) -> None:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    arrays = [read_idx(mnist_files / f"{name}-ubyte.gz") for name in names]
    keys = ("x_train", "y_train", "x_test", "y_test")
    _as_npz(tmp_path, **dict(zip(keys, arrays, strict=True)))
    assert len(fetch(from_dir=tmp_path / "mine.npz")) == 70_000
    arrays[0][17, 3, 3] ^= 1
    _as_npz(tmp_path, **dict(zip(keys, arrays, strict=True)))
    with pytest.raises(DigitSeqError, match="original"):
        fetch(from_dir=tmp_path / "mine.npz", force=True)
    np.savez(tmp_path / "other.npz", images=arrays[0])
    with pytest.raises(SourceError, match="expected the arrays x_train, y_train, x_test, y_test"):
        fetch(from_dir=tmp_path / "other.npz")
