"""
One download that gives up when its patience runs out, and says whose fault a failure is.

The HTTP library does the work. It leaves a slow server as much time as it likes, and reports a full disk and
a missing file of certificates as the same kind of error.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, NamedTuple

from digitseq.glyphs.mnist import SourceFile
from digitseq.interrupts import POLL_S, check
from digitseq.progress_protocol import Progress
from digitseq.storage.open_folder import open_regular

_PIECE = 1 << 14


class Patience(NamedTuple):
    """How long to wait for a server: to its first byte, between bytes, and for one file in all (s)."""

    first_byte_s: float
    stall_s: float
    file_s: float


ASKED_FOR = Patience(15, 20, 3600)
"""The user asked for MNIST: a slow network may take its time."""
IN_PASSING = Patience(3, 5, 60)
"""Nobody asked: a dead network must not keep anybody waiting."""


class MirrorError(Exception):
    """Why a mirror did not give a file, in a few words."""


class WriteError(Exception):
    """What has arrived cannot be written; the cause is the system's refusal."""


class Arriving:
    """The file of a download: counted and hashed as it comes, and never longer than the original."""

    def __init__(self, file: IO[bytes], original: SourceFile) -> None:
        self._file, self._original, self._state = file, original, sha256()
        self.received = 0

    def write(self, data: bytes) -> None:
        """
        Write a chunk.

        Raises:
            MirrorError: it is more than the original has.
            WriteError: the file cannot be written. This blames the cache; all else blames the network.
        """
        self.received += len(data)
        if self.received > self._original.gz_bytes:
            name = self._original.gz_name
            raise MirrorError(f"{name} is another file: it is longer than the original")
        self._state.update(data)
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise WriteError from error

    def check(self) -> None:
        """
        Make sure that it is the original.

        Raises:
            MirrorError: it is not.
        """
        if self._state.hexdigest() != self._original.gz_sha256:
            name = self._original.gz_name
            raise MirrorError(f"{name} is damaged or another file (its SHA-256 differs)")


def copy(source: Path, target: Arriving) -> None:
    """
    Copy a file from a mirror that is a local folder.

    Raises:
        MirrorError: it cannot be read, or is longer than the original.
        WriteError: the copy cannot be written.
    """
    with _blamed_on_the_mirror(), open_regular(source) as file:
        while data := file.read(_PIECE):
            target.write(data)


@contextmanager
def _blamed_on_the_mirror() -> Iterator[None]:
    """What the system refuses in the block has to do with the mirror, unless it is WriteError."""
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    try:
        yield
    except (RequestException, ValueError):  # the latter also for an address that is none
        raise
    except ReadTimeoutError as error:
        raise MirrorError("no answer in time") from error
    except HTTPError as error:  # while the content is read
        raise MirrorError("the connection broke off") from error
    except OSError as error:  # such as a file of certificates that is not there
        name = f"{Path(str(error.filename)).name}: " if error.filename else ""
        raise MirrorError(name + (error.strerror or str(error))) from error


class Tally:
    """Bytes of all files together, for the progress callback."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def add(self, count: int) -> None:
        """More bytes are there; 0 tells that a download begins."""
        self.done = min(self.done + count, self.total)
        if self.progress is not None:
            self.progress("fetch", self.done, self.total, self.done)


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

    def __init__(
        self, url: str, target: Arriving, original: SourceFile, patience: Patience, tally: "Tally"
    ) -> None:
        self._url, self._target, self._original = url, target, original
        self._patience, self._tally = patience, tally
        self._beat = threading.Event()  # set by every chunk and at the end
        self._abandoned = self._finished = False
        self._error: BaseException | None = None

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
                received = self._target.received
                self._tally.add(received - counted)
                counted = received
                if time.monotonic() > deadline:
                    raise MirrorError(
                        f"too slow: {self._original.gz_name} took over {self._patience.file_s:g} s"
                    )
            if self._error is not None:
                raise self._error
            self._tally.add(self._target.received - counted)
        except BaseException:
            self._abandoned = True
            self._tally.add(-counted)
            raise

    def _work(self) -> None:
        import requests

        try:
            # The clock is in `run`; this ends a thread that was abandoned.
            timeout = (2 * self._patience.first_byte_s, 2 * self._patience.stall_s)
            headers = {"Accept-Encoding": "identity"}
            with (
                _blamed_on_the_mirror(),
                requests.get(self._url, stream=True, timeout=timeout, headers=headers) as response,
            ):
                response.raise_for_status()
                # Not decoded: a server that sends a .gz file as "Content-Encoding: gzip" means the file.
                for chunk in response.raw.stream(_PIECE, decode_content=False):
                    if self._abandoned:
                        raise MirrorError("abandoned")
                    self._target.write(chunk)
                    self._beat.set()
        except BaseException as error:  # handed to the waiting thread
            self._error = error
        self._finished = True
        self._beat.set()
