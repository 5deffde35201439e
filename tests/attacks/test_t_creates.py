"""Group T: the same thing made by many at once, at two servers on one database: it is there once.

Addresses are raced for in `test_j_registration`, idempotency keys and credits in `test_n_credits`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from authserver.oauth import consents
from tests.authserver.protocol.flows import CB, answer_of
from tests.resource_api.callers import ANA, BRUNO, another, choose_handle, headers, upload
from tests.support import databases
from tests.support.clock import ManualClock

from . import races
from .forms import consent_form

AT_ONCE = 30


async def test_row_149_a_handle_has_one_owner(gallery: Any) -> None:
    people = [f"5b0e7a1c-0000-4000-8000-{number:012d}" for number in range(AT_ONCE)]
    async with another(gallery) as second:

        async def take(number: int) -> httpx2.Response:
            client, given = (gallery, second)[number % 2].client, headers(gallery, people[number])
            wanted = {"handle": ("prize", "PRIZE")[number % 3 % 2]}
            return await races.insist(lambda: client.patch("/me", headers=given, json=wanted))

        answers = await asyncio.gather(*(take(number) for number in range(AT_ONCE)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: AT_ONCE - 1}
    handles = []
    for each in people:
        me = (await gallery.client.get("/me", headers=headers(gallery, each))).json()
        handles.append(me["handle"])
    assert Counter(handles) == {"prize": 1, None: AT_ONCE - 1}


async def test_row_149_a_share_and_a_place_in_a_gallery_are_there_once(gallery: Any) -> None:
    await choose_handle(gallery, BRUNO, "bruno")
    image, given = (await upload(gallery, ANA))["id"], headers(gallery, ANA)
    album = (await gallery.client.post("/galleries", headers=given, json={"title": "summer"})).json()["id"]
    shares, places = f"/images/{image}/shares", f"/galleries/{album}/images"
    bodies: dict[str, Any] = {shares: {"handle": "bruno", "access": "read"}, places: {"image_id": image}}
    async with another(gallery) as second:
        for place, expected in ((shares, {201: 1, 200: AT_ONCE - 1}), (places, {201: 1, 409: AT_ONCE - 1})):

            async def make(number: int, place: str = place) -> httpx2.Response:
                client = (gallery, second)[number % 2].client
                return await races.insist(lambda: client.post(place, headers=given, json=bodies[place]))

            answers = await asyncio.gather(*(make(number) for number in range(AT_ONCE)))
            assert Counter(answer.status_code for answer in answers) == expected
            items = (await gallery.client.get(place, headers=given)).json()["items"]
            assert len(items) == 1, place
    assert {answer.json()["id"] for answer in answers if answer.status_code == 201} == {image}


@pytest.mark.parametrize("kind", databases.KINDS)
async def test_row_149_a_consent_given_in_many_windows_is_remembered_once(
    kind: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with races.two_servers(kind, tmp_path, clock) as (one, two):
        await one.add_person()
        app, browser = await one.add_app(), one.browser()
        await browser.sign_in("ana@example.test")
        forms = [await consent_form(browser, app) for _ in range(10)]
        for number, form in enumerate(forms):
            form.browser = (one, two)[number % 2].browser()
            form.browser.cookies = browser.cookies
        answers = await asyncio.gather(
            *(form.send({"sec-fetch-site": "same-origin"}, decision="allow") for form in forms)
        )
        codes = [answer_of(answer, CB + "?")["code"] for answer in answers]
        assert len(set(codes)) == len(forms)
        redeemed = await asyncio.gather(*(one.redeem(app, code) for code in codes))
        assert {answer.status_code for answer in redeemed} == {200}
        query = sa.select(consents.table.c.scope)
        kept = await one.server.state.database.read(lambda session: list(session.execute(query).scalars()))
        assert sorted(kept) == ["images:read", "images:write"]
