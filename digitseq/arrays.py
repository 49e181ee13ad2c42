"""The array types of the signatures. Shapes, ranges and units stand in the docstrings."""

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
"""An array from a file, not checked yet."""
