"""As for other datasets."""

from tests.dataset.conftest import drawn_already  # noqa: F401
