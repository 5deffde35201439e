"""What comes in: strict JSON bodies, and the text and number types that models are made of.

FastAPI would read and parse a body before it looks at the token, and takes NaN, doubled members, UTF-16 and lone
surrogates. So a route names `Annotated[Model, inputs.json_body(Model)]` after its caller instead. Files are read in
`uploads.py`; sizes are limited in `http.py`.
"""

import json
import math
import re
import unicodedata
from typing import Annotated, Any, NoReturn, TypeVar

import pydantic
from fastapi import Depends, Request
from pydantic import AfterValidator, BeforeValidator, ConfigDict

from .problems import Problem

_DEPTH = 16
_ERRORS = 20
_WORDS = {"extra_forbidden": "is not known here", "missing": "is required"}

Model = TypeVar("Model", bound="Body")


class Body(pydantic.BaseModel):
    """A JSON object: strict types (no `"1"` for 1, no true for 1), and no member we do not know."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Query(pydantic.BaseModel):
    """The parameters of a list: one we do not know is refused, for a misspelt filter would show too much."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _line(text: str) -> str:
    text = unicodedata.normalize("NFC", text).strip()
    # Cc and Cf: control characters, and the invisible ones that turn text around. Joiners are part of emoji.
    if any(
        unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp") and each not in "\u200c\u200d" for each in text
    ):
        raise ValueError("must be one line without control characters")
    return text


Line = Annotated[str, AfterValidator(_line)]
"""One line of human text, NFC, without control characters. Its length is bounded where it is used, by `text()`."""


def text(minimum: int, maximum: int) -> Any:
    """The length of a `Line`, counted in characters after normalisation."""

    def check(value: str) -> str:
        if not minimum <= len(value) <= maximum:
            raise ValueError(f"must have {minimum} to {maximum} characters")
        return value

    return AfterValidator(check)


def _digits(value: object) -> object:
    # Pydantic would read "1_0", "+1", " 1" and Arabic digits as numbers.
    if isinstance(value, str) and not re.fullmatch(r"0|[1-9][0-9]{0,8}", value, re.ASCII):
        raise ValueError("must be a whole number")
    return value


Number = Annotated[int, BeforeValidator(_digits)]
"""A whole number in a query string, written in plain digits."""


def json_body(model: type[Model]) -> Any:
    """The dependency that answers the body as `model`, or 400, 415, 422. `openapi.py` finds the model on it."""

    async def read(request: Request) -> Model:
        return parse(model, await request.body(), request.headers.get("content-type"))

    read.json_model = model  # type: ignore[attr-defined]  # a function is the only thing FastAPI lets carry it
    return Depends(read)


def parse(model: type[Model], body: bytes, content_type: str | None) -> Model:
    """`body` as `model`. Raises `Problem` 400 for what is no JSON, 415, or 422 with a pointer to each mistake."""
    media_type, _, parameters = (content_type or "").partition(";")
    if media_type.strip().lower() != "application/json":
        raise Problem("unsupported_media_type", "Send the body as Content-Type: application/json.")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]*)", parameters, re.IGNORECASE)
    if charset and charset.group(1).lower() not in ("utf-8", "utf8"):
        raise Problem("unsupported_media_type", "JSON is UTF-8 (RFC 8259 §8.1).")
    value = _decode(body)
    _check_text(value, "", 0)
    try:
        return model.model_validate(value)
    except pydantic.ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False, include_context=False)) from None


def invalid(errors: Any) -> Problem:
    """422 from Pydantic's list of errors, without repeating what was sent."""
    listed = [
        {"pointer": _pointer(error["loc"]), "detail": _WORDS.get(error["type"]) or _said(error["msg"])}
        for error in errors[:_ERRORS]
    ]
    return Problem(
        "validation_failed",
        "Some values are not acceptable; errors says which.",
        errors=listed,
    )


def _said(message: str) -> str:
    """Pydantic's sentence, to be read after the name of the value."""
    message = message.removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    return message[:1].lower() + message[1:]


def _decode(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_no_doubles,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError:
        raise Problem("invalid_request", "The body is not UTF-8.") from None
    except RecursionError:
        raise Problem("invalid_request", "The body is nested too deeply.") from None
    except ValueError:
        # Also: more digits than Python converts, members twice, NaN and Infinity.
        raise Problem("invalid_request", "The body is not a JSON document we accept (RFC 8259).") from None


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("too large a number")
    return number


def _check_text(value: Any, pointer: str, depth: int) -> None:
    """Refuses what no database and no UTF-8 answer can hold: NUL and lone surrogates."""
    if depth > _DEPTH:
        raise Problem("invalid_request", "The body is nested too deeply.")
    if isinstance(value, str) and _unstorable(value):
        raise invalid(
            [
                {
                    "type": "text",
                    "loc": (pointer,),
                    "msg": "must be text without NUL and without lone surrogates",
                }
            ]
        )
    if isinstance(value, list):
        for index, item in enumerate(value):
            _check_text(item, f"{pointer}/{index}", depth + 1)
    if isinstance(value, dict):
        for name, item in value.items():
            _check_text(name, pointer, depth + 1)
            _check_text(item, f"{pointer}/{name}", depth + 1)


def _unstorable(text: str) -> bool:
    return any(each == "\x00" or "\ud800" <= each <= "\udfff" for each in text)


def _pointer(place: tuple[str | int, ...]) -> str:
    """A JSON pointer (RFC 6901) for a body; a parameter's own name for the query."""
    if place and place[0] in ("query", "path", "header"):
        return str(place[-1])[:100] if len(place) > 1 else str(place[0])
    if place == ("",) or (len(place) == 1 and str(place[0]).startswith("/")):
        return str(place[0])[:200]
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1")[:100] for part in place)
