"""Datasets on disk: the layout, the same bytes for any number of workers, through kills and full disks."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitseq import DigitSequences, Recipe, read_dataset, verify_dataset, write_dataset
from digitseq.errors import ArgumentError, FormatError, OutputError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.storage.open_folder import Folder
from tests.conftest import SMALL
from tests.dataset.made import CARD
from tests.dataset.made import recipe as _recipe
from tests.dataset.made import tree as _tree
from tests.held import held
from tests.server import wait_until

# --- The layout -----------------------------------------------------------------------------------------


def test_a_flat_dataset_is_laid_out_as_promised(tmp_path: Path) -> None:
    recipe = _recipe(count=1_001)
    summary = write_dataset(recipe, tmp_path / "out", workers=1)
    tree = _tree(tmp_path / "out")
    images = [f"images/{n // 1000:03d}/{n:06d}.png" for n in range(1_001)]
    assert sorted(tree) == sorted([*images, "labels.csv", "metadata.jsonl", "dataset.json"])
    live = DigitSequences(recipe, boxes=True)

    assert tree["labels.csv"].endswith(b"\n")
    assert b"\r" not in tree["labels.csv"]
    with (tmp_path / "out" / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    facts = [json.loads(line) for line in tree["metadata.jsonl"].decode().splitlines()]
    for number, (row, fact) in enumerate(zip(rows, facts, strict=True)):
        image, label, boxes = live[number]
        assert row == {"filename": images[number], "label": label}
        assert (fact["file_name"], fact["label"]) == (images[number], label)
        assert fact["objects"]["bbox"] == boxes[: len(label)].tolist()
        assert fact["objects"]["categories"] == [int(digit) for digit in label]
        assert len(fact["glyphs"]) == len(label)
        if number % 50 == 0:
            with Image.open(tmp_path / "out" / images[number]) as read:
                assert (read.mode, read.format) == ("L", "PNG")
                assert (np.asarray(read) == image).all()

    manifest = json.loads(tree["dataset.json"])
    assert Recipe.from_dict(manifest["recipe"]) == recipe
    assert (manifest["images"], manifest["source"]["name"]) == (1_001, "builtin")
    assert (summary.images, summary.written, summary.pixels) == (1_001, 1_001, manifest["pixels"])
    assert str(tmp_path) not in json.dumps(manifest)


def test_splits_are_folders_with_disjoint_glyphs(tmp_path: Path, with_mnist: object) -> None:
    recipe = _recipe(splits={"train": 300, "validation": 40, "test": 60}, source="mnist")
    write_dataset(recipe, tmp_path, workers=1)
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"dataset.json", "test", "train", "validation", *CARD}
    glyphs: dict[str, set[int]] = {}
    for split, count in recipe.splits:
        lines = (tmp_path / split / "metadata.jsonl").read_text().splitlines()
        assert len(lines) == count
        assert len(list((tmp_path / split / "images" / "000").iterdir())) == count
        glyphs[split] = {glyph for line in lines for glyph in json.loads(line)["glyphs"]}
    assert max(glyphs["train"]) < 54_000 <= min(glyphs["validation"])
    assert max(glyphs["validation"]) < 60_000 <= min(glyphs["test"])


@pytest.mark.parametrize("count", [0, 1, 999, 1_000, 1_001])
def test_any_number_of_images_is_whole_and_reads_back(tmp_path: Path, count: int) -> None:
    recipe = _recipe(count=count, length=(1, 2))
    write_dataset(recipe, tmp_path, workers=1)
    dataset = read_dataset(tmp_path)
    live = DigitSequences(recipe)
    assert (len(dataset), dataset.recipe) == (count, recipe)
    for number in {0, count // 2, count - 1} & set(range(count)):
        image, label = dataset.splits["train"][number]
        assert (label, image.tobytes()) == (live[number][1], live[number][0].tobytes())
    assert list(verify_dataset(tmp_path)) == []


def test_png_levels_change_bytes_and_no_pixel(tmp_path: Path) -> None:
    sizes = []
    for level in (0, 1, 9):
        summary = write_dataset(_recipe(count=50), tmp_path / str(level), workers=1, png_level=level)
        sizes.append(summary.size_bytes)
        assert list(verify_dataset(tmp_path / str(level))) == []
    assert sizes[2] < min(sizes[:2])
    assert len({(tmp_path / str(level) / "dataset.json").read_bytes() for level in (0, 1, 9)}) == 1


# --- The same bytes -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, bank: Path) -> dict[str, bytes]:
    """The files of a dataset of 13 small shards in two splits, written without interruption."""
    folder = tmp_path_factory.mktemp("expected") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITSEQ_CACHE_DIR", str(bank))
        patch.setenv("PYTHONPATH", SMALL, prepend=os.pathsep)
        _, errors = _start(folder, 1).communicate(timeout=120)
    assert "1,150 images written" in errors
    return _tree(folder)


_COMMAND = "--length 3-6 --min 2 --max 8 --width 200 --seed 42 --source builtin --train 840 --test 310"
_LONGER = ("--train", "4500")


def _start(out: Path, workers: int, *more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "digitseq",
            "batch",
            str(out),
            *_COMMAND.split(),
            "--workers",
            str(workers),
            *more,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.usefixtures("small_shards_everywhere")
@pytest.mark.parametrize("workers", [2, 5])
def test_the_number_of_workers_changes_no_byte(
    tmp_path: Path, workers: int, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = _start(tmp_path / "out", workers)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, f"{tmp_path / 'out'}\n"), errors
    assert _tree(tmp_path / "out") == expected


@pytest.mark.usefixtures("small_shards_everywhere")
def test_three_parts_started_together_give_the_same_tree_as_one(
    tmp_path: Path, expected: dict[str, bytes]
) -> None:
    """Real processes; the last to finish assembles the parts."""
    for attempt in range(2):
        out = tmp_path / f"out{attempt}"
        running = [_start(out, 1, "--part", f"{part}/3", "--json") for part in (1, 2, 3)]
        told = [process.communicate(timeout=120) for process in running]
        assert [process.returncode for process in running] == [0, 0, 0], told
        assert [json.loads(output)["images"] for output, _ in told] == [410, 400, 340]
        assert min(json.loads(output)["missing"] for output, _ in told) == 0
        assert _tree(out) == expected


_KILLS = 4


@pytest.mark.usefixtures("small_shards_everywhere")
def test_killed_at_any_moment_and_run_again_it_is_the_same(
    tmp_path: Path, expected: dict[str, bytes]
) -> None:
    """Kill the process group when 0 to 9 of 13 shards are done, then run the same command to completion."""
    chance = random.Random(1)
    cut_off = 0
    for kill in range(_KILLS):
        out, workers = tmp_path / f"out{kill}", chance.choice([1, 2, 5])
        process = _start(out, workers)
        wait_until(lambda made=out, least=3 * kill: len(list(made.glob("*/images/[0-9]*"))) >= least, 60)
        time.sleep(0.03 * chance.random() if kill else chance.random())
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        cut_off += not (out / "dataset.json").exists()
        again = _start(out, chance.choice([1, 2]))
        output, errors = again.communicate(timeout=120)
        assert (again.returncode, output) == (0, f"{out}\n"), errors
        assert _tree(out) == expected, f"killed after {3 * kill} shards"
        shutil.rmtree(out)
    assert cut_off >= _KILLS // 2, "the kills came too late to mean anything"


def test_running_again_touches_nothing_and_mends_what_is_missing_or_damaged(tmp_path: Path) -> None:
    recipe = _recipe(count=1_500)
    write_dataset(recipe, tmp_path, workers=1)
    before = {
        path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tmp_path.rglob("*") if path.is_file()
    }
    expected = _tree(tmp_path)
    assert write_dataset(recipe, tmp_path, workers=1).written == 0
    after = {
        path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tmp_path.rglob("*") if path.is_file()
    }
    manifest = tmp_path / "dataset.json"
    assert after.pop(manifest) > before.pop(manifest)  # for make
    assert after == before

    images = tmp_path / "images"
    (images / "000" / "000007.png").unlink()
    (images / "000" / "000008.png").write_bytes(b"")
    (images / "000" / "000009.png").write_bytes((images / "000" / "000010.png").read_bytes())
    shutil.rmtree(images / "001")
    (tmp_path / "labels.csv").write_text("filename,label\n")
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(OutputError, match="is not a digitseq dataset"):
        write_dataset(recipe, tmp_path, workers=1)  # without a manifest it could be anybody's
    (tmp_path / "dataset.json").write_bytes(expected["dataset.json"])
    assert write_dataset(recipe, tmp_path, workers=1).written == 503
    assert _tree(tmp_path) == expected


def test_without_a_seed_the_same_command_goes_on_with_the_seed_it_drew(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "digitseq",
        "batch",
        "out",
        "-n",
        "30",
        "--length",
        "2",
        "--source",
        "builtin",
    ]
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert "0 images written" in done.stderr


# --- Folders that are in the way ------------------------------------------------------------------------


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    for force in (False, True):
        with pytest.raises(OutputError, match=r"is not a digitseq dataset \(found thesis.txt\)"):
            write_dataset(_recipe(count=3), tmp_path, workers=1, force=force)
    assert _tree(tmp_path) == {"thesis.txt": b"ten years of work"}


def test_another_recipe_is_refused_and_replaced_only_by_force(tmp_path: Path) -> None:
    write_dataset(_recipe(splits={"train": 1_200, "test": 5}), tmp_path, workers=1)
    before = _tree(tmp_path)
    with pytest.raises(OutputError, match=r"another recipe \(image_width: expected 210, found 200\)"):
        write_dataset(_recipe(splits={"train": 1_200, "test": 5}, image_width=210), tmp_path, workers=1)
    assert _tree(tmp_path) == before
    (tmp_path / "train" / "notes.txt").write_text("mine")
    write_dataset(_recipe(count=7), tmp_path, workers=1, force=True)
    tree = _tree(tmp_path)
    assert tree.pop("train/notes.txt") == b"mine"
    assert sorted(tree) == sorted(
        [*(f"images/000/{n:06d}.png" for n in range(7)), "labels.csv", "metadata.jsonl", "dataset.json"]
    )


def test_an_unfinished_dataset_of_another_recipe_is_refused_too(tmp_path: Path) -> None:
    process = _start(tmp_path / "out", 1, *_LONGER)
    wait_until(lambda: (tmp_path / "out" / "train" / "images" / "000").exists())
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    with pytest.raises(OutputError, match="another recipe"):
        write_dataset(_recipe(count=7), tmp_path / "out", workers=1)
    with pytest.raises(
        FormatError, match=r"not a finished dataset.*`digitseq batch` command again to resume"
    ):
        read_dataset(tmp_path / "out")


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(OutputError, match=str(out)):
            write_dataset(_recipe(count=3), out, workers=1)
    assert (tmp_path / "file").read_text() == "x"


def test_two_at_once_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with held(out / ".digitseq.lock"), pytest.raises(OutputError, match="another digitseq process"):
        write_dataset(_recipe(count=3), out, workers=1)
    write_dataset(_recipe(count=3), out, workers=1)
    assert ".digitseq.lock" not in _tree(out)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_told_and_the_rest_stays(tmp_path: Path, workers: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        process = _start(disk / "out", workers, *_LONGER)
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output) == (1, ""), errors
        assert "cannot be written: No space left on device" in errors
        assert "Traceback" not in errors
        left = {path.name for path in disk.rglob("*") if path.is_file() and path.suffix != ".png"}
        assert left == {".digitseq-unfinished.json"}
        assert all(len(list(shard.iterdir())) == 1_000 for shard in disk.glob("out/train/images/*"))
    finally:
        subprocess.run(["umount", disk], check=True)


def test_arguments_are_checked_before_anything_is_written(tmp_path: Path, solid: GlyphSet) -> None:
    for fields, options, argument in (
        ({"image_width": 20}, {}, "image_width"),
        ({}, {"workers": 0}, "workers"),
        ({}, {"workers": True}, "workers"),
        ({}, {"png_level": 10}, "png_level"),
    ):
        with pytest.raises(ArgumentError) as caught:
            write_dataset(_recipe(count=3, **fields), tmp_path / "out", source=solid, **options)
        assert caught.value.argument == argument
    assert not (tmp_path / "out").exists()


# --- Many -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_shards_everywhere")
def test_progress_counts_shards_in_their_order(tmp_path: Path) -> None:
    recipe = _recipe(count=600, length=(4, 4))
    done: list[tuple[int, int]] = []
    summary = write_dataset(
        recipe, tmp_path, workers=2, progress=lambda _, images, total, __: done.append((images, total))
    )
    assert (summary.images, summary.written) == (600, 600)
    assert done == [(100 * k, 600) for k in range(1, 7)]
    assert list(verify_dataset(tmp_path)) == []


# --- Kills at bad moments -------------------------------------------------------------------------------


@pytest.mark.usefixtures("processes")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    process = _start(tmp_path / "out", 2, *_LONGER)
    wait_until(lambda: (tmp_path / "out" / "train" / "images" / "000").exists())
    children = [
        int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ]
    assert len(children) >= 2
    process.kill()
    process.communicate()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), seconds=30)


def test_a_run_that_was_killed_before_it_began_is_no_stranger(tmp_path: Path) -> None:
    for name in (".partial-1-0123456789ab", ".digitseq.lock"):
        (tmp_path / name).write_text("")
    write_dataset(_recipe(count=3), tmp_path, workers=1)
    assert list(verify_dataset(tmp_path)) == []


def test_a_kill_while_replacing_can_be_followed_by_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(_recipe(count=5), tmp_path, workers=1)
    remove, removed = Folder.remove, []

    def killed(folder: Folder, name: str) -> None:
        if name.endswith(".png") and (removed.append(name) or len(removed) > 2):  # type: ignore[func-returns-value]
            raise KeyboardInterrupt
        remove(folder, name)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            write_dataset(_recipe(count=7), tmp_path, workers=1, force=True)
    with pytest.raises(OutputError, match="another recipe"):
        write_dataset(_recipe(count=7), tmp_path, workers=1)
    write_dataset(_recipe(count=7), tmp_path, workers=1, force=True)
    assert list(verify_dataset(tmp_path)) == []


def test_force_removes_only_what_the_replaced_dataset_had(tmp_path: Path) -> None:
    write_dataset(_recipe(count=3), tmp_path, workers=1)
    write_dataset(_recipe(count=3, seed=2), tmp_path / "train", workers=1)
    inner = _tree(tmp_path / "train")
    write_dataset(_recipe(count=4), tmp_path, workers=1, force=True)
    assert _tree(tmp_path / "train") == inner


def test_a_manifest_that_cannot_be_read_is_renewed_by_force(tmp_path: Path) -> None:
    recipe = _recipe(count=3)
    write_dataset(recipe, tmp_path, workers=1)
    whole = (tmp_path / "dataset.json").read_bytes()
    broken: list[Any] = [{}, {"format": "folder", "version": 1}, json.loads(whole) | {"splits": []}, []]
    for content in (b"", b"\xff", *(json.dumps(data).encode() for data in broken)):
        (tmp_path / "dataset.json").write_bytes(content)
        for attempt in (
            lambda: list(verify_dataset(tmp_path)),
            lambda: write_dataset(recipe, tmp_path, workers=1),
        ):
            with pytest.raises(FormatError, match=r"dataset\.json"):
                attempt()
    (tmp_path / "dataset.json").write_bytes(b"")
    shutil.rmtree(tmp_path / "images")
    for name in ("labels.csv", "metadata.jsonl"):
        (tmp_path / name).unlink()
    write_dataset(recipe, tmp_path, workers=1, force=True)
    assert (tmp_path / "dataset.json").read_bytes() == whole


def test_unique_sequences_from_a_file_with_doubles(tmp_path: Path) -> None:
    write_dataset(_recipe(length=None, sequences=("1", "1", "2"), count=2, unique=True), tmp_path, workers=1)
    assert read_dataset(tmp_path).splits["train"].labels == ("1", "2")


def test_wide_images_are_drawn_few_at_a_time(solid: GlyphSet) -> None:
    from digitseq.batches import draw_batches

    assert len(next(draw_batches(_recipe(count=9, image_width=1_000_000), solid)).images) <= 2
    assert len(next(draw_batches(_recipe(count=900), solid)).images) == 250
