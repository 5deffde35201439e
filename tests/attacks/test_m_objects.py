"""Group M: names, lists, members and addresses by which somebody might reach what is not theirs."""

from __future__ import annotations

import asyncio
import re
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from resource_api import paging
from resource_api.ownership import galleries, images, shares
from tests.resource_api.callers import ANA, BRUNO, CLARA, MACHINE, code, headers, png, upload

from . import scenes
from .scenes import DORA, PEOPLE, UNKNOWN, Scene

# What an attacker would set if it could be set.
EXTRAS = (
    *("id", "owner", "owner_id", "user_id", "credits", "price", "amount", "balance_after", "role", "status"),
    *("is_public", "storage_path", "created_at", "deleted_at", "updated_at", "access", "person", "revision"),
    *("__proto__", "constructor", "image_count", "size_bytes", "digest", "media_type", "source", "position "),
)


@pytest.fixture
async def spec(gallery: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await gallery.client.get("/openapi.json")).json()
    return found


@pytest.fixture
async def there(gallery: Any) -> Scene:
    return await scenes.build(gallery)


def operations(spec: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation that asks for a token: method, path, description."""
    return [
        (method.upper(), path, operation)
        for path, item in spec["paths"].items()
        for method, operation in item.items()
        if "security" in operation
    ]


def schema(spec: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return spec["components"]["schemas"][content["schema"]["$ref"].split("/")[-1]] if content else {}


GOOD = {
    "description": "",
    "display_name": "Ana",
    "handle": "dora",
    "access": "read",
    "position": 0,
    "prompt": "a poster",
    "seed": 7,
    "title": "renamed",
}


def good(properties: Any, there: Scene) -> dict[str, Any]:
    """A body that the owner would be believed."""
    values = GOOD | {"image_id": there.spare[ANA], "image_ids": [there.ana.image_id]}
    return {name: values[name] for name in properties}


def filled(path: str, there: Scene) -> str:
    """The address of Ana's objects."""
    names = vars(there.ana) | {
        "share_id": there.ana.image_share if path.startswith("/images") else there.ana.gallery_share
    }
    return path.format(**names)


async def test_row_108_an_id_has_one_spelling(gallery: Any, spec: dict[str, Any], there: Scene) -> None:
    before = await scenes.kept(gallery)
    given, tried = headers(gallery, ANA), 0
    for method, path, operation in operations(spec):
        body = good(schema(spec, operation).get("properties", {}), there) or None
        for name in re.findall(r"\{(\w+)\}", path):
            real = filled("{" + name + "}" if name != "share_id" else path, there).rpartition("/")[2]
            for spelling in (
                *(real.upper(), real.replace("-", ""), f"urn:uuid:{real}", "%7B" + real + "%7D", real + "."),
                *(real + "%00", real + "%20", "%20" + real, real + "%0A", real + "%2f", "..%2f" + real),
                *("1_0", "+1", "-1", "01", "1.0", "1e3", "%D9%A1", "%31", "9" * 31, "%ff", real + ";x=1"),
                *("6a4b2f0e-5a51-4a0c-9f0e-2f8f6f1f7a01", real + "," + real, "*", "null", "'%20OR%201=1--"),
            ):
                address = filled(path.replace("{" + name + "}", spelling), there)
                response = await gallery.client.request(method, address, headers=given, json=body)
                assert response.status_code == 404, f"{method} {address}: {response.text}"
                tried += 1
    assert tried > 500
    assert await scenes.kept(gallery) == before
    assert (await gallery.client.get(f"/images/{there.ana.image_id}", headers=given)).status_code == 200


async def test_row_108_a_list_of_ids_is_all_or_nothing(gallery: Any, there: Scene) -> None:
    place, given = f"/galleries/{there.ana.gallery_id}/images", headers(gallery, ANA)
    before = await scenes.kept(gallery)
    answers = [
        await gallery.client.put(place, headers=given, json={"image_ids": ids})
        for ids in (
            [there.ana.image_id, there.machine.image_id],
            [there.ana.image_id, UNKNOWN],
            [there.ana.image_id, there.spare[ANA]],
        )
    ]
    assert {code(answer) for answer in answers} == {"conflict"}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert await scenes.kept(gallery) == before
    one = await gallery.client.put(place, headers=given, json={"image_ids": [there.ana.image_id]})
    assert one.status_code == 200


async def test_row_109_only_ones_own_images_go_into_a_gallery(gallery: Any, there: Scene) -> None:
    foreign = there.spare[DORA]
    for sub, image, status in (
        (ANA, foreign, 404),
        (ANA, UNKNOWN, 404),
        (ANA, there.machine.image_id, 404),
        (DORA, there.ana.image_id, 404),
        (BRUNO, there.ana.image_id, 403),  # seen, by a share: what is shown to somebody is not theirs to show
        (MACHINE, there.ana.image_id, 404),
        (DORA, foreign, 201),
    ):
        given = headers(gallery, sub)
        made = await gallery.client.post("/galleries", headers=given, json={"title": "mine"})
        place = f"/galleries/{made.json()['id']}"
        put = await gallery.client.post(f"{place}/images", headers=given, json={"image_id": image})
        assert put.status_code == status, (sub, image)
        held = (await gallery.client.get(f"{place}/images", headers=given)).json()["items"]
        shown = (await gallery.client.get(place, headers=given)).json()
        assert len(held) == shown["image_count"] == (status == 201)
        assert shown["cover_image_id"] == (foreign if status == 201 else None)


async def test_row_110_a_list_holds_what_its_caller_may_see(gallery: Any, there: Scene) -> None:
    ana, spare, callers = there.ana, there.spare, {**PEOPLE, "machine": MACHINE}
    own: dict[str, set[str]] = {sub: {spare[sub]} for sub in callers.values()}
    own[ANA].add(ana.image_id)
    own[MACHINE].add(there.machine.image_id)
    shared = {BRUNO, CLARA}
    album = {ANA: {ana.gallery_id}, MACHINE: {there.machine.gallery_id}}
    for sub in callers.values():
        for address, expected in (
            ("/images", own[sub]),
            ("/images?owner=me", own[sub]),
            ("/images?owner=others", {ana.image_id} if sub in shared else set()),
            ("/galleries", album.get(sub, set())),
            ("/galleries?owner=others", {ana.gallery_id} if sub in shared else set()),
        ):
            listed = await gallery.client.get(address, headers=headers(gallery, sub))
            assert {each["id"] for each in listed.json()["items"]} == expected, (sub, address)


async def test_row_110_a_parameter_nobody_knows_is_refused(
    gallery: Any, spec: dict[str, Any], there: Scene
) -> None:
    lists = [path for method, path, operation in operations(spec) if method == "GET" and paged(operation)]
    assert len(lists) == 6
    given = headers(gallery, ANA)
    for path in lists:
        assert (await gallery.client.get(filled(path, there), headers=given)).status_code == 200
        for query in (
            *(
                "sort=owner.password_hash",
                "fields=owner",
                "include=shares",
                "owner_id=x",
                "q=%25",
                "offset=1",
            ),
            *(
                "page=2",
                "limit=10&x=1",
                "limit=1000000000",
                "limit=-1",
                "filter[owner]=x",
                "count=1",
            ),
            *("cursor=&x=1", "Limit=1", "owner=%27%20OR%201=1--", "owner=everyone", "owner=me%00"),
        ):
            answer = await gallery.client.get(f"{filled(path, there)}?{query}", headers=given)
            assert answer.status_code == 422, (path, query)
            assert code(answer) == "validation_failed"


def paged(operation: dict[str, Any]) -> bool:
    return any(each["name"] == "cursor" for each in operation.get("parameters", []))


async def test_row_110_a_cursor_is_good_for_its_own_list_and_reader(
    gallery: Any, spec: dict[str, Any], there: Scene
) -> None:
    given = headers(gallery, ANA)
    made = await gallery.client.post("/galleries", headers=given, json={"title": "second"})
    for album in (there.ana.gallery_id, made.json()["id"]):
        for image in (there.spare[ANA], (await upload(gallery, ANA))["id"]):
            held = f"/galleries/{album}/images"
            await gallery.client.post(held, headers=given, json={"image_id": image})
    await gallery.client.post("/images", headers=given, json={"prompt": "a poster"})
    places = [filled(path, there) for _, path, operation in operations(spec) if paged(operation)]
    places += [f"/galleries/{made.json()['id']}/images"]
    cursors = {}
    for place in places:
        first = await gallery.client.get(place, headers=given, params={"limit": "1"})
        cursors[place] = cursor = first.json()["next_cursor"]
        second = await gallery.client.get(place, headers=given, params={"cursor": cursor})
        assert second.status_code == 200
        assert first.json()["items"][0] not in second.json()["items"]
    assert len(set(cursors.values())) == len(places)
    big = paging.write_number(2**64 - 1, f"{gallery.settings.issuer} {ANA}", "ledger")
    for place, cursor in cursors.items():
        edited = [
            cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(len(cursor))
        ]
        others = [each for each in cursors.values() if each != cursor]
        junk = ["", "x", cursor + "=", cursor + "A", cursor[:-1], "' OR 1=1--", "../..", "\x00", "é" * 8, big]
        for wrong in (*edited, *others, *junk):
            answer = await gallery.client.get(place, headers=given, params={"cursor": wrong})
            assert (answer.status_code, code(answer)) == (400, "invalid_cursor"), (place, wrong)
        for sub in (BRUNO, CLARA):
            answer = await gallery.client.get(place, headers=headers(gallery, sub), params={"cursor": cursor})
            assert answer.status_code == 400, (place, sub)
    filter_ = {"cursor": cursors["/images"], "owner": "others"}
    assert (await gallery.client.get("/images", headers=given, params=filter_)).status_code == 400


async def test_row_110_no_condition_or_range_tells_that_an_object_exists(gallery: Any, there: Scene) -> None:
    places = ("", "/content", "/thumbnail")
    for place in places:
        address = f"/images/{there.ana.image_id}{place}"
        tag = (await gallery.client.get(address, headers=headers(gallery, ANA))).headers["etag"]
        for name, value in (
            *(("If-None-Match", tag), ("If-None-Match", "*"), ("If-Match", "*"), ("If-Match", '"x"')),
            *(
                ("Range", "bytes=0-0"),
                ("If-Range", tag),
                ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
            ),
        ):
            given = headers(gallery, DORA, **{name: value})
            answers = [
                await gallery.client.request(method, each, headers=given)
                for method in ("GET", "HEAD", "DELETE")
                if method != "DELETE" or place == ""
                for each in (address, f"/images/{UNKNOWN}{place}")
            ]
            assert {answer.status_code for answer in answers} == {404}, (place, name)
            assert len({answer.content for answer in answers if answer.content}) == 1


async def test_row_111_only_the_writable_members_can_be_written(
    gallery: Any, spec: dict[str, Any], there: Scene
) -> None:
    readable = {
        name for each in spec["components"]["schemas"].values() for name in each.get("properties", {})
    }
    before, given, tried = await scenes.kept(gallery), headers(gallery, ANA), 0
    for method, path, operation in operations(spec):
        writable = schema(spec, operation).get("properties", {})
        if "requestBody" not in operation:
            continue
        for member in (readable | set(EXTRAS)) - set(writable):
            if path == "/uploads":
                if member in ("file", "title"):
                    continue
                sent: dict[str, Any] = {"files": {"file": ("x.png", png())}, "data": {member: "x"}}
            else:
                sent = {"json": good(writable, there) | {member: "x"}}
            answer = await gallery.client.request(method, filled(path, there), headers=given, **sent)
            assert answer.status_code == 422, (method, path, member, answer.text)
            pointer = {"pointer": f"/{member}", "detail": "is not known here"}
            assert pointer in answer.json()["errors"], (method, path, member)
            tried += 1
    assert tried > 300
    assert await scenes.kept(gallery) == before
    renamed = await gallery.client.patch(
        f"/images/{there.ana.image_id}", headers=given, json=good(["title"], there)
    )
    assert renamed.json()["title"] == "renamed"


async def test_row_112_an_address_and_a_method_mean_one_thing(gallery: Any, there: Scene) -> None:
    before, image = await scenes.kept(gallery), there.ana.image_id
    # A stranger, and one who may only read: neither reaches a route that the plain address would refuse.
    for sub in (DORA, CLARA, None):
        given = headers(gallery, sub) if sub else {}
        for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
            for method in ("GET", "POST", "PATCH"):
                answer = await gallery.client.request(
                    method,
                    f"/images/{image}?_method=DELETE",
                    headers={**given, name: "DELETE"},
                    json={"title": 1},
                )
                assert answer.status_code in (200, 401, 404, 405, 422), (sub, method, answer.text)
        for address in (
            *(f"/images/{image};x", f"//images/{image}", f"/IMAGES/{image}", f"/images//{image}"),
            *(f"/%69mages/{image}/", f"/images/{image}/", f"/images/{image}/.", f"/images/{image}%00"),
            *(f"/livez/..%2fimages/{image}", f"/docs/%2e%2e/images/{image}"),
            *(f"/images/{image}/content/", f"/images/{image}/%63ontent%20", f"/metrics;/images/{image}"),
        ):
            answers = [
                await raw(gallery, method, address, {**given, "Host": "gallery.test/livez?x="})
                for method in ("GET", "DELETE")
            ]
            assert set(answers) <= {401, 404, 405}, (sub, address, answers)
    assert await scenes.kept(gallery) == before
    # The same address in another spelling (RFC 3986 §2.3) is judged by the same rules.
    for address, gets, deletes in (
        (f"/%69mages/{image}", 200, 403),
        (f"/images/{image}%2fcontent", 200, 405),
    ):
        for sub, status in ((CLARA, gets), (DORA, 404)):
            assert await raw(gallery, "GET", address, headers(gallery, sub)) == status
        assert await raw(gallery, "DELETE", address, headers(gallery, CLARA)) == deletes


async def raw(gallery: Any, method: str, target: str, given: dict[str, str]) -> int:
    """The status for a request target that no client library has tidied up."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": urllib.parse.unquote(target),
        "raw_path": target.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8001),
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await gallery.app(scope, receive, send)
    return int(sent[0]["status"])


async def test_row_113_what_is_no_longer_shared_is_gone_at_once_and_everywhere(
    gallery: Any, there: Scene
) -> None:
    image, album = f"/images/{there.ana.image_id}", f"/galleries/{there.ana.gallery_id}"
    given, theirs = headers(gallery, ANA), headers(gallery, CLARA)
    tag = (await gallery.client.get(f"{image}/thumbnail", headers=theirs)).headers["etag"]
    ends = {
        "the image's share": (f"{image}/shares", True),
        "the gallery's share": (f"{album}/shares", False),
    }
    for name, (place, still) in ends.items():
        listed = (await gallery.client.get(place, headers=given)).json()["items"]
        clara = next(each["id"] for each in listed if each["handle"] == "clara")
        assert (await gallery.client.delete(f"{place}/{clara}", headers=given)).status_code == 204
        for address in (image, f"{image}/content", f"{image}/thumbnail"):
            cached = headers(gallery, CLARA, **{"If-None-Match": tag})
            seen = (await gallery.client.get(address, headers=cached)).status_code
            assert seen in ((200, 304) if still else (404,)), (name, address)
    for address in (album, f"{album}/images", "/images?owner=others", "/galleries?owner=others"):
        answer = await gallery.client.get(address, headers=theirs)
        assert answer.status_code == 404 or answer.json()["items"] == [], address
    assert (await gallery.client.delete(image, headers=given)).status_code == 204
    for sub in (ANA, BRUNO):
        for address in (image, f"{image}/content", f"{image}/thumbnail", f"{image}/shares"):
            assert (await gallery.client.get(address, headers=headers(gallery, sub))).status_code == 404
    left = await gallery.client.get(f"{album}/images", headers=given)
    assert left.json()["items"] == []
    assert not list(gallery.settings.files.rglob(f"{there.ana.image_id}*"))


@pytest.fixture
async def unsharing(gallery: Any, there: Scene) -> AsyncIterator[Any]:
    """A transaction that has ended Bruno's shares and is not committed yet."""
    engine = gallery.app.state.resource_api.database.engine
    async with engine.connect() as connection:
        for table in (images, galleries):
            await connection.execute(sa.update(table).values(updated_at=table.c.updated_at + 1))
        await connection.execute(sa.delete(shares).where(shares.c.person.endswith(BRUNO)))
        yield connection


async def test_row_113_who_waits_for_the_end_of_their_share_comes_too_late(
    gallery: Any, there: Scene, unsharing: Any
) -> None:
    album, given = f"/galleries/{there.ana.gallery_id}", headers(gallery, BRUNO)
    calls = [
        gallery.client.patch(album, headers=given, json={"title": "x"}),
        gallery.client.patch(f"/images/{there.ana.image_id}", headers=given, json={"title": "x"}),
        gallery.client.post(f"{album}/images", headers=given, json={"image_id": there.spare[BRUNO]}),
    ]
    waiting = [asyncio.create_task(call) for call in calls]
    done, _ = await asyncio.wait(waiting, timeout=0.3)
    assert not done, "they wait for the row that is being changed"
    await unsharing.commit()
    answers = [await each for each in waiting]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
