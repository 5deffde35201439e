"""Group T: many people do this and that at the same time, at two servers, and no answer holds anything of another's."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.authserver.protocol.flows import CB, App, Browser, World, answer_of, claims_of
from tests.resource_api.callers import another, choose_handle, headers, png
from tests.support.clock import ManualClock

from . import races
from .forms import consent_form

PEOPLE, ROUNDS = 8, 5


@dataclass
class Person:
    """Somebody, and what is theirs alone: a word in whatever they name, and every id they were given."""

    word: str
    sub: str = ""
    ids: set[str] = field(default_factory=set)
    heard: list[str] = field(default_factory=list)

    @property
    def email(self) -> str:
        return f"{self.word}@example.test"

    def hears(self, answer: httpx2.Response, status: int, *, own: bool = False) -> Any:
        """Keeps what the answer says, which is `own` when it must name this person."""
        told = f"{answer.headers}\n{answer.text}"
        assert answer.status_code == status, told
        assert not own or self.word in told, (self.word, told)
        self.heard.append(told)
        return answer


def crowd(source: random.Random) -> list[Person]:
    return [Person(f"word{number:02}{source.randrange(16**6):06x}") for number in range(PEOPLE)]


def strangers(people: list[Person]) -> list[tuple[str, str]]:
    """Whoever heard a word or an id of somebody else."""
    marks = [(person, mark) for person in people for mark in (person.word, person.sub, *person.ids)]
    assert len({mark for _, mark in marks}) == len(marks), "every mark is one person's"
    heard = {person.word: "\n".join(person.heard) for person in people}
    return [
        (person.word, mark)
        for person in people
        for owner, mark in marks
        if owner is not person and mark in heard[person.word]
    ]


async def busy(people: list[Person], act: Callable[[Person], Awaitable[None]]) -> None:
    """All of them at the same time, each so many times."""

    async def one(person: Person) -> None:
        for _ in range(ROUNDS):
            await act(person)

    await asyncio.gather(*(one(person) for person in people))
    assert all(len(person.heard) >= ROUNDS for person in people)
    assert strangers(people) == []
    # Had somebody heard anything of another's, it would have been found.
    people[0].heard.append(f"<p>{people[1].word}</p>")
    assert strangers(people) == [(people[0].word, people[1].word)]


async def test_row_151_pages_and_tokens_are_of_who_asks(tmp_path: Path, clock: ManualClock) -> None:
    source = random.Random(151)
    async with races.two_servers("postgresql", tmp_path, clock) as worlds:
        people, app = crowd(source), await worlds[0].add_app("client_secret_post")
        browsers: dict[str, Browser] = {}
        for person in people:
            person.sub = await worlds[0].add_person(person.email)
            browsers[person.word] = worlds[0].browser()
            assert (await browsers[person.word].sign_in(person.email)).status_code == 303

        async def act(person: Person) -> None:
            browser = browsers[person.word]
            browser.world = world = source.choice(worlds)
            await source.choice((_look, _mistype, _come_again, _get_tokens, _get_tokens))(
                person, browser, world, app
            )

        await busy(people, act)


async def _look(person: Person, browser: Browser, _world: World, _app: App) -> None:
    person.hears(await browser.get("/"), 200, own=True)


async def _mistype(person: Person, browser: Browser, _world: World, _app: App) -> None:
    form = {"email": person.email, "password": "wrong"}
    person.hears(await browser.send("POST", "/login", data=form), 422, own=True)


async def _come_again(person: Person, browser: Browser, _world: World, _app: App) -> None:
    person.hears(await browser.send("POST", "/logout", data={"request": ""}), 200)
    nobody = person.hears(await browser.get("/"), 200)
    assert 'data-test="signed-in"' not in nobody.text
    person.hears(await browser.sign_in(person.email), 303)


async def _get_tokens(person: Person, browser: Browser, world: World, app: App) -> None:
    form = await consent_form(browser, app, prompt="consent", state=person.word)
    person.hears(await browser.get(f"/consent?request={dict(form.fields)['request']}"), 200, own=True)
    answer = await form.send({"sec-fetch-site": "same-origin"}, decision="allow")
    person.hears(answer, 303, own=True)
    code = answer_of(answer, CB + "?")["code"]
    tokens = person.hears(await world.redeem(app, code), 200).json()
    tokens = person.hears(await world.refresh(app, tokens["refresh_token"]), 200).json()
    claims = claims_of(tokens["access_token"])
    assert claims["sub"] == person.sub
    person.ids |= {claims["grant_id"], claims["sid"], claims["jti"]}
    told = person.hears(await world.post("/oauth/introspect", app, token=tokens["access_token"]), 200).json()
    assert (told["sub"], told["jti"]) == (person.sub, claims["jti"])
    person.heard.append(str(claims))


async def test_row_151_pictures_lists_and_credits_are_of_who_asks(gallery: Any) -> None:
    source = random.Random(151)
    people = crowd(source)
    for person in people:
        person.sub = str(uuid.UUID(int=source.getrandbits(128), version=4))
        await choose_handle(gallery, person.sub, person.word)
    async with another(gallery) as second:

        async def act(person: Person) -> None:
            client = source.choice((gallery, second)).client
            given = headers(gallery, person.sub)
            await source.choice((_keep, _arrange, _list, _pay, _pry))(person, client, given, source)

        await busy(people, act)


async def _keep(person: Person, client: Any, given: dict[str, str], source: random.Random) -> None:
    files = {"file": ("x.png", png(8 + source.randrange(8), 8), "image/png")}
    made = await client.post("/uploads", files=files, data={"title": person.word}, headers=given)
    image = person.hears(made, 201, own=True).json()["id"]
    person.ids.add(image)
    person.hears(await client.get(f"/images/{image}", headers=given), 200, own=True)
    person.hears(
        await client.patch(f"/images/{image}", json={"title": f"{person.word}!"}, headers=given), 200
    )


async def _arrange(person: Person, client: Any, given: dict[str, str], _source: random.Random) -> None:
    made = await client.post("/galleries", json={"title": person.word}, headers=given)
    person.ids.add(person.hears(made, 201, own=True).json()["id"])
    listed = person.hears(
        await client.get("/galleries", params={"limit": "100"}, headers=given), 200, own=True
    )
    assert {one["id"] for one in listed.json()["items"]} <= person.ids


async def _list(person: Person, client: Any, given: dict[str, str], _source: random.Random) -> None:
    listed = person.hears(await client.get("/images", params={"limit": "100"}, headers=given), 200)
    assert {one["id"] for one in listed.json()["items"]} <= person.ids
    assert person.hears(await client.get("/me", headers=given), 200, own=True).json()["handle"] == person.word


async def _pay(person: Person, client: Any, given: dict[str, str], _source: random.Random) -> None:
    made = await client.post("/images", json={"prompt": f"poster {person.word}", "seed": 7}, headers=given)
    person.ids.add(person.hears(made, 201, own=True).json()["id"])
    ledger = person.hears(await client.get("/credits/ledger", headers=given), 200).json()["items"]
    assert {entry["reference"] for entry in ledger} <= {None, *person.ids}
    person.ids |= {entry["id"] for entry in ledger}


async def _pry(person: Person, client: Any, given: dict[str, str], source: random.Random) -> None:
    unknown = uuid.UUID(int=source.getrandbits(128), version=4)
    person.hears(await client.get(f"/images/{unknown}", headers=given), 404)
