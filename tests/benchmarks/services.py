"""What is measured over HTTP: each a function that runs one round on services that are already up."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

import httpx2
from PIL import Image

from tests.authserver.protocol import flows
from tests.support import gallery as inside_gallery
from tests.support import processes

from . import load, stage

Round = Callable[[int], Awaitable[load.Sample]]
"""Runs for so many seconds."""
EMAIL = "ana@example.test"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class House:
    """Everything that was prepared."""

    world: flows.World
    folder: Path
    two_workers: load.Target
    one_worker: load.Target
    bare: load.Target
    gallery: load.Target
    unchecked: load.Target
    machine: flows.App
    web: flows.App
    owner: str


@contextlib.asynccontextmanager
async def house() -> AsyncIterator[House]:
    """PostgreSQL, two authorization servers of one and of two workers, the gallery with and without its check."""
    with stage.folder() as folder, stage.database(folder) as store:
        url = await store.create("authserver")
        pictures = await store.create("gallery")
        await stage.migrate(url)
        await inside_gallery.migrate(pictures)
        port, other = processes.free_port(), processes.free_port()
        issuer = f"http://localhost:{port}"
        async with stage.world(url, issuer) as world:
            await world.add_apis()
            owner = await world.add_person(EMAIL)
            machine = await world.add_machine(access_token_seconds=3600)
            web = await world.add_app(access_token_seconds=3600)
            gallery = {
                "RESOURCE_API_ISSUER": issuer,
                "RESOURCE_API_RESOURCE": flows.RESOURCE,
                "RESOURCE_API_JWKS_URL": f"{issuer}/.well-known/jwks.json",
                "RESOURCE_API_DATABASE_URL": pictures,
                "RESOURCE_API_FILES": str(folder / "files"),
            }
            unchecked_port = processes.free_port()
            with (
                stage.serving(folder, store, url, port) as one,
                stage.serving(folder, store, url, other, workers=2, AUTHSERVER_ISSUER=issuer) as two,
                stage.started("bare", folder, processes.free_port(), {}, "/readyz") as bare,
                processes.resource_api(gallery, folder) as checked,
                stage.started(
                    "unchecked",
                    folder,
                    unchecked_port,
                    gallery | {"UNCHECKED_OWNER": f"{issuer} {owner}"},
                    "/readyz",
                ) as unchecked,
            ):
                yield House(
                    world,
                    folder,
                    two_workers=replace(two, url=f"http://localhost:{other}"),
                    one_worker=one,
                    bare=bare,
                    gallery=load.Target(checked.url, checked.process.pid, store.pid),
                    unchecked=replace(unchecked, database_pid=store.pid),
                    machine=machine,
                    web=web,
                    owner=owner,
                )


async def rounds(here: House) -> dict[str, Round]:
    """Every measurement by its name."""
    token = (await here.world.tokens(here.web, EMAIL))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=here.gallery.url, headers=headers, trust_env=False) as client:
        image = await upload(client)
    confidential = {**FORM, **basic(here.web)}
    grant = ["POST", "grant_type=client_credentials"]
    asked = ["POST", urlencode({"token": token})]

    async def client_credentials(seconds: int) -> load.Sample:
        headers = {**FORM, **basic(here.machine)}
        return await load.wrk(
            here.two_workers, "same", grant, path="/oauth/token", headers=headers, seconds=seconds
        )

    async def bare(seconds: int) -> load.Sample:
        return await load.wrk(here.bare, "same", grant, path="/token", headers=FORM, seconds=seconds)

    async def refresh(seconds: int) -> load.Sample:
        # What the last round left on its way has been used: each round has grants of its own.
        file = here.folder / "refresh-tokens"
        file.write_text("\n".join(await stage.families(here.world, here.web)) + "\n", encoding="ascii")
        arguments = [str(file), str(load.THREADS), ""]
        return await load.wrk(
            here.one_worker, "refresh", arguments, path="/oauth/token", headers=confidential, seconds=seconds
        )

    async def code_flow(seconds: int) -> load.Sample:
        browser = here.world.browser()
        await browser.sign_in(EMAIL)
        await browser.allow(here.web)
        redeem = {
            "grant_type": "authorization_code",
            "redirect_uri": here.web.redirect_uri,
            "code_verifier": flows.VERIFIER,
            "code": "",
        }
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        arguments = [f"/oauth/authorize?{urlencode(flows.request_for(here.web))}", urlencode(redeem)]
        headers = {**confidential, "Cookie": cookie, "Sec-Fetch-Site": "cross-site"}
        return await load.wrk(here.one_worker, "code", arguments, headers=headers, seconds=seconds)

    async def introspection(seconds: int) -> load.Sample:
        return await load.wrk(
            here.one_worker, "same", asked, path="/oauth/introspect", headers=confidential, seconds=seconds
        )

    async def key_set(seconds: int) -> load.Sample:
        return await load.wrk(
            here.one_worker, "same", ["GET", ""], path="/.well-known/jwks.json", seconds=seconds
        )

    def reading(target: load.Target) -> Round:
        async def read(seconds: int) -> load.Sample:
            headers = {"Authorization": f"Bearer {token}"}
            return await load.wrk(target, "same", ["GET", ""], path=image, headers=headers, seconds=seconds)

        return read

    return {
        "bare": bare,
        "client credentials": client_credentials,
        "refresh": refresh,
        "code flow": code_flow,
        "introspection": introspection,
        "key set": key_set,
        "read unchecked": reading(here.unchecked),
        "read": reading(here.gallery),
    }


async def upload(client: httpx2.AsyncClient) -> str:
    """The path of a small picture of whoever's token the client sends."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(picture, "PNG")
    answer = await client.post("/uploads", files={"file": ("teal.png", picture.getvalue(), "image/png")})
    answer.raise_for_status()
    location: str = answer.headers["location"]
    return location[location.index("/images/") :]


def basic(app: flows.App) -> dict[str, str]:
    """The header by which a client authenticates (RFC 6749 §2.3.1)."""
    text = base64.b64encode(f"{app.client_id}:{app.secret}".encode()).decode()
    return {"Authorization": f"Basic {text}"}
