"""The format ``flat``: the same files as ``folder``, all images in one folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitseq import inspect_dataset, read_dataset, verify_dataset, write_dataset
from digitseq.dataset.label_names import LABEL_FILES
from tests.dataset.made import recipe
from tests.dataset.made import tree as _tree
from tests.program import run

pytestmark = pytest.mark.usefixtures("small_shards")

_SPLITS = {"train": 105, "test": 3}


def _nested(name: str) -> str:
    """Return the name that a file of ``flat`` has in ``folder``."""
    split, kind, file = name.split("/")
    return f"{split}/{kind}/{int(file[:6]) // 100:03d}/{file}"


def test_it_has_the_files_of_the_format_folder_and_no_folders_in_between(tmp_path: Path) -> None:
    wanted = recipe(splits=_SPLITS)
    labels = [name for name in LABEL_FILES if name != "easyocr"]
    for name in ("folder", "flat"):
        write_dataset(wanted, tmp_path / name, format=name, labels=labels, workers=1)
    nested, flat = _tree(tmp_path / "folder"), _tree(tmp_path / "flat")
    images = {name for name in flat if name.count("/") == 2}
    assert len(images) == 4 * 108  # the image, its mask, the boxes of YOLO and the text of kraken
    assert {name: flat[name] for name in images} == {name: nested[_nested(name)] for name in images}
    lines = flat.keys() - images
    assert lines == {name for name in nested if name.count("/") < 2}
    for name in lines - {"dataset.json"}:
        told = nested[name].decode().replace("images/000/", "images/").replace("images/001/", "images/")
        assert flat[name].decode() == told.replace('"000/', '"').replace('"001/', '"')  # docTR's names
    assert list(verify_dataset(tmp_path / "flat")) == []
    assert inspect_dataset(tmp_path / "flat").faults == 0


def test_easyocr_gets_one_table_for_the_folder(tmp_path: Path) -> None:
    write_dataset(recipe(count=105), tmp_path, format="flat", labels=["easyocr"], workers=1)
    lines = (tmp_path / "images" / "labels.csv").read_text().splitlines()
    labels = read_dataset(tmp_path).splits["train"].labels
    assert lines == ["filename,words", *(f"{k:06d}.png,{label}" for k, label in enumerate(labels))]
    (tmp_path / "images" / "labels.csv").write_text("filename,words\n")
    assert len(list(verify_dataset(tmp_path))) > 0


def test_the_command_writes_it_and_everything_reads_it(in_folder: Path) -> None:
    command = ("batch", "out", "-n", "20", "--length", "3", "--seed", "1", "--source", "builtin", "--masks")
    assert run(*command, "--flat", "-q").returncode == 0
    before = _tree(in_folder / "out")
    assert json.loads(before["dataset.json"])["format"] == "flat"
    assert run(*command, "-q").returncode == 0  # the format of what is there
    assert _tree(in_folder / "out") == before
    (in_folder / "out" / "images" / "000003.png").unlink()
    (in_folder / "out" / "masks" / "000004.png").write_bytes(b"")
    assert run("verify", "out").returncode == 1
    assert run(*command, "-q").returncode == 0
    assert _tree(in_folder / "out") == before
    assert run("inspect", "out/images/000003.png").returncode == 0
    again = run("batch", "again", "--recipe", "out/dataset.json", "-q")
    assert (again.returncode, _tree(in_folder / "again")) == (0, before)
    image, _ = read_dataset("out").splits["train"][7]
    assert np.array_equal(np.asarray(Image.open("out/images/000007.png")), image)


def test_its_manifest_is_not_needed_to_inspect_it(tmp_path: Path) -> None:
    write_dataset(recipe(splits=_SPLITS), tmp_path, format="flat", workers=1)
    (tmp_path / "dataset.json").unlink()
    report = inspect_dataset(tmp_path)
    assert report.images == 108
    assert [finding.kind for finding in report.findings] == ["manifest"]
    metadata = tmp_path / "test/metadata.jsonl"
    metadata.write_text("".join(metadata.read_text().splitlines(True)[1:]))
    kinds = [finding.kind for finding in inspect_dataset(tmp_path / "test").findings]
    assert "file" not in kinds  # the images are found, although the row of the first one is missing


@pytest.mark.parametrize("name", ["npz", "webdataset"])
def test_it_is_for_single_images(name: str, in_folder: Path) -> None:
    done = run("batch", "out", "-n", "2", "--length", "3", "--flat", "--format", name)
    assert done.returncode == 2
    assert f"--flat cannot be combined with --format {name}" in " ".join(done.stderr.decode().split())
