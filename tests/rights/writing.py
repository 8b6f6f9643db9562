"""Facts become rows of tenancy's database: many organisations at once, each with a provider of its own.

Rows are copied in as the superuser, under the triggers and constraints of the schema: what a use case could not have
written is not tested. People and contacts are named so that sorting them means something: their names are often alike.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import asyncpg
from facts import Contact, Facts, Kind, Member, organisation_uuid, provider_uuid, uuid_of
from generator import NOON

Row = dict[str, Any]
Rows = dict[str, list[Row]]

#: In this order no row names one that is not there yet.
TABLES = (
    "organisations", "rights_revisions", "rights_changes", "products", "product_rights", "subscriptions", "structures",
    "profiles", "profile_rights", "memberships", "personal_rights", "delegations", "contacts", "people",
    "contact_advisers", "access_contacts", "assignments",
)  # fmt: skip
_MUST_HOLD = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND is_nullable = 'NO' AND column_default IS NULL"""
_EMPTY: dict[str, Any] = {"ARRAY": [], "bigint": 0, "smallint": 0, "integer": 0, "boolean": False}
_STAFF, _PORTAL = 1, 2
_PROVIDER, _CUSTOMER = 1, 2
_NAMES = ("abel", "abel", "baron", "carre")


def name_of(membership: int) -> str:
    """What a membership is sorted by, before its identifier."""
    return _NAMES[membership % len(_NAMES)]


async def write(url: str, organisations: Mapping[int, Facts]) -> None:
    """Puts organisations, by their numbers, into a database whose superuser's URL is given."""
    rows: Rows = defaultdict(list)
    for number, facts in organisations.items():
        for table, row in _rows(number, facts):
            rows[table].append(row)
    connection = await asyncpg.connect(url)
    try:
        unsaid = await _unsaid(connection)
        async with connection.transaction():
            for table in TABLES:
                if found := [unsaid[table] | row for row in rows[table]]:
                    columns = list(found[0])
                    records = [tuple(row[column] for column in columns) for row in found]
                    await connection.copy_records_to_table(table, records=records, columns=columns)
    finally:
        await connection.close()


async def _unsaid(connection: asyncpg.Connection) -> dict[str, Row]:
    """What stands in columns that must hold something and that rights do not rest on: nothing, as far as possible."""
    found: dict[str, Row] = defaultdict(dict)
    for row in await connection.fetch(_MUST_HOLD):
        found[row["table_name"]][row["column_name"]] = _EMPTY.get(row["data_type"], "")
    return found


