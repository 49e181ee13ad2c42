"""
The cache folder: where it is, how files appear in it whole, and the parsed glyphs kept there.

A stored glyph set is a folder of ``.npy`` files, opened as memory maps where the file system can, and a
``manifest.json`` that is written last: without it the set does not exist. The version of this format is part
of the folder's name, so that two versions of digitseq leave each other's files alone.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache, partial
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import numpy as np

from digitseq.arrays import AnyArray
from digitseq.checks import home_path
from digitseq.errors import CacheError, system_errors
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.tiles import SIDE
from digitseq.interrupts import check
from digitseq.wholefile import sweep_partial, write_whole

CACHE_VARIABLE = "DIGITSEQ_CACHE_DIR"
STORE_FORMAT = 1
_MANIFEST = "manifest.json"
_PIECE = 1 << 14
_DRAWN = 1 << 10  # glyphs drawn between two reports of progress


def cache_dir() -> Path:
    """The cache folder, which need not exist: DIGITSEQ_CACHE_DIR, else the user's cache folder."""
    return _cache_dir(os.environ.get(CACHE_VARIABLE, ""))


def mnist_dir() -> Path:
    """Where the parsed MNIST is stored."""
    return cache_dir() / f"mnist-v{STORE_FORMAT}"


@lru_cache(maxsize=4)
def _cache_dir(named: str) -> Path:
    if named:
        return home_path(named).absolute()
    from platformdirs import user_cache_path  # 18 ms, only where it is needed

    try:
        return user_cache_path("digitseq", appauthor=False)
    except RuntimeError as error:  # a user without a home
        hint = f"set {CACHE_VARIABLE} to a folder"
        raise CacheError(f"there is no cache folder: {error}", hint=hint) from error


def cache_errors() -> AbstractContextManager[None]:
    """Tell what the system refuses in the cache folder as a CacheError that names folder and variable."""
    return system_errors(
        CacheError,
        f"the cache folder {cache_dir()} cannot be used",
        hint=f"make room or give it rights, or set {CACHE_VARIABLE} to another folder",
    )


