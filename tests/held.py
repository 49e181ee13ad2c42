"""Locks of digitseq, held as another process would."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digitseq.storage.locks import lock_file
from digitseq.storage.open_folder import opened


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock during the block."""
    with opened(path.parent) as folder:
        lock = lock_file(folder, path.name, 0)
        try:
            yield
        finally:
            lock.release()
