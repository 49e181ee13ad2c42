"""Real readers of other people: what they make of a dataset on disk, and what becomes of leading zeros."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitseq import DigitSequences, Recipe, make_recipe, write_dataset
from digitseq.dataset.formats import FORMATS
from digitseq.dataset.label_names import LABEL_FILES
from tests.dataset.libraries import library

_SPLITS = (("train", 1_030), ("validation", 10), ("test", 20))
_EXAMPLES = Path(__file__).parents[2] / "docs/examples"

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe(
        pattern="0###",
        unique=False,
        splits=_SPLITS,
        spacing_range=(1, 5),
        image_width=120,
        seed=1,
        source="builtin",
    )


@pytest.fixture(scope="module")
def made(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Format → a dataset of three splits whose labels have leading zeros."""
    folders: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp("readers") / name
            labels = LABEL_FILES if name == "folder" else ()
            write_dataset(recipe, folders[name], format=name, labels=labels, workers=1)
        return folders[name]

    return make


def _live(recipe: Recipe) -> list[tuple[str, DigitSequences]]:
    return [(part.split, DigitSequences(part, boxes=True)) for part in recipe.by_split()]


# --- The format folder ----------------------------------------------------------------------------------


def test_the_csv_module_reads_labels_with_their_zeros(made: Any, recipe: Recipe) -> None:
    for split, live in _live(recipe):
        with (made("folder") / split / "labels.csv").open(encoding="utf-8", newline="") as file:
            labels = [row["label"] for row in csv.DictReader(file)]
        assert labels == live[:][1]
        assert all(label.startswith("0") and len(label) == 4 for label in labels)


def test_pandas_and_pyarrow_lose_zeros_of_csv_unless_told_the_type(made: Any, recipe: Recipe) -> None:
    pandas = library("pandas")
    out, labels = made("folder") / "test", _live(recipe)[2][1][:][1]
    numbers = [int(label) for label in labels]
    assert pandas.read_csv(out / "labels.csv")["label"].tolist() == numbers
    assert pandas.read_csv(out / "labels.csv", dtype=str)["label"].tolist() == labels
    assert pandas.read_json(out / "metadata.jsonl", lines=True)["label"].tolist() == numbers
    assert pandas.read_json(out / "metadata.jsonl", lines=True, dtype=False)["label"].tolist() == labels
    library("pyarrow")
    import pyarrow
    from pyarrow import csv as arrow_csv

    assert arrow_csv.read_csv(out / "labels.csv")["label"].to_pylist() == numbers
    text = arrow_csv.ConvertOptions(column_types={"label": pyarrow.string()})
    assert arrow_csv.read_csv(out / "labels.csv", convert_options=text)["label"].to_pylist() == labels


def test_polars_and_duckdb_keep_zeros_of_parquet_and_of_csv_that_is_read_as_text(
    made: Any, recipe: Recipe, tmp_path: Path
) -> None:
    polars, duckdb = library("polars"), library("duckdb")
    labels = _live(recipe)[0][1][:][1]
    csv_file, shards = str(made("folder") / "train/labels.csv"), str(made("parquet") / "data/train-*.parquet")
    assert polars.read_csv(csv_file)["label"].to_list() == [int(label) for label in labels]
    assert polars.read_csv(csv_file, infer_schema=False)["label"].to_list() == labels
    assert polars.read_parquet(shards)["label"].to_list() == labels

    def column(query: str) -> list[Any]:
        return [value for (value,) in duckdb.sql(query).fetchall()]

    assert column(f"SELECT label FROM read_csv('{csv_file}', all_varchar=true)") == labels
    assert column(f"SELECT label FROM '{shards}'") == labels
    rows = ["filename,label", *(f"{number}.png,42" for number in range(25_000)), "last.png,0042", ""]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    told = column(f"SELECT label FROM '{tmp_path}/labels.csv'")
    assert told == [42] * 25_001  # the 20,480 rows that it samples have no zero


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library of Hugging Face, without a network."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    loaded = library("datasets")
    loaded.disable_progress_bars()
    return loaded


