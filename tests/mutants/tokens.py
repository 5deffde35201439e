"""Mutants of what was issued: refresh tokens, revocation, introspection."""

from __future__ import annotations

from .mutant import Mutant

D = "tests/attacks/test_d_refresh.py::"
ENDS = "tests/attacks/test_d_revocation.py::"

MUTANTS = (
    Mutant(
        name="refresh-token-of-another-client",
        file="authserver/oauth/refresh_tokens.py",
        old='        table.c.client_id == sa.bindparam("of_client"),\n',
        new='        sa.bindparam("of_client", type_=sa.Text) != "",\n',
        hole="One app refreshes with another app's token (RFC 6749 §10.4).",
        tests=(D + "test_row_39_nobody_else_can_use_or_end_a_token",),
        also=(
            ("        return self.client_id == client.client_id\n", "        return client is not None\n"),
        ),
    ),
    Mutant(
        name="strangers-end-families",
        file="authserver/oauth/refresh_tokens.py",
        old='if row is None or row["client_id"] != client_id or not _authentic(keys, token):',
        new="if row is None or not _authentic(keys, token):",
        hole="Any client with an old token logs another client's people out (RFC 9700 §4.14.2).",
        tests=(D + "test_row_39_nobody_else_can_use_or_end_a_token",),
    ),
    Mutant(
        name="forged-reuse",
        file="authserver/oauth/refresh_tokens.py",
        old='if row is None or row["client_id"] != client_id or not _authentic(keys, token):',
        new='if row is None or row["client_id"] != client_id:',
        hole="Who knows a grant's id ends it, with a token we never made (RFC 9700 §4.14.2).",
        tests=(D + "test_row_39_a_token_that_we_never_made_ends_nothing",),
    ),
    Mutant(
        name="reuse-unnoticed",
        file="authserver/oauth/refresh_tokens.py",
        old="not credentials.same(family.previous_digest, token.digest):\n        raise ReuseError(family)\n",
        new="not credentials.same(family.previous_digest, token.digest):\n        return None\n",
        hole="A thief who refreshed first keeps the family (RFC 9700 §4.14.2).",
        tests=(D + "test_row_34_a_token_of_the_past_ends_the_whole_family",),
    ),
    Mutant(
        name="grace-without-end",
        file="authserver/oauth/refresh_tokens.py",
        old="    return bool(grace_seconds) and abs(now - family.rotated_at) <= grace_seconds\n",
        new="    return bool(grace_seconds)\n",
        hole="A used token works until its successor is used, however late (FAPI 2.0 §5.3.2.1).",
        tests=(D + "test_row_38_a_retry_gets_the_same_successor_inside_its_window_and_nothing_after",),
    ),
    Mutant(
        name="family-outlives-a-new-password",
        file="authserver/oauth/refresh_tokens.py",
        old="    users.table.c.valid_from <= table.c.auth_time,\n",
        new="",
        hole="A thief stays after the person changed their password (RFC 9700 §4.14.2).",
        tests=(D + "test_row_40_what_happens_to_a_person_ends_their_families_and_no_others",),
    ),
    Mutant(
        name="family-never-idle",
        file="authserver/oauth/refresh_tokens.py",
        old='    table.c.rotated_at > sa.bindparam("unused_since"),\n',
        new='    sa.bindparam("unused_since", type_=sa.Double) < 1e18,\n',
        hole="A token that was forgotten somewhere works for months (RFC 9700 §4.14.2).",
        tests=(D + "test_row_41_a_family_ends_when_it_idles_and_however_busy_it_is",),
    ),
    Mutant(
        name="family-without-end",
        file="authserver/oauth/refresh_tokens.py",
        old='    table.c.expires_at > sa.bindparam("now"),\n',
        new="",
        hole="Who refreshes often enough never signs in again (RFC 9700 §4.14.2).",
        tests=(D + "test_row_41_a_family_ends_when_it_idles_and_however_busy_it_is",),
    ),
    Mutant(
        name="refresh-widens-scope",
        file="authserver/oauth/grants/refresh_token.py",
        old="self.server.narrowed(self.request, targets.Target(family.audience, scopes), scope=True)",
        new="self.server.target(self.request, client, person=True)",
        hole="A refresh asks for more than the person allowed (RFC 6749 §6).",
        tests=(D + "test_row_40_scope_and_resource_never_grow",),
        also=(  # Authlib looks as well
            ("    def refresh_token(self)", "    _validate_token_scope = id\n\n    def refresh_token(self)"),
        ),
    ),
    Mutant(
        name="refresh-changes-audience",
        file="authserver/oauth/targets.py",
        old="    if chosen is not None and chosen != target.audience:\n",
        new="    if chosen is not None and not target.audience:\n",
        hole="A grant for one API is refreshed for another (RFC 8707 §2.2).",
        tests=(D + "test_row_40_scope_and_resource_never_grow",),
    ),
    Mutant(
        name="access-tokens-outlive-their-grant",
        file="authserver/oauth/deny_list.py",
        old="    if grant_id is not None and _listed_at(shared, session, GRANT, grant_id) is not None:\n",
        new='    if grant_id is not None and _listed_at(shared, session, GRANT, claims["jti"]) is not None:\n',
        hole="Introspection calls tokens of a revoked grant good (RFC 7009 §2.1).",
        tests=(ENDS + "test_row_42_a_refresh_token_ends_with_all_that_came_of_it",),
    ),
    Mutant(
        name="anyone-revokes",
        file="authserver/oauth/revocation.py",
        old="            return family if family.client_id == client.client_id else None\n",
        new="            return family\n",
        hole="Any client ends any other client's grants (RFC 7009 §2.1).",
        tests=(ENDS + "test_row_42_strangers_and_nonsense_change_nothing",),
    ),
    Mutant(
        name="introspection-for-all",
        file="authserver/oauth/introspection.py",
        old='            claims["client_id"] == client.client_id or claims["aud"] in client.introspects\n',
        new='            claims["client_id"] == client.client_id or client.introspects is not None\n',
        hole="Any client learns what any token says (RFC 7662 §4).",
        tests=(ENDS + "test_row_44_whom_a_token_does_not_concern_learns_nothing",),
    ),
    Mutant(
        name="introspection-of-others-refresh-tokens",
        file="authserver/oauth/introspection.py",
        old="        if family is None or family.client_id != client.client_id:\n",
        new="        if family is None:\n",
        hole="Any client learns what any refresh token stands for (RFC 7662 §4).",
        tests=(ENDS + "test_row_44_whom_a_token_does_not_concern_learns_nothing",),
    ),
    Mutant(
        name="introspection-forgets-revocation",
        file="authserver/oauth/introspection.py",
        old="        if not access_tokens.is_active(oauth, session, claims):\n",
        new="        if not claims:\n",
        hole="A revoked token is called active (RFC 7662 §4).",
        tests=(ENDS + "test_row_42_an_access_token_ends_alone",),
    ),
    Mutant(
        name="any-kind-of-jwt-issued",
        file="authserver/oauth/access_tokens.py",
        old='TYPE = "at+jwt"',
        new='TYPE = "JWT"',
        hole="Access tokens can't be told from other JWTs (RFC 9068 §2.1, RFC 8725 §3.11).",
        tests=("tests/attacks/test_e_tokens_and_keys.py::test_row_45_a_token_says_what_it_must_and_no_more",),
    ),
)
