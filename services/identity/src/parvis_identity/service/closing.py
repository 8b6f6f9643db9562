"""An operator closes an account, for good or until it is opened again: whoever holds it is out at once, everywhere."""

from enum import StrEnum
from uuid import UUID

from parvis_identity.models import Account, AccountState
from parvis_identity.service import sessions
from parvis_identity.service.links import send_reset
from parvis_identity.service.second_factor import forget
from parvis_identity.service.viewings import end_of_subject
from parvis_identity.store import accounts as store
from parvis_kit.unit import UnitOfWork


class Done(StrEnum):
    """What became of an account."""

    UNKNOWN = "unknown"
    CLOSED = "closed"
    UNCHANGED = "unchanged"
    #: Open again; its owner was sent a link to a new password.
    MAILED = "mailed"
    #: Open again, without a mail address: its firm hands over a provisional password.
    NO_MAIL = "no_mail"
    #: It was never in use: whoever invited it sends another invitation.
    TO_INVITE = "to_invite"


async def close(unit: UnitOfWork, identifier: str, organisation_id: UUID | None) -> Done:
    """Closes an account: of a firm by its identifier there, a personal one by its address. Called in no organisation.
    Links to other accounts end, and viewings of it. Closing it again ends what a session may have left.
    """
    account = await _found(unit, identifier, organisation_id)
    if account is None:
        return Done.UNKNOWN
    before = account.state
    await end_of_subject(unit, account.id)
    await sessions.disable_account(unit, account.id)
    if organisation_id is not None and unit.organisation_or_none is None:
        await unit.enter(organisation_id)
        unit.record("account.disabled", target_kind="account", target_id=account.id)  # in the firm's own trail
    return Done.UNCHANGED if before == AccountState.DISABLED else Done.CLOSED


async def reopen(
    unit: UnitOfWork, identifier: str, organisation_id: UUID | None, *, slug: str, link_secret: bytes
) -> Done:
    """Opens a closed account again. The password that it had is worthless: why it was closed may be that somebody else
    knew it. Called in the account's organisation, whose face the mail has.
    """
    account = await _found(unit, identifier, organisation_id)
    if account is None:
        return Done.UNKNOWN
    if account.state != AccountState.DISABLED:
        return Done.UNCHANGED
    used = account.activated_at is not None or bool(await store.password_hash(unit, account.id))
    await store.drop_password(unit, account.id)
    await forget(unit, account.id)
    account.state, account.closed_by_directory = AccountState.ACTIVE if used else AccountState.PENDING, False
    unit.record("account.reopened", target_kind="account", target_id=account.id)
    if not used:
        return Done.TO_INVITE
    await send_reset(unit, link_secret, account, organisation_id, slug)
    return Done.MAILED if account.mail else Done.NO_MAIL


async def _found(unit: UnitOfWork, identifier: str, organisation_id: UUID | None) -> Account | None:
    """The account, locked. At a firm its own one alone: nobody else's is closed because it signs in there too."""
    if organisation_id is not None:
        own = await store.find_of_firm(unit, identifier, organisation_id)
        return await store.lock(unit, own.id) if own else None
    found = await store.find(unit, identifier, None)
    return await store.lock(unit, found[0].id) if found else None
