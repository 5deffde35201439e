"""Shares: who sees what through whom, how handles are looked up, and that taking back works at once."""

import asyncio
from typing import Any

import pytest

from resource_api import ids, shares

from .callers import ANA, BRUNO, CLARA, choose_handle, code, headers, share, upload
from .test_galleries import add, create, held


async def post(gallery: Any, sub: str, place: str, handle: Any, access: Any = "read") -> Any:
    return await gallery.client.post(
        f"{place}/shares", headers=headers(gallery, sub), json={"handle": handle, "access": access}
    )


async def listed(gallery: Any, sub: str, place: str) -> list[dict[str, Any]]:
    response = await gallery.client.get(f"{place}/shares", headers=headers(gallery, sub))
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


async def status(gallery: Any, sub: str, path: str) -> int:
    response = await gallery.client.get(path, headers=headers(gallery, sub))
    return int(response.status_code)


async def picture(gallery: Any, sub: str = ANA) -> str:
    return f"/images/{(await upload(gallery, sub))['id']}"


@pytest.fixture(params=["images", "galleries"])
async def thing(request: pytest.FixtureRequest, gallery: Any) -> str:
    """The address of an image or a gallery of Ana's; Bruno and Clara have handles."""
    await choose_handle(gallery, BRUNO, "bruno")
    await choose_handle(gallery, CLARA, "clara")
    if request.param == "images":
        return await picture(gallery)
    return f"/galleries/{(await create(gallery, ANA))['id']}"


async def test_a_share_shows_the_object_until_it_ends(gallery: Any, thing: str) -> None:
    assert await status(gallery, BRUNO, thing) == 404
    share_id = await share(gallery, ANA, thing, "bruno", "read")
    seen = await gallery.client.get(thing, headers=headers(gallery, BRUNO))
    assert (seen.status_code, seen.json()["access"]) == (200, "read")
    assert await status(gallery, CLARA, thing) == 404
    ended = await gallery.client.delete(f"{thing}/shares/{share_id}", headers=headers(gallery, ANA))
    assert (ended.status_code, ended.content) == (204, b"")
    assert await status(gallery, BRUNO, thing) == 404
    again = await gallery.client.delete(f"{thing}/shares/{share_id}", headers=headers(gallery, ANA))
    assert again.status_code == 404


async def test_sharing_again_changes_the_access_and_keeps_the_share(gallery: Any, thing: str) -> None:
    first = await post(gallery, ANA, thing, "bruno", "read")
    second = await post(gallery, ANA, thing, "BRUNO", "edit")
    assert [first.status_code, second.status_code] == [201, 200]
    assert second.json() == first.json() | {"access": "edit"}
    assert await listed(gallery, ANA, thing) == [second.json()]
    renamed = await gallery.client.patch(thing, headers=headers(gallery, BRUNO), json={"title": "by Bruno"})
    assert renamed.status_code == 200
    third = await post(gallery, ANA, thing, "bruno", "read")
    assert third.json()["id"] == first.json()["id"]
    refused = await gallery.client.patch(thing, headers=headers(gallery, BRUNO), json={"title": "again"})
    assert (refused.status_code, code(refused)) == (403, "not_owner")


async def test_shares_are_listed_for_the_owner_in_pages_with_todays_handles(gallery: Any, thing: str) -> None:
    await share(gallery, ANA, thing, "bruno", "read")
    await share(gallery, ANA, thing, "clara", "edit")
    await gallery.client.patch(
        "/me", headers=headers(gallery, BRUNO), json={"handle": None, "display_name": "Bruno B."}
    )
    await choose_handle(gallery, CLARA, "clara-c")
    found, params = [], {"limit": "1"}
    for _ in range(2):
        page = (
            await gallery.client.get(f"{thing}/shares", headers=headers(gallery, ANA), params=params)
        ).json()
        found += page["items"]
        params["cursor"] = page["next_cursor"]
    assert page["next_cursor"] is None
    assert [(each["handle"], each["display_name"], each["access"]) for each in found] == [
        (None, "Bruno B.", "read"),
        ("clara-c", "", "edit"),
    ]
    assert not any(BRUNO in str(each) or "owner" in each or "person" in each for each in found)


