"""Group F: which scopes open which route: every route of the OpenAPI document, every set of scopes that matters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.resource_api.callers import ANA, EVERYTHING, code
from tests.support.gallery import Gallery

from . import doors
from .scenes import UNKNOWN

ALL = frozenset(EVERYTHING.split())


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Method, an address where nothing is, and the scopes that the document asks for."""
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            if operation.get("security"):
                (scopes,) = {frozenset(names) for each in operation["security"] for names in each.values()}
                names = ("image_id", "gallery_id", "share_id")
                yield method.upper(), path.format(**dict.fromkeys(names, UNKNOWN)), scopes


def too_little(needed: frozenset[str]) -> Iterator[str | None]:
    """Sets of scopes that must not do: none, each alone, all but one of the needed, and near misses."""
    yield None
    yield "openid profile email offline_access"
    for scope in sorted(ALL):
        if needed != {scope}:
            yield scope
    for scope in sorted(needed):
        yield " ".join(sorted(ALL - {scope}))
        area, _, verb = scope.partition(":")
        near = (f"{scope}X", scope.upper(), area, f"{area}:", f":{verb}", f"{area}:*", "*", f"{scope}:all")
        yield " ".join([*sorted(ALL - {scope}), *near])


async def ask(gallery: Gallery, method: str, path: str, **claims: Any) -> Any:
    token = doors.forger(gallery, ANA).with_claims(**claims)
    return await gallery.client.request(method, path, headers={"Authorization": f"Bearer {token}"})


async def test_row_57_a_route_opens_to_its_own_scopes_and_to_no_others(gallery: Any) -> None:
    spec = (await gallery.client.get("/openapi.json")).json()
    found = list(operations(spec))
    assert frozenset().union(*(needed for _, _, needed in found)) == ALL
    for method, path, needed in found:
        assert needed, path
        for scope in too_little(needed):
            response = await ask(gallery, method, path, scope=... if scope is None else scope)
            assert (response.status_code, code(response)) == (403, "insufficient_scope"), (
                method,
                path,
                scope,
            )
            named = response.headers["www-authenticate"].partition('scope="')[2].partition('"')[0]
            assert frozenset(named.split()) == needed, (method, path)
            assert "resource_metadata=" in response.headers["www-authenticate"]
        for enough in (needed, ALL, needed | {"other:read"}):
            response = await ask(gallery, method, path, scope=" ".join(sorted(enough)))
            # In, and then told what the address or the missing body deserves.
            assert response.status_code in (200, 201, 400, 404, 415, 422), (method, path, enough)


async def test_row_57_scopes_of_another_type_make_no_token(gallery: Any) -> None:
    for scope in (
        ["images:read"],
        {"images:read": True},
        "images:read\timages:write",
        "images:read\u00a0x",
        7,
        True,
    ):
        await doors.refused(gallery, doors.forger(gallery).with_claims(scope=scope))
    # Claims of other products that mean scopes mean nothing here.
    for name in ("scp", "scopes", "permissions", "roles", "authorities"):
        response = await ask(gallery, "GET", "/images", **{name: ["images:read"], "scope": ...})
        assert (response.status_code, code(response)) == (403, "insufficient_scope"), name
    await doors.admitted(gallery, doors.forger(gallery).honest())
