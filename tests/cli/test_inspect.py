"""inspect on the command line: words for people, JSON for programs, files only where they are asked for."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from digitseq import Report, inspect_dataset, make_recipe, write_dataset
from tests.cli.test_generate import _on_a_terminal, run

_WRONG = {3: "1", 5: "", 8: "\x1b[31m<script>"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, and beside it predictions of two models."""
    folder = tmp_path_factory.mktemp("cli")
    recipe = make_recipe(
        length=(3, 5),
        spacing_range=(2, 8),
        image_width=150,
        seed=1,
        source="builtin",
        splits={"train": 60, "test": 20},
    )
    write_dataset(recipe, folder / "data", workers=1)
    with (folder / "data/test/labels.csv").open() as file:
        labels = [row[1] for row in csv.reader(file)][1:]
    for name, wrong in (("a", _WRONG), ("b", {3: "1"})):
        lines = [
            json.dumps({"index": i, "prediction": wrong.get(i, label), "confidence": 0.5})
            for i, label in enumerate(labels)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture
def here(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder is a copy of theirs."""
    folder = Path(shutil.copytree(data, tmp_path / "here"))
    monkeypatch.chdir(folder)
    return folder


def test_the_report_goes_to_standard_output_and_changes_nothing(here: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    done = run("inspect", "data")
    assert done.returncode == 0
    assert done.stderr == ""
    for words in (
        "data: 80 images", "train 60, test 20", "gaps as specified: 2 to 8 px between ink",
        "no duplicate images", "0 glyphs and",
    ):  # fmt: skip
        assert words in done.stdout, words
    assert done.stdout.splitlines()[-1] == "faults  none in 80 images"
    assert "\x1b" not in done.stdout
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before


def test_touching_neighbours_are_counted_apart_from_the_gaps_in_px(in_folder: Path) -> None:
    recipe = make_recipe(
        length=3, count=40, seed=1, source="builtin", spacing_from="contour", spacing_range=(-2, 3)
    )
    Path("recipe.json").write_text(json.dumps(recipe.to_dict()))
    spacing = inspect_dataset("recipe.json").spacing
    assert spacing.spread is not None
    lines = run("inspect", "recipe.json", env={"COLUMNS": "100"}).stdout.splitlines()
    told = f"{spacing.touching} touching, others 1 to 3 px, mean {spacing.spread.mean:.2f}"
    assert [line.split(": ")[1].rstrip() for line in lines if "in the pixels" in line] == [told]
    found = (re.fullmatch(r" {12,}(touch|[1-3]) [^ ]+ +[\d.]+% (\d+) *", line) for line in lines)
    bars = {bar[1]: int(bar[2]) for bar in found if bar}
    assert bars == {"touch": spacing.touching} | {str(px): n for px, n in spacing.counts.items()}


def test_a_terminal_of_no_known_width_still_gets_its_output(here: Path) -> None:
    done = run("inspect", "data", "--brief", env={"COLUMNS": "0"})
    assert done.stdout == "faults  none in 80 images\n"
    assert "Usage" in run("--help", env={"COLUMNS": "0"}).stdout


def test_a_path_is_printed_as_it_is(here: Path) -> None:
    name = os.fsdecode(b"\xffpage.html")
    done = run("inspect", "data", "--brief", "--html", name)
    path = done.stdout.splitlines()[-1].removeprefix("page    ")
    assert path in (name, "\xffpage.html")  # as decoded by the test
    assert Path(name).is_file()
    assert "udcff" not in path


def test_json_is_the_report_of_the_api(here: Path) -> None:
    done = run("inspect", "data", "--split", "test", "--predictions", "a.jsonl", "--json")
    report: Report = inspect_dataset("data", split="test", predictions="a.jsonl")
    assert json.loads(done.stdout) == json.loads(json.dumps(report.to_dict()))
    assert json.loads(done.stdout)["scores"]["right"] == 17


def test_faults_are_named_and_the_exit_code_is_that_of_looking(here: Path) -> None:
    shutil.copy("data/train/images/000/000007.png", "data/test/images/000/000003.png")
    done = run("inspect", "data")
    assert done.returncode == 0
    assert "fault (1): groups of images with the same pixels in different splits" in done.stdout
    assert re.search(r"train/images/000/000007\.png \(label \d+\) = test/images/000/000003\.png", done.stdout)
    assert run("verify", "data").returncode == 1


def test_predictions_are_scored_and_the_worst_come_first(here: Path) -> None:
    done = run("inspect", "data/test", "--predictions", "a.jsonl", env={"COLUMNS": "100"})
    assert done.stdout.splitlines()[-3:] == [
        "accuracy    85.0% (17 of 20 images right)",
        "error rate  25.00% of characters (20 errors in 80 digits)",
        "faults      none in 20 images",
    ]
    brief = run("inspect", "data/test", "--predictions", "a.jsonl", "--brief").stdout
    assert brief.splitlines() == done.stdout.splitlines()[-3:]
    for words in (
        "images by length",
        "digits by spacing",
        "digits by digit",
        "digits by position",
        "columns: predicted",
        "worst errors first",
    ):
        assert words in done.stdout
    assert done.stdout.index("000008.png") < done.stdout.index("000005.png")
    assert "\x1b" not in done.stdout  # what a file says does not colour the terminal


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_it_fits_narrow_and_wide_terminals(here: Path, width: int) -> None:
    code, text = _on_a_terminal("inspect", "data/test", "--predictions", "a.jsonl", columns=width)
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    names = [line for line in plain.splitlines() if ".png" in line]  # of files, which are never cut
    assert names
    assert max(len(line.rstrip()) for line in plain.splitlines() if line not in names) <= width
    assert "▀" in plain or "█" in plain


def test_a_strip_is_drawn_on_a_terminal_or_when_it_is_asked_for(here: Path) -> None:
    assert "000000.png" not in run("inspect", "data").stdout
    assert run("inspect", "data", "--strip", "2", "--order", "first").stdout.count(".png") == 2
    text = _on_a_terminal("inspect", "data")[1]
    assert text.count(".png") == 3
    assert _on_a_terminal("inspect", "data", "--strip", "0")[1].count(".png") == 0


def test_sheet_and_page_are_written_where_they_are_asked_for_and_nothing_is_replaced(here: Path) -> None:
    done = run(
        "inspect", "data", "--sheet", "s.png", "--rows", "2", "--cols", "3", "--html", "p.html", "--json"
    )
    assert json.loads(done.stdout)["images"] == 80
    with Image.open("s.png") as image:
        assert image.size == (8 + 3 * 308, 8 + 2 * 80)
    assert Path("p.html").read_text().startswith("<!doctype html>")
    for option, file in (("--sheet", "s.png"), ("--html", "p.html")):
        before = Path(file).read_bytes()
        done = run("inspect", "data", option, file, "--label", "*7*")
        assert (done.returncode, done.stdout) == (1, "")
        assert f"error: {file} already exists\nhint: pass --force to replace it" in done.stderr
        done = run("inspect", "data", option, file, "--label", "*7*", "--force")
        assert done.returncode == 0
        assert done.stdout.splitlines()[-1].split()[-1] == file
        assert Path(file).read_bytes() != before


def test_two_datasets_and_two_models_side_by_side(here: Path) -> None:
    done = run("inspect", "--compare", "data/train", "data/test", env={"COLUMNS": "100"})
    assert done.returncode == 0
    assert re.search(r"images +60 +20 +-40", done.stdout)
    done = run("inspect", "data/test", "--compare", "a.jsonl", "b.jsonl")
    assert re.search(r"sequence accuracy +85.00% +95.00% +\+10.00 points", done.stdout)
    assert done.stdout.splitlines()[-4:] == [
        "accuracy        85.00% and 95.00%, +10.00 points",
        "error rate      25.00% and 5.00%, -20.00 points",
        "images          both right 17, only the first 0, only the second 2, neither 1",
        "McNemar's test  p = 0.50: the difference can be due to chance",
    ]
    done = run("inspect", "--compare", "data/train", "data/test", "--brief", "--html", "c.html")
    assert done.stdout.splitlines() == [
        "faults  0 and 0, the same",
        "images  60 and 20, 0 of them in both",
        "page    c.html",
    ]
    assert Path("c.html").is_file()
    facts = json.loads(run("inspect", "data/test", "--compare", "a.jsonl", "b.jsonl", "--json").stdout)
    assert facts["agreement"] == [17, 0, 2, 1]
    assert facts["only_b"] == ["images/000/000005.png", "images/000/000008.png"]


def test_a_dry_run_gives_a_recipe_to_look_at(here: Path) -> None:
    done = run(
        "batch", "x", "-n", "50", "--length", "3", "--source", "builtin", "--seed", "1", "--dry-run", "--json"
    )
    Path("recipe.json").write_text(done.stdout)
    done = run("inspect", "recipe.json")
    assert "recipe      recipe.json: 50 images" in done.stdout
    assert "length      3 digits" in done.stdout
    assert not Path("x").exists()


def test_one_picture_is_told_in_a_few_lines(here: Path) -> None:
    run("generate", "3502", "--seed", "1", "--source", "builtin", "-q")
    done = run("inspect", "3502.png")
    assert re.search(r"spacing +\d, \d, \d px measured; specified: 2 to 8 px between ink", done.stdout)
    assert "length" not in done.stdout
    Image.new("L", (30, 28)).save("blank.png")
    assert "unknown (no recipe or metadata)" in run("inspect", "blank.png").stdout


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        ("inspect", 2, "error: Invalid value: give a PATH or --compare A B"),
        ("inspect nowhere", 1, "error: nowhere: no such file or folder"),
        ("inspect data --split all", 2, "error: --split: expected one of train, test, got 'all'"),
        ("inspect data --limit 0", 2, "error: --limit: expected an integer ≥ 1, got 0"),
        ("inspect data --strip -1", 2, "error: --strip: expected an integer from 0 to 1,000, got -1"),
        ("inspect data --images 0", 2, "error: --images: expected an integer from 1 to 100,000, got 0"),
        (
            "inspect data --html x.html --images 999999",
            2,
            "error: --images: expected an integer from 1 to 100,000",
        ),
        (
            "inspect data --order best",
            2,
            "error: --order: expected one of random, first, widest, touching, worst",
        ),
        (
            "inspect data --order worst --strip 1",
            2,
            "error: --order: 'worst' requires predictions",
        ),
        (
            "inspect data --html data/p.html",
            1,
            "error: data/p.html cannot be written: it is inside the inspected dataset",
        ),
        (
            "inspect data/test --sheet data/dataset.png",
            1,
            "cannot be written: it is inside the inspected dataset",
        ),
        (  # before anything is read
            "inspect data --predictions nothing.csv --html data/p.html",
            1,
            "error: data/p.html cannot be written: it is inside the inspected dataset",
        ),
        ("inspect a.jsonl --html x.html", 1, "error: a.jsonl: expected an image"),
        (
            "inspect data/test --predictions a.jsonl --html a.jsonl --force",
            1,
            "it is one of the inspected files",
        ),
        ("inspect data --html x.png --sheet x.png", 2, "--html and --sheet name the same file"),
        (
            "inspect data/test --predictions b.jsonl --label 9 --html x.html",
            2,
            "error: --label: no image matches",
        ),
        ("inspect data --html -", 2, "error: --html: expected a file name, got -"),
        ("inspect data --cols 0", 2, "error: --cols: expected an integer from 1 to 1,000, got 0"),
        ("inspect data --label x", 2, "error: --label: expected digits, # for any digit"),
        ("inspect data --length 5-4", 2, "error: --length: expected 1 to 65,536 digits"),
        ("inspect data --length x", 2, "error: --length: expected 1 to 65,536 digits"),
        ("inspect data --sheet x.jpg", 2, "error: --sheet: expected a name ending in .png"),
        ("inspect data --sheet x.png --rows 0", 2, "error: --rows: expected an integer"),
        ("inspect data --sheet x.png --label 9", 2, "error: --label: no image matches"),
        ("inspect data --html no/x.html", 1, "error: no/x.html cannot be written: its folder does not exist"),
        ("inspect data --html /dev/full", 1, "error: /dev/full cannot be written: No space left on device"),
        ("inspect data --html data --force", 1, "error: data cannot be written: it is a folder"),
        ("inspect data --predictions a.jsonl", 1, "no prediction for 60 of 80 images"),
        ("inspect data --predictions no.csv", 1, "error: no.csv cannot be read: No such file or directory"),
        (
            "inspect data --predictions a.jsonl --limit 5",
            2,
            "error: --limit: cannot be combined with predictions",
        ),
        ("inspect --compare data", 2, "error: Option '--compare' requires 2 arguments"),
        (
            "inspect --compare data data --order widest",
            2,
            "error: Invalid value: --compare cannot be combined with --order",
        ),
        (
            "inspect --compare data data --sheet x.png",
            2,
            "error: Invalid value: --compare cannot be combined with",
        ),
        ("inspect data --sheets x.png", 2, "No such option: --sheets"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(here: Path, argv: str, code: int, words: str) -> None:
    done = run(*argv.split())
    assert words in done.stderr, done.stderr
    assert done.returncode == code
    assert done.stderr.count("error: ") == 1
    assert not Path("x.png").exists()
    assert not Path("x.html").exists()


@pytest.mark.parametrize(
    "argv",
    [
        "--sheet x.jpg",
        "--rows 0",
        "--html no/x.html",
        "--order worst",
        "--predictions no.csv",
        "--html s.png",
    ],
)
def test_what_is_wrong_is_told_before_any_image_is_read(argv: str, here: Path) -> None:
    Path("s.png").touch()
    for image in Path("data").rglob("*.png"):
        image.unlink()
        image.symlink_to("/dev/full")  # whoever reads it reads for ever
    done = run("inspect", "data", *argv.split())
    assert done.stdout == ""
    assert done.returncode in (1, 2)


def test_what_files_say_cannot_command_the_terminal(here: Path) -> None:
    path = Path("data/test/metadata.jsonl")
    evil = "\\u001b]0;PWN\\u0007"
    path.write_text(path.read_text().replace('"label": "', f'"label": "{evil}'))
    Path("p.csv").write_text("\x1b]0;PWN\x07,b\n1,2\n")
    Path("p.jsonl").write_text("\x1b]0;PWN\x07\n")
    for more in (["--strip", "3"], ["--predictions", "p.csv"], ["--predictions", "p.jsonl"]):
        done = run("inspect", "data", "--split", "test", *more)
        assert "\x1b]" not in done.stdout + done.stderr
        assert "PWN" in done.stdout + done.stderr


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_any_encoding_of_the_terminal_will_do(encoding: str, here: Path) -> None:
    env = {"PYTHONIOENCODING": encoding, "COLUMNS": "80"}
    for argv in (
        ["data/test", "--predictions", "a.jsonl", "--strip", "1"],
        ["--compare", "data", "data/test"],
    ):
        assert run("inspect", *argv, env=env).returncode == 0


def test_suspicions_are_said_with_scores_and_with_comparisons(here: Path) -> None:
    lines = [json.loads(line) for line in Path("a.jsonl").read_text().splitlines()]
    Path("floats.jsonl").write_text(
        "\n".join(json.dumps(line | {"prediction": line["prediction"] + ".0"}) for line in lines)
    )
    for argv in (["--predictions", "floats.jsonl"], ["--compare", "a.jsonl", "floats.jsonl"]):
        done = run("inspect", "data/test", *argv)
        assert "20 predictions contain non-digit characters, such as" in done.stdout, done.stdout


def test_progress_is_shown_on_a_terminal_and_only_there(here: Path) -> None:
    assert "inspecting" in _on_a_terminal("inspect", "data")[1]
    assert "inspecting" not in _on_a_terminal("inspect", "data", "-q")[1]


def test_the_reader_of_the_docs_can_be_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = Path(__file__).parents[2] / "docs/inspection/nearest.py"
    commands = [line.split() for line in script.read_text().splitlines() if line.startswith("    digitseq ")]
    assert len(commands) == 2
    small = ["--train", "200", "--test", "50", "--source", "builtin"]
    assert run(*commands[0][1:], *small).returncode == 0
    read = subprocess.run([sys.executable, str(script), "data"], capture_output=True, check=True).stdout
    Path("predictions.csv").write_bytes(read)
    assert run(*commands[1][1:]).stdout.endswith("page        page.html\n")
    report = inspect_dataset("data/test", predictions="predictions.csv")
    assert report.scores is not None
    assert 0.1 < report.scores.cer < 0.6
