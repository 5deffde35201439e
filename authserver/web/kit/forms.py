"""Reading `application/x-www-form-urlencoded` bodies strictly, before anybody interprets them.

Starlette's own parser hands out the last of repeated values and swallows bad encodings; OAuth wants both refused
(RFC 6749 §3.1, §3.2).
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.requests import Request

LIMIT = 64 * 1024
MAX_FIELDS = 100
REPEATABLE = frozenset({"resource"})  # RFC 8707 §2


class FormError(Exception):
    """The body is not a form we read. `status` is the answer's, `error` an OAuth code, `description` for people."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


async def read(request: Request, *, limit: int = LIMIT) -> list[tuple[str, str]]:
    """The fields in the order sent, repeated ones included. Raises FormError; `limit` is in bytes."""
    _check_content_type(request.headers.getlist("content-type"))
    body, more = bytearray(), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise FormError(400, "invalid_request", "The connection ended before the form did.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise FormError(413, "invalid_request", f"The form is larger than {limit} bytes.")
    return parse(bytes(body))


def _check_content_type(values: list[str]) -> None:
    kind, _, parameters = (values[0] if len(values) == 1 else "").partition(";")
    if kind.strip().lower() != "application/x-www-form-urlencoded":
        raise FormError(415, "invalid_request", "Send the form as application/x-www-form-urlencoded.")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() != "utf-8":
            raise FormError(415, "invalid_request", "The form's charset has to be UTF-8.")


def parse(text: bytes) -> list[tuple[str, str]]:
    """The pairs of an urlencoded body or query. Raises FormError for bad UTF-8, NUL, or more than 100 fields."""
    if not text:
        return []
    parts = text.split(b"&")
    if len(parts) > MAX_FIELDS:
        raise FormError(400, "invalid_request", f"There are more than {MAX_FIELDS} fields.")
    pairs = []
    for part in parts:
        name, _, value = part.partition(b"=")
        if name:
            pairs.append((_decode(name), _decode(value)))
    return pairs


def _decode(text: bytes) -> str:
    try:
        decoded = unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise FormError(400, "invalid_request", "A field is not valid UTF-8.") from None
    if "\0" in decoded:
        raise FormError(400, "invalid_request", "A field contains a NUL character.")
    return decoded


def single(items: list[tuple[str, str]], *, repeatable: frozenset[str] = REPEATABLE) -> dict[str, str]:
    """Each field's one value; of a repeatable field the first. Raises FormError when another one is repeated."""
    fields: dict[str, str] = {}
    for name, value in items:
        if name not in fields:
            fields[name] = value
        elif name not in repeatable:
            raise FormError(400, "invalid_request", f"The parameter {name[:100]!r} is sent more than once.")
    return fields
