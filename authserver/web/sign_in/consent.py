"""`/consent`: an app asks for access, the person allows all, some, or none of it."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ... import i18n
from ...oauth import authorization_requests as stored
from ...oauth import authorize
from ...oauth.consent_view import ConsentScope, ConsentView
from ..kit import answers, authorization_requests, cookies, csrf, forms, language, pages, problems, state, who

router = APIRouter()

# Reserved scopes belong to no API, so their sentences are ours.
RESERVED = {
    "openid": i18n.mark("Know that it is you, by an identifier"),
    "profile": i18n.mark("See your name and your language"),
    "email": i18n.mark("See your e-mail address"),
    "address": i18n.mark("See your postal address"),
    "phone": i18n.mark("See your phone number"),
    "offline_access": i18n.mark("Keep this access while you are away"),
}


@router.get("/consent", include_in_schema=False)
async def show(request: Request) -> Response:
    """What the app wants, in sentences; somebody who has allowed it all already goes straight back to the app."""
    running, person = await _who_and_what(request, request.query_params.get("request", ""))
    if person is None:
        return answers.redirect(request, f"/login?request={running.id}")
    return await _page(request, running, person)


@router.post("/consent", include_in_schema=False)
async def act(request: Request) -> Response:
    """Claims the request with the person's decision; nothing but a pressed Allow allows."""
    items = await forms.read(request)
    form = forms.single(items, repeatable=frozenset({"scope", "offered"}))
    running, person = await _who_and_what(request, form.get("request", ""))
    if person is None:
        return answers.redirect(request, f"/login?request={running.id}")
    ticked, offered = ({value for name, value in items if name == field} for field in ("scope", "offered"))
    try:
        csrf.check(request, form, _form_name(running, person))
    except csrf.ForgeryError:
        return await _page(
            request, running, person, ticked, problem=problems.form_expired(request), status=403
        )
    if form.get("person", person.user.id) != person.user.id:  # what was shown was shown to somebody else
        changed = i18n.mark(
            "Somebody else has signed in on this browser since this page was opened. "
            "Check that this is you, then decide."
        )
        return await _page(
            request, running, person, problem=language.of(request).gettext(changed), status=409
        )
    decision = form.get("decision", "")
    if decision not in ("allow", "deny"):
        raise forms.FormError(400, "invalid_request", "The decision is neither allow nor deny.")
    here, browser = state.of(request), cookies.ensure_browser(request)
    oauth, signed_in = here.oauth, person.signed_in
    if decision == "deny":
        outcome = await here.database.transaction(
            lambda session: authorize.deny(oauth, session, running.id, browser, signed_in)
        )
    else:
        outcome = await here.database.transaction(
            lambda session: authorize.allow(oauth, session, running.id, browser, signed_in, ticked, offered)
        )
    return answers.follow(request, outcome)


async def _who_and_what(
    request: Request, identifier: str
) -> tuple[authorization_requests.Running, who.Person | None]:
    running = await authorization_requests.find(request, identifier)
    if running is None:
        raise stored.RequestGone
    return running, await who.signed_in(request)


def _form_name(running: authorization_requests.Running, person: who.Person) -> str:
    """The token of this form is for this request and this person: what was shown is what is allowed."""
    return f"consent {running.id} {person.user.id}"


async def _page(
    request: Request,
    running: authorization_requests.Running,
    person: who.Person,
    ticked: set[str] | None = None,
    *,
    problem: str = "",
    status: int = 200,
) -> Response:
    here, browser = state.of(request), cookies.ensure_browser(request)
    view = await here.database.transaction(
        lambda session: authorize.consent_view(here.oauth, session, running.id, browser, person.signed_in)
    )
    if not isinstance(view, ConsentView):
        return answers.follow(request, view)
    return pages.render(
        request,
        "consent.html",
        status=status,
        form_action=view.redirect_uri,
        authorization_request=running.id,
        view=view,
        homepage_host=urlsplit(view.homepage).netloc if view.homepage else "",
        person=person,
        optional=[scope for scope in view.scopes if scope.optional],
        required=[scope for scope in view.scopes if not scope.optional and not scope.granted],
        granted=[scope for scope in view.scopes if scope.granted],
        sentence=lambda scope: _sentence(request, scope),
        ticked=ticked,
        token_name=_form_name(running, person),
        problem=problem,
    )


def _sentence(request: Request, scope: ConsentScope) -> str:
    texts = language.of(request)
    if scope.api is None:
        return texts.gettext(RESERVED[scope.name]) if scope.name in RESERVED else scope.name
    return (scope.sentence_fr if texts.code == "fr" else scope.sentence_en) or scope.name
