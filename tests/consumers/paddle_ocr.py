"""
Reads `--labels paddle`, `--labels paddle-width` and `--format lmdb` with the dataset classes of PaddleOCR.

Labels and pixels are compared, and a random network is trained for one epoch. PaddleOCR 3 does not contain
these classes any more. Install them with `pip install paddlepaddle==3.3.1 paddleocr==2.10.0`. Last run with
these versions on 2026-11-27.
"""

import logging
import sys
from importlib.util import find_spec
from pathlib import Path

from made import assert_same, fails, make_dataset

sys.path.insert(0, str(Path(find_spec("paddleocr").origin).parent))  # where ppocr is

import paddle
from paddle.nn.functional import ctc_loss, log_softmax
from ppocr.data import build_dataloader
from ppocr.data.lmdb_dataset import LMDBDataSet
from ppocr.data.simple_dataset import MultiScaleDataSet, SimpleDataSet

LOG = logging.getLogger("ppocr")
SAMPLER = {"name": "MultiScaleSampler", "scales": [[320, 32], [320, 48]], "first_bs": 16, "fix_bs": False}
SAMPLER |= {"divided_factor": [8, 16], "is_training": True}


def config(mode, digits, data, resize=(), sampler=None, **dataset):
    """Return PaddleOCR's settings for a dataset; ``digits`` is the dictionary, ``data`` a folder."""
    decode = [{"DecodeImage": {"img_mode": "BGR", "channel_first": False}}, {"CTCLabelEncode": None}]
    keep = {"KeepKeys": {"keep_keys": ["image", "label", "length"]}}
    dataset |= {"data_dir": str(data), "transforms": [*decode, *resize, keep]}
    loader = {"shuffle": False, "batch_size_per_card": 16, "drop_last": False, "num_workers": 0}
    text = {"character_dict_path": str(digits), "max_text_length": 25, "use_space_char": False}
    part = {"dataset": dataset, "loader": loader} | ({"sampler": sampler} if sampler else {})
    return {"Global": {"distributed": False, "use_gpu": False, **text}, mode: part}


def decoded(codes, length):
    return "".join(str(int(code) - 1) for code in codes[: int(length)])  # 0 is CTC's blank


def compare(split, dataset):
    rows = [dataset[number] for number in range(len(dataset))]
    assert_same(split, [row[0][..., 0] for row in rows], [decoded(*row[1:]) for row in rows])


def compare_widths(split, digits, train):
    widths = {"name": "MultiScaleDataSet", "ds_width": True}
    without = config("Train", digits, train, **widths, label_file_list=[str(train / "gt.txt")])
    assert fails(lambda: MultiScaleDataSet(without, "Train", LOG), ValueError)
    widths["label_file_list"] = [str(train / "gt_width.txt")]
    scaled = config("Train", digits, train, sampler=SAMPLER, **widths)
    labels = []
    for _, codes, lengths in build_dataloader(scaled, "Train", paddle.CPUPlace(), LOG, seed=1):
        labels += [decoded(*row) for row in zip(codes.numpy(), lengths.numpy(), strict=True)]
    assert len(labels) >= len(split)  # the last batch is filled up
    assert set(labels) == set(split.labels)


def fit(settings):
    """Train a random network for one epoch; returns the loss of every batch."""
    network, losses = paddle.nn.Conv2D(3, 11, (48, 8), stride=(48, 4)), []
    optimizer = paddle.optimizer.Adam(1e-3, parameters=network.parameters())
    for images, codes, lengths in build_dataloader(settings, "Train", paddle.CPUPlace(), LOG):
        scores = log_softmax(network(images).squeeze(2).transpose([2, 0, 1]))
        steps = paddle.full([len(images)], len(scores), "int64")
        loss = ctc_loss(scores, codes.astype("int32"), steps, lengths.astype("int64").reshape([-1]))
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    return losses


def main():
    folder, split = make_dataset(labels=["paddle", "paddle-width"])
    digits, train = folder / "digits.txt", folder / "train"
    plain = {"name": "SimpleDataSet", "label_file_list": [str(train / "gt.txt")]}
    compare(split, SimpleDataSet(config("Eval", digits, train, **plain), "Eval", LOG))
    compare_widths(split, digits, train)
    resize = [{"RecResizeImg": {"image_shape": [3, 48, 320]}}]
    losses = fit(config("Train", digits, train, resize, **plain))
    assert losses[-1] < losses[0]

    lmdb, split = make_dataset("lmdb")
    compare(split, LMDBDataSet(config("Eval", digits, lmdb / "train", name="LMDBDataSet"), "Eval", LOG))
    # Given the whole dataset instead of a split, it reads all splits together.
    assert len(LMDBDataSet(config("Eval", digits, lmdb, name="LMDBDataSet"), "Eval", LOG)) == 380
    print("paddleocr 2.10.0, paddle", paddle.__version__, "ok")


if __name__ == "__main__":
    main()
