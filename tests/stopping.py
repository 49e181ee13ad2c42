"""
Stopping the program with a signal at any moment, and looking at what is left.

`python -m tests.stopping 200 50 50` stops `batch` 200 times with SIGINT and 50 times each with SIGTERM and
SIGHUP, divided among the formats, and every other command 50 times with each of the three signals.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import SMALL

SIZE = "800"  # images: four small shards for each of two workers
_BATCH = ("batch", "out", "-n", SIZE, "--length", "4", "--width", "160", "--seed", "5", "--source", "builtin")

COMMANDS: dict[str, Sequence[str]] = {
    "folder": (*_BATCH, "--workers", "2"),
    "webdataset": (*_BATCH, "--workers", "2", "--format", "webdataset"),
    "parquet": (*_BATCH, "--workers", "2", "--format", "parquet"),
    "npz": (*_BATCH, "--workers", "2", "--format", "npz"),
    "lmdb": (*_BATCH, "--workers", "2", "--format", "lmdb"),
    "one process": (*_BATCH, "--workers", "1"),
    "part": (*_BATCH, "--workers", "2", "--part", "1/1"),
    "dask": (*_BATCH, "--scheduler", "local", "--workers", "2", "--format", "npz"),
    "generate": ("generate", "0123456789", "--source", "builtin", "--seed", "1", "--force", "-o", "one.png"),
    "generate many": ("generate", "-", "--source", "builtin", "--seed", "1", "-o", "many"),
    "verify": ("verify", "whole"),
    "inspect": ("inspect", "whole", "--html", "page.html", "--force"),
    "fetch-mnist": ("fetch-mnist", "--force"),
}
_FORMATS = ("folder", "webdataset", "parquet", "npz", "lmdb")


@dataclass
class Stage:
    """
    Where commands run.

    Attributes:
        folder: the current folder of each.
        environment: theirs.
    """

    folder: Path
    environment: dict[str, str]

    @classmethod
    def make(cls, folder: Path, mnist: Path, bank: Path | None = None) -> "Stage":
        """A stage with a dataset to read and a mirror to fetch from; its cache is a copy of the bank."""
        folder.mkdir(parents=True, exist_ok=True)
        if bank is not None:
            shutil.copytree(bank, folder / "cache")
        environment = os.environ | {
            "DIGITSEQ_CACHE_DIR": str(folder / "cache"),
            "DIGITSEQ_MNIST_MIRROR": f"file://{mnist.resolve()}",
            "PYTHONPATH": os.pathsep.join(filter(None, (SMALL, os.environ.get("PYTHONPATH")))),
            "PYTHONWARNINGS": "default",
            "TMPDIR": str(folder / "temporary"),
        }
        environment.pop("DIGITSEQ_OFFLINE", None)
        stage = cls(folder, environment)
        (folder / "numbers.txt").write_text("".join(f"{number:05d}\n" for number in range(1_500)))
        for command in (("fetch-mnist",), (*_BATCH[:1], "whole", *_BATCH[2:], "--workers", "2")):
            stage.run(command)
        return stage

    def start(self, command: Sequence[str]) -> "subprocess.Popen[str]":
        """Start a command in a session of its own."""
        shutil.rmtree(self.folder / "temporary", ignore_errors=True)
        (self.folder / "temporary").mkdir()
        with (self.folder / "numbers.txt").open() as numbers:
            return subprocess.Popen(
                [sys.executable, "-m", "digitseq", *command],
                cwd=self.folder,
                env=self.environment,
                stdin=numbers,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )

    def run(self, command: Sequence[str]) -> float:
        """Run a command to its end; how long it takes, s, from where signals are noted."""
        process = self.start(command)
        begin = _begun(process)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        return time.monotonic() - begin

    def stop(self, command: Sequence[str], number: int, delay_s: float, *, group: bool = True) -> bool:
        """
        Start a command, stop it with a signal, and look at what is left.

        Returns:
            Whether the signal came before the command was done.
        """
        process = self.start(command)
        _begun(process)
        time.sleep(delay_s)
        if group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        output, errors = process.communicate(timeout=60)
        told = f"{signal.Signals(number).name} after {delay_s:.3f} s of {' '.join(command)}: {errors}"
        # Python's own exit takes its handlers away: a signal that comes after the result ends it at once.
        codes = (0, 128 + number, -number) if output or errors else (0, 128 + number)
        assert process.returncode in codes, f"exit code {process.returncode}, {told}"
        for word in ("Traceback", "Warning", "leaked", "error:"):
            assert word not in errors, told
        if process.returncode > 0:
            assert errors.splitlines()[-1].startswith("stopped: "), told
        running = list(_session(process.pid))
        assert running == [], f"{told}\nstill running: {running}"
        left = [path for path in self.folder.rglob("*") if _is_scratch(path)]
        assert left == [], f"{told}\nleft: {left}"
        left = list((self.folder / "temporary").iterdir())
        assert left == [], f"{told}\nleft: {left}"
        return process.returncode != 0


def _begun(process: "subprocess.Popen[str]") -> float:
    """Wait until the program has come to its first statement: Python itself does not catch SIGTERM."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        caught = next(
            (line for line in status.read_text().splitlines() if line.startswith("SigCgt")), "SigCgt 0"
        )
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            break
        time.sleep(0.0005)
    return time.monotonic()


def _session(leader: int) -> Iterator[str]:
    """Processes of a session that are still there after a moment."""
    for _ in range(50):
        left = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text()
            except OSError:
                continue
            state, _, _, session = text.rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                left.append(text.rpartition(")")[0])
        if not left:
            return
        time.sleep(0.02)
    yield from left


def _is_scratch(path: Path) -> bool:
    return path.name.startswith((".partial-", "tmp")) or path.name == ".digitseq.lock"


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder and its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def stop_often(stage: Stage, name: str, numbers: Sequence[int], chance: random.Random) -> int:
    """
    Stop a command at random moments, with each of some signals; run it again to its end and compare.

    Returns:
        How many signals came before it was done.
    """
    command, stopped = COMMANDS[name], 0
    made = stage.folder / ("many" if name == "generate many" else "out")
    shutil.rmtree(made, ignore_errors=True)
    whole_s = stage.run(command)
    expected = tree(made) if made.exists() else {}
    for number in numbers:
        shutil.rmtree(made, ignore_errors=True)
        stopped += stage.stop(command, number, chance.random() * whole_s, group=chance.random() < 0.7)
        if command[0] == "batch":
            stage.run(command)
            assert tree(made) == expected
    return stopped


def main() -> None:
    """Stop every command as often as the arguments say."""
    interrupts, terminations, others = (int(text) for text in sys.argv[1:4])
    chance = random.Random(time.time_ns())
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage.make(Path(folder) / "stage", Path(os.environ["DIGITSEQ_TEST_MNIST"]))
        for name in COMMANDS:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                times = others
                if name in _FORMATS:
                    times = (interrupts if number == signal.SIGINT else terminations) // len(_FORMATS)
                stopped = stop_often(stage, name, [number] * times, chance)
                sys.stdout.write(f"{name}: {number.name} {times} times, {stopped} before its end\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
