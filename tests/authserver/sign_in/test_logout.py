"""Signing out: a look changes nothing, a press ends the session for good."""

from __future__ import annotations

from typing import Any

from . import pages


async def test_looking_at_the_page_ends_nothing(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    assert pages.EMAIL in (await authserver.client.get("/logout")).text
    await authserver.client.head("/logout")
    assert pages.EMAIL in (await authserver.client.get("/")).text


async def test_signing_out_kills_the_session_and_clears_the_cookie(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    token = authserver.client.cookies["authserver_local"]
    answer = await pages.send(authserver.client, await authserver.client.get("/logout"), "/logout")
    assert answer.status_code == 200
    assert "You are signed out" in answer.text
    assert "authserver_local" not in authserver.client.cookies
    page = await authserver.client.get("/", headers={"Cookie": f"authserver_local={token}"})
    assert pages.EMAIL not in page.text


async def test_signing_out_twice_is_no_error(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    page = await authserver.client.get("/logout")
    for _ in range(2):
        assert (await pages.send(authserver.client, page, "/logout")).status_code == 200
