"""Fixtures: every test has an empty cache of its own, and no network."""

import multiprocessing
import os
import pkgutil
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from digitseq import dataset, inspection
from digitseq.glyphs import fetch, sources
from digitseq.glyphs.glyph_cache import stored_folder
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting.builtin import builtin

settings.register_profile("digitseq", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("digitseq")

# Started in the background of a script, a process ignores Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _can_start_processes() -> bool:
    try:
        multiprocessing.get_context("spawn").Lock()
    except (OSError, ImportError):  # no semaphores: /dev/shm is read-only, say
        return False
    return True


PROCESSES = _can_start_processes()


def pytest_configure(config: pytest.Config) -> None:
    """Without worker processes, one process writes the same files; tests of processes are skipped."""
    if not PROCESSES:
        config.addinivalue_line("filterwarnings", "ignore:worker processes cannot be started")


@pytest.fixture
def processes() -> None:
    """Worker processes can be started here."""
    if not PROCESSES:
        pytest.skip("no processes can be started here")


# Files and folders whose tests take seconds each; `pytest -m "not slow"` leaves them out.
_SLOW = (
    "cli", "dataset", "storage", "training",
    "glyphs/handwriting/test_bank.py", "glyphs/handwriting/test_strokes.py", "glyphs/test_fetch.py",
    "glyphs/test_idx.py", "glyphs/test_mnist.py", "inspection/test_browser.py", "inspection/test_page.py",
    "test_docs.py", "test_signals.py", "test_unavailable.py", "test_untrusted.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests."""
    folder = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(folder):
            name = item.path.relative_to(folder).as_posix()
            if any(name == slow or name.startswith(f"{slow}/") for slow in _SLOW):
                item.add_marker(pytest.mark.slow)


_CLEAN = (
    *("DIGITSEQ_MNIST_MIRROR", "HF_HUB_OFFLINE", "NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS"),
    "PYTHONIOENCODING",  # tests/cli/test_messages.py tries many
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder and no network."""
    folder = tmp_path / "cache"
    for name in _CLEAN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DIGITSEQ_CACHE_DIR", str(folder))
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # users have buffered output
    monkeypatch.setenv("DIGITSEQ_KERNELS", "0")  # or each test would compile them
    monkeypatch.setenv("DIGITSEQ_OFFLINE", "1")
    monkeypatch.setattr(sources, "_opened", {})
    return folder


@pytest.fixture(scope="session")
def mnist_files() -> Path:
    """The folder of the real MNIST files."""
    beside = Path(__file__).parents[2] / "shared" / "mnist"
    folder = Path(os.environ.get("DIGITSEQ_TEST_MNIST") or beside)
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        reason = "the real MNIST files are not here; DIGITSEQ_TEST_MNIST names their folder"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def mnist_cache(mnist_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that holds the real MNIST."""
    folder = tmp_path_factory.mktemp("mnist-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITSEQ_CACHE_DIR", str(folder))
        fetch.fetch(from_dir=mnist_files)
    return folder


@pytest.fixture
def with_mnist(mnist_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's cache folder is one that holds the real MNIST."""
    monkeypatch.setenv("DIGITSEQ_CACHE_DIR", str(mnist_cache))
    return mnist_cache


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that holds the built-in digits, drawn once for all processes that run tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "bank"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITSEQ_CACHE_DIR", str(folder))
        stored_folder(builtin())
    return folder


@pytest.fixture
def with_bank(bank: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's cache folder is one that holds the built-in digits."""
    monkeypatch.setenv("DIGITSEQ_CACHE_DIR", str(bank))
    return bank


SMALL = str(Path(__file__).with_name("small"))
"""A folder for PYTHONPATH: processes started with it use shards of 100 images."""


def shrink_shards(patch: pytest.MonkeyPatch) -> None:
    """Reduce shards from 1,000 images to 100, in this process only."""
    for package in (dataset, inspection):  # a later import would keep the small size
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            with suppress(ImportError):  # an optional library is missing
                import_module(module.name)
    for name, loaded in list(sys.modules.items()):
        if name.startswith("digitseq.") and hasattr(loaded, "SHARD"):
            patch.setattr(loaded, "SHARD", 100)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use shards of 100 images instead of 1,000, in this process only."""
    shrink_shards(monkeypatch)


@pytest.fixture
def small_shards_everywhere(small_shards: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use shards of 100 images, both here and in processes that the test starts."""
    monkeypatch.setenv("PYTHONPATH", SMALL, prepend=os.pathsep)


@pytest.fixture(scope="session")
def solid() -> GlyphSet:
    """
    Synthetic glyphs whose pixels tell what they are.

    Glyph k of digit d is a solid block of the grey value 1 + 12·d + k; widths run over 2 to 20 px, and every
    third block of 5 px and more has a blank column inside.
    """
    images = np.zeros((120, 28, 28), np.uint8)
    labels = np.repeat(np.arange(10), 12)
    for row in range(120):
        width = 2 + row * 7 % 19
        left = row % (28 - width)
        images[row, 4:24, left : left + width] = 1 + row
        if row % 3 == 0 and width >= 5:
            images[row, :, left + 2] = 0
    return GlyphSet.from_arrays(images, labels, name="solid")


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder is an empty one."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
