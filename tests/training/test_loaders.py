"""
DigitSequences in the loaders that people train with: identical images, whatever the workers and ranks.

The libraries are those of the extra ``test-formats`` and PyTorch; without them the tests are skipped, but not
where DIGITSEQ_TEST_FORMATS names them (or is 1, for all).
"""

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitseq import DigitSequences, ctc_encode, ctc_frames, make_recipe
from tests.dataset.libraries import library

_COUNT = 60


@pytest.fixture(scope="module")
def torch() -> Any:
    return library("torch")


@pytest.fixture(scope="module")
def live() -> DigitSequences:
    recipe = make_recipe(
        pattern="0##", image_width=110, count=_COUNT, seed=4, source="builtin", augment="light"
    )
    return DigitSequences(recipe, dtype="float32", boxes=True)


def _check(live: DigitSequences, numbers: list[int], images: Any, labels: list[str], boxes: Any) -> None:
    assert len(images) == len(labels) == len(numbers)
    for number, image, label, box in zip(numbers, images, labels, boxes, strict=True):
        expected = live[number]
        assert (np.asarray(image) == expected[0]).all()
        assert label == expected[1]
        assert label.startswith("0")
        assert (np.asarray(box) == expected[2]).all()


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_pytorch_loader_gives_the_same_with_any_number_of_workers(
    torch: Any, live: DigitSequences, workers: int
) -> None:
    context = "spawn" if workers else None
    loader = torch.utils.data.DataLoader(
        live, batch_size=16, num_workers=workers, multiprocessing_context=context
    )
    number = 0
    for images, labels, boxes in loader:
        assert (images.dtype, boxes.dtype) == (torch.float32, torch.int64)
        numbers = list(range(number, number + len(images)))
        _check(live, numbers, images, list(labels), boxes)
        number += len(images)
    assert number == _COUNT


@pytest.mark.filterwarnings("default")
def test_shuffled_and_forked_loaders_give_the_images_that_they_ask_for(
    torch: Any, live: DigitSequences
) -> None:
    order = torch.randperm(_COUNT, generator=torch.Generator().manual_seed(1)).tolist()
    loader = torch.utils.data.DataLoader(
        live, batch_size=7, sampler=order, num_workers=2, multiprocessing_context="fork"
    )
    images, labels, boxes = (list(chain(*column)) for column in zip(*loader, strict=True))
    _check(live, order, images, labels, boxes)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("ranks", [1, 2])
def test_ranks_share_the_images_among_them(torch: Any, live: DigitSequences, ranks: int) -> None:
    given: dict[int, str] = {}
    for rank in range(ranks):
        sampler = torch.utils.data.DistributedSampler(
            live, num_replicas=ranks, rank=rank, shuffle=True, seed=3
        )
        numbers = list(sampler)
        loader = torch.utils.data.DataLoader(live, batch_size=8, sampler=sampler)
        labels = [label for _, batch, _ in loader for label in batch]
        assert not given.keys() & set(numbers)
        given |= dict(zip(numbers, labels, strict=True))
    assert given == {number: live[number][1] for number in range(_COUNT)}


def test_the_frames_that_a_label_needs_are_those_of_pytorch_s_loss(torch: Any) -> None:
    for label in ("0042", "111", "1234567890", "7", "1122"):
        targets, lengths = (torch.from_numpy(array) for array in ctc_encode([label]))
        for frames in (ctc_frames(label), ctc_frames(label) - 1):
            scores = torch.zeros(max(frames, 1), 1, 11).log_softmax(2)
            counted = torch.tensor([frames])
            loss = torch.nn.functional.ctc_loss(scores, targets, counted, lengths, blank=0)
            assert bool(torch.isfinite(loss)) == (frames == ctc_frames(label))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("workers", [0, 2])
def test_grain_reads_it_as_a_data_source(live: DigitSequences, workers: int) -> None:
    grain = library("grain")
    dataset = grain.MapDataset.source(live).shuffle(seed=5).to_iter_dataset()
    if workers:
        dataset = dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers))
    found = {sample[1]: sample for sample in dataset}
    assert len({sample[0].tobytes() for sample in found.values()}) == len(found)
    for number in range(_COUNT):
        image, label, boxes = live[number]
        if label in found and (found[label][0] == image).all():
            assert (found.pop(label)[2] == boxes).all()
    assert not found


@pytest.mark.filterwarnings("default")
def test_hugging_face_takes_it_from_a_generator(
    live: DigitSequences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = library("datasets")

    def rows() -> Any:
        for number in range(len(live)):
            image, label, boxes = live[number]
            yield {"image": image, "label": label, "boxes": boxes.tolist()}

    made = datasets.Dataset.from_generator(rows, cache_dir=str(tmp_path / "cache"))
    assert made.features["label"].dtype == "string"
    _check(live, list(range(_COUNT)), np.array(made["image"], np.float32), made["label"], made["boxes"])
