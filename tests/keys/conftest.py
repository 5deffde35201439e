"""Keys made once a run (making one takes a tenth of a second), a clock moved by hand, a real issuer."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from keys import jwks, source
from keys.signing import SigningKey
from keys.verifier import Verifier

from .forge import Forger
from .issuer import Issuer

ISSUER = "https://auth.test"
AUDIENCE = "https://api.test"
Mint = Callable[..., str]


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock(1_800_000_000.0)


@pytest.fixture(scope="session")
def signing_keys() -> list[SigningKey]:
    return [SigningKey.generate() for _ in range(3)]


@pytest.fixture(scope="session")
def key(signing_keys: list[SigningKey]) -> SigningKey:
    return signing_keys[0]


@pytest.fixture
def claims(clock: Clock) -> Callable[..., dict[str, Any]]:
    """Makes the claims of a good token; a claim given as `...` is left out."""
    numbers = itertools.count()

    def make(**changes: Any) -> dict[str, Any]:
        good = {
            "iss": ISSUER,
            "sub": "5f0c1f7e-5f0e-4a0b-9d0e-0a2d6c1b7e11",
            "aud": AUDIENCE,
            "client_id": "app_gallery",
            "iat": int(clock.now),
            "exp": int(clock.now) + 300,
            "jti": f"token-{next(numbers)}",
            "scope": "images:read images:write",
        }
        return {name: value for name, value in (good | changes).items() if value is not ...}

    return make


@pytest.fixture
def mint(key: SigningKey, claims: Callable[..., dict[str, Any]]) -> Mint:
    """Signs a good token, with these claims changed; `by` is another key."""

    def make(by: SigningKey = key, **changes: Any) -> str:
        return by.sign(claims(**changes))

    return make


@pytest.fixture
def verifier(key: SigningKey, clock: Clock) -> Verifier:
    """One that holds the key and needs no network."""
    return Verifier(ISSUER, AUDIENCE, source=source.Fixed(jwks.of([key])), clock=clock)


@pytest.fixture
def issuer(key: SigningKey) -> Iterator[Issuer]:
    with Issuer([key]) as running:
        yield running


@pytest.fixture
def forger(key: SigningKey, claims: Callable[..., dict[str, Any]]) -> Forger:
    return Forger(key, claims)
