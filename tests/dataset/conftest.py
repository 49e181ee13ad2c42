"""Datasets of built-in digits that have been drawn before, which is much faster."""

import pytest


@pytest.fixture(autouse=True)
def drawn_already(with_bank: object) -> None:
    """The cache folder of every test holds the built-in digits."""
