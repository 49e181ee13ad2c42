"""
How fast are many pictures? Ratios measured in one run, alternating, medians, beside the machine's limits.

    python tests/benchmarks/batch.py MNIST_FOLDER [WORK_FOLDER]

MNIST_FOLDER holds the four original files; WORK_FOLDER is on the disk to measure (default: a temporary one).
"""

import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

_BATCH = 256
_SHARD = 1_000


def seconds_of(action: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def medians(actions: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median of each measurement, taken in turns."""
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            taken[name].append(action())
    return {name: statistics.median(values) for name, values in taken.items()}


def in_memory(count: int = 40_000) -> None:
    """DigitSequences into a warm buffer, beside filling and copying the same memory."""
    from digitseq import DigitSequences, Recipe

    recipe = Recipe(length=(4, 4), count=count, spacing_range=(2, 8), image_width=200, seed=1)
    tiles = np.random.default_rng(1).integers(0, 255, (_BATCH, 4, 28, 28), dtype=np.uint8)

    def live(dtype: str, boxes: bool) -> float:
        sequences, out = DigitSequences(recipe, dtype=dtype, boxes=boxes), np.empty((_BATCH, 28, 200), dtype)
        return seconds_of(lambda: [None for _ in sequences.batches(_BATCH, out)])

    def limit() -> float:
        out = np.empty((_BATCH, 28, 200), np.uint8)

        def fill_and_copy() -> None:
            for _ in range(count // _BATCH):
                out.fill(0)
                for place in range(4):
                    out[:, :, 10 + 40 * place : 38 + 40 * place] = tiles[:, place]

        return seconds_of(fill_and_copy)

    times = medians(
        {
            "limit: fill, copy 4 tiles": limit,
            "uint8": lambda: live("uint8", boxes=False),
            "uint8 with boxes": lambda: live("uint8", boxes=True),
            "float32": lambda: live("float32", boxes=False),
        },
        7,
    )
    print("in memory, one core, four digits, width 200, images and labels:")
    for name, seconds in times.items():
        print(f"  {name:28}{count / seconds:12,.0f} images/s")


def bare_write(folder: str, first: int, count: int, data: bytes) -> None:
    """The least that writing PNG files takes: the same bytes, no more, a folder a thousand."""
    for number in range(first, first + count):
        if number % _SHARD == 0:
            os.makedirs(f"{folder}/{number // _SHARD:03d}")  # noqa: PTH103
        with open(f"{folder}/{number // _SHARD:03d}/{number:06d}.png", "wb", buffering=0) as file:  # noqa: PTH123
            file.write(data)


def folder(work: Path, count: int = 30_000) -> None:
    """The PNG folder with one and two workers, beside two bare processes that write as many bytes."""
    command = [
        sys.executable,
        "-m",
        "digitseq",
        "batch",
        "--length",
        "4",
        "--width",
        "200",
        "--seed",
        "1",
        "-q",
    ]

    def ours(workers: int) -> float:
        out = work / "ours"
        seconds = seconds_of(
            lambda: subprocess.run(
                [*command, out, "-n", str(count), "--workers", str(workers)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        )
        shutil.rmtree(out)
        os.sync()
        return seconds

    def bare() -> float:
        out = work / "bare"
        out.mkdir()
        half = count // 2 // _SHARD * _SHARD
        jobs = [(str(out), 0, half, b"x" * 1_083), (str(out), half, count - half, b"x" * 1_083)]
        context = multiprocessing.get_context("fork")
        processes = [context.Process(target=bare_write, args=job) for job in jobs]

        def run() -> None:
            for process in processes:
                process.start()
            for process in processes:
                process.join()

        seconds = seconds_of(run)
        shutil.rmtree(out)
        os.sync()
        return seconds

    times = medians(
        {
            "bare, 2 processes": bare,
            "digitseq, 2 workers": lambda: ours(2),
            "digitseq, 1 worker": lambda: ours(1),
        },
        5,
    )
    print(f"PNG folder, {count:,} images of four digits, width 200, whole processes:")
    for name, seconds in times.items():
        ratio = times["bare, 2 processes"] / seconds
        print(f"  {name:28}{count / seconds:12,.0f} images/s ({ratio:.2f} of the bare rate)")
    print(f"  two workers are {times['digitseq, 1 worker'] / times['digitseq, 2 workers']:.2f} × one")


def memory_and_scale(work: Path) -> None:
    """Peak memory of every process, and cost per image, from small datasets to large ones."""
    print("memory (peak of each process) and cost per image beyond the first 5,000, 2 workers:")
    start_s = 0.0
    for count in (5_000, 10_000, 100_000, 300_000):
        out = work / "scale"
        command = [sys.executable, "-m", "digitseq", "batch", str(out), "--length", "4", "--width", "200"]
        start = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--seed", "1", "-q", "-n", str(count), "--workers", "2"], stdout=subprocess.DEVNULL
        )
        peaks: dict[int, int] = {}
        while process.poll() is None:
            for pid in family(process.pid):
                peaks[pid] = max(peaks.get(pid, 0), peak_kib(pid))
            time.sleep(0.1)
        seconds = time.perf_counter() - start
        workers = sorted(
            (kib for pid, kib in peaks.items() if pid != process.pid and kib > 30_000), reverse=True
        )[:2]
        names = ", ".join(f"{kib / 1024:.0f}" for kib in workers) or "-"
        beyond_us = (seconds - start_s) / (count - 5_000 or count) * 1e6
        start_s = start_s or seconds
        print(
            f"  {count:8,} images {beyond_us:7.1f} µs an image; "
            f"parent {peaks[process.pid] / 1024:.0f} MiB, workers {names} MiB"
        )
        shutil.rmtree(out)
        os.sync()


def family(pid: int) -> list[int]:
    """A process and its children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *map(int, children)]


def peak_kib(pid: int) -> int:
    """Peak memory of a process so far; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def main() -> None:
    """Measure everything."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit((__doc__ or "").strip())
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) == 3 else None) as name:
        work = Path(name)
        os.environ["DIGITSEQ_CACHE_DIR"] = str(work / "cache")
        fetch = [sys.executable, "-m", "digitseq", "fetch-mnist", "-q", "--from", sys.argv[1]]
        subprocess.run(fetch, check=True, stdout=subprocess.DEVNULL)
        in_memory()
        folder(work)
        memory_and_scale(work)


if __name__ == "__main__":
    main()
