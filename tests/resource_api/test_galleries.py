"""Galleries: made, read, renamed, deleted; images added, ordered and taken out, whoever else does so meanwhile."""

import asyncio
import itertools
from typing import Any

import pytest

from resource_api import ids, placements

from .callers import ANA, BRUNO, MACHINE, choose_handle, code, headers, share, upload


async def create(gallery: Any, sub: str, title: str = "summer", **more: Any) -> dict[str, Any]:
    response = await gallery.client.post(
        "/galleries", headers=headers(gallery, sub), json={"title": title, **more}
    )
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


async def add(gallery: Any, sub: str, album: str, image: str, **more: Any) -> Any:
    return await gallery.client.post(
        f"/galleries/{album}/images", headers=headers(gallery, sub), json={"image_id": image, **more}
    )


async def order(gallery: Any, sub: str, album: str, image_ids: list[str], **more: str) -> Any:
    return await gallery.client.put(
        f"/galleries/{album}/images", headers=headers(gallery, sub, **more), json={"image_ids": image_ids}
    )


async def held(gallery: Any, sub: str, album: str) -> list[str]:
    """The ids of the gallery's images, in order, page by page."""
    found, params = [], {"limit": "2"}
    while True:
        response = await gallery.client.get(
            f"/galleries/{album}/images", headers=headers(gallery, sub), params=params
        )
        assert response.status_code == 200, response.text
        found += [image["id"] for image in response.json()["items"]]
        if (cursor := response.json()["next_cursor"]) is None:
            return found
        params["cursor"] = cursor


async def filled(gallery: Any, count: int = 3) -> tuple[str, list[str]]:
    """A gallery of Ana's with so many images in it."""
    album = (await create(gallery, ANA))["id"]
    images = [(await upload(gallery, ANA, f"picture {n}"))["id"] for n in range(count)]
    for image in images:
        assert (await add(gallery, ANA, album, image)).status_code == 201
    return album, images


async def test_a_gallery_is_made_read_renamed_and_deleted(gallery: Any) -> None:
    made = await gallery.client.post(
        "/galleries", headers=headers(gallery, ANA), json={"title": " Summer  ", "description": "by the sea"}
    )
    album = made.json()["id"]
    assert (made.status_code, made.headers["location"]) == (201, f"/galleries/{album}")
    place = f"/galleries/{album}"
    read = await gallery.client.get(place, headers=headers(gallery, ANA))
    assert read.json() == made.json()
    assert read.headers["etag"] == made.headers["etag"]
    assert read.json() | {"created_at": "", "updated_at": ""} == {
        "id": album,
        "title": "Summer",
        "description": "by the sea",
        "image_count": 0,
        "cover_image_id": None,
        "revision": 1,
        "access": "own",
        "created_at": "",
        "updated_at": "",
    }
    gallery.clock.advance(60)
    renamed = await gallery.client.patch(place, headers=headers(gallery, ANA), json={"title": "Winter"})
    assert (renamed.json()["title"], renamed.json()["description"]) == ("Winter", "by the sea")
    assert renamed.json()["revision"] == 2
    assert renamed.json()["updated_at"] > renamed.json()["created_at"]
    deleted = await gallery.client.delete(place, headers=headers(gallery, ANA))
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await gallery.client.get(place, headers=headers(gallery, ANA))).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": ""},
        {"title": "   "},
        {"title": "x" * 201},
        {"title": None},
        {"title": 1},
        {"title": "a\nb"},
        {"title": "x", "description": "y" * 1001},
        {"title": "x", "owner": "me"},
        {"title": "x", "id": "0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"},
        {"title": "x", "revision": 7},
        {"title": "x", "image_count": 7},
    ],
)
async def test_an_unfit_gallery_is_422(gallery: Any, body: dict[str, Any]) -> None:
    response = await gallery.client.post("/galleries", headers=headers(gallery, ANA), json=body)
    assert (response.status_code, code(response)) == (422, "validation_failed")
    listed = await gallery.client.get("/galleries", headers=headers(gallery, ANA))
    assert listed.json()["items"] == []