class _Place:
    """Identifiers of one organisation."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.id = organisation_uuid(number)

    def of(self, kind: Kind, each: int | None) -> UUID | None:
        return None if each is None else uuid_of(self.number, kind, each)

    def row(self, **columns: Any) -> Row:
        return {"organisation_id": self.id, **columns}


def _rows(number: int, facts: Facts) -> Iterator[tuple[str, Row]]:
    here = _Place(number)
    provider = here.id if facts.provider else provider_uuid(number)
    if not facts.provider:
        yield "organisations", _organisation(provider, provider, _PROVIDER)
    yield "organisations", _organisation(here.id, provider, _PROVIDER if facts.provider else _CUSTOMER)
    yield "rights_revisions", here.row(revision=1)
    yield "rights_changes", _first_change(here)
    yield from _of_products(here, provider, facts)
    for each, parent in facts.structures.items():
        yield (
            "structures",
            here.row(
                id=here.of("structure", each), parent_id=here.of("structure", parent), name=f"S{each}", created_at=NOON
            ),
        )
    yield from _of_profiles(here, facts)
    for member in facts.members.values():
        yield from _of_member(here, facts, member)
    for loan in facts.delegations:
        yield "delegations", here.row(
            id=here.of("delegation", loan.id), from_id=here.of("member", loan.giver),
            to_id=here.of("member", loan.taker), codes=list(loan.codes), starts_at=loan.starts, ends_at=loan.ends,
            ended_at=loan.ended, reason="congés", created_at=NOON,
        )  # fmt: skip
    for contact in facts.contacts.values():
        yield from _of_contact(here, contact)
    yield from _of_accesses(here, facts)
    for product, who in facts.assignments:
        yield "assignments", here.row(product_id=here.of("product", product), membership_id=here.of("member", who))


def _organisation(organisation: UUID, provider: UUID, kind: int) -> Row:
    slug = str(organisation)[:8] + str(organisation)[20:23]
    return {
        "id": organisation, "provider_id": provider, "kind": kind, "slug": slug, "name": slug, "sort_key": slug,
        "search_key": slug, "created_at": NOON,
    }  # fmt: skip


def _first_change(here: _Place) -> Row:
    return here.row(revision=1, at=NOON.replace(year=2020), service="tenancy", act="organisation.made", reason="")


def _of_products(here: _Place, provider: UUID, facts: Facts) -> Iterator[tuple[str, Row]]:
    for each in facts.products.values():
        product = here.of("product", each.id)
        yield "products", {
            "provider_id": provider, "id": product, "client_id": f"client-{product}", "name": f"P{each.id}",
            "launch_url": "https://paie.example/", "sort_key": f"p{each.id}", "created_at": NOON,
        }  # fmt: skip
        if each.subscribed:
            yield "subscriptions", here.row(product_id=product, provider_id=provider, seats=each.seats)
    for place, right in enumerate(facts.product_rights):
        yield "product_rights", {
            "provider_id": provider, "code": right.code, "product_id": here.of("product", right.product),
            "tab": "agenda", "name_fr": right.code, "name_en": right.code, "scoped": right.scoped,
            "requires": list(right.requires), "position": place,
            "withdrawn_at": NOON.replace(year=2025) if right.withdrawn else None,
        }  # fmt: skip


def _of_profiles(here: _Place, facts: Facts) -> Iterator[tuple[str, Row]]:
    for each in facts.profiles.values():
        name = f"Profil {each.id}"
        built_in = "administrator" if each.administrator else ""
        yield "profiles", here.row(
            id=here.of("profile", each.id), name=name, built_in=built_in, sort_key=name, inactive=each.inactive,
            created_at=NOON,
        )  # fmt: skip
        for code, scope in each.rights.items():
            yield "profile_rights", here.row(profile_id=here.of("profile", each.id), code=code, scope=scope)


def _of_member(here: _Place, facts: Facts, member: Member) -> Iterator[tuple[str, Row]]:
    administrator = facts.profiles[member.profile].administrator
    yield "memberships", here.row(
        id=here.of("member", member.id), account_id=here.of("member", member.id), kind=_STAFF, state=member.state,
        given_name=f"M{member.id}", family_name="", mail=f"m{member.id}@armor.example", identifier="",
        profile_id=here.of("profile", member.profile), profile_name=f"Profil {member.profile}",
        profile_built_in="administrator" if administrator else "", structure_id=here.of("structure", member.structure),
        tier_id=here.of("structure", member.tier), manager_id=here.of("member", member.superior),
        sort_key=name_of(member.id), search_key="", invited_at=NOON, created_at=NOON,
    )  # fmt: skip
    for code, scope in member.personal.items():
        yield "personal_rights", here.row(membership_id=here.of("member", member.id), code=code, scope=scope)


def _of_contact(here: _Place, contact: Contact) -> Iterator[tuple[str, Row]]:
    this = here.of("contact", contact.id)
    yield "contacts", here.row(
        id=this, kind=contact.kind, code=f"C{contact.id:04d}", name=contact.key, sort_key=contact.key,
        search_key=contact.key, created_at=NOON,
    )  # fmt: skip
    for adviser, role in contact.advisers.items():
        yield "contact_advisers", here.row(contact_id=this, membership_id=here.of("member", adviser), role=role)


def _of_accesses(here: _Place, facts: Facts) -> Iterator[tuple[str, Row]]:
    for access in facts.accesses.values():
        this = here.of("portal", access.id)
        yield "memberships", here.row(
            id=this, account_id=this, kind=_PORTAL, state=access.state, given_name=f"A{access.id}", family_name="",
            mail="", identifier=f"C{access.id}", profile_id=None, profile_name="", profile_built_in="",
            structure_id=None, tier_id=None, manager_id=None, sort_key=name_of(access.id), search_key="",
            invited_at=NOON, created_at=NOON,
        )  # fmt: skip
        for contact in sorted(access.contacts):
            person = here.of("person", access.id * 1000 + contact)
            yield (
                "people",
                here.row(id=person, contact_id=here.of("contact", contact), given_name="Loïc", family_name="Kerautret"),
            )
            yield (
                "access_contacts",
                here.row(
                    membership_id=this, contact_id=here.of("contact", contact), person_id=person, folder_template_ids=[]
                ),
            )
