"""Numbered purposes of random words, importable without numpy."""

from enum import IntEnum


class Purpose(IntEnum):
    """Purpose of a random word. Append only: a number is never changed or reused."""

    LABEL = 0
    GLYPH = 1
    GAP = 2
    PLACE = 3
    WRITER = 4
    ROTATE = 5
    SLANT = 6
    LINE_SLANT = 7
    SCALE = 8
    ELASTIC = 9
    THICKNESS = 10
    LINE_THICKNESS = 11
    SHIFT = 12
    SLOPE = 13
    BLUR = 14
    CONTRAST = 15
    BACKGROUND = 16
    NOISE = 17
    OCCLUDE = 18
    SPECKS = 19
    NEGATIVE = 20
    BEND = 21
    WAVE = 22
    CHANCE = 23
