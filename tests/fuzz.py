"""
Files from strangers: every reader of digitseq, with files mutated by somebody who knows their format.

`python -m tests.fuzz 20000` tries so many files, with 500 MB and 20 s each. A second argument is a seed.
What is neither read nor refused with an error of digitseq is a fault, and is named with its seed.
"""

import copy
import gc
import gzip
import io
import json
import random
import shutil
import struct
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from digitseq import Recipe, inspect_dataset, load_glyphs, read_dataset, verify_dataset, write_dataset
from digitseq.errors import DigitSeqError
from digitseq.glyphs.glyphset import GlyphSet

MOST_BYTES, MOST_S = 500_000_000, 20.0
RECIPE = Recipe(length=(2, 4), count=7, spacing_range=(2, 8), image_width=130, seed=1, source="builtin")
_STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 1, 10**12, 10**30, 1.5, float("inf"), float("nan"), "", "heavy", "\ud800", "\x1b[31m",
    "../..", "x" * 5_000, [], [[]], {}, {"a": {}}, [None], ["\ud800"], "builtin:99999999999999999999999",
)  # fmt: skip
_NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 32_767, 65_535, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


@dataclass(frozen=True)
class Target:
    """
    A file to mutate, and what reads it.

    Attributes:
        name: what to call it.
        make: makes a folder with the file; returns its path.
        read: reads it.
        change: mutates the file's bytes, knowing the format.
    """

    name: str
    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    change: Callable[[bytes, random.Random], bytes]


# --- Mutations ------------------------------------------------------------------------------------------


