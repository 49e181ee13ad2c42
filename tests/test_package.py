"""What the package promises to whoever imports it."""

import ast
import importlib
import inspect
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import digitseq
from digitseq import api, errors

_ROOT = Path(__file__).parents[1]
_PACKAGE = _ROOT / "digitseq"

# DESIGN's arrows: a room may import from the rooms below it and from its own.
_LAYERS = [
    {"cli", "cli_dataset", "cli_augment", "cli_inspect", "terminal", "tables", "__main__", "preview"},
    {"api"},
    {"inspection"},
    {"dataset"},
    {"render"},
    {"plan", "labels", "ctc"},
    {"recipe", "streams", "glyphs", "augment"},
    {
        "errors",
        "arrays",
        "checks",
        "extras",
        "interrupts",
        "folder",
        "tree",
        "wholefile",
        "locks",
        "parsed",
        "npy",
        "inputs",
    },
]
# Within one layer: who may import whom.
_SAME_LAYER = {
    ("__main__", "cli"),
    ("cli", "preview"),
    ("cli", "cli_dataset"),
    ("cli", "cli_augment"),
    ("cli_dataset", "cli_augment"),
    ("cli", "terminal"),
    ("cli_dataset", "terminal"),
    ("cli", "cli_inspect"),
    ("cli_inspect", "terminal"),
    ("cli_inspect", "tables"),
    ("tables", "preview"),
    ("tables", "terminal"),
    ("glyphs", "streams"),
    ("augment", "glyphs"),
    ("augment", "streams"),
    ("recipe", "augment"),
    ("plan", "labels"),
    ("checks", "errors"),
    ("extras", "errors"),
    ("locks", "interrupts"),
    ("locks", "folder"),
    ("wholefile", "folder"),
    ("wholefile", "interrupts"),
    ("inputs", "folder"),
    ("tree", "folder"),
    ("inputs", "errors"),
    ("inputs", "checks"),
    ("inputs", "interrupts"),
    ("parsed", "checks"),
    ("npy", "checks"),
    ("npy", "arrays"),
}


def _room(module: str) -> str:
    return module.split(".")[1]


def _layer(room: str) -> int:
    return next(number for number, rooms in enumerate(_LAYERS) if room in rooms)


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(_PACKAGE.rglob("*.py")):
        parts = path.relative_to(_ROOT).with_suffix("").parts
        yield ".".join(parts), ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_point_down_only() -> None:
    arrows = 0
    for module, tree in _modules():
        if module == "digitseq.__init__":
            continue
        for imported in _imports(tree):
            if not imported.startswith("digitseq.") or imported in ("digitseq.__version__",):
                continue
            a, b = _room(module), _room(imported)
            arrows += 1
            assert a == b or _layer(a) < _layer(b) or (a, b) in _SAME_LAYER, f"{module} imports {imported}"
    assert arrows > 30


def test_typer_and_rich_live_in_the_command_line_and_the_network_in_glyphs() -> None:
    homes = {
        "typer": {"cli", "cli_dataset", "cli_augment", "cli_inspect", "terminal"},
        "rich": {"cli", "terminal", "tables", "preview"},
        "requests": {"glyphs"},
        "urllib": {"glyphs"},
        "platformdirs": {"glyphs"},
    }
    seen = set()
    for module, tree in _modules():
        for imported in _imports(tree):
            library = imported.split(".")[0]
            if library in homes:
                seen.add(library)
                assert _room(module) in homes[library], f"{module} imports {library}"
            assert library not in ("click", "random", "socket", "pickle")
    assert seen == set(homes)


def test_nothing_below_the_command_line_prints_or_exits() -> None:
    for module, tree in _modules():
        if _room(module) in _LAYERS[0]:
            continue
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not names & {"print", "exit", "quit", "input", "breakpoint"}, module


def test_no_module_outgrows_its_noun() -> None:
    lengths = {
        module: len((_ROOT / (module.replace(".", "/") + ".py")).read_text().splitlines())
        for module, _ in _modules()
    }
    assert max(lengths.values()) <= 420, lengths


def test_public_names_are_listed_once_and_all_can_be_loaded() -> None:
    assert digitseq.__all__ == sorted(digitseq.__all__)
    assert set(digitseq.__all__) == set(digitseq._HOME) | {"__version__"}
    assert dir(digitseq) == sorted(digitseq.__all__)
    for name in digitseq.__all__:
        assert getattr(digitseq, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        digitseq.nothing  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((_PACKAGE / "__init__.py").read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: f"{node.module}"
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == digitseq._HOME


def test_the_core_api_offers_the_same_names_to_type_checkers_and_programs() -> None:
    tree = ast.parse((_PACKAGE / "api/__init__.py").read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: str(node.module).rsplit(".", 1)[1]
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == api._HOME
    for name in api._HOME:
        assert callable(getattr(api, name))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        api.nothing  # noqa: B018


def test_every_public_callable_has_a_docstring_that_teaches() -> None:
    for name, home in digitseq._HOME.items():
        value = getattr(importlib.import_module(home), name)
        text = inspect.getdoc(value) or ""
        assert len(text) > 20, name
        if inspect.isfunction(value):
            assert "Args:" in text, name
            assert "Returns:" in text, name
            assert "Raises:" in text, name


def test_the_version_is_one_and_has_a_changelog_entry() -> None:
    assert version("digitseq") == digitseq.__version__
    changelog = (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{digitseq.__version__}]" in changelog or "## [Unreleased]" in changelog
    settings = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["requires-python"] == ">=3.11"
    assert (_PACKAGE / "py.typed").is_file()


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    drawn = errors.__doc__ or ""
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, (Exception, Warning)):
            assert name in drawn, name
            assert issubclass(value, (errors.DigitSeqError, UserWarning))
    assert issubclass(errors.ArgumentError, ValueError)
