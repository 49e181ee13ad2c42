"""
Trains with Lightning from a DataLoader over DigitSequences and compares the labels that arrive.

One epoch is run, with two workers. Install it with `pip install lightning`. Last run with lightning 2.6.6 on
2026-11-27.
"""

import lightning
import torch
from made import HEIGHT, WIDTH, make_dataset, temporary_folder
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from digitseq import DigitSequences, encode_digits, read_dataset


class Reader(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(HEIGHT * WIDTH, 40))
        self.seen = []

    def loss(self, batch):
        images, labels = batch
        return cross_entropy(self.network(images).view(-1, 10, 4), torch.from_numpy(encode_digits(labels)))

    def training_step(self, batch, _):
        self.seen.extend(batch[1])
        return self.loss(batch)

    def validation_step(self, batch, _):
        self.log("validation", self.loss(batch), batch_size=len(batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-3)


def main():
    folder, split = make_dataset()
    training, validation = (
        DataLoader(
            DigitSequences(read_dataset(folder).splits[name], dtype="float32"),
            batch_size=50,
            shuffle=name == "train",
            num_workers=2,
            multiprocessing_context="spawn",
            persistent_workers=True,
        )
        for name in ("train", "validation")
    )
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        default_root_dir=temporary_folder(),
    )
    model = Reader()
    trainer.fit(model, training, validation)
    assert sorted(model.seen) == sorted(split.labels)
    assert torch.isfinite(trainer.callback_metrics["validation"])
    print("lightning", lightning.__version__, "ok")


if __name__ == "__main__":
    main()
