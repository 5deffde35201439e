"""Who is at the other end of the connection, when proxies stand between; nothing of it is believed from strangers."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LONGEST = 100  # characters of an address, with zone, brackets and port


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and CIDR ranges of the settings. Raises ValueError for anything else."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def among(address: str, known: Iterable[Network]) -> bool:
    """Whether the address lies in one of the networks; text that is no address doesn't."""
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in known)


def address(scope: Scope, trusted: tuple[Network, ...]) -> str:
    """The nearest hop that is not a trusted proxy: the rightmost such entry of X-Forwarded-For, or the socket's peer.

    An entry that is no address ends the walk at the hop that reported it, so junk never skips a rule.
    """
    client = scope.get("client")
    hop = _text(client[0]) if client else ""
    if not trusted or not among(hop, trusted):
        return hop
    forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
    for entry in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        parsed = _parse(entry)
        if parsed is None:
            return hop
        hop = str(parsed)
        if not among(hop, trusted):
            return hop
    return hop


@functools.lru_cache(maxsize=4096)
def _text(peer: str) -> str:
    parsed = _parse(peer)
    return str(parsed) if parsed else peer


def _parse(text: str) -> Address | None:
    # What is remembered is bounded in length as well: a careless proxy passes on whatever strangers send.
    return _parsed(text) if len(text) <= LONGEST else None


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> Address | None:
    text = text.strip()
    if text.startswith("["):  # [::1]:443
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:443
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed
