"""
The format ``npz``: a numpy archive a shard, all its images in one array.

Format: numpy's NEP 1 (.npy) in a zip file.
"""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from digitseq.arrays import AnyArray
from digitseq.dataset.drawing import Sample
from digitseq.dataset.formats.format import SHARD, FileShards, Place
from digitseq.dataset.formats.found import Facts, Found, sample_key
from digitseq.errors import FormatError
from digitseq.glyphs.tiles import SIDE

_NOBODY = -1
"""The writer of a line that not one writer wrote, and what fills up rows of boxes and glyphs."""


class Npz(FileShards):
    """A numpy archive a shard."""

    name = "npz"

    def shard_file(self, place: Place, shard: int) -> str:
        """Name of the file of a shard."""
        return f"{place.stem}-{shard:06d}.npz"

    def encode(self, samples: Iterator[Sample], place: Place, level: int) -> bytes:
        """
        The file of a shard: stored, or from level 1 on compressed.

        Images of several widths stand at the left of the widest; boxes and glyphs are filled up with −1.
        """
        drawn = list(samples)
        lengths = np.array([len(s.label) for s in drawn], np.int32)
        widths = np.array([s.image.shape[1] for s in drawn], np.int32)
        images = np.zeros((len(drawn), SIDE, widths.max()), np.uint8)
        boxes = np.full((len(drawn), lengths.max(), 4), _NOBODY, np.int32)
        glyphs = np.full((len(drawn), lengths.max()), _NOBODY, np.int32)
        for row, sample in enumerate(drawn):
            images[row, :, : widths[row]] = sample.image
            boxes[row, : lengths[row]] = sample.boxes
            glyphs[row, : lengths[row]] = sample.glyphs
        writers = [_NOBODY if s.writer is None else s.writer for s in drawn]
        arrays: dict[str, AnyArray] = {
            "images": images,
            "labels": np.array([s.label for s in drawn], np.str_),
            "lengths": lengths,
            "widths": widths,
            "boxes": boxes,
            "glyphs": glyphs,
            "writers": np.array(writers, np.int32),
        }
        out = io.BytesIO()
        method = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
        # As numpy.savez does it, but with the level; a member without a date of its own is of 1980.
        with zipfile.ZipFile(out, "w", method, compresslevel=level or None) as file:
            for name, array in arrays.items():
                with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(
                        member, np.lib.format.header_data_from_array_1_0(array)
                    )
                    member.write(array.reshape(-1).view(np.uint8).data)  # in one piece, not copied
        return out.getvalue()

    def decode(self, data: bytes, name: str) -> Iterator[Found]:
        """The images in the file of a shard."""
        first = int(name.rsplit("-", 1)[1].removesuffix(".npz")) * SHARD
        arrays = _arrays(data)
        labels, lengths, widths = (arrays[part].tolist() for part in ("labels", "lengths", "widths"))
        boxes, glyphs, writers = (arrays[part].tolist() for part in ("boxes", "glyphs", "writers"))
        for row, (label, length, width) in enumerate(zip(labels, lengths, widths, strict=True)):
            writer = None if writers[row] == _NOBODY else writers[row]
            digits = [int(digit) for digit in label if digit in _DIGITS]
            facts = Facts(label, boxes[row][:length], digits, glyphs[row][:length], writer)
            problem = "" if length == len(label) else f"length: expected {len(label)}, found {length}"
            yield Found(sample_key(first + row), arrays["images"][row, :, :width], facts, problem)


_DIGITS = frozenset("0123456789")
_SHAPES = {"images": 3, "labels": 1, "lengths": 1, "widths": 1, "boxes": 3, "glyphs": 2, "writers": 1}


def _arrays(data: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        if set(file.files) != set(_SHAPES):
            raise FormatError(
                f"expected the arrays {', '.join(_SHAPES)}, found {', '.join(file.files)[:200]}"
            )
        arrays = {name: file[name] for name in _SHAPES}
    for name, dimensions in _SHAPES.items():
        array = arrays[name]
        wanted = np.uint8 if name == "images" else np.int32
        fits = array.dtype.kind == "U" if name == "labels" else array.dtype == wanted
        if array.ndim != dimensions or not fits or len(array) != len(arrays["images"]):
            raise FormatError(f"{name} has the shape {array.shape} and the dtype {array.dtype}")
    return arrays
