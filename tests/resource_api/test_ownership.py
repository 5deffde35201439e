"""Every route that names an object × everyone who may call it: generated from the routes themselves.

A route that `EXPECTED` does not know fails the test, so that nobody adds one without saying who may use it.
"""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from resource_api import auth

from .callers import ANA, BRUNO, CLARA, MACHINE, choose_handle, code, headers, share, upload

DORA = "d0a0d0a0-5a51-4a0c-9f0e-2f8f6f1f7a04"
UNKNOWN = "0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"
PUBLIC = {"/docs/errors/{code}", "/.well-known/oauth-protected-resource/{path:path}"}


@dataclass(frozen=True)
class Rule:
    """Who gets what from one operation. Strangers and other machines always get 404, the nameless 401."""

    owner: int
    edit: int
    read: int
    body: Any = None
    person: bool = False


EXPECTED = {
    "GET /images/{image_id}": Rule(200, 200, 200),
    "GET /images/{image_id}/content": Rule(200, 200, 200),
    "GET /images/{image_id}/thumbnail": Rule(200, 200, 200),
    "PATCH /images/{image_id}": Rule(200, 200, 403, {"title": "renamed"}),
    "DELETE /images/{image_id}": Rule(204, 403, 403),
    "GET /images/{image_id}/shares": Rule(200, 403, 403, person=True),
    "POST /images/{image_id}/shares": Rule(201, 403, 403, {"handle": "dora", "access": "read"}, person=True),
    "DELETE /images/{image_id}/shares/{share_id}": Rule(204, 403, 403, person=True),
    "GET /galleries/{gallery_id}": Rule(200, 200, 200),
    "PATCH /galleries/{gallery_id}": Rule(200, 200, 403, {"title": "renamed"}),
    "DELETE /galleries/{gallery_id}": Rule(204, 403, 403),
    "GET /galleries/{gallery_id}/images": Rule(200, 200, 200),
    "POST /galleries/{gallery_id}/images": Rule(201, 201, 403, {"image_id": "OWN"}),
    "PUT /galleries/{gallery_id}/images": Rule(200, 200, 403, {"image_ids": ["HELD"]}),
    "DELETE /galleries/{gallery_id}/images/{image_id}": Rule(204, 204, 403),
    "GET /galleries/{gallery_id}/shares": Rule(200, 403, 403, person=True),
    "POST /galleries/{gallery_id}/shares": Rule(
        201, 403, 403, {"handle": "dora", "access": "read"}, person=True
    ),
    "DELETE /galleries/{gallery_id}/shares/{share_id}": Rule(204, 403, 403, person=True),
}
CALLERS = {"owner": ANA, "edit": BRUNO, "read": CLARA, "stranger": DORA, "machine": MACHINE}


@dataclass(frozen=True)
class Scene:
    """Ana's image and gallery, which holds it; Bruno may edit them, Clara may read them."""

    image: str
    gallery: str
    shares: dict[str, str]

    def address(self, path: str) -> str:
        kind = "images" if path.startswith("/images") else "galleries"
        return path.format(image_id=self.image, gallery_id=self.gallery, share_id=self.shares[kind])


async def scene(gallery: Any) -> Scene:
    for sub, handle in ((BRUNO, "bruno"), (CLARA, "clara"), (DORA, "dora")):
        await choose_handle(gallery, sub, handle)
    image = (await upload(gallery, ANA))["id"]
    made = await gallery.client.post("/galleries", headers=headers(gallery, ANA), json={"title": "summer"})
    assert made.status_code == 201, made.text
    album = made.json()["id"]
    added = await gallery.client.post(
        f"/galleries/{album}/images", headers=headers(gallery, ANA), json={"image_id": image}
    )
    assert added.status_code == 201, added.text
    shares = {}
    for kind, place in (("images", f"/images/{image}"), ("galleries", f"/galleries/{album}")):
        shares[kind] = await share(gallery, ANA, place, "bruno", "edit")
        await share(gallery, ANA, place, "clara", "read")
    return Scene(image, album, shares)


