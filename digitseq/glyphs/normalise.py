"""
Convert images of single digits to MNIST's form.

The rule is MNIST's (LeCun and others: "The MNIST database of handwritten digits"): the ink fills a 20×20 box
and has its centre of mass in the middle of 28×28.
"""

import numpy as np

from digitseq.arrays import AnyArray, IntArray, UInt8Array
from digitseq.errors import SourceError
from digitseq.glyphs.tiles import SIDE, measure_ink

MOST_IMAGES = 1_000_000
"""Maximum number of images in one file; EMNIST has 814,255 in total."""
MOST_PIXELS = 1 << 22
"""Maximum size of one image: 2048 × 2048 px."""
_AT_ONCE = 1 << 22  # pixels
_FEW_LEVELS = 16
_BOX = 20  # px: MNIST's digits fill a 20×20 box …
_CENTRE = SIDE // 2  # … with their centre of mass in the middle of 28×28
_PAPER = 32  # values below this are paper, after the contrast is stretched to 255


def as_glyphs(images: AnyArray, name: str) -> UInt8Array:
    """
    Convert images of any one size to 28×28 glyphs.

    28×28 images are used unchanged, unless most of them have a bright border (median above 127). Then they
    are dark ink on paper, and all are inverted. Other sizes go through `normalise`.

    Args:
        images: (n, height, width) or (n, 784), integers 0 to 255, bool, or floats in [0, 1]; a single-channel
            axis may come before height or after width. Integers up to 1, or up to 16 (as in scikit-learn's
            digits), are stretched to 255.
        name: for messages.

    Returns:
        uint8 (n, 28, 28).

    Raises:
        SourceError: the shape or the values are not as described.
    """
    if images.ndim == 3 and 1 in images.shape[1:] and SIDE * SIDE in images.shape[1:]:
        images = images.reshape(-1, SIDE * SIDE)
    if images.ndim == 2 and images.shape[1] == SIDE * SIDE:
        images = images.reshape(-1, SIDE, SIDE)
    if images.ndim == 4 and 1 in (images.shape[1], images.shape[3]):
        images = images[:, 0] if images.shape[1] == 1 else images[..., 0]
    if images.ndim != 3 or 0 in images.shape[1:]:
        raise SourceError(f"{name}: expected images (n, height, width), got shape {images.shape}")
    if len(images) > MOST_IMAGES:
        raise SourceError(f"{name}: expected at most {MOST_IMAGES:,} images, got {len(images):,}")
    if images.shape[1] * images.shape[2] > MOST_PIXELS:
        size = f"{images.shape[2]} × {images.shape[1]} px"
        raise SourceError(f"{name}: expected images of at most {MOST_PIXELS:,} pixels, got {size}")
    images = _stretched(images)
    if images.dtype != np.uint8:
        whole = np.empty(images.shape, np.uint8)
        at_once = max(1, _AT_ONCE // (images.shape[1] * images.shape[2]))
        for first in range(0, len(images), at_once):
            whole[first : first + at_once] = _as_bytes(images[first : first + at_once], name)
        images = whole
    if images.shape[1:] == (SIDE, SIDE):
        bright_paper = len(images) > 0 and np.median(_border_median(images)) > 127
        glyphs = 255 - images if bright_paper else images
        if (blank := ~glyphs.any((1, 2))).any():
            raise SourceError(f"{name}: image {int(blank.argmax())} is blank; every glyph needs ink")
        return glyphs
    return (
        np.stack([normalise(image, f"{name}: image {number}") for number, image in enumerate(images)])
        if len(images)
        else np.zeros((0, 28, 28), np.uint8)
    )


def _stretched(images: AnyArray) -> AnyArray:
    """Return images with few grey levels, 0 to 1 or 0 to 16, in the range 0 to 255."""
    if images.dtype.kind not in "iu" or not images.size or int(images.min()) < 0:
        return images
    most = int(images.max())
    if not 0 < most <= _FEW_LEVELS:
        return images
    top = 1 if most == 1 else max(most, _FEW_LEVELS - 1)
    table = (np.arange(_FEW_LEVELS + 1, dtype=np.int64) * 255 // top).clip(0, 255).astype(np.uint8)
    return table[images]


def _as_bytes(images: AnyArray, name: str) -> AnyArray:
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind == "f":
        if not (np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1):
            found = f"{images.min():.3g} to {images.max():.3g}"
            hint = "scale them so that 0 is no ink and 1 is full ink"
            if images.min() >= 0 and images.max() <= 255:
                hint = f"divide them by {_FEW_LEVELS if images.max() <= _FEW_LEVELS else 255}"
            raise SourceError(
                f"{name}: expected floating-point images with values in [0, 1], got {found}", hint=hint
            )
        return np.rint(images * 255).astype(np.uint8)
    if images.dtype.kind in "iu" and images.min() >= 0 and images.max() <= 255:
        return images.astype(np.uint8)
    raise SourceError(
        f"{name}: expected integers 0 to 255, bool or floating-point images, got {images.dtype}"
    )


def _border_median(images: UInt8Array) -> IntArray:
    top, left = images[:, [0, -1], :], images[:, 1:-1, [0, -1]]
    border = np.concatenate([top.reshape(len(images), -1), left.reshape(len(images), -1)], axis=1)
    median: IntArray = np.median(border, axis=1).astype(np.int64)
    return median


def normalise(image: UInt8Array, name: str) -> UInt8Array:
    """
    Convert an image of any size to MNIST's form.

    Ink is what differs from the paper (the median of the border). The contrast is stretched to 255, and
    values below 32 are then paper. The bounding box of the ink is scaled to fit 20×20 px, keeping its aspect
    ratio, stretched again, and placed with its centre of mass in the middle of 28×28, as NIST's digits were
    for MNIST (LeCun, Bottou, Bengio, Haffner: "Gradient-based learning applied to document recognition",
    1998).

    Args:
        image: uint8 (height, width), ink darker or brighter than the paper.
        name: for messages.

    Returns:
        uint8 (28, 28), bright ink on black.

    Raises:
        SourceError: the image has no ink.
    """
    from PIL import Image

    paper = int(_border_median(image[None])[0])
    contrast = np.abs(image.astype(np.int64) - paper)
    ink = (contrast * 255 // max(int(contrast.max()), 1)).astype(np.uint8)
    ink[ink < _PAPER] = 0
    if not ink.any():
        raise SourceError(f"{name} is blank; every glyph needs ink")
    left, width, top, height = measure_ink(ink[None])[:, 0].tolist()
    longer = max(width, height)
    size = (max(1, round(width * _BOX / longer)), max(1, round(height * _BOX / longer)))
    # Pillow's 8-bit resampling is fixed-point; when it shrinks an image, BILINEAR uses all source pixels.
    box = Image.fromarray(np.ascontiguousarray(ink[top : top + height, left : left + width]))
    scaled = np.asarray(box.resize(size, Image.Resampling.BILINEAR)).astype(np.int64)
    small = (scaled * 255 // max(int(scaled.max()), 1)).astype(
        np.uint8
    )  # thin strokes in a large image become faint
    mass = int(small.sum(dtype=np.int64))
    glyph = np.zeros((SIDE, SIDE), np.uint8)
    corner = []
    for axis in (0, 1):
        profile = small.sum(axis=1 - axis, dtype=np.int64)
        moment = int(profile @ np.arange(len(profile), dtype=np.int64))
        centre = (2 * moment + mass) // (2 * max(mass, 1))
        corner.append(min(max(_CENTRE - centre, 0), SIDE - len(profile)))
    glyph[corner[0] : corner[0] + small.shape[0], corner[1] : corner[1] + small.shape[1]] = small
    return glyph
