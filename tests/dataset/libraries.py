"""Libraries that only some environments have: without one, its tests are skipped, or fail if asked for."""

import importlib
import importlib.util
import os
from typing import Any

import pytest


def library(name: str) -> Any:
    """A library; the test is skipped without it, but not where DIGITSEQ_TEST_FORMATS names it (or is 1)."""
    wanted = os.environ.get("DIGITSEQ_TEST_FORMATS", "")
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        reason = f"{name} is not installed: pip install -e '.[test-formats]'"
        if wanted == "1" or name in wanted.split(","):
            pytest.fail(reason)
        pytest.skip(reason)
    return importlib.import_module(name)
