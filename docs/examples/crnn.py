"""
A small CRNN learns to read numbers with CTC: live, no files on disk. Needs PyTorch; some minutes on a CPU.

    python docs/examples/crnn.py [--images 90000] [--batch 64] [--source mnist] [--page page.html]

It learns from strings of the training split and reads strings of the test split: digits it has not seen.
Prints the sequence accuracy; --page writes what it got wrong as a page for a browser.
"""

import argparse

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from digitseq import (
    DigitSequences,
    check_ctc,
    ctc_decode,
    ctc_encode,
    inspect_dataset,
    make_recipe,
    write_page,
)

WIDTH, STRIDE, RATE = 176, 2, 4e-3


class Reader(nn.Module):
    """Images (n, 28, width) → log-probabilities (width / 2, n, 11); class 0 is CTC's blank."""

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Sequential(
            *self.layer(1, 24, 5, 2, 2),
            *self.layer(24, 32, 3, (2, 1), 1),
            *self.layer(32, 32, 3, 1, 1),
            *self.layer(32, 64, (7, 3), 1, (0, 1)),  # over all rows that are left
        )
        self.read = nn.GRU(64, 64, bidirectional=True)
        self.name = nn.Linear(128, 11)

    @staticmethod
    def layer(inputs: int, outputs: int, *shape: int | tuple[int, int]) -> list[nn.Module]:
        """A convolution, normalised."""
        convolution = nn.Conv2d(inputs, outputs, *shape, bias=False)  # type: ignore[arg-type,unused-ignore]
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

    def forward(self, images: Tensor) -> Tensor:
        """Read a batch."""
        frames = self.see(images[:, None]).squeeze(2).permute(2, 0, 1)
        said: Tensor = self.name(self.read(frames)[0]).log_softmax(2)
        return said


def main() -> None:
    """Train, read, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=90_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--source", default="auto")
    parser.add_argument("--page", default="")
    wanted = parser.parse_args()

    torch.manual_seed(0)
    kind = {"length": (3, 5), "image_width": WIDTH, "source": wanted.source, "align": "random"}
    train = make_recipe(count=wanted.images, seed=1, split="train", **kind)
    test = make_recipe(count=2_000, seed=2, split="test", **kind)
    frames = check_ctc(train, STRIDE)

    net = Reader()
    steps = -(-wanted.images // wanted.batch)
    optimizer = torch.optim.AdamW(net.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.15)
    loss_of = nn.CTCLoss()
    for images, labels in DataLoader(DigitSequences(train, dtype="float32"), wanted.batch):
        targets, lengths = map(torch.from_numpy, ctc_encode(labels))
        loss = loss_of(net(images), targets, torch.full((len(labels),), frames), lengths)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        schedule.step()

    net.eval()
    read: list[str] = []
    with torch.no_grad():
        for images, _ in DataLoader(DigitSequences(test, dtype="float32"), 250):
            read += ctc_decode(net(images).argmax(2).T.numpy())
    report = inspect_dataset(test, predictions=read)
    assert report.scores is not None
    print(f"sequence accuracy {report.scores.sequence_accuracy:.4f}, error rate {report.scores.cer:.4f}")
    if wanted.page:
        write_page(report, wanted.page, force=True)


if __name__ == "__main__":
    main()
