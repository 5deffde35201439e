"""When an app's request is wrong, the page says what and whose fault it is; it never sends anybody away."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from authserver.oauth.clients import Client

from . import pages

HTML = {"Accept": "text/html"}


def _marked(page: Any, which: str) -> str:
    found = re.search(rf'data-test="{which}">(.*?)</code>', page.text, re.DOTALL)
    assert found is not None
    return found[1]


async def test_a_wrong_address_is_shown_beside_the_right_one(authserver: Any, photo_print: Client) -> None:
    sent = "https://photoprint.example/callback/"
    page = await authserver.client.get(
        "/oauth/authorize", params=pages.asks(photo_print, redirect_uri=sent), headers=HTML
    )
    assert page.status_code == 400
    assert "location" not in page.headers
    assert _marked(page, "sent") == "https://photoprint.example/callback<mark>/</mark>"
    assert _marked(page, "registered") == "https://photoprint.example/callback"
    assert "ends with a slash" in page.text
    assert "Photo print" in page.text
    assert "not your fault" in page.text
    assert f"authserver client update {photo_print.client_id}" in page.text
    assert page.headers["x-request-id"] in page.text
    assert sent not in re.findall(r'(?:href|action|src)="([^"]*)"', page.text)


@pytest.mark.parametrize(
    "sent",
    [
        "https://evil.test/cb",
        "javascript:alert(1)",
        "//evil.test",
        '"><script>alert(1)</script>',
        "https://photoprint.example@evil.test/callback",
        "https://photoprint.example/callback#x",
        "x" * 5000,
        "\u202ehttps://photoprint.example/callback",
    ],
)
async def test_a_hostile_address_is_only_ever_text(authserver: Any, photo_print: Client, sent: str) -> None:
    for language in ("en", "fr"):
        page = await authserver.client.get(
            "/oauth/authorize",
            params=pages.asks(photo_print, redirect_uri=sent, ui_locales=language),
            headers=HTML,
        )
        assert page.status_code == 400
        assert "location" not in page.headers
        assert "refresh" not in page.headers
        assert "<script" not in page.text
        for link in re.findall(r'(?:href|action|src)="([^"]*)"', page.text):
            assert re.match(r"[/?#](?![/\\])", link), "every link stays on this server"
        shown = html.unescape(re.sub(r"<[^>]+>", "", _marked(page, "sent")))
        assert shown == sent[:500]


@pytest.mark.parametrize(
    "changed", [{"client_id": "app_nobody"}, {"client_id": None}, {"redirect_uri": None}]
)
async def test_other_causes_have_their_own_title(
    authserver: Any, photo_print: Client, changed: dict[str, str | None]
) -> None:
    page = await authserver.client.get(
        "/oauth/authorize", params=pages.asks(photo_print, **changed), headers=HTML
    )
    assert page.status_code == 400
    assert 'data-test="authorization-error"' in page.text
    assert page.headers["x-request-id"] in page.text
    assert "location" not in page.headers
