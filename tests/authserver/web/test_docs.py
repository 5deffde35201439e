"""The documentation is complete: every operation, every error, in both languages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from openapi_spec_validator import validate

import authserver as package
from authserver.web.docs import error_codes, operations
from authserver.web.kit import problems

SOURCE = Path(package.__file__).parent


def _routes(app: Any) -> set[tuple[str, str, str | None]]:
    """(method, path, operation id or None for pages) of everything the application answers."""
    return {
        (method, route.path, (route.operation_id or "nameless") if route.include_in_schema else None)
        for route in app.routes
        for method in route.methods
    }


async def test_every_route_is_documented_or_a_page(authserver: Any) -> None:
    routes = _routes(authserver.app)
    documented = {(method, path, name) for method, path, name in routes if name}
    assert documented == {(one.method, one.path, one.id) for one in operations.OPERATIONS}
    for method, path, name in routes:
        if name or method != "GET" or "{" in path:
            continue
        answer = await authserver.client.get(path, headers={"Accept": "text/html"})
        assert answer.headers["content-type"].startswith("text/html") or answer.status_code == 303, path


async def test_the_openapi_document_is_valid_and_the_same_in_both_forms(authserver: Any) -> None:
    document = (await authserver.client.get("/openapi.json")).json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": authserver.settings.issuer}]
    assert yaml.safe_load((await authserver.client.get("/openapi.yaml")).text) == document


async def test_the_reference_shows_every_operation_in_both_languages(authserver: Any) -> None:
    for language in ("en", "fr"):
        page = (await authserver.client.get("/docs", headers={"Accept-Language": language})).text
        assert "<script" not in page
        for one in operations.OPERATIONS:
            assert f'id="{one.id}"' in page
            for field in (*one.query, *one.form):
                assert f"<code>{field.name}</code>" in page


async def test_every_error_has_a_page_in_both_languages(authserver: Any) -> None:
    for code in error_codes.ALL:
        pages = [
            await authserver.client.get(f"/docs/errors/{code}", headers={"Accept-Language": language})
            for language in ("en", "fr")
        ]
        assert [page.status_code for page in pages] == [200, 200]
        assert [page.headers["content-language"] for page in pages] == ["en", "fr"]
        assert pages[0].text != pages[1].text


def test_every_error_code_of_the_source_has_a_page() -> None:
    assert set(problems.PROBLEMS) == set(error_codes.HTTP)
    pattern = re.compile(r'(?:\berror\s*=\s*|Error\()f?"([a-z]+_[a-z_]+)"')
    used = {
        code
        for room in ("oauth", "web")
        for path in (SOURCE / room).rglob("*.py")
        for code in pattern.findall(path.read_text())
    }
    assert len(used) >= 6, "the pattern no longer finds the codes"
    assert used - set(error_codes.ALL) == set()


async def test_errors_of_the_protocol_link_to_their_page(authserver: Any) -> None:
    answer = await authserver.client.post("/oauth/token", data={"grant_type": "nonsense"})
    body = json.loads(answer.content)
    assert body["error"] in error_codes.OAUTH
    assert body["error_uri"] == f"{authserver.settings.issuer}/docs/errors/{body['error']}"
