"""The database is gone, and comes back: everybody is told to come again, nobody is told anything wrong."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.support import authserver as support
from tests.support.clock import ManualClock

from . import load, promises
from .house import House
from .measuring import wait_for
from .stage import HEALED_SECONDS, LONG, OUTAGE_SECONDS, REFUSED_SECONDS, TIMES, Stage

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@contextlib.contextmanager
def killed(stage: Stage) -> Iterator[None]:
    """Who connects is refused."""
    stage.postgres.kill()
    try:
        yield
    finally:
        stage.postgres.start()


FAULTS: dict[str, Callable[[Stage], contextlib.AbstractContextManager[None]]] = {
    "hanging": lambda stage: stage.postgres.hanging(),
    **({"killed": killed} if LONG else {}),  # in short, the cycles of kills do so
}


@contextlib.contextmanager
def read_only(stage: Stage) -> Iterator[None]:
    """As a node that has become a replica."""
    stage.postgres.set("default_transaction_read_only", "on")
    try:
        yield
    finally:
        stage.postgres.set("default_transaction_read_only", "off")


REFUSALS: dict[str, Callable[[Stage], contextlib.AbstractContextManager[None]]] = {
    "no connections": lambda stage: stage.postgres.locked_out(),
    "read-only": read_only,
}


def tampered(token: str) -> str:
    """The same claims with a scope more, under the old signature."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["scope"] += " admin"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{header}.{forged}.{signature}"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def still_verifying(stage: Stage, token: str, narrow: str) -> None:
    """Tokens are judged as ever: the forged and the narrow are told from the good one, which has to come again."""
    with httpx2.Client(base_url=stage.gallery.url, trust_env=False, timeout=30) as http:
        assert http.get("/images", headers=bearer(token)).status_code == 503
        assert http.get("/images", headers=bearer(tampered(token))).status_code == 401
        assert http.get("/images").status_code == 401
        refused = http.get("/galleries", headers=bearer(narrow))
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (403, "insufficient_scope")
    with httpx2.Client(base_url=stage.first.url, trust_env=False, timeout=30) as http:
        assert len(http.get("/.well-known/jwks.json").json()["keys"]) >= 2
        assert http.get("/livez").status_code == 200
        assert http.get("/readyz").status_code == 503


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FAULTS)
def test_row_153_without_its_database_nobody_waits_and_nothing_wrong_is_said(
    stage: Stage, fault: str
) -> None:
    stage.wait_until_ready()
    token, narrow = stage.machine_token("images:read gallery:read"), stage.machine_token("images:read")
    watch = stage.stopwatch()
    with load.running(stage) as history:
        wait_for(lambda: {"refresh", "upload", "generate", "list"} <= history.done.keys())
        with FAULTS[fault](stage):
            gone = time.monotonic()
            time.sleep(OUTAGE_SECONDS / 2)
            still_verifying(stage, token, narrow)
            time.sleep(OUTAGE_SECONDS / 2)
            slowest = max(history.refused, key=lambda each: each.seconds(gone))
            allowed = watch.allowed(REFUSED_SECONDS, times=TIMES)
            watch.start()
        stage.wait_until_ready()
        done = history.done.copy()
        wait_for(lambda: not {"refresh", "upload", "list"} - (history.done - done).keys())
        healed = watch.seconds
        assert healed < watch.allowed(HEALED_SECONDS, times=TIMES)
    print(
        f"{fault}: {len(history.refused)} refused, the slowest after {slowest.seconds(gone):.2f} s ({slowest.what}); "
        f"healed in {healed:.2f} s"
    )
    assert slowest.seconds(gone) < allowed
    promises.check(stage, history)


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", REFUSALS)
def test_row_153_what_the_database_refuses_is_503_and_has_not_happened(stage: Stage, fault: str) -> None:
    stage.wait_until_ready()
    house = House(stage.first, stage.gallery, stage.app)
    house.tokens = house.redeem(house.code()).json()
    before = house.images()
    with REFUSALS[fault](stage):
        wait_for(lambda: house.refresh().status_code == 503)
        writes = (
            house.refresh,
            lambda: house.ask("revoke", token=house.tokens["refresh_token"]),
            house.upload,
        )
        with ThreadPoolExecutor() as pool:
            for answer in pool.map(lambda write: write(), writes):
                assert answer.status_code == 503, answer.text
                assert int(answer.headers["retry-after"]) > 0
    stage.wait_until_ready()
    wait_for(house.rotate)  # with the very token that was refused
    assert house.images() == before
    assert house.upload().status_code == 201
    assert house.ask("revoke", token=house.tokens["refresh_token"]).status_code == 200


@pytest.fixture
async def without_database(clock: ManualClock) -> AsyncIterator[Any]:
    """A worker that was started while the database was away, as one that replaces another may be."""
    async with support.running(support.configured(NOWHERE), clock) as server:
        yield server


async def test_row_153_a_worker_that_starts_without_the_database_serves_and_says_so(
    without_database: Any,
) -> None:
    for path in ("/readyz", "/oauth/token"):
        method = "POST" if path == "/oauth/token" else "GET"
        answer = await without_database.client.request(
            method,
            path,
            data={"grant_type": "client_credentials", "client_id": "app_x", "client_secret": "x"}
            if method == "POST"
            else None,
        )
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    assert (await without_database.client.get("/livez")).status_code == 200
