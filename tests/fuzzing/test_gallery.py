"""The gallery under forms and tokens gone wrong: it takes what is good, and says why it takes nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, note

from tests.keys.forge import private, rs256
from tests.resource_api.callers import ANA

from . import gallery_stage, gallery_words, properties, stage


def _answered(gallery: gallery_stage.GalleryStage, sent: stage.Sent) -> stage.Answer:
    answer = gallery.send(sent)
    note(f"{sent}\n{answer}")
    event(f"{sent.path} {answer.status}")
    properties.served(answer)
    properties.keeps_secrets(sent, answer, gallery.secrets)
    if answer.status >= 400:
        assert answer.media_type == "application/problem+json", answer
        properties.problem(answer, gallery.gallery.settings.resource)
    return answer


@stage.budget(short=150, long=20_000)
@given(form=gallery_words.forms())
def test_a_form_is_an_image_or_is_refused(
    gallery: gallery_stage.GalleryStage, form: gallery_words.Form
) -> None:
    headers = (
        (b"authorization", b"Bearer " + gallery.token("owner").encode()),
        (b"content-type", form.content_type),
    )
    answer = _answered(gallery, stage.Sent("POST", b"/uploads", headers, form.body))
    assert answer.status in (201, 400, 413, 415, 422), answer
    if form.words == "" and form.content_type == b"multipart/form-data; boundary=b":
        assert answer.status == 201


@stage.budget(short=200, long=30_000)
@given(token=gallery_words.tokens())
def test_a_token_is_good_or_its_bearer_is_nobody(
    gallery: gallery_stage.GalleryStage, token: gallery_words.Token
) -> None:
    key, now = gallery.gallery.key, int(gallery.gallery.clock())
    header: dict[str, Any] = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid}
    claims: dict[str, Any] = {
        "iss": gallery.gallery.settings.issuer,
        "sub": ANA,
        "aud": gallery.gallery.settings.resource,
        "client_id": "app_web",
        "iat": now,
        "exp": now + 300,
        "jti": "fuzzed",
        "scope": "images:read",
    }
    text, whole = token.text(header, claims, rs256(private(key)))
    answer = _answered(gallery, stage.Sent("GET", b"/images", ((b"authorization", text),)))
    assert answer.status in (200, 400, 401, 403), answer
    if token.is_good and whole:
        assert answer.status == 200
    if token.is_foreign or not whole:
        assert answer.status in (400, 401), answer
    if answer.status == 401:
        assert answer.header("www-authenticate").startswith("Bearer"), answer
    if answer.status == 200:
        assert ANA not in answer.body.decode()
