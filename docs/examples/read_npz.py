"""Read a dataset of the format ``npz``: python read_npz.py OUT."""

import sys
from pathlib import Path

import numpy as np

shards = [np.load(path) for path in sorted(Path(sys.argv[1]).glob("train-*.npz"))]
images, labels, lengths, boxes = (
    np.concatenate([shard[name] for shard in shards]) for name in ("images", "labels", "lengths", "boxes")
)  # of one width and one length of labels; else fill up first
print(len(images), images.shape[:0:-1], labels[0], boxes[0, : lengths[0]].tolist())
