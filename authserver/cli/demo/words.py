"""What the demo prints once it is ready: where to look, who to be, and lines to paste."""

from __future__ import annotations

import urllib.parse
from typing import Any

import typer
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from . import catalogue
from .places import Places

# A PKCE verifier that everybody may know (it is the one of RFC 7636, Appendix B): for trying out alone.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


def welcome(places: Places, facts: dict[str, Any], *, seconds: float) -> None:
    """Print it to standard output."""
    issuer, resource = places.issuer, places.resource
    machine, first, web = (facts["clients"][key] for key in ("machine", "first_party", "web"))
    ana = facts["people"]["ana"]
    who = "\n".join(
        f"    {catalogue.PEOPLE[key].name:<14} {person['email']:<20} {person['password']}"
        for key, person in facts["people"].items()
    )
    query = urllib.parse.urlencode(
        {
            "response_type": "code",
            "client_id": web["client_id"],
            "redirect_uri": web["redirect_uri"],
            "scope": "images:read",
            "state": "demo",
            "code_challenge": create_s256_code_challenge(VERIFIER),
            "code_challenge_method": "S256",
        }
    )
    bearer = '-H "Authorization: Bearer $TOKEN"'
    by_machine = _token(
        issuer, f"-u {machine['client_id']}:{machine['client_secret']}", grant_type="client_credentials"
    )
    by_password = _token(
        issuer,
        grant_type="password",
        client_id=first["client_id"],
        client_secret=first["client_secret"],
        username=ana["email"],
        password=ana["password"],
    )
    by_code = _post(
        issuer,
        grant_type="authorization_code",
        client_id=web["client_id"],
        client_secret=web["client_secret"],
        redirect_uri=web["redirect_uri"],
        code_verifier=VERIFIER,
        code="CODE",
    )
    typer.echo(f"""
authserver   {issuer}   ready in {seconds:.1f} s, data in {places.folder}
gallery      {resource}

  Sign in        {issuer}/login
  Documentation  {issuer}/docs   {resource}/docs
  For scripts    {places.file} (addresses, apps, people)

  People, with their passwords:
{who}

  1. A machine gets a token for itself and lists its images (client credentials):

{by_machine}
curl -s {bearer} {resource}/images

  2. Our own app signs Ana in, shows her credits and makes a picture (password):

{by_password}
curl -s {bearer} {resource}/credits
curl -s {bearer} -H 'Content-Type: application/json' -d '{{"prompt": "a calm sea at dawn"}}' {resource}/images

  3. Another app asks Ana (authorization code). Open this, sign in, allow; the address you land on has the code:

{issuer}/oauth/authorize?{query}

     then, within a minute, with that code in place of CODE:

{by_code}

  4. Without a token the gallery is closed, and says why:

curl -si {resource}/images

  Stop with Ctrl-C. `make demo` again goes on with the same people and pictures.
""")


def _token(issuer: str, *options: str, **form: str) -> str:
    field = """python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])'"""
    return f"TOKEN=$({_post(issuer, *options, **form)} | {field})"


def _post(issuer: str, *options: str, **form: str) -> str:
    return " ".join(
        [f"curl -s {issuer}/oauth/token", *options, *(f"-d {name}={value}" for name, value in form.items())]
    )
