"""The contract of `DigitSequences(transform=…)`: what a transform receives, and what it must return."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from digitseq.arrays import AnyArray
from digitseq.checks import counted
from digitseq.errors import ArgumentError

INPUTS = ("batch", "image", "sample")
"""What a transform can be called with."""
_CONTRACT = "an array (n, height, width) or (n, channels, height, width) in the same order"
_ONE_HINT = 'for a transform of single images, such as torchvision\'s, pass transform_input="image"'


def apply_to_batch(transform: Callable[..., Any], images: AnyArray) -> Any:
    """
    Call a transform with a batch.

    Args:
        transform: the function.
        images: (n, 28, width).

    Returns:
        What it returned, with n images along the first axis.

    Raises:
        ArgumentError: it returned something else.
    """
    result = transform(images)
    shape: tuple[int, ...] = getattr(result, "shape", ())
    if len(shape) < 3 or shape[0] != len(images):
        wanted = f"expected {counted(len(images), 'image')} back, {_CONTRACT}"
        raise ArgumentError("transform", f"{wanted}, got {shape_of(result)}", hint=_ONE_HINT)
    return _forward(result)


def check_probe(transform: Callable[..., Any], images: AnyArray) -> None:
    """
    Check the order of the axes where a batch of this size cannot show it.

    If the number of images equals the height or the width, a transform that swaps axes returns the right
    number of images by chance. So the transform is also called with fewer images.

    Raises:
        ArgumentError: the transform does not return as many images as it gets.
    """
    if len(images) in images.shape[1:]:
        fewer = next((n for n in range(1, len(images)) if n not in images.shape[1:]), 0)
        if fewer:
            apply_to_batch(transform, images[:fewer].copy())


def apply_to_sample(transform: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """
    Call a transform with one image, and its boxes and mask if they are given.

    Args:
        transform: the function; it is called with keyword arguments and returns a mapping.
        given: "image" (28, width), "boxes" int (digits, 4), "mask" uint8 (28, width).

    Returns:
        What it returned for these names.

    Raises:
        ArgumentError: it returned something else, or an image and a mask of different sizes.
    """
    result = transform(**given)
    if not isinstance(result, Mapping) or not given.keys() <= result.keys():
        found = ", ".join(map(str, result)) if isinstance(result, Mapping) else shape_of(result)
        raise ArgumentError("transform", f"expected a mapping with {', '.join(given)} back, got {found}")
    checked_image(result["image"])
    if "boxes" in given and getattr(result["boxes"], "shape", ()) != given["boxes"].shape:
        wanted, got = shape_of(given["boxes"]), shape_of(result["boxes"])
        raise ArgumentError("transform", f"expected boxes {wanted} back, one per digit; got {got}")
    if "mask" in given:
        shape, image = tuple(getattr(result["mask"], "shape", ())), tuple(result["image"].shape)
        if shape not in (image[-2:], image[:2]):
            wanted, got = shape_of(result["image"]), shape_of(result["mask"])
            raise ArgumentError(
                "transform", f"expected a mask as high and wide as the image {wanted}, got {got}"
            )
    return {name: _forward(result[name]) for name in given}


def checked_image(image: Any) -> Any:
    """
    Return what a transform returned for one image.

    Raises:
        ArgumentError: it has no height and width.
    """
    if len(getattr(image, "shape", ())) < 2:
        wanted = "expected an image (height, width) or (channels, height, width) back"
        raise ArgumentError("transform", f"{wanted}, got {shape_of(image)}")
    return _forward(image)


def _forward(array: Any) -> Any:
    """Copy an array with negative strides, such as a mirrored image: PyTorch does not accept them."""
    is_mirrored = isinstance(array, np.ndarray) and min(array.strides, default=0) < 0
    return array.copy() if is_mirrored else array


def shape_of(value: Any) -> str:
    """Return the dtype and shape of an array as messages show them; the type of anything else."""
    return f"{value.dtype} {tuple(value.shape)}" if hasattr(value, "shape") else type(value).__name__
