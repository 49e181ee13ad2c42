"""
How fast `digitseq inspect` is, how large its page: python tests/benchmarks/inspection.py MNIST_FOLDER WORK.

Whole processes on one dataset of 100,000 images, in turns with `digitseq verify`, which reads the same files:
medians of five runs. WORK is where the dataset is written (if left out, where temporary files go); it is read
once before anything is measured.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from core import medians, process

_IMAGES = 100_000


def main() -> None:
    """Measure, and print a table."""
    files, where = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else tempfile.gettempdir()
    with TemporaryDirectory(dir=where) as temporary:
        folder = Path(temporary)
        os.environ["DIGITSEQ_CACHE_DIR"] = str(folder / "cache")
        digitseq = [sys.executable, "-m", "digitseq"]
        process([*digitseq, "fetch-mnist", "--from", str(files)], folder)
        batch = [*digitseq, "batch", "data", "-n", str(_IMAGES), "--length", "3-6", "--width", "200"]
        process([*batch, "--seed", "42"], folder)
        page = ["--html", "page.html", "--force"]
        commands: dict[str, list[str]] = {
            "verify": ["verify", "data"],
            "inspect": ["inspect", "data"],
            "inspect --html": ["inspect", "data", *page],
        }

        def timed(arguments: list[str]) -> Callable[[], float]:
            return lambda: process([*digitseq, *arguments], folder)[0]

        timed(commands["verify"])()  # the files are in memory from here on
        seconds = medians({name: timed(arguments) for name, arguments in commands.items()}, rounds=5)
        peak = process([*digitseq, "inspect", "data"], folder)[1]
        for name, value in seconds.items():
            print(f"{name:16} {value:6.2f} s  {value / seconds['verify']:5.2f} × verify")
        print(f"peak memory      {peak:6.0f} MiB")
        print(f"page             {(folder / 'page.html').stat().st_size / 1e6:6.2f} MB")


if __name__ == "__main__":
    main()
