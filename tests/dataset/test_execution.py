"""Running tasks: in order, on any executor, through the death of a worker."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digitseq.dataset.execution import run
from digitseq.errors import OutputError


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
    with pytest.raises(OutputError, match=r"a worker process died twice.*out of memory"):
        list(run(die, list(range(12)), 2))


def test_an_error_of_a_worker_arrives_with_its_hint() -> None:
    with pytest.raises(OutputError, match=r"no room \(make some\)"):
        list(run(fail, list(range(12)), 2))
