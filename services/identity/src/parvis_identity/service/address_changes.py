"""A person changes the address of their personal account: asked for with the password, confirmed from the new address
by whoever is signed in with that account, and from the old one, which may also stop or undo it. See
domain.address_changes.

Of two things at once, the one that locks the account first happens, and the other sees it.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from parvis.identity.v1 import events_pb2
from parvis_identity.domain.address_changes import ChangeState, change_of, is_complete, state_of
from parvis_identity.domain.identifiers import is_mail, mail_key
from parvis_identity.domain.links import Purpose, token_of
from parvis_identity.domain.throttle import RESETS, throttle_key
from parvis_identity.models import Account, AccountKind, AddressChange
from parvis_identity.service import door, sessions
from parvis_identity.service.accounts import tell_changed
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.links import new_link
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.second_factor import forget
from parvis_identity.service.sign_in import Passwords, Refused, still_stands
from parvis_identity.service.visitor import Visitor
from parvis_identity.store import accounts as account_store
from parvis_identity.store import address_changes as store
from parvis_identity.store import sessions as session_store
from parvis_kit.caller import Caller
from parvis_kit.errors import forbidden, limit, precondition, unauthenticated
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database, UnitOfWork


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why an address cannot be the new one: `not_a_mail_address` or `same_address`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Looked:
    """A change that a link is of, and its account (None: unknown link). `reset`: where a new password is chosen."""

    state: ChangeState
    change: AddressChange | None = None
    account: Account | None = None
    reset: str = ""


class AddressChanges:
    """See the module."""

    def __init__(self, database: Database, passwords: Passwords, ring: KeyRing) -> None:
        self._database = database
        self._passwords = passwords
        self._ring = ring
        self._caller = Caller("identity")

    async def ask(self, who: SignedIn, mail: str, password: str, visitor: Visitor) -> AddressChange | Unfit | Refused:
        """Asks for another address. Whether somebody has it is told to that address only.

        Raises FORBIDDEN managed_account, UNAUTHENTICATED session_ended, LIMIT too_many_mails, hashing_busy.
        """
        if who.account.kind != AccountKind.PERSONAL:
            raise forbidden("managed_account")
        mail = mail.strip()
        if not is_mail(mail):
            return Unfit("not_a_mail_address")
        if mail_key(mail) == who.account.identifier_key:
            return Unfit("same_address")
        proven = await self._passwords.prove(who, password, "address.change_failed")
        if isinstance(proven, Refused):
            return proven
        change = AddressChange(account_id=who.account.id, old_mail="", new_mail=mail)
        async with self._database.begin(self._caller) as unit:
            account = await account_store.lock(unit, change.account_id)
            if account is not None and await still_stands(unit, who, proven):
                await _may_write(unit, account.id)
                await store.end_waiting(unit, account.id, ChangeState.REPLACED)
                change.old_mail, change.asked_at = account.mail, unit.now
                if await store.undoable(unit, account.id, mail_key(mail)) is not None:
                    change.old_confirmed_at = unit.now  # the way back: whoever reads that mail may undo it anyway
                unit.add(change)
                await unit.flush()
                await _tell_asked(unit, account, change)
                unit.record(
                    "address.change_asked", target_kind="account", target_id=account.id, address=visitor.address
                )
        return change

    async def look(self, token: str, purpose: Purpose) -> Looked:
        """What can be said about the change of a link."""
        async with self._database.begin(self._caller) as unit:
            return await self._open(unit, token, purpose)

    async def confirm(self, token: str, purpose: Purpose, who: SignedIn | None) -> Looked:
        """One end says yes; the new address takes the place of the old one once nothing is missing (`is_complete`). The
        new end is confirmed by the account's owner only, signed in: whoever was just written to may be somebody else.
        Of two tries at once, one does it.
        """
        try:
            return await self._confirm(token, purpose, who)
        except IntegrityError:  # somebody got the address at this very moment
            async with self._database.begin(self._caller) as unit:
                looked = await self._open(unit, token, purpose, lock=True)
                return _ended(unit, looked, ChangeState.TAKEN, "address.change_taken")

    async def _confirm(self, token: str, purpose: Purpose, who: SignedIn | None) -> Looked:
        async with self._database.begin(self._caller) as unit:
            looked = await self._open(unit, token, purpose, lock=True)
            change, account = looked.change, looked.account
            if looked.state is not ChangeState.PENDING or change is None or account is None:
                return looked
            if purpose is Purpose.ADDRESS_NEW:
                signed_in = who is not None and await session_store.is_open(unit, who.session.id, account.id)
                if not signed_in:
                    unit.record("address.confirmation_refused", target_kind="account", target_id=account.id)
                    return looked
                change.new_confirmed_at = change.new_confirmed_at or unit.now
            else:
                change.old_confirmed_at = change.old_confirmed_at or unit.now
            unit.record("address.confirmed", target_kind="account", target_id=account.id, end=purpose)
            new_at, old_at = change.new_confirmed_at, change.old_confirmed_at
            if not is_complete(unit.now, asked_at=change.asked_at, new_at=new_at, old_at=old_at):
                return looked
            if await store.is_taken(unit, mail_key(change.new_mail), account.id):
                return _ended(unit, looked, ChangeState.TAKEN, "address.change_taken")
            return await self._complete(unit, change, account, who)

    async def _complete(
        self, unit: UnitOfWork, change: AddressChange, account: Account, who: SignedIn | None
    ) -> Looked:
        change.done_at, change.old_mail, change.old_key = unit.now, account.mail, account.identifier_key
        undone = await store.undoable(unit, account.id, mail_key(change.new_mail))
        await _move(unit, account, change.new_mail)
        unit.record("address.changed", target_kind="account", target_id=account.id)
        if undone is None:
            unit.emit(_changed(change, account), aggregate_id=account.id)
            return Looked(ChangeState.DONE, change, account)
        # Back where it was: who took it away meanwhile keeps no way to take it again.
        change.ended_as = ChangeState.RETURNED
        await unit.flush()
        await store.end_from(unit, undone)
        await sessions.end(unit, account.id, but=who.session.id if who else None)
        unit.record("address.returned", target_kind="account", target_id=account.id)
        return Looked(ChangeState.RETURNED, change, account)

    async def take_back(self, token: str, visitor: Visitor) -> Looked:
        """From the old address: stops a change that waits; undoes one that happened, which ends every session and the
        password with it, since it was somebody else who changed it. `reset` is then where a new one is chosen.
        """
        try:
            return await self._take_back(token, visitor)
        except IntegrityError:
            # Another account has the old address by now. Whoever holds this one must not keep it.
            async with self._database.begin(self._caller) as unit:
                looked = await self._open(unit, token, Purpose.ADDRESS_OLD, lock=True)
                if looked.state is not ChangeState.DONE or looked.account is None or looked.change is None:
                    return looked
                looked.change.ended_as = ChangeState.TAKEN
                await unit.flush()
                await store.end_from(unit, looked.change)
                await sessions.disable_account(unit, looked.account.id)
                unit.record("address.undo_taken", target_kind="account", target_id=looked.account.id)
                return Looked(ChangeState.TAKEN, looked.change, looked.account)

    async def _take_back(self, token: str, visitor: Visitor) -> Looked:
        async with self._database.begin(self._caller) as unit:
            looked = await self._open(unit, token, Purpose.ADDRESS_OLD, lock=True)
            change, account = looked.change, looked.account
            if looked.state is ChangeState.PENDING:
                return _ended(unit, looked, ChangeState.STOPPED, "address.change_stopped")
            if looked.state is not ChangeState.DONE or change is None or account is None:
                return looked
            await store.end_from(unit, change)
            await _move(unit, account, change.old_mail)
            await account_store.drop_password(unit, account.id)
            await forget(unit, account.id)
            await sessions.end(unit, account.id)
            link = new_link(
                unit, self._ring.link_secret, uuid7(), Purpose.RESET, account.id, organisation_id=None,
                organisation_slug="",
            )  # fmt: skip
            await account_store.insert_link(unit, link)
            unit.record("address.undone", target_kind="account", target_id=account.id, address=visitor.address)
            reset = f"/reset/{token_of(self._ring.link_secret, link.id, Purpose.RESET)}"
            return Looked(ChangeState.UNDONE, change, account, reset)

    async def _open(self, unit: UnitOfWork, token: str, purpose: Purpose, *, lock: bool = False) -> Looked:
        change_id = change_of(self._ring.link_secret, token, purpose)
        change = await unit.get(AddressChange, change_id) if change_id else None
        if change is None:
            return Looked(ChangeState.UNKNOWN)
        if lock:
            account = await account_store.lock(unit, change.account_id)
            await unit.session.refresh(change)
        else:
            account = await unit.get(Account, change.account_id)
        return Looked(_state(unit, change), change, account)


async def pending(unit: UnitOfWork, account_id: UUID) -> AddressChange | None:
    """The change of an account that waits for its proof."""
    return await store.pending(unit, account_id)


async def resend_mine(unit: UnitOfWork) -> Account:
    """Sends the mails again to the ends that did not confirm. Raises PRECONDITION no_address_change, LIMIT
    too_many_mails.
    """
    account = await _mine(unit)
    change = await store.pending(unit, account.id)
    if change is None:
        raise precondition("no_address_change")
    await _may_write(unit, account.id)
    await _tell_asked(unit, account, change, again=True)
    unit.record("address.change_sent_again", target_kind="account", target_id=account.id)
    return account


async def cancel_mine(unit: UnitOfWork) -> Account:
    """The caller's change that waits is given up."""
    account = await _mine(unit)
    if await store.pending(unit, account.id) is not None:
        await store.end_waiting(unit, account.id, ChangeState.CANCELLED)
        unit.record("address.change_cancelled", target_kind="account", target_id=account.id)
    return account


