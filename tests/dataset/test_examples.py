"""The examples of the docs do what they say. They take minutes, so they run where they are asked for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_EXAMPLES = Path(__file__).parents[2] / "docs/examples"


@pytest.mark.skipif(
    "torch" not in os.environ.get("DIGITSEQ_TEST_FORMATS", ""),
    reason="takes minutes; DIGITSEQ_TEST_FORMATS=torch runs it",
)
def test_a_crnn_learns_to_read_strings_of_digits_it_has_never_seen(with_mnist: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = subprocess.run(
        [sys.executable, str(_EXAMPLES / "crnn.py"), "--page", str(page)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    accuracy = re.fullmatch(r"sequence accuracy ([0-9.]+), error rate [0-9.]+\n", done.stdout)
    assert accuracy is not None, done.stdout
    assert float(accuracy[1]) >= 0.95
    assert page.stat().st_size > 100_000
