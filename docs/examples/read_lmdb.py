"""Read a dataset of the format ``lmdb``, as recognisers of the CRNN family do: python read_lmdb.py OUT."""

import io
import json
import sys

import lmdb
from PIL import Image

with lmdb.open(f"{sys.argv[1]}/train", readonly=True, lock=False).begin() as read:
    count = int(read.get(b"num-samples"))
    image = Image.open(io.BytesIO(read.get(b"image-%09d" % 1)))
    label, facts = read.get(b"label-%09d" % 1).decode(), json.loads(read.get(b"json-%09d" % 1))
print(count, image.size, label, facts["objects"]["bbox"])
