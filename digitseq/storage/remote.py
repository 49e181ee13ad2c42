"""
Files of a dataset in any storage that fsspec supports: s3://, gs://, memory:// and so on.

A PUT is atomic there: an object appears completely or not at all, so no temporary names are needed.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from digitseq.errors import DigitSeqError, ExtraError, FormatError, OutputError
from digitseq.extras import import_problem, require
from digitseq.storage.base import Storage, text_lines, too_long
from digitseq.storage.open_folder import is_partial, partial_name

_AT_ONCE = 32  # concurrent requests, if the library does not send several by itself
_MD5 = re.compile(r"[0-9a-f]{32}")
_fetched: dict[str, tuple[object, tempfile.TemporaryDirectory[str]]] = {}
_MOST_SCRATCH = 1 << 30
_EXTRAS = {"s3": "s3", "s3a": "s3"}


@dataclass(frozen=True)
class RemoteStorage(Storage):
    """
    Objects under a URL.

    Attributes:
        url: as fsspec expects it. Settings come from its library (environment, configuration files).
    """

    url: str

    @property
    def _place(self) -> tuple[Any, str]:
        """The file system and the path in it. Each process opens its own, including forked ones."""
        if vars(self).get("_pid") != os.getpid():
            vars(self).update(_pid=os.getpid(), _opened=self._open())
        place: tuple[Any, str] = vars(self)["_opened"]
        return place

    def _open(self) -> tuple[Any, str]:
        protocol = self.url.partition("://")[0]
        extra = _EXTRAS.get(protocol, "fsspec")
        core = require("fsspec.core", self.url, extra)  # takes 60 ms to import, so only for URLs
        try:
            # Other processes write there, too, so a cached listing may be out of date.
            system, path = core.url_to_fs(self.url, use_listings_cache=False)
        except ImportError as error:
            if protocol in _EXTRAS:
                raise import_problem(error.__cause__ or error, f"{extra}fs", self.url, extra) from error
            raise ExtraError(
                f"{self.url}: {error}", hint="install the library that the message names"
            ) from None
        except ValueError as error:
            raise OutputError(f"{self.url} cannot be opened: {error}") from None
        return system, str(path).rstrip("/")

    def opened(self) -> "RemoteStorage":
        """Return this storage after checking that fsspec can open its file system."""
        _ = self._place
        return self

    @property
    def one_process(self) -> bool:  # type: ignore[override]
        """Whether other processes cannot see these files."""
        return "memory" in self._place[0].protocol

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the file system: another process opens its own."""
        return {"url": self.url}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def where(self, name: str = "") -> str:
        return f"{self.url.rstrip('/')}/{name}" if name else self.url

    def everywhere(self) -> "RemoteStorage":
        if self.one_process:
            raise OutputError(f"{self.url} exists only in this process; other processes cannot write to it")
        return self

    # --- Writing ----------------------------------------------------------------------------------------

    def make(self) -> None:
        system, path = self._place
        test = f"{path}/{partial_name()}"
        with self._told(OutputError, "", "written"):
            system.pipe_file(test, b"")
            system.rm_file(test)

    def put(self, name: str, data: bytes, *, sync: bool = False) -> None:
        system, path = self._place
        with self._told(OutputError, name, "written"):
            system.pipe_file(f"{path}/{name}", data)

    def put_folder(self, name: str, files: Iterable[tuple[str, bytes]]) -> int:
        system, path = self._place
        content = [(f"{path}/{name}/{file}", data) for file, data in files]
        with self._told(OutputError, name, "written"):
            _pipe(system, content)
        return sum(len(data) for _, data in content)

    def put_all(self, files: Iterable[tuple[str, bytes]]) -> None:
        system, path = self._place
        content = [(f"{path}/{name}", data) for name, data in files]
        with self._told(OutputError, "", "written"):
            _pipe(system, content)

    def put_scratch(self, name: str, data: bytes) -> str:
        folder, slash, _ = name.rpartition("/")
        scratch = f"{folder}{slash}{partial_name()}"
        self.put(scratch, data)
        return scratch

    def take_scratch(self, name: str) -> bytes:
        data = self.read(name, _MOST_SCRATCH)
        if data is None:
            raise OutputError(
                f"{self.where(name)} has disappeared", hint="run the same command again to resume"
            )
        self.remove(name)
        return data

    @contextmanager
    def replacing(self, *names: str) -> Iterator[list[IO[bytes]]]:
        from contextlib import ExitStack

        with tempfile.TemporaryDirectory() as folder:
            local = [Path(folder, str(number)) for number in range(len(names))]
            with ExitStack() as stack:
                yield [stack.enter_context(path.open("xb")) for path in local]
            for path, name in zip(local, names, strict=True):
                self._put_local(path, name)

    @contextmanager
    def building(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file")
            yield path
            self._put_local(path, name)

    def _put_local(self, path: Path, name: str) -> None:
        system, root = self._place
        with self._told(OutputError, name, "written"):
            system.put_file(str(path), f"{root}/{name}")

    # --- Looking ----------------------------------------------------------------------------------------

    def exists(self, name: str) -> bool:
        system, path = self._place
        with self._told(FormatError, name, "read"):
            return bool(system.isfile(f"{path}/{name}"))

    def names(self, folder: str = "") -> set[str]:
        system, path = self._place
        with self._told(OutputError, folder, "read"), suppress(FileNotFoundError):
            found = system.ls(f"{path}/{folder}".rstrip("/"), detail=False)
            return {str(name).rstrip("/").rsplit("/", 1)[-1] for name in found} - {""}
        return set()

    def checksums(self, folder: str) -> dict[str, str]:
        system, path = self._place
        with self._told(OutputError, folder, "read"), suppress(FileNotFoundError):
            found = system.ls(f"{path}/{folder}".rstrip("/"), detail=True)
            tags = {
                str(info["name"]).rsplit("/", 1)[-1]: str(info.get("ETag", "")).strip('"') for info in found
            }
            return {name: tag for name, tag in tags.items() if _MD5.fullmatch(tag)}
        return {}

    def files(self) -> set[str]:
        system, path = self._place
        with self._told(FormatError, "", "read"):
            return {str(name).removeprefix(path).lstrip("/") for name in system.find(path)}

    def read(self, name: str, most: int) -> bytes | None:
        system, path = self._place
        with self._told(FormatError, name, "read"), suppress(FileNotFoundError):
            return self._whole(name, bytes(system.cat_file(f"{path}/{name}", start=0, end=most + 1)), most)
        return None

    def reader(self, names: Sequence[str], most: int) -> Callable[[str], bytes | None]:
        system, path = self._place
        content: dict[str, bytes | None] = {}
        with self._told(FormatError, names[0] if names else "", "read"):
            found = _cat(system, [f"{path}/{name}" for name in names], most + 1)
            for name, data in zip(names, found, strict=True):
                if isinstance(data, Exception) and not isinstance(data, FileNotFoundError):
                    raise FormatError(f"{self.where(name)} cannot be read: {data}")
                content[name] = None if isinstance(data, Exception) else bytes(data)

        def read(name: str) -> bytes | None:
            if name not in content:
                return self.read(name, most)
            data = content[name]
            return None if data is None else self._whole(name, data, most)

        return read

    def _whole(self, name: str, data: bytes, most: int) -> bytes:
        if len(data) > most:
            raise too_long(self.where(name), most)
        return data

    def _stamp(self, name: str) -> object:
        """Return a value that changes when a file is replaced; None if the file does not exist."""
        system, path = self._place
        with self._told(FormatError, name, "read"), suppress(FileNotFoundError):
            found = system.info(f"{path}/{name}")
            return tuple(str(found.get(key)) for key in ("size", "ETag", "mtime", "created", "LastModified"))
        return None

    def lines(self, name: str, most: int) -> Iterator[str]:
        import io

        system, path = self._place
        with (
            self._told(FormatError, name, "read"),
            suppress(FileNotFoundError),
            io.BufferedReader(system.open(f"{path}/{name}", "rb")) as file,
        ):
            yield from text_lines(file, most)

    @contextmanager
    def local(self, name: str) -> Iterator[IO[bytes] | None]:
        stamp, key = self._stamp(name), self.where(name)
        if stamp is None:
            yield None
            return
        system, root = self._place
        if _fetched.get(key, (None,))[0] != stamp:
            _fetched.clear()
            folder = tempfile.TemporaryDirectory()
            with self._told(FormatError, name, "read"):
                system.get_file(f"{root}/{name}", str(Path(folder.name, "file")))
            _fetched[key] = (stamp, folder)
        with Path(_fetched[key][1].name, "file").open("rb") as file:
            yield file

    # --- Removing ---------------------------------------------------------------------------------------

    def touch(self, name: str) -> None:
        """Do nothing: programs that compare times do not see these files."""

    def remove(self, name: str) -> None:
        system, path = self._place
        with self._told(OutputError, name, "removed"), suppress(FileNotFoundError):
            system.rm_file(f"{path}/{name}")

    def remove_empty(self, folder: str) -> None:
        system, path = self._place
        with suppress(Exception):
            if folder and not system.ls(f"{path}/{folder}", detail=False):
                system.rmdir(f"{path}/{folder}")

    def sweep(self, folders: Iterable[str], *, own: bool = False) -> None:
        for folder in folders:
            for name in () if own else self.names(folder):
                if is_partial(name):
                    self.remove(f"{folder}/{name}".replace("//", "/").lstrip("/"))

    @contextmanager
    def lock(self, name: str = "", *, wait: bool = False) -> Iterator[None]:
        yield

    @contextmanager
    def _told(self, kind: type[DigitSeqError], name: str, done: str) -> Iterator[None]:
        """
        Turn any exception of a file system into one of our errors.

        Each library raises its own exceptions; only FileNotFoundError is the same in all of them.
        """
        try:
            yield
        except (DigitSeqError, FileNotFoundError) as error:
            if isinstance(error, DigitSeqError) or done != "written":
                raise
            raise kind(f"{self.where(name)} cannot be written: {error}") from error
        except Exception as error:
            reason = str(error).strip() or type(error).__name__
            raise kind(f"{self.where(name)} cannot be {done}: {reason}") from error


def _pipe(system: Any, content: list[tuple[str, bytes]]) -> None:
    """Write objects concurrently."""
    if system.async_impl:
        system.pipe(dict(content))
        return
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(lambda pair: system.pipe_file(*pair), content):
            pass


def _cat(system: Any, paths: list[str], most: int) -> list[bytes | Exception]:
    """Read up to ``most`` bytes of each object, concurrently; an exception takes the place of its content."""
    if not paths:
        return []
    if system.async_impl:
        ends = [most] * len(paths)
        found: list[bytes | Exception] = system.cat_ranges(paths, [0] * len(paths), ends, on_error="return")
        return found

    def read(path: str) -> bytes | Exception:
        try:
            return bytes(system.cat_file(path, start=0, end=most))
        except Exception as error:
            return error

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(read, paths))
