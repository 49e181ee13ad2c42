"""
Effects on whole lines, after layout: background, occlusion, noise, specks, black on white.

The effect on a pixel depends only on its image and its position in it, not on the width of the batch.
"""

import numpy as np

from digitseq import streams
from digitseq.arrays import AnyArray, IntArray, UInt8Array, UInt64Array
from digitseq.augment.effects import BACKGROUNDS, EFFECTS, Augment, effect_function, effects_of
from digitseq.augment.sampler import Sampler
from digitseq.glyphs.tiles import SIDE
from digitseq.kernels import kernel
from digitseq.random_purposes import Purpose
from digitseq.streams import GAMMA

_CHUNK = 16  # images processed at once, so that they stay in the processor's cache
_STRIDE = 1 << 20  # words from one row of pixels to the next: more than the widest image needs
_GRAIN_PX = 4  # cell size of the coarse grain of paper and ledger
_STAIN_PX = 8  # cell size of the stains of ledger
# Width and height of a box: minimum, maximum, bit position of the random byte that decides.
_BOX_PX = ((2, 4, 32), (2, 5, 40))
_BLOCK = 5  # px: no box is larger
_TRIANGLE = 104.5  # standard deviation of the sum of two random bytes


def rough_lines(images: UInt8Array, augment: Augment, starts: UInt64Array, widths_px: IntArray) -> None:
    """
    Apply the effects on lines, in place.

    Args:
        images: uint8 (images, 28, widest), white on black; narrower images are left-aligned.
        augment: the ranges.
        starts: uint64 (images,), the start of each image's stream.
        widths_px: int (images,).
    """
    wanted = [effect_function(EFFECTS[name].function) for name in effects_of("line") if augment.uses(name)]
    step = max(len(images), 1) if kernel("put_behind") else _CHUNK
    for first in range(0, len(images), step):
        part = slice(first, first + step)
        draws, width, seen = Sampler(augment, starts[part]), widths_px[part], images[part]
        for change in wanted:
            change(seen, draws, width)
        if (width < images.shape[2]).any():
            seen *= (np.arange(images.shape[2], dtype=np.int64) < width[:, None])[:, None, :]


def negative(images: UInt8Array, draws: Sampler, widths_px: IntArray) -> None:
    """Turn randomly chosen images black on white."""
    chosen = draws.happens("negative")
    images[chosen] = 255 - images[chosen]


# --- Background -----------------------------------------------------------------------------------------


def background(images: UInt8Array, draws: Sampler, widths_px: IntArray) -> None:
    """Put a background of a random kind behind the ink."""
    n, _, widest = images.shape
    level: AnyArray = draws.line("background")
    words = draws.words(Purpose.BACKGROUND, 6)
    kinds = draws.augment.backgrounds
    kind = streams.below(words[:, 1], np.array(len(kinds), np.uint64))
    if loop := kernel("put_behind"):
        numbers = np.array([BACKGROUNDS.index(name) for name in kinds], np.int64)
        loop(n, numbers[kind], level, words.shape[1], words, widths_px, images)
        return
    level = level.astype(np.int32)
    behind = np.empty((n, SIDE, widest), np.uint16)
    for number, name in enumerate(kinds):
        chosen = np.flatnonzero(kind == number).astype(np.int64)
        if len(chosen):
            behind[chosen] = _KINDS[name](level[chosen], words[chosen, 2:], widths_px[chosen], widest)
    images[:] = behind + images * (255 - behind) // 255


def _plain(level: IntArray, words: UInt64Array, widths_px: IntArray, widest: int) -> IntArray:
    return np.broadcast_to(level[:, None, None], (len(level), SIDE, widest))


