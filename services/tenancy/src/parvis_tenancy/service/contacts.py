"""Contacts: lists under a scope, records, people, advisers."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit import paging
from parvis_kit.errors import Violation, conflict, invalid, not_found
from parvis_kit.ids import uuid7
from parvis_kit.text import search_key
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import records
from parvis_tenancy.domain.decisions import Question, decide
from parvis_tenancy.domain.states import AdviserRole, ContactKind
from parvis_tenancy.models import Contact, Person
from parvis_tenancy.service import authority, messages, reach
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import accesses, contacts, facts, rights
from parvis_tenancy.store.contact_lists import MOST_COUNTED
from parvis_tenancy.store.contact_reach import EVERYTHING
from parvis_tenancy.store.facts import Moment
from parvis_tenancy.store.search import by_name, patterns, sort_key

_MOST_PEOPLE = 50
_MOST_ADVISERS = 50


async def page(unit: UnitOfWork, request: tenancy_pb2.ListContactsRequest) -> tenancy_pb2.ListContactsResponse:
    """A page of the contacts in the caller's scope by name, the token of the next page, and how many match."""
    fields = Fields()
    kinds = fields.choice("kind", request.kind, ContactKind)
    fields.settle()
    size = paging.size(request.page_size)
    rows, total = await contacts.page(
        unit,
        kinds=kinds,
        patterns=patterns(request.query),
        unused_access=request.unused_access,
        reach=reach.of_caller(unit),
        after=paging.cursor(request.page_token),
        size=size + 1,
    )
    shown, token = paging.cut(rows, size, by_name(total))
    return tenancy_pb2.ListContactsResponse(
        contacts=[messages.contact(row) for row in shown],
        next_page_token=token,
        total=min(total, MOST_COUNTED),
        more_than_total=total > MOST_COUNTED,
    )


async def record(unit: UnitOfWork, contact_id: UUID) -> tenancy_pb2.ContactRecord:
    """A contact in the caller's scope. A portal access sees of the people only its own. Raises NOT_FOUND."""
    rows = await contacts.read(unit, [contact_id], reach.of_caller(unit))
    if not rows or not rows[0]["kind"]:  # it was erased
        raise not_found("contact_not_found")
    people = await contacts.people(unit, [contact_id])
    if unit.grants.kind == "portal":
        people = [each for each in people if each["membership_id"] == unit.grants.membership_id]
    return _as_caller_sees(unit, rows[0], people)


async def batch(unit: UnitOfWork, ids: Sequence[UUID]) -> list[tenancy_pb2.ContactRecord]:
    """The contacts named, in the order asked, whatever the scope; unknown ones are left out."""
    rows = {row["id"]: row for row in await contacts.read(unit, ids, EVERYTHING)}
    people: dict[UUID, list[messages.Row]] = {}
    for each in await contacts.people(unit, list(rows)):
        people.setdefault(each["contact_id"], []).append(each)
    return [
        tenancy_pb2.ContactRecord(
            contact=messages.contact(rows[each]), people=[messages.person(row) for row in people.get(each, [])]
        )
        for each in dict.fromkeys(ids)
        if each in rows
    ]


async def create(
    unit: UnitOfWork, wanted: tenancy_pb2.Contact, main_adviser: UUID | None, people: Sequence[tenancy_pb2.Person]
) -> tenancy_pb2.ContactRecord:
    """Makes a contact, which its maker must be able to see and change afterwards.

    Raises CONFLICT code_taken, FORBIDDEN adviser_out_of_reach, INVALID fields_invalid, NOT_FOUND member_not_found.
    """
    fields = Fields()
    if wanted.kind not in {int(each) for each in ContactKind}:
        fields.wrong("kind", "required")
    columns = _columns(fields, wanted)
    code = wanted.code.strip().upper()
    if code and records.CODE.fullmatch(code) is None:
        fields.wrong("code", "code_invalid")
    if len(people) > _MOST_PEOPLE:
        fields.wrong("people", "too_many", most=str(_MOST_PEOPLE))
    typed = [_person_columns(fields, f"people.{place}.", each) for place, each in enumerate(people)]
    fields.settle()
    adviser = main_adviser or unit.grants.membership_id
    await _are_staff(unit, [adviser])
    for right in ("contacts.read", "contacts.edit"):
        if not unit.grants.reaches(right, frozenset((adviser,))):
            raise await authority.refusal(unit, "adviser_out_of_reach", right)
    contact = Contact(
        organisation_id=unit.organisation_id,
        id=uuid7(),
        kind=wanted.kind,
        code=code or await _next_code(unit, wanted.kind),
        created_at=unit.now,
        **columns,
    )
    made = [Person(organisation_id=unit.organisation_id, id=uuid7(), contact_id=contact.id, **each) for each in typed]
    _refresh_keys(contact, made)
    unit.add(contact)
    try:
        await unit.flush()
    except IntegrityError as error:
        raise conflict("code_taken", code=contact.code) from error
    unit.add(*made)
    revision = await rights.next_revision(unit, "contact.created")
    await contacts.replace_advisers(unit, contact.id, {adviser: AdviserRole.MAIN}, revision)
    unit.record("contact.created", target_kind="contact", target_id=contact.id, code=contact.code, name=contact.name)
    return await _changed(unit, contact)


