"""IDX files for tests."""

import gzip
from pathlib import Path

from digitseq.arrays import AnyArray
from digitseq.glyphs.idx import idx_bytes


def write_idx(path: Path, array: AnyArray) -> None:
    """Write an array as IDX; gzip-compressed, without a time in it, if the name ends in ``.gz``."""
    data = idx_bytes(array)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
