"""
What an engine costs: the same dataset by a Dask cluster and by two processes of our own, on the same cores.

    python tests/benchmarks/cluster.py MNIST_FOLDER [WORK_FOLDER] [IMAGES]

MNIST_FOLDER holds the four original files; WORK_FOLDER is where to write (default: a temporary one). Starts
`dask scheduler` and two `dask worker` on loopback; they are running and connected before anything is timed,
while the processes of --workers 2 start within the time. In turns, medians.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from batch import medians, seconds_of

_PORT, _ROUNDS = 18_786, 5


def nothing_rate(address: str, count: int = 3_000) -> float:
    """How many tasks a second scheduler and client can hand out: what bounds the number of workers."""
    from distributed import Client

    from digitseq.dataset.worker_pool import run

    with Client(address, set_as_default=False) as client:
        executor = client.get_executor(pure=False, retries=2)
        seconds = seconds_of(lambda: list(run(len, ["x"] * count, 16, executor)))
    return count / seconds


def main() -> None:
    """Measure, print ratios."""
    from digitseq import make_recipe, write_dataset
    from digitseq.api import fetch_mnist

    mnist, count = sys.argv[1], int(sys.argv[3]) if len(sys.argv) > 3 else 100_000
    work = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp())
    os.environ["DIGITSEQ_CACHE_DIR"] = str(work / "cache")
    fetch_mnist(from_dir=mnist)
    recipe = make_recipe(length=(4, 4), count=count, image_width=200, seed=1, source="mnist")
    address = f"tcp://127.0.0.1:{_PORT}"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen([*dask, "scheduler", "--port", str(_PORT), "--no-dashboard"], **quiet)]  # type: ignore[call-overload]
    time.sleep(4)
    one = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    running += [subprocess.Popen([*dask, *one], **quiet) for _ in range(2)]  # type: ignore[call-overload]
    time.sleep(6)

    def write(name: str, **options: object) -> float:
        taken = seconds_of(lambda: write_dataset(recipe, work / "out", format=name, **options))  # type: ignore[arg-type]
        shutil.rmtree(work / "out")
        return taken

    try:
        actions: dict[str, Callable[[], float]] = {}
        for name in ("webdataset", "npz", "folder"):
            actions[f"{name}, own"] = partial(write, name, workers=2)
            actions[f"{name}, dask"] = partial(write, name, scheduler=address)
        for action in actions.values():
            action()
        times = medians(actions, _ROUNDS)
        tasks = nothing_rate(address)
    finally:
        for process in running:
            process.kill()
    print(f"{count:,} images of four digits, width 200, two workers on the same cores:")
    for name in ("webdataset", "npz", "folder"):
        own, other = times[f"{name}, own"], times[f"{name}, dask"]
        rates = f"own {count / own:8,.0f} images/s, dask {count / other:8,.0f}"
        print(f"  {name:11} {rates}: {other / own:.2f} × the time")
    print(f"tasks that do nothing, all processes on the same cores: {tasks:,.0f} a second")


if __name__ == "__main__":
    main()
