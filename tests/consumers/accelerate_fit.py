"""
Trains with Accelerate from a DataLoader over DigitSequences and compares the labels that arrive.

One epoch is run as usual, with `pad_batch`, and with two processes that share the dataset. Install it with
`pip install accelerate`. Last run with accelerate 1.15.0 on 2026-11-27.
"""

import accelerate
import torch
from made import HEIGHT, WIDTH, make_dataset
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from digitseq import DigitSequences, encode_digits, pad_batch


def train(accelerator, split, collate):
    """Train for one epoch; returns the labels that all processes together saw."""
    images = DigitSequences(split, dtype="float32")
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(HEIGHT * WIDTH, 40))
    network, optimizer, batches = accelerator.prepare(
        network,
        torch.optim.Adam(network.parameters()),
        DataLoader(images, batch_size=64, shuffle=True, collate_fn=collate),
    )
    seen = []
    for pixels, *_, labels in batches:
        scores = network(torch.as_tensor(pixels)).view(-1, 10, 4)
        accelerator.backward(cross_entropy(scores, torch.from_numpy(encode_digits(labels))))
        optimizer.step()
        optimizer.zero_grad()
        # Labels are texts, which cannot be gathered as tensors.
        seen += accelerator.gather_for_metrics(list(labels), use_gather_object=True)
    return seen


def check(split, processes, *collates):
    accelerator = accelerate.Accelerator(cpu=True)
    assert accelerator.num_processes == processes
    for collate in collates:
        assert sorted(train(accelerator, split, collate)) == sorted(split.labels)


def main():
    _, split = make_dataset()
    accelerate.debug_launcher(check, (split, 2, None), num_processes=2)
    check(split, 1, None, pad_batch)
    print("accelerate", accelerate.__version__, "ok")


if __name__ == "__main__":
    main()
