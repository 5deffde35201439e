"""An issuer made of the standard library: a real HTTP server on a real port that can misbehave on demand."""

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from keys import jwks
from keys.signing import SigningKey

Reply = Callable[[BaseHTTPRequestHandler], None]


class Issuer:
    """Publishes `keys`. `asked` lists the paths that were requested; `reply`, when set, answers instead."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self.keys = list(keys)
        self.cache_control = jwks.CACHE_CONTROL
        self.metadata: dict[str, object] = {}
        self.reply: Reply | None = None
        self.asked: list[str] = []
        self.path = ""
        # Set when the test is over: what still hangs may go.
        self.released = threading.Event()
        self._server = self._listen(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{self.path}"

    @property
    def jwks_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/.well-known/jwks.json"

    @property
    def downloads(self) -> int:
        """How often the key set was asked for."""
        return sum(path.endswith("jwks.json") for path in self.asked)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def start(self) -> None:
        """Come back at the same address."""
        self._server = self._listen(self._port)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self.stop()

    def _listen(self, port: int) -> ThreadingHTTPServer:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                (issuer.reply or issuer.publish)(self)

            def log_request(self, code: object = None, size: object = None) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        self._port: int = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server

    def publish(self, handler: BaseHTTPRequestHandler) -> None:
        """The honest answer."""
        if handler.path == "/.well-known/jwks.json":
            answer(handler, jwks.encode(jwks.document(self.keys)), {"Cache-Control": self.cache_control})
        elif handler.path == f"/.well-known/oauth-authorization-server{self.path}":
            metadata = {"issuer": self.url, "jwks_uri": self.jwks_url} | self.metadata
            answer(handler, json.dumps(metadata).encode(), {})
        else:
            answer(handler, b"", {}, 404)


def answer(handler: BaseHTTPRequestHandler, body: bytes, headers: dict[str, str], status: int = 200) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def settle() -> None:
    """Wait until no download is under way; what happens in the background is over then."""
    for thread in threading.enumerate():
        if thread.name == "keys-download":
            thread.join(10)
