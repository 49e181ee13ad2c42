"""
A user's own glyphs: IDX pairs, class folders of images, ``.npz`` archives.

Images of 28×28 px are taken as they are. Any other size is brought to MNIST's own form by MNIST's own
rule (`normalise`). docs/sources.md tells users.
"""

import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO
from zipfile import ZipFile

import numpy as np

from digitseq.arrays import AnyArray, UInt8Array
from digitseq.checks import counted, home_path
from digitseq.errors import DigitSeqWarning, FormatError, SourceError, system_errors
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.idx import MOST_BYTES, idx_files, read_idx
from digitseq.glyphs.normalise import MOST_PIXELS, as_glyphs
from digitseq.splits import DISJOINT_SPLITS
from digitseq.storage.inputs import IMAGE_FORMATS, MOST_IMAGE, read_input
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
_DIGITS = frozenset("0123456789")
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
_IMAGE_WORDS, _LABEL_WORDS = {"images", "x"}, {"labels", "y"}

Piece = tuple[str, AnyArray, AnyArray]
"""Part, images and labels from one place."""


def load(path: Path, reserved: Collection[str] = ()) -> GlyphSet:
    """
    The glyphs at a path.

    A folder with folders 0 to 9 (or train, validation, test with such folders inside) holds one image
    file a glyph. A folder or file of IDX pairs holds ``…images-idx3-ubyte`` and ``…labels-idx1-ubyte``, plain
    or ``.gz``; if a file's name has "emnist" in it, its images are stored transposed and are turned, and
    labels above 9 are letters and left out. An ``.npz`` holds images and labels.

    The split of a piece is told by the word train, validation (valid, val, dev) or test (t10k) in the
    name of its IDX file, its folder inside the path, or its array; without one it counts as train.

    Args:
        path: a folder or file.
        reserved: names of other sources.

    Returns:
        The set, named after the path's last part, its split "all".

    Raises:
        SourceError: there are no glyphs of such a form, or a file cannot be read.
        FormatError: a file is broken.
    """
    with system_errors(SourceError, f"{path} cannot be read"):
        return _load(home_path(path), reserved)


def _load(path: Path, reserved: Collection[str]) -> GlyphSet:
    used: set[Path] = set()
    if path.is_dir():
        pieces = _class_folders(path, used) or _idx_pairs(idx_files(path), path, used)
    elif path.suffix == ".npz" and path.is_file():
        pieces = _npz(path)
    elif path.is_file():
        pieces = _idx_pairs({file.name: file for file in _siblings(path)}, path, used)
    elif path.exists():
        raise SourceError(f"{path} is no source: expected a regular file or a folder")
    else:
        raise SourceError(
            f"no source {str(path)!r}: it is neither mnist, builtin, auto nor a file or folder that exists"
        )
    if not pieces:
        raise SourceError(
            f"{path}: no glyphs found; an .npz is named by its file, not its folder"
            if path.is_dir() and any(path.glob("*.npz"))
            else f"{path}: no glyphs found",
            hint="expected folders 0 to 9 of images, IDX pairs (…images-idx3-ubyte and "
            "…labels-idx1-ubyte) or an .npz with images and labels",
        )
    images, labels, split_of = _join(path, pieces)
    if path.is_dir():
        _name_unused(path, used)
    name = path.resolve().name
    if name.partition(":")[0] in reserved:
        name += "/"  # a folder called mnist is not MNIST
    return GlyphSet.from_arrays(images, labels, name=name, split_of=split_of, splits=_splits(pieces))


def _splits(pieces: list[Piece]) -> tuple[str, ...]:
    found = {split for split, _, _ in pieces}
    return tuple(split for split in DISJOINT_SPLITS if split in found)


def _join(path: Path, pieces: list[Piece]) -> tuple[UInt8Array, AnyArray, AnyArray]:
    splits = _splits(pieces)
    ready = []
    for split, images, labels in pieces:
        if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
            raise SourceError(
                f"{path}: expected one integer label for each of {counted(len(images), 'image')}, "
                f"got {labels.dtype} {labels.shape}"
            )
        number = np.full(len(labels), splits.index(split), np.int64)
        ready.append((as_glyphs(images, str(path)), labels.astype(np.int64), number))
    glyphs, labels, numbers = (np.concatenate(column) for column in zip(*ready, strict=True))
    return glyphs, labels, numbers