def flip(data: bytes, chance: random.Random) -> bytes:
    """Change, remove, double or insert bytes anywhere."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        place = chance.randrange(len(changed) + 1)
        size = chance.choice((1, 1, 2, 4, 8, 100))
        kind = chance.randrange(6)
        if kind == 0:
            changed[place : place + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del changed[place : place + size]
        elif kind == 2:
            changed[place:place] = changed[place : place + size]
        elif kind == 3:
            changed[place : place + size] = chance.randbytes(size)
        elif kind == 4:
            number = chance.choice(_NUMBERS)
            changed[place : place + 4] = struct.pack(chance.choice(("<I", ">I")), number & 0xFFFFFFFF)
        else:
            del changed[place:]
    return bytes(changed)


def change_json(data: bytes, chance: random.Random) -> bytes:
    """Put something else somewhere in a JSON value."""
    value = json.loads(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        places = list(_places(value))
        if not places:
            break
        holder, key = chance.choice(places)
        kind = chance.randrange(5)
        if kind == 0 and isinstance(holder, dict):
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        elif kind == 2 and isinstance(holder[key], int):
            holder[key] = chance.choice((*_NUMBERS, -1, 10**12, 10**15, 10**400))
        else:
            holder[key] = copy.deepcopy(chance.choice(_STRANGE))
    text = json.dumps(value)
    if chance.random() < 0.05:
        text = text.replace(":", ":" + "[" * 50_000, 1)
    return text.encode("utf-8", "surrogatepass")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def change_json_lines(data: bytes, chance: random.Random) -> bytes:
    """Change one of the lines."""
    lines = data.splitlines(keepends=True)
    number = chance.randrange(len(lines))
    lines[number] = change_json(lines[number], chance) + b"\n"
    if chance.random() < 0.2:
        lines.insert(number, chance.choice(lines))
    return b"".join(lines)


def change_csv(data: bytes, chance: random.Random) -> bytes:
    """Change a cell."""
    lines = data.decode().splitlines()
    number = chance.randrange(len(lines))
    cells = lines[number].split(",")
    cells[chance.randrange(len(cells))] = chance.choice(
        (
            "",
            '"',
            "\x00",
            "\x1b]0;x\x07",
            "x" * 200_000,
            "-1",
            "9" * 5_000,
            "‮",
            "images/000/000001.png",
            '"\n',
        )
    )
    lines[number] = ",".join(cells)
    return "\n".join(lines).encode()


def change_png(data: bytes, chance: random.Random) -> bytes:
    """Say another size, or unpack to much more; all checksums are right."""
    kind = chance.randrange(4)
    width, height = chance.choice(_NUMBERS[1:]), chance.choice((28, *_NUMBERS[1:]))
    header = struct.pack(
        ">IIBBBBB", width, height, chance.choice((1, 8, 16)), chance.choice((0, 2, 3, 4, 6)), 0, 0, 0
    )
    body = zlib.compress(bytes(chance.choice((10, 5_000, 50_000_000))), 9)
    if kind == 0:
        return _png((b"IHDR", header), (b"IDAT", data[41:-16]), (b"IEND", b""))
    if kind == 1:
        return _png((b"IHDR", data[16:29]), (b"IDAT", body), (b"IEND", b""))
    if kind == 2:
        text = chance.choice((b"zTXt", b"iTXt", b"tEXt"))
        return _png(
            (b"IHDR", data[16:29]), (text, b"recipe\0\0" + body), (b"IDAT", data[41:-16]), (b"IEND", b"")
        )
    return _png((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, body in chunks:
        parts.append(struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)))
    return b"".join(parts)


def change_tar(data: bytes, chance: random.Random) -> bytes:
    """Change a header and make its checksum right again, or replace a member."""
    changed = bytearray(data)
    places = [place for place in range(0, len(data), 512) if data[place + 257 : place + 262] == b"ustar"]
    place = chance.choice(places)
    kind = chance.randrange(4)
    if kind == 0:
        size = chance.choice(
            (b"00000000000", b"77777777777", b"00000001000", b"\x80\0\0\0\x7f\xff\xff\xff\0\0\0")
        )
        changed[place + 124 : place + 135] = size
    elif kind == 1:
        changed[place + 156 : place + 157] = chance.choice(
            (b"1", b"2", b"3", b"5", b"6", b"L", b"S", b"x", b"g")
        )
    elif kind == 2:
        name = chance.choice(
            (b"../../x", b"/etc/passwd", b"\x1b[31m.png", b"000000000", b"000000001.json.png")
        )
        changed[place : place + 100] = name.ljust(100, b"\0")
    else:
        changed[place + 512 : place + 1024] = chance.randbytes(512)
    changed[place + 148 : place + 156] = b" " * 8
    changed[place + 148 : place + 155] = b"%06o\0" % sum(changed[place : place + 512])
    return bytes(changed)


def change_npz(data: bytes, chance: random.Random) -> bytes:
    """Say another shape or type in an array, or pack much more."""
    members = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(list(members))
    array = np.load(io.BytesIO(members[name]))
    kind = chance.randrange(5)
    out = io.BytesIO()
    if kind == 0:
        shape = tuple(chance.choice((0, 1, 7, 28, 130, 10**6, 10**12)) for _ in range(chance.randrange(5)))
        dtype = chance.choice(("|u1", "<i4", "<U4", "|O", "<f8", "<U99999999", ">i4", "|V8", "nonsense"))
        header = f"{{'descr': {dtype!r}, 'fortran_order': {chance.random() < 0.3}, 'shape': {shape}, }}"
        out.write(
            b"\x93NUMPY\x01\0" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n" + bytes(500)
        )
    elif kind == 1:
        np.save(out, np.zeros(chance.choice(((7, 28, 2_000_000), (60_000_000,), (7, 28, 130))), np.uint8))
    elif kind == 2:
        np.save(out, array.astype(chance.choice((np.float64, np.int64, np.bool_, np.str_))))
    elif kind == 3:
        flat = array.copy().reshape(-1)
        flat[chance.randrange(len(flat))] = chance.choice((0, 1, 7)) if array.dtype.kind != "U" else "\ud800x"
        np.save(out, flat.reshape(array.shape))
    else:
        out.write(flip(members[name], chance))
    members[name] = out.getvalue()
    if chance.random() < 0.1:
        del members[name]
    packed = io.BytesIO()
    method = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(packed, "w", method) as archive:
        for key, value in members.items():
            archive.writestr(key, value)
    return packed.getvalue()


def change_parquet(data: bytes, chance: random.Random) -> bytes:
    """Write it anew: compressed, with dictionaries, with other values, many more rows, or a lying footer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(data))
    column = chance.choice(table.column_names)
    kind = chance.randrange(6)
    if kind == 0:
        table = table.slice(0, chance.randrange(8))
    elif kind == 1:
        table = pa.concat_tables([table] * chance.choice((2, 2_000)))
    elif kind == 2:
        row = table.slice(0, 1).to_pylist()
        row[0]["label"] = "0" * chance.choice((5, 30_000_000))
        table = pa.Table.from_pylist(row * 7, schema=table.schema)
    elif kind == 3:
        table = table.drop_columns([column])
    elif kind == 4:
        rows = table.to_pylist()
        rows[0]["glyphs"] = [None] * 5_000_000
        table = pa.Table.from_pylist(rows, schema=table.schema)
    else:
        nulls = pa.nulls(len(table), table.schema.field(column).type)
        table = table.set_column(table.column_names.index(column), table.schema.field(column), nulls)
    out = io.BytesIO()
    compression = chance.choice(("none", "zstd", "gzip"))
    pq.write_table(table, out, compression=compression, use_dictionary=chance.random() < 0.5)
    changed = bytearray(out.getvalue())
    footer = int.from_bytes(changed[-8:-4], "little")
    for _ in range(chance.choice((0, 0, 1, 3))):
        place = chance.randrange(8, footer + 8)
        changed[-place] = chance.choice((0, 1, 127, 128, 255, changed[-place] ^ 1))
    return bytes(changed)


