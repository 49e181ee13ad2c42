"""The words for formats and files of labels, where the command line can have them without loading numpy."""

from typing import Literal, TypeAlias

FormatName: TypeAlias = Literal["folder", "webdataset", "parquet", "npz", "lmdb"]
LABEL_FILES = ("paddle", "doctr", "coco", "yolo")
"""Further files of labels that a dataset of the format ``folder`` can have."""
