"""APIs own scopes; a scope belongs to one of them."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from authserver import apis
from authserver.database import Database

NOW = 1_800_000_000.0
GALLERY = "https://gallery.test"


async def test_a_catalogue_finds_apis_by_identifier_and_by_scope(database: Database) -> None:
    def make(session: Session) -> None:
        apis.create(session, GALLERY, "  Image   gallery ", NOW, access_token_seconds=120)
        apis.create(session, "urn:example:other", "Other", NOW)
        apis.add_scope(session, GALLERY, "images:read", "see your images", "voir vos images", NOW)

    await database.transaction(make)
    catalogue = await database.read(apis.catalogue)
    gallery = catalogue.find(GALLERY)
    assert gallery is not None
    assert (gallery.name, gallery.access_token_seconds) == ("Image gallery", 120)
    assert gallery.scopes == (apis.Scope("images:read", "see your images", "voir vos images"),)
    assert catalogue.api_of("images:read") == gallery
    assert catalogue.api_of("openid") is None
    assert catalogue.find(GALLERY + "/") is None
    assert [api.identifier for api in await database.read(apis.list_apis)] == [GALLERY, "urn:example:other"]


@pytest.mark.parametrize(
    "identifier",
    [
        "",
        "gallery",
        "/gallery",
        "https://a.test#b",
        "https://a b.test",
        "https://é.test",
        "https:",
        "x" * 600,
    ],
)
async def test_an_identifier_is_an_absolute_uri(database: Database, identifier: str) -> None:
    with pytest.raises(apis.ApiError, match="absolute URI"):
        await database.transaction(lambda session: apis.create(session, identifier, "Gallery", NOW))


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "a\\b", ":a", "é", "x" * 101, "openid", "offline_access"])
async def test_a_scope_is_a_short_plain_word_that_is_not_reserved(database: Database, name: str) -> None:
    def make(session: Session) -> None:
        apis.create(session, GALLERY, "Gallery", NOW)
        apis.add_scope(session, GALLERY, name, "do it", "le faire", NOW)

    with pytest.raises(apis.ApiError):
        await database.transaction(make)
    assert await database.read(apis.list_apis) == []


async def test_nothing_is_made_twice_and_the_refusal_breaks_nothing(database: Database) -> None:
    def make(session: Session) -> None:
        apis.create(session, GALLERY, "Gallery", NOW)
        apis.create(session, "https://other.test", "Other", NOW)
        apis.add_scope(session, GALLERY, "images:read", "see", "voir", NOW)
        with pytest.raises(apis.ApiError, match="already"):
            apis.create(session, GALLERY, "Gallery", NOW)
        with pytest.raises(apis.ApiError, match="already"):
            apis.add_scope(session, "https://other.test", "images:read", "see", "voir", NOW)
        with pytest.raises(apis.UnknownApiError, match="api list"):
            apis.add_scope(session, "https://none.test", "none:read", "see", "voir", NOW)

    await database.transaction(make)
    owner = (await database.read(apis.catalogue)).api_of("images:read")
    assert owner is not None
    assert owner.identifier == GALLERY


@pytest.mark.parametrize(
    ("name", "seconds"), [("", None), ("a\0b", None), ("x" * 101, None), ("ok", 59), ("ok", 3601)]
)
async def test_names_and_lifetimes_have_bounds(database: Database, name: str, seconds: int | None) -> None:
    with pytest.raises(apis.ApiError):
        await database.transaction(
            lambda session: apis.create(session, GALLERY, name, NOW, access_token_seconds=seconds)
        )
