"""Accounts: one row per person, known by an id that never changes and found by an e-mail address.

A change after which earlier sessions and tokens must not count raises `valid_from`; whoever honours a session or
token compares. Passwords are hashed in `passwords`.
"""

from __future__ import annotations

import contextlib
import unicodedata
from dataclasses import dataclass, fields

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.orm import Session

from .. import audit, cache, credentials, database

MAX_EMAIL = 254  # RFC 5321 §4.5.3.1.3, less the brackets
MAX_NAME = 200

table = sa.Table(
    "users",
    database.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("email_key", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("password_digest", sa.Text),
    sa.Column("is_admin", sa.Boolean, nullable=False),
    sa.Column("locale", sa.Text),
    sa.Column("disabled_at", sa.Double),
    sa.Column("valid_from", sa.Double, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False, index=True),
)


class EmailError(ValueError):
    """This is no e-mail address we take; the message says why."""


class EmailTakenError(Exception):
    """Another account has this address."""


class UnknownUserError(LookupError):
    """There is no such account."""


@dataclass(frozen=True)
class User:
    """One account. `name` may be empty; `password_digest` is None when no password was ever set."""

    id: str
    email: str
    name: str
    password_digest: str | None
    is_admin: bool
    locale: str | None
    disabled_at: float | None
    valid_from: float
    created_at: float


_columns = [table.c[field.name] for field in fields(User)]
_BY_ID = sa.select(*_columns).where(table.c.id == sa.bindparam("person"))


def email_key(email: str) -> str:
    """What makes two spellings of an address one account: NFKC and case folding, an IDN host in its letters."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email.strip()).casefold())
    local, at, host = text.rpartition("@")
    if "xn--" in host:
        with contextlib.suppress(UnicodeError):  # not an address anybody can have
            host = host.encode("ascii").decode("idna")
    return local + at + host


def check_email(email: str) -> str:
    """The address as it is stored. Raises EmailError."""
    # Slow to load, and a server that starts has nobody to register yet.
    from email_validator import EmailNotValidError, validate_email

    email = email.strip()
    if _has_invisible(email):  # they make twins that nobody can tell apart
        raise EmailError("An e-mail address has no invisible characters.")
    try:
        # No look-up: mail proves an address, DNS only slows registration. `.test` is for tests (RFC 6761).
        checked = validate_email(email, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        raise EmailError(str(error)) from None
    if len(checked.normalized) > MAX_EMAIL:
        raise EmailError(f"An e-mail address has at most {MAX_EMAIL} characters.")
    if len(_scripts(checked.local_part)) > 1:
        raise EmailError("The part before the @ mixes letters of several alphabets.")
    return checked.normalized


def add(
    session: Session,
    email: str,
    password_digest: str | None,
    *,
    now: float,
    name: str = "",
    locale: str | None = None,
    is_admin: bool = False,
) -> User:
    """Make an account. Of many at once with one address, one succeeds. Raises EmailError, EmailTakenError."""
    user = User(
        credentials.new_subject(),
        check_email(email),
        " ".join(name.split())[:MAX_NAME],
        password_digest,
        is_admin,
        locale,
        None,
        now,
        now,
    )
    values = {field.name: getattr(user, field.name) for field in fields(User)}
    try:
        # A savepoint, so that the caller's transaction goes on after the refusal.
        with session.begin_nested():
            session.execute(sa.insert(table).values(email_key=email_key(user.email), **values))
    except exc.IntegrityError:
        raise EmailTakenError(user.email) from None
    # Somebody may have asked for this id before and been told that it is nobody's.
    cache.changed(session, "user", user.id)
    return user


def find(session: Session, user_id: str) -> User | None:
    """The account, disabled or not."""
    row = session.execute(_BY_ID, {"person": user_id}).mappings().one_or_none()
    return None if row is None else User(**row)


def find_by_email(session: Session, email: str) -> User | None:
    """The account that any spelling of this address stands for, disabled or not."""
    key = email_key(email)
    # Nobody has such an address, and PostgreSQL would refuse the question.
    if _has_invisible(key):
        return None
    row = session.execute(sa.select(*_columns).where(table.c.email_key == key)).mappings().one_or_none()
    return None if row is None else User(**row)


def list_page(session: Session, *, after: str | None = None, limit: int = 100) -> list[User]:
    """Accounts in the order they were made, at most `limit`, beginning after the one with id `after`."""
    query = sa.select(*_columns).order_by(table.c.created_at, table.c.id).limit(limit)
    if after is not None:
        start = sa.select(table.c.created_at, table.c.id).where(table.c.id == after)
        query = query.where(sa.tuple_(table.c.created_at, table.c.id) > start.scalar_subquery())
    return [User(**row) for row in session.execute(query).mappings()]


def disable(session: Session, user_id: str, *, now: float) -> None:
    """Shut an account: it can't sign in, and its sessions and tokens end. Raises UnknownUserError."""
    _change(session, user_id, now, "user_disabled", disabled_at=now, valid_from=now)


def enable(session: Session, user_id: str, *, now: float) -> None:
    """Open a disabled account again; what ended stays ended. Raises UnknownUserError."""
    _change(session, user_id, now, "user_enabled", disabled_at=None)


def set_password(session: Session, user_id: str, password_digest: str, *, now: float) -> None:
    """Change the password; earlier sessions and tokens end. Raises UnknownUserError."""
    _change(session, user_id, now, "password_changed", password_digest=password_digest, valid_from=now)


def end_everything(session: Session, *, now: float) -> None:
    """End the sessions and tokens of everyone, as they stand at `now`; the passwords stay.

    Whoever keeps accounts in memory isn't told here: that is one fact for all, not one for each (`cache.all_changed`).
    """
    session.execute(sa.update(table).where(table.c.valid_from < now).values(valid_from=now))


def rehash(session: Session, user: User, password_digest: str) -> None:
    """Keep the same password under another hash; nothing ends, and a new password isn't undone by it."""
    unchanged = (table.c.id == user.id, table.c.password_digest == user.password_digest)
    session.execute(sa.update(table).where(*unchanged).values(password_digest=password_digest))
    cache.changed(session, "user", user.id)


def _change(session: Session, user_id: str, now: float, event: str, **values: float | str | None) -> None:
    statement = sa.update(table).where(table.c.id == user_id).values(values).returning(table.c.id)
    if session.execute(statement).first() is None:
        raise UnknownUserError(f"There is no account {user_id[:100]!r}. `authserver user list` shows all.")
    cache.changed(session, "user", user_id)
    audit.record(session, event, now=now, user_id=user_id)


def _has_invisible(text: str) -> bool:
    """Whether there is a control or format character, half of a surrogate pair, or nothing Unicode knows."""
    return any(unicodedata.category(char)[0] == "C" for char in text)


def _scripts(text: str) -> set[str]:
    """The alphabets of the letters, by the first word of their Unicode names; Japanese uses three at once."""
    letters = [char for char in unicodedata.normalize("NFKC", text) if char.isalpha()]
    found = {unicodedata.name(char, "?").split()[0] for char in letters}
    japanese = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}
    return found - japanese | ({"JAPANESE"} if found & japanese else set())
