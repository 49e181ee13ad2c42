"""One picture as a file: its name and its place."""

from collections.abc import Container
from itertools import chain, count
from pathlib import Path

from digitseq.errors import ArgumentError, OutputError, system_errors
from digitseq.wholefile import write_whole

_LONGEST_STEM = 100  # file systems end at 255 bytes


def save_picture(
    png: bytes,
    sequence: str,
    output: Path | None = None,
    *,
    force: bool = False,
    keep: Container[Path] = (),
) -> Path:
    """
    Write a PNG file, whole or not at all.

    Args:
        png: the file's bytes.
        sequence: names the file where ``output`` does not.
        output: a file name ending in .png; or a folder; or None for the current folder. In a folder the
            file is SEQUENCE.png, or SEQUENCE-1.png and so on: the next name that is free.
        force: replace a file of that name.
        keep: files that are not replaced even so.

    Returns:
        The path written.

    Raises:
        OutputError: the file exists and is not to be replaced, or the system refuses.
        ArgumentError: the name does not end in .png.
    """
    output = output or Path()
    with system_errors(OutputError, f"{output} cannot be written"):
        if output.is_dir():
            return _save_in(output, _stem(sequence), png, force, keep)
        if output.exists() and not output.is_file():  # a device or a named pipe: nothing there to keep whole
            output.write_bytes(png)
            return output
        if output.suffix.lower() != ".png":
            expected = "expected a name ending in .png or an existing folder"
            raise ArgumentError("output", f"{expected}, got {str(output)!r}")
        if not output.parent.is_dir():
            raise OutputError(f"{output} cannot be written: its folder does not exist")
        if not _written(output, png, force):
            raise OutputError(f"{output} exists and is kept", hint="--force (force=True) replaces it")
        return output


def _stem(sequence: str) -> str:
    long = len(sequence) > _LONGEST_STEM
    return f"{sequence[:_LONGEST_STEM]}-{len(sequence)}-digits" if long else sequence


def _save_in(folder: Path, stem: str, png: bytes, force: bool, keep: Container[Path]) -> Path:
    ends = chain([""], (f"-{number}" for number in count(1)))
    paths = (folder / f"{stem}{end}.png" for end in ends)
    return next(path for path in paths if path not in keep and _written(path, png, force))


def _written(path: Path, png: bytes, force: bool) -> bool:
    """Write the file, unless it is there and to be kept."""
    if not force and path.exists():  # the usual case, told without writing anything
        return False
    try:
        write_whole(path, lambda file: file.write(png), new=not force)
    except FileExistsError:
        return False
    return True
