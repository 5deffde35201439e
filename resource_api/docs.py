"""The documentation this service carries: the OpenAPI document, a page to read it on, a page for every problem."""

import asyncio
import functools
from typing import TYPE_CHECKING, Any

import markupsafe
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from . import auth, etags, openapi, problems, state
from .settings import Settings

if TYPE_CHECKING:
    import jinja2

router = APIRouter(include_in_schema=False)

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@router.get("/openapi.json")
async def openapi_json(request: Request, house: state.House) -> Response:
    """The OpenAPI document as JSON."""
    return _public(JSONResponse(await _document(request, house)))


@router.get("/openapi.yaml")
async def openapi_yaml(request: Request, house: state.House) -> Response:
    """The OpenAPI document as YAML (RFC 9512)."""
    spec = await _document(request, house)
    return _public(Response(_as_yaml(spec), media_type="application/yaml"))


@router.get("/docs")
async def docs(request: Request, house: state.House) -> Response:
    """Every operation on one page, without script."""
    spec = await _document(request, house)
    return await _page(
        house.settings,
        "docs.html",
        spec=spec,
        groups=_groups(spec),
        issuer=house.settings.issuer,
        scopes=auth.SCOPES,
        kinds=problems.KINDS.values(),
    )


@router.get("/docs/errors/{code}")
async def error_page(house: state.House, code: str) -> Response:
    """What one kind of problem means, and what to do."""
    if code not in problems.KINDS:
        raise problems.not_found()
    return await _page(house.settings, "error.html", kind=problems.KINDS[code])


@router.get("/docs/style.css")
async def style(request: Request) -> Response:
    """The one style sheet of these pages."""
    return _public(etags.answer(request, _render("style.css", {}).encode(), "text/css"))


@router.get("/docs/icon.svg")
async def icon(request: Request) -> Response:
    """The small picture in a browser's tab."""
    return _public(etags.answer(request, _render("icon.svg", {}).encode(), "image/svg+xml"))


async def _document(request: Request, house: state.State) -> dict[str, Any]:
    # Made once, in a thread: it takes longer than anybody else should wait.
    return await asyncio.to_thread(openapi.document, request.app, house.settings)


def _as_yaml(spec: dict[str, Any]) -> str:
    import yaml  # seldom asked for

    class Plain(yaml.SafeDumper):
        """YAML without anchors, which several importers do not follow."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(spec, Dumper=Plain, sort_keys=False, allow_unicode=True, width=100)


def _groups(spec: dict[str, Any]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    operations = [
        {**operation, "method": method.upper(), "path": path, "body": _body(spec, operation)}
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
    ]
    return [(tag, [each for each in operations if tag["name"] in each["tags"]]) for tag in spec["tags"]]


def _body(spec: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    """The members of a request body, with its media type."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        if "$ref" in schema:
            schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        required = schema.get("required", [])
        members = [
            {"name": name, "required": name in required, "type": _type(member), **member}
            for name, member in schema["properties"].items()
        ]
        return {"media_type": media_type, "members": [each | {"type": _type(each)} for each in members]}
    return None


def _type(schema: dict[str, Any]) -> str:
    """A schema's type in words."""
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f'"{each}"' for each in schema["enum"])
    return str(schema.get("type", "object"))


@functools.cache
def _pages() -> "jinja2.Environment":
    import jinja2  # 2 MB, for pages that few services are ever asked for

    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("resource_api"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    pages.filters |= {"in_words": _type, "marked": _marked}
    return pages


def _render(name: str, context: dict[str, Any]) -> str:
    return _pages().get_template(name).render(context)


async def _page(settings: Settings, name: str, **context: Any) -> Response:
    given = {"resource": settings.resource, "base": settings.path, **context}
    html = await asyncio.to_thread(_render, name, given)
    answer = HTMLResponse(html, headers={"Content-Security-Policy": _POLICY})
    return _public(answer)


def _public(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


def _marked(text: str) -> markupsafe.Markup:
    """Prose whose `code` is marked up."""
    code = markupsafe.Markup("<code>{}</code>")
    parts = enumerate(text.split("`"))
    return markupsafe.Markup("").join(code.format(part) if index % 2 else part for index, part in parts)
