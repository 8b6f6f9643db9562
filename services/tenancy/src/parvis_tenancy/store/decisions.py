"""Who holds a right, whom it reaches and what: answered by PostgreSQL for all members or contacts at once.

The conditions are made from the one declaration of the scopes (`domain.scopes`), as grant sets and explanations are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record

from parvis_kit.paging import Cursor
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.catalogue import CATALOGUE, PORTAL_RIGHTS, RIGHTS, Right
from parvis_tenancy.domain.scopes import REACHES, Relation, Scope
from parvis_tenancy.store.search import FIRST

_MOST_NAMED = 5

# Few profiles and few personal differences concern a right: whoever has none of them is passed over without a look-up.
_NAMED_IN = """(m.profile_built_in = 'administrator'
    OR m.profile_id = ANY(ARRAY(SELECT profile_id FROM profile_rights WHERE organisation_id = $1 AND {condition}))
    OR m.id = ANY(ARRAY(SELECT membership_id FROM personal_rights WHERE organisation_id = $1 AND {condition})))"""

# $1 organisation, $2 moment, $3 code, $4 whether it has a scope, $5 whether it concerns the whole organisation.
# A personal difference takes the place of what the profile says, but for administrators, who hold everything.
_OWN = """
own AS (
    SELECT m.id AS holder, m.manager_id AS superior,
           CASE WHEN $4::boolean AND m.profile_built_in <> 'administrator'
                THEN coalesce(p.scope, r.scope) ELSE 2 END AS scope
    FROM memberships m
    LEFT JOIN personal_rights p ON p.organisation_id = $1 AND p.membership_id = m.id AND p.code = $3
    LEFT JOIN profile_rights r ON r.organisation_id = $1 AND r.profile_id = m.profile_id AND r.code = $3
    WHERE m.organisation_id = $1 AND m.kind = 1 AND m.state = 2 AND NOT ($5 AND m.tier_id IS NOT NULL)
    AND $2::timestamptz IS NOT NULL {candidates}
    AND (m.profile_built_in = 'administrator' OR coalesce(p.scope, r.scope, 0) <> 0))"""
_HOLDING = f"AND {_NAMED_IN.format(condition='code = $3')}"
# Whom a grant of less than everything lets reach a contact stands in its chain, or has a superior there.
_NEAR = f"""{_HOLDING} AND (NOT $4
    OR m.id = ANY(ARRAY(SELECT member FROM chain)) OR m.manager_id = ANY(ARRAY(SELECT member FROM chain))
    OR {_NAMED_IN.format(condition=f"code = $3 AND scope = {Scope.ALL:d}")})"""  # noqa: S608
_GRANTS = """
grants AS (
    SELECT holder AS subject, holder, superior, scope FROM own
    UNION ALL
    SELECT d.to_id, o.holder, o.superior, o.scope FROM delegations d
    JOIN own o ON o.holder = d.from_id
    JOIN memberships t ON t.organisation_id = $1 AND t.id = d.to_id AND t.kind = 1 AND t.state = 2
    WHERE d.organisation_id = $1 AND $4 AND d.ended_at IS NULL AND $3 = ANY(d.codes)
    AND d.starts_at <= $2 AND $2 < d.ends_at)"""

# One row for each adviser of the contact $6 and each member above that one: `member` stands `depth` levels above.
_CHAIN = """
chain AS (
    SELECT a.membership_id AS member, m.manager_id AS superior, 0 AS depth FROM contact_advisers a
    JOIN memberships m ON m.organisation_id = $1 AND m.id = a.membership_id
    WHERE a.organisation_id = $1 AND a.contact_id = $6
    UNION
    SELECT m.id, m.manager_id, least(c.depth + 1, 1) FROM chain c
    JOIN memberships m ON m.organisation_id = $1 AND m.id = c.superior)"""

#: How a grant's holder finds themself in the chain above an adviser, for each relation that an adviser may stand in.
_IN_CHAIN = {
    Relation.SELF: "c.depth = 0 AND c.member = g.holder",
    Relation.BELOW: "c.depth = 1 AND c.member = g.holder",
    Relation.BESIDE: "c.depth = 1 AND c.member = g.superior",
}


def _reaches_contact() -> str:
    """The condition that a grant `g` reaches the contact of the chain."""
    cases = []
    for scope, relations in REACHES.items():
        if relations is None:
            cases.append(f"g.scope = {scope:d}")
        else:
            found = " OR ".join(f"({_IN_CHAIN[relation]})" for relation in relations)
            cases.append(f"(g.scope = {scope:d} AND EXISTS (SELECT FROM chain c WHERE {found}))")
    return " OR ".join(cases)


#: Whose advisers a grant reaches, going down: the tops below which everybody is, and the members themselves.
_TOPS = {Relation.BELOW: "g.holder", Relation.BESIDE: "g.superior"}


def _tops() -> str:
    parts = [
        f"SELECT {_TOPS[relation]} AS top FROM mine g WHERE g.scope = {scope:d} AND {_TOPS[relation]} IS NOT NULL"  # noqa: S608
        for scope, relations in REACHES.items()
        for relation in relations or ()
        if relation in _TOPS
    ]
    return " UNION ".join(parts)


_SUBJECTS = f"""
WITH RECURSIVE {_CHAIN}, {_OWN.format(candidates=_NEAR)}, {_GRANTS},
found AS (
    SELECT g.subject AS id FROM grants g WHERE NOT $4 OR {_reaches_contact()}
    UNION
    SELECT x.membership_id FROM access_contacts x
    JOIN memberships m ON m.organisation_id = $1 AND m.id = x.membership_id AND m.kind = 2 AND m.state = 2
    WHERE x.organisation_id = $1 AND x.contact_id = $6 AND $7)
