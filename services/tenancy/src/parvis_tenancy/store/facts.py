"""The facts that decisions rest on, read in one statement: those that one question needs, or all of an organisation.

The past is read by the same statements: the names of the tables then stand for what they held at a revision
(`fact_history` keeps what was changed since).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from asyncpg import Record

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.catalogue import Right, existing
from parvis_tenancy.domain.facts import Delegation, Facts, Member, Portal, Profile
from parvis_tenancy.domain.states import MembershipKind, MembershipState

#: Tables whose past is kept.
_FACTS = (
    "profiles", "profile_rights", "personal_rights", "delegations", "memberships", "structures", "subscriptions",
    "assignments", "contact_advisers", "access_contacts",
)  # fmt: skip

_MEMBER = """json_build_object(
    'id', m.id, 'kind', m.kind, 'state', m.state, 'profile', m.profile_id, 'profile_name', m.profile_name,
    'built_in', m.profile_built_in, 'manager', m.manager_id, 'structure', m.structure_id, 'tier', m.tier_id,
    'rights', (SELECT json_agg(json_build_array(r.code, r.scope)) FROM profile_rights r
               WHERE r.organisation_id = $1 AND r.profile_id = m.profile_id),
    'personal', (SELECT json_object_agg(r.code, r.scope) FROM personal_rights r
                 WHERE r.organisation_id = $1 AND r.membership_id = m.id),
    'products', (SELECT json_agg(a.product_id) FROM assignments a
                 WHERE a.organisation_id = $1 AND a.membership_id = m.id),
    'contacts', CASE WHEN m.kind = 2 THEN (SELECT json_object_agg(x.contact_id, x.folder_template_ids)
                 FROM access_contacts x WHERE x.organisation_id = $1 AND x.membership_id = m.id) END)"""
_DELEGATIONS = """
    SELECT * FROM delegations d
    WHERE d.organisation_id = $1 AND d.ended_at IS NULL AND d.ends_at > $2 AND {whose}"""
_SHARED = """
    'provider', (SELECT o.kind = 1 FROM organisations o WHERE o.id = $1),
    'revisions', (SELECT json_build_array(r.revision, r.advisers_revision) FROM rights_revisions r
                  WHERE r.organisation_id = $1),
    'declared', (SELECT json_agg(json_build_array(r.code, r.tab, r.scoped, r.requires) ORDER BY r.tab, r.position)
                 FROM product_rights r JOIN subscriptions s ON s.organisation_id = $1
                 AND s.provider_id = r.provider_id AND s.product_id = r.product_id
                 WHERE r.withdrawn_at IS NULL OR r.withdrawn_at > $2),
    'subscribed', (SELECT json_agg(s.product_id) FROM subscriptions s WHERE s.organisation_id = $1),
    'delegations', (SELECT json_agg(json_build_array(d.id, d.from_id, d.to_id, d.codes, d.starts_at, d.ends_at)
                    ORDER BY d.id) FROM standing d)"""

# What decides over one membership, of one contact and one other member when they are asked about. Superiors are read
# upwards from the contact's advisers: no more of the hierarchy than the answer needs.
_QUESTION = f"""
WITH RECURSIVE {{past}} standing AS ({_DELEGATIONS.format(whose="d.to_id = $3")}),
people AS (
    SELECT m.* FROM memberships m WHERE m.organisation_id = $1
    AND (m.id IN ($3, $5) OR m.id IN (SELECT from_id FROM standing))),
chain AS (
    SELECT m.id, m.manager_id FROM memberships m WHERE m.organisation_id = $1 AND (m.id = $3 OR m.id IN (
        SELECT a.membership_id FROM contact_advisers a WHERE a.organisation_id = $1 AND a.contact_id = $4))
    UNION SELECT m.id, m.manager_id FROM chain c JOIN memberships m ON m.organisation_id = $1 AND m.id = c.manager_id)
