"""Read a dataset of the format ``webdataset``: python read_webdataset.py OUT (pip install webdataset)."""

import sys
from pathlib import Path

import webdataset

shards = sorted(map(str, Path(sys.argv[1]).glob("train-*.tar")))
samples = webdataset.WebDataset(shards, shardshuffle=False).decode("l8").to_tuple("png", "txt", "json")
rows = list(samples)  # image as uint8 (28, width), label as text, the rest as a dictionary
height, width = rows[0][0].shape
print(len(rows), (width, height), rows[0][1], rows[0][2]["objects"]["bbox"])
