"""Forwarded addresses are believed only from proxies that the settings list, and only as far as they reach."""

from __future__ import annotations

import pytest

from authserver.web.kit import peers

TRUSTED = peers.networks(("10.0.0.0/8", "::1"))


def _address(peer: str, *forwarded: str) -> str:
    scope = {
        "type": "http",
        "client": (peer, 1),
        "headers": [(b"x-forwarded-for", line.encode()) for line in forwarded],
    }
    return peers.address(scope, TRUSTED)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # a stranger's header counts for nothing
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.66, 198.51.100.1"], "198.51.100.1"),  # only the nearest untrusted hop
        ("10.0.0.1", ["203.0.113.66", "198.51.100.1, 10.2.3.4"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, a"], "10.0.0.1"),  # junk ends the walk where it is
        ("10.0.0.1", ["a"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.9.9.9"], "10.9.9.9"),
        ("::1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    ],
)
def test_the_peer_is_the_nearest_hop_nobody_vouches_for(
    peer: str, forwarded: list[str], address: str
) -> None:
    assert _address(peer, *forwarded) == address


def test_a_range_that_is_no_range_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        peers.networks(("nonsense",))
