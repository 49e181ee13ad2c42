"""
Load a user's own glyphs: IDX pairs, class folders of images, ``.npz`` archives.

`normalise.as_glyphs` converts the images to glyphs. docs/sources.md is the documentation for users.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import IO
from zipfile import ZipFile

import numpy as np

from digitseq.arrays import AnyArray, BoolArray, IntArray, UInt8Array, read_only
from digitseq.checks import counted, home_path
from digitseq.errors import FormatError, SourceError, system_errors, warn
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.idx import MOST_BYTES, idx_files, read_idx
from digitseq.glyphs.image_files import read_image
from digitseq.glyphs.names import is_reserved
from digitseq.glyphs.normalise import MOST_PIXELS, as_glyphs
from digitseq.glyphs.tables import ARROW_SUFFIXES, OtherTableError, arrow_glyphs, csv_glyphs
from digitseq.splits import DISJOINT_SPLITS
from digitseq.storage.npy import check_members, read_array
from digitseq.storage.open_folder import open_regular

_SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "t10k": "test",
}
_DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
_IMAGE_WORDS, _LABEL_WORDS = {"images", "x"}, {"labels", "y"}

Piece = tuple[str, AnyArray, AnyArray]
"""Split, images and labels from one place."""


def load(path: Path) -> GlyphSet:
    """
    Load the glyphs at a path.

    A folder with subfolders 0 to 9 (or train, validation and test with such subfolders) holds one image file
    per glyph. IDX files come in pairs, ``…images-idx3-ubyte`` and ``…labels-idx1-ubyte``, plain or ``.gz``;
    the path is their folder or one of the two files. If a file name contains "emnist", its images are stored
    transposed and are transposed back, and labels above 9 are letters and are left out. An ``.npz`` holds
    images and labels.

    The split is read from the word train, validation (valid, val, dev) or test (t10k) in the name of the
    file, the folder inside the path, or the array. Without any such word, the glyphs are divided by
    `_divided`; if they are too few for that, all are in train.

    Args:
        path: a folder or file.

    Returns:
        The set, named after the last part of the path, with the split "all".

    Raises:
        SourceError: there are no glyphs in a supported format, or a file cannot be read.
        FormatError: a file is damaged.
    """
    with system_errors(SourceError, f"{path} cannot be read"):
        return _load(home_path(path))


def _load(path: Path) -> GlyphSet:
    used: set[Path] = set()
    if path.is_dir():
        pieces = _class_folders(path, used) or _idx_pairs(idx_files(path), path, used) or _tables(path, used)
    elif path.suffix.lower() == ".npz" and path.is_file():
        pieces = _npz(path)
    elif path.suffix.lower() in _TABLES and path.is_file():
        pieces = _tables(path, used)
    elif path.is_file():
        pieces = _idx_pairs({file.name: file for file in _siblings(path)}, path, used)
    elif path.exists():
        raise SourceError(f"{path} is not a source: expected a regular file or a folder")
    else:
        raise SourceError(
            f"no source {str(path)!r}: expected mnist, builtin, auto, or an existing file or folder"
        )
    if not pieces:
        raise SourceError(
            f"{path}: no glyphs found; to use an .npz, give the path of the file, not of its folder"
            if path.is_dir() and any(path.glob("*.npz"))
            else f"{path}: no glyphs found",
            hint="expected image folders 0 to 9, IDX pairs (…images-idx3-ubyte and "
            "…labels-idx1-ubyte), .csv, .parquet or .arrow files, or an .npz with images and labels",
        )
    images, labels, split_of, splits, kept = _join(path, pieces)
    if path.is_dir():
        _name_unused(path, used)
    name = path.resolve().name
    if is_reserved(name):
        name += "/"  # a folder named mnist is not MNIST
    glyphs = GlyphSet.from_arrays(images, labels, name=name, split_of=split_of, splits=splits)
    glyphs.origin = read_only(kept[glyphs.origin])
    return glyphs


def _join(
    path: Path, pieces: list[Piece]
) -> tuple[UInt8Array, AnyArray, AnyArray, tuple[str, ...], IntArray]:
    """Return glyphs, labels, the numbers and names of their splits, and which images they are."""
    named = {split or "train" for split, _, _ in pieces}
    splits = tuple(split for split in DISJOINT_SPLITS if split in named)
    ready = []
    for split, images, labels in pieces:
        if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
            raise SourceError(
                f"{path}: expected one integer label for each of {counted(len(images), 'image')}, "
                f"got {labels.dtype} {labels.shape}"
            )
        number = np.full(len(labels), splits.index(split or "train"), np.int64)
        where = f"{path}, split {split}" if split else str(path)
        ready.append((as_glyphs(images, where), labels.astype(np.int64), number))
    glyphs, labels, numbers = (np.concatenate(column) for column in zip(*ready, strict=True))
    once = _first_of_equals(glyphs, labels, numbers)
    kept = np.flatnonzero(once).astype(np.int64)
    glyphs, labels, numbers = glyphs[once], labels[once], numbers[once]
    _name_grey_paper(path, glyphs)
    if not any(split for split, _, _ in pieces) and (divided := _divided(glyphs, labels)) is not None:
        return glyphs, labels, divided, DISJOINT_SPLITS, kept
    return glyphs, labels, numbers, splits, kept


def _divided(glyphs: UInt8Array, labels: AnyArray) -> IntArray | None:
    """
    Divide glyphs into splits, about 80, 10 and 10 %, each by a hash of its pixels.

    So equal pixels are always in the same split, and a glyph keeps its split when others are added.

    Returns:
        The number of the split of each glyph, int (glyphs,); None if a split would lack one of the digits.
    """
    hashes = (blake2b(glyph.tobytes(), digest_size=8, person=b"digitseq splits") for glyph in glyphs)
    tenths = np.array([int.from_bytes(state.digest(), "little") % 10 for state in hashes], np.int64)
    numbers = np.maximum(tenths - 7, 0)
    wanted = set(labels.tolist())
    whole = all(set(labels[numbers == number].tolist()) == wanted for number in range(len(DISJOINT_SPLITS)))
    return numbers if whole else None


def _name_grey_paper(path: Path, glyphs: UInt8Array) -> None:
    """Warn if most glyphs have ink at all four borders: every pixel that is not 0 counts as ink."""
    borders = (glyphs[:, 0], glyphs[:, -1], glyphs[:, :, 0], glyphs[:, :, -1])
    full = np.logical_and.reduce([border.any(1) for border in borders])
    if len(glyphs) and 2 * int(np.count_nonzero(full)) > len(glyphs):
        warn(f"{path}: most glyphs fill their tiles, as if the background were ink; make the background 0")


def _first_of_equals(glyphs: UInt8Array, labels: AnyArray, numbers: AnyArray) -> BoolArray:
    """Return which glyphs to keep: the same picture twice in a split counts once."""
    seen: set[bytes] = set()
    keep = np.ones(len(glyphs), np.bool_)
    for row, (label, number) in enumerate(zip(labels.tolist(), numbers.tolist(), strict=True)):
        key = blake2b(b"%d %d %b" % (label, number, glyphs[row].tobytes()), digest_size=16).digest()
        keep[row] = key not in seen
        seen.add(key)
    return keep


def _split_named(name: str) -> str:
    words = re.split(r"[^a-z0-9]+", name.lower())
    return next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), "")


_TABLES = (".csv", *ARROW_SUFFIXES)


def _tables(path: Path, used: set[Path]) -> list[Piece]:
    """Read pieces from a CSV, Parquet or Arrow file, or all in a folder; adds the files to ``used``."""
    pieces: list[Piece] = []
    files = [path] if path.is_file() else _files_below(path)
    for file in files:
        found: tuple[AnyArray, AnyArray] | None = None
        try:
            if file.suffix.lower() == ".csv":
                found = csv_glyphs(file)
            else:
                images, labels = arrow_glyphs(file)
                found = (np.stack(images) if images else np.zeros((0, 28, 28), np.uint8), labels)
        except OtherTableError:
            if path.is_file() or len(files) == 1:
                raise
            continue  # another table beside the glyphs, such as a sample submission
        if found is not None:
            names = reversed(file.relative_to(path).parts) if file != path else (file.stem,)
            pieces.append((next(filter(None, map(_split_named, names)), ""), *found))
            used.add(file)
    return pieces


def _files_below(folder: Path) -> list[Path]:
    """Return the tables in a folder and in those inside it, up to three levels deep."""
    patterns = ("*", "*/*", "*/*/*", "*/*/*/*")
    files = sorted(
        file for pattern in patterns for file in folder.glob(pattern) if file.suffix.lower() in _TABLES
    )
    shown = [file for file in files if not any(map(_is_clutter, file.relative_to(folder).parts))]
    return [file for file in shown if file.is_file()]


# --- Supported formats ----------------------------------------------------------------------------------


def _class_folders(folder: Path, used: set[Path]) -> list[Piece]:
    """Read pieces from folders of images; adds the files to ``used``."""
    folders = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not _is_clutter(entry.name)]
    roots = [(split, f) for f in folders if (split := _split_named(f.name))]
    if any(_digit_named(f.name) is not None for f in folders):
        roots = [("", folder)]
    elif not roots and len(folders) == 1:  # archives often hold one folder with everything in it
        return _class_folders(folders[0], used)
    for _, root in roots:
        for entry in sorted(root.iterdir()):
            if entry.is_dir() and entry.name.isdigit() and _digit_named(entry.name) is None:
                raise SourceError(f"{entry}: expected folders 0 to 9, one per digit")
    pieces = []
    for split, root in roots:
        glyphs, labels = [], []
        places = [
            (digit, place) for place in root.iterdir() if (digit := _digit_named(place.name)) is not None
        ]
        for digit, place in sorted(places):
            for file in _image_files(place):
                glyphs.append(read_image(file))
                labels.append(digit)
                used.add(file)
        if glyphs:
            pieces.append((split, np.stack(glyphs), np.array(labels, np.int64)))
    return pieces


def _digit_named(name: str) -> int | None:
    """
    Return the digit that a folder is named after; None if there is none.

    >>> [_digit_named(name) for name in ("7", "07", "digit_7", "seven", "10", "train")]
    [7, 7, 7, 7, None, None]
    """
    name = name.lower()
    if name in _DIGIT_WORDS:
        return _DIGIT_WORDS.index(name)
    found = re.fullmatch(r"(?:(?:digit|class|label|number|num)[ _-]?)?0?([0-9])", name)
    return int(found[1]) if found else None


def _name_unused(folder: Path, used: set[Path]) -> None:
    """Warn about files and folders that were not used: the user may have meant to use them."""
    folders = {folder, *(above for file in used for above in file.parents if above.is_relative_to(folder))}
    unused = [
        entry.relative_to(folder).as_posix() + ("/" if entry.is_dir() else "")
        for place in sorted(folders)
        for entry in sorted(place.iterdir())
        if entry not in used and entry not in folders and not _is_clutter(entry.name)
    ]
    if unused:
        named = ", ".join(unused[:5]) + (f" and {len(unused) - 5:,} more" if len(unused) > 5 else "")
        warn(f"{folder}: not used as glyphs: {named}")


def _is_clutter(name: str) -> bool:
    """Return whether this is a hidden file or one that a desktop leaves in folders."""
    return name.startswith(".") or name.lower() in ("thumbs.db", "desktop.ini", "__macosx")


def _image_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        # Plain order by name; sorting by number (2.png before 10.png) would add a second rule.
        # Hidden files are skipped: macOS writes ._ files.
        files = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
        yield from (file for file in files if file.suffix.lower() in IMAGE_SUFFIXES)


def _siblings(path: Path) -> list[Path]:
    """Return an IDX images file and its labels file, given either."""

    def pair(name: str) -> str:
        plain = name.lower().removesuffix(".gz").replace("idx2-int", "idx1-ubyte")
        return plain.replace("images", "labels").replace("idx3", "idx1")

    above = path.parent.parent if path.parent.name == path.name else path.parent
    files = [*idx_files(above).values(), path]
    return [file for file in dict.fromkeys(files) if pair(file.name) == pair(path.name)]


def _idx_pairs(by_name: Mapping[str, Path], path: Path, used: set[Path]) -> list[Piece]:
    """Read pieces from pairs of IDX files; adds the files to ``used``."""
    pieces = []
    by_name = {name.lower(): file for name, file in by_name.items()}
    for name, file in by_name.items():
        if "images" not in name or "idx3" not in name or name.removesuffix(".gz") in set(by_name) - {name}:
            continue  # not an images file, or its uncompressed form exists as well
        labels_name = name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
        # QMNIST's labels are a table with the digit in its first column. One file of a pair may be compressed
        # and the other plain.
        stems = [labels_name, labels_name.replace("idx1-ubyte", "idx2-int")]
        partners = [stem + end for stem in stems for end in ("", ".gz")]
        partner = next((by_name[other] for other in partners if other in by_name), None)
        if partner is None:
            raise SourceError(f"{file}: its labels, {labels_name}, are missing")
        if "emnist" in name.lower() and "letters" in name.lower():
            raise SourceError(f"{file}: the labels of EMNIST's letters are letters, not digits")
        images, labels = read_idx(file), read_idx(partner)
        for one in (file, partner):  # do not report the other form of a file as unused
            other = one.with_suffix("") if one.suffix == ".gz" else one.with_name(f"{one.name}.gz")
            used.update((one, other))
        labels = labels[:, 0] if labels.ndim == 2 else labels
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise FormatError(
                f"{file}: expected images (n, height, width) and n labels, "
                f"got {images.shape} and {labels.shape}"
            )
        if "emnist" in name.lower():
            images = images.transpose(0, 2, 1)
            images, labels = images[labels <= 9], labels[labels <= 9]
        pieces.append((_split_named(name), images, labels))
    return pieces


def _npz(path: Path) -> list[Piece]:
    try:
        with open_regular(path) as file, ZipFile(file) as archive:
            check_members(archive)
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            arrays = _arrays(archive)
    except MemoryError:
        raise
    except OSError as error:
        if error.errno is not None:  # a system error; those of zipfile have no errno
            raise
        raise FormatError(f"{path}: not an .npz archive of plain arrays, or damaged") from error
    except Exception as error:  # zipfile raises nearly anything on a damaged archive
        raise FormatError(f"{path}: not an .npz archive of plain arrays, or damaged") from error
    images, labels = _by_rest(path, arrays, _IMAGE_WORDS), _by_rest(path, arrays, _LABEL_WORDS)
    if not images or images.keys() - labels.keys():
        raise SourceError(
            f"{path}: expected the arrays images and labels (or x_train and y_train, …), "
            f"found {', '.join(names[:20]) or 'none'}"
        )
    of_file = _split_named(path.stem)
    return [(_split_named(rest) or of_file, images[rest], _flat(labels[rest])) for rest in images]


def _read(member: IO[bytes], room: int) -> AnyArray:
    return read_array(member, "uifbUS", None, room, 8 * MOST_PIXELS)


def _arrays(archive: ZipFile) -> dict[str, AnyArray]:
    """Read the images and labels in an archive, at most `MOST_BYTES` in total."""
    arrays, room = {}, MOST_BYTES
    for name in archive.namelist():
        words = re.split(r"[^a-z0-9]+", name.lower())
        if words[-1] == "npy" and (_IMAGE_WORDS | _LABEL_WORDS).intersection(words):
            with archive.open(name) as member:
                arrays[name.removesuffix(".npy")] = array = _read(member, room)
            room -= array.nbytes
    return arrays


def _flat(labels: AnyArray) -> AnyArray:
    """Return labels as integers, from a single column, one column per digit (one-hot) or text."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.shape[1] == 10 and ((labels != 0).sum(1, dtype=np.int64) == 1).all():
        return labels.argmax(1).astype(np.int64)
    if labels.dtype.kind in "SU":
        texts = [text.decode("latin-1") if isinstance(text, bytes) else text for text in labels.tolist()]
        if all(text.isascii() and text.strip().isdigit() and len(text) < 10 for text in texts):
            return np.array([int(text) for text in texts], np.int64)
    return labels


def _by_rest(path: Path, arrays: Mapping[str, AnyArray], words: set[str]) -> dict[str, AnyArray]:
    """Return the arrays with one of the words in their name, keyed by the rest: x_train under "train"."""
    found: dict[str, str] = {}
    for name in arrays:
        parts = re.split(r"[^a-z0-9]+", name.lower())
        if not words.intersection(parts):
            continue
        rest = " ".join(part for part in parts if part not in words)
        if rest in found:
            raise SourceError(
                f"{path}: the arrays {found[rest]} and {name} have the same meaning; keep one of them"
            )
        found[rest] = name
    return {rest: arrays[name] for rest, name in found.items()}
