"""Which callers are let in, and what the others are told."""

from typing import Any

from .callers import ANA, MACHINE, code, headers

METADATA = 'resource_metadata="http://localhost:8001/.well-known/oauth-protected-resource"'


async def test_without_a_token_the_answer_says_where_to_get_one(gallery: Any) -> None:
    response = await gallery.client.get("/images")
    assert response.status_code == 401
    assert code(response) == "missing_token"
    assert response.headers["www-authenticate"] == f"Bearer {METADATA}"


async def test_another_scheme_counts_as_no_token(gallery: Any) -> None:
    response = await gallery.client.get("/images", headers={"Authorization": "Basic YTpi"})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == f"Bearer {METADATA}"


async def test_a_bad_token_is_told_why(gallery: Any) -> None:
    token = gallery.mint(sub=ANA, scope="images:read", aud="https://elsewhere.test")
    response = await gallery.client.get("/images", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
    assert code(response) == "invalid_token"
    challenge = response.headers["www-authenticate"]
    assert 'error="invalid_token"' in challenge
    assert "audience" in challenge
    assert METADATA in challenge
    assert "elsewhere" not in response.text + challenge


async def test_an_expired_token_is_refused_after_the_leeway(gallery: Any, clock: Any) -> None:
    given = headers(gallery, ANA)
    assert (await gallery.client.get("/images", headers=given)).status_code == 200
    clock.advance(3600 + 11)
    response = await gallery.client.get("/images", headers=given)
    assert response.status_code == 401
    assert "expired" in response.json()["detail"]


async def test_junk_in_the_header_is_401_and_never_500(gallery: Any) -> None:
    for value in (
        b"Bearer",
        b"Bearer ",
        b"Bearer  x",
        b"Bearer x, Bearer y",
        b"Bearer \xff\xfe",
        b"Bearer a.b.c",
    ):
        response = await gallery.client.get("/images", headers=[(b"authorization", value)])
        assert response.status_code == 401, value
        assert 'error="invalid_token"' in response.headers["www-authenticate"], value


async def test_the_scheme_is_read_without_regard_to_case(gallery: Any) -> None:
    token = gallery.mint(sub=ANA, scope="images:read")
    response = await gallery.client.get("/images", headers={"Authorization": f"bearer {token}"})
    assert response.status_code == 200


async def test_two_authorization_headers_are_400(gallery: Any) -> None:
    value = headers(gallery, ANA)["Authorization"].encode()
    response = await gallery.client.get(
        "/images", headers=[(b"authorization", value), (b"authorization", value)]
    )
    assert response.status_code == 400
    assert code(response) == "invalid_request"
    assert 'error="invalid_request"' in response.headers["www-authenticate"]


async def test_a_token_in_the_address_is_400_even_with_a_header(gallery: Any) -> None:
    given = headers(gallery, ANA)
    token = given["Authorization"].removeprefix("Bearer ")
    for sent in ({}, given):
        response = await gallery.client.get("/images", params={"access_token": token}, headers=sent)
        assert response.status_code == 400
        assert code(response) == "invalid_request"


async def test_a_token_in_a_cookie_or_a_body_is_no_token(gallery: Any) -> None:
    token = gallery.mint(sub=ANA, scope="images:read images:write")
    in_cookie = await gallery.client.get("/images", headers={"Cookie": f"access_token={token}"})
    in_body = await gallery.client.post("/images", json={"access_token": token, "prompt": "x"})
    assert in_cookie.status_code == in_body.status_code == 401


async def test_a_missing_scope_is_named(gallery: Any) -> None:
    response = await gallery.client.post(
        "/images", headers=headers(gallery, ANA, "images:write"), json={"prompt": "x"}
    )
    assert response.status_code == 403
    assert code(response) == "insufficient_scope"
    challenge = response.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="images:write credits:spend"' in challenge
    assert METADATA in challenge


async def test_scopes_are_compared_exactly(gallery: Any) -> None:
    for scope in ("images:readX", "IMAGES:READ", "images", "images:read:all", "gallery:read"):
        response = await gallery.client.get("/images", headers=headers(gallery, ANA, scope))
        assert response.status_code == 403, scope


async def test_a_machine_is_told_that_this_needs_a_person(gallery: Any) -> None:
    given = headers(gallery, MACHINE)
    answers = [
        await gallery.client.get("/me", headers=given),
        await gallery.client.patch("/me", headers=given, json={"handle": "robot"}),
        await gallery.client.get("/credits", headers=given),
        await gallery.client.get("/credits/ledger", headers=given),
        await gallery.client.post("/images", headers=given, json={"prompt": "x"}),
    ]
    for response in answers:
        assert response.status_code == 403
        assert code(response) == "person_required"


async def test_a_bad_token_is_refused_before_the_body_is_looked_at(gallery: Any) -> None:
    response = await gallery.client.post(
        "/images", content=b"{not json", headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 401


async def test_the_same_subject_of_another_issuer_is_refused(gallery: Any) -> None:
    token = gallery.mint(sub=ANA, scope="images:read", iss="http://localhost:9000")
    response = await gallery.client.get("/images", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
