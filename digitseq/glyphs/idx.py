"""
Read and write IDX, the format of the original MNIST files, plain or gzip-compressed.

Format (LeCun, "The MNIST database of handwritten digits"): two zero bytes, one byte for the type, one byte
for the number of dimensions, each dimension as a big-endian 32-bit integer, then the data, big-endian, in
row-major order.
"""

import gzip
import os
import struct
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from digitseq.arrays import AnyArray
from digitseq.errors import FormatError, SourceError, system_errors
from digitseq.storage.open_folder import open_regular

TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
MAX_DIMENSIONS = 8
_MOST_EACH = 1 << 25  # bytes of one entry, such as an image
_GZIP_MAGIC = b"\x1f\x8b"
MOST_BYTES = 600_000_000
"""Maximum size of one array in bytes; the largest EMNIST file has 547 million."""
_CHUNK = 1 << 20


def read_idx(path: Path) -> AnyArray:
    """
    Read the array in an IDX file.

    Memory use is bounded by the actual size of the data and by `MOST_BYTES`.

    Args:
        path: the file, plain or gzip-compressed (detected from its first bytes).

    Returns:
        A new array in native byte order.

    Raises:
        FormatError: the file is not complete, valid IDX; the message says what was expected and found.
        SourceError: the file cannot be read.
    """
    with system_errors(SourceError, f"{path} cannot be read"), open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        compressed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if not compressed:
            return _parse(file, path, min(size, MOST_BYTES))
        try:
            with gzip.GzipFile(fileobj=file) as plain:
                return _parse(plain, path, MOST_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FormatError(f"{path}: the gzip data is broken or cut off ({error})") from error


def idx_files(folder: Path) -> dict[str, Path]:
    """
    Return the files of a folder by name.

    The files in a subfolder named like an IDX file are included: some programs unpack archives that way.

    Raises:
        OSError: the folder cannot be read.
    """
    entries = sorted(folder.iterdir())
    inside = [file for entry in entries if "idx" in entry.name and entry.is_dir() for file in entry.iterdir()]
    return {file.name: file for file in (*sorted(inside), *entries) if file.is_file()}


def _parse(file: IO[bytes] | gzip.GzipFile, path: Path, at_most: int) -> AnyArray:
    """Parse IDX data of up to ``at_most`` bytes from a stream."""
    magic = _read(file, 4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise FormatError(
            f"{path}: not an IDX file: expected two zero bytes at the start, got {bytes(magic)!r}"
        )
    if magic[2] not in TYPES:
        known = ", ".join(f"0x{code:02x}" for code in TYPES)
        raise FormatError(f"{path}: unknown IDX type 0x{magic[2]:02x}; known: {known}")
    dtype, dimensions = TYPES[magic[2]], magic[3]
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise FormatError(f"{path}: expected 1 to {MAX_DIMENSIONS} IDX dimensions, got {dimensions}")
    header = _read(file, 4 * dimensions)
    if len(header) < 4 * dimensions:
        raise FormatError(f"{path}: the IDX header is cut off")
    shape: tuple[int, ...] = struct.unpack(f">{dimensions}I", header)
    promised = dtype.itemsize
    for length in shape:  # Python integers: no overflow
        promised *= length
    if promised > at_most or promised > _MOST_EACH * max(shape[0], 1):
        raise FormatError(
            f"{path}: the IDX header declares {promised:,} bytes for shape {shape}; "
            f"expected at most {at_most:,} in total and {_MOST_EACH:,} per entry"
        )
    data = _read(file, promised)
    if len(data) < promised:
        raise FormatError(f"{path}: cut off: expected {promised} bytes for shape {shape}, got {len(data)}")
    if file.read(1):
        raise FormatError(f"{path}: more data than the {promised} bytes for shape {shape} in the IDX header")
    try:
        array = np.frombuffer(data, dtype).reshape(shape)
    except ValueError as error:  # shapes beyond numpy's limits, such as (0, 2**32 - 1, 2**32 - 1, …)
        raise FormatError(f"{path}: IDX dimensions {shape} are too large") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read(file: IO[bytes] | gzip.GzipFile, size: int) -> bytearray:
    """Read up to ``size`` bytes; memory grows only with the data that arrives."""
    data = bytearray()
    while len(data) < size and (chunk := file.read(min(_CHUNK, size - len(data)))):
        data += chunk
    return data


def idx_bytes(array: AnyArray) -> bytes:
    """
    Return the bytes of a plain IDX file that holds an array.

    Args:
        array: uint8, int8, int16, int32, float32 or float64, 1 to 8 dimensions.

    Raises:
        FormatError: IDX does not support the dtype or the number of dimensions.

    >>> idx_bytes(np.array([3, 5], np.uint8)).hex()
    '00000801000000020305'
    """
    codes = {dtype.newbyteorder("="): code for code, dtype in TYPES.items()}
    code = codes.get(array.dtype.newbyteorder("="))
    if code is None or not 1 <= array.ndim <= MAX_DIMENSIONS:
        raise FormatError(f"IDX does not support {array.dtype} with {array.ndim} dimensions")
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(TYPES[code]).tobytes()
