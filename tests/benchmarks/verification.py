"""Offline verification in one process, beside the least that anything could do: RSA verify, base64, JSON."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_private_key

from keys import jwks, source, verifier
from keys.signing import SigningKey

from .load import Sample

ISSUER, AUDIENCE = "https://issuer.test", "https://gallery.test"
TOKENS = 2_000


def measures() -> dict[str, Callable[[], Sample]]:
    """The bare work, ours with tokens never seen before, ours with one token seen before."""
    key = SigningKey.generate()
    tokens = [_token(key, number) for number in range(TOKENS)]
    public = load_der_private_key(key.to_der(), None).public_key()
    keyset = source.Fixed(jwks.of([key]))

    def bare() -> Sample:
        def once(token: str) -> None:
            signed, _, signature = token.rpartition(".")
            public.verify(_decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr,call-arg,arg-type]  # it is RSA
            json.loads(_decode(signed.partition(".")[2]))

        return _each(tokens, once)

    def cold() -> Sample:
        fresh = verifier.Verifier(ISSUER, AUDIENCE, source=keyset)
        return _each(tokens, fresh.verify)

    def remembered() -> Sample:
        warm = verifier.Verifier(ISSUER, AUDIENCE, source=keyset)
        warm.verify(tokens[0])
        return _each([tokens[0]] * 100_000, warm.verify)

    return {"bare": bare, "cold": cold, "remembered": remembered}


def _each(tokens: list[str], work: Callable[[str], object]) -> Sample:
    started, spent = time.perf_counter(), time.process_time()
    for token in tokens:
        work(token)
    seconds, cpu = time.perf_counter() - started, time.process_time() - spent
    return Sample(rate=len(tokens) / seconds, cpu_seconds=cpu / len(tokens))


def _token(key: SigningKey, number: int) -> str:
    now = int(time.time())
    return key.sign(
        {
            "iss": ISSUER,
            "sub": "6a4b2f0e-5a51-4a0c-9f0e-2f8f6f1f7a01",
            "aud": AUDIENCE,
            "client_id": "app_web",
            "iat": now,
            "exp": now + 3600,
            "jti": f"token-{number}",
            "scope": "images:read images:write gallery:read",
        }
    )


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
