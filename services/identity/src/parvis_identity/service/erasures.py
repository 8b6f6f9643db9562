"""The erasure of accounts: asked for, taken back by signing in, done on its day, and answered by every service.

On the day it is asked again whether an organisation would have no administrator left: the others may have gone since.
Then it waits, its owner is told once, and it goes on as soon as somebody else administers.

An account that is erased leaves nothing here but the digest of its id, so that one that a restore brought back is
found, and a row for each service's answer.
"""

from collections.abc import Collection
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.records.v1 import events_pb2
from parvis_identity.domain.idle import NEVER
from parvis_identity.holdings import HOLDINGS
from parvis_identity.models import Account, AccountErasure, NoticeKind
from parvis_identity.service import idle_notices, sessions
from parvis_identity.service.last_administrator import alone_in, named
from parvis_identity.service.organisations import Administration, Organisations
from parvis_identity.service.taken_back import take_back, tell
from parvis_identity.service.viewings import end_of_subject
from parvis_identity.store import accounts as account_store
from parvis_identity.store import erasures as store
from parvis_identity.store.idle import is_unused, waits_told
from parvis_kit.bus import Envelope, Retry
from parvis_kit.caller import Caller
from parvis_kit.errors import not_found
from parvis_kit.unit import Database, UnitOfWork
from parvis_records import erasure
from parvis_watch.logs import evidence

#: Who answers. Identity does its own rows first, and its trails of organisations once it knows which they are.
SERVICES = ("identity", "tenancy", "documents", "notify", "billing", "identity_trails")
TRAILS = "identity_trails"
#: Days in which signing in takes an erasure back.
DAYS = 14
#: Who asks for it again where a restore brought an account back: its owner was told the first time.
RESTORE = "restore"
#: An operator who said that organisations may be left without an administrator.
FORCED = "forced"
#: Nobody has used the account for years (`idle`).
IDLE = "idle"
#: Of whose erasures it is asked again on the day. A firm's word about its own accounts counts, and a restore repeats.
_ASKED_AGAIN = frozenset({"person", "operator", IDLE})
#: So long after one had to wait, it is asked again.
_LATER = timedelta(hours=1)

_SELF = Caller("identity")


def digest_of(account_id: UUID) -> str:
    """What is left of an account that was erased."""
    return sha256(str(account_id).encode()).hexdigest()


async def ask(unit: UnitOfWork, account_id: UUID, *, by: str, within: timedelta, door: str = "") -> AccountErasure:
    """An account is to be erased; until then, signing in takes it back. It is signed out everywhere, and its owner is
    told where there is time to take it back. Asked for again, the first day stands unless the new one is sooner.
    `door`: short name of the firm whose account it is. Raises NOT_FOUND.
    """
    account = await account_store.lock(unit, account_id)
    if account is None:
        raise not_found("account_not_found")
    day = unit.now + within
    due_at = day if by != IDLE else NEVER
    found = await store.waiting(unit, account_id)
    if found is None:
        found = AccountErasure(
            account_id=account_id, digest=digest_of(account_id), asked_by=by, asked_at=unit.now, due_at=due_at
        )
        unit.add(found)
    elif found.asked_by != FORCED:
        found.asked_by = by
    found.held_at = None
    found.due_at = min(found.due_at, due_at)
    day = account.erasure_due_at = found.due_at if by != IDLE else day
    await sessions.end(unit, account_id)
    await end_of_subject(unit, account_id)
    said = day.date().isoformat()
    unit.record("account.erasure_asked", target_kind="account", target_id=account_id, by=by, day=said)
    await unit.flush()
    if within and by != IDLE:  # whoever is idle is told otherwise
        tell(unit, found.id, account, identity_events.ERASURE_CHANGE_ASKED, due_at=day, door=door)
    return found


