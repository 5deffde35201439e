"""Who calls in these tests, and the requests they repeat."""

import contextlib
import functools
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from PIL import Image

from resource_api import app as application
from tests.support.gallery import Gallery

ANA = "6a4b2f0e-5a51-4a0c-9f0e-2f8f6f1f7a01"
BRUNO = "0f9f6f0e-3c1d-4d5b-8e55-9d8f6f1f7a02"
CLARA = "c3d2a1b0-7e6f-4a5b-9c8d-7e6f5a4b3c03"
MACHINE = "app_machine"

EVERYTHING = "profile:read profile:write images:read images:write gallery:read gallery:write credits:read credits:spend"


def headers(gallery: Any, sub: str, scope: str = EVERYTHING, **more: str) -> dict[str, str]:
    """Authorization for a caller; a machine's subject is its own client id."""
    return {"Authorization": f"Bearer {_token(gallery.mint, gallery.clock(), sub, scope)}", **more}


@functools.lru_cache(maxsize=64)
def _token(mint: Any, _now: float, sub: str, scope: str) -> str:
    """Used again within its second, as apps do: to sign one takes longer than most requests."""
    minted: str = mint(sub=sub, scope=scope, client_id=sub if sub.startswith("app_") else "app_web")
    return minted


@contextlib.asynccontextmanager
async def another(gallery: Any, **changed: Any) -> AsyncIterator[Gallery]:
    """A second app on the same database and files: another process of the same service, or one with other settings.

    It shares nothing with the first but what processes share: its locks, queues and child are its own.
    """
    changed_settings = gallery.settings.model_copy(update=changed)
    app = application.create_app(changed_settings, clock=gallery.clock)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=gallery.settings.resource) as client,
    ):
        yield Gallery(app, client, changed_settings, gallery.clock, gallery.key)


def png(width: int = 64, height: int = 48, colour: str = "teal") -> bytes:
    """A small real picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


async def upload(gallery: Any, sub: str, title: str = "a picture", **picture: Any) -> dict[str, Any]:
    """An image the caller has just uploaded."""
    response = await gallery.client.post(
        "/uploads",
        headers=headers(gallery, sub),
        files={"file": ("x.png", png(**picture), "image/png")},
        data={"title": title},
    )
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


async def choose_handle(gallery: Any, sub: str, handle: str) -> None:
    """Makes the caller known by this handle."""
    response = await gallery.client.patch("/me", headers=headers(gallery, sub), json={"handle": handle})
    assert response.status_code == 200, response.text


async def share(gallery: Any, sub: str, place: str, handle: str, access: str) -> str:
    """Shares an object with a handle; the id of the share."""
    response = await gallery.client.post(
        f"{place}/shares", headers=headers(gallery, sub), json={"handle": handle, "access": access}
    )
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def code(response: httpx2.Response) -> str:
    """The last part of a problem's type, after checking that it is a problem about this status."""
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert body["status"] == response.status_code
    return str(body["type"]).rpartition("/")[2]
