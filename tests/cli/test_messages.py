"""Errors name what is wrong, in every encoding, with the right exit code."""

import ast
import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from digitseq import Augment, DigitSeqWarning, Recipe, SourceError, make_recipe, write_dataset
from digitseq.checks import counted
from digitseq.errors import ArgumentError, FormatError
from digitseq.glyphs.fetch import fetch
from digitseq.glyphs.own_glyphs import load
from digitseq.inspection.selection import Choice
from tests import program
from tests.glyphs.idx_files import write_idx


def _run(
    *command: str, cwd: Path, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    whole = os.environ | {"TERM": "dumb", "COLUMNS": "100"} | (environment or {})
    return program.as_text(program.run(*command, cwd=cwd, env=whole), "latin-1")


# --- Encodings ------------------------------------------------------------------------------------------

_ENCODINGS = ("ascii", "cp437", "cp1252", "shift_jis", "utf-8", "utf-16")
_COMMANDS: dict[str, tuple[Sequence[str], int]] = {
    "an error": (("generate", "3x"), 2),
    "an error about a full-width digit": (("generate", "３"), 2),
    "an unknown option": (("generate", "1", "--größe", "3"), 2),
    "a path that is not there": (("verify", "größe/データ"), 1),
    "help": (("--help",), 0),
    "help of generate": (("generate", "--help"), 0),
    "help of batch": (("batch", "--help"), 0),
    "help of verify": (("verify", "--help"), 0),
    "help of inspect": (("inspect", "--help"), 0),
    "help of fetch-mnist": (("fetch-mnist", "--help"), 0),
    "a picture": (
        ("generate", "12", "--source", "builtin", "--seed", "1", "--show", "--force", "-o", "ü.png"),
        0,
    ),
    "a report": (("inspect", "data", "--strip", "1"), 0),
    "a dry run": (("batch", "new", "-n", "9", "--length", "3", "--source", "builtin", "--dry-run"), 0),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("messages")
    recipe = make_recipe(length=(1, 3), count=30, seed=1, source="builtin", augment="heavy")
    write_dataset(recipe, folder / "data", workers=1)
    return folder


@pytest.mark.parametrize("name", _COMMANDS)
def test_everything_can_be_printed_in_every_encoding(name: str, folder: Path) -> None:
    command, code = _COMMANDS[name]
    for encoding in (
        _ENCODINGS if name in ("an error", "help of generate", "a report") else ("ascii", "cp1252")
    ):
        done = _run(*command, cwd=folder, environment={"PYTHONIOENCODING": encoding})
        assert done.returncode == code, (encoding, done.stderr)
        assert "Traceback" not in done.stderr, encoding
        assert "UnicodeEncodeError" not in done.stderr, encoding


@pytest.mark.parametrize("more", [{}, {"PYTHONUTF8": "0"}], ids=["copy", "new process"])
def test_what_an_encoding_lacks_is_written_in_other_words(folder: Path, more: dict[str, str]) -> None:
    done = _run("generate", "３x", cwd=folder, environment={"PYTHONIOENCODING": "ascii", **more})
    assert "expected digits 0-9, got '\\uff13'" in done.stderr


# --- Blame ----------------------------------------------------------------------------------------------

_NETWORK = {"DIGITSEQ_OFFLINE": "", "NO_PROXY": "", "no_proxy": ""}


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"REQUESTS_CA_BUNDLE": "/nonexistent.pem"}, "/nonexistent.pem"),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, "the proxy does not respond (check HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://"}, "the proxy URL is not valid (check HTTPS_PROXY"),
        (
            {"DIGITSEQ_MNIST_MIRROR": "file:///nonexistent/"},
            "train-images-idx3-ubyte.gz: No such file or directory",
        ),
        ({"DIGITSEQ_MNIST_MIRROR": "http://a..b/"}, "a..b: its URL is not valid"),
        ({"DIGITSEQ_MNIST_MIRROR": "file:///proc/self/mem/"}, "train-images-idx3-ubyte.gz: Not a directory"),
    ],
    ids=["certificates", "a proxy", "no proxy at all", "a mirror", "no host", "no folder"],
)
def test_a_fault_of_the_network_is_not_the_caches(
    environment: dict[str, str], told: str, tmp_path: Path
) -> None:
    more = {"HTTPS_PROXY": "http://127.0.0.1:9"} if "DIGITSEQ_MNIST_MIRROR" in environment else {}
    done = _run("fetch-mnist", cwd=tmp_path, environment=_NETWORK | more | environment)
    assert done.returncode == 1
    assert told in done.stderr
    assert "the cache folder" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("mirror", ["http://[bad", "ftp://x/", "nonsense"])
