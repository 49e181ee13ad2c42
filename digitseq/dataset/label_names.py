"""Names of the extra labels that a dataset can have."""

from typing import Any

from digitseq.checks import choice, collection

MASKS = "masks"
"""Instance masks, in any format."""
LABEL_FILES = ("paddle", "doctr", "coco", "yolo", "paddle-width", "easyocr", "kraken", MASKS)
"""Label files for other readers, in the formats ``folder`` and ``flat``; and masks."""


def label_names(labels: Any) -> tuple[str, ...]:
    """Return the names of extra labels; raise an ArgumentError if any of them is unknown."""
    return tuple(choice("labels", name, LABEL_FILES) for name in collection("labels", labels, "names"))
