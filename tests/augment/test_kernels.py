"""
Compiled loops give the same bytes as the numpy code.

Without a C compiler, tests of the loops are skipped. If DIGITSEQ_TEST_KERNELS is set, they fail instead.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq import (
    DigitSequences,
    draw,
    environment,
    kernels,
    make_recipe,
    streams,
    verify_dataset,
    write_dataset,
)
from digitseq.arrays import UInt8Array
from digitseq.augment import digit_effects, line_effects
from digitseq.augment.effects import BACKGROUNDS, EFFECTS, ONE, PRESETS, SPACING, Augment
from digitseq.augment.sampler import Sampler
from digitseq.augment.warp import GRID, warp
from digitseq.cache_folder import locked
from digitseq.errors import DigitSeqWarning
from digitseq.glyphs.tiles import Tiles, measure_ink
from tests.cli.test_generate import run
from tests.test_golden import BUILTIN, digest

_RUNS_NOTHING = hasattr(os, "statvfs") and bool(os.statvfs(gettempdir()).f_flag & os.ST_NOEXEC)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, kernels.Loop]:
    """Return the compiled loops."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITSEQ_CACHE_DIR", str(tmp_path_factory.mktemp("library")))
        patch.delenv(kernels.VARIABLE, raising=False)
        patch.setattr(kernels, "_state", kernels._State())
        kernels.prepare()
        loops, reason = kernels._state.loops, kernels._state.reason
    if not loops:
        if "DIGITSEQ_TEST_KERNELS" in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    return loops


@pytest.fixture(autouse=True)
def undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test starts in a process that has not augmented anything."""
    monkeypatch.setattr(kernels, "_state", kernels._State())


@pytest.fixture
def own(in_folder: Path) -> Path:
    """A small source in the current folder, quick to open."""
    images = np.pad(_tiles(32)[2:, 1:-1, 1:-1], ((0, 0), (1, 1), (1, 1)))
    np.savez("own.npz", images=images, labels=np.repeat(np.arange(10), 3))
    return in_folder


@pytest.fixture
def quick_compiler(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile without optimisation, which saves seconds."""
    if shutil.which("cc"):
        monkeypatch.setenv("CC", "sh -c 'exec cc \"$@\" -O0' cc")


def both(library: dict[str, kernels.Loop], action: Callable[[], Any]) -> tuple[Any, Any]:
    """Return what numpy and the compiled loops give."""
    kernels._state.loops = library
    with kernels.only_numpy():
        expected = action()
    return expected, action()


def _tiles(count: int, seed: int = 1) -> UInt8Array:
    chance = np.random.default_rng(seed)
    tiles = chance.integers(0, 256, (count, 28, 28)).astype(np.uint8)
    tiles[chance.random(tiles.shape) < 0.6] = 0
    tiles[0] = 0  # a blank one
    tiles[1] = 255
    return tiles


# --- The same bytes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bent", [False, True])
@pytest.mark.parametrize("reach", [0, 1, 40])
def test_warps_are_the_same_even_when_a_map_leaves_the_tile(library: Any, bent: bool, reach: int) -> None:
    chance, n = np.random.default_rng(reach), 200
    tiles = _tiles(n)
    inverse = chance.integers(-3 * ONE, 3 * ONE, (2, 2, n))
    if not reach:
        inverse[:] = (np.eye(2) * ONE).astype(np.int64)[:, :, None]  # the identity
    source, target = chance.integers(-reach * ONE, reach * ONE + 1, (2, 2, n))
    bend = chance.integers(-12 * ONE, 12 * ONE, (n, 2, GRID, GRID)).astype(np.int32) if bent else None

    def warped() -> UInt8Array:
        out = np.zeros((n, 29, 28), np.uint8)
        warp(tiles, inverse, source, target, bend, out[:, :28])
        return out

    expected, found = both(library, warped)
    assert (found == expected).all()
    if not reach and not bent:
        assert (expected[:, :28] == tiles).all()


