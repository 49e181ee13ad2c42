"""
Reads `--format lmdb` with the dataset classes of deep-text-recognition-benchmark.

Labels and pixels are compared. Clone https://github.com/clovaai/deep-text-recognition-benchmark and give its
folder as the argument. Install its requirements with `pip install torch torchvision lmdb natsort`. Last run
with commit e2117f2 on 2026-11-27.
"""

import itertools
import os
import sys
from argparse import Namespace
from pathlib import Path

import torch
from made import assert_same, make_dataset, temporary_folder

sys.path.insert(0, str(Path(sys.argv[1]).resolve()))
if not hasattr(torch._utils, "_accumulate"):
    torch._utils._accumulate = (
        itertools.accumulate
    )  # which its dataset.py imports; newer PyTorch has no such name

from dataset import AlignCollate, LmdbDataset, hierarchical_dataset
from utils import CTCLabelConverter


def main():
    folder, split = make_dataset("lmdb")
    os.chdir(temporary_folder())  # it writes logs
    options = Namespace(character="0123456789", batch_max_length=25, imgH=32, imgW=120)
    options.rgb = options.sensitive = options.data_filtering_off = False

    dataset = LmdbDataset(str(folder / "train"), options)
    images, labels = zip(*(dataset[number] for number in range(len(dataset))), strict=True)
    assert_same(split, images, labels)
    dataset.env.close()

    # The folder of one split is read whole; the folder of the dataset mixes all splits.
    for where, count in ((folder / "train", 300), (folder, 380)):
        together, _ = hierarchical_dataset(str(where), options, ["/"])
        assert len(together) == count
        for part in together.datasets:
            part.env.close()

    pixels, _ = AlignCollate(imgH=32, imgW=120)(list(zip(images[:4], labels[:4], strict=True)))
    assert pixels.shape == (4, 1, 32, 120)
    codes, lengths = CTCLabelConverter(options.character).encode(list(labels[:4]), 25)
    assert "".join(str(int(code) - 1) for code in codes.flatten() if code) == "".join(labels[:4])
    assert lengths.tolist() == [4] * 4
    print("deep-text-recognition-benchmark e2117f2 ok")


if __name__ == "__main__":
    main()
