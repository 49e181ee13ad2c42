"""
The format ``npz``: one numpy archive per shard, with all its images in one array.

Format: numpy's NEP 1 (.npy) in a zip file.
"""

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import repeat
from math import prod
from typing import IO, Any, NamedTuple

import numpy as np

from digitseq.arrays import AnyArray, UInt8Array
from digitseq.batches import Sample
from digitseq.checks import counted, short
from digitseq.dataset.formats.base import FileShards, ReadOne
from digitseq.dataset.formats.stored_image import Facts, Found, sample_key
from digitseq.dataset.shards import SHARD, Place
from digitseq.errors import FormatError
from digitseq.glyphs.tiles import SIDE
from digitseq.storage.npy import check_members, read_array, read_exactly, read_header

_LOCAL_HEADER = 30
"""Size of a member's header in a zip file; it ends in the sizes of the name and of the extra field."""
_NOBODY = -1
"""The writer of a text line without a single writer; also the padding of boxes and glyphs."""


class Npz(FileShards):
    """One numpy archive per shard."""

    name = "npz"
    suffix = ".npz"

    def shard_file(self, place: Place, shard: int) -> str:
        return f"{place.stem}-{shard:06d}.npz"

    def encode(self, samples: Iterator[Sample], place: Place, level: int) -> bytes:
        """
        Return the contents of a shard's file, compressed from level 1 on.

        Images and masks are padded on the right with 0, to the width of the widest image. Boxes and glyphs
        are padded with −1, and sources with "", to the length of the longest label.
        """
        drawn = list(samples)
        lengths = np.array([len(s.label) for s in drawn], np.int32)
        widths = np.array([s.image.shape[1] for s in drawn], np.int32)
        images = np.zeros((len(drawn), SIDE, widths.max()), np.uint8)
        masks = np.zeros_like(images) if place.masks else None
        boxes = np.full((len(drawn), lengths.max(), 4), _NOBODY, np.int32)
        glyphs = np.full((len(drawn), lengths.max()), _NOBODY, np.int32)
        for row, sample in enumerate(drawn):
            images[row, :, : widths[row]] = sample.image
            if masks is not None and sample.mask is not None:
                masks[row, :, : widths[row]] = sample.mask
            boxes[row, : lengths[row]] = sample.boxes
            glyphs[row, : lengths[row]] = sample.glyphs
        writers = [_NOBODY if s.writer is None else s.writer for s in drawn]
        sources = [(s.sources or []) + [""] * (int(lengths.max()) - len(s.label)) for s in drawn]
        arrays: dict[str, AnyArray] = {
            "images": images,
            "labels": np.array([s.label for s in drawn], np.str_),
            "lengths": lengths,
            "widths": widths,
            "boxes": boxes,
            "glyphs": glyphs,
            "writers": np.array(writers, np.int32),
            **({"sources": np.array(sources, np.str_)} if place.parts else {}),
            **({} if masks is None else {"masks": masks}),
        }
        out = io.BytesIO()
        method = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
        # Like numpy.savez, but with a compression level; members without a date are dated 1980.
        with zipfile.ZipFile(out, "w", method, compresslevel=level or None) as file:
            for name, array in arrays.items():
                with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(
                        member, np.lib.format.header_data_from_array_1_0(array)
                    )
                    member.write(array.reshape(-1).view(np.uint8).data)  # in one piece, not copied
        return out.getvalue()

    def one_reader(self, file: IO[bytes], place: Place, shard: int) -> ReadOne | None:
        names = ("images", *_columns(place), *(("masks",) if place.masks else ()))
        with zipfile.ZipFile(file) as archive:
            stored = all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())
            if not stored or sorted(archive.namelist()) != sorted(f"{name}.npy" for name in names):
                return None
            places = {name: _rows_of(file, archive, name, place, place.size(shard)) for name in names}
        rest = {name: at for name, at in places.items() if name not in ("images", "masks")}

        def read(file: IO[bytes], row: int) -> Found:
            columns = {name: [at.read(file, row).tolist()] for name, at in rest.items()}
            mask = places["masks"].read(file, row) if place.masks else None
            return _found(columns, 0, shard * SHARD + row, places["images"].read(file, row), mask)

        return read

    def decode(self, data: bytes, place: Place, shard: int) -> Iterator[Found]:
        first, size = shard * SHARD, place.size(shard)
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            check_members(file)
            names = [info.filename for info in file.infolist()]
            wanted = ("images", *_columns(place), *(("masks",) if place.masks else ()))
            if sorted(names) != sorted(f"{name}.npy" for name in wanted):
                shown = ", ".join(map(short, names[:10]))
                raise FormatError(f"expected the arrays {', '.join(wanted)}, found {shown}")
            with ExitStack() as stack:
                stacks = [
                    _stack(stack.enter_context(file.open(f"{name}.npy")), name, place, size)
                    for name in ("images", *(("masks",) if place.masks else ()))
                ]
                images, masks = stacks[0], stacks[1] if place.masks else repeat(None, size)
                columns = {name: _column(file, name, place, size).tolist() for name in _columns(place)}
                for row, (image, mask) in enumerate(zip(images, masks, strict=True)):
                    yield _found(columns, row, first + row, image, mask)


_DIGITS = frozenset("0123456789")


