"""A connection is held as long as its client keeps up, and no longer."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

import pytest

from .conftest import PROTOCOLS
from .server import GOOD, HOST, KEPT, MIB, Server, assert_refused, assert_well, get, post, read, rest


def seconds(action: Callable[[], object]) -> float:
    start = time.monotonic()
    action()
    return time.monotonic() - start


def drip(connection: socket.socket, data: bytes, pause: float = 0.1) -> bytes:
    """Sends a byte now and then until the server has had enough, and answers what it said."""
    connection.settimeout(pause)
    for byte in data:
        with contextlib.suppress(TimeoutError, BrokenPipeError):
            connection.sendall(bytes([byte]))
            if piece := connection.recv(65536):
                connection.settimeout(20)
                return piece + rest(connection)
            return b""
    pytest.fail("The server had all the patience in the world")


def test_the_limits_are_ten_and_thirty_seconds() -> None:
    assert [(protocol.HEAD_SECONDS, protocol.BODY_SECONDS) for protocol in PROTOCOLS] == [(10, 30)] * 2


def test_who_says_nothing_is_shown_out(impatient: Server) -> None:
    with impatient.connect() as connection:
        assert 0.3 < seconds(lambda: connection.recv(1)) < 5
    with impatient.connect() as connection:
        assert drip(connection, b"\r\n" * 100) == b""
    assert_well(impatient)


def test_slow_headers_are_refused(impatient: Server) -> None:
    impatient.seen.clear()
    with impatient.connect() as connection:
        assert_refused(drip(connection, get(HOST, b"X-One: " + b"a" * 100)), 408)
    with impatient.connect() as connection:
        connection.sendall(KEPT)
        read(connection, b"/kept 0")
        assert_refused(drip(connection, get(HOST, b"X-One: " + b"a" * 100)), 408)
    assert_well(impatient)
    assert impatient.paths() == ["/kept", "/good"]


@pytest.mark.parametrize("lines", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
def test_a_slow_body_is_refused(impatient: Server, lines: bytes) -> None:
    impatient.seen.clear()
    with impatient.connect() as connection:
        connection.sendall(post(lines, body=b"3e8\r\n"))
        assert_refused(drip(connection, b"a" * 1000), 408)
    assert_well(impatient)
    assert [request["gone"] for request in impatient.seen] == [True, False], "the application was told"


def test_an_early_answer_makes_no_body_endless(impatient: Server) -> None:
    with impatient.connect() as connection:
        connection.sendall(post(b"Content-Length: 1000", body=b"", target=b"/early"))
        answer = read(connection, b"/early 0")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert drip(connection, b"a" * 1000) == b""
    assert_well(impatient)


def test_a_slow_application_is_not_the_clients_fault(impatient: Server) -> None:
    body = b"a" * MIB
    busy = post(b"Content-Length: %d" % MIB, b"Connection: close", body=body, target=b"/busy")
    assert impatient.talk(busy).endswith(b"/busy %d" % MIB)
    answer = impatient.talk(get(HOST, target=b"/busy") + post(b"Content-Length: 5", target=b"/fine") + GOOD)
    assert answer.count(b"HTTP/1.1 200 ") == 3


def test_a_pause_between_requests_is_not_a_slow_header(impatient: Server) -> None:
    with impatient.connect() as connection:
        for _ in range(3):
            connection.sendall(KEPT)
            read(connection, b"/kept 0")
            time.sleep(0.8)
