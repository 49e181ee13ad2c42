"""One picture as a file: its name, its place, and what it says of itself."""

from contextlib import suppress
from itertools import chain, count
from pathlib import Path

from digitseq.errors import ArgumentError, OutputError
from digitseq.wholefile import write_whole

_LONGEST_STEM = 100  # file systems end at 255 bytes


def save_picture(png: bytes, sequence: str, output: Path | None = None, *, force: bool = False) -> Path:
    """
    Write a PNG file, whole or not at all.

    Args:
        png: the file's bytes.
        sequence: names the file where ``output`` does not.
        output: a file name ending in .png; or a folder; or None for the current folder. In a folder the
            file is SEQUENCE.png, or SEQUENCE-1.png and so on: the next name that is free.
        force: replace a file of that name.

    Returns:
        The path written.

    Raises:
        OutputError: the file exists and is not to be replaced, or the system refuses.
        ArgumentError: the name does not end in .png.
    """
    if output is None:
        output = Path()
    if output.is_dir():
        long = len(sequence) > _LONGEST_STEM
        stem = f"{sequence[:_LONGEST_STEM]}-{len(sequence)}-digits" if long else sequence
        for end in chain([""], (f"-{number}" for number in count(1))):
            path = output / f"{stem}{end}.png"
            with suppress(FileExistsError):
                _write(path, png, new=not force)
                return path
    if output.exists() and not output.is_file():  # a device or a named pipe: nothing there to keep whole
        try:
            output.write_bytes(png)
        except OSError as error:
            raise OutputError(f"{output} cannot be written: {error.strerror or error}") from error
        return output
    if output.suffix.lower() != ".png":
        raise ArgumentError(
            "output", f"expected a name ending in .png or an existing folder, got {str(output)!r}"
        )
    try:
        _write(output, png, new=not force)
    except FileExistsError as error:
        raise OutputError(f"{output} exists and is kept", hint="--force (force=True) replaces it") from error
    return output


def _write(path: Path, png: bytes, *, new: bool) -> None:
    if new and path.exists():  # the usual case, told without writing anything
        raise FileExistsError(path)
    try:
        write_whole(path, lambda file: file.write(png), new=new)
    except FileExistsError:
        raise
    except OSError as error:
        reason = (
            "its folder does not exist"
            if isinstance(error, FileNotFoundError)
            else error.strerror or str(error)
        )
        raise OutputError(f"{path} cannot be written: {reason}") from error
