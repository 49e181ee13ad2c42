"""
Read LMDB environments without mapping them into memory.

The library maps the file and trusts its pages, so a damaged or crafted page can crash the process (SIGBUS,
SIGSEGV). Here every page is read into a buffer, and every number in it is checked before it is used.

Format: LMDB 0.9, data version 1, on 64-bit little-endian machines (github.com/LMDB/lmdb, mdb.c in
libraries/liblmdb: MDB_meta, MDB_page, MDB_node).
"""

import os
import struct
from bisect import bisect_right
from collections.abc import Iterator
from typing import IO, NamedTuple

_META = struct.Struct("<IIQQ")  # magic, version, address, size of the map
_DATABASE = struct.Struct(
    "<IHHQQQQQ"
)  # (page size), flags, depth, branch, leaf, overflow pages, entries, root
_LAST = struct.Struct("<QQ")  # last page, transaction
_PAGE = struct.Struct("<QHHHH")  # number, padding, flags, lower, upper
_NODE = struct.Struct("<HHHH")  # low half and high half of the size or page, flags, size of the key
_NUMBER = struct.Struct("<Q")
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_BRANCH, _LEAF, _OVERFLOW, _META_PAGE = 0x01, 0x02, 0x04, 0x08
_BIG, _OTHER = 0x01, 0x06  # flags of a node: its value is in overflow pages; it is not a plain value
_NONE = (1 << 64) - 1
_DEEPEST = 32  # LMDB's own limit
_KEPT = 64  # branch pages in the cache


class LmdbError(Exception):
    """A file is not an LMDB environment, or is damaged; the message follows the name of the file."""


class _Page(NamedTuple):
    data: bytes
    flags: int
    nodes: tuple[int, ...]


