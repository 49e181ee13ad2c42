"""What the package promises to whoever imports it."""

import ast
import importlib
import inspect
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path

import pytest

import digitseq
from digitseq import api, errors

_ROOT = Path(__file__).parents[1]
_PACKAGE = _ROOT / "digitseq"

# From the top down: a room may import from the rooms below it, and from its own.
_ROOMS = (
    "__main__", "cli", "__init__", "api", "inspection", "training", "dataset", "picture", "png", "batches",
    "render", "plan", "labels", "recipe", "label_space", "label_templates", "augment", "environment",
    "glyphs", "splits", "sequence", "streams", "random_purposes", "kernels", "kernel_library", "cache_folder",
    "storage", "json_fields", "progress_protocol", "interrupts", "extras", "checks", "arrays", "errors",
    "version",
)  # fmt: skip


def _room(module: str) -> str:
    return module.split(".")[1]


@cache
def _modules() -> list[tuple[str, ast.Module]]:
    return [
        (".".join(path.relative_to(_ROOT).with_suffix("").parts), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(_PACKAGE.rglob("*.py"))
    ]


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
        for imported in _imports(tree):
            if imported.startswith("digitseq."):
                a, b = _room(module), _room(imported)
                arrows += 1
                assert _ROOMS.index(a) <= _ROOMS.index(b), f"{module} imports {imported}"
    assert arrows > 300


def test_no_modules_import_one_another_in_a_circle() -> None:
    trees = {module.removesuffix(".__init__"): tree for module, tree in _modules()}
    graph = {
        module: {
            name if name in trees else name.rpartition(".")[0]
            for name in _imports(tree)
            if name.startswith("digitseq.")
        }
        for module, tree in trees.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_each_library_is_imported_only_where_it_belongs() -> None:
    homes = {
        "typer": {"cli"},
        "rich": {"cli"},
        "requests": {"glyphs"},
        "urllib": {"glyphs"},
        "platformdirs": {"cache_folder"},
        "warnings": {"cli", "errors"},  # `errors.warn` finds the line in the user's program
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
        if _room(module) == "cli":
            continue
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not names & {"print", "exit", "quit", "input", "breakpoint"}, module


def test_no_module_outgrows_its_noun() -> None:
    lengths = {
        module: len((_ROOT / (module.replace(".", "/") + ".py")).read_text().splitlines())
        for module, _ in _modules()
    }
    assert max(lengths.values()) <= 400, {m: n for m, n in lengths.items() if n > 400}


def test_all_public_names_can_be_loaded() -> None:
    names = sorted(api._HOME)
    assert vars(digitseq)["__all__"] == vars(api)["__all__"] == dir(digitseq) == names
    # Importing a module puts it into the package, in the place of a function of the same name.
    assert not set(names) & {path.stem for path in _PACKAGE.iterdir()}
    for name in names:
        assert getattr(digitseq, name) is getattr(api, name)
    for module in (digitseq, api):
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            module.nothing  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((_PACKAGE / "api.py").read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: str(node.module)
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == api._HOME


def test_functions_and_their_lists_of_parameters_stay_short() -> None:
    for module, tree in _modules():
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef):
                continue
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = 0 if not body else (body[-1].end_lineno or 0) - body[0].lineno + 1
            assert lines <= 60, f"{module}.{node.name}: {lines} lines"
            count = len(node.args.posonlyargs) + len(node.args.args)
            count += 0 if node.name in api._HOME else len(node.args.kwonlyargs)
            assert count <= 12, f"{module}.{node.name}: {count} parameters"


def test_every_public_callable_has_a_docstring_that_teaches() -> None:
    for name, home in api._HOME.items():
        value = getattr(importlib.import_module(home), name)
        if isinstance(value, str):
            continue
        text = inspect.getdoc(value) or ""
        assert len(text) > 20, name
        if inspect.isfunction(value) and inspect.signature(value).parameters:
            assert "Args:" in text, name
            assert "Returns:" in text or inspect.signature(value).return_annotation is None, name
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


def test_every_name_of_the_package_in_the_docs_exists() -> None:
    pages = [_ROOT / "README.md", *(_ROOT / "docs").glob("*.md")]
    names = {n for page in pages for n in re.findall(r"`digitseq((?:\.\w+)+)`", page.read_text("utf-8"))}
    assert names
    for name in names:
        value: object = digitseq
        for part in name.strip(".").split("."):
            with suppress(ModuleNotFoundError):
                importlib.import_module(f"{getattr(value, '__name__', '')}.{part}")
            value = getattr(value, part)


def test_every_file_in_the_table_of_the_architecture_is_where_its_row_says() -> None:
    text = (_ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = 0
    for row in re.findall(r"^\| `.*", text, re.MULTILINE):
        folder = next(iter(re.findall(r"`((?:\w+/)+)", row)), "")
        for name in re.findall(r"`([\w/]+\.(?:py|js|css|html))`", row):
            places = (_PACKAGE / name, _PACKAGE / folder / name, _ROOT / name)
            assert any(place.is_file() for place in places), f"{name} in {row}"
            named += 1
    assert named > 50
