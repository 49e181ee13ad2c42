"""Files that a user names, which appear whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import IO

from digitseq.folder import opened


def write_whole(path: Path, write: Callable[[IO[bytes]], object], *, new: bool = False) -> None:
    """
    Put a file in place whole or not at all: written beside its place, then moved.

    Args:
        path: where; its folder exists. A link of that name is replaced, not followed.
        write: writes the content to the open file that it is given.
        new: never replace what is there.

    Raises:
        FileExistsError: ``new``, and there is something.
        OSError: the system refuses.
    """
    with opened(path.parent) as folder, folder.whole(path.name, new=new, links=True) as file:
        write(file)
