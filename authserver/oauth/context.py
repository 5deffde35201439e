"""What the protocol needs for the life of the process; what belongs to one request lives in `server`."""

from __future__ import annotations

from dataclasses import dataclass

from .. import audit, limits
from ..cache import Cache
from ..clock import Clock
from ..credentials import SecretKeys
from ..people import passwords
from ..settings import Settings


@dataclass(frozen=True)
class OAuth:
    """Everything a grant may ask for, built once when the application starts."""

    settings: Settings
    clock: Clock
    cache: Cache
    secret_keys: SecretKeys
    passwords: passwords.Lane
    limits: limits.Limits
    audit_buffer: audit.Buffer
