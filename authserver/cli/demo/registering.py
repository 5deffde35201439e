"""Registers the demo's API, apps and people, or brings what an earlier run registered up to date."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from ... import apis
from ...oauth import client_secrets, clients
from ...people import passwords, users
from .. import running, user
from . import catalogue
from .places import Places


async def register(here: running.Here, places: Places) -> dict[str, Any]:
    """What demo.json says: addresses, clients with secrets that work, people with passwords that work."""
    known, written_at = _read(places.file)
    people = {
        key: await _person(here, person, known.get("people", {}).get(key, {}).get("password"), written_at)
        for key, person in catalogue.PEOPLE.items()
    }
    known_clients = known.get("clients", {})
    registered = await here.database.transaction(
        lambda session: _apps(here, session, places.resource, known_clients)
    )
    return {"issuer": places.issuer, "resource": places.resource, "clients": registered, "people": people}


def write(file: Path, facts: dict[str, Any]) -> None:
    """Put the facts where scripts read them, complete or not at all, for the owner's eyes only."""
    temporary = file.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(facts, indent=2) + "\n")
    temporary.replace(file)


def _apps(here: running.Here, session: Session, resource: str, known: dict[str, Any]) -> dict[str, Any]:
    _api(here, session, resource)
    return {
        key: _client(here, session, values, known.get(key, {})) for key, values in catalogue.CLIENTS.items()
    }


def _api(here: running.Here, session: Session, resource: str) -> None:
    """The gallery as an API. On another port it is another API, and takes the scopes along."""
    owners = {scope.name: api.identifier for api in apis.list_apis(session) for scope in api.scopes}
    identifiers = {api.identifier for api in apis.list_apis(session)}
    if resource not in identifiers:
        former = owners.get(next(iter(catalogue.SCOPES)))
        if former is None:
            apis.create(session, resource, "Image gallery", here.now)
        else:
            apis.rename(session, former, resource, now=here.now)
    for name, (english, french) in catalogue.SCOPES.items():
        if name not in owners:
            apis.add_scope(session, resource, name, english, french, here.now)


def _client(
    here: running.Here, session: Session, values: dict[str, Any], known: dict[str, Any]
) -> dict[str, Any]:
    """One app: the one of the last run where demo.json still knows it, else a new one."""
    try:
        client = clients.get(session, str(known.get("client_id")))
    except clients.UnknownClientError:
        made = clients.create(session, now=here.now, **values)
        client, secret = made.client, made.secret
    else:
        fixed = {"auth_method"}
        changes = {
            name: value
            for name, value in values.items()
            if name not in fixed and getattr(client, name) != value
        }
        if changes:
            client = clients.update(session, client.client_id, now=here.now, **changes)
        if client.disabled_at is not None:
            clients.enable(session, client.client_id, now=here.now)
        secret = known.get("client_secret")
        works = secret is not None and client_secrets.matches(client.secrets, secret, here.now)
        if client.confidential and not works:
            secret = clients.rotate_secret(session, client.client_id, now=here.now)
    facts: dict[str, Any] = {"client_id": client.client_id, "auth_method": client.auth_method}
    if secret is not None and client.confidential:
        facts["client_secret"] = secret
    if client.redirect_uris:
        facts["redirect_uri"] = client.redirect_uris[0]
    return facts


async def _person(
    here: running.Here, person: catalogue.Person, password: str | None, written_at: float
) -> dict[str, str]:
    """One account; the password of the last run stays while it is the account's."""
    lane = here.oauth.passwords
    found = await here.database.read(lambda session: users.find_by_email(session, person.email))
    if found is not None and found.disabled_at is not None:
        account = found.id
        await here.database.transaction(lambda session: users.enable(session, account, now=here.now))
    if found is not None and password is not None:
        # Hashing three passwords would be a quarter of the time a second start takes.
        unchanged = found.valid_from < written_at
        if unchanged or (await lane.verify(found.password_digest, password)).ok:
            return {"email": person.email, "password": password}
    password = await _new_password(lane)
    digest = await lane.hash(password)
    if found is None:
        await here.database.transaction(
            lambda session: user.add(
                session, person.email, digest, now=here.now, name=person.name, locale=None, admin=person.admin
            )
        )
    else:
        account = found.id
        await here.database.transaction(
            lambda session: users.set_password(session, account, digest, now=here.now)
        )
    return {"email": person.email, "password": password}


async def _new_password(lane: passwords.Lane) -> str:
    while True:
        password = "-".join(secrets.choice(catalogue.WORDS) for _ in range(4))
        if not await lane.check_new(password):
            return password


def _read(file: Path) -> tuple[dict[str, Any], float]:
    """What the last run wrote, and when; nothing, never, where there was none."""
    try:
        known, written_at = json.loads(file.read_text()), file.stat().st_mtime
    except (OSError, ValueError):
        return {}, 0.0
    return (known, written_at) if isinstance(known, dict) else ({}, 0.0)
