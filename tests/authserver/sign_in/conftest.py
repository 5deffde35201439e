"""An API with scopes and an app that may ask for them."""

from __future__ import annotations

from typing import Any

import pytest

from authserver import apis
from authserver.oauth import clients

API = "https://gallery.example"
SENTENCES = {
    "images:read": ("See your images", "Voir vos images"),
    "images:write": ("Change your images", "Modifier vos images"),
    "gallery:read": ("See your galleries", "Voir vos galeries"),
}


@pytest.fixture
async def photo_print(authserver: Any, clock: Any) -> clients.Client:
    """A third-party app with a website and one return address."""
    return await add_app(authserver, clock)


async def add_app(
    authserver: Any,
    clock: Any,
    name: str = "Photo print",
    redirect_uri: str = "https://photoprint.example/callback",
) -> clients.Client:
    """Registers an app, and the API when it isn't there yet."""
    client: clients.Client = await authserver.state.database.transaction(
        lambda session: register(session, clock(), name, redirect_uri)
    )
    await authserver.state.cache.refresh()
    return client


def register(session: Any, now: float, name: str, redirect_uri: str) -> clients.Client:
    """The same inside a transaction."""
    if apis.catalogue(session).find(API) is None:
        api = apis.create(session, API, "Gallery", now)
        for scope, (english, french) in SENTENCES.items():
            apis.add_scope(session, api.identifier, scope, english, french, now)
    created = clients.create(
        session,
        name=name,
        now=now,
        redirect_uris=(redirect_uri,),
        grant_types=("authorization_code", "refresh_token"),
        auth_method="none",
        scopes=(*SENTENCES, "openid"),
        homepage="https://www.photoprint.example/",
    )
    return created.client
