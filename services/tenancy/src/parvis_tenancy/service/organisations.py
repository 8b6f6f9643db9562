"""Organisations: their record, their customers."""

from typing import Any
from uuid import UUID

from asyncpg import Record

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit import paging
from parvis_kit.caller import Caller
from parvis_kit.errors import conflict, not_found, precondition
from parvis_kit.text import search_key
from parvis_kit.unit import Database, UnitOfWork
from parvis_tenancy.domain import records
from parvis_tenancy.domain.states import VOUCHED_ACR, OrganisationKind
from parvis_tenancy.service import invitations, messages, provision
from parvis_tenancy.service.accounts import Identity, PersonName
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.service.invitations import Invitation, own_organisation
from parvis_tenancy.store import closings, organisations, rights
from parvis_tenancy.store.search import by_name, patterns, sort_key
from parvis_watch import jobs

_REFRESH_EVERY = 3600.0  # s


async def own(unit: UnitOfWork) -> tenancy_pb2.Organisation:
    """The organisation of the transaction. Raises NOT_FOUND."""
    return messages.organisation((await own_organisation(unit)).model_dump())


async def update(unit: UnitOfWork, wanted: tenancy_pb2.Organisation) -> tenancy_pb2.Organisation:
    """Changes the record. Raises CONFLICT stale_version, INVALID fields_invalid, PRECONDITION step_up_required where
    bank details change and the caller has not just proven who they are.
    """
    fields = Fields()
    name = fields.text("name", wanted.name, required=True)
    record = _record(fields, wanted)
    fields.settle()
    found = await organisations.load(unit, lock=True)
    entry = await organisations.entry(unit, unit.organisation_id)
    if found is None or entry is None:
        raise not_found()
    if found.version != wanted.version:
        raise conflict("stale_version", version=str(found.version))
    if record["iban"] != found.iban and not unit.caller.is_fresh:
        raise precondition("step_up_required")
    found.sqlmodel_update({**record, "name": name})
    found.version += 1
    found.sort_key = sort_key(name)
    found.search_key = search_key(name, found.slug, found.siren)
    entry.name, entry.accent = found.name, found.accent
    entry.sort_key, entry.search_key = found.sort_key, search_key(found.name, found.slug)
    provision.organisation_changed(unit, found)
    unit.record("organisation.changed", target_kind="organisation", target_id=found.id)
    return messages.organisation(found.model_dump())


async def mine(
    unit: UnitOfWork, account_id: UUID, request: tenancy_pb2.ListMyOrganisationsRequest
) -> tenancy_pb2.ListMyOrganisationsResponse:
    """A page of the organisations that an account may enter, by name, and the one named: three statements at most,
    however many there are. Whoever only a firm's provider vouched for is shown that firm, and asked to prove their
    account before they hear whether the one named is theirs: PRECONDITION door_closed.
    """
    vouched = unit.caller.acr == VOUCHED_ACR
    whose = organisations.Mine(account_id, unit.caller.vouched if vouched else None)
    size, after = paging.size(request.page_size), paging.cursor(request.page_token)
    rows, total = await organisations.page_of_account(unit, whose, patterns(request.query), after, size + 1)
    shown, token = paging.cut(rows, size, by_name(total))
    named = next((row for row in shown if row["slug"] == request.slug), None)
    if named is None and request.slug and (request.query or token or after):
        named = await organisations.of_account(unit, whose, request.slug)
    if named is None and request.slug and vouched:
        raise precondition("door_closed", step="own")
    return tenancy_pb2.ListMyOrganisationsResponse(
        organisations=map(_my_organisation, shown),
        next_page_token=token,
        total=total,
        named=None if named is None else _my_organisation(named),
        partial=vouched,
    )


def _my_organisation(row: Record) -> tenancy_pb2.MyOrganisation:
    return tenancy_pb2.MyOrganisation(
        face=messages.face(row, organisation_id=row["id"], kind=row["organisation_kind"]),
        kind=row["kind"],
        profile_name=row["profile_name"],
        profile_built_in=row["profile_built_in"],
    )


