"""`resource-api proxy`: what a TLS proxy in front needs to know."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from .. import settings
from . import patience

# Shorter than ours, so that no request meets a connection that we are just closing.
KEEP_ALIVE_SECONDS = patience.KEEP_ALIVE_SECONDS - 5
# What is too large we refuse ourselves, and say so: Caddy passes it on, and nginx' limit is a little above ours.
NGINX = """# {resource}. Made by `resource-api proxy nginx`.
upstream resource_api {{
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

    client_max_body_size 11m;
    large_client_header_buffers 4 16k;

    # Numbers are for those who run it.
    location = /metrics {{
        return 404;
    }}

    location / {{
        proxy_pass http://resource_api;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_connect_timeout 3s;
    }}
}}"""
CADDY = """# {resource}. Made by `resource-api proxy caddy`, which gets the certificate by itself.
{site} {{
	# Numbers are for those who run it.
	respond /metrics 404
	reverse_proxy {nodes} {{
		lb_try_duration 3s{health}
		transport http {{
			dial_timeout 3s
			keepalive {keep_alive}s
		}}
	}}
}}"""
# Of several nodes one that is not ready is left alone; a single one says itself what is wrong.
HEALTH = """
		health_uri /readyz
		health_interval 2s"""


def write(config: settings.Settings, kind: str, nodes: list[str]) -> tuple[str, str]:
    """The configuration for that proxy, and what else is to be set. Raises ConfigurationError."""
    if not config.secure or config.path:
        raise settings.ConfigurationError(
            f"{settings.PREFIX}RESOURCE must be a public https address without a path, not {config.resource}."
        )
    advice = ""
    here = ipaddress.ip_address("127.0.0.1")
    if not nodes and not any(here in network for network in settings.networks(config.trusted_proxies)):
        advice = (
            f"Set {settings.PREFIX}TRUSTED_PROXIES=127.0.0.1 as well: without it everybody seems to come from the "
            "proxy, and it may read what is for this machine alone."
        )
    return snippet(config, kind, nodes or [_own(config)]), advice


def snippet(config: settings.Settings, kind: str, nodes: list[str]) -> str:
    """The configuration for that proxy; the whole host is the gallery's."""
    parts = urlsplit(config.resource)
    common = {"resource": config.resource, "site": parts.netloc, "keep_alive": KEEP_ALIVE_SECONDS}
    if kind == "caddy":
        health = HEALTH if len(nodes) > 1 else ""
        return CADDY.format(nodes=" ".join(nodes), health=health, **common)
    servers = "\n".join(f"    server {node};" for node in nodes)
    return NGINX.format(host=parts.hostname, port=parts.port or 443, servers=servers, **common)


def _own(config: settings.Settings) -> str:
    """Where the service listens, as seen from this machine."""
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host  # noqa: S104  all of its own
    return f"[{host}]:{config.port}" if ":" in host else f"{host}:{config.port}"
