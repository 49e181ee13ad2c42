"""Convert the digits of a sequence to text."""

from collections.abc import Iterable
from typing import SupportsIndex

from digitseq.checks import as_int, short
from digitseq.errors import ArgumentError

MAX_DIGITS = 65_536
"""Maximum length of a sequence: the number of positions in the randomness contract."""


def sequence_text(digits: str | Iterable[SupportsIndex]) -> str:
    """
    Return a sequence as text.

    Args:
        digits: a string of ASCII digits, or an iterable of integers 0–9 (including numpy's).

    Returns:
        One character per digit.

    Raises:
        ArgumentError: an element is not a digit (the message names its value and position), or the
            sequence is empty or longer than MAX_DIGITS.

    >>> sequence_text([0, 0, 4, 2])
    '0042'
    """
    if isinstance(digits, str):
        text = str(digits)
        # isdigit alone accepts '３' and '²'.
        if not (text.isascii() and text.isdigit()):
            for position, character in enumerate(text):
                if character not in "0123456789":
                    raise ArgumentError(
                        "digits",
                        f"expected digits 0–9, got {character!r} at position {position + 1} of {short(text)}",
                    )
    else:
        text = "".join(_digit_texts(digits))
    if not text:
        raise ArgumentError("digits", "expected at least one digit, got none")
    if len(text) > MAX_DIGITS:
        raise ArgumentError("digits", f"expected at most {MAX_DIGITS} digits, got more")
    return text


def _digit_texts(digits: Iterable[SupportsIndex]) -> Iterable[str]:
    if isinstance(digits, bytes | bytearray):
        raise ArgumentError("digits", f"expected a string or integers, got bytes: {short(bytes(digits))}")
    try:
        values = iter(digits)
    except TypeError:
        number = as_int(digits)
        hint = f"write it as a string: '{number}'" if number is not None and 0 <= number < 10**100 else ""
        raise ArgumentError(
            "digits", f"expected a string or an iterable of integers 0–9, got {short(digits)}", hint=hint
        ) from None
    for position, value in enumerate(values):
        number = as_int(value)
        if number is None or not 0 <= number <= 9:
            raise ArgumentError(
                "digits", f"expected integers 0–9, got {short(value)} at position {position + 1}"
            )
        if position >= MAX_DIGITS:  # stop an endless generator
            raise ArgumentError("digits", f"expected at most {MAX_DIGITS} digits, got more")
        yield "0123456789"[number]
