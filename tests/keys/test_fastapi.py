"""The three lines for a FastAPI resource server, spoken to over HTTP."""

import re
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, WebSocket
from httpx2 import Response

from keys.access_token import AccessToken
from keys.fastapi import Auth, RefusedError, problem
from keys.signing import SigningKey
from keys.verifier import Verifier

from .conftest import AUDIENCE, ISSUER, Clock, Mint
from .issuer import Issuer

METADATA = "https://api.test/.well-known/oauth-protected-resource"


def application(auth: Auth) -> FastAPI:
    app = FastAPI()
    spending = auth.scope("images:write", "credits:spend")

    @app.get("/images", dependencies=[auth.scope("images:read")])
    async def images() -> list[str]:
        return []

    @app.get("/me")
    async def me(token: Annotated[AccessToken, Depends(auth)]) -> str:
        return token.subject

    @app.get("/spend")
    def spend(token: AccessToken = spending) -> str:
        return token.client_id

    @app.get("/both", dependencies=[auth.scope("images:read")])
    async def both(token: Annotated[AccessToken, auth.scope("images:write")]) -> str:
        return token.jti

    @app.websocket("/socket")
    async def socket(websocket: WebSocket, token: Annotated[AccessToken, Depends(auth)]) -> None:
        await websocket.accept()
        await websocket.send_text(token.subject)
        await websocket.close()

    app.include_router(auth.router)
    return app


@pytest.fixture
def auth(verifier: Verifier) -> Auth:
    return Auth(ISSUER, audience=AUDIENCE, verifier=verifier)


@pytest.fixture
def app(auth: Auth) -> FastAPI:
    return application(auth)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=AUDIENCE) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def challenge(answer: Response) -> dict[str, str]:
    """The parameters of the one Bearer challenge."""
    (header,) = answer.headers.get_list("www-authenticate")
    scheme, _, rest = header.partition(" ")
    assert scheme == "Bearer"
    parameters = re.findall(r'(\w+)="([^"]*)"(?:, |$)', rest)
    assert ", ".join(f'{name}="{value}"' for name, value in parameters) == rest
    return dict(parameters)


async def test_a_good_token_gets_in(client: httpx2.AsyncClient, mint: Mint) -> None:
    token = mint(scope="images:read images:write credits:spend", jti="token-7")
    wanted = {
        "/images": [],
        "/me": "5f0c1f7e-5f0e-4a0b-9d0e-0a2d6c1b7e11",
        "/spend": "app_gallery",
        "/both": "token-7",
    }
    for path, body in wanted.items():
        answer = await client.get(path, headers=bearer(token))
        assert (answer.status_code, answer.json()) == (200, body)
    assert (await client.get("/me", headers={"authorization": f"bearer {token}"})).status_code == 200


