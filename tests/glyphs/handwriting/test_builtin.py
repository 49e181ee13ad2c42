"""The built-in source: 60,000 glyphs, drawn when needed or mapped from the cache, the same bytes."""

import pickle
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitseq.api import load_glyphs
from digitseq.arrays import count_values
from digitseq.errors import ArgumentError
from digitseq.glyphs.handwriting.builtin import PER_DIGIT, builtin, redrawn
from digitseq.glyphs.handwriting.strokes import PER_HAND
from digitseq.splits import DISJOINT_SPLITS

# SHA-256 of the first hundred glyphs of each digit. It changes when the drawing does, and then the changelog
# says so.
GOLDEN = {
    "builtin": "09361ec070d304e36ab6d61d09a4345e442bd9015955eec2ccf579ce3f0adde9",
    "builtin:7": "ed2afccfcc4232ed2749fb0818b1b4fb6d8245a1b2d34fba6104ee10d781761a",
    f"builtin:{-(2**70)}": "f5fd4c3cb7b7329e38b69b86c16fbe63c5fa6b4b4644bb171c7ea7ac49837a07",
    "builtin:copperplate": "25a384696fc2e5f2bb5e1abb6d3c0296a507f339a3c3bbf207f7d4811c7cd137",
    "builtin:copperplate:7": "8e4ffd72029b82a5fae3f850871144595643c357fcd6107e8a572e4d3fa48367",
    "builtin:casual": "e91adfea000bdaf770120dfacf5b7c353e9c2f3c4e0f49b91ff7e0dcf475ece1",
    "builtin:casual:7": "c48866ae2db76f23860db646020fa1c01d218e07656ebe08d3beb774e04bf9ff",
}
_DIGESTS = {
    "builtin": "399f66c6d1203ad4f0580c0898a5ad52e60879ff176139e8bf9282376791334b",
    "builtin:copperplate": "bc07943a69661f2eba3caa2ce56fb4de7a516795d722a116c5cf67ede533f213",
    "builtin:casual": "cec9b7b4892ac59dc3ae5cb6046f15f4edbe69329f682fbd33d02ed68138494b",
}


@pytest.mark.parametrize("source", GOLDEN)
def test_the_glyphs_are_the_same_pixels_as_ever(source: str) -> None:
    glyphs = redrawn(source)
    rows = np.concatenate([glyphs.rows(digit)[:100] for digit in range(10)])
    glyphs.prepare(rows)
    assert sha256(glyphs.arrays()[0][rows].tobytes()).hexdigest() == GOLDEN[source]


@pytest.mark.parametrize("source", _DIGESTS)
def test_the_digest_of_a_style_is_the_same_as_ever(source: str) -> None:
    assert load_glyphs(source).digest == _DIGESTS[source]


def test_splits_and_their_hands_are_disjoint_and_of_the_stated_size() -> None:
    glyphs = builtin()
    assert len(glyphs) == 60_000
    seen: set[int] = set()
    hands: set[int] = set()
    for part, size in zip(DISJOINT_SPLITS, PER_DIGIT, strict=True):
        rows = [row for digit in range(10) for row in glyphs.choose(part).rows(digit)]
        assert len(rows) == 10 * size
        assert not set(rows) & seen
        seen.update(rows)
        assert glyphs.writers is not None
        writers = set(glyphs.writers[rows].tolist())
        assert len(writers) == size // PER_HAND
        assert not writers & hands
        hands |= writers


def test_a_hand_writes_all_ten_digits() -> None:
    glyphs = builtin()
    assert glyphs.writers is not None
    rows = np.flatnonzero(glyphs.writers == 123)
    assert count_values(glyphs.labels[rows]).tolist() == [PER_HAND] * 10


def test_a_style_seed_is_part_of_the_sources_name() -> None:
    named = load_glyphs("builtin:7")
    assert (named.name, named.digest) == (builtin(7).name, builtin(style_seed=7).digest)
    assert load_glyphs("builtin:0").name == load_glyphs("builtin").name == "builtin"
    assert load_glyphs("builtin:-3").name == "builtin:-3"
    assert len({load_glyphs(f"builtin:{seed}").digest for seed in range(-5, 5)}) == 10


def test_a_style_is_part_of_the_sources_name() -> None:
    named = load_glyphs("builtin:copperplate:7")
    assert (named.name, named.digest) == ("builtin:copperplate:7", builtin(7, "copperplate").digest)
    assert load_glyphs("builtin:modern:7").name == "builtin:7"
    assert load_glyphs("builtin:copperplate:0").name == "builtin:copperplate"
    assert named.digest not in {builtin(7).digest, builtin(0, "copperplate").digest}
    copy = pickle.loads(pickle.dumps(builtin(7, "copperplate").choose("test")))
    assert (copy.name, copy.split, copy.digest) == ("builtin:copperplate:7", "test", named.digest)


@pytest.mark.parametrize(
    "source",
    ["builtin:", "builtin:x", "builtin:1.5", "builtin:1:2", "builtin:copperplate:", "builtin:copperplate:x"],
)
def test_a_style_seed_that_is_no_integer_is_told(source: str) -> None:
    with pytest.raises(ArgumentError, match="builtin:SEED or builtin:STYLE:SEED"):
        load_glyphs(source)


@pytest.mark.parametrize("style", ["gothic", "", ["copperplate"], None, 7])
def test_an_unknown_style_is_told(style: Any) -> None:
    with pytest.raises(ArgumentError, match="style: expected one of modern, casual, copperplate, got"):
        builtin(style=style)


@pytest.mark.parametrize("seed", ["1", 1.0, True, None])
def test_builtin_takes_an_integer(seed: object) -> None:
    with pytest.raises(ArgumentError, match="style_seed"):
        builtin(seed)  # type: ignore[arg-type]


def test_a_folder_of_the_same_name_is_not_taken_for_it(in_folder: Path) -> None:
    from PIL import Image

    (in_folder / "builtin:7" / "3").mkdir(parents=True)
    Image.fromarray(np.pad(np.full((20, 9), 255, np.uint8), 4)).save(in_folder / "builtin:7" / "3" / "a.png")
    assert load_glyphs(in_folder / "builtin:7").name == "builtin:7/"
