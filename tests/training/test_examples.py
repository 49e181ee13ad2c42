"""The examples of the docs do what they say. They take minutes, so they run where they are asked for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

_EXAMPLES = Path(__file__).parents[2] / "docs/examples"


pytestmark = pytest.mark.skipif(
    not {"1", "torch"} & set(os.environ.get("DIGITSEQ_TEST_FORMATS", "").split(",")),
    reason="takes minutes; DIGITSEQ_TEST_FORMATS=torch runs it",
)


def _run(name: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, str(_EXAMPLES / name), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_crnn_learns_to_read_strings_of_digits_it_has_never_seen(with_mnist: Path, tmp_path: Path) -> None:
    """Trained on few images in small batches; by chance, at most one number in a thousand would be right."""
    page = tmp_path / "page.html"
    output = _run("crnn.py", "--images", "3200", "--batch", "16", "--page", str(page))
    accuracy = re.fullmatch(r"sequence accuracy ([0-9.]+), error rate [0-9.]+\n", output)
    assert accuracy is not None, output
    assert float(accuracy[1]) >= 0.5
    assert page.stat().st_size > 100_000


def test_a_vae_learns_to_write_the_digits_that_it_is_asked_for(with_mnist: Path, tmp_path: Path) -> None:
    """Trained on few images in small batches; by chance, one digit in ten would be right."""
    sheet = tmp_path / "sheet.png"
    output = _run("vae.py", "--images", "4000", "--batch", "16", "--sheet", str(sheet))
    shares = re.fullmatch(r"digits read as asked: ([0-9.]+) of generated, ([0-9.]+) of drawn ones\n", output)
    assert shares is not None, output
    assert float(shares[1]) >= 0.4
    assert float(shares[2]) >= 0.8
    with Image.open(sheet) as picture:
        assert picture.size == (6 * 84, 280)