async def test_without_a_token_the_challenge_names_no_error(client: httpx2.AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearerx"}, {"Cookie": "token=x"}):
        answer = await client.get("/me", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == f'Bearer resource_metadata="{METADATA}"'
    answer = await client.get("/images")
    assert challenge(answer) == {"scope": "images:read", "resource_metadata": METADATA}


async def test_a_bad_token_is_401_and_says_why(client: httpx2.AsyncClient, mint: Mint, clock: Clock) -> None:
    text = mint(iat=clock.now - 400, exp=clock.now - 41)
    answer = await client.get("/images", headers=bearer(text))
    assert answer.status_code == 401
    assert challenge(answer) == {
        "error": "invalid_token",
        "error_description": "The access token expired 41 s ago.",
        "resource_metadata": METADATA,
    }
    assert answer.json() == {"detail": "The access token expired 41 s ago."}


@pytest.mark.parametrize("text", ["x", "a.b.c", "a.b", "rt_abcdef", "A" * 9_000, "e30.e30.e30", "====="])
async def test_rubbish_is_a_clear_refusal(client: httpx2.AsyncClient, text: str) -> None:
    answer = await client.get("/me", headers=bearer(text))
    assert answer.status_code in (400, 401)
    assert challenge(answer)["error"] in ("invalid_token", "invalid_request")
    assert text not in answer.text or len(text) < 5


async def test_a_missing_scope_is_403_and_named(client: httpx2.AsyncClient, mint: Mint) -> None:
    for scope in ("images:write", "images:readX credits:spend", "IMAGES:WRITE credits:spend", ...):
        answer = await client.get("/spend", headers=bearer(mint(scope=scope)))
        assert answer.status_code == 403
        found = challenge(answer)
        assert (found["error"], found["scope"]) == ("insufficient_scope", "images:write credits:spend")
        assert "images:write and credits:spend" in found["error_description"]
    only_one = await client.get("/both", headers=bearer(mint(scope="images:write")))
    assert only_one.status_code == 403


async def test_a_token_in_the_address_is_never_honoured(client: httpx2.AsyncClient, mint: Mint) -> None:
    token = mint()
    for path, headers in (
        (f"/me?access_token={token}", {}),
        (f"/me?access_token={token}", bearer(token)),
        ("/me?access_token", bearer(token)),
    ):
        answer = await client.get(path, headers=headers)
        assert answer.status_code == 400
        assert challenge(answer)["error"] == "invalid_request"
        assert token not in answer.text and token not in str(answer.headers)


async def test_a_token_in_a_body_or_cookie_does_not_count(
    client: httpx2.AsyncClient, app: FastAPI, auth: Auth, mint: Mint
) -> None:
    @app.post("/me", dependencies=[Depends(auth)])
    async def post() -> None: ...

    token = mint()
    assert (await client.post("/me", data={"access_token": token})).status_code == 401
    assert (await client.get("/me", headers={"Cookie": f"access_token={token}"})).status_code == 401
    assert (await client.post("/me", headers=bearer(token))).status_code == 200


@pytest.mark.parametrize("other", ["Bearer {0}", "Basic YTpi", "Bearer x", ""])
async def test_two_authorization_headers_are_400(client: httpx2.AsyncClient, mint: Mint, other: str) -> None:
    token = mint()
    both = [("Authorization", f"Bearer {token}"), ("Authorization", other.format(token))]
    for headers in (both, both[::-1]):
        answer = await client.get("/me", headers=headers)
        assert answer.status_code == 400
        assert challenge(answer)["error"] == "invalid_request"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer  {0}",
        "Bearer {0} ",
        "Bearer\t{0}",
        "Bearer {0}, Bearer {0}",
        "Bearer {0} x",
        'Bearer "{0}"',
        "Bearer {0};x=1",
    ],
)
async def test_a_malformed_authorization_header_gets_nobody_in(
    client: httpx2.AsyncClient, mint: Mint, header: str
) -> None:
    answer = await client.get("/me", headers={"Authorization": header.format(mint())})
    # A tab doesn't end the scheme, so "Bearer<tab>x" is some other scheme: no credentials, no error code.
    expected = (401, None) if "\t" in header else (400, "invalid_request")
    assert (answer.status_code, challenge(answer).get("error")) == expected


async def test_without_keys_the_answer_is_503_and_when_to_come_back(key: SigningKey, mint: Mint) -> None:
    with Issuer([key]) as issuer:
        app = application(Auth(issuer.url, audience=AUDIENCE, jwks_url=issuer.jwks_url))
        issuer.stop()
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=AUDIENCE) as client:
            answer = await client.get("/me", headers=bearer(mint(iss=issuer.url)))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert "www-authenticate" not in answer.headers
            assert (await client.get("/me", headers=bearer("a.b.c"))).status_code == 401
        issuer.start()


async def test_the_usual_verifier_fetches_the_issuers_keys(key: SigningKey, mint: Mint) -> None:
    with Issuer([key]) as issuer:
        app = application(Auth(issuer.url, audience=AUDIENCE))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=AUDIENCE) as client:
            now = time.time()
            token = mint(iss=issuer.url, iat=now, exp=now + 60)
            assert (await client.get("/images", headers=bearer(token))).status_code == 200