def change_lmdb(data: bytes, chance: random.Random) -> bytes:
    """Change numbers in the headers and nodes of pages."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 3))):
        page = chance.randrange(len(data) // 4096) * 4096
        place = page + chance.choice(
            (0, 8, 10, 12, 14, 16, 18, 24, 40, 64, 88, 120, 128, 136, chance.randrange(4088))
        )
        kind = chance.choice(("<H", "<I", "<Q"))
        number = chance.choice((*_NUMBERS, 1 << 40, (1 << 64) - 1))
        struct.pack_into(
            kind, changed, min(place, len(changed) - 8), number & ((1 << 8 * struct.calcsize(kind)) - 1)
        )
    return bytes(changed)


def change_idx(data: bytes, chance: random.Random) -> bytes:
    """Change the header, or pack much more than it says."""
    plain = bytearray(gzip.decompress(data))
    kind = chance.randrange(4)
    if kind == 0:
        plain[2] = chance.choice((8, 9, 11, 12, 13, 14, 255))
    elif kind == 1:
        plain[3] = chance.choice((0, 1, 2, 3, 4, 8, 9, 255))
    elif kind == 2:
        struct.pack_into(">I", plain, 4 * chance.randrange(1, 4), chance.choice(_NUMBERS))
    else:
        plain += bytes(chance.choice((1, 100_000_000)))
    return gzip.compress(bytes(plain), 1)


def change_note(data: bytes, chance: random.Random) -> bytes:
    """Change a line of a note."""
    lines = data.split(b"\n")
    number = chance.randrange(len(lines))
    with suppress(ValueError):
        lines[number] = change_json(lines[number], chance)
        return b"\n".join(lines)
    return flip(data, chance)


# --- Files and their readers ----------------------------------------------------------------------------


def _dataset(format: str, file: str, **layout: Any) -> Callable[[Path], Path]:  # noqa: A002 - as in the API
    def make(folder: Path) -> Path:
        write_dataset(RECIPE, folder, workers=1, format=format, **layout)
        return next(iter(sorted(folder.glob(file))))

    return make


def _root(path: Path) -> Path:
    return next(above for above in path.parents if any(above.glob("*dataset.json")))


def _read_all(path: Path, source: str | None = None) -> None:
    folder = _root(path)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: list(verify_dataset(folder, source=source)),
        lambda: inspect_dataset(folder, source=source),
        lambda: [part[0] for part in read_dataset(folder).splits.values()],
        lambda: [part.labels for part in read_dataset(folder).splits.values()],
        lambda: write_dataset(RECIPE, folder, source=source, workers=1),
    )
    refusals = []
    for attempt in attempts:
        try:
            attempt()
        except DigitSeqError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]


def _mixture(folder: Path) -> str:
    return f"{folder / 'a.npz'}=2+{folder / 'b.npz'}"


def _of_a_mixture(form: str, file: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for name, grey in (("a.npz", 90), ("b.npz", 200)):
            images = np.zeros((30, 28, 28), np.uint8)
            images[:, 5:20, 9:15] = grey + np.arange(30, dtype=np.uint8)[:, None, None]
            np.savez(folder / name, images=images, labels=np.arange(30, dtype=np.uint8) % 10)
        write_dataset(RECIPE, folder / "out", source=_mixture(folder), workers=1, format=form)
        return next((folder / "out").glob(file))

    return make


def _read_mixture(path: Path) -> None:
    _read_all(path, _mixture(_root(path).parent))


def _make_note(folder: Path) -> Path:
    write_dataset(RECIPE.changed(count=1_001), folder, workers=1, part=(1, 2))
    return next((folder / ".digitseq-notes").glob("*/*-000000"))


def _finish(path: Path) -> None:
    write_dataset(RECIPE.changed(count=1_001), path.parents[2], workers=1, part=(2, 2))
    list(verify_dataset(path.parents[2]))


def _make_cache(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from digitseq.glyphs.glyph_cache import save_glyphs

        images = np.tile(np.arange(784, dtype=np.uint8).reshape(28, 28), (30, 1, 1))
        save_glyphs(folder, GlyphSet.from_arrays(images, np.arange(30, dtype=np.int64) % 10))
        return folder / name

    return make


def _read_cache(path: Path) -> None:
    from digitseq import draw, make_recipe
    from digitseq.glyphs.glyph_cache import damage, open_glyphs

    glyphs = open_glyphs(path.parent)
    if glyphs is not None:
        draw(make_recipe(["0123456789"], (2, 8), None, seed=1, source=glyphs.name), glyphs)
        damage(glyphs)


def _make_picture(folder: Path) -> Path:
    from digitseq import draw, make_recipe

    (picture,) = draw(make_recipe(["0042"], (2, 8), 160, seed=1, source="builtin"))
    return picture.save(folder / "0042.png")


def _make_idx(folder: Path) -> Path:
    from tests.glyphs.idx_files import write_idx

    write_idx(folder / "train-images-idx3-ubyte.gz", np.full((30, 28, 28), 90, np.uint8))
    write_idx(folder / "train-labels-idx1-ubyte.gz", np.arange(30, dtype=np.uint8) % 10)
    return folder / "train-images-idx3-ubyte.gz"


def _make_own_npz(folder: Path) -> Path:
    images = np.tile(np.arange(784, dtype=np.uint8).reshape(28, 28), (7, 1, 1))
    np.savez_compressed(folder / "own.npz", images=images, labels=np.arange(7, dtype=np.uint8))
    return folder / "own.npz"


def _make_class_folder(folder: Path) -> Path:
    from PIL import Image

    (folder / "3").mkdir()
    Image.fromarray(np.tile(np.arange(40, dtype=np.uint8), (30, 1))).save(folder / "3/one.png")
    return folder / "3/one.png"


def _make_predictions(end: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_dataset(RECIPE, folder, workers=1)
        labels = read_dataset(folder).splits["train"].labels
        rows = [{"index": number, "prediction": label} for number, label in enumerate(labels)]
        path = folder / f"predictions.{end}"
        if end == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            path.write_text("index,prediction\n" + "".join(f"{r['index']},{r['prediction']}\n" for r in rows))
        return path

    return make


def _make_sequences(folder: Path) -> Path:
    (folder / "numbers.csv").write_text("12,34\n56,7\n")
    return folder / "numbers.csv"


def _read_sequences(path: Path) -> None:
    from digitseq.cli.values import sequences_of

    sequences_of(str(path))


TARGETS = (
    Target("manifest", _dataset("folder", "dataset.json"), _read_all, change_json),
    Target("manifest of lmdb", _dataset("lmdb", "dataset.json"), _read_all, change_json),
    Target("manifest of npz", _dataset("npz", "dataset.json"), _read_all, change_json),
    Target("metadata", _dataset("folder", "metadata.jsonl"), _read_all, change_json_lines),
    Target("labels", _dataset("folder", "labels.csv"), _read_all, change_csv),
    Target("manifest of a mixture", _of_a_mixture("folder", "dataset.json"), _read_mixture, change_json),
    Target(
        "metadata of a mixture", _of_a_mixture("folder", "metadata.jsonl"), _read_mixture, change_json_lines
    ),
    Target("tar of a mixture", _of_a_mixture("webdataset", "*.tar"), _read_mixture, change_tar),
    Target("coco", _dataset("folder", "coco.json", labels=["coco"]), _read_all, flip),
    Target("png", _dataset("folder", "images/000/000000.png"), _read_all, change_png),
    Target("webdataset", _dataset("webdataset", "*.tar"), _read_all, change_tar),
    Target("parquet", _dataset("parquet", "data/*.parquet"), _read_all, change_parquet),
    Target("npz", _dataset("npz", "*.npz"), _read_all, change_npz),
    Target("lmdb", _dataset("lmdb", "train/data.mdb"), _read_all, change_lmdb),
    Target("note", _make_note, _finish, change_note),
    Target("cache manifest", _make_cache("manifest.json"), _read_cache, change_json),
    Target("cache glyphs", _make_cache("glyphs.npy"), _read_cache, flip),
    Target("cache ink", _make_cache("ink.npy"), _read_cache, flip),
    Target("cache origin", _make_cache("origin.npy"), _read_cache, flip),
    Target("picture", _make_picture, inspect_dataset, change_png),
    Target("idx", _make_idx, lambda path: load_glyphs(path.parent, "all"), change_idx),
    Target("own npz", _make_own_npz, lambda path: load_glyphs(path, "all"), change_npz),
    Target("class folder", _make_class_folder, lambda path: load_glyphs(path.parents[1], "all"), change_png),
    Target(
        "predictions csv", _make_predictions("csv"),
        lambda path: inspect_dataset(path.parent, predictions=path), change_csv,
    ),
    Target(
        "predictions jsonl", _make_predictions("jsonl"),
        lambda path: inspect_dataset(path.parent, predictions=path), change_json_lines,
    ),
    Target("sequences", _make_sequences, _read_sequences, change_csv),
)  # fmt: skip


_before = [0]


def begin_memory() -> None:
    """Count memory from here on, where the system can (Linux)."""
    gc.collect()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        _before[0] = _memory("VmRSS")


def most_memory() -> int:
    """The most memory used since `begin_memory`, in bytes; 0 where the system does not tell."""
    with suppress(OSError):
        return _memory("VmHWM") - _before[0]
    return 0


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def try_one(target: Target, whole: Path, file: Path, seed: int, folder: Path) -> str:
    """
    Mutate a file and read it.

    Args:
        target: what it is.
        whole: the folder that `Target.make` has filled.
        file: the file in it.
        seed: of the mutation.
        folder: where to work; emptied first.

    Returns:
        "read" or "refused".

    Raises:
        Exception: anything but an error of digitseq: a fault.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    place = folder / file.relative_to(whole)
    chance = random.Random(f"{target.name} {seed}")
    data = place.read_bytes()
    with suppress(ImportError):
        changed = target.change(data, chance) if chance.random() < 0.7 else flip(data, chance)
        place.write_bytes(changed)
        del changed
    del data
    begin_memory()
    try:
        target.read(place)
    except DigitSeqError as error:
        str(error).encode("utf-8")  # it can be printed
        if not str(error).isprintable():
            raise ValueError(f"not printable: {error!r}") from error
        return "refused"
    return "read"


