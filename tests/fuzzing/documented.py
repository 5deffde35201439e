"""Requests that an OpenAPI document promises or forbids, as bytes; and whether an answer is what it promises.

schemathesis reads the document and makes the values; what it makes goes straight into the application here, on the
loop of the stage, so that an example costs a millisecond and a hang is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
import schemathesis
from hypothesis import assume
from hypothesis import strategies as st
from schemathesis import checks as builtin
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks as openapi

from .stage import Answer, Sent

Case = schemathesis.Case[Any]

# Left out: what tries other methods, other credentials and lost objects by requests of its own, which tests/attacks
# does route by route; and whether everything the document allows is taken, since an id that is allowed may not exist.
CHECKS = [
    builtin.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]


def cases(document: dict[str, Any]) -> st.SearchStrategy[Case]:
    """Requests to every operation, as described and spoiled."""
    schema = schemathesis.openapi.from_dict(document)
    operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]  # or it raises
    strategies = [each.as_strategy(GenerationMode.POSITIVE) for each in operations]
    # What takes nothing cannot be spoiled.
    takes = [each for each in operations if each.body or each.query or each.headers or each.path_parameters]
    strategies += [each.as_strategy(GenerationMode.NEGATIVE) for each in takes]
    return st.one_of(strategies)


def wire(
    case: Case, base: str, headers: Mapping[str, str], address: str
) -> tuple[Sent, requests.PreparedRequest]:
    """The request as bytes; for what no client can write there is no example."""
    given = case.as_transport_kwargs(base_url=base, headers=dict(headers))
    try:
        prepared = requests.Request(**given).prepare()
    except (requests.RequestException, ValueError):
        assume(False)
    body = prepared.body or b""
    assert isinstance(body, str | bytes)
    lines = []
    for name, value in prepared.headers.items():
        try:
            lines.append((_bytes(name), _bytes(value)))
        except UnicodeEncodeError:
            assume(False)
    target = prepared.path_url.encode("latin-1", "replace")
    assume(len(target) < 8192)
    sent = Sent(str(prepared.method), target, tuple(lines), _bytes(body, "utf-8"), address)
    return sent, prepared


def conforms(case: Case, prepared: requests.PreparedRequest, answer: Answer, *, as_made: bool) -> None:
    """The answer is one that the document promises for this operation; and what it forbids is refused, if the request
    is still as schemathesis made it, which does not know what was put right afterwards."""
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers:
        headers.setdefault(name, []).append(value)
    response = Response(
        status_code=answer.status,
        headers=headers,
        content=answer.body,
        request=prepared,
        elapsed=answer.seconds,
        verify=False,
    )
    case.validate_response(response, checks=[*CHECKS, openapi.negative_data_rejection] if as_made else CHECKS)


def _bytes(text: str | bytes, encoding: str = "latin-1") -> bytes:
    return text if isinstance(text, bytes) else text.encode(encoding)
