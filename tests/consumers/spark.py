"""
Reads `labels.csv`, `metadata.jsonl`, the PNG files and `--format parquet` with Spark.

Labels, pixels and boxes are compared. It needs Java 17 or later. Install it with `pip install pyspark`. Last
run with pyspark 4.3.0 on 2026-11-27.
"""

import io

import numpy as np
import pyspark
from made import assert_same, boxes_of, fails, make_dataset
from PIL import Image
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession


def compare_text(spark, folder, split):
    table = str(folder / "train" / "labels.csv")
    rows = spark.read.csv(table, header=True).orderBy("filename").collect()
    assert [row.label for row in rows] == list(split.labels)
    guessed = spark.read.csv(table, header=True, inferSchema=True)
    assert dict(guessed.dtypes)["label"] == "int"  # its zeros are lost
    rows = spark.read.json(str(folder / "train" / "metadata.jsonl")).orderBy("file_name").collect()
    assert [row.label for row in rows] == list(split.labels)


def compare_images(spark, folder, split):
    images = str(folder / "train" / "images")
    assert spark.read.format("image").load(images).count() == 0  # it does not look into folders
    options = {"recursiveFileLookup": True, "pathGlobFilter": "*.png"}
    assert spark.read.format("binaryFile").options(**options).load(images).count() == len(split)
    rows = [row.image for row in spark.read.format("image").options(**options).load(images).collect()]
    rows.sort(key=lambda row: row.origin)
    assert all(row.nChannels == 1 for row in rows)
    pixels = [np.frombuffer(row.data, np.uint8).reshape(row.height, row.width) for row in rows]
    assert_same(split, pixels, split.labels)


def compare_parquet(spark, folder, split):
    rows = spark.read.parquet(str(folder / "data" / "train-*.parquet")).collect()
    assert_same(split, [Image.open(io.BytesIO(row.image.bytes)) for row in rows], [row.label for row in rows])
    for row, boxes in zip(rows, boxes_of(split), strict=True):
        assert np.array_equal(row.objects.bbox, boxes)
        assert "".join(map(str, row.objects.categories)) == row.label
    # README.md is in the way; and without a pattern, the splits are read together.
    assert fails(lambda: spark.read.parquet(str(folder)).count(), Py4JJavaError)
    assert spark.read.parquet(str(folder / "data")).count() == 380


def main():
    quiet = {"spark.ui.enabled": False, "spark.ui.showConsoleProgress": False}
    spark = SparkSession.builder.master("local[1]").config(map=quiet).getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    folder, split = make_dataset()
    compare_text(spark, folder, split)
    compare_images(spark, folder, split)
    compare_parquet(spark, *make_dataset("parquet"))
    spark.stop()
    print("pyspark", pyspark.__version__, "ok")


if __name__ == "__main__":
    main()
