"""Parts: processes that know nothing of each other write one dataset together."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from digitseq import ArgumentError, OutputError, Recipe, read_dataset, verify_dataset, write_dataset
from digitseq.dataset.formats import FORMATS, find_format
from digitseq.dataset.shards import Place
from digitseq.storage.local import LocalStorage
from tests.dataset.libraries import library
from tests.dataset.made import recipe
from tests.dataset.made import tree as _tree

pytestmark = pytest.mark.usefixtures("small_shards")


def _recipe(**fields: Any) -> Recipe:
    return recipe(**{"length": (2, 4), "image_width": 110} | fields)


_SPLITS = {"train": 330, "test": 120}  # 4 and 2 shards


@pytest.mark.parametrize("name", list(FORMATS))
def test_parts_in_any_order_make_the_same_dataset(tmp_path: Path, name: str) -> None:
    if find_format(name).library:
        library(find_format(name).library)
    wanted, out = _recipe(splits=_SPLITS), tmp_path / "out"
    options: dict[str, Any] = {"format": name, "workers": 1}
    if name == "folder":
        options["labels"] = ["coco", "yolo"]
    write_dataset(wanted, tmp_path / "whole", **options)
    for part, missing in ((3, 4), (1, 2)):
        summary = write_dataset(wanted, out, part=(part, 3), **options)
        assert (summary.missing, summary.pixels) == (missing, "")
        assert not (out / "dataset.json").exists()
    with pytest.raises(
        OutputError, match=r"2 of 6 shards still missing, the first is shard 2 of train.*run the missing"
    ):
        write_dataset(wanted, out, finish=True, **options)
    summary = write_dataset(wanted, out, part=(2, 3), **options)
    assert (summary.images, summary.written, summary.missing) == (200, 200, 0)
    assert _tree(out) == _tree(tmp_path / "whole")
    assert write_dataset(wanted, out, part=(2, 3), **options).written == 0
    assert write_dataset(wanted, out, finish=True, **options).images == len(wanted)
    assert _tree(out) == _tree(tmp_path / "whole")


@pytest.mark.parametrize(
    ("before", "this", "other", "moments"),
    [([], (2, 2), (1, 2), 6), ([], (2, 2), None, 3), ([(1, 3), (2, 3)], (2, 3), (3, 3), 6)],
    ids=["a part", "the whole", "the last part"],
)
def test_a_part_that_begins_or_ends_at_any_moment_of_another_is_no_stranger(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: list[tuple[int, int]],
    this: tuple[int, int],
    other: tuple[int, int] | None,
    moments: int,
) -> None:
    """
    The other one does all its work before the n-th time that this one looks at the folder.

    From the fourth on this one is at work, and a run of the whole dataset would be refused.
    """
    wanted = _recipe(count=205 if before else 105)
    moment = looks = 0

    def watched(look: Any) -> Any:
        def watching(self: LocalStorage, *args: Any) -> Any:
            nonlocal looks
            looks += 1
            if looks == moment:
                write_dataset(wanted, out, part=other, workers=1)
            return look(self, *args)

        return watching

    for number in range(1, moments + 1):
        moment, out = 0, tmp_path / f"{number}"
        with monkeypatch.context() as patch:
            for part in before:
                write_dataset(wanted, out, part=part, workers=1)
            for name in ("names", "read"):
                patch.setattr(LocalStorage, name, watched(getattr(LocalStorage, name)))
            looks, moment = 0, number
            assert write_dataset(wanted, out, part=this, workers=1).missing == 0
        assert looks > moment
        assert list(verify_dataset(out)) == []


def test_a_part_that_was_killed_is_written_again_and_finished_by_a_command(tmp_path: Path) -> None:
    wanted = _recipe(count=210)
    write_dataset(wanted, tmp_path / "whole", workers=1)
    out = tmp_path / "out"
    for part in (1, 2, 3):
        write_dataset(wanted, out, part=(part, 4), workers=1)  # 4 has no shard: nothing is missing
    assert _tree(out) == _tree(tmp_path / "whole")
    (out / "dataset.json").rename(out / ".digitseq-unfinished.json")  # as if the end had been killed
    (out / "images/001/000107.png").unlink(missing_ok=True)
    (out / "images/002/000207.png").write_bytes(b"")
    for name in ("labels.csv", "metadata.jsonl"):
        (out / name).unlink()
    (out / ".partial-1-0123456789ab").write_text("")
    for part in (1, 2, 3):
        write_dataset(wanted, out, part=(part, 3), workers=1)
    assert _tree(out) == _tree(tmp_path / "whole")


def test_a_damaged_note_is_told_and_its_part_written_again(tmp_path: Path) -> None:
    wanted, out = _recipe(count=200), tmp_path / "out"
    write_dataset(wanted, out, part=(1, 2), workers=1)
    (note,) = (out / ".digitseq-notes").glob("*/*")
    whole = note.read_bytes()
    for damaged in (b"", whole[:-3], b"{}\n", b"[1]\n"):
        note.write_bytes(damaged)
        with pytest.raises(OutputError, match=r"train-000000: missing or damaged.*run its part again"):
            write_dataset(wanted, out, part=(2, 2), workers=1)
    write_dataset(wanted, out, part=(1, 2), workers=1)
    assert list(verify_dataset(out)) == []


def test_notes_of_shards_that_were_removed_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digitseq.dataset import write as dataset

    wanted, other, out = _recipe(count=200), _recipe(count=200, seed=7), tmp_path / "out"
    write_dataset(wanted, out, part=(1, 2), workers=1)
    with monkeypatch.context() as patch:
        patch.setattr(dataset, "assemble", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_dataset(other, out, force=True, workers=1)
    with pytest.raises(OutputError, match="another recipe"):
        write_dataset(wanted, out, part=(2, 2), workers=1)  # the folder says what it is becoming
    write_dataset(other, out, workers=1)
    assert list(verify_dataset(out)) == []
    write_dataset(wanted, out, force=True, workers=1)
    assert list(verify_dataset(out)) == []


@pytest.mark.parametrize("name", ["folder", "webdataset", "npz"])
def test_a_dataset_is_not_assembled_without_a_shard_that_was_deleted(tmp_path: Path, name: str) -> None:
    wanted = _recipe(count=250)
    for part in (1, 2):
        write_dataset(wanted, tmp_path, format=name, part=(part, 3), workers=1)
    place = Place("train", "", 250, 3)
    for file in find_format(name).shard_files(place, 1):
        (tmp_path / file).unlink()
    with pytest.raises(OutputError, match=r"shard 2 of train is missing.*again to resume"):
        write_dataset(wanted, tmp_path, format=name, part=(3, 3), workers=1)
    assert not (tmp_path / "dataset.json").exists()
    write_dataset(wanted, tmp_path, format=name, part=(2, 3), workers=1)
    assert list(verify_dataset(tmp_path)) == []


def test_parts_with_other_labels_are_not_put_together(tmp_path: Path) -> None:
    wanted, out = _recipe(count=200), tmp_path / "out"
    write_dataset(wanted, tmp_path / "whole", labels=["coco"], workers=1)
    write_dataset(wanted, out, part=(1, 2), workers=1)
    assert write_dataset(wanted, out, part=(2, 2), labels=["coco"], workers=1).missing == 1
    assert (
        write_dataset(wanted, out, part=(1, 2), workers=1).missing == 0
    )  # the labels are those that are there
    assert _tree(out) == _tree(tmp_path / "whole")
    for part in (1, 2):  # added to a whole dataset
        write_dataset(wanted, out, part=(part, 2), labels=["paddle"], workers=1)
    assert read_dataset(out).manifest["labels"] == ["paddle", "coco"]
    assert list(verify_dataset(out)) == []


def test_finish_on_nothing_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="2 of 2 shards still missing"):
        write_dataset(_recipe(count=200), tmp_path / "out", finish=True)
    assert not (tmp_path / "out").exists()


def test_the_whole_command_finishes_parts_and_another_recipe_is_refused(tmp_path: Path) -> None:
    wanted, out = _recipe(count=300), tmp_path / "out"
    write_dataset(wanted, out, part=(2, 3), workers=1)
    with pytest.raises(OutputError, match="another recipe"):
        write_dataset(_recipe(count=301), out, part=(1, 3), workers=1)
    assert write_dataset(wanted, out, workers=1).written == 200
    assert list(verify_dataset(out)) == []
    assert len(read_dataset(out)) == 300


def test_parts_are_checked(tmp_path: Path) -> None:
    wanted = _recipe(count=5)
    wrong: list[dict[str, Any]] = [
        {"part": (0, 3)},
        {"part": (4, 3)},
        {"part": (1, 3, 5)},
        {"part": (True, 3)},
        {"part": "1/3"},
    ]
    for options in wrong:
        with pytest.raises(ArgumentError, match=r"part: expected two integers k and n, 1 ≤ k ≤ n"):
            write_dataset(wanted, tmp_path / "out", workers=1, **options)
    for argument, options in (
        ("force", {"part": (1, 3), "force": True}),
        ("force", {"finish": True, "force": True}),
        ("finish", {"part": (1, 3), "finish": True}),
    ):
        with pytest.raises(ArgumentError) as caught:
            write_dataset(wanted, tmp_path / "out", workers=1, **options)
        assert caught.value.argument == argument
    command = [
        sys.executable,
        "-m",
        "digitseq",
        "batch",
        "out",
        "-n",
        "5",
        "--length",
        "2",
        "--source",
        "builtin",
    ]
    for more, told in (
        (["--part", "3"], "expected K/N with 1 ≤ K ≤ N, such as 3/16, got '3'"),
        (["--part", "5/3", "--seed", "1"], "expected K/N with 1 ≤ K ≤ N, such as 3/16, got '5/3'"),
        (["--part", "1/3"], "--part needs --seed or --recipe, the same for all parts"),
    ):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_same_part_is_not_written_twice_at_once(tmp_path: Path) -> None:
    recipe = _recipe(count=300)
    told: list[str] = []

    def again(_stage: str, _done: int, _total: int, _size: int) -> None:
        if not told:
            with pytest.raises(OutputError, match="digitseq process is writing a part of") as caught:
                write_dataset(recipe, tmp_path / "out", workers=1, part=(1, 2))
            told.append(str(caught.value))

    write_dataset(recipe, tmp_path / "out", workers=1, part=(1, 2), progress=again)
    assert told
    write_dataset(recipe, tmp_path / "out", workers=1, part=(2, 2))
    assert list(verify_dataset(tmp_path / "out")) == []


def test_an_error_while_cleaning_up_never_hides_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a worker that was given up for lost still writes into a folder that is being removed."""

    def refuse(_storage: object, folders: object, *, own: bool = False) -> None:
        if begun:
            raise OutputError("the clean-up failed")

    def stop(_stage: str, _done: int, _total: int, _size: int) -> None:
        begun.append(True)
        raise ZeroDivisionError("the first error")

    begun: list[bool] = []
    monkeypatch.setattr(LocalStorage, "sweep", refuse)
    for part in (None, (1, 2)):
        begun.clear()
        with pytest.raises(ZeroDivisionError, match="the first error"):
            write_dataset(_recipe(count=300), tmp_path / "out", workers=1, progress=stop, part=part)


def test_a_whole_run_is_refused_while_a_part_is_at_work(tmp_path: Path) -> None:
    recipe = _recipe(count=300)
    told: list[str] = []

    def whole(_stage: str, _done: int, _total: int, _size: int) -> None:
        if not told:
            for force in (False, True):
                with pytest.raises(OutputError, match="digitseq process is writing a part of") as caught:
                    write_dataset(recipe, tmp_path / "out", workers=1, force=force)
                told.append(str(caught.value))

    write_dataset(recipe, tmp_path / "out", workers=1, part=(1, 2), progress=whole)
    assert len(told) == 2
    write_dataset(recipe, tmp_path / "out", workers=1)
    assert list(verify_dataset(tmp_path / "out")) == []
    assert not (tmp_path / "out/.digitseq-notes").exists()