def test_a_mirror_that_is_no_address_is_wrong_usage(mirror: str, tmp_path: Path) -> None:
    done = _run("fetch-mnist", cwd=tmp_path, environment=_NETWORK | {"DIGITSEQ_MNIST_MIRROR": mirror})
    assert done.returncode == 2
    assert f"DIGITSEQ_MNIST_MIRROR: expected an http, https or file URL, got '{mirror}'" in done.stderr


def test_a_path_that_is_not_text_can_be_printed_too(tmp_path: Path) -> None:
    name = os.fsdecode(b"o\xff.png")
    for encoding in ("ascii", "latin-1", "utf-8", "utf-16", "utf-32", "shift_jis"):
        done = _run("generate", "1", "--source", "builtin", "--force", "-o", name, cwd=tmp_path,
                    environment={"PYTHONIOENCODING": encoding})  # fmt: skip
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), (encoding, done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_standard_error_that_cannot_be_written_changes_no_exit_code(tmp_path: Path) -> None:
    for command, code in ((("generate", "3x"), 2), (("generate", "3", "--source", "builtin"), 0)):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "digitseq", *command], cwd=tmp_path, stderr=full, check=False
            )
        assert done.returncode == code


def test_what_cannot_be_read_is_named_and_not_the_output(folder: Path) -> None:
    for command, told in (
        (("batch", "x", "--sequences", "data", "--source", "builtin"), "data cannot be read: Is a directory"),
        (("batch", "x", "--sequences", "nothing"), "nothing cannot be read: No such file or directory"),
        (
            ("batch", "x", "--recipe", "nothing.json"),
            "nothing.json cannot be read: No such file or directory",
        ),
        (("inspect", "data", "--predictions", "data"), "data cannot be read: Is a directory"),
        (("generate", "1", "--source", "nothing"), "no source 'nothing'"),
    ):
        done = _run(*command, cwd=folder)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert told in done.stderr


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no /proc")
def test_standard_input_that_cannot_be_read_is_named() -> None:
    command = [sys.executable, "-m", "digitseq", "generate", "-"]
    with Path("/proc/self/mem").open("rb") as unreadable:
        done = subprocess.run(command, stdin=unreadable, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "error: standard input cannot be read: Input/output error\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("name", ["a picture", "a dry run", "a report", "--version"])
def test_a_full_disk_behind_standard_output_is_named(name: str, folder: Path) -> None:
    command = _COMMANDS[name][0] if name in _COMMANDS else (name,)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "digitseq", *command],
            cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "error: standard output cannot be written: No space left on device\n" in done.stderr


def test_a_current_folder_that_is_gone_gives_no_traceback(tmp_path: Path) -> None:
    gone = shlex.quote(str(tmp_path / "gone"))
    command = f"mkdir {gone} && cd {gone} && rmdir {gone} && exec {shlex.quote(sys.executable)} -m digitseq"
    for rest in ("generate 1 --source builtin", "batch out -n 9 --length 2 --source builtin", "verify out"):
        done = subprocess.run(["sh", "-c", f"{command} {rest}"], capture_output=True, text=True, check=False,
                              env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])})  # fmt: skip
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr


# --- Glyphs of your own ---------------------------------------------------------------------------------


_SHADES = itertools.count(1)