async def test_galleries_are_listed_in_pages_newest_first_and_those_of_others_apart(gallery: Any) -> None:
    await choose_handle(gallery, BRUNO, "bruno")
    made = [(await create(gallery, ANA, f"gallery {n}"))["id"] for n in range(5)]
    own = (await create(gallery, BRUNO))["id"]
    await share(gallery, ANA, f"/galleries/{made[2]}", "bruno", "edit")
    seen, params = [], {"limit": "3"}
    for expected in (3, 2):
        page = (await gallery.client.get("/galleries", headers=headers(gallery, ANA), params=params)).json()
        assert len(page["items"]) == expected
        seen += [each["id"] for each in page["items"]]
        params["cursor"] = page["next_cursor"]
    assert seen == made[::-1]
    given = headers(gallery, BRUNO)
    mine = (await gallery.client.get("/galleries", headers=given)).json()["items"]
    others = (await gallery.client.get("/galleries", headers=given, params={"owner": "others"})).json()[
        "items"
    ]
    assert [(each["id"], each["access"]) for each in mine] == [(own, "own")]
    assert [(each["id"], each["access"]) for each in others] == [(made[2], "edit")]


async def test_a_gallery_keeps_its_images_in_order_and_names_the_first(gallery: Any) -> None:
    album, images = await filled(gallery, 5)
    assert await held(gallery, ANA, album) == images
    read = await gallery.client.get(f"/galleries/{album}", headers=headers(gallery, ANA))
    assert (read.json()["image_count"], read.json()["cover_image_id"]) == (5, images[0])
    listed = await gallery.client.get("/galleries", headers=headers(gallery, ANA))
    assert listed.json()["items"] == [read.json()]


async def test_an_image_is_added_before_the_one_at_its_position(gallery: Any) -> None:
    album, images = await filled(gallery, 3)
    first, middle, last, beyond = [(await upload(gallery, ANA))["id"] for _ in range(4)]
    assert (await add(gallery, ANA, album, first, position=0)).status_code == 201
    assert (await add(gallery, ANA, album, middle, position=2)).status_code == 201
    assert (await add(gallery, ANA, album, last, position=5)).status_code == 201
    assert (await add(gallery, ANA, album, beyond, position=1000)).status_code == 201
    assert await held(gallery, ANA, album) == [first, images[0], middle, *images[1:], last, beyond]


@pytest.mark.parametrize("position", [-1, 1001, 10**30, 1.0, "1", True])
async def test_an_unfit_position_is_422(gallery: Any, position: Any) -> None:
    album, _ = await filled(gallery, 1)
    image = (await upload(gallery, ANA))["id"]
    response = await add(gallery, ANA, album, image, position=position)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/position"


async def test_an_image_is_in_a_gallery_once(gallery: Any) -> None:
    album, images = await filled(gallery, 2)
    response = await add(gallery, ANA, album, images[0])
    assert (response.status_code, code(response)) == (409, "conflict")
    assert await held(gallery, ANA, album) == images


async def test_an_image_may_be_in_several_galleries(gallery: Any) -> None:
    album, images = await filled(gallery, 1)
    other = (await create(gallery, ANA, "other"))["id"]
    assert (await add(gallery, ANA, other, images[0])).status_code == 201
    deleted = await gallery.client.delete(f"/galleries/{album}", headers=headers(gallery, ANA))
    assert deleted.status_code == 204
    assert await held(gallery, ANA, other) == images


