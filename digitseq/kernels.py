"""
Compiled C loops for the slowest steps of augmentation.

The numpy code of a step is the reference. The loop in the C file of the same name does the same integer
arithmetic and gives the same bytes, so a process can switch from one to the other at any time. It switches to
the loops once it has augmented enough digits. They are compiled once per machine, which takes a few seconds,
and kept in the cache folder. Without a compiler, numpy does all the work.
"""

import ctypes
import importlib.util
import logging
import os
import platform
import re
import shlex
import shutil
import stat
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, NamedTuple

import numpy as np

from digitseq.errors import CacheError, DigitSeqWarning
from digitseq.storage.locks import LockedError
from digitseq.storage.tree import Tree

VARIABLE = "DIGITSEQ_KERNELS"
"""Environment variable: 0 never uses compiled loops, 1 uses them from the first image on."""

Loop = Callable[..., None]

_HERE = Path(__file__).parent
_SOURCES = ("augment/digit_effects.c", "augment/line_effects.c", "augment/warp.c", "glyphs/tiles.c")
_HEADER = "kernels.h"
_FLAGS = ("-O3", "-std=c11", "-fwrapv", "-shared", *(("-fPIC",) if os.name != "nt" else ()))
_SUFFIX = ".dll" if os.name == "nt" else ".so"
_LOAD_AFTER = 500  # digits; loading takes as long as augmenting 20 digits
_LOOK_EVERY = 2_000  # digits; another process may have compiled them by then
_COMPILE_AFTER = 40_000  # digits
_TIMEOUT_S = 300
_FOLDER = "kernels"  # in the cache
_MOST_BYTES = 1 << 24


@dataclass
class _State:
    """
    Whether this process uses compiled loops, and why.

    Attributes:
        digits: number of digits augmented so far.
        next: number of digits at which to look for compiled loops again; None once it is decided.
        loops: the compiled loops by name; empty if numpy is used.
        reason: why numpy is used.
        compiling_s: how long this process has been compiling.
    """

    digits: int = 0
    next: int | None = _LOAD_AFTER
    loops: dict[str, Loop] = field(default_factory=dict)
    reason: str = ""
    compiling_s: float = 0


_state = _State()


def kernel(name: str) -> Loop | None:
    """
    Return a compiled loop, or None if numpy is to be used.

    Its arguments are those of its declaration in C, without the strides of arrays. Arrays are checked for
    dtype and layout, not for shape.
    """
    return _state.loops.get(name)


def worked(digits: int) -> None:
    """Count digits that are augmented; after enough of them, use compiled loops."""
    if _state.next is None:
        return
    _state.digits += digits
    setting = os.environ.get(VARIABLE)
    if setting == "1":
        prepare()
    elif setting != "0" and _state.digits > _state.next:
        prepare(compiling=_state.digits > _COMPILE_AFTER)
        if _state.next is not None:
            _state.next = _state.digits + _LOOK_EVERY
    if _state.compiling_s > 1:
        told = "compiled the loops for augmentation in %.1f s; this happens once"
        logging.getLogger("digitseq").warning(told, _state.compiling_s)
        _state.compiling_s = 0


def needs_compiling() -> bool:
    """Return whether `prepare` would compile, which takes seconds."""
    if _state.loops or _state.next is None or os.environ.get(VARIABLE) == "0":
        return False
    with suppress(_UnavailableError):
        return _cached() is None and bool(_compiler())
    return False


def prepare(*, compiling: bool = True) -> None:
    """Use compiled loops from now on, if available; compile them first if they are not in the cache."""
    if _state.loops or _state.next is None or os.environ.get(VARIABLE) == "0":
        return
    try:
        library = _cached() or (_compiled() if compiling else None)
        if library is not None:
            _state.loops = _load(library)
    except _UnavailableError as error:
        _state.reason = str(error)
    except Exception as error:  # compilers and loaders can fail in many ways
        _state.reason = str(error).strip().split("\n", 1)[0][:200] or type(error).__name__
        told = (
            f"the loops for augmentation could not be compiled or loaded ({_state.reason}); augmenting with "
            f"numpy, which is slower; set {VARIABLE}=0 to silence this warning"
        )
        warnings.warn(told, DigitSeqWarning, stacklevel=3)
    if _state.loops or _state.reason:
        _state.next = None


@contextmanager
def only_numpy() -> Iterator[None]:
    """Use only numpy in this block, for comparison."""
    loops, _state.loops = _state.loops, {}
    try:
        yield
    finally:
        _state.loops = loops


def in_use() -> str:
    """Return what long runs use: "compiled", "to be compiled on first use by …", or "numpy" and why."""
    if os.environ.get(VARIABLE) == "0":
        return f"numpy ({VARIABLE} is 0)"
    if _state.loops:
        return "compiled"
    try:
        return "compiled" if _cached() else f"to be compiled on first use by {' '.join(_compiler())}"
    except _UnavailableError as error:
        return f"numpy ({error})"


