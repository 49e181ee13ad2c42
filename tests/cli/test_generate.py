"""The command line: a skin over the API, tried through its real entry point."""

import importlib
import inspect
import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

import digitseq
from digitseq import api
from digitseq.arrays import UInt8Array
from digitseq.augment.effects import EFFECTS, PRESETS
from digitseq.cli import app as cli
from digitseq.recipe import Recipe
from tests import program


def run(
    *arguments: str, stdin: str | bytes = "", env: dict[str, str] | None = None, **more: Any
) -> "subprocess.CompletedProcess[str]":
    """The program as a user runs it."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    if more:  # what only a new process can be given
        command = [sys.executable, "-m", "digitseq", *arguments]
        done = subprocess.run(
            command,
            input=data,
            capture_output=True,
            env=os.environ | (env or {}),
            check=False,
            timeout=60,
            **more,
        )
    else:
        done = program.run(*arguments, stdin=data, env=os.environ | (env or {}))
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode("latin-1"), done.stderr.decode()
    )


def _pixels(path: Path) -> UInt8Array:
    with Image.open(path) as image:
        return np.asarray(image)


# --- Arguments → one API call ---------------------------------------------------------------------------

_DEFAULT: dict[str, Any] = {
    "sequences": ("3502",),
    "spacing_range": (2, 8),
    "image_width": None,
    "seed": 1,
    "index": 0,
    "source": "auto",
    "split": "train",
    "spacing_from": "ink",
    "align": "center",
    "invert": False,
}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("3502", {}),
        ("3502 --min 2 --max 8 --width 200", {"image_width": 200}),
        ("0042 --min -4 --max 0", {"sequences": ("0042",), "spacing_range": (-4, 0)}),
        ("3502 --min 9", {"spacing_range": (9, 9)}),
        ("3502 --max -3", {"spacing_range": (-3, -3)}),
        ("3502 --max 4", {"spacing_range": (2, 4)}),
        ("3502 --width auto", {}),
        ("3502 --index 7", {"index": 7}),
        ("3502 --source builtin --split test", {"source": "builtin", "split": "test"}),
        ("3502 --style-seed -7", {"source": "builtin:-7"}),
        ("3502 --writer same", {"writer": "same"}),
        ("3502 --augment light", {"augment": "light"}),
        ("3502 --augment none", {}),
        ("3502 --rotate 10", {"augment": {"rotate": (-10, 10)}}),
        (
            "3502 --slant -20:20 --scale 0.85:1.15 --elastic 4 --background 40 --backgrounds paper,lines",
            {
                "augment": {"slant": (-20, 20), "scale": (0.85, 1.15), "elastic": (0, 4)}
                | {"background": (0, 40), "backgrounds": ("paper", "lines")}
            },
        ),
        ("3502 --augment light --rotate 0", {"augment": PRESETS["light"].to_dict() | {"rotate": 0}}),
        (
            "3502 --augment touching",
            {"augment": "touching", "spacing_from": "contour", "spacing_range": (-2, 0)},
        ),
        (
            "3502 --augment touching --spacing-from ink --min 1",
            {"augment": "touching", "spacing_range": (1, 1)},
        ),
        (
            "3502 --augment heavy --max -3",
            {"augment": "heavy", "spacing_from": "contour", "spacing_range": (-3, -3)},
        ),
        ("3502 --style-seed 7 --source builtin", {"source": "builtin:7"}),
        (
            "3502 --spacing-from tile --width 200 --align random --invert",
            {"spacing_from": "tile", "image_width": 200, "align": "random", "invert": True},
        ),
        (  # no effect, but useful in a script that tries several widths
            "3502 --width auto --align left",
            {"align": "left"},
        ),
    ],
)
def test_arguments_become_exactly_this_recipe(
    monkeypatch: pytest.MonkeyPatch, in_folder: Path, argv: str, expected: dict[str, Any]
) -> None:
    seen: list[tuple[Recipe, object]] = []
    monkeypatch.setattr(api, "load_glyphs", lambda source, split, progress: (source, split))

    def draw(recipe: Recipe, glyphs: object) -> list[object]:
        seen.append((recipe, glyphs))
        return []

    monkeypatch.setattr(api, "draw", draw)
    monkeypatch.setattr(sys, "argv", ["digitseq", "generate", *argv.split(), "--seed", "1"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    fields = _DEFAULT | expected
    assert seen == [(Recipe(**fields), (fields["source"], fields["split"]))]


# --- generate -------------------------------------------------------------------------------------------


def test_generate_writes_a_png_in_the_current_folder_and_prints_its_path(in_folder: Path) -> None:
    done = run(
        "generate", "3502", "--min", "2", "--max", "8", "--width", "200", "--source", "builtin", "--seed", "1"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "3502.png\n", "")
    with Image.open("3502.png") as image:
        assert (image.mode, image.size, image.format) == ("L", (200, 28), "PNG")
    floats = digitseq.generate_numbers_sequence("3502", (2, 8), 200, seed=1, source="builtin")
    assert (_pixels(Path("3502.png")) == np.rint(floats * 255)).all()


def test_the_png_says_how_it_was_made_and_can_be_made_again(in_folder: Path) -> None:
    run("generate", "0042", "--source", "builtin", "--split", "test", "--align", "random", "--width", "150")
    with Image.open("0042.png") as image:
        text = image.text  # type: ignore[attr-defined]
    assert set(text) == {"label", "seed", "source", "recipe", "digitseq version"}
    recipe = Recipe.from_dict(json.loads(text["recipe"]))
    assert (text["label"], text["seed"]) == ("0042", str(recipe.seed))
    assert text["source"].startswith("builtin ")
    assert text["digitseq version"] == digitseq.__version__
    (again,) = api.draw(recipe)
    assert (again.image == _pixels(Path("0042.png"))).all()
    done = run(
        "generate",
        "0042",
        "--seed",
        text["seed"],
        "--source",
        "builtin",
        "--split",
        "test",
        "--align",
        "random",
        "--width",
        "150",
        "-o",
        "again.png",
    )
    assert done.stdout == "again.png\n"
    assert (_pixels(Path("again.png")) == again.image).all()


def test_a_drawn_seed_is_shown(in_folder: Path) -> None:
    done = run("generate", "7", "--source", "builtin")
    match = re.fullmatch(r"note: seed (\d+) \(reproduce with --seed \1\)\n", done.stderr)
    assert match
    assert run("generate", "7", "--source", "builtin", "-q").stderr == ""


def test_nothing_is_overwritten_unless_forced(in_folder: Path) -> None:
    command = ("generate", "7", "--source", "builtin", "--seed")
    names = [run(*command, str(seed)).stdout.strip() for seed in range(3)]
    assert names == ["7.png", "7-1.png", "7-2.png"]
    first = Path("7.png").read_bytes()
    assert run(*command, "1", "--force").stdout == "7.png\n"
    assert Path("7.png").read_bytes() == Path("7-1.png").read_bytes() != first
    done = run(*command, "5", "-o", "7.png")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: 7.png already exists\nhint: pass --force to replace it\n"
    assert run(*command, "5", "-o", "7.png", "--force").returncode == 0
    assert sorted(path.name for path in in_folder.iterdir()) == ["7-1.png", "7-2.png", "7.png"]


def test_output_may_be_a_folder_or_stdout(in_folder: Path) -> None:
    Path("pictures").mkdir()
    command = ("generate", "7", "--source", "builtin", "--seed", "1", "-o")
    assert run(*command, "pictures").stdout == f"pictures{os.sep}7.png\n"
    done = run(*command, "-")
    assert done.stdout.encode("latin-1") == Path("pictures/7.png").read_bytes()


def test_sequences_come_from_stdin_one_a_line(in_folder: Path) -> None:
    done = run("generate", "-", "--source", "builtin", "--seed", "9", stdin="12\r\n007\n\n12")
    assert done.stdout.split() == ["12.png", "007.png", "12-1.png"]
    assert _pixels(Path("12.png")).tobytes() != _pixels(Path("12-1.png")).tobytes()
    run("generate", "12", "--source", "builtin", "--seed", "9", "--index", "2", "-o", "third.png")
    assert (_pixels(Path("third.png")) == _pixels(Path("12-1.png"))).all()
    done = run("generate", "-", "--source", "builtin", "-o", "made", "--json", stdin="1\n2\n")
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(fact["path"]) for fact in facts] == [Path("made/1.png"), Path("made/2.png")]


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        ("12\n1x\n3\n", "error: standard input, line 2: expected digits 0–9, got 'x' at position 2 of '1x'"),
        (b"12\n\xff\xfe\n", "error: standard input, line 2: expected digits 0–9"),
        ("", "error: standard input: expected sequences of digits, one per line, got none"),
        ("\n \n", "got none"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(in_folder: Path, stdin: str | bytes, words: str) -> None:
    done = run("generate", "-", "--source", "builtin", stdin=stdin)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert not list(in_folder.iterdir())


def test_a_line_that_does_not_fit_stops_all_of_them(in_folder: Path) -> None:
    lines = "\n".join(["1"] * 300 + ["88888"])
    done = run("generate", "-", "--source", "builtin", "--width", "50", stdin=lines)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--width: 50 px is too narrow for 88888" in done.stderr
    assert not list(in_folder.iterdir())


def test_force_never_replaces_what_the_same_run_wrote(in_folder: Path) -> None:
    for _ in range(2):
        done = run("generate", "-", "--source", "builtin", "--seed", "3", "--force", stdin="7\n12\n7\n7\n")
        assert done.stdout.split() == ["7.png", "12.png", "7-1.png", "7-2.png"]
    assert len({path.read_bytes() for path in in_folder.iterdir()}) == 4


def test_with_stdin_the_output_is_a_folder_for_one_line_as_for_two(in_folder: Path) -> None:
    for lines in ("1\n", "1\n2\n"):
        done = run(
            "generate", "-", "--source", "builtin", "--seed", "3", "-o", "a/b.png", "--force", stdin=lines
        )
        assert done.returncode == 0, done.stderr
        assert Path("a/b.png/1.png").is_file()


def test_a_byte_order_mark_is_no_digit(in_folder: Path) -> None:
    done = run("generate", "-", "--source", "builtin", "--seed", "3", stdin=b"\xef\xbb\xbf12\r\n")
    assert done.stdout == "12.png\n"


@pytest.mark.once
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_crash(in_folder: Path, closed: str) -> None:
    for sequence in ("12", "-"):
        command = f"'{sys.executable}' -m digitseq generate {sequence} --source builtin {closed}"
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, check=False, input="12"
        )
        assert done.returncode == (2 if sequence == "-" and "<" in closed else 0), done.stderr
        assert "Traceback" not in done.stderr


def test_json_tells_all_that_is_known_of_a_picture(in_folder: Path) -> None:
    facts = json.loads(
        run("generate", "3502", "--source", "builtin", "--seed", "3", "--width", "160", "--json").stdout
    )
    picture = _pixels(Path(facts["path"]))
    assert (facts["label"], facts["seed"], facts["width"], facts["height"]) == ("3502", 3, 160, 28)
    assert len(facts["gaps"]) == 3
    for (x, y, w, h), (x2, *_), gap in zip(facts["boxes"], facts["boxes"][1:], facts["gaps"], strict=False):
        assert x2 - (x + w) == gap
        assert picture[y : y + h, x : x + w].any(axis=0)[[0, -1]].all()
        assert picture[y : y + h, x : x + w].any(axis=1)[[0, -1]].all()


def test_help_lists_every_effect() -> None:
    for command in ("generate", "batch"):
        words = re.sub(r"\x1b\[[0-9;]*m", "", run(command, "--help", env={"COLUMNS": "140"}).stdout)
        assert all(f"--{name}" in words for name in (*EFFECTS, "backgrounds", "augment", "writer"))


def test_an_augmented_picture_is_made_again_from_its_recipe(in_folder: Path) -> None:
    command = ("--augment", "heavy", "--writer", "same", "--source", "builtin", "--seed", "4", "--json")
    facts = json.loads(run("generate", "3502", *command).stdout)
    assert facts["recipe"]["augment"]["noise"] == [0, 25]
    assert isinstance(facts["writer"], int)
    again = next(digitseq.draw(Recipe.from_dict(facts["recipe"])))
    assert (again.image == _pixels(Path("3502.png"))).all()
    assert facts["boxes"] == again.boxes.tolist()


def test_a_style_seed_is_another_handwriting_and_is_recorded(in_folder: Path) -> None:
    for seed, name in (("0", "builtin"), ("5", "builtin:5")):
        done = run("generate", "3502", "--style-seed", seed, "--seed", "1", "--json", "-o", f"{seed}.png")
        facts = json.loads(done.stdout)
        assert (facts["source"], facts["recipe"]["source"]) == (name, name)
    one, other = Path("0.png").read_bytes(), Path("5.png").read_bytes()
    assert one != other
    run("generate", "3502", "--source", "builtin:5", "--seed", "1", "-o", "again.png")
    assert Path("again.png").read_bytes() == other


def test_a_style_seed_selects_another_handwriting_of_the_style(in_folder: Path) -> None:
    arguments = ("--source", "builtin:copperplate", "--style-seed", "5", "--seed", "1", "--json")
    facts = json.loads(run("generate", "3502", *arguments).stdout)
    assert facts["source"] == facts["recipe"]["source"] == "builtin:copperplate:5"


def test_real_mnist_is_drawn_when_it_is_cached(with_mnist: Path, in_folder: Path) -> None:
    done = run("generate", "3502", "--min", "2", "--max", "8", "--width", "200", "--seed", "1", "--json")
    facts = json.loads(done.stdout)
    assert (facts["source"], done.stderr) == ("mnist", "")
    assert max(facts["glyphs"]) < 54_000


def test_without_network_and_cache_it_draws_and_says_so(in_folder: Path) -> None:
    done = run("generate", "3502", "--min", "2", "--max", "8", "--width", "200", "--seed", "1")
    assert (done.returncode, done.stdout) == (0, "3502.png\n")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("warning: using the built-in digits instead of MNIST:")
    assert "unset DIGITSEQ_OFFLINE" in done.stderr  # fetching MNIST is what it forbids
    done = run("generate", "3502", "--source", "mnist")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "error: MNIST's files are not in the cache, and the network is switched off\nhint: "
    )


# --- Wrong usage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        ("generate 35a2", 2, "error: SEQUENCE: expected digits 0–9, got 'a' at position 3 of '35a2'"),
        ("generate 35 --min 8 --max 2", 2, "error: --min/--max: expected min ≤ max, got min 8 and max 2"),
        ("generate 35 --min x", 2, "error: Invalid value for '--min'"),
        ("generate 35 --width 0", 2, "error: --width: expected an integer from 1 to 1,000,000, got 0"),
        ("generate 35 --width wide", 2, "error: --width: expected an integer or auto, got 'wide'"),
        ("generate 3502 --width 20 --source builtin", 2, "hint: 104 always fits"),
        ("generate 35 --align middle", 2, "'middle' is not one of 'center', 'left', 'right', 'random'"),
        ("generate 35 --split x", 2, "'train', 'validation', 'test', 'all'"),
        ("generate 35 --index -1", 2, "error: --index: expected an integer from 0"),
        ("generate 35 --sed 1", 2, "--seed"),
        ("generate 35 --seed", 2, "hint: see `digitseq generate --help`"),
        ("generate", 2, "error: Missing argument 'SEQUENCE'"),
        ("generate 35 36", 2, "hint: see `digitseq generate --help`"),
        ("draw 35", 2, "error: No such command 'draw'"),
        ("generate 35 --source nowhere", 1, "error: no source 'nowhere'"),
        (
            "generate 35 --source builtin:x",
            2,
            "error: --source: expected builtin, builtin:STYLE, builtin:SEED or builtin:STYLE:SEED, got",
        ),
        (
            "generate 35 --source mnist --style-seed 1",
            2,
            "error: Invalid value: --style-seed applies only to the sources builtin and builtin:STYLE",
        ),
        ("generate 35 --style-seed x", 2, "error: Invalid value for '--style-seed'"),
        (
            "generate 35 --augment hard",
            2,
            "error: --augment: expected one of none, light, medium, heavy, touching, paper",
        ),
        ("generate 35 --rotate x", 2, "error: --rotate: expected a number or LOW:HIGH, got 'x'"),
        ("generate 35 --rotate 60", 2, "error: --rotate: expected strengths from -45 to 45, got -60 to 60"),
        ("generate 35 --slant 5:", 2, "error: --slant: expected a number or LOW:HIGH, got '5:'"),
        ("generate 35 --occlude 0.5", 2, "error: --occlude: expected whole numbers"),
        (
            "generate 35 --backgrounds sky",
            2,
            "error: --backgrounds: expected one or more of plain, gradient, paper, lines, ledger",
        ),
        ("generate 35 --rotat 5", 2, "--rotate"),
        ("generate 35 --writer one", 2, "'one' is not one of 'mixed', 'same'"),
        ("generate 35 --augment light --width 40 --source builtin", 2, "hint: 64 always fits"),
        (
            "generate 35 --source builtin -o a/b.png",
            1,
            "error: a/b.png cannot be written: its folder does not exist",
        ),
        ("generate 35 --source builtin -o picture.jpg", 2, "error: --output: expected a name ending in .png"),
        ("generate 35 -o - --json", 2, "error: Invalid value: --json and -o - both write to standard output"),
        ("fetch-mnist --from nowhere", 1, "error: nowhere cannot be read: No such file or directory"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(in_folder: Path, argv: str, code: int, words: str) -> None:
    done = run(*argv.split(), env={"COLUMNS": "30"})
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert re.fullmatch(r"error: .*\n(hint: .*\n)?", done.stderr)
    assert not list(in_folder.iterdir())


def test_a_full_disk_is_told(in_folder: Path) -> None:
    done = run("generate", "35", "--source", "builtin", "--seed", "1", "-o", "/dev/full")
    assert (done.returncode, done.stderr) == (
        1,
        "error: /dev/full cannot be written: No space left on device\n",
    )
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "digitseq",
                "generate",
                "35",
                "--source",
                "builtin",
                "--seed",
                "1",
                "-o",
                "-",
            ],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "error: standard output cannot be written: No space left on device\n",
    )


@pytest.mark.once
def test_a_closed_pipe_is_no_error_and_all_images_are_saved(in_folder: Path) -> None:
    lines = "\n".join(["12345"] * 400)
    command = f"'{sys.executable}' -m digitseq generate - --source builtin --seed 1 --json | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["label"] == "12345"
    assert len(list(in_folder.glob("*.png"))) == 400


def test_a_file_name_in_another_script_is_kept(in_folder: Path) -> None:
    folder = Path("手書き")
    folder.mkdir()
    for digit in range(10):
        (folder / str(digit)).mkdir()
        Image.fromarray(np.pad(np.full((20, 6), 255, np.uint8), ((4, 4), (11, 11)))).save(
            folder / f"{digit}/a.png"
        )
    assert run("generate", "12", "--source", "手書き").returncode == 0
    with Image.open("12.png") as image:
        assert image.text["source"].startswith("手書き ")  # type: ignore[attr-defined]


# --- Help, version, start -------------------------------------------------------------------------------


def test_without_arguments_help_is_shown_and_no_empty_error() -> None:
    done = run()
    assert done.returncode == 2
    assert "generate" in done.stdout + done.stderr
    assert "error" not in done.stderr


def test_version_and_help() -> None:
    assert run("--version").stdout == f"digitseq {digitseq.__version__}\n"
    for option in ("-h", "--help"):
        assert "generate" in run(option).stdout
    text = re.sub(r"\x1b\[[0-9;]*m", "", run("generate", "--help", env={"COLUMNS": "200"}).stdout)
    options = (
        "--min --max --width --seed --source --split --spacing-from --align --invert "
        "--output -o --force --json --show --quiet -q"
    )
    for option in options.split(" "):
        assert re.search(rf"(?<![\w-]){option}\b", text), option
    text = run("fetch-mnist", "--help").stdout
    assert "--from" in text
    assert "--force" in text


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_help_ends_with_two_examples_that_can_be_parsed(command: str) -> None:
    printed = run(*command.split(), "--help", env={"COLUMNS": "80", "TERM": "dumb"}).stdout
    heading, *examples = [line.strip() for line in printed.splitlines() if line.strip()][-3:]
    assert heading == "Examples:"
    for example in examples:
        program, name, *arguments = shlex.split(example)
        assert (program, name) == ("digitseq", command or name)
        typer.main.get_command(cli.app).get_command(None, name).make_context(name, arguments)  # type: ignore[attr-defined]


_RUN = "try: main()\nexcept SystemExit: pass"


def _modules_after(code: str, *, among: set[str]) -> set[str]:
    """Which of some modules are loaded after some code has run in a fresh process."""
    code = f"import sys\n{code}\nprint(*({among} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "import digitseq; dir(digitseq); digitseq.__version__",
        f"from digitseq.cli.app import main\nsys.argv = ['digitseq', '--help']\n{_RUN}",
        f"from digitseq.cli.app import main\nsys.argv = ['digitseq', 'generate', '-h']\n{_RUN}",
    ],
)
def test_import_and_help_load_neither_numpy_nor_pillow(code: str) -> None:
    heavy = {"numpy", "PIL", "requests"}
    assert _modules_after(code, among=heavy) == set()
    assert _modules_after("import numpy", among=heavy) == {"numpy"}


def test_generating_from_the_cache_loads_nothing_it_does_not_need(with_mnist: Path, in_folder: Path) -> None:
    code = (
        f"from digitseq.cli.app import main\nsys.argv = ['digitseq', 'generate', '35', '--seed', '1']\n{_RUN}"
    )
    unneeded = {"PIL", "requests", "rich.console"}
    assert _modules_after(code, among={*unneeded, "numpy"}) == {"numpy"}
    assert Path("35.png").is_file()


# --- On a terminal --------------------------------------------------------------------------------------


def _on_a_terminal(*arguments: str, columns: int = 80, **env: str) -> tuple[int, str]:
    """Run with a pseudo-terminal as stdin, stdout and stderr: exit code and all that it shows."""
    child, parent = pty.fork()
    if child == 0:
        os.environ.update({"COLUMNS": str(columns), "TERM": "xterm-256color", "COLORTERM": "truecolor"} | env)
        os.execv(sys.executable, [sys.executable, "-m", "digitseq", *arguments])
    shown = b""
    while True:
        try:
            data = os.read(parent, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(parent)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


def test_show_draws_the_picture_in_half_blocks(in_folder: Path) -> None:
    code, shown = _on_a_terminal(
        "generate", "35", "--source", "builtin", "--seed", "1", "--show", "--width", "60", "-o", "a.png"
    )
    assert code == 0
    rows = [row for row in shown.splitlines() if "▀" in row]
    assert len(rows) == 14
    pixels = _pixels(Path("a.png"))
    for number, row in enumerate(rows):
        colours = re.findall(r"38;2;(\d+);\d+;\d+;48;2;(\d+)", row)
        cells = re.sub(r"\x1b\[[0-9;]*m", "", row).rstrip()
        assert cells == "▀" * 60
        seen = {(int(a), int(b)) for a, b in colours}
        assert seen == set(zip(pixels[2 * number].tolist(), pixels[2 * number + 1].tolist(), strict=True))


def test_show_fits_a_narrow_terminal(in_folder: Path) -> None:
    code, shown = _on_a_terminal(
        "generate", "3502", "--source", "builtin", "--seed", "1", "--show", "--width", "200", columns=40
    )
    assert code == 0
    rows = [re.sub(r"\x1b\[[0-9;]*m", "", row).rstrip() for row in shown.splitlines() if "▀" in row]
    lines = [{len(row) for row in rows[first : first + 7]} for first in range(0, len(rows), 7)]
    assert all(len(line) == 1 and max(line) <= 40 for line in lines)
    assert sum(map(sum, lines)) == 100  # 200 px shrunk by half, no further


def test_show_without_colours_uses_the_text_colour(in_folder: Path) -> None:
    done = run("generate", "1", "--source", "builtin", "--seed", "1", "--show")
    assert done.stdout == "1.png\n"
    assert set(done.stderr) <= set(" ▄▀█\n")
    assert "█" in done.stderr
    _, shown = _on_a_terminal("generate", "1", "--source", "builtin", "--seed", "1", "--show", NO_COLOR="1")
    assert not re.search(r"\x1b\[[34]8;", shown)
    assert "█" in shown


def test_errors_are_coloured_on_a_terminal_only_and_not_under_no_color(in_folder: Path) -> None:
    code, shown = _on_a_terminal("generate", "x")
    assert code == 2
    assert "\x1b[" in shown
    assert "\x1b[" not in _on_a_terminal("generate", "x", NO_COLOR="1")[1]


def test_png_bytes_are_not_written_to_a_terminal(in_folder: Path) -> None:
    code, shown = _on_a_terminal("generate", "35", "--source", "builtin", "-o", "-")
    assert code == 2
    assert "redirect it to a file or a pipe" in shown


@pytest.mark.once
def test_fetching_shows_progress_on_a_terminal_and_only_there(
    mnist_files: Path, cache: Path, in_folder: Path
) -> None:
    mirror = mnist_files.as_uri()
    code, shown = _on_a_terminal("fetch-mnist", DIGITSEQ_MNIST_MIRROR=mirror, columns=100)
    assert code == 0
    assert "fetching MNIST" in shown
    shutil.rmtree(cache)
    done = run("fetch-mnist", env={"DIGITSEQ_MNIST_MIRROR": mirror})
    assert done.stdout == f"{cache / 'mnist-v1'}\n"
    assert done.stderr == (
        "note: fetching MNIST (12 MB, once)\nnote: MNIST is cached: 70,000 glyphs, with writer ids\n"
    )
    done = run("fetch-mnist", "-q")
    assert (done.stdout, done.stderr) == (f"{cache / 'mnist-v1'}\n", "")


def test_fetch_mnist_imports_from_a_folder(mnist_files: Path, cache: Path, in_folder: Path) -> None:
    assert run("fetch-mnist", "--from", str(mnist_files)).returncode == 0
    assert json.loads(run("generate", "3", "--json", "--seed", "1").stdout)["source"] == "mnist"


@pytest.mark.once
@pytest.mark.parametrize("target", ["file", "folder", "lost", "null"])
def test_no_output_is_written_through_a_link_of_somebody_else(in_folder: Path, target: str) -> None:
    """Every file that a command writes under a name that people can foresee, or that they give."""
    run("batch", "data", "-n", "3", "--length", "2", "--seed", "1", "--source", "builtin")
    home = in_folder / "home"
    (home / "folder").mkdir(parents=True)
    (home / "file").write_text("mine")
    aim = Path("/dev/null") if target == "null" else home / target
    for name, *command in (
        ("35.png", "generate", "35", "--source", "builtin"),
        ("own.png", "generate", "35", "--source", "builtin", "-o", "own.png"),
        ("page.html", "inspect", "data", "--html", "page.html"),
        ("sheet.png", "inspect", "data", "--sheet", "sheet.png"),
    ):
        for force in ([], ["--force"]):
            Path(name).unlink(missing_ok=True)
            Path(name).symlink_to(aim)
            run(*command, *force)
            if not force:
                assert Path(name).readlink() == aim, name
            if target == "folder" and name == "own.png":  # the user's own folder: a picture in it
                (home / "folder/35.png").unlink()
            assert sorted(path.name for path in home.rglob("*")) == ["file", "folder"], (name, force)
            assert (home / "file").read_text() == "mine"


def test_a_misspelt_command_is_suggested() -> None:
    assert "Did you mean 'batch'?" in run("bacth").stderr


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_the_paragraphs_of_a_help_fit_a_terminal(command: str) -> None:
    """Rich breaks a line that is too long, and then goes on with the next one below."""
    name = command.replace("-", "_")
    text = inspect.getdoc(getattr(importlib.import_module(f"digitseq.cli.{name}"), name)) or ""
    _, *paragraphs = text.split("\n\n")
    assert paragraphs
    assert max(len(line) for paragraph in paragraphs for line in paragraph.splitlines()) <= 76