async def test_adding_takes_rights_on_both_sides(gallery: Any) -> None:
    """Another's image, another's gallery and nothing at all are answered with the same bytes."""
    await choose_handle(gallery, BRUNO, "bruno")
    mine, theirs = (await upload(gallery, ANA))["id"], (await upload(gallery, BRUNO))["id"]
    my_album, their_album = (await create(gallery, ANA))["id"], (await create(gallery, BRUNO))["id"]
    unknown = await add(gallery, ANA, my_album, ids.new())
    assert unknown.status_code == 404
    for album, image in ((my_album, theirs), (their_album, mine), (their_album, theirs), (ids.new(), mine)):
        refused = await add(gallery, ANA, album, image)
        assert (refused.status_code, refused.content) == (404, unknown.content)
    assert await held(gallery, BRUNO, their_album) == []
    # What is merely shown to me I don't show on, whatever my access.
    for access in ("read", "edit"):
        await gallery.client.post(
            f"/images/{mine}/shares",
            headers=headers(gallery, ANA),
            json={"handle": "bruno", "access": access},
        )
        refused = await add(gallery, BRUNO, their_album, mine)
        assert (refused.status_code, code(refused)) == (403, "not_owner")


@pytest.mark.parametrize("image_id", ["", "x", "é" * 36, "0" * 37, None, 7, ["x"]])
async def test_an_unfit_image_id_is_refused(gallery: Any, image_id: Any) -> None:
    album = (await create(gallery, ANA))["id"]
    response = await add(gallery, ANA, album, image_id)
    assert response.status_code in (404, 422)


async def test_images_are_put_into_any_order(gallery: Any) -> None:
    album, images = await filled(gallery, 3)
    for wanted in itertools.permutations(images):
        response = await order(gallery, ANA, album, list(wanted))
        assert response.status_code == 200, response.text
        assert response.json()["cover_image_id"] == wanted[0]
        assert await held(gallery, ANA, album) == list(wanted)


async def test_an_order_that_is_not_the_gallerys_images_changes_nothing(gallery: Any) -> None:
    album, images = await filled(gallery, 3)
    stranger = (await upload(gallery, BRUNO))["id"]
    loose = (await upload(gallery, ANA))["id"]
    for wanted in ([], images[:2], [*images, loose], [*images[:2], stranger], [*images[:2], "x"]):
        response = await order(gallery, ANA, album, wanted)
        assert (response.status_code, code(response)) == (409, "conflict"), wanted
    for wanted in ([images[0], *images], [images[0]] * 3):
        response = await order(gallery, ANA, album, wanted)
        assert (response.status_code, code(response)) == (422, "validation_failed"), wanted
    too_many = await order(gallery, ANA, album, [ids.new() for _ in range(placements.MOST + 1)])
    assert too_many.status_code == 422
    assert await held(gallery, ANA, album) == images


async def test_a_full_gallery_can_be_ordered_and_takes_no_more(gallery: Any) -> None:
    album, (image, another) = await filled(gallery, 2)
    await _fill(gallery, album, image, placements.MOST - 2)
    full = await held_fast(gallery, album)
    assert len(full) == placements.MOST
    one_more = (await upload(gallery, ANA))["id"]
    response = await add(gallery, ANA, album, one_more)
    assert (response.status_code, code(response)) == (409, "conflict")
    response = await order(gallery, ANA, album, full[::-1])
    assert response.status_code == 200, response.text
    assert await held_fast(gallery, album) == full[::-1]
    taken = await gallery.client.delete(f"/galleries/{album}/images/{another}", headers=headers(gallery, ANA))
    assert taken.status_code == 204
    assert (await add(gallery, ANA, album, one_more)).status_code == 201


async def test_an_empty_gallery_has_the_empty_order(gallery: Any) -> None:
    album = (await create(gallery, ANA))["id"]
    assert (await order(gallery, ANA, album, [])).status_code == 200


