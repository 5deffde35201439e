"""What any FastAPI server that signs could reach: one route that signs an access token and answers it, no more.

`python -m tests.benchmarks.bare PORT` serves it by two processes, the way our own server is served.
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from keys.signing import SigningKey


def create_app() -> FastAPI:
    app = FastAPI(openapi_url=None)
    key = SigningKey.generate()
    claims = {
        "iss": "http://localhost",
        "sub": "app",
        "aud": "https://gallery.test",
        "client_id": "app",
        "iat": 0,
        "exp": 300,
        "jti": "1",
        "scope": "images:read",
    }

    @app.post("/token")
    async def token(request: Request) -> JSONResponse:
        await request.body()
        return JSONResponse({"access_token": key.sign(claims), "token_type": "Bearer", "expires_in": 300})

    @app.get("/readyz")
    async def ready() -> JSONResponse:
        return JSONResponse({})

    return app


if __name__ == "__main__":
    uvicorn.run(
        f"{__spec__.name}:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        workers=2,
        access_log=False,
        log_level="warning",
    )
