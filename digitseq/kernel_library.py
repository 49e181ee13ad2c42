"""
The library of compiled loops: compiled by a C compiler on this machine and kept in the cache folder.

Each user has a folder in the cache. A library is loaded only if nobody else could have written it, and if its
content matches the digest in its name: a damaged library would not raise an error, but crash the process.
"""

import ctypes
import importlib.util
import os
import platform
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic

from digitseq.errors import CacheError
from digitseq.storage.locks import LockedError
from digitseq.storage.open_folder import Folder
from digitseq.storage.tree import Tree

_HERE = Path(__file__).parent
_HEADER = _HERE / "kernels.h"
SOURCES = tuple(
    _HERE / name
    for name in ("augment/digit_effects.c", "augment/line_effects.c", "augment/warp.c", "glyphs/tiles.c")
)
"""The C files."""

_POSIX = os.name != "nt"
_FLAGS = ("-O3", "-std=c11", "-fwrapv", "-shared", *(("-fPIC",) if _POSIX else ()))
_SUFFIX = ".so" if _POSIX else ".dll"
_TIMEOUT_S = 300  # a compiler that must first build its own library takes minutes
_POLL_S = 0.05
_MOST_BYTES = 1 << 24


class UnavailableError(Exception):
    """Compiled loops are not available here; this is not a fault."""


@dataclass(frozen=True)
class Library:
    """
    A compiled library.

    Attributes:
        content: its bytes.
        path: its file in the cache; None if it could not be stored.
        seconds: how long it took to compile; 0 if it was in the cache.
    """

    content: bytes
    path: Path | None
    seconds: float = 0


def compiler() -> list[str]:
    """
    Return the command for a C compiler: the one in CC, the system's, or the one in the extra ``fast``.

    Raises:
        UnavailableError: there is none.
    """
    try:
        named = shlex.split(os.environ.get("CC", ""), posix=_POSIX)
    except ValueError as error:
        raise UnavailableError(f"the environment variable CC is not a command: {error}") from error
    if named:
        return [word.strip('"') for word in named]
    if _POSIX and (sys.platform != "darwin" or _has_tools()):
        for name in ("cc", "gcc", "clang"):
            if found := shutil.which(name):
                return [found]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline", "-fno-sanitize=undefined"]
    raise UnavailableError("no C compiler was found; the extra digitseq[fast] installs one")


def _has_tools() -> bool:
    """Return whether the command line tools of macOS are installed; without them, cc opens a dialogue."""
    command = ["/usr/bin/xcode-select", "-p"]
    return not subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603 - constant


# --- The cache --------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _flags() -> tuple[str, ...]:
    """Return the flags for this machine's CPU: with AVX2, some loops are twice as fast."""
    with suppress(OSError):
        if sys.platform == "linux" and " avx2 " in Path("/proc/cpuinfo").read_text(encoding="ascii"):
            return (*_FLAGS, "-mavx2")
    return _FLAGS


@lru_cache(maxsize=1)
def _key() -> str:
    """Return a digest of all that the library depends on: sources, flags and kind of machine."""
    state = blake2b(digest_size=8)
    for path in (_HEADER, *SOURCES):
        state.update(path.read_bytes())
    machine = (platform.system(), platform.machine(), *platform.libc_ver()[:1], str(sys.maxsize))
    state.update(" ".join((*_flags(), *machine)).encode())
    return state.hexdigest()


def _named(content: bytes) -> str:
    return f"{_key()}-{blake2b(content, digest_size=8).hexdigest()}{_SUFFIX}"


def _folder_of(user: int) -> str:
    return f"kernels-{user}"


def _me() -> int:
    return os.geteuid() if _POSIX else 0


