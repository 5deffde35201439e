"""Everything one process holds, built once by `app.create_app`, reached through the request, never global."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from ... import audit, cache, credentials, database, i18n, limits
from ...clock import Clock
from ...oauth.context import OAuth
from ...people import passwords
from ...settings import Settings
from . import assets, metrics, templates


@dataclass(frozen=True)
class State:
    """The parts of a running service. `oauth` is what the protocol's endpoints hand to the oauth room."""

    settings: Settings
    clock: Clock
    database: database.Database
    cache: cache.Cache
    secret_keys: credentials.SecretKeys
    passwords: passwords.Lane
    limits: limits.Limits
    oauth: OAuth
    audit_buffer: audit.Buffer
    translations: i18n.Translations
    templates: templates.Templates
    assets: assets.Assets
    metrics: metrics.Metrics


def of(request: HTTPConnection) -> State:
    """The state of the application that serves `request`."""
    here: State = request.app.state.authserver
    return here