def _split_named(name: str) -> str:
    words = re.split(r"[^a-z0-9]+", name.lower())
    return next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), "train")


# --- The forms ------------------------------------------------------------------------------------------


def _class_folders(folder: Path, used: set[Path]) -> list[Piece]:
    """Pieces from folders of images; adds what it uses."""
    folders = [entry for entry in sorted(folder.iterdir()) if entry.is_dir()]
    roots = [(_SPLIT_WORDS[f.name.lower()], f) for f in folders if f.name.lower() in _SPLIT_WORDS]
    if any(f.name in _DIGITS for f in folders):
        roots = [("train", folder)]
    for _, root in roots:
        for entry in sorted(root.iterdir()):
            if entry.is_dir() and entry.name.isdigit() and entry.name not in _DIGITS:
                raise SourceError(f"{entry}: expected folders 0 to 9, a folder for each digit")
    pieces = []
    for split, root in roots:
        glyphs, labels = [], []
        for digit in range(10):
            for file in _image_files(root / str(digit)):
                glyphs.append(_read_image(file))
                labels.append(digit)
                used.add(file)
        if glyphs:
            pieces.append((split, np.stack(glyphs), np.array(labels, np.int64)))
    return pieces


def _name_unused(folder: Path, used: set[Path]) -> None:
    """Warn about files and folders that were not used: perhaps they were meant to be."""
    folders = {folder, *(above for file in used for above in file.parents if above.is_relative_to(folder))}
    unused = [
        entry.relative_to(folder).as_posix() + ("/" if entry.is_dir() else "")
        for place in sorted(folders)
        for entry in sorted(place.iterdir())
        if entry not in used and entry not in folders and not _is_clutter(entry.name)
    ]
    if unused:
        named = ", ".join(unused[:5]) + (f" and {len(unused) - 5:,} more" if len(unused) > 5 else "")
        warnings.warn(f"{folder}: not used as glyphs: {named}", DigitSeqWarning, stacklevel=2)


def _is_clutter(name: str) -> bool:
    """Whether desktops leave such files everywhere."""
    return name.startswith(".") or name.lower() in ("thumbs.db", "desktop.ini", "__macosx")


def _image_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        # By number where names have one (2.png before 10.png) would be a second rule: by name.
        files = sorted(file for file in folder.iterdir() if not file.name.startswith("."))  # ._ from a Mac
        yield from (file for file in files if file.suffix.lower() in IMAGE_SUFFIXES)


