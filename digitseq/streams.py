"""
Random 64-bit words addressed by seed, purpose, position and image ("stream 1").

Two levels of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA
2014), addressed rather than stepped: output k of the stream that starts at s is ``mix(s + GAMMA·(k + 1))``.
The seed determines the start of one stream. Its output i is the start of image i's stream, and output
``purpose · 2¹⁶ + position`` of image i's stream is the word for one decision. There is no state, so order,
batch size and number of workers cannot matter. docs/determinism.md explains why numpy's generators are
not used.
"""

from hashlib import blake2b

import numpy as np

from digitseq.arrays import IntArray, UInt64Array

POSITIONS = 1 << 16
"""Maximum number of decisions of one purpose in one image."""

GAMMA = 0x9E3779B97F4A7C15  # SplitMix64's golden-ratio increment
_MASK = (1 << 64) - 1
_ROUNDS = 8


def _constant(value: int) -> UInt64Array:
    # numpy combines a zero-dimensional array with other arrays faster than a scalar.
    return np.array(value, np.uint64)


_ONE, _GAMMA = _constant(1), _constant(GAMMA)
_MIX_1, _MIX_2 = _constant(0xBF58476D1CE4E5B9), _constant(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = _constant(27), _constant(30), _constant(31), _constant(32)


def mix(state: UInt64Array) -> UInt64Array:
    """
    Apply SplitMix64's output function, in place.

    >>> start = np.array([1234567], np.uint64)
    >>> mix(start + _GAMMA).tolist()
    [6457827717110365317]
    """
    state ^= state >> _S30
    state *= _MIX_1
    state ^= state >> _S27
    state *= _MIX_2
    state ^= state >> _S31
    return state


def seed_start(seed: int, domain: str = "digitseq/1") -> UInt64Array:
    """
    Return the start of a seed's stream: BLAKE2b of ``<domain>/<seed>``, 64 bits, little-endian.

    Hashing separates the streams of neighbouring seeds and accepts integers of any size.

    Returns:
        uint64 ().
    """
    digest = blake2b(f"{domain}/{seed}".encode(), digest_size=8).digest()
    return np.frombuffer(digest, "<u8").astype(np.uint64).reshape(())


def image_starts(start: UInt64Array, indices: IntArray) -> UInt64Array:
    """
    Return the start of each image's stream.

    Args:
        start: uint64 (), from `seed_start`.
        indices: int (images,), position of each image in the seed's stream, from 0.

    Returns:
        uint64 (images,), a new array.
    """
    return mix(start + _GAMMA * (indices.astype(np.uint64) + _ONE))


def addresses(purpose: int, positions: int) -> UInt64Array:
    """
    Return the offsets of one purpose's words from an image's start.

    Args:
        purpose: a member of Purpose.
        positions: number of words, at positions 0, 1, ….

    Returns:
        uint64 (positions,), already multiplied by GAMMA, for `words`.
    """
    first = purpose * POSITIONS + 1
    return np.array([GAMMA * (first + k) & _MASK for k in range(positions)], np.uint64)


def words(starts: UInt64Array, offsets: UInt64Array) -> UInt64Array:
    """
    Return the words at the given addresses of each image.

    Args:
        starts: uint64 (images,), from `image_starts`.
        offsets: uint64 (words,), from `addresses`.

    Returns:
        uint64 (images, words), a new array, each word uniform over all 2⁶⁴.
    """
    return mix(starts[:, None] + offsets)


def bells(random_words: UInt64Array) -> IntArray:
    """
    Turn each word into a bell-shaped random value around 0: the sum of four 10-bit uniforms.

    Args:
        random_words: uint64, any shape.

    Returns:
        int, the same shape: standard deviation 4096, at most 3.5 standard deviations from 0.
    """
    total = np.zeros(random_words.shape, np.int64)
    for shift in (0, 16, 32, 48):
        total += ((random_words >> np.uint64(shift)) & np.uint64(1023)).astype(np.int64)
    return (total - 2046) * 4096 // 591


def permute(numbers: UInt64Array, size: int, key: UInt64Array) -> UInt64Array:
    """
    Apply a keyed permutation of [0, size), without a table.

    A Feistel network (Luby, Rackoff: "How to construct pseudorandom permutations", 1988) on the next even
    number of bits. Values outside the range are permuted again until they are inside (cycle walking;
    Black, Rogaway: "Ciphers with arbitrary finite domains", 2002).

    Args:
        numbers: uint64 (n,), each below size.
        size: 1 to 2⁶².
        key: uint64 (), the start of a stream.

    Returns:
        uint64 (n,), a new array.

    >>> sorted(permute(np.arange(10, dtype=np.uint64), 10, seed_start(1)).tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    half = _constant(max(1, ((size - 1).bit_length() + 1) // 2))
    mask = (_ONE << half) - _ONE
    keys = words(key.reshape(1), addresses(0, _ROUNDS))[0]
    permuted = numbers.copy()
    outside = np.arange(len(numbers), dtype=np.int64)
    while len(outside):
        value = permuted[outside]
        left, right = value >> half, value & mask
        for round_key in keys:
            left, right = right, left ^ (mix(right + round_key) & mask)
        value = (left << half) | right
        permuted[outside] = value
        outside = outside[value >= np.uint64(size)]
    return permuted


def below(random_words: UInt64Array, bound: UInt64Array) -> IntArray:
    """
    Return uniform integers in [0, bound): ``((word >> 32) · bound) >> 32``.

    Each probability differs from 1/bound by less than 2⁻³².

    Args:
        random_words: uint64, any shape.
        bound: uint64, 1 to 2³², broadcast against the words.

    Returns:
        int, the broadcast shape, a new array.

    >>> below(np.array([0, 1 << 63, 2**64 - 1], np.uint64), np.array(10, np.uint64)).tolist()
    [0, 5, 9]
    """
    return (((random_words >> _S32) * bound) >> _S32).astype(np.int64)
