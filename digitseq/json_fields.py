"""Untrusted JSON, parsed into values of the expected types."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from digitseq.checks import as_int, short

MOST_VALUES = 2_000_000
"""Maximum number of values in a JSON text. A three-byte value can take 100 bytes of memory."""


def count_values(text: str) -> int:
    """
    Return an upper bound on the number of values in a JSON text.

    >>> count_values('{"a": [1, 2]}')
    4
    """
    return 1 + sum(text.count(mark) for mark in ",[{")


def parse_json(data: bytes | str) -> Any:
    """
    Parse a JSON text by RFC 8259, without the NaN and Infinity that Python accepts.

    Raises:
        ValueError: the text is not JSON, or has more than `MOST_VALUES` values.

    >>> parse_json(b'{"a": 1}')
    {'a': 1}
    """
    text = data if isinstance(data, str) else data.decode("utf-8-sig")
    if (values := count_values(text)) > MOST_VALUES:
        raise ValueError(f"expected at most {MOST_VALUES:,} values, found {values:,}")
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid JSON")


class Fields:
    """Fields of a JSON object. A missing field or one of another type raises a ValueError that names it."""

    def __init__(self, value: Any, what: str) -> None:
        """
        Wrap a JSON object.

        Args:
            value: a parsed JSON value.
            what: its name in messages.

        Raises:
            ValueError: the value is not an object.
        """
        if not isinstance(value, Mapping):
            raise ValueError(f"{what}: expected an object with named fields, found {short(value)}")
        self._values, self._what = value, what

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def _wrong(self, name: str, expected: str) -> ValueError:
        found = short(self._values[name]) if name in self._values else "nothing"
        return ValueError(f"{name} in {self._what}: expected {expected}, found {found}")

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string."""
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def digest(self, name: str, default: str | None = None) -> str:
        """Return a SHA-256 in hexadecimal digits."""
        value = self.text(name, default)
        if value != default and (len(value) != 64 or not set(value) <= set("0123456789abcdef")):
            raise self._wrong(name, "a SHA-256 of 64 hexadecimal digits")
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        """Return an integer within bounds."""
        number = as_int(self._values.get(name))
        if number is None or not low <= number <= high:
            raise self._wrong(name, f"an integer from {low} to {high}")
        return number

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        value = self._values.get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def items(self, name: str) -> list[Any]:
        """Return a list."""
        value = self._values.get(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return value

    def integers(self, name: str, low: int, high: int) -> list[int]:
        """Return a list of integers within bounds."""
        values = [as_int(value) for value in self.items(name)]
        numbers = [value for value in values if value is not None and low <= value <= high]
        if len(numbers) != len(values):
            raise self._wrong(name, f"a list of integers from {low} to {high}")
        return numbers

    def texts(self, name: str) -> list[str]:
        """Return a list of strings."""
        values = self.items(name)
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) != len(values):
            raise self._wrong(name, "a list of strings")
        return texts

    def object(self, name: str) -> "Fields":
        """Return the fields of a nested object."""
        if not isinstance(self._values.get(name), Mapping):
            raise self._wrong(name, "an object with named fields")
        return Fields(self._values[name], name)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return a nested object as a mapping, unchecked."""
        return self.object(name)._values