SELECT json_build_object({_SHARED},
    'members', (SELECT json_agg({_MEMBER}) FROM people m),
    'advisers', (SELECT json_agg(a.membership_id) FROM contact_advisers a
                 WHERE a.organisation_id = $1 AND a.contact_id = $4),
    'superiors', (SELECT json_object_agg(c.id, c.manager_id) FROM chain c),
    'structures', CASE WHEN EXISTS (SELECT FROM people WHERE tier_id IS NOT NULL) THEN
        (SELECT json_object_agg(s.id, s.parent_id) FROM structures s WHERE s.organisation_id = $1) END
)::text AS facts"""  # noqa: S608

_STAFF = f"""
WITH {{past}} standing AS ({_DELEGATIONS.format(whose="true")})
SELECT json_build_object({_SHARED},
    'members', (SELECT json_agg({_MEMBER}) FROM memberships m WHERE m.organisation_id = $1 AND m.kind = 1),
    'structures', (SELECT json_object_agg(s.id, s.parent_id) FROM structures s WHERE s.organisation_id = $1)
)::text AS facts"""  # noqa: S608

_SUPERIORS = """
{past} SELECT m.id, m.manager_id FROM memberships m WHERE m.organisation_id = $1 AND m.manager_id IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class Read:
    """Facts, the revision at which they stood and the last one that changed advisers, and the states and folders that
    only answers show.
    """

    facts: Facts
    revisions: tuple[int, int]
    #: Membership → its state, of those that were asked for.
    states: Mapping[UUID, int]
    #: Of a portal access: contact → folder templates that it is limited to.
    folders: Mapping[UUID, tuple[UUID, ...]]


@dataclass(frozen=True, slots=True)
class Moment:
    """When a question is asked about: its time, and the revision of the rights then; None: as they are."""

    at: datetime
    revision: int | None = None


async def for_question(
    unit: UnitOfWork,
    moment: Moment,
    membership_id: UUID,
    *,
    contact_id: UUID | None = None,
    member_id: UUID | None = None,
) -> Read:
    """What decides what a membership may do, in general or to a contact or another member."""
    query = _at(_QUESTION, moment)
    rows = await unit.fetch(query, unit.organisation_id, moment.at, membership_id, contact_id, member_id)
    return _read(json.loads(rows[0]["facts"]), contact_id)


async def of_staff(unit: UnitOfWork, moment: Moment) -> Read:
    """All facts about the members of the organisation; no contacts."""
    rows = await unit.fetch(_at(_STAFF, moment), unit.organisation_id, moment.at)
    return _read(json.loads(rows[0]["facts"]), None)


async def superiors(unit: UnitOfWork, moment: Moment) -> Mapping[UUID, UUID | None]:
    """Who is attached to whom, in the whole organisation."""
    query = _SUPERIORS.format(past=f"WITH {_past(moment.revision)}".removesuffix(", ") if moment.revision else "")
    return {row["id"]: row["manager_id"] for row in await unit.fetch(query, unit.organisation_id)}


async def revision_at(unit: UnitOfWork, at: datetime) -> int | None:
    """The revision of the rights at a moment; None where the organisation had none yet."""
    rows = await unit.fetch(
        "SELECT max(revision) AS revision FROM rights_changes WHERE organisation_id = $1 AND at <= $2",
        unit.organisation_id,
        at,
    )
    found: int | None = rows[0]["revision"]
    return found


def _at(query: str, moment: Moment) -> str:
    return query.format(past=_past(moment.revision) if moment.revision is not None else "")


def _past(revision: int) -> str:
    """Common table expressions that take the tables' names and hold what those held at a revision."""
    return "".join(
        f"{table} AS (SELECT * FROM public.{table} WHERE organisation_id = $1 AND since <= {int(revision)}"  # noqa: S608
        f" UNION ALL SELECT (jsonb_populate_record(NULL::public.{table}, h.fact)).* FROM fact_history h"
        f" WHERE h.organisation_id = $1 AND h.relation = '{table}'"
        f" AND h.since <= {int(revision)} AND h.until > {int(revision)}), "
        for table in _FACTS
    )


