"""Second factors of somebody who lost them are reset by two: two administrators of their firm, or the provider's staff
and a waiting time. The person is told by mail at once, and can say no while it waits.

A personal account is its owner's, whoever employs them: there a firm's two wait as well. Afterwards the password opens
the account alone, until its owner adds a factor again; every session ends.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from parvis.identity.v1 import events_pb2
from parvis_identity.domain import factor_resets as rules
from parvis_identity.domain.factor_resets import ResetState
from parvis_identity.domain.links import Purpose, token_of
from parvis_identity.models import Account, AccountKind, AccountState, FactorReset
from parvis_identity.service import sessions
from parvis_identity.service.factor_mails import tell
from parvis_identity.service.organisations import Organisations
from parvis_identity.service.second_factor import forget
from parvis_identity.store import accounts as account_store
from parvis_identity.store import factor_resets as store
from parvis_identity.store import factors as factor_store
from parvis_kit.errors import Violation, forbidden, invalid, not_found, precondition
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork

MANAGES_PEOPLE, MANAGES_CUSTOMERS = "members.manage", "organisations.manage"
_LISTED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Told:
    """The factors of somebody as an administrator may know them."""

    account: Account
    has_factor: bool
    reset: FactorReset | None
    may_approve: bool
    waits: timedelta


class FactorResets:
    """See FactorService. `waits`: the waiting time; `secret` makes the links of the mails."""

    def __init__(self, organisations: Organisations, secret: bytes, *, waits: timedelta) -> None:
        self._organisations = organisations
        self._secret = secret
        self._waits = waits

    async def of_member(self, unit: UnitOfWork, membership_id: UUID) -> Told:
        """Raises NOT_FOUND, FORBIDDEN right_missing."""
        return await self._told(unit, await self._account_of(unit, membership_id))

    async def ask(self, unit: UnitOfWork, membership_id: UUID, reason: str) -> Told:
        """An administrator asks; a second one has to agree. Raises as FactorService.RequestFactorReset."""
        account = await self._account_of(unit, membership_id)
        await self._open(unit, account, reason, membership_id=membership_id)
        return await self._told(unit, account)

    async def ask_as_provider(self, unit: UnitOfWork, identifier: str, slug: str, reason: str) -> FactorReset:
        """Somebody of the provider's staff asks. Raises as FactorService.RequestProviderFactorReset."""
        if not await self._organisations.allows(MANAGES_CUSTOMERS):
            raise forbidden("right_missing", right=MANAGES_CUSTOMERS)
        face = await self._organisations.face(slug) if slug else None
        if slug and face is None:
            raise not_found("login_not_found")
        if face is not None:
            account = await account_store.find_of_firm(unit, identifier, face.id)
        else:
            found = await account_store.find(unit, identifier, None)
            account = found[0] if found else None
        if account is None:
            raise not_found("login_not_found")
        return await self._open(unit, account, reason, membership_id=None)

    async def _open(
        self, unit: UnitOfWork, account: Account, reason: str, *, membership_id: UUID | None
    ) -> FactorReset:
        reason = " ".join(reason.split())
        if not rules.SHORTEST <= len(reason) <= rules.LONGEST:
            told = {"least": str(rules.SHORTEST), "most": str(rules.LONGEST)}
            raise invalid("fields_invalid", [Violation("reason", "reason_length", told)])
        me = await self._me(unit)
        if me.id == account.id:
            raise precondition("not_oneself")
        locked = await account_store.lock(unit, account.id)
        if locked is None or locked.state != AccountState.ACTIVE or not await factor_store.has_any(unit, account.id):
            raise precondition("no_factor")
        if await store.waiting(unit, account.id) is not None:
            raise precondition("reset_waits")
        by_provider = membership_id is None
        managed = account.kind == AccountKind.MANAGED
        reset = FactorReset(
            id=uuid7(),
            account_id=account.id,
            organisation_id=unit.organisation_id,
            organisation_name=await self._organisations.name(unit.organisation_id),
            membership_id=membership_id,
            reason=reason,
            asked_by=me.id,
            asked_by_name=me.name,
            asked_at=unit.now,
            approved_at=unit.now if by_provider else None,
            due_at=rules.due(unit.now, managed=managed, by_provider=by_provider, waits=self._waits),
        )
        unit.add(reset)
        try:
            await unit.flush()
        except IntegrityError as error:
            raise precondition("reset_waits") from error
        tell(
            unit, locked, events_pb2.FACTORS_CHANGE_RESET_ASKED, organisation=reset.organisation_name,
            reset_id=reset.id, due_at=reset.due_at,
        )  # fmt: skip
        unit.record("factors.reset_asked", target_kind="account", target_id=account.id, reset=str(reset.id))
        return reset

    async def approve(self, unit: UnitOfWork, reset_id: UUID) -> Told:
        """A second administrator agrees; of a firm's own account it takes place now, where they have been there for a
        while: who asks may have invited them for this. Raises as FactorService.ApproveFactorReset.
        """
        reset = await self._mine(unit, reset_id)
        account = await self._account_of(unit, reset.membership_id) if reset.membership_id else None
        me = await self._me(unit)
        if account is None or not rules.may_agree(me.id, asked_by=reset.asked_by, of=account.id):
            unit.record("factors.reset_refused", target_kind="account", target_id=reset.account_id, reset=str(reset.id))
            unit.outcome(precondition("second_administrator"))
            return Told(await self._owner(unit, reset), True, None, False, self._waits)  # noqa: FBT003 - not answered
        if _state(unit, reset) is not ResetState.ASKED:
            raise precondition("reset_over")
        reset.approved_by, reset.approved_by_name, reset.approved_at = me.id, me.name, unit.now
        mine = await self._organisations.member((await self._organisations.membership(me.id, unit.organisation_id)).id)
        if not rules.was_there(mine.since, asked_at=reset.asked_at):
            reset.due_at = max(reset.due_at, unit.now + self._waits)
        unit.record("factors.reset_approved", target_kind="account", target_id=account.id, reset=str(reset.id))
        if reset.due_at <= unit.now:
            await perform(unit, reset)
        return await self._told(unit, account)

    async def stop(self, unit: UnitOfWork, reset_id: UUID) -> FactorReset:
        """The organisation that asked gives it up. Raises NOT_FOUND, FORBIDDEN right_missing."""
        reset = await self._mine(unit, reset_id)
        right = MANAGES_CUSTOMERS if reset.membership_id is None else MANAGES_PEOPLE
        if not await self._organisations.allows(right):
            raise forbidden("right_missing", right=right)
        if reset.ended_at is None:
            reset.ended_at, reset.ended_as = unit.now, ResetState.STOPPED
            unit.record("factors.reset_stopped", target_kind="account", target_id=reset.account_id, reset=str(reset.id))
        return reset

    async def listed(self, unit: UnitOfWork) -> Sequence[tuple[FactorReset, Account]]:
        """What the caller's organisation asked for lately. Raises FORBIDDEN right_missing."""
        if not await self._organisations.allows(MANAGES_CUSTOMERS):
            raise forbidden("right_missing", right=MANAGES_CUSTOMERS)
        resets = await store.of_organisation(unit, unit.organisation_id, unit.now - _LISTED)
        accounts = await account_store.batch(unit, [each.account_id for each in resets])
        return [(each, accounts[each.account_id]) for each in resets]

    async def look(self, unit: UnitOfWork, token: str) -> tuple[FactorReset, Account] | None:
        """The reset that the link of a mail stops, and whose; None when the link is none."""
        try:
            reset_id = UUID(token[:32])
        except ValueError:
            return None
        if not hmac.compare_digest(
            token.encode("utf-8", "surrogateescape"), stop_token(self._secret, reset_id).encode()
        ):
            return None
        reset = await store.lock(unit, reset_id)
        account = await unit.get(Account, reset.account_id) if reset is not None else None
        return None if reset is None or account is None else (reset, account)

    async def decline(self, unit: UnitOfWork, token: str) -> tuple[FactorReset, Account] | None:
        """The person says no; what has taken place stays."""
        found = await self.look(unit, token)
        if found is not None and found[0].ended_at is None:
            reset = found[0]
            await unit.enter(reset.organisation_id)
            reset.ended_at, reset.ended_as = unit.now, ResetState.DECLINED
            unit.record(
                "factors.reset_declined", target_kind="account", target_id=reset.account_id, reset=str(reset.id)
            )
        return found

    async def _told(self, unit: UnitOfWork, account: Account) -> Told:
        reset = await store.waiting(unit, account.id)
        if reset is not None and reset.organisation_id != unit.organisation_id:
            reset = None  # another organisation's affair
        may = (
            reset is not None
            and _state(unit, reset) is ResetState.ASKED
            and rules.may_agree(unit.caller.account_id, asked_by=reset.asked_by, of=account.id)
        )
        return Told(account, await factor_store.has_any(unit, account.id), reset, may, self._waits)

    async def _account_of(self, unit: UnitOfWork, membership_id: UUID) -> Account:
        member = await self._organisations.member(membership_id)
        if not await self._organisations.allows_on(MANAGES_PEOPLE, membership_id):
            raise forbidden("right_missing", right=MANAGES_PEOPLE)
        account = await unit.get(Account, member.account_id)
        if account is None:
            raise not_found("member_not_found")
        return account

    async def _owner(self, unit: UnitOfWork, reset: FactorReset) -> Account:
        account = await unit.get(Account, reset.account_id)
        if account is None:
            raise not_found("member_not_found")
        return account

    async def _mine(self, unit: UnitOfWork, reset_id: UUID) -> FactorReset:
        reset = await store.lock(unit, reset_id)
        if reset is None or reset.organisation_id != unit.organisation_id:
            raise not_found("reset_not_found")
        return reset

    async def _me(self, unit: UnitOfWork) -> Account:
        me = await unit.get(Account, unit.caller.account_id) if unit.caller.account_id else None
        if me is None:
            raise forbidden("staff_only")
        return me


