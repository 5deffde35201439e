"""Group R: what must stay secret is in no log, no error and no database: both services as processes, at debug level."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest

from tests.journeys import services
from tests.support import authserver, processes

pytestmark = pytest.mark.processes


def settings_of(folder: Path) -> dict[str, str]:
    return {
        "AUTHSERVER_DATABASE_URL": f"sqlite:///{folder}/authserver.db",
        "AUTHSERVER_SECRET_KEY": authserver.SECRET_KEY,
        "AUTHSERVER_PASSWORD_MEMORY_KIB": "8",
        "AUTHSERVER_LOG_LEVEL": "debug",
    }


def stored_in(folder: Path) -> bytes:
    """The authorization server's database with its log, byte for byte."""
    return b"".join(path.read_bytes() for path in folder.glob("authserver.db*") if path.is_file())


async def test_row_137_no_secret_is_in_a_log_an_error_or_a_database(tmp_path: Path) -> None:
    with processes.authserver(settings_of(tmp_path), tmp_path) as issuer:
        made = await services._register(f"sqlite:///{tmp_path}/authserver.db")
        assert made.secret is not None
        await asyncio.sleep(1.2)  # the server hears of the app within a second
        given = {
            "RESOURCE_API_DATABASE_URL": f"sqlite:///{tmp_path}/gallery.db",
            "RESOURCE_API_FILES": str(tmp_path / "files"),
            "RESOURCE_API_ISSUER": issuer.url,
            "RESOURCE_API_RESOURCE": services.RESOURCE,
            "RESOURCE_API_LOG_LEVEL": "debug",
        }
        app = services.App(made.client.client_id, made.secret, (issuer,))
        code = app.code()
        errors: list[str] = []
        with httpx2.Client(base_url=issuer.url, trust_env=False) as client:
            tokens = client.post("/oauth/token", data=app.redeeming(code)).json()
            access, refresh = tokens["access_token"], tokens["refresh_token"]
            assert client.post("/oauth/introspect", data=app.form(token=access)).json()["active"]
            login = {"email": services.EMAIL, "password": services.PASSWORD}
            form = {"sec-fetch-site": "same-origin"}
            assert client.post("/login", data=login, headers=form).status_code == 303
            session = client.cookies["authserver_local"]
            page = client.get("/login?x=1").text
            token = page.partition('name="form_token" value="')[2].partition('"')[0]
            wrong = {**login, "password": "canary-wrong-password"}
            errors += [
                client.post("/oauth/token", data=app.redeeming(code)).text,
                client.post("/oauth/token", data={**app.redeeming(code), "code_verifier": "v" * 43}).text,
                client.post(
                    "/oauth/token", data=app.form(grant_type="refresh_token", refresh_token=refresh)
                ).text,
                client.post("/oauth/token", data={"client_secret": made.secret, "client_id": "x"}).text,
                client.get(f"/{access}?{urlencode({'access_token': access, 'code': code})}").text,
                client.post("/login", data=wrong, headers=form).text,
                client.get("/nothing", headers={"authorization": f"Bearer {access}"}).text,
            ]
        with (
            processes.resource_api(given, tmp_path) as gallery,
            httpx2.Client(base_url=gallery.url, trust_env=False) as client,
        ):
            bearer = {"authorization": f"Bearer {access}"}
            assert client.get("/images", headers=bearer).status_code in (200, 401)
            errors += [
                client.get("/images", headers={"authorization": f"Bearer {access}x"}).text,
                client.get(f"/images/{access}", params={"access_token": access}, headers=bearer).text,
            ]
            gallery_log = gallery.output()
        assert "/images" in gallery_log, "the gallery's log is written"
        secrets = {
            "password": services.PASSWORD,
            "wrong password": wrong["password"],
            "code": code,
            "verifier": services.VERIFIER,
            "access token": access,
            "its signature": access.rpartition(".")[2],
            "refresh token": refresh,
            "client secret": made.secret,
            "session": session,
            "form token": token,
            "private key": "PRIVATE KEY",
            "secret key": authserver.SECRET_KEY,
        }
        assert all(len(secret) > 8 for secret in secrets.values())
        log = issuer.output() + gallery_log
        assert "/oauth/token" in log, "the log is written"
        stored = stored_in(tmp_path)
        assert made.client.client_id.encode() in stored, "the database is read"
        for name, secret in secrets.items():
            assert secret not in log, f"{name} is in the log"
            if name != "form token":  # it belongs into the form that is shown again
                assert secret not in "".join(errors), f"{name} is in an error"
            assert secret.encode() not in stored, f"{name} is in the database"
