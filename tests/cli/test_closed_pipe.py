"""A reader that closes the pipe, as `head` does, is no error; all files are written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_COMMANDS: dict[str, tuple[list[str], list[str]]] = {
    "generate": (["generate", "12", "--source", "builtin", "-o", "a.png", "--mask"], ["a.png", "a.mask.png"]),
    "generate many": (["generate", "-", "--source", "builtin", "-o", "many"], ["many/12.png", "many/34.png"]),
    "generate -o -": (["generate", "12", "--source", "builtin", "-o", "-"], []),
    "batch": (["batch", "out", "-n", "5", "--length", "2", "--source", "builtin"], ["out/dataset.json"]),
    "inspect": (["inspect", "data", "--html", "a.html", "--sheet", "a.png"], ["a.html", "a.png"]),
    "inspect --json": (["inspect", "data", "--html", "a.html", "--json"], ["a.html"]),
    "compare": (["inspect", "--compare", "data", "data"], []),
    "verify": (["verify", "data", "--json"], []),
    "help": (["batch", "--help"], []),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from digitseq import make_recipe, write_dataset

    recipe = make_recipe(length=2, count=20, seed=1, source="builtin")
    out = tmp_path_factory.mktemp("closed") / "data"
    write_dataset(recipe, out, workers=1)
    return out


@pytest.mark.parametrize("name", _COMMANDS)
def test_files_are_written_whoever_reads_the_output(name: str, data: Path, in_folder: Path) -> None:
    command, files = _COMMANDS[name]
    (in_folder / "data").symlink_to(data)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "digitseq", *command],
            stdout=pipe,
            stderr=subprocess.PIPE,
            input=b"12\n34\n",
            check=False,
        )
    assert (done.returncode, done.stderr.count(b"error")) == (0, 0), done.stderr
    assert all((in_folder / file).is_file() for file in files)
