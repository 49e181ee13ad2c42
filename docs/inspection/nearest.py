"""
A reader to try `digitseq inspect` with: each digit is the nearest mean digit of the training split.

    digitseq batch data --train 2000 --test 1000 --length 3-5 --width 180 --seed 1 --augment medium
    python docs/inspection/nearest.py data > predictions.csv
    digitseq inspect data/test --predictions predictions.csv --html page.html

It is told where the digits are, so it never misses one; what it confuses is real.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from digitseq import read_dataset


def digits(folder: Path, split: str) -> tuple[list[str], np.ndarray[Any, Any]]:
    """The file names of a split, and all its digits cut out: float (digits, 28 · 20)."""
    part = read_dataset(folder).splits[split]
    lines = (folder / split / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    cut = []
    for i, line in enumerate(lines):
        image, _ = part[i]
        for x, _, w, _ in json.loads(line)["objects"]["bbox"]:
            left = x + w // 2 - 10  # 20 columns around the middle
            cut.append(np.pad(image, ((0, 0), (20, 20)))[:, left + 20 : left + 40].ravel() / 255)
    return [json.loads(line)["file_name"] for line in lines], np.array(cut)


def main() -> None:
    """Read the test split of a dataset, and print predictions."""
    folder = Path(sys.argv[1])
    dataset = read_dataset(folder)
    _, seen = digits(folder, "train")
    shown = np.array(list(map(int, "".join(dataset.splits["train"].labels))))
    means = np.array([seen[shown == digit].mean(0) for digit in range(10)])
    names, unknown = digits(folder, "test")
    distances = ((unknown[:, None] - means) ** 2).sum(2)
    nearest, two = distances.argmin(1), np.sort(distances, 1)[:, :2]
    sure = 1 - two[:, 0] / two[:, 1]
    writer = csv.writer(sys.stdout)
    writer.writerow(["filename", "prediction", "confidence"])
    first = 0
    for name, label in zip(names, dataset.splits["test"].labels, strict=True):
        line = slice(first, first + len(label))
        writer.writerow([name, "".join(map(str, nearest[line])), f"{sure[line].min():.3f}"])
        first += len(label)


if __name__ == "__main__":
    main()