async def _mine(unit: UnitOfWork) -> Account:
    door.require_own(unit.caller)
    account = await account_store.lock(unit, unit.caller.account_id) if unit.caller.account_id else None
    if account is None:
        raise unauthenticated()
    return account


async def _may_write(unit: UnitOfWork, account_id: UUID) -> None:
    """Nobody makes us write to many addresses."""
    may, wait = await session_store.charge(unit, throttle_key("address change", str(account_id)), RESETS)
    if not may:
        raise limit("too_many_mails", seconds=str(int(wait.total_seconds()) + 1))


async def _tell_asked(unit: UnitOfWork, account: Account, change: AddressChange, *, again: bool = False) -> None:
    unit.emit(
        events_pb2.AddressChangeRequested(
            account_id=str(account.id),
            change_id=str(change.id),
            mail=account.mail,
            new_mail=change.new_mail,
            given_name=account.given_name,
            family_name=account.family_name,
            locale=account.locale,
            taken=await store.is_taken(unit, mail_key(change.new_mail), account.id),
            again=again,
            new_confirmed=change.new_confirmed_at is not None,
            old_confirmed=change.old_confirmed_at is not None,
        ),
        aggregate_id=account.id,
    )


def _changed(change: AddressChange, account: Account) -> events_pb2.AddressChanged:
    return events_pb2.AddressChanged(
        account_id=str(account.id),
        change_id=str(change.id),
        old_mail=change.old_mail,
        mail=account.mail,
        given_name=account.given_name,
        family_name=account.family_name,
        locale=account.locale,
    )


async def _move(unit: UnitOfWork, account: Account, mail: str) -> None:
    """The account has this address from now on; links that went to the other one open nothing any more."""
    account.mail = account.identifier = mail
    account.identifier_key = mail_key(mail)
    await unit.flush()
    await account_store.revoke_links(unit, account.id)
    tell_changed(unit, account)


def _ended(unit: UnitOfWork, looked: Looked, how: ChangeState, act: str) -> Looked:
    if looked.change is not None and looked.state is ChangeState.PENDING:
        looked.change.ended_as = how
        unit.record(act, target_kind="account", target_id=looked.change.account_id)
        return Looked(how, looked.change, looked.account)
    return looked


def _state(unit: UnitOfWork, change: AddressChange) -> ChangeState:
    return state_of(unit.now, asked_at=change.asked_at, done_at=change.done_at, ended_as=change.ended_as)
