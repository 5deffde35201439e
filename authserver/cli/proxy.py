"""`authserver proxy`: what a TLS proxy in front needs to know."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

import typer

from .. import settings
from . import patience, terminal

HELP = """Print the configuration of a TLS proxy in front of the server, filled from its settings.

\b
Examples:
  authserver proxy nginx > /etc/nginx/conf.d/authserver.conf
  authserver proxy caddy >> /etc/caddy/Caddyfile
  authserver proxy nginx --node 10.0.0.11:8000 --node 10.0.0.12:8000
"""
# Shorter than ours, so that no request meets a connection that we are just closing.
KEEP_ALIVE_SECONDS = patience.KEEP_ALIVE_SECONDS - 5
# What is too large we refuse ourselves, and say so: Caddy passes it on, and nginx' limit is a little above ours.
NGINX = """# {issuer}. Made by `authserver proxy nginx`.
upstream authserver {{
{servers}
    keepalive 32;
    keepalive_timeout {keep_alive}s;
}}

server {{
    listen 80;
    listen [::]:80;
    server_name {host};
    return 308 https://{site}$request_uri;
}}

server {{
    listen {port} ssl;
    listen [::]:{port} ssl;
    # http2 on;  from nginx 1.25.1
    server_name {host};
    ssl_certificate /etc/letsencrypt/live/{host}/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/{host}/privkey.pem;
    ssl_protocols TLSv1.2 TLSv1.3;

    client_max_body_size 128k;
    large_client_header_buffers 4 16k;

    # Numbers are for those who run it.
    location = {path}/metrics {{
        return 404;
    }}
{locations}
}}"""
LOCATION = """
    location {where} {{
        proxy_pass http://authserver;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_connect_timeout 3s;
        # Answers may carry an address as long as the one that was asked for.
        proxy_buffer_size 32k;
        proxy_buffers 8 32k;
    }}"""
CADDY = """# {issuer}. Made by `authserver proxy caddy`, which gets the certificate by itself.
{site} {{
	# Numbers are for those who run it.
	respond {path}/metrics 404{ours}
	reverse_proxy {to} {{
		lb_try_duration 3s{health}
		transport http {{
			dial_timeout 3s
			keepalive {keep_alive}s
		}}
	}}
}}"""
# Of several nodes one that is not ready is left alone; a single one says itself what is wrong.
HEALTH = """
		health_uri {path}/readyz
		health_interval 2s"""

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


class Kind(StrEnum):
    """Proxies we know how to configure."""

    NGINX = "nginx"
    CADDY = "caddy"


@app.command(help=HELP)
def proxy(
    kind: Annotated[Kind, typer.Argument(help="nginx or caddy.")],
    node: Annotated[
        list[str] | None,
        typer.Option(help="HOST:PORT of a node; again for each. Not given: as set, on this machine."),
    ] = None,
) -> None:
    config = settings.load()
    if not config.secure:
        raise settings.ConfigurationError(
            f"{settings.PREFIX}ISSUER must be the public https address: {config.issuer} needs no proxy."
        )
    typer.echo(snippet(config, kind, node or [_own(config)]))
    here = ipaddress.ip_address("127.0.0.1")
    trusted = [ipaddress.ip_network(network, strict=False) for network in config.trusted_proxies]
    if node is None and not any(here in network for network in trusted):
        terminal.say(
            f"Set {settings.PREFIX}TRUSTED_PROXIES=127.0.0.1 as well: without it everybody seems to come from the "
            "proxy, limits count all as one, and it may read what is for this machine alone."
        )


def snippet(config: settings.Settings, kind: Kind, nodes: list[str]) -> str:
    """The configuration for that proxy. Everything below the issuer's path goes to the nodes."""
    parts = urlsplit(config.issuer)
    # RFC 8414 §3.1: with a path, the metadata stands outside it.
    metadata = f"/.well-known/oauth-authorization-server{parts.path}"
    common = {
        "issuer": config.issuer,
        "site": parts.netloc,
        "path": parts.path,
        "keep_alive": KEEP_ALIVE_SECONDS,
    }
    if kind is Kind.CADDY:
        health = HEALTH.format(**common) if len(nodes) > 1 else ""
        ours = f"\n\t@authserver path {parts.path}/* {metadata}" if parts.path else ""
        to = " ".join([*(["@authserver"] if parts.path else []), *nodes])
        return CADDY.format(ours=ours, to=to, health=health, **common)
    wheres = [f"{parts.path}/", *([f"= {metadata}"] if parts.path else [])]
    return NGINX.format(
        host=parts.hostname,
        port=parts.port or 443,
        servers="\n".join(f"    server {node};" for node in nodes),
        locations="\n".join(LOCATION.format(where=where) for where in wheres),
        **common,
    )


def _own(config: settings.Settings) -> str:
    """Where the server listens, as seen from this machine."""
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host  # noqa: S104  all of its own
    return f"[{host}]:{config.port}" if ":" in host else f"{host}:{config.port}"