def test_imagefolder_gives_images_string_labels_boxes_and_splits(
    datasets: Any, made: Any, recipe: Recipe, tmp_path: Path
) -> None:
    loaded = datasets.load_dataset("imagefolder", data_dir=str(made("folder")), cache_dir=str(tmp_path / "c"))
    _check_rows(loaded, recipe)


def _check_rows(loaded: Any, recipe: Recipe) -> None:
    assert {split: len(loaded[split]) for split in loaded} == dict(_SPLITS)
    for split, live in _live(recipe):
        for number, row in enumerate(loaded[split]):
            image, label, boxes = live[number]
            assert row["label"] == label
            assert (np.asarray(row["image"].convert("L")) == image).all()
            assert row["objects"]["bbox"] == boxes.tolist()
            assert row["objects"]["categories"] == [int(digit) for digit in label]


# --- Files of labels ------------------------------------------------------------------------------------


def test_paddle_and_the_deep_text_recognition_family_read_gt_txt(made: Any, recipe: Recipe) -> None:
    for split, live in _live(recipe):
        lines = (made("folder") / split / "gt.txt").read_text(encoding="utf-8").splitlines()
        rows = [line.split("\t") for line in lines]
        assert [row[1] for row in rows] == live[:][1]
        assert all((made("folder") / split / row[0]).is_file() for row in rows)


def test_doctr_reads_labels_json_beside_its_images(made: Any, recipe: Recipe) -> None:
    for split, live in _live(recipe):
        labels = json.loads((made("folder") / split / "labels.json").read_text())
        assert list(labels.values()) == live[:][1]
        assert all((made("folder") / split / "images" / name).is_file() for name in labels)


