"""Group M: every route × every method × everyone who may call × every object there is to name.

The routes come from the application and from its OpenAPI document, which must agree; what each answers follows from
the few rules written here. A route for which no rule or no body can be found fails the test, so nobody adds one
without saying whose it is.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from resource_api import auth
from tests.resource_api.callers import ANA, BRUNO, CLARA, EVERYTHING, MACHINE, headers, png
from tests.support import databases
from tests.support import gallery as support

from . import scenes
from .scenes import DORA, UNKNOWN, Objects, Scene

METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
# For anyone on purpose: what a client reads before it has a token, and what runs the service.
PUBLIC = {
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/{path:path}",
    "/docs",
    "/docs/errors/{code}",
    "/docs/icon.svg",
    "/docs/style.css",
    "/livez",
    "/metrics",
    "/openapi.json",
    "/openapi.yaml",
    "/readyz",
}
CALLERS = {
    "owner": ANA,
    "shared edit": BRUNO,
    "shared read": CLARA,
    "stranger": DORA,
    "machine": MACHINE,
    "wrong scope": ANA,
    "no token": "",
}


@pytest.fixture(params=databases.KINDS)
async def resource_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The rules are SQL, so both databases are asked."""
    async with databases.fresh(request.param, "resource_api", support.migrate, tmp_path) as url:
        yield url


class Access(IntEnum):
    NONE = 0
    READ = 1
    EDIT = 2
    OWN = 3


# --- who may what: the rules ---------------------------------------------------------------------------------------

REACH = {
    ("owner", "ana"): Access.OWN,
    ("shared edit", "ana"): Access.EDIT,
    ("shared read", "ana"): Access.READ,
    ("machine", "machine"): Access.OWN,
}
AREAS = {
    "me": "profile",
    "images": "images",
    "uploads": "images",
    "galleries": "gallery",
    "credits": "credits",
}


def needs(method: str, path: str) -> Access:
    """Sharing and deleting is the owner's alone, reading anyone's who sees it, the rest an editor's."""
    if "/shares" in path or (method == "DELETE" and path.count("{") == 1):
        return Access.OWN
    return Access.READ if method == "GET" else Access.EDIT


def scopes(method: str, path: str) -> set[str]:
    """Reading and writing of each area; whom an image is shared with tells who may share it; generating costs."""
    area = AREAS[path.split("/")[1]]
    reads = method == "GET" and not (area == "images" and "/shares" in path)
    return {f"{area}:{'read' if reads else 'write'}"} | (
        {"credits:spend"} if (method, path) == ("POST", "/images") else set()
    )


def for_people(method: str, path: str) -> bool:
    """An application acting for itself has no profile, no credits, and nobody to share with."""
    return path.startswith(("/me", "/credits")) or "/shares" in path or (method, path) == ("POST", "/images")


def expected(case: Case, methods: set[str]) -> tuple[int, str]:
    """The status, and the kind of problem when it is one."""
    method = named(case)
    if method not in methods:
        return 405, "method_not_allowed"
    if case.who == "no token":
        return 401, "missing_token"
    if case.who == "wrong scope":
        return 403, "insufficient_scope"
    if case.who == "machine" and for_people(method, case.path):
        return 403, "person_required"
    if "{" in case.path:
        access, needed = REACH.get((case.who, case.whose), Access.NONE), needs(method, case.path)
        if access is Access.NONE:
            return 404, "not_found"
        if access < needed and (case.child in ("", "its own") or "/shares/" in case.path):
            return 403, "not_owner"
        if case.child not in ("", "its own"):
            return 404, "not_found"
    return {"POST": 201, "DELETE": 204}.get(method, 200), ""


# --- what there is to call -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    method: str
    path: str
    who: str
    whose: str = ""
    """Whose object the address names first: ana's, the machine's, or none that exists."""
    child: str = ""
    """What a second id names: what is really there, or something of another parent."""

    def address(self, there: Scene) -> str:
        mine, other = (there.machine, there.ana) if self.whose == "machine" else (there.ana, there.machine)
        if self.whose == "unknown":
            mine = Objects(*[UNKNOWN] * 4)
        if self.whose == "malformed":
            mine = Objects(mine.image_id.upper(), "%7B" + mine.gallery_id + "%7D", UNKNOWN, UNKNOWN)
        names = {"image_id": mine.image_id, "gallery_id": mine.gallery_id, "share_id": mine.image_share}
        anothers = {"image_id": other.image_id, "share_id": there.ana.gallery_share}
        if self.path.startswith("/galleries"):
            names["share_id"], anothers["share_id"] = mine.gallery_share, there.ana.image_share
        second = self.path.rpartition("{")[2].rstrip("}")
        choices = {"another's": anothers.get(second, ""), "unknown": UNKNOWN, "malformed": "1_0"}
        return self.path.format(**names | ({second: choices[self.child]} if self.child in choices else {}))


def named(case: Case) -> str:
    """HEAD is GET without the body (RFC 9110 §9.3.2)."""
    return "GET" if case.method == "HEAD" else case.method


def cases(path: str) -> Iterator[Case]:
    """Everyone, by every method, on everything that the address can name."""
    wholes = ("ana", "machine", "unknown", "malformed") if "{" in path else ("",)
    children = ("its own", "another's", "unknown", "malformed") if path.count("{") == 2 else ("",)
    for method, who, whose, child in itertools.product(METHODS, CALLERS, wholes, children):
        if not (child == "its own" and whose == "machine" and "/shares/" in path):  # it has none
            yield Case(method, path, who, whose, child)


