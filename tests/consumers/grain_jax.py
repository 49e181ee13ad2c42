"""
Reads DigitSequences with Grain, in the process and in two workers, and takes training steps in JAX.

Labels and pixels are compared. Install them with `pip install grain jax`. Last run with grain 0.2.18 and jax
0.10.2 on 2026-11-27.
"""

import sys

import grain
import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from made import HEIGHT, WIDTH, fails, make_dataset

from digitseq import DigitSequences, encode_digits


class Encode(grain.transforms.Map):
    def map(self, sample):
        image, label = sample
        return image, encode_digits([label])[0]


def load(images, workers, operations=()):
    order = grain.samplers.IndexSampler(len(images), shuffle=True, num_epochs=1, seed=3)
    return grain.DataLoader(data_source=images, sampler=order, operations=operations, worker_count=workers)


def loss(weights, images, codes):
    scores = (images.reshape(len(images), -1) @ weights).reshape(-1, 4, 10)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(scores), codes[..., None], -1))


def main():
    _, split = make_dataset()
    images = DigitSequences(split, dtype="float32")
    # Worker processes need absl's flags to be parsed, even if the program uses none.
    assert fails(lambda: list(load(images, 2)), flags.UnparsedFlagAccessError)
    flags.FLAGS(sys.argv[:1])

    expected = sorted((label, pixels.tobytes()) for pixels, label in split)
    for workers in (0, 2):
        rows = list(load(images, workers))
        found = [(str(label), np.rint(image * 255).astype(np.uint8).tobytes()) for image, label in rows]
        assert sorted(found) == expected

    step = jax.jit(jax.value_and_grad(loss))
    weights, losses = jnp.zeros((HEIGHT * WIDTH, 40)), []
    for pixels, codes in load(images, 2, [Encode(), grain.transforms.Batch(50)]):
        value, gradient = step(weights, pixels, codes)
        weights -= 0.05 * gradient
        losses.append(float(value))
    assert losses[-1] < losses[0]
    print("grain", grain.__version__, "jax", jax.__version__, "ok")


if __name__ == "__main__":
    main()
