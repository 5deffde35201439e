"""What the service says about itself: metadata, OpenAPI, documentation pages."""

import json
import re
from typing import Any

import openapi_spec_validator
import yaml

from resource_api import auth, problems, settings

METHODS = ("get", "post", "put", "patch", "delete")


async def specification(gallery: Any) -> dict[str, Any]:
    response = await gallery.client.get("/openapi.json")
    assert response.status_code == 200
    spec: dict[str, Any] = response.json()
    return spec


def operations(spec: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, each) for path, methods in spec["paths"].items() for method, each in methods.items()
    ]


async def test_the_metadata_names_the_authorization_server(gallery: Any) -> None:
    response = await gallery.client.get("/.well-known/oauth-protected-resource")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document["resource"] == "http://localhost:8001"
    assert document["authorization_servers"] == ["http://localhost:8000"]
    assert document["bearer_methods_supported"] == ["header"]
    assert set(document["scopes_supported"]) == set(auth.SCOPES)
    assert document["resource_documentation"] == "http://localhost:8001/docs"


async def test_the_document_is_valid_openapi_31(gallery: Any) -> None:
    spec = await specification(gallery)
    assert spec["openapi"].startswith("3.1")
    openapi_spec_validator.validate(spec)


async def test_yaml_says_the_same_as_json(gallery: Any) -> None:
    response = await gallery.client.get("/openapi.yaml")
    assert response.headers["content-type"] == "application/yaml"
    assert yaml.safe_load(response.text) == await specification(gallery)
    assert "&id" not in response.text


async def test_every_operation_is_described(gallery: Any) -> None:
    spec = await specification(gallery)
    names = [each["operationId"] for _, _, each in operations(spec)]
    assert len(set(names)) == len(names)
    for path, method, each in operations(spec):
        where = f"{method} {path}"
        assert re.fullmatch(r"[a-z][A-Za-z]+", each["operationId"]), where
        assert each["summary"] and each["description"], where
        assert len(each["description"]) <= 300, where
        assert any(status.startswith("2") for status in each["responses"]), where
        assert each["tags"][0] in {tag["name"] for tag in spec["tags"]}, where
        if "security" in each:
            assert {"401", "403", "400", "503"} <= set(each["responses"]), where


async def test_every_scope_is_documented_and_used(gallery: Any) -> None:
    spec = await specification(gallery)
    used = {
        scope
        for _, _, each in operations(spec)
        for kind in each.get("security", [])
        for scope in kind.get("oauth2", [])
    }
    assert used == set(auth.SCOPES)
    flows = spec["components"]["securitySchemes"]["oauth2"]["flows"]
    assert set(flows["authorizationCode"]["scopes"]) == set(auth.SCOPES)
    assert flows["authorizationCode"]["tokenUrl"] == "http://localhost:8000/oauth/token"
    assert flows["authorizationCode"]["authorizationUrl"] == "http://localhost:8000/oauth/authorize"


async def test_a_route_without_a_token_is_public_on_purpose(gallery: Any) -> None:
    public = {
        route.path
        for route in gallery.app.router.routes
        if not any(isinstance(each.call, auth._Bearer) for each in route.dependant.dependencies)
    }
    assert public == {
        "/livez",
        "/readyz",
        "/metrics",
        "/docs",
        "/docs/style.css",
        "/docs/icon.svg",
        "/docs/errors/{code}",
        "/openapi.json",
        "/openapi.yaml",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/{path:path}",
    }


async def test_a_body_is_documented_as_strict_as_it_is_read(gallery: Any) -> None:
    spec = await specification(gallery)
    for path, method, each in operations(spec):
        for media_type, content in each.get("requestBody", {}).get("content", {}).items():
            schema = content["schema"]
            if "$ref" in schema:
                schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            assert schema["additionalProperties"] is False, f"{method} {path} {media_type}"


async def test_no_dead_reference_and_no_orphan(gallery: Any) -> None:
    spec = await specification(gallery)
    text = json.dumps(spec)
    wanted = set(re.findall(r'"#/components/([a-zA-Z]+/[A-Za-z0-9_]+)"', text))
    there = {f"{kind}/{name}" for kind in ("schemas", "responses") for name in spec["components"][kind]}
    assert wanted <= there
    assert {each for each in there if each.startswith("schemas/")} <= wanted


async def test_the_page_lists_every_operation_without_script(gallery: Any) -> None:
    response = await gallery.client.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src" not in response.headers["content-security-policy"]
    assert "<script" not in response.text
    for path, method, each in operations(await specification(gallery)):
        assert f'id="{each["operationId"]}"' in response.text
        assert f"<code>{path}</code>" in response.text
        assert f">{method.upper()}</span>" in response.text
    for scope in auth.SCOPES:
        assert f"<code>{scope}</code>" in response.text
    assert (await gallery.client.get("/docs/style.css")).headers["content-type"].startswith("text/css")


async def test_every_problem_has_its_page(gallery: Any) -> None:
    overview = (await gallery.client.get("/docs")).text
    for code, kind in problems.KINDS.items():
        response = await gallery.client.get(f"/docs/errors/{code}")
        assert response.status_code == 200
        assert kind.title in response.text.replace("&#39;", "'")
        assert f'href="/docs/errors/{code}"' in overview
    assert (await gallery.client.get("/docs/errors/nothing")).status_code == 404
    assert (await gallery.client.get("/docs/errors/<script>")).status_code == 404


async def test_the_reference_names_every_setting() -> None:
    reference = settings.reference()
    for name, field in settings.Settings.model_fields.items():
        assert f"`RESOURCE_API_{name.upper()}`" in reference
        assert field.description and field.description in reference
