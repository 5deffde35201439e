"""Mutants of the pages people meet: sign-in and its limits, sessions, cookies, forged forms, markup."""

from __future__ import annotations

from .mutant import Mutant

I = "tests/attacks/test_i_pages.py::"  # noqa: E741, the group's own letter
J = "tests/attacks/test_j_login.py::"
K = "tests/attacks/test_k_sessions.py::"

MUTANTS = (
    Mutant(
        name="sister-sites-may-post",
        file="authserver/web/kit/csrf.py",
        old='        if site not in (["same-origin"], ["none"]):\n',
        new='        if site not in (["same-origin"], ["same-site"], ["none"]):\n',
        hole="A page on another port or subdomain acts for the person (RFC 9700 §4.7).",
        tests=(I + "test_row_76_a_foreign_consent_form_allows_nothing",),
    ),
    Mutant(
        name="origin-null-may-post",
        file="authserver/web/kit/csrf.py",
        old="        if origin != [state.of(request).settings.origin]:\n",
        new='        if origin not in ([state.of(request).settings.origin], ["null"]):\n',
        hole="A sandboxed frame or a file acts for the person (RFC 9700 §4.7).",
        tests=(I + "test_row_76_a_foreign_consent_form_allows_nothing",),
    ),
    Mutant(
        name="form-without-a-token",
        file="authserver/web/kit/csrf.py",
        old='    if not _signed(request, form.get(FIELD, ""), name):\n',
        new='    if form.get(FIELD) and not _signed(request, form.get(FIELD, ""), name):\n',
        hole="A form from anywhere is taken, if only the browser is old (RFC 9700 §4.7).",
        tests=(I + "test_row_76_foreign_forms_neither_sign_in_nor_out_nor_up",),
    ),
    Mutant(
        name="form-token-of-any-browser",
        file="authserver/web/kit/csrf.py",
        old='b"\\0".join((browser.encode(), name.encode(), issued))',
        new='b"\\0".join((name.encode(), issued))',
        hole="The attacker's own form token opens the victim's form (RFC 9700 §4.7).",
        tests=(I + "test_row_76_a_form_token_holds_for_its_browser_its_form_and_twelve_hours",),
    ),
    Mutant(
        name="consent-token-of-any-request",
        file="authserver/web/sign_in/consent.py",
        old='    return f"consent {running.id} {person.user.id}"\n',
        new='    return "consent"\n',
        hole="What was shown for one request allows another (RFC 9700 §4.7).",
        tests=(I + "test_row_76_a_consent_token_is_of_one_person_browser_and_request",),
    ),
    Mutant(
        name="session-kept-over-sign-in",
        file="authserver/web/sign_in/entry.py",
        old="        sessions.end(session, old)\n",
        new="        sessions.touch(session, old, at)\n",
        hole="A session that was planted before sign-in stays alive (OWASP ASVS 7.2.4).",
        tests=(K + "test_row_98_a_session_begins_anew_at_every_sign_in",),
    ),
    Mutant(
        name="session-outlives-a-new-password",
        file="authserver/people/sessions.py",
        old="        users.table.c.valid_from <= table.c.created_at,\n",
        new="",
        hole="A thief's browser stays signed in (OWASP ASVS 7.4.3).",
        tests=(K + "test_row_99_what_ended_a_session_ended_it_for_good",),
    ),
    Mutant(
        name="session-never-idle",
        file="authserver/people/sessions.py",
        old='        table.c.seen_at > sa.bindparam("seen_since"),\n',
        new="",
        hole="A browser in a library stays signed in (OWASP ASVS 7.3.1).",
        tests=(K + "test_row_102_a_session_ends_when_it_is_idle_or_old",),
    ),
    Mutant(
        name="cookie-from-any-host",
        file="authserver/web/kit/cookies.py",
        old='    return "__Host-authserver" if state.of(request).settings.secure else "authserver_local"\n',
        new='    return "authserver" if state.of(request).settings.secure else "authserver_local"\n',
        hole="A sister subdomain sets our session cookie (OWASP ASVS 3.3.3).",
        tests=(K + "test_row_97_every_cookie_is_a_host_cookie_under_https",),
    ),
    Mutant(
        name="cookie-for-scripts",
        file="authserver/web/kit/cookies.py",
        old="        httponly=True,\n",
        new="        httponly=False,\n",
        hole="One script that slips in takes the session along (OWASP ASVS 3.3.4).",
        tests=(K + "test_row_97_every_cookie_is_a_host_cookie_under_https",),
    ),
    Mutant(
        name="first-of-two-cookies",
        file="authserver/web/kit/cookies.py",
        old="    return values[0] if len(values) == 1 and len(values[0]) <= _LONGEST else None\n",
        new="    return values[0] if values and len(values[0]) <= _LONGEST else None\n",
        hole="A cookie that was tossed in beside ours counts (RFC 6265 §8.6).",
        tests=(K + "test_row_101_a_bad_cookie_is_nobody",),
    ),
    Mutant(
        name="every-spelling-has-its-own-tries",
        file="authserver/web/sign_in/login.py",
        old="    email_key = users.email_key(email)\n",
        new="    email_key = email\n",
        hole="A password is guessed ten times for each way to write the address (OWASP ASVS 6.3.1).",
        tests=(J + "test_row_86_every_spelling_and_door_counts_as_one_account",),
    ),
    Mutant(
        name="each-door-has-its-own-tries",
        file="authserver/oauth/grants/password.py",
        old="        account_key, address_key = limits.login_keys(email_key, self.request.ip)\n",
        new='        account_key, address_key = limits.login_keys(email_key + "/grant", self.request.ip)\n',
        hole="A password is guessed ten times more by the password grant (RFC 6749 §4.3.2).",
        tests=(J + "test_row_86_every_spelling_and_door_counts_as_one_account",),
    ),
    Mutant(
        name="unknown-accounts-answer-sooner",
        file="authserver/web/sign_in/login.py",
        old="    verdict = await here.passwords.verify(\n",
        new="    if user is None:\n        return None\n    verdict = await here.passwords.verify(\n",
        hole="The time of an answer tells who has an account (OWASP ASVS 6.3.8).",
        tests=(J + "test_row_85_every_try_costs_one_hash_whoever_is_asked_for",),
    ),
    Mutant(
        name="forwarded-by-anybody",
        file="authserver/web/kit/peers.py",
        old="    if not trusted or not among(hop, trusted):\n",
        new="    if trusted and not among(hop, trusted):\n",
        hole="Whoever writes X-Forwarded-For has as many addresses as they like (OWASP ASVS 4.1.3).",
        tests=(J + "test_row_87_one_address_tries_a_hundred_accounts_whatever_it_claims",),
    ),
    Mutant(
        name="names-alive-as-markup",
        file="authserver/web/templates/consent.html",
        old="<h1>{% trans app=view.client_name %}",
        new="<h1>{% trans app=view.client_name|safe %}",
        hole="An app's name runs as markup on the consent page (RFC 9700 §4.16).",
        tests=("tests/attacks/test_i_markup.py::test_row_82_markup_is_shown_as_it_is_written",),
    ),
)