async def call(gallery: Any, operation: str, address: str, sub: str, there: Scene, **more: Any) -> Any:
    method = operation.partition(" ")[0]
    body = EXPECTED[operation].body
    if body is not None:
        own = (await upload(gallery, sub))["id"] if "OWN" in str(body) else ""
        filled = {"OWN": own, "HELD": there.image}
        body = {
            name: [filled.get(each, each) for each in value]
            if isinstance(value, list)
            else filled.get(value, value)
            for name, value in body.items()
        }
    return await gallery.client.request(method, address, headers=headers(gallery, sub, **more), json=body)


def live(gallery: Any) -> set[str]:
    return {
        f"{method} {route.path}"
        for route in gallery.app.router.routes
        if "{" in route.path and route.path not in PUBLIC
        for method in route.methods
    }


async def test_every_route_with_an_object_has_a_rule(gallery: Any) -> None:
    assert live(gallery) == set(EXPECTED)


@pytest.mark.parametrize("operation", EXPECTED)
async def test_everyone_gets_what_is_theirs(gallery: Any, operation: str) -> None:
    rule = EXPECTED[operation]
    there = await scene(gallery)
    address = there.address(operation.partition(" ")[2])
    for who in ("stranger", "machine", "read", "edit", "owner"):
        response = await call(gallery, operation, address, CALLERS[who], there)
        if who == "machine" and rule.person:
            assert (response.status_code, code(response)) == (403, "person_required")
        elif who in ("stranger", "machine"):
            assert response.status_code == 404, f"{who}: {response.text}"
        else:
            assert response.status_code == getattr(rule, who), f"{who}: {response.text}"
            if response.status_code == 403:
                assert code(response) == "not_owner"
        if operation.startswith("DELETE /galleries/{gallery_id}/images/") and response.status_code == 204:
            # What an editor took out, the owner cannot take out again; it is put back.
            await gallery.client.post(
                f"/galleries/{there.gallery}/images",
                headers=headers(gallery, ANA),
                json={"image_id": there.image},
            )


async def test_what_is_anothers_cannot_be_told_from_what_is_not(gallery: Any) -> None:
    there = await scene(gallery)
    nowhere = Scene(UNKNOWN, UNKNOWN, {"images": UNKNOWN, "galleries": UNKNOWN})
    for operation in EXPECTED:
        path = operation.partition(" ")[2]
        foreign = await call(gallery, operation, there.address(path), DORA, there)
        unknown = await call(gallery, operation, nowhere.address(path), DORA, there)
        assert foreign.status_code == unknown.status_code == 404, operation
        assert foreign.content == unknown.content, operation
        assert told(foreign) == told(unknown), operation
        assert "request_id" not in foreign.json(), operation
        assert "instance" not in foreign.json(), operation


def told(response: Any) -> dict[str, str]:
    """Every header but the one that names this very request."""
    return {name: value for name, value in response.headers.items() if name != "x-request-id"}


async def test_without_a_token_or_its_scope_nothing_is_told(gallery: Any) -> None:
    there = await scene(gallery)
    spec = (await gallery.client.get("/openapi.json")).json()
    for operation, rule in EXPECTED.items():
        method, _, path = operation.partition(" ")
        needed = spec["paths"][path][method.lower()]["security"][0]["oauth2"]
        assert needed, operation
        unknown = path.format(image_id=UNKNOWN, gallery_id=UNKNOWN, share_id=UNKNOWN)
        for address in (there.address(path), unknown):
            nameless = await gallery.client.request(method, address, json=rule.body)
            assert nameless.status_code == 401, operation
            for scope in ("openid", "images:readX", " ".join(set(auth.SCOPES) - set(needed))):
                response = await gallery.client.request(
                    method, address, headers=headers(gallery, ANA, scope), json=rule.body
                )
                assert (response.status_code, code(response)) == (403, "insufficient_scope"), operation
                assert f'scope="{" ".join(needed)}"' in response.headers["www-authenticate"], operation


