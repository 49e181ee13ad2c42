"""Write sheets and pages; never overwrite anything that was inspected."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from digitseq.checks import home_path
from digitseq.dataset.manifest import MANIFEST
from digitseq.errors import ArgumentError, OutputError, system_errors
from digitseq.inspection.report import Report
from digitseq.storage.atomic import is_stream, write_output


def check_output(path: str | Path, kind: str, *, force: bool, inspected: Sequence[str | Path] = ()) -> None:
    """
    Check that a sheet or page can be written, before any work is done for it.

    Args:
        path: output file.
        kind: "sheet" or "html".
        force: replace an existing file.
        inspected: datasets and files that must not be written to.

    Raises:
        ArgumentError: the name of a sheet does not end in .png, or the path is "-".
        OutputError: the file exists, its folder does not, the path is a folder, or it is in a dataset or one
            of the files inspected.
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
        for given in inspected:
            _check_input(path, home_path(given))


def write_beside(report: Report, path: Path, write: Callable[[IO[bytes]], object], force: bool) -> Path:
    """Write a sheet or page, unless it would be inside the dataset or replace an input."""
    folder, scores = report.table.subject.folder, report.scores
    inputs = [Path(report.name), *([folder] if folder else []), *([Path(scores.name)] if scores else [])]
    with system_errors(OutputError, f"{path} cannot be written"):
        for given in inputs:
            _check_input(path, given)
        write_output(path, write, new=not force)
    return path


def _check_input(path: Path, given: Path) -> None:
    """Refuse a path that is one of the inspected files, or in the folder of an inspected dataset."""
    full, given = path.resolve(), given.resolve()
    if given.is_dir():
        folder = given.parent if (given.parent / MANIFEST).is_file() else given
        if folder in full.parents:
            raise OutputError(f"{path} cannot be written: it is inside the inspected dataset")
    elif full == given:
        raise OutputError(f"{path} cannot be written: it is one of the inspected files")
