"""What is found of an image in a dataset, and how it differs from what should be there."""

import json
from typing import Any, NamedTuple

import numpy as np

from digitseq.arrays import UInt8Array
from digitseq.batches import Sample
from digitseq.checks import counted
from digitseq.errors import FormatError
from digitseq.json_fields import parse_json
from digitseq.png import decode_png

MORE_PX = 1_000  # an image of the wrong width is reported as such, up to this much extra


class Facts(NamedTuple):
    """What a dataset says of an image beside its pixels. Whatever was in the file, of any type."""

    label: Any
    boxes: Any
    categories: Any
    glyphs: Any
    writer: Any


class Found(NamedTuple):
    """
    One image as it was found in a dataset.

    Attributes:
        where: what to call it in a message.
        data: a PNG file, or pixels; None if there is nothing.
        facts: what stands beside it; None where that is kept apart.
        problem: what is wrong with it already, or nothing.
    """

    where: str
    data: bytes | UInt8Array | None
    facts: Facts | None = None
    problem: str = ""

    def image(self, widest_px: int) -> UInt8Array | None:
        """uint8 (28, width); None if it is damaged, or much larger than an image of this width."""
        if isinstance(self.data, bytes):
            return decode_png(self.data, widest_px)
        fits = isinstance(self.data, np.ndarray) and self.data.dtype == np.uint8 and self.data.ndim == 2
        return self.data if fits else None

    def difference(self, sample: Sample) -> str:
        """What differs from the image that should be there; nothing if all is right."""
        if self.problem:
            return self.problem
        if self.facts is not None and self.facts != facts_of(sample):
            for name, there, wanted in zip(Facts._fields, self.facts, facts_of(sample), strict=True):
                if there != wanted or type(there) is not type(wanted):
                    return f"{name}: expected {_shown(wanted)}, found {_shown(there)}"
        image = self.image(2 * sample.image.shape[1] + MORE_PX)
        if image is None:
            return "damaged or cut off, or not written by digitseq"
        if image.shape != sample.image.shape:
            (height, width), wanted = image.shape, sample.image.shape
            return f"expected {wanted[1]} × {wanted[0]} px, found {width} × {height}"
        if not np.array_equal(image, sample.image):
            wrong = image != sample.image
            y, x = divmod(int(wrong.argmax()), wrong.shape[1])
            pixels = counted(int(np.count_nonzero(wrong)), "pixel")
            return f"the image differs from the recipe's in {pixels}, the first at x {x}, y {y}"
        return ""


def facts_of(sample: Sample) -> Facts:
    """What a dataset says of an image."""
    categories = list(map(int, sample.label))
    return Facts(sample.label, sample.boxes, categories, sample.glyphs, sample.writer)


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)[:80]


# --- JSON, which several formats have beside their images -----------------------------------------------


def facts_json(sample: Sample, name: str = "") -> str:
    """
    What is known of an image, as a JSON object.

    >>> sample = Sample(0, "07", np.zeros((28, 30), np.uint8), [[1, 4, 9, 20], [12, 4, 9, 20]], [5, 9], None)
    >>> facts_json(sample)[:46]
    '{"label": "07", "objects": {"bbox": [[1, 4, 9,'
    """
    # A list of integers is written alike in Python and in JSON.
    file_name = f'"file_name": "{name}", ' if name else ""
    objects = f'{{"bbox": {sample.boxes}, "categories": {list(map(int, sample.label))}}}'
    hand = "" if sample.writer is None else f', "writer": {sample.writer}'
    return f'{{{file_name}"label": "{sample.label}", "objects": {objects}, "glyphs": {sample.glyphs}{hand}}}'


def facts_in(data: bytes) -> Facts | None:
    """What `facts_json` wrote; None if it is something else."""
    try:
        return facts_from(parse_json(data))
    except ValueError:
        return None


def facts_from(found: Any) -> Facts | None:
    """What a JSON object says of an image; None if it is another object."""
    try:
        objects = found["objects"]
        return Facts(
            found["label"],
            objects["bbox"],
            objects["categories"],
            found.get("glyphs", []),
            found.get("writer"),
        )
    except (KeyError, TypeError, AttributeError):
        return None


def sample_key(number: int) -> str:
    """What an image is called among all of its split, in formats that give it no file of its own."""
    return f"{number:09d}"


def label_of(found: Found) -> str:
    """
    The label of an image.

    Raises:
        FormatError: there is none.
    """
    label = "" if found.facts is None else found.facts.label
    if found.problem or not (isinstance(label, str) and label):
        raise FormatError(f"{found.where}: {found.problem or 'expected a label, found ' + _shown(label)}")
    return label
