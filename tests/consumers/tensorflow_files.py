"""
Reads `labels.csv` and the PNG files with tf.data and compares labels and pixels; DigitSequences likewise.

Then it trains for one epoch. Install it with `pip install tensorflow-cpu`. Last run with tensorflow 2.21.0 on
2026-11-27.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from made import HEIGHT, WIDTH, assert_same, make_dataset

from digitseq import DigitSequences, encode_digits


def main():
    folder, split = make_dataset()
    train, table = folder / "train", str(folder / "train" / "labels.csv")

    def rows(columns=None):
        return tf.data.experimental.make_csv_dataset(
            table, 64, column_defaults=columns, num_epochs=1, shuffle=False
        ).unbatch()

    # Without types, labels become numbers and lose their zeros.
    assert next(iter(rows()))["label"].dtype == tf.int32
    text = [tf.string, tf.string]

    def load(row):
        path = tf.strings.join([str(train) + os.sep, row["filename"]])
        return tf.io.decode_png(tf.io.read_file(path), channels=1)[..., 0], row["label"]

    images, labels = zip(*rows(text).map(load).as_numpy_iterator(), strict=True)
    assert_same(split, images, [label.decode() for label in labels])
    table_rows = tf.data.experimental.CsvDataset(table, text, header=True).as_numpy_iterator()
    assert [label.decode() for _, label in table_rows] == list(split.labels)
    options = {"labels": None, "image_size": (HEIGHT, WIDTH), "interpolation": "nearest", "batch_size": None}
    options |= {"color_mode": "grayscale", "shuffle": False, "verbose": False}
    pngs = keras.utils.image_dataset_from_directory(train / "images", **options)
    assert_same(split, (image[..., 0] for image in pngs.as_numpy_iterator()), split.labels)

    drawn = DigitSequences(split)
    signature = (tf.TensorSpec((HEIGHT, None), tf.uint8), tf.TensorSpec((), tf.string))
    generated = tf.data.Dataset.from_generator(
        lambda: (drawn[number] for number in range(len(drawn))), output_signature=signature
    )
    images, labels = zip(*generated.as_numpy_iterator(), strict=True)
    assert_same(split, images, [label.decode() for label in labels])

    images, labels = DigitSequences(split, dtype="float32")[0 : len(drawn)]
    batches = tf.data.Dataset.from_tensor_slices((images[..., None], encode_digits(labels))).batch(32)
    layers = [keras.layers.Flatten(), keras.layers.Dense(40), keras.layers.Reshape((4, 10))]
    model = keras.Sequential(layers)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert np.isfinite(model.fit(batches, verbose=0).history["loss"]).all()
    print("tensorflow", tf.__version__, "ok")


if __name__ == "__main__":
    main()
