"""Files that a user names to be read: regular files or pipes, and no more of them than can be needed."""

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
"""What Pillow may take a file for. It knows others, some of which start programs."""
MOST_IMAGE = 1 << 26
"""Most bytes of an image file."""


@contextmanager
def open_input(path: Path) -> Iterator[IO[bytes]]:
    """
    Open a regular file, or a pipe such as a shell's ``<(…)``. A signal ends the block at once.

    Raises:
        OSError: it is something else, or the system refuses.
    """
    with interruptible():
        if stat.S_ISFIFO(os.stat(path).st_mode):  # noqa: PTH116 - as the rest
            with path.open("rb") as file:
                yield file
        else:
            with open_regular(path) as file:
                yield file


def read_input(path: Path, most: int) -> bytes:
    """
    The content of a file that a user names.

    Args:
        path: a regular file.
        most: how many bytes it can have.

    Raises:
        FormatError: it is longer.
        OSError: it is something else, or the system refuses.
    """
    data = bytearray()
    with open_regular(path) as file:
        while len(data) <= most and (piece := file.read(_PIECE)):
            data += piece
    if len(data) > most:
        raise FormatError(f"{path}: expected at most {counted(most, 'byte')}, found more")
    return bytes(data)
