"""Names of label files, where the command line finds them without loading numpy."""

LABEL_FILES = ("paddle", "doctr", "coco", "yolo")
"""Further files of labels that a dataset of the format ``folder`` can have."""
