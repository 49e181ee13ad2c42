"""Small datasets for tests, and what lies on the disk afterwards."""

from pathlib import Path
from typing import Any

from digitseq import Recipe

CARD = {"README.md", ".digitseq-sheet.png", "croissant.json"}


def recipe(**fields: Any) -> Recipe:
    """A recipe of built-in digits; how many, and whatever else, is said by the test."""
    usual: dict[str, Any] = {
        "length": (3, 6),
        "spacing_range": (2, 8),
        "image_width": 200,
        "seed": 42,
        "source": "builtin",
    }
    return Recipe(**usual | fields)


def tree(folder: Path) -> dict[str, bytes]:
    """Name → content of every file, except those of the card, which has tests of its own."""
    files = (path for path in folder.rglob("*") if path.is_file())
    names = {str(path.relative_to(folder)): path for path in files}
    return {name: path.read_bytes() for name, path in names.items() if name not in CARD}
