"""
One download that gives up when its patience runs out, and says whose fault a failure is.

pooch and its HTTP library do the work. They leave a slow server as much time as it likes, and report a full
disk and a missing file of certificates as the same kind of error.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from digitseq.glyphs.mnist import SourceFile
from digitseq.interrupts import POLL_S, check


class Patience(NamedTuple):
    """How long to wait for a server: to its first byte, between bytes, and for one file in all (s)."""

    first_byte_s: float
    stall_s: float
    file_s: float


ASKED_FOR = Patience(15, 20, 3600)
"""The user asked for MNIST: a slow network may take its time."""
IN_PASSING = Patience(3, 5, 60)
"""Nobody asked: a dead network must not keep anybody waiting."""


def copy(source: Path, target: Path) -> None:
    """
    Copy a file from a mirror that is a local folder.

    Raises:
        MirrorError: it cannot be read.
        WriteError: the copy cannot be written.
    """
    with target.open("wb") as output, _blamed_on_the_mirror(), source.open("rb") as file:
        shutil.copyfileobj(file, _Arriving(output))


class MirrorError(Exception):
    """Why a mirror did not give a file, in a few words."""


class WriteError(Exception):
    """What has arrived cannot be written; the cause is the system's refusal."""


class _Arriving:
    """The file of a download. What the system refuses here is the cache's fault, all else the network's."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        """Write a chunk."""
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise WriteError from error

    def flush(self) -> None:
        """Nothing: every chunk is written at once."""


@contextmanager
def _blamed_on_the_mirror() -> Iterator[None]:
    """What the system refuses in the block has to do with the mirror, unless it is WriteError."""
    from requests.exceptions import RequestException

    try:
        yield
    except RequestException:
        raise
    except OSError as error:  # such as a file of certificates that is not there
        name = f"{Path(str(error.filename)).name}: " if error.filename else ""
        raise MirrorError(name + (error.strerror or str(error))) from error


class Tally:
    """Bytes of all files together, for the progress callback."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def add(self, count: int) -> None:
        """More bytes are there; 0 tells that a download begins."""
        self.done = min(self.done + count, self.total)
        if self.progress is not None:
            self.progress(self.done, self.total)


def in_few_words(error: Exception) -> str:
    """What the HTTP library raised, as a reason in a sentence."""
    from requests import exceptions

    response = getattr(error, "response", None)
    if response is not None:
        return f"it answered {response.status_code} {response.reason}"
    if isinstance(error, exceptions.InvalidProxyURL):
        return "the proxy's address is not valid (check HTTPS_PROXY and HTTP_PROXY)"
    if isinstance(error, exceptions.ProxyError):
        return "the proxy does not answer (check HTTPS_PROXY and HTTP_PROXY)"
    if isinstance(error, exceptions.SSLError):
        return "its certificate is not trusted (set REQUESTS_CA_BUNDLE to a file of trusted certificates)"
    if isinstance(error, exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, exceptions.ConnectionError):
        return "no connection"
    return str(error)


class Download:
    """
    One download that gives up when its patience is at an end.

    Timeouts of the HTTP library cover neither the look-up of a name nor several addresses tried in turn
    nor a server that sends a byte now and then; so the work goes on in a thread, and the clock is here.
    An abandoned thread ends with its next chunk or with the process.
    """

    def __init__(self, url: str, output: Path, file: SourceFile, patience: Patience, tally: "Tally") -> None:
        self._url, self._output, self._file, self._patience, self._tally = url, output, file, patience, tally
        self._beat = threading.Event()  # set by every chunk and at the end
        self._received = 0
        self._abandoned = self._finished = False
        self._error: BaseException | None = None
        self.total = 0  # pooch sets it; the true size is known

    def run(self) -> None:
        """Download, or raise MirrorError or what the HTTP library raised."""
        try:
            threading.Thread(target=self._work, daemon=True).start()
        except RuntimeError as error:
            raise MirrorError(str(error)) from error
        deadline = time.monotonic() + self._patience.file_s
        wait_s, counted = self._patience.first_byte_s, 0
        try:
            heard = time.monotonic()
            while not self._finished:
                check()
                if not self._beat.wait(min(POLL_S, wait_s)):
                    if time.monotonic() - heard > wait_s:
                        told = "it stopped sending" if counted else "no answer"
                        raise MirrorError(f"{told} for {wait_s:g} s")
                    continue
                self._beat.clear()
                heard, wait_s = time.monotonic(), self._patience.stall_s
                received = self._received
                self._tally.add(received - counted)
                counted = received
                if time.monotonic() > deadline:
                    raise MirrorError(f"too slow: {self._file.gz_name} took over {self._patience.file_s:g} s")
            if self._error is not None:
                raise self._error
            self._tally.add(self._received - counted)
        except BaseException:
            self._abandoned = True
            self._tally.add(-counted)
            raise

    def _work(self) -> None:
        from pooch import HTTPDownloader

        responses: list[Any] = []
        downloader = HTTPDownloader(
            progressbar=self,
            chunk_size=1 << 14,
            # The clock is in `run`; this ends a thread that was abandoned.
            timeout=(2 * self._patience.first_byte_s, 2 * self._patience.stall_s),
            # A server that says "Content-Encoding: gzip" of a .gz file would have it unpacked on the way.
            headers={"Accept-Encoding": "identity"},
            hooks={"response": lambda response, **_: responses.append(response)},
        )
        try:
            with self._output.open("wb") as file, _blamed_on_the_mirror():
                downloader(self._url, _Arriving(file), None)
        except BaseException as error:  # handed to the waiting thread
            self._error = error
        finally:
            for response in responses:  # pooch leaves it open when something goes wrong
                response.close()
        self._finished = True
        self._beat.set()

    # What pooch asks of a progress bar. It counts chunks; the file tells the bytes.

    def update(self, _count: int) -> None:
        """A chunk is in the file."""
        self._received = self._output.stat().st_size
        if self._abandoned:
            raise MirrorError("abandoned")
        if self._received > self._file.gz_bytes:
            raise MirrorError(f"{self._file.gz_name} is another file: it is longer than the original")
        self._beat.set()

    def reset(self) -> None:
        """Nothing to count anew."""

    def close(self) -> None:
        """Nothing to close."""
