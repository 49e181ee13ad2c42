"""
Converts a dataset with LitData's `optimize`, and compares what its StreamingDataset reads back.

Install it with `pip install litdata`. Last run with litdata 0.2.76 on 2026-11-27.
"""

from functools import partial

import litdata
from litdata import StreamingDataLoader, StreamingDataset
from made import assert_same, make_dataset, temporary_folder

from digitseq import DigitSequences


def sample(images, number):
    image, label = images[number]
    return {"image": image, "label": label}


def convert(split, workers):
    folder = str(temporary_folder() / "chunks")
    convert_one = partial(sample, DigitSequences(split))
    numbers = list(range(len(split)))
    litdata.optimize(
        fn=convert_one, inputs=numbers, output_dir=folder, num_workers=workers, chunk_bytes="64MB"
    )
    return folder


def main():
    _, split = make_dataset()
    folder = convert(split, 1)
    dataset = StreamingDataset(folder, shuffle=False)
    rows = [dataset[number] for number in range(len(dataset))]
    assert_same(split, [row["image"] for row in rows], [row["label"] for row in rows])

    shuffled = StreamingDataLoader(StreamingDataset(folder, shuffle=True), batch_size=50)
    labels = [label for batch in shuffled for label in batch["label"]]
    assert sorted(labels) == sorted(split.labels) != labels

    # With more than one worker, the order depends on which is faster.
    dataset = StreamingDataset(convert(split, 2), shuffle=False)
    labels = [dataset[number]["label"] for number in range(len(dataset))]
    assert sorted(labels) == sorted(split.labels)
    print("litdata", litdata.__version__, "ok")


if __name__ == "__main__":
    main()
