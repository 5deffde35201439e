"""`/register`: an account from an e-mail address and a password; it signs in and goes on with the app's request.

Until mail can be sent, a known address is told plainly: nothing better could reach its owner.
"""

from __future__ import annotations

import unicodedata

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ... import audit, i18n, limits
from ...oauth.authorize import SignedIn
from ...people import passwords, users
from ..kit import (
    authorization_requests,
    cookies,
    csrf,
    forms,
    known_browsers,
    language,
    pages,
    problems,
    state,
)
from . import entry

router = APIRouter()

ATTEMPTS = 30
ATTEMPT_SECONDS = 3600

PASSWORD_PROBLEMS = {
    "too_short": i18n.mark(
        "That password is too short. Use 12 characters or more; four unrelated words work well."
    ),
    "too_long": i18n.mark("That password is too long. Use at most 128 characters."),
    "too_weak": i18n.mark("That password is easy to guess. Four unrelated words work well."),
    "contains_email": i18n.mark(
        "That password is easy to guess, because it resembles your e-mail or your name."
    ),
}


@router.get("/register", include_in_schema=False)
async def show(request: Request) -> Response:
    """The form, or why there is none."""
    running = await authorization_requests.find(request, request.query_params.get("request", ""))
    onward = await entry.recognised(request, running.id if running else "")
    return onward or _page(request, running, email=running.login_hint if running else "")


@router.post("/register", include_in_schema=False)
async def act(request: Request) -> Response:
    """Makes the account and signs in, or shows the form again saying what to change."""
    form = forms.single(await forms.read(request))
    running = await authorization_requests.find(request, form.get("request", ""))
    here, texts = state.of(request), language.of(request)
    email, name = form.get("email", "").strip(), _one_line(form.get("name", ""))
    password = passwords.normalise(form.get("password", ""))

    def again(problem: str, field: str = "", status: int = 422) -> Response:
        return _page(request, running, email=email, name=name, problem=problem, field=field, status=status)

    if here.settings.registration != "open":
        return _page(request, running, status=403)
    try:
        csrf.check(request, form, "register")
    except csrf.ForgeryError:
        return again(problems.form_expired(request), status=403)
    if form.get("website"):
        return again(texts.gettext("A field that people don’t see was filled in. Send the form without it."))
    problem, field = await _fault(request, email, name, password)
    if problem:
        return again(texts.gettext(problem), field)
    key = f"register/address/{limits.address(entry.address(request))}"
    claim = await here.limits.claim(key, limit=ATTEMPTS, seconds=ATTEMPT_SECONDS)
    if not claim.allowed:
        refused = again(
            texts.gettext("Too many accounts were tried from your network. You can try again at %(time)s.")
            % {"time": texts.clock_time(claim.resets_at)},
            status=429,
        )
        refused.headers.update(problems.retry_after(claim.resets_at, here.clock()))
        return refused
    try:
        digest = await here.passwords.hash(password)
    except passwords.BusyError:
        await here.limits.give_back(key)
        raise
    try:
        token, signed_in = await _create(request, email, name, digest)
    except users.EmailTakenError:
        return again(texts.gettext("An account with this address exists already. Sign in instead."), "email")
    response = await entry.go_on(request, running.id if running else "", signed_in)
    cookies.set_session(request, response, token)
    known_browsers.remember(request, response, users.email_key(email))
    return response


async def _create(request: Request, email: str, name: str, digest: str) -> tuple[str, SignedIn]:
    here = state.of(request)
    tongue = language.of(request).code

    def work(session: Session) -> tuple[str, SignedIn]:
        user = users.add(session, email, digest, name=name, locale=tongue, now=here.clock())
        audit.record(session, "account_created", now=here.clock(), user_id=user.id)
        return entry.start_session(request, session, user.id, at=user.created_at)

    return await here.database.transaction(work)


async def _fault(request: Request, email: str, name: str, password: str) -> tuple[str, str]:
    """The first thing to change, as an English message, and its field; empty when all is well."""
    try:
        users.check_email(email)
    except users.EmailError:
        return i18n.mark(
            "That is not an e-mail address we can read. It looks like name@example.org."
        ), "email"
    if len(name) > 200:
        return i18n.mark("That name is too long. Use at most 200 characters."), "name"
    here = state.of(request)
    found = await here.passwords.check_new(password, inputs=[email, name, here.settings.product_name])
    return (PASSWORD_PROBLEMS[found[0].code], "password") if found else ("", "")


def _one_line(text: str) -> str:
    """A name without control and format characters, its spaces single."""
    kept = "".join(
        " " if unicodedata.category(char)[0] == "C" else char for char in unicodedata.normalize("NFC", text)
    )
    return " ".join(kept.split())


def _page(
    request: Request,
    running: authorization_requests.Running | None,
    *,
    email: str = "",
    name: str = "",
    problem: str = "",
    field: str = "",
    status: int = 200,
) -> Response:
    return pages.render(
        request,
        "register.html",
        status=status,
        form_action=running.redirect_uri if running else None,
        authorization_request=running.id if running else "",
        app=running.app if running else "",
        email=email[:320],
        name=name[:200],
        problem=problem,
        field=field,
        closed=state.of(request).settings.registration != "open",
    )
