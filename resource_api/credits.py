"""Credits: a person's balance, and the ledger that explains every credit of it. What costs how much is elsewhere.

One rule holds after every transaction: the amounts of an owner's ledger add up to the balance, which is never below
zero. Both rows are written together, and the balance moves by one statement that carries its own condition.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

import pydantic
import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session

from . import auth, database, ids, paging, state
from .auth import Caller
from .database import metadata
from .problems import Problem

router = APIRouter(tags=["Credits"])

balances = sa.Table(
    "balances",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("credits", sa.BigInteger, nullable=False),
    sa.Column("entries", sa.BigInteger, nullable=False),
    sa.CheckConstraint("credits >= 0", name="not_negative"),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("balance_after", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("reference", sa.Text),
    sa.UniqueConstraint("owner", "number"),
)


class Balance(pydantic.BaseModel):
    credits: int = Field(description="What you can spend now.", examples=[95])


class Entry(pydantic.BaseModel):
    id: str
    at: datetime
    amount: int = Field(description="Positive: received. Negative: spent.", examples=[-5])
    balance_after: int = Field(examples=[95])
    reason: Literal["welcome", "image_generated"]
    reference: str | None = Field(description="The id of the image that was paid for.")


async def ensure(house: state.State, caller: Caller) -> int:
    """The caller's balance, opened now when this is the first call that needs it. One read, except that first time."""
    found = await house.database.read(lambda session: find(session, caller.owner))
    if found is None:
        return await house.database.transaction(
            lambda session: open_(session, caller.owner, house.settings.welcome_credits, house.clock())
        )
    return found


def open_(session: Session, owner: str, welcome: int, now: float) -> int:
    """The balance, opened with the welcome credits exactly once an owner, however many ask at the same time."""
    opened = session.execute(
        database.insert(session, balances)
        .values(owner=owner, credits=welcome, entries=1)
        .on_conflict_do_nothing(index_elements=[balances.c.owner])
        .returning(balances.c.owner)
    ).one_or_none()
    if opened is not None:
        _write(session, owner, 1, welcome, welcome, "welcome", None, now)
    return find(session, owner) or 0


def find(session: Session, owner: str) -> int | None:
    """What the owner can spend, None before the balance is opened."""
    statement = sa.select(balances.c.credits).where(balances.c.owner == owner)
    return session.execute(statement).scalar_one_or_none()


def spend(session: Session, owner: str, price: int, reason: str, reference: str, now: float) -> None:
    """Takes `price` credits, or raises `Problem` 402 and takes none."""
    statement = (
        sa.update(balances)
        .where(balances.c.owner == owner, balances.c.credits >= price)
        .values(credits=balances.c.credits - price, entries=balances.c.entries + 1)
        .returning(balances.c.credits, balances.c.entries)
    )
    row = session.execute(statement).one_or_none()
    if row is None:
        raise insufficient(price, find(session, owner) or 0)
    _write(session, owner, row.entries, -price, row.credits, reason, reference, now)


def insufficient(price: int, has: int) -> Problem:
    return Problem("insufficient_credits", f"This costs {price} credits; the balance is {has}.")


def _write(
    session: Session,
    owner: str,
    number: int,
    amount: int,
    after: int,
    reason: str,
    reference: str | None,
    now: float,
) -> None:
    session.execute(
        sa.insert(ledger).values(
            id=ids.new(),
            owner=owner,
            number=number,
            at=now,
            amount=amount,
            balance_after=after,
            reason=reason,
            reference=reference,
        )
    )


@router.get("/credits", operation_id="getCredits", summary="Read your balance")
async def get_credits(caller: Annotated[Caller, auth.person("credits:read")], house: state.House) -> Balance:
    """How many credits you can spend."""
    return Balance(credits=await ensure(house, caller))


@router.get("/credits/ledger", operation_id="listLedger", summary="Read how your balance came about")
async def list_ledger(
    caller: Annotated[Caller, auth.person("credits:read")],
    house: state.House,
    window: Annotated[paging.Window, Query()],
) -> paging.Page[Entry]:
    """Every credit you received or spent, newest first."""
    place = (caller.owner, "ledger")
    before = paging.read_number(window.cursor, *place)
    await ensure(house, caller)
    rows = await house.database.read(
        lambda session: _entries(session, caller.owner, before, window.limit + 1)
    )
    page, last = paging.cut(rows, window.limit)
    return paging.Page(
        items=[
            Entry(
                id=row.id,
                at=datetime.fromtimestamp(row.at, UTC),
                amount=row.amount,
                balance_after=row.balance_after,
                reason=row.reason,
                reference=row.reference,
            )
            for row in page
        ],
        next_cursor=paging.write_number(last.number, *place) if last else None,
    )


def _entries(
    session: Session, owner: str, before: int | None, count: int
) -> list[sa.Row[tuple[object, ...]]]:
    statement = sa.select(ledger).where(ledger.c.owner == owner)
    if before is not None:
        statement = statement.where(ledger.c.number < before)
    return list(session.execute(statement.order_by(ledger.c.number.desc()).limit(count)))