def _is_safe(state: os.stat_result) -> bool:
    """Return whether only this user, or root, can write to a file or folder."""
    return not _POSIX or (state.st_uid in (_me(), 0) and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def cached() -> Library | None:
    """Return the library in the cache of this user, or of root."""
    from digitseq.cache_folder import cache_dir

    for user in dict.fromkeys((_me(), 0)):
        with suppress(CacheError, OSError), Tree(cache_dir()).folder(_folder_of(user)) as folder:
            if (found := _found(folder)) is not None:
                return found
    return None


def _found(folder: Folder) -> Library | None:
    if (state := folder.stat(".")) is None or not _is_safe(state):
        return None
    for name in folder.names():
        if name.startswith(f"{_key()}-"):
            with suppress(OSError), folder.open(name) as file:
                content = file.read(_MOST_BYTES) if _is_safe(os.fstat(file.fileno())) else b""
                if name == _named(content):
                    return Library(content, folder.path / name)
    return None


def compiled(wait: bool = True, stop: Event | None = None) -> Library | None:
    """
    Compile the library and keep it in the cache, unless another process has just done so.

    Args:
        wait: if another process is compiling it, wait for it.
        stop: stops the compiler when it is set.

    Returns:
        The library; None if another process is compiling it, or ``stop`` is set.

    Raises:
        UnavailableError: there is no compiler.
        OSError: the compiler fails.
    """
    from digitseq.cache_folder import cache_dir, locked

    command = compiler()
    folder: Folder | None = None
    with ExitStack() as stack:
        with suppress(CacheError, OSError):  # without a cache, the library is for this process only
            folder = stack.enter_context(Tree(cache_dir()).folder(_folder_of(_me()), make=True))
            if _POSIX and (state := folder.stat(".")) is not None and state.st_uid == _me():
                folder.path.chmod(0o755)  # the umask may have left it writable by the group
            try:
                stack.enter_context(locked(folder.path / "compiling.lock", _TIMEOUT_S if wait else 0))
            except LockedError:
                return None
        if (found := cached()) is not None:
            return found
        start = monotonic()
        if (content := _compile(command, stop)) is None:
            return None
        taken_s = monotonic() - start
        return Library(content, None if folder is None else _stored(folder, content), taken_s)


def _stored(folder: Folder, content: bytes) -> Path | None:
    """Store a library and remove those of other versions; return its path, or None if that fails."""
    name = _named(content)
    with suppress(OSError):
        if (state := folder.stat(".")) is None or not _is_safe(state):
            return None
        with folder.whole(name) as file:
            if _POSIX:
                os.fchmod(file.fileno(), 0o644)
            file.write(content)
        for other in folder.names():
            if other.endswith(_SUFFIX) and other != name:
                with suppress(OSError):
                    folder.remove(other)
        return folder.path / name
    return None


def _compile(command: list[str], stop: Event | None) -> bytes | None:
    """Compile the C files; return the content of the library, or None if ``stop`` is set."""
    with TemporaryDirectory(prefix="digitseq-", ignore_cleanup_errors=True) as scratch:
        made = Path(scratch) / f"loops{_SUFFIX}"
        code, errors = _run([*command, *_flags(), "-o", str(made), *map(str, SOURCES)], scratch, stop)
        if code is None:
            return None
        if code == 0 and made.exists():
            return made.read_bytes()
    lines = [line for line in errors.splitlines() if "error" in line]
    raise OSError(f"{command[0]}: {lines[0] if lines else f'exit code {code}'}")


def _run(command: list[str], scratch: str, stop: Event | None) -> tuple[int | None, str]:
    """Run a compiler with its temporary files in a scratch folder; return its exit code and messages."""
    names = ("TMPDIR", "TMP", "TEMP", "ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")
    told, last = Path(scratch) / "messages", monotonic() + _TIMEOUT_S
    with told.open("wb") as messages:
        # In its own session, so that Ctrl-C reaches only this process, which then ends the compiler.
        process = subprocess.Popen(  # noqa: S603 - the user's own compiler
            command, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages, start_new_session=True,
            env=os.environ | dict.fromkeys(names, scratch),
        )  # fmt: skip
        try:
            while process.poll() is None:
                if stop is not None and stop.is_set():
                    return None, ""
                if monotonic() > last:
                    raise OSError(f"{command[0]}: no result after {_TIMEOUT_S} s")
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL) if _POSIX else process.kill()
                process.wait()
    return process.returncode, told.read_text(errors="replace")


def opened(library: Library) -> ctypes.CDLL:
    """Load a library from a file that nobody else can change."""
    if hasattr(os, "memfd_create"):
        with suppress(OSError):
            handle = os.memfd_create("digitseq")
            with os.fdopen(handle, "wb") as file:
                file.write(library.content)
                file.flush()
                return ctypes.CDLL(f"/proc/self/fd/{handle}")
    if not _POSIX and library.path is not None:  # Windows cannot remove a file that is in use
        return ctypes.CDLL(str(library.path))
    with TemporaryDirectory(prefix="digitseq-", ignore_cleanup_errors=True) as scratch:
        path = Path(scratch) / f"loops{_SUFFIX}"
        path.write_bytes(library.content)
        return ctypes.CDLL(str(path))