def _read_image(file: Path) -> UInt8Array:
    from PIL import Image

    data = read_input(file, MOST_IMAGE)
    try:
        with Image.open(BytesIO(data), formats=IMAGE_FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                size = f"{image.width} × {image.height} px"
                raise FormatError(f"{file}: expected at most {MOST_PIXELS:,} pixels, found {size}")
            if image.mode in ("1", "L"):
                grey = image.convert("L")
            elif image.mode[0] in "IF":  # 16 or 32 bits a pixel, of any range
                grey = Image.fromarray(_stretch(np.asarray(image, np.float64)))
            else:
                # Transparent paper: white if the ink on it is dark, black if it is bright.
                colours = image.convert("RGBA")
                alpha = np.asarray(colours.getchannel("A"), np.int64)
                ink = np.asarray(colours.convert("RGB").convert("L"), np.int64)
                weight = max(int(alpha.sum(dtype=np.int64)), 1)
                paper = 255 if int((ink * alpha).sum(dtype=np.int64)) // weight < 128 else 0
                grey = Image.fromarray(((ink * alpha + paper * (255 - alpha)) // 255).astype(np.uint8))
            pixels = np.asarray(grey)
    except (FormatError, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on a broken file
        raise FormatError(f"{file}: cannot be read as an image ({error})") from error
    glyph: UInt8Array = as_glyphs(pixels[None], str(file))[0]
    if not glyph.any():
        raise SourceError(f"{file}: the image is blank; every glyph needs ink")
    return glyph


def _stretch(values: AnyArray) -> UInt8Array:
    """Values of any range as uint8, the least 0 and the greatest 255."""
    low, high = float(values.min()), float(values.max())
    scaled: UInt8Array = np.rint((values - low) * (255 / ((high - low) or 1))).astype(np.uint8)
    return scaled


def _siblings(path: Path) -> list[Path]:
    """An images file and the labels file that belongs to it; either may be named."""
    pairs = (("images", "labels"), ("idx3", "idx1"))
    names = {path.name}
    for forth in (pairs, [(b, a) for a, b in pairs]):
        name = path.name
        for old, new in forth:
            name = name.replace(old, new)
        names.add(name)
    return [path.with_name(name) for name in sorted(names) if path.with_name(name).is_file()]


def _idx_pairs(by_name: Mapping[str, Path], path: Path, used: set[Path]) -> list[Piece]:
    """Pieces from pairs of IDX files; adds what it uses."""
    pieces = []
    for name, file in by_name.items():
        if "images" not in name or "idx3" not in name or name.removesuffix(".gz") in set(by_name) - {name}:
            continue  # another file, or one that is there uncompressed, too
        labels_name = name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
        # QMNIST's labels are a table, the digit its first column. The partner may be plain where this one
        # is compressed, or the other way round.
        stems = [labels_name, labels_name.replace("idx1-ubyte", "idx2-int")]
        partners = [stem + end for stem in stems for end in ("", ".gz")]
        partner = next((by_name[other] for other in partners if other in by_name), None)
        if partner is None:
            raise SourceError(f"{file}: its labels, {labels_name}, are missing")
        if "emnist" in name.lower() and "letters" in name.lower():
            raise SourceError(f"{file}: the labels of EMNIST's letters are letters, not digits")
        images, labels = read_idx(file), read_idx(partner)
        for one in (file, partner):  # the same file in its other form is not needed
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
        if error.errno is not None:  # the system's; those of zipfile have none
            raise
        raise FormatError(f"{path}: not an .npz archive of plain arrays, or damaged") from error
    except Exception as error:  # zipfile raises nearly anything on a broken archive
        raise FormatError(f"{path}: not an .npz archive of plain arrays, or damaged") from error
    images, labels = _by_rest(arrays, _IMAGE_WORDS), _by_rest(arrays, _LABEL_WORDS)
    if not images or images.keys() - labels.keys():
        raise SourceError(
            f"{path}: expected the arrays images and labels (or x_train and y_train, …), "
            f"found {', '.join(names[:20]) or 'none'}"
        )
    return [(_split_named(rest), images[rest], _flat(labels[rest])) for rest in images]


def _read(member: IO[bytes], room: int) -> AnyArray:
    return read_array(member, "uifbUS", None, room, 8 * MOST_PIXELS)


def _arrays(archive: ZipFile) -> dict[str, AnyArray]:
    """The arrays in an archive, together no more than a file of IDX may hold."""
    arrays, room = {}, MOST_BYTES
    for name in archive.namelist():
        words = re.split(r"[^a-z0-9]+", name.lower())
        if words[-1] == "npy" and (_IMAGE_WORDS | _LABEL_WORDS).intersection(words):
            with archive.open(name) as member:
                arrays[name.removesuffix(".npy")] = array = _read(member, room)
            room -= array.nbytes
    return arrays


def _flat(labels: AnyArray) -> AnyArray:
    # Labels often come as one column.
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def _by_rest(arrays: Mapping[str, AnyArray], words: set[str]) -> dict[str, AnyArray]:
    """The arrays whose name has one of the words, by what else is in the name: x_train under "train"."""
    found = {}
    for name, array in arrays.items():
        parts = re.split(r"[^a-z0-9]+", name.lower())
        if words.intersection(parts):
            found[" ".join(part for part in parts if part not in words)] = array
    return found
