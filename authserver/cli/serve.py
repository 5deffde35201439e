"""`authserver serve`: checks that it can run, says where, and hands over to uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn

from .. import credentials, lean, settings, uvicorn_protocol
from ..oauth import signing_keys
from . import counters, exits, patience, ports, running, supervisor, terminal

HELP = """The server. SQLite is migrated by itself; on PostgreSQL an old schema is refused (exit 4).

\b
Examples:
  authserver serve
  authserver serve --port 9000 --workers 2
  AUTHSERVER_ISSUER=https://id.example.org authserver serve --host 0.0.0.0 --trusted-proxies 10.0.0.0/8
  authserver serve --host 0.0.0.0 --port 443 --tls-cert chain.pem --tls-key key.pem
"""
APPLICATION = "authserver.app:from_environment"

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(help=HELP)
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; one per core is right.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="A PEM certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its PEM private key.")] = None,
    trusted_proxies: Annotated[
        str | None, typer.Option(help="Proxies whose X-Forwarded-For is believed, separated by commas.")
    ] = None,
) -> None:
    flags: dict[str, Any] = {
        "host": host,
        "port": port,
        "workers": workers,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "trusted_proxies": trusted_proxies,
    }
    config = settings.load(**flags)
    _refuse_plain_http(config)
    ports.check(config.host, config.port, option="--port", variable="AUTHSERVER_PORT")
    _announce(config, asyncio.run(_prepare(config)))
    # Workers read their settings from the environment, so flags travel there.
    os.environ.update(
        {settings.PREFIX + name.upper(): str(value) for name, value in flags.items() if value is not None}
    )
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


async def _prepare(config: settings.Settings) -> credentials.SecretKeys:
    """The database has its shape and its signing keys, and our secret key opens them; else nothing starts."""
    async with running.opened(config) as here:
        await here.database.transaction(lambda session: signing_keys.ensure(here.oauth, session))
        await here.database.read(lambda session: signing_keys.ring(here.oauth, session))
        return here.oauth.secret_keys


def _refuse_plain_http(config: settings.Settings) -> None:
    """Passwords and tokens go by https, or stay on this machine."""
    if config.tls_cert or config.trusted_proxies or config.host == "localhost":
        return
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(config.host).is_loopback:
            return
    raise settings.ConfigurationError(
        f"Listening on {config.host} without TLS would send passwords and tokens in the clear. Give a certificate "
        "(--tls-cert, --tls-key), or name the TLS proxy in front (--trusted-proxies), or listen on 127.0.0.1."
    )


def _announce(config: settings.Settings, secret_keys: credentials.SecretKeys) -> None:
    where = config.sqlite_path or "PostgreSQL"
    terminal.say(f"authserver at {config.issuer}   database {where}   workers {config.workers}")
    if secret_keys.path is not None:
        terminal.say(f"  secret key {secret_keys.path} (keep a copy: without it signing keys can't be read)")
    terminal.say(
        f"  sign in {config.issuer}/login   docs {config.issuer}/docs   health /readyz   stop Ctrl-C"
    )
