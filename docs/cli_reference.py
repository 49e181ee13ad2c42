"""
Write the page of the command line from the commands themselves.

    python docs/cli_reference.py
"""

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from typer.models import ArgumentInfo

from digitseq.cli.app import COMMANDS, EXAMPLES

PAGE = Path(__file__).parent / "reference/cli.md"
_INTRO = """# Command line

`digitseq --help` and `digitseq COMMAND --help` print this page in the terminal. Results go to standard
output, everything else to standard error.

| exit code | meaning |
|---|---|
| 0 | success |
| 1 | failure; `verify` found problems |
| 2 | wrong usage |
| 130, 143, 129 | stopped by Ctrl-C, SIGTERM or SIGHUP |

| environment variable | meaning |
|---|---|
| `DIGITSEQ_CACHE_DIR` | the cache folder |
| `DIGITSEQ_MNIST_MIRROR` | an http, https or file URL to fetch MNIST from first |
| `DIGITSEQ_OFFLINE`, `HF_HUB_OFFLINE` | 1: use no network |
| `DIGITSEQ_KERNELS` | [compiled loops](../install.md#faster-augmentation): 0 never, 1 from the first image |
| `CC` | the C compiler that builds these loops |
| `NO_COLOR` | no colours |

`digitseq --version --json` describes the installation, for bug reports.
"""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _value(kind: Any, info: Any) -> str:
    """What stands behind an option: nothing for a flag."""
    if get_origin(kind) in (UnionType, Union):
        (kind,) = [inner for inner in get_args(kind) if inner is not type(None)]
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    if kind is bool:
        return ""
    if get_origin(kind) is Literal:
        return "\\|".join(get_args(kind))
    return _cell(
        info.metavar or {int: "N", str: "TEXT"}.get(kind, getattr(kind, "__name__", "VALUE").upper())
    )


def _options(command: Callable[..., None]) -> Iterator[tuple[str, str, str]]:
    """Panel, usage and help of each parameter of a command."""
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        kind, info = get_args(parameter.annotation)
        if isinstance(info, ArgumentInfo):
            yield "Arguments", f"`{info.metavar}`", info.help or ""
            continue
        # What Typer calls the default is the first name, if it is written in an annotation.
        given = [text for text in (info.default, *(info.param_decls or ())) if isinstance(text, str)]
        names = [n for text in given for n in text.split("/")] or [f"--{name.replace('_', '-')}"]
        usage = f"{', '.join(f'`{n}`' for n in names)} {_value(kind, info)}".strip()
        yield info.rich_help_panel or "Options", usage, info.help or ""


def _tables(command: Callable[..., None]) -> Iterator[str]:
    panels: dict[str, list[tuple[str, str]]] = {}
    for panel, usage, text in _options(command):
        panels.setdefault(panel, []).append((usage, text))
    for panel, rows in panels.items():
        title, _, note = panel.partition(": ")
        yield f"### {title}\n"
        if note:
            yield f"{note}.\n"
        yield "| | |\n|---|---|"
        yield from (f"| {usage} | {_cell(text)} |" for usage, text in rows)
        yield ""


def page() -> str:
    """The page, as Markdown."""
    lines = [_INTRO]
    for name in COMMANDS:
        module = name.replace("-", "_")
        command = getattr(import_module(f"digitseq.cli.{module}"), module)
        lines += [f"## digitseq {name}\n", inspect.cleandoc(command.__doc__ or ""), ""]
        lines += ["<!-- not run: examples, which the tests of the command line parse -->"]
        lines += ["```sh", inspect.cleandoc(EXAMPLES[name]), "```\n"]
        lines += _tables(command)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
