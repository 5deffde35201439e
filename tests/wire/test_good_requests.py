"""What is well-formed comes through: in pieces, behind others, large, and in every way that the limits allow."""

from __future__ import annotations

import random
import socket
from typing import Any

import pytest

from .conftest import PROTOCOLS, Protocol
from .server import CHUNKS, GOOD, HOST, KEPT, MIB, Server, get, post, read, rest, run


@pytest.mark.parametrize(
    "request_",
    [
        get(HOST, target=b"/fine"),
        get(b"Host: localhost:8000", target=b"/fine"),
        get(b"Host: [::1]:8000", target=b"/fine"),
        get(b"host:\tlocalhost ", target=b"/fine"),
        get(HOST, b"X-Empty:", target=b"/fine"),
        get(HOST, b"X-One: a", b"X-One: b", target=b"/fine"),
        get(HOST, b"X-One: " + b"a" * 15_000, target=b"/fine"),
        get(HOST, target=b"/fine?" + b"a" * 8000),
        b"\r\n" + get(HOST, target=b"/fine"),
        get(HOST, target=b"/fine").replace(b"1.1", b"1.0"),
        post(b"Content-Length: 5", target=b"/fine"),
        post(b"content-length:5 ", target=b"/fine"),
        post(b"Content-Length: 0", body=b"", target=b"/fine"),
        post(b"Transfer-Encoding: chunked", body=CHUNKS, target=b"/fine"),
        post(b"Transfer-Encoding: Chunked", body=CHUNKS, target=b"/fine"),
    ],
)
def test_a_good_request_is_answered(server: Server, request_: bytes) -> None:
    server.seen.clear()
    size = 5 if b"hello" in request_ else 0
    with server.connect() as connection:
        connection.sendall(request_)
        answer = read(connection, b"\r\n\r\n/fine %d" % size)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\ndate: " in answer
    assert b"\r\nserver: " not in answer
    assert server.paths() == ["/fine"]


def test_a_good_request_may_come_byte_by_byte(server: Server) -> None:
    request = post(b"Transfer-Encoding: chunked", b"Connection: close", body=CHUNKS, target=b"/fine")
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            connection.sendall(bytes([byte]))
        assert rest(connection).endswith(b"/fine 5")


def test_a_connection_carries_many_requests(server: Server) -> None:
    with server.connect() as connection:
        for number in range(20):
            connection.sendall(post(b"Content-Length: 5", target=b"/fine/%d" % number))
            read(connection, b"/fine/%d 5" % number)


def test_pipelined_requests_are_answered_in_their_order(server: Server) -> None:
    requests = [post(b"Content-Length: 5", target=b"/asleep/%d" % number) for number in range(3)]
    requests += [
        post(b"Transfer-Encoding: chunked", body=CHUNKS, target=b"/fine/%d" % number) for number in range(50)
    ]
    answer = server.talk(b"".join(requests) + GOOD)
    assert answer.count(b"HTTP/1.1 200 ") == 54
    wanted = [b"/asleep/%d 5" % number for number in range(3)] + [
        b"/fine/%d 5" % number for number in range(50)
    ]
    places = [answer.index(text) for text in [*wanted, b"/good 0"]]
    assert places == sorted(places)


def test_trailers_do_not_become_headers(server: Server) -> None:
    server.seen.clear()
    trailers = b"5\r\nhello\r\n0\r\nAuthorization: Bearer x\r\nHost: elsewhere\r\n\r\n"
    request = post(b"Transfer-Encoding: chunked", b"Connection: close", body=trailers, target=b"/asleep")
    assert server.talk(request).endswith(b"/asleep 5")
    assert server.seen[0]["headers"][b"host"] == b"localhost"
    assert b"authorization" not in server.seen[0]["headers"]


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.0"])
def test_another_protocol_is_answered_in_this_one(server: Server, upgrade: bytes) -> None:
    server.seen.clear()
    asking = get(HOST, b"Connection: upgrade", b"Upgrade: " + upgrade, target=b"/asleep")
    answer = server.talk(asking + KEPT, KEPT)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"/asleep 0")
    assert server.paths() == ["/asleep"]


def test_ten_mebibytes_come_in(server: Server) -> None:
    body = random.Random(1).randbytes(10 * MIB)
    length = post(b"Content-Length: %d" % len(body), b"Connection: close", body=body, target=b"/fine")
    assert server.talk(length).endswith(b"/fine %d" % len(body))
    pieces = [body[start : start + 100_000] for start in range(0, len(body), 100_000)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    chunked = post(b"Transfer-Encoding: chunked", b"Connection: close", body=chunks, target=b"/fine")
    assert server.talk(chunked).endswith(b"/fine %d" % len(body))


def test_a_body_nobody_wanted_is_read_past(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(post(b"Content-Length: %d" % MIB, body=b"", target=b"/early"))
        read(connection, b"/early 0")
        connection.sendall(b"a" * MIB + KEPT)
        read(connection, b"/kept 0")


def test_a_client_that_waits_for_100_gets_it(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(post(b"Content-Length: 5", b"Expect: 100-continue", body=b"", target=b"/fine"))
        read(connection, b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(b"hello")
        read(connection, b"/fine 5")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_small_answer_leaves_in_one_piece(protocol: Protocol) -> None:
    pieces: list[bytes] = []

    class Noting:
        """A transport that remembers each piece it was given."""

        def __init__(self, transport: Any) -> None:
            self.transport = transport

        def __getattr__(self, name: str) -> Any:
            return getattr(self.transport, name)

        def write(self, data: bytes) -> None:
            pieces.append(data)
            self.transport.write(data)

    def connection_made(self: Any, transport: Any) -> None:
        protocol.connection_made(self, Noting(transport))  # type: ignore[arg-type]  # as good as one

    noted = type("Noted", (protocol,), {"connection_made": connection_made})
    with run(noted) as server, server.connect() as connection:
        for _ in range(3):
            connection.sendall(KEPT)
            read(connection, b"/kept 0")
    assert len(pieces) == 3
    assert all(piece.startswith(b"HTTP/1.1 200 ") and piece.endswith(b"/kept 0") for piece in pieces)


def test_a_head_does_not_wait_for_a_late_body(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(KEPT.replace(b"/kept", b"/late"))
        head = connection.recv(65536)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert head.endswith(b"\r\n\r\n")
        assert connection.recv(65536) == b"/late 0"


def test_an_answer_without_a_body_does_not_wait_for_one(server: Server) -> None:
    with server.connect() as connection:
        for _ in range(2):
            connection.sendall(KEPT.replace(b"GET", b"HEAD"))
            assert read(connection, b"\r\n\r\n").endswith(b"\r\n\r\n")
