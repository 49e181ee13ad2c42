"""
Reads `--format parquet`, `--format webdataset`, `labels.csv` and the PNG files with Ray Data.

Labels, pixels and boxes are compared; DigitSequences are drawn in Ray's tasks as well. Install it with
`pip install "ray[data]" pillow`. Last run with ray 2.60.0 on 2026-11-27.
"""

import io

import numpy as np
import pyarrow
import ray
from made import assert_same, boxes_of, make_dataset
from PIL import Image
from pyarrow.csv import ConvertOptions

from digitseq import DigitSequences


def compare_parquet(folder, split):
    # Ray does not expand patterns.
    rows = ray.data.read_parquet([str(path) for path in folder.glob("data/train-*.parquet")]).take_all()
    images = [Image.open(io.BytesIO(row["image"]["bytes"])) for row in rows]
    assert_same(split, images, [row["label"] for row in rows])
    assert all(
        np.array_equal(row["objects"]["bbox"], boxes)
        for row, boxes in zip(rows, boxes_of(split), strict=True)
    )


def compare_folder(folder, split):
    table = str(folder / "train" / "labels.csv")
    assert ray.data.read_csv(table).take(1)[0]["label"] == int(split.labels[0])  # its zeros are lost
    text = ConvertOptions(column_types={"label": pyarrow.string()})
    rows = ray.data.read_csv(table, convert_options=text).take_all()
    assert [row["label"] for row in rows] == list(split.labels)

    images = str(folder / "train" / "images")
    rows = ray.data.read_images(images, mode="L", include_paths=True, file_extensions=["png"]).take_all()
    rows.sort(key=lambda row: row["path"])
    assert_same(split, [row["image"] for row in rows], split.labels)


def compare_webdataset(folder, split):
    rows = ray.data.read_webdataset([str(path) for path in folder.glob("train-*.tar")]).take_all()
    assert_same(split, [row["png"] for row in rows], [row["txt"] for row in rows])


def compare_drawn(split):
    def draw(batch):
        images, labels = DigitSequences(split)[batch["id"].tolist()]
        return {"id": batch["id"], "image": images, "label": np.array(labels)}

    rows = ray.data.range(len(split)).map_batches(draw, batch_size=100).take_all()
    rows.sort(key=lambda row: row["id"])
    assert_same(split, [row["image"] for row in rows], [row["label"] for row in rows])


def main():
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200_000_000, log_to_driver=False)
    folder, split = make_dataset()
    compare_folder(folder, split)
    compare_parquet(*make_dataset("parquet"))
    compare_webdataset(*make_dataset("webdataset"))
    compare_drawn(split)
    print("ray", ray.__version__, "ok")


if __name__ == "__main__":
    main()
