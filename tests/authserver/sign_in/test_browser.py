"""The pages in a real browser: without script, for everybody, light and dark, talking to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe

from . import pages
from .served import Served, serve
from .visits import VISITS, authorize

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

STANDARD = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
# What of it the colours decide: nothing else is another in the dark.
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}

TOO_SMALL = """() => [...document.querySelectorAll("button, .button, input:not([type=hidden], [type=checkbox])")]
    .filter(one => !one.closest(".trap"))
    .filter(one => one.getBoundingClientRect().height < 44 || parseFloat(getComputedStyle(one).fontSize) < 15)
    .map(one => one.outerHTML)"""
FOCUSED = """() => { const one = document.activeElement;
    return one === document.body ? null : [one.outerHTML, getComputedStyle(one).outlineStyle]; }"""
FOCUSABLE = """() => [...document.querySelectorAll("main button, main input:not([type=hidden]), main summary")]
    .filter(one => !one.closest(".trap")).map(one => one.outerHTML)"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("browser")) as server:
        yield server


async def test_signing_up_and_allowing_works_without_script(served: Served, browser: Any) -> None:
    context = await browser.new_context(java_script_enabled=False, locale="en")
    page = await context.new_page()
    await page.goto(authorize(served, served.web))
    assert "Photo print" in await page.inner_text("h1")
    await page.click("text=Create an account")
    await page.fill("#email", "browser@example.org")
    await page.fill("#password", pages.PASSWORD)
    await page.click("main button")
    assert "Photo print" in await page.inner_text("h1")
    await page.uncheck("input[type=checkbox][value='images:write']")
    await page.click("button[value=allow]")
    await page.wait_for_url(f"{served.callback}?**")
    answer = parse_qs(urlsplit(page.url).query)
    assert answer["state"] == ["s-1"]
    assert answer["iss"] == [served.issuer]
    assert answer["code"][0].startswith("ac_")


async def test_mistyping_then_cancelling_works_without_script(served: Served, browser: Any) -> None:
    context = await browser.new_context(java_script_enabled=False, locale="fr")
    page = await context.new_page()
    await page.goto(f"{served.issuer}/register")
    await page.fill("#email", "navigateur@example.org")
    await page.fill("#password", pages.PASSWORD)
    await page.click("main button")
    await page.click("text=Se déconnecter")
    await page.goto(authorize(served, served.web))
    await page.fill("#email", "navigateur@example.org")
    await page.fill("#password", "faux")
    await page.click("main button")
    assert "ne correspondent pas" in await page.inner_text("[data-test=problem]")
    assert await page.input_value("#email") == "navigateur@example.org"
    assert await page.input_value("#password") == ""
    await page.fill("#password", pages.PASSWORD)
    await page.click("main button")
    assert "demande l’accès" in await page.inner_text("h1")
    await page.click("button[value=deny]")
    await page.wait_for_url(f"{served.callback}?**")
    assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]


@pytest.mark.parametrize("name", VISITS)
async def test_every_page_is_for_everybody(served: Served, browser: Any, name: str) -> None:
    context = await browser.new_context(viewport={"width": 320, "height": 640}, locale="fr")
    page = await context.new_page()
    hosts: set[str] = set()
    complaints: list[str] = []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    await VISITS[name](page, served)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320, "the page overflows"
    assert await page.evaluate("document.scripts.length") == 0
    assert await page.evaluate(TOO_SMALL) == []
    for scheme, rules in (("light", STANDARD), ("dark", COLOURS)):
        await page.emulate_media(color_scheme=scheme)
        results = await Axe().run(page, options={"runOnly": rules})
        assert results.response["violations"] == [], scheme
        assert results.response["passes"], "nothing was looked at"
    assert hosts == {urlsplit(served.issuer).netloc}
    assert [text for text in complaints if "status of 4" not in text] == []
    await _tab_through(page)


async def _tab_through(page: Any) -> None:
    """Everything that can be pressed or filled in is reached by the keyboard, and seen to be."""
    wanted = set(await page.evaluate(FOCUSABLE))
    reached: set[str] = set()
    for _ in range(60):
        focus = await page.evaluate(FOCUSED)
        if focus is not None:
            reached.add(focus[0])
            assert focus[1] != "none", f"no focus ring on {focus[0]}"
        if wanted <= reached and len(reached) > 3:
            break
        await page.keyboard.press("Tab")
    assert wanted <= reached
