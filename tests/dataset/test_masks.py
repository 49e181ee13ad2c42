"""Masks in datasets: written, read, checked and mended like images, in every format."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitseq import DigitSequences, FormatError, make_recipe, read_dataset, verify_dataset, write_dataset
from digitseq.dataset.formats import FORMATS, find_format
from digitseq.png import encode_png
from digitseq.recipe import Recipe
from tests.cli.test_generate import run
from tests.dataset.libraries import library
from tests.dataset.made import tree

_ALL = pytest.mark.parametrize("name", list(FORMATS), indirect=True)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The name of a format whose library is at hand."""
    if find_format(request.param).library:
        library(find_format(request.param).library)
    return str(request.param)


def _recipe(count: int = 30) -> Recipe:
    return make_recipe(length=(2, 5), spacing_range=(-6, 3), count=count, seed=1, source="builtin")


@_ALL
def test_masks_are_written_read_and_verified(tmp_path: Path, name: str) -> None:
    recipe, out = _recipe(), tmp_path / "out"
    plain = write_dataset(recipe, tmp_path / "plain", format=name, workers=1)
    summary = write_dataset(recipe, out, format=name, labels=["masks"], workers=1)
    assert summary.pixels == plain.pixels
    live, read = DigitSequences(recipe, masks=True), read_dataset(out).splits["train"]
    for number in range(len(recipe)):
        assert (read[number][0] == live[number][0]).all()
        assert (read.mask(number) == live[number][2]).all()
        assert read.mask(number).flags.writeable
    assert list(verify_dataset(out)) == []
    before = tree(out)
    assert write_dataset(recipe, out, format=name, workers=1).written == 0  # they stay when not asked for
    assert tree(out) == before
    with pytest.raises(IndexError):
        read.mask(len(recipe))
    with pytest.raises(FormatError, match="has no masks"):
        read_dataset(tmp_path / "plain").splits["train"].mask(0)


@_ALL
def test_masks_can_be_added_later(tmp_path: Path, name: str) -> None:
    recipe = _recipe()
    write_dataset(recipe, tmp_path / "out", format=name, workers=1)
    write_dataset(recipe, tmp_path / "out", format=name, labels=["masks"], workers=1)
    write_dataset(recipe, tmp_path / "direct", format=name, labels=["masks"], workers=1)
    assert tree(tmp_path / "out") == tree(tmp_path / "direct")
    assert list(verify_dataset(tmp_path / "out")) == []


def _flipped(path: Path) -> None:
    with Image.open(path) as image:
        pixels = np.array(image)
    pixels[14, 9] ^= 3
    path.write_bytes(encode_png(pixels))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (Path.unlink, "masks/000/000007.png: missing"),
        (_flipped, "images/000/000007.png: mask differs from the recipe in 1 pixel, the first at x 9, y 14"),
        (
            lambda path: path.write_bytes(path.read_bytes()[:-9]),
            "images/000/000007.png: mask: damaged or cut off",
        ),
    ],
    ids=["missing", "a pixel", "cut off"],
)
def test_a_damaged_mask_in_a_folder_is_named_and_mended(
    tmp_path: Path, damage: Callable[[Path], object], told: str
) -> None:
    out = tmp_path / "out"
    write_dataset(_recipe(), out, labels=["masks"], workers=1)
    before = tree(out)
    damage(out / "masks/000/000007.png")
    (problem,) = [text for text in verify_dataset(out) if "digest" not in text]
    assert told in problem
    if damage is not _flipped:
        with pytest.raises(FormatError, match=r"000007.png: (its mask is damaged|missing)"):
            read_dataset(out).splits["train"].mask(7)
    write_dataset(_recipe(), out, workers=1)
    assert tree(out) == before


def test_a_mask_in_a_tar_file_that_should_have_none_or_is_missing_is_named(tmp_path: Path) -> None:
    for labels, told in ((["masks"], "no .mask.png"), ([], "unexpected .mask.png")):
        out = tmp_path / told[:2]
        write_dataset(_recipe(3), out, format="webdataset", labels=labels, workers=1)
        other = tmp_path / f"{told[:2]}-other"
        write_dataset(_recipe(3), other, format="webdataset", labels=[] if labels else ["masks"], workers=1)
        (out / "train-000000.tar").write_bytes((other / "train-000000.tar").read_bytes())
        problems = list(verify_dataset(out))
        assert len([text for text in problems if told in text]) == 3, problems


def test_the_command_writes_masks_and_recreates_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = (
        "-n",
        "20",
        "--length",
        "3",
        "--seed",
        "1",
        "--source",
        "builtin",
        "-q",
        "--format",
        "webdataset",
    )
    assert run("batch", "out", *command, "--masks").returncode == 0
    assert json.loads(Path("out/dataset.json").read_bytes())["labels"] == ["masks"]
    with tarfile.open("out/train-000000.tar") as file:
        assert file.getnames()[:4] == [f"000000000{end}" for end in (".png", ".txt", ".json", ".mask.png")]
        member = file.extractfile("000000004.mask.png")
        assert member is not None
        with Image.open(io.BytesIO(member.read())) as mask:
            assert np.asarray(mask).max() == 3
    assert run("verify", "out").returncode == 0
    assert run("batch", "again", "--recipe", "out/dataset.json", "-q").returncode == 0
    assert tree(Path("again")) == tree(Path("out"))
    assert run("batch", "folder", "--recipe", "out/dataset.json", "--format", "folder", "-q").returncode == 0
    assert Path("folder/masks/000/000019.png").is_file()
    assert run("verify", "folder").returncode == 0


@pytest.mark.filterwarnings("default:__array__ implementation:DeprecationWarning")  # pycocotools
@pytest.mark.parametrize("spacing", [(2, 8), (-9, 0)])
def test_coco_has_the_pixels_of_each_digit(tmp_path: Path, spacing: tuple[int, int]) -> None:
    coco = library("pycocotools.coco").COCO
    recipe = make_recipe(
        length=(1, 6), spacing_range=spacing, count=200, seed=1, source="builtin", augment="medium"
    )
    write_dataset(recipe, tmp_path / "out", labels=["coco", "masks"], workers=1)
    assert list(verify_dataset(tmp_path / "out")) == []
    found = coco(str(tmp_path / "out/coco.json"))
    read = read_dataset(tmp_path / "out").splits["train"]
    for number in range(200):
        annotations = found.loadAnns(found.getAnnIds(imgIds=[number]))
        assert len(annotations) == len(read.labels[number])
        for position, annotation in enumerate(annotations, 1):
            own = read.mask(number) == position
            assert (found.annToMask(annotation).astype(bool) == own).all()
            assert annotation["area"] == np.count_nonzero(own)


def test_damaged_masks_in_coco_are_named(tmp_path: Path) -> None:
    write_dataset(_recipe(5), tmp_path / "out", labels=["coco", "masks"], workers=1)
    path = tmp_path / "out/coco.json"
    text = path.read_text()
    path.write_text(text.replace('"counts": "', '"counts": "1', 1))
    assert any("coco.json: line" in problem for problem in verify_dataset(tmp_path / "out"))