async def test_if_match_guards_every_change_of_a_gallery(gallery: Any) -> None:
    album, images = await filled(gallery, 2)
    place = f"/galleries/{album}"
    tag = (await gallery.client.get(place, headers=headers(gallery, ANA))).headers["etag"]
    first = await order(gallery, ANA, album, images[::-1], **{"If-Match": tag})
    assert (first.status_code, first.headers["etag"] == tag) == (200, False)
    late = await order(gallery, ANA, album, images, **{"If-Match": tag})
    assert (late.status_code, code(late)) == (412, "precondition_failed")
    stale = headers(gallery, ANA, **{"If-Match": tag})
    renamed = await gallery.client.patch(place, headers=stale, json={"title": "x"})
    deleted = await gallery.client.delete(place, headers=stale)
    assert [renamed.status_code, deleted.status_code] == [412, 412]
    assert await held(gallery, ANA, album) == images[::-1]
    again = await order(gallery, ANA, album, images, **{"If-Match": first.headers["etag"]})
    assert again.status_code == 200
    fresh = headers(gallery, ANA, **{"If-None-Match": again.headers["etag"]})
    assert (await gallery.client.get(place, headers=fresh)).status_code == 304


async def test_an_image_is_taken_out_and_stays_its_owners(gallery: Any) -> None:
    album, images = await filled(gallery, 3)
    place = f"/galleries/{album}/images/{images[1]}"
    assert (await gallery.client.delete(place, headers=headers(gallery, ANA))).status_code == 204
    assert await held(gallery, ANA, album) == [images[0], images[2]]
    assert (await gallery.client.delete(place, headers=headers(gallery, ANA))).status_code == 404
    kept = await gallery.client.get(f"/images/{images[1]}", headers=headers(gallery, ANA))
    assert kept.status_code == 200
    assert (await add(gallery, ANA, album, images[1], position=1)).status_code == 201
    assert await held(gallery, ANA, album) == images


async def test_a_deleted_image_leaves_every_gallery(gallery: Any) -> None:
    album, images = await filled(gallery, 3)
    deleted = await gallery.client.delete(f"/images/{images[0]}", headers=headers(gallery, ANA))
    assert deleted.status_code == 204
    assert await held(gallery, ANA, album) == images[1:]
    read = await gallery.client.get(f"/galleries/{album}", headers=headers(gallery, ANA))
    assert (read.json()["image_count"], read.json()["cover_image_id"]) == (2, images[1])
    another = (await upload(gallery, ANA))["id"]
    assert (await add(gallery, ANA, album, another, position=1)).status_code == 201
    assert await held(gallery, ANA, album) == [images[1], another, images[2]]


async def test_a_shared_gallery_is_worked_on_together(gallery: Any) -> None:
    await choose_handle(gallery, BRUNO, "bruno")
    album, images = await filled(gallery, 2)
    await share(gallery, ANA, f"/galleries/{album}", "bruno", "edit")
    theirs = (await upload(gallery, BRUNO, "from Bruno"))["id"]
    added = await add(gallery, BRUNO, album, theirs, position=0)
    assert (added.status_code, added.json()["access"]) == (201, "own")
    assert await held(gallery, ANA, album) == [theirs, *images]
    seen = await gallery.client.get(f"/images/{theirs}", headers=headers(gallery, ANA))
    assert seen.json()["access"] == "read"
    assert (await order(gallery, BRUNO, album, [*images, theirs])).status_code == 200
    gone = await gallery.client.delete(
        f"/galleries/{album}/images/{images[0]}", headers=headers(gallery, BRUNO)
    )
    assert gone.status_code == 204
    assert await held(gallery, BRUNO, album) == [images[1], theirs]
    refused = await gallery.client.delete(f"/images/{images[1]}", headers=headers(gallery, BRUNO))
    assert (refused.status_code, code(refused)) == (403, "not_owner")


async def test_who_only_reads_a_gallery_may_still_take_their_own_image_out(gallery: Any) -> None:
    await choose_handle(gallery, BRUNO, "bruno")
    album, images = await filled(gallery, 1)
    await share(gallery, ANA, f"/galleries/{album}", "bruno", "edit")
    theirs = (await upload(gallery, BRUNO))["id"]
    assert (await add(gallery, BRUNO, album, theirs)).status_code == 201
    await gallery.client.post(
        f"/galleries/{album}/shares",
        headers=headers(gallery, ANA),
        json={"handle": "bruno", "access": "read"},
    )
    place = f"/galleries/{album}/images"
    others = await gallery.client.delete(f"{place}/{images[0]}", headers=headers(gallery, BRUNO))
    own = await gallery.client.delete(f"{place}/{theirs}", headers=headers(gallery, BRUNO))
    assert [others.status_code, own.status_code] == [403, 204]
    assert await held(gallery, ANA, album) == images