async def settle(database: Database, organisations: Organisations) -> int:
    """Erases the accounts whose day has come, each in a transaction of its own; how many were settled. Raises
    UNAVAILABLE.
    """
    done = 0
    while True:
        async with database.begin(_SELF) as unit:
            due = await store.due(unit, _LATER)
        if due is None:
            return done
        asked = due["asked_by"] in _ASKED_AGAIN
        administered = await organisations.administrations(due["account_id"]) if asked else []  # nothing waits for it
        try:
            async with database.begin(_SELF) as unit:
                await store.hold(unit)
                found = await store.lock(unit, due["id"], _LATER)
                if found is None:  # another replica is at it
                    return done
                await _settle(unit, found, administered if found.asked_by in _ASKED_AGAIN else [])
        except Retry:  # its last acts are not sealed yet: in half a minute they are
            return done
        done += 1


async def answered(unit: UnitOfWork, event: events_pb2.RecordsErased, _: Envelope) -> None:
    """A service is done with an erasure."""
    await store.answered(unit, UUID(event.erasure_id), event.service, event.erased, event.kept)


def missing(services: Collection[str]) -> list[str]:
    """Services that have not answered, where these have."""
    return [each for each in SERVICES if each not in services]


async def _settle(unit: UnitOfWork, found: AccountErasure, administered: list[Administration]) -> None:
    """Erases it, unless its owner signed in or an organisation needs them."""
    account_id = found.account_id
    if account_id is None:
        raise RuntimeError("An erasure that waits has an account.")
    account = await account_store.lock(unit, account_id)
    if account is not None and account.last_sign_in_at is not None and account.last_sign_in_at > found.asked_at:
        await take_back(unit, account)  # a release signed them in that did not know of it
    elif account is not None and found.asked_by == IDLE and not await is_unused(unit, account_id, found.asked_at):
        await idle_notices.spare(unit, account, "kept")
    elif account is not None and (alone := await alone_in(unit, administered)):
        await _wait(unit, found, account, alone)
    else:
        await _erase(unit, found, account_id, account)


async def _wait(unit: UnitOfWork, found: AccountErasure, account: Account, alone: list[Administration]) -> None:
    """Looks again later; its owner is told once, and again where that mail was lost. Who did not ask is kept: all
    begins anew in a year.
    """
    # A firm's own account administers that firm and no other.
    door, names = alone[0].slug if account.organisation_id is not None else "", named(alone)
    if found.asked_by == IDLE:
        await idle_notices.spare(unit, account, "kept")
        idle_notices.keep(unit, account, door=door, organisations=names)
        return
    if not await waits_told(unit, account.id, found.asked_at):
        idle_notices.tell(unit, account, NoticeKind.WAITS, door=door, organisations=names)
    if found.held_at is None:
        unit.record("account.erasure_waits", target_kind="account", target_id=account.id, organisations=names)
    found.held_at = unit.now


async def _erase(unit: UnitOfWork, found: AccountErasure, account_id: UUID, account: Account | None) -> None:
    if account is not None and await sessions.end(unit, account_id):
        return  # a browser that was still signed in is told first; the rest follows
    if account is not None and found.asked_by != RESTORE:
        tell(unit, found.id, account, identity_events.ERASURE_CHANGE_DONE)
    mails, linked = await store.addresses(unit, account_id), await store.linked(unit, account_id)
    words = [*mails, account.name] if account is not None else mails
    acts = await erasure.erase_acts(unit, account_id, [found.id], words)
    found.account_id, found.ended_at, found.ended_as = None, unit.now, "erased"
    await unit.flush()
    done = await erasure.erase(unit, HOLDINGS, account=account_id)
    done.erased["audit"] += acts
    await store.answered(unit, found.id, "identity", done.erased, done.kept)
    unit.emit(identity_events.AccountDisabled(account_id=str(account_id)), aggregate_id=account_id)
    told = events_pb2.AccountErased(
        erasure_id=str(found.id),
        account_id=str(account_id),
        mail_digests=sorted({erasure.digest_of(mail) for mail in mails}),
        linked_organisation_ids=map(str, linked),
    )
    unit.emit(told, aggregate_id=found.id)
    unit.record("account.erased", target_kind="erasure", target_id=found.id, by=found.asked_by)
    # The log is outside of what a restore brings back: from it, accounts are erased again (docs/operations.md).
    evidence.info("account_erased", digest=found.digest)
