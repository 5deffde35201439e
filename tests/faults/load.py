"""People and programs that use everything at once, try again when they get no answer, and remember what they were told.

What they were told is a promise, and `promises` holds it against the databases afterwards. What nobody should ever
have been told stands in `History.wrong`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import random
import secrets
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
from PIL import Image

from ..authserver.protocol.flows import CB, VERIFIER, App, Browser, World
from .callers import NO_ANSWER_SECONDS, PATIENCE_SECONDS, Caller, History, Told
from .stage import PEOPLE, SCOPES, Stage

DRAWING_PAUSE_SECONDS = 3.0
"""Drawing is nothing but processor time: without a rest it would be most of the load."""


class Person(Caller):
    """Somebody with a browser, an app that acts for them, and pictures."""

    def __init__(self, http: Any, history: History, stop: threading.Event, stage: Stage, email: str) -> None:
        super().__init__(http, history, stop)
        self.issuers, self.gallery, self.app = stage.issuers, (stage.gallery.url,), stage.app
        self.email = email
        self.handle = email.partition("@")[0]
        self.access = ""

    async def grant(self) -> None:
        """One grant from its code to its end."""
        code = await self._code()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CB,
            "code_verifier": VERIFIER,
        }
        if random.random() < 0.3:
            await self._twice(code, form)
            return
        told = await self._token(form)
        if told.unsure and told.status == 400:
            return  # the answer was lost, and so is the code: nobody can tell us from a thief
        if not self.expect("code", told, 200):
            return
        self.history.codes.append(code)
        token = self._hold(told)
        for _ in range(random.randint(1, 4)):
            told = await self._token({"grant_type": "refresh_token", "refresh_token": token})
            if not self.expect("refresh", told, 200):
                return
            token = self._hold(told)
        if self.stop.is_set():
            return
        told = await self.ask(self.issuers, "POST", "/oauth/revoke", data={"token": token}, **self._app())
        if self.expect("revoke", told, 200):
            self.history.living.pop(self.email)
            self.history.ended.append(token)
            told = await self._token({"grant_type": "refresh_token", "refresh_token": token})
            self.expect("refresh after revoke", told, 400)

    async def upload(self) -> None:
        told = await self._to_gallery("POST", "/uploads", files={"file": ("x.png", picture(), "image/png")})
        if self.expect("upload", told, 201):
            self.history.images.append(told.body["id"])
            await self._share(told.body["id"])

    async def generate(self) -> None:
        key = secrets.token_hex(8)
        told = await self._to_gallery(
            "POST", "/images", json={"prompt": "a poster", "seed": 1}, headers={"Idempotency-Key": key}
        )
        if self.expect("generate", told, 201):
            self.history.paid[key] = told.body["id"]

    async def arrive(self) -> None:
        """Signs in and takes a handle, so that others can share with them."""
        http = httpx2.AsyncClient(
            base_url=random.choice(self.issuers), trust_env=False, timeout=NO_ANSWER_SECONDS
        )
        self.browser = Browser(World(SimpleNamespace(client=http)))
        assert (await self.browser.sign_in(self.email)).status_code == 303
        self.access = (await self._token_of(await self._code()))["access_token"]
        self.expect("handle", await self._to_gallery("PATCH", "/me", json={"handle": self.handle}), 200)

    async def leave(self) -> None:
        await self.browser.world.client.aclose()

    async def _code(self) -> str:
        last: Exception | None = None
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            try:
                return (await self.browser.allow(self.app, scope=" ".join(SCOPES)))["code"]
            except (httpx2.TransportError, AssertionError, KeyError) as error:
                last = error
            await asyncio.sleep(0.1)
        raise AssertionError("no code was to be had") from last

    async def _token_of(self, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CB,
            "code_verifier": VERIFIER,
        }
        return (await self._token(form)).body

    async def _twice(self, code: str, form: dict[str, str]) -> None:
        """The app sends its code to both servers at once: at most one of them takes it, and both undo it."""
        answers = await asyncio.gather(
            *(
                self.http.request("POST", f"{url}/oauth/token", data=form, **self._app())
                for url in self.issuers
            ),
            return_exceptions=True,
        )
        won = [each for each in answers if not isinstance(each, BaseException) and each.status_code == 200]
        self.history.done["code sent twice"] += 1
        if len(won) > 1:
            self.history.wrong.append(f"a code was taken twice: {[each.text for each in won]}")

    def _hold(self, told: Told) -> str:
        self.access = told.body["access_token"]
        token: str = told.body["refresh_token"]
        self.history.living[self.email] = token
        return token

    async def _share(self, image: str) -> None:
        other = random.choice([each.partition("@")[0] for each in PEOPLE if each != self.email])
        told = await self._to_gallery(
            "POST", f"/images/{image}/shares", json={"handle": other, "access": "read"}
        )
        if self.expect("share", told, 200, 201):
            self.history.shares.append(told.body["id"])

    async def _token(self, form: dict[str, str]) -> Told:
        return await self.ask(self.issuers, "POST", "/oauth/token", data=form, **self._app())

    async def _to_gallery(self, method: str, path: str, **request: Any) -> Told:
        headers = {"Authorization": f"Bearer {self.access}", **request.pop("headers", {})}
        return await self.ask(self.gallery, method, path, headers=headers, **request)

    def _app(self) -> dict[str, Any]:
        return self.app.credentials()


class Machine(Caller):
    """A program that acts for itself: a token, and what it opens at once."""

    def __init__(self, http: Any, history: History, stop: threading.Event, stage: Stage) -> None:
        super().__init__(http, history, stop)
        self.stage = stage

    async def act(self) -> None:
        app: App = self.stage.machine
        form = {"grant_type": "client_credentials", "scope": "images:read"}
        told = await self.ask(self.stage.issuers, "POST", "/oauth/token", data=form, **app.credentials())
        if self.expect("client credentials", told, 200):
            bearer = {"Authorization": f"Bearer {told.body['access_token']}"}
            told = await self.ask((self.stage.gallery.url,), "GET", "/images", headers=bearer)
            self.expect("list", told, 200)


@contextlib.contextmanager
def running(stage: Stage) -> Iterator[History]:
    """The load, in a thread of its own; at the end everyone finishes what they have begun."""
    history, stop, failed = History(), threading.Event(), list[BaseException]()
    arrived = threading.Event()

    def run() -> None:
        try:
            asyncio.run(_everyone(stage, history, stop, arrived))
        except BaseException as error:  # noqa: BLE001  it is raised where the test can see it
            failed.append(error)
        finally:
            arrived.set()

    thread = threading.Thread(target=run, name="load")
    thread.start()
    try:
        arrived.wait(PATIENCE_SECONDS)
        yield history
    finally:
        stop.set()
        thread.join()
    if failed:
        raise failed[0]


async def _everyone(stage: Stage, history: History, stop: threading.Event, arrived: threading.Event) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=NO_ANSWER_SECONDS) as http:
        people = [Person(http, history, stop, stage, email) for email in PEOPLE]
        for person in people:
            await person.arrive()
        arrived.set()
        machine = Machine(http, history, stop, stage)
        busy = [machine.repeat(machine.act)]
        for person in people:
            busy += [person.repeat(person.grant), person.repeat(person.upload)]
            busy.append(person.repeat(person.generate, DRAWING_PAUSE_SECONDS))
        try:
            await asyncio.gather(*busy)
        finally:
            for person in people:
                await person.leave()


def picture() -> bytes:
    """A small picture that nobody else has."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", (16, 16), secrets.token_bytes(16 * 16 * 3)).save(buffer, "PNG")
    return buffer.getvalue()
