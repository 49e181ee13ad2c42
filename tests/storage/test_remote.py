"""Datasets in other storage: a real S3 server over HTTP, and fsspec's own file systems."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from digitseq import (
    DigitSequences,
    ExtraError,
    FormatError,
    OutputError,
    Recipe,
    inspect_dataset,
    read_dataset,
    read_recipe,
    verify_dataset,
    write_dataset,
)
from digitseq.dataset.formats import FORMATS, find_format
from digitseq.dataset.formats.base import Format
from digitseq.dataset.shards import Place
from digitseq.storage.open_storage import open_storage
from tests import program
from tests.dataset.libraries import library
from tests.dataset.made import CARD, recipe
from tests.dataset.made import tree as _tree
from tests.storage.s3 import Server, serving

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.usefixtures("with_bank")]


def _recipe(**fields: Any) -> Recipe:
    return recipe(**{"length": (2, 4), "image_width": 110, "count": 1_200} | fields)


def _files(form: Format, place: Place) -> list[str]:
    return sorted(form.common_files(place) + form.shard_files(place, 0))


def _objects(url: str) -> dict[str, bytes]:
    storage = open_storage(url)
    names = sorted(storage.files() - CARD)
    read = storage.reader(names, 1 << 24)
    return {name: read(name) or b"" for name in names}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """An S3 server with the bucket ``bucket``; the environment leads there."""
    library("moto")
    s3fs = library("s3fs")
    settings = {
        "AWS_ACCESS_KEY_ID": "right",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "3",
    }
    with serving() as made, pytest.MonkeyPatch.context() as patch:
        for name, value in (settings | {"AWS_ENDPOINT_URL": made.url}).items():
            patch.setenv(name, value)
        # An earlier test in this process may have used another server with the same buckets.
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().makedirs("bucket", exist_ok=True)
        yield made


@pytest.fixture
def bucket(server: Server, request: pytest.FixtureRequest) -> str:
    """A URL of this test's own."""
    return "s3://bucket/" + re.sub(r"\W", "-", request.node.name)


# --- S3 -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("name", list(FORMATS))
def test_objects_are_the_bytes_of_the_local_dataset(bucket: str, tmp_path: Path, name: str) -> None:
    if find_format(name).library:
        library(find_format(name).library)
    count = 110 if name not in ("folder", "flat") else 12  # each image takes one or two requests
    wanted = _recipe(splits={"train": count, "test": 20}, count=None)
    options: dict[str, Any] = {
        "format": name,
        "workers": 1,
        "labels": ["coco", "yolo"] if name == "folder" else (),
    }
    summary = write_dataset(wanted, bucket, **options)
    assert (summary.path, summary.written) == (bucket, count + 20)
    write_dataset(wanted, tmp_path, **options)
    assert _objects(bucket) == _tree(tmp_path)
    assert write_dataset(wanted, bucket, workers=1).written == 0
    assert list(verify_dataset(bucket)) == []
    assert read_recipe(bucket) == read_recipe(f"{bucket}/dataset.json") == read_recipe(tmp_path)
    image, label = read_dataset(bucket).splits["test"][7]
    live = DigitSequences(wanted.by_split()[1])[7]
    assert (label, image.tobytes()) == (live[1], live[0].tobytes())
    report = inspect_dataset(bucket, split="test")
    assert (report.faults, len(report.table)) == (0, 20)
    file = _files(find_format(name), read_dataset(bucket).splits["train"].place)[-1]
    open_storage(bucket).put(file, b"damaged")
    assert any(f"{bucket}/{file}" in problem for problem in verify_dataset(bucket))
    write_dataset(wanted, bucket, workers=1)
    assert _objects(bucket) == _tree(tmp_path)


