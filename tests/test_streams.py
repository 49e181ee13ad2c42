"""The randomness contract, "stream 1"."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digitseq import streams
from digitseq.random_purposes import Purpose
from digitseq.sequence import MAX_DIGITS
from tests.evidence import assert_uniform

_MASK = (1 << 64) - 1


def _published_splitmix(start: int, steps: int) -> list[int]:
    """SplitMix64 stepped as published, in Python's integers."""
    state, outputs = start, []
    for _ in range(steps):
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        outputs.append(z ^ (z >> 31))
    return outputs


def test_addressed_words_are_the_published_outputs() -> None:
    words = streams.words(np.array([1234567], np.uint64), streams.addresses(0, 3))
    assert words.tolist() == [[6457827717110365317, 3203168211198807973, 9817491932198370423]]


@given(st.integers(0, _MASK), st.integers(1, 50))
def test_addressing_equals_stepping(start: int, steps: int) -> None:
    words = streams.words(np.array([start], np.uint64), streams.addresses(0, steps))
    assert words[0].tolist() == _published_splitmix(start, steps)


def test_a_purpose_starts_where_the_contract_says() -> None:
    start, purpose = 42, 3
    word = streams.words(np.array([start], np.uint64), streams.addresses(purpose, 2))[0, 1]
    place = (start + 0x9E3779B97F4A7C15 * (purpose * 2**16 + 1)) & _MASK
    assert int(word) == _published_splitmix(place, 1)[0]


def test_image_i_starts_at_output_i_of_the_seed() -> None:
    start = streams.seed_start(7)
    assert streams.image_starts(start, np.arange(4)).tolist() == _published_splitmix(int(start), 4)


def test_seeds_are_hashed_from_their_decimal_text() -> None:
    from hashlib import blake2b

    expected = int.from_bytes(blake2b(b"digitseq/1/-5", digest_size=8).digest(), "little")
    assert int(streams.seed_start(-5)) == expected
    assert int(streams.seed_start(2**200)) != int(streams.seed_start(2**200 + 1))


def test_purposes_never_move() -> None:
    assert {p.name: p.value for p in Purpose} == {
        "LABEL": 0,
        "GLYPH": 1,
        "GAP": 2,
        "PLACE": 3,
        "WRITER": 4,
        "ROTATE": 5,
        "SLANT": 6,
        "LINE_SLANT": 7,
        "SCALE": 8,
        "ELASTIC": 9,
        "THICKNESS": 10,
        "LINE_THICKNESS": 11,
        "SHIFT": 12,
        "SLOPE": 13,
        "BLUR": 14,
        "CONTRAST": 15,
        "BACKGROUND": 16,
        "NOISE": 17,
        "OCCLUDE": 18,
        "SPECKS": 19,
        "NEGATIVE": 20,
        "BEND": 21,
        "WAVE": 22,
        "CHANCE": 23,
    }


def test_purposes_have_room_for_every_position() -> None:
    assert MAX_DIGITS <= streams.POSITIONS


@given(st.integers(0, _MASK), st.integers(1, 2**32))
def test_below_is_the_formula_of_the_contract(word: int, bound: int) -> None:
    drawn = streams.below(np.array([word], np.uint64), np.array(bound, np.uint64))
    assert drawn.tolist() == [((word >> 32) * bound) >> 32]


def test_below_is_uniform() -> None:
    starts = streams.image_starts(streams.seed_start(1), np.arange(20_000))
    words = streams.words(starts, streams.addresses(Purpose.GAP, 1))
    assert_uniform(streams.below(words, np.array(11, np.uint64)), 11)
