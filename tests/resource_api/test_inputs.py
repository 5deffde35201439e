"""JSON bodies: what is not exactly JSON of the right shape is a clear 4xx, and never echoed."""

from typing import Any

from .callers import ANA, code, headers


async def send(gallery: Any, content: bytes, content_type: str = "application/json") -> Any:
    return await gallery.client.patch(
        "/me", headers=headers(gallery, ANA, **{"Content-Type": content_type}), content=content
    )


async def test_good_json_is_taken_in_any_spelling(gallery: Any) -> None:
    for content_type in ("application/json", "Application/JSON", 'application/json; charset="UTF-8"'):
        response = await send(gallery, b' {"display_name" : "An\\u0061 \xf0\x9f\x96\xbc"}\n', content_type)
        assert response.status_code == 200, content_type
        assert response.json()["display_name"] == "Ana 🖼"


async def test_what_is_no_json_is_400(gallery: Any) -> None:
    for content in [
        b"",
        b"{",
        b"{'display_name': 'x'}",
        b'{"display_name": NaN}',
        b'{"display_name": Infinity}',
        b'{"display_name": 1e400}',
        b'{"display_name": "a", "display_name": "b"}',
        b'{"display_name": "\xff"}',
        '{"display_name": "x"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"display_name": "x"}',
        b'{"display_name": "x"} trailing',
        b'{"display_name": ' + b"9" * 5000 + b"}",
        b"[" * 60_000,
        b'{"display_name": ' + b"[" * 20 + b"]" * 20 + b"}",
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    ]:
        response = await send(gallery, content)
        assert response.status_code == 400, content
        assert code(response) == "invalid_request", content


async def test_text_that_cannot_be_kept_is_422(gallery: Any) -> None:
    for content in [
        b'{"display_name": "\\ud800"}',
        b'{"display_name": "a\\u0000b"}',
        b'{"\\ud800": "x"}',
        b'{"a\\u0000b": 1}',
    ]:
        response = await send(gallery, content)
        assert response.status_code == 422, content
        assert code(response) == "validation_failed", content


async def test_what_is_no_object_is_422(gallery: Any) -> None:
    for content in [b"null", b"[]", b'"x"', b"1", b"true", b'[{"display_name": "x"}]']:
        assert (await send(gallery, content)).status_code == 422, content


async def test_types_are_not_guessed(gallery: Any) -> None:
    for value in [b"1", b"true", b"null", b"[]", b"{}", b"1.5"]:
        response = await send(gallery, b'{"display_name": ' + value + b"}")
        assert response.status_code == 422, value
        assert [each["pointer"] for each in response.json()["errors"]] == ["/display_name"], value


async def test_another_content_type_is_415(gallery: Any) -> None:
    for content_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
    ]:
        response = await send(gallery, b'{"display_name": "x"}', content_type)
        assert response.status_code == 415, content_type


async def test_a_refusal_never_repeats_what_was_sent(gallery: Any) -> None:
    for content in (b'{"handle": "S3CRET value"}', b'{"display_name": ["S3CRET"]}', b'{"handle": S3CRET}'):
        response = await send(gallery, content)
        assert response.status_code in (400, 422)
        assert "S3CRET" not in response.text


async def test_thousands_of_unknown_members_are_refused_shortly(gallery: Any) -> None:
    content = b"{" + b",".join(b'"%d":1' % n for n in range(6_000)) + b"}"
    response = await send(gallery, content)
    assert response.status_code == 422
    assert len(response.content) < 4_000


async def test_json_over_64_kibibytes_is_413(gallery: Any) -> None:
    response = await send(gallery, b'{"display_name": "' + b"x" * 65_536 + b'"}')
    assert response.status_code == 413
    assert code(response) == "too_large"


async def test_json_without_a_length_ends_at_the_limit(gallery: Any) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        yield b'{"display_name": "'
        while True:
            sent += 1
            yield b"x" * 1024

    response = await gallery.client.patch(
        "/me", headers=headers(gallery, ANA, **{"Content-Type": "application/json"}), content=endless()
    )
    assert response.status_code == 413
    assert sent <= 65
