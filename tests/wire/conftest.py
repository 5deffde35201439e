"""Each test here runs twice: the servers are strangers to each other, and each has a protocol of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import authserver.uvicorn_protocol
import resource_api.uvicorn_protocol

from .server import Server, run

Protocol = type[authserver.uvicorn_protocol.Protocol] | type[resource_api.uvicorn_protocol.Protocol]
PROTOCOLS: list[Protocol] = [authserver.uvicorn_protocol.Protocol, resource_api.uvicorn_protocol.Protocol]


@pytest.fixture(scope="module", params=PROTOCOLS, ids=["authserver", "resource_api"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """With the limits that people meet."""
    with run(request.param) as started:
        yield started


@pytest.fixture(scope="module", params=PROTOCOLS, ids=["authserver", "resource_api"])
def impatient(request: pytest.FixtureRequest) -> Iterator[Server]:
    """With short times."""
    times = {"HEAD_SECONDS": 0.5, "BODY_SECONDS": 1.0}
    with run(type("Impatient", (request.param,), times)) as started:
        yield started
