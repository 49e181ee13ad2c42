"""Files appear whole or not at all."""

import errno
import os
import stat
from pathlib import Path
from typing import IO

import pytest

from digitseq.storage.atomic import is_stream, write_output, write_whole


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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_only_links_of_the_system_lead_to_devices_and_pipes(in_folder: Path) -> None:
    os.mkfifo("pipe")
    Path("link").symlink_to("pipe")
    Path("null").symlink_to("/dev/null")
    Path("lost").symlink_to("nothing")
    Path("folder").mkdir()
    found = [
        is_stream(Path(name))
        for name in ("pipe", "link", "null", "lost", "folder", "/dev/stdout", "/dev/null")
    ]
    assert found == [True, False, False, False, False, not Path("/dev/stdout").is_file(), True]
    for name in ("link", "null", "lost"):
        with pytest.raises(FileExistsError):
            write_output(Path(name), lambda file: file.write(b"1"), new=True)
        write_output(Path(name), lambda file: file.write(b"1"))
        assert not Path(name).is_symlink()
        assert Path(name).read_bytes() == b"1"
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)
    assert not Path("nothing").exists()
