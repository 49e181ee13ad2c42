"""Open a single image, with or without an embedded recipe."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.batches import draw_batches
from digitseq.errors import DigitSeqError, FormatError
from digitseq.inspection.images import OpenGlyphs, Problem, Row, Subject
from digitseq.inspection.recipe_promises import promise
from digitseq.json_fields import parse_json
from digitseq.recipe import Recipe
from digitseq.storage.inputs import IMAGE_FORMATS, MOST_IMAGE, read_input

_MOST_PIXELS = 28 * 1_000_000


@dataclass(frozen=True)
class PictureSplit:
    """A split that consists of one image file."""

    path: Path
    split: str
    recipe: Recipe | None
    row: Row

    def __len__(self) -> int:
        return 1

    def name(self, number: int) -> str:
        """Return the file name of the image."""
        return self.path.name

    def image(self, number: int) -> UInt8Array | None:
        """Return the pixels of the image as stored."""
        return self.row.image

    def mask(self, number: int) -> UInt8Array | None:
        """Return no mask."""
        return None

    def leftovers(self) -> list[Problem]:
        """Return no problems; those of the image are in its row."""
        return []

    def rows(self, chosen: IntArray | None) -> Iterator[Row]:
        """Yield the one row."""
        yield self.row


def open_picture(path: Path, open_glyphs: OpenGlyphs) -> Subject:
    """
    Open an image file.

    Args:
        path: image in a format that Pillow reads.
        open_glyphs: opens the glyphs of a recipe, if available.

    Raises:
        FormatError: the file is not an image, or its embedded recipe is invalid.
    """
    pixels, text = _read_picture(path)
    if "recipe" not in text:
        row = Row(0, "", pixels, [], [], [])
        return Subject(str(path), "image", [PictureSplit(path, "all", None, row)], None)
    try:
        recipe = Recipe.from_dict(parse_json(text["recipe"]))
        if not len(recipe):
            raise ValueError("it has no images")
        label = promise(recipe, np.zeros(1, np.int64)).labels[0]
    except (ValueError, DigitSeqError) as error:
        raise FormatError(f"{path}: the embedded recipe is invalid ({error})") from error
    problems: list[Problem] = []
    boxes, glyphs, drawn, source = [], [], None, None
    with suppress(DigitSeqError):  # without the glyphs, the pixels cannot be compared
        opened = open_glyphs(recipe)
        if text.get("source", "").endswith(opened.digest):
            source = opened
            drawn = next(draw_batches(recipe, source.choose(recipe.split)))
    if drawn is None:
        boxes = _runs(255 - pixels if recipe.invert else pixels, len(label))
    else:
        boxes, glyphs = drawn.boxes[0].tolist(), drawn.origins[0].tolist()
        if not np.array_equal(drawn.images[0], pixels):
            problems.append(("pixels", f"{path.name}: pixels differ from what the recipe renders"))
    row = Row(0, label, pixels, boxes, glyphs, problems)
    split = PictureSplit(path, recipe.split, recipe, row)
    return Subject(str(path), "image", [split], recipe, glyphs=source)


def _runs(image: UInt8Array, count: int) -> list[list[int]]:
    """Return one box per run of inked columns, or no boxes if there are not `count` runs."""
    edges = np.flatnonzero(np.diff(np.pad(image.any(0).astype(np.int8), 1))).astype(np.int64)
    starts, ends = edges[::2].tolist(), edges[1::2].tolist()
    if len(starts) != count:
        return []
    boxes = []
    for start, end in zip(starts, ends, strict=True):
        rows = np.flatnonzero(image[:, start:end].any(1)).tolist()
        boxes.append([start, rows[0], end - start, rows[-1] - rows[0] + 1])
    return boxes


def _read_picture(path: Path) -> tuple[UInt8Array, dict[str, str]]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(read_input(path, MOST_IMAGE)), formats=IMAGE_FORMATS) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise FormatError(f"{path}: {picture.width}×{picture.height} px; too large to inspect")
            return np.asarray(picture.convert("L")), getattr(picture, "text", {})
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise FormatError(f"{path}: expected an image, a recipe (.json) or a dataset folder") from error
    except OSError as error:
        if error.errno is not None:  # raised by the system; Pillow's own errors have no errno
            raise
        raise FormatError(f"{path}: the image is damaged ({error})") from error
