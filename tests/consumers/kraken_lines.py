"""
Reads the `.gt.txt` files of `--labels kraken` with the classes behind `ketos train -f path`.

Labels are compared, and pixels without kraken's own normalisation. The dataset needs `--invert`, because
kraken expects dark ink on white paper. Install it with `pip install kraken`. Last run with kraken 7.1.1 on
2026-11-27.
"""

from importlib.metadata import version

import numpy as np
from kraken.lib.dataset import GroundTruthDataset, ImageInputTransforms
from kraken.lib.util import parse_gt_path
from made import HEIGHT, make_dataset


def read(folder, height, padding, normalised):
    transforms = ImageInputTransforms(1, height, 0, 1, padding, valid_norm=normalised)
    lines = GroundTruthDataset(im_transforms=transforms)
    for path in sorted(folder.glob("train/images/*/*.png")):
        lines.add(line=parse_gt_path(str(path)))
    lines.encode()
    return lines


def decoded(lines, target):
    return "".join(
        character for character, *_ in lines.codec.decode([(int(code), 0, 0, 1) for code in target])
    )


def ink_share(folder):
    """Return the share of ink, which is bright for kraken's networks, after kraken's own normalisation."""
    lines = read(folder, 48, 16, normalised=True)
    share = np.mean([(lines[number]["image"].numpy() > 0.5).mean() for number in range(50)])
    assert not lines.failed_samples
    return share


def main():
    folder, split = make_dataset(labels=["kraken"], invert=True)
    lines = read(folder, HEIGHT, 0, normalised=False)
    assert list(lines._gt) == list(split.labels)
    for number, (pixels, label) in enumerate(split):
        assert decoded(lines, lines[number]["target"]) == label
        ink = np.rint(lines[number]["image"].numpy()[0] * 255).astype(np.uint8)
        assert np.array_equal(255 - ink, pixels)

    # Without --invert, it takes the black background for ink and makes the digits tiny.
    black, _ = make_dataset(labels=["kraken"])
    assert ink_share(folder) < 0.1 < 0.15 < ink_share(black)
    print("kraken", version("kraken"), "ok")


if __name__ == "__main__":
    main()
