"""
Downloads with time limits and with errors that name the cause.

The HTTP library transfers the data. On its own, it never gives up on a slow server, and it reports a full
disk and a missing certificate file as the same kind of error.
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
    """Time limits in seconds: until the first byte, between bytes, and for one whole file."""

    first_byte_s: float
    stall_s: float
    file_s: float


ASKED_FOR = Patience(15, 20, 3600)
"""Limits if the user asked for MNIST: a slow network gets enough time."""
IN_PASSING = Patience(3, 5, 60)
"""Limits if the user did not ask for MNIST: a dead network must not cause a long wait."""


class MirrorError(Exception):
    """A mirror did not deliver a file; the message is a short reason."""


class WriteError(Exception):
    """Received data cannot be written; the cause is the OSError."""


class Arriving:
    """Target file of a download; counts and hashes the data, and never exceeds the original's length."""

    def __init__(self, file: IO[bytes], original: SourceFile) -> None:
        self._file, self._original, self._state = file, original, sha256()
        self.received = 0

    def write(self, data: bytes) -> None:
        """
        Write a chunk.

        Raises:
            MirrorError: the file is longer than the original.
            WriteError: the file cannot be written (a fault of the cache, not of the network).
        """
        self.received += len(data)
        if self.received > self._original.gz_bytes:
            name = self._original.gz_name
            raise MirrorError(f"{name} is not the original file: it is longer than the original")
        self._state.update(data)
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise WriteError from error

    def check(self) -> None:
        """
        Check that the file is the original.

        Raises:
            MirrorError: its SHA-256 differs.
        """
        if self._state.hexdigest() != self._original.gz_sha256:
            name = self._original.gz_name
            raise MirrorError(f"{name} is damaged or not the original file (its SHA-256 differs)")


def copy(source: Path, target: Arriving) -> None:
    """
    Copy a file from a mirror that is a local folder.

    Raises:
        MirrorError: the file cannot be read, or is longer than the original.
        WriteError: the copy cannot be written.
    """
    with _blamed_on_the_mirror(), open_regular(source) as file:
        while data := file.read(_PIECE):
            target.write(data)


@contextmanager
def _blamed_on_the_mirror() -> Iterator[None]:
    """Raise system errors of the block as MirrorError; a WriteError passes through."""
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    try:
        yield
    except (RequestException, ValueError):  # ValueError: also for an invalid URL
        raise
    except ReadTimeoutError as error:
        raise MirrorError("no response in time") from error
    except HTTPError as error:  # while reading the body
        raise MirrorError("the connection was lost") from error
    except OSError as error:  # such as a missing certificate file
        name = f"{Path(str(error.filename)).name}: " if error.filename else ""
        raise MirrorError(name + (error.strerror or str(error))) from error


class Tally:
    """Total bytes of all files, for the progress callback."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def add(self, count: int) -> None:
        """Report more bytes; 0 reports the start of a download, a negative count undoes a failed one."""
        self.done = min(self.done + count, self.total)
        if self.progress is not None:
            self.progress("fetch", self.done, self.total, self.done)


def in_few_words(error: Exception) -> str:
    """Return a short reason for an error that the HTTP library raised."""
    from requests import exceptions

    response = getattr(error, "response", None)
    if response is not None:
        return f"the server returned {response.status_code} {response.reason}"
    if isinstance(error, exceptions.InvalidProxyURL):
        return "the proxy URL is not valid (check HTTPS_PROXY and HTTP_PROXY)"
    if isinstance(error, exceptions.ProxyError):
        return "the proxy does not respond (check HTTPS_PROXY and HTTP_PROXY)"
    if isinstance(error, exceptions.SSLError):
        return "its certificate is not trusted (set REQUESTS_CA_BUNDLE to a file of trusted certificates)"
    if isinstance(error, exceptions.Timeout):
        return "no response in time"
    if isinstance(error, exceptions.ConnectionError):
        return "no connection"
    return str(error)


class Download:
    """
    One download with time limits.

    The timeouts of the HTTP library do not cover DNS lookups, several addresses tried in turn, or a server
    that sends a byte now and then. The transfer therefore runs in a thread, and `run` enforces the limits.
    An abandoned thread ends at its next chunk or with the process.
    """

    def __init__(
        self, url: str, target: Arriving, original: SourceFile, patience: Patience, tally: "Tally"
    ) -> None:
        self._url, self._target, self._original = url, target, original
        self._patience, self._tally = patience, tally
        self._beat = threading.Event()  # set after every chunk and at the end
        self._abandoned = self._finished = False
        self._error: BaseException | None = None

    def run(self) -> None:
        """Download the file, or raise MirrorError or the HTTP library's error."""
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
                        told = "no data" if counted else "no response"
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
            # `run` enforces the limits; these timeouts only end an abandoned thread.
            timeout = (2 * self._patience.first_byte_s, 2 * self._patience.stall_s)
            headers = {"Accept-Encoding": "identity"}
            with (
                _blamed_on_the_mirror(),
                requests.get(self._url, stream=True, timeout=timeout, headers=headers) as response,
            ):
                response.raise_for_status()
                # Do not decode: some servers send the .gz file itself as "Content-Encoding: gzip".
                for chunk in response.raw.stream(_PIECE, decode_content=False):
                    if self._abandoned:
                        raise MirrorError("abandoned")
                    self._target.write(chunk)
                    self._beat.set()
        except BaseException as error:  # `run` raises it in the waiting thread
            self._error = error
        self._finished = True
        self._beat.set()
