"""An issuer of access tokens for resource servers under test: one key a run of tests, its key set over real HTTP."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from keys import jwks
from keys.signing import SigningKey

_numbers = itertools.count(1)


def mint(
    key: SigningKey, *, issuer: str, audience: str, now: float, sub: str, scope: str = "", **more: Any
) -> str:
    """An access token as RFC 9068 wants it, good for an hour; `more` changes its claims."""
    claims = {
        "iss": issuer,
        "sub": sub,
        "aud": audience,
        "client_id": "app_web",
        "iat": int(now),
        "exp": int(now) + 3600,
        "jti": f"token-{next(_numbers)}",
        "scope": scope,
    }
    return key.sign(claims | more)


@contextmanager
def published(keys: list[SigningKey]) -> Iterator[str]:
    """The address of a JWKS with the public halves of `keys`."""
    body = jwks.encode(jwks.document(keys))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/jwk-set+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/jwks.json"
        server.shutdown()
