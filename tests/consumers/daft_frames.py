"""
Reads `--format parquet`, `labels.csv` and `metadata.jsonl` with Daft and compares labels, pixels and boxes.

Install it with `pip install daft`. Last run with daft 0.7.26 on 2026-11-27.
"""

import daft
import numpy as np
from made import assert_same, boxes_of, make_dataset

TEXT = daft.DataType.string()


def main():
    folder, split = make_dataset()
    table = str(folder / "train" / "labels.csv")
    assert daft.read_csv(table).to_pylist()[0]["label"] == int(split.labels[0])  # its zeros are lost
    for options in (
        {"schema": {"label": TEXT}},
        {"schema": {"filename": TEXT, "label": TEXT}, "infer_schema": False},
    ):
        assert daft.read_csv(table, **options).to_pydict()["label"] == list(split.labels)
    rows = daft.read_json(str(folder / "train" / "metadata.jsonl")).to_pydict()
    assert rows["label"] == list(split.labels)

    folder, split = make_dataset("parquet")
    frame = daft.read_parquet(str(folder / "data" / "train-*.parquet"))
    encoded = daft.col("image")["bytes"]
    grey = frame.with_column("pixels", encoded.decode_image(mode="L")).to_pylist()
    assert_same(split, [row["pixels"].squeeze() for row in grey], [row["label"] for row in grey])
    for row, boxes in zip(grey, boxes_of(split), strict=True):
        assert np.array_equal(row["objects"]["bbox"], boxes)
        assert "".join(map(str, row["objects"]["categories"])) == row["label"]
    # Without a mode, grey images get three channels.
    colour = frame.select(encoded.decode_image()).limit(1).to_pydict()
    assert next(iter(colour.values()))[0].shape[2] == 3
    print("daft", daft.__version__, "ok")


if __name__ == "__main__":
    main()
