"""Running tasks: in order, on any executor, through the death of a worker."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digitseq.dataset.worker_pool import run
from digitseq.errors import OutputError

pytestmark = pytest.mark.usefixtures("processes")


def square(number: int) -> int:
    time.sleep(0.02 if number % 3 == 0 else 0)
    return number * number


def die_once(task: tuple[int, str]) -> int:
    number, folder = task
    if number == 3:
        try:
            (Path(folder) / "died").touch(exist_ok=False)
        except FileExistsError:
            return number
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(number: int) -> int:
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail(number: int) -> int:
    if number == 4:
        raise OutputError("no room", hint="make some")
    return number


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    assert list(run(square, list(range(30)), workers)) == [n * n for n in range(30)]
    assert list(run(square, [], workers)) == []


def test_any_executor_will_do() -> None:
    with ThreadPoolExecutor(3) as pool:
        assert list(run(square, list(range(30)), 2, pool)) == [n * n for n in range(30)]


def test_the_work_of_a_dead_worker_is_done_again_once(tmp_path: Path) -> None:
    tasks = [(number, str(tmp_path)) for number in range(12)]
    assert list(run(die_once, tasks, 2)) == list(range(12))
    assert (tmp_path / "died").exists()


def test_a_worker_that_dies_again_is_told() -> None:
    with pytest.raises(OutputError, match=r"worker processes died twice.*out of memory"):
        list(run(die, list(range(12)), 2))


def test_an_error_of_a_worker_arrives_with_its_hint() -> None:
    with pytest.raises(OutputError, match=r"no room \(make some\)"):
        list(run(fail, list(range(12)), 2))


def count_and_die(task: tuple[int, str]) -> int:
    number, folder = task
    if number == 3:
        (Path(folder) / str(time.monotonic_ns())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_it_is_run_again_once_and_no_more(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="died twice"):
        list(run(count_and_die, [(number, str(tmp_path)) for number in range(6)], 2))
    assert len(list(tmp_path.iterdir())) == 2


def blocked_signals(_: int) -> str:
    status = Path("/proc/self/status").read_text()
    return next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk"))


def test_no_worker_ever_sees_ctrl_c() -> None:
    masks = {int(mask, 16) for mask in run(blocked_signals, list(range(40)), 4)}
    assert all(mask & (1 << (signal.SIGINT - 1)) for mask in masks)


def test_nothing_runs_on_when_the_caller_stops_early(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = run(square, list(range(100)), 2, pool)
        assert next(results) == 0
        results.close()
        assert pool._work_queue.qsize() == 0  # all that was handed out is cancelled or done
