"""Mutants of the signing keys: their life, what of them is published, how strong they are."""

from __future__ import annotations

from .mutant import Mutant

E = "tests/attacks/test_e_tokens_and_keys.py::"

MUTANTS = (
    Mutant(
        name="private-key-published",
        file="keys/signing.py",
        old='else ("n", "e")\n        own = self._key.as_dict(private=False)\n',
        new='else ("n", "e", "d")\n        own = self._key.as_dict(private=True)\n',
        hole="Everybody signs tokens (RFC 7517 §4).",
        tests=("tests/keys/test_jwks.py::test_a_published_key_has_no_private_member",),
    ),
    Mutant(
        name="old-key-unpublished-at-once",
        file="keys/ring.py",
        old="            return State.RETIRING if now < self.stopped_at + policy.retire_seconds else State.GONE\n",
        new="            return State.RETIRING if now < self.stopped_at else State.GONE\n",
        hole="Every rotation refuses good tokens (RFC 7517 §5).",
        tests=(E + "test_row_47_a_retired_key_is_published_as_long_as_its_tokens_live",),
    ),
    Mutant(
        name="key-signs-before-it-is-known",
        file="keys/ring.py",
        old="    if now < ready_at and not emergency:\n",
        new="    if now < following.published_at and not emergency:\n",
        hole="Tokens are signed by a key that no verifier has yet (RFC 7517 §5).",
        tests=(
            "tests/keys/test_ring.py::test_a_young_next_key_does_not_rotate_and_the_error_says_when_it_may",
        ),
    ),
    Mutant(
        name="revoked-key-published",
        file="keys/ring.py",
        old="        if self.revoked_at is not None:\n            return State.GONE\n",
        new="        if self.revoked_at is not None and self.stopped_at is None:\n            return State.GONE\n",
        hole="Tokens of a stolen key stay good (RFC 8725 §3.10).",
        tests=(E + "test_row_47_a_revoked_key_is_believed_for_five_minutes_at_most",),
    ),
    Mutant(
        name="short-keys",
        file="keys/signing.py",
        old="RSA_BITS = range(2048, 8193)",
        new="RSA_BITS = range(1024, 8193)",
        hole="A key that can be broken signs and is believed (RFC 7518 §3.3).",
        tests=("tests/keys/test_jwks.py::test_a_weak_key_does_not_sign",),
    ),
    Mutant(
        name="key-for-something-else",
        file="keys/jwks.py",
        old='    if entry.get("use", "sig") != "sig":\n',
        new='    if not entry.get("use", "sig"):\n',
        hole="A key that is meant for encryption verifies tokens (RFC 7517 §4.2).",
        tests=("tests/keys/test_jwks.py::test_keys_for_something_else_are_passed_over",),
    ),
    Mutant(
        name="two-nodes-rotate",
        file="authserver/oauth/signing_keys.py",
        old="        if found != [*(update.before for update in change.update), *change.remove]:\n",
        new="        if len(found) != len([*change.update, *change.remove]):\n",
        hole="Nodes that rotate at the same time overwrite each other's keys (RFC 7517 §5).",
        tests=("tests/authserver/protocol/test_races.py::test_one_of_many_rotates",),
        also=(
            (
                "        if states.count(keys.ring.State.ACTIVE) > 1 or states.count(keys.ring.State.NEXT) > 1:\n",
                "        if not states:\n",
            ),
        ),
    ),
)
