"""
What the command line says in each situation, as one page that can be read: messages.txt.

    python -m tests.cli.message_page

writes it anew from the commands that it lists. `test_messages_page.py` checks that it is up to date. A line
that begins with "$ " is a command; "# " begins a comment; the rest is what the command printed, and its exit
code. Messages that Typer words itself are left out, as they differ between its versions.
"""

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests import program

PAGE = Path(__file__).with_name("messages.txt")


def commands(page: str) -> Iterator[str]:
    """The lines of the page that stay as they are: comments, commands, blank lines between sections."""
    return (line for line in page.splitlines() if line.startswith(("# ", "$ ")))


def make_files(folder: Path) -> None:
    """The files that the commands are about."""
    import numpy as np
    from PIL import Image

    from digitseq import make_recipe, write_dataset

    recipe = make_recipe(length=(2, 3), count=4, image_width=100, seed=1, source="builtin")
    write_dataset(recipe, folder / "data", workers=1)
    for name in ("damaged", "unfinished"):
        shutil.copytree(folder / "data", folder / name)
    (folder / "damaged/images/000/000001.png").write_bytes(b"\x89PNG")
    (folder / "unfinished/dataset.json").rename(folder / "unfinished/.digitseq-unfinished.json")
    splits = make_recipe(length=2, splits={"train": 2, "test": 2}, image_width=100, seed=1, source="builtin")
    write_dataset(splits, folder / "splits", workers=1)
    (folder / "mine").mkdir()
    (folder / "mine/photo.jpg").write_bytes(b"")
    for digit in range(10):
        (folder / f"glyphs/{digit}").mkdir(parents=True)
        picture = np.zeros((28, 28), np.uint8)
        picture[4:24, 10 : 14 + digit] = 255
        Image.fromarray(picture).save(folder / f"glyphs/{digit}/a.png")
    (folder / "few/7").mkdir(parents=True)
    (folder / "few/7/a.png").write_bytes(b"text")
    (folder / "numbers.txt").write_text("12\n3x\n")
    (folder / "empty.txt").write_text("")
    (folder / "right.csv").write_text("index,prediction\n0,1\n1,2\n2,3\n3,4\n")
    (folder / "short.csv").write_text("index,prediction\n0,1\n")
    (folder / "columns.csv").write_text("a,b\n0,1\n")
    (folder / "taken.png").write_bytes(b"")
    (folder / "recipe.json").write_text("{}")


def run(command: str, folder: Path) -> str:
    """What a command prints on both streams, and its exit code."""
    command, _, given = command.partition(" < ")
    stdin = Path(folder, given).read_bytes() if given else b""
    done = program.run(*shlex.split(command)[1:], cwd=folder, stdin=stdin, merged=True)
    return f"{done.stdout.decode().replace(str(folder), 'FOLDER')}[exit {done.returncode}]\n"


def written(page: str, folder: Path) -> str:
    """The page with what its commands print now."""
    lines = []
    for line in commands(page):
        if line.startswith("# "):
            lines.append(f"\n{line}\n")
        else:
            lines.append(f"\n{line}\n{run(line.removeprefix('$ '), folder)}")
    return "".join(lines).lstrip("\n")


def main() -> None:
    """Write the page anew."""
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {
            "DIGITSEQ_OFFLINE": "1", "DIGITSEQ_CACHE_DIR": f"{place}/cache", "TERM": "dumb", "COLUMNS": "100",
        }  # fmt: skip
        folder = Path(place, "folder")
        folder.mkdir()
        make_files(folder)
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), folder), encoding="utf-8")


if __name__ == "__main__":
    main()
