"""
The format ``parquet``: one row per image, with Hugging Face features in the schema.

``load_dataset(OUT)`` returns images, labels as text, and boxes. Format: Apache Parquet, written by pyarrow.
"""

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from digitseq.batches import Sample
from digitseq.checks import counted, short
from digitseq.dataset.formats.base import ARROW, FileShards, png_encoder
from digitseq.dataset.formats.parquet_pages import values_in_pages
from digitseq.dataset.formats.stored_image import Found, facts_from, sample_key
from digitseq.dataset.shards import Place
from digitseq.errors import FormatError

if TYPE_CHECKING:
    import pyarrow


class Parquet(FileShards):
    """One Parquet file per shard."""

    name = "parquet"
    suffix = ".parquet"
    library = "pyarrow"

    def folder(self, split: str, several: bool) -> str:
        return "data/"

    def shard_file(self, place: Place, shard: int) -> str:
        digits = max(5, len(str(place.shards)))
        return f"{place.folder}{place.stem}-{shard:0{digits}d}-of-{place.shards:0{digits}d}.parquet"

    def patterns(self, place: Place) -> dict[str, str]:
        return {ARROW: f"{place.folder}{place.stem}-*.parquet"}

    def encode(self, samples: Iterator[Sample], place: Place, level: int) -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        png = png_encoder(level)
        columns: dict[str, list[Any]] = {name: [] for name in _fields(place)}
        for sample in samples:
            path = f"{sample_key(sample.number)}.png"
            columns["image"].append({"bytes": png(sample.image), "path": path})
            if sample.mask is not None:
                columns["mask"].append({"bytes": png(sample.mask), "path": path})
            columns["label"].append(sample.label)
            columns["objects"].append({"bbox": sample.boxes, "categories": list(map(int, sample.label))})
            columns["glyphs"].append(sample.glyphs)
            columns["writer"].append(sample.writer)
            if sample.sources is not None:
                columns["sources"].append(sample.sources)
        out = io.BytesIO()
        # Not compressed: the images already are, and the rest is a tenth of their size.
        pq.write_table(pa.table(columns, _schema(place)), out, compression="none", use_dictionary=False)
        return out.getvalue()

    def decode(self, data: bytes, place: Place, shard: int) -> Iterator[Found]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = pq.ParquetFile(pa.BufferReader(data))
        if not file.schema_arrow.equals(_schema(place)):
            raise FormatError("its columns differ from those that digitseq writes")
        _check_size(file.metadata, data, place, shard)
        table = file.read(use_threads=False)
        for row in table.to_pylist():
            key = str(row["image"]["path"]).removesuffix(".png")
            facts = facts_from(row)
            mask = row["mask"]["bytes"] if place.masks else None
            yield Found(key, row["image"]["bytes"], facts, "" if facts else "a value is missing", mask)


def _check_size(stated: "pyarrow.parquet.FileMetaData", data: bytes, place: Place, shard: int) -> None:
    """
    Check that a file cannot become much larger when it is read.

    digitseq uses neither compression nor dictionaries, with which a few bytes can expand to any size.

    Raises:
        FormatError: it could become much larger.
    """
    if stated.num_rows != place.size(shard):
        raise FormatError(f"expected {counted(place.size(shard), 'image')}, found {stated.num_rows:,}")
    columns = [
        stated.row_group(group).column(number)
        for group in range(stated.num_row_groups)
        for number in range(stated.num_columns)
    ]
    most = place.size(shard) * max(place.longest, 1) * 4  # four numbers per box
    size = 0
    for column in columns:
        name = short(column.path_in_schema)
        size += column.total_compressed_size
        try:
            if column.compression != "UNCOMPRESSED" or column.has_dictionary_page:
                raise ValueError("compressed, or has a dictionary")
            values = values_in_pages(data, column.data_page_offset, column.total_compressed_size)
            if values != column.num_values or values > most or size > len(data):
                raise ValueError("too many values")
        except ValueError as error:
            raise FormatError(
                f"column {name}: expected data as digitseq writes it, "
                f"without compression or dictionary ({error})"
            ) from error


_FEATURES = {
    "image": {"_type": "Image"},
    "label": {"dtype": "string", "_type": "Value"},
    "objects": {
        "bbox": {
            "feature": {"feature": {"dtype": "int32", "_type": "Value"}, "length": 4, "_type": "Sequence"},
            "_type": "Sequence",
        },
        "categories": {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "Sequence"},
    },
    "glyphs": {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "Sequence"},
    "writer": {"dtype": "int32", "_type": "Value"},
    "sources": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"},
    "mask": {"_type": "Image"},
}
"""As Hugging Face's datasets library writes them; versions from 2 on read "Sequence"."""


def _fields(place: Place) -> "dict[str, pyarrow.DataType]":
    """Return the columns and their types, in order."""
    import pyarrow as pa

    integers = pa.list_(pa.int32())
    picture = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    return {
        "image": picture,
        "label": pa.string(),
        "objects": pa.struct({"bbox": pa.list_(pa.list_(pa.int32(), 4)), "categories": integers}),
        "glyphs": integers,
        "writer": pa.int32(),
        **({"sources": pa.list_(pa.string())} if place.parts else {}),
        **({"mask": picture} if place.masks else {}),
    }


def _schema(place: Place) -> "pyarrow.Schema":
    import pyarrow as pa

    fields = _fields(place)
    info = {"info": {"features": {name: _FEATURES[name] for name in fields}}}
    return pa.schema(list(fields.items()), metadata={"huggingface": json.dumps(info)})
