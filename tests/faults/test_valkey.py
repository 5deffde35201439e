"""Valkey emptied, hung, killed: it counts tries and carries news, and nothing that must not be lost lies in it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil
import pytest
import redis

from authserver import limits
from authserver.cli import running
from authserver.oauth import clients
from tests.authserver.protocol.flows import PASSWORD, App
from tests.support import authserver as support
from tests.support import processes, servers

from . import house as houses
from . import stage as stages
from .measuring import wait_for
from .stage import PEOPLE, SCOPES, Service

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(600)]

OLD, BEFORE = 2, 6
"""Tries that Valkey has counted when a copy is made of it, and when it fails."""
MORE = ("dora@example.test",)


@dataclass
class House:
    """Two nodes of the authorization server that count their tries in one Valkey."""

    nodes: tuple[Service, Service]
    database_url: str
    valkey_url: str
    machine: App
    ana: houses.House
    """Ana's app, at the first node."""
    old: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)

    @property
    def valkey(self) -> psutil.Process:
        with redis.Redis.from_url(self.valkey_url) as client:
            return psutil.Process(client.info()["process_id"])

    def empty(self) -> None:
        with redis.Redis.from_url(self.valkey_url) as client:
            client.flushall()

    def copy(self) -> dict[bytes, tuple[bytes, int]]:
        """All that Valkey holds now: values, and when they end."""
        with redis.Redis.from_url(self.valkey_url) as client:
            return {key: (client.dump(key), client.pexpiretime(key)) for key in client.scan_iter()}

    def put_back(self, copy: dict[bytes, tuple[bytes, int]]) -> None:
        """An old copy takes the place of what Valkey holds, as when a replica that was behind takes over."""
        with redis.Redis.from_url(self.valkey_url) as client:
            client.flushall()
            for key, (value, ends_at) in copy.items():
                client.restore(key, ends_at, value, absttl=True)

    def sign_in(self, email: str, password: str, node: Service) -> int:
        headers = {"sec-fetch-site": "same-origin", "accept": "text/html"}
        form = {"email": email, "password": password}
        with httpx2.Client(base_url=node.url, trust_env=False, timeout=30) as http:
            return http.post("/login", data=form, headers=headers).status_code

    def tries(self, email: str) -> Iterator[int]:
        """What wrong passwords are answered, by one node after the other."""
        for node in itertools.cycle(self.nodes):
            yield self.sign_in(email, "a wrong password 3", node)

    def token(self, node: Service) -> int:
        form = {"grant_type": "client_credentials", "scope": SCOPES[0]}
        credentials = self.machine.credentials()
        url = f"{node.url}/oauth/token"
        return httpx2.post(url, data=form, **credentials, trust_env=False, timeout=30).status_code

    def answers(self, node: Service, status: int) -> bool:
        return self.token(node) == status

    def enable(self, enabled: bool) -> None:
        """What `authserver client enable` and `disable` do: news for every node."""

        async def change() -> None:
            config = support.configured(self.database_url, valkey_url=self.valkey_url)
            async with running.opened(config) as here:
                verb = clients.enable if enabled else clients.disable
                await here.database.transaction(
                    lambda session: verb(session, self.machine.client_id, now=here.now)
                )

        asyncio.run(change())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    database_url = f"sqlite:///{tmp_path}/authserver.db"
    app, machine = asyncio.run(stages.register(database_url, PEOPLE + MORE))
    with servers.valkey(tmp_path / "valkey") as valkey_url:
        ports = [processes.free_port() for _ in range(2)]
        given = stages.authserver_settings(database_url, f"http://localhost:{ports[0]}")
        given["AUTHSERVER_VALKEY_URL"] = valkey_url
        first, second = (stages.authorization_server(tmp_path, given, port) for port in ports)
        with stages.started(first, second):
            yield House((first, second), database_url, valkey_url, machine, houses.House(first, first, app))


@contextlib.contextmanager
def emptied(house: House) -> Iterator[None]:
    house.empty()
    yield


@contextlib.contextmanager
def outdated(house: House) -> Iterator[None]:
    """The copy in its place was made after two tries."""
    house.put_back(house.old)
    yield


@contextlib.contextmanager
def hung(house: House) -> Iterator[None]:
    process = house.valkey
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@contextlib.contextmanager
def killed(house: House) -> Iterator[None]:
    """For good: this one comes last."""
    house.valkey.kill()
    yield


FAULTS: tuple[Callable[[House], contextlib.AbstractContextManager[None]], ...] = (
    outdated,
    emptied,
    hung,
    killed,
)


def test_row_156_without_valkey_tries_are_counted_anew_and_news_still_arrive(house: House) -> None:
    assert limits.LOGIN_ACCOUNT == 10
    code = house.ana.code()
    house.ana.tokens = house.ana.redeem(code).json()
    used = house.ana.tokens["refresh_token"]
    ended = house.ana.redeem(house.ana.code()).json()["refresh_token"]
    assert house.ana.ask("revoke", token=ended).status_code == 200
    for email, fault in zip(PEOPLE + MORE, FAULTS, strict=True):
        for node in house.nodes:
            assert house.sign_in(email, PASSWORD, node) == 303
            assert house.token(node) == 200
        tries = house.tries(email)
        assert [next(tries) for _ in range(OLD)] == [422] * OLD
        house.old = house.copy() if fault is outdated else house.old
        assert [next(tries) for _ in range(BEFORE - OLD)] == [422] * (BEFORE - OLD)
        with fault(house):
            # Nobody is let in by the fault: the count begins anew, once, wherever it is kept now.
            later = list(itertools.islice(tries, limits.LOGIN_ACCOUNT + 4))
            assert 422 in later
            assert later.index(429) <= limits.LOGIN_ACCOUNT
            assert set(later[later.index(429) :]) == {429}
            if fault is outdated:
                assert later.index(429) == limits.LOGIN_ACCOUNT - OLD, "it counts on from where the copy was"
            # What counts once lies in the database, whatever Valkey has forgotten.
            assert house.ana.rotate()
            assert house.ana.ask("token", grant_type="refresh_token", refresh_token=ended).status_code == 400
            for node in house.nodes:
                assert house.sign_in(email, PASSWORD, node) == 429, "not even with the right password"
            for enabled, status in ((False, 401), (True, 200)):
                house.enable(enabled)
                for node in house.nodes:
                    wait_for(functools.partial(house.answers, node, status))
    assert house.ana.redeem(code).json()["error"] == "invalid_grant"
    assert house.ana.ask("token", grant_type="refresh_token", refresh_token=used).status_code == 400
    assert not house.ana.rotate(), "the code was shown twice: all that came of it has ended"
