"""
How fast is one picture? Ratios measured in one run, alternating, medians.

    python tests/benchmarks/core.py MNIST_FOLDER

MNIST_FOLDER holds the four original files. Everything else is made in a temporary folder.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_ROUNDS = 21
_BARE = "import typer, rich, numpy, PIL.Image"


def process(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds and peak memory (MiB) of a whole process."""
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"failed: {command}")
    return seconds, usage.ru_maxrss / 1024


def seconds_of(action: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def medians(actions: dict[str, Callable[[], float]], rounds: int = _ROUNDS) -> dict[str, float]:
    """Median of each measurement, taken in turns."""
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            taken[name].append(action())
    return {name: statistics.median(values) for name, values in taken.items()}


def whole_process(folder: Path) -> None:
    """`digitseq generate` beside the imports that any such program needs."""
    digitseq = str(Path(sys.executable).with_name("digitseq"))
    words = ["generate", "3502", "--min", "2", "--max", "8", "--width", "200", "--force"]
    commands = {
        "imports alone": [sys.executable, "-c", _BARE],
        "generate, cached MNIST": [digitseq, *words],
        "generate, built-in digits": [digitseq, *words, "--source", "builtin"],
        "generate --help": [digitseq, "generate", "--help"],
    }
    for command in commands.values():
        process(command, folder)
    memory: dict[str, float] = {}

    def run(name: str) -> float:
        seconds, memory[name] = process(commands[name], folder)
        return seconds

    times = medians({name: lambda name=name: run(name) for name in commands})  # type: ignore[misc]
    base = "imports alone"
    print(f"whole process, {_ROUNDS} rounds; imports alone = {_BARE!r}")
    offline = times["generate, built-in digits"] / times["generate, cached MNIST"]
    for name, seconds in times.items():
        ratio, peak = seconds / times[base], memory[name] / memory[base]
        print(f"  {name:28}{seconds * 1000:7.1f} ms ({ratio:.2f} ×) {memory[name]:7.1f} MiB ({peak:.2f} ×)")
    print(f"  built-in digits, drawn as needed: {offline:.2f} × of cached MNIST")


def opening(files: Path) -> None:
    """Opening the cache beside parsing the files."""
    from digitseq.glyphs import mnist
    from digitseq.glyphs.glyph_cache import mnist_dir, open_glyphs
    from digitseq.glyphs.idx import read_idx

    def parse() -> None:
        for file in mnist.FILES:
            read_idx(files / file.gz_name)

    times = medians(
        {"parse": lambda: seconds_of(parse), "open": lambda: seconds_of(lambda: open_glyphs(mnist_dir()))}
    )
    share = times["open"] / times["parse"]
    print(f"cached MNIST: opening {times['open'] * 1000:.2f} ms, {share:.2%} of reading the gz files")


def drawing() -> None:
    """The built-in digits: drawn one bank after another, beside mapping what is drawn."""
    import numpy as np

    from digitseq import builtin
    from digitseq.glyphs.glyph_cache import open_glyphs, stored_folder
    from digitseq.glyphs.handwriting.builtin import BuiltinGlyphs

    rows = np.arange(0, 60_000, 6)
    folder = stored_folder(builtin())
    times = medians(
        {
            "draw": lambda: seconds_of(lambda: BuiltinGlyphs(1).prepare(rows)),
            "map": lambda: seconds_of(lambda: open_glyphs(folder)),
        },
        9,
    )
    rate = len(rows) / times["draw"]
    print(f"built-in digits: {rate:,.0f} glyphs/s on one core; the bank opens in {times['map'] * 1e3:.1f} ms")


def loop() -> None:
    """generate_numbers_sequence in a loop, beside the least that a picture needs in numpy."""
    import numpy as np

    from digitseq import generate_numbers_sequence, load_glyphs

    tiles = load_glyphs("mnist").images

    def plain(count: int) -> None:
        """No checks, no fit, no alignment, no ink, no seed a picture: numpy's own choice of four tiles."""
        chance = np.random.default_rng(1)
        for _ in range(count):
            image = np.zeros((28, 200), np.float32)
            left = 10
            for row, gap in zip(chance.integers(0, 60_000, 4), chance.integers(2, 9, 4), strict=True):
                image[:, left : left + 28] = tiles[row] / np.float32(255)
                left += 28 + int(gap)

    def ours(count: int) -> None:
        for seed in range(count):
            generate_numbers_sequence("3502", (2, 8), 200, seed=seed)

    ours(200)
    count = 2000
    times = medians(
        {"ours": lambda: seconds_of(lambda: ours(count)), "plain": lambda: seconds_of(lambda: plain(count))},
        9,
    )
    rates = {name: count / seconds for name, seconds in times.items()}
    print(f"in a loop: {rates['ours']:,.0f} images/s; a bare loop over tiles {rates['plain']:,.0f} images/s")


def main() -> None:
    """Measure everything."""
    if len(sys.argv) != 2:
        raise SystemExit((__doc__ or "").strip())
    files = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DIGITSEQ_CACHE_DIR"] = str(Path(folder) / "cache")
        # In a process of its own: a child's peak memory counts from its parent's.
        subprocess.run(
            [sys.executable, "-m", "digitseq", "fetch-mnist", "-q", "--from", files],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        whole_process(Path(folder))
        opening(files)
        drawing()
        loop()


if __name__ == "__main__":
    main()
