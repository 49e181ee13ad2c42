"""
Feeds DigitSequences to Keras as a PyDataset, compares what arrives, and trains for one epoch.

Training is repeated with worker threads and worker processes. Any backend of Keras will do; install one with
`pip install keras torch`. Last run with keras 3.15.1 on torch 2.13.0 on 2026-11-27.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
from keras import layers
from made import HEIGHT, WIDTH, assert_same, make_dataset

from digitseq import DigitSequences, decode_digits, encode_digits, read_dataset


class Digits(keras.utils.PyDataset):
    def __init__(self, source, batch=64, **options):
        super().__init__(**options)
        self.images, self.batch = DigitSequences(source, dtype="float32"), batch

    def __len__(self):
        return -(-len(self.images) // self.batch)

    def __getitem__(self, index):
        images, labels = self.images[index * self.batch : (index + 1) * self.batch]
        return images[..., None], encode_digits(labels)


def main():
    folder, split = make_dataset()
    batches = Digits(split)
    images, labels = zip(*(batches[index] for index in range(len(batches))), strict=True)
    pixels = np.rint(np.concatenate(images)[..., 0] * 255).astype(np.uint8)
    assert_same(split, pixels, decode_digits(np.concatenate(labels)))

    model = keras.Sequential(
        [
            layers.Input((HEIGHT, WIDTH, 1)),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(40),
            layers.Reshape((4, 10)),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    validation = Digits(read_dataset(folder).splits["validation"])
    for workers, processes in ((1, False), (2, False), (2, True)):
        training = Digits(split, workers=workers, use_multiprocessing=processes)
        losses = model.fit(training, validation_data=validation, epochs=1, verbose=0).history
        assert np.isfinite([losses["loss"], losses["val_loss"]]).all()
    print("keras", keras.__version__, "ok")


if __name__ == "__main__":
    main()
