"""What stays in the database: nothing of a refusal but the few traces that must, and nothing past its time."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from authserver import audit
from authserver.oauth import (
    authorization_requests,
    client_secrets,
    clients,
    codes,
    deny_list,
    refresh_tokens,
)

from .flows import World

TABLES = (
    authorization_requests.table,
    client_secrets.table,
    clients.table,
    codes.table,
    deny_list.table,
    refresh_tokens.table,
)


async def everything(world: World) -> dict[str, list[Any]]:
    def read(session: Any) -> dict[str, list[Any]]:
        return {
            table.name: sorted(map(repr, session.execute(sa.select(table)).mappings())) for table in TABLES
        }

    found: dict[str, list[Any]] = await world.server.state.database.read(read)
    return found


async def events(world: World) -> list[str]:
    await world.server.state.audit_buffer.flush(world.server.state.database)
    query = sa.select(audit.table.c.event).order_by(audit.table.c.id)
    found: list[str] = await world.server.state.database.read(
        lambda session: list(session.execute(query).scalars())
    )
    return found


async def test_a_refusal_leaves_no_trace_in_the_protocols_tables(world: World) -> None:
    await world.add_person()
    app, other = await world.add_app(), await world.add_app()
    tokens, code = await world.tokens(app), await world.code(app)
    before = await everything(world)
    refused = [
        await world.redeem(other, code),
        await world.redeem(app, code, code_verifier="w" * 43),
        await world.redeem(app, code, redirect_uri="https://client.test/other"),
        await world.redeem(app, code, resource="https://other.test"),
        await world.refresh(other, tokens["refresh_token"]),
        await world.refresh(app, tokens["refresh_token"], scope="gallery:read"),
        await world.refresh(app, tokens["refresh_token"], resource="https://other.test"),
        await world.refresh(app, tokens["refresh_token"][:-1]),
        await world.token(app, grant_type="client_credentials"),
        await world.post("/oauth/revoke", app),
    ]
    assert all(400 <= response.status_code < 500 for response in refused)
    assert await everything(world) == before
    assert (await world.redeem(app, code)).status_code == 200
    assert (await world.refresh(app, tokens["refresh_token"])).status_code == 200


async def test_a_replay_and_a_reuse_are_kept_though_they_are_refused(world: World, clock: Any) -> None:
    await world.add_person()
    app = await world.add_app()
    code = await world.code(app)
    await world.redeem(app, code)
    second = await world.tokens(app)
    await world.refresh(app, second["refresh_token"])
    clock.advance(61)
    assert (await world.redeem(app, code)).status_code == 400
    assert (await world.refresh(app, second["refresh_token"])).status_code == 400
    rows = await world.server.state.database.read(
        lambda session: session.execute(sa.select(refresh_tokens.table.c.revoked_at)).scalars().all()
    )
    assert rows == [world.now(), world.now()]
    seen = await events(world)
    assert seen.count("code_replayed") == seen.count("refresh_reuse") == 1


async def test_what_happened_is_in_the_audit(world: World) -> None:
    await world.add_person()
    app = await world.add_app()
    tokens = await world.tokens(app)
    await world.post("/oauth/revoke", app, token=tokens["refresh_token"])
    await world.token(app, grant_type="client_credentials", client_secret="cs_wrong")
    seen = await events(world)
    for event in ("client_created", "consent_granted", "token_issued", "token_revoked"):
        assert event in seen


async def rotate(world: World, client_id: str) -> None:
    await world.write(
        lambda session: clients.rotate_secret(session, client_id, now=world.now(), overlap_seconds=60)
    )


async def test_what_is_past_its_time_is_deleted_in_batches(world: World, clock: Any) -> None:
    await world.add_person()
    for _ in range(3):
        app = await world.add_app()
        tokens = await world.tokens(app)
        await world.post("/oauth/revoke", app, token=tokens["refresh_token"])
        await world.browser().authorize(app)
        await rotate(world, app.client_id)
    rooms = (authorization_requests, client_secrets, codes, deny_list, refresh_tokens)

    async def delete(limit: int) -> list[int]:
        counts: list[int] = await world.write(
            lambda session: [room.delete_expired(session, world.now(), limit) for room in rooms]
        )
        return counts

    assert await delete(100) == [0, 0, 0, 0, 0]
    clock.advance(91 * 86400)
    assert await delete(2) == [2, 2, 2, 2, 2]
    assert (await delete(100))[1:] == [1, 1, 1, 1]
    assert await delete(100) == [0, 0, 0, 0, 0]
