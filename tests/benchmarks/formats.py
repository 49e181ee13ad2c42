"""
How fast is each format? Whole calls of write_dataset, two workers, in turns, medians; beside the bare write.

    python tests/benchmarks/formats.py MNIST_FOLDER [WORK_FOLDER] [IMAGES]

MNIST_FOLDER holds the four original files; WORK_FOLDER is on the disk to measure (default: a temporary one).
The limit is two processes that write files of the same sizes with nothing else to do. Formats whose library
is not installed are left out.
"""

import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from batch import medians, seconds_of

_ROUNDS = 3
_WORKERS = 2


def bare_write(sizes: list[tuple[str, int]]) -> None:
    """Files of these sizes, and nothing else."""
    data = os.urandom(max(size for _, size in sizes))
    for name, size in sizes:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        with Path(name).open("xb", buffering=0) as file:
            file.write(data[:size])


def main() -> None:
    """Measure, print a table."""
    from importlib.util import find_spec

    from digitseq import make_recipe, write_dataset
    from digitseq.api import fetch_mnist
    from digitseq.dataset.formats import FORMATS, find_format

    mnist, count = sys.argv[1], int(sys.argv[3]) if len(sys.argv) > 3 else 150_000
    work = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp())
    os.environ["DIGITSEQ_CACHE_DIR"] = str(work / "cache")
    fetch_mnist(from_dir=mnist)
    recipe = make_recipe(length=(4, 4), count=count, image_width=200, seed=1, source="mnist")
    out = work / "out"
    names = [name for name in FORMATS if not (library := find_format(name).library) or find_spec(library)]
    sizes: dict[str, list[tuple[str, int]]] = {}
    for name in names:
        write_dataset(recipe, out, format=name, workers=_WORKERS)
        found = (path for path in out.rglob("*") if path.is_file())
        sizes[name] = [(str(out / path.relative_to(out)), path.stat().st_size) for path in sorted(found)]
        shutil.rmtree(out)

    def write(name: str) -> float:
        taken = seconds_of(lambda: write_dataset(recipe, out, format=name, workers=_WORKERS))
        shutil.rmtree(out)
        return taken

    def bare(name: str) -> float:
        halves = [sizes[name][: len(sizes[name]) // 2], sizes[name][len(sizes[name]) // 2 :]]
        with multiprocessing.get_context("fork").Pool(_WORKERS) as pool:
            pool.map(len, halves)  # started
            taken = seconds_of(lambda: pool.map(bare_write, halves))
        shutil.rmtree(out)
        return taken

    actions: dict[str, Callable[[], float]] = {name: partial(write, name) for name in names}
    actions |= {f"bare {name}": partial(bare, name) for name in names}
    times = medians(actions, _ROUNDS)
    print(f"{count:,} images of four digits, width 200, {_WORKERS} workers, their start included:")
    for name in names:
        size = sum(size for _, size in sizes[name]) / count
        line = f"  {name:11}{count / times[name]:10,.0f} images/s {size:8,.0f} bytes an image"
        print(f"{line}; bare writing {count / times[f'bare {name}']:10,.0f} images/s")


if __name__ == "__main__":
    main()
