"""The messages of the command line are those of the page messages.txt, which is there to be read."""

import difflib
import os
from pathlib import Path

import pytest

from .message_page import PAGE, make_files, written

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the commands run in copies of this process")


def test_messages_are_those_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("DIGITSEQ_OFFLINE", "1")
    folder = tmp_path / "folder"
    folder.mkdir()
    make_files(folder)
    page = PAGE.read_text(encoding="utf-8")
    now = written(page, folder)
    changes = list(difflib.unified_diff(page.splitlines(), now.splitlines(), lineterm="", n=1))
    assert not changes, "read the changes, then run: python -m tests.cli.message_page\n" + "\n".join(changes)
