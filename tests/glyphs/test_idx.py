"""IDX: what is written is read, and nothing else is believed."""

import gzip
import random
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digitseq.errors import DigitSeqError, FormatError, SourceError
from digitseq.glyphs.idx import TYPES, idx_bytes, read_idx
from tests.glyphs.idx_files import write_idx

_arrays = st.sampled_from([np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6))
)


@given(_arrays, st.sampled_from(["a.idx", "a.idx.gz"]))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, name: str
) -> None:
    path = tmp_path_factory.mktemp("idx") / name
    write_idx(path, array)
    again = read_idx(path)
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert again.tobytes() == array.tobytes()


def test_the_bytes_are_those_of_the_format(tmp_path: Path) -> None:
    assert idx_bytes(np.array([[1, -2]], np.int16)) == bytes.fromhex("00000b02 00000001 00000002 0001 fffe")
    write_idx(tmp_path / "a.gz", np.zeros(3, np.uint8))
    write_idx(tmp_path / "b.gz", np.zeros(3, np.uint8))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_arrays_without_an_idx_form_are_refused(tmp_path: Path) -> None:
    for array in (np.zeros(2, np.int64), np.zeros((), np.uint8), np.zeros((1,) * 9, np.uint8)):
        with pytest.raises(FormatError, match="IDX does not support"):
            write_idx(tmp_path / "x", array)


_GOOD = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "two zero bytes"),
        (b"\0\0", "two zero bytes"),
        (b"\x01" + _GOOD[1:], "two zero bytes"),
        (b"<!DOCTYPE html><html>", "two zero bytes"),
        (b"\0\0\x07" + _GOOD[3:], "unknown IDX type 0x07"),
        (b"\0\0\x08\0" + _GOOD[4:], "dimensions, got 0"),
        (b"\0\0\x08\xff" + _GOOD[4:], "dimensions, got 255"),
        (_GOOD[:7], "header is cut off"),
        (_GOOD[:-1], "more than the file can hold|cut off"),
        (_GOOD + b"x", "more data than the 24 bytes"),
        (b"\0\0\x08\x01\xff\xff\xff\xff" + bytes(10), "declares 4,294,967,295 bytes"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_broken_files_are_told_apart(tmp_path: Path, data: bytes, words: str, compressed: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(data) if compressed else data)
    with pytest.raises(FormatError, match=words) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_a_gzip_that_is_cut_off_or_damaged_is_a_format_error(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    whole = gzip.compress(_GOOD)
    for data in (
        whole[:-9],
        whole[:-1],
        whole[:15],
        whole[:20] + b"\xff" * 8 + whole[28:],
        whole[:-8] + bytes(8),
    ):
        path.write_bytes(data)
        with pytest.raises(FormatError):
            read_idx(path)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        read_idx(tmp_path / "none")
    with pytest.raises(SourceError, match="directory"):
        read_idx(tmp_path)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_header_that_promises_gigabytes_allocates_nothing(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "file"
    data = b"\0\0\x08\x03" + struct.pack(">3I", 65536, 256, 256) + bytes(100)
    path.write_bytes(gzip.compress(data) if compressed else data)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="declares 4,294,967,296 bytes"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_ten_thousand_mutated_files_give_only_our_error_in_bounded_memory(tmp_path: Path) -> None:
    """Cut, grown, flipped and overwritten; plain, and gzip mutated inside and outside of its compression."""
    path, chance = tmp_path / "file", random.Random(1)
    images = np.random.default_rng(1).integers(0, 255, (5, 8, 8), dtype=np.uint8)
    seeds = [
        idx_bytes(array) for array in (images, np.arange(9, dtype=np.uint8), np.arange(6, dtype=np.int32))
    ]
    broken = 0
    tracemalloc.start()
    try:
        for turn in range(12_000):
            data = bytearray(chance.choice(seeds))
            outside = turn % 3 == 2
            if outside:
                data = bytearray(gzip.compress(bytes(data), 1, mtime=0))
            for _ in range(chance.randint(1, 4)):
                at = (
                    chance.randrange(min(len(data), 20) if chance.random() < 0.7 else len(data))
                    if data
                    else 0
                )
                kind = chance.randrange(5)
                if kind == 0:
                    data[at : at + 1] = bytes([chance.randrange(256)])
                elif kind == 1:
                    del data[at:]
                elif kind == 2:
                    data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 9)))
                elif kind == 3:
                    data[at : at + 4] = struct.pack(">I", chance.choice([0, 1, 2**16, 2**31, 2**32 - 1]))
                else:
                    data[at : at + 1] = bytes(
                        [(data[at] if at < len(data) else 0) ^ (1 << chance.randrange(8))]
                    )
            path.write_bytes(gzip.compress(bytes(data), 1) if turn % 3 == 1 else data)
            try:
                array = read_idx(path)
            except DigitSeqError:
                broken += 1
            else:
                assert array.nbytes <= 10_000
                assert array.dtype.newbyteorder("=") in {t.newbyteorder("=") for t in TYPES.values()}
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    assert broken > 8_000
