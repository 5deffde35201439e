"""Group O, the gallery: bodies, documents, conditions and names without end, on every route that its document names."""

from __future__ import annotations

import asyncio
import gc
import gzip
import itertools
import logging
import sys
import time
import uuid
from typing import Any

import pytest

from tests.resource_api.callers import ANA, BRUNO, another, choose_handle, code, headers, png, upload
from tests.support import databases

from . import doors
from .test_m_objects import operations

KIB = 1024
CPU_SECONDS = 0.5
"""For one refusal: ten times what it takes, since other processes' work shows in it too."""


@pytest.fixture
async def spec(gallery: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await gallery.client.get("/openapi.json")).json()
    return found


async def places(gallery: Any, spec: dict[str, Any], kind: str = "") -> list[tuple[str, str]]:
    """Method and path of each operation, with ids of Ana's own; with a kind, those that take such a body."""
    image = (await upload(gallery, ANA))["id"]
    given = headers(gallery, ANA)
    made = (await gallery.client.post("/galleries", headers=given, json={"title": "summer"})).json()["id"]
    ids = {"{image_id}": image, "{gallery_id}": made, "{share_id}": str(uuid.uuid4())}
    found = []
    for method, path, operation in operations(spec):
        if not kind or kind in operation.get("requestBody", {}).get("content", {}):
            for name, value in ids.items():
                path = path.replace(name, value)  # noqa: PLW2901  one id after the other
            found.append((method, path))
    return found


async def refused(gallery: Any, method: str, path: str, statuses: set[int], **sent: Any) -> Any:
    """The answer, which took no time to speak of."""
    given = {**headers(gallery, ANA), **sent.pop("headers", {})}
    began = time.process_time()
    answer = await gallery.client.request(method, path, headers=given, **sent)
    used = time.process_time() - began
    assert answer.status_code in statuses, (method, path, answer.status_code, str(sent)[:100])
    assert used < CPU_SECONDS, (method, path, used, str(sent)[:100])
    if answer.status_code != 200:
        code(answer)
    return answer


