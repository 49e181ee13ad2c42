"""Ctrl-C, SIGTERM and SIGHUP stop every command at any moment and leave nothing behind."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from digitseq import make_recipe, write_dataset
from digitseq.interrupts import Interrupted, check, interruptible, noted
from tests.conftest import PROCESSES
from tests.stopping import COMMANDS, Stage, stop_often

_LIBRARIES = {"parquet": "pyarrow", "lmdb": "lmdb", "dask": "distributed"}

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, mnist_files: Path, bank: Path) -> Stage:
    return Stage.make(tmp_path_factory.mktemp("stopping") / "stage", mnist_files, bank)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_any_moment_ends_a_command_cleanly_and_the_same_command_finishes_it(
    stage: Stage, name: str
) -> None:
    if (library := _LIBRARIES.get(name)) and find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    if name == "dask" and not PROCESSES:
        pytest.skip("no processes can be started here")
    chance = random.Random(name)
    first, second = chance.sample([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], 2)
    stop_often(stage, name, [first, second] if name == "folder" else [first], chance)


def test_a_signal_during_the_first_imports_leaves_no_traceback(stage: Stage) -> None:
    for delay_s in (0, 0.01, 0.03, 0.08):
        assert stage.stop(COMMANDS["generate"], signal.SIGINT, delay_s)


def test_what_is_ignored_from_the_start_stays_ignored(stage: Stage) -> None:
    """As with `nohup`, and in the background of a script."""
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = stage.start(COMMANDS["one process"])
    finally:
        signal.signal(signal.SIGHUP, ignored)
    time.sleep(0.5)
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


@pytest.mark.parametrize(
    "command",
    [
        ["generate", "-"],
        ["batch", "out", "--sequences", "pipe"],
        ["inspect", "data", "--predictions", "pipe"],
    ],
)
def test_ctrl_c_is_heard_while_a_pipe_is_waited_for(command: list[str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    write_dataset(make_recipe(length=2, count=3, seed=1, source="builtin"), tmp_path / "data", workers=1)
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "digitseq", *command],
        cwd=tmp_path,
        stdin=reading,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    os.close(reading)
    os.close(writing)
    assert (process.returncode, errors) == (130, "stopped: nothing was done\n")


# --- For programs ---------------------------------------------------------------------------------------


def test_in_a_block_ctrl_c_raises_at_the_next_check_and_nowhere_else() -> None:
    reached = []

    def work() -> None:
        with noted():
            signal.raise_signal(signal.SIGINT)
            reached.append("past the signal")
            check()
            reached.append("past the check")

    with pytest.raises(Interrupted):
        work()
    assert reached == ["past the signal"]
    check()  # and that is all


def test_ctrl_c_that_nobody_checked_for_raises_at_the_end_of_the_block() -> None:
    with pytest.raises(KeyboardInterrupt), noted():
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_not_lost_if_an_error_ends_the_block() -> None:
    def fail(pressed: bool) -> None:
        with noted():
            if pressed:
                signal.raise_signal(signal.SIGINT)
            raise OSError("disk full")

    with pytest.raises(Interrupted):
        fail(pressed=True)
    with pytest.raises(OSError, match="disk full"):
        fail(pressed=False)


def test_waiting_can_be_interrupted() -> None:
    with pytest.raises(Interrupted), noted():
        wait_for_something()


@interruptible()
def wait_for_something() -> None:
    signal.raise_signal(signal.SIGINT)
    pytest.fail("it should have raised")


def test_a_handler_of_the_program_is_left_alone() -> None:
    pressed = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        with noted():
            signal.raise_signal(signal.SIGINT)
            check()
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [signal.SIGINT]


def test_ctrl_c_in_a_program_ends_write_dataset_and_leaves_nothing_half(tmp_path: Path) -> None:
    recipe = make_recipe(length=4, count=9_000, seed=1, source="builtin")
    main = threading.main_thread().ident
    assert main is not None
    seen = []

    def press(_stage: str, done: int, _total: int, _size: int) -> None:
        seen.append(done)
        signal.pthread_kill(main, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        write_dataset(recipe, tmp_path / "out", workers=2, progress=press)
    assert len(seen) == 1
    left = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file() and path.suffix != ".png"}
    assert left == {".digitseq-unfinished.json"}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
