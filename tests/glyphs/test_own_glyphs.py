"""The user's own glyphs: IDX pairs, class folders, .npz; and the rule for other sizes."""

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitseq import generate_numbers_sequence, load_glyphs
from digitseq.arrays import UInt8Array
from digitseq.errors import DigitSeqError, DigitSeqWarning, FormatError, SourceError
from digitseq.glyphs.normalise import as_glyphs, normalise
from digitseq.glyphs.own_glyphs import load
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
    assert load_glyphs(_folder(tmp_path / "mnist", _drawn())).name == "mnist/"


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
