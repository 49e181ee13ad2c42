"""MNIST's original files, wherever other programs have put them on this machine."""

import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from zipfile import ZipFile

from digitseq.errors import SourceError, system_errors
from digitseq.glyphs.idx import MOST_BYTES, idx_files
from digitseq.glyphs.mnist import FILES, WRITER_FILES, SourceFile
from digitseq.storage.npy import check_members, read_array
from digitseq.storage.open_folder import open_regular

_MOST_FOLDERS = 10_000
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
"""The arrays of Keras's mnist.npz, in the order of `FILES`."""


class LocalFiles:
    """
    MNIST's files in a folder or one inside it, gzip or plain; or Keras's mnist.npz.

    A dot instead of the hyphen before "idx" is accepted.
    """

    def __init__(self, path: Path, temporary: ExitStack) -> None:
        """
        Find the files.

        Args:
            path: a folder, such as the ``root`` of torchvision's MNIST, or an .npz file.
            temporary: removes what is unpacked from an .npz file when it is closed.

        Raises:
            SourceError: a file is missing, or cannot be read.
        """
        with system_errors(SourceError, f"{path} cannot be read"):
            if path.is_file() and path.suffix == ".npz":
                folder = Path(temporary.enter_context(tempfile.TemporaryDirectory()))
                _unpack(path, folder)
                path = folder
            self._files = idx_files(path)
            if not any(map(self._find, FILES)):
                self._files = next((found for found in _below(path) if self._has_all(found)), self._files)
        for file in FILES:
            if self._find(file) is None:
                raise SourceError(
                    f"{path}: {file.name} (or {file.gz_name}) is missing",
                    hint="expected MNIST's four files, in this folder or one inside it, or Keras's mnist.npz",
                )

    def images(self) -> dict[SourceFile, Path]:
        """Return MNIST's four files."""
        return {file: path for file in FILES if (path := self._find(file))}

    def writers(self) -> dict[SourceFile, Path] | None:
        """Return QMNIST's two label files, or None if one is missing."""
        found = {file: path for file in WRITER_FILES if (path := self._find(file))}
        return found if len(found) == len(WRITER_FILES) else None

    def _has_all(self, files: dict[str, Path]) -> bool:
        return all(any(name in files for name in _names(file)) for file in FILES)

    def _find(self, file: SourceFile) -> Path | None:
        return next((self._files[name] for name in _names(file) if name in self._files), None)


def _names(file: SourceFile) -> list[str]:
    stems = (file.name, file.name.replace("-idx", ".idx"))
    return [stem + end for stem in stems for end in (".gz", "")]


def _below(path: Path) -> Iterator[dict[str, Path]]:
    """Yield the files of each folder inside a folder, by name; those of similar datasets are left out."""
    for number, (folder, names, _) in enumerate(os.walk(path)):
        if number > _MOST_FOLDERS:
            return
        # FashionMNIST, KMNIST and QMNIST have files of the same names.
        names[:] = sorted(name for name in names if not name.endswith("MNIST") or name == "MNIST")
        yield idx_files(Path(folder))


def _unpack(path: Path, folder: Path) -> None:
    """Write the arrays of Keras's mnist.npz as IDX files, whose SHA-256 shows whether they are original."""
    try:
        with open_regular(path) as opened, ZipFile(opened) as archive:
            check_members(archive)
            for name, file in zip(_ARRAYS, FILES, strict=True):
                with archive.open(f"{name}.npy") as member:
                    array = read_array(member, "u", None, MOST_BYTES)
                header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
                (folder / file.name).write_bytes(header + array.tobytes())
    except OSError as error:
        if error.errno is not None:
            raise
        raise SourceError(f"{path}: not an .npz archive, or damaged") from error
    except Exception as error:  # zipfile raises nearly anything on a damaged archive
        raise SourceError(f"{path}: expected the arrays {', '.join(_ARRAYS)} of Keras's mnist.npz") from error
