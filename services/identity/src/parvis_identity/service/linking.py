"""What is told and written when a link between two accounts begins or ends."""

from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.models import Account, AccountLink
from parvis_identity.store import account_links as store
from parvis_kit.unit import UnitOfWork


def began(unit: UnitOfWork, link: AccountLink, personal: Account, managed: Account, firm: str) -> None:
    """Tells of a new link. Called in no organisation: what is told names the personal account."""
    event = events_pb2.AccountLinked(link=_told(link, personal, managed, firm))
    unit.emit(event, aggregate_id=link.managed_id, version=_version(unit))
    unit.record("account.linked", target_kind="account", target_id=personal.id, managed=str(managed.id))


async def end(unit: UnitOfWork, link: AccountLink, firm: str = "") -> bool:
    """Ends a link and tells of it; False when it had ended. Called in no organisation; the unit is in the firm
    afterwards, whose trail says that its account is linked no more, not to whom it was.
    """
    personal, managed = await store.accounts(unit, link)
    if not await store.remove(unit, link.id):
        return False
    event = events_pb2.AccountUnlinked(link=_told(link, personal, managed, firm))
    unit.emit(event, aggregate_id=link.managed_id, version=_version(unit))
    unit.record("account.unlinked", target_kind="account", target_id=personal.id, managed=str(managed.id))
    await of_firm(unit, link, "account.unlinked")
    return True


async def of_firm(unit: UnitOfWork, link: AccountLink, act: str) -> None:
    """The act in the firm's own trail, which knows nothing of the personal account."""
    await unit.enter(link.organisation_id)
    unit.record(act, target_kind="account", target_id=link.managed_id)


async def end_all(unit: UnitOfWork, account_id: UUID) -> None:
    """Ends every link of an account that is closed."""
    for link in await store.of_account(unit, account_id):
        await end(unit, link, link.organisation_slug)


def tell_directory(unit: UnitOfWork, account: Account, directory: str, firm: str, *, ended: bool = False) -> None:
    """Says to the owner of an account that a firm's directory opens it at the firm, or does not any more."""
    if not account.mail:
        return
    event = events_pb2.DirectoryLinkChanged(
        account_id=str(account.id),
        mail=account.mail,
        given_name=account.given_name,
        family_name=account.family_name,
        locale=account.locale,
        directory=directory,
        organisation_name=firm,
        ended=ended,
    )
    unit.emit(event, aggregate_id=account.id)


def _told(link: AccountLink, personal: Account, managed: Account, firm: str) -> events_pb2.AccountLink:
    return events_pb2.AccountLink(
        personal_id=str(personal.id),
        managed_id=str(managed.id),
        organisation_id=str(link.organisation_id),
        organisation_name=firm or link.organisation_slug,
        identifier=managed.identifier,
        personal_mail=personal.mail,
        managed_mail=managed.mail,
        given_name=personal.given_name,
        family_name=personal.family_name,
        locale=personal.locale,
        managed_given_name=managed.given_name,
        managed_family_name=managed.family_name,
        managed_locale=managed.locale,
    )


def _version(unit: UnitOfWork) -> int:
    """Grows with every change of a link, whichever link it is: microseconds."""
    return int(unit.now.timestamp() * 1_000_000)
