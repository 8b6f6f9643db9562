"""Accounts as tenancy and notify ask for them, and as their owners change them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.domain.address_changes import (
    CONFIRMED_WITHIN,
    UNDONE_WITHIN,
    ChangeState,
    address_token,
    state_of,
)
from parvis_identity.domain.identifiers import identifier_key, is_identifier, is_mail, mail_key
from parvis_identity.domain.links import Purpose, token_of
from parvis_identity.models import Account, AccountKind, AccountState, AddressChange, FactorReset, Link
from parvis_identity.service import door
from parvis_identity.service.links import new_link
from parvis_identity.store import accounts as store
from parvis_kit.errors import Violation, conflict, forbidden, invalid, not_found, precondition, unauthenticated
from parvis_kit.text import reads_as_link
from parvis_kit.unit import UnitOfWork

LOCALES = ("fr", "en")
MOST_AT_ONCE = 200
_LONGEST_NAME = 100
#: In which states of a change its links are worth a mail.
_OF_ADDRESSES = {
    Purpose.ADDRESS_NEW: {ChangeState.PENDING},
    Purpose.ADDRESS_OLD: {ChangeState.PENDING, ChangeState.DONE},
}


async def ensure_personal(unit: UnitOfWork, *, mail: str, given_name: str, family_name: str, locale: str) -> Account:
    """The personal account of an address: found as it is, or made without a password. Raises FORBIDDEN staff_only."""
    if unit.caller.is_portal:
        raise forbidden("staff_only")
    _check_names(given_name, family_name, mail=mail)
    wanted = Account(
        kind=AccountKind.PERSONAL,
        identifier=mail.strip(),
        identifier_key=mail_key(mail),
        mail=mail.strip(),
        given_name=given_name.strip(),
        family_name=family_name.strip(),
        locale=_locale(locale),
        created_at=unit.now,
        state=AccountState.PENDING,
    )
    found = await store.insert_unless_there(unit, wanted)
    if found is None:
        raise conflict("identifier_taken", identifier=wanted.identifier)
    if found is wanted:
        unit.record("account.created", target_kind="account", target_id=found.id, kind=wanted.kind)
    return found


async def create_managed(
    unit: UnitOfWork, *, account_id: UUID, identifier: str, mail: str, given_name: str, family_name: str, locale: str
) -> Account:
    """A managed account of the organisation at hand, made once for one id; or the one with that identifier that was
    imported and that nobody asked for yet. Raises CONFLICT identifier_taken.
    """
    made = await unit.get(Account, account_id)
    if made is not None and made.organisation_id == unit.organisation_id:
        return made
    if not is_identifier(identifier):
        raise invalid("account_invalid", [Violation("identifier", "not_an_identifier")])
    _check_names(given_name, family_name, mail=mail or None)
    wanted = Account(
        id=account_id,
        kind=AccountKind.MANAGED,
        organisation_id=unit.organisation_id,
        identifier=identifier.strip(),
        identifier_key=identifier_key(identifier),
        mail=mail.strip(),
        given_name=given_name.strip(),
        family_name=family_name.strip(),
        locale=_locale(locale),
        created_at=unit.now,
        state=AccountState.PENDING,
    )
    there = await store.insert_unless_there(unit, wanted)
    if there is None:  # the id is another firm's
        raise conflict("identifier_taken", identifier=wanted.identifier)
    if there is not wanted:
        return await _claimed(unit, there, account_id)
    unit.record("account.created", target_kind="account", target_id=wanted.id, kind=wanted.kind)
    return wanted


async def _claimed(unit: UnitOfWork, there: Account, account_id: UUID) -> Account:
    """An account of the firm that came from another platform, once: its client keeps identifier and password."""
    account = await store.lock(unit, there.id)
    if account is None or account.imported_at is None or account.claimed_as not in {None, account_id}:
        raise conflict("identifier_taken", identifier=there.identifier)
    if account.claimed_as is None:
        account.claimed_as = account_id
        unit.record("account.claimed", target_kind="account", target_id=account.id)
    return account


async def batch(unit: UnitOfWork, ids: Sequence[UUID]) -> list[Account]:
    """Accounts in the order asked; unknown ones and managed ones of other firms are left out."""
    if len(ids) > MOST_AT_ONCE:
        raise invalid("too_many", [Violation("ids", "too_many", {"most": str(MOST_AT_ONCE)})])
    found = await store.batch(unit, ids)
    return [found[each] for each in ids if each in found and _is_reached(unit, found[each])]


class Links:
    """Addresses of one-time links for mails."""

    def __init__(self, secret: bytes, *, public_url: str) -> None:
        self._secret = secret
        self._public_url = public_url

    async def mint(
        self, unit: UnitOfWork, *, link_id: UUID, account_id: UUID, purpose: Purpose, slug: str
    ) -> tuple[str, datetime | None]:
        """The address for a mail, and when it expires; the same for the same `link_id`. See AccountService.MintLink.

        Raises NOT_FOUND, CONFLICT link_of_another, PRECONDITION link_withdrawn (a mail that waited is not sent then).
        """
        account = await store.lock(unit, account_id)
        if account is None or not _is_reached(unit, account):
            raise not_found("account_not_found")
        if purpose in _OF_ADDRESSES:
            return await self._of_address(unit, link_id, account_id, purpose)
        if purpose is Purpose.FACTOR_RESET:
            return await self._of_reset(unit, link_id, account_id)
        if purpose is Purpose.ACTIVATION and account.state != AccountState.PENDING:
            return self._entrance(account, slug), None
        link = await unit.get(Link, link_id)
        if link is None:
            link = new_link(
                unit,
                self._secret,
                link_id,
                purpose,
                account_id,
                organisation_id=unit.organisation_or_none,
                organisation_slug=slug,
            )
            await store.insert_link(unit, link)
        elif link.account_id != account_id or link.purpose != purpose:
            raise conflict("link_of_another")
        elif link.revoked_at is not None:
            raise precondition("link_withdrawn")
        path = "activate" if purpose is Purpose.ACTIVATION else "reset"
        return f"{self._public_url}/{path}/{token_of(self._secret, link_id, purpose)}", link.expires_at

    async def _of_address(
        self, unit: UnitOfWork, change_id: UUID, account_id: UUID, purpose: Purpose
    ) -> tuple[str, datetime | None]:
        change = await unit.get(AddressChange, change_id)
        if change is None or change.account_id != account_id:
            raise not_found("account_not_found")
        state = state_of(unit.now, asked_at=change.asked_at, done_at=change.done_at, ended_as=change.ended_as)
        if state not in _OF_ADDRESSES[purpose]:
            raise precondition("link_withdrawn")
        path = "new" if purpose is Purpose.ADDRESS_NEW else "old"
        expires_at = change.done_at + UNDONE_WITHIN if change.done_at else change.asked_at + CONFIRMED_WITHIN
        return f"{self._public_url}/address/{path}/{address_token(self._secret, change_id, purpose)}", expires_at

    async def _of_reset(self, unit: UnitOfWork, reset_id: UUID, account_id: UUID) -> tuple[str, datetime | None]:
        reset = await unit.get(FactorReset, reset_id)
        if reset is None or reset.account_id != account_id:
            raise not_found("account_not_found")
        if reset.ended_at is not None:
            raise precondition("link_withdrawn")
        token = f"{reset_id.hex}{token_of(self._secret, reset_id, Purpose.FACTOR_RESET)}"
        return f"{self._public_url}/factors/stop/{token}", None

    def _entrance(self, account: Account, slug: str) -> str:
        if account.kind == AccountKind.MANAGED and slug:
            return f"{self._public_url}/login/{slug}"
        return f"{self._public_url}/o/{slug}" if slug else f"{self._public_url}/"


async def revoke_links(unit: UnitOfWork, account_id: UUID) -> None:
    """Makes what the organisation's invitation of an account has sent worthless.

    Of an account that has no password yet, those are reset links too: an invitation that has expired is renewed by
    one, and whoever is invited may ask for one. Without any other invitation nothing opens the account any more. Reset
    links of an account in use are its owner's.
    """
    account = await store.lock(unit, account_id)
    await store.revoke_links(unit, account_id, purpose=Purpose.ACTIVATION, organisation_id=unit.organisation_id)
    if account is not None and account.state == AccountState.PENDING:
        await store.drop_provisional(unit, account_id)
        invited = await store.is_invited(unit, account_id)
        await store.revoke_links(unit, account_id, organisation_id=unit.organisation_id if invited else None)
    unit.record("links.revoked", target_kind="account", target_id=account_id)


async def mine(unit: UnitOfWork) -> Account:
    """The caller's account."""
    account = await unit.get(Account, unit.caller.account_id) if unit.caller.account_id else None
    if account is None:
        raise unauthenticated()
    return account


