"""Which clients can be registered, and what is kept of them."""

from __future__ import annotations

from typing import Any

import pytest

from authserver.oauth import clients, redirect_uris

from .flows import CB, World

GOOD: dict[str, Any] = {"name": "Photo print", "redirect_uris": [CB], "scopes": ["images:read"]}


async def create(world: World, **changes: Any) -> Any:
    values = {**GOOD, **changes}
    return await world.write(lambda session: clients.create(session, now=world.now(), **values))


async def test_a_client_gets_an_id_and_a_secret_shown_once(world: World) -> None:
    made = await create(world)
    assert made.client.client_id.startswith("app_")
    assert made.client.client_id.isascii()
    assert made.secret.startswith("cs_")
    kept = await world.server.state.database.read(lambda session: clients.get(session, made.client.client_id))
    assert made.secret not in repr(kept)
    assert kept == made.client


async def test_a_public_client_has_no_secret(world: World) -> None:
    made = await create(world, auth_method="none")
    assert made.secret is None
    with pytest.raises(clients.ClientError, match="public"):
        await world.write(
            lambda session: clients.rotate_secret(session, made.client.client_id, now=world.now())
        )


SENSELESS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"name": ""}, "1 to 80"),
    ({"name": " "}, "1 to 80"),
    ({"name": "x" * 81}, "1 to 80"),
    ({"name": "Goo\u200bgle"}, "invisible"),
    ({"name": "\u202eelgooG"}, "invisible"),
    ({"name": "Photo\nprint"}, "invisible"),
    ({"homepage": "javascript:alert(1)"}, "homepage"),
    ({"homepage": "http://client.test"}, "homepage"),
    ({"auth_method": "private_key_jwt"}, "authentication method"),
    ({"grant_types": []}, "Grant types"),
    ({"grant_types": ["implicit"]}, "Grant types"),
    ({"redirect_uris": []}, "at least one redirect URI"),
    ({"grant_types": ["client_credentials"]}, "doesn't list"),
    ({"grant_types": ["client_credentials"], "redirect_uris": [], "auth_method": "none"}, "secret"),
    ({"grant_types": ["password"], "redirect_uris": []}, "first-party"),
    ({"grant_types": ["refresh_token"], "redirect_uris": []}, "Refresh tokens come with"),
    ({"auth_method": "none", "require_pkce": False}, "PKCE"),
    ({"scopes": ["nobody:knows"]}, "no scope"),
    ({"scopes": ["images:read", "images:read"]}, "twice"),
    ({"introspects": ["https://nobody.test"]}, "no API"),
    ({"introspects": ["https://gallery.test"], "auth_method": "none"}, "secret"),
    ({"access_token_seconds": 59}, "between 60 and 3600"),
    ({"access_token_seconds": 3601}, "between 60 and 3600"),
    ({"refresh_grace_seconds": 121}, "between 0 and 120"),
)


async def test_what_makes_no_sense_is_refused_with_the_reason(world: World) -> None:
    for changes, reason in SENSELESS:
        with pytest.raises(clients.ClientError, match=reason):
            await create(world, **changes)


DANGEROUS: tuple[dict[str, Any], ...] = (
    {"redirect_uris": ["javascript:alert(1)"]},
    {"redirect_uris": [CB, CB]},
    {"redirect_uris": [f"https://client.test/{number}" for number in range(10_000)]},
    {"redirect_uris": ["https://client.test/" + "x" * 100_000]},
    {"origins": ["*"]},
)


async def test_dangerous_addresses_are_refused(world: World) -> None:
    for changes in DANGEROUS:
        with pytest.raises(redirect_uris.RedirectUriError):
            await create(world, **changes)


async def test_a_change_meets_the_same_rules(world: World) -> None:
    made = await create(world, auth_method="none")

    async def change(**values: Any) -> Any:
        client_id = made.client.client_id
        return await world.write(
            lambda session: clients.update(session, client_id, now=world.now(), **values)
        )

    assert (await change(name="Other")).name == "Other"
    for values in (
        {"grant_types": ("client_credentials",), "redirect_uris": ()},
        {"require_pkce": False},
        {"auth_method": "client_secret_basic"},
        {"client_id": "app_other"},
        {"unknown": 1},
    ):
        with pytest.raises(clients.ClientError):
            await change(**values)
    with pytest.raises(redirect_uris.RedirectUriError):
        await change(redirect_uris=("http://client.test/cb",))


async def test_an_unknown_client_is_said_to_be_unknown(world: World) -> None:
    with pytest.raises(clients.UnknownClientError, match="app_nobody"):
        await world.write(lambda session: clients.disable(session, "app_nobody", now=world.now()))


async def test_clients_are_listed_in_pages(world: World, clock: Any) -> None:
    made = []
    for number in range(5):
        clock.advance(1)
        made.append((await create(world, name=f"App {number}")).client.client_id)
    listed: list[str] = []
    database = world.server.state.database
    while True:
        after = listed[-1] if listed else None
        page = await database.read(
            lambda session, after=after: clients.list_page(session, after=after, limit=2)
        )
        if not page:
            break
        listed += [client.client_id for client in page]
    assert listed == made