class _UnavailableError(Exception):
    """Compiled loops are not available here; this is not a fault."""


# --- Compiling --------------------------------------------------------------------------------------------


def _compiler() -> list[str]:
    """Return the command of a C compiler: from CC, the system's own, or from the extra ``fast``."""
    if named := shlex.split(os.environ.get("CC", "")):
        return named
    if os.name != "nt" and (sys.platform != "darwin" or _has_tools()):
        for name in ("cc", "gcc", "clang"):
            if found := shutil.which(name):
                return [found]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline", "-fno-sanitize=undefined"]
    raise _UnavailableError("no C compiler was found; the extra digitseq[fast] installs one")


def _has_tools() -> bool:
    """Return whether the command line tools of macOS are installed; without them, cc opens a dialogue."""
    command = ["/usr/bin/xcode-select", "-p"]
    return not subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603 - constant


@lru_cache(maxsize=1)
def _key() -> str:
    """Return a digest of all that the library depends on: sources, flags and kind of machine."""
    state = blake2b(digest_size=8)
    for name in (_HEADER, *_SOURCES):
        state.update((_HERE / name).read_bytes())
    state.update(" ".join((*_FLAGS, platform.system(), platform.machine(), str(sys.maxsize))).encode())
    return state.hexdigest()


def _named(content: bytes) -> str:
    return f"{_key()}-{blake2b(content, digest_size=8).hexdigest()}{_SUFFIX}"


def _cached() -> bytes | None:
    """
    Return the library in the cache, if it is intact and nobody else could have written it.

    A damaged library would not raise an error, but crash the process.
    """
    from digitseq.cache_folder import cache_dir

    with suppress(CacheError, OSError), Tree(cache_dir()).folder(_FOLDER) as folder:
        for name in folder.names():
            if name.startswith(f"{_key()}-"):
                with folder.open(name) as file:
                    content = file.read(_MOST_BYTES) if _is_ours(os.fstat(file.fileno())) else b""
                if name == _named(content):
                    return content
    return None


def _is_ours(state: os.stat_result) -> bool:
    """Return whether only this user, or root, can have written a file."""
    if os.name == "nt":
        return True
    return state.st_uid in (os.geteuid(), 0) and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _compiled() -> bytes:
    """Compile the library and keep it in the cache, unless another process has just done so; return it."""
    from digitseq.cache_folder import cache_dir, locked

    command = _compiler()
    with ExitStack() as stack:
        folder = None
        with suppress(CacheError, OSError, LockedError):
            folder = stack.enter_context(Tree(cache_dir()).folder(_FOLDER, make=True))
            stack.enter_context(locked(cache_dir() / _FOLDER / "compiling.lock", _TIMEOUT_S))
        if found := _cached():
            return found
        start = monotonic()
        content = _compile(command)
        _state.compiling_s = monotonic() - start
        if folder is not None:
            with suppress(OSError), folder.whole(_named(content)) as file:
                if os.name != "nt":
                    os.fchmod(file.fileno(), 0o600)
                file.write(content)
    return content


def _compile(command: list[str]) -> bytes:
    """Compile the C files; return the content of the library."""
    with TemporaryDirectory(prefix="digitseq-") as scratch:
        made = Path(scratch) / f"loops{_SUFFIX}"
        sources = [str(_HERE / name) for name in _SOURCES]
        for portable in ([], ["-DPORTABLE"]):
            # In its own session, so that Ctrl-C does not interrupt the compiler, which finishes soon anyway.
            done = subprocess.run(  # noqa: S603 - the user's own compiler
                [*command, *_FLAGS, *portable, "-o", str(made), *sources],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
                start_new_session=True,
            )
            if not done.returncode and made.exists():
                return made.read_bytes()
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    raise OSError(f"{command[0]}: {lines[0] if lines else f'exit code {done.returncode}'}")


# --- Loading ----------------------------------------------------------------------------------------------


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
    for name in _SOURCES:
        text = (_HERE / name).read_text(encoding="utf-8")
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


def _load(content: bytes) -> dict[str, Loop]:
    library = _opened(content)
    return {name: _checked(library[name], parameters) for name, parameters in _declarations()}


def _opened(content: bytes) -> ctypes.CDLL:
    """Open a library from a file that nobody else can change."""
    if hasattr(os, "memfd_create"):
        with suppress(OSError):
            handle = os.memfd_create("digitseq")
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                return ctypes.CDLL(f"/proc/self/fd/{handle}")
    # Windows cannot remove a library that is in use.
    with TemporaryDirectory(prefix="digitseq-", ignore_cleanup_errors=True) as scratch:
        path = Path(scratch) / f"loops{_SUFFIX}"
        path.write_bytes(content)
        return ctypes.CDLL(str(path))


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
