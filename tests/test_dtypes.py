"""No array in digitseq has the platform's default integer type, which is 32 bits wide on some platforms."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_PACKAGE = Path(__file__).parents[1] / "digitseq"

# Functions that make an array → where their dtype stands among the positional arguments.
_MAKERS = {
    "arange": 3, "array": 1, "empty": 1, "eye": 3, "frombuffer": 1, "fromiter": 1, "full": 2, "identity": 1,
    "indices": 1, "linspace": 5, "ndarray": 1, "ones": 1, "zeros": 1,
}  # fmt: skip
# These add up in the default integer type unless they are given another.
_SUMS = {"sum", "cumsum", "prod", "cumprod", "nansum", "trace"}
_UFUNC_SUMS = {"reduce", "accumulate", "reduceat"}
# These give indices, as wide as a pointer.
_INDICES = {
    "argmax", "argmin", "argpartition", "argsort", "argwhere", "digitize", "flatnonzero", "lexsort",
    "nonzero", "searchsorted",
}  # fmt: skip
# These take indices or counts no wider than a pointer, and give counts as wide; `digitseq.arrays` has them.
_WRAPPED = {"bincount", "repeat", "unique"}
_JOINS = {"array", "asarray", "ascontiguousarray", "concatenate", "lexsort", "stack"}
_PLATFORM_TYPES = {"int_", "uint", "intc", "uintc", "long", "ulong", "longlong", "ulonglong", "uintp"}
_NOT_UFUNCS = {"minimum", "maximum", "bitwise_or", "bitwise_and", "logical_or", "logical_and"}


def _is_numpy(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy")


def _has_dtype(call: ast.Call, place: int) -> bool:
    return len(call.args) > place or any(keyword.arg in ("dtype", "out") for keyword in call.keywords)


def _is_literal(node: ast.expr) -> bool:
    """Whether numpy would have to guess the type of this."""
    if isinstance(node, ast.UnaryOp):
        return _is_literal(node.operand)
    return isinstance(node, (ast.Constant, ast.List, ast.ListComp, ast.GeneratorExp))


def _is_builtin_int(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in ("int", "uint", "i", "l", "L", "I")
    return isinstance(node, ast.Name) and node.id == "int"


def problems(source: str, *, wrappers: bool = False) -> Iterator[str]:
    """Calls whose result is as wide as the platform's default integer; a line number and a name for each."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    def is_settled(node: ast.AST) -> bool:
        """Whether indices are converted at once, or used as nothing but indices."""
        above = parents[node]
        if isinstance(above, ast.Attribute):  # .astype(np.int64)
            return above.attr in ("astype", "tolist")
        if isinstance(above, ast.Call):
            return isinstance(above.func, ast.Name) and above.func.id in ("int", "len")
        return isinstance(above, ast.Subscript) and above.slice is node

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_numpy(node.value) and node.attr in _PLATFORM_TYPES:
            yield f"line {node.lineno}: np.{node.attr}"
        if isinstance(node, ast.keyword) and node.arg == "dtype" and _is_builtin_int(node.value):
            yield f"line {node.value.lineno}: dtype=int"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, where = node.func.attr, f"line {node.lineno}: {node.func.attr}"
        from_numpy = _is_numpy(node.func.value)
        if from_numpy and name in _MAKERS and not _has_dtype(node, _MAKERS[name]):
            yield f"{where} without a dtype"
        if name in _SUMS and not any(k.arg in ("dtype", "out") for k in node.keywords):
            yield f"{where} without a dtype"
        if name in _UFUNC_SUMS and isinstance(node.func.value, ast.Attribute):
            sums = _is_numpy(node.func.value.value) and node.func.value.attr not in _NOT_UFUNCS
            if sums and not any(k.arg in ("dtype", "out") for k in node.keywords):
                yield f"{where} without a dtype"
        if name == "reduceat" and not ast.unparse(node.args[1]).endswith(".astype(np.intp)"):
            yield f"{where} with indices that are not converted to intp"
        if name in _INDICES and not is_settled(node):
            yield f"{where} gives indices that are not converted to int64"
        if from_numpy and name in _WRAPPED and not wrappers and (name != "unique" or node.keywords):
            yield f"{where}: digitseq.arrays has one for every platform"
        if name == "astype" and node.args and _is_builtin_int(node.args[0]):
            yield f"{where}(int)"
        if from_numpy and name == "where" and len(node.args) == 3 and all(map(_is_literal, node.args[1:])):
            yield f"{where} of two literals"
        if from_numpy and name not in _MAKERS and not any(k.arg == "dtype" for k in node.keywords):
            arguments = node.args
            if name in _JOINS and arguments and isinstance(arguments[0], (ast.List, ast.Tuple)):
                arguments = arguments[0].elts
            elif name in _JOINS:
                arguments = []
            if any(isinstance(a, (ast.List, ast.ListComp)) for a in arguments):
                yield f"{where} of a list"


@pytest.mark.parametrize(
    "path", sorted(_PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(_PACKAGE).as_posix()
)
def test_no_array_depends_on_the_default_integer_of_its_platform(path: Path) -> None:
    wrappers = path.relative_to(_PACKAGE).as_posix() == "arrays.py"
    assert list(problems(path.read_text(encoding="utf-8"), wrappers=wrappers)) == []


@pytest.mark.parametrize(
    "code",
    [
        "np.zeros(3)",
        "np.arange(0, 9, 2)",
        "np.array([1, 2])",
        "np.full((2, 2), 7)",
        "x.sum()",
        "np.cumsum(x, 1)",
        "np.add.reduce(x)",
        "y = x.argmax(1) * width",
        "rows, columns = np.nonzero(x)",
        "np.bincount(x)",
        "np.repeat(x, counts)",
        "np.unique(x, return_counts=True)",
        "x.astype(int)",
        "x.astype('int')",
        "np.empty(3, dtype=int)",
        "x.astype(np.int_)",
        "np.where(x, 255, -1)",
        "np.concatenate([[0], ends])",
        "np.tile([1, 2], 3)",
        "np.maximum.reduceat(x, starts)",
    ],
)
def test_the_check_finds_each_way_to_leave_the_type_to_the_platform(code: str) -> None:
    assert len(list(problems(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "np.zeros(3, np.int64)",
        "np.arange(9, dtype=np.int64)",
        "x.sum(1, dtype=np.int64)",
        "np.add.accumulate(x, out=y)",
        "np.maximum.reduce(x)",
        "x.argmax(1).astype(np.int64) * width",
        "y[np.flatnonzero(x)]",
        "int(x.argmax())",
        "np.where(x, y, -1)",
        "sum(sizes)",
        "np.concatenate([a, b])",
    ],
)
def test_the_check_lets_explicit_types_pass(code: str) -> None:
    assert list(problems(code)) == []