def _columns(place: Place) -> dict[str, tuple[int, ...]]:
    """Return the maximum shape of a row in each array other than images and masks, by name."""
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("labels", "lengths", "widths", "writers"), ())
    shapes |= {"boxes": (place.longest, 4), "glyphs": (place.longest,)}
    return shapes | ({"sources": (place.longest,)} if place.parts else {})


def _kind(name: str, place: Place) -> tuple[str, int]:
    """Return the kind of an array's dtype (as in `dtype.kind`) and the maximum size of an entry in bytes."""
    if name == "labels":
        return "U", 4 * place.longest
    return ("U", 4 * max(len(source) for source, _ in place.parts)) if name == "sources" else ("i", 4)


class _Rows(NamedTuple):
    """
    The rows of an array in a file.

    Attributes:
        start: where the first one begins in the file.
        shape: shape of a row.
        dtype: its dtype.
    """

    start: int
    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"

    def read(self, file: IO[bytes], row: int) -> AnyArray:
        """Read one row."""
        size = self.dtype.itemsize * prod(self.shape)
        file.seek(self.start + row * size)
        return np.frombuffer(read_exactly(file, size), self.dtype).reshape(self.shape)


def _rows_of(file: IO[bytes], archive: zipfile.ZipFile, name: str, place: Place, size: int) -> _Rows:
    """Find an array that is stored without compression, after checking its CRC and its header."""
    info = archive.getinfo(f"{name}.npy")
    archive.read(info)  # raises BadZipFile if its CRC is wrong
    with archive.open(info) as member:
        if name in ("images", "masks"):
            shape: tuple[int, ...] = (size, *_image_shape(member, name, place, size))
            dtype: np.dtype[Any] = np.dtype(np.uint8)
        else:
            kind, most_bytes = _kind(name, place)
            most = (size, *_columns(place)[name])
            shape, dtype, _ = read_header(member, kind, most, info.file_size)
            if shape[0] != size or shape[2:] != most[2:] or (kind == "i" and dtype.itemsize != 4):
                raise ValueError(f"an array of shape {shape} and dtype {dtype}")
            if dtype.itemsize > most_bytes:
                raise ValueError(f"an array of dtype {dtype}")
        offset = member.tell()
    file.seek(info.header_offset)
    name_size, extra_size = struct.unpack_from("<HH", read_exactly(file, _LOCAL_HEADER), _LOCAL_HEADER - 4)
    start = info.header_offset + _LOCAL_HEADER + name_size + extra_size + offset
    return _Rows(start, shape[1:], dtype)


def _column(file: zipfile.ZipFile, name: str, place: Place, size: int) -> AnyArray:
    """Read one of the arrays other than the images."""
    shape = (size, *_columns(place)[name])
    kind, width = _kind(name, place)
    try:
        with file.open(f"{name}.npy") as member:
            array = read_array(member, kind, shape, width * int(np.prod(shape, dtype=np.int64)))
        if len(array) != size or (kind == "i" and array.dtype != np.int32):
            raise ValueError(f"an array of shape {array.shape} and dtype {array.dtype}")
    except ValueError as error:
        raise FormatError(f"{name}: expected {counted(size, 'row')}, found {error}") from error
    return array


def _stack(file: IO[bytes], name: str, place: Place, size: int) -> Iterator[UInt8Array]:
    """Return an iterator over the images of an array: a small compressed file cannot fill the memory."""
    shape = _image_shape(file, name, place, size)

    def images() -> Iterator[UInt8Array]:
        for _ in range(size):
            yield np.frombuffer(read_exactly(file, shape[0] * shape[1]), np.uint8).reshape(shape)
        if file.read(1):
            raise FormatError(f"{name}: unexpected data after the last image")

    return images()


def _image_shape(file: IO[bytes], name: str, place: Place, size: int) -> tuple[int, int]:
    """Read the height and width of the images from the header of their array."""
    most = (size, SIDE, place.widest_px)
    try:
        shape = read_header(file, "u", most, size * SIDE * place.widest_px).shape
    except ValueError as error:
        raise FormatError(f"{name}: expected {counted(size, 'image')}, found {error}") from error
    if shape[:2] != most[:2]:
        raise FormatError(f"expected {counted(size, 'image')}, found {shape[0]:,}")
    return shape[1], shape[2]


def _found(
    columns: dict[str, list[Any]], row: int, number: int, pixels: UInt8Array, mask: UInt8Array | None
) -> Found:
    """Return an image with its metadata."""
    label, length, width, writer = (columns[name][row] for name in ("labels", "lengths", "widths", "writers"))
    digits = [int(digit) for digit in label if digit in _DIGITS]
    boxes, glyphs = columns["boxes"][row][:length], columns["glyphs"][row][:length]
    sources = columns["sources"][row][:length] if "sources" in columns else None
    facts = Facts(label, boxes, digits, glyphs, None if writer == _NOBODY else writer, sources)
    problem = ""
    if length != len(label):
        problem = f"length: expected {len(label)}, found {length}"
    elif not 0 < width <= pixels.shape[1]:
        problem = f"width: expected 1 to {pixels.shape[1]}, found {width}"
    cut = None if mask is None else mask[:, :width]
    return Found(sample_key(number), pixels[:, :width], facts, problem, cut)
