"""An image as it is stored in a dataset, and how it differs from the expected one."""

import json
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from digitseq.arrays import UInt8Array
from digitseq.batches import Sample
from digitseq.checks import counted
from digitseq.errors import FormatError
from digitseq.json_fields import parse_json
from digitseq.png import decode_png

MORE_PX = 1_000  # up to this much extra width, an image is reported as too wide and not as damaged


class Facts(NamedTuple):
    """The metadata of an image as found in a dataset: unchecked, so values can have any type."""

    label: Any
    boxes: Any
    categories: Any
    glyphs: Any
    writer: Any
    sources: Any


class Found(NamedTuple):
    """
    One image as it was found in a dataset.

    Attributes:
        where: its name in messages.
        data: the bytes of a PNG file, or pixels; None if the image is missing.
        facts: its metadata; None if that is stored in other files.
        problem: what was wrong when it was read; "" if nothing.
        mask: its instance mask, in the same form as ``data``; None if missing or not stored.
    """

    where: str
    data: bytes | UInt8Array | None
    facts: Facts | None = None
    problem: str = ""
    mask: bytes | UInt8Array | None = None

    def image(self, widest_px: int) -> UInt8Array | None:
        """Return uint8 (height, width); None if damaged, or much larger than an image of this width."""
        return _pixels(self.data, widest_px)

    def mask_image(self, widest_px: int) -> UInt8Array | None:
        """Return the mask, uint8 (height, width); None if missing or damaged."""
        return _pixels(self.mask, widest_px)

    def difference(self, sample: Sample) -> str:
        """Describe the first difference from the expected image; "" if there is none."""
        if self.problem:
            return self.problem
        if self.facts is not None and self.facts != facts_of(sample):
            for name, there, wanted in zip(Facts._fields, self.facts, facts_of(sample), strict=True):
                if there != wanted or type(there) is not type(wanted):
                    return value_difference(name, there, wanted)
        widest_px = 2 * sample.image.shape[1] + MORE_PX
        told = _difference("image", self.image(widest_px), sample.image)
        if not told and sample.mask is not None:
            told = _difference("mask", self.mask_image(widest_px), sample.mask)
        return told


def _pixels(data: bytes | UInt8Array | None, widest_px: int) -> UInt8Array | None:
    if isinstance(data, bytes):
        return decode_png(data, widest_px)
    fits = isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.ndim == 2
    return data if fits else None


def _difference(kind: str, found: UInt8Array | None, wanted: UInt8Array) -> str:
    """Describe how an image or a mask differs from the expected one; "" if it does not."""
    prefix = "" if kind == "image" else f"{kind}: "
    if found is None:
        return f"{prefix}damaged or cut off, or not written by digitseq"
    if found.shape != wanted.shape:
        (height, width) = found.shape
        return f"{prefix}expected {wanted.shape[1]} × {wanted.shape[0]} px, found {width} × {height}"
    if np.array_equal(found, wanted):
        return ""
    wrong = found != wanted
    y, x = divmod(int(wrong.argmax()), wrong.shape[1])
    pixels = counted(int(np.count_nonzero(wrong)), "pixel")
    return f"{kind} differs from the recipe in {pixels}, the first at x {x}, y {y}"


def facts_of(sample: Sample) -> Facts:
    """Return the metadata that a dataset should have for an image."""
    categories = list(map(int, sample.label))
    return Facts(sample.label, sample.boxes, categories, sample.glyphs, sample.writer, sample.sources)


def value_difference(name: str, found: Any, wanted: Any) -> str:
    """Describe how two values differ; in long lists that begin alike, name the first entry that differs."""
    while _shown(found) == _shown(wanted) and isinstance(found, list) and isinstance(wanted, list):
        pairs = zip_longest(found, wanted)
        place, (found, wanted) = next(pair for pair in enumerate(pairs) if pair[1][0] != pair[1][1])
        name = f"{name}[{place}]"
    return f"{name}: expected {_shown(wanted)}, found {_shown(found)}"


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)[:80]


# --- Metadata as JSON, which several formats use --------------------------------------------------------


def facts_json(sample: Sample, name: str = "") -> str:
    """
    Return the metadata of an image as a JSON object.

    >>> sample = Sample(0, "07", np.zeros((28, 30), np.uint8), [[1, 4, 9, 20], [12, 4, 9, 20]], [5, 9], None)
    >>> facts_json(sample)[:46]
    '{"label": "07", "objects": {"bbox": [[1, 4, 9,'
    """
    # A list of integers looks the same in Python and in JSON.
    file_name = f'"file_name": "{name}", ' if name else ""
    objects = f'{{"bbox": {sample.boxes}, "categories": {list(map(int, sample.label))}}}'
    hand = "" if sample.writer is None else f', "writer": {sample.writer}'
    sources = "" if sample.sources is None else f', "sources": {json.dumps(sample.sources)}'
    more = f'"glyphs": {sample.glyphs}{sources}{hand}'
    return f'{{{file_name}"label": "{sample.label}", "objects": {objects}, {more}}}'


def facts_in(data: bytes) -> Facts | None:
    """Parse what `facts_json` returned; return None if the data is something else."""
    try:
        return facts_from(parse_json(data))
    except ValueError:
        return None


def facts_from(found: Any) -> Facts | None:
    """Return the metadata in a JSON object; None if the object has other fields."""
    try:
        objects = found["objects"]
        return Facts(
            found["label"],
            objects["bbox"],
            objects["categories"],
            found.get("glyphs", []),
            found.get("writer"),
            found.get("sources"),
        )
    except (KeyError, TypeError, AttributeError):
        return None


def sample_key(number: int) -> str:
    """Return the key of an image in its split, for formats that store several images per file."""
    return f"{number:09d}"


def label_of(found: Found) -> str:
    """
    Return the label of an image.

    Raises:
        FormatError: the image has no label, or another problem.
    """
    label = "" if found.facts is None else found.facts.label
    if found.problem or not (isinstance(label, str) and label):
        raise FormatError(f"{found.where}: {found.problem or 'expected a label, found ' + _shown(label)}")
    return label
