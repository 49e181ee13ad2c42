"""
The format ``webdataset``: one tar file per shard, with a .png, a .txt (the label) and a .json for each image.

With masks, there is also a .mask.png.

Format: POSIX.1-1988 ustar, as webdataset reads it: the files of a sample are adjacent and share one key.
"""

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import IO, NamedTuple

import numpy as np

from digitseq.batches import Sample
from digitseq.checks import short
from digitseq.dataset.formats.base import TAR, FileShards, ReadOne, png_encoder
from digitseq.dataset.formats.stored_image import Found, facts_in, facts_json, sample_key
from digitseq.dataset.shards import SHARD, Place
from digitseq.errors import FormatError

_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)  # every tar file ends with this
_PNG, _TEXT, _JSON, _MASK = ".png", ".txt", ".json", ".mask.png"


class WebDataset(FileShards):
    """One tar file per shard."""

    name = "webdataset"
    suffix = ".tar"

    def shard_file(self, place: Place, shard: int) -> str:
        return f"{place.stem}-{shard:06d}.tar"

    def patterns(self, place: Place) -> dict[str, str]:
        return {TAR: f"{place.stem}-*.tar"}

    def encode(self, samples: Iterator[Sample], place: Place, level: int) -> bytes:
        png = png_encoder(level)
        out = io.BytesIO()
        for sample in samples:
            key = sample_key(sample.number)
            files = {
                _PNG: png(sample.image),
                _TEXT: sample.label.encode("ascii"),
                _JSON: facts_json(sample).encode("ascii"),
            }
            if sample.mask is not None:
                files[_MASK] = png(sample.mask)
            for end, data in files.items():
                out.write(_header(key + end, len(data)))
                out.write(data)
                out.write(bytes(-len(data) % _BLOCK))
        out.write(_END)
        out.write(bytes(-out.tell() % tarfile.RECORDSIZE))
        return out.getvalue()

    def one_reader(self, file: IO[bytes], place: Place, shard: int) -> ReadOne:
        sizes = np.fromiter(_sizes(file, place, shard), np.int64)
        starts = np.append(np.int64(0), np.cumsum(sizes, dtype=np.int64))

        def read(file: IO[bytes], row: int) -> Found:
            file.seek(int(starts[row]))
            data = file.read(int(starts[row + 1] - starts[row]))
            (record,) = _records(_plain_members(data))
            return found_sample(record, place)

        return read

    def decode(self, data: bytes, place: Place, shard: int) -> Iterator[Found]:
        return (found_sample(record, place) for record in records_in(data))


def _sizes(file: IO[bytes], place: Place, shard: int) -> Iterator[int]:
    """
    Yield the size of each sample in a tar file, in bytes, if it is as digitseq writes it.

    Raises:
        ValueError: it is not.
    """
    ends = [_PNG, _TEXT, _JSON, *([_MASK] if place.masks else [])]
    for number in range(shard * SHARD, shard * SHARD + place.size(shard)):
        sample = 0
        for end in ends:
            header = file.read(_BLOCK)
            size = int(header[124:135], 8)
            if size < 0 or header != _header(sample_key(number) + end, size):
                raise ValueError("not as digitseq writes it")
            size += -size % _BLOCK
            file.seek(size, os.SEEK_CUR)
            sample += _BLOCK + size
        yield sample
    if file.read(len(_END)) != _END:
        raise ValueError("more than its images")


class Record(NamedTuple):
    """
    The files of a sample.

    Attributes:
        key: their common name, without the suffixes.
        png: the image; None if missing.
        text: the label; None if missing.
        json: the metadata; None if missing.
        mask: the instance mask; None if missing.
        more: the suffixes of unexpected files; "" if there are none.
    """

    key: str
    png: bytes | None
    text: bytes | None
    json: bytes | None
    mask: bytes | None = None
    more: str = ""


def records_in(data: bytes) -> Iterator[Record]:
    """
    Yield the samples in a tar file.

    Raises:
        FormatError: the file is cut off, or has members that are not regular files.
        TarError: it is not a tar file.
    """
    yield from _records(_members(data))
    if not data.endswith(_END) or len(data) % tarfile.RECORDSIZE:
        raise FormatError("cut off (a tar file ends in zero bytes, at a multiple of 10,240)")


def _records(members: Iterable[tuple[str, bytes]]) -> Iterator[Record]:
    """Yield the samples that some files make up."""
    for key, files in groupby(members, lambda member: member[0].partition(".")[0]):
        named = {name.removeprefix(key): content for name, content in files}
        png, text, json, mask = (named.pop(end, None) for end in (_PNG, _TEXT, _JSON, _MASK))
        yield Record(key, png, text, json, mask, ", ".join(named))


def _plain_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name and contents of files whose headers have been checked."""
    at = 0
    while at < len(data):
        name, size = data[at : data.index(0, at)].decode("ascii"), int(data[at + 124 : at + 135], 8)
        yield name, data[at + _BLOCK : at + _BLOCK + size]
        at += _BLOCK + size + -size % _BLOCK


def found_sample(record: Record, place: Place) -> Found:
    """Return the image of a sample, from its files."""
    key, png, text, json, mask, more = record
    facts = facts_in(json or b"")
    parts = {_PNG: png, _TEXT: text, _JSON: facts, **({_MASK: mask} if place.masks else {})}
    missing = [end for end, there in parts.items() if there is None]
    if mask is not None and not place.masks:
        more = _MASK
    problem = ""
    if png is text is json is mask is None:
        problem = "missing"
    elif missing:
        problem = f"no {' and no '.join(missing)}"
    elif more:
        problem = f"unexpected {more}"
    elif text is not None and facts is not None and facts.label != text.decode("ascii", "replace"):
        problem = f"label: {text.decode('ascii', 'replace')[:40]} in .txt, {str(facts.label)[:40]} in .json"
    return Found(key, png, facts, problem, mask)


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name and contents of each file in a tar file."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as file:
        for member in file:
            # A sparse file can claim any size; digitseq writes no extended headers.
            if (
                member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
                and not member.pax_headers
                and not member.sparse
            ):
                start = member.offset_data
                yield member.name, data[start : start + member.size]
            else:
                raise FormatError(f"{short(member.name)} is not a regular file")


def _header(name: str, size: int) -> bytes:
    """
    Return the header of a member, as `tarfile` writes it for this name and size but several times faster.

    Only the name, the size and the checksum differ between members.
    """
    filled = _TEMPLATE[:]
    filled[: len(name)] = name.encode("ascii")
    filled[124:135] = b"%011o" % size
    # The sum of all bytes, with those of the checksum itself counted as spaces.
    filled[148:155] = b"%06o\0" % sum(filled)
    return bytes(filled)


def _template() -> bytearray:
    header = bytearray(tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT))
    header[148:156] = b" " * 8
    return header


_TEMPLATE = _template()
