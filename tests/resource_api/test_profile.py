"""/me: the handle by which others find a person, and the display name."""

from typing import Any

from .callers import ANA, BRUNO, code, headers


async def test_a_profile_starts_empty(gallery: Any) -> None:
    token = gallery.mint(sub=ANA, scope="profile:read", client_id="app_web", email="ana@example.org")
    response = await gallery.client.get("/me", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200
    assert response.json()["handle"] is None
    assert response.json()["display_name"] == ""


async def test_a_person_chooses_a_handle_and_a_name(gallery: Any) -> None:
    given = headers(gallery, ANA)
    response = await gallery.client.patch(
        "/me", headers=given, json={"handle": "Ana_S", "display_name": " Ana "}
    )
    assert response.status_code == 200
    assert response.json()["handle"] == "ana_s"
    assert response.json()["display_name"] == "Ana"
    assert (await gallery.client.get("/me", headers=given)).json() == response.json()


async def test_what_is_left_out_stays(gallery: Any) -> None:
    given = headers(gallery, ANA)
    await gallery.client.patch("/me", headers=given, json={"handle": "ana", "display_name": "Ana"})
    response = await gallery.client.patch("/me", headers=given, json={"display_name": "Anita"})
    assert response.json()["handle"] == "ana"
    assert response.json()["display_name"] == "Anita"


async def test_a_handle_is_given_up_and_free_again(gallery: Any) -> None:
    await gallery.client.patch("/me", headers=headers(gallery, ANA), json={"handle": "ana"})
    await gallery.client.patch("/me", headers=headers(gallery, ANA), json={"handle": None})
    response = await gallery.client.patch("/me", headers=headers(gallery, BRUNO), json={"handle": "ana"})
    assert response.status_code == 200


async def test_a_taken_handle_is_409_in_any_case(gallery: Any) -> None:
    await gallery.client.patch("/me", headers=headers(gallery, ANA), json={"handle": "ana"})
    response = await gallery.client.patch("/me", headers=headers(gallery, BRUNO), json={"handle": "ANA"})
    assert response.status_code == 409
    assert code(response) == "conflict"


async def test_an_unfit_handle_is_422(gallery: Any) -> None:
    for handle in [
        "ab",
        "a" * 31,
        "ana silva",
        "ána",
        "-ana",
        "_ana",
        "ana\n",
        "admin",
        "ADMIN",
        "",
        "a@b.example",
    ]:
        response = await gallery.client.patch("/me", headers=headers(gallery, ANA), json={"handle": handle})
        assert response.status_code == 422, handle
        assert [each["pointer"] for each in response.json()["errors"]] == ["/handle"], handle
