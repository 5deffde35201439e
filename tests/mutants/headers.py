"""Mutants of HTTP's small print: headers, origins, sizes, and requests that can be read in two ways."""

from __future__ import annotations

from .mutant import Mutant

S = "tests/attacks/test_s_http.py::"
WIRE = "tests/wire/test_bad_requests.py::"

MUTANTS = (
    Mutant(
        name="secrets-cached",
        file="authserver/web/kit/answers.py",
        old='    headers = {"Cache-Control": "no-store", "Vary": "Origin", **answer.headers}\n',
        new='    headers = {**answer.headers, "Vary": "Origin", "Cache-Control": "private"}\n',
        hole="Tokens stay in caches (RFC 6749 §5.1).",
        tests=(S + "test_row_142_nothing_private_is_kept",),
    ),
    Mutant(
        name="pages-in-frames",
        file="authserver/web/kit/pages.py",
        old="; base-uri 'none'; frame-ancestors 'none'\"",
        new="; base-uri 'none'\"",
        hole="A consent button lies invisibly over another page (RFC 9700 §4.16).",
        tests=("tests/attacks/test_i_markup.py::test_row_79_no_page_lets_itself_be_framed_or_opened",),
    ),
    Mutant(
        name="form-action-anywhere",
        file="authserver/web/kit/pages.py",
        old="    return f\"'self' {origin}\"\n",
        new="    return \"'self' https:\"\n",
        hole="A form on our page can be turned to another site (RFC 9700 §4.16).",
        tests=("tests/attacks/test_i_markup.py::test_row_83_only_a_requests_own_address_joins_form_action",),
    ),
    Mutant(
        name="uploads-sniffed",
        file="resource_api/http.py",
        old='        answer["X-Content-Type-Options"] = "nosniff"\n',
        new="",
        hole="An uploaded picture is run as a page (OWASP ASVS 3.2.1).",
        tests=("tests/attacks/test_i_markup.py::test_row_83_an_upload_that_is_opened_cannot_act",),
    ),
    Mutant(
        name="every-origin-reads-tokens",
        file="authserver/web/protocol/cors.py",
        old='    if origins and (origin := request.headers.get("origin")) in origins:\n',
        new='    if (origin := request.headers.get("origin")) is not None:\n',
        hole="Any site's script reads what the token endpoint answers (RFC 9700 §2.6).",
        tests=(S + "test_row_143_only_registered_origins_read_and_never_with_cookies",),
    ),
    Mutant(
        name="bodies-without-end",
        file="resource_api/http.py",
        old="        if total > limit:\n",
        new="        if total < 0:\n",
        hole="A body without a length fills the memory (OWASP API4:2023).",
        tests=("tests/attacks/test_o_gallery.py::test_row_119_a_body_without_end_is_read_to_the_limit",),
    ),
    Mutant(
        name="numbers-for-strangers",
        file="authserver/web/health.py",
        old="    if request.client is None or not peers.among(request.client.host, allowed):\n",
        new="    if request.client is None or not allowed:\n",
        hole="Anybody reads how often who signs in (OWASP ASVS 13.4.5).",
        tests=("tests/authserver/test_health.py::test_strangers_see_neither_numbers_nor_details",),
    ),
    Mutant(
        name="chunks-in-http-1.0",
        file="authserver/uvicorn_protocol.py",
        old='        if codings and (version == "1.0" or ',
        new="        if codings and (",
        hole="A proxy and we disagree where a request ends: smuggling (RFC 9112 §6.1).",
        tests=(WIRE + "test_a_bad_request_is_refused_and_reaches_nobody",),
    ),
    Mutant(
        name="two-hosts",
        file="authserver/uvicorn_protocol.py",
        old="        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):\n",
        new="        if not hosts or not _HOST.fullmatch(hosts[0]):\n",
        hole="A proxy and we disagree which host is meant (RFC 9112 §3.2).",
        tests=(WIRE + "test_a_bad_request_is_refused_and_reaches_nobody",),
    ),
)
