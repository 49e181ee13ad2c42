"""A cache, processes or locks that are not there do not stop the work; one line says so."""

import errno
import fcntl
import json
import multiprocessing
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitseq import (
    CacheError,
    DigitSeqWarning,
    FetchError,
    SourceError,
    cache_folder,
    draw,
    fetch_mnist,
    generate_numbers_sequence,
    kernels,
    load_glyphs,
    make_recipe,
    verify_dataset,
    write_dataset,
)
from digitseq.dataset import worker_pool as execution
from digitseq.dataset.cpu_count import cores
from digitseq.glyphs import glyph_cache as store
from digitseq.glyphs.anywhere import GlyphsAnywhere
from digitseq.glyphs.glyph_cache import damage, mnist_dir, open_glyphs, save_glyphs, stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting.builtin import BuiltinGlyphs, builtin
from tests.conftest import shrink_shards

pytestmark = pytest.mark.usefixtures("small_shards_everywhere")

# More than four shards, so that the built-in digits are rendered into the cache and workers are started.
RECIPE = make_recipe(length=2, count=500, image_width=60, seed=1, source="builtin")


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory, bank: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITSEQ_CACHE_DIR", str(bank))
        shrink_shards(patch)
        return write_dataset(RECIPE, tmp_path_factory.mktemp("whole") / "out", format="npz", workers=1).pixels


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that cannot be made, not even by root."""
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "cache"
    monkeypatch.setenv("DIGITSEQ_CACHE_DIR", str(folder))
    builtin.__globals__["_opened"].cache_clear()
    return folder


def _own(folder: Path) -> Path:
    images = np.zeros((20, 28, 28), np.uint8)
    images[:, 5:20, 9:15] = 200 + np.arange(20, dtype=np.uint8)[:, None, None]
    np.savez(folder / "own.npz", images=images, labels=np.arange(20) % 10)
    return folder / "own.npz"


# --- The cache ------------------------------------------------------------------------------------------


def test_one_process_needs_no_cache_and_says_nothing(no_cache: Path, tmp_path: Path, pixels: str) -> None:
    assert write_dataset(RECIPE, tmp_path / "out", format="npz", workers=1).pixels == pixels


def test_without_a_cache_datasets_are_written_all_the_same(
    no_cache: Path, tmp_path: Path, pixels: str
) -> None:
    with pytest.warns(
        DigitSeqWarning,
        match=r"the cache folder .* cannot be used: .*Not a directory; working without a cache",
    ):
        written = write_dataset(RECIPE, tmp_path / "out", format="npz", workers=2)
    assert written.pixels == pixels


def test_without_a_cache_glyphs_of_your_own_are_drawn_in_one_process(no_cache: Path, tmp_path: Path) -> None:
    recipe = make_recipe(length=2, count=500, image_width=60, seed=1)
    with pytest.warns(DigitSeqWarning, match="working without a cache, in one process"):
        write_dataset(recipe, tmp_path / "out", source=_own(tmp_path), format="npz", workers=2)
    assert list(verify_dataset(tmp_path / "out", source=tmp_path / "own.npz")) == []


@pytest.mark.usefixtures("processes")
def test_the_command_line_says_so_in_one_line(no_cache: Path, tmp_path: Path) -> None:
    command = "batch out -n 500 --length 2 --format npz --source builtin --workers 2"
    done = subprocess.run(
        [sys.executable, "-m", "digitseq", *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "out\n"), done.stderr
    warned = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "action",
    [
        lambda folder: generate_numbers_sequence("12", (2, 8), None, seed=1),
        lambda folder: load_glyphs("auto"),
        lambda folder: load_glyphs(folder),
        lambda folder: next(iter(draw(make_recipe(["12"], seed=1), folder))),
        lambda folder: write_dataset(RECIPE, folder / "out", format="npz", workers=2),
        lambda folder: write_dataset(
            RECIPE.changed(augment="light", image_width=80), folder / "out", format="npz", workers=1
        ),
        lambda folder: sorted([0], key=lambda _: len(load_glyphs(folder))),
        lambda folder: exec("load_glyphs('auto')", {"__name__": None, "load_glyphs": load_glyphs}),
    ],
    ids=[
        "one image",
        "auto",
        "unused files",
        "unused files of a recipe",
        "no cache",
        "no compiler",
        "below a library",
        "without a module",
    ],
)
def test_a_warning_points_to_the_calling_line(
    action: Callable[[Path], object], no_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "glyphs"
    for digit in range(10):
        (own / str(digit)).mkdir(parents=True)
        Image.fromarray(np.pad(np.full((20, 20), 250, np.uint8), 4)).save(own / str(digit) / "1.png")
    (own / "unused.png").touch()
    monkeypatch.setenv("CC", "false")
    monkeypatch.delenv("DIGITSEQ_KERNELS")
    monkeypatch.setattr(kernels, "_state", kernels._State())
    with pytest.warns(DigitSeqWarning) as caught:
        action(own)
    assert {warning.filename for warning in caught} <= {__file__, "<string>"}


def test_a_warning_needs_no_caller(no_cache: Path) -> None:
    """In a thread that begins in digitseq, there is no other frame."""
    code = """
