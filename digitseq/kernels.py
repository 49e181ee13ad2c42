"""
Compiled C loops for the slowest steps of augmentation.

The numpy code of a step is the reference. The loop in the C file of the same name does the same integer
arithmetic and gives the same bytes, so a process can switch from one to the other at any time. It switches to
the loops once it has augmented enough digits. They are compiled once per user (`kernel_library`), which takes
a few seconds. Without a compiler, numpy does all the work.
"""

import ctypes
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, NamedTuple

import numpy as np

from digitseq import kernel_library
from digitseq.errors import warn
from digitseq.kernel_library import SOURCES, UnavailableError

VARIABLE = "DIGITSEQ_KERNELS"
"""Environment variable: 0 never uses compiled loops; 1 uses them at once, even for small jobs."""

Loop = Callable[..., None]

_LOAD_AFTER = 500  # digits; loading takes as long as augmenting 20 digits
_LOOK_EVERY = 2_000  # digits; another process may have compiled them by then
_COMPILE_AFTER = 40_000  # digits


@dataclass
class _State:
    """
    Whether this process uses compiled loops, and why.

    Attributes:
        digits: number of digits augmented so far.
        next: number of digits at which to look for compiled loops again; None once it is decided.
        compiles: whether this process may compile them.
        loops: the compiled loops by name; empty if numpy is used.
        reason: why numpy is used.
    """

    digits: int = 0
    next: int | None = _LOAD_AFTER
    compiles: bool = True
    loops: dict[str, Loop] = field(default_factory=dict)
    reason: str = ""


_state = _State()
_deciding = Lock()


def kernel(name: str) -> Loop | None:
    """
    Return a compiled loop, or None if numpy is to be used.

    Its arguments are those of its declaration in C, without the strides of arrays. Arrays are checked for
    dtype and layout, not for shape.
    """
    return _state.loops.get(name)


def worked(digits: int) -> None:
    """Count digits that are augmented; after enough of them, use compiled loops."""
    due = _state.next
    if due is None:
        return
    _state.digits += digits
    at_once = os.environ.get(VARIABLE) == "1"
    if at_once or _state.digits > due:
        prepare(compiling=at_once or _state.digits > _COMPILE_AFTER, wait=at_once)


def prepare(
    *,
    compiling: bool = True,
    wait: bool = True,
    announced: bool = False,
    stop: Event | None = None,
    tell: Callable[[str], None] = warn,
) -> None:
    """
    Use compiled loops from now on, if available.

    Args:
        compiling: compile them if they are not in the cache.
        wait: if another thread or process is compiling them, wait for it.
        announced: whether the user has already been told that they are being compiled.
        stop: stops the compiler when it is set.
        tell: called with a sentence if they cannot be compiled or loaded.
    """
    if os.environ.get(VARIABLE) == "0" or not _deciding.acquire(blocking=wait):
        return
    try:
        problem = "" if _state.next is None else _decide(compiling and _state.compiles, wait, announced, stop)
    finally:
        _deciding.release()
    if problem:
        tell(
            f"the loops for augmentation could not be compiled or loaded ({problem}); augmenting with "
            f"numpy, which is slower; set {VARIABLE}=0 to silence this warning"
        )


def _decide(compiling: bool, wait: bool, announced: bool, stop: Event | None) -> str:
    """Load the loops, or record why not; return the problem to warn about, if any."""
    problem = ""
    try:
        _state.loops = _cached() or (_compiled(wait, announced, stop) if compiling else {})
    except UnavailableError as error:
        _state.reason = str(error)
    except Exception as error:  # compilers and loaders can fail in many ways
        _state.reason = problem = str(error).strip().split("\n", 1)[0][:200] or type(error).__name__
    decided = _state.loops or _state.reason
    _state.next = None if decided else _state.digits + _LOOK_EVERY
    return problem


def _cached() -> dict[str, Loop]:
    """Return the loops in the cache; nothing if there are none, or if they were made for another system."""
    with suppress(OSError, AttributeError):
        if (library := kernel_library.cached()) is not None:
            return _bound(kernel_library.opened(library))
    return {}


