"""The formats of datasets, in one table: each writes and reads."""

from dataclasses import replace

from digitseq.checks import choice
from digitseq.dataset.formats.base import Format
from digitseq.dataset.formats.folder import Folder
from digitseq.dataset.formats.lmdb import Lmdb
from digitseq.dataset.formats.npz import Npz
from digitseq.dataset.formats.parquet import Parquet
from digitseq.dataset.formats.webdataset import WebDataset
from digitseq.dataset.shards import Shard, Written, as_note
from digitseq.extras import require

FORMATS: dict[str, Format] = {f.name: f for f in (Folder(), WebDataset(), Parquet(), Npz(), Lmdb())}


def open_format(name: str) -> Format:
    """
    A format.

    Raises:
        ArgumentError: there is none of this name.
        ExtraError: it needs a library that is not installed, or cannot be imported.
    """
    found = FORMATS[choice("format", name, tuple(FORMATS))]
    if found.library:
        require(found.library, f"the format {name}", extra=name)
    return found


def write_shard(shard: Shard) -> Written:
    """
    Write what is missing of a shard.

    Args:
        shard: what to write and where.

    Returns:
        What it came to.

    Raises:
        OutputError: the system refuses.
        CacheError: the stored glyphs are gone.
    """
    done = open_format(shard.format).write(shard)
    if shard.notes:
        shard.storage.put(shard.note_of(shard.notes), as_note(done))
    elif done.lines:
        scratch = shard.storage.put_scratch(f"{shard.place.folder}lines", done.lines)
        done = replace(done, scratch=scratch)
    return replace(done, lines=b"")
