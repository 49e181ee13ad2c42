"""PNG: what is written is what Pillow reads."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from digitseq.arrays import UInt8Array
from digitseq.png import compressor, encode_png


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 90))),
    st.integers(0, 9),
    st.dictionaries(
        st.text("abc ", min_size=1).map(str.strip).filter(bool), st.text(max_size=30), max_size=3
    ),
)
def test_pillow_reads_the_same_pixels_and_texts(image: UInt8Array, level: int, text: dict[str, str]) -> None:
    text = {keyword: value.replace("\0", "") for keyword, value in text.items()}
    with Image.open(io.BytesIO(encode_png(image, text, compress=compressor(level)))) as read:
        read.load()
        assert (read.mode, read.format) == ("L", "PNG")
        assert (np.asarray(read) == image).all()
        assert read.text == text  # type: ignore[attr-defined]


@pytest.mark.parametrize("view", [np.s_[:, ::2], np.s_[::-1], np.s_[:, 3:9]])
def test_views_are_written_as_they_look(view: Any) -> None:
    image = np.random.default_rng(1).integers(0, 255, (28, 40), dtype=np.uint8)[view]
    with Image.open(io.BytesIO(encode_png(image))) as read:
        assert (np.asarray(read) == image).all()


def test_the_file_is_eight_bit_greyscale_and_complete() -> None:
    data = encode_png(np.zeros((28, 200), np.uint8))
    with Image.open(io.BytesIO(data)) as read:
        read.verify()
    assert data[24:29] == bytes([8, 0, 0, 0, 0])  # bit depth, colour type, compression, filter, interlace
    assert data.endswith(b"IEND\xaeB`\x82")