def _compiled(wait: bool, announced: bool, stop: Event | None) -> dict[str, Loop]:
    """Compile and return the loops; return nothing if stopped, or if another process is compiling them."""
    library = kernel_library.compiled(wait, stop)
    if library is None:
        return {}
    if library.seconds > 1 and not announced:
        told = "compiled the loops for augmentation in %.1f s%s"
        once = "; this happens once" if library.path else ""
        logging.getLogger("digitseq").warning(told, library.seconds, once)
    return _bound(kernel_library.opened(library))


def needs_compiling() -> bool:
    """Return whether `prepare` would compile, which takes seconds."""
    if _state.next is None or os.environ.get(VARIABLE) == "0":
        return False
    with suppress(UnavailableError):
        return kernel_library.cached() is None and bool(kernel_library.compiler())
    return False


def never_compile() -> None:
    """Never compile in this process from now on; only load loops that another process has compiled."""
    _state.compiles = False


@contextmanager
def not_compiling() -> Iterator[None]:
    """Do not compile in this block; only load loops that are already compiled."""
    before, _state.compiles = _state.compiles, False
    try:
        yield
    finally:
        _state.compiles = before


@contextmanager
def only_numpy() -> Iterator[None]:
    """Use only numpy in this block, for comparison."""
    before = _state.loops, _state.next
    _state.loops, _state.next = {}, None
    try:
        yield
    finally:
        _state.loops, _state.next = before


def in_use() -> str:
    """Return what long runs use: "compiled", "to be compiled with …", or "numpy" and why."""
    if os.environ.get(VARIABLE) == "0":
        return f"numpy ({VARIABLE} is 0)"
    if _state.loops:
        return "compiled"
    try:
        if _state.reason:
            raise UnavailableError(_state.reason)
        if kernel_library.cached() is not None:
            return "compiled"
        return f"to be compiled by the first large job, with {' '.join(kernel_library.compiler())}"
    except UnavailableError as error:
        return f"numpy ({error})"


# --- Calling C --------------------------------------------------------------------------------------------


class _Parameter(NamedTuple):
    """
    A parameter of a loop in C.

    Attributes:
        name: its name.
        dtype: of an array; None for an integer.
        written: whether the loop writes to the array.
        strides: number of strides that follow the array as separate parameters.
    """

    name: str
    dtype: np.dtype[Any] | None
    written: bool
    strides: int


def _declarations() -> Iterator[tuple[str, tuple[_Parameter, ...]]]:
    """Yield the name and the parameters of each loop, read from the C files."""
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for function, declared in re.findall(r"^KERNEL (\w+)\(([^)]*)\)", text, re.MULTILINE):
            found = re.findall(r"(const )?(u?int\d+)_t (\*?)(\w+)", declared)
            names = {parameter[3] for parameter in found}
            yield function, tuple(
                _Parameter(
                    own, np.dtype(kind) if pointer else None, not const,
                    sum(f"{own}_{stride}" in names for stride in ("step", "pitch")) if pointer else 0,
                )
                for const, kind, pointer, own in found
                if not own.endswith(("_step", "_pitch"))
            )  # fmt: skip


def _bound(library: ctypes.CDLL) -> dict[str, Loop]:
    return {name: _checked(library[name], parameters) for name, parameters in _declarations()}


def _checked(function: Any, parameters: tuple[_Parameter, ...]) -> Loop:
    """Return a function that checks its arguments before it calls C, which checks nothing."""
    function.restype = None

    def run(*arguments: Any) -> None:
        given: list[Any] = []
        for parameter, value in zip(parameters, arguments, strict=True):
            if parameter.dtype is None:
                given.append(ctypes.c_int64(value))
            elif value is None:
                given.append(None)
            else:
                strides = value.strides[: parameter.strides]
                inner = value[(0,) * parameter.strides] if value.size else value
                if (
                    value.dtype != parameter.dtype
                    or not inner.flags.c_contiguous
                    or (parameter.written and not value.flags.writeable)
                ):
                    raise AssertionError(
                        f"{function.__name__}: {parameter.name} has the wrong dtype or layout"
                    )
                given.append(ctypes.c_void_p(value.ctypes.data))
                given.extend(map(ctypes.c_int64, strides))
        function(*given)

    return run
