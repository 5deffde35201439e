"""`/login`: e-mail and password, for an app's authorization request or for its own sake.

One failing answer for a wrong password, an unknown address and a disabled account: same words, same counters, same
work. The password is checked between two short transactions; the second checks again what the first read.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ... import audit, limits
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


@dataclass(frozen=True)
class Checked:
    """What the first transaction read, when it began (`at`), and what the password lane said."""

    user: users.User
    rehashed: str | None
    at: float


@router.get("/login", include_in_schema=False)
async def show(request: Request) -> Response:
    """The form; somebody already signed in goes straight on with the app's request."""
    running = await authorization_requests.find(request, request.query_params.get("request", ""))
    onward = await entry.recognised(request, running.id if running else "")
    return onward or _page(request, running, email=running.login_hint if running else "")


@router.post("/login", include_in_schema=False)
async def act(request: Request) -> Response:
    """Signs in and goes on with the request, or shows the form again saying why not."""
    form = forms.single(await forms.read(request))
    running = await authorization_requests.find(request, form.get("request", ""))
    email, password = form.get("email", "").strip(), form.get("password", "")
    texts = language.of(request)
    try:
        csrf.check(request, form, "login")
    except csrf.ForgeryError:
        return _page(request, running, email=email, problem=problems.form_expired(request), status=403)
    if not email or not password:
        return _page(
            request,
            running,
            email=email,
            problem=texts.gettext("Type your e-mail and your password."),
            status=422,
        )
    email_key = users.email_key(email)
    known = known_browsers.of(request, email_key)
    account_key, address_key = limits.login_keys(email_key, entry.address(request), known)
    limiter = state.of(request).limits
    address = await limiter.claim(address_key, limit=limits.LOGIN_ADDRESS, seconds=limits.LOGIN_SECONDS)
    if not address.allowed:
        return await _pause(request, running, email, address)
    account = await limiter.claim(account_key, limit=limits.LOGIN_ACCOUNT, seconds=limits.LOGIN_SECONDS)
    if not account.allowed:
        return await _pause(request, running, email, account)
    try:
        checked = await _check(request, email, password)
    except passwords.BusyError:
        await limiter.give_back(account_key)
        await limiter.give_back(address_key)
        raise
    token = await _enter(request, checked) if checked else None
    if token is None:
        return await _refuse(request, running, email, min(account, address, key=lambda claim: claim.left))
    await limiter.forgive(account_key)
    await limiter.give_back(address_key)
    state.of(request).metrics.login("password", "success")
    response = await entry.go_on(request, running.id if running else "", token[1])
    cookies.set_session(request, response, token[0])
    known_browsers.remember(request, response, email_key)
    return response


async def _check(request: Request, email: str, password: str) -> Checked | None:
    """The account when the password is right and the account is open. Unknown addresses cost the same work."""
    here = state.of(request)
    at = here.clock()
    user = await here.database.read(lambda session: users.find_by_email(session, email))
    verdict = await here.passwords.verify(
        user.password_digest if user else None, passwords.normalise(password)
    )
    if user is None or not verdict.ok or user.disabled_at is not None:
        return None
    rehashed = await here.passwords.hash(passwords.normalise(password)) if verdict.needs_rehash else None
    return Checked(user, rehashed, at)


async def _enter(request: Request, checked: Checked) -> tuple[str, SignedIn] | None:
    """A fresh session; None when the account changed while the password was being checked.

    It is dated from before the check, so that a change which is being committed right now, and which we can't see
    yet, is the younger one and ends it.
    """
    here = state.of(request)

    def work(session: Session) -> tuple[str, SignedIn] | None:
        user = users.find(session, checked.user.id)
        if (
            user is None
            or user.disabled_at is not None
            or user.password_digest != checked.user.password_digest
            or user.valid_from > checked.at
        ):
            return None
        if checked.rehashed is not None:
            users.rehash(session, user, checked.rehashed)
        started = entry.start_session(request, session, user.id, at=checked.at)
        audit.record(session, "signed_in", now=here.clock(), user_id=user.id, method="password")
        return started

    return await here.database.transaction(work)


async def _refuse(
    request: Request, running: authorization_requests.Running | None, email: str, claim: limits.Claim
) -> Response:
    await _record(request, email, "failure")
    texts = language.of(request)
    if claim.left > 0:
        problem = texts.ngettext(
            "That e-mail and password don’t match. %(left)s try left before a 15-minute pause.",
            "That e-mail and password don’t match. %(left)s tries left before a 15-minute pause.",
            claim.left,
        ) % {"left": claim.left}
    else:
        problem = texts.gettext("That e-mail and password don’t match.") + " " + _pause_text(request, claim)
    return _page(request, running, email=email, problem=problem, status=422)


async def _pause(
    request: Request, running: authorization_requests.Running | None, email: str, claim: limits.Claim
) -> Response:
    await _record(request, email, "throttled", kept=claim.over == 1)
    response = _page(request, running, email=email, problem=_pause_text(request, claim), status=429)
    response.headers.update(problems.retry_after(claim.resets_at, state.of(request).clock()))
    return response


def _pause_text(request: Request, claim: limits.Claim) -> str:
    texts = language.of(request)
    minutes = max(1, round((claim.resets_at - state.of(request).clock()) / 60))
    return texts.gettext(
        "Too many tries. You can try again at %(time)s (in %(minutes)s min). Your password was not changed."
    ) % {"time": texts.clock_time(claim.resets_at), "minutes": minutes}


async def _record(request: Request, email: str, outcome: str, *, kept: bool = True) -> None:
    """Counts the try; `kept` ones go on record. A pause is kept once, or strangers could fill the disk."""
    here = state.of(request)
    here.metrics.login("password", outcome)
    if not kept:
        return

    def work(session: Session) -> None:
        user = users.find_by_email(session, email)
        event = "sign_in_failed" if outcome == "failure" else "sign_in_throttled"
        audit.record(session, event, now=here.clock(), user_id=user.id if user else None, outcome=outcome)

    await here.database.transaction(work)


def _page(
    request: Request,
    running: authorization_requests.Running | None,
    *,
    email: str,
    problem: str = "",
    status: int = 200,
) -> Response:
    return pages.render(
        request,
        "login.html",
        status=status,
        form_action=running.redirect_uri if running else None,
        authorization_request=running.id if running else "",
        app=running.app if running else "",
        email=email[:320],
        problem=problem,
        registration_open=state.of(request).settings.registration == "open",
    )