def save_glyphs(folder: Path, glyphs: GlyphSet) -> None:
    """
    Store a glyph set, each file whole and the manifest last.

    A set that is there already is replaced file by file; as the files of one source are always the same
    bytes, a reader at the same moment does not notice.

    Args:
        folder: the set's own folder, made if missing.
        glyphs: what to store.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sweep_partial(folder)
    stored, ink, bounds = glyphs.arrays()
    arrays: dict[str, AnyArray] = {
        "glyphs.npy": stored,
        "ink.npy": ink.astype(np.uint8),
        "origin.npy": glyphs.origin.astype(np.int32),
    }
    if glyphs.writers is not None:
        arrays["writers.npy"] = glyphs.writers.astype(np.int32)
    for name, array in arrays.items():
        if _is_there(folder / name, array):
            continue  # not least because Windows does not replace a file that somebody has mapped
        write_whole(folder / name, partial(_save_array, array=array), sync=True)
    manifest: dict[str, Any] = {
        "format": STORE_FORMAT,
        "sha256": {name: _sha256(folder / name) for name in arrays},
        "name": glyphs.name,
        "digest": glyphs.digest,
        "parts": list(glyphs.parts),
        "bounds": bounds.tolist(),
        "writers": glyphs.writers is not None,
        "widest_ink": glyphs.widest_ink.tolist(),
    }
    text = json.dumps(manifest, indent=1).encode()
    write_whole(folder / _MANIFEST, lambda file: file.write(text), sync=True)


def _is_there(path: Path, array: AnyArray) -> bool:
    try:
        found = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return bool(found.dtype == array.dtype and np.array_equal(found, array))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def glyphs_folder(glyphs: GlyphSet) -> Path:
    """Where a glyph set that is not MNIST is stored, if it is: under its digest."""
    return cache_dir() / f"glyphs-v{STORE_FORMAT}" / glyphs.digest[:32]


def stored_folder(glyphs: GlyphSet, progress: Callable[[int, int], None] | None = None) -> Path:
    """
    A folder from which other processes can open a glyph set as a memory map.

    MNIST is there already; another source is stored in the cache once, under its digest.

    Args:
        glyphs: any set.
        progress: called with glyphs done and glyphs in all, if they are drawn now; first with 0.

    Raises:
        CacheError: the cache folder cannot be written.
    """
    if glyphs.folder is not None:
        return glyphs.folder
    folder = glyphs_folder(glyphs)
    if _is_whole(folder):
        return folder
    with cache_errors():
        folder.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    with locked(folder.with_suffix(".lock")):
        if _is_whole(folder):  # another process was quicker
            return folder
        for first in range(0, len(glyphs), _DRAWN):
            check()
            if progress is not None and glyphs.drawn_on_demand:
                progress(first, len(glyphs))
            glyphs.prepare(np.arange(first, min(first + _DRAWN, len(glyphs)), dtype=np.int64))
        if progress is not None and glyphs.drawn_on_demand:
            progress(len(glyphs), len(glyphs))
        with cache_errors():
            save_glyphs(folder, glyphs)
    return folder


def _is_whole(folder: Path) -> bool:
    """Whether glyphs are stored in a folder and undamaged; others are stored again."""
    with suppress(CacheError):
        glyphs = open_glyphs(folder)
        return glyphs is not None and not damage(glyphs)
    return False


@contextmanager
def locked(path: Path, wait_s: float = inf, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """
    Keep other processes away from a part of the cache; where files cannot be locked, nobody is kept away.

    Args:
        path: the file of the lock; its folder exists.
        wait_s: how long to wait for another process.
        waiting: called once if there is one.

    Raises:
        LockedError: another process still has the lock.
        CacheError: the file cannot be made.
    """
    from digitseq.locks import lock_file

    with cache_errors():
        lock = lock_file(path, wait_s, waiting)
    try:
        yield
    finally:
        lock.release()


def _save_array(file: IO[bytes], array: AnyArray) -> None:
    # In small pieces, because Linux keeps what was written at once as one piece in memory, and a process
    # that looks at four glyphs would map four pieces of 2 MB. And not by numpy itself, which writes to a
    # real file past Python and tells a full disk only as a number of bytes.
    def write(data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            file.write(data[start : start + _PIECE])

    np.save(SimpleNamespace(write=write), array)


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(folder, error) from error
    except ValueError as error:
        raise damaged(folder, error) from error
    if not isinstance(manifest, dict) or manifest.get("format") != STORE_FORMAT:
        return None
    return manifest


def open_glyphs(folder: Path) -> GlyphSet | None:
    """
    A stored glyph set as a memory map, or None where there is none.

    Raises:
        CacheError: files are missing, cannot be read, or are not what the manifest says.
    """
    manifest = _read_manifest(folder)
    if manifest is None:
        return None
    try:
        bounds = np.array(manifest["bounds"], np.int64)
        stored = _mapped(folder / "glyphs.npy")
        ink, origin = np.load(folder / "ink.npy"), np.load(folder / "origin.npy")
        rows = int(bounds[-1, -1])
        if stored.shape != (rows, SIDE + 1, SIDE) or stored.dtype != np.uint8 or ink.shape != (4, rows):
            raise ValueError(f"expected {rows} glyphs, found {stored.shape} and {ink.shape}")
        glyphs = GlyphSet(
            stored,
            ink,
            bounds,
            origin,
            name=manifest["name"],
            digest=manifest["digest"],
            parts=tuple(manifest["parts"]),
            writers=np.load(folder / "writers.npy") if manifest["writers"] else None,
            widest_ink=np.array(manifest["widest_ink"], np.int64) if "widest_ink" in manifest else None,
        )
        glyphs.folder = folder
        return glyphs
    except FileNotFoundError as error:
        raise damaged(folder, f"{Path(str(error.filename)).name} is missing") from error
    except OSError as error:
        raise _unreadable(folder, error) from error
    except (ValueError, KeyError, IndexError, TypeError, EOFError) as error:
        raise damaged(folder, error) from error


def _mapped(path: Path) -> AnyArray:
    """An array as a memory map; read into memory if the file system cannot map files."""
    try:
        return cast("AnyArray", np.load(path, mmap_mode="r"))
    except (FileNotFoundError, PermissionError):
        raise
    except OSError:
        return cast("AnyArray", np.load(path))


def damage(glyphs: GlyphSet) -> str:
    """
    What is wrong with the bytes of glyphs.

    Every stored file is read, and what follows from the pixels is computed.

    Args:
        glyphs: from `open_glyphs`, or a set in memory.

    Returns:
        A few words; "" if nothing is wrong.
    """
    if glyphs.folder is not None:
        expected = {"glyphs.npy", "ink.npy", "origin.npy"}
        expected |= {path.name for path in glyphs.folder.glob("writers.npy")}
        try:
            stated = dict((_read_manifest(glyphs.folder) or {}).get("sha256") or {})
            if set(stated) != expected:
                return f"{_MANIFEST} does not list the files that are there"
            for name, digest in stated.items():
                if _sha256(glyphs.folder / name) != digest:
                    return f"the SHA-256 of {name} differs"
        except (OSError, CacheError, TypeError, ValueError) as error:
            return str(error)
        if glyphs.has_wrong_ink():
            return "the ink is not where it should be"
    return "" if glyphs.is_intact() else "their digest differs"


def stored_split(folder: Path, split: str) -> GlyphSet:
    """
    A split of a stored glyph set; its files are mapped once in a process.

    Raises:
        CacheError: it is no longer there, or damaged.
    """
    return _stored(folder).choose(split)


@lru_cache(maxsize=4)
def _stored(folder: Path) -> GlyphSet:
    glyphs = open_glyphs(folder)
    if glyphs is None:
        raise CacheError(f"the glyphs in {folder} have disappeared", hint="run the command again")
    return glyphs


def damaged(folder: Path, reason: object) -> CacheError:
    """The error about stored glyphs whose bytes are wrong."""
    hint = f"delete {folder}; it is recreated when needed"
    if folder == mnist_dir():
        hint = "run `digitseq fetch-mnist` to repair them"
    return CacheError(f"the cached glyphs in {folder} are damaged: {reason}", hint=hint)


def _unreadable(folder: Path, error: OSError) -> CacheError:
    return CacheError(
        f"the cached glyphs in {folder} cannot be read: {error.strerror or error}",
        hint=f"give yourself read permission, or set {CACHE_VARIABLE} to another folder",
    )
