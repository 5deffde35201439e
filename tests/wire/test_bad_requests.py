"""A request that two programs could read differently, or that is too large, ends its connection."""

from __future__ import annotations

import contextlib
import random
import socket

import pytest

from .server import CHUNKS, GOOD, HOST, KEPT, MIB, Server, assert_refused, assert_well, get, post, rest

BAD = {
    "no host": (400, get()),
    "no host in 1.0": (400, b"GET /bad HTTP/1.0\r\n\r\n"),
    "an empty host": (400, get(b"Host:")),
    "two hosts": (400, get(HOST, b"Host: elsewhere")),
    "the same host twice": (400, get(HOST, HOST)),
    "two hosts in one header": (400, get(b"Host: localhost, elsewhere")),
    "a host with a path": (400, get(b"Host: localhost/bad")),
    "a host with a user": (400, get(b"Host: me@localhost")),
    "length and chunks": (400, post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=CHUNKS)),
    "chunks and length": (400, post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=CHUNKS)),
    "two lengths": (400, post(b"Content-Length: 5", b"Content-Length: 6")),
    "the same length twice": (400, post(b"Content-Length: 5", b"Content-Length: 5")),
    "lengths in a list": (400, post(b"Content-Length: 5, 5")),
    "a signed length": (400, post(b"Content-Length: +5")),
    "a negative length": (400, post(b"Content-Length: -5")),
    "a hexadecimal length": (400, post(b"Content-Length: 0x5")),
    "a length with an underscore": (400, post(b"Content-Length: 1_0", body=b"hellohello")),
    "a length beyond all numbers": (400, post(b"Content-Length: 99999999999999999999999")),
    "no length": (400, post(b"Content-Length:")),
    "another coding": (400, post(b"Transfer-Encoding: gzip", body=CHUNKS)),
    "a coding before chunks": (400, post(b"Transfer-Encoding: gzip, chunked", body=CHUNKS)),
    "a coding after chunks": (400, post(b"Transfer-Encoding: chunked, identity", body=CHUNKS)),
    "chunks twice": (400, post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=CHUNKS)),
    "nearly chunks": (400, post(b"Transfer-Encoding: xchunked", body=CHUNKS)),
    "quoted chunks": (400, post(b'Transfer-Encoding: "chunked"', body=CHUNKS)),
    "chunks after a tabulator in the name": (400, post(b"Transfer-Encoding\t: chunked", body=CHUNKS)),
    "chunks after a space in the name": (400, post(b"Transfer-Encoding : chunked", body=CHUNKS)),
    "chunks on a folded line": (400, post(b"Transfer-Encoding:\r\n chunked", body=CHUNKS)),
    "chunks after a vertical tabulator": (400, post(b"Transfer-Encoding: \x0bchunked", body=CHUNKS)),
    "chunks in 1.0": (
        400,
        post(b"Transfer-Encoding: chunked", body=CHUNKS).replace(b"HTTP/1.1", b"HTTP/1.0"),
    ),
    "a folded line": (400, get(HOST, b"X-One: a", b" b")),
    "a folded line, with a tabulator": (400, get(HOST, b"X-One: a", b"\tb")),
    "a space before the first header": (400, get(b" " + HOST)),
    "bare LF": (400, get(HOST).replace(b"\r\n", b"\n")),
    "one bare LF": (400, get(HOST, b"X-One: a\nX-Two: b")),
    "a bare CR": (400, get(HOST, b"X-One: a\rX-Two: b")),
    "a zero byte in a value": (400, get(HOST, b"X-One: a\0b")),
    "a zero byte in a name": (400, get(HOST, b"X\0One: a")),
    "a header without a colon": (400, get(HOST, b"X-One")),
    "a header without a name": (400, get(HOST, b": a")),
    "a space in the target": (400, get(HOST, target=b"/bad bad")),
    "a target outside ASCII": (400, get(HOST, target=b"/b\xc3\xa4d")),
    "a relative target": (400, get(HOST, target=b"bad")),
    "a tunnel": (400, b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "an unknown method": (400, get(HOST).replace(b"GET", b"GIVE")),
    "a small method": (400, get(HOST).replace(b"GET", b"get")),
    "HTTP/0.9": (400, b"GET /bad\r\n\r\n"),
    "HTTP/0.9 by name": (400, b"GET /bad HTTP/0.9\r\n\r\n"),
    "HTTP/1.2": (400, get(HOST).replace(b"1.1", b"1.2")),
    "HTTP/2 by name": (400, get(HOST).replace(b"1.1", b"2.0")),
    "HTTP/2": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "TLS": (400, bytes.fromhex("16030100c8010000c40303") + b"\x51" * 32),
    "garbage": (400, bytes(range(128, 256))),
    "20 KB in one header": (431, get(HOST, b"X-One: " + b"a" * 20_000)),
    "20 KB in one header that never ends": (431, get(HOST, b"X-One: " + b"a" * 20_000)[:-4]),
    "20 KB in a name": (431, get(HOST, b"X" * 20_000 + b": a")),
    "20 KB of spaces": (431, get(HOST, b"X-One: " + b" " * 20_000)[:-4]),
    "20 KB in many headers": (431, get(HOST, *[b"X-%d: " % n + b"a" * 1000 for n in range(20)])),
    "5,000 headers": (431, get(HOST, *[b"X-%d: a" % n for n in range(5000)])),
    "5,000 small headers": (431, get(HOST, *[b"a:" for _ in range(5000)])),
    "a long address": (414, get(HOST, target=b"/bad?" + b"a" * 9000)),
    "a long address that never ends": (414, b"GET /bad?" + b"a" * 9000),
    "a very long address": (414, get(HOST, target=b"/bad?" + b"a" * 100_000)),
}


