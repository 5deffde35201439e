"""Is it alive, is it ready, what does it count."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx2

from resource_api import app as application
from resource_api import database, migrations, settings
from tests.support import tokens

from .callers import ANA, BRUNO, another, headers


async def test_alive_and_ready(gallery: Any) -> None:
    assert (await gallery.client.get("/livez")).json() == {"status": "alive"}
    response = await gallery.client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ready"}


async def test_the_details_are_for_listed_addresses(gallery: Any) -> None:
    response = await gallery.client.get("/readyz?verbose")
    assert response.json() == {"status": "ready", "checks": {"database": "ok", "keys": "ok"}}


async def test_what_is_counted_names_routes_and_never_people(gallery: Any) -> None:
    await gallery.client.get("/images/0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", headers=headers(gallery, ANA))
    response = await gallery.client.get("/metrics")
    assert response.status_code == 200
    line = 'resource_api_requests_total{method="GET",route="/images/{image_id}",status="404"} 1.0'
    assert line in response.text
    assert ANA not in response.text
    assert "0193a1b2" not in response.text


async def test_without_keys_it_is_not_ready_and_tokens_are_503(gallery: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/unkeyed.db"
    await migrations.upgrade(url)
    app = application.create_app(
        settings.load(database_url=url, files=tmp_path, jwks_url="http://127.0.0.1:9/jwks.json")
    )
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost:8001") as client,
    ):
        ready = await client.get("/readyz?verbose")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] == "ok"
        assert ready.json()["checks"]["keys"] != "ok"
        refused = await client.get("/images", headers=headers(gallery, ANA))
        assert refused.status_code == 503
        assert refused.json()["type"].endswith("/keys_unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await client.get("/livez")).status_code == 200


async def test_without_a_database_it_is_not_ready_and_answers_503(gallery: Any, tmp_path: Path) -> None:
    app = application.create_app(
        settings.load(
            database_url="postgresql://nobody@127.0.0.1:9/nothing",
            files=tmp_path,
            jwks_url=gallery.settings.jwks_url,
        ),
        clock=gallery.clock,
    )
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost:8001") as client,
    ):
        assert (await client.get("/readyz")).status_code == 503
        response = await client.get("/images", headers=headers(gallery, ANA))
        assert response.status_code == 503
        assert response.json()["type"].endswith("/busy")
        assert response.headers["retry-after"] == "2"


async def test_it_keeps_working_when_the_authorization_server_is_gone(
    gallery: Any, clock: Any, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/alone.db"
    await migrations.upgrade(url)
    with tokens.published([gallery.key]) as keys_url:
        app = application.create_app(
            settings.load(database_url=url, files=tmp_path, jwks_url=keys_url), clock=clock
        )
        transport = httpx2.ASGITransport(app=app)
        client = httpx2.AsyncClient(transport=transport, base_url="http://localhost:8001")
        running = app.router.lifespan_context(app)
        await running.__aenter__()
        assert (await client.get("/images", headers=headers(gallery, ANA))).status_code == 200
    for seconds in (10, 600, 6 * 3600):
        clock.advance(seconds)
        assert (await client.get("/images", headers=headers(gallery, BRUNO))).status_code == 200, seconds
        assert (await client.get("/readyz")).status_code == 200, seconds
    await client.aclose()
    await running.__aexit__(None, None, None)


async def test_a_database_that_hangs_is_503_within_seconds(gallery: Any, tmp_path: Path) -> None:
    async def accept_and_say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hung.wait()
        writer.close()

    hung = asyncio.Event()
    server = await asyncio.start_server(accept_and_say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"postgresql://nobody@127.0.0.1:{port}/nothing"
    async with another(gallery, database_url=url, files=tmp_path) as hanging:
        started = time.monotonic()
        answers = await asyncio.gather(
            *(hanging.client.get("/images", headers=headers(gallery, ANA)) for _ in range(15))
        )
        assert time.monotonic() - started < 2 * database.PATIENCE_SECONDS
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.headers["retry-after"] for answer in answers} == {"2"}
        hung.set()
    server.close()
    await server.wait_closed()
