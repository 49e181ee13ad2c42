"""
A real Dask cluster on loopback: scheduler and workers as processes, killed at bad moments.

The library is that of the extra ``dask``; without it the tests are skipped, but not where
DIGITSEQ_TEST_FORMATS names distributed.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitseq import (
    ArgumentError,
    ExtraError,
    OutputError,
    Recipe,
    verify_dataset,
    write_dataset,
)
from digitseq.dataset import cluster
from digitseq.glyphs.glyphset import GlyphSet
from tests.conftest import shrink_shards
from tests.dataset.libraries import library
from tests.dataset.made import recipe as made_recipe
from tests.dataset.made import tree as _tree
from tests.server import wait_until

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.usefixtures("small_shards_everywhere")]

_COMMAND = (
    "--length 4 --width 200 --min 2 --max 8 --seed 42 --source builtin -n 6000 --format npz"  # 60 shards
)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tree that one process writes."""
    library("distributed")
    recipe = Recipe(
        length=(4, 4), image_width=200, spacing_range=(2, 8), seed=42, source="builtin", count=6_000
    )
    folder = tmp_path_factory.mktemp("expected")
    with pytest.MonkeyPatch.context() as patch:
        shrink_shards(patch)
        write_dataset(recipe, folder, format="npz", workers=1)
    return _tree(folder)


