"""JSON from files, of which nothing is believed: parsed into values of the types that are expected."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from digitseq.checks import as_int, short

MOST_VALUES = 2_000_000
"""Maximum number of values in a JSON text. A value of three bytes can take 100 bytes of memory."""


def count_values(text: str) -> int:
    """
    At most how many values a JSON text has.

    >>> count_values('{"a": [1, 2]}')
    4
    """
    return 1 + sum(text.count(mark) for mark in ",[{")


def parse_json(data: bytes | str) -> Any:
    """
    The value of a JSON text, by RFC 8259: without NaN and Infinity, which Python would take.

    Raises:
        ValueError: it is not JSON, or has more than `MOST_VALUES` values.

    >>> parse_json(b'{"a": 1}')
    {'a': 1}
    """
    text = data if isinstance(data, str) else data.decode("utf-8-sig")
    if (values := count_values(text)) > MOST_VALUES:
        raise ValueError(f"expected at most {MOST_VALUES:,} values, found {values:,}")
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class Fields:
    """The fields of a JSON object. One that is missing or of another type is a ValueError that names it."""

    def __init__(self, value: Any, what: str) -> None:
        """
        Begin.

        Args:
            value: what should be an object.
            what: what to call it in a message.

        Raises:
            ValueError: it is not an object.
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
        """A text."""
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def digest(self, name: str, default: str | None = None) -> str:
        """A SHA-256 in hexadecimal digits."""
        value = self.text(name, default)
        if value != default and (len(value) != 64 or not set(value) <= set("0123456789abcdef")):
            raise self._wrong(name, "a SHA-256 of 64 hexadecimal digits")
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        """An integer within bounds."""
        number = as_int(self._values.get(name))
        if number is None or not low <= number <= high:
            raise self._wrong(name, f"an integer from {low} to {high}")
        return number

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._values.get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def items(self, name: str) -> list[Any]:
        """A list."""
        value = self._values.get(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return value

    def integers(self, name: str, low: int, high: int) -> list[int]:
        """A list of integers within bounds."""
        values = [as_int(value) for value in self.items(name)]
        numbers = [value for value in values if value is not None and low <= value <= high]
        if len(numbers) != len(values):
            raise self._wrong(name, f"a list of integers from {low} to {high}")
        return numbers

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        values = self.items(name)
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) != len(values):
            raise self._wrong(name, "a list of texts")
        return texts

    def object(self, name: str) -> "Fields":
        """An object."""
        if not isinstance(self._values.get(name), Mapping):
            raise self._wrong(name, "an object with named fields")
        return Fields(self._values[name], name)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object, as it is."""
        return self.object(name)._values
