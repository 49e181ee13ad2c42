"""A local HTTP server that behaves well or badly, and counts what it is asked for."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Mirror(ThreadingHTTPServer):
    """
    Serves the files of a folder.

    Attributes:
        manner: "well", or how it misbehaves: "truncated" (closes early), "short" (whole answer, half the
            file), "corrupted" (one byte differs), "html" (a page with status 200), "missing" (404),
            "error" (500), "silent" (never answers), "stalled" (stops in the middle), "dripping" (a little
            at a time), "endless" (never stops sending), "gzip" (declares a content encoding if it may).
        requests: how often each file was asked for.
    """

    daemon_threads = True

    def __init__(self, folder: Path, manner: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.manner = folder, manner
        self.requests: Counter[str] = Counter()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Address of the folder."""
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Mirror

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        name, manner = self.path.lstrip("/"), self.server.manner
        self.server.requests[name] += 1
        path = self.server.folder / name
        if manner == "silent":
            self.server.closing.wait(60)
            return
        if manner == "missing" or not path.is_file():
            self.send_error(404)
            return
        if manner == "error":
            self.send_error(500)
            return
        data = path.read_bytes()
        if manner == "html":
            data = b"<!DOCTYPE html><title>Please log in</title>"
        elif manner == "short":
            data = data[: len(data) // 2]
        elif manner == "corrupted":
            data = data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]
        self.send_response(200)
        if manner == "gzip" and "gzip" in self.headers.get("Accept-Encoding", ""):
            self.send_header("Content-Encoding", "gzip")
        if manner != "endless":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if manner in ("truncated", "stalled"):
            self.wfile.write(data[: len(data) // 2])
            if manner == "stalled":
                self.server.closing.wait(60)
        elif manner == "dripping":
            for start in range(0, len(data), 60_000):
                self.wfile.write(data[start : start + 60_000])
                if self.server.closing.wait(0.02):
                    return
        elif manner == "endless":
            while not self.server.closing.is_set():
                self.wfile.write(bytes(1 << 16))
        else:
            self.wfile.write(data)


@contextmanager
def serve(folder: Path, manner: str = "well") -> Iterator[Mirror]:
    """A mirror that runs while the block does."""
    mirror = Mirror(folder, manner)
    thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        mirror.closing.set()
        mirror.shutdown()
        mirror.server_close()
        thread.join()


def wait_until(condition: object, seconds: float = 60) -> None:
    """Wait until a callable is true; fail if it does not come true."""
    end = time.monotonic() + seconds
    assert callable(condition)
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