async def test_refusals_can_be_problem_details(client: httpx2.AsyncClient, app: FastAPI, mint: Mint) -> None:
    app.add_exception_handler(RefusedError, problem)
    answer = await client.get("/spend", headers=bearer(mint()))
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "This needs the scope images:write and credits:spend, and the access token has less.",
        "error": "insufficient_scope",
    }
    assert challenge(answer)["error"] == "insufficient_scope"
    assert "error" not in (await client.get("/me")).json()


async def test_the_api_says_whom_to_ask(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/.well-known/oauth-protected-resource")
    assert answer.json() == {
        "resource": AUDIENCE,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["credits:spend", "images:read", "images:write"],
        "bearer_methods_supported": ["header"],
    }


@pytest.mark.parametrize(
    ("audience", "where"),
    [
        ("https://api.test", METADATA),
        ("https://api.test/", METADATA),
        ("https://api.test/v1", f"{METADATA}/v1"),
        ("https://api.test:8443/a?b=c", "https://api.test:8443/.well-known/oauth-protected-resource/a?b=c"),
        ("urn:example:api", None),
        ("gallery", None),
    ],
)
def test_the_metadata_address_follows_from_the_audience(audience: str, where: str | None) -> None:
    auth = Auth(ISSUER, audience=audience)
    assert auth.resource_metadata == where
    if where is None:
        with pytest.raises(ValueError, match="resource_metadata"):
            _ = auth.router


async def test_a_challenge_can_go_without_metadata(verifier: Verifier) -> None:
    app = FastAPI()
    auth = Auth(ISSUER, audience=AUDIENCE, verifier=verifier, resource_metadata=None)
    app.get("/", dependencies=[Depends(auth)])(lambda: None)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=AUDIENCE) as client:
        assert (await client.get("/")).headers["www-authenticate"] == "Bearer"


def test_the_document_shows_what_each_route_needs(app: FastAPI) -> None:
    document = app.openapi()
    needs = {path: item["get"].get("security") for path, item in document["paths"].items()}
    assert needs["/images"] == [{"oauth2": ["images:read"]}]
    assert needs["/me"] == [{"oauth2": []}]
    assert needs["/spend"] == [{"oauth2": ["images:write", "credits:spend"]}]
    assert needs["/.well-known/oauth-protected-resource"] is None
    flow = document["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"]
    assert flow["authorizationUrl"] == "https://auth.test/oauth/authorize"
    assert flow["scopes"].keys() == {"images:read", "images:write", "credits:spend"}


def test_scopes_can_be_explained(verifier: Verifier) -> None:
    auth = Auth(ISSUER, audience=AUDIENCE, verifier=verifier, scopes={"images:read": "See your images."})
    auth.scope("images:read")
    flows: Any = auth.model.model_dump()["flows"]
    assert flows["authorizationCode"]["scopes"] == {"images:read": "See your images."}


@pytest.mark.parametrize("scope", ["", "a b", 'a"b', "a\\b", "é", "a\n"])
def test_a_scope_that_cannot_exist_is_refused_at_start(auth: Auth, scope: str) -> None:
    with pytest.raises(ValueError, match="scope"):
        auth.scope("images:read", scope)


def test_a_verifier_for_someone_else_is_refused_at_start(verifier: Verifier) -> None:
    with pytest.raises(ValueError, match="another"):
        Auth(ISSUER, audience="https://other.test", verifier=verifier)


async def test_a_socket_needs_a_token_too(app: FastAPI, mint: Mint) -> None:
    async def talk(headers: list[tuple[bytes, bytes]]) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        scope = {
            "type": "websocket", "path": "/socket", "headers": headers, "query_string": b"",
            "subprotocols": [], "scheme": "ws", "server": ("api.test", 80), "app": app,
        }  # fmt: skip
        await app(scope, receive, send)
        return sent

    good = await talk([(b"authorization", f"Bearer {mint()}".encode())])
    assert [message["type"] for message in good] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert "websocket.accept" not in [message["type"] for message in await talk([])]