def described(spec: dict[str, Any]) -> set[str]:
    return {f"{method.upper()} {path}" for path, item in spec["paths"].items() for method in item}


def live(gallery: Any) -> dict[str, set[str]]:
    """The methods of every address that asks for a token, as the application itself routes them."""
    found: dict[str, set[str]] = {}
    for route in gallery.app.router.routes:
        if route.path not in PUBLIC:
            found.setdefault(route.path, set()).update(route.methods)
    return found


def body(spec: dict[str, Any], case: Case, there: Scene) -> dict[str, Any]:
    """A good body for the operation, from its schema; KeyError for a member that is new here."""
    content = spec["paths"][case.path].get(case.method.lower(), {}).get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        return {"files": {"file": ("x.png", png(), "image/png")}}
    if not content:
        return {}
    schema = spec["components"]["schemas"][content["application/json"]["schema"]["$ref"].split("/")[-1]]
    values = {
        "access": "read",
        "description": "",
        "display_name": "Somebody",
        "handle": None if case.path == "/me" else "dora",
        "image_id": there.spare.get(CALLERS[case.who], UNKNOWN),
        "image_ids": [(there.machine if case.whose == "machine" else there.ana).image_id],
        "position": 0,
        "prompt": "a poster",
        "seed": 7,
        "title": "renamed",
    }
    return {"json": {name: values[name] for name in schema["properties"]}}


async def call(gallery: Any, spec: dict[str, Any], case: Case, there: Scene) -> Any:
    given = {}
    if case.who == "wrong scope":
        other = set(EVERYTHING.split()) - scopes(named(case), case.path)
        given = headers(gallery, ANA, " ".join(other))
    elif case.who != "no token":
        given = headers(gallery, CALLERS[case.who])
    sent = body(spec, case, there)
    return await gallery.client.request(case.method, case.address(there), headers=given, **sent)


def told(response: Any) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """Every byte and every header but the one that names this very request."""
    lines = [
        (name, value) for name, value in response.headers.items() if name not in ("x-request-id", "date")
    ]
    return response.content, tuple(lines)


def answered(response: Any) -> tuple[int, str]:
    if response.request.method == "HEAD":
        assert response.content == b""
        return response.status_code, ""
    problem = response.headers.get("content-type") == "application/problem+json"
    return response.status_code, response.json()["type"].rpartition("/")[2] if problem else ""


# --- the promises --------------------------------------------------------------------------------------------------


async def test_row_107_the_document_tells_of_every_route_and_of_no_other(gallery: Any) -> None:
    spec = (await gallery.client.get("/openapi.json")).json()
    routed = {f"{method} {path}" for path, methods in live(gallery).items() for method in methods}
    assert {each for each in described(spec) if each.partition(" ")[2] not in PUBLIC} == routed
    for operation in routed:
        method, _, path = operation.partition(" ")
        security = spec["paths"][path][method.lower()]["security"]
        assert [set(each) for each in security] == [{"oauth2"}, {"bearer"}], operation
        assert set(security[0]["oauth2"]) == scopes(method, path) <= set(auth.SCOPES), operation
        for parameter in spec["paths"][path][method.lower()].get("parameters", []):
            if parameter["in"] == "path":
                assert parameter["name"] in ("image_id", "gallery_id", "share_id"), operation


@pytest.mark.slow
async def test_row_107_everyone_gets_what_is_theirs_and_nothing_else(gallery: Any) -> None:
    there = await scenes.build(gallery)
    before = await scenes.kept(gallery)
    spec = (await gallery.client.get("/openapi.json")).json()
    wrong, good = [], set()
    nothing: dict[str, Any] = {}
    for path, methods in live(gallery).items():
        for who, group in itertools.groupby(
            sorted(cases(path), key=lambda each: each.who), key=lambda each: each.who
        ):
            refusals = []
            for case in group:
                want = expected(case, methods)
                if want[1] == "":
                    continue
                response = await call(gallery, spec, case, there)
                got = answered(response)
                if got != (want if case.method != "HEAD" else (want[0], "")):
                    wrong.append((case, want, got))
                if want == (403, "insufficient_scope"):
                    needed = re.search('scope="(.*?)"', response.headers["www-authenticate"])
                    assert needed and set(needed[1].split()) == scopes(named(case), path)
                if got[0] == 404:
                    nothing.setdefault(case.method, set()).add(told(response))
                refusals.append(case)
            assert await scenes.kept(gallery) == before, (
                f"{who} changed something by what was refused on {path}"
            )
        for case in cases(path):
            want = expected(case, methods)
            if want[1] == "":
                response = await call(gallery, spec, case, there)
                if answered(response) != want:
                    wrong.append((case, want, answered(response)))
                good.add((case.path, case.method))
                if case.method not in ("GET", "HEAD"):
                    await scenes.put_back(gallery, before)
    assert wrong == []
    assert {method: len(shown) for method, shown in nothing.items()} == dict.fromkeys(nothing, 1)
    for content, _lines in itertools.chain(*nothing.values()):
        assert b"request_id" not in content
        assert b"instance" not in content
    assert good >= {(path, method) for path, methods in live(gallery).items() for method in methods}
