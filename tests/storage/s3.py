"""A real S3 server over HTTP (moto), which can be made to misbehave."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

_UNWELL = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_UNKNOWN = (
    b"<Error><Code>InvalidAccessKeyId</Code>"
    b"<Message>The AWS Access Key Id you provided does not exist in our records.</Message></Error>"
)


class Server:
    """
    An S3 server.

    Attributes:
        url: its address.
        unwell: how many requests it will answer with 503 from now on, after letting ``well`` pass.
        well: see there.
        answered: how many requests it has answered.
    """

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.unwell = self.well = self.answered = 0
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.answered += 1
        if "Credential=wrong/" in environ.get("HTTP_AUTHORIZATION", ""):
            return self._refuse(environ, start, "403 Forbidden", _UNKNOWN)
        if self.well > 0:
            self.well -= 1
        elif self.unwell > 0:
            self.unwell -= 1
            return self._refuse(environ, start, "503 Slow Down", _UNWELL)
        answer: Iterable[bytes] = self._app(environ, start)
        return answer

    @staticmethod
    def _refuse(
        environ: dict[str, Any], start: Callable[..., Any], status: str, body: bytes
    ) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body] if environ["REQUEST_METHOD"] != "HEAD" else []

    def close(self) -> None:
        """End it."""
        self._server.shutdown()


@contextmanager
def serving() -> Iterator[Server]:
    """A server for as long as the block lasts."""
    server = Server()
    try:
        yield server
    finally:
        server.close()