class _Cluster:
    """A scheduler and its workers."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.folder = folder
        port = self.address.rpartition(":")[2]
        self.scheduler = self._dask("scheduler", "--host", "127.0.0.1", "--port", port)
        wait_until(lambda: b"Scheduler at" in (folder / "scheduler.log").read_bytes(), seconds=60)
        self.workers: list[subprocess.Popen[bytes]] = []

    def worker(self, name: str, *options: str, cache: Path) -> "subprocess.Popen[bytes]":
        """One more worker, with a cache folder of its own."""
        # Without a nanny, so that it is one process that can be killed, and stays so.
        options = (self.address, "--nthreads", "1", "--no-nanny", "--name", name, *options)
        process = self._dask("worker", *options, name=name, DIGITSEQ_CACHE_DIR=str(cache))
        wait_until(lambda: b"Registered to" in (self.folder / f"{name}.log").read_bytes(), seconds=60)
        self.workers.append(process)
        return process

    def _dask(
        self, kind: str, *options: str, name: str = "", **environment: str
    ) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name or kind}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", kind, "--no-dashboard", *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
                cwd=self.folder,  # not where the client is
            )


@contextmanager
def _running(folder: Path) -> Iterator[_Cluster]:
    (folder / "cluster").mkdir()
    made = _Cluster(folder / "cluster")
    try:
        yield made
    finally:
        for process in (*made.workers, made.scheduler):
            process.kill()
            process.wait()


def _batch(bank: Path, folder: Path, out: str, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "digitseq", "batch", out, *_COMMAND.split(), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"DIGITSEQ_CACHE_DIR": str(bank)},
    )


def _some(folder: Path, out: str = "out", count: int = 3) -> None:
    """Wait until some shards are there."""
    wait_until(lambda: len(list((folder / out).glob("train-*.npz"))) >= count, seconds=90)


def test_a_worker_killed_in_the_middle_changes_no_byte(
    tmp_path: Path, expected: dict[str, bytes], bank: Path
) -> None:
    with _running(tmp_path) as made:
        made.worker("first", cache=tmp_path / "cache1")
        doomed = made.worker("second", cache=tmp_path / "cache2")
        process = _batch(bank, tmp_path, "out", "--scheduler", made.address)
        _some(tmp_path)
        doomed.send_signal(signal.SIGKILL)
        assert not (tmp_path / "out/dataset.json").exists(), "killed too late to mean anything"
        output, errors = process.communicate(timeout=120)
        assert (process.returncode, output) == (0, "out\n"), errors
        # A shard of the dead worker may have been whole already.
        told = re.findall(r"([0-9,]+) (?:images written|already written)", errors)
        assert sum(int(number.replace(",", "")) for number in told) == 6_000
        assert _tree(tmp_path / "out") == expected
        # Each machine has its own glyphs, though the client's are at hand here: those of an absent folder.
        again = _batch(bank, tmp_path, "out", "--scheduler", made.address)
        output, errors = again.communicate(timeout=120)
        assert (again.returncode, output) == (0, "out\n"), errors
        assert "0 images written" in errors


def test_a_lost_scheduler_is_told_and_the_rerun_finishes(
    tmp_path: Path, expected: dict[str, bytes], bank: Path
) -> None:
    with _running(tmp_path) as made:
        made.worker("first", cache=tmp_path / "cache1")
        process = _batch(bank, tmp_path, "out", "--scheduler", made.address)
        _some(tmp_path)
        made.scheduler.kill()
        output, errors = process.communicate(timeout=120)
        assert (process.returncode, output) == (1, "")
        assert f"error: the scheduler {made.address} was lost\nhint: finished shards are kept" in errors
        assert "Traceback" not in errors, errors
        assert not (tmp_path / "out/dataset.json").exists()
    rerun = _batch(bank, tmp_path, "out", "--workers", "2")
    output, errors = rerun.communicate(timeout=120)
    assert (rerun.returncode, output) == (0, "out\n"), errors
    assert _tree(tmp_path / "out") == expected


def test_a_killed_client_leaves_what_the_rerun_finishes(
    tmp_path: Path, expected: dict[str, bytes], bank: Path
) -> None:
    with _running(tmp_path) as made:
        made.worker("first", cache=tmp_path / "cache1")
        process = _batch(bank, tmp_path, "out", "--scheduler", made.address)
        _some(tmp_path)
        process.kill()
        process.communicate()
        assert not (tmp_path / "out/dataset.json").exists()
        rerun = _batch(bank, tmp_path, "out", "--scheduler", made.address)
        output, errors = rerun.communicate(timeout=120)
        assert (rerun.returncode, output) == (0, "out\n"), errors
        assert _tree(tmp_path / "out") == expected


def test_a_cluster_on_this_machine_needs_no_address(
    tmp_path: Path, expected: dict[str, bytes], bank: Path
) -> None:
    process = _batch(bank, tmp_path, "out", "--scheduler", "local", "--workers", "2")
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, "out\n"), errors
    assert re.fullmatch(r"note: 6,000 images written \([0-9.]+ MB\) in [0-9.]+ s\n", errors)
    assert _tree(tmp_path / "out") == expected


def test_ctrl_c_stops_at_once(tmp_path: Path, bank: Path, expected: dict[str, bytes]) -> None:
    with _running(tmp_path) as made:
        made.worker("first", cache=tmp_path / "cache1")
        process = _batch(bank, tmp_path, "out", "--scheduler", made.address)
        _some(tmp_path)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output) == (130, ""), errors
        assert "Traceback" not in errors
        assert time.monotonic() - start < 60


def test_workers_fetch_their_own_mnist(tmp_path: Path, mnist_files: Path, with_mnist: Path) -> None:
    """A worker that sees neither the client's cache nor its own fetches MNIST once for all its processes."""
    library("distributed")
    from digitseq.glyphs.anywhere import GlyphsAnywhere
    from digitseq.glyphs.sources import open_source

    elsewhere = GlyphsAnywhere("mnist", tmp_path / "not here", open_source("mnist").digest)
    environment = {
        "DIGITSEQ_CACHE_DIR": str(tmp_path / "cache"),
        "DIGITSEQ_MNIST_MIRROR": mnist_files.resolve().as_uri(),
        "DIGITSEQ_OFFLINE": "0",
    }
    with _running(tmp_path) as made:
        made.workers.append(
            made._dask(
                *("worker", made.address, "--nworkers", "2", "--nthreads", "1"), name="pair", **environment
            )
        )
        log = tmp_path / "cluster/pair.log"
        wait_until(lambda: log.read_bytes().count(b"Registered to") == 2, seconds=60)
        from distributed import Client

        recipe = Recipe(length=(4, 4), image_width=200, spacing_range=(2, 8), seed=1, source="mnist", count=5)
        with Client(made.address, set_as_default=False) as client:
            cluster._check_workers(client, made.address, recipe, elsewhere)
        made.workers[-1].terminate()  # its nannies end their processes
        made.workers[-1].wait(30)
    assert (tmp_path / "cache/mnist-v1/manifest.json").is_file()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": "0.0.1"}, r"it has digitseq \S+, the client has 0.0.1"),
        ({"digest": "0" * 64}, "its digest of the recipe is [0-9a-f]{12}, the client's is 0{12}"),
        ({"glyphs": ("mnist", "0" * 64)}, "source 'builtin' has different glyphs on this machine"),
        ({"glyphs": ("", "0" * 64)}, "the glyphs in .* are not on this machine"),
    ],
)
def test_each_mismatch_of_a_worker_is_a_sentence(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    from digitseq import __version__
    from digitseq.glyphs.anywhere import GlyphsAnywhere
    from digitseq.glyphs.sources import open_source

    recipe = Recipe(length=(4, 4), image_width=200, spacing_range=(2, 8), seed=1, source="builtin", count=5)
    source, digest = change.get("glyphs", ("builtin", open_source("builtin").digest))
    glyphs = GlyphsAnywhere("builtin" if source else "", tmp_path / "nowhere", digest)
    version = change.get("version", __version__)
    found = cluster.worker_problem(
        version, recipe.to_dict(), change.get("digest", cluster.recipe_digest(recipe)), glyphs
    )
    assert re.search(told, found), found


def test_a_worker_without_this_digitseq_is_named(tmp_path: Path, bank: Path) -> None:
    library("distributed")
    (tmp_path / "shadow/digitseq").mkdir(parents=True)
    (tmp_path / "shadow/digitseq/__init__.py").write_text("__version__ = '0.0.1'\n")
    with _running(tmp_path) as made:
        made.workers.append(
            made._dask(
                *("worker", made.address, "--nthreads", "1", "--no-nanny"),
                name="old",
                PYTHONPATH=str(tmp_path / "shadow"),
            )
        )
        wait_until(lambda: b"Registered to" in (tmp_path / "cluster/old.log").read_bytes(), seconds=60)
        process = _batch(bank, tmp_path, "out", "--scheduler", made.address)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert re.match(
        r"error: the worker tcp://127.0.0.1:\d+ has no digitseq or an older version \(", errors
    ), errors
    assert "Traceback" not in errors


def test_a_scheduler_that_cannot_be_used_is_told(
    tmp_path: Path, bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library("distributed")
    with _running(tmp_path) as made:
        process = _batch(bank, tmp_path, "out", "--scheduler", made.address)
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output) == (1, "")
        assert errors.startswith(
            f"error: the scheduler {made.address} has no workers\nhint: start some: dask worker"
        )
    monkeypatch.setattr(cluster, "_CONNECT_S", 1)
    recipe = Recipe(length=(4, 4), image_width=200, spacing_range=(2, 8), seed=1, source="builtin", count=5)
    with pytest.raises(
        Exception, match=f"{made.address} cannot be reached.*check that `dask scheduler` is running"
    ):
        write_dataset(recipe, tmp_path / "out2", scheduler=made.address)
    wrong = _batch(bank, tmp_path, "out3", "--scheduler", "127.0.0.1")
    assert wrong.communicate(timeout=60)[1].startswith(
        "error: --scheduler: expected an address such as tcp://host"
    )
    assert wrong.returncode == 2


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "foo://x:1", "tcp://", "tcp://127.0.0.1:abc", "tcp://host", ""]
)
def test_addresses_are_checked(tmp_path: Path, address: str) -> None:
    library("distributed")
    with pytest.raises(ArgumentError, match="scheduler: expected an address such as tcp://host:8786"):
        write_dataset(made_recipe(count=5), tmp_path / "out", scheduler=address)
    assert not (tmp_path / "out").exists()