@given(st.sampled_from(["thicken", "fade", "blur"]), st.integers(0, 1 << 32), st.data())
def test_digit_effects_are_the_same_over_their_whole_range(
    library: Any, name: str, seed: int, data: st.DataObject
) -> None:
    effect = EFFECTS[{"thicken": "thickness", "fade": "contrast", "blur": "blur"}[name]]
    low, high = round(effect.low * effect.unit), round(effect.high * effect.unit)
    strengths = [high, low, low, high, *data.draw(st.lists(st.integers(low, high), min_size=2, max_size=5))]

    def changed() -> UInt8Array:
        tiles = _tiles(len(strengths), seed)
        getattr(digit_effects, name)(tiles, np.array(strengths, np.int64))
        return tiles

    expected, found = both(library, changed)
    assert (found == expected).all()
    assert (expected != _tiles(len(strengths), seed)).any()


@pytest.mark.parametrize("kind", BACKGROUNDS)
@pytest.mark.parametrize("widths", [[1, 5, 33], [64] * 3, [700, 257, 512]], ids=str)
@pytest.mark.parametrize("extreme", [False, True])
def test_line_effects_are_the_same_at_any_width(
    library: Any, kind: str, widths: list[int], extreme: bool
) -> None:
    ends: dict[str, Any] = {
        name: (EFFECTS[name].high if extreme else 0, EFFECTS[name].high)
        for name in ("background", "noise", "occlude", "specks")
    }
    augment = Augment(backgrounds=(kind,), **ends)
    starts = streams.image_starts(streams.seed_start(3), np.arange(len(widths), dtype=np.int64))

    def changed() -> UInt8Array:
        wider = (
            np.random.default_rng(1).integers(0, 256, (len(widths), 28, max(widths) + 28)).astype(np.uint8)
        )
        line_effects.rough_lines(wider[:, :, :-28], augment, starts, np.array(widths, np.int64))
        return wider

    expected, found = both(library, changed)
    assert (found == expected).all()


@pytest.mark.parametrize("read_only", [False, True])
def test_random_words_and_measurements_are_the_same(library: Any, read_only: bool) -> None:
    stored = np.zeros((20, 29, 28), np.uint8)
    stored[:, :28] = _tiles(20)
    stored[2, :28] = 0
    stored[2, 5, 7] = 1  # hardly any ink; the first has none
    starts = streams.image_starts(streams.seed_start(1), np.arange(3, dtype=np.int64))
    for array in (stored, starts):
        array.setflags(write=not read_only)  # like the arrays of mapped files

    def measured() -> list[Any]:
        ink = measure_ink(stored[:, :28])
        first, last = Tiles(stored, ink).profiles(np.arange(20).reshape(4, 5))
        draws = Sampler(Augment(elastic=(0, 4)), starts)
        return [ink, first, last, digit_effects._bend(draws, draws.each("elastic", 2))]

    for wanted, found in zip(*both(library, measured), strict=True):
        assert wanted.dtype == found.dtype
        assert (wanted == found).all()


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "none"])
@pytest.mark.parametrize("lengths", [1, (1, 9)], ids=str)
def test_presets_give_the_same_images(library: Any, name: str, lengths: Any) -> None:
    spacing_from, spacing_range = SPACING.get(name, ("ink", (2, 8)))
    recipe = make_recipe(
        length=lengths, count=300, seed=5, source="builtin", augment=name, spacing_from=spacing_from,
        spacing_range=spacing_range, image_width=None,
    )  # fmt: skip
    expected, found = both(library, lambda: [picture.image.tobytes() for picture in draw(recipe)])
    assert expected == found


@pytest.mark.parametrize("settings", [{"noise": 9}, {"rotate": 9}, "heavy"], ids=str)
def test_an_empty_slice_gives_no_images(library: Any, settings: Any) -> None:
    kernels._state.loops = library
    recipe = make_recipe(length=3, count=5, seed=1, source="builtin", augment=settings, image_width=150)
    assert len(DigitSequences(recipe)[2:2][0]) == 0


def test_line_effects_alone_use_compiled_loops(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "prepare", lambda **_: kernels._state.loops.update(library))
    recipe = make_recipe(length=3, count=300, seed=1, source="builtin", augment={"noise": 9})
    assert len(list(draw(recipe))) == 300
    assert kernels.kernel("add_noise") is not None


