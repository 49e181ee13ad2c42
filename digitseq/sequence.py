"""The digits of a sequence, as people give them → text."""

from collections.abc import Iterable
from typing import SupportsIndex

from digitseq.checks import as_int, short
from digitseq.errors import ArgumentError

MAX_DIGITS = 65_536
"""Most digits of one sequence: as many as the randomness contract has positions."""


def sequence_text(digits: str | Iterable[SupportsIndex]) -> str:
    """
    A sequence as text, from text or from any iterable of integers.

    Args:
        digits: ASCII digits, or integers 0–9 (numpy's too; an iterator is used up).

    Raises:
        ArgumentError: something in it is not a digit (its value and place are named), it is empty, or
            it is longer than MAX_DIGITS.

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
                        f"expected digits 0–9, got {character!r} at position {position} of {short(text)}",
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
        raise ArgumentError("digits", f"expected a text or integers, got bytes: {short(bytes(digits))}")
    try:
        values = iter(digits)
    except TypeError:
        number = as_int(digits)
        hint = f"write it as text: '{number}'" if number is not None and 0 <= number < 10**100 else ""
        raise ArgumentError(
            "digits", f"expected a text or an iterable of integers 0–9, got {short(digits)}", hint=hint
        ) from None
    for position, value in enumerate(values):
        number = as_int(value)
        if number is None or not 0 <= number <= 9:
            raise ArgumentError("digits", f"expected integers 0–9, got {short(value)} at position {position}")
        if position >= MAX_DIGITS:  # an endless generator ends here
            raise ArgumentError("digits", f"expected at most {MAX_DIGITS} digits, got more")
        yield "0123456789"[number]
