"""
Store parsed glyphs in the cache and open them.

A stored glyph set is a folder of ``.npy`` files, opened as memory maps if the file system supports that, and
a ``manifest.json`` that is written last: without it, the set does not exist. The folder name contains the
version of this format, so that different versions of digitseq do not touch each other's files.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import numpy as np

from digitseq.arrays import AnyArray, IntArray
from digitseq.cache_folder import CACHE_VARIABLE, cache_dir, cache_errors, locked, tree_of
from digitseq.errors import CacheError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.parts import Part
from digitseq.glyphs.tiles import SIDE
from digitseq.interrupts import check
from digitseq.json_fields import Fields, parse_json
from digitseq.progress_protocol import Progress
from digitseq.storage.npy import read_array, read_exactly, read_header
from digitseq.storage.open_folder import Folder

STORE_FORMAT = 1
_MANIFEST = "manifest.json"
_FILES = ("glyphs.npy", "ink.npy", "origin.npy", "writers.npy")
_MOST_MANIFEST = 1 << 20  # bytes
MOST_GLYPHS = 1 << 24
"""Maximum number of glyphs of one source: they are numbered in 32 bits and all held in memory."""
_PIECE = 1 << 14
_DRAWN = 1 << 10  # glyphs drawn between progress reports


def mnist_dir() -> Path:
    """Return the folder of the parsed MNIST."""
    return cache_dir() / f"mnist-v{STORE_FORMAT}"


def save_glyphs(folder: Path, glyphs: GlyphSet) -> None:
    """
    Store a glyph set. Files are replaced atomically, and the manifest is written last.

    An existing set is replaced file by file. The files of a source always have the same bytes, so concurrent
    readers are not affected.

    Args:
        folder: the folder of this set, created if missing.
        glyphs: the set to store.

    Raises:
        OSError: a file cannot be written, or something else is in its place.
    """
    stored, ink, bounds = glyphs.arrays()
    arrays: dict[str, AnyArray] = {
        "glyphs.npy": stored,
        "ink.npy": ink.astype(np.uint8),
        "origin.npy": glyphs.origin.astype(np.int32),
    }
    if glyphs.writers is not None:
        arrays["writers.npy"] = glyphs.writers.astype(np.int32)
    tree, place = tree_of(folder)
    with tree.folder(place, make=True) as inside:
        inside.sweep()
        for name, array in arrays.items():
            if _is_there(inside, name, array):
                continue  # Windows cannot replace a file that a process has mapped
            with inside.whole(name, sync=True) as file:
                _save_array(file, array)
        manifest: dict[str, Any] = {
            "format": STORE_FORMAT,
            "sha256": {name: _sha256(inside, name) for name in arrays},
            "name": glyphs.name,
            "digest": glyphs.digest,
            "parts": list(glyphs.splits),
            "bounds": bounds.tolist(),
            "writers": glyphs.writers is not None,
            "widest_ink": glyphs.widest_ink.tolist(),
            **({"mixture": [part._asdict() for part in glyphs.parts]} if glyphs.parts else {}),
        }
        with inside.whole(_MANIFEST, sync=True) as file:
            file.write(json.dumps(manifest, indent=1).encode())


def _is_there(folder: Folder, name: str, array: AnyArray) -> bool:
    if not folder.need_file(name):
        return False
    try:
        with folder.open(name) as file:
            found = read_array(file, array.dtype.kind, array.shape, array.nbytes)
    except (OSError, ValueError):
        return False
    return bool(found.dtype == array.dtype and np.array_equal(found, array))


def _sha256(folder: Folder, name: str) -> str:
    with folder.open(name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def glyphs_folder(glyphs: GlyphSet) -> Path:
    """Return the folder for a glyph set other than MNIST; it may not exist."""
    return named_folder(glyphs.digest if glyphs.is_builtin else set_key(glyphs))


def named_folder(key: str) -> Path:
    """Return the folder in the cache for glyphs with this key."""
    return cache_dir() / f"glyphs-v{STORE_FORMAT}" / key[:32]


def set_key(glyphs: GlyphSet) -> str:
    """Return a key for everything that is stored of a set; its digest ignores names and the order."""
    state = hashlib.sha256(f"{glyphs.digest} {glyphs.name!r} {glyphs.splits}".encode())
    state.update(glyphs.origin.astype("<i8").tobytes())
    return state.hexdigest()


def stored_folder(glyphs: GlyphSet, progress: Progress | None = None) -> Path:
    """
    Return a folder from which other processes can open a glyph set as a memory map.

    MNIST is already stored. Any other source is stored in the cache once.

    Args:
        glyphs: any set.
        progress: called with the glyphs done (first 0) and the total, if glyphs are drawn now.

    Raises:
        CacheError: the cache folder cannot be written.
    """
    if glyphs.folder is not None:
        return glyphs.folder
    return store(glyphs_folder(glyphs), glyphs, progress)


def store(folder: Path, glyphs: GlyphSet, progress: Progress | None = None) -> Path:
    """
    Store a glyph set in a folder of the cache, unless it is already there; return the folder.

    Args:
        folder: where to store it.
        glyphs: the set.
        progress: as in `stored_folder`.

    Raises:
        CacheError: the cache folder cannot be written.
    """
    if _is_whole(folder):
        return folder
    with cache_errors():
        tree, place = tree_of(folder)
        with tree.folder(place, make=True):  # fail before the work, not after it
            pass
    with locked(folder.with_suffix(".lock")):
        if _is_whole(folder):  # stored by another process meanwhile
            return folder
        for first in range(0, len(glyphs), _DRAWN):
            check()
            if progress is not None and glyphs.drawn_on_demand:
                progress("builtin", first, len(glyphs), 0)
            glyphs.prepare(np.arange(first, min(first + _DRAWN, len(glyphs)), dtype=np.int64))
        if progress is not None and glyphs.drawn_on_demand:
            progress("builtin", len(glyphs), len(glyphs), 0)
        with cache_errors():
            save_glyphs(folder, glyphs)
    return folder


def _is_whole(folder: Path) -> bool:
    """Return whether a folder holds undamaged glyphs; if not, they are stored again."""
    with suppress(CacheError):
        glyphs = open_glyphs(folder)
        return glyphs is not None and not damage(glyphs)
    return False


def _save_array(file: IO[bytes], array: AnyArray) -> None:
    # Write in small pieces: Linux caches one large write as large pages, and a process that reads four
    # glyphs would map four pages of 2 MB. Do not let numpy write to the file itself: it bypasses Python's
    # file object and reports a full disk only as a number of bytes.
    def write(data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            file.write(data[start : start + _PIECE])

    np.save(SimpleNamespace(write=write), array)


@dataclass(frozen=True)
class _Stored:
    """The manifest of stored glyphs."""

    sha256: dict[str, str]
    name: str
    digest: str
    splits: tuple[str, ...]
    bounds: IntArray
    has_writers: bool
    widest_ink: IntArray | None
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """Number of glyphs."""
        return int(self.bounds[-1, -1])


def _read_manifest(folder: Path) -> _Stored | None:
    tree, place = tree_of(folder)
    try:
        with tree.open(f"{place}/{_MANIFEST}".lstrip("/")) as file:
            data = file.read(_MOST_MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(folder, error) from error
    try:
        fields = Fields(parse_json(data), _MANIFEST)
        return _parse_manifest(fields) if fields.integer("format", 0, 1 << 31) == STORE_FORMAT else None
    except ValueError as error:
        raise damaged(folder, error) from error


def _parse_manifest(fields: Fields) -> _Stored:
    splits = fields.texts("parts")
    rows = [Fields({"row": row}, "bounds").integers("row", 0, MOST_GLYPHS) for row in fields.items("bounds")]
    if len(rows) != 10 or {len(row) for row in rows} != {len(splits) + 1} or not splits:
        raise ValueError("bounds: expected 10 rows, each with one number more than there are splits")
    bounds = np.array(rows, np.int64)
    if bounds[0, 0] != 0 or (np.diff(bounds.ravel()) < 0).any() or (bounds[1:, 0] != bounds[:-1, -1]).any():
        raise ValueError("bounds: expected contiguous ranges")
    widest = fields.integers("widest_ink", 0, SIDE) if "widest_ink" in fields else None
    if widest is not None and len(widest) != 10:
        raise ValueError("widest_ink: expected 10 numbers, one per digit")
    stated = fields.object("sha256")
    return _Stored(
        {name: stated.digest(name) for name in _FILES if name in stated},
        fields.text("name"),
        fields.text("digest"),
        tuple(splits),
        bounds,
        fields.flag("writers"),
        None if widest is None else np.array(widest, np.int64),
        _parse_parts(fields, bounds) if "mixture" in fields else (),
    )


def _parse_parts(fields: Fields, bounds: IntArray) -> tuple[Part, ...]:
    parts = []
    for item in fields.items("mixture"):
        part = Fields(item, "mixture")
        rows = [
            Fields({"row": row}, "counts").integers("row", 0, MOST_GLYPHS) for row in part.items("counts")
        ]
        if len(rows) != 10 or {len(row) for row in rows} != {bounds.shape[1] - 1}:
            raise ValueError("counts in mixture: expected 10 rows, each with one number per split")
        counts = tuple(tuple(row) for row in rows)
        first = part.integer("first", 0, 1 << 31)
        parts.append(Part(part.text("name"), part.integer("weight", 1, 1 << 31), first, counts))
    if (np.array([part.counts for part in parts], np.int64).sum(0, dtype=np.int64) != np.diff(bounds)).any():
        raise ValueError("mixture: the counts differ from the bounds")
    return tuple(parts)


def open_glyphs(folder: Path) -> GlyphSet | None:
    """
    Open a stored glyph set as a memory map; return None if there is none.

    Raises:
        CacheError: files are missing, cannot be read, or do not match the manifest.
    """
    stated = _read_manifest(folder)
    if stated is None:
        return None
    tree, place = tree_of(folder)
    rows = stated.rows

    def read(name: str, dtype: str, *shape: int) -> AnyArray:
        with tree.open(f"{place}/{name}".lstrip("/")) as file:
            return _mapped(file, name, np.dtype(dtype), shape)

    try:
        ink = read("ink.npy", "u1", 4, rows)
        if (rows and (ink[0].astype(np.int64) + ink[1] > SIDE).any()) or (
            ink[2].astype(np.int64) + ink[3] > SIDE
        ).any():
            raise ValueError("ink.npy: ink beyond the glyph")
        glyphs = GlyphSet(
            read("glyphs.npy", "u1", rows, SIDE + 1, SIDE),
            ink,
            stated.bounds,
            read("origin.npy", "i4", rows),
            name=stated.name,
            digest=stated.digest,
            splits=stated.splits,
            writers=read("writers.npy", "i4", rows) if stated.has_writers else None,
            widest_ink=stated.widest_ink,
            parts=stated.parts,
        )
    except FileNotFoundError as error:
        raise damaged(folder, f"{Path(str(error.filename)).name} is missing") from error
    except OSError as error:
        raise _unreadable(folder, error) from error
    except ValueError as error:
        raise damaged(folder, error) from error
    glyphs.folder, glyphs.reopen = folder, stored_split
    return glyphs


def _mapped(file: IO[bytes], name: str, dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> AnyArray:
    """Open an array as a memory map; read it into memory if the file system cannot map files."""
    try:
        header = read_header(file, dtype.kind, shape, dtype.itemsize * prod(shape))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if header.shape != shape or header.dtype != dtype:
        raise ValueError(f"{name}: expected {dtype} {shape}, found {header.dtype} {header.shape}")
    start = file.tell()
    if os.fstat(file.fileno()).st_size < start + header.size:
        raise ValueError(f"{name}: cut off")
    if header.size:
        with suppress(OSError):
            return cast("AnyArray", np.memmap(file, header.dtype, "r", start, shape))
        file.seek(start)
    return np.frombuffer(read_exactly(file, header.size), header.dtype).reshape(shape)


def damage(glyphs: GlyphSet) -> str:
    """
    Check the bytes of a glyph set and describe what is wrong with them.

    Reads every stored file and recomputes everything that follows from the pixels.

    Args:
        glyphs: from `open_glyphs`, or a set in memory.

    Returns:
        A short description; "" if nothing is wrong.
    """
    if glyphs.folder is not None:
        tree, place = tree_of(glyphs.folder)
        try:
            stated = _read_manifest(glyphs.folder)
            with tree.folder(place) as folder:
                names = {name for name in _FILES if folder.need_file(name)}
                if stated is None or set(stated.sha256) != names:
                    return f"{_MANIFEST} does not match the files in the folder"
                for name, digest in stated.sha256.items():
                    if _sha256(folder, name) != digest:
                        return f"the SHA-256 of {name} differs"
        except (OSError, CacheError) as error:
            return str(error)
        if glyphs.has_wrong_ink():
            return "the ink measurements do not match the pixels"
    return "" if glyphs.is_intact() else "the digest of the glyphs differs"


def stored_split(folder: Path, split: str) -> GlyphSet:
    """
    Open a split of a stored glyph set; its files are mapped once per process.

    Raises:
        CacheError: the set has disappeared or is damaged.
    """
    return _stored(folder).choose(split)


@lru_cache(maxsize=4)
def _stored(folder: Path) -> GlyphSet:
    glyphs = open_glyphs(folder)
    if glyphs is None:
        raise CacheError(f"the glyphs in {folder} have disappeared", hint="run the command again")
    return glyphs


def damaged(folder: Path, reason: object) -> CacheError:
    """Return the error for damaged stored glyphs."""
    hint = f"delete {folder}; it is recreated when needed"
    if folder == mnist_dir():
        hint = "run `digitseq fetch-mnist` to repair them"
    return CacheError(f"the cached glyphs in {folder} are damaged: {reason}", hint=hint)


def _unreadable(folder: Path, error: OSError) -> CacheError:
    return CacheError(
        f"the cached glyphs in {folder} cannot be read: {error.strerror or error}",
        hint=f"give yourself read permission, or set {CACHE_VARIABLE} to another folder",
    )
