"""Accounts that nobody has used for years are erased, the way one's own erasure is (docs/adr/0031).

Their owners are told a month and a week before; whoever signs in keeps their account. Nothing is erased unless both
mails were handed to a mail server that took them. Nobody is told, and nothing erased, of accounts that a directory
still lists, that a firm keeps for an emergency or that somebody closed: others decide about these. Whoever is the last
administrator of an organisation is told so, and kept.
"""

from datetime import datetime, timedelta
from uuid import UUID

from parvis_identity.domain.idle import A_DAY, FIRST, SECOND, signed_in_before
from parvis_identity.domain.sessions import LIVES
from parvis_identity.models import Account, NoticeKind
from parvis_identity.service import erasures, idle_notices
from parvis_identity.service.last_administrator import alone_in, named
from parvis_identity.service.organisations import Organisations
from parvis_identity.store import accounts as account_store
from parvis_identity.store import erasures as erasure_store
from parvis_identity.store import idle as store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork

#: Accounts that one statement looks for.
BATCH = 200
_SELF = Caller("identity")
_NOBODY = UUID(int=0)


async def settle(database: Database, organisations: Organisations, kept: timedelta) -> int:
    """One round: who could not be told is kept, whose day is near is told again, who has not been there for so long is
    told for the first time, `A_DAY` at most; how many of the last. Raises UNAVAILABLE.
    """
    async with database.begin(_SELF) as unit:
        await store.lose(unit)
    while True:
        async with database.begin(_SELF) as unit:
            found = await store.unreachable(unit, BATCH)
            for account_id in found:
                await _give_up(unit, account_id)
        if len(found) < BATCH:
            break
    await _remind(database, organisations)
    told, after = 0, _NOBODY
    while True:
        async with database.begin(_SELF) as unit:
            before = unit.now - signed_in_before(kept, LIVES.absolute)
            rows = await store.idle(unit, before, after, BATCH) if await store.told_lately(unit) < A_DAY else []
        for row in rows:
            told += await _warn(database, organisations, row["id"], row["organisation_id"], before)
        if len(rows) < BATCH:
            return told
        after = rows[-1]["id"]


async def _warn(
    database: Database, organisations: Organisations, account_id: UUID, firm_id: UUID | None, before: datetime
) -> bool:
    """Says that an account is to be erased, or why it is kept; whether it is to be."""
    async with database.begin(_SELF) as unit:
        if not await store.is_idle(unit, account_id, before):
            return False
    administered = await organisations.administrations(account_id)
    door = await _door(organisations, firm_id)
    async with database.begin(_SELF) as unit:
        await erasure_store.hold(unit)
        account = await account_store.lock(unit, account_id)
        if account is None or not await store.is_idle(unit, account_id, before):
            return False
        if await store.told_lately(unit) >= A_DAY:
            return False
        if alone := await alone_in(unit, administered):
            idle_notices.keep(unit, account, door=door, organisations=named(alone))
            return False
        await erasures.ask(unit, account_id, by=erasures.IDLE, within=FIRST)
        idle_notices.tell(unit, account, NoticeKind.FIRST, due_at=account.erasure_due_at, door=door)
    return True


async def _remind(database: Database, organisations: Organisations) -> None:
    while True:
        async with database.begin(_SELF) as unit:
            found = await store.to_remind(unit, BATCH)
        for account_id in found:
            async with database.begin(_SELF) as unit:
                firm_id = await _firm(unit, account_id)
            door = await _door(organisations, firm_id)
            async with database.begin(_SELF) as unit:
                await _remind_one(unit, account_id, door)
        if len(found) < BATCH:
            return


async def _remind_one(unit: UnitOfWork, account_id: UUID, door: str) -> None:
    """Tells again, a week before at least: the day moves where nobody could say so in time."""
    await erasure_store.hold(unit)
    account = await account_store.lock(unit, account_id)
    found = await erasure_store.waiting(unit, account_id)
    if account is None or found is None or not await store.to_remind(unit, 1, account_id):
        return
    if not await store.is_unused(unit, account_id, found.asked_at):
        await idle_notices.spare(unit, account, "kept")
        return
    soonest = unit.now + SECOND
    account.erasure_due_at = max(account.erasure_due_at or soonest, soonest)
    idle_notices.tell(unit, account, NoticeKind.SECOND, due_at=account.erasure_due_at, door=door)


async def _give_up(unit: UnitOfWork, account_id: UUID) -> None:
    """Keeps it, unless somebody else has asked for the same erasure meanwhile."""
    account = await account_store.lock(unit, account_id)
    if account is not None and await store.unreachable(unit, 1, account_id):
        await idle_notices.spare(unit, account, "unreachable")
        unit.record("account.idle_unreachable", target_kind="account", target_id=account_id)


async def _firm(unit: UnitOfWork, account_id: UUID) -> UUID | None:
    account = await unit.get(Account, account_id)
    return account.organisation_id if account is not None else None


async def _door(organisations: Organisations, firm_id: UUID | None) -> str:
    face = await organisations.face_by_id(firm_id) if firm_id is not None else None
    return face.slug if face is not None else ""
