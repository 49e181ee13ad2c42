"""Where a sheet or a page is written: nothing that was inspected is changed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from digitseq.checks import home_path
from digitseq.errors import ArgumentError, OutputError, system_errors
from digitseq.inspection.report import Report
from digitseq.storage.atomic import is_stream, write_output


def check_output(path: str | Path, kind: str, *, force: bool) -> None:
    """
    Make sure that a sheet or a page can be written, before any work is done for it.

    Args:
        path: where.
        kind: "sheet" or "html".
        force: replace a file of that name.

    Raises:
        ArgumentError: a sheet's name does not end in .png.
        OutputError: the file exists, or its folder does not.
    """
    path = home_path(path)
    if kind == "sheet" and path.suffix.lower() != ".png":
        raise ArgumentError("sheet", f"expected a name ending in .png, got {str(path)!r}")
    if str(path) == "-":
        raise ArgumentError(kind, "expected the name of a file, got -")
    with system_errors(OutputError, f"{path} cannot be written"):
        if not path.parent.is_dir():
            raise OutputError(f"{path} cannot be written: its folder does not exist")
        if path.is_dir():
            raise OutputError(f"{path} cannot be written: it is a folder")
        if os.path.lexists(path) and not is_stream(path) and not force:
            raise OutputError(f"{path} exists and is kept", hint="--force (force=True) replaces it")


def write_beside(report: Report, path: Path, write: Callable[[IO[bytes]], object], force: bool) -> Path:
    """Write a sheet or a page, anywhere but over what was inspected."""
    folder = report.table.subject.folder
    with system_errors(OutputError, f"{path} cannot be written"):
        if folder is not None and folder.resolve() in path.resolve().parents:
            raise OutputError(f"{path} cannot be written: it lies in the dataset, which stays as it is")
        inputs = [report.name, *([report.scores.name] if report.scores is not None else [])]
        if any(path.resolve() == Path(name).resolve() for name in inputs):
            raise OutputError(f"{path} cannot be written: it is what was inspected")
        write_output(path, write, new=not force)
    return path
