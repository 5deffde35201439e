"""`resource-api serve`: checks that it can run, says where, and hands over to uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import ssl
import sys
from collections.abc import Mapping
from typing import Any

import typer
import uvicorn

from .. import lean, settings, uvicorn_protocol
from . import counters, exits, patience, ports, shape, supervisor

APPLICATION = "resource_api.app:from_environment"


def serve(flags: Mapping[str, Any]) -> None:
    """Serves until it is told to stop; `flags` are settings that were given by hand.

    Raises CommandError, ConfigurationError, UnavailableError.
    """
    config = settings.load(**flags)
    _refuse_plain_http(config)
    _check_certificate(config)
    ports.check(config.host, config.port)
    asyncio.run(shape.prepare(config))
    _announce(config)
    # Workers read their settings from the environment, so flags travel there.
    os.environ.update({settings.PREFIX + name.upper(): str(value) for name, value in flags.items()})
    # uvicorn repeats the signal once every request is answered; a clean stop is then no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(exits.DONE))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(exits.INTERRUPTED))
    lean.load_fastapi()
    with counters.shared(config.workers):
        if config.workers == 1:
            uvicorn.run(APPLICATION, factory=True, **options(config))
        else:
            served = uvicorn.Config(APPLICATION, factory=True, workers=config.workers, **options(config))
            supervisor.run(served)


def options(config: settings.Settings) -> dict[str, Any]:
    """How uvicorn serves us. The application itself reads proxies' headers and writes the log."""
    return {
        "host": config.host,
        "port": config.port,
        "http": uvicorn_protocol.Protocol,
        "ws": "none",
        "ssl_certfile": config.tls_cert,
        "ssl_keyfile": config.tls_key,
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "timeout_keep_alive": patience.KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": patience.GRACE_SECONDS,
    }


def _refuse_plain_http(config: settings.Settings) -> None:
    """Tokens go by https, or stay on this machine."""
    if config.tls_cert or config.trusted_proxies or config.host == "localhost":
        return
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(config.host).is_loopback:
            return
    raise settings.ConfigurationError(
        f"Listening on {config.host} without TLS would send access tokens in the clear. Give a certificate "
        "(--tls-cert, --tls-key), or name the TLS proxy in front (--trusted-proxies), or listen on 127.0.0.1."
    )


def _check_certificate(config: settings.Settings) -> None:
    if config.tls_cert is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(config.tls_cert, config.tls_key, password="")
    except OSError as error:  # ssl.SSLError is one
        raise settings.ConfigurationError(
            f"{config.tls_cert} and {config.tls_key} are not a certificate chain and its private key in PEM: "
            f"{error.strerror or error}."
        ) from None


def _announce(config: settings.Settings) -> None:
    where = config.sqlite_path or "PostgreSQL"
    with contextlib.suppress(OSError):  # a full disk under the log keeps no server from starting
        typer.echo(
            f"resource-api at {config.resource}   database {where}   workers {config.workers}\n"
            f"  trusts the tokens of {config.issuer}   docs {config.resource}/docs   health /readyz   stop Ctrl-C",
            err=True,
        )