def main() -> None:
    """Try as many files as the first argument says, in processes that are watched."""
    import resource
    import subprocess

    count, start = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    if "--child" in sys.argv:
        resource.setrlimit(resource.RLIMIT_AS, (4_000_000_000, 4_000_000_000))
        warnings.simplefilter("ignore")
        names = sys.argv[4:]
        with tempfile.TemporaryDirectory() as folder:
            for target in (target for target in TARGETS if target.name in names):
                whole = Path(folder, target.name)
                whole.mkdir()
                file = target.make(whole)
                for seed in range(start, start + count):
                    sys.stdout.write(f"{target.name} {seed}\n")
                    sys.stdout.flush()
                    begun = time.monotonic()
                    result = try_one(target, whole, file, seed, Path(folder, "work"))
                    took_s = time.monotonic() - begun
                    used = most_memory()
                    assert took_s < MOST_S, f"{took_s:.0f} s"
                    assert used < MOST_BYTES, f"{used / 1e6:.0f} MB, {result}"
        return
    faults = 0
    each = -(-count // len(TARGETS))
    for target in TARGETS:
        done = start
        while done < start + each:
            command = [
                sys.executable,
                "-m",
                "tests.fuzz",
                str(start + each - done),
                str(done),
                "--child",
                target.name,
            ]
            ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3_600)
            last = ended.stdout.splitlines()[-1] if ended.stdout else f"{target.name} {done}"
            seed = int(last.rpartition(" ")[2])
            if ended.returncode == 0:
                break
            faults += 1
            told = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
            sys.stdout.write(f"FAULT {last}: {told[0]}\n")
            sys.stdout.flush()
            done = seed + 1
        sys.stdout.write(f"{target.name}: {each} files\n")
        sys.stdout.flush()
    sys.stdout.write(f"{faults} faults\n")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
