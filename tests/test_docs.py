"""
Every code block of the README and the docs runs, or says why it does not.

A comment before a block says what is special about it:

    <!-- not run: the reason -->
    <!-- needs: a library without which the block is skipped -->

The blocks of a page run in order, in one folder. Large datasets are made with fewer images.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from digitseq import api
from tests import program

_ROOT = Path(__file__).parents[1]
_PAGES = [_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))]
_RUN = ("python", "sh")
_FENCE = re.compile(
    r"(?:<!-- (?P<note>not run|needs): (?P<what>[^>]+) -->\s*\n)?"
    r"^```(?P<language>[\w-]*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_SIZE = re.compile(r"(?P<before>(?:-n|--train|--validation|--test) |count=)(?P<count>[\d_]+)")
_FEWER = {"sh": 40, "python": 300}


class Block(NamedTuple):
    """A code block: its language, its text, "not run" or "needs" and what follows it."""

    language: str
    text: str
    note: str
    what: str


def _blocks(page: Path) -> Iterator[Block]:
    for found in _FENCE.finditer(page.read_text(encoding="utf-8")):
        if found["language"] in _RUN:
            yield Block(found["language"], found["text"], found["note"] or "", (found["what"] or "").strip())


def _name(page: Path) -> str:
    return page.relative_to(_ROOT).as_posix()


def _with_fewer_images(block: Block) -> str:
    most = _FEWER[block.language]
    return _SIZE.sub(
        lambda found: found["before"] + str(min(int(found["count"].replace("_", "")), most)), block.text
    )


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `digitseq` and `python` are those under test."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program.install(programs / "digitseq")
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "python").chmod(0o755)
    folder = tmp_path / "page"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    monkeypatch.setenv("DIGITSEQ_OFFLINE", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="the blocks are for bash")
@pytest.mark.parametrize("page", [p for p in _PAGES if any(_blocks(p))], ids=_name)
def test_the_code_on_a_page_runs(page: Path, shell: Path, with_mnist: Path) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    for block in _blocks(page):
        libraries = block.what.split(", ") if block.note == "needs" else []
        if block.note == "not run" or any(importlib.util.find_spec(library) is None for library in libraries):
            continue
        text = _with_fewer_images(block)
        if block.language == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(text, str(page), "exec"), names)
        else:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_what_does_not_run_has_a_reason(page: Path) -> None:
    for block in _blocks(page):
        if block.note == "not run":
            assert len(block.what.split()) > 2, block
        elif block.note == "needs":
            assert block.what, block


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        if not re.match(r"[a-z]+:|#", link):
            assert (page.parent / link.partition("#")[0]).exists(), link


def test_every_page_is_reachable_from_the_index() -> None:
    index = (_ROOT / "docs/index.md").read_text(encoding="utf-8")
    entries = {
        line for block in re.findall(r"```{toctree}(.*?)```", index, re.DOTALL) for line in block.split()
    }
    for page in _PAGES[1:]:
        name = page.relative_to(_ROOT / "docs").with_suffix("").as_posix()
        assert name == "index" or name in entries, name


def test_the_reference_has_every_public_name_once() -> None:
    text = (_ROOT / "docs/reference/api.md").read_text(encoding="utf-8")
    documented = re.findall(r"\.\. auto(?:function|class|exception):: (\w+)", text)
    assert sorted(documented) == sorted(set(api._HOME) - {"__version__"})


def test_the_page_of_the_command_line_is_that_of_the_commands() -> None:
    location = importlib.util.spec_from_file_location("cli_reference", _ROOT / "docs/cli_reference.py")
    assert location is not None
    assert location.loader is not None
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run: python docs/cli_reference.py"
