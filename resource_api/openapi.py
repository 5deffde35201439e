"""The OpenAPI 3.1 document: what FastAPI knows of the routes, completed by what our own dependencies do.

Bodies read by `inputs.json_body`, problems, scopes and examples come from the same objects the routes use; nothing is
listed by hand a second time.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from . import auth, etags, problems
from .inputs import Body
from .settings import Settings

VERSION = "1.0.0"
DESCRIPTION = (
    "People generate and upload images, keep them in galleries, share them, and pay in credits. Every call carries an "
    "OAuth 2.0 access token, which this API checks by itself against the authorization server's published keys; every "
    "object belongs to somebody, and what is not yours or shared with you does not exist.\n\n"
    "Errors are problem details (RFC 9457) whose `type` is a page of this documentation. Lists come in pages: send "
    "`next_cursor` of one as `cursor` for the next."
)
TAGS = {
    "Images": "Generate, upload, look at, rename and delete.",
    "Galleries": "Images in an order of your choosing.",
    "Shares": "Show an image or a gallery to another person, or let them change it.",
    "Profile": "How others find you.",
    "Credits": "What generating costs, and how your balance came about.",
    "Operation": "For clients and operators.",
}
_REF = "#/components/schemas/{model}"
_ALWAYS = (500, 503)


def document(app: FastAPI, settings: Settings) -> dict[str, Any]:
    """The whole document, made once an app."""
    if app.openapi_schema is None:
        app.openapi_schema = _build(app, settings)
    return app.openapi_schema


def _build(app: FastAPI, settings: Settings) -> dict[str, Any]:
    spec = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        servers=app.servers,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )
    spec["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    spec["externalDocs"] = {"url": f"{settings.resource}/docs", "description": "This document to read."}
    components = spec.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for gone in ("HTTPValidationError", "ValidationError"):
        schemas.pop(gone, None)
    schemas["Problem"] = _problem_schema(settings)
    components["responses"] = {_name(status): _response(status) for status in _statuses()}
    components["securitySchemes"] = _schemes(settings)
    bodies = {route.unique_id: model for route in _routes(app) if (model := _json_model(route))}
    schemas |= _schemas(set(bodies.values()))
    for route in _routes(app):
        for method in route.methods or ():
            operation = spec["paths"][route.path_format][method.lower()]
            _complete(operation, route, bodies.get(route.unique_id))
    return spec


def _routes(app: FastAPI) -> Iterator[APIRoute]:
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            yield route


def _json_model(route: APIRoute) -> type[Body] | None:
    for dependency in route.dependant.dependencies:
        if model := getattr(dependency.call, "json_model", None):
            found: type[Body] = model
            return found
    return None


def _schemas(models: set[type[Body]]) -> dict[str, Any]:
    ordered = sorted(models, key=lambda model: model.__name__)
    _, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    found: dict[str, Any] = definitions.get("$defs", {})
    return found


def _complete(operation: dict[str, Any], route: APIRoute, model: type[Body] | None) -> None:
    responses = operation["responses"]
    responses.pop("422", None)  # FastAPI's own, for every parameter
    scopes = [scope for each in operation.pop("security", []) for scope in each.get("bearer", [])]
    statuses = set(_ALWAYS)
    if model is not None:
        schema = {"$ref": _REF.format(model=model.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if "requestBody" in operation:
        statuses |= {413, 415, 422}
    if scopes:
        operation["security"] = [{"oauth2": scopes}, {"bearer": scopes}]
        statuses |= {400, 401, 403}
    if "{" in route.path_format:
        statuses |= {404}
    if any(each["in"] == "query" for each in operation.get("parameters", [])):
        statuses |= {422}
    statuses |= {int(status) for status in responses if status >= "4"}
    for each in operation.get("parameters", []):
        if each["in"] == "path":
            each.setdefault("description", "An id of this API, in lower case.")
            each["schema"] = {"type": "string", "format": "uuid"}
    for status in sorted(statuses):
        responses[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    for status, response in responses.items():
        if status.startswith(("2", "3")):
            response.setdefault("headers", {})["X-Request-Id"] = {"schema": {"type": "string"}}
            if etags.CACHED["parameters"][0] in operation.get("parameters", []):
                response["headers"]["ETag"] = {"schema": {"type": "string"}}
            if status == "201" and "{" not in route.path_format:
                response["headers"]["Location"] = {"schema": {"type": "string", "format": "uri-reference"}}


def _statuses() -> list[int]:
    # 405 belongs to addresses, not to operations: an operation's own method is never refused.
    return sorted({kind.status for kind in problems.KINDS.values()} - {405})


def _name(status: int) -> str:
    return f"Problem{status}"


def _response(status: int) -> dict[str, Any]:
    kinds = [kind for kind in problems.KINDS.values() if kind.status == status]
    response: dict[str, Any] = {
        "description": "; ".join(kind.title for kind in kinds) + ".",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in (401, 403):
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return response


def _problem_schema(settings: Settings) -> dict[str, Any]:
    place = {"type": "object", "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}}}
    return {
        "type": "object",
        "title": "Problem",
        "description": "Problem details (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {
                "type": "string",
                "format": "uri",
                "examples": [f"{settings.resource}/docs/errors/not_found"],
                "description": "A page that explains this kind of problem: "
                + ", ".join(f"`…/{code}`" for code in problems.KINDS),
            },
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": place, "description": "Each value that is not acceptable."},
            "request_id": {"type": "string", "description": "As in X-Request-Id. Absent from 404."},
        },
    }


def _schemes(settings: Settings) -> dict[str, Any]:
    token = f"{settings.issuer}/oauth/token"
    flow = {"tokenUrl": token, "scopes": auth.SCOPES}
    machine = {
        scope: text for scope, text in auth.SCOPES.items() if scope.startswith(("images:", "gallery:"))
    }
    return {
        "oauth2": {
            "type": "oauth2",
            "description": f"Access tokens of {settings.issuer} for `resource={settings.resource}`. PKCE is required.",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": f"{settings.issuer}/oauth/authorize",
                    "refreshUrl": token,
                    **flow,
                },
                "clientCredentials": flow | {"scopes": machine},
            },
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT (RFC 9068)",
            "description": "An access token in the Authorization header.",
        },
    }
