"""Making an account: one screen, plain words, no surprises."""

from __future__ import annotations

from typing import Any

import pytest

from . import pages


async def test_a_new_account_is_signed_in(authserver: Any) -> None:
    answer = await pages.sign_up(authserver.client, name="Ana M.")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert pages.EMAIL in (await authserver.client.get("/")).text


@pytest.mark.parametrize("email", [pages.EMAIL, "ANA@example.org", "ana@EXAMPLE.org"])
async def test_a_known_address_is_told_so_plainly(authserver: Any, email: str) -> None:
    await pages.sign_up(authserver.client)
    authserver.client.cookies.clear()
    answer = await pages.sign_up(authserver.client, email)
    assert answer.status_code == 422
    assert "exists already" in pages.problem(answer)
    assert "authserver_local" not in authserver.client.cookies


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short", "12 characters"),
        ("x" * 129, "128 characters"),
        ("passwordpassword", "easy to guess"),
        ("ana@example.org1", "easy to guess"),
        ("", "12 characters"),
    ],
)
async def test_a_bad_password_is_refused_in_a_sentence(authserver: Any, password: str, words: str) -> None:
    answer = await pages.sign_up(authserver.client, password=password, name="Ana")
    assert answer.status_code == 422
    assert words in pages.problem(answer)
    fields = dict(pages.form(answer, "/register").fields)
    assert (fields["email"], fields["name"], fields["password"]) == (pages.EMAIL, "Ana", "")
    assert 'id="password"' in answer.text
    assert 'aria-invalid="true"' in answer.text


@pytest.mark.parametrize(
    "email",
    ["", "ana", "a@x@y", "ana@", "ana@example.org\r\nBcc: x@y.org", "ana@exa mple.org", "a" * 400 + "@b.org"],
)
async def test_what_is_no_address_is_refused(authserver: Any, email: str) -> None:
    answer = await pages.sign_up(authserver.client, email)
    assert answer.status_code == 422
    assert pages.problem(answer)


async def test_programs_that_fill_everything_in_are_refused(authserver: Any) -> None:
    assert (await pages.sign_up(authserver.client, website="https://spam.example")).status_code == 422
    assert (await pages.sign_in(authserver.client)).status_code == 422


async def test_a_name_is_shown_literally(authserver: Any) -> None:
    answer = await pages.sign_up(authserver.client, password="short", name='<b title="x">&')
    assert '<b title="x">' not in answer.text
    assert dict(pages.form(answer, "/register").fields)["name"] == '<b title="x">&'


async def test_too_many_accounts_from_one_address_have_to_wait(authserver: Any, clock: Any) -> None:
    for number in range(30):
        await pages.sign_up(authserver.client, f"ana{number % 2}@example.org")
    answer = await pages.sign_up(authserver.client, "late@example.org")
    assert answer.status_code == 429
    assert "retry-after" in answer.headers
    clock.advance(3601)
    assert (await pages.sign_up(authserver.client, "late@example.org")).status_code == 303