async def update(unit: UnitOfWork, contact_id: UUID, wanted: tenancy_pb2.Contact) -> tenancy_pb2.ContactRecord:
    """Changes a contact; kind and code stay. Raises CONFLICT stale_version, INVALID, NOT_FOUND, out_of_scope."""
    contact = await reach.to_change(unit, contact_id, "contacts.edit")
    fields = Fields()
    columns = _columns(fields, wanted)
    fields.settle()
    if contact.version != wanted.version:
        raise conflict("stale_version", version=str(contact.version))
    contact.sqlmodel_update(columns)
    contact.version += 1
    _refresh_keys(contact, await contacts.people_of(unit, contact_id))
    unit.record("contact.changed", target_kind="contact", target_id=contact_id)
    return await _changed(unit, contact)


async def save_person(
    unit: UnitOfWork, contact_id: UUID, person_id: UUID | None, wanted: tenancy_pb2.Person
) -> tenancy_pb2.ContactRecord:
    """Makes (no id) or changes a person of a contact. Raises INVALID, NOT_FOUND, FORBIDDEN out_of_scope."""
    contact = await reach.to_change(unit, contact_id, "contacts.edit")
    fields = Fields()
    columns = _person_columns(fields, "", wanted)
    fields.settle()
    if person_id is None:
        if len(await contacts.people_of(unit, contact_id)) >= _MOST_PEOPLE:
            raise invalid("fields_invalid", [Violation("people", "too_many", {"most": str(_MOST_PEOPLE)})])
        person = Person(organisation_id=unit.organisation_id, id=uuid7(), contact_id=contact_id, **columns)
        unit.add(person)
    else:
        found = await contacts.load_person(unit, contact_id, person_id)
        if found is None:
            raise not_found("person_not_found")
        person = found
        person.sqlmodel_update(columns)
    await unit.flush()
    _refresh_keys(contact, await contacts.people_of(unit, contact_id))
    unit.record("person.saved", target_kind="contact", target_id=contact_id, person=str(person.id))
    return await record(unit, contact_id)


async def set_person_mail(unit: UnitOfWork, contact_id: UUID, person_id: UUID, mail: str) -> None:
    """A person of a contact has another address; nothing for a person who is gone. The caller has authorised it."""
    contact, person = await contacts.load(unit, contact_id), await contacts.load_person(unit, contact_id, person_id)
    if contact is not None and person is not None:
        person.mail = mail
        await unit.flush()
        _refresh_keys(contact, await contacts.people_of(unit, contact_id))


async def set_advisers(
    unit: UnitOfWork, contact_id: UUID, advisers: Iterable[tuple[UUID, int]]
) -> tenancy_pb2.ContactRecord:
    """Sets the advisers of a contact, one of them the main one. Raises INVALID, NOT_FOUND member_not_found."""
    contact = await reach.to_change(unit, contact_id, "contacts.edit")
    listed = list(advisers)
    roles = dict(listed)
    fields = Fields()
    if len(roles) != len(listed):
        fields.wrong("advisers", "twice")
    if len(listed) > _MOST_ADVISERS:
        fields.wrong("advisers", "too_many", most=str(_MOST_ADVISERS))
    if any(role not in {int(each) for each in AdviserRole} for role in roles.values()):
        fields.wrong("advisers", "role_missing")
    if list(roles.values()).count(AdviserRole.MAIN) != 1:
        fields.wrong("advisers", "one_main")
    fields.settle()
    await _are_staff(unit, list(roles))
    if frozenset(roles) - await contacts.advisers_of(unit, contact_id):
        await _of_their_own(unit, contact_id)
    revision = await rights.next_revision(unit, "contact.advisers_set")
    await _told_of_loss(unit, contact_id, frozenset(roles), revision)
    given = {member: AdviserRole(role) for member, role in roles.items()}
    await contacts.replace_advisers(unit, contact_id, given, revision)
    contact.version += 1
    unit.record("contact.advisers_set", target_kind="contact", target_id=contact_id)
    return await _changed(unit, contact)


async def _of_their_own(unit: UnitOfWork, contact_id: UUID) -> None:
    """Raises FORBIDDEN right_lent when the caller may change a contact for a time only, in somebody's place: whom they
    put in charge, themselves for one, would keep it.
    """
    question = Question(unit.grants.membership_id, "contacts.edit", "contact", contact_id)
    read = await facts.for_question(unit, Moment(unit.now), question.membership, contact_id=contact_id)
    path = decide(read.facts, question, unit.now).path
    if path is not None and path.grant.delegation is not None:
        raise await authority.refusal(unit, "right_lent", "contacts.edit")


async def _told_of_loss(unit: UnitOfWork, contact_id: UUID, advisers: frozenset[UUID], revision: int) -> None:
    """Whoever loses a contact may not see the portal as its people do any more: viewings are asked about again."""
    shown = [each.membership_id for each in await accesses.of_contact(unit, contact_id)]
    if shown and await contacts.advisers_of(unit, contact_id) - advisers:
        authority.grants_changed(unit, revision, *shown)