def test_pycocotools_reads_boxes_and_categories(made: Any, recipe: Recipe) -> None:
    library("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    for split, live in _live(recipe):
        truth = COCO(str(made("folder") / split / "coco.json"))
        names = {kind["id"]: kind["name"] for kind in truth.loadCats(truth.getCatIds())}
        assert sorted(names.values()) == list("0123456789")
        assert len(truth.getImgIds()) == len(live)
        for image in truth.loadImgs(truth.getImgIds()):
            found = truth.loadAnns(truth.getAnnIds(imgIds=[image["id"]]))
            _, label, boxes = live[image["id"]]
            assert "".join(names[box["category_id"]] for box in found) == image["label"] == label
            assert [box["bbox"] for box in found] == boxes.tolist()
            assert (image["width"], image["height"]) == (120, 28)
            assert (made("folder") / split / image["file_name"]).is_file()
        # Scored against itself it is perfect, which it is not if any annotation has the number 0.
        own = [box | {"score": 1.0} for box in truth.dataset["annotations"]]
        score = COCOeval(truth, truth.loadRes(own), "bbox")
        score.evaluate()
        score.accumulate()
        score.summarize()
        assert score.stats[0] == pytest.approx(1.0)


def test_yolo_finds_the_boxes_of_each_image_beside_it(made: Any, recipe: Recipe) -> None:
    out = made("folder")
    settings = dict(re.findall(r"^(train|val|test): (.+)$", (out / "data.yaml").read_text(), re.MULTILINE))
    assert settings == {"train": "train/images", "val": "validation/images", "test": "test/images"}
    for (_, live), folder in zip(_live(recipe), settings.values(), strict=True):
        for number, path in enumerate(sorted((out / folder).rglob("*.png"))):
            # YOLO replaces the last images by labels in an image's path.
            text = Path("/labels/".join(str(path).rsplit("/images/", 1))).with_suffix(".txt").read_text()
            rows = np.array([line.split() for line in text.splitlines()], float)
            _, label, boxes = live[number]
            assert "".join(f"{digit:.0f}" for digit in rows[:, 0]) == label
            centres, sizes = rows[:, 1:3] * (120, 28), rows[:, 3:] * (120, 28)
            assert np.abs(np.hstack([centres - sizes / 2, sizes]) - boxes).max() < 1e-3


@pytest.mark.filterwarnings("ignore:OpenCV")
def test_supervision_reads_the_boxes_of_a_flat_dataset(tmp_path: Path) -> None:
    supervision = library("supervision")
    recipe = make_recipe(length=(2, 3), count=12, image_width=120, seed=1, source="builtin")
    write_dataset(recipe, tmp_path, format="flat", labels=["yolo", "coco"], workers=1)
    live = DigitSequences(recipe, boxes=True)
    folder = str(tmp_path / "images")
    yolo = supervision.DetectionDataset.from_yolo(
        folder, str(tmp_path / "labels"), str(tmp_path / "data.yaml")
    )
    coco = supervision.DetectionDataset.from_coco(str(tmp_path), str(tmp_path / "coco.json"))
    for found in (yolo, coco):
        assert (len(found), found.classes) == (12, list("0123456789"))
        for path, image, digits in found:
            expected, label, boxes = live[int(Path(path).stem)]
            assert (image[..., 0] == expected).all()
            assert "".join(map(str, digits.class_id)) == label
            corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
            assert np.abs(digits.xyxy - corners).max() < 1e-3


# --- The other formats ----------------------------------------------------------------------------------


def test_load_dataset_of_a_parquet_folder_gives_images_labels_boxes_and_splits(
    datasets: Any, made: Any, recipe: Recipe, tmp_path: Path
) -> None:
    library("pyarrow")
    loaded = datasets.load_dataset(str(made("parquet")), cache_dir=str(tmp_path / "cache"))
    _check_rows(loaded, recipe)
    assert type(loaded["train"].features["image"]).__name__ == "Image"
    assert loaded["train"].features["label"].dtype == "string"


def test_a_flat_dataset_of_all_glyphs_loads_as_train(datasets: Any, tmp_path: Path) -> None:
    library("pyarrow")
    recipe = make_recipe(sequences=("07",), count=3, seed=1, source="builtin", split="all")
    for name in ("parquet", "webdataset"):
        write_dataset(recipe, tmp_path / name, format=name, workers=1)
        loaded = datasets.load_dataset(str(tmp_path / name), cache_dir=str(tmp_path / "cache"))
        assert {split: len(rows) for split, rows in loaded.items()} == {"train": 3}


def test_pandas_reads_labels_of_parquet_as_text(made: Any, recipe: Recipe) -> None:
    library("pyarrow")
    frame = library("pandas").read_parquet(made("parquet") / "data")
    labels = [label for _, live in sorted(_live(recipe)) for label in live[:][1]]
    assert sorted(frame["label"]) == sorted(labels)
    assert isinstance(frame["image"][0]["bytes"], bytes)


def test_webdataset_gives_images_text_labels_and_boxes(made: Any, recipe: Recipe) -> None:
    webdataset = library("webdataset")
    for split, live in _live(recipe):
        shards = sorted(map(str, made("webdataset").glob(f"{split}-*.tar")))
        rows = list(
            webdataset.WebDataset(shards, shardshuffle=False).decode("l8").to_tuple("png", "txt", "json")
        )
        assert len(rows) == len(live)
        for number, (image, text, facts) in enumerate(rows):
            expected, label, boxes = live[number]
            assert (image == expected).all()
            assert text == facts["label"] == label
            assert facts["objects"]["bbox"] == boxes.tolist()


def test_webdataset_shares_shards_between_the_workers_of_a_pytorch_loader(made: Any, recipe: Recipe) -> None:
    webdataset, torch = library("webdataset"), library("torch")
    shards = sorted(map(str, made("webdataset").glob("train-*.tar")))
    samples = webdataset.WebDataset(shards, shardshuffle=False).decode("l8").to_tuple("__key__", "txt")
    loader = torch.utils.data.DataLoader(samples, batch_size=None, num_workers=2)
    found = dict(loader)
    live = _live(recipe)[0][1]
    assert found == {f"{number:09d}": label for number, label in enumerate(live[:][1])}


def test_load_dataset_reads_webdataset_shards(
    datasets: Any, made: Any, recipe: Recipe, tmp_path: Path
) -> None:
    loaded = datasets.load_dataset(str(made("webdataset")), cache_dir=str(tmp_path / "cache"))
    for split, live in _live(recipe):
        rows = sorted(loaded[split], key=lambda row: row["__key__"])
        assert [row["txt"] for row in rows] == [row["json"]["label"] for row in rows] == live[:][1]
        assert (np.asarray(rows[7]["png"].convert("L")) == live[7][0]).all()


def test_shards_are_the_bytes_that_tarfile_writes(made: Any) -> None:
    for path in made("webdataset").glob("*.tar"):
        again = io.BytesIO()
        with (
            tarfile.open(path) as file,
            tarfile.open(fileobj=again, mode="w", format=tarfile.USTAR_FORMAT) as copy,
        ):
            for member in file:
                assert (member.mtime, member.uid, member.gid, member.mode) == (0, 0, 0, 0o644)
                assert member.name.count(".") == 1
                plain = tarfile.TarInfo(member.name)
                plain.size = member.size
                copy.addfile(plain, file.extractfile(member))
        assert path.read_bytes() == again.getvalue()


def test_numpy_reads_npz(made: Any, recipe: Recipe) -> None:
    for split, live in _live(recipe):
        shards = [np.load(path) for path in sorted(made("npz").glob(f"{split}-*.npz"))]
        together = {name: np.concatenate([shard[name] for shard in shards]) for name in shards[0]}
        images, labels, boxes = live[:]
        assert (together["images"] == images).all()
        assert together["images"].dtype == np.uint8
        assert together["labels"].tolist() == labels
        assert (together["lengths"] == 4).all()
        assert (together["boxes"] == boxes).all()


def test_lmdb_reads_the_keys_of_the_crnn_family(made: Any, recipe: Recipe) -> None:
    lmdb = library("lmdb")
    for split, live in _live(recipe):
        # The options of github.com/clovaai/deep-text-recognition-benchmark's reader.
        environment = lmdb.open(
            str(made("lmdb") / split),
            max_readers=32,
            readonly=True,
            lock=False,
            readahead=False,
            meminit=False,
        )
        with environment, environment.begin(write=False) as read:
            assert int(read.get(b"num-samples")) == len(live)
            for number in range(len(live)):
                image, label, _ = live[number]
                assert read.get(b"label-%09d" % (number + 1)).decode("utf-8") == label
                with Image.open(io.BytesIO(read.get(b"image-%09d" % (number + 1)))) as picture:
                    assert (np.asarray(picture.convert("L")) == image).all()


# --- The examples ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(FORMATS))
def test_ten_lines_read_each_format_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"webdataset": "webdataset", "parquet": "datasets", "lmdb": "lmdb"}
    if name in needs:
        library(needs[name])
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    recipe = Recipe(pattern="0###", count=12, spacing_range=(1, 5), image_width=120, seed=1, source="builtin")
    write_dataset(recipe, tmp_path / "out", format=name, workers=1)
    script = _EXAMPLES / f"read_{'folder' if name == 'flat' else name}.py"
    code = [line for line in script.read_text().split('"""')[2].splitlines() if line.strip()]
    assert len(code) <= 10
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    _, label, boxes = DigitSequences(recipe, boxes=True)[0]
    assert done.stdout == f"12 (120, 28) {label} {boxes.tolist()}\n"
    shutil.rmtree(tmp_path / "out")