@pytest.mark.usefixtures("small_shards_everywhere")
@pytest.mark.parametrize(
    ("name", "count", "waits"), [("folder", 60, (10, 30)), ("webdataset", 600, (12, 15))]
)
def test_a_killed_run_is_finished_by_the_same_command(
    bucket: str, server: Server, tmp_path: Path, name: str, count: int, waits: tuple[int, ...]
) -> None:
    wanted = "--length 2-4 --min 2 --max 8 --width 110 --seed 42 --source builtin --workers 2"
    command = [
        sys.executable,
        "-m",
        "digitseq",
        "batch",
        bucket,
        *wanted.split(),
        "--format",
        name,
        "-n",
        str(count),
    ]
    write_dataset(_recipe(count=count), tmp_path / "local", format=name, workers=1)
    for wait in waits:  # requests that are answered before the kill
        before = server.answered
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        while server.answered - before < wait and process.poll() is None:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert "dataset.json" not in open_storage(bucket).files()
        with pytest.raises(FormatError, match=r"not a finished dataset|not finished"):
            read_dataset(bucket)
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["path"] == bucket
    assert _objects(bucket) == _tree(tmp_path / "local")


def test_a_server_that_is_unwell_for_a_while_is_asked_again(
    bucket: str, server: Server, tmp_path: Path
) -> None:
    server.well, server.unwell = 4, 2
    write_dataset(_recipe(), bucket, format="npz", workers=1)
    assert server.unwell == 0
    assert list(verify_dataset(bucket)) == []


@pytest.mark.usefixtures("small_shards")
def test_a_server_that_stays_unwell_is_told_and_nothing_is_half_written(bucket: str, server: Server) -> None:
    server.well, server.unwell = 8, 10_000
    try:
        with pytest.raises(
            (OutputError, FormatError), match=rf"{bucket}.* cannot be (written|read): .*(503|reduce)"
        ):
            write_dataset(_recipe(count=300), bucket, format="npz", workers=1)
    finally:
        server.well = server.unwell = 0
    assert "dataset.json" not in open_storage(bucket).files()
    write_dataset(_recipe(count=300), bucket, format="npz", workers=1)
    assert list(verify_dataset(bucket)) == []
    assert sorted(_objects(bucket)) == ["dataset.json", *(f"train-00000{number}.npz" for number in range(3))]


def test_a_missing_bucket_and_wrong_credentials_are_told(server: Server, tmp_path: Path) -> None:
    def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
        done = program.as_text(program.run(*arguments, cwd=tmp_path, env=os.environ | environment))
        return done.returncode, done.stdout, done.stderr

    write = ["-n", "5", "--length", "2", "--seed", "1", "--source", "builtin"]
    code, output, errors = run("batch", "s3://nowhere/run", *write)
    assert (code, output) == (1, "")
    assert errors == "error: s3://nowhere/run cannot be written: The specified bucket does not exist\n"
    for command in (
        ["batch", "s3://bucket/run", *write],
        ["verify", "s3://bucket/run"],
        ["inspect", "s3://bucket/run"],
    ):
        code, output, errors = run(*command, AWS_ACCESS_KEY_ID="wrong")
        assert (code, output) == (1, "")
        assert re.fullmatch(
            r"error: s3://bucket/run.* cannot be read: .*(Access Key|Forbidden|denied).*\n", errors
        ), errors
    for looking in ("verify", "inspect"):
        code, output, errors = run(looking, "s3://bucket/nothing")
        assert (code, output) == (1, "")
        assert "s3://bucket/nothing" in errors
        assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "cache"])


@pytest.mark.usefixtures("small_shards")
def test_parts_are_put_together_in_a_bucket_and_in_memory(bucket: str, tmp_path: Path) -> None:
    wanted = _recipe(count=300)
    for url, name in ((bucket, "webdataset"), (f"memory://{bucket[5:]}", "folder")):
        write_dataset(wanted, tmp_path / name, format=name, workers=1)
        for part in (3, 1, 2):
            write_dataset(wanted, url, format=name, part=(part, 3), workers=1)
        assert _objects(url) == _tree(tmp_path / name)


def test_the_commands_verify_and_inspect_take_urls(bucket: str) -> None:
    write_dataset(_recipe(count=30), bucket, format="webdataset", workers=1)
    for command, told in (("verify", "30 images verified"), ("inspect", "2 to 8 px")):
        done = program.as_text(program.run(command, bucket))
        assert done.returncode == 0, done.stderr
        assert told in done.stdout + done.stderr
    done = program.as_text(program.run("batch", f"{bucket}-2", "--recipe", f"{bucket}/dataset.json", "-q"))
    assert done.returncode == 0, done.stderr
    assert _objects(f"{bucket}-2") == _objects(bucket)