def _pictures(folder: Path, count: int = 2) -> None:
    from PIL import Image

    folder.mkdir(parents=True)
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:20, 9:15] = 255
    for number in range(count):
        pixels[6, 10] = next(_SHADES)  # the same picture twice would count once
        Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.mark.parametrize("name", ["12", "89", "13", "010", "456", "000"])
@pytest.mark.parametrize("split", ["", "train/"])
def test_a_folder_of_more_than_one_digit_is_an_error(name: str, split: str, tmp_path: Path) -> None:
    _pictures(tmp_path / f"own/{split}3")
    _pictures(tmp_path / f"own/{split}{name}")
    with pytest.raises(SourceError, match=rf"/{name}: expected folders 0 to 9"):
        load(tmp_path / "own")


def test_files_that_are_not_used_are_named(tmp_path: Path) -> None:
    own = tmp_path / "own"
    _pictures(own / "3")
    _pictures(own / "letters")
    (own / "3" / "notes.txt").write_text("x")
    (own / "3" / ".DS_Store").write_text("x")
    (own / "README").write_text("x")
    with pytest.warns(DigitSeqWarning, match=r"own: not used as glyphs: README, letters/, 3/notes\.txt$"):
        assert int(load(own).counts[3]) == 2


def test_of_many_files_that_are_not_used_five_are_named(tmp_path: Path) -> None:
    _pictures(tmp_path / "own/3")
    for number in range(8):
        (tmp_path / f"own/{number}.csv").write_text("x")
    with pytest.warns(DigitSeqWarning, match=r"0\.csv, 1\.csv, 2\.csv, 3\.csv, 4\.csv and 3 more$"):
        load(tmp_path / "own")


def test_folders_of_one_name_in_two_cases_are_both_used(tmp_path: Path) -> None:
    _pictures(tmp_path / "own/train/3", 2)
    _pictures(tmp_path / "own/Train/3", 3)
    if len(list((tmp_path / "own").iterdir())) == 1:
        pytest.skip("this file system does not tell them apart")
    assert int(load(tmp_path / "own").counts[3]) == 5


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_in_folders_of_their_names_are_found(suffix: str, tmp_path: Path) -> None:
    """As some programs unpack archives."""
    images = np.zeros((3, 28, 28), np.uint8)
    images[:, 5:20, 9:15] = 255
    for name, array in (
        ("train-images-idx3-ubyte", images),
        ("train-labels-idx1-ubyte", np.arange(3, dtype=np.uint8)),
    ):
        (tmp_path / name).mkdir()
        write_idx(tmp_path / name / f"{name}{suffix}", array)
    assert load(tmp_path).counts.tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]


def test_mnist_is_imported_from_folders_of_its_names(mnist_files: Path, tmp_path: Path, cache: Path) -> None:
    for file in mnist_files.glob("*-idx*.gz"):
        folder = tmp_path / "unpacked" / file.name.removesuffix(".gz")
        folder.mkdir(parents=True)
        (folder / file.name).symlink_to(file)
    assert len(fetch(from_dir=tmp_path / "unpacked")) == 70_000


# --- The same in Python and in the shell ----------------------------------------------------------------


