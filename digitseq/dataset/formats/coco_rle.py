"""
Masks as COCO's compressed run-length encoding.

Source: T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context" (2014); `maskApi.c` of
github.com/cocodataset/cocoapi defines the encoding.
"""

from itertools import pairwise

import numpy as np

from digitseq.arrays import BoolArray


def coco_rle(mask: BoolArray) -> str:
    r"""
    Encode a mask.

    Args:
        mask: bool (height, width).

    Returns:
        The ``counts`` of a COCO segmentation whose ``size`` is [height, width].

    >>> coco_rle(np.array([[False, True], [False, True]]))
    '22'
    """
    # Lengths of runs down the columns; the first is of pixels outside the mask, and may be 0.
    pixels = mask.T.reshape(-1)
    changes = np.flatnonzero(np.diff(pixels, prepend=np.False_)).tolist()
    runs = [after - before for before, after in pairwise([0, *changes, pixels.size])]
    return "".join(_number(run - runs[place - 2] if place > 2 else run) for place, run in enumerate(runs))


def _number(value: int) -> str:
    """Encode an integer in groups of 5 bits, the lowest first; bit 5 of a group says that more follow."""
    text = ""
    while True:
        group, value = value & 0x1F, value >> 5
        more = value != (-1 if group & 0x10 else 0)
        text += chr(48 + group + (0x20 if more else 0))
        if not more:
            return text
