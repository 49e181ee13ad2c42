"""Small datasets of the built-in digits, to look at and to spoil."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from digitseq import make_recipe, write_dataset

Spoil = Callable[..., Path]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with three splits, all of it right."""
    out = tmp_path_factory.mktemp("inspected") / "data"
    recipe = make_recipe(
        length=(3, 5),
        spacing_range=(2, 8),
        image_width=150,
        seed=11,
        source="builtin",
        splits={"train": 120, "validation": 30, "test": 30},
    )
    write_dataset(recipe, out, workers=1)
    return out


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(written, tmp_path / "copy"))


def edit_line(path: Path, number: int, change: Callable[[str], str]) -> None:
    """Change one line of a text file, counted from 0."""
    lines = path.read_bytes().decode().splitlines(keepends=True)
    lines[number] = change(lines[number])
    path.write_bytes("".join(lines).encode())


def edit_facts(path: Path, number: int, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the object in one line of metadata.jsonl."""

    def changed(line: str) -> str:
        facts = json.loads(line)
        change(facts)
        return json.dumps(facts) + "\n"

    edit_line(path, number, changed)