def test_tls_without_certificates_is_told(tmp_path: Path) -> None:
    library("distributed")
    with pytest.raises(OutputError, match=r"tls://127.0.0.1:8786 needs certificates.*distributed.comm.tls"):
        write_dataset(made_recipe(count=5), tmp_path / "out", scheduler="tls://127.0.0.1:8786")


def test_a_cluster_that_has_lost_all_workers_is_told(
    tmp_path: Path, bank: Path, expected: dict[str, bytes]
) -> None:
    with _running(tmp_path) as made:
        only = made.worker("only", cache=tmp_path / "cache1")
        process = _batch(bank, tmp_path, "out", "--scheduler", made.address)
        _some(tmp_path)
        only.kill()
        output, errors = process.communicate(timeout=90)
    assert (process.returncode, output) == (1, ""), errors
    assert (
        f"error: the scheduler {made.address} has no workers left\nhint: finished shards are kept" in errors
    )


def test_glyphs_say_what_another_machine_opens(tmp_path: Path, solid: GlyphSet, with_mnist: Path) -> None:
    from digitseq.glyphs.sources import open_source, source_of

    np.savez(tmp_path / "own.npz", images=np.full((20, 28, 28), 9, np.uint8), labels=np.arange(20) % 10)
    for source, told in (
        ("mnist", "mnist"),
        ("builtin", "builtin"),
        ("builtin:7", "builtin:7"),
        ("builtin:copperplate:7", "builtin:copperplate:7"),
        (tmp_path / "own.npz", str(tmp_path / "own.npz")),
    ):
        glyphs = open_source(source)
        assert source_of(glyphs) == source_of(glyphs.choose("train")) == told
        assert open_source(told).digest == glyphs.digest
    assert source_of(solid) == ""


