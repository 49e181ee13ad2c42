"""
PNG: 8-bit greyscale images as bytes.

Format: W3C "Portable Network Graphics (PNG) Specification". A writer of our own because it is several
times as fast as a general one on pictures this small; what it writes is read by Pillow in the tests.
"""

import struct
import zlib
from collections.abc import Mapping

import numpy as np

from digitseq.arrays import UInt8Array

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode_png(image: UInt8Array, text: Mapping[str, str] | None = None, *, level: int = 6) -> bytes:
    r"""
    An image as a PNG file.

    Args:
        image: uint8 (height, width), 0 black to 255 white.
        text: keyword → text, for text chunks; keywords are Latin-1, 1 to 79 characters.
        level: zlib's, 0 (stored) to 9 (smallest).

    Returns:
        The bytes of the file: filter 0 on every row, one IDAT chunk. The pixels are promised, the
        bytes are not: they depend on the zlib that Python was built with.

    >>> encode_png(np.zeros((28, 200), np.uint8))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    height, width = image.shape
    rows = np.zeros((height, width + 1), np.uint8)  # column 0: the filter type of each row, 0 for none
    rows[:, 1:] = image
    return b"".join(
        [
            _SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            *(_text_chunk(keyword, value) for keyword, value in (text or {}).items()),
            _chunk(b"IDAT", zlib.compress(rows, level)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join(
        [struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))]
    )


def _text_chunk(keyword: str, value: str) -> bytes:
    name = keyword.encode("latin-1") + b"\0"
    if value.isascii():
        return _chunk(b"tEXt", name + value.encode("ascii"))
    # iTXt: not compressed, no language, no translated keyword, then UTF-8.
    return _chunk(b"iTXt", name + b"\0\0\0\0" + value.encode("utf-8", "replace"))
