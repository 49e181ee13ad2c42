"""Glyphs in image files of any size, mode and format that Pillow reads."""

from io import BytesIO
from pathlib import Path

import numpy as np

from digitseq.arrays import AnyArray, UInt8Array
from digitseq.errors import FormatError, SourceError
from digitseq.glyphs.normalise import MOST_PIXELS, as_glyphs
from digitseq.storage.inputs import IMAGE_FORMATS, MOST_IMAGE, read_input


def read_image(file: Path) -> UInt8Array:
    """Read a glyph, uint8 (28, 28), from an image file; raises what `decode_image` raises."""
    return decode_image(read_input(file, MOST_IMAGE), str(file))


def decode_image(data: bytes, file: str) -> UInt8Array:
    """
    Convert the bytes of an image file to a glyph.

    Args:
        data: the bytes.
        file: the name of the file, for messages.

    Returns:
        uint8 (28, 28).

    Raises:
        FormatError: it is no image, is damaged or is too large.
        SourceError: the image is blank.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(BytesIO(data), formats=IMAGE_FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                size = f"{opened.width} × {opened.height} px"
                raise FormatError(f"{file}: expected at most {MOST_PIXELS:,} pixels, found {size}")
            image = ImageOps.exif_transpose(opened)  # cameras note how they were held
            if image.mode in ("1", "L"):
                grey = image.convert("L")
            elif image.mode[0] in "IF":  # 16 or 32 bits per pixel, any range of values
                grey = Image.fromarray(_stretch(np.asarray(image, np.float64)))
            else:
                # Make transparent paper white if the ink is dark, black if it is bright.
                colours = image.convert("RGBA")
                alpha = np.asarray(colours.getchannel("A"), np.int64)
                ink = np.asarray(colours.convert("RGB").convert("L"), np.int64)
                weight = max(int(alpha.sum(dtype=np.int64)), 1)
                paper = 255 if int((ink * alpha).sum(dtype=np.int64)) // weight < 128 else 0
                grey = Image.fromarray(((ink * alpha + paper * (255 - alpha)) // 255).astype(np.uint8))
            pixels = np.asarray(grey)
    except (FormatError, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on a damaged file
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else error
        raise FormatError(f"{file}: cannot be read as an image ({reason})") from error
    glyph: UInt8Array = as_glyphs(pixels[None], file)[0]
    if not glyph.any():
        raise SourceError(f"{file}: the image is blank; every glyph needs ink")
    return glyph


def _stretch(values: AnyArray) -> UInt8Array:
    """Scale values of any range to uint8, from 0 for the minimum to 255 for the maximum."""
    low, high = float(values.min()), float(values.max())
    scaled: UInt8Array = np.rint((values - low) * (255 / ((high - low) or 1))).astype(np.uint8)
    return scaled
