"""
MNIST (LeCun, Cortes, Burges): its files, their hashes, and how they are read into a GlyphSet.

Writer ids come from QMNIST's label files (Yadav and Bottou: "Cold case: the lost MNIST digits", NeurIPS
2019), whose first 60,000 and 10,000 rows describe MNIST's own images.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from digitseq.arrays import AnyArray
from digitseq.errors import FormatError
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.idx import idx_bytes, read_idx
from digitseq.glyphs.names import MNIST
from digitseq.splits import DISJOINT_SPLITS

VALIDATION = 6_000
"""Images at the end of MNIST-train that form the validation split; the train split does not contain them."""


@dataclass(frozen=True)
class SourceFile:
    """One file: SHA-256 of the published gzip file and of its content, and download size in bytes."""

    name: str
    gz_sha256: str
    raw_sha256: str
    gz_bytes: int

    @property
    def gz_name(self) -> str:
        """File name on the mirrors."""
        return f"{self.name}.gz"


TRAIN_IMAGES = SourceFile(
    "train-images-idx3-ubyte",
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    9_912_422,
)
TRAIN_LABELS = SourceFile(
    "train-labels-idx1-ubyte",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    28_881,
)
TEST_IMAGES = SourceFile(
    "t10k-images-idx3-ubyte",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    1_648_877,
)
TEST_LABELS = SourceFile(
    "t10k-labels-idx1-ubyte",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    4_542,
)
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
QMNIST_URL = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"
TRAIN_WRITERS = SourceFile(
    "qmnist-train-labels-idx2-int",
    "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f",
    "bb1b6e1ec7b04fd5696f1ed50b5f58f8ef195118edd5c93c81783df9740b8ac5",
    463_024,
)
TEST_WRITERS = SourceFile(
    "qmnist-test-labels-idx2-int",
    "9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06",
    "92d0ccb8c25f9c6534270fb4be7e1d24a1c6d315edfc8a638bfbd31c70f362dd",
    526_800,
)
WRITER_FILES = (TRAIN_WRITERS, TEST_WRITERS)
_WRITER_COLUMN = 2  # of QMNIST's eight: digit, NIST partition, writer, …


def read_original(path: Path, file: SourceFile) -> AnyArray:
    """
    Read one of the files, gzip or plain, and check that it is the original.

    Raises:
        FormatError: the file is not IDX, or its content is not the original.
        SourceError: the file cannot be read.
    """
    array = read_idx(path)
    if sha256(idx_bytes(array)).hexdigest() != file.raw_sha256:
        raise FormatError(f"{path}: not the original {file.name} (its SHA-256 differs)")
    return array


def parse(paths: Mapping[SourceFile, Path]) -> GlyphSet:
    """
    Read MNIST into a GlyphSet with the splits train, validation and test.

    Args:
        paths: path of each of FILES, gzip or plain.

    Returns:
        The set, 70,000 rows, without writers.

    Raises:
        FormatError: a file is not the original.
        SourceError: a file cannot be read.
    """
    train, train_labels, test, test_labels = (read_original(paths[file], file) for file in FILES)
    split_of = np.zeros(len(train) + len(test), np.int64)
    split_of[len(train) - VALIDATION : len(train)] = 1
    split_of[len(train) :] = 2
    images, labels = np.concatenate([train, test]), np.concatenate([train_labels, test_labels])
    glyphs = GlyphSet.from_arrays(images, labels, split_of=split_of, splits=DISJOINT_SPLITS)
    glyphs.name = MNIST
    return glyphs


def read_writers(paths: Mapping[SourceFile, Path]) -> AnyArray:
    """
    Read the writer of each of MNIST's images.

    Args:
        paths: path of each of WRITER_FILES, gzip or plain.

    Returns:
        int (70000,), the writers of MNIST-train, then those of MNIST-test; no id occurs in both.

    Raises:
        FormatError: a file is not the original.
        SourceError: a file cannot be read.
    """
    rows = ((TRAIN_WRITERS, 60_000), (TEST_WRITERS, 10_000))
    return np.concatenate([read_original(paths[file], file)[:n, _WRITER_COLUMN] for file, n in rows])
