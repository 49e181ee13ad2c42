"""Files from strangers: what they say is not believed, and what they hold is bounded."""

import csv
import gzip
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from digitseq import (
    inspect_dataset,
    load_glyphs,
    read_dataset,
    verify_dataset,
    write_dataset,
)
from digitseq.dataset.formats.lmdb_pages import Environment, LmdbError
from digitseq.dataset.formats.parquet_pages import values_in_pages
from digitseq.errors import DigitSeqError, FormatError, OutputError, SourceError, printable
from tests import fuzz, program
from tests.dataset.libraries import library

_RECIPE = fuzz.RECIPE
_MOST_MB = 700  # of address space, beyond what the imports take


# --- Mutated files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", fuzz.TARGETS, ids=lambda target: target.name.replace(" ", "-"))
@pytest.mark.filterwarnings("ignore")
def test_mutated_files_are_read_or_refused(target: fuzz.Target, tmp_path: Path) -> None:
    """A few of each; `python -m tests.fuzz 20000` tries many."""
    for name in ("parquet", "lmdb"):
        if name in target.name:
            library({"parquet": "pyarrow"}.get(name, name))
    whole = tmp_path / "whole"
    whole.mkdir()
    file = target.make(whole)
    results = set()
    for seed in range(8):
        results.add(fuzz.try_one(target, whole, file, seed, tmp_path / "work"))
        assert fuzz.most_memory() < fuzz.MOST_BYTES, seed
    assert "refused" in results or target.name.startswith(("coco", "metadata")), "the mutations do nothing"


# --- Sizes ----------------------------------------------------------------------------------------------


_PIECE = 1 << 24
_END = b"\x03\0"  # an empty last block


def _deflated(start: bytes, pieces: int) -> bytes:
    """Some bytes and then so many pieces of zeros, as blocks of deflate without an end."""
    blocks = []
    for data in (start, bytes(_PIECE)):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        blocks.append(packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH))  # can be repeated
    return blocks[0] + blocks[1] * pieces


