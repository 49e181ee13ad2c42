"""Read files that a user names: regular files or pipes, up to a maximum size."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from digitseq.checks import counted
from digitseq.errors import FormatError
from digitseq.interrupts import interruptible
from digitseq.storage.open_folder import open_regular

_PIECE = 1 << 16
IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
"""Formats that Pillow may recognise. It supports others, some of which start programs."""
MOST_IMAGE = 1 << 26
"""Maximum size of an image file, bytes."""


@contextmanager
def open_input(path: Path) -> Iterator[IO[bytes]]:
    """
    Open a regular file, or a pipe such as a shell's ``<(…)``. A signal ends the block at once.

    Raises:
        OSError: the path is neither, or the system refuses.
    """
    with interruptible():
        if stat.S_ISFIFO(os.stat(path).st_mode):  # noqa: PTH116
            with path.open("rb") as file:
                yield file
        else:
            with open_regular(path) as file:
                yield file


def read_input(path: Path, most: int) -> bytes:
    """
    Return the content of a file that a user names.

    Args:
        path: a regular file.
        most: maximum size, bytes.

    Raises:
        FormatError: the file is larger.
        OSError: the file is not a regular file, or the system refuses.
    """
    data = bytearray()
    with open_regular(path) as file:
        while len(data) <= most and (piece := file.read(_PIECE)):
            data += piece
    if len(data) > most:
        raise FormatError(f"{path}: expected at most {counted(most, 'byte')}, found more")
    return bytes(data)
