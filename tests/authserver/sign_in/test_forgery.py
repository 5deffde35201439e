"""Forms that other sites make a browser send change nothing; our own always work."""

from __future__ import annotations

from typing import Any

import pytest

from . import pages

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8000"},
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
    {"Origin": "http://localhost:8001"},
    {"Origin": "http://localhost:8000.evil.test"},
    {},
]
OURS = [
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost:8000"},
    {},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_foreign_form_does_not_sign_in(authserver: Any, headers: dict[str, str]) -> None:
    await pages.sign_up(authserver.client)
    authserver.client.cookies.clear()
    page = await authserver.client.get("/login")
    answer = await pages.send(
        authserver.client,
        page,
        "/login",
        headers=headers,
        email=pages.EMAIL,
        password=pages.PASSWORD,
        form_token="AAAA",
    )
    assert answer.status_code == 403
    assert "Nothing was changed" in pages.problem(answer)
    assert dict(pages.form(answer, "/login").fields)["email"] == pages.EMAIL
    assert pages.PASSWORD not in answer.text
    assert "authserver_local" not in authserver.client.cookies


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_foreign_form_does_not_sign_out(authserver: Any, headers: dict[str, str]) -> None:
    await pages.sign_up(authserver.client)
    answer = await authserver.client.post("/logout", data={"form_token": "x"}, headers=headers)
    assert answer.status_code == 403
    assert pages.EMAIL in (await authserver.client.get("/")).text


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_foreign_form_makes_no_account(authserver: Any, headers: dict[str, str]) -> None:
    form = {"email": pages.EMAIL, "password": pages.PASSWORD, "form_token": ""}
    assert (await authserver.client.post("/register", data=form, headers=headers)).status_code == 403
    assert (await pages.sign_in(authserver.client)).status_code == 422


@pytest.mark.parametrize("headers", OURS)
async def test_our_own_forms_work_in_every_browser(authserver: Any, headers: dict[str, str]) -> None:
    await pages.sign_up(authserver.client)
    page = await authserver.client.get("/login")
    answer = await pages.send(
        authserver.client, page, "/login", headers=headers, email=pages.EMAIL, password=pages.PASSWORD
    )
    assert answer.status_code == 303


async def test_a_form_token_holds_for_its_browser_its_form_and_twelve_hours(
    authserver: Any, clock: Any
) -> None:
    page = await authserver.client.get("/login")
    token = dict(pages.form(page, "/login").fields)["form_token"]
    logout = {"form_token": token}
    assert (await authserver.client.post("/logout", data=logout)).status_code == 403

    async def tried() -> int:
        form = {"email": "nobody@example.org", "password": "x", "form_token": token}
        status: int = (await authserver.client.post("/login", data=form)).status_code
        return status

    assert await tried() == 422
    clock.advance(12 * 3600 + 1)
    assert await tried() == 403
    clock.advance(-60)
    assert await tried() == 422
    authserver.client.cookies.clear()
    assert await tried() == 403
