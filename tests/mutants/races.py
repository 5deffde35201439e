"""Mutants that open only when two come at the same time: what works once is no longer claimed by one statement."""

from __future__ import annotations

from .mutant import Mutant

T = "tests/attacks/test_t_concurrency.py::"

MUTANTS = (
    Mutant(
        name="code-claimed-by-many",
        file="authserver/oauth/codes.py",
        old="        table.c.used_at.is_(None),\n",
        new="",
        hole="Of a hundred who redeem a code at once several have tokens (RFC 6749 §4.1.2).",
        tests=("tests/attacks/test_b_codes.py::test_row_15_one_has_the_tokens_where_no_family_begins",),
    ),
    Mutant(
        name="any-generation-rotates",
        file="authserver/oauth/refresh_tokens.py",
        old='        table.c.digest == sa.bindparam("presented"),\n',
        new="",
        hole="A token of the past rotates the family, as often as one likes (RFC 9700 §4.14.2).",
        tests=("tests/attacks/test_d_refresh.py::test_row_36_generations_are_told_apart_within_one_moment",),
    ),
    Mutant(
        name="one-try-more-each",
        file="authserver/limits.py",
        old="    return Claim(count <= limit, max(0, limit - count), resets_at, max(0, count - limit))\n",
        new="    return Claim(count <= limit + 1, max(0, limit - count), resets_at, max(0, count - limit))\n",
        hole="Of a hundred who guess at once more than the limit are looked at (OWASP ASVS 6.3.1).",
        tests=("tests/attacks/test_j_login.py::test_row_86_of_a_hundred_at_once_ten_are_looked_at",),
    ),
    Mutant(
        name="secrets-rotated-side-by-side",
        file="authserver/oauth/clients.py",
        old=".where(table.c.client_id == client_id).with_for_update())",
        new=".where(table.c.client_id == client_id))",
        hole="Two rotations at once leave a secret that never ends (RFC 6749 §10.1).",
        tests=(T + "test_row_150_secrets_rotated_at_once_leave_one_that_stays",),
    ),
    Mutant(
        name="session-dated-after-the-check",
        file="authserver/web/sign_in/login.py",
        old="        started = entry.start_session(request, session, user.id, at=checked.at)\n",
        new="        started = entry.start_session(request, session, user.id, at=here.clock() + 1)\n",
        hole="Who signs in with the old password while it changes stays (OWASP ASVS 7.4.3).",
        tests=(T + "test_row_150_a_new_password_against_a_sign_in_with_the_old",),
    ),
    Mutant(
        name="share-looked-at-before-the-lock",
        file="resource_api/ownership.py",
        old="    if needs > Access.READ:\n",
        new="    if needs > Access.OWN:\n",
        hole="Who waited for the end of their share comes through after it (OWASP ASVS 8.3.2).",
        tests=(
            "tests/attacks/test_m_objects.py::test_row_113_who_waits_for_the_end_of_their_share_comes_too_late",
        ),
    ),
)
