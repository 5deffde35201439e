"""The fixtures that every part shares. What they stand on lives in `tests/support`.

Services are imported inside the fixtures, so that the tests of one part run without the others.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import structlog
import uvloop

from .support import databases, run, servers, statements
from .support.clock import ManualClock

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from keys.signing import SigningKey

    from .support.authserver import Authserver
    from .support.gallery import Gallery

_RUN = pytest.StashKey[run.Run]()
_NO_SKIPS = os.environ.get("CI") == "true"


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith(("AUTHSERVER_", "RESOURCE_API_"))]:
        del os.environ[name]  # a developer's own settings are no part of a test
    statements.share()
    _hurry()
    if not hasattr(
        config, "workerinput"
    ):  # a worker of xdist lives in the run of the process that started it
        config.stash[_RUN] = run.Run()
        config.option.basetemp = config.option.basetemp or str(run.folder() / "tests")
    if (
        config.getoption("dist", "no") == "no"
    ):  # this process runs tests; one that hands them out stays where it is
        os.chdir(run.folder())  # a developer's .env is no part of a test either
        gc.disable()  # until everything is collected


def _hurry() -> None:
    """Each request of a test would look for a package that isn't there, and format two lines that nobody reads."""
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]  # the documented way to say that it is missing
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ]
    )


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the services have, which is also the faster one."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_unconfigure(config: pytest.Config) -> None:
    databases.close()
    mine = config.stash.get(_RUN, None)
    if mine is not None:
        os.chdir(config.rootpath)
        mine.end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, or a run ends with one process at work and the others done."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """What was collected stays: the garbage collector need not look through it again and again, and what a test
    leaves behind may wait. It took a tenth of all time."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI a test that can't run is a test that failed."""
    if _NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} would be skipped, and CI skips nothing: {report.longrepr}"


@pytest.fixture
def clock() -> ManualClock:
    """The time that the services under test see."""
    return ManualClock()


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The run's PostgreSQL server; its database "postgres" belongs to nobody."""
    return servers.url("postgresql")


@pytest.fixture
def valkey_url(worker_id: str) -> str:
    """A database of the run's Valkey server that is this process's own, and empty."""
    import redis

    number = 0 if worker_id == "master" else 1 + int(worker_id.removeprefix("gw"))
    url = f"{servers.url('valkey')}/{number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(params=databases.KINDS)
async def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database with nothing in it, on SQLite and on PostgreSQL."""
    async with databases.empty(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def template() -> databases.Template:
    """What `database_url` is a copy of: it has its signing keys and nothing else."""
    from .support import authserver

    return "authserver", authserver.build


@pytest.fixture(params=databases.KINDS)
async def database_url(
    request: pytest.FixtureRequest, template: databases.Template, tmp_path: Path
) -> AsyncIterator[str]:
    """A migrated database of the authorization server."""
    async with databases.fresh(request.param, *template, tmp_path) as url:
        yield url


@pytest.fixture(params=databases.KINDS)
async def resource_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A migrated, empty database of the resource API."""
    from .support import gallery

    async with databases.fresh(request.param, "resource_api", gallery.migrate, tmp_path) as url:
        yield url


@pytest.fixture
async def authserver(database_url: str, clock: ManualClock) -> AsyncIterator[Authserver]:
    """The running authorization server."""
    from .support import authserver as support

    async with support.running(support.configured(database_url), clock) as server:
        yield server


@pytest.fixture(scope="session")
def issuer_key() -> SigningKey:
    """The key that signs the tokens of tests without an authorization server."""
    from keys import signing

    return signing.SigningKey.generate()


@pytest.fixture(scope="session")
def jwks_url(issuer_key: SigningKey) -> Iterator[str]:
    """Where the public half of `issuer_key` is published."""
    from .support import tokens

    with tokens.published([issuer_key]) as url:
        yield url


@pytest.fixture
async def gallery(
    resource_database_url: str, clock: ManualClock, issuer_key: SigningKey, jwks_url: str, tmp_path: Path
) -> AsyncIterator[Gallery]:
    """The running resource API, and `mint` for its tokens."""
    from .support import gallery as support

    files = tmp_path / "files"
    async with support.running(resource_database_url, clock, issuer_key, jwks_url, files) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium, started once a process: that takes longer than most of what it is shown."""
    from .support import browsers

    executable = browsers.find()
    if executable is None:
        pytest.skip("no Chromium on this machine; on Debian: apt-get install chromium")
    async with browsers.launched(executable) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium: Browser) -> AsyncIterator[Browser]:
    """Chromium, for tests that run in the session's loop; contexts and pages are the test's own."""
    yield chromium
    for context in chromium.contexts:
        await context.close()
