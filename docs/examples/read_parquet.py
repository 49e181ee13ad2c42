"""Read a dataset of the format ``parquet``: python read_parquet.py OUT (pip install datasets)."""

import sys

import datasets

rows = datasets.load_dataset(sys.argv[1])["train"]
first = rows[0]  # image as a picture of Pillow, label as text
print(len(rows), first["image"].size, first["label"], first["objects"]["bbox"])
