"""Images: listed in pages, read with versions, renamed, deleted with everything that hangs on them."""

import asyncio
from typing import Any

from .callers import ANA, BRUNO, MACHINE, choose_handle, headers, share, upload


async def test_a_list_comes_in_pages_newest_first(gallery: Any) -> None:
    made = [(await upload(gallery, ANA, f"picture {n}"))["id"] for n in range(5)]
    await upload(gallery, BRUNO)
    seen: list[str] = []
    params = {"limit": "2"}
    for expected in (2, 2, 1):
        response = await gallery.client.get("/images", headers=headers(gallery, ANA), params=params)
        page = response.json()
        assert len(page["items"]) == expected
        seen += [image["id"] for image in page["items"]]
        params["cursor"] = page["next_cursor"]
    assert page["next_cursor"] is None
    assert seen == made[::-1]


async def test_a_full_last_page_has_no_next(gallery: Any) -> None:
    for _ in range(2):
        await upload(gallery, ANA)
    response = await gallery.client.get("/images", headers=headers(gallery, ANA), params={"limit": "2"})
    assert len(response.json()["items"]) == 2
    assert response.json()["next_cursor"] is None


async def test_an_unfit_limit_is_422(gallery: Any) -> None:
    for limit in ["0", "101", "-1", "1_0", "+1", "01", "1.0", "1e1", "١", "", "x", "9" * 30]:
        response = await gallery.client.get("/images", headers=headers(gallery, ANA), params={"limit": limit})
        assert response.status_code == 422, limit
        assert [each["pointer"] for each in response.json()["errors"]] == ["limit"], limit


async def test_what_others_share_is_listed_apart(gallery: Any) -> None:
    await choose_handle(gallery, BRUNO, "bruno")
    shared = await upload(gallery, ANA, "shared")
    await upload(gallery, ANA, "kept")
    own = await upload(gallery, BRUNO, "own")
    await share(gallery, ANA, f"/images/{shared['id']}", "bruno", "read")
    given = headers(gallery, BRUNO)
    others = (await gallery.client.get("/images", headers=given, params={"owner": "others"})).json()["items"]
    mine = (await gallery.client.get("/images", headers=given)).json()["items"]
    assert [(image["id"], image["access"]) for image in others] == [(shared["id"], "read")]
    assert [(image["id"], image["access"]) for image in mine] == [(own["id"], "own")]


async def test_an_unchanged_image_is_304(gallery: Any) -> None:
    image = await upload(gallery, ANA)
    for place in ("", "/content", "/thumbnail"):
        path = f"/images/{image['id']}{place}"
        first = await gallery.client.get(path, headers=headers(gallery, ANA))
        assert first.status_code == 200
        assert first.headers["cache-control"] == "private, no-cache"
        tag = first.headers["etag"]
        for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await gallery.client.get(path, headers=headers(gallery, ANA, **{"If-None-Match": sent}))
            assert again.status_code == 304, sent
            assert again.content == b""
            assert again.headers["etag"] == tag
        other = await gallery.client.get(path, headers=headers(gallery, ANA, **{"If-None-Match": '"other"'}))
        assert other.status_code == 200


async def test_content_and_thumbnail_are_different_pictures(gallery: Any) -> None:
    image = await upload(gallery, ANA, width=900, height=600)
    given = headers(gallery, ANA)
    content = await gallery.client.get(f"/images/{image['id']}/content", headers=given)
    thumbnail = await gallery.client.get(f"/images/{image['id']}/thumbnail", headers=given)
    assert content.headers["content-type"] == image["media_type"]
    assert len(content.content) == image["size_bytes"]
    assert thumbnail.headers["content-type"].startswith("image/")
    assert content.headers["etag"] != thumbnail.headers["etag"]
    assert content.headers["content-disposition"] == f'inline; filename="{image["id"]}.png"'


async def test_an_image_is_renamed(gallery: Any, clock: Any) -> None:
    image = await upload(gallery, ANA)
    clock.advance(60)
    response = await gallery.client.patch(
        f"/images/{image['id']}", headers=headers(gallery, ANA), json={"title": "  Cafe\u0301 "}
    )
    assert response.status_code == 200
    assert response.json()["title"] == "Caf\u00e9"
    assert response.json()["created_at"] == image["created_at"]
    assert response.json()["updated_at"] > image["updated_at"]


async def test_if_match_keeps_one_change_from_overwriting_another(gallery: Any) -> None:
    path = f"/images/{(await upload(gallery, ANA))['id']}"
    tag = (await gallery.client.get(path, headers=headers(gallery, ANA))).headers["etag"]
    given = headers(gallery, ANA, **{"If-Match": tag})
    responses = await asyncio.gather(
        *(gallery.client.patch(path, headers=given, json={"title": f"title {n}"}) for n in range(8))
    )
    assert sorted(response.status_code for response in responses) == [200] + [412] * 7
    winner = next(response for response in responses if response.status_code == 200)
    assert (await gallery.client.get(path, headers=headers(gallery, ANA))).headers["etag"] == winner.headers[
        "etag"
    ]
    assert (await gallery.client.delete(path, headers=given)).status_code == 412


async def test_an_unfit_title_is_422(gallery: Any) -> None:
    for title in ["x" * 201, "a\nb", "a\u202eb", "a\x00b", "a\u2028b", 1, None, ["x"], {"a": "b"}]:
        image = await upload(gallery, ANA, "before")
        response = await gallery.client.patch(
            f"/images/{image['id']}", headers=headers(gallery, ANA), json={"title": title}
        )
        assert response.status_code == 422, title
        assert [each["pointer"] for each in response.json()["errors"]] == ["/title"], title
        after = await gallery.client.get(f"/images/{image['id']}", headers=headers(gallery, ANA))
        assert after.json()["title"] == "before", title


async def test_a_deleted_image_is_gone_everywhere(gallery: Any) -> None:
    await choose_handle(gallery, BRUNO, "bruno")
    image = await upload(gallery, ANA)
    path = f"/images/{image['id']}"
    await share(gallery, ANA, path, "bruno", "read")
    assert (await gallery.client.delete(path, headers=headers(gallery, ANA))).status_code == 204
    for sub in (ANA, BRUNO):
        for place in ("", "/content", "/thumbnail", "/shares"):
            response = await gallery.client.get(path + place, headers=headers(gallery, sub))
            assert response.status_code == 404, (sub, place)
    assert (await gallery.client.delete(path, headers=headers(gallery, ANA))).status_code == 404
    others = await gallery.client.get("/images", headers=headers(gallery, BRUNO), params={"owner": "others"})
    assert others.json()["items"] == []


async def test_deleting_raced_for_succeeds_once(gallery: Any) -> None:
    path = f"/images/{(await upload(gallery, ANA))['id']}"
    responses = await asyncio.gather(
        *(gallery.client.delete(path, headers=headers(gallery, ANA)) for _ in range(10))
    )
    assert sorted(response.status_code for response in responses) == [204] + [404] * 9


async def test_a_machine_owns_what_it_uploads(gallery: Any) -> None:
    image = await upload(gallery, MACHINE)
    path = f"/images/{image['id']}"
    given = headers(gallery, MACHINE)
    assert (await gallery.client.get(path, headers=given)).json()["access"] == "own"
    assert (await gallery.client.get(path, headers=headers(gallery, ANA))).status_code == 404
    assert (await gallery.client.patch(path, headers=given, json={"title": "x"})).status_code == 200
    assert (await gallery.client.delete(path, headers=given)).status_code == 204
