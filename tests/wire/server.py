"""A uvicorn with a protocol of ours and an application that tells what reached it; and words to say to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn

GOOD = b"GET /good HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
KEPT = b"GET /kept HTTP/1.1\r\nHost: localhost\r\n\r\n"
HOST = b"Host: localhost"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
MIB = 1024 * 1024


@dataclass
class Server:
    """A server with an application that tells what reached it."""

    address: tuple[str, int]
    seen: list[dict[str, Any]] = field(default_factory=list)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=20)

    def talk(self, *parts: bytes) -> bytes:
        """All that the server answers, until it ends the connection."""
        with self.connect() as connection:
            for part in parts:
                connection.sendall(part)
            return rest(connection)

    def paths(self) -> list[str]:
        return [request["path"] for request in self.seen]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = {"path": scope["path"], "headers": dict(scope["headers"]), "body": 0, "gone": False}
        self.seen.append(request)
        if scope["path"].startswith("/busy"):
            await asyncio.sleep(1.5)
        elif scope["path"].startswith("/asleep"):
            await asyncio.sleep(0.3)
        more = scope["path"] != "/early"
        while more:
            message = await receive()
            request["gone"] = message["type"] == "http.disconnect"
            request["body"] += len(message.get("body", b""))
            more = message.get("more_body", False)
        body = f"{scope['path']} {request['body']}".encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["path"].startswith("/late"):
            await asyncio.sleep(0.5)
        await send({"type": "http.response.body", "body": body})


def rest(connection: socket.socket) -> bytes:
    """What comes until the end of the connection."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def read(connection: socket.socket, text: bytes) -> bytes:
    """What comes, up to `text`."""
    received = b""
    while text not in received:
        piece = connection.recv(65536)
        assert piece, f"The server ended the connection after {received!r}"
        received += piece
    return received


@contextlib.contextmanager
def run(protocol: type[asyncio.Protocol]) -> Iterator[Server]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        server = Server(listener.getsockname())
        config = uvicorn.Config(
            server,
            http=protocol,
            ws="none",
            lifespan="off",
            server_header=False,
            access_log=False,
            log_config=None,
        )
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield server
        finally:
            running.should_exit = True
            thread.join()


def get(*lines: bytes, target: bytes = b"/bad") -> bytes:
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", *lines, b"", b""])


def post(*lines: bytes, body: bytes = b"hello", target: bytes = b"/bad") -> bytes:
    return b"\r\n".join([b"POST " + target + b" HTTP/1.1", b"Host: localhost", *lines, b"", body])


def assert_refused(answer: bytes, status: int) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    names = [line.partition(b":")[0] for line in lines[1:]]
    assert lines[0].startswith(b"http/1.1 %d " % status), answer
    assert b"connection: close" in lines
    assert b"content-length: %d" % len(body) in lines, "exactly one answer"
    assert b"date" in names
    assert b"server" not in names
    assert 10 < len(body) < 200
    body.decode("ascii")


def assert_well(server: Server) -> None:
    assert server.talk(GOOD).startswith(b"HTTP/1.1 200 "), "the server answers others"