async def _changed(unit: UnitOfWork, contact: Contact) -> tenancy_pb2.ContactRecord:
    """Tells the others how the contact is now, and answers with it: also when it just left the caller's scope."""
    await unit.flush()
    row = (await contacts.read(unit, [contact.id], EVERYTHING))[0]
    answer = _as_caller_sees(unit, row, await contacts.people(unit, [contact.id]))
    event = events_pb2.ContactChanged(
        contact=answer.contact, revision=row["advisers_revision"], previous=row["advisers_previous"]
    )
    unit.emit(event, aggregate_id=contact.id, version=contact.version)
    return answer


async def tell_erased(unit: UnitOfWork, contact: Contact) -> None:
    """Tells the others of a contact that was just erased, under the kind that it was of, which they know."""
    kind = contact.kind
    await unit.session.refresh(contact)
    contact.version += 1
    await unit.flush()
    row = (await contacts.read(unit, [contact.id], EVERYTHING))[0]
    told = messages.contact({**row, "kind": kind})
    event = events_pb2.ContactChanged(
        contact=told, revision=row["advisers_revision"], previous=row["advisers_previous"]
    )
    unit.emit(event, aggregate_id=contact.id, version=contact.version)


async def adviser_changes(
    unit: UnitOfWork, request: tenancy_pb2.ListAdviserChangesRequest
) -> tenancy_pb2.ListAdviserChangesResponse:
    """Contacts whose advisers changed after a revision, a page of them, as the contract says."""
    size, start = paging.size(request.page_size), paging.cursor(request.page_token)
    if start is not None and not start.key.isdecimal():
        raise paging.refusal()
    after = int(start.key) if start is not None else request.after_revision
    rows, newest = await contacts.adviser_changes(unit, after, size + 1)
    shown, token = paging.cut(rows, size, lambda row: paging.Cursor(str(row["advisers_revision"]), row["id"], total=0))
    return tenancy_pb2.ListAdviserChangesResponse(
        contacts=map(messages.contact, shown), next_page_token=token, revision=newest
    )


def _as_caller_sees(unit: UnitOfWork, row: messages.Row, people: Sequence[messages.Row]) -> tenancy_pb2.ContactRecord:
    contact = messages.contact(row)
    advisers = frozenset(UUID(each.membership_id) for each in contact.advisers)
    return tenancy_pb2.ContactRecord(
        contact=contact,
        people=[messages.person(each) for each in people],
        may_edit=unit.grants.reaches("contacts.edit", advisers),
        may_manage_accesses=unit.grants.reaches("accesses.manage", advisers),
    )


async def _next_code(unit: UnitOfWork, kind: int) -> str:
    """The next free code of a kind; codes that somebody typed are passed over."""
    while True:
        code = records.contact_code(kind, await contacts.next_number(unit, kind))
        if await contacts.code_is_free(unit, kind, code):
            return code


async def _are_staff(unit: UnitOfWork, membership_ids: list[UUID]) -> None:
    if await contacts.staff_among(unit, membership_ids) != frozenset(membership_ids):
        raise not_found("member_not_found")


def _columns(fields: Fields, wanted: tenancy_pb2.Contact) -> dict[str, Any]:
    return {
        "name": fields.text("name", wanted.name, required=True),
        "mail_main": fields.mail("addresses.main", wanted.addresses.main),
        "mail_quotes": fields.mail("addresses.quotes", wanted.addresses.quotes),
        "mail_billing": fields.mail("addresses.billing", wanted.addresses.billing),
        "mail_reminders": fields.mail("addresses.reminders", wanted.addresses.reminders),
        "siren": fields.siren("siren", wanted.siren),
        "vat_number": fields.vat_number("vat_number", wanted.vat_number),
        "telephone": fields.text("telephone", wanted.telephone, longest=40),
        "locale": fields.locale("locale", wanted.locale),
        **fields.address("address", wanted.address),
    }


def _person_columns(fields: Fields, prefix: str, wanted: tenancy_pb2.Person) -> dict[str, str]:
    return {
        "given_name": fields.person_name(f"{prefix}given_name", wanted.given_name),
        "family_name": fields.person_name(f"{prefix}family_name", wanted.family_name),
        "function": fields.text(f"{prefix}function", wanted.function),
        "mail": fields.mail(f"{prefix}mail", wanted.mail),
        "telephone": fields.text(f"{prefix}telephone", wanted.telephone, longest=40),
    }


def _refresh_keys(contact: Contact, people: Iterable[Person]) -> None:
    """A contact is found by its own code, name and mails, and by those of its people."""
    named = [text for each in people for text in (each.given_name, each.family_name, each.mail)]
    contact.sort_key = sort_key(contact.name)
    contact.search_key = search_key(
        contact.code,
        contact.name,
        contact.mail_main,
        contact.mail_quotes,
        contact.mail_billing,
        contact.mail_reminders,
        *named,
    )