def test_verify_starts_no_compiler(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_COMPILE_AFTER", 1)
    recipe = make_recipe(length=3, count=300, seed=1, source="own.npz", augment="light")
    write_dataset(recipe, "out", source="own.npz", workers=1)
    monkeypatch.delenv(kernels.VARIABLE)
    monkeypatch.setattr("subprocess.Popen", None)
    assert list(verify_dataset("out", source="own.npz")) == []
    assert kernels._state.digits > 500


@pytest.mark.parametrize("name", BUILTIN)
def test_golden_digests_hold_for_compiled_loops(library: Any, name: str) -> None:
    kernels._state.loops = library
    assert digest(name, "builtin") == BUILTIN[name]


def test_an_array_of_another_dtype_or_layout_is_refused(library: Any) -> None:
    tiles, amount = _tiles(4), np.ones(4, np.int64)
    for wrong in (
        (tiles, amount.astype(np.int32)),
        (tiles[:, :, ::2], amount),
        (tiles.astype(np.int8), amount),
    ):
        with pytest.raises(AssertionError, match=r"thicken: (tiles|amount) has the wrong dtype or layout"):
            library["thicken"](4, *wrong)


# --- When and how they are used ---------------------------------------------------------------------------


def _run(code: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    surroundings = {**os.environ, "DIGITSEQ_CACHE_DIR": "cache", **variables}
    if not variables.get(kernels.VARIABLE):
        surroundings.pop(kernels.VARIABLE, None)
    command = [sys.executable, "-c", f"from digitseq import draw, kernels, make_recipe\n{code}"]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True)


def _made() -> list[Path]:
    return list(Path("cache").glob("kernels-*/*-*"))


_DRAWN = """
recipe = make_recipe(length=4, count={count}, seed=1, source="own.npz", augment="light")
for _ in draw(recipe, "own.npz"): pass
print(bool(kernels._state.loops), kernels.in_use())
"""


@pytest.mark.usefixtures("quick_compiler")
@pytest.mark.once
def test_they_are_compiled_once_for_all_processes(library: Any, own: Path) -> None:
    small, large = _DRAWN.format(count=100), "kernels.worked(50_000)\n" + _DRAWN.format(count=500)
    assert _run(small).stdout.startswith("False to be compiled by the first large job, with ")
    for _ in range(2):
        assert _run(large).stdout == "True compiled\n"
    (made,) = _made()
    # They are there now: no need to wait for a large job.
    assert _run(_DRAWN.format(count=500)).stdout == "True compiled\n"
    assert _run(small).stdout == "False compiled\n"
    assert _run(large, DIGITSEQ_KERNELS="0").stdout == "False numpy (DIGITSEQ_KERNELS is 0)\n"
    # A damaged library would crash the process.
    made.write_bytes(made.read_bytes()[:-100])
    assert _run(small, DIGITSEQ_KERNELS="1").stdout == "True compiled\n"


@pytest.mark.usefixtures("quick_compiler")
@pytest.mark.once
def test_a_large_batch_compiles_them_while_it_writes(library: Any, own: Path) -> None:
    trees = []
    for setting, told in (("0", ""), ("", "note: compiling loops for augmentation (a few seconds, once)\n")):
        out = Path(f"out{setting}")
        code = f"""
import sys
from digitseq.__main__ import main
sys.argv = ["digitseq", *"batch {out} --length 1 -n 5000 --augment medium --seed 1 --source own.npz".split()]
sys.argv += ["--format", "npz"]
main()
"""
        done = _run(code, DIGITSEQ_KERNELS=setting)
        assert done.stderr.count(told) == 1 if told else "compiling" not in done.stderr
        trees.append({path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()})
        assert bool(_made()) == bool(told)
    assert trees[0] == trees[1]


@pytest.mark.usefixtures("quick_compiler")
@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_a_library_that_others_could_have_written_is_not_loaded(library: Any, in_folder: Path) -> None:
    code = "kernels.prepare(compiling={}); print(bool(kernels._state.loops))"
    assert _run(code.format(True)).stdout == "True\n"
    (made,) = _made()
    for path, mode in ((made, 0o666), (made.parent, 0o777)):
        before = path.stat().st_mode
        path.chmod(mode)
        assert _run(code.format(False)).stdout == "False\n"
        path.chmod(before)
    assert _run(code.format(False)).stdout == "True\n"


def _without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(kernels.VARIABLE)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_without_a_compiler_numpy_does_everything_without_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_compiler(monkeypatch)
    kernels.worked(10**6)
    kernels.worked(10**6)
    assert kernels.kernel("warp") is None
    assert kernels.in_use() == "numpy (no C compiler was found; the extra digitseq[fast] installs one)"
    assert environment.describe_environment()["kernels"] == kernels.in_use()


def test_a_compiler_that_fails_gives_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_compiler(monkeypatch)
    monkeypatch.setenv("CC", shlex.join([sys.executable, "-c", "raise SystemExit('error: 1 is missing')"]))
    told = r"compiled or loaded \(.+: error: 1 is missing\); augmenting with numpy, .+ set DIGITSEQ_KERNELS=0"
    with pytest.warns(DigitSeqWarning, match=told) as caught:
        kernels.worked(10**6)
    kernels.worked(10**6)
    kernels.prepare()
    assert len(caught) == 1
    assert kernels.kernel("warp") is None
    assert kernels.in_use().startswith("numpy (")


@pytest.mark.once
@pytest.mark.usefixtures("small_shards_everywhere")
@pytest.mark.parametrize(("command", "count"), [("no-such-compiler", 12_000), ("cc 'open", 600)])
def test_a_job_goes_on_without_a_working_compiler(
    own: Path, monkeypatch: pytest.MonkeyPatch, command: str, count: int
) -> None:
    """Workers do not try again, even after 40,000 digits each: at most one warning."""
    environment = {"CC": command, "DIGITSEQ_KERNELS": "", "DIGITSEQ_CACHE_DIR": "cache"}
    wanted = f"--length 8 -n {count} --augment light --seed 1 --source own.npz --workers 2 --format npz"
    done = run("batch", "out", *wanted.split(), env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("could not be compiled") == (command != "cc 'open")
    facts = json.loads(run("--version", "--json", env=environment).stdout)
    assert facts["kernels"].startswith(
        ("numpy (the environment variable CC", "to be compiled by the first large job")
    )


@pytest.mark.once
def test_a_job_that_ends_stops_the_compiler(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "sh -c 'sleep 600'")
    monkeypatch.delenv(kernels.VARIABLE)
    stop = threading.Event()
    thread = threading.Thread(target=kernels.prepare, kwargs={"stop": stop})
    thread.start()
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
    assert kernels.kernel("warp") is None


@pytest.mark.once
def test_another_process_that_is_compiling_is_not_waited_for(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(kernels.VARIABLE)
    monkeypatch.setenv("DIGITSEQ_CACHE_DIR", "cache")
    folder = Path("cache") / f"kernels-{os.geteuid()}"
    folder.mkdir(parents=True)
    with locked(folder.absolute() / "compiling.lock"):
        kernels.worked(10**6)
    assert kernels.kernel("warp") is None
    assert kernels.in_use().startswith("to be compiled")


@pytest.mark.usefixtures("quick_compiler")
@pytest.mark.once
@pytest.mark.parametrize("wrong", ["a file", "a link"])
def test_without_a_cache_folder_they_are_compiled_for_one_process(
    library: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str
) -> None:
    monkeypatch.delenv(kernels.VARIABLE)
    monkeypatch.setenv("DIGITSEQ_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "elsewhere").mkdir()
    own = tmp_path / "cache" / f"kernels-{os.geteuid()}"
    if wrong == "a file":
        own.touch()
    else:
        own.symlink_to(tmp_path / "elsewhere")
    kernels.prepare()
    assert kernels.kernel("warp") is not None
    assert not any((tmp_path / "elsewhere").iterdir())


@pytest.mark.usefixtures("quick_compiler")
@pytest.mark.once
@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="always the case on this system")
@pytest.mark.skipif(_RUNS_NOTHING, reason="no library can be loaded from the folder of temporary files")
def test_without_anonymous_files_a_private_folder_is_used(
    library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(kernels.VARIABLE)
    monkeypatch.delattr(os, "memfd_create")
    kernels.prepare()
    tiles = _tiles(3)
    kernels._state.loops["fade"](3, tiles, np.full(3, 128, np.int64))
    assert tiles[1].max() == 128