async def customers(unit: UnitOfWork, query: str, page_size: int, page_token: str) -> tenancy_pb2.ListCustomersResponse:
    """A page of customers by name, how many match, and which of the page are being closed."""
    size = paging.size(page_size)
    rows, total = await organisations.page_of_customers(unit, patterns(query), paging.cursor(page_token), size + 1)
    shown, token = paging.cut(rows, size, by_name(total))
    answer = tenancy_pb2.ListCustomersResponse(
        organisations=map(messages.organisation, shown), next_page_token=token, total=total
    )
    for organisation_id, due_at in (await closings.closing_among(unit, [row["id"] for row in shown])).items():
        answer.closes_at[str(organisation_id)].FromDatetime(due_at)
    return answer


async def create_customer(
    unit: UnitOfWork, identity: Identity, request: tenancy_pb2.CreateCustomerRequest
) -> tenancy_pb2.Organisation:
    """Makes a customer and invites its first administrator. Raises INVALID fields_invalid, CONFLICT slug_taken."""
    fields = Fields()
    name = fields.text("name", request.name, required=True)
    slug = request.slug.strip()
    if slug and not records.slug_is_right(slug):
        fields.wrong("slug", "slug_invalid")
    wanted = tenancy_pb2.Organisation()
    wanted.CopyFrom(request.record)
    wanted.siren = request.siren or request.record.siren
    record = _record(fields, wanted)
    mail = fields.mail("administrator_mail", request.administrator_mail, required=True)
    person = PersonName(
        given_name=fields.person_name("administrator_given_name", request.administrator_given_name),
        family_name=fields.person_name("administrator_family_name", request.administrator_family_name),
        locale="fr",
    )
    fields.settle()
    if slug and not await organisations.slug_is_free(unit, slug):
        raise conflict("slug_taken")
    slug = slug or await provision.free_slug(unit, name)
    provider_id, inviter = unit.organisation_id, await invitations.own_name(unit)
    account = await identity.personal_account(mail, person)
    unit.record("customer.created", target_kind="organisation", target_id=slug, name=name)
    organisation, administrator = await provision.make_organisation(
        unit, kind=OrganisationKind.CUSTOMER, provider_id=provider_id, slug=slug, name=name, record=record
    )
    revision = await rights.next_revision(unit, "member.invited")
    membership = await invitations.enrol(unit, Invitation(mail, person), account, administrator, revision)
    await invitations.announce(unit, membership, organisation, inviter)
    unit.record("member.invited", target_kind="membership", target_id=membership.id, profile=administrator.name)
    return messages.organisation(organisation.model_dump())


async def face(unit: UnitOfWork, slug: str, organisation_id: UUID | None = None) -> tenancy_pb2.Face:
    """The public face with this slug, or of this organisation. Raises NOT_FOUND."""
    if organisation_id is not None:
        entry = await organisations.entry(unit, organisation_id)
    else:
        entry = await organisations.entry_by_slug(unit, slug) if records.slug_is_right(slug) else None
    if entry is None:
        raise not_found("no_organisation")
    shown = messages.public_face(entry)
    closes_at = await closings.closes_at(unit, entry.organisation_id)
    if closes_at is not None:
        shown.closes_at.FromDatetime(closes_at)
        shown.accepts_requests = False
    return shown


def _record(fields: Fields, wanted: tenancy_pb2.Organisation) -> dict[str, Any]:
    """The columns of an organisation's record."""
    return {
        "legal_name": fields.text("legal_name", wanted.legal_name),
        "legal_form": fields.text("legal_form", wanted.legal_form, longest=60),
        "capital": fields.text("capital", wanted.capital, longest=60),
        "siren": fields.siren("siren", wanted.siren),
        "registry_entry": fields.text("registry", wanted.registry),
        "vat_number": fields.vat_number("vat_number", wanted.vat_number),
        "iban": fields.iban("iban", wanted.iban),
        "telephone": fields.text("telephone", wanted.telephone, longest=40),
        "mail": fields.mail("mail", wanted.mail),
        "accent": fields.accent("accent", wanted.accent),
        "time_zone": fields.time_zone("time_zone", wanted.time_zone),
        **fields.address("address", wanted.address),
    }


async def refresh_keys_for_ever(database: Database) -> None:
    """Organisations are found that a release without these keys made or renamed while it still ran beside this one."""
    while True:
        async with database.begin(Caller("tenancy")) as unit:
            await organisations.refresh_keys(unit)
        await jobs.rest("refresh_keys", _REFRESH_EVERY)
