"""Fetching: every way in which a download goes wrong leaves the cache as it was."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digitseq import SourceWarning, fetch_mnist, generate_numbers_sequence, load_glyphs
from digitseq.errors import ArgumentError, CacheError, DigitSeqWarning, FetchError
from digitseq.glyphs import download, fetch, mnist, sources
from tests.held import held
from tests.server import Mirror, serve, wait_until

_QUICK = download.Patience(first_byte_s=0.5, stall_s=0.5, file_s=1.0)
_NAMES = {file.gz_name for file in mnist.FILES}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "ASKED_FOR", download.Patience(0.5, 0.5, 30))
    monkeypatch.setattr(fetch, "IN_PASSING", _QUICK)
    monkeypatch.setattr(fetch, "QMNIST_URL", "http://127.0.0.1:9/")  # nobody listens there
    monkeypatch.setattr(fetch, "MIRRORS", ())
    monkeypatch.delenv("DIGITSEQ_OFFLINE")


@pytest.fixture
def mirror(mnist_files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    with serve(mnist_files) as server:
        monkeypatch.setattr(fetch, "MIRRORS", (server.url,))
        yield server


def _tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file in the cache but the lock and the note of a failure, with size and time of change."""
    other = ("mnist.lock", "mnist-unreachable.json")
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in other]
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}