async def test_a_share_ends_only_at_its_own_object(gallery: Any, thing: str) -> None:
    other = await picture(gallery)
    share_id = await share(gallery, ANA, other, "bruno", "read")
    for wrong in (share_id, ids.new(), "x", share_id.upper(), f"{share_id}%00", "%2e%2e"):
        answer = await gallery.client.delete(f"{thing}/shares/{wrong}", headers=headers(gallery, ANA))
        assert answer.status_code == 404
    assert len(await listed(gallery, ANA, other)) == 1


async def test_sharing_with_oneself_is_422(gallery: Any, thing: str) -> None:
    await choose_handle(gallery, ANA, "ana")
    answer = await post(gallery, ANA, thing, "Ana")
    assert (answer.status_code, code(answer)) == (422, "validation_failed")
    assert answer.json()["errors"] == [{"pointer": "/handle", "detail": "is your own"}]
    assert await listed(gallery, ANA, thing) == []


@pytest.mark.parametrize(
    ("handle", "access"),
    [("", "read"), ("x" * 101, "read"), (None, "read"), (["bruno"], "read"), ("a\nb", "read")]
    + [("bruno", access) for access in ("own", "write", "", "READ", None, 2, True)],
)
async def test_an_unfit_share_is_422(gallery: Any, handle: Any, access: Any) -> None:
    await choose_handle(gallery, BRUNO, "bruno")
    place = await picture(gallery)
    answer = await post(gallery, ANA, place, handle, access)
    assert (answer.status_code, code(answer)) == (422, "validation_failed")
    assert await listed(gallery, ANA, place) == []


async def test_unknown_handles_can_be_tried_thirty_times_an_hour(gallery: Any) -> None:
    await choose_handle(gallery, BRUNO, "bruno")
    place, another = await picture(gallery), f"/galleries/{(await create(gallery, ANA))['id']}"
    for number in range(shares.TRIES):
        answer = await post(gallery, ANA, (place, another)[number % 2], f"nobody{number}")
        assert (answer.status_code, code(answer)) == (422, "unknown_handle")
        assert answer.json()["errors"][0]["pointer"] == "/handle"
        # What exists costs nothing, and does not clear what was tried either.
        if number < shares.TRIES - 1:
            assert (await post(gallery, ANA, place, "bruno")).status_code in (200, 201)
    gallery.clock.advance(600)
    for handle in ("nobody", "bruno"):
        answer = await post(gallery, ANA, place, handle)
        assert (answer.status_code, code(answer)) == (429, "too_many_requests")
        assert 2990 <= int(answer.headers["retry-after"]) <= 3001
    theirs = await picture(gallery, CLARA)
    assert (await post(gallery, CLARA, theirs, "nobody")).status_code == 422
    gallery.clock.advance(int(answer.headers["retry-after"]))
    assert (await post(gallery, ANA, place, "bruno")).status_code == 200
    assert (await post(gallery, ANA, place, "nobody")).status_code == 422


async def test_of_a_hundred_guesses_at_once_thirty_are_answered(gallery: Any) -> None:
    place = await picture(gallery)
    answers = await asyncio.gather(*(post(gallery, ANA, place, f"guess{number}") for number in range(100)))
    assert sorted(answer.status_code for answer in answers) == [422] * 30 + [429] * 70