def _png(width: int, height: int, unpacked: int) -> bytes:
    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\0\0\0\0"
    checksum = (unpacked % 65_521 << 16 | 1).to_bytes(4)  # Adler-32 of zeros
    body = b"\x78\xda" + _deflated(b"", unpacked // _PIECE) + _END + checksum
    return fuzz._png((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))


def _bomb_png(out: Path) -> None:
    (out / "images/000/000000.png").write_bytes(_png(1 << 15, 1 << 15, 1 << 30))


def _bomb_png_of_the_right_size(out: Path) -> None:
    (out / "images/000/000000.png").write_bytes(_png(130, 28, 1 << 30))


def _bomb_count(out: Path) -> None:
    manifest = json.loads((out / "dataset.json").read_text())
    manifest["recipe"]["count"] = manifest["images"] = manifest["splits"][0]["images"] = 10**12
    (out / "dataset.json").write_text(json.dumps(manifest))


def _bomb_json(out: Path) -> None:
    """Each of three bytes becomes a list."""
    text = (out / "dataset.json").read_text().rstrip("\n}")
    (out / "dataset.json").write_text(text + ', "more": [' + "[]," * 10_000_000 + "0]}")


def _bomb_json_in_metadata(out: Path) -> None:
    with (out / "metadata.jsonl").open("a") as file:
        file.write('{"file_name": "images/000/000007.png", "more": [' + "[]," * 10_000_000 + "0]}\n")


def _bomb_npz(out: Path) -> None:
    (file,) = out.glob("*.npz")
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            if name != "images.npy":
                archive.writestr(name, data)
        with archive.open("images.npy", "w", force_zip64=True) as member:
            head = {"descr": "|u1", "fortran_order": False, "shape": (7, 28, 1 << 22)}
            np.lib.format.write_array_header_1_0(member, head)
            for _ in range(7 * 28):
                member.write(bytes(1 << 22))


def _bomb_parquet(out: Path) -> None:
    pq, pa = library("pyarrow.parquet"), library("pyarrow")
    (file,) = out.rglob("*.parquet")
    table = pq.read_table(file)
    row = table.slice(0, 1).to_pylist()[0] | {"label": "0" * 100_000}
    many = pa.Table.from_pylist([row], schema=table.schema)
    pq.write_table(pa.concat_tables([many] * 50_000), file, use_dictionary=True)


def _bomb_parquet_with_a_lying_footer(out: Path) -> None:
    """A hundred million values in a few bytes of runs; the footer says that they are a few hundred."""
    pq, pa = library("pyarrow.parquet"), library("pyarrow")
    (file,) = out.rglob("*.parquet")
    table = pq.read_table(file)
    rows, many = table.to_pylist(), 100_000_000
    column = pa.concat_arrays(
        [
            pa.ListArray.from_arrays(pa.array([0, many], pa.int32()), pa.nulls(many, pa.int32())),
            pa.array([row["glyphs"] for row in rows[1:]], pa.list_(pa.int32())),
        ]
    )
    table = table.set_column(table.schema.get_field_index("glyphs"), table.schema.field("glyphs"), column)
    pq.write_table(table, file, compression="none", use_dictionary=False, write_statistics=False)
    total = many + sum(len(row["glyphs"]) for row in rows[1:])
    data = file.read_bytes()
    true = bytes([total * 2 >> shift & 127 | 128 for shift in (0, 7, 14)] + [total * 2 >> 21])
    at = data.rindex(true)
    file.write_bytes(data[:at] + b"\xc8\x81\x80\x00" + data[at + 4 :])  # 100, as a number as long
    assert pq.ParquetFile(file).metadata.row_group(0).column(5).num_values == 100


def _bomb_tar(out: Path) -> None:
    (file,) = out.glob("*.tar")
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as archive:
        member = tarfile.TarInfo("000000000.png")
        member.size = 0
        member.type = tarfile.GNUTYPE_SPARSE
        header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
        header[483:495] = b"77777777777\0"  # how large it becomes
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        archive.fileobj.write(bytes(header))


def _bomb_png_in_a_tar(out: Path) -> None:
    """A file of its own is too short for such a picture; in a shard there is room."""
    (file,) = out.glob("*.tar")
    with tarfile.open(file) as archive:
        members = [(member, archive.extractfile(member)) for member in archive]
        contents = [(member, b"" if data is None else data.read()) for member, data in members]
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as archive:
        for member, data in contents:
            bomb = _png(130, 28, 1 << 30) if member.name == "000000000.png" else data
            member.size = len(bomb)
            archive.addfile(member, io.BytesIO(bomb))


_BOMBS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "png": ("folder", _bomb_png),
    "png of the right size": ("folder", _bomb_png_of_the_right_size),
    "count": ("folder", _bomb_count),
    "json": ("folder", _bomb_json),
    "json in metadata": ("folder", _bomb_json_in_metadata),
    "count of tars": ("webdataset", _bomb_count),
    "count of npz": ("npz", _bomb_count),
    "count of lmdb": ("lmdb", _bomb_count),
    "npz": ("npz", _bomb_npz),
    "parquet": ("parquet", _bomb_parquet),
    "parquet with a lying footer": ("parquet", _bomb_parquet_with_a_lying_footer),
    "png in a tar": ("webdataset", _bomb_png_in_a_tar),
    "sparse tar": ("webdataset", _bomb_tar),
}
_READ = """
import resource, sys
import numpy, PIL.Image
from digitseq import *
import digitseq.dataset.write, digitseq.dataset.verify, digitseq.inspection.table
from digitseq.errors import DigitSeqError
from tests.test_untrusted import _limited
_limited()
recipe = Recipe(**{recipe!r})
for attempt in (
    lambda: [print(problem[:200]) for problem in verify_dataset("out")],
    lambda: inspect_dataset("out"),
    lambda: read_dataset("out").splits["train"][0],
    lambda: read_dataset("out").splits["train"].labels,
    lambda: write_dataset(recipe, "out", workers=1),
    lambda: write_dataset(recipe, "out", workers=1, force=True),
    lambda: list(verify_dataset("out")) == [] or sys.exit("it is not whole"),
):
    try:
        attempt()
    except DigitSeqError as error:
        print(type(error).__name__, error)
"""


