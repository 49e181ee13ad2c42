"""One contract for all formats: what is written is read back, in any number of workers, through any break."""

import json
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitseq import (
    ArgumentError,
    DigitSequences,
    ExtraError,
    FormatError,
    OutputError,
    draw,
    inspect_dataset,
    outline,
    read_dataset,
    verify_dataset,
    write_dataset,
)
from digitseq.batches import Sample
from digitseq.dataset.formats import FORMATS, find_format
from digitseq.dataset.formats.base import FileShards
from digitseq.dataset.formats.stored_image import facts_from
from digitseq.dataset.label_names import LABEL_FILES
from digitseq.dataset.shards import Place
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.mixture import mix
from digitseq.storage.local import LocalStorage
from tests import program
from tests.dataset.libraries import library
from tests.dataset.made import CARD
from tests.dataset.made import recipe as _recipe
from tests.dataset.made import tree as _tree
from tests.server import wait_until

_SMALL = pytest.mark.usefixtures("small_shards")
_ALL = pytest.mark.parametrize("name", list(FORMATS), indirect=True)
_SHARDED = pytest.mark.parametrize("name", [n for n in FORMATS if n not in ("folder", "flat")], indirect=True)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The name of a format whose library is at hand."""
    if find_format(request.param).library:
        library(find_format(request.param).library)
    return str(request.param)


_FILES = {
    "folder": None,
    "flat": None,
    "webdataset": ["dataset.json", "test-000000.tar", "train-000000.tar", "train-000001.tar"],
    "parquet": [
        "data/test-00000-of-00001.parquet",
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "dataset.json",
    ],
    "npz": ["dataset.json", "test-000000.npz", "train-000000.npz", "train-000001.npz"],
    "lmdb": ["dataset.json", "test/data.mdb", "train/data.mdb"],
}
"""Format → its files, for splits of 110 and 30 images in shards of 100."""


def test_the_table_and_the_formats_agree_on_their_names() -> None:
    assert set(FORMATS) == set(_FILES)
    assert all(find_format(name).name == name for name in FORMATS)


# --- Round trip -----------------------------------------------------------------------------------------


@_SMALL
@_ALL
@pytest.mark.parametrize(
    "fields",
    [
        {"splits": {"train": 110, "test": 30}},
        {"count": 12, "image_width": None, "invert": True, "pattern": "0####", "length": None},
        {"count": 40, "writer": "same", "length": (1, 2)},
        {"count": 0},
    ],
)
def test_what_is_written_is_read_back(tmp_path: Path, name: str, fields: dict[str, Any]) -> None:
    recipe = _recipe(**fields)
    summary = write_dataset(recipe, tmp_path / "out", format=name, workers=1)
    if _FILES[name] and recipe.splits:
        assert sorted(_tree(tmp_path / "out")) == _FILES[name]
    dataset = read_dataset(tmp_path / "out")
    assert (len(dataset), dataset.recipe, dataset.manifest["format"]) == (len(recipe), recipe, name)
    assert dataset.manifest["pixels"] == summary.pixels
    for part in recipe.by_split():
        live, read = DigitSequences(part, boxes=True), dataset.splits[part.split]
        assert list(read.labels) == [live[number][1] for number in range(len(part))]
        for number in range(0, len(part), 7):
            image, label = read[number]
            assert (image == live[number][0]).all()
            assert label == live[number][1]
            assert image.dtype == np.uint8
            if (facts := read.found(number).facts) is not None:
                assert facts.boxes == live[number][2].tolist()
                assert facts.categories == list(map(int, label))
                assert len(facts.glyphs) == len(label)
                assert isinstance(facts.writer, int) == (recipe.writer == "same")
        with pytest.raises(IndexError):
            read[len(part)]
    assert list(verify_dataset(tmp_path / "out")) == []
    seen = outline(recipe, format=name)
    assert (seen["format"], seen["files"]) == (name, len(_tree(tmp_path / "out")) + len(CARD))


@_ALL
def test_the_source_of_each_digit_is_stored(tmp_path: Path, name: str, solid: GlyphSet) -> None:
    parts = []
    for number, source in enumerate(("ä\U00020000 name that is not short" * 3, "b")):  # 15 characters in JSON
        images = np.roll(solid.images, number, axis=1)  # same shapes, other pixels
        parts.append(GlyphSet.from_arrays(images, solid.labels, name=source))
    glyphs = mix(parts, [1, 2])
    recipe = _recipe(count=120, length=(3, 6), image_width=None, source="mix")
    write_dataset(recipe, tmp_path / "out", source=glyphs, format=name, workers=1)
    read = read_dataset(tmp_path / "out").splits["train"]
    found: list[str] = []
    for number, picture in enumerate(draw(recipe, glyphs)):
        if (facts := read.found(number).facts) is None:
            facts = facts_from(json.loads((tmp_path / "out/metadata.jsonl").read_text().splitlines()[number]))
        assert facts is not None
        assert facts.sources == picture.facts()["sources"] == glyphs.sources_of(picture.origins)
        found += facts.sources
    assert 0.5 < found.count("b") / len(found) < 0.8
    assert list(verify_dataset(tmp_path / "out", source=glyphs)) == []
    assert inspect_dataset(tmp_path / "out", source=glyphs).findings == ()


def test_every_format_has_the_same_images(tmp_path: Path) -> None:
    pixels = set()
    for name in FORMATS:
        form = find_format(name)
        if not form.library or find_spec(form.library):
            pixels.add(write_dataset(_recipe(count=20), tmp_path / name, format=name, workers=1).pixels)
    assert len(pixels) == 1


@_ALL
def test_levels_change_no_pixel(tmp_path: Path, name: str) -> None:
    sizes = []
    for level in (0, 9):
        out = tmp_path / str(level)
        sizes.append(
            write_dataset(_recipe(count=200), out, format=name, workers=1, png_level=level).size_bytes
        )
        assert list(verify_dataset(out)) == []
    assert sizes[1] < sizes[0]


# --- The same bytes -------------------------------------------------------------------------------------

_COMMAND = "--length 3-6 --min 2 --max 8 --width 200 --seed 42 --source builtin --train 840 --test 310"
_DATA = (".png", ".tar", ".parquet", ".npz", ".mdb")
_SPLITS = {"train": 840, "test": 310}


def _start(bank: Path, out: Path, name: str, workers: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "digitseq", "batch", str(out), *_COMMAND.split()),
            *("--format", name, "--workers", str(workers)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"DIGITSEQ_CACHE_DIR": str(bank)},
    )


@pytest.mark.usefixtures("small_shards_everywhere")
@pytest.mark.parametrize("name", [n for n in FORMATS if n != "folder"], indirect=True)
def test_any_number_of_workers_and_any_kill_give_the_same_bytes(
    tmp_path: Path, name: str, bank: Path
) -> None:
    """Kill the process group after some files are there, then run the same command to completion."""
    write_dataset(_recipe(splits=_SPLITS), tmp_path / "expected", format=name, workers=1)
    expected = _tree(tmp_path / "expected")
    for workers in (5, 2) if name == "npz" else (2,):  # shards are the same work in all formats
        process = _start(bank, tmp_path / f"w{workers}", name, workers)
        output, errors = process.communicate(timeout=120)
        assert (process.returncode, output) == (0, f"{tmp_path}/w{workers}\n"), errors
        assert _tree(tmp_path / f"w{workers}") == expected
    chance, out = random.Random(name), tmp_path / "killed"
    for _ in range(4):  # until a kill comes before the end
        process = _start(bank, out, name, 2)
        wait_until(lambda: any(path.suffix in _DATA for path in out.rglob("[!.]*")))
        time.sleep(0.02 * chance.random())
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not (out / "dataset.json").exists():
            break
        shutil.rmtree(out)
    again = _start(bank, out, name, chance.choice([1, 2]))
    output, errors = again.communicate(timeout=120)
    assert (again.returncode, output) == (0, f"{out}\n"), errors
    assert _tree(out) == expected


@_SMALL
@_SHARDED
def test_running_again_touches_nothing_and_mends_what_is_missing_or_damaged(
    tmp_path: Path, name: str
) -> None:
    recipe = _recipe(splits={"train": 210, "test": 30})
    write_dataset(recipe, tmp_path, format=name, workers=1)
    expected = _tree(tmp_path)

    def stamps() -> dict[str, tuple[int, int]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.stat().st_ino)
            for path in tmp_path.rglob("*")
            if path.is_file()
        }

    before = stamps()
    assert write_dataset(recipe, tmp_path, workers=1).written == 0  # the format is that of what is there
    after = stamps()
    manifest = str(tmp_path / "dataset.json")
    assert after.pop(manifest) > before.pop(manifest)  # for make
    assert after == before
    for file in sorted(set(expected) - {"dataset.json"}):
        for damage in (_cut, _empty, Path.unlink):
            damage(tmp_path / file)
            summary = write_dataset(recipe, tmp_path, workers=1)
            assert 0 < summary.written < len(recipe)
            assert _tree(tmp_path) == expected, (file, damage)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1_200])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


# --- What is wrong --------------------------------------------------------------------------------------


@_SMALL
@pytest.mark.parametrize("name", ["webdataset", "parquet", "npz"], indirect=True)  # lmdb has one file for all
def test_a_missing_shard_in_the_middle_is_named(tmp_path: Path, name: str) -> None:
    write_dataset(_recipe(count=210), tmp_path, format=name, workers=1)
    (shard,) = (path for path in tmp_path.rglob("train-*1*") if "00001" in path.name.split("-of-")[0])
    shard.unlink()
    assert next(verify_dataset(tmp_path)) == f"{shard}: missing"
    assert len(list(verify_dataset(tmp_path))) == 3  # and two digests
    read = read_dataset(tmp_path).splits["train"]
    assert read[99][1]
    for attempt in (lambda: read[100], lambda: read.labels):
        with pytest.raises(FormatError, match=rf"{shard.name}: missing"):
            attempt()
    report = inspect_dataset(tmp_path)
    assert report.faults >= 100
    assert any(shard.name in text for finding in report.findings for text in finding.examples)


@_SHARDED
def test_files_that_are_cut_off_anywhere_are_told_and_end_nothing(tmp_path: Path, name: str) -> None:
    write_dataset(_recipe(count=25), tmp_path, format=name, workers=1)
    (file,) = (
        path for path in tmp_path.rglob("*") if path.is_file() and path.name not in {"dataset.json", *CARD}
    )
    whole, chance = file.read_bytes(), random.Random(3)
    lengths = {0, 1, 511, 512, 4_095, 4_096, 4_100, 8_191, 8_192, len(whole) - 1, len(whole) - 4_096}
    for length in sorted(lengths | {chance.randrange(len(whole)) for _ in range(25)}):
        file.write_bytes(whole[:length])
        problems = list(verify_dataset(tmp_path))
        assert any(file.name in problem for problem in problems), length
        with pytest.raises(FormatError, match=file.name):
            read_dataset(tmp_path).splits["train"].labels  # noqa: B018
    assert inspect_dataset(tmp_path).faults > 0


@_SHARDED
def test_changed_bytes_are_never_more_than_a_sentence(tmp_path: Path, name: str) -> None:
    write_dataset(_recipe(count=25), tmp_path, format=name, workers=1)
    (file,) = (
        path for path in tmp_path.rglob("*") if path.is_file() and path.name not in {"dataset.json", *CARD}
    )
    whole, chance, found = file.read_bytes(), random.Random(4), 0
    for _ in range(60):
        changed = bytearray(whole)
        for _ in range(chance.choice([1, 1, 5, 50])):
            changed[chance.randrange(len(whole))] = chance.randrange(256)
        file.write_bytes(bytes(changed))
        found += bool(list(verify_dataset(tmp_path)))
    assert found > 30  # what fills up a tar file, or a zip file's dates, may be anything


_DAMAGES: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("npz", lambda data: data.replace(b"}", b" ", 1)),
    ("npz", lambda data: data.replace(b"'shape': (25,", b"'shape': (99999999999999999999,", 1)),
    (
        "npz",
        lambda data: (
            data[: data.rindex(b"PK\x01\x02") + 10] + b"\x0e" + data[data.rindex(b"PK\x01\x02") + 11 :]
        ),
    ),
    ("webdataset", lambda data: data[:124] + b"\xff" * 12 + data[136:]),
    ("webdataset", lambda data: data.replace(b"000000003.txt", b"000000003.cls")),
]


@pytest.mark.parametrize("name", ["webdataset", "parquet"], indirect=True)  # those that keep a key
def test_a_sample_under_another_key_is_found(tmp_path: Path, name: str) -> None:
    write_dataset(_recipe(count=25), tmp_path, format=name, workers=1)
    part = read_dataset(tmp_path).splits["train"]
    samples = []
    for number in range(25):
        found = part.found(number)
        image = found.image(1_000)
        assert image is not None
        assert found.facts is not None
        facts = found.facts
        samples.append(Sample(number + 1, facts.label, image, facts.boxes, facts.glyphs, facts.writer))
    (file,) = find_format(name).shard_files(part.place, 0)
    assert isinstance(part.format, FileShards)
    LocalStorage(tmp_path).put(file, part.format.encode(iter(samples), part.place, 0))
    assert "000000001: expected the key 000000000" in next(verify_dataset(tmp_path))


@pytest.mark.parametrize(("name", "damage"), _DAMAGES)
def test_damage_inside_a_file_is_a_sentence_too(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    write_dataset(_recipe(count=25), tmp_path, format=name, workers=1)
    (file,) = tmp_path.glob("train-*")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert file.read_bytes() != whole
    assert str(file) in next(verify_dataset(tmp_path))
    with pytest.raises(FormatError, match=file.name):
        read_dataset(tmp_path).splits["train"].labels  # noqa: B018
    write_dataset(_recipe(count=25), tmp_path, workers=1)
    assert file.read_bytes() == whole


def test_columns_of_other_types_are_refused(tmp_path: Path) -> None:
    """Not least because a label that has become a number has lost its zeros."""
    pq, pa = library("pyarrow.parquet"), library("pyarrow")
    write_dataset(_recipe(pattern="0###", length=None, count=5), tmp_path, format="parquet", workers=1)
    (file,) = tmp_path.rglob("*.parquet")
    table = pq.read_table(file)
    numbers = pa.array([int(label) for label in table["label"].to_pylist()])
    pq.write_table(table.set_column(1, "label", numbers), file)
    part = read_dataset(tmp_path).splits["train"]
    with pytest.raises(FormatError, match="its columns differ from those"):
        part[0]
    with pytest.raises(FormatError, match="its columns differ from those"):
        part.labels  # noqa: B018


@_SMALL
@_SHARDED
def test_images_are_read_from_many_threads(tmp_path: Path, name: str) -> None:
    recipe = _recipe(count=310)
    with ThreadPoolExecutor(4) as threads:
        write_dataset(recipe, tmp_path, format=name, workers=4, executor=threads)
        assert write_dataset(recipe, tmp_path, workers=4, executor=threads).written == 0
        part, numbers = read_dataset(tmp_path).splits["train"], [0, 309, 5, 107, 211, 199, 99, -1]
        found = list(threads.map(part.__getitem__, numbers))
    live = DigitSequences(recipe)
    for number, (image, label) in zip(numbers, found, strict=True):
        assert (image == live[number][0]).all()
        assert label == live[number][1]


def test_a_file_of_all_shards_that_is_missing_is_reported_once(tmp_path: Path) -> None:
    library("lmdb")
    write_dataset(_recipe(count=5), tmp_path, format="lmdb", workers=1)
    (tmp_path / "train/data.mdb").unlink()
    told = list(verify_dataset(tmp_path))
    assert len(told) == len(set(told)) > 0
    assert sum("data.mdb" in problem for problem in told) == 1


def test_an_environment_that_the_program_has_open_is_read_all_the_same(tmp_path: Path) -> None:
    lmdb = library("lmdb")
    write_dataset(_recipe(count=5), tmp_path, format="lmdb", workers=1)
    whole = _tree(tmp_path)
    with lmdb.open(str(tmp_path / "train"), readonly=True, lock=False) as environment:
        assert len(read_dataset(tmp_path).splits["train"].labels) == 5
        assert write_dataset(_recipe(count=5), tmp_path, workers=1).written == 0
        assert int(environment.begin().get(b"num-samples")) == 5
    assert _tree(tmp_path) == whole


@_SMALL
@pytest.mark.parametrize("damage", ["deleted", "cut off"])
def test_an_environment_is_not_packed_from_incomplete_shards(tmp_path: Path, damage: str) -> None:
    library("lmdb")
    recipe = _recipe(count=250)
    write_dataset(recipe, tmp_path, format="lmdb", workers=1, part=(1, 3))
    write_dataset(recipe, tmp_path, format="lmdb", workers=1, part=(2, 3))
    (tar,) = tmp_path.glob("train/.digitseq-shard-000001.tar")
    data = tar.read_bytes()
    tar.unlink()
    if damage == "cut off":
        tar.write_bytes(data[: len(data) // 2])
    with pytest.raises(FormatError, match=r"shard 2 of train is missing or damaged.*again"):
        write_dataset(recipe, tmp_path, format="lmdb", workers=1, part=(3, 3))
    assert not (tmp_path / "train/data.mdb").exists()
    write_dataset(recipe, tmp_path, format="lmdb", workers=1)
    assert list(verify_dataset(tmp_path)) == []


def test_an_image_of_another_height_is_not_given_out(tmp_path: Path) -> None:
    write_dataset(_recipe(count=3), tmp_path, workers=1)
    Image.fromarray(np.zeros((20, 60), np.uint8)).save(tmp_path / "images/000/000001.png")
    with pytest.raises(FormatError, match=r"000001\.png: damaged"):
        read_dataset(tmp_path).splits["train"][1]


def _swap(folder: Path, first: str, second: str) -> None:
    a, b = (folder / first).read_bytes(), (folder / second).read_bytes()
    (folder / first).write_bytes(b)
    (folder / second).write_bytes(a)


@_SMALL
@pytest.mark.parametrize("name", ["webdataset", "parquet", "npz"], indirect=True)
def test_shards_in_each_others_place_are_found(tmp_path: Path, name: str) -> None:
    write_dataset(_recipe(count=200), tmp_path, format=name, workers=1)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("train-*"))
    _swap(tmp_path, *files)
    assert sum("label" in text or "expected the key" in text for text in verify_dataset(tmp_path)) > 190


_Rows = list[dict[str, Any]]
_CHANGES: list[tuple[str, Callable[[_Rows], object], str]] = [
    ("a label", lambda rows: rows[3].update(label="99999"), "label"),
    ("a box", lambda rows: rows[3]["boxes"][0].__setitem__(0, 77), "boxes: expected"),
    ("a glyph", lambda rows: rows[3]["glyphs"].__setitem__(0, 77), "glyphs: expected"),
    (
        "a pixel",
        lambda rows: rows[3].update(flip=True),
        "image differs from the recipe in 1 pixel, the first at x 9",
    ),
    (
        "an image less",
        lambda rows: rows.pop(),
        "expected 25 images, found 24|000000024: missing|samples = 24",
    ),
]


@_SHARDED
@pytest.mark.parametrize(("change", "told"), [row[1:] for row in _CHANGES], ids=[row[0] for row in _CHANGES])
def test_each_change_is_found_and_named(
    tmp_path: Path, name: str, change: Callable[[_Rows], object], told: str
) -> None:
    """The files are written anew, by the format's own writer, with one thing changed."""
    write_dataset(_recipe(count=25), tmp_path, format=name, workers=1)
    part = read_dataset(tmp_path).splits["train"]
    rows: _Rows = []
    for number in range(25):
        found = part.found(number)
        image = found.image(1_000)
        assert image is not None
        assert found.facts is not None
        rows.append({"number": number, "image": np.array(image), **found.facts._asdict()})
    change(rows)
    for row in rows:
        if row.pop("flip", False):
            row["image"][5, 9] ^= 1
        if len(row["label"]) != len(row["boxes"]):
            row["boxes"], row["glyphs"] = [[1, 2, 3, 4]] * 5, [1] * 5
        row.pop("categories")
    samples = [Sample(**row) for row in rows]
    place = part.place
    form, storage = find_format(name), LocalStorage(tmp_path)
    if name == "lmdb":
        from digitseq.dataset.formats.lmdb import _pack, _Tars
        from digitseq.dataset.formats.webdataset import records_in

        (tmp_path / "train/data.mdb").unlink()
        _pack(tmp_path / "train/data.mdb", place, [list(records_in(_Tars().encode(iter(samples), place, 0)))])
    else:
        assert hasattr(form, "encode")
        storage.put(form.shard_files(place, 0)[0], form.encode(iter(samples), place, 0))
    problems = list(verify_dataset(tmp_path))
    assert problems
    assert re.search(told, problems[0]), problems[0]
    (file,) = form.common_files(place) + form.shard_files(place, 0)
    assert str(tmp_path / file) in problems[0]
    assert len(problems) <= 4, problems


