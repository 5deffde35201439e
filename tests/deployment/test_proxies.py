"""The proxy configurations that commands print: well formed, and agreeing with what the services do."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer
from typer import testing

import authserver.cli
import authserver.settings
import resource_api.cli
import resource_api.settings
from authserver.cli import patience, proxy
from authserver.web.kit import forms
from resource_api import uploads
from resource_api.cli import proxies

KINDS = list(proxy.Kind)
Block = dict[str, Any]


def parse(text: str) -> Block:
    """nginx' directives: `name words;` or `name words { … }`, each a list, since many may stand more than once."""
    tokens = re.findall(r"#.*|\"[^\"]*\"|[{};]|[^\s{};]+", text)
    top: Block = {}
    stack: list[Block] = [top]
    words: list[str] = []
    for token in tokens:
        if token.startswith("#"):
            continue
        if token == ";":
            assert words
            stack[-1].setdefault(words[0], []).append(" ".join(words[1:]))
            words = []
        elif token == "{":
            inner: Block = {}
            stack[-1].setdefault(words[0], []).append((" ".join(words[1:]), inner))
            stack.append(inner)
            words = []
        elif token == "}":
            assert not words
            stack.pop()
        else:
            words.append(token)
    assert stack == [top]
    return top


def size(text: str) -> int:
    return int(text[:-1]) * {"k": 1024, "m": 1024**2}[text[-1]]


def of_authserver(kind: str, issuer: str, *nodes: str) -> str:
    config = authserver.settings.load(issuer=issuer)
    return proxy.snippet(config, proxy.Kind(kind), list(nodes) or ["127.0.0.1:8000"])


def of_gallery(kind: str, resource: str, *nodes: str) -> str:
    config = resource_api.settings.load(resource=resource)
    return proxies.snippet(config, kind, list(nodes) or ["127.0.0.1:8001"])


@pytest.mark.parametrize(
    ("text", "host", "port", "node", "takes"),
    [
        (of_authserver("nginx", "https://id.test"), "id.test", 443, "127.0.0.1:8000", forms.LIMIT),
        (of_authserver("nginx", "https://id.test:8443/a"), "id.test", 8443, "127.0.0.1:8000", forms.LIMIT),
        (of_gallery("nginx", "https://g.test"), "g.test", 443, "127.0.0.1:8001", uploads.FORM_BYTES),
    ],
)
def test_nginx_passes_on_what_the_service_takes(
    text: str, host: str, port: int, node: str, takes: int
) -> None:
    read = parse(text)
    ((name, upstream),) = read["upstream"]
    assert upstream["server"] == [node]
    # The proxy lets go first, or a request meets a connection that is just being closed.
    assert int(upstream["keepalive_timeout"][0].removesuffix("s")) < patience.KEEP_ALIVE_SECONDS
    (_, plain), (_, tls) = read["server"]
    public = host if port == 443 else f"{host}:{port}"
    assert plain["return"] == [f"308 https://{public}$request_uri"]
    assert tls["listen"] == [f"{port} ssl", f"[::]:{port} ssl"]
    assert tls["server_name"] == plain["server_name"] == [host]
    assert takes < size(tls["client_max_body_size"][0]) <= 2 * takes
    for where, location in tls["location"]:
        if where.endswith("/metrics"):
            assert location == {"return": ["404"]}
            continue
        assert location["proxy_pass"] == [f"http://{name}"]
        assert "X-Forwarded-For $remote_addr" in location["proxy_set_header"]
        assert "Host $http_host" in location["proxy_set_header"]


def test_nginx_passes_on_only_what_lies_below_the_issuer() -> None:
    ((_, tls),) = parse(of_authserver("nginx", "https://id.test/auth"))["server"][1:]
    assert [where for where, _ in tls["location"]] == [
        "= /auth/metrics",
        "/auth/",
        "= /.well-known/oauth-authorization-server/auth",
    ]


@pytest.mark.parametrize(
    ("text", "site", "metrics"),
    [
        (of_authserver("caddy", "https://id.test"), "id.test", "/metrics"),
        (of_authserver("caddy", "https://id.test:8443/a"), "id.test:8443", "/a/metrics"),
        (of_gallery("caddy", "https://g.test"), "g.test", "/metrics"),
    ],
)
def test_caddy_serves_the_public_name(text: str, site: str, metrics: str) -> None:
    assert text.count("{") == text.count("}")
    lines = [line.strip() for line in text.splitlines()]
    assert lines[1] == f"{site} {{"
    assert f"respond {metrics} 404" in lines
    (keep_alive,) = re.findall(r"keepalive (\d+)s", text)
    assert int(keep_alive) < patience.KEEP_ALIVE_SECONDS
    assert "health_uri" not in text  # a single node says itself what is wrong with it
    assert ("@authserver path /a/* /.well-known/oauth-authorization-server/a" in lines) == ("/a/" in metrics)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of", [of_authserver, of_gallery])
def test_several_nodes_share_the_work(of: Any, kind: str) -> None:
    text = of(kind, "https://name.test", "10.0.0.1:80", "10.0.0.2:80")
    if kind == "caddy":
        assert re.search(r"reverse_proxy 10\.0\.0\.1:80 10\.0\.0\.2:80 \{", text)
        assert "health_uri /readyz" in text
    else:
        ((_, upstream),) = parse(text)["upstream"]
        assert upstream["server"] == ["10.0.0.1:80", "10.0.0.2:80"]


@pytest.mark.parametrize(
    ("app", "prefix", "public", "port"),
    [
        (authserver.cli.app, "AUTHSERVER_", "ISSUER", 8000),
        (resource_api.cli.app, "RESOURCE_API_", "RESOURCE", 8001),
    ],
    ids=["authserver", "resource-api"],
)
def test_the_command_fills_it_from_the_settings(
    app: typer.Typer, prefix: str, public: str, port: int
) -> None:
    def run(kind: str, **settings: str) -> Any:
        given = {f"{prefix}{name}": value for name, value in settings.items()}
        return testing.CliRunner().invoke(app, ["proxy", kind], env=given)

    settings = {public: "https://name.test", "HOST": "0.0.0.0"}
    done = run("nginx", **settings)
    assert f"server 127.0.0.1:{port};" in done.stdout
    assert f"{prefix}TRUSTED_PROXIES=127.0.0.1" in done.stderr
    trusted = run("caddy", **settings, TRUSTED_PROXIES="127.0.0.0/8")
    assert (trusted.exit_code, trusted.stderr) == (0, "")
    # A server for this machine alone needs no proxy; there is none we don't know.
    assert type(run("nginx").exception).__name__ == "ConfigurationError"
    assert run("squid", **settings).exit_code == 2
