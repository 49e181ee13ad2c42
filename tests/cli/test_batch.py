"""batch on the command line: options become exactly one recipe, and words are for people."""

import json
import os
import pty
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitseq import Recipe, api
from digitseq.augment.effects import PRESETS
from digitseq.cli import app as cli
from tests.cli.test_generate import _on_a_terminal, run

_BASE: dict[str, Any] = {"spacing_range": (2, 8), "image_width": None, "seed": 1, "source": "builtin"}
_OWN: dict[str, Any] = {
    "sequences": ("12", "007"),
    "spacing_range": (0, 3),
    "image_width": 90,
    "seed": 9,
    "source": "builtin",
}


_MEDIUM = PRESETS["medium"].to_dict() | {"noise": (0, 3)}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("-n 5 --length 3-6", _BASE | {"count": 5, "length": (3, 6)}),
        ("-n 5 --length 4 --unique", _BASE | {"count": 5, "length": (4, 4), "unique": True}),
        ("--count 5 --sequence 0042", _BASE | {"count": 5, "sequences": ("0042",)}),
        ("--sequence 0042", _BASE | {"count": 1, "sequences": ("0042",)}),
        ("--sequences -", _BASE | {"sequences": ("12", "007")}),
        ("--sequences - -n 7", _BASE | {"sequences": ("12", "007"), "count": 7}),
        (
            "--pattern 0#0# --train 7 --validation 2 --test 3",
            _BASE | {"pattern": "0#0#", "splits": (("train", 7), ("validation", 2), ("test", 3))},
        ),
        (
            "-n 1 --length 2 --min -4 --max 0 --width 77 --split test "
            "--spacing-from tile --align random --invert",
            _BASE
            | {"count": 1, "length": (2, 2), "spacing_range": (-4, 0), "image_width": 77, "split": "test"}
            | {"spacing_from": "tile", "align": "random", "invert": True},
        ),
        ("--recipe own.json", _OWN),
        (
            "--recipe own.json --seed 1 --width auto --invert",
            _OWN | {"seed": 1, "image_width": None, "invert": True},
        ),
        ("--recipe own.json --align left", _OWN | {"align": "left"}),  # it has a width
        ("--recipe own.json -n 5", _OWN | {"count": 5}),
        ("--recipe own.json --sequence 7", _OWN | {"sequences": ("7",)}),
        ("--recipe own.json --length 3 -n 2", _OWN | {"sequences": (), "length": (3, 3), "count": 2}),
        ("--recipe own.json --max 4", _OWN | {"spacing_range": (0, 4)}),
        ("--sequence 7 --style-seed 3", _BASE | {"sequences": ("7",), "source": "builtin:3"}),
        ("--recipe own.json --style-seed 3", _OWN | {"source": "builtin:3"}),
        ("--recipe old.json --style-seed 3", _OWN | {"source": "builtin:copperplate:3"}),
        ("--sequence 7 --augment medium --noise 3", _BASE | {"sequences": ("7",), "augment": _MEDIUM}),
        ("--recipe own.json --rotate 3 --writer same", _OWN | {"augment": {"rotate": 3}, "writer": "same"}),
        (
            "--recipe own.json --augment touching",
            _OWN | {"augment": "touching"},  # its spacing stays the recipe's
        ),
    ],
)
def test_options_become_exactly_this_recipe(
    monkeypatch: pytest.MonkeyPatch, in_folder: Path, argv: str, expected: dict[str, Any]
) -> None:
    seen: list[Recipe] = []

    def stop(recipe: Recipe, *_: object, **__: object) -> None:
        seen.append(recipe)
        raise KeyboardInterrupt

    for file, source in (("own.json", "builtin"), ("old.json", "builtin:copperplate:1")):
        Path(file).write_text(
            json.dumps(
                {"format": "folder", "version": 1, "recipe": Recipe(**_OWN | {"source": source}).to_dict()}
                | {"splits": [{"folder": "", "split": "train", "images": 2}]}
                | {"source": {"name": source, "digest": api.load_glyphs(source).digest}}
            )
        )
    monkeypatch.setattr(api, "write_dataset", stop)
    monkeypatch.setattr("digitseq.cli.values.sequence_lines", lambda *_: iter(["12", "007"]))
    words = argv.split() + ([] if "--recipe" in argv else ["--seed", "1", "--source", "builtin"])
    monkeypatch.setattr(sys, "argv", ["digitseq", "batch", "out", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert seen == [Recipe(**expected)]


@pytest.mark.parametrize(
    "source", ["mnist", "mnist+builtin:copperplate:7", "builtin=2+builtin:copperplate", "builtin:3+mnist"]
)
def test_a_style_seed_does_not_replace_the_other_glyphs_of_a_recipe(in_folder: Path, source: str) -> None:
    recipe = Recipe(**_OWN | {"source": source}).to_dict()
    told = {
        "format": "folder",
        "version": 1,
        "recipe": recipe,
        "source": {"name": source, "digest": "0" * 64},
    }
    splits = [{"folder": "", "split": "train", "images": 2}]
    Path("own.json").write_text(json.dumps(told | {"splits": splits}))
    done = run("batch", "out", "--recipe", "own.json", "--style-seed", "3")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--style-seed applies only to the sources builtin and builtin:STYLE; otherwise" in done.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        ("", 2, "error: Missing argument 'OUT'"),
        (
            "out",
            2,
            "error: Invalid value: expected exactly one of --sequence, --length, --sequences and --pattern",
        ),
        ("out --length 3- -n 3", 2, "error: --length: expected 1 to 65,536 digits"),
        (
            "out --length 3 --train 3 --split test",
            2,
            "error: Invalid value: --split cannot be combined with --train",
        ),
        (
            "out --length 3",
            2,
            "error: Invalid value: say how many images: -n N, or --train/--validation/--test N",
        ),
        ("out --length x -n 3", 2, "error: --length: expected 1 to 65,536 digits, such as 4 or 3-6, got 'x'"),
        ("out --length 6-3 -n 3", 2, "error: --length: expected 1 to 65,536 digits"),
        (
            "out --length 3 --pattern 0# -n 3",
            2,
            "expected exactly one of --sequence, --length, --sequences and --pattern",
        ),
        ("out --sequence 1 --sequences f", 2, "error: Invalid value: expected exactly one of"),
        ("out --sequence 1x -n 3", 2, "expected digits 0–9, got 'x' at position 2 of '1x'"),
        ("out --pattern 0x# -n 3", 2, "error: --pattern: expected digits 0–9 and #, got 'x' at position 2"),
        (
            "out --pattern 0# --unique -n 11",
            2,
            "error: --unique: expected at most 10 different labels, got 11",
        ),
        ("out --length 3 -n -5", 2, "error: --count: expected an integer from 0"),
        (
            "out --length 3 --train 5 -n 4",
            2,
            "error: --count: expected 5 (the sum of the splits) or no count",
        ),
        ("out --length 3 -n 5 --width 20", 2, "hint: 76 always fits"),
        ("out --length 3 -n 5 --workers 0", 2, "error: --workers: expected an integer from 1"),
        ("out --length 3 -n 5 --png-level 10", 2, "error: --png-level: expected an integer from 0 to 9"),
        ("out --sequences nowhere.txt", 1, "error: nowhere.txt cannot be read: No such file"),
        ("out --sequences lines.txt", 2, "error: lines.txt, line 3: expected digits 0–9, got 'x'"),
        ("out --recipe nowhere.json", 1, "error: nowhere.json cannot be read: No such file"),
        ("out --recipe lines.json", 1, "error: lines.json: not a digitseq manifest"),
        ("out --recipe lines.txt", 1, "error: lines.txt: not a digitseq manifest"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(
    in_folder: Path, argv: str, code: int, words: str
) -> None:
    for name in ("lines.txt", "lines.json"):
        Path(name).write_text("12\n\n3x\n")
    done = run("batch", *argv.split(), *(["--source", "builtin"] if argv else []))
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert re.fullmatch(r"error: .*\n(hint: .*\n)?", done.stderr), done.stderr
    assert sorted(path.name for path in in_folder.iterdir()) == ["lines.json", "lines.txt"]


def test_sizes_of_small_datasets_are_not_rounded_to_nothing(in_folder: Path) -> None:
    done = run("batch", "out", *["--length", "2", "-n", "5", "--source", "builtin"])
    assert re.search(r"5 images written \([1-9][0-9.]* kB\)", done.stderr), done.stderr


def test_a_dry_run_shows_and_writes_nothing(in_folder: Path) -> None:
    command = (
        "batch",
        "out",
        "--length",
        "2-4",
        "--train",
        "900",
        "--test",
        "100",
        "--seed",
        "3",
        "--source",
        "builtin",
    )
    done = run(*command, "--dry-run")
    assert done.returncode == 0
    assert "images   1,000 (train 900, test 100)" in done.stdout
    assert "seed     3" in done.stdout
    assert not list(in_folder.iterdir())
    facts = json.loads(run(*command, "--dry-run", "--json").stdout)
    summary = json.loads(run(*command, "--json").stdout)
    assert facts["files"] == sum(path.is_file() for path in Path("out").rglob("*"))
    assert facts["size_bytes"] == pytest.approx(summary["size_bytes"], rel=0.1)
    assert facts["splits"] == {"train": 900, "test": 100}
    assert summary["images"] == summary["written"] == 1_000


def test_sequences_from_stdin_and_made_again_from_the_recipe(in_folder: Path) -> None:
    done = run("batch", "a", "--sequences", "-", "--source", "builtin", "-q", stdin="0042\n7\n0042\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\n", "")
    labels = Path("a/labels.csv").read_text().split()
    assert labels[1:] == [
        "images/000/000000.png,0042",
        "images/000/000001.png,7",
        "images/000/000002.png,0042",
    ]
    assert run("batch", "b", "--recipe", "a/dataset.json").returncode == 0
    for path in Path("a").rglob("*"):
        if path.is_file():
            assert (Path("b") / path.relative_to("a")).read_bytes() == path.read_bytes()


def test_a_recipe_of_own_glyphs_asks_for_them(in_folder: Path) -> None:
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 4:24, 10:18] = 200
    np.savez("own.npz", images=images, labels=np.arange(10))
    np.savez("other.npz", images=images // 2, labels=np.arange(10))
    assert run("batch", "a", "--length", "2", "-n", "5", "--source", "own.npz").returncode == 0
    Path("moved.npz").write_bytes(Path("own.npz").read_bytes())
    Path("own.npz").unlink()
    done = run("batch", "b", "--recipe", "a/dataset.json")
    assert (done.returncode, "no source 'own.npz'" in done.stderr) == (1, True)
    Path("own.npz").write_bytes(Path("other.npz").read_bytes())
    done = run("batch", "b", "--recipe", "a/dataset.json")
    assert (done.returncode, "made from other glyphs" in done.stderr) == (1, True)
    assert run("verify", "a").returncode == 1
    assert run("verify", "a", "--source", "moved.npz").returncode == 0


def test_progress_is_a_bar_on_a_terminal(in_folder: Path) -> None:
    code, shown = _on_a_terminal(
        "batch",
        "out",
        "--length",
        "2",
        "-n",
        "3000",
        "--workers",
        "1",
        "--source",
        "builtin",
        "--seed",
        "1",
        columns=120,
    )
    assert code == 0
    assert "writing" in shown
    assert "/3000" in shown
    assert "3,000 images written" in shown


@pytest.mark.usefixtures("small_shards_everywhere")
def test_the_bank_of_built_in_digits_is_announced_and_drawn_once(in_folder: Path) -> None:
    command = ("--length", "1", "--style-seed", "21", "--seed", "1", "--workers", "1")
    announced = "note: generating the built-in digits (60,000 glyphs, once)\n"
    assert announced not in run("batch", "few", "-n", "400", *command).stderr
    done = run("batch", "one", "-n", "401", *command)
    assert announced in done.stderr
    assert announced not in run("batch", "two", "-n", "401", *command).stderr
    assert Path("one/labels.csv").read_bytes() == Path("two/labels.csv").read_bytes()
    assert json.loads(Path("one/dataset.json").read_text())["source"]["name"] == "builtin:21"
    assert run("verify", "one").returncode == 0


def test_an_augmented_dataset_in_one_hand_is_right_and_finished_by_the_same_command(in_folder: Path) -> None:
    command = ("-n", "30", "--length", "2-5", "--augment", "heavy", "--writer", "same", "--source", "builtin")
    run("batch", "out", *command, "--seed", "1", "--width", "180")
    assert run("verify", "out").returncode == 0
    lines = [json.loads(line) for line in Path("out/metadata.jsonl").read_text().splitlines()]
    assert all(isinstance(line["writer"], int) for line in lines)
    assert len({line["writer"] for line in lines}) > 20
    run("batch", "again", "--recipe", "out/dataset.json")
    assert Path("again/dataset.json").read_bytes() == Path("out/dataset.json").read_bytes()
    other = run("batch", "out", "--recipe", "out/dataset.json", "--noise", "0:30")
    assert other.returncode == 1
    assert "(noise: expected [0.0, 30.0], found [0.0, 25.0])" in other.stderr
    whole = Path("out/images/000/000003.png").read_bytes()
    Path("out/images/000/000003.png").write_bytes(whole[:50])
    assert "1 image written" in run("batch", "out", "--recipe", "out/dataset.json").stderr
    assert Path("out/images/000/000003.png").read_bytes() == whole


def test_a_split_of_the_source_needs_a_recipe_without_splits(in_folder: Path) -> None:
    command = ("--length", "1", "--source", "builtin", "--seed", "1", "--split", "test")
    assert run("batch", "a", "--train", "2", "--test", "1", *command[:-2]).returncode == 0
    done = run("batch", "b", "--recipe", "a/dataset.json", "--split", "test")
    assert (done.returncode, Path("b").exists()) == (2, False)
    assert "--split needs -n N, the number of images from that split, if the recipe has splits" in done.stderr
    run("batch", "b", "--recipe", "a/dataset.json", "--split", "test", "-n", "2")
    run("batch", "c", "-n", "2", *command)
    run("batch", "d", "-n", "2", *command[:-2])
    images = [Path(out, "images/000/000000.png").read_bytes() for out in "bcd"]
    assert images[0] == images[1] != images[2]


def test_a_dataset_that_is_not_finished_says_so(in_folder: Path) -> None:
    run("batch", "out", "-n", "3", "--length", "1", "--source", "builtin", "--seed", "1")
    Path("out/dataset.json").rename("out/.digitseq-unfinished.json")
    for command in (("verify", "out"), ("batch", "again", "--recipe", "out")):
        done = run(*command)
        assert done.returncode == 1
        assert done.stderr.startswith(
            "error: the dataset in out is not finished\nhint: run the same `digitseq batch`"
        )
    run("batch", "out", "-n", "3", "--length", "1", "--source", "builtin", "--seed", "1")
    assert run("verify", "out").returncode == 0


def test_a_wrong_format_is_told_before_anything_is_loaded(in_folder: Path) -> None:
    """Nothing is cached, so loading would warn."""
    for option, wrong in (("--format", "zip"), ("--labels", "yolov9")):
        done = run("batch", "out", "--length", "2", "-n", "3", option, wrong)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {option}: expected one of ")


def test_results_go_where_standard_output_goes_also_while_a_bar_is_shown(in_folder: Path) -> None:
    run("batch", "out", "--length", "2", "-n", "1500", "--seed", "1", "--source", "builtin")
    for name in ("000003", "000700"):
        Path(f"out/images/000/{name}.png").unlink()
    child, parent = pty.fork()
    if child == 0:
        with Path("problems.txt").open("w") as file:
            os.dup2(file.fileno(), 1)
        os.execv(sys.executable, [sys.executable, "-m", "digitseq", "verify", "out"])
    with suppress(OSError):
        while os.read(parent, 4096):
            pass
    os.waitpid(child, 0)
    assert len(Path("problems.txt").read_text().splitlines()) == 4  # and two digests