def _read(found: Mapping[str, Any], contact_id: UUID | None) -> Read:
    members = [each for each in found.get("members") or () if each["kind"] == MembershipKind.STAFF]
    portals = [each for each in found.get("members") or () if each["kind"] == MembershipKind.PORTAL]
    facts = Facts(
        catalogue=existing(provider=bool(found["provider"]), declared=map(_declared, found["declared"] or ())),
        members={each.id: each for each in map(_member, members)},
        portals={each.id: each for each in map(_portal, portals)},
        delegations=[_delegation(each) for each in found["delegations"] or ()],
        advisers={contact_id: frozenset(map(UUID, found["advisers"] or ()))} if contact_id is not None else {},
        structures=_ids(found.get("structures")),
        subscribed=frozenset(map(UUID, found["subscribed"] or ())),
        superiors=_ids(found.get("superiors")),
    )
    return Read(
        facts=facts,
        revisions=tuple(found["revisions"] or (0, 0)),
        states={UUID(each["id"]): each["state"] for each in (*members, *portals)},
        folders={
            UUID(contact): tuple(map(UUID, folders))
            for each in portals
            for contact, folders in (each["contacts"] or {}).items()
        },
    )


def _member(row: Mapping[str, Any]) -> Member:
    rights = tuple((code, scope) for code, scope in row["rights"] or ())
    return Member(
        id=UUID(row["id"]),
        active=row["state"] == MembershipState.ACTIVE,
        profile=Profile(UUID(row["profile"]), row["profile_name"], row["built_in"], rights),
        superior=_id(row["manager"]),
        structure=_id(row["structure"]),
        tier=_id(row["tier"]),
        personal=MappingProxyType(row["personal"] or {}),
        products=frozenset(map(UUID, row["products"] or ())),
    )


def _portal(row: Mapping[str, Any]) -> Portal:
    return Portal(UUID(row["id"]), row["state"] == MembershipState.ACTIVE, frozenset(map(UUID, row["contacts"] or ())))


def _delegation(row: Sequence[Any]) -> Delegation:
    delegation_id, delegator, deputy, codes, starts_at, ends_at = row
    return Delegation(
        UUID(delegation_id),
        UUID(delegator),
        UUID(deputy),
        frozenset(codes),
        datetime.fromisoformat(starts_at),
        datetime.fromisoformat(ends_at),
    )


def _declared(row: Sequence[Any]) -> Right:
    code, tab, scoped, requires = row
    return Right(code, tab, "contact" if scoped else "", requires=tuple(requires))


def _id(value: str | None) -> UUID | None:
    return UUID(value) if value else None


def _ids(found: Mapping[str, str | None] | None) -> Mapping[UUID, UUID | None]:
    return {UUID(key): _id(value) for key, value in (found or {}).items()}


_NAMES = """
SELECT id, trim(given_name || ' ' || family_name) AS name FROM memberships WHERE organisation_id = $1 AND id = ANY($2)
UNION ALL SELECT id, name FROM contacts WHERE organisation_id = $1 AND id = ANY($2)
UNION ALL SELECT id, name FROM profiles WHERE organisation_id = $1 AND id = ANY($2)
UNION ALL SELECT id, name FROM structures WHERE organisation_id = $1 AND id = ANY($2)
UNION ALL SELECT p.id, p.name FROM products p WHERE p.id = ANY($2)"""

_CHANGES = """
SELECT c.revision, c.at, c.membership_id, trim(m.given_name || ' ' || m.family_name) AS name, c.service, c.act, c.reason
FROM rights_changes c LEFT JOIN memberships m ON m.organisation_id = $1 AND m.id = c.membership_id
WHERE c.organisation_id = $1 AND c.revision > $2 ORDER BY c.revision LIMIT $3"""


async def names(unit: UnitOfWork, ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """What members, contacts, profiles, structures and products are called."""
    return {row["id"]: row["name"] for row in await unit.fetch(_NAMES, unit.organisation_id, list(ids))}


async def changes_after(unit: UnitOfWork, revision: int, most: int) -> list[Record]:
    """The changes of rights after a revision, oldest first."""
    return await unit.fetch(_CHANGES, unit.organisation_id, revision, most)


async def revision_now(unit: UnitOfWork) -> int:
    """The revision that the rights of the organisation have reached."""
    rows = await unit.fetch("SELECT revision FROM rights_revisions WHERE organisation_id = $1", unit.organisation_id)
    return int(rows[0]["revision"]) if rows else 0
