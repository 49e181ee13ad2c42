"""
Encode and decode PNG files of 8-bit greyscale images.

Format: W3C "Portable Network Graphics (PNG) Specification". This encoder is several times as fast as a
general one on images this small. The tests read its output with Pillow.
"""

import struct
import zlib
from collections.abc import Callable, Mapping

import numpy as np

from digitseq.arrays import UInt8Array

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")  # width, height, bit depth, colour type, compression, filter, interlace
_LENGTH = struct.Struct(">I")
_END = b"\0\0\0\0IEND\xaeB`\x82"
_MOST_ROWS = 112  # four times 28, so that an image that is too tall is decoded and reported
FAST = 0
"""Compression level: the fastest compressor on this machine."""


def compressor(level: int) -> Callable[[bytes], bytes]:
    """
    Return the best available compressor for a level.

    Args:
        level: 0 for the fastest (ISA-L if its wheel is installed, else zlib's level 1), or zlib's 1 to 9.
    """
    if level == FAST:
        try:
            from isal import isal_zlib
        except Exception:  # no wheel for this machine, or a broken one
            return lambda data: zlib.compress(data, 1)
        return lambda data: isal_zlib.compress(data, 0)
    return lambda data: zlib.compress(data, level)


def encode_png(
    image: UInt8Array,
    text: Mapping[str, str] | None = None,
    *,
    compress: Callable[[bytes], bytes] = zlib.compress,
) -> bytes:
    r"""
    Encode an image as a PNG file.

    Args:
        image: uint8 (height, width), 0 black to 255 white.
        text: keyword → text of each text chunk; keywords are Latin-1, 1 to 79 characters.
        compress: bytes → zlib stream; `compressor` returns fast ones.

    Returns:
        The bytes of the file: filter 0 on every row, one IDAT chunk. Only the pixels are
        guaranteed; the bytes depend on the compressor.

    >>> encode_png(np.zeros((28, 200), np.uint8))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    height, width = image.shape
    rows = np.zeros((height, width + 1), np.uint8)  # column 0: the filter type of each row, 0 for none
    rows[:, 1:] = image
    chunks = [_SIGNATURE, _chunk(b"IHDR" + _HEADER.pack(width, height, 8, 0, 0, 0, 0))]
    if text:
        chunks += [_chunk(_text(keyword, value)) for keyword, value in text.items()]
    chunks += [_chunk(b"IDAT" + compress(rows.tobytes())), _END]
    return b"".join(chunks)


def decode_png(data: bytes, widest_px: int) -> UInt8Array | None:
    """
    Decode the image in a PNG file that `encode_png` wrote.

    Args:
        data: the bytes of a file.
        widest_px: maximum width, px. An image of more pixels than 112 rows of this width is not
            decompressed.

    Returns:
        uint8 (height, width); None if the file is damaged, too large, or another kind of PNG.
    """
    try:
        if data[:8] != _SIGNATURE or not data.endswith(_END):
            return None
        place, chunks = 8, {}
        while place < len(data):
            (length,) = _LENGTH.unpack_from(data, place)
            body = data[place + 4 : place + 8 + length]
            if zlib.crc32(body) != _LENGTH.unpack_from(data, place + 8 + length)[0]:
                return None
            chunks[body[:4]] = body[4:]
            place += length + 12
        width, height, *form = _HEADER.unpack(chunks[b"IHDR"])
        size = height * (width + 1)
        if size > _MOST_ROWS * (widest_px + 1):
            return None
        unpacked = zlib.decompressobj()
        rows = np.frombuffer(unpacked.decompress(chunks[b"IDAT"], size + 1), np.uint8).reshape(
            height, width + 1
        )
        if not unpacked.eof:
            return None
    except (struct.error, zlib.error, KeyError, ValueError):
        return None
    return None if form != [8, 0, 0, 0, 0] or rows[:, 0].any() else rows[:, 1:]


def _chunk(body: bytes) -> bytes:
    """Return a chunk whose type and data are ``body``."""
    return b"%b%b%b" % (_LENGTH.pack(len(body) - 4), body, _LENGTH.pack(zlib.crc32(body)))


def _text(keyword: str, value: str) -> bytes:
    name = keyword.encode("latin-1") + b"\0"
    if value.isascii():
        return b"tEXt" + name + value.encode("ascii")
    # iTXt: uncompressed, no language, no translated keyword, then UTF-8.
    return b"iTXt" + name + b"\0\0\0\0" + value.encode("utf-8", "replace")
