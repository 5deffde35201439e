"""Group F: every forged token is refused by the API itself, with the challenge that says so, and never with a 500.

The lists of forgeries are those the verifier is tried with. Here they go through the header, the route and the log.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from keys.signing import SigningKey
from tests.keys import forge, forgeries
from tests.keys.issuer import Issuer
from tests.resource_api import callers
from tests.resource_api.callers import ANA, BRUNO

from . import doors


@pytest.fixture(scope="session")
def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


async def test_row_50_no_algorithm_but_ours_counts(gallery: Any) -> None:
    forger = doors.forger(gallery)
    await doors.admitted(gallery, forger.honest())
    for make in (forgeries.unsigned, forgeries.keyed_by_what_is_public, forgeries.signed_otherwise):
        for token in make(forger):
            await doors.refused(gallery, token)
    for alg in forgeries.ALGORITHMS:
        await doors.refused(gallery, forger.with_header(alg=alg))
    await doors.admitted(gallery, forger.honest())


async def test_row_51_the_key_comes_from_the_issuer_and_from_nowhere_else(
    gallery: Any, other_key: rsa.RSAPrivateKey
) -> None:
    forger = doors.forger(gallery)
    der = other_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    attacker = SigningKey.from_der(der, kid=forger.key.kid)
    with Issuer([attacker]) as evil:
        places = (
            {"jwk": attacker.public_jwk()},
            {"jku": evil.jwks_url},
            {"x5u": evil.jwks_url},
            {"x5c": ["MIIB"]},
        )
        for sign in (forge.rs256(other_key), forger.sign):
            for place in places:
                await doors.refused(gallery, forge.token(forger.header(**place), forger.claims(), sign))
        for kid in (*forgeries.KIDS, evil.jwks_url, "key-of-another-issuer"):
            await doors.refused(gallery, forger.with_header(kid=kid))
        # Another issuer may well use the same kid.
        challenge = await doors.refused(
            gallery, forge.token(forger.header(), forger.claims(), forge.rs256(other_key))
        )
        assert "signature" in challenge
        assert evil.asked == []
    await doors.admitted(gallery, forger.honest())


async def test_row_52_no_extension_is_understood(gallery: Any) -> None:
    forger = doors.forger(gallery)
    for extra in forgeries.EXTENSIONS:
        await doors.refused(gallery, forger.with_header(**extra))
    await doors.admitted(gallery, forger.with_header(cty=""))


async def test_row_53_a_token_has_one_spelling(gallery: Any) -> None:
    forger = doors.forger(gallery)
    good = forger.honest()
    await doors.admitted(gallery, good)
    wrong = [
        *forgeries.spellings(good),
        *forgeries.json_serializations(good, forger.key.kid),
        *forgeries.encrypted(),
        *(forgeries.repeated(forger, member) for member in forgeries.REPEATED),
        *(forge.token(forger.header(), payload, forger.sign) for payload in forgeries.PAYLOADS),
        *(forge.token(payload, forger.claims(), forger.sign) for payload in forgeries.PAYLOADS),
        forge.token(forger.header(cty="JWT"), good, forger.sign),
        forger.with_claims(padding="x" * 8_000),
        "." * 1_000_000,
        "a" * 1_000_000,
        "é" * 500_000,
    ]
    for token in wrong:
        began = time.process_time()
        await doors.refused(gallery, token)
        # The row's 10 ms, and what else this process happens to do meanwhile on a busy machine.
        assert time.process_time() - began < 0.5, token[:100]
    for raw in (b"\xff\xfe.a.b", b"a.\x00.b", bytes(range(128, 256)), "ａ.ｂ.ｃ".encode("utf-16")):
        assert (await doors.knock(gallery, raw)).status_code == 401
    await doors.admitted(gallery, good)


async def test_row_54_time_is_judged_with_ten_seconds_of_leeway(gallery: Any, clock: Any) -> None:
    forger, now = doors.forger(gallery), int(clock())
    for good in ({"exp": now - 9, "iat": now - 300}, {"iat": now + 10}, {"nbf": now + 10}):
        await doors.admitted(gallery, forger.with_claims(**good))
    for bad in (
        {"exp": now - 10, "iat": now - 300},
        {"iat": now + 11},
        {"nbf": now + 11},
        {"exp": ...},
        {"iat": ...},
        {"exp": now + 3_601},
        {"iat": now + 9, "exp": now + 8},
    ):
        await doors.refused(gallery, forger.with_claims(**bad))
    for name in ("exp", "iat", "nbf"):
        for text in forgeries.MOMENTS:
            await doors.refused(gallery, forger.with_claims_text(name, text))


async def test_row_55_audience_and_issuer_are_compared_to_the_letter(gallery: Any) -> None:
    forger, settings = doors.forger(gallery), gallery.settings
    for aud in forgeries.audiences(settings.resource):
        await doors.refused(gallery, forger.with_claims(aud=aud))
    for iss in forgeries.issuers(settings.issuer):
        await doors.refused(gallery, forger.with_claims(iss=iss))
    for name in ("sub", "jti", "client_id"):
        for value in (..., "", None, 7, ["a"], "a\x00b"):
            await doors.refused(gallery, forger.with_claims(**{name: value}))
    await doors.admitted(gallery, forger.honest())


async def test_row_56_a_token_of_another_kind_is_none(gallery: Any) -> None:
    forger = doors.forger(gallery)
    for typ in forgeries.TYPES:
        await doors.refused(gallery, forger.with_header(typ=typ))
    # ID token, logout token and client assertion, as their specifications write them.
    now = int(gallery.clock())
    for header, more in (
        (forger.header(typ="JWT"), {"nonce": "n", "at_hash": "h", "azp": "app_web"}),
        (
            forger.header(typ="logout+jwt"),
            {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        ),
        (forger.header(typ="JWT"), {"iss": "app_web", "sub": "app_web", "aud": gallery.settings.issuer}),
        (forger.header(typ="dpop+jwt"), {"htm": "GET", "htu": gallery.settings.resource, "iat": now}),
    ):
        await doors.refused(gallery, forge.token(header, forger.claims(**more), forger.sign))
    for typ in ("at+jwt", "application/at+jwt", "AT+JWT"):
        await doors.admitted(gallery, forger.with_header(typ=typ))


async def test_row_58_a_token_stands_in_the_header_once(gallery: Any, caplog: Any, capfd: Any) -> None:
    token = doors.forger(gallery).honest()
    good, client = f"Bearer {token}", gallery.client
    caplog.set_level(logging.WARNING, "httpx2")  # this test's own client, which is no part of the service
    for sent in ({}, {"Authorization": good}):
        for query in ({"access_token": token}, {"access_token": ""}):
            response = await client.get("/images", params=query, headers=sent)
            assert (response.status_code, callers.code(response)) == (400, "invalid_request")
    twice = [(b"authorization", good.encode())] * 2
    response = await client.get("/images", headers=twice)
    assert (response.status_code, callers.code(response)) == (400, "invalid_request")
    assert 'error="invalid_request"' in response.headers["www-authenticate"]
    for cookie in ("access_token", "Authorization", "__Host-authserver", "authserver_local"):
        response = await client.get("/images", headers={"Cookie": f"{cookie}={token}"})
        assert (response.status_code, callers.code(response)) == (401, "missing_token")
    for body in ({"data": {"access_token": token}}, {"json": {"access_token": token, "prompt": "x"}}):
        response = await client.post("/images", **body)
        assert (response.status_code, callers.code(response)) == (401, "missing_token")
    for value in (
        f"Bearer  {token}", f"Bearer\t{token}", f"Bearer {token}, Bearer {token}", f"Bearer {token} {token}",
        f"Bearer {token},", f"Bearer={token}", f"Bearer{token}", "Bearer", "Bearer ", f"Bearer '{token}'",
    ):  # fmt: skip
        response = await client.get("/images", headers={"Authorization": value})
        assert (response.status_code, callers.code(response)) == (401, "invalid_token"), value[:9]
    for value in (token, f"Basic {token}", f"Token {token}"):
        response = await client.get("/images", headers={"Authorization": value})
        assert (response.status_code, callers.code(response)) == (401, "missing_token"), value[:9]
    for scheme in ("bearer", "BEARER", "Bearer"):
        response = await client.get("/images", headers={"Authorization": f"{scheme} {token}"})
        assert response.status_code == 200
    written = capfd.readouterr()
    logged = f"{caplog.text}{written.out}{written.err}"
    assert "/images" in logged and token[:20] not in logged


async def test_row_60_what_is_remembered_is_the_whole_text(gallery: Any) -> None:
    forger = doors.forger(gallery)
    good = forger.honest()
    await doors.admitted(gallery, good)
    header, payload, signature = good.split(".")
    promoted = forge.b64(json.dumps(forger.claims(sub=BRUNO)))
    for changed in (
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        f"{header}.{promoted}.{signature}",
        f"{header}.{payload}.{signature[:-4]}",
        f"{forge.b64(json.dumps(forger.header(typ='JWT')))}.{payload}.{signature}",
        f"{header}.{payload}.",
    ):
        await doors.refused(gallery, changed)
    # The same jti as another token is no reason to take the one for the other.
    bruno = doors.forger(gallery, BRUNO).honest()
    assert forger.claims()["jti"] == "forged"
    for token, sub in ((good, ANA), (bruno, BRUNO)):
        await callers.choose_handle(gallery, sub, f"owner-{sub[:8]}")
        await doors.admitted(gallery, token)
        own = await gallery.client.get("/me", headers=callers.headers(gallery, sub))
        assert own.json()["handle"] == f"owner-{sub[:8]}"


async def test_row_60_of_many_at_once_everyone_gets_their_own(gallery: Any) -> None:
    people = [f"00000000-0000-4000-8000-{number:012d}" for number in range(20)]
    tokens = {}
    for number, sub in enumerate(people):
        await callers.choose_handle(gallery, sub, f"person-{number}")
        tokens[sub] = gallery.mint(sub=sub, scope="profile:read")
    forger, source = doors.forger(gallery), random.Random(60)
    stranger = [forger.with_claims(sub=sub, aud="https://elsewhere.test") for sub in people]

    async def one(number: int) -> bool:
        person = source.randrange(len(people))
        forged = number % 3 == 0
        token = source.choice(
            (stranger[person], tokens[people[person]][:-4], tokens[people[person]] + "A")
            if forged
            else (tokens[people[person]],)
        )
        response = await gallery.client.get("/me", headers={"Authorization": f"Bearer {token}"})
        if forged:
            return bool(response.status_code == 401)
        return bool(response.json().get("handle") == f"person-{person}")

    for begin in range(0, 500, 50):
        assert all(await asyncio.gather(*(one(number) for number in range(begin, begin + 50))))