def _gradient(level: IntArray, words: UInt64Array, widths_px: IntArray, widest: int) -> IntArray:
    """Return the mean of a horizontal and a vertical linear gradient."""
    left, right, top, bottom = (
        _byte(words[:, 0], shift).astype(np.int32)[:, None] for shift in (0, 8, 16, 24)
    )
    x = (np.arange(widest, dtype=np.int64) * 256 // widths_px[:, None]).astype(np.int32)
    y = (np.arange(SIDE, dtype=np.int64) * 256 // SIDE).astype(np.int32)[None]
    across, down = left * 256 + (right - left) * x, top * 256 + (bottom - top) * y  # 0 to 255 · 256
    light = (across[:, None, :] + down[:, :, None]) >> 9  # 0 to 255
    return _shade(light.clip(0, 255), level)


def _paper(level: IntArray, words: UInt64Array, widths_px: IntArray, widest: int) -> IntArray:
    """Return grain of a few px and of one px, around a medium brightness."""
    fine = _bytes(words[:, 2], widest, SIDE)
    # Add half of the coarse grain, and subtract a quarter of the fine grain.
    light: IntArray = 128 + np.right_shift(_clouds(words[:, 1], _GRAIN_PX, widest), 5) - (fine >> 2)
    return _shade(light, level)


def _clouds(starts: UInt64Array, cell_px: int, widest: int) -> AnyArray:
    """
    Return smooth noise, interpolated between random bytes `cell_px` apart.

    It is int32 (n, 28, widest), a brightness of 0 to 255 times cell_px².
    """
    corners = _bytes(starts, -(-widest // cell_px) + 1, -(-SIDE // cell_px) + 1).astype(np.int32)
    x, y = np.arange(widest, dtype=np.int64), np.arange(SIDE, dtype=np.int64)
    across, down = (x % cell_px).astype(np.int32), (y % cell_px).astype(np.int32)[:, None]
    rows = corners[:, y // cell_px] * (cell_px - down) + corners[:, y // cell_px + 1] * down
    clouds: AnyArray = rows[..., x // cell_px] * (cell_px - across) + rows[..., x // cell_px + 1] * across
    return clouds


def _lines(level: IntArray, words: UInt64Array, widths_px: IntArray, widest: int) -> IntArray:
    """Return the lines of a form: horizontal ones several px apart, in some images also vertical ones."""
    apart = 9 + _byte(words[:, 0], 0) % 12
    first = _byte(words[:, 0], 8) % apart
    upright = (18 + _byte(words[:, 0], 16) % 16)[:, None]
    boxes = _byte(words[:, 0], 24) % 3 == 0
    drawn = np.zeros((len(level), SIDE, widest), np.bool_)
    drawn |= (np.arange(SIDE, dtype=np.int64) % apart[:, None] == first[:, None])[:, :, None]
    drawn |= ((np.arange(widest, dtype=np.int64) % upright == 0) & boxes[:, None])[:, None, :]
    ink = level.astype(np.uint16)[:, None, None]
    return np.where(drawn, ink, ink // 5)


def _ledger(level: IntArray, words: UInt64Array, widths_px: IntArray, widest: int) -> IntArray:
    """Return stained paper. Some images also have a dotted writing line, vertical column rules, or both."""
    dotted, row, apart, first, ruled, column, place, wide = (_byte(words[:, 0], 8 * k) for k in range(8))
    fine = _bytes(words[:, 3], widest, SIDE)
    stains = _clouds(words[:, 1], _STAIN_PX, widest) * 114 >> 14
    grain = _clouds(words[:, 2], _GRAIN_PX, widest) * 76 >> 12
    paper: IntArray = _shade(50 + stains + grain + (fine >> 4), level)
    x, y = np.arange(widest, dtype=np.int64), np.arange(SIDE, dtype=np.int64)
    apart, column = 3 + apart[:, None] % 5, 24 + column[:, None] % 48
    row = np.where(row < 192, 20 + row % 8, row % SIDE)  # mostly below the digits
    dots = ((x + first[:, None]) % apart < (apart + 1) // 2) & (dotted < 90)[:, None]
    rules = ((x + place[:, None]) % column <= (wide & 1)[:, None]) & (ruled < 64)[:, None]
    drawn = (dots[:, None, :] & (y == row[:, None])[:, :, None]) | rules[:, None, :]
    # Ink on rough paper: the strength changes from one px to the next. Rules are stronger than dots.
    strength = (2 + (fine >> 7) + rules[:, None, :]).astype(np.uint16)
    return np.where(drawn, np.minimum(paper * strength, 255), paper)


def _shade(light: IntArray, level: IntArray) -> AnyArray:
    """Scale a brightness of 0 to 255 by a level of 0 to 255."""
    # Not in int32: numpy 1.24 on i386 gives wrong results when dividing int32 by a constant.
    return (light * level[:, None, None]).astype(np.uint16) // 255


_KINDS = {"plain": _plain, "gradient": _gradient, "paper": _paper, "lines": _lines, "ledger": _ledger}


# --- Occlusion ------------------------------------------------------------------------------------------


def occlude(images: UInt8Array, draws: Sampler, widths_px: IntArray) -> None:
    """Cover lines with boxes and strokes: at most one per 28 px of width, each in its own section."""
    words = draws.words(Purpose.OCCLUDE, 1 + int(draws.augment.range("occlude")[1]))
    count = draws.line("occlude")
    count = np.minimum(count, np.maximum(widths_px // SIDE, 1))
    if loop := kernel("cover"):
        loop(len(images), words.shape[1], words, count, widths_px, images)
        return
    room = widths_px // np.maximum(count, 1)
    for number in range(int(count.max(initial=0))):
        word = words[:, 1 + number]
        middle_x, middle_y = room * number + _byte(word, 0) * room // 256, 4 + _byte(word, 8) * 20 // 256
        light = (_byte(word, 16) & 1) * 255
        is_box = _byte(word, 24) & 1 == 0
        # A box covers a few px of the whole block; a stroke is 1 px high and as long as its section.
        wide, tall = (least + _byte(word, shift) % (most - least + 1) for least, most, shift in _BOX_PX)
        fall = _byte(word, 48) - 128
        for chosen, across, down in ((is_box, _BLOCK, _BLOCK), (~is_box, 2 * int(room.max()) + 1, 1)):
            image = np.flatnonzero(chosen & (number < count)).astype(np.int64)[:, None, None]
            x = np.arange(across, dtype=np.int64) - across // 2
            y = (np.arange(down, dtype=np.int64) - down // 2)[:, None]
            if down == 1:
                start = room[image] * number
                covered = (x + middle_x[image] >= start) & (x + middle_x[image] < start + room[image])
                columns, rows = x + middle_x[image], x * fall[image] // 512 + middle_y[image]
            else:
                covered = (x < wide[image] - across // 2) & (y < tall[image] - down // 2)
                columns, rows = x + middle_x[image], y + middle_y[image]
            covered = covered & (columns >= 0) & (columns < widths_px[image]) & (rows >= 0) & (rows < SIDE)
            number_of, column, row, shade = np.broadcast_arrays(image, columns, rows, light[image])
            images[number_of[covered], row[covered], column[covered]] = shade[covered]


# --- Noise ----------------------------------------------------------------------------------------------


def noise(images: UInt8Array, draws: Sampler, widths_px: IntArray) -> None:
    """Add noise with a triangular distribution."""
    sigma = draws.line("noise")
    widest = images.shape[2]
    starts = draws.words(Purpose.NOISE, 2)[:, 1]
    factor = sigma * 1024 // round(_TRIANGLE * 64)  # in 1/1024
    if loop := kernel("add_noise"):
        loop(len(images), starts.copy(), factor, widths_px, images)
        return
    drawn = _bytes(starts, 2 * widest, SIDE)
    both = drawn[:, :, ::2].astype(np.int32) + drawn[:, :, 1::2] - 255  # a triangular distribution around 0
    images[:] = (images + (both * factor.astype(np.int32)[:, None, None] + 512 >> 10)).clip(0, 255)


def specks(images: UInt8Array, draws: Sampler, widths_px: IntArray) -> None:
    """Set pixels at independent random positions to white or black."""
    share = draws.line("specks")
    count = share * SIDE * widths_px >> 16
    start = draws.words(Purpose.SPECKS, 2)[:, 1]
    if loop := kernel("add_specks"):
        loop(len(images), start.copy(), count, widths_px, images)
        return
    offsets = np.arange(1, int(count.max(initial=0)) + 1, dtype=np.uint64) * np.uint64(GAMMA)
    words = streams.words(start, offsets)
    inside = np.arange(words.shape[1], dtype=np.int64) < count[:, None]
    row, number = np.argwhere(inside).astype(np.int64).T
    word = words[row, number]
    place = streams.below(word, (SIDE * widths_px[row]).astype(np.uint64))
    images[row, place // widths_px[row], place % widths_px[row]] = (_byte(word, 0) & 1) * 255


def _byte(words: UInt64Array, shift: int) -> IntArray:
    """Return eight bits of each word, from bit ``shift`` on: int, 0 to 255."""
    return ((words >> np.uint64(shift)) & np.uint64(255)).astype(np.int64)


def _bytes(starts: UInt64Array, width: int, height: int) -> UInt8Array:
    """Return random bytes of each stream, each at its own address: uint8 (n, height, width)."""
    groups = -(-width // 8)
    rows, columns = np.arange(height, dtype=np.uint64), np.arange(1, groups + 1, dtype=np.uint64)
    offsets = (rows[:, None] * np.uint64(_STRIDE) + columns) * np.uint64(GAMMA)
    words = streams.mix(starts[:, None, None] + offsets)
    return words.astype("<u8").view(np.uint8)[:, :, :width]  # the same byte order on any machine
