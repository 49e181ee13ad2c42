"""
Arrays in the .npy format (numpy's NEP 1), read without believing what the header says.

numpy itself makes room for whatever a header promises before it looks at the data.
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
    """What the header of an array says."""

    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"
    is_fortran: bool

    @property
    def size(self) -> int:
        """Bytes of the data."""
        return self.dtype.itemsize * prod(self.shape)


def read_header(
    file: IO[bytes], kinds: str, most: Sequence[int] | None, most_bytes: int, most_each: int = MOST_EACH
) -> Header:
    """
    The header of an array; the file is at its data afterwards.

    Args:
        file: open, at its start.
        kinds: the kinds of type that are expected, as numpy has them: "u" for unsigned integers.
        most: the greatest length of each dimension, in C order; None for any shape in any order.
        most_bytes: how many bytes the data can have.
        most_each: how many bytes an entry of the first dimension can have.

    Raises:
        ValueError: the header is damaged, or says something else.
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
    except Exception as error:  # the header is a Python literal, and a damaged one can raise anything
        raise ValueError("not a .npy array, or its header is damaged") from error
    fits = all(length >= 0 for length in header.shape)
    if most is not None:
        pairs = zip(header.shape, most, strict=False)
        fits &= len(header.shape) == len(most) and all(length <= limit for length, limit in pairs)
        fits &= not header.is_fortran or len(most) < 2
    if header.shape and header.size > most_each * header.shape[0]:
        raise ValueError(f"an array of the shape {short(header.shape)}, too large for pictures of digits")
    if header.dtype.hasobject or header.dtype.kind not in kinds or not fits or header.size > most_bytes:
        raise ValueError(f"an array of the shape {short(header.shape)} and the dtype {header.dtype.str[:20]}")
    return header


def read_array(
    file: IO[bytes], kinds: str, most: Sequence[int] | None, most_bytes: int, most_each: int = MOST_EACH
) -> AnyArray:
    """
    An array.

    Args:
        file: open, at its start.
        kinds: as in `read_header`.
        most: likewise.
        most_bytes: likewise.
        most_each: likewise.

    Returns:
        A new array in the machine's byte order.

    Raises:
        ValueError: it is damaged, or of another shape or type.
    """
    header = read_header(file, kinds, most, most_bytes, most_each)
    array = np.frombuffer(read_exactly(file, header.size), header.dtype)
    array = array.reshape(header.shape[::-1]).T if header.is_fortran else array.reshape(header.shape)
    return array.astype(header.dtype.newbyteorder("="), copy=False)


def check_members(archive: ZipFile) -> None:
    """
    Make sure that members of an archive are unpacked piece by piece.

    Raises:
        ValueError: one is packed in a way that Python unpacks at once, whatever its size.
    """
    for member in archive.infolist():
        if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise ValueError(f"{short(member.filename)} is packed in another way than numpy does it")


def read_exactly(file: IO[bytes], size: int) -> bytearray:
    """
    Exactly ``size`` bytes, in a buffer that grows only with what arrives.

    Raises:
        ValueError: there are fewer.
    """
    data = bytearray()
    while len(data) < size and (piece := file.read(min(_PIECE, size - len(data)))):
        data += piece
    if len(data) < size:
        raise ValueError(f"cut off: expected {size:,} bytes of data, found {len(data):,}")
    return data
