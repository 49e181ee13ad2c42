"""Files appear whole or not at all."""

import errno
import os
import stat
from pathlib import Path
from typing import IO

import pytest

from digitseq.wholefile import write_whole


def _broken(file: IO[bytes]) -> None:
    file.write(b"half")
    raise RuntimeError("broken")


@pytest.mark.parametrize("new", [False, True])
def test_a_writer_that_fails_leaves_nothing(in_folder: Path, new: bool) -> None:
    with pytest.raises(RuntimeError):
        write_whole(Path("a"), _broken, new=new)
    assert not list(in_folder.iterdir())
    Path("a").write_bytes(b"old")
    with pytest.raises((RuntimeError, FileExistsError)):
        write_whole(Path("a"), _broken, new=new)
    assert [path.read_bytes() for path in in_folder.iterdir()] == [b"old"]


def test_new_never_replaces(in_folder: Path) -> None:
    write_whole(Path("a"), lambda file: file.write(b"1"), new=True)
    with pytest.raises(FileExistsError):
        write_whole(Path("a"), lambda file: file.write(b"2"), new=True)
    write_whole(Path("a"), lambda file: file.write(b"3"))
    assert [path.read_bytes() for path in in_folder.iterdir()] == [b"3"]


def test_without_hard_links_it_is_the_same(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "link", no_links)
    test_new_never_replaces(in_folder)


def test_files_have_the_rights_that_the_user_wants(in_folder: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(Path("a"), lambda file: file.write(b""))
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("a").stat().st_mode) == 0o640
