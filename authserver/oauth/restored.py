"""After a backup was put back: nothing that was issued before may be used, for nobody knows what was used since.

A database from ten minutes ago has forgotten which codes were redeemed, which refresh tokens were exchanged, who
signed out and what was revoked. So everyone signs in again, and machines ask for new tokens. Signing keys, people,
their passwords, apps and what people allowed them are as they were when the backup was made.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from .. import audit, cache
from ..people import users
from . import authorization_requests, deny_list


def end_everything(session: Session, *, now: float) -> None:
    """End all sessions, waiting authorization requests, codes, refresh tokens and access tokens from before `now`.

    Sessions, codes and refresh tokens end because they are older than their person's `valid_from`. APIs that verify
    access tokens offline accept those until they expire, as always.
    """
    users.end_everything(session, now=now)
    authorization_requests.end_all(session, now=now)
    deny_list.deny(session, deny_list.EVERYTHING, "", now=now)
    cache.all_changed(session)
    audit.record(session, "restored", now=now)