@pytest.mark.parametrize(("status", "request_"), BAD.values(), ids=BAD)
def test_a_bad_request_is_refused_and_reaches_nobody(server: Server, status: int, request_: bytes) -> None:
    server.seen.clear()
    assert_refused(server.talk(request_), status)
    assert_well(server)
    assert server.paths() == ["/good"]


@pytest.mark.parametrize(
    "name", ["two hosts", "length and chunks", "a signed length", "bare LF", "5,000 headers"]
)
def test_what_follows_a_bad_request_is_not_read(server: Server, name: str) -> None:
    server.seen.clear()
    status, request = BAD[name]
    assert_refused(server.talk(request + GOOD), status)
    assert_refused(server.talk(request, GOOD), status)
    assert_well(server)
    assert server.paths() == ["/good"]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("two hosts", 1),
        ("chunks twice", 1),
        ("one bare LF", 1),
        ("20 KB of spaces", 700),
        ("5,000 headers", 700),
    ],
)
def test_a_bad_request_is_refused_in_any_pieces(server: Server, name: str, size: int) -> None:
    status, request = BAD[name]
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(request), size):
            connection.sendall(request[start : start + size])
        assert_refused(rest(connection), status)
    assert_well(server)


@pytest.mark.parametrize("name", ["two hosts", "garbage", "5,000 headers", "bare LF"])
def test_a_bad_request_behind_good_ones_spares_their_answers(server: Server, name: str) -> None:
    server.seen.clear()
    status, request = BAD[name]
    first = post(b"Content-Length: 5", target=b"/asleep")
    answer = server.talk(first + KEPT + request + GOOD)
    slow, _, rest_ = answer.partition(b"/asleep 5")
    kept, _, refusal = rest_.partition(b"/kept 0")
    assert slow.startswith(b"HTTP/1.1 200 ")
    assert kept.startswith(b"HTTP/1.1 200 ")
    assert_refused(refusal, status)
    assert_well(server)
    assert server.paths() == ["/asleep", "/kept", "/good"]


def test_a_bad_body_behind_a_good_request_spares_its_answer(server: Server) -> None:
    server.seen.clear()
    bad = post(b"Transfer-Encoding: chunked", body=b"5\r\nhelloX")
    answer = server.talk(get(HOST, target=b"/asleep") + bad + GOOD)
    slow, _, refusal = answer.partition(b"/asleep 0")
    assert slow.startswith(b"HTTP/1.1 200 ")
    assert_refused(refusal, 400)
    assert server.paths() == ["/asleep"]


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5\r\nhello0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"a" * 600_000,
        b"5\r\nhello\r\n0\r\nX: " + b"a" * 600_000,
        b"5\r\nhello\r\n0\r\n" + b"X: aaaaaaaaaaaa\r\n" * 2000,
    ],
)
def test_a_bad_chunk_is_refused_and_its_request_ends(server: Server, body: bytes) -> None:
    server.seen.clear()
    assert_refused(server.talk(post(b"Transfer-Encoding: chunked", body=body)), 400)
    assert_well(server)
    assert not [request for request in server.seen if request["path"] == "/bad" and not request["gone"]]


def test_a_refused_client_that_still_sends_gets_its_answer(server: Server) -> None:
    bad = post(b"Content-Length: %d" % MIB, b"Transfer-Encoding: chunked", body=b"a" * MIB)
    assert_refused(server.talk(bad), 400)


def test_no_mutation_upsets_the_server(server: Server) -> None:
    chance = random.Random(20)
    originals = [KEPT, post(b"Content-Length: 5"), post(b"Transfer-Encoding: chunked", body=CHUNKS)]
    for _ in range(300):
        request = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(request))
            match chance.randrange(3):
                case 0:
                    request[place] = chance.randrange(256)
                case 1:
                    request[place:place] = chance.choice(
                        [b"\r\n", b"\n", b" ", b"\0", b":", b"chunked", b"Host: a"]
                    )
                case 2:
                    del request[place : place + chance.randint(1, 9)]
        with server.connect() as connection:
            connection.sendall(request)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            answer = rest(connection)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 "), (bytes(request), answer)
        assert b" 500 " not in answer, (bytes(request), answer)
    assert_well(server)


def test_an_answer_without_a_body_comes_before_the_refusal_of_what_follows(server: Server) -> None:
    answer = server.talk(KEPT.replace(b"GET", b"HEAD") + get(HOST, HOST))
    first, _, second = answer.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert_refused(second, 400)
