"""Portal accesses of contacts: managed accounts of the firm that see what is shared with a contact."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind, ServiceError, conflict, not_found, precondition
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import records
from parvis_tenancy.domain.catalogue import PORTAL_RIGHTS
from parvis_tenancy.domain.states import MembershipKind, MembershipState
from parvis_tenancy.models import AccessContact, Contact, Membership, Person
from parvis_tenancy.service import authority, invitations, members, messages, reach
from parvis_tenancy.service.accounts import Identity, PersonName
from parvis_tenancy.service.contacts import set_person_mail
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import accesses, contacts, decisions, rights
from parvis_tenancy.store import members as memberships

RIGHT = "accesses.manage"
_IDENTIFIERS_TRIED = 20
_MOST_FOLDERS = 200


async def grant(
    unit: UnitOfWork,
    identity: Identity,
    request: tenancy_pb2.GrantAccessRequest,
    *,
    contact_id: UUID,
    person_id: UUID,
    folders: Sequence[UUID],
) -> tenancy_pb2.Access:
    """Gives a person of a contact a portal access.

    Raises CONFLICT identifier_taken, PRECONDITION person_has_no_mail, already_has_access or access_quota_reached,
    INVALID fields_invalid, NOT_FOUND, FORBIDDEN out_of_scope, above_ceiling.
    """
    fields = Fields()
    identifier = request.identifier.strip()
    if identifier and records.IDENTIFIER.fullmatch(identifier) is None:
        fields.wrong("identifier", "identifier_invalid")
    _few(fields, folders)
    fields.settle()
    # The contact is locked: accesses of one contact are numbered one after the other.
    contact = await reach.to_change(unit, contact_id, RIGHT)
    await _below_ceiling(unit, await contacts.advisers_of(unit, contact_id))
    person = await contacts.load_person(unit, contact_id, person_id)
    if person is None:
        raise not_found("person_not_found")
    given = await accesses.of_contact(unit, contact_id)
    if any(each.person_id == person_id for each in given):
        raise precondition("already_has_access")
    if not person.mail and not request.without_mail:
        raise precondition("person_has_no_mail")
    await _within_quota(unit)
    wanted = [identifier] if identifier else _proposals(contact, len(given))
    account = await _account(identity, wanted, person, contact.locale)
    revision = await rights.next_revision(unit, "access.granted")
    await _within_quota(unit, lock=True)
    membership = _membership(unit, person, account, contact.locale)
    unit.add(membership)
    await unit.flush()
    unit.add(
        AccessContact(
            organisation_id=unit.organisation_id,
            membership_id=membership.id,
            contact_id=contact_id,
            person_id=person_id,
            folder_template_ids=list(folders),
        )
    )
    if not request.without_mail:
        await _announce(unit, membership, contact_id)
    authority.membership_changed(unit, membership, (contact_id,))
    authority.grants_changed(unit, revision, membership.id)
    unit.record("access.granted", target_kind="contact", target_id=contact_id, identifier=membership.identifier)
    return await _answer(unit, membership.id)


async def resend(unit: UnitOfWork, identity: Identity, membership_id: UUID) -> tenancy_pb2.Access:
    """Sends the access mail again with a new link. Raises PRECONDITION already_active or access_cut."""
    membership, contact_ids = await _to_change(unit, membership_id)
    if membership.state != MembershipState.INVITED:
        raise precondition("already_active" if membership.state == MembershipState.ACTIVE else "access_cut")
    if not membership.mail:
        raise precondition("person_has_no_mail")
    await identity.revoke_links(membership.account_id)
    membership.invited_at = unit.now
    membership.version += 1
    await _announce(unit, membership, contact_ids[0])
    authority.membership_changed(unit, membership, contact_ids)
    unit.record("access.granted_again", target_kind="contact", target_id=contact_ids[0])
    return await _answer(unit, membership_id)


async def cut(unit: UnitOfWork, identity: Identity, membership_id: UUID) -> tenancy_pb2.Access:
    """Cuts an access at once; does nothing when it is cut. The link of an access that was never used stops working."""
    revision = await rights.next_revision(unit, "access.cut")
    membership, contact_ids = await _to_change(unit, membership_id, opens=False)
    if membership.state != MembershipState.CUT:
        if membership.state == MembershipState.INVITED:
            await identity.revoke_links(membership.account_id)
        members.end_access(unit, membership)
        _set_state(unit, membership, contact_ids, MembershipState.CUT, revision)
        unit.record("access.cut", target_kind="contact", target_id=contact_ids[0], identifier=membership.identifier)
    return await _answer(unit, membership_id)


async def reopen(unit: UnitOfWork, membership_id: UUID) -> tenancy_pb2.Access:
    """Opens an access that was cut: in use again, or waiting for its person (the mail can be sent again). It counts
    for whoever opens it from then on. Raises PRECONDITION access_quota_reached.
    """
    revision = await rights.next_revision(unit, "access.reopened")
    membership, contact_ids = await _to_change(unit, membership_id)
    if membership.state == MembershipState.CUT:
        await _within_quota(unit, lock=True)
        membership.granted_by = unit.caller.membership_id
        used = membership.activated_at is not None
        state = MembershipState.ACTIVE if used else MembershipState.INVITED
        _set_state(unit, membership, contact_ids, state, revision)
        unit.record("access.reopened", target_kind="contact", target_id=contact_ids[0])
    return await _answer(unit, membership_id)


async def issue_password(unit: UnitOfWork, identity: Identity, membership_id: UUID) -> identity_pb2.ProvisionalPassword:
    """A provisional password to hand over, in place of what opened the access (S8); whoever had chosen one is told.
    Raises PRECONDITION access_cut.
    """
    membership, contact_ids = await _to_change(unit, membership_id)
    if membership.state == MembershipState.CUT:
        raise precondition("access_cut")
    request = identity_pb2.IssueProvisionalPasswordRequest(account_id=str(membership.account_id))
    issued = await identity.passwords.IssueProvisionalPassword(request)
    used = str(issued.was_active).lower()
    unit.record("access.password_issued", target_kind="contact", target_id=contact_ids[0], was_active=used)
    if issued.was_active and membership.mail:
        event = events_pb2.AccessPasswordReplaced(
            membership_id=str(membership.id),
            contact_id=str(contact_ids[0]),
            mail=membership.mail,
            given_name=membership.given_name,
            family_name=membership.family_name,
            locale=membership.locale,
            identifier=membership.identifier,
        )
        unit.emit(event, aggregate_id=membership.id)
    return issued


async def correct_mail(unit: UnitOfWork, identity: Identity, membership_id: UUID, mail: str) -> tenancy_pb2.Access:
    """Corrects where mails for an access go, in the record of its person too (N7). Who was invited and has not
    arrived is sent the access mail again. Raises INVALID fields_invalid, NOT_FOUND, FORBIDDEN out_of_scope.
    """
    membership, contact_ids = await _to_change(unit, membership_id)
    fields = Fields()
    mail = fields.mail("mail", mail, required=True)
    fields.settle()
    await identity.correct_mail(membership.account_id, mail)
    membership.mail = mail
    membership.version += 1
    invitations.refresh_keys(membership)
    for row in await accesses.read(unit, membership_id):
        await set_person_mail(unit, row["contact_id"], row["person_id"], mail)
    if membership.state == MembershipState.INVITED:
        membership.invited_at = unit.now
        await _announce(unit, membership, contact_ids[0])
    authority.membership_changed(unit, membership, contact_ids)
    unit.record("access.mail_corrected", target_kind="contact", target_id=contact_ids[0])
    return await _answer(unit, membership_id)


async def set_folders(unit: UnitOfWork, membership_id: UUID, folders: Sequence[UUID]) -> tenancy_pb2.Access:
    """Limits an access to some folder templates, or opens all shared ones (none named)."""
    fields = Fields()
    _few(fields, folders)
    fields.settle()
    revision = await rights.next_revision(unit, "access.folders_set")
    _, contact_ids = await _to_change(unit, membership_id)
    for each in await accesses.load(unit, membership_id):
        each.folder_template_ids = list(folders)
    await unit.flush()
    authority.grants_changed(unit, revision, membership_id)
    unit.record("access.folders_set", target_kind="contact", target_id=contact_ids[0], folders=str(len(folders)))
    return await _answer(unit, membership_id)


async def _within_quota(unit: UnitOfWork, *, lock: bool = False) -> None:
    """Raises PRECONDITION access_quota_reached when the caller has as many accesses open as they may (O5)."""
    membership_id = unit.caller.membership_id
    if membership_id is None:
        return
    quota, used = await accesses.quota(unit, membership_id, lock=lock)
    if quota is not None and used >= quota:
        names = await decisions.names_of_holders(unit, "members.manage", but=membership_id)
        raise precondition("access_quota_reached", quota=str(quota), used=str(used), helpers=", ".join(names))


async def _below_ceiling(unit: UnitOfWork, *advisers: frozenset[UUID]) -> None:
    """Raises FORBIDDEN above_ceiling where the caller opens, to whomever, what they may not do themselves."""
    lacking = {code for each in advisers for code in PORTAL_RIGHTS if not unit.grants.reaches(code, each)}
    await authority.below_ceiling(unit, tuple(sorted(lacking)))


async def _to_change(
    unit: UnitOfWork, membership_id: UUID, *, opens: bool = True
) -> tuple[Membership, tuple[UUID, ...]]:
    """An access, locked, whose contacts the caller sees and may manage. `opens`: so that somebody gets in by it."""
    membership = await memberships.load(unit, membership_id, MembershipKind.PORTAL)
    if membership is None:
        raise not_found("access_not_found")
    contact_ids = tuple(row["contact_id"] for row in await accesses.read(unit, membership_id))
    try:
        advisers = [await reach.advisers_of_visible(unit, each) for each in contact_ids]
    except ServiceError as error:
        raise not_found("access_not_found") from error
    for each in advisers:
        await reach.may_act(unit, each, RIGHT)
    if opens:
        await _below_ceiling(unit, *advisers)
    return membership, contact_ids


async def _account(identity: Identity, identifiers: Sequence[str], person: Person, locale: str) -> identity_pb2.Account:
    """A managed account under the first identifier that the firm does not have yet."""
    name = PersonName(person.given_name, person.family_name, locale)
    # The same id for the same person: if this process dies before its commit, the next attempt finds the account.
    account_id = uuid5(person.id, "portal account")
    for identifier in identifiers:
        try:
            return await identity.managed_account(account_id, identifier, person.mail, name)
        except ServiceError as error:
            if error.kind is not Kind.CONFLICT or error.reason != "identifier_taken":
                raise
    raise conflict("identifier_taken", identifier=identifiers[0])


def _proposals(contact: Contact, earlier: int) -> list[str]:
    return [records.access_identifier(contact.code, earlier + extra) for extra in range(_IDENTIFIERS_TRIED)]


def _membership(unit: UnitOfWork, person: Person, account: identity_pb2.Account, locale: str) -> Membership:
    membership = Membership(
        organisation_id=unit.organisation_id,
        id=uuid7(),
        account_id=UUID(account.id),
        kind=int(MembershipKind.PORTAL),
        state=int(MembershipState.INVITED),
        given_name=person.given_name,
        family_name=person.family_name,
        mail=person.mail,
        locale=account.locale or locale,
        identifier=account.identifier,
        granted_by=unit.caller.membership_id,
        invited_at=unit.now,
        created_at=unit.now,
    )
    invitations.refresh_keys(membership)
    return membership


async def _announce(unit: UnitOfWork, membership: Membership, contact_id: UUID) -> None:
    organisation = await invitations.own_organisation(unit)
    event = events_pb2.AccessGranted(
        membership_id=str(membership.id),
        account_id=str(membership.account_id),
        contact_id=str(contact_id),
        mail=membership.mail,
        given_name=membership.given_name,
        family_name=membership.family_name,
        locale=membership.locale,
        identifier=membership.identifier,
        organisation_name=organisation.name,
        organisation_slug=organisation.slug,
        link_id=str(uuid7()),
    )
    unit.emit(event, aggregate_id=membership.id)


def _set_state(
    unit: UnitOfWork,
    membership: Membership,
    contact_ids: tuple[UUID, ...],
    state: MembershipState,
    revision: int,
) -> None:
    membership.state = int(state)
    membership.version += 1
    authority.membership_changed(unit, membership, contact_ids)
    authority.grants_changed(unit, revision, membership.id)


def _few(fields: Fields, folders: Sequence[UUID]) -> None:
    if len(folders) > _MOST_FOLDERS:
        fields.wrong("folder_template_ids", "too_many", most=str(_MOST_FOLDERS))


async def _answer(unit: UnitOfWork, membership_id: UUID) -> tenancy_pb2.Access:
    await unit.flush()
    row = (await accesses.read(unit, membership_id))[0]
    return messages.access(row, person_id=row["person_id"])
