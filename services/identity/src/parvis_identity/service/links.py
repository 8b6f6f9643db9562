"""One-time links: made here, whatever they are for (domain.links)."""

from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.domain.links import LIFETIMES, Purpose, digest_of, token_of
from parvis_identity.models import Account, AccountState, Link
from parvis_identity.store import accounts as store
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork


async def send_reset(
    unit: UnitOfWork, secret: bytes, account: Account, organisation_id: UUID | None, slug: str
) -> None:
    """Sends a link to a new password to whom an account in use belongs, or an invitation that stands."""
    # Locked and looked at again: the invitation may be taken back at this moment.
    account = await store.lock(unit, account.id) or account
    if account.directory:  # it has no password: the firm's directory opens it, and the mail says where
        unit.record("password.reset_of_directory", target_kind="account", target_id=account.id)
        if account.mail and account.state == AccountState.ACTIVE:
            _tell(unit, account, door=slug)
        return
    uninvited = account.state == AccountState.PENDING and not await store.is_invited(unit, account.id)
    if account.state == AccountState.DISABLED or not account.mail or uninvited:
        return
    link = new_link(
        unit,
        secret,
        uuid7(),
        Purpose.RESET,
        account.id,
        organisation_id=organisation_id,
        organisation_slug=slug,
    )
    await store.insert_link(unit, link)
    _tell(unit, account, link_id=str(link.id))
    unit.record("password.reset_requested", target_kind="account", target_id=account.id)


def _tell(unit: UnitOfWork, account: Account, *, link_id: str = "", door: str = "") -> None:
    unit.emit(
        events_pb2.PasswordResetRequested(
            account_id=str(account.id),
            mail=account.mail,
            given_name=account.given_name,
            family_name=account.family_name,
            locale=account.locale,
            link_id=link_id,
            door=door,
        ),
        aggregate_id=account.id,
    )


def new_link(
    unit: UnitOfWork,
    secret: bytes,
    link_id: UUID,
    purpose: Purpose,
    account_id: UUID,
    *,
    organisation_id: UUID | None,
    organisation_slug: str,
) -> Link:
    """A link that starts to live now."""
    return Link(
        id=link_id,
        digest=digest_of(token_of(secret, link_id, purpose)),
        purpose=purpose,
        account_id=account_id,
        organisation_id=organisation_id,
        organisation_slug=organisation_slug,
        created_at=unit.now,
        expires_at=unit.now + LIFETIMES[purpose],
    )