async def test_an_id_has_one_spelling(gallery: Any) -> None:
    there = await scene(gallery)
    for operation, rule in EXPECTED.items():
        method, _, path = operation.partition(" ")
        name = re.findall(r"\{(\w+)\}", path)[0]
        real = there.image if name == "image_id" else there.gallery
        for spelling in (
            real.upper(),
            "%7B" + real + "%7D",
            real.replace("-", ""),
            f"urn:uuid:{real}",
            real + "%00",
            real + "%20",
            real + "%0A",
            "1_0",
            "-1",
            "1e3",
            "%D9%A1",
            "9" * 31,
            "..%2f" + real,
            "6a4b2f0e-5a51-4a0c-9f0e-2f8f6f1f7a01",
        ):
            address = there.address(path.replace("{" + name + "}", spelling, 1))
            response = await gallery.client.request(
                method, address, headers=headers(gallery, ANA), json=rule.body
            )
            assert response.status_code == 404, f"{method} {address}: {response.text}"


async def test_a_share_of_one_object_is_not_found_under_another(gallery: Any) -> None:
    there = await scene(gallery)
    other = (await upload(gallery, ANA))["id"]
    given = headers(gallery, ANA)
    crossed = (
        f"/images/{other}/shares/{there.shares['images']}",
        f"/images/{there.image}/shares/{there.shares['galleries']}",
        f"/galleries/{there.gallery}/shares/{there.shares['images']}",
    )
    for address in crossed:
        assert (await gallery.client.delete(address, headers=given)).status_code == 404, address
    listed = await gallery.client.get(f"/images/{there.image}/shares", headers=given)
    assert len(listed.json()["items"]) == 2


async def test_only_ones_own_images_go_into_a_gallery(gallery: Any) -> None:
    there = await scene(gallery)
    for sub, image in (
        (BRUNO, there.image),
        (DORA, there.image),
        (ANA, (await upload(gallery, BRUNO))["id"]),
    ):
        made = await gallery.client.post("/galleries", headers=headers(gallery, sub), json={"title": "mine"})
        place = f"/galleries/{made.json()['id']}/images"
        response = await gallery.client.post(place, headers=headers(gallery, sub), json={"image_id": image})
        assert response.status_code == (403 if sub == BRUNO else 404), response.text
        listed = await gallery.client.get(place, headers=headers(gallery, sub))
        assert listed.json()["items"] == []


async def test_a_gallery_shows_its_images_until_it_is_no_longer_shared(gallery: Any) -> None:
    there = await scene(gallery)
    held = (await upload(gallery, ANA))["id"]
    await gallery.client.post(
        f"/galleries/{there.gallery}/images", headers=headers(gallery, ANA), json={"image_id": held}
    )
    path = f"/images/{held}"
    for sub in (BRUNO, CLARA):
        seen = await gallery.client.get(path, headers=headers(gallery, sub))
        assert (seen.status_code, seen.json()["access"]) == (200, "read")
        renamed = await gallery.client.patch(path, headers=headers(gallery, sub), json={"title": "x"})
        assert renamed.status_code == 403
    assert (await gallery.client.get(path, headers=headers(gallery, DORA))).status_code == 404
    ended = await gallery.client.delete(
        f"/galleries/{there.gallery}/shares/{there.shares['galleries']}", headers=headers(gallery, ANA)
    )
    assert ended.status_code == 204
    for place in ("", "/content", "/thumbnail"):
        assert (await gallery.client.get(path + place, headers=headers(gallery, BRUNO))).status_code == 404
        assert (await gallery.client.get(path + place, headers=headers(gallery, CLARA))).status_code == 200
