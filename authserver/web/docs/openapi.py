"""`/openapi.json` and `/openapi.yaml`: the operations as an OpenAPI 3.1 document."""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ...settings import Settings
from ..kit import state
from . import operations, schemas

router = APIRouter()

CACHE = {"Cache-Control": "public, max-age=300"}


@router.get("/openapi.json", operation_id="openapiJson", summary="This reference for programs, as JSON")
async def as_json(request: Request) -> Response:
    """OpenAPI 3.1."""
    text = json.dumps(document(state.of(request).settings), ensure_ascii=False, indent=1)
    return Response(text, media_type="application/json", headers=CACHE)


@router.get("/openapi.yaml", operation_id="openapiYaml", summary="This reference for programs, as YAML")
async def as_yaml(request: Request) -> Response:
    """OpenAPI 3.1."""
    import yaml  # seldom asked for

    text = yaml.safe_dump(document(state.of(request).settings), sort_keys=False, allow_unicode=True)
    return Response(text, media_type="application/yaml", headers=CACHE)


def document(settings: Settings) -> dict[str, Any]:
    """The whole document; paths are below the issuer, which is the one server."""
    paths: dict[str, Any] = {}
    for operation in operations.OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": settings.product_name,
            "version": _version(),
            "summary": "An OAuth 2.0 authorization server.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.issuer}],
        "tags": [{"name": name} for name in dict.fromkeys(one.tag for one in operations.OPERATIONS)],
        "paths": paths,
        "components": {
            "schemas": schemas.SCHEMAS,
            "securitySchemes": {
                "clientBasic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Client id and secret (RFC 6749 §2.3.1).",
                }
            },
        },
        "security": [],
    }


def _version() -> str:
    try:
        return metadata.version("authserver")
    except metadata.PackageNotFoundError:  # run from a checkout that isn't installed
        return "0"


def _operation(operation: operations.Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.text,
        "responses": {str(reply.status): _reply(reply) for reply in operation.replies},
    }
    described["responses"]["default"] = {
        "description": "Any other error, as problem details (RFC 9457).",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if operation.query:
        described["parameters"] = [
            {
                "name": field.name,
                "in": "query",
                "required": field.required,
                "description": field.text,
                "schema": _schema(field),
                **({"example": field.example} if field.example else {}),
            }
            for field in operation.query
        ]
    if operation.form:
        described["requestBody"] = {
            "required": True,
            "content": {"application/x-www-form-urlencoded": _form(operation)},
        }
    if (
        operation.auth != operations.ANYONE
    ):  # or the credentials are in the form, which OpenAPI has no scheme for
        described["security"] = [{"clientBasic": []}, {}]
    return described


def _form(operation: operations.Operation) -> dict[str, Any]:
    properties = {}
    for field in operation.form:
        one = {
            **_schema(field),
            "description": field.text,
            **({"examples": [field.example]} if field.example else {}),
        }
        properties[field.name] = (
            {"type": "array", "items": _schema(field), "description": field.text} if field.repeatable else one
        )
    required = [field.name for field in operation.form if field.required]
    return {
        "schema": {"type": "object", "properties": properties, **({"required": required} if required else {})}
    }


def _schema(field: operations.Field) -> dict[str, Any]:
    if field.kind == "uri":
        return {"type": "string", "format": "uri"}
    return {"type": field.kind}


def _reply(reply: operations.Reply) -> dict[str, Any]:
    described: dict[str, Any] = {"description": reply.text}
    if reply.media:
        schema = {"$ref": f"#/components/schemas/{reply.schema}"} if reply.schema else {}
        described["content"] = {reply.media: {"schema": schema}}
    return described
