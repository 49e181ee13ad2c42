"""These tests take the built-in digits from a prepared cache, which is much faster than drawing them."""

import pytest


@pytest.fixture(autouse=True)
def drawn_already(with_bank: object) -> None:
    """The cache folder of every test holds the built-in digits."""
