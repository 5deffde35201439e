"""Mutants of the authorization endpoint: where an answer may go, who hears of a mistake, who was asked for what."""

from __future__ import annotations

from .mutant import Mutant

A = "tests/attacks/test_a_authorization.py::"
I = "tests/attacks/test_i_pages.py::"  # noqa: E741, the group's own letter

MUTANTS = (
    Mutant(
        name="redirect-uri-by-prefix",
        file="authserver/oauth/redirect_uris.py",
        old="    if sent in known:\n",
        new="    if any(sent.startswith(uri) for uri in known):\n",
        hole="Codes go to any address that begins like a registered one (RFC 9700 §2.1, §4.1.3).",
        tests=(A + "test_row_1_a_redirect_uri_is_compared_byte_by_byte",),
    ),
    Mutant(
        name="redirect-uri-in-any-case",
        file="authserver/oauth/redirect_uris.py",
        old="    if sent in known:\n",
        new="    if sent.lower() in [uri.lower() for uri in known]:\n",
        hole="Addresses that another parser takes for different ones count as the same (RFC 9700 §4.1.3).",
        tests=(A + "test_row_1_a_redirect_uri_is_compared_byte_by_byte",),
    ),
    Mutant(
        name="loopback-by-path-alone",
        file="authserver/oauth/redirect_uris.py",
        old='and (ours["host"], ours["rest"]) == (loopback["host"], loopback["rest"])',
        new='and ours["rest"] == loopback["rest"]',
        hole="localhost, which others may resolve, stands in for 127.0.0.1 (RFC 8252 §8.3).",
        tests=(A + "test_row_4_a_native_app_chooses_its_port_and_nothing_else",),
    ),
    Mutant(
        name="script-schemes-registered",
        file="authserver/oauth/redirect_uris.py",
        old='    elif not (_PRIVATE_SCHEME.match(uri.partition(":")[0]) and uri.partition(":")[2].startswith("/")):\n',
        new='    elif not uri.partition(":")[2]:\n',
        hole="javascript: becomes an address that pages link to (RFC 9700 §4.1.3).",
        tests=(A + "test_row_3_no_script_is_ever_an_address",),
    ),
    Mutant(
        name="answers-preloaded",
        file="authserver/oauth/redirect_uris.py",
        old="    if taken:\n",
        new='    if taken - {"code"}:\n',
        hole="A registered address brings a code of its own, which apps may read first (RFC 9700 §4.1.3).",
        tests=(A + "test_row_5_nobody_preloads_an_answer",),
    ),
    Mutant(
        name="mistakes-told-to-strangers",
        file="authserver/oauth/authorize.py",
        old="        return ErrorPage(unsafe.error, unsafe.description, 400, unsafe.facts)\n",
        new='        return Redirect(f"{sent.payload.redirect_uri}?error={unsafe.error}")\n',
        hole="An error sends the browser wherever the request says: an open redirector (RFC 6749 §4.1.2.1).",
        tests=(A + "test_row_2_no_mistake_is_told_to_a_stranger",),
    ),
    Mutant(
        name="doubled-parameters-count",
        file="authserver/oauth/messages.py",
        old='        if name in seen and name != "resource":\n',
        new='        if name in seen and name not in ("resource", "scope"):\n',
        hole="Of two scopes one is shown and the other granted, by whoever parses last (RFC 6749 §3.1).",
        tests=(A + "test_row_6_a_doubled_parameter_has_no_value",),
    ),
    Mutant(
        name="issuer-left-out",
        file="authserver/oauth/redirects.py",
        old='urlencode(parameters | {"iss": issuer}, quote_via=quote)',
        new="urlencode(parameters, quote_via=quote)",
        hole="An app of several servers is led to hand one server's code to another (RFC 9207 §2.4).",
        tests=(
            "tests/authserver/protocol/test_authorize.py::test_a_mistake_goes_back_to_a_registered_address",
        ),
    ),
    Mutant(
        name="prompt-login-ignored",
        file="authserver/oauth/authorize.py",
        old='    if asked.prompts & {"login", "select_account"}:\n',
        new='    if asked.prompts & {"select_account"}:\n',
        hole="Who asks for a fresh sign-in gets an old one (OpenID Connect Core §3.1.2.1).",
        tests=(A + "test_row_11_a_login_that_was_asked_for_cannot_be_skipped",),
    ),
    Mutant(
        name="old-session-for-a-new-login",
        file="authserver/oauth/authorize.py",
        old="    return asked.max_age is not None and (asked.max_age == 0 or now - who.auth_time > asked.max_age)\n",
        new="    return asked.max_age is not None and now - who.auth_time > max(asked.max_age, 3600)\n",
        hole="max_age passes with a sign-in of an hour ago (OpenID Connect Core §3.1.2.1).",
        tests=(A + "test_row_11_a_login_that_was_asked_for_cannot_be_skipped",),
    ),
    Mutant(
        name="redirect-repeats-the-form",
        file="authserver/web/kit/answers.py",
        old='Response(status_code=303, headers={"Location": location})',
        new='Response(status_code=307, headers={"Location": location})',
        hole="The browser sends the password on to the app (RFC 9700 §4.12).",
        tests=(
            "tests/authserver/protocol/test_authorize.py::test_every_redirect_is_a_303_to_ourselves_or_the_app",
        ),
    ),
    Mutant(
        name="host-header-in-location",
        file="authserver/web/kit/answers.py",
        old="    return _see_other(request, state.of(request).settings.path + path)\n",
        new='    return _see_other(request, str(request.base_url).rstrip("/") + path)\n',
        hole="A forged Host header decides where sign-in happens (RFC 9700 §4.12).",
        tests=(
            "tests/attacks/test_s_http.py::test_row_145_what_proxies_say_changes_nothing_from_a_stranger",
        ),
    ),
    Mutant(
        name="request-of-another-browser",
        file="authserver/oauth/authorization_requests.py",
        old="        sa.or_(table.c.browser.is_(None), table.c.browser == credentials.digest(browser)),\n",
        new="",
        hole="An attacker's request is continued in the victim's session (RFC 9700 §4.7).",
        tests=(I + "test_row_77_a_request_is_its_browsers_and_its_persons",),
    ),
    Mutant(
        name="request-answered-twice",
        file="authserver/oauth/authorization_requests.py",
        old="        table.c.decided_at.is_(None),\n",
        new="",
        hole="One decision gives two codes (RFC 6749 §4.1.2).",
        tests=(I + "test_row_77_a_decision_is_taken_once",),
    ),
    Mutant(
        name="consent-for-some-is-for-all",
        file="authserver/oauth/consent_view.py",
        old="or not set(asked.scopes) <= consents.granted(session, user_id, client)",
        new="or not set(asked.scopes) & consents.granted(session, user_id, client)",
        hole="Who once allowed reading has allowed writing (RFC 6749 §3.3).",
        tests=(I + "test_row_78_consent_is_asked_whenever_it_could_be_a_surprise",),
    ),
    Mutant(
        name="silent-consent-for-native-apps",
        file="authserver/oauth/consent_view.py",
        old='"consent" in asked.prompts or authorization_parameters.asks_every_time(client, asked.redirect_uri)',
        new='"consent" in asked.prompts',
        hole="Any program on the machine poses as an app that was allowed once (RFC 8252 §8.6).",
        tests=(I + "test_row_78_consent_is_asked_whenever_it_could_be_a_surprise",),
    ),
    Mutant(
        name="consent-outlives-a-new-name",
        file="authserver/oauth/consents.py",
        old='    table.c.granted_at >= sa.bindparam("since"),\n',
        new="",
        hole="An app that was allowed under one name acts under another (RFC 9700 §4.11.2).",
        tests=(I + "test_row_78_consent_is_asked_whenever_it_could_be_a_surprise",),
    ),
    Mutant(
        name="page-shows-yesterdays-client",
        file="authserver/oauth/authorize.py",
        old="    if client.changed_at > asked.created_at:\n",
        new="    if client.changed_at > asked.expires_at:\n",
        hole="What the person allows is not what they were shown (RFC 9700 §4.11.2).",
        tests=(I + "test_row_77_a_client_that_changed_since_the_page_was_shown_gets_nothing",),
    ),
)