@pytest.mark.parametrize("resource_database_url", databases.KINDS, indirect=True)
async def test_row_118_a_guesser_of_handles_has_one_bucket_in_every_process(gallery: Any) -> None:
    image = (await upload(gallery, ANA))["id"]
    await choose_handle(gallery, BRUNO, "bruno")
    together = asyncio.Semaphore(20)  # more wait longer for their turn than a slow machine lets them
    async with another(gallery) as second:

        async def guess(number: int) -> Any:
            forged = dict.fromkeys(
                ("X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP"), f"198.51.100.{number}"
            )
            path = (f"/images/{image}/shares", f"/images/{image}/shares/", f"//images/{image}/shares")[
                number % 3
            ]
            body = {"handle": f"nobody-{number}", "access": "read"}
            client = (gallery, second)[number // 3 % 2].client
            async with together:
                answer = await client.post(path, headers=headers(gallery, ANA, **forged), json=body)
                while answer.status_code == 503:  # a slow machine's database
                    await asyncio.sleep(float(answer.headers["retry-after"]))
                    answer = await client.post(path, headers=headers(gallery, ANA, **forged), json=body)
            return answer

        answers = [await each for each in asyncio.as_completed([guess(number) for number in range(150)])]
    told = [answer.status_code for answer in answers]
    assert told.count(404) == 100, "another spelling is another address, and nothing is there"
    assert (told.count(422), told.count(429)) == (30, 20)
    assert {
        1 <= int(answer.headers["retry-after"]) <= 3601 for answer in answers if answer.status_code == 429
    } == {True}
    late = await gallery.client.post(
        f"/images/{image}/shares", headers=headers(gallery, ANA), json={"handle": "bruno", "access": "read"}
    )
    assert late.status_code == 429
    others = (await upload(gallery, BRUNO))["id"]
    good = await gallery.client.post(
        f"/images/{others}/shares", headers=headers(gallery, BRUNO), json={"handle": "x", "access": "read"}
    )
    assert good.status_code == 422, "nobody else's tries are used up"


async def test_row_119_a_body_without_end_is_read_to_the_limit(gallery: Any, spec: Any) -> None:
    for method, path in await places(gallery, spec):
        is_upload = path == "/uploads"
        limit = 10 * KIB * KIB if is_upload else 64 * KIB
        kind = "multipart/form-data; boundary=b" if is_upload else "application/json"
        # What takes no body reads none; and ten megabytes byte by byte would take their time.
        sizes = () if method in ("GET", "DELETE") else (64 * KIB,) if is_upload else (1, 1000, 64 * KIB)
        for size in sizes:
            sent = 0

            async def endless(size: int = size, enough: int = 2 * limit) -> Any:
                nonlocal sent
                yield b'{"title": "'
                while sent <= enough:
                    sent += size
                    yield b"x" * size

            given = {**headers(gallery, ANA), "Content-Type": kind}
            answer = await gallery.client.request(method, path, headers=given, content=endless())
            assert answer.status_code in ((413, 400) if is_upload else (413,)), (path, answer.text)
            assert sent <= limit + 2 * 64 * KIB, path
        false = {**headers(gallery, ANA), "Content-Length": "50000000"}
        claimed = await gallery.client.request(method, path, headers=false, content=b"{}")
        assert claimed.status_code == 413, (method, path)
    assert (await gallery.client.get("/me", headers=headers(gallery, ANA))).status_code == 200


JSON_BOMBS = {
    "deep lists": b"[" * 60_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a closed deep list": b'{"title": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "5,000 digits": b'{"title": ' + b"9" * 5_000 + b"}",
    "60,000 digits": b'{"seed": ' + b"9" * 60_000 + b"}",
    "a long exponent": b'{"seed": 1e' + b"9" * 5_000 + b"}",
    "6,000 members": b"{" + b",".join(b'"%d":1' % number for number in range(6_000)) + b"}",
    "members twice": b'{"title": "a", "title": "b"}',
    "a lone surrogate": b'{"title": "\\ud800", "handle": "\\udfff", "prompt": "\\ud800"}',
    "NUL": b'{"title": "a\\u0000b", "handle": "a\\u0000b", "prompt": "a\\u0000b"}',
    "a member named NUL": b'{"a\\u0000b": 1}',
    "NaN": b'{"seed": NaN, "position": NaN}',
    "Infinity": b'{"seed": Infinity, "position": -Infinity}',
    "UTF-16": '{"title": "x"}'.encode("utf-16"),
    "UTF-32": '{"title": "x"}'.encode("utf-32"),
    "a mark before": b'\xef\xbb\xbf{"title": "x"}',
    "no UTF-8": b'{"title": "\xff\xfe"}',
    "overlong": b'{"title": "\xc0\x80"}',
    "a comment": b'{"title": "x" /* y */}',
    "nothing": b"",
    "a list": b"[]",
    "more behind it": b'{"title": "x"}{"title": "y"}',
}  # fmt: skip


async def test_row_122_a_document_that_is_a_bomb_is_refused_at_once(gallery: Any, spec: Any) -> None:
    for method, path in await places(gallery, spec, "application/json"):
        for name, bomb in JSON_BOMBS.items():
            given = {"Content-Type": "application/json"}
            answer = await refused(gallery, method, path, {400, 422}, headers=given, content=bomb)
            assert len(answer.content) < 8 * KIB, name
        for kind in ("application/json; charset=utf-7", "application/json; charset=utf-16", "text/plain", ""):
            await refused(
                gallery, method, path, {415}, headers={"Content-Type": kind}, content=b'{"title": "x"}'
            )
    assert (await gallery.client.get("/images", headers=headers(gallery, ANA))).json()["items"][1:] == []


async def test_row_122_odd_bytes_in_path_and_query_are_refused(gallery: Any, spec: Any) -> None:
    odd = ("%00", "%ff", "%c0%80", "%ed%a0%80", "%0d%0a", "%", "%zz", "%25%30%30", "a" * 4000, "%F0%9F%96%BC")
    for method, path in await places(gallery, spec):
        listed = method == "GET" and path.rpartition("/")[2] in ("images", "galleries", "shares", "ledger")
        head, _, tail = path.rpartition("/")
        for text in odd:
            at = f"{head}/{text}" if "-" in tail else f"{path}{text}"
            bodyless = method in ("GET", "DELETE")  # the others may first miss theirs
            await refused(gallery, method, at, {404, 405} if bodyless else {404, 405, 415})
            for name in ("cursor", "limit", text) if listed else ():
                await refused(gallery, method, f"{path}?{name}={text}", {400, 422})
            if method == "GET" and not listed:
                await refused(gallery, method, f"{path}?{text}={text}", {200, 404})


