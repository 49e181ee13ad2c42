"""
Read arrays in the .npy format (numpy's NEP 1) without trusting the header.

numpy itself allocates the size that a header states before it reads the data.
"""

from collections.abc import Sequence
from math import prod
from typing import IO, Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

from digitseq.arrays import AnyArray
from digitseq.checks import short

_PIECE = 1 << 20
MOST_EACH = 1 << 62


class Header(NamedTuple):
    """Parsed header of an array."""

    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"
    is_fortran: bool

    @property
    def size(self) -> int:
        """Size of the data, bytes."""
        return self.dtype.itemsize * prod(self.shape)


def read_header(
    file: IO[bytes], kinds: str, most: Sequence[int] | None, most_bytes: int, most_each: int = MOST_EACH
) -> Header:
    """
    Read the header of an array; the file is then at the start of the data.

    Args:
        file: an open file, at its start.
        kinds: allowed kinds of dtype, in numpy's letters: "u" for unsigned integers.
        most: maximum length of each dimension, in C order; None for any shape in any order.
        most_bytes: maximum size of the data, bytes.
        most_each: maximum size of an entry of the first dimension, bytes.

    Raises:
        ValueError: the header is damaged, or the array is not allowed.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, is_fortran, dtype = read(file)
        header = Header(shape, dtype, is_fortran)
    except MemoryError:
        raise
    except Exception as error:  # the header is a Python literal; a damaged one can raise anything
        raise ValueError("not a .npy array, or its header is damaged") from error
    fits = all(length >= 0 for length in header.shape)
    if most is not None:
        pairs = zip(header.shape, most, strict=False)
        fits &= len(header.shape) == len(most) and all(length <= limit for length, limit in pairs)
        fits &= not header.is_fortran or len(most) < 2
    if header.shape and header.size > most_each * header.shape[0]:
        raise ValueError(f"an array of shape {short(header.shape)}, too large for images of digits")
    if header.dtype.hasobject or header.dtype.kind not in kinds or not fits or header.size > most_bytes:
        raise ValueError(f"an array of shape {short(header.shape)} and dtype {header.dtype.str[:20]}")
    return header


def read_array(
    file: IO[bytes], kinds: str, most: Sequence[int] | None, most_bytes: int, most_each: int = MOST_EACH
) -> AnyArray:
    """
    Read an array.

    Args:
        file: an open file, at its start.
        kinds: as in `read_header`.
        most: as in `read_header`.
        most_bytes: as in `read_header`.
        most_each: as in `read_header`.

    Returns:
        A new array in native byte order.

    Raises:
        ValueError: the array is damaged, or not allowed.
    """
    header = read_header(file, kinds, most, most_bytes, most_each)
    array = np.frombuffer(read_exactly(file, header.size), header.dtype)
    array = array.reshape(header.shape[::-1]).T if header.is_fortran else array.reshape(header.shape)
    return array.astype(header.dtype.newbyteorder("="), copy=False)


def check_members(archive: ZipFile) -> None:
    """
    Check that all members of an archive can be decompressed piece by piece.

    Raises:
        ValueError: a member uses a method that Python decompresses in one piece, whatever its size.
    """
    for member in archive.infolist():
        if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise ValueError(f"{short(member.filename)} uses a compression method that numpy does not write")


def read_exactly(file: IO[bytes], size: int) -> bytearray:
    """
    Read exactly ``size`` bytes, into a buffer that grows only as data arrives.

    Raises:
        ValueError: the file ends early.
    """
    data = bytearray()
    while len(data) < size and (piece := file.read(min(_PIECE, size - len(data)))):
        data += piece
    if len(data) < size:
        raise ValueError(f"cut off: expected {size:,} bytes of data, found {len(data):,}")
    return data
