"""The card of a dataset: what it says, who reads it, and whose it is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitseq import DigitSequences, make_recipe, read_dataset, verify_dataset, write_dataset
from digitseq.dataset.formats import FORMATS, find_format
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.mixture import mix
from digitseq.recipe import Recipe
from tests import program
from tests.dataset.libraries import library
from tests.dataset.made import CARD


def _recipe(**fields: Any) -> Recipe:
    start: dict[str, Any] = {"length": (2, 4), "count": 30, "seed": 1, "source": "builtin"}
    return make_recipe(**start | fields)


def _card(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in CARD}


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("splits", [False, True])
def test_hugging_face_reads_images_labels_and_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, splits: bool, solid: GlyphSet
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    if find_format(name).library:
        library(find_format(name).library)
    fields: dict[str, Any] = {"count": None, "splits": {"train": 20, "test": 5}} if splits else {}
    labels = ["yolo", "coco", "masks", "kraken", "easyocr"] if name in ("folder", "flat") else ["masks"]
    source = (
        None
        if splits
        else mix([solid, GlyphSet.from_arrays(solid.images, solid.labels, name="other")], [1, 1])
    )  # `solid` only has the split train
    write_dataset(_recipe(**fields), tmp_path / "out", source=source, format=name, labels=labels, workers=1)
    if name in ("npz", "lmdb"):
        assert "configs:" not in (tmp_path / "out/README.md").read_text()  # its library reads neither
        return
    data = library("datasets").load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    image, label = ("png", "txt") if name == "webdataset" else ("image", "label")
    for split, stored in read_dataset(tmp_path / "out").splits.items():
        assert len(data[split]) == len(stored)
        for number in (0, len(stored) - 1):
            row, (pixels, text) = data[split][number], stored[number]
            assert (np.asarray(row[image]) == pixels).all()
            assert row[label] == text
            if source is not None:
                sources = (row["json"] if name == "webdataset" else row)["sources"]
                assert len(sources) == len(text)
                assert set(sources) <= {"solid", "other"}


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("splits", [False, True])
@pytest.mark.filterwarnings("default")
def test_mlcroissant_validates_croissant_json_and_reads_what_it_can(
    tmp_path: Path, name: str, splits: bool
) -> None:
    mlcroissant = library("mlcroissant")
    if find_format(name).library:
        library(find_format(name).library)
    fields: dict[str, Any] = {"count": None, "splits": {"train": 1_005, "test": 5}} if splits else {}
    write_dataset(_recipe(**fields), tmp_path, format=name, labels=["masks"], workers=1)
    dataset = mlcroissant.Dataset(jsonld=tmp_path / "croissant.json")  # an error is an exception
    assert "must" not in dataset.metadata.ctx.issues.report()
    sets = {record_set.name for record_set in dataset.metadata.record_sets}
    stored = read_dataset(tmp_path).splits
    assert sets == (set(stored) if name in ("folder", "flat", "parquet") else set())
    for split in sets:
        rows = list(dataset.records(split))
        assert len(rows) == len(stored[split])
        for number in (0, len(rows) - 1):
            row = {key.partition("/")[2]: value for key, value in rows[number].items()}
            image, label = stored[split][number]
            assert (np.asarray(row["image"].convert("L")) == image).all()
            assert "".join(map(str, row["digits"])) == label
            assert row.get("label", label.encode()) == label.encode()
            boxes = DigitSequences(stored[split].recipe, boxes=True)[number][2]
            assert [list(map(int, box)) for box in row["boxes"]] == boxes.tolist()


def test_croissant_json_that_was_changed_is_a_fault_until_it_is_the_users(tmp_path: Path) -> None:
    write_dataset(_recipe(), tmp_path, workers=1)
    file = tmp_path / "croissant.json"
    before = file.read_text()
    file.write_text(before.replace("30 images", "31 images"))
    (problem,) = verify_dataset(tmp_path)
    assert "croissant.json: changed; delete its second line" in problem
    own = "".join(line for line in file.read_text().splitlines(True) if "identifier" not in line)
    file.write_text(own)
    notes: list[str] = []
    assert list(verify_dataset(tmp_path, note=notes.append)) == []
    assert len(notes) == 1
    write_dataset(_recipe(), tmp_path, workers=1)
    assert file.read_text() == own


def test_a_card_names_the_glyphs_and_how_to_make_the_images_again(tmp_path: Path, with_mnist: Path) -> None:
    write_dataset(_recipe(augment="light"), tmp_path / "a", workers=1)
    text = (tmp_path / "a/README.md").read_text(encoding="utf-8")
    for words in (
        "license: mit",
        "30 images of",
        "2 to 4 digits",
        "[n<1K]",
        "rotate",
        "--recipe dataset.json",
    ):
        assert words in text
    write_dataset(_recipe(source="mnist", length=None, pattern=("##", "7#")), tmp_path / "b", workers=1)
    text = (tmp_path / "b/README.md").read_text(encoding="utf-8")
    for words in ("license: cc-by-sa-3.0", "Y. LeCun", "patterns `##`, `7#`"):
        assert words in text
    with Image.open(tmp_path / "a/.digitseq-sheet.png") as sheet:
        assert (sheet.mode, sheet.width) == ("L", 840)
        assert np.asarray(sheet).any()


def test_a_card_credits_each_source_of_a_mixture(tmp_path: Path, solid: GlyphSet) -> None:
    ours, theirs = (GlyphSet.from_arrays(solid.images, solid.labels) for _ in range(2))
    ours.name, theirs.name = "builtin:3", "mnist"
    for parts, licence, origin in (
        ([theirs, ours], "cc-by-sa-3.0", "MNIST (by Y. LeCun, C. Cortes and C. Burges), which is under"),
        ([ours, solid], "unknown", "under the MIT licence, and from the source 'solid'."),
        ([solid, theirs], "unknown", "the source 'solid', and from MNIST (by Y. LeCun"),
    ):
        write_dataset(_recipe(count=1), tmp_path, source=mix(parts, [1, 1]), force=True, workers=1)
        text = (tmp_path / "README.md").read_text(encoding="utf-8")
        assert f"license: {licence}\n" in text
        assert origin in text


def test_the_card_is_the_same_for_any_number_of_workers_and_parts(tmp_path: Path) -> None:
    recipe = _recipe(count=2_100)
    write_dataset(recipe, tmp_path / "one", workers=1)
    write_dataset(recipe, tmp_path / "two", workers=2)
    for part in (2, 1):
        write_dataset(recipe, tmp_path / "parts", part=(part, 2), workers=1)
    assert _card(tmp_path / "one") == _card(tmp_path / "two") == _card(tmp_path / "parts")
    before = {path: path.stat().st_mtime_ns for path in map((tmp_path / "one").joinpath, CARD)}
    write_dataset(recipe, tmp_path / "one", workers=1)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_card_that_was_changed_is_a_fault_until_it_is_the_users(tmp_path: Path) -> None:
    write_dataset(_recipe(), tmp_path, workers=1)
    before = _card(tmp_path)
    card = tmp_path / "README.md"
    card.write_text(card.read_text() + "More.\n")
    (problem,) = verify_dataset(tmp_path)
    assert "README.md: changed; delete its second line to make it your own" in problem
    write_dataset(_recipe(), tmp_path, workers=1)
    assert card.read_text().endswith("More.\n")  # it is not lost, whoever's it is
    card.unlink()
    write_dataset(_recipe(), tmp_path, workers=1)
    assert _card(tmp_path) == before
    (tmp_path / ".digitseq-sheet.png").write_bytes(b"")
    assert [text.rpartition("/")[2] for text in verify_dataset(tmp_path)] == [
        ".digitseq-sheet.png: missing or changed"
    ]
    own = (
        "".join(line for line in card.read_text().splitlines(True) if "Written by digitseq" not in line)
        + "Mine.\n"
    )
    card.write_text(own)
    assert list(verify_dataset(tmp_path)) == []
    write_dataset(_recipe(), tmp_path, workers=1)
    write_dataset(_recipe(seed=2), tmp_path, workers=1, force=True)
    assert card.read_text() == own


def test_a_card_can_be_left_out_and_goes_with_its_dataset(tmp_path: Path) -> None:
    write_dataset(_recipe(), tmp_path / "api", workers=1, card=False)
    assert not CARD & {path.name for path in (tmp_path / "api").iterdir()}
    command = ("batch", "cli", "-n", "5", "--length", "3", "--source", "builtin", "--seed", "1", "-q")
    assert program.run(*command, cwd=tmp_path).returncode == 0
    assert {path.name for path in (tmp_path / "cli").iterdir()} >= CARD
    assert list(verify_dataset(tmp_path / "cli")) == []
    replaced = program.run(*command[:-3], "--seed", "2", "--force", "--no-card", "-q", cwd=tmp_path)
    assert replaced.returncode == 0
    assert not CARD & {path.name for path in (tmp_path / "cli").iterdir()}