async def update_mine(unit: UnitOfWork, *, given_name: str, family_name: str, locale: str) -> Account:
    """Changes the caller's names and language, and tells the others. Raises PRECONDITION door_closed."""
    door.require_own(unit.caller)
    account = await store.lock(unit, unit.caller.account_id) if unit.caller.account_id else None
    if account is None:
        raise unauthenticated()
    _check_names(given_name, family_name)
    account.given_name, account.family_name = given_name.strip(), family_name.strip()
    account.locale = _locale(locale or account.locale)
    tell_changed(unit, account)
    unit.record("account.changed", target_kind="account", target_id=account.id)
    return account


def activate(unit: UnitOfWork, account: Account) -> None:
    """An invited account is in use from now on."""
    account.state, account.activated_at = AccountState.ACTIVE, unit.now
    unit.emit(events_pb2.AccountActivated(account_id=str(account.id)), aggregate_id=account.id)
    unit.record("account.activated", target_kind="account", target_id=account.id)


def tell_changed(unit: UnitOfWork, account: Account) -> None:
    """Tells the others what an account is now."""
    account.version += 1
    unit.emit(
        events_pb2.AccountChanged(
            account_id=str(account.id),
            mail=account.mail,
            given_name=account.given_name,
            family_name=account.family_name,
            locale=account.locale,
        ),
        aggregate_id=account.id,
        version=account.version,
    )


