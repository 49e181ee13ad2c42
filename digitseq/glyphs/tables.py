"""Glyphs in tables: CSV files with a column per pixel, and Parquet and Arrow files of Hugging Face."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digitseq.arrays import AnyArray, UInt8Array
from digitseq.checks import counted
from digitseq.errors import FormatError, SourceError
from digitseq.extras import require
from digitseq.glyphs.idx import MOST_BYTES
from digitseq.glyphs.image_files import decode_image
from digitseq.glyphs.normalise import MOST_IMAGES
from digitseq.glyphs.tiles import SIDE
from digitseq.storage.inputs import MOST_IMAGE, read_input
from digitseq.storage.open_folder import open_regular

if TYPE_CHECKING:
    import pyarrow

_PIXELS = SIDE * SIDE
_AT_ONCE = 32  # rows, each of which can be an image of the maximum size
ARROW_SUFFIXES = (".parquet", ".arrow")
_IMAGE_COLUMNS, _LABEL_COLUMNS = ("image", "img", "png"), ("label", "digit", "class", "txt")


class OtherTableError(FormatError):
    """A table does not have the columns that a table of glyphs needs."""


def csv_glyphs(file: Path) -> tuple[UInt8Array, AnyArray] | None:
    """
    Read a CSV file with a label and 784 pixels per row, such as Kaggle's or pjreddie.com's MNIST.

    The label is the first column or, if the header says so, the last one, as in OpenML's file. If the file
    name contains "emnist", the images are transposed back, and labels above 9 (letters) are left out.

    Args:
        file: the file; a header is optional.

    Returns:
        Images uint8 (n, 28, 28) and labels int (n,); None if the rows have no label (784 columns).

    Raises:
        OtherTableError: the file does not have the expected columns.
        FormatError: the file is damaged or has no rows, or the labels seem to be in the wrong column.
    """
    text = read_input(file, MOST_BYTES).removeprefix(BOM_UTF8).decode("ascii", "replace")
    head, _, rest = text.partition("\n")
    first = head.rstrip("\r").split(",", _PIXELS + 2)
    if len(first) == _PIXELS:
        return None
    if len(first) != _PIXELS + 1:
        expected = f"expected a label and {_PIXELS} pixels per row"
        raise OtherTableError(f"{file}: {expected}, found {counted(len(first), 'column')}")
    skipped = 0 if first[0].strip().isdigit() else 1
    if skipped and not rest.strip():
        raise FormatError(f"{file}: expected rows after the header, found none")
    try:
        table = np.loadtxt(StringIO(text), np.int64, delimiter=",", skiprows=skipped, ndmin=2, comments=None)
    except ValueError as error:
        raise FormatError(f"{file}: expected whole numbers in every row ({error})") from error
    if not len(table) or table.shape[1] != _PIXELS + 1 or table[:, 1:].min() < 0 or table[:, 1:].max() > 255:
        raise FormatError(f"{file}: expected pixels from 0 to 255 in every row")
    if _label_is_last(file, first if skipped else [], table):
        table = np.roll(table, 1, axis=1)
    images, labels = table[:, 1:].astype(np.uint8).reshape(-1, SIDE, SIDE), table[:, 0]
    if "emnist" not in file.name.lower():
        return images, labels
    if "letters" in file.name.lower():
        raise SourceError(f"{file}: the labels of EMNIST's letters are letters, not digits")
    return images.transpose(0, 2, 1)[labels <= 9], labels[labels <= 9]


def _label_is_last(file: Path, header: list[str], table: AnyArray) -> bool:
    """Return whether the label is in the last column rather than in the first."""
    names = [name.strip(" \"'").lower() for name in header]
    if names and (names[0] in _LABEL_COLUMNS or names[-1] in _LABEL_COLUMNS):
        return names[0] not in _LABEL_COLUMNS
    one_label = table[:, 0].min() == table[:, 0].max()
    if one_label and table[:, -1].max() <= 9 and len(np.unique(table[:, -1])) > 1:
        hint = "put the label in the first column, or call the last column label in the header"
        raise FormatError(f"{file}: the labels seem to be in the last column, not the first", hint=hint)
    return False


def arrow_glyphs(file: Path) -> tuple[list[UInt8Array], AnyArray]:
    """
    Read a Parquet file, or an Arrow file in the cache of Hugging Face's datasets library.

    Args:
        file: the file, with a column of image files (``image``) and one of labels (``label``).

    Returns:
        Images uint8 (28, 28) each, and labels int (n,).

    Raises:
        ExtraError: pyarrow is not installed.
        OtherTableError: the file does not have the expected columns.
        FormatError: the file is damaged, or is not a Parquet or Arrow file.
    """
    require("pyarrow", f"the source {file}", extra="parquet")
    images: list[UInt8Array] = []
    labels: list[Any] = []
    try:
        for batch in _batches(file):
            batch.validate(full=True)  # pyarrow itself trusts the offsets in a file
            names = batch.schema.names
            image = next((name for name in _IMAGE_COLUMNS if name in names), None)
            label = next((name for name in _LABEL_COLUMNS if name in names), None)
            if image is None or label is None:
                raise OtherTableError(
                    f"{file}: expected the columns image and label, found {', '.join(names[:20])}"
                )
            for value in batch.column(image).to_pylist():
                data = value["bytes"] if isinstance(value, dict) else value
                if not isinstance(data, bytes) or len(data) > MOST_IMAGE:
                    raise SourceError(
                        f"{file}: image {len(images) + 1} is not stored in the file, or too large"
                    )
                images.append(decode_image(data, f"{file}: image {len(images) + 1}"))
            labels += batch.column(label).to_pylist()
            if len(images) > MOST_IMAGES:
                raise SourceError(f"{file}: expected at most {MOST_IMAGES:,} images, found more")
    except (SourceError, FormatError, MemoryError):
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise FormatError(f"{file}: damaged, or not a Parquet or Arrow file") from error
    except Exception as error:  # on damaged bytes, pyarrow can raise anything
        raise FormatError(f"{file}: damaged, or not a Parquet or Arrow file") from error
    if any(type(label) is not int for label in labels):
        raise SourceError(f"{file}: expected whole numbers as labels")
    return images, np.array([min(max(label, -1), 1 << 31) for label in labels], np.int64)


def _batches(file: Path) -> "Iterator[pyarrow.RecordBatch]":
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_regular(file) as opened:
        if file.suffix.lower() == ".parquet":
            table = pq.ParquetFile(opened)
            groups = range(table.metadata.num_row_groups)
            size = sum(table.metadata.row_group(group).total_byte_size for group in groups)
            if size > MOST_BYTES:
                raise SourceError(
                    f"{file}: expected at most {counted(MOST_BYTES, 'byte')} of data, found {size:,}"
                )
            yield from table.iter_batches(_AT_ONCE, use_threads=False)
        else:
            yield from pa.ipc.open_stream(BytesIO(read_input(file, MOST_BYTES)))