@_ALL
def test_another_version_of_the_format_is_told(tmp_path: Path, name: str) -> None:
    write_dataset(_recipe(count=5), tmp_path, format=name, workers=1)
    manifest = json.loads((tmp_path / "dataset.json").read_text())
    for changed, told in (
        ({"version": 2}, "found version 2, format.*if a newer digitseq wrote it"),
        ({"format": "tfrecord"}, "found version 1, format tfrecord"),
        ({"labels": ["other"]}, "damaged.*unknown label files"),
        ({"splits": [manifest["splits"][0] | {"folder": "../"}]}, "damaged.*unexpected folder"),
    ):
        (tmp_path / "dataset.json").write_text(json.dumps(manifest | changed))
        attempts: list[Callable[[], object]] = [
            lambda: list(verify_dataset(tmp_path)),
            lambda: read_dataset(tmp_path),
            lambda: inspect_dataset(tmp_path),
            lambda: write_dataset(_recipe(count=5), tmp_path, workers=1),
        ]
        for attempt in attempts:
            with pytest.raises(FormatError, match=rf"dataset\.json: .*{told}"):
                attempt()


@pytest.mark.parametrize(
    "broken",
    [
        "raise ImportError('libarrow.so.1400: cannot open shared object file')",
        "raise OSError('bad ELF')",
        "1 / 0",
    ],
)
def test_a_library_that_is_installed_but_broken_is_told(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the process that asks, and in a worker that finds its own broken."""
    for module in ("pyarrow", "lmdb"):
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / "broken" / module).mkdir(parents=True)
        (tmp_path / "broken" / module / "__init__.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path / "broken")
    for name, needs in (("parquet", "pyarrow"), ("lmdb", "lmdb")):
        told = (
            rf"{name} needs {needs}, which is installed but cannot be imported: .*--force-reinstall {needs}"
        )
        with pytest.raises(ExtraError, match=told) as caught:
            write_dataset(_recipe(count=5), tmp_path / "out", format=name, workers=1)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
        assert not (tmp_path / "out").exists()


def test_a_missing_library_is_told_with_its_extra_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("pyarrow", "lmdb"):
        monkeypatch.setitem(sys.modules, module, None)  # makes Python treat the module as missing
    for name, needs in (("parquet", "pyarrow"), ("lmdb", "lmdb")):
        with pytest.raises(ExtraError, match=rf"{name} needs {needs}.*pip install 'digitseq\[{name}\]'"):
            write_dataset(_recipe(count=5), tmp_path / "out", format=name, workers=1)
        assert not (tmp_path / "out").exists()
        write_dataset(_recipe(count=5), tmp_path / name, workers=1)
        manifest = json.loads((tmp_path / name / "dataset.json").read_text())
        folder = find_format(name).folder("train", False)
        changed = {"format": name, "splits": [manifest["splits"][0] | {"folder": folder}]}
        (tmp_path / name / "dataset.json").write_text(json.dumps(manifest | changed))
        for attempt in (read_dataset, inspect_dataset, lambda out: list(verify_dataset(out))):
            with pytest.raises(ExtraError):
                attempt(tmp_path / name)


# --- Formats in each other's way ------------------------------------------------------------------------


@_ALL
def test_another_format_in_the_same_folder_is_refused_and_replaced_by_force(
    tmp_path: Path, name: str
) -> None:
    recipe = _recipe(splits={"train": 1_010, "test": 5})
    other = "npz" if name == "folder" else "folder"
    write_dataset(recipe, tmp_path, format=name, workers=1)
    before = _tree(tmp_path)
    with pytest.raises(OutputError, match=rf"another format \(expected {other}, found {name}\).*force=True"):
        write_dataset(recipe, tmp_path, format=other, workers=1)
    assert _tree(tmp_path) == before
    write_dataset(recipe, tmp_path, format=other, workers=1, force=True)
    assert list(verify_dataset(tmp_path)) == []
    write_dataset(recipe, tmp_path, format=name, workers=1, force=True)
    assert _tree(tmp_path) == before
    assert not [path for path in tmp_path.rglob("*") if path.is_dir() and not any(path.iterdir())]


def test_unknown_formats_and_label_files_are_refused(tmp_path: Path) -> None:
    for options, argument in (
        ({"format": "zip"}, "format"),
        ({"labels": ["voc"]}, "labels"),
        ({"format": "npz", "labels": ["coco"]}, "labels"),
    ):
        with pytest.raises(ArgumentError) as caught:
            write_dataset(_recipe(count=5), tmp_path / "out", workers=1, **options)
        assert caught.value.argument == argument
    assert not (tmp_path / "out").exists()


_OWN_FILES = [
    ({"labels": ["paddle"]}, "gt.txt"),
    ({"labels": ["yolo"]}, "labels/000/000003.txt"),
    ({"labels": ["yolo"]}, "data.yaml"),
    ({"format": "npz", "force": True}, "train-000000.npz"),
]


@pytest.mark.parametrize(("options", "file"), _OWN_FILES)
def test_files_of_the_users_own_are_never_replaced(
    tmp_path: Path, options: dict[str, Any], file: str
) -> None:
    write_dataset(_recipe(count=5), tmp_path, workers=1)
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("mine")
    before = _tree(tmp_path)
    with pytest.raises(OutputError, match=rf"{file} does not belong to this dataset and would be"):
        write_dataset(_recipe(count=5), tmp_path, workers=1, **options)
    assert _tree(tmp_path) == before


@pytest.mark.usefixtures("small_shards_everywhere")
def test_files_of_labels_that_a_kill_left_belong_to_the_dataset(tmp_path: Path, bank: Path) -> None:
    recipe = _recipe(count=1_200)
    write_dataset(recipe, tmp_path / "out", workers=1)
    command = (
        sys.executable,
        "-m",
        "digitseq",
        "batch",
        "out",
        "--recipe",
        "out/dataset.json",
        "--workers",
        "1",
    )
    environment = os.environ | {"DIGITSEQ_CACHE_DIR": str(bank)}
    process = subprocess.Popen(
        (*command, "--labels", "yolo", "--labels", "coco"),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
    )
    wait_until(lambda: (tmp_path / "out/labels/001").exists())
    process.kill()
    process.communicate()
    shutil.copytree(tmp_path / "out", tmp_path / "other")
    write_dataset(recipe, tmp_path / "out", workers=1)  # without naming them again
    assert read_dataset(tmp_path / "out").manifest["labels"] == ["coco", "yolo"]
    assert list(verify_dataset(tmp_path / "out")) == []
    write_dataset(_recipe(count=7), tmp_path / "other", format="npz", workers=1, force=True)
    assert sorted(_tree(tmp_path / "other")) == ["dataset.json", "train-000000.npz"]


def test_force_sweeps_what_a_kill_left_in_folders_of_the_old_format(tmp_path: Path) -> None:
    write_dataset(_recipe(splits={"train": 5, "test": 5}), tmp_path, workers=1)
    for folder in ("train", "train/images", "train/images/000"):
        (tmp_path / folder / ".partial-1-0123456789ab").write_text("")
    write_dataset(_recipe(count=5), tmp_path, format="npz", workers=1, force=True)
    assert list(verify_dataset(tmp_path)) == []


def test_a_dry_run_says_the_format_of_what_is_there(tmp_path: Path) -> None:
    write_dataset(_recipe(count=5), tmp_path, format="npz", workers=1)
    assert outline(_recipe(count=5), out=tmp_path)["format"] == "npz"
    assert outline(_recipe(count=6), out=tmp_path)["format"] == "npz"  # it would grow
    for options in ({"recipe": _recipe(count=4)}, {"recipe": _recipe(count=5), "format": "webdataset"}):
        with pytest.raises(OutputError, match="holds a dataset of another"):  # as when it is written
            outline(**options, out=tmp_path)
    assert outline(_recipe(count=4), out=tmp_path, force=True)["format"] == "folder"
    assert outline(_recipe(count=5), out=tmp_path, force=True, format="webdataset")["format"] == "webdataset"


# --- Looking at them ------------------------------------------------------------------------------------


@_SMALL
@_SHARDED
def test_inspect_says_the_same_of_every_format(tmp_path: Path, name: str) -> None:
    recipe = _recipe(splits={"train": 105, "test": 20})
    write_dataset(recipe, tmp_path / "folder", workers=1)
    write_dataset(recipe, tmp_path / name, format=name, workers=1)
    one, other = (inspect_dataset(tmp_path / kind) for kind in ("folder", name))
    assert other.faults == 0
    assert one.spacing == other.spacing
    assert one.table.labels == other.table.labels
    first = inspect_dataset(
        tmp_path / name, split="test", predictions={f"test/{7:09d}.png": "1"}, partial=True
    )
    assert (len(first.table), first.table.name(7)) == (20, "test/000000007.png")
    keyed = inspect_dataset(tmp_path / name, split="test", predictions={f"test/{7:09d}": "1"}, partial=True)
    assert keyed.scores is not None
    assert first.scores is not None
    assert keyed.scores.cer == first.scores.cer > 0
    image = first.table.subject.splits[0].image(7)
    assert image is not None
    assert (image == DigitSequences(recipe.by_split()[1])[7][0]).all()


def test_a_shard_alone_is_no_dataset_but_says_where_one_is(tmp_path: Path) -> None:
    write_dataset(_recipe(count=5), tmp_path, format="npz", workers=1)
    with pytest.raises(FormatError, match=r"train-000000.npz: expected a dataset folder.*dataset.json"):
        inspect_dataset(tmp_path / "train-000000.npz")
    assert len(inspect_dataset(tmp_path / "dataset.json").table) == 5


# --- Files of labels ------------------------------------------------------------------------------------


@_SMALL
def test_files_of_labels_are_checked_and_mended_like_all_others(tmp_path: Path) -> None:
    recipe = _recipe(splits={"train": 120, "test": 30}, image_width=None)
    write_dataset(recipe, tmp_path, labels=LABEL_FILES, workers=1)
    expected = _tree(tmp_path)
    assert list(verify_dataset(tmp_path)) == []
    assert outline(recipe, labels=LABEL_FILES)["files"] == len(expected) + len(CARD)
    # The files of a round are damaged together: each is one problem, whatever is wrong with the others.
    rounds: list[dict[str, Callable[[str], str] | None]] = [
        {
            "train/gt.txt": lambda text: text.replace("\t", "\t1", 1),
            "test/labels.json": lambda text: text.replace('": "', '": "1', 1),
            "train/coco.json": lambda text: text.replace('"bbox": [', '"bbox": [1', 1),
            "train/labels/001/000104.txt": lambda text: "1" + text[1:],
            "data.yaml": lambda text: text.replace("test", "train"),
        },
        {
            "train/gt.txt": lambda text: text[:-5],
            "test/labels.json": lambda text: text[:-2],
            "train/coco.json": lambda text: text.replace('"annotations"', '"boxes"', 1),
            "train/labels/000/000004.txt": None,
        },
        {
            "test/labels.json": lambda text: text + "x",
            "train/coco.json": lambda text: text.replace('"width": ', '"width": 1', 1),
            "test/coco.json": None,
        },
    ]
    for changes in rounds:
        for file, change in changes.items():
            if change is None:
                (tmp_path / file).unlink()
            else:
                text = (tmp_path / file).read_text()
                (tmp_path / file).write_text(change(text))
                assert (tmp_path / file).read_text() != text
        problems = list(verify_dataset(tmp_path))
        assert len(problems) == len(changes), problems
        for file in changes:
            assert sum(str(tmp_path / file) in problem for problem in problems) == 1, (file, problems)
        write_dataset(recipe, tmp_path, workers=1)  # the files of labels that were there belong to it
        assert _tree(tmp_path) == expected


def test_files_of_labels_can_be_added_later(tmp_path: Path) -> None:
    recipe = _recipe(count=30)
    write_dataset(recipe, tmp_path / "once", labels=["coco", "paddle"], workers=1)
    write_dataset(recipe, tmp_path / "later", labels=["paddle"], workers=1)
    assert write_dataset(recipe, tmp_path / "later", labels=["coco"], workers=1).written == 0
    assert _tree(tmp_path / "later") == _tree(tmp_path / "once")
    write_dataset(replace(recipe, seed=7), tmp_path / "later", workers=1, force=True)
    assert list(verify_dataset(tmp_path / "later")) == []


# --- The command line -----------------------------------------------------------------------------------


def test_the_commands_take_formats_and_label_files(tmp_path: Path) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return program.as_text(program.run(*arguments, cwd=tmp_path))

    common = ("--length", "4", "--source", "builtin", "-n", "12", "--seed", "1", "-q")
    done = run("batch", "a", *common, "--labels", "doctr", "--labels", "yolo")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a/labels.json").is_file()
    assert run("batch", "b", *common, "--format", "webdataset").returncode == 0
    assert run("verify", "b").returncode == 0
    assert "12 images" in run("inspect", "b").stdout
    again = run("batch", "c", "--recipe", "b/dataset.json", "-q")
    assert (again.returncode, _tree(tmp_path / "c")) == (0, _tree(tmp_path / "b"))
    assert run("batch", "d", "--recipe", "a/dataset.json", "-q").returncode == 0
    assert _tree(tmp_path / "d") == _tree(tmp_path / "a")
    wrong = run("batch", "e", *common, "--format", "npz", "--labels", "coco")
    assert wrong.returncode == 2
    assert "only the formats folder and flat can have extra label files, not npz" in wrong.stderr
    unknown = run("batch", "e", *common, "--labels", "voc")
    assert unknown.returncode == 2
    assert "expected one of paddle, doctr, coco, yolo" in unknown.stderr
    assert "format   npz" in run("batch", "e", *common, "--format", "npz", "--dry-run").stdout
    assert not (tmp_path / "e").exists()


@_ALL
def test_all_folders_that_files_of_a_shard_go_through_are_swept(name: str) -> None:
    """Half-written files stand beside their place, and half-written folders beside theirs."""
    form = find_format(name)
    place = Place("train", form.folder("train", True), 2_500, 4, form.label_files, 200)
    top = place.folder.rstrip("/")
    for shard in range(place.shards):
        swept = {top, *form.shard_folders(place, shard)}
        for file in form.shard_files(place, shard):
            folder = file.rpartition("/")[0]
            while folder != top:
                assert folder in swept, file
                folder = folder.rpartition("/")[0]


# --- Growing ----------------------------------------------------------------------------------------------


@_SMALL
@_ALL
@pytest.mark.parametrize("sizes", [(20, 50), (95, 110), (100, 104)])
def test_a_flat_dataset_grows(tmp_path: Path, name: str, sizes: tuple[int, int]) -> None:
    few, many = (_recipe(count=size, unique=True) for size in sizes)
    labels = ["masks"] if name != "folder" else ["masks", "coco", "yolo"]
    write_dataset(few, tmp_path / "out", format=name, labels=labels, workers=1)
    summary = write_dataset(many, tmp_path / "out", workers=1)  # the format and the labels stay
    write_dataset(many, tmp_path / "direct", format=name, labels=labels, workers=1)
    assert _tree(tmp_path / "out") == _tree(tmp_path / "direct")
    assert summary.images == sizes[1]
    assert list(verify_dataset(tmp_path / "out")) == []
    with pytest.raises(
        OutputError, match=rf"another recipe \(count: expected {sizes[0]}, found {sizes[1]}\)"
    ):
        write_dataset(few, tmp_path / "out", workers=1)


@_SMALL
@_ALL
def test_a_dataset_that_was_growing_when_it_was_killed_is_finished(tmp_path: Path, name: str) -> None:
    few, many, out = _recipe(count=102), _recipe(count=210), tmp_path / "out"
    write_dataset(few, out, format=name, workers=1)
    with pytest.raises(RuntimeError, match="killed"):
        write_dataset(many, out, workers=1, progress=_killed)
    assert not (out / "dataset.json").exists()
    with pytest.raises(FormatError, match="not a finished dataset"):
        read_dataset(out)
    write_dataset(many, out, workers=1)
    write_dataset(many, tmp_path / "direct", format=name, workers=1)
    assert _tree(out) == _tree(tmp_path / "direct")


def _killed(stage: str, done: int, total: int, size: int) -> None:
    if stage == "write" and done >= 100:
        raise RuntimeError("killed")


@_SMALL
def test_parts_grow_a_dataset_too(tmp_path: Path) -> None:
    few, many, out = _recipe(count=90), _recipe(count=250), tmp_path / "out"
    write_dataset(few, out, format="npz", workers=1)
    for part in (2, 1):
        write_dataset(many, out, part=(part, 2), workers=1)
    write_dataset(many, tmp_path / "direct", format="npz", workers=1)
    assert _tree(out) == _tree(tmp_path / "direct")


def test_what_does_not_grow_is_told(tmp_path: Path) -> None:
    write_dataset(_recipe(splits={"train": 20, "test": 5}), tmp_path / "splits", workers=1)
    with pytest.raises(
        OutputError, match="images are numbered across splits, so a dataset with splits cannot grow"
    ):
        write_dataset(_recipe(splits={"train": 30, "test": 5}), tmp_path / "splits", workers=1)
    write_dataset(_recipe(count=20), tmp_path / "flat", workers=1)
    with pytest.raises(OutputError, match=r"another recipe \(seed: expected 7, found 42\)"):
        write_dataset(_recipe(count=30, seed=7), tmp_path / "flat", workers=1)
    (tmp_path / "flat/images/000/000025.png").write_bytes(b"mine")
    with pytest.raises(
        OutputError, match=r"000025\.png does not belong to this dataset and would be overwritten"
    ):
        write_dataset(_recipe(count=30), tmp_path / "flat", workers=1)


# --- Label files for other tools --------------------------------------------------------------------------


@_SMALL
def test_each_label_file_says_what_its_reader_expects(tmp_path: Path) -> None:
    recipe = _recipe(count=103, image_width=None)
    write_dataset(recipe, tmp_path, labels=["paddle-width", "easyocr", "kraken"], workers=1)
    assert list(verify_dataset(tmp_path)) == []
    split = read_dataset(tmp_path).splits["train"]
    assert (tmp_path / "digits.txt").read_text().split() == list("0123456789")
    lines = [line.split("\t") for line in (tmp_path / "gt_width.txt").read_text().splitlines()]
    for number in (0, 99, 102):
        (image, label), (name, text, width, height) = split[number], lines[number]
        assert (name, text) == (f"images/{number // 100:03d}/{number:06d}.png", label)
        assert (int(height), int(width)) == image.shape
        assert (tmp_path / name).with_suffix(".gt.txt").read_text() == label
    for shard, size in ((0, 100), (1, 3)):
        rows = (tmp_path / f"images/{shard:03d}/labels.csv").read_text().splitlines()
        assert rows[0] == "filename,words"
        assert rows[1] == f"{100 * shard:06d}.png,{split.labels[100 * shard]}"
        assert len(rows) == size + 1


@_SMALL
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("images/000/000003.gt.txt", lambda text: text + "1"),
        ("images/001/labels.csv", lambda text: text.replace("words", "label")),
        ("images/000/labels.csv", lambda text: text + "\n"),
        ("images/000/labels.csv", None),
        ("images/000/000003.gt.txt", None),
        ("gt_width.txt", lambda text: text.replace("\t28", "\t29", 1)),
        ("digits.txt", lambda text: text + "x"),
    ],
)
def test_damaged_label_files_are_named_and_mended(
    tmp_path: Path, name: str, change: Callable[[str], str] | None
) -> None:
    recipe = _recipe(count=103)
    write_dataset(recipe, tmp_path, labels=["paddle-width", "easyocr", "kraken"], workers=1)
    before = _tree(tmp_path)
    if change is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(change((tmp_path / name).read_text()))
    problems = list(verify_dataset(tmp_path))
    assert problems
    assert all(name in problem for problem in problems), problems
    write_dataset(recipe, tmp_path, workers=1)
    assert _tree(tmp_path) == before


# --- Single images of a shard -----------------------------------------------------------------------------


@_SHARDED
def test_a_split_that_was_read_can_be_sent_to_another_process(tmp_path: Path, name: str) -> None:
    write_dataset(_recipe(count=20), tmp_path, format=name, workers=1)
    split = read_dataset(tmp_path).splits["train"]
    before = split[7]
    data = pickle.dumps(split)
    assert len(data) < 5_000
    assert (pickle.loads(data)[7][0] == before[0]).all()


@pytest.mark.parametrize("name", ["webdataset", "npz"])
def test_a_file_that_changes_is_read_anew(tmp_path: Path, name: str) -> None:
    write_dataset(_recipe(count=20), tmp_path / "a", format=name, workers=1)
    write_dataset(_recipe(count=20, seed=7), tmp_path / "b", format=name, workers=1)
    split = read_dataset(tmp_path / "a").splits["train"]
    split[3]
    for file in (tmp_path / "b").glob("train-*"):
        shutil.copy(file, tmp_path / "a" / file.name)
    assert (split[3][0] == read_dataset(tmp_path / "b").splits["train"][3][0]).all()


def test_a_tar_file_with_a_negative_size_ends_nothing(tmp_path: Path) -> None:
    from digitseq.dataset.formats.webdataset import _header

    write_dataset(_recipe(count=3), tmp_path, format="webdataset", workers=1)
    path = tmp_path / "train-000000.tar"
    data = bytearray(path.read_bytes())
    place = data.index(b"000000001.png")
    header = bytearray(_header("000000001.png", 0))
    header[124:135] = b"-0000005000"
    header[148:155] = b"%06o\0" % sum(header[:148] + b" " * 8 + header[156:])
    data[place : place + 512] = header
    path.write_bytes(data)
    split = read_dataset(tmp_path).splits["train"]
    for number in range(3):
        with pytest.raises(FormatError):
            split[number]


@pytest.mark.parametrize(
    "changes",
    [
        {"images": np.zeros((3, 28, 5_000), np.uint8)},
        {"images": np.zeros((3,), np.uint8)},
        {"images": np.zeros((3, 28, 200), np.int64)},
        {"labels": np.zeros(3, np.uint8)},
        {"boxes": np.zeros((3,), np.int32)},
        {"boxes": np.zeros((3, 6, 5), np.int32)},
        {"widths": np.full(3, 10**6, np.int32)},
        {"more": np.zeros(3, np.uint8)},
    ],
)
def test_arrays_of_other_shapes_are_refused_one_by_one_too(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_dataset(_recipe(count=3), tmp_path, format="npz", workers=1)
    path = tmp_path / "train-000000.npz"
    with np.load(path) as file:
        arrays: dict[str, Any] = dict(file) | changes
    np.savez(path, **arrays)
    split = read_dataset(tmp_path).splits["train"]
    for number in range(3):
        with pytest.raises(FormatError):
            split[number]


# --- Changes of what is there -------------------------------------------------------------------------------


def test_another_margin_is_another_recipe(tmp_path: Path) -> None:
    for first, second in ((0, 5), (5, 0)):
        folder = tmp_path / str(first)
        write_dataset(_recipe(count=3, image_width=None, margin=first), folder, workers=1)
        told = rf"another recipe \(margin: expected {second}, found {first}\)"
        with pytest.raises(OutputError, match=told):
            write_dataset(_recipe(count=3, image_width=None, margin=second), folder, workers=1)


@_SMALL
@pytest.mark.parametrize("name", ["webdataset", "npz"])
def test_masks_that_are_being_added_leave_no_dataset_that_looks_finished(tmp_path: Path, name: str) -> None:
    recipe = _recipe(count=210)
    write_dataset(recipe, tmp_path / "out", format=name, workers=1)
    with pytest.raises(RuntimeError, match="killed"):
        write_dataset(recipe, tmp_path / "out", labels=["masks"], workers=1, progress=_killed)
    with pytest.raises(FormatError, match="not a finished dataset"):
        read_dataset(tmp_path / "out")
    write_dataset(recipe, tmp_path / "out", labels=["masks"], workers=1)
    write_dataset(recipe, tmp_path / "direct", format=name, labels=["masks"], workers=1)
    assert _tree(tmp_path / "out") == _tree(tmp_path / "direct")


def test_a_card_does_not_outlive_what_it_describes(tmp_path: Path) -> None:
    write_dataset(_recipe(count=10), tmp_path, workers=1)
    write_dataset(_recipe(count=20), tmp_path, workers=1, card=False)
    assert not CARD & {path.name for path in tmp_path.iterdir()}
    assert list(verify_dataset(tmp_path)) == []
