"""The pages in a real browser: without script, for everybody, light and dark, talking to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

from . import pages
from .served import Served, serve
from .visits import VISITS, authorize

pytestmark = pytest.mark.browser

STANDARD = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("browser")) as server:
        yield server


def test_signing_up_and_allowing_works_without_script(served: Served, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en")
    page = context.new_page()
    page.goto(authorize(served, served.web))
    assert "Photo print" in page.inner_text("h1")
    page.click("text=Create an account")
    page.fill("#email", "browser@example.org")
    page.fill("#password", pages.PASSWORD)
    page.click("main button")
    assert "Photo print" in page.inner_text("h1")
    page.uncheck("input[value='images:write']")
    page.click("button[value=allow]")
    page.wait_for_url(f"{served.callback}?**")
    answer = parse_qs(urlsplit(page.url).query)
    assert answer["state"] == ["s-1"]
    assert answer["iss"] == [served.issuer]
    assert answer["code"][0].startswith("ac_")
    context.close()


def test_signing_in_after_a_mistake_and_cancelling_works_without_script(served: Served, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False, locale="fr")
    page = context.new_page()
    page.goto(f"{served.issuer}/register")
    page.fill("#email", "navigateur@example.org")
    page.fill("#password", pages.PASSWORD)
    page.click("main button")
    page.click("text=Se déconnecter")
    page.goto(authorize(served, served.web))
    page.fill("#email", "navigateur@example.org")
    page.fill("#password", "faux")
    page.click("main button")
    assert "ne correspondent pas" in page.inner_text("[data-test=problem]")
    assert page.input_value("#email") == "navigateur@example.org"
    assert page.input_value("#password") == ""
    page.fill("#password", pages.PASSWORD)
    page.click("main button")
    assert "demande l’accès" in page.inner_text("h1")
    page.click("button[value=deny]")
    page.wait_for_url(f"{served.callback}?**")
    assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", VISITS)
def test_every_page_is_for_everybody(served: Served, browser: Any, name: str, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 320, "height": 640}, locale="fr")
    page = context.new_page()
    hosts: set[str] = set()
    complaints: list[str] = []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    VISITS[name](page, served)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, "the page overflows"
    assert page.evaluate("document.scripts.length") == 0
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, .button, input:not([type=hidden]):not([type=checkbox])")]
            .filter(one => !one.closest(".trap"))
            .filter(one => one.getBoundingClientRect().height < 44 || parseFloat(getComputedStyle(one).fontSize) < 15)
            .map(one => one.outerHTML)"""
    )
    assert small == []
    results = Axe().run(page, options=STANDARD)
    assert results.response["violations"] == []
    assert hosts == {urlsplit(served.issuer).netloc}
    assert [text for text in complaints if "status of 4" not in text] == []
    context.close()


@pytest.mark.parametrize("name", VISITS)
def test_every_page_can_be_used_with_the_keyboard(served: Served, browser: Any, name: str) -> None:
    context = browser.new_context(locale="en")
    page = context.new_page()
    VISITS[name](page, served)
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            """() => { const one = document.activeElement;
                return one === document.body ? null : [one.outerHTML, getComputedStyle(one).outlineStyle]; }"""
        )
        if focus is not None:
            reached.add(focus[0])
            assert focus[1] != "none", f"no focus ring on {focus[0]}"
    wanted = page.evaluate(
        """() => [...document.querySelectorAll("main button, main input:not([type=hidden]), main summary")]
            .filter(one => !one.closest(".trap")).map(one => one.outerHTML)"""
    )
    assert set(wanted) <= reached
    context.close()
