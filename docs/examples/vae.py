"""
A small conditional VAE learns to write numbers: live, no files on disk. Needs PyTorch; some minutes on a CPU.

    python docs/examples/vae.py [--images 120000] [--batch 64] [--source mnist] [--sheet sheet.png]

It is given three digits and noise, and draws them; what it draws is judged by a reader that is trained on
drawn images. Prints how many digits the reader reads as they were asked for; --sheet writes a picture.
(Kingma and Welling 2014; conditional: Sohn, Lee and Yan 2015; weighted: Higgins et al. 2017.)
"""

import argparse
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, cross_entropy, one_hot
from torch.utils.data import DataLoader

from digitseq import DigitSequences, make_recipe

DIGITS, WIDTH, NOISE = 3, 84, 8
CLEAN = 6  # the weight of the divergence: with more of it, the noise says less about which digits these are


def classes(labels: list[str]) -> Tensor:
    """Labels → int (n, 3)."""
    return torch.tensor([list(map(int, label)) for label in labels])


class Reader(nn.Sequential):
    """Images (n, 1, 28, 84) → scores of each digit (n, 3 · 10)."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(1, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 32, 5, 2, 2), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(32 * 7 * 21, 128), nn.ReLU(), nn.Linear(128, DIGITS * 10)),
        )


class Writer(nn.Module):
    """A variational autoencoder whose two halves know the digits."""

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Sequential(
            *(nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), nn.Flatten())
        )
        self.spread = nn.Linear(32 * 7 * 21 + DIGITS * 10, 2 * DIGITS * NOISE)
        # Each digit grows from its own noise, by the same weights at every place; then they meet.
        self.grow = nn.Sequential(
            nn.Linear(NOISE + 10, 128), nn.ReLU(), nn.Linear(128, 32 * 7 * 7), nn.ReLU()
        )
        self.draw = nn.Sequential(
            *(nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Sigmoid()),
        )

    def forward(self, images: Tensor, digits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images drawn again from what was seen of them; mean and log-variance of that."""
        known = one_hot(digits, 10).flatten(1).float()
        mean, spread = self.spread(torch.cat([self.see(images), known], 1)).chunk(2, 1)
        noise = mean + torch.randn_like(mean) * (spread / 2).exp()
        return self.write(noise.view(-1, DIGITS, NOISE), digits), mean, spread

    def write(self, noise: Tensor, digits: Tensor) -> Tensor:
        """Images (n, 1, 28, 84) of digits (n, 3) from noise (n, 3, NOISE)."""
        grown = self.grow(torch.cat([noise, one_hot(digits, 10).float()], 2))
        side_by_side = grown.view(-1, DIGITS, 32, 7, 7).permute(0, 2, 3, 1, 4).flatten(3)
        drawn: Tensor = self.draw(side_by_side)
        return drawn


def main() -> None:
    """Train both, draw, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=120_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--source", default="auto")
    parser.add_argument("--sheet", default="")
    wanted = parser.parse_args()
    torch.manual_seed(0)
    kind = {"length": (3, 3), "spacing_from": "tile", "source": wanted.source}
    kind |= {"spacing_range": (-6, -2), "image_width": WIDTH}

    def batches(split: str, count: int, augment: str = "none") -> Iterator[tuple[Tensor, Tensor]]:
        recipe = make_recipe(count=count, seed=1, split=split, augment=augment, **kind)
        for images, labels in DataLoader(DigitSequences(recipe, dtype="float32"), wanted.batch):
            yield images[:, None], classes(labels)

    reader, writer = Reader(), Writer()
    learn = torch.optim.Adam([*reader.parameters(), *writer.parameters()], 2e-3)
    rough = batches("train", wanted.images, "medium")  # the reader learns to read what is not clean, too
    for (images, digits), (harder, _) in zip(batches("train", wanted.images), rough, strict=True):
        again, mean, spread = writer(images, digits)
        surprise = binary_cross_entropy(again, images, reduction="sum")
        divergence = -0.5 * (1 + spread - mean.square() - spread.exp()).sum()
        reading = cross_entropy(reader(harder).view(-1, 10), digits.flatten())
        learn.zero_grad()
        ((surprise + CLEAN * divergence) / len(images) + reading).backward()
        learn.step()

    def right(images: Tensor, digits: Tensor) -> float:
        read = reader(images).view(-1, DIGITS, 10).argmax(2)
        return float((read == digits).float().mean())

    with torch.no_grad():
        asked = torch.randint(0, 10, (2_000, DIGITS))
        made = writer.write(torch.randn(len(asked), DIGITS, NOISE), asked)
        drawn = np.mean([right(images, digits) for images, digits in batches("test", 2_000)])
        print(f"digits read as asked: {right(made, asked):.4f} of generated, {drawn:.4f} of drawn ones")
        if wanted.sheet:
            rows = torch.tensor([[n, (n + 1) % 10, (n + 2) % 10] for n in range(10)]).repeat_interleave(6, 0)
            cells = writer.write(torch.randn(len(rows), DIGITS, NOISE), rows)[:, 0].view(10, 6, 28, WIDTH)
            sheet = cells.permute(0, 2, 1, 3).reshape(280, 6 * WIDTH)
            Image.fromarray((sheet * 255).byte().numpy()).save(wanted.sheet)


if __name__ == "__main__":
    main()
