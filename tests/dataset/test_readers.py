"""Real readers of other people: what they make of a dataset on disk."""

import csv
import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitseq import DigitSequences, Recipe, write_dataset

_SPLITS = (("train", 30), ("validation", 10), ("test", 20))


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe(
        pattern="0##",
        unique=True,
        splits=_SPLITS,
        spacing_range=(1, 5),
        image_width=90,
        seed=1,
        source="builtin",
    )


@pytest.fixture(scope="module")
def out(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of three splits whose labels have leading zeros."""
    folder = tmp_path_factory.mktemp("readers") / "out"
    write_dataset(recipe, folder, workers=1)
    return folder


def test_the_csv_module_reads_labels_with_their_zeros(out: Path, recipe: Recipe) -> None:
    for part in recipe.parts():
        with (out / part.split / "labels.csv").open(encoding="utf-8", newline="") as file:
            labels = [row["label"] for row in csv.DictReader(file)]
        assert labels == DigitSequences(part)[:][1]
        assert all(label.startswith("0") and len(label) == 3 for label in labels)


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library of Hugging Face, without a network."""
    if importlib.util.find_spec("datasets") is None:
        reason = "datasets is not installed: pip install -e '.[test-formats]'"
        if os.environ.get("DIGITSEQ_TEST_FORMATS"):
            pytest.fail(reason)
        pytest.skip(reason)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    return datasets


@pytest.mark.filterwarnings("default")
def test_imagefolder_gives_images_string_labels_boxes_and_splits(
    datasets: Any, out: Path, recipe: Recipe, tmp_path: Path
) -> None:
    loaded = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "cache"))
    assert {split: len(loaded[split]) for split in loaded} == dict(_SPLITS)
    for part in recipe.parts():
        live = DigitSequences(part, boxes=True)
        for number, row in enumerate(loaded[part.split]):
            image, label, boxes = live[number]
            assert row["label"] == label
            assert (np.asarray(row["image"].convert("L")) == image).all()
            assert row["objects"]["bbox"] == boxes.tolist()
            assert row["objects"]["categories"] == [int(digit) for digit in label]
