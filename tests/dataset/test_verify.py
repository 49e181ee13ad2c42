"""verify names each thing that is wrong, and nothing else."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from digitseq import FormatError, OutputError, Recipe, verify_dataset, write_dataset
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.png import decode_png, encode_png
from tests import program


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A whole dataset of 12 images in two splits."""
    recipe = Recipe(
        length=(3, 5),
        splits=(("train", 8), ("test", 4)),
        spacing_range=(2, 8),
        image_width=180,
        seed=1,
        source="builtin",
    )
    write_dataset(recipe, tmp_path / "out", workers=1)
    return tmp_path / "out"


def _flip_a_pixel(path: Path) -> None:
    image = decode_png(path.read_bytes(), 180)
    assert image is not None
    changed = np.array(image)
    changed[13, 77] ^= 1
    path.write_bytes(encode_png(changed))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _swap_labels(path: Path) -> None:
    lines = path.read_text().splitlines()
    lines[2], lines[3] = lines[2][:-1] + "9", lines[3]
    path.write_text("\n".join(lines) + "\n")


def _replace(old: str, new: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


@pytest.mark.parametrize(
    ("name", "damage", "problems"),
    [
        (
            "train/images/000/000003.png",
            Path.unlink,
            ["train/images/000/000003.png: missing", "digest", "digest"],
        ),
        (
            "test/images/000/000001.png",
            _cut,
            ["test/images/000/000001.png: damaged or cut off", "digest", "digest"],
        ),
        (
            "train/images/000/000003.png",
            _flip_a_pixel,
            ["000003.png: image differs.* in 1 pixel, .* x 77, y 13", "digest", "digest"],
        ),
        (
            "train/labels.csv",
            _swap_labels,
            [r"train/labels.csv: line 3: expected images/000/000001.png,\d+, found"],
        ),
        (
            "train/labels.csv",
            _replace("filename", "file"),
            ["train/labels.csv: line 1: expected filename,label, found file,label"],
        ),
        (
            "test/labels.csv",
            lambda p: p.write_text(p.read_text() + "x,1\n"),
            ["more lines than expected for 4 images"],
        ),
        ("test/labels.csv", Path.unlink, ["test/labels.csv: missing"]),
        (
            "test/metadata.jsonl",
            _replace('"label": "', '"label": "7'),
            ["metadata.jsonl: line 1: label: expected"],
        ),
        ("test/metadata.jsonl", _replace("[[", "[[1"), ["metadata.jsonl: line 1: objects: expected"]),
    ],
)
def test_each_fault_is_found_and_named(
    out: Path, name: str, damage: Callable[[Path], object], problems: list[str]
) -> None:
    assert list(verify_dataset(out)) == []
    damage(out / name)
    found = list(verify_dataset(out))
    assert len(found) == len(problems), found
    for sentence, words in zip(found, problems, strict=True):
        assert re.search(words, sentence), sentence


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store",
        ".gitattributes",
        "notes.txt",
        "train/extra.png",
        "train/labels.cache",
        "train/labels/000.cache",
    ],
)
def test_files_of_the_users_own_are_noted_and_no_problem(out: Path, name: str) -> None:
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_bytes(b"mine")
    notes: list[str] = []
    assert list(verify_dataset(out, note=notes.append)) == []
    assert notes == [f"{out / name}: does not belong to the dataset"]
    done = program.as_text(program.run("verify", str(out)))
    assert (done.returncode, done.stdout) == (0, "")
    assert f"note: {out / name}: does not belong to the dataset\n" in done.stderr
    assert json.loads(program.run("verify", str(out), "--json").stdout)["notes"] == notes
    assert "note" not in program.as_text(program.run("verify", str(out), "-q")).stderr


@pytest.mark.parametrize(
    "names", [(".DS_Store",), (".gitattributes", "README.md", "LICENSE"), (".git/config",)]
)
def test_a_folder_with_only_hidden_files_and_descriptions_can_be_written_to(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    recipe = Recipe(length=3, count=5, spacing_range=(2, 8), image_width=180, seed=1, source="builtin")
    write_dataset(recipe, tmp_path, workers=1)
    assert list(verify_dataset(tmp_path)) == []
    assert {(tmp_path / name).read_text() for name in names} == {"mine"}
    write_dataset(recipe.changed(seed=2), tmp_path, workers=1, force=True)
    assert {(tmp_path / name).read_text() for name in names} == {"mine"}


@pytest.mark.parametrize("name", ["photo.jpg", "train", ".partial-1", ".digitseq-x"])
def test_a_folder_with_anything_else_cannot(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    recipe = Recipe(length=3, count=5, spacing_range=(2, 8), image_width=180, seed=1, source="builtin")
    with pytest.raises(OutputError, match="is not empty and is not a digitseq dataset"):
        write_dataset(recipe, tmp_path, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_command_prints_what_is_wrong_and_batch_mends_it(out: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return program.as_text(program.run(*arguments, cwd=tmp_path))

    good = run("verify", "out")
    assert (good.returncode, good.stdout) == (0, "")
    assert good.stderr == "note: out: 12 images verified, no problems found\n"
    _cut(out / "test/images/000/000001.png")
    bad = run("verify", "out")
    assert bad.returncode == 1
    assert "out/test/images/000/000001.png: damaged or cut off" in bad.stdout
    assert bad.stderr.startswith("error: out: 3 problems found\nhint: ")
    facts = json.loads(run("verify", "out", "--json").stdout)
    assert (facts["images"], len(facts["problems"])) == (12, 3)
    mended = run("batch", "out", "--recipe", "out/dataset.json")
    assert mended.returncode == 0, mended.stderr
    assert run("verify", "out").returncode == 0


def test_what_is_no_dataset_is_refused(out: Path, tmp_path: Path, solid: GlyphSet) -> None:
    for folder, told in ((tmp_path, "is not a dataset"), (tmp_path / "nowhere", "No such file")):
        with pytest.raises(FormatError, match=told):
            list(verify_dataset(folder))
    with pytest.raises(FormatError, match="train is a folder inside a dataset"):
        list(verify_dataset(out / "train"))
    with pytest.raises(FormatError, match="different glyphs"):
        list(verify_dataset(out, source=solid))
    for text in ("", "[]", "{}", '{"format": "folder", "version": 99}', "\x00"):
        (out / "dataset.json").write_text(text)
        with pytest.raises(FormatError, match=r"dataset\.json"):
            list(verify_dataset(out))