def test_one_number_is_a_length_everywhere() -> None:
    assert make_recipe(length=5, count=1, seed=1).lengths == (5, 5)
    assert Recipe.from_dict(make_recipe(length=5, count=1, seed=1).to_dict()).lengths == (5, 5)
    assert make_recipe(length=np.int64(5), count=1, seed=1).to_dict()["length"] == [5, 5]
    assert Choice(length=3).lengths == (3, 3)
    assert Augment(background=50, backgrounds="paper").backgrounds == ("paper",)
    for wrong in (0, True, "5", 2.0, (3, 2), (1,), 70_000):
        with pytest.raises(ArgumentError, match="expected an integer or a pair"):
            make_recipe(length=wrong, count=1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--length", "6-3"), "--length: expected 1 to 65,536 digits, such as 4 or 3-6, got '6-3'"),
        (("--length", "0"), "got '0'"),
        (("--length", "3-"), "got '3-'"),
        (("--length", "3", "--part", "5/3"), ", such as 3/16, got '5/3'"),
        (("--length", "3", "--part", "0/3"), "got '0/3'"),
        (("--length", "3", "--train", "-5"), "--train/--validation/--test: expected an integer from 0 to"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_message_shows_what_was_written(options: tuple[str, ...], told: str, tmp_path: Path) -> None:
    done = _run("batch", "out", "-n", "5", "--seed", "1", "--source", "builtin", *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_the_home_folder_is_the_same_everywhere(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _pictures(home / "own/3")
    (home / "numbers.txt").write_text("33\n3\n")
    environment = {"HOME": str(home), "DIGITSEQ_CACHE_DIR": "~/cache"}
    for command in (
        ("batch", "~/out", "--sequences", "~/numbers.txt", "--source", "~/own", "--seed", "1"),
        ("batch", "~/again", "--recipe", "~/out/dataset.json", "--source", "~/own"),
        ("verify", "~/out", "--source", "~/own"),
        ("inspect", "~/out", "--html", "~/page.html", "--sheet", "~/sheet.png"),
        ("generate", "33", "--source", "~/own", "-o", "~/3.png"),
        ("generate", "3", "--source", "~/own", "-o", "~"),
        ("inspect", "~/3.png"),
    ):
        done = _run(*command, cwd=tmp_path, environment=environment)
        assert done.returncode == 0, (command, done.stderr)
    assert not (tmp_path / "~").exists()
    assert {"out", "again", "page.html", "sheet.png", "3.png"} <= {path.name for path in home.iterdir()}


def test_verify_says_what_it_was_given(folder: Path, tmp_path: Path) -> None:
    recipe = make_recipe(["3"], seed=1).changed(splits={"train": 2, "test": 1}, source="builtin")
    write_dataset(recipe, tmp_path / "split", workers=1)
    _pictures(tmp_path / "own/3")
    write_dataset(make_recipe(["3"], seed=1), tmp_path / "mine", source=tmp_path / "own", workers=1)
    (tmp_path / "some.bin").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    for path, code, told in (
        ("split/dataset.json", 0, "3 images verified, no problems found"),
        (
            "split/train",
            1,
            f"split/train is a folder inside a dataset\nhint: give the folder {tmp_path / 'split'}\n",
        ),
        (
            "split/train/images/000/000000.png",
            1,
            "is an image, not a dataset\nhint: run `digitseq inspect split/train",
        ),
        ("split/train/images/000", 1, "000 is a folder inside a dataset"),
        ("empty", 1, "empty is not a dataset: it has no dataset.json"),
        ("some.bin", 1, "some.bin: not a digitseq manifest"),
        ("nothing", 1, "nothing cannot be read: No such file or directory"),
        ("mine", 0, "mine: 1 image verified, no problems found"),
    ):
        done = _run("verify", path, cwd=tmp_path)
        assert done.returncode == code, (path, done.stderr)
        assert told in done.stderr
    done = _run("verify", str(tmp_path / "mine"), cwd=folder)
    assert done.returncode == 1
    assert "no source 'own' in the current folder: the recipe uses your own glyphs" in done.stderr
    assert "--source PATH" in done.stderr


def test_one_thing_is_not_counted_as_several(tmp_path: Path) -> None:
    assert [counted(n, "image") for n in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    command = ("batch", "out", "-n", "1", "--length", "2", "--seed", "1", "--source", "builtin")
    assert "note: 1 image written" in _run(*command, cwd=tmp_path).stderr
    assert "; 1 already written" in _run(*command, cwd=tmp_path).stderr
    (tmp_path / "out/labels.csv").write_text("filename,label\n")
    done = _run("verify", "out", cwd=tmp_path)
    assert "error: out: 1 problem found" in done.stderr


_PLURAL = re.compile(
    r" (?!across|always|as|is|its|less|px|this|was|whose)(\w+s|are|differ|do|have|lack|need|were)\b"
)
_NUMBERS = ("len(", "count", "number", "many", "total", "images", "written", "kept", "missing", "more")


# Numbers that are known to be greater than 1, or are constants.
_NEVER_ONE = {
    "{MAX_DIGITS} digits", "{expected} bytes", "{len(glyphs)} glyphs", "{len(sequence)} digits",
    "{len(strange)} predictions", "{len(text)} characters", "{lost} predictions",
    "{total} glyphs", "{total} images", "{MOST_PIXELS} pixels", "{size} bytes", "{MOST_BYTES} bytes",
    "{MOST_VALUES} values", "{len(data)} bytes", "{_MOST_PIPED} bytes", "{_LONGEST_LINE} characters",
    "{_MOST_SEQUENCES} bytes", "{promised} bytes", "{promised} shards", "{at_most} bytes",
    "{MOST_IMAGES} images",
    "{(last + 1) * stated} bytes",
}  # fmt: skip


def _disagreeing(source: str) -> Iterator[str]:
    """Texts in which a number may be 1 and the next word is plural."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            for value, text in pairwise(node.values):
                if not (isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant)):
                    continue
                inner = ast.unparse(value.value)
                is_number = value.format_spec is not None and ast.unparse(value.format_spec) == "f','"
                is_number |= inner.startswith(_NUMBERS)
                found = _PLURAL.match(str(text.value))
                if found and is_number and "counted(" not in inner:
                    yield f"line {node.lineno}: {{{inner}}}{found[0]}"


def test_numbers_and_what_they_count_agree_everywhere() -> None:
    assert list(_disagreeing('f"{n:,} shards"')) == ["line 1: {n} shards"]
    assert list(_disagreeing('f"{len(rows)} were there"')) == ["line 1: {len(rows)} were"]
    assert list(_disagreeing("f\"{counted(n, 'shard')} of {n:,} still missing\"")) == []
    package = Path(__file__).parents[2] / "digitseq"
    found = {
        f"{path.relative_to(package)}, {text}"
        for path in sorted(package.rglob("*.py"))
        for text in _disagreeing(path.read_text(encoding="utf-8"))
    }
    assert {text for text in found if text.partition(": ")[2] not in _NEVER_ONE} == set()


@pytest.mark.parametrize("name", ["folder", "webdataset", "npz"])
def test_a_full_disk_is_told_and_nothing_else(name: str, tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    resource = pytest.importorskip("resource")
    command = f"batch out -n 900 --length 9 --source builtin --seed 1 --format {name}"
    done = subprocess.run(
        [sys.executable, "-m", "digitseq", *command.split(), "-q"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"error: out/\S+ .*cannot be written: File too large\n", done.stderr)
    assert not list(tmp_path.rglob(".partial*"))


def test_an_unchanged_rerun_is_newer_than_what_it_was_made_from(tmp_path: Path) -> None:
    """So that make does not run it again and again. Nothing but a time is changed."""
    recipe = make_recipe(["12", "3"], seed=1, source="builtin")
    write_dataset(recipe, tmp_path / "out", workers=1)
    manifest = tmp_path / "out/dataset.json"
    before = manifest.read_bytes()
    os.utime(manifest, (1, 1))
    (tmp_path / "numbers.txt").write_text("12\n3\n")
    write_dataset(recipe, tmp_path / "out", workers=1)
    assert manifest.stat().st_mtime >= (tmp_path / "numbers.txt").stat().st_mtime
    assert manifest.read_bytes() == before


def test_a_label_is_called_a_label(tmp_path: Path) -> None:
    done = _run("generate", "042", "--source", "builtin", "--seed", "1", "--json", cwd=tmp_path)
    assert '"label": "042"' in done.stdout
    assert '"sequence"' not in done.stdout


def test_a_dataset_json_is_as_good_as_its_folder(folder: Path) -> None:
    from digitseq import read_dataset, verify_dataset

    assert len(read_dataset(folder / "data/dataset.json")) == 30
    assert list(verify_dataset(folder / "data/dataset.json")) == []
    with pytest.raises(FormatError, match="is not a dataset"):
        read_dataset(folder / "data/labels.csv")