SELECT m.id, m.kind, m.given_name, m.family_name, m.sort_key FROM found f
JOIN memberships m ON m.organisation_id = $1 AND m.id = f.id
WHERE (m.sort_key, m.id) > ($8, $9) ORDER BY m.sort_key, m.id LIMIT $10"""  # noqa: S608

_HOLDERS = f"""
WITH {_OWN.format(candidates=_HOLDING)}, {_GRANTS}, found AS (SELECT DISTINCT subject AS id FROM grants)
SELECT m.id, m.kind, m.given_name, m.family_name, m.sort_key FROM found f
JOIN memberships m ON m.organisation_id = $1 AND m.id = f.id
WHERE (m.sort_key, m.id) > ($6, $7) ORDER BY m.sort_key, m.id LIMIT $8"""  # noqa: S608

_ADVISERS = f"""
WITH RECURSIVE {_OWN.format(candidates=_HOLDING)}, {_GRANTS},
mine AS (SELECT * FROM grants WHERE subject = $6),
tops AS ({_tops()}),
below AS (
    SELECT m.id FROM tops t JOIN memberships m ON m.organisation_id = $1 AND m.manager_id = t.top
    UNION SELECT m.id FROM below b JOIN memberships m ON m.organisation_id = $1 AND m.manager_id = b.id)
SELECT EXISTS (SELECT FROM mine WHERE scope = {Scope.ALL:d}) AS everything, EXISTS (SELECT FROM mine) AS held,
       ARRAY(SELECT holder FROM mine UNION SELECT id FROM below ORDER BY 1) AS advisers"""  # noqa: S608

_GRANTERS = f"""
SELECT m.id, m.given_name || ' ' || m.family_name AS name FROM memberships m
LEFT JOIN personal_rights p ON p.organisation_id = $1 AND p.membership_id = m.id AND p.code = $2
LEFT JOIN profile_rights r ON r.organisation_id = $1 AND r.profile_id = m.profile_id AND r.code = $2
WHERE m.organisation_id = $1 AND m.kind = 1 AND m.state = 2 AND NOT ($4 AND m.tier_id IS NOT NULL)
AND {_NAMED_IN.format(condition="code = $2")} AND {_NAMED_IN.format(condition="code = ANY($6)")}
AND (m.profile_built_in = 'administrator' OR (
    coalesce(p.scope, r.scope, 0) <> 0 AND (NOT $3 OR coalesce(p.scope, r.scope) = ANY($5)) AND EXISTS (
        SELECT FROM unnest($6::varchar[]) AS needed (code)
        LEFT JOIN personal_rights p ON p.organisation_id = $1 AND p.membership_id = m.id AND p.code = needed.code
        LEFT JOIN profile_rights r ON r.organisation_id = $1 AND r.profile_id = m.profile_id AND r.code = needed.code
        WHERE coalesce(p.scope, r.scope, 0) <> 0 AND NOT (needed.code = ANY($7) AND m.tier_id IS NOT NULL))))