def _run(code: str, *argv: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run Python code that can import these tests."""
    return subprocess.run(
        [sys.executable, "-c", code, *argv],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _limited() -> None:
    """Give this process so much more address space, and no more."""
    resource = pytest.importorskip("resource")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = used + _MOST_MB * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited with Linux's means")
@pytest.mark.parametrize("name", _BOMBS)
def test_no_file_of_a_dataset_unpacks_to_more_than_the_recipe_says(name: str, tmp_path: Path) -> None:
    """Small files that claim to be gigabytes, or unpack to them. Then the dataset is written over them."""
    form, bomb = _BOMBS[name]
    library({"parquet": "pyarrow", "lmdb": "lmdb"}.get(form, "numpy"))
    out = tmp_path / "out"
    write_dataset(_RECIPE, out, workers=1, format=form)
    bomb(out)
    recipe = _RECIPE.to_dict() | {"splits": ()}
    del recipe["format"]
    done = _run(_READ.format(recipe=recipe), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert len(done.stdout) > 50, "nothing was found"
    assert "memory" not in done.stdout


def test_only_pages_of_parquet_that_cannot_grow_are_read(tmp_path: Path) -> None:
    pa, pq = library("pyarrow"), library("pyarrow.parquet")
    table = pa.table({"a": [1] * 1_000})

    def pages(**options: Any) -> int:
        pq.write_table(
            table, tmp_path / "a.parquet", **{"compression": "none", "use_dictionary": False} | options
        )
        data = (tmp_path / "a.parquet").read_bytes()
        column = pq.ParquetFile(pa.BufferReader(data)).metadata.row_group(0).column(0)
        start = column.dictionary_page_offset or column.data_page_offset
        return values_in_pages(data, start, column.total_compressed_size)

    plain: list[dict[str, Any]] = [
        {},
        {"data_page_version": "2.0"},
        {"write_statistics": False},
        {"data_page_size": 64},
    ]
    for options in plain:
        assert pages(**options) == 1_000
    others: list[tuple[dict[str, Any], str]] = [
        ({"use_dictionary": True}, "expected a data page"),
        ({"compression": "gzip"}, "compressed"),
        ({"column_encoding": {"a": "DELTA_BINARY_PACKED"}}, "encoding"),
    ]
    for options, found in others:
        with pytest.raises(ValueError, match=found):
            pages(**options)


@given(st.binary(max_size=60))
def test_any_bytes_as_page_headers_are_one_error(data: bytes) -> None:
    with suppress(ValueError):
        values_in_pages(data, 0, len(data))


def _bomb_idx(folder: Path) -> Path:
    images, labels = folder / "train-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte"
    head = b"\0\0\x08\x03" + (3_000_000).to_bytes(4) + (28).to_bytes(4) * 2
    images.write_bytes(gzip.compress(b"")[:10] + _deflated(head, 100) + _END + bytes(8))
    labels.write_bytes(b"\0\0\x08\x01" + (3_000_000).to_bytes(4) + bytes(3_000_000))
    return folder


def _bomb_class_folder(folder: Path) -> Path:
    (folder / "3").mkdir()
    (folder / "3/a.png").write_bytes(_png(1 << 15, 1 << 15, 1 << 30))
    return folder


def _bomb_own_npz(folder: Path) -> Path:
    with (
        zipfile.ZipFile(folder / "own.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("images.npy", "w", force_zip64=True) as member,
    ):
        head = {"descr": "|u1", "fortran_order": False, "shape": (1_200_000, 28, 28)}
        np.lib.format.write_array_header_1_0(member, head)
        for _ in range(57):
            member.write(bytes(1 << 24))
    return folder / "own.npz"


def _bzip2_npz(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "own.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("images.npy", bytes(1 << 27))
    return folder / "own.npz"


def _huge_header(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "own.npz", "w") as archive:
        head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 28, 28), }\n"
        archive.writestr("images.npy", b"\x93NUMPY\x01\0" + len(head).to_bytes(2, "little") + head)
    return folder / "own.npz"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited with Linux's means")
@pytest.mark.parametrize("make", [_bomb_idx, _bomb_class_folder, _bomb_own_npz, _bzip2_npz, _huge_header])
def test_no_source_unpacks_to_more_than_is_stated(make: Callable[[Path], Path], tmp_path: Path) -> None:
    code = (
        "import sys, numpy, PIL.Image, digitseq.glyphs.own_glyphs\n"
        "from tests.test_untrusted import _limited\n_limited()\n"
        "from digitseq import load_glyphs\nfrom digitseq.errors import SourceError\n"
        "try: load_glyphs(sys.argv[1], 'all')\nexcept SourceError as error: print(error)\n"
        "else: sys.exit('read')"
    )
    done = _run(code, str(make(tmp_path)), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert str(tmp_path) in done.stdout


def test_the_number_of_predictions_does_not_matter_to_the_memory(tmp_path: Path) -> None:
    """Rows are read one by one, so memory does not grow with the length of the file."""
    from digitseq.inspection.predictions import PredictionsFile

    path = tmp_path / "predictions.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "prediction"])
        writer.writerows((number, "0042") for number in range(300_000))
    fuzz.begin_memory()
    assert sum(1 for _ in PredictionsFile(path)) == 300_000
    assert fuzz.most_memory() < 20_000_000


def test_too_little_memory_is_one_line(tmp_path: Path) -> None:
    code = (
        "import sys, digitseq.api\n"
        "def fail(*_, **__): raise MemoryError\n"
        "digitseq.api.make_recipe = fail\n"
        "from digitseq.cli.app import main\nsys.argv = ['digitseq', 'generate', '12']\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: not enough memory")


# --- Kinds of files -------------------------------------------------------------------------------------


def _with_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("folder", "dataset.json"),
        ("folder", "images/000/000003.png"),
        ("folder", "labels.csv"),
        ("folder", "metadata.jsonl"),
        ("webdataset", "train-000000.tar"),
        ("npz", "train-000000.npz"),
    ],
)
def test_a_named_pipe_in_the_place_of_a_file_is_an_error_and_nobody_waits(
    tmp_path: Path,
    kind: str,
    name: str,
) -> None:
    write_dataset(_RECIPE, tmp_path, workers=1, format=kind)
    _with_pipe(tmp_path / name)
    told: list[str] = []

    def attempt(what: Callable[[], object]) -> None:
        try:
            found = what()
        except DigitSeqError as error:
            told.append(str(error))
        else:
            told.extend(map(str, found if isinstance(found, list) else []))

    for what in (
        lambda: list(verify_dataset(tmp_path)),
        lambda: inspect_dataset(tmp_path),
        lambda: read_dataset(tmp_path).splits["train"][3],
        lambda: write_dataset(_RECIPE, tmp_path, workers=1),
        lambda: write_dataset(_RECIPE.changed(seed=2), tmp_path, workers=1, force=True),
    ):
        thread = threading.Thread(target=attempt, args=(what,), daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive(), "somebody waits for the other end"
    assert any("a named pipe" in text for text in told), told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["3/a.png", "train-images-idx3-ubyte", "own.npz"])
def test_a_named_pipe_is_no_source(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / name)
    path = tmp_path / name if name.endswith("npz") else tmp_path
    with pytest.raises(SourceError):
        load_glyphs(path, "all")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
@pytest.mark.parametrize(
    "argv",
    [
        "generate 12 --source /dev/zero",
        "batch out -n 3 --sequences /dev/zero",
        "batch out --recipe /dev/zero",
        "verify /dev/zero",
        "inspect /dev/zero",
        "inspect data --predictions /dev/zero",
    ],
)
def test_a_device_is_no_input(tmp_path: Path, argv: str) -> None:
    write_dataset(_RECIPE, tmp_path / "data", workers=1)
    done = program.as_text(program.run(*argv.split(), cwd=tmp_path))
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: /dev/zero")
    assert "Traceback" not in done.stderr


def test_a_source_has_a_limited_number_of_images() -> None:
    from digitseq.glyphs.normalise import MOST_IMAGES, as_glyphs

    with pytest.raises(SourceError, match="at most 1,000,000 images, got 1,000,001"):
        as_glyphs(np.broadcast_to(np.uint8(1), (MOST_IMAGES + 1, 2, 2)), "x")


def test_only_stated_formats_of_images_are_opened(tmp_path: Path) -> None:
    """Pillow takes a file for what its content says, and starts Ghostscript for PostScript."""
    (tmp_path / "3").mkdir()
    (tmp_path / "3/a.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n%%EndComments\nshowpage\n"
    )
    with pytest.raises(FormatError, match="cannot be read as an image"):
        load_glyphs(tmp_path, "all")
    with pytest.raises(FormatError, match="expected an image"):
        inspect_dataset(tmp_path / "3/a.png")
    for suffix in ("png", "jpg", "webp", "tiff", "gif", "bmp"):
        (tmp_path / "3/a.png").unlink(missing_ok=True)
        Image.fromarray(np.tile(np.arange(40, dtype=np.uint8) * 6, (30, 1))).save(tmp_path / f"3/b.{suffix}")
        assert len(load_glyphs(tmp_path, "all")) == 1
        (tmp_path / f"3/b.{suffix}").unlink()
        from digitseq.glyphs.sources import _opened

        _opened.clear()


# --- Types and numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": {"augment": "heavier"}},
        {"recipe": {"augment": 5}},
        {"recipe": {"augment": {"rotate": "x"}}},
        {"recipe": {"spacing_range": [1, "2"]}},
        {"splits": [{"folder": "", "split": "train", "images": 7, "pixels": 5}]},
        {"splits": [{"folder": "", "split": "train", "images": True}]},
        {"splits": {}},
        {"format": "\ud800"},
        {"format": ["folder"]},
        {"version": 1.0},
        {"version": True},
        {"source": {"name": 5, "digest": "x"}},
        {"labels": "paddle"},
        {"labels": [["paddle"]]},
        {"pixels": "0" * 63},
        {"recipe": None},
    ],
    ids=lambda change: json.dumps(change)[:50],
)
def test_a_manifest_is_parsed_once_with_one_error(tmp_path: Path, change: dict[str, Any]) -> None:
    write_dataset(_RECIPE, tmp_path, workers=1)
    manifest = json.loads((tmp_path / "dataset.json").read_text())
    for name, value in change.items():
        both = isinstance(value, dict) and isinstance(manifest[name], dict)
        manifest[name] = manifest[name] | value if both else value
    (tmp_path / "dataset.json").write_text(json.dumps(manifest))
    for attempt in (
        lambda: list(verify_dataset(tmp_path)),
        lambda: inspect_dataset(tmp_path),
        lambda: read_dataset(tmp_path),
        lambda: write_dataset(_RECIPE, tmp_path, workers=1),
    ):
        with pytest.raises(FormatError, match=r"dataset\.json: ") as told:
            attempt()
        assert str(told.value).isprintable()


def _edit(field: str, value: Any) -> Callable[[bytes], bytes]:
    def edit(note: bytes) -> bytes:
        first, head, lines = note.split(b"\n", 2)
        return b"\n".join([first, json.dumps(json.loads(head) | {field: value}).encode(), lines])

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        _edit("images", 999),
        _edit("images", float("inf")),
        _edit("digest", "00" * 32),
        _edit("digest", "0"),
        _edit("sections", [1, 2]),
        lambda note: note[:-1],
        lambda note: note.replace(b"images/000", b"images/001", 1),
        lambda _: b"",
    ],
)
def test_a_changed_note_about_a_shard_is_not_believed(tmp_path: Path, edit: Callable[[bytes], bytes]) -> None:
    recipe = _RECIPE.changed(count=1_001)
    write_dataset(recipe, tmp_path, workers=1, part=(1, 2))
    (note,) = (tmp_path / ".digitseq-notes").glob("*/train-*")
    note.write_bytes(edit(note.read_bytes()))
    with pytest.raises(OutputError, match=r"train-000000: missing or damaged"):
        write_dataset(recipe, tmp_path, workers=1, part=(2, 2))
    write_dataset(recipe, tmp_path, workers=1)
    assert list(verify_dataset(tmp_path)) == []


# --- LMDB -----------------------------------------------------------------------------------------------


def test_an_environment_is_read_as_the_library_reads_it(tmp_path: Path) -> None:
    lmdb = library("lmdb")
    chance = random.Random(5)
    values = {
        b"%s-%d" % (chance.choice((b"a", b"image", b"z" * 200)), n): chance.randbytes(n * 7 % 9_000)
        for n in range(3_000)
    }
    with lmdb.open(str(tmp_path / "x.mdb"), subdir=False, lock=False, map_size=1 << 27) as environment:
        for part in range(3):
            with environment.begin(write=True) as transaction:
                for key in list(values)[part::3]:
                    transaction.put(key, values[key])
        with environment.begin(write=True) as transaction:
            for key in list(values)[::7]:
                transaction.delete(key)
                del values[key]
    with (tmp_path / "x.mdb").open("rb") as file:
        found = Environment(file)
        assert found.entries == len(values)
        for key, value in values.items():
            assert found.get(key, 9_000) == value
        for key in (b"", b"a", b"image-5000", b"zzz", b"\xff" * 300):
            assert found.get(key, 9_000) is None
        key = max(values, key=lambda key: len(values[key]))
        with pytest.raises(LmdbError, match="expected at most 10"):
            found.get(key, 10)


def test_values_are_not_longer_than_the_file_together(tmp_path: Path) -> None:
    """A thousand keys could name the same pages; here one key is asked for as often."""
    lmdb = library("lmdb")
    options = {"subdir": False, "lock": False, "map_size": 1 << 20}
    with lmdb.open(str(tmp_path / "x.mdb"), **options) as environment, environment.begin(write=True) as put:
        put.put(b"a", bytes(40_000))
    with (tmp_path / "x.mdb").open("rb") as file:
        assert dict(Environment(file).get_all([b"a", b"b"], 40_000)) == {b"a": bytes(40_000), b"b": None}
        with pytest.raises(LmdbError, match="overlap"):
            list(Environment(file).get_all([b"a"] * 1_000, 40_000))


def test_an_empty_environment_has_nothing(tmp_path: Path) -> None:
    lmdb = library("lmdb")
    with lmdb.open(str(tmp_path / "x.mdb"), subdir=False, lock=False, map_size=1 << 20):
        pass
    with (tmp_path / "x.mdb").open("rb") as file:
        assert Environment(file).get(b"x", 10) is None


# --- Terminals ------------------------------------------------------------------------------------------

_EVIL = "\x1b]0;owned\x07\x1b[31m\x9b2J‮\x7f"


def test_foreign_text_is_escaped_and_cut() -> None:
    assert printable("a\x1b[31mb\nc‮\ud800\x9b") == r"a\x1b[31mb\nc\u202e\ud800\x9b"
    assert len(printable("x" * 100_000)) < 2_100
    assert len(printable("\x1b" * 5_000)) < 2_100
    assert printable("ünïcødé 文字 🎉") == "ünïcødé 文字 🎉"
    assert str(FormatError(f"{_EVIL}: x", hint=_EVIL)).isprintable()


def test_nothing_foreign_reaches_the_terminal_as_it_is(tmp_path: Path) -> None:
    """File names, labels, manifests, members of archives, predictions, sequences."""
    write_dataset(_RECIPE, tmp_path / "data", workers=1)
    write_dataset(_RECIPE, tmp_path / "tars", workers=1, format="webdataset")
    (tmp_path / f"data/{_EVIL}").write_text("x")
    metadata = tmp_path / "data/metadata.jsonl"
    lines = metadata.read_text().splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | {"label": _EVIL})
    lines[1] = json.dumps(json.loads(lines[1]) | {"file_name": _EVIL})
    metadata.write_text("\n".join(lines))
    labels = tmp_path / "data/labels.csv"
    labels.write_text(labels.read_text().replace("000002.png,", f"000002.png,{_EVIL}"))
    tar = tmp_path / "tars/train-000000.tar"
    with tarfile.open(tar, "w") as archive:
        archive.addfile(tarfile.TarInfo(_EVIL + ".png"))
    manifest = json.loads((tmp_path / "data/dataset.json").read_text())
    (tmp_path / "evil.json").write_text(json.dumps(manifest | {"format": _EVIL}))
    (tmp_path / "p.csv").write_text(f"filename,prediction\n{_EVIL},{_EVIL}\n")
    (tmp_path / "s.txt").write_text(f"{_EVIL}\n")
    (tmp_path / "3").mkdir()
    (tmp_path / f"3/{_EVIL}.png").write_bytes(b"x")
    for argv in (
        "verify data", "verify tars", "inspect data", "inspect tars", "batch out --recipe evil.json",
        "inspect data --predictions p.csv", "batch out --sequences s.txt", "generate 12 --source .",
        f"generate 12 --source {_EVIL}", f"verify {_EVIL}", f"generate {_EVIL}",
        f"batch out --length {_EVIL} -n 1",
        f"inspect {_EVIL}", f"batch out -n 1 --length 1 --{_EVIL}",
    ):  # fmt: skip
        done = program.as_text(program.run(*argv.split(" "), cwd=tmp_path), errors="surrogateescape")
        said = done.stdout + done.stderr
        wrong = {character for character in said if not character.isprintable() and character != "\n"}
        assert not wrong, (argv, wrong, said)
        assert "Traceback" not in said
        assert done.returncode in (0, 1, 2), argv
