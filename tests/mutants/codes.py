"""Mutants of authorization codes and PKCE."""

from __future__ import annotations

from .mutant import Mutant

B = "tests/attacks/test_b_codes.py::"
AUTHORIZE = "tests/authserver/protocol/test_authorize.py::"
FLOW = "tests/authserver/protocol/test_code_flow.py::"

MUTANTS = (
    Mutant(
        name="pkce-plain",
        file="authserver/oauth/pkce.py",
        old='METHODS = ["S256"]',
        new='METHODS = ["S256", "plain"]',
        hole="Whoever reads the authorization request can redeem its code (RFC 7636 §7.2).",
        tests=(AUTHORIZE + "test_a_mistake_goes_back_to_a_registered_address",),
    ),
    Mutant(
        name="pkce-optional",
        file="authserver/oauth/pkce.py",
        old="if challenge is None and method is None and not grant.request.client.require_pkce:",
        new="if challenge is None and method is None:",
        hole="A stolen code is redeemed by whoever stole it (RFC 9700 §2.1.1).",
        tests=(AUTHORIZE + "test_a_mistake_goes_back_to_a_registered_address",),
    ),
    Mutant(
        name="verifier-optional",
        file="authserver/oauth/pkce.py",
        old="        super().validate_code_verifier(grant, result)\n",
        new="        if verifier is not None:\n            super().validate_code_verifier(grant, result)\n",
        hole="A client that authenticates redeems a stolen code without its verifier (RFC 7636 §4.6).",
        tests=(B + "test_row_20_only_the_verifier_opens_a_code",),
    ),
    Mutant(
        name="verifier-with-a-line-end",
        file="authserver/oauth/pkce.py",
        old='_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\\Z")',
        new='_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}$")',
        hole="A verifier has two spellings (RFC 7636 §4.1).",
        tests=(B + "test_row_20_only_the_verifier_opens_a_code",),
    ),
    Mutant(
        name="verifier-for-a-code-without-challenge",
        file="authserver/oauth/pkce.py",
        old='            raise InvalidGrantError("The authorization request had no',
        new='            return; ("The authorization request had no',
        hole="A client that uses PKCE is given a code made without: a downgrade (RFC 9700 §4.8.2).",
        tests=(B + "test_row_20_a_challenge_binds_even_where_none_is_required",),
    ),
    Mutant(
        name="code-not-bound-to-client",
        file="authserver/oauth/grants/authorization_code.py",
        old="        if found is None or found.client_id != client.client_id:\n",
        new="        if found is None:\n",
        hole="One app redeems another app's codes (RFC 6749 §4.1.3).",
        tests=(B + "test_row_16_a_code_is_bound_to_its_client",),
    ),
    Mutant(
        name="code-not-bound-to-redirect-uri",
        file="authserver/oauth/grants/authorization_code.py",
        old="if self.request.payload.redirect_uri is None and found.code_challenge is not None:",
        new="if found.code_challenge is not None:",
        hole="A code that was sent elsewhere is redeemed here (RFC 6749 §4.1.3).",
        tests=(FLOW + "test_no_wrong_request_burns_the_code",),
    ),
    Mutant(
        name="code-never-expires",
        file="authserver/oauth/codes.py",
        old='        table.c.expires_at > sa.bindparam("now"),\n',
        new="",
        hole="A code in a log works until somebody sweeps (RFC 6749 §4.1.2).",
        tests=(B + "test_row_18_expiry_is_tested_and_not_swept",),
    ),
    Mutant(
        name="replay-without-consequence",
        file="authserver/oauth/grants/authorization_code.py",
        old="        if refresh_tokens.revoke_family(self.session, code.grant_id, now=self.server.now):\n",
        new="        if self.server.now < 0:\n",
        hole="The tokens of a stolen code outlive the theft's discovery (RFC 6749 §4.1.2).",
        tests=(B + "test_row_14_a_second_use_ends_what_came_of_the_first",),
    ),
    Mutant(
        name="replay-rolled-back",
        file="authserver/oauth/grants/authorization_code.py",
        old="        database.keep(self.session)\n",
        new="",
        hole="The refusal of a replay undoes the revocation it caused (RFC 6749 §4.1.2).",
        tests=(B + "test_row_14_a_second_use_ends_what_came_of_the_first",),
    ),
    Mutant(
        name="code-of-a-disabled-person",
        file="authserver/oauth/grants/authorization_code.py",
        old="        if not authorization_code.person_may:\n",
        new="        if authorization_code.user_id is None:\n",
        hole="Who was shut out since gets tokens all the same (RFC 9700 §4.15).",
        tests=(B + "test_row_23_what_ends_between_code_and_tokens_ends_the_code",),
    ),
)
