"""
digitseq beside the two text-image generators that people use: images a second and memory, digit strings.

    python tests/benchmarks/peers.py MNIST_FOLDER WORK_FOLDER

Makes a virtual environment for each peer in WORK_FOLDER (and keeps it there). All draw lines of four or five
digits, 28 to 32 px high, clean, with two workers, as PNG files; the peers with their fastest settings. Whole
processes in turns, medians; each makes enough images that its start does not count.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from batch import family, peak_kib

_ROUNDS = 3
_PEERS = {
    "trdg 1.8.0": ["trdg==1.8.0", "pillow<10"],
    "synthtiger 1.2.1": ["synthtiger==1.2.1", "numpy<2", "pillow<10"],
}
_COUNTS = {"digitseq": 60_000, "trdg 1.8.0": 1_000, "synthtiger 1.2.1": 2_000}

# The least that synthtiger needs to draw a line of text: one font, no effects.
_TIGER = """
import os, random
import numpy as np
from PIL import Image
from synthtiger import components, layers, templates

class Digits(templates.Template):
    def __init__(self, config=None):
        self.font = components.BaseFont(paths=[os.environ["FONTS"]], weights=[1], size=[28, 28])

    def generate(self):
        text = "".join(random.choices("0123456789", k=random.randint(4, 5)))
        return {"image": layers.TextLayer(text, **self.font.sample()).output(), "label": text}

    def init_save(self, root):
        os.makedirs(root, exist_ok=True)
        self.labels = open(os.path.join(root, "labels.txt"), "w")

    def save(self, root, data, idx):
        Image.fromarray(data["image"].astype(np.uint8)[..., :3]).save(os.path.join(root, f"{idx:06d}.png"))
        self.labels.write(f"{idx:06d}.png\\t{data['label']}\\n")

    def end_save(self, root):
        self.labels.close()
"""


def environment(folder: Path, packages: list[str]) -> Path:
    """The folder of the programs of a virtual environment with some packages."""
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", *packages], check=True)
        (folder / "ready").touch()
    return folder / "bin"


def measure(command: list[str | Path], out: Path, variables: dict[str, str]) -> tuple[float, float]:
    """Seconds of a whole process, and the sum of the peak memory of it and its children (MiB)."""
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | variables,
        cwd=out.parent,
    )
    peaks: dict[int, int] = {}

    def watch() -> None:
        while process.poll() is None:
            for pid in family(process.pid):
                peaks[pid] = max(peaks.get(pid, 0), peak_kib(pid))
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    seconds = time.perf_counter() - start
    watcher.join()
    if process.returncode:
        raise SystemExit(f"failed: {command}")
    return seconds, sum(peaks.values()) / 1024


def main() -> None:
    """Measure all three."""
    if len(sys.argv) != 3:
        raise SystemExit((__doc__ or "").strip())
    work = Path(sys.argv[2]).absolute()
    work.mkdir(parents=True, exist_ok=True)
    programs = {name: environment(work / name.split()[0], packages) for name, packages in _PEERS.items()}
    chance = random.Random(1)
    lines = ["".join(chance.choices("0123456789", k=chance.randint(4, 5))) for _ in range(2_000)]
    (work / "digits.txt").write_text("\n".join(lines))
    (work / "tiger.py").write_text(_TIGER)
    (work / "tiger.yaml").write_text("{}\n")
    fonts = next(programs["trdg 1.8.0"].parent.glob("lib/python*/site-packages/trdg/fonts/latin"))
    variables = {"FONTS": str(fonts), "DIGITSEQ_CACHE_DIR": str(work / "cache")}
    fetch = [sys.executable, "-m", "digitseq", "fetch-mnist", "-q", "--from", sys.argv[1]]
    subprocess.run(fetch, check=True, stdout=subprocess.DEVNULL, env=os.environ | variables)

    def command(name: str) -> list[str | Path]:
        count, out = str(_COUNTS[name]), work / "out"
        if name == "digitseq":
            how = ["--length", "4-5", "--workers", "2", "--seed", "1", "-q"]
            return [sys.executable, "-m", "digitseq", "batch", out, "-n", count, *how]
        if name == "trdg 1.8.0":
            how = ["-t", "2", "-f", "32", "-e", "png", "-b", "1", "--output_dir", str(out)]
            return [programs[name] / "trdg", "-i", "digits.txt", "-c", count, *how]
        return [
            programs[name] / "synthtiger",
            "-o",
            out,
            "-c",
            count,
            "-w",
            "2",
            "tiger.py",
            "Digits",
            "tiger.yaml",
        ]

    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in _COUNTS}
    for _ in range(_ROUNDS):
        for name in _COUNTS:
            taken[name].append(measure(command(name), work / "out", variables))
            shutil.rmtree(work / "out")
            os.sync()
    rates = {name: _COUNTS[name] / statistics.median(t for t, _ in runs) for name, runs in taken.items()}
    print("two workers, lines of four or five digits, PNG files, whole processes:")
    for name, runs in taken.items():
        memory = statistics.median(m for _, m in runs)
        ratio = rates["digitseq"] / rates[name]
        print(f"  {name:18}{rates[name]:10,.0f} images/s {memory:8.0f} MiB; digitseq is {ratio:.0f} ×")


if __name__ == "__main__":
    main()
