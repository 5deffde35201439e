"""Mutants of the token endpoint's door: who a client is, and by which proof."""

from __future__ import annotations

from .mutant import Mutant

C = "tests/attacks/test_c_token_endpoint.py::"

MUTANTS = (
    Mutant(
        name="two-credentials-at-once",
        file="authserver/oauth/client_authentication.py",
        old='if (header is not None) + ("client_secret" in form) + assertion > 1:',
        new='if (header is not None) + ("client_secret" in form) + assertion > 2:',
        hole="Whoever stands between picks the credential that counts (RFC 6749 §2.3).",
        tests=(C + "test_row_26_two_credentials_are_refused",),
    ),
    Mutant(
        name="two-client-ids-at-once",
        file="authserver/oauth/client_authentication.py",
        old="    if client_id is not None and client_id != basic[0]:\n",
        new='    if client_id == "" != basic[0]:\n',
        hole="One client proves who it is and another is acted for (RFC 6749 §2.3).",
        tests=(C + "test_row_26_two_credentials_are_refused",),
    ),
    Mutant(
        name="any-method-will-do",
        file="authserver/oauth/clients.py",
        old="        return method == self.auth_method\n",
        new="        return method in AUTH_METHODS\n",
        hole="A confidential client's id alone passes for the client (RFC 6749 §2.3).",
        tests=(C + "test_row_27_each_client_proves_itself_by_its_own_method",),
    ),
    Mutant(
        name="old-secrets-for-ever",
        file="authserver/oauth/client_secrets.py",
        old="for one in kept if one.expires_at is None or now < one.expires_at][:2]",
        new="for one in kept][:2]",
        hole="A secret that leaked works after it was rotated (RFC 6749 §10.1).",
        tests=(C + "test_row_27_of_many_secrets_two_work_and_the_old_one_until_it_ends",),
    ),
    Mutant(
        name="guesses-unlimited",
        file="authserver/oauth/client_authentication.py",
        old="        if not guess.allowed and presented.secret is not None:\n",
        new="        if guess.over < 0 and presented.secret is not None:\n",
        hole="Secrets are guessed at the speed of the network (RFC 6749 §2.3.1).",
        tests=(C + "test_row_33_a_guesser_waits_and_nobody_else_does",),
    ),
    Mutant(
        name="unknown-clients-stand-out",
        file="authserver/oauth/client_authentication.py",
        old='    right = client_secrets.matches(kept, request.presented.secret or "", now)\n',
        new="    if client is None:\n"
        "        raise errors.InvalidTargetError('No such client.')\n"
        '    right = client_secrets.matches(kept, request.presented.secret or "", now)\n',
        hole="Anybody learns which clients there are (RFC 6749 §5.2).",
        tests=(C + "test_row_33_unknown_client_and_wrong_secret_look_the_same",),
    ),
    Mutant(
        name="disabled-clients-work",
        file="authserver/oauth/client_authentication.py",
        old="    return None if client is None or client.disabled_at is not None else client\n",
        new="    return client\n",
        hole="An app that was stopped goes on (RFC 6749 §10.1).",
        tests=("tests/attacks/test_d_refresh.py::test_row_40_what_happens_to_a_client_ends_what_it_holds",),
    ),
    Mutant(
        name="secrets-from-the-address",
        file="authserver/web/protocol/exchange.py",
        old="headers, [], form, ip)",
        new="headers, [], [*form, *request.query_params.multi_items()], ip)",
        hole="Credentials in addresses are honoured, and end in logs (RFC 6749 §2.3.1, §3.2).",
        tests=(C + "test_row_24_the_query_counts_for_nothing",),
    ),
    Mutant(
        name="unlisted-grants",
        file="authserver/oauth/clients.py",
        old="        return grant_type in self.grant_types\n",
        new="        return grant_type in GRANT_TYPES\n",
        hole="Every app may use every grant, passwords included (RFC 6749 §5.2, RFC 9700 §2.4).",
        tests=(C + "test_row_30_a_client_uses_the_grants_it_lists_and_no_other",),
    ),
    Mutant(
        name="unregistered-scopes",
        file="authserver/oauth/targets.py",
        old="        if name not in registered:\n",
        new="        if not registered:\n",
        hole="An app gives itself scopes it was never registered for (RFC 6749 §3.3).",
        tests=(C + "test_row_31_a_scope_is_registered_and_written_to_the_letter",),
    ),
)