async def correct_managed_mail(unit: UnitOfWork, account_id: UUID, mail: str) -> Account:
    """A firm corrects where mails for one of its accounts go (N7); the old address is told. Links that went there open
    nothing any more. Raises NOT_FOUND, INVALID account_invalid.
    """
    account = await store.lock(unit, account_id)
    if account is None or account.organisation_id != unit.organisation_id:
        raise not_found("account_not_found")
    _check_names("", "", mail=mail)
    old, account.mail = account.mail, mail.strip()
    if mail_key(old) == mail_key(mail):
        return account
    await store.revoke_links(unit, account.id)
    tell_changed(unit, account)
    unit.emit(
        events_pb2.ManagedMailCorrected(
            account_id=str(account.id),
            old_mail=old,
            identifier=account.identifier,
            given_name=account.given_name,
            family_name=account.family_name,
            locale=account.locale,
        ),
        aggregate_id=account.id,
    )
    unit.record("account.mail_corrected", target_kind="account", target_id=account.id)
    return account


def _is_reached(unit: UnitOfWork, account: Account) -> bool:
    """Whether the organisation at hand may know of an account: a managed one is its firm's alone."""
    return account.organisation_id in {None, unit.organisation_or_none}


def _locale(asked: str) -> str:
    return asked if asked in LOCALES else LOCALES[0]


def _check_names(given_name: str, family_name: str, *, mail: str | None = None) -> None:
    violations = [
        found
        for field, name in (("given_name", given_name), ("family_name", family_name))
        if (found := wrong_name(field, name)) is not None
    ]
    if mail is not None and not is_mail(mail):
        violations.append(Violation("mail", "not_a_mail_address"))
    if violations:
        raise invalid("account_invalid", violations)


def wrong_name(field: str, name: str) -> Violation | None:
    """What is wrong with a name: it stands in mails, whose readers' programs make links of addresses."""
    if len(name) > _LONGEST_NAME:
        return Violation(field, "too_long", {"longest": str(_LONGEST_NAME)})
    if not name.isprintable():
        return Violation(field, "control_characters")
    return Violation(field, "link_in_name") if reads_as_link(name) else None