# --- Other file systems ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("name", ["folder", "npz", "webdataset"])
def test_memory_is_a_place_like_any_other(tmp_path: Path, name: str) -> None:
    library("fsspec")
    wanted, url = _recipe(count=600), f"memory://{tmp_path.name}-{name}"
    write_dataset(wanted, url, format=name, workers=2)  # in this process: no other sees it
    write_dataset(wanted, tmp_path / "local", format=name, workers=1)
    assert _objects(url) == _tree(tmp_path / "local")
    with pytest.raises(OutputError, match="another recipe"):
        write_dataset(_recipe(count=5), url, workers=1)
    write_dataset(_recipe(count=5), url, workers=1, force=True)
    assert sorted(_objects(url)) == sorted(
        [
            *(f"images/000/00000{number}.png" for number in range(5)),
            "dataset.json",
            "labels.csv",
            "metadata.jsonl",
        ]
    )
    open_storage(url).put("notes.txt", b"mine")
    open_storage(url).remove("dataset.json")
    with pytest.raises(OutputError, match="is not a digitseq dataset"):
        write_dataset(_recipe(count=5), url, workers=1)


def test_memory_cannot_be_shared_with_other_processes(tmp_path: Path) -> None:
    library("fsspec")
    with ThreadPoolExecutor(2) as threads, pytest.raises(OutputError, match="exists only in this process"):
        write_dataset(_recipe(), f"memory://{tmp_path.name}", executor=threads)


def test_file_urls_are_paths(tmp_path: Path) -> None:
    write_dataset(_recipe(count=5), f"file://{tmp_path}/out", workers=1)
    assert list(verify_dataset(tmp_path / "out")) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_reads_too(bucket: str) -> None:
    write_dataset(_recipe(count=8), bucket, format="npz", workers=1)
    part = read_dataset(bucket).splits["train"]
    here = [part[number][1] for number in range(8)]
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.map(part.__getitem__, range(8))[3][1] == here[3]


def test_what_is_missing_for_a_url_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    library("fsspec")
    for url, told in (("foo://x/y", "Protocol not known: foo"), ("gs://x/y", "gcsfs")):
        with pytest.raises((OutputError, ExtraError), match=told):
            write_dataset(_recipe(count=5), url, workers=1)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(library("fsspec.registry")._registry, "s3", raising=False)
    with pytest.raises(ExtraError, match=r"s3://x/y needs s3fs.*pip install 'digitseq\[s3\]'"):
        read_dataset("s3://x/y")


def test_without_fsspec_urls_name_the_extra_and_paths_need_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    for url, extra in (("s3://x/y", "s3"), ("memory://x/y", "fsspec")):
        with pytest.raises(ExtraError, match=rf"needs fsspec.*pip install 'digitseq\[{extra}\]'"):
            write_dataset(_recipe(count=5), url, workers=1)
    write_dataset(_recipe(count=5), tmp_path / "out", workers=1)
    assert list(verify_dataset(tmp_path / "out")) == []


def test_a_rerun_on_s3_does_not_ask_for_what_the_listing_tells(bucket: str, server: Server) -> None:
    write_dataset(_recipe(count=120), bucket, workers=1)
    before = server.answered
    assert write_dataset(_recipe(count=120), bucket, workers=1).written == 0
    assert server.answered - before < 100
    open_storage(bucket).put("images/000/000007.png", b"damaged")
    open_storage(bucket).remove("images/000/000110.png")
    assert write_dataset(_recipe(count=120), bucket, workers=1).written == 2
    assert list(verify_dataset(bucket)) == []


def test_objects_are_written_and_read_many_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the library of the storage sends one request after the other."""
    memory = library("fsspec.implementations.memory").MemoryFileSystem
    url, inside, most = "memory://many", Counter[str](), Counter[str]()

    def watched(name: str) -> Callable[..., Any]:
        real = getattr(memory, name)

        def call(*args: Any, **options: Any) -> Any:
            inside[name] += 1
            most[name] = max(most[name], inside[name])
            time.sleep(0.001)
            try:
                return real(*args, **options)
            finally:
                inside[name] -= 1

        return call

    for name in ("pipe_file", "cat_file"):
        monkeypatch.setattr(memory, name, watched(name))
    write_dataset(_recipe(count=200), url, workers=1)
    assert most["pipe_file"] > 4
    assert list(verify_dataset(url)) == []
    assert most["cat_file"] > 4
