"""Read a dataset of the format ``folder`` with the standard library and Pillow: python read_folder.py OUT."""

import json
import sys
from pathlib import Path

from PIL import Image

out = Path(sys.argv[1])
rows = [json.loads(line) for line in (out / "metadata.jsonl").open(encoding="utf-8")]
images = [Image.open(out / row["file_name"]) for row in rows]
print(len(images), images[0].size, rows[0]["label"], rows[0]["objects"]["bbox"])
