"""The authorization server under requests made from its own OpenAPI document: it answers as the document says."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st

from tests.authserver.protocol import flows

from . import documented, oauth_stage, properties, stage

_numbers = itertools.count()


@pytest.fixture(scope="module")
def cases(oauth: oauth_stage.OAuthStage) -> Any:
    document = oauth.loop.run(oauth.world.client.get("/openapi.json")).json()
    return documented.cases(document)


def aim(oauth: oauth_stage.OAuthStage, case: Any, who: str) -> None:
    """Puts values that mean something where the document has room for them, so that a request gets further."""
    app = oauth.apps[who if who in oauth.apps else "public"]
    grant = "client_credentials" if who == "machine" else "refresh_token"
    values = {
        "client_id": app.client_id,
        "redirect_uri": flows.CB,
        "response_type": "code",
        "response_mode": "query",
        "code_challenge": flows.CHALLENGE,
        "code_challenge_method": "S256",
        "scope": "images:read",
        "resource": flows.RESOURCE,
        "grant_type": grant,
    }
    for place in (case.query, case.body):
        if isinstance(place, dict):
            place |= {name: value for name, value in values.items() if name in place}


@stage.budget(short=80, long=20_000)
@given(data=st.data(), aimed=st.booleans(), who=st.sampled_from(["basic", "machine", "post", "nobody"]))
def test_every_answer_is_one_that_the_document_promises(
    oauth: oauth_stage.OAuthStage, cases: Any, data: st.DataObject, aimed: bool, who: str
) -> None:
    case = data.draw(cases)
    as_made = not aimed and who != "post" and "Authorization" not in case.headers
    headers = {}
    if aimed:
        aim(oauth, case, who)
    if who in ("basic", "machine"):
        app = oauth.apps[who]
        text = base64.b64encode(f"{app.client_id}:{app.secret}".encode()).decode()
        headers["Authorization"] = f"Basic {text}"
    elif who == "post" and isinstance(case.body, dict):
        app = oauth.apps[who]
        case.body |= {"client_id": app.client_id, "client_secret": app.secret}
    number = next(_numbers)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"  # nobody is locked out
    sent, prepared = documented.wire(case, oauth.world.server.settings.issuer, headers, address)
    answer = oauth.send_bytes(sent)
    note(f"{who}: {sent}\n{answer}")
    event(f"{case.operation.label} {answer.status}")
    properties.served(answer)
    properties.keeps_secrets(
        sent, answer, oauth.secrets - {app.secret for app in oauth.apps.values() if app.secret}
    )
    properties.oauth_shape(sent, answer)
    documented.conforms(case, prepared, answer, as_made=as_made)
