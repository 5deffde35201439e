"""One download of an issuer's key set. When to download, and what to do with a failure, is `source`'s.

The answer comes from the issuer but travels a network, so it is bounded in every direction: 5 s for
everything together, 256 KiB, no redirects, no compression that could unfold, no plain http unless asked for.
"""

import asyncio
import functools
import json
import re
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit, urlunsplit

from . import errors, jwks

if TYPE_CHECKING:  # loaded by the first download; a server that downloads nothing starts without it
    import httpx2

TIMEOUT_SECONDS = 5.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})")


class DownloadError(Exception):
    """Why there is no key set; a sentence for the log."""


@dataclass(frozen=True)
class Download:
    """A usable key set, the address it came from, and how long it says it is fresh (None: not said)."""

    keys: Mapping[str, jwks.PublicKey]
    url: str
    fresh_seconds: float | None


def check_issuer(issuer: str) -> None:
    """Return for an address whose metadata may be fetched: https, or http on this machine; else ValueError."""
    parts = _split(issuer)
    if parts is None or parts.query or parts.fragment:
        raise ValueError(
            f"The issuer {issuer!r} is not an absolute http(s) address without query and fragment."
        )
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ValueError(f"The issuer {issuer!r} must be https, unless you give the jwks_url yourself.")


def check_url(url: str) -> None:
    """Return for an address that can be fetched at all, else raise ValueError."""
    if _split(url) is None:
        raise ValueError(f"The jwks_url {url!r} is not an absolute http(s) address.")


def metadata_url(issuer: str) -> str:
    """Return where the issuer's metadata is: the well-known part precedes the path (RFC 8414 §3.1)."""
    parts = urlsplit(issuer)
    path = "/.well-known/oauth-authorization-server" + parts.path.rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


async def key_set(issuer: str, url: str | None, algorithms: Collection[str]) -> Download:
    """Fetch the key set from `url`, or from where the issuer's metadata says it is.

    Raise DownloadError, and nothing else, when there is no usable one within 5 s.
    """
    import httpx2

    try:
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            httpx2.AsyncClient(verify=_tls(), timeout=TIMEOUT_SECONDS, follow_redirects=False) as client,
        ):
            found = url or await _discover(client, issuer)
            body, headers = await _get(client, found)
    except TimeoutError:
        raise DownloadError(f"No complete answer within {TIMEOUT_SECONDS:.0f} s.") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise DownloadError(f"{type(error).__name__}: {error}") from error
    try:
        keys = jwks.parse(body, algorithms)
    except errors.InvalidKeyError as error:
        raise DownloadError(f"{found}: {error}") from error
    return Download(keys, found, _fresh_seconds(headers))


@functools.cache
def _tls() -> ssl.SSLContext:
    # Made once, because reading the certificates takes longer than the rest of the download.
    import httpx2

    return httpx2.create_ssl_context()


async def _discover(client: "httpx2.AsyncClient", issuer: str) -> str:
    """The `jwks_uri` of the issuer's metadata (RFC 8414 §3)."""
    url = metadata_url(issuer)
    body, _ = await _get(client, url)
    try:
        metadata = json.loads(body)
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict):
        raise DownloadError(f"{url} is not a JSON object.")
    if metadata.get("issuer") != issuer:
        # RFC 8414 §3.3: metadata that names another issuer must not be used.
        raise DownloadError(f"{url} names the issuer {errors.shown(metadata.get('issuer'))}, not {issuer!r}.")
    found = metadata.get("jwks_uri")
    parts = _split(found) if isinstance(found, str) else None
    if parts is None or (parts.scheme != "https" and urlsplit(issuer).scheme == "https"):
        raise DownloadError(f"{url} has no acceptable jwks_uri: {errors.shown(found)}.")
    return urlunsplit(parts)


async def _get(client: "httpx2.AsyncClient", url: str) -> tuple[bytes, "httpx2.Headers"]:
    headers = {"Accept": f"{jwks.MEDIA_TYPE}, application/json", "Accept-Encoding": "identity"}
    async with client.stream("GET", url, headers=headers) as response:
        if response.status_code != 200:
            raise DownloadError(f"{url} answered {response.status_code}.")
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise DownloadError(f"{url} answered compressed, which was not asked for.")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > jwks.MAX_BYTES:
                raise DownloadError(f"{url} answered more than {jwks.MAX_BYTES} bytes.")
        return bytes(body), response.headers


def _fresh_seconds(headers: Mapping[str, str]) -> float | None:
    """The max-age of the answer less the time a cache on the way has held it (RFC 9111 §4.2)."""
    control = headers.get("cache-control", "").lower()
    if "no-store" in control or "no-cache" in control:
        return 0
    stated = _MAX_AGE.search(control)
    if stated is None:
        return None
    age = headers.get("age", "0")
    return max(0, int(stated[1]) - (int(age[:9]) if age.isascii() and age.isdigit() else 0))


def _split(url: str) -> SplitResult | None:
    """The parts of an absolute http(s) address, else None."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return None
    return parts if usable else None