ORDER BY m.sort_key, m.id LIMIT 6"""  # noqa: S608


_MEMBERS_OF = """
SELECT id, sort_key AS key FROM memberships WHERE organisation_id = $1 AND kind = 1 AND state IN (1, 2)
AND ($2::uuid[] IS NULL OR structure_id = ANY($2)) AND (sort_key, id) > ($3, $4) ORDER BY sort_key, id LIMIT $5"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A membership that may do what was asked about."""

    id: UUID
    kind: int
    name: str
    sort_key: str


async def subjects(
    unit: UnitOfWork, right: Right, contact_id: UUID | None, *, after: Cursor | None, size: int
) -> list[Subject]:
    """Who may do something (to a contact), by name after the cursor."""
    start = after or FIRST
    asked = (unit.organisation_id, unit.now, right.code, right.scoped, right.whole)
    if contact_id is None:
        rows = await unit.fetch(_HOLDERS, *asked, start.key, start.id, size)
    else:
        portal = right.code in PORTAL_RIGHTS
        rows = await unit.fetch(_SUBJECTS, *asked, contact_id, portal, start.key, start.id, size)
    return [
        Subject(row["id"], row["kind"], f"{row['given_name']} {row['family_name']}".strip(), row["sort_key"])
        for row in rows
    ]


async def names_of_holders(unit: UnitOfWork, code: str, *, but: UUID | None) -> list[str]:
    """Names of five members at most who hold a right of the catalogue; `but` is left out."""
    found = await subjects(unit, RIGHTS[code], None, after=None, size=_MOST_NAMED + 1)
    return [each.name for each in found if each.id != but][:_MOST_NAMED]


async def members_of(
    unit: UnitOfWork, structures: frozenset[UUID] | None, *, after: Cursor | None, size: int
) -> list[Record]:
    """`key` and `id` of members who belong to the organisation now, by name after the cursor; of these structures only,
    where named.
    """
    start = after or FIRST
    limited = list(structures) if structures is not None else None
    return await unit.fetch(_MEMBERS_OF, unit.organisation_id, limited, start.key, start.id, size)


async def reach(unit: UnitOfWork, right: Right, membership_id: UUID) -> frozenset[UUID] | None:
    """The advisers whose contacts a member reaches with a right; None: every contact. Nobody: the right is not held."""
    rows = await unit.fetch(
        _ADVISERS, unit.organisation_id, unit.now, right.code, right.scoped, right.whole, membership_id
    )
    return None if rows[0]["everything"] else frozenset(rows[0]["advisers"])


async def granters(unit: UnitOfWork, right: Right, scope: Scope, through: Sequence[str]) -> list[tuple[UUID, str]]:
    """Six members at most, with their names, who hold a right at least as far as `scope`, of their own, and one of the
    rights `through` which they can pass it on.
    """
    wide = [int(each) for each in Scope if each.rank >= scope.rank]
    whole = [each.code for each in CATALOGUE if each.whole]
    asked = (unit.organisation_id, right.code, right.scoped, right.whole)
    rows = await unit.fetch(_GRANTERS, *asked, wide, list(through), whole)
    return [(row["id"], row["name"]) for row in rows]
