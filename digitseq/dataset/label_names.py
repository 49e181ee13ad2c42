"""Names of the extra labels that a dataset can have."""

MASKS = "masks"
"""Instance masks, in any format."""
LABEL_FILES = ("paddle", "doctr", "coco", "yolo", "paddle-width", "easyocr", "kraken", MASKS)
"""Label files for other readers, in the formats ``folder`` and ``flat``; and masks."""
