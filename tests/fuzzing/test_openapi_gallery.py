"""The gallery under requests made from its own OpenAPI document: it answers as the document says, and nothing leaks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st

from . import documented, gallery_stage, properties, stage


@pytest.fixture(scope="module")
def cases(gallery: gallery_stage.GalleryStage) -> Any:
    document = gallery.loop.run(gallery.gallery.client.get("/openapi.json")).json()
    return documented.cases(document)


@stage.budget(short=200, long=20_000)
@given(
    data=st.data(), aimed=st.booleans(), who=st.sampled_from(["owner", "owner", *gallery_stage.WHO, "nobody"])
)
def test_every_answer_is_one_that_the_document_promises(
    gallery: gallery_stage.GalleryStage, cases: Any, data: st.DataObject, aimed: bool, who: str
) -> None:
    case = data.draw(cases)
    as_made = not aimed and "Authorization" not in case.headers
    if aimed:
        case = gallery.aimed(case)
    sent, prepared, answer = gallery.send_case(case, who)
    note(f"{who}: {sent}\n{answer}")
    event(f"{case.operation.label} {answer.status}")
    properties.served(answer)
    properties.keeps_secrets(sent, answer, gallery.secrets)
    if answer.media_type == "application/problem+json":
        properties.problem(answer, gallery.gallery.settings.resource)
    documented.conforms(case, prepared, answer, as_made=as_made)
