"""
Array types for signatures, and numpy functions that return the same types on every platform.

numpy's default integer and its indices are 32 bits wide on some platforms, so every array in digitseq has an
explicit dtype (checked by tests/test_dtypes.py). Shapes, ranges and units are in the docstrings.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

UInt8Array: TypeAlias = npt.NDArray[np.uint8]
"""Pixels: 0 black (no ink) to 255 white (full ink)."""
IntArray: TypeAlias = npt.NDArray[np.int64]
"""Positions, counts and row numbers."""
UInt64Array: TypeAlias = npt.NDArray[np.uint64]
"""Raw random words and stream states."""
BoolArray: TypeAlias = npt.NDArray[np.bool_]
"""Masks."""
FloatArray: TypeAlias = npt.NDArray[np.float32]
"""Pixels for training: 0.0 black to 1.0 white."""
AnyArray: TypeAlias = npt.NDArray[Any]
"""An array of any dtype, such as one from a file before it is checked."""


def read_only(array: AnyArray) -> AnyArray:
    """Return a read-only view, for arrays that many callers share."""
    view = array.view()
    view.flags.writeable = False
    return view


def repeat(values: AnyArray, counts: IntArray | int) -> AnyArray:
    """Repeat each value like `numpy.repeat`, but accept int64 counts on every platform."""
    return np.repeat(values, counts if isinstance(counts, int) else counts.astype(np.intp))


def count_values(values: IntArray, bins: int = 0, weights: AnyArray | None = None) -> AnyArray:
    """
    Count how often each integer from 0 occurs, like `numpy.bincount`, but int64 on every platform.

    Args:
        values: int (n,), 0 or greater.
        bins: minimum length of the result.
        weights: (n,), summed instead of counting.

    Returns:
        int64 (bins,), or float64 with weights; longer if a value is greater than bins − 1.
    """
    counts = np.bincount(values.astype(np.intp), weights, minlength=bins)
    return counts if weights is not None else counts.astype(np.int64)


def unique_counts(values: AnyArray) -> tuple[AnyArray, IntArray]:
    """Return the distinct values, ascending, and how often each occurs (int64)."""
    found, counts = np.unique(values, return_counts=True)
    return found, counts.astype(np.int64)


def unique_inverse(values: AnyArray) -> tuple[AnyArray, IntArray]:
    """Return the distinct values, ascending, and for each of ``values`` its index among them (int64)."""
    found, places = np.unique(values, return_inverse=True)
    return found, places.reshape(-1).astype(np.int64)