def test_mnist_is_fetched_once_with_its_writers(
    mirror: Mirror, mnist_files: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSEQ_MNIST_MIRROR", mirror.url)
    seen: list[tuple[int, int]] = []

    def slow(_stage: str, done: int, total: int, _size: int) -> None:
        seen.append((done, total))
        time.sleep(0.002)  # so that several chunks arrive in the meantime

    assert fetch_mnist(progress=slow) == cache / "mnist-v1"
    total = sum(file.gz_bytes for file in mnist.FILES)
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert load_glyphs("mnist").writers is not None
    before = _tree(cache)
    fetch_mnist()
    assert _tree(cache) == before
    assert set(mirror.requests.values()) == {1}


def test_force_checks_the_originals_and_gets_those_that_are_damaged(mirror: Mirror, cache: Path) -> None:
    fetch_mnist()
    before = load_glyphs("mnist").digest
    labels = cache / "downloads" / mnist.TRAIN_LABELS.gz_name
    labels.write_bytes(labels.read_bytes()[:-1])
    fetch_mnist(force=True)
    assert {name: mirror.requests[name] for name in _NAMES} == {
        name: 1 + (name == mnist.TRAIN_LABELS.gz_name) for name in _NAMES
    }
    assert load_glyphs("mnist").digest == before


def test_originals_that_are_here_need_no_network(
    mirror: Mirror, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an update of digitseq, or when the parsed files are damaged."""
    fetch_mnist()
    monkeypatch.setenv("DIGITSEQ_OFFLINE", "1")
    (cache / "mnist-v1" / "manifest.json").unlink()
    assert load_glyphs("auto").name == "mnist"
    glyphs = cache / "mnist-v1" / "glyphs.npy"
    glyphs.write_bytes(glyphs.read_bytes()[:1000])
    with pytest.warns(DigitSeqWarning, match=r"was damaged \(glyphs\.npy: cut off"):
        fetch_mnist()
    assert load_glyphs("mnist").is_intact()


def test_damage_that_does_not_show_is_found_and_mended(mirror: Mirror, cache: Path) -> None:
    fetch_mnist()
    glyphs = cache / "mnist-v1" / "glyphs.npy"
    data = bytearray(glyphs.read_bytes())
    data[1_000_000] ^= 255
    glyphs.write_bytes(data)
    with pytest.warns(DigitSeqWarning, match=r"damaged \(the SHA-256 of glyphs\.npy differs\)"):
        fetch_mnist()
    assert load_glyphs("mnist").is_intact()


def test_a_file_mirror_needs_no_network(
    mnist_files: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setenv("DIGITSEQ_OFFLINE", "1")
    monkeypatch.setenv("DIGITSEQ_MNIST_MIRROR", mnist_files.as_uri())
    assert load_glyphs("auto").name == "mnist"
    assert load_glyphs("mnist").writers is not None


@pytest.mark.parametrize(
    ("manner", "words"),
    [
        ("truncated", "the connection was lost"),
        ("short", "SHA-256"),
        ("corrupted", "SHA-256"),
        ("html", "SHA-256"),
        ("missing", "404 Not Found"),
        ("error", "500 Internal Server Error"),
        ("silent", "no response"),
        ("stalled", "no data"),
        ("endless", "longer than the original"),
        ("nobody", "no connection"),
    ],
)
def test_what_goes_wrong_is_told_and_leaves_the_cache_as_it_was(
    mnist_files: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, manner: str, words: str
) -> None:
    with serve(mnist_files, manner) as bad, serve(mnist_files) as good:
        url = "http://127.0.0.1:9/" if manner == "nobody" else bad.url
        monkeypatch.setattr(fetch, "MIRRORS", (url,))
        with pytest.raises(FetchError) as caught:
            fetch_mnist()
        assert words in str(caught.value)
        assert "--from DIR" in str(caught.value)
        assert _tree(cache) == {}
        # The next mirror is tried, and says nothing of the first.
        monkeypatch.setattr(fetch, "MIRRORS", (url, good.url))
        fetch_mnist()
        assert load_glyphs("mnist").name == "mnist"


def test_a_failed_force_keeps_what_was_cached(mirror: Mirror, cache: Path) -> None:
    fetch_mnist()
    before = {name: facts for name, facts in _tree(cache).items() if name.startswith("mnist")}
    mirror.manner = "corrupted"
    shutil.rmtree(cache / "downloads")
    with pytest.raises(FetchError):
        fetch_mnist(force=True)
    assert {name: facts for name, facts in _tree(cache).items() if name.startswith("mnist")} == before
    assert load_glyphs("mnist").name == "mnist"


def test_a_slow_server_is_waited_for_when_mnist_was_asked_for_and_not_in_passing(
    mirror: Mirror, cache: Path
) -> None:
    mirror.manner = "dripping"
    with pytest.warns(SourceWarning, match="too slow"):
        assert load_glyphs("auto").name == "builtin"
    fetch_mnist()
    assert load_glyphs("auto").name == "mnist"


def test_no_server_is_asked_to_encode_what_is_encoded_already(mirror: Mirror, cache: Path) -> None:
    """Some servers call what is in a .gz file an encoding if that is accepted, and it would be unpacked."""
    mirror.manner = "gzip"
    fetch_mnist()
    assert load_glyphs("mnist").name == "mnist"


# --- auto -----------------------------------------------------------------------------------------------


def test_auto_fetches_what_is_not_cached(
    mirror: Mirror, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = generate_numbers_sequence("3502", (2, 8), 200, seed=1)
    assert [record.getMessage() for record in caplog.records] == [
        f"fetching MNIST (12 MB, once) into {cache}"
    ]
    assert (generate_numbers_sequence("3502", (2, 8), 200, seed=1, source="mnist") == image).all()


def test_a_failure_is_remembered_for_an_hour_and_fetching_by_name_always_tries(
    mirror: Mirror, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def auto() -> str:
        monkeypatch.setattr(sources, "_opened", {})
        return load_glyphs("auto").name

    mirror.manner = "missing"
    with pytest.warns(SourceWarning, match=r"404.*`digitseq fetch-mnist` to get MNIST"):
        assert auto() == "builtin"
    asked = mirror.requests.total()
    mirror.manner = "well"
    with pytest.warns(SourceWarning, match="within the last hour"):
        assert auto() == "builtin"
    assert mirror.requests.total() == asked

    note = cache / "mnist-unreachable.json"
    for age_s, name in ((3_500, "builtin"), (3_601, "mnist")):
        os.utime(note, (time.time() - age_s,) * 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SourceWarning)
            assert auto() == name
    assert not note.exists()

    shutil.rmtree(cache)
    monkeypatch.setattr(mirror, "manner", "missing")
    with pytest.warns(SourceWarning):
        assert auto() == "builtin"
    monkeypatch.setattr(mirror, "manner", "well")
    fetch_mnist()  # by name, within the hour
    assert auto() == "mnist"


def test_another_mirror_is_tried_within_the_hour(
    mnist_files: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.warns(SourceWarning):
        load_glyphs("auto")
    monkeypatch.setenv("DIGITSEQ_MNIST_MIRROR", mnist_files.as_uri())
    monkeypatch.setattr(sources, "_opened", {})
    assert load_glyphs("auto").name == "mnist"


def test_auto_is_decided_once_in_a_process(mnist_files: Path, cache: Path) -> None:
    with pytest.warns(SourceWarning):
        first = generate_numbers_sequence("35", (0, 9), None, seed=1)
    with pytest.MonkeyPatch.context() as elsewhere:  # another process fetches
        elsewhere.setattr(sources, "_opened", {})
        fetch.fetch(from_dir=mnist_files)
    assert (generate_numbers_sequence("35", (0, 9), None, seed=1) == first).all()
    fetch_mnist(from_dir=mnist_files)  # this one does
    assert load_glyphs("auto").name == "mnist"


def test_auto_waits_only_so_long_for_another_process(
    mirror: Mirror, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.mkdir()
    with (
        held(cache / "mnist.lock"),
        pytest.warns(SourceWarning, match="another digitseq is still fetching it after"),
    ):
        assert load_glyphs("auto").name == "builtin"
    assert [record.getMessage() for record in caplog.records] == [
        "another digitseq is fetching MNIST; waiting for it"
    ]


def test_a_failure_under_the_lock_is_not_repeated_by_those_who_waited(
    mirror: Mirror, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten processes that start at once without a network must not wait for it one after the other."""
    mirror.manner = "missing"
    cache.mkdir()
    note = cache / "mnist-unreachable.json"
    asked: list[bool] = []

    def failed_in_the_meantime() -> bool:
        asked.append(note.exists())
        note.write_text(json.dumps([mirror.url]))
        return asked[-1]

    monkeypatch.setattr(fetch, "failed_lately", failed_in_the_meantime)
    with held(cache / "other.lock"), pytest.warns(SourceWarning, match="a moment ago"):
        assert load_glyphs("auto").name == "builtin"
    assert asked == [False, True]
    assert not mirror.requests


@pytest.mark.parametrize("variable", fetch.OFFLINE_VARIABLES)
def test_offline_asks_nobody(
    mirror: Mirror, cache: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    fetch._remember_failure()  # of an earlier run, with a network
    monkeypatch.setenv(variable, "1")
    with pytest.warns(SourceWarning, match=f"switched off; unset .*{variable}"):
        assert load_glyphs("auto").name == "builtin"
    for ask in (fetch_mnist, lambda: load_glyphs("mnist")):
        with pytest.raises(FetchError, match=f"switched off.*{variable}"):
            ask()
    assert not mirror.requests
    monkeypatch.setenv(variable, "0")
    monkeypatch.setattr(sources, "_opened", {})
    (cache / "mnist-unreachable.json").unlink(missing_ok=True)
    assert load_glyphs("auto").name == "mnist"


def test_mnist_by_name_never_falls_back(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MIRRORS", ("http://127.0.0.1:9/",))
    with pytest.raises(FetchError):
        generate_numbers_sequence("1", (0, 0), 50, source="mnist")


def test_an_unusable_cache_does_not_stop_auto(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIGITSEQ_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.warns(SourceWarning, match="DIGITSEQ_CACHE_DIR"):
        assert load_glyphs("auto").name == "builtin"
    with pytest.raises(CacheError, match="DIGITSEQ_CACHE_DIR"):
        fetch_mnist()


@pytest.mark.parametrize("address", ["ftp://host/", "nonsense", "/a/path"])
def test_a_mirror_of_another_kind_is_refused(
    monkeypatch: pytest.MonkeyPatch, cache: Path, address: str
) -> None:
    monkeypatch.setenv("DIGITSEQ_MNIST_MIRROR", address)
    with pytest.raises(ArgumentError, match="DIGITSEQ_MNIST_MIRROR: expected an http, https or file"):
        fetch_mnist()


# --- Processes ------------------------------------------------------------------------------------------


def _start(
    *arguments: str, mirror: str, cwd: Path, limit: Callable[[], None] | None = None
) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name != "DIGITSEQ_OFFLINE"}
    return subprocess.Popen(
        [sys.executable, "-m", "digitseq", *arguments],
        env=environment | {"DIGITSEQ_MNIST_MIRROR": mirror},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )


def test_five_processes_at_once_share_one_download(mirror: Mirror, cache: Path, in_folder: Path) -> None:
    command = ["generate", "3502", "--min", "2", "--max", "8", "--width", "200", "--seed", "1"]
    processes = [_start(*command, mirror=mirror.url, cwd=in_folder) for _ in range(5)]
    results = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 5, results
    assert sorted(out.strip() for out, _ in results) == sorted(
        ["3502.png", *(f"3502-{k}.png" for k in range(1, 5))]
    )
    assert len({(in_folder / out.strip()).read_bytes() for out, _ in results}) == 1
    assert {mirror.requests[name] for name in _NAMES} == {1}
    assert {path.name for path in (cache / "mnist-v1").iterdir()} == {
        "glyphs.npy",
        "ink.npy",
        "manifest.json",
        "origin.npy",
        "writers.npy",
    }
    assert len(list((cache / "downloads").iterdir())) == 6
    assert len(load_glyphs("mnist", "all")) == 70_000


def test_a_fetch_killed_half_way_leaves_nothing_and_the_next_one_finishes(
    mirror: Mirror, cache: Path, in_folder: Path
) -> None:
    mirror.manner = "dripping"
    process = _start("fetch-mnist", mirror=mirror.url, cwd=in_folder)
    wait_until(lambda: any(path.stat().st_size for path in (cache / "downloads").glob(".partial-*")))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (cache / "mnist-v1").exists()
    mirror.manner = "well"
    process = _start("fetch-mnist", mirror=mirror.url, cwd=in_folder)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output.strip()) == (0, str(cache / "mnist-v1")), errors
    assert not list((cache / "downloads").glob(".partial-*"))
    assert len(load_glyphs("mnist", "all")) == 70_000


def test_ctrl_c_while_fetching_ends_with_130(mirror: Mirror, cache: Path, in_folder: Path) -> None:
    mirror.manner = "stalled"
    process = _start("fetch-mnist", mirror=mirror.url, cwd=in_folder)
    wait_until(lambda: any(path.stat().st_size for path in (cache / "downloads").glob(".partial-*")))
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (
        130,
        "",
        "note: fetching MNIST (12 MB, once)\n"
        "stopped: downloaded files are kept; run the same command again to resume\n",
    )
    assert not list((cache / "downloads").glob(".partial-*"))


@pytest.mark.parametrize("limit_bytes", [1_000_000, 20_000_000])  # the download, the parsed glyphs
def test_a_full_disk_is_told_with_folder_and_variable(
    mirror: Mirror, cache: Path, in_folder: Path, limit_bytes: int
) -> None:
    """A limit on the size of files stands for a full disk: writing fails in the middle."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    process = _start("fetch-mnist", mirror=mirror.url, cwd=in_folder, limit=limit)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert f"error: the cache folder {cache} cannot be used: File too large" in errors
    assert "DIGITSEQ_CACHE_DIR" in errors
    assert "Traceback" not in errors
    left = [path.name for path in cache.rglob("*") if path.name.startswith((".partial", "tmp", "manifest"))]
    assert left == []