async def test_sharing_many_times_at_once_makes_one_share(gallery: Any, thing: str) -> None:
    answers = await asyncio.gather(
        *(post(gallery, ANA, thing, "bruno", ("read", "edit")[number % 2]) for number in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await listed(gallery, ANA, thing)) == 1


async def test_sharing_and_deleting_at_once_never_fails(gallery: Any, thing: str) -> None:
    gone, *answers = await asyncio.gather(
        gallery.client.delete(thing, headers=headers(gallery, ANA)),
        *(post(gallery, ANA, thing, "bruno") for _ in range(6)),
    )
    assert gone.status_code == 204
    assert {answer.status_code for answer in answers} <= {200, 201, 404}
    assert await status(gallery, BRUNO, thing) == 404


async def test_a_deleted_object_takes_its_shares_along(gallery: Any, thing: str) -> None:
    await share(gallery, ANA, thing, "bruno", "edit")
    assert (await gallery.client.delete(thing, headers=headers(gallery, ANA))).status_code == 204
    assert await status(gallery, BRUNO, thing) == 404
    kind = f"/{thing.split('/')[1]}"
    others = await gallery.client.get(kind, headers=headers(gallery, BRUNO), params={"owner": "others"})
    assert others.json()["items"] == []


async def test_a_shared_gallery_shows_its_images_and_what_they_are(gallery: Any) -> None:
    await choose_handle(gallery, BRUNO, "bruno")
    inside, outside = await picture(gallery), await picture(gallery)
    album = (await create(gallery, ANA))["id"]
    assert (await add(gallery, ANA, album, inside.rpartition("/")[2])).status_code == 201
    share_id = await share(gallery, ANA, f"/galleries/{album}", "bruno", "edit")
    for path in ("", "/content", "/thumbnail"):
        assert await status(gallery, BRUNO, inside + path) == 200
        assert await status(gallery, BRUNO, outside + path) == 404
        assert await status(gallery, CLARA, inside + path) == 404
    seen = (await gallery.client.get(inside, headers=headers(gallery, BRUNO))).json()
    assert seen["access"] == "read"
    renamed = await gallery.client.patch(inside, headers=headers(gallery, BRUNO), json={"title": "x"})
    assert (renamed.status_code, code(renamed)) == (403, "not_owner")
    # Added later, seen at once; taken out, gone at once.
    assert (await add(gallery, ANA, album, outside.rpartition("/")[2])).status_code == 201
    assert await status(gallery, BRUNO, outside + "/content") == 200
    taken = await gallery.client.delete(f"/galleries/{album}{inside}", headers=headers(gallery, ANA))
    assert taken.status_code == 204
    assert await status(gallery, BRUNO, inside + "/content") == 404
    await gallery.client.delete(f"/galleries/{album}/shares/{share_id}", headers=headers(gallery, ANA))
    assert await status(gallery, BRUNO, outside + "/content") == 404


async def test_an_image_shared_twice_stays_seen_until_both_ways_are_closed(gallery: Any) -> None:
    await choose_handle(gallery, BRUNO, "bruno")
    place, album = await picture(gallery), (await create(gallery, ANA))["id"]
    assert (await add(gallery, ANA, album, place.rpartition("/")[2])).status_code == 201
    direct = await share(gallery, ANA, place, "bruno", "edit")
    await share(gallery, ANA, f"/galleries/{album}", "bruno", "read")
    seen = (await gallery.client.get(place, headers=headers(gallery, BRUNO))).json()
    assert seen["access"] == "edit"
    await gallery.client.delete(f"{place}/shares/{direct}", headers=headers(gallery, ANA))
    assert (await gallery.client.get(place, headers=headers(gallery, BRUNO))).json()["access"] == "read"
    await gallery.client.delete(f"/galleries/{album}", headers=headers(gallery, ANA))
    assert await status(gallery, BRUNO, place) == 404


async def test_who_is_shut_out_of_a_gallery_takes_their_images_along(gallery: Any) -> None:
    await choose_handle(gallery, BRUNO, "bruno")
    await choose_handle(gallery, CLARA, "clara")
    album = (await create(gallery, ANA))["id"]
    place = f"/galleries/{album}"
    ended = await share(gallery, ANA, place, "bruno", "edit")
    await share(gallery, ANA, place, "clara", "edit")
    images = {sub: (await upload(gallery, sub))["id"] for sub in (ANA, BRUNO, CLARA)}
    for sub, image in images.items():
        assert (await add(gallery, sub, album, image)).status_code == 201
    await gallery.client.delete(f"{place}/shares/{ended}", headers=headers(gallery, ANA))
    assert await held(gallery, CLARA, album) == [images[ANA], images[CLARA]]
    assert await status(gallery, ANA, f"/images/{images[BRUNO]}/content") == 404
    assert await status(gallery, BRUNO, f"/images/{images[BRUNO]}/content") == 200
