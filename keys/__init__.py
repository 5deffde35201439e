"""Signing keys, the key set they are published in, and the verifier of the tokens they sign.

    from keys import Verifier

    verifier = Verifier("https://auth.example.org", "https://api.example.org")
    token = verifier.verify(text)  # an AccessToken, or an error that says why not

A leaf: it imports neither of the services that stand on it, no database, and FastAPI only in `keys.fastapi`.
The names below are imported when they are first used: a process that only signs never loads an HTTP client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .access_token import AccessToken
    from .errors import (
        InsufficientScopeError,
        InvalidKeyError,
        InvalidTokenError,
        KeysError,
        KeySetUnavailableError,
        RingError,
    )
    from .ring import Policy, Record, Ring
    from .signing import SigningKey
    from .verifier import Verifier

__all__ = [
    "AccessToken",
    "InsufficientScopeError",
    "InvalidKeyError",
    "InvalidTokenError",
    "KeySetUnavailableError",
    "KeysError",
    "Policy",
    "Record",
    "Ring",
    "RingError",
    "SigningKey",
    "Verifier",
]

_HOME = {
    "AccessToken": "access_token",
    "Policy": "ring",
    "Record": "ring",
    "Ring": "ring",
    "SigningKey": "signing",
    "Verifier": "verifier",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME.get(name, 'errors')}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
