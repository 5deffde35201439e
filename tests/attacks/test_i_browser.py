"""Group I in a real browser: what another site can make of our pages there."""

from __future__ import annotations

import contextlib
import html
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest

from tests.authserver.sign_in import pages
from tests.authserver.sign_in.served import Served, serve
from tests.authserver.sign_in.visits import authorize, sign_up

from .test_i_markup import MARKUP

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("attacked")) as server:
        yield server


@contextlib.contextmanager
def another_site() -> Iterator[tuple[str, dict[str, str]]]:
    """A site of somebody else's on this machine: its address, and its pages by path."""
    content: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content.get(self.path, "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", content
        server.shutdown()


async def test_row_79_a_real_browser_shows_none_of_our_pages_in_a_frame(served: Served, browser: Any) -> None:
    page = await (await browser.new_context()).new_page()
    await sign_up(page, served)
    await page.goto(authorize(served, served.web))
    places = [page.url, *(served.issuer + path for path in ("/login", "/logout", "/nothing", "/docs"))]
    with another_site() as (site, content):
        content["/bait"] = "<main id=main>bait</main>"
        framed = site.replace("127.0.0.1", "localhost") + "/bait"
        frames = "".join(f"<iframe src='{html.escape(place)}'></iframe>" for place in [framed, *places])
        content["/"] = frames
        await page.goto(f"{site}/")
        shown = [await frame.locator("#main").count() for frame in page.frames[1:]]
        assert shown == [1] + [0] * len(places), "the bait is shown, and nothing of ours"


async def test_row_76_a_real_browser_lets_no_other_site_act_for_a_person(
    served: Served, browser: Any
) -> None:
    """Another site's forms, and a form of ours that was bent towards another site."""
    context = await browser.new_context()
    page = await context.new_page()
    await sign_up(page, served)
    await page.goto(authorize(served, served.web))
    consent = page.url
    fields = {"request": consent.partition("request=")[2], "decision": "allow", "scope": "images:read"}
    forms = {
        "/consent": fields,
        "/logout": {},
        "/login": {"email": "mallory@example.org", "password": pages.PASSWORD},
        "/register": {"email": "mallory@example.org", "password": pages.PASSWORD},
    }
    with another_site() as (site, content):
        for action, values in forms.items():
            inputs = "".join(f"<input name='{name}' value='{value}'>" for name, value in values.items())
            content["/"] = (
                f"<form method=post action='{served.issuer}{action}'>{inputs}<button>Win</button></form>"
            )
            await page.goto(f"{site}/")
            async with page.expect_navigation() as navigation:
                await page.click("button")
            answer = await navigation.value
            assert answer.request.method == "POST"
            assert answer.status in (400, 403), action
        await page.goto(f"{served.issuer}/")
        assert await page.locator("[data-test=signed-in]").count() == 1

        blocked: list[str] = []
        page.on("console", lambda message: blocked.append(message.text))
        await page.goto(consent)
        await page.evaluate("site => { document.forms[0].action = site }", site)
        await page.evaluate("document.querySelector('button[value=allow]').click()")
        await page.wait_for_timeout(300)
        assert page.url == consent
        assert any("form-action" in text for text in blocked)
    await page.goto(consent)
    await page.click("button[value=allow]")
    await page.wait_for_url(f"{served.callback}?**")


async def test_row_82_markup_comes_alive_in_no_real_browser(served: Served, browser: Any) -> None:
    context = await browser.new_context(user_agent="<script>alert(1)</script>")
    page = await context.new_page()
    alive: list[str] = []
    page.on("dialog", lambda dialog: alive.append(dialog.message))
    page.on("console", lambda message: alive.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda request: alive.append(request.url) if request.url.startswith("https://evil.test") else None,
    )
    await sign_up(page, served)
    for text in ("".join(MARKUP[:6]), "".join(MARKUP[6:])):
        asked = authorize(served, served.web, login_hint=text, state=text, ui_locales=text, prompt="login")
        await page.goto(asked)
        assert await page.input_value("#email") == text
        await page.fill("#email", f"{text}@example.org")
        await page.fill("#password", "x")
        # An e-mail field would stop most of this before it is sent; whoever attacks uses no such browser.
        await page.evaluate("document.forms[0].noValidate = true")
        await page.click("main button")
        await page.goto(f"{served.issuer}/{quote(text)}?lang={quote(text)}")
        await page.goto(authorize(served, served.web, redirect_uri=f"https://client.test/{text}"))
        assert text in await page.inner_text("main")
        assert (
            await page.evaluate(
                "document.scripts.length + document.querySelectorAll('iframe, [onerror], [onload]').length"
            )
            == 0
        )
    assert [one for one in alive if "status of 4" not in one] == []
