"""
Read the page headers of a Parquet file, which state how large its pages become when they are read.

The footer of a file states it too, but readers trust the page headers. Only pages as digitseq writes them are
accepted: they are uncompressed, so they cannot expand. Sources: Apache Parquet's ``parquet.thrift``
(``PageHeader``) and the compact protocol of Apache Thrift.
"""

from typing import TypeAlias

_Struct: TypeAlias = "dict[int, int | _Struct]"

_DATA, _DATA_V2 = 0, 3
_PLAIN, _RLE = 0, 3
_BOOLEANS, _INTEGERS, _BINARY, _STRUCT = (1, 2), (4, 5, 6), 8, 12  # field types
_DEPTH = 8  # of nested structs; a page header has 3
_MOST_BYTES = 10  # of a 64-bit varint


def values_in_pages(data: bytes, start: int, size: int) -> int:
    """
    Return the number of values in the pages of a column.

    Args:
        data: the contents of the file.
        start: offset of the first page.
        size: total size of the pages, bytes.

    Raises:
        ValueError: a page is compressed, has a dictionary, or is damaged.
    """
    at, end, values = start, start + size, 0
    if not 0 <= start <= end <= len(data):
        raise ValueError("a column is outside the file")
    while at < end:
        try:
            header, at = _struct(data, at, _DEPTH)
        except IndexError:
            raise ValueError("a page header is damaged") from None
        length = _integer(header, 3)
        if length < 0 or _integer(header, 2) != length:
            raise ValueError("a page is compressed")
        values += _values(header)
        at += length
    if at != end:
        raise ValueError("a page is longer than its column")
    return values


def _values(header: _Struct) -> int:
    kind = _integer(header, 1)
    page = header.get({_DATA: 5, _DATA_V2: 8}.get(kind, -1))
    if not isinstance(page, dict):
        raise ValueError("expected a data page, found another kind")
    encodings = [_integer(page, field) for field in ((2, 3, 4) if kind == _DATA else (4,))]
    if encodings[0] != _PLAIN or not set(encodings[1:]) <= {_RLE}:
        raise ValueError("expected the page encoding PLAIN, found another")
    if (number := _integer(page, 1)) < 0:
        raise ValueError("a page has a negative number of values")
    return number


def _integer(struct: _Struct, field: int) -> int:
    value = struct.get(field)
    if not isinstance(value, int):
        raise ValueError("a page header is damaged")
    return value


def _struct(data: bytes, at: int, depth: int) -> tuple[_Struct, int]:
    """Read a struct; return its integers and structs by field number, and its end offset."""
    if depth == 0:
        raise ValueError("a page header is damaged")
    fields: _Struct = {}
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _zigzag(data, at)
        value, at = _value(data, at, head & 15, depth)
        if value is not None:
            fields[number] = value
    return fields, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> "tuple[int | _Struct | None, int]":
    """Read a field; return an integer, a struct, or None for types not needed here, and its end offset."""
    if kind in _BOOLEANS:  # true and false are field types and take no further bytes
        return None, at
    if kind in _INTEGERS:
        return _zigzag(data, at)
    if kind == _BINARY:
        length, at = _varint(data, at)
        return None, at + length
    if kind == _STRUCT:
        return _struct(data, at, depth - 1)
    raise ValueError("a page header is damaged")  # page headers contain no lists, maps or doubles


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_MOST_BYTES):
        byte = data[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:  # the highest bit is set if more bytes follow
            return value, at + place + 1
    raise ValueError("a page header is damaged")


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return value >> 1 ^ -(value & 1), at