async def perform(unit: UnitOfWork, reset: FactorReset) -> None:
    """Takes every factor away, and whatever they have opened. Called in the organisation that asked."""
    reset.ended_at, reset.ended_as = unit.now, ResetState.DONE
    account = await account_store.lock(unit, reset.account_id)
    if account is None:
        return
    await factor_store.remove(unit, account.id)
    await factor_store.drop_codes(unit, account.id)
    await forget(unit, account.id)
    account.factor_always = False
    await sessions.end(unit, account.id)
    unit.record("factors.reset", target_kind="account", target_id=account.id, reset=str(reset.id))
    tell(unit, account, events_pb2.FACTORS_CHANGE_RESET_DONE, organisation=reset.organisation_name)


async def settle(unit: UnitOfWork) -> bool:
    """Does one reset whose time has come; whether there was one."""
    found = await store.due(unit, agreed_within=rules.AGREED_WITHIN)
    reset = None if found is None else await store.lock(unit, found)
    if reset is None:
        return False
    await unit.enter(reset.organisation_id)
    if reset.approved_at is None:
        reset.ended_at, reset.ended_as = unit.now, ResetState.LAPSED
        unit.record("factors.reset_lapsed", target_kind="account", target_id=reset.account_id, reset=str(reset.id))
    else:
        await perform(unit, reset)
    return True


def stop_token(secret: bytes, reset_id: UUID) -> str:
    """The secret part of the address that stops a reset."""
    return f"{reset_id.hex}{token_of(secret, reset_id, Purpose.FACTOR_RESET)}"


def _state(unit: UnitOfWork, reset: FactorReset) -> ResetState:
    return rules.state_of(unit.now, asked_at=reset.asked_at, approved_at=reset.approved_at, ended_as=reset.ended_as)