def multipart(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end


FIELD = b'Content-Disposition: form-data; name="title"\r\n\r\nx'
FILE = b'Content-Disposition: form-data; name="file"; filename="x"\r\nContent-Type: image/png\r\n\r\n'
FORM_BOMBS = {
    "10,000 parts": multipart(*[FIELD] * 10_000),
    "10,000 files": multipart(*[FILE + b"x"] * 10_000),
    "a head of a megabyte": multipart(b"X-Y: " + b"a" * KIB * KIB + b"\r\n" + FIELD),
    "100,000 heads": multipart(b"X: y\r\n" * 100_000 + FIELD),
    "a preamble of ten megabytes": b"\r\n" * 5_000_000 + multipart(FIELD),
    "an epilogue of ten megabytes": multipart(FIELD) + b"\r\n--b" * 2_000_000,
    "almost the boundary": multipart(FILE + b"\r\n--" * 2_000_000),
    "dashes": multipart(FILE + b"-" * 9_000_000),
    "no end": multipart(FILE + png(), end=b""),
    "no heads": multipart(b"\r\nx"),
    "no name": multipart(b"Content-Disposition: form-data\r\n\r\nx"),
    "no colon": multipart(b"Content-Disposition form-data\r\n\r\nx"),
    "another coding": multipart(b"Content-Transfer-Encoding: base64\r\n" + FILE + b"AAAA"),
    "another charset": multipart(FIELD, b'Content-Disposition: form-data; name="_charset_"\r\n\r\nutf-7'),
    "a name outside UTF-8": multipart(b'Content-Disposition: form-data; name="\xff\xfe"\r\n\r\nx'),
    "a title outside UTF-8": multipart(FIELD + b"\xff\xfe", FILE + png()),
    "bare line feeds": multipart(FIELD, FILE + png()).replace(b"\r\n", b"\n"),
    "nothing": b"",
}  # fmt: skip


async def test_row_122_a_form_that_is_a_bomb_is_refused_at_once(gallery: Any) -> None:
    for name, bomb in FORM_BOMBS.items():
        given = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await refused(gallery, "POST", "/uploads", {400, 413, 415, 422}, headers=given, content=bomb)
        assert len(answer.content) < 8 * KIB, name
    for kind, status in {
        "multipart/form-data": 400,
        "multipart/form-data; boundary=": 400,
        "multipart/form-data; boundary=" + "b" * 2_000: 400,
        'multipart/form-data; boundary="b; charset=utf-8': 400,
        "multipart/form-data; boundary=b; charset=utf-7": 415,
        "multipart/mixed; boundary=b": 415,
        "application/x-www-form-urlencoded": 415,
        "image/png": 415,
        "": 415,
    }.items():
        sent = {"headers": {"Content-Type": kind}, "content": multipart(FILE + png())}
        await refused(gallery, "POST", "/uploads", {status, 422}, **sent)
    good = {**headers(gallery, ANA), "Content-Type": "multipart/form-data; boundary=b"}
    taken = await gallery.client.post("/uploads", headers=good, content=multipart(FIELD, FILE + png()))
    assert taken.status_code == 201, taken.text


async def test_row_123_a_compressed_body_is_refused_on_every_route(gallery: Any, spec: Any) -> None:
    bomb = gzip.compress(b'{"title": "' + b"x" * 1_000_000 + b'"}')
    for method, path in await places(gallery, spec):
        for coding in ("gzip", "br", "zstd", "deflate", "gzip, gzip", "x"):
            given = {"Content-Type": "application/json", "Content-Encoding": coding}
            await refused(gallery, method, path, {415}, headers=given, content=bomb)
        twice = [
            ("Content-Type", "application/json"),
            ("Content-Encoding", "identity"),
            ("Content-Encoding", "gzip"),
        ]
        packed = await gallery.client.request(
            method, path, headers=[*headers(gallery, ANA).items(), *twice], content=bomb
        )
        assert packed.status_code == 415, (method, path)
    await doors.refused(gallery, doors.forger(gallery).with_header(zip="DEF"))


async def test_row_125_what_strangers_send_is_not_remembered(
    gallery: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted, not weighed: what every request left behind would show as an object or a line for each."""
    caplog.set_level(logging.WARNING)  # or pytest remembers
    given, forger = headers(gallery, ANA), doors.forger(gallery)
    far = int(gallery.clock()) + 10 * 365 * 86_400

    async def crowd(numbers: range) -> tuple[int, int, int]:
        for number in numbers:
            for method, path, sent in (
                ("GET", "/images", {"Authorization": f"Bearer {forger.with_header(kid=f'kid-{number}')}"}),
                (
                    "GET",
                    "/images",
                    {"Authorization": f"Bearer {forger.with_claims(jti=f'{number}', exp=far, aud='x')}"},
                ),
                ("GET", f"/nothing/{number}", given),
                ("GET", f"/images?cursor={number}", given),
                (f"METHOD{number}", "/images", given),
                ("GET", "/images", {"X-Request-Id": f"request-{number}", "Host": f"host-{number}.test"}),
                ("DELETE", f"/images/{uuid.uuid4()}", given),
            ):
                answer = await gallery.client.request(method, path, headers=sent)
                assert 400 <= answer.status_code < 500
        gc.collect()
        lines = (await gallery.client.get("/metrics")).text.count("\n")
        return len(gc.get_objects()), sys.getallocatedblocks(), lines

    counted = [await crowd(range(start, start + 20)) for start in range(0, 100, 20)][1:]
    objects, blocks, lines = zip(*counted, strict=True)
    for kept, allowed in (
        (objects, 20),
        (blocks, 7 * 20),
    ):  # one a round, one a request; other things come and go
        assert min(after - before for before, after in itertools.pairwise(kept)) < allowed, kept
    assert len(set(lines)) == 1
    assert (await gallery.client.get("/images", headers=given)).status_code == 200


async def test_row_126_ranges_pages_and_conditions_without_end(gallery: Any) -> None:
    image = await upload(gallery, ANA)
    content, given = f"/images/{image['id']}/content", headers(gallery, ANA)
    whole = await gallery.client.get(content, headers=given)
    for value in (
        "bytes=" + ",".join(f"{n}-{n + 9}" for n in range(10_000)),
        "bytes=" + "0-," * 10_000,
        *("bytes=9-0", "bytes=-1", f"bytes={2**63}-{2**64}", "bytes=abc", "lines=1-2", "bytes=--1"),
    ):
        answer = await refused(gallery, "GET", content, {200}, headers={"Range": value, "If-Range": '"x"'})
        assert answer.content == whole.content, "there are no parts: everything, or nothing"
        assert "content-range" not in answer.headers
    for name in ("If-None-Match", "If-Match"):
        for value in (
            ", ".join(f'"{n}"' for n in range(10_000)),
            'W/"' * 20_000,
            '"' * 20_001,
            ", " * 30_000,
        ):
            await refused(gallery, "GET", f"/images/{image['id']}", {200}, headers={name: value})
    held = ", ".join(f'"{n}"' for n in range(10_000)) + ", " + whole.headers["etag"]
    assert (await gallery.client.get(content, headers={**given, "If-None-Match": held})).status_code == 304
    for query in (
        *(
            "limit=1000000000",
            "limit=101",
            "limit=0",
            "limit=-1",
            f"limit={2**63}",
            "limit=1e2",
            "limit=" + "9" * 5000,
        ),
        *(
            f"offset={2**63}",
            "page=2",
            "q=" + "%25_" * 2000,
            "filter=(a%2B)%2B",
            "sort=" + ",".join("abc"),
            "owner=all",
        ),
        *("&".join(f"sort={n}" for n in range(100)), "limit=1&limit=2", "cursor=" + "A" * 5000),
    ):
        for path in ("/images", "/galleries", "/credits/ledger"):
            answer = await refused(gallery, "GET", f"{path}?{query}", {400, 422})
            assert len(answer.content) < 8 * KIB
    page = await gallery.client.get("/images?limit=100", headers=given)
    assert [each["id"] for each in page.json()["items"]] == [image["id"]]
