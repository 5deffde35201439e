"""An issuer with a path, behind a proxy: every address is made from the setting, whatever the request claims."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support import authserver as support
from tests.support.clock import ManualClock

from .flows import BROWSER, World, answer_of, claims_of, request_for

ISSUER = "https://id.example.test/tenant"


@pytest.fixture
async def tenant(database_url: str, clock: ManualClock) -> AsyncIterator[World]:
    async with support.running(support.configured(database_url, issuer=ISSUER), clock) as server:
        world = World(server)
        await world.add_apis()
        yield world


async def send(world: World, method: str, path: str, **more: Any) -> Any:
    """As a proxy that speaks plain http passes it on, and with a host that isn't ours."""
    return await world.client.request(method, f"http://inner.test:8000{path}", **more)


async def test_metadata_is_found_where_its_issuer_says(tenant: World) -> None:
    # RFC 8414 §3.1: between host and path. The other place is where OpenID Connect would look.
    for path in (
        "/.well-known/oauth-authorization-server/tenant",
        "/tenant/.well-known/oauth-authorization-server",
    ):
        document = (await send(tenant, "GET", path)).json()
        assert document["issuer"] == ISSUER
        addresses = [value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))]
        assert len(addresses) == 5
        assert all(address.startswith(f"{ISSUER}/") for address in addresses)
    assert (await send(tenant, "GET", "/.well-known/oauth-authorization-server")).status_code == 404


async def test_tokens_and_answers_name_the_issuer(tenant: World) -> None:
    app = await tenant.add_machine()
    sent = app.credentials()
    response = await send(
        tenant,
        "POST",
        "/tenant/oauth/token",
        data={"grant_type": "client_credentials"},
        headers=sent["headers"],
    )
    assert response.status_code == 200
    assert claims_of(response.json()["access_token"])["iss"] == ISSUER
    refused = await send(
        tenant, "POST", "/tenant/oauth/token", data={"grant_type": "x"}, headers=sent["headers"]
    )
    assert refused.json()["error_uri"] == f"{ISSUER}/docs/errors/unsupported_grant_type"

    web = await tenant.add_app()
    parameters = request_for(web, response_type="token")
    answer = await send(tenant, "GET", "/tenant/oauth/authorize", params=parameters, headers=BROWSER)
    assert answer_of(answer)["iss"] == ISSUER
    asked = await send(tenant, "GET", "/tenant/oauth/authorize", params=request_for(web), headers=BROWSER)
    assert asked.headers["location"].startswith("/tenant/login?request=ar_")
