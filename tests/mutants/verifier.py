"""Mutants of the verifier: what is believed of a token, and what is remembered."""

from __future__ import annotations

from .mutant import Mutant

F = "tests/attacks/test_f_validation.py::"

MUTANTS = (
    Mutant(
        name="type-optional",
        file="keys/compact.py",
        old="    if not isinstance(typ, str) or typ.lower() not in TYPES:\n",
        new="    if typ is not None and (not isinstance(typ, str) or typ.lower() not in TYPES):\n",
        hole="Any other JWT of the issuer passes for an access token (RFC 9068 §4, RFC 8725 §3.11).",
        tests=(F + "test_row_56_a_token_of_another_kind_is_none",),
    ),
    Mutant(
        name="critical-extensions-ignored",
        file="keys/compact.py",
        old='frozenset({"crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"})',
        new='frozenset({"zip", "enc", "jwk", "jku", "x5u", "x5c"})',
        hole="An extension that must be understood is passed over (RFC 7515 §4.1.11).",
        tests=(F + "test_row_52_no_extension_is_understood",),
    ),
    Mutant(
        name="two-spellings-of-a-member",
        file="keys/compact.py",
        old="    if len(found) != len(pairs):\n",
        new="    if not found and pairs:\n",
        hole="Two parsers see two different tokens in one text (RFC 7515 §4).",
        tests=(F + "test_row_53_a_token_has_one_spelling",),
    ),
    Mutant(
        name="any-signature",
        file="keys/verifier.py",
        old="        if not key.verify(parts.alg, parts.signed, parts.signature):\n",
        new="        if not parts.signature:\n",
        hole="Whoever knows a key's id writes tokens (RFC 8725 §3.3).",
        tests=(F + "test_row_51_the_key_comes_from_the_issuer_and_from_nowhere_else",),
    ),
    Mutant(
        name="any-audience",
        file="keys/verifier.py",
        old="        if token.audience != self.audience and self.audience is not ANY_AUDIENCE:\n",
        new="        if not token.audience:\n",
        hole="A token for one API opens another (RFC 9068 §4).",
        tests=(F + "test_row_55_audience_and_issuer_are_compared_to_the_letter",),
    ),
    Mutant(
        name="one-audience-of-many",
        file="keys/access_token.py",
        old='    if isinstance(claims.get("aud"), list):\n',
        new='    if isinstance(claims.get("aud"), list) and claims["aud"]:\n'
        '        claims = {**claims, "aud": claims["aud"][0]}\n'
        '    elif isinstance(claims.get("aud"), list):\n',
        hole="A token for several APIs is replayed by each against the others (RFC 8725 §3.9).",
        tests=(F + "test_row_55_audience_and_issuer_are_compared_to_the_letter",),
    ),
    Mutant(
        name="issuer-almost",
        file="keys/verifier.py",
        old="        if token.issuer != self.issuer:\n",
        new='        if token.issuer.rstrip("/") != self.issuer.rstrip("/"):\n',
        hole="Two issuers that differ by a slash are one (RFC 9068 §4).",
        tests=(F + "test_row_55_audience_and_issuer_are_compared_to_the_letter",),
    ),
    Mutant(
        name="leeway-of-an-hour",
        file="keys/verifier.py",
        old="        if now >= token.expires_at + self._leeway:\n",
        new="        if now >= token.expires_at + 3600:\n",
        hole="A token lives long after it has expired (RFC 8725 §3, RFC 9068 §4).",
        tests=(F + "test_row_54_time_is_judged_with_ten_seconds_of_leeway",),
    ),
    Mutant(
        name="tokens-for-years",
        file="keys/verifier.py",
        old="        if not 0 < token.expires_at - token.issued_at <= self._max_lifetime_seconds:\n",
        new="        if not 0 < token.expires_at - token.issued_at:\n",
        hole="One slip of the issuer makes a token that nobody can end (RFC 9068 §5).",
        tests=(F + "test_row_54_time_is_judged_with_ten_seconds_of_leeway",),
    ),
    Mutant(
        name="remembered-without-its-signature",
        file="keys/verifier.py",
        old="            await key_source.await_(flight)\n            now = self._clock()\n"
        "        digest = hashlib.sha256(compact.check_size(token)).digest()\n",
        new="            await key_source.await_(flight)\n            now = self._clock()\n"
        '        digest = hashlib.sha256(compact.check_size(token).rpartition(b".")[0]).digest()\n',
        hole="After a good token the same with any signature is good (RFC 8725 §3.3).",
        tests=(F + "test_row_60_what_is_remembered_is_the_whole_text",),
    ),
    Mutant(
        name="remembered-after-expiry",
        file="keys/verifier.py",
        old="        if not found.valid_from <= now < found.valid_until:\n",
        new="        if not found.valid_from <= now:\n",
        hole="A token that was seen once is good for ever (RFC 9068 §4).",
        tests=("tests/keys/test_verifier.py::test_a_remembered_token_expires_all_the_same",),
    ),
    Mutant(
        name="key-set-fetched-at-will",
        file="keys/source.py",
        old="COOL_DOWN_SECONDS = 30.0\n",
        new="COOL_DOWN_SECONDS = 0.0\n",
        hole="Whoever sends tokens with made-up key ids floods the issuer (RFC 8725 §3.10).",
        tests=(
            "tests/attacks/test_f_sources.py::test_row_61_unknown_keys_cost_the_issuer_one_request_in_thirty_seconds",
        ),
    ),
    Mutant(
        name="stale-keys-for-ever",
        file="keys/source.py",
        old="        if age >= self._max_stale_seconds:\n",
        new='        if age == float("nan"):\n',
        hole="Who cuts an API off from its issuer keeps a stolen key alive (RFC 8725 §3.10).",
        tests=(
            "tests/attacks/test_f_sources.py::test_row_61_after_a_day_without_the_issuer_nothing_is_judged",
        ),
    ),
)