def test_without_dask_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    recipe = Recipe(length=(4, 4), image_width=200, spacing_range=(2, 8), seed=1, source="builtin", count=5)
    with pytest.raises(ExtraError, match=r"pip install 'digitseq\[dask\]'"):
        write_dataset(recipe, tmp_path / "out", scheduler="local")
    write_dataset(recipe, tmp_path / "out", workers=1)
    assert list(verify_dataset(tmp_path / "out")) == []


@contextmanager
def _answering(manner: str) -> Iterator[int]:
    """A server that is no Dask scheduler; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def serve() -> None:
            with suppress(OSError):
                while not ended.is_set():
                    connection, _ = server.accept()
                    if manner == "HTTP":
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                    elif manner == "SSH":
                        connection.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2\r\n")
                    if manner == "closing":
                        connection.close()
                    else:
                        open_ones.append(connection)

        open_ones: list[socket.socket] = []
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        ended.set()
        server.shutdown(socket.SHUT_RDWR)
        for connection in open_ones:
            connection.close()
        thread.join(5)


@pytest.mark.parametrize("manner", ["mute", "HTTP", "SSH", "closing", "nobody"])
def test_what_is_no_scheduler_is_told_in_time(manner: str, tmp_path: Path, bank: Path) -> None:
    """Through the command line, which must also end in time afterwards."""
    library("distributed")
    with _answering(manner) if manner != "nobody" else nullcontext(1) as port:
        quick = "from digitseq.dataset import cluster; cluster._CONNECT_S = 2"
        code = f"{quick}; from digitseq.__main__ import main; main()"
        command = ["batch", "out", *_COMMAND.split(), "--scheduler", f"tcp://127.0.0.1:{port}"]
        done = subprocess.run(
            [sys.executable, "-c", code, *command],
            cwd=tmp_path,
            env=os.environ | {"DIGITSEQ_CACHE_DIR": str(bank)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    errors = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert len(errors) == 2, done.stderr
    assert errors[0].startswith(f"error: the scheduler tcp://127.0.0.1:{port} cannot be reached: ")
    assert errors[1].startswith("hint: check that `dask scheduler` is running there")
    assert not (tmp_path / "out").exists()


def test_ctrl_c_is_heard_while_a_scheduler_is_waited_for(tmp_path: Path, bank: Path) -> None:
    library("distributed")
    with _answering("mute") as port:
        process = _batch(bank, tmp_path, "out", "--scheduler", f"tcp://127.0.0.1:{port}")
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_a_scheduler_that_hangs_is_told_and_ctrl_c_is_heard(
    tmp_path: Path, bank: Path, expected: dict[str, bytes]
) -> None:
    with _running(tmp_path) as made:
        made.worker("first", cache=tmp_path / "cache1")
        for number, code in ((None, 1), (signal.SIGINT, 130)):
            process = _batch(bank, tmp_path, f"out{code}", "--scheduler", made.address)
            wait_until(lambda code=code: list((tmp_path / f"out{code}").glob("train-*")), seconds=60)
            made.scheduler.send_signal(signal.SIGSTOP)
            try:
                time.sleep(2)
                if number is not None:
                    process.send_signal(number)
                _, errors = process.communicate(timeout=45)
            finally:
                made.scheduler.send_signal(signal.SIGCONT)
            assert process.returncode == code, errors
            assert "Traceback" not in errors
            assert ("was lost" in errors) == (code == 1), errors