import _thread, sys, warnings, digitseq
done = _thread.allocate_lock()
done.acquire()
warnings.showwarning = sys.unraisablehook = lambda *told: (print(*told), done.release())
_thread.start_new_thread(digitseq.load_glyphs, ("auto",))
done.acquire()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("using the built-in digits instead of MNIST"), done.stdout


def test_a_worker_elsewhere_does_without_a_cache_too(no_cache: Path) -> None:
    glyphs = GlyphsAnywhere("builtin", None, builtin().digest)
    assert glyphs.choose("test").counts.tolist() == [500] * 10


def test_a_file_system_that_maps_no_files_is_read(
    tmp_path: Path, solid: GlyphSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_glyphs(tmp_path / "solid", solid)
    real = np.load

    def load(path: Path, mmap_mode: str | None = None) -> Any:
        if mmap_mode:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return real(path)

    monkeypatch.setattr(np, "load", load)
    glyphs = open_glyphs(tmp_path / "solid")
    assert glyphs is not None
    assert np.array_equal(glyphs.images, solid.images)


@pytest.mark.parametrize("name", ["manifest.json", "glyphs.npy", "ink.npy"])
def test_what_may_not_be_read_is_not_called_damaged(
    name: str, tmp_path: Path, solid: GlyphSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_glyphs(tmp_path / "solid", solid)
    real = os.open

    def refuse(path: Any, *args: Any, **options: Any) -> Any:
        if str(path).endswith(name):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *args, **options)

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(CacheError, match="cannot be read: Permission denied") as caught:
        open_glyphs(tmp_path / "solid")
    assert "--force" not in caught.value.hint


@pytest.mark.parametrize("name", ["glyphs.npy", "ink.npy", "origin.npy"])
def test_a_file_that_is_missing_is_named(name: str, tmp_path: Path, solid: GlyphSet) -> None:
    save_glyphs(tmp_path / "solid", solid)
    (tmp_path / "solid" / name).unlink()
    with pytest.raises(CacheError, match=f"damaged: {name} is missing"):
        open_glyphs(tmp_path / "solid")


def test_a_complete_cache_is_used_without_a_lock(with_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only file system."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("digitseq.storage.locks.lock_file", refuse)
    assert fetch_mnist() == mnist_dir()


def test_the_version_of_the_form_is_part_of_the_folders_name(
    cache: Path, solid: GlyphSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = stored_folder(solid)
    monkeypatch.setattr(store, "STORE_FORMAT", store.STORE_FORMAT + 1)
    assert stored_folder(GlyphSet.from_arrays(solid.images, solid.labels, name="solid")) != first
    assert mnist_dir().name == f"mnist-v{store.STORE_FORMAT}"
    assert first.is_dir()


@pytest.mark.parametrize("refusal", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_files_cannot_be_locked_nobody_waits(
    refusal: int, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(fcntl, "flock", flock)
    glyphs = load_glyphs(_own(tmp_path))
    assert stored_folder(glyphs).is_relative_to(cache)
    write_dataset(RECIPE, tmp_path / "out", source=glyphs, format="npz", workers=1)
    assert list(verify_dataset(tmp_path / "out", source=glyphs)) == []


# --- Damage ---------------------------------------------------------------------------------------------


def _spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1_000] ^= 0xFF
    path.write_bytes(data)


def _what_is_wrong(folder: Path) -> str:
    """What is wrong with stored glyphs, whether that is seen when they are opened or later."""
    try:
        glyphs = open_glyphs(folder)
    except CacheError as error:
        return error.problem.rpartition(": ")[2]
    assert glyphs is not None
    return damage(glyphs)


@pytest.fixture
def own_mnist(mnist_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the cached MNIST."""
    shutil.copytree(mnist_cache, tmp_path / "mine")
    monkeypatch.setenv("DIGITSEQ_CACHE_DIR", str(tmp_path / "mine"))
    return mnist_dir()


@pytest.mark.parametrize("name", ["glyphs.npy", "ink.npy", "origin.npy", "writers.npy"])
def test_damaged_glyphs_are_found_by_reading_every_byte(name: str, own_mnist: Path) -> None:
    glyphs = open_glyphs(own_mnist)
    assert glyphs is not None
    assert damage(glyphs) == ""
    del glyphs
    _spoil(own_mnist / name)
    assert _what_is_wrong(own_mnist) in (f"the SHA-256 of {name} differs", "ink beyond the glyph")


def test_verify_and_batch_do_not_believe_a_damaged_cache(own_mnist: Path, tmp_path: Path) -> None:
    recipe = make_recipe(length=2, count=500, image_width=70, seed=1, source="mnist")
    write_dataset(recipe.changed(count=20), tmp_path / "out", workers=1)
    _spoil(own_mnist / "glyphs.npy")
    with pytest.raises(CacheError, match=r"damaged: the SHA-256 of glyphs\.npy differs") as caught:
        list(verify_dataset(tmp_path / "out"))
    assert "fetch-mnist" in caught.value.hint
    with pytest.raises(CacheError, match="damaged"):
        write_dataset(recipe, tmp_path / "more", workers=1)


def test_fetch_mnist_repairs_a_damaged_cache_and_says_so(own_mnist: Path, mnist_files: Path) -> None:
    before = sha256((own_mnist / "glyphs.npy").read_bytes()).hexdigest()
    _spoil(own_mnist / "glyphs.npy")
    with pytest.warns(
        DigitSeqWarning, match=r"was damaged \(the SHA-256 of glyphs\.npy differs\) and has been repaired"
    ):
        fetch_mnist(from_dir=mnist_files)
    assert sha256((own_mnist / "glyphs.npy").read_bytes()).hexdigest() == before


def test_a_cache_that_lacks_a_file_is_no_reason_not_to_draw(own_mnist: Path) -> None:
    (own_mnist / "ink.npy").unlink()
    with pytest.raises(CacheError, match=r"ink\.npy is missing"):
        load_glyphs("mnist")
    with pytest.warns(DigitSeqWarning, match=r"built-in digits instead of MNIST: .*ink\.npy is missing"):
        assert load_glyphs("auto").name == "builtin"


def test_the_built_in_digits_are_verified_as_they_are_drawn(cache: Path, bank: Path, tmp_path: Path) -> None:
    """Their digest tells how they are drawn, so nothing stored of them is believed."""
    write_dataset(RECIPE.changed(count=20), tmp_path / "out", workers=1)
    shutil.copytree(bank, cache)
    builtin.__globals__["_opened"].cache_clear()
    folder = stored_folder(builtin())
    _spoil(folder / "glyphs.npy")
    data = np.load(folder / "glyphs.npy")
    data[...] = 255 - data
    np.save(folder / "glyphs.npy", data)
    builtin.__globals__["_opened"].cache_clear()
    assert builtin().folder == folder
    assert list(verify_dataset(tmp_path / "out")) == []
    assert stored_folder(BuiltinGlyphs(0)) == folder  # drawn again
    again = open_glyphs(folder)
    assert again is not None
    assert damage(again) == ""
    builtin.__globals__["_opened"].cache_clear()


def test_glyphs_that_are_not_those_of_their_digest_are_refused(tmp_path: Path, solid: GlyphSet) -> None:
    write_dataset(make_recipe(["12"], seed=1, count=3), tmp_path / "out", source=solid, workers=1)
    stored, ink, bounds = solid.arrays()
    stored = stored.copy()
    stored[0, 10, 10] ^= 255
    other = GlyphSet(stored, ink, bounds, solid.origin, name="solid", digest=solid.digest)
    with pytest.raises(SourceError, match="do not match their digest"):
        list(verify_dataset(tmp_path / "out", source=other))


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": {}},
        {"sha256": {"glyphs.npy": "0"}},
        {"writers": False},
        {"widest_ink": [1] * 10},
        {"sha256": ["glyphs.npy"]},
    ],
    ids=lambda change: str(change)[:30],
)
def test_the_manifest_of_the_cache_is_not_believed_either(change: dict[str, Any], own_mnist: Path) -> None:
    manifest = json.loads((own_mnist / "manifest.json").read_text())
    if "writers" in change:
        del manifest["sha256"]["writers.npy"]
    (own_mnist / "manifest.json").write_text(json.dumps(manifest | change))
    assert _what_is_wrong(own_mnist)


def test_a_small_dataset_is_not_drawn_from_a_damaged_cache(own_mnist: Path, tmp_path: Path) -> None:
    _spoil(own_mnist / "glyphs.npy")
    with pytest.raises(CacheError, match="damaged"):
        write_dataset(make_recipe(["12"], seed=1, source="mnist"), tmp_path / "out", workers=1)


def test_what_is_damaged_and_cannot_be_repaired_now_is_told_as_such(own_mnist: Path) -> None:
    _spoil(own_mnist / "glyphs.npy")
    for file in (own_mnist.parent / "downloads").glob("*"):
        file.unlink()
    with pytest.raises(
        FetchError, match=r"the cached MNIST is damaged \(the SHA-256 of glyphs\.npy differs\), and"
    ):
        fetch_mnist()


def test_a_read_only_cache_without_writers_is_complete_enough(
    own_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = json.loads((own_mnist / "manifest.json").read_text())
    (own_mnist / "writers.npy").unlink()
    del manifest["sha256"]["writers.npy"]
    (own_mnist / "manifest.json").write_text(json.dumps(manifest | {"writers": False}))

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("digitseq.storage.locks.lock_file", refuse)
    assert fetch_mnist() == own_mnist


def test_a_user_without_a_home_draws_the_built_in_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs under a user id without a name."""

    def refuse(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("platformdirs.user_cache_path", refuse)
    monkeypatch.delenv("DIGITSEQ_CACHE_DIR")
    cache_folder._cache_dir.cache_clear()
    builtin.__globals__["_opened"].cache_clear()
    with pytest.warns(DigitSeqWarning, match="there is no cache folder: could not determine the home"):
        assert load_glyphs("auto").name == "builtin"
    with pytest.warns(DigitSeqWarning, match="working without a cache"):
        write_dataset(RECIPE, tmp_path / "out", format="npz", workers=2)
    with pytest.raises(CacheError, match="there is no cache folder"):
        load_glyphs("mnist")


# --- Processes ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [
        (execution, "ProcessPoolExecutor", errno.ENOSPC),  # no semaphores
        (ProcessPoolExecutor, "_spawn_process", errno.EAGAIN),
    ],
    ids=["no pool", "no processes"],
)
@pytest.mark.usefixtures("with_bank")
def test_where_no_processes_can_be_started_one_does_everything(
    tmp_path: Path, pixels: str, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, number: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(owner, name, refuse)
    told = re.escape(f"worker processes cannot be started ({os.strerror(number)})")
    with pytest.warns(DigitSeqWarning, match=told):
        assert write_dataset(RECIPE, tmp_path / "out", format="npz", workers=2).pixels == pixels


def _write_in_a_worker(out: str) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        written = write_dataset(RECIPE, out, format="npz", workers=2).pixels
    return written + "".join(str(warning.message) for warning in caught)


@pytest.mark.usefixtures("processes")
def test_a_worker_of_a_pool_writes_datasets_in_one_process(
    tmp_path: Path, pixels: str, with_bank: Path
) -> None:
    """Such a process is daemonic, and may not start others."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        told = pool.apply(_write_in_a_worker, (str(tmp_path / "out"),))
        pool.close()
        pool.join()
    assert told.startswith(pixels)
    assert "this process is itself a pool worker" in told


@pytest.mark.parametrize(
    "make", ["mount -t tmpfs -o ro tmpfs /dev/shm", "mount -t tmpfs -o size=4k,nr_inodes=1 tmpfs /dev/shm"],
    ids=["read-only", "full"],
)  # fmt: skip
def test_shared_memory_is_not_needed(make: str, pixels: str, bank: Path) -> None:
    alone = ["unshare", "-m", "sh", "-c"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*alone, make], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs the right to mount")
    command = (
        "batch out -n 500 --length 2 --width 60 --seed 1 --source builtin --format npz --workers 2 --json"
    )
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # not in /dev/shm, which is about to change
        shutil.copytree(bank, f"{folder}/cache")
        done = subprocess.run(
            [*alone, f"{make} && exec {shlex.quote(sys.executable)} -m digitseq {command} --json"],
            cwd=folder,
            env=os.environ | {"DIGITSEQ_CACHE_DIR": f"{folder}/cache", "TMPDIR": folder},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert f'"pixels": "{pixels}"' in done.stdout
    assert "worker processes cannot be started" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"docker/x/cpu.max": "100000 100000\n", "cpu.max": "max 100000\n"}, 1),
        ({"docker/cpu.max": "50000 100000\n", "docker/x/cpu.max": "max 100000\n"}, 1),
        ({"cpu/docker/x/cpu.cfs_quota_us": "50000\n", "cpu/docker/x/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/docker/x/cpu.cfs_quota_us": "-1\n", "cpu/docker/x/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "30000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu.max": "nonsense\n"}, None),
        ({}, None),
    ],
    ids=["half a core", "no limit", "of the container", "of what is above it", "version 1",
         "version 1 without", "version 1 at its root", "nonsense", "no groups"],
)  # fmt: skip
def test_the_quota_of_a_container_is_respected(
    files: dict[str, str], expected: int | None, tmp_path: Path
) -> None:
    groups = tmp_path / "cgroup"
    groups.write_text("3:cpu,cpuacct:/docker/x\n2:memory:/docker/x\n0::/docker/x\n")
    mounted = tmp_path / "mounted"
    for name, content in files.items():
        (mounted / name).parent.mkdir(parents=True, exist_ok=True)
        (mounted / name).write_text(content)
    everything = cores(tmp_path / "nothing", mounted)
    assert cores(groups, mounted) == (expected or everything)


@pytest.mark.usefixtures("processes")
def test_scripts_need_no_main_guard(tmp_path: Path, with_bank: Path) -> None:
    """Workers do not run the script again, which would write the dataset once more in each of them."""
    script = tmp_path / "script.py"
    script.write_text(
        "from digitseq import make_recipe, write_dataset\n"
        "print('begun')\n"
        "recipe = make_recipe(length=1, count=9000, image_width=40, seed=1, source='builtin')\n"
        "print(write_dataset(recipe, 'out', format='npz', workers=2).written)\n"
    )
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "begun\n9000\n", "")


@pytest.mark.usefixtures("processes")
def test_in_a_process_that_still_imports_the_script_the_cause_is_named(
    tmp_path: Path, with_bank: Path
) -> None:
    """A process of the user's own, which runs the script again from its first line."""
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, os\n"
        "from digitseq import DigitSeqError, make_recipe, write_dataset\n"
        "if 'CHILD' not in os.environ:\n"
        "    os.environ['CHILD'] = '1'\n"
        "    process = multiprocessing.get_context('spawn').Process(target=print)\n"
        "    process.start()\n"
        "    process.join()\n"
        "else:\n"
        "    recipe = make_recipe(length=1, count=9000, image_width=40, seed=1, source='builtin')\n"
        "    try:\n"
        "        write_dataset(recipe, 'out', format='npz', workers=2)\n"
        "    except DigitSeqError as error:\n"
        "        print(error.problem)\n"
    )
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip() == "the main module of this process is still being imported"
    assert done.stderr == ""
