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
