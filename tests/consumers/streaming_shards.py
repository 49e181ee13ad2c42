"""
Writes a dataset as shards of MosaicML Streaming, as arrays and as PNG, and compares what is read back.

Install it with `pip install mosaicml-streaming`. Last run with mosaicml-streaming 0.13.0 on 2026-11-27.
"""

import streaming
from made import assert_same, make_dataset, temporary_folder
from PIL import Image
from streaming import MDSWriter, StreamingDataLoader, StreamingDataset


def convert(split, encoding, as_image):
    folder = str(temporary_folder() / "shards")
    with MDSWriter(out=folder, columns={"image": encoding, "label": "str"}) as writer:
        for pixels, label in split:
            writer.write({"image": as_image(pixels), "label": label})
    return StreamingDataset(local=folder, shuffle=False, batch_size=50)


def main():
    _, split = make_dataset()
    for encoding, as_image in (("png", Image.fromarray), ("ndarray:uint8", lambda pixels: pixels)):
        dataset = convert(split, encoding, as_image)
        rows = [dataset[number] for number in range(len(dataset))]
        assert_same(split, [row["image"] for row in rows], [row["label"] for row in rows])
    # The loader makes tensors of arrays, not of images.
    batches = StreamingDataLoader(dataset, batch_size=50, num_workers=0)
    assert [label for batch in batches for label in batch["label"]] == list(split.labels)
    print("mosaicml-streaming", streaming.__version__, "ok")


if __name__ == "__main__":
    main()
