"""What comes in and what goes out: plain HTTP facts, and their shape for Authlib.

The web fills a `Request`; the protocol answers with an `Answer`. `ProtocolRequest` is the same request as
Authlib wants to see it. A POST reads its form only, a GET its query only: nothing is ever merged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request

Items = list[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """One HTTP request. Header names are lower case; lines of a repeated header are joined by ", "."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Items
    form: Items
    ip: str


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. `origins` are those whose scripts may read it: the authenticated client's own.

    `grant_type` is the one that issued a token, where one was issued.
    """

    status: int
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    origins: tuple[str, ...] = ()
    grant_type: str | None = None


@dataclass(frozen=True)
class Presented:
    """A client's one credential in a request. `method` is None when it is of a kind we don't know or can't read."""

    method: str | None
    client_id: str | None = None
    secret: str | None = field(default=None, repr=False)


class Payload(OAuth2Payload):
    """Parameters of a request. One sent without a value counts as not sent (RFC 6749 §3.1, §3.2)."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self._datalist: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in items:
            if value:
                self._datalist[name].append(value)
        self._data = {name: values[0] for name, values in self._datalist.items()}

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return self._datalist


_BLANK = vars(OAuth2Request("POST", "https://localhost"))


class ProtocolRequest(OAuth2Request):
    """A request as Authlib reads it.

    Its address is made from the issuer, never from what the client claims as host or scheme: a forged Host reaches
    nothing.
    """

    def __init__(self, request: Request, issuer: str) -> None:
        # Authlib's own would ask each time whether the address is secure; the issuer's is, or `settings` complains.
        self.__dict__.update(_BLANK)
        self.method = request.method
        self.uri = issuer + request.path
        self.headers = request.headers
        items = request.form if request.method == "POST" else request.query
        self.payload = Payload(items)
        self.ip = request.ip
        self.presented = Presented(None)  # until it is read
        # An empty state is echoed like any other, so it is read before empty values are dropped.
        self.state_sent = next((value for name, value in items if name == "state"), None)

    @property
    def args(self) -> dict[str, str]:
        return self.payload.data if self.method == "GET" else {}

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data if self.method == "POST" else {}


def repeated(items: Items) -> set[str]:
    """Names sent more than once. Only `resource` may be (RFC 6749 §3.1, §3.2; RFC 8707 §2)."""
    seen: set[str] = set()
    twice: set[str] = set()
    for name, _ in items:
        if name in seen and name != "resource":
            twice.add(name)
        seen.add(name)
    return twice
