"""Write sheets and pages; never overwrite anything that was inspected."""

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
    Check that a sheet or page can be written, before any work is done for it.

    Args:
        path: output file.
        kind: "sheet" or "html".
        force: replace an existing file.

    Raises:
        ArgumentError: the name of a sheet does not end in .png, or the path is "-".
        OutputError: the file exists, its folder does not, or the path is a folder.
    """
    path = home_path(path)
    if kind == "sheet" and path.suffix.lower() != ".png":
        raise ArgumentError("sheet", f"expected a name ending in .png, got {str(path)!r}")
    if str(path) == "-":
        raise ArgumentError(kind, "expected a file name, got -")
    with system_errors(OutputError, f"{path} cannot be written"):
        if not path.parent.is_dir():
            raise OutputError(f"{path} cannot be written: its folder does not exist")
        if path.is_dir():
            raise OutputError(f"{path} cannot be written: it is a folder")
        if os.path.lexists(path) and not is_stream(path) and not force:
            raise OutputError(f"{path} already exists", hint="pass force=True to replace it")


def write_beside(report: Report, path: Path, write: Callable[[IO[bytes]], object], force: bool) -> Path:
    """Write a sheet or page, unless it would be inside the dataset or replace an input."""
    folder = report.table.subject.folder
    with system_errors(OutputError, f"{path} cannot be written"):
        if folder is not None and folder.resolve() in path.resolve().parents:
            raise OutputError(f"{path} cannot be written: it is inside the inspected dataset")
        inputs = [report.name, *([report.scores.name] if report.scores is not None else [])]
        if any(path.resolve() == Path(name).resolve() for name in inputs):
            raise OutputError(f"{path} cannot be written: it is one of the inspected files")
        write_output(path, write, new=not force)
    return path