class Environment:
    """A reader of the values in an environment."""

    def __init__(self, file: IO[bytes]) -> None:
        """
        Read the meta pages.

        Args:
            file: an open file, which must stay open.

        Raises:
            LmdbError: it is not an environment, or is damaged.
        """
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._page_size, self.entries, self._depth, self._root = self._newest()
        if self.entries > self._size:
            raise LmdbError("damaged (more entries than bytes)")
        self._branches: dict[int, tuple[list[bytes], list[int]]] = {}

    def _newest(self) -> tuple[int, int, int, int]:
        """Return page size, entries, depth and root from the newer of the two meta pages."""
        page_size = self._meta(0, 0)[1]
        _, page_size, entries, depth, root = max(self._meta(place, page_size) for place in (0, page_size))
        return page_size, entries, depth, root

    def _meta(self, offset: int, page_size: int) -> tuple[int, int, int, int, int]:
        size = _PAGE.size + _META.size + 2 * _DATABASE.size + _LAST.size
        data = self._bytes(offset, size)
        _, _, flags, _, _ = _PAGE.unpack_from(data)
        magic, version, _, _ = _META.unpack_from(data, _PAGE.size)
        if not flags & _META_PAGE or magic != _MAGIC:
            raise LmdbError("not an LMDB environment of a 64-bit little-endian machine, or damaged")
        if version != _VERSION:
            raise LmdbError(f"expected LMDB format version {_VERSION}, found {version}")
        place = _PAGE.size + _META.size
        stated, *_ = _DATABASE.unpack_from(data, place)
        _, kind, depth, _, _, _, entries, root = _DATABASE.unpack_from(data, place + _DATABASE.size)
        last, transaction = _LAST.unpack_from(data, place + 2 * _DATABASE.size)
        if not 256 <= stated <= 1 << 16 or stated & (stated - 1) or stated != (page_size or stated):
            raise LmdbError(f"damaged (page size {stated})")
        if (last + 1) * stated > self._size:
            raise LmdbError(f"cut off (expected {(last + 1) * stated:,} bytes, found {self._size:,})")
        if kind & ~0x08 or depth > _DEEPEST:
            raise LmdbError("damaged (unexpected kind of database)")
        return transaction, stated, entries, depth, root

    def _bytes(self, offset: int, size: int) -> bytes:
        if offset + size > self._size:
            raise LmdbError("cut off or damaged (a page is beyond the end of the file)")
        self._file.seek(offset)
        data = self._file.read(size)
        if len(data) < size:
            raise LmdbError("cut off")
        return data

    def _page(self, number: int) -> _Page:
        data = self._bytes(number * self._page_size, self._page_size)
        stated, _, flags, lower, upper = _PAGE.unpack_from(data)
        count = (lower - _PAGE.size) // 2
        if stated != number or not _PAGE.size <= lower <= upper <= self._page_size or count < 1:
            raise LmdbError(f"damaged (page {number})")
        nodes = struct.unpack_from(f"<{count}H", data, _PAGE.size)
        if min(nodes) < upper or max(nodes) + _NODE.size > self._page_size:
            raise LmdbError(f"damaged (page {number})")
        return _Page(data, flags, nodes)

    def _key(self, page: _Page, node: int) -> bytes:
        size = _NODE.unpack_from(page.data, node)[3]
        key = page.data[node + _NODE.size : node + _NODE.size + size]
        if len(key) < size:
            raise LmdbError("damaged (a key exceeds its page)")
        return key

    def get(self, key: bytes, most: int) -> bytes | None:
        """
        Return a value.

        Args:
            key: its key.
            most: maximum size of the value, bytes.

        Returns:
            The value; None if there is no such key.

        Raises:
            LmdbError: the pages on the way to the value are damaged, or it is too long.
        """
        if self._root == _NONE:
            return None
        number = self._root
        for _ in range(max(self._depth, 1) - 1):
            keys, pages = self._branch(number)
            number = pages[max(bisect_right(keys, key) - 1, 0)]
        leaf = self._leaf(number)
        found = leaf[1].get(key)
        return None if found is None else self._value(leaf[0], found, most)

    def get_all(self, keys: list[bytes], most: int) -> Iterator[tuple[bytes, bytes | None]]:
        """
        Yield each key and its value, as `get` returns it; in total, the values are no longer than the file.

        Raises:
            LmdbError: as in `get`, or the values are longer in total, because several keys share one.
        """
        room = self._size
        for key in keys:
            value = self.get(key, most)
            room -= len(value or b"")
            if room < 0:
                raise LmdbError("damaged (values overlap)")
            yield key, value

    def _branch(self, number: int) -> tuple[list[bytes], list[int]]:
        """Return the keys of a branch page, and the pages that begin with them."""
        if number not in self._branches:
            page = self._page(number)
            if not page.flags & _BRANCH:
                raise LmdbError(f"damaged (page {number} is not a branch)")
            keys = [b"", *(self._key(page, node) for node in page.nodes[1:])]
            pages = []
            for node in page.nodes:
                low, high, flags, _ = _NODE.unpack_from(page.data, node)
                pages.append(low | high << 16 | flags << 32)
            if len(self._branches) >= _KEPT:
                self._branches.clear()
            self._branches[number] = keys, pages
        return self._branches[number]

    _last: "tuple[int, tuple[_Page, dict[bytes, int]]] | None" = None

    def _leaf(self, number: int) -> tuple[_Page, dict[bytes, int]]:
        """Return a leaf page, and the node of each of its keys."""
        if self._last is None or self._last[0] != number:
            page = self._page(number)
            if not page.flags & _LEAF or page.flags & ~(_LEAF | 0x10):
                raise LmdbError(f"damaged (page {number} is not a leaf)")
            self._last = number, (page, {self._key(page, node): node for node in page.nodes})
        return self._last[1]

    def _value(self, page: _Page, node: int, most: int) -> bytes:
        low, high, flags, key_size = _NODE.unpack_from(page.data, node)
        size, start = low | high << 16, node + _NODE.size + key_size
        if flags & _OTHER:
            raise LmdbError("damaged (unexpected kind of value)")
        if size > most:
            raise LmdbError(f"a value is too long: expected at most {most:,}, found {size:,} (bytes)")
        if not flags & _BIG:
            value = page.data[start : start + size]
            if len(value) < size:
                raise LmdbError("damaged (a value exceeds its page)")
            return value
        if start + _NUMBER.size > len(page.data):
            raise LmdbError("damaged (a value exceeds its page)")
        (number,) = _NUMBER.unpack_from(page.data, start)
        header = self._bytes(number * self._page_size, _PAGE.size)
        stated, _, flags, _, _ = _PAGE.unpack_from(header)
        if stated != number or not flags & _OVERFLOW:
            raise LmdbError(f"damaged (page {number})")
        return self._bytes(number * self._page_size + _PAGE.size, size)