async def test_a_machine_has_galleries_of_its_own(gallery: Any) -> None:
    album = (await create(gallery, MACHINE))["id"]
    image = (await upload(gallery, MACHINE))["id"]
    assert (await add(gallery, MACHINE, album, image)).status_code == 201
    assert await held(gallery, MACHINE, album) == [image]
    assert (await gallery.client.get(f"/galleries/{album}", headers=headers(gallery, ANA))).status_code == 404


async def test_images_added_at_once_all_arrive_in_one_order(gallery: Any) -> None:
    album, images = await filled(gallery, 1)
    more = [(await upload(gallery, ANA))["id"] for _ in range(8)]
    answers = await asyncio.gather(*(add(gallery, ANA, album, image, position=0) for image in more))
    assert [answer.status_code for answer in answers] == [201] * 8
    found = await held(gallery, ANA, album)
    assert (found[-1], sorted(found)) == (images[0], sorted(more + images))


async def test_one_image_added_many_times_at_once_is_added_once(gallery: Any) -> None:
    album, _ = await filled(gallery, 0)
    image = (await upload(gallery, ANA))["id"]
    answers = await asyncio.gather(*(add(gallery, ANA, album, image) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 9]
    assert await held(gallery, ANA, album) == [image]


async def test_orders_and_changes_at_once_leave_a_whole_gallery(gallery: Any) -> None:
    album, images = await filled(gallery, 4)
    extra = (await upload(gallery, ANA))["id"]
    work = [
        order(gallery, ANA, album, list(each)) for each in itertools.islice(itertools.permutations(images), 8)
    ]
    gone = gallery.client.delete(f"/galleries/{album}/images/{images[3]}", headers=headers(gallery, ANA))
    *orders, added, taken = await asyncio.gather(*work, add(gallery, ANA, album, extra, position=1), gone)
    assert {answer.status_code for answer in orders} <= {200, 409}
    assert [added.status_code, taken.status_code] == [201, 204]
    assert sorted(await held(gallery, ANA, album)) == sorted([*images[:3], extra])


async def test_of_orders_with_one_etag_a_single_one_wins(gallery: Any) -> None:
    album, images = await filled(gallery, 3)
    read = await gallery.client.get(f"/galleries/{album}", headers=headers(gallery, ANA))
    tag = {"If-Match": read.headers["etag"]}
    answers = await asyncio.gather(
        *(order(gallery, ANA, album, list(each), **tag) for each in itertools.permutations(images))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 5]


async def _fill(gallery: Any, album: str, like: str, count: int) -> None:
    """Copies one image's row so often that the gallery is nearly full; so many uploads would take minutes."""
    import sqlalchemy as sa

    from resource_api import ownership

    def work(session: Any) -> None:
        table = ownership.images
        row = session.execute(sa.select(table).where(table.c.id == like)).one()._asdict()
        new = [row | {"id": ids.new()} for _ in range(count)]
        session.execute(sa.insert(table), new)
        session.execute(
            sa.insert(ownership.placements),
            [
                {"gallery_id": album, "image_id": each["id"], "position": 10 + index, "added_at": 0.0}
                for index, each in enumerate(new)
            ],
        )

    await gallery.app.state.resource_api.database.transaction(work)


async def held_fast(gallery: Any, album: str) -> list[str]:
    """As `held`, in pages as large as they come."""
    found, params = [], {"limit": "100"}
    while True:
        page = (
            await gallery.client.get(
                f"/galleries/{album}/images", headers=headers(gallery, ANA), params=params
            )
        ).json()
        found += [image["id"] for image in page["items"]]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]
