"""A database as it is after years: people, clients, grants and pictures by the million, written by PostgreSQL itself.

The rows are like those the services write, except that nobody holds the secrets behind their digests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True)
class Size:
    """How many of each."""

    people: int = 1_000_000
    clients: int = 100_000
    grants: int = 5_000_000
    images: int = 3_000_000

    def divided(self, by: int) -> Size:
        """A smaller one, to try the rest out."""
        return Size(self.people // by, self.clients // by, self.grants // by, self.images // by)


PEOPLE = """
INSERT INTO users (id, email, email_key, name, password_digest, is_admin, locale, disabled_at, valid_from, created_at)
SELECT md5('person' || n)::uuid::text, 'p' || n || '@people.test', 'p' || n || '@people.test', 'Person ' || n,
       NULL, false, NULL, NULL, 0, extract(epoch FROM now()) - random() * 86400 * 365
FROM generate_series(1, $1::int) n
"""
# Each is like the client $2, under another id.
CLIENTS = """
INSERT INTO clients
SELECT copy.* FROM clients c, generate_series(1, $1::int) n,
     jsonb_populate_record(c, jsonb_build_object('client_id', 'app_many' || n)) copy
WHERE c.client_id = $2
"""
CLIENT_SECRETS = """
INSERT INTO client_secrets (digest, client_id, created_at, expires_at)
SELECT sha256(('secret' || n)::bytea), 'app_many' || n, 0, NULL FROM generate_series(1, $1::int) n
"""
GRANTS = """
INSERT INTO refresh_tokens (grant_id, digest, previous_digest, rotated_at, created_at, expires_at, revoked_at,
                            client_id, user_id, audience, scope, auth_time, amr, acr, sid)
SELECT md5('grant' || n)::uuid::text, sha256(('token' || n)::bytea), sha256(('earlier' || n)::bytea),
       extract(epoch FROM now()) - 86400, extract(epoch FROM now()) - 86400 * 40,
       extract(epoch FROM now()) + 86400 * (1 + random() * 30), NULL,
       'app_many' || (1 + n % $2::int), md5('person' || (1 + n % $3::int))::uuid::text,
       'https://gallery.test', 'images:read images:write', extract(epoch FROM now()) - 86400 * 40, '["pwd"]', NULL, NULL
FROM generate_series(1, $1::int) n
"""
CONSENTS = """
INSERT INTO consents (user_id, client_id, scope, granted_at)
SELECT md5('person' || (1 + n % $3::int))::uuid::text, 'app_many' || (1 + n % $2::int), 'images:read', 0
FROM generate_series(1, $1::int) n ON CONFLICT DO NOTHING
"""
EXPIRE = """
UPDATE refresh_tokens SET expires_at = 1 WHERE ctid IN (SELECT ctid FROM refresh_tokens LIMIT $1::int)
"""
IMAGES = """
INSERT INTO images (id, owner, title, source, prompt, seed, media_type, width, height, size_bytes, digest, created_at,
                    updated_at)
SELECT md5('image' || n)::uuid::text, 'http://issuer.test ' || md5('person' || (1 + n % $2::int))::uuid::text,
       'Image ' || n, 'uploaded', NULL, NULL, 'image/png', 64, 64, 500, md5(n::text), 0, 0
FROM generate_series(1, $1::int) n
"""
GALLERIES = """
INSERT INTO galleries (id, owner, title, description, revision, created_at, updated_at)
SELECT md5('gallery' || n)::uuid::text, 'http://issuer.test ' || md5('person' || n)::uuid::text, 'Gallery ' || n, '', 1,
       0, 0
FROM generate_series(1, $1::int) n
"""

Say = Callable[[str], None]


async def authserver(url: str, size: Size, like: str, say: Say) -> None:
    """Fill the authorization server's database; its clients are copies of `like`."""

    async def work(connection: asyncpg.Connection) -> None:
        for what, statement, arguments in (
            ("people", PEOPLE, (size.people,)),
            ("clients", CLIENTS, (size.clients, like)),
            ("client secrets", CLIENT_SECRETS, (size.clients,)),
            ("grants", GRANTS, (size.grants, size.clients, size.people)),
            ("consents", CONSENTS, (size.grants, size.clients, size.people)),
        ):
            say(f"writing {arguments[0]:,} {what}")
            await connection.execute(statement, *arguments, timeout=3600)

    await _connected(url, work)


async def gallery(url: str, size: Size, say: Say) -> None:
    """Fill the gallery's database."""

    async def work(connection: asyncpg.Connection) -> None:
        say(f"writing {size.people:,} galleries and {size.images:,} images")
        await connection.execute(GALLERIES, size.people, timeout=3600)
        await connection.execute(IMAGES, size.images, size.people, timeout=3600)

    await _connected(url, work)


async def expire(url: str, count: int) -> None:
    """Let so many grants be over, for the sweep to find."""

    async def work(connection: asyncpg.Connection) -> None:
        await connection.execute(EXPIRE, count, timeout=3600)

    await _connected(url, work)


async def _connected(url: str, work: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await work(connection)
        await connection.execute("VACUUM ANALYZE", timeout=3600)
    finally:
        await connection.close()
