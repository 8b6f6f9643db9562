"""The firm's directory: its people as they were told, what its groups and claims give, and how everybody stands."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import facts
from parvis_tenancy.domain.directory import Hand, Outcome, Person, Rule, Said, Standing
from parvis_tenancy.domain.states import MembershipKind, MembershipState

_MAPPING = """
SELECT d.owner_id, d.default_profile_id, d.version, d.saved_at, m.state = 2 AS owner_open, m.tier_id, m.access_quota,
       m.given_name || ' ' || m.family_name AS owner_name, (
           SELECT json_agg(json_build_array(r.claim, r.value, r.profile_id, r.structure_id) ORDER BY r.position)
           FROM directory_rules r WHERE r.organisation_id = $1)::text AS rules
FROM directory_mappings d JOIN memberships m ON m.organisation_id = $1 AND m.id = d.owner_id
WHERE d.organisation_id = $1"""
_SAVE = """
INSERT INTO directory_mappings (organisation_id, owner_id, default_profile_id, version, saved_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organisation_id) DO UPDATE
SET owner_id = $2, default_profile_id = $3, version = $4, saved_at = $5"""
_SAVE_RULES = """
INSERT INTO directory_rules (organisation_id, position, claim, value, profile_id, structure_id)
SELECT $1, u.position, u.claim, u.value, u.profile_id, u.structure_id
FROM unnest($2::varchar[], $3::varchar[], $4::uuid[], $5::uuid[])
WITH ORDINALITY AS u (claim, value, profile_id, structure_id, position)"""
_PROFILES = """
SELECT p.id, p.name, p.built_in, p.inactive,
       ARRAY(SELECT r.code FROM profile_rights r WHERE r.organisation_id = $1 AND r.profile_id = p.id
             ORDER BY r.code) AS codes,
       ARRAY(SELECT r.scope FROM profile_rights r WHERE r.organisation_id = $1 AND r.profile_id = p.id
             ORDER BY r.code) AS scopes
FROM profiles p WHERE p.organisation_id = $1"""

_INTRODUCE = """
INSERT INTO directory_people (organisation_id, account_id, outcome, reason)
SELECT $1, account_id, 2, '' FROM unnest($2::uuid[]) AS u (account_id) ORDER BY account_id ON CONFLICT DO NOTHING"""
_PEOPLE = """
SELECT account_id, sign_in::text, scim::text, outcome, reason FROM directory_people
WHERE organisation_id = $1 AND account_id = ANY($2) ORDER BY account_id"""
_AFTER = """
SELECT account_id FROM directory_people WHERE organisation_id = $1 AND ($2::uuid IS NULL OR account_id > $2)
ORDER BY account_id LIMIT $3"""
_REMEMBER = """
UPDATE directory_people p SET sign_in = u.sign_in::jsonb, scim = u.scim::jsonb
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS u (account_id, sign_in, scim)
WHERE p.organisation_id = $1 AND p.account_id = u.account_id"""
_STAND = """
UPDATE directory_people p SET outcome = u.outcome, reason = u.reason
FROM unnest($2::uuid[], $3::smallint[], $4::varchar[]) AS u (account_id, outcome, reason)
WHERE p.organisation_id = $1 AND p.account_id = u.account_id"""
_STANDINGS = """
SELECT id, account_id, kind, state, directory, cut_by_directory, profile_id, profile_name, structure_id, function,
       given_name, family_name, mail, locale
FROM memberships WHERE organisation_id = $1 AND account_id = ANY($2)"""
_ASKING = "SELECT account_id FROM access_requests WHERE organisation_id = $1 AND state = 1 AND account_id = ANY($2)"

_SEEN = """
WITH said AS (
    SELECT account_id, coalesce(scim->'groups', sign_in->'groups', '[]') AS groups,
           coalesce(sign_in->'claims', '{}') || coalesce(scim->'claims', '{}') AS claims
    FROM directory_people WHERE organisation_id = $1 AND outcome <> 5),
facts AS (
    SELECT '' AS claim, g.value, s.account_id FROM said s, jsonb_array_elements_text(s.groups) AS g (value)
    UNION ALL SELECT c.key, v.value, s.account_id FROM said s, jsonb_each(s.claims) AS c,
                     jsonb_array_elements_text(c.value) AS v (value))
SELECT claim, value, count(DISTINCT account_id)::int AS people FROM facts WHERE length(value) <= 200
GROUP BY claim, value ORDER BY people DESC, claim, value LIMIT $2"""
_COUNTS = """
SELECT outcome, count(*)::int AS people FROM directory_people WHERE organisation_id = $1
GROUP BY outcome ORDER BY outcome"""
_TROUBLES = """
SELECT p.account_id, m.id AS membership_id, p.outcome, p.reason,
       CASE WHEN coalesce((p.scim->>'version')::bigint, 0) > coalesce((p.sign_in->>'version')::bigint, 0)
            THEN p.scim ELSE p.sign_in END::text AS said
FROM directory_people p LEFT JOIN memberships m ON m.organisation_id = $1 AND m.account_id = p.account_id AND m.kind = 1
WHERE p.organisation_id = $1 AND (p.outcome IN (2, 3) OR p.reason <> '') ORDER BY m.sort_key, p.account_id LIMIT $2"""
_GIVES = """
SELECT EXISTS (SELECT FROM directory_rules WHERE organisation_id = $1 AND $2 IN (profile_id, structure_id))
    OR EXISTS (SELECT FROM directory_mappings WHERE organisation_id = $1 AND default_profile_id = $2) AS gives"""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What the directory's groups and claims give, and whoever set that up."""

    rules: Sequence[Rule] = ()
    default_profile_id: UUID | None = None
    version: int = 0
    owner_id: UUID | None = None
    owner_name: str = ""
    owner_open: bool = False
    #: What limits the owner, and so whoever joins by it.
    owner_tier: UUID | None = None
    owner_quota: int | None = None
    saved_at: datetime | None = None

    @property
    def profiles(self) -> frozenset[UUID]:
        """The profiles that it gives."""
        named = {rule.profile_id for rule in self.rules} | {self.default_profile_id}
        return frozenset(each for each in named if each is not None)


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody of the directory, and how they stood last time."""

    person: Person
    outcome: Outcome
    reason: str


async def mapping(unit: UnitOfWork) -> Mapped:
    """What is in force; of version 0 where nothing was ever saved."""
    rows = await unit.fetch(_MAPPING, unit.organisation_id)
    if not rows:
        return Mapped()
    row = rows[0]
    return Mapped(
        rules=[
            Rule(claim, value, _id(profile), _id(place))
            for claim, value, profile, place in json.loads(row["rules"] or "[]")
        ],
        default_profile_id=row["default_profile_id"],
        version=row["version"],
        owner_id=row["owner_id"],
        owner_name=row["owner_name"],
        owner_open=row["owner_open"],
        owner_tier=row["tier_id"],
        owner_quota=row["access_quota"],
        saved_at=row["saved_at"],
    )


async def save(unit: UnitOfWork, wanted: Mapped) -> None:
    """Puts this mapping into force."""
    organisation = unit.organisation_id
    await unit.fetch("DELETE FROM directory_rules WHERE organisation_id = $1", organisation)
    told = (wanted.owner_id, wanted.default_profile_id, wanted.version, wanted.saved_at)
    await unit.fetch(_SAVE, organisation, *told)
    columns = zip(*((each.claim, each.value, each.profile_id, each.structure_id) for each in wanted.rules), strict=True)
    await unit.fetch(_SAVE_RULES, organisation, *(map(list, columns) if wanted.rules else ([], [], [], [])))


async def profiles(unit: UnitOfWork) -> Mapping[UUID, tuple[facts.Profile, bool]]:
    """All profiles as the rules see them, and whether each is given to nobody any more."""
    rows = await unit.fetch(_PROFILES, unit.organisation_id)
    return {
        row["id"]: (
            facts.Profile(
                row["id"], row["name"], row["built_in"], tuple(zip(row["codes"], row["scopes"], strict=True))
            ),
            row["inactive"],
        )
        for row in rows
    }


async def gives(unit: UnitOfWork, what: UUID) -> bool:
    """Whether the mapping names a profile or a structure."""
    return bool((await unit.fetch(_GIVES, unit.organisation_id, what))[0]["gives"])


async def give_instead(unit: UnitOfWork, profile_id: UUID, heir: UUID) -> None:
    """Names another profile wherever the mapping names one."""
    for table, column in (("directory_rules", "profile_id"), ("directory_mappings", "default_profile_id")):
        await unit.fetch(
            f"UPDATE {table} SET {column} = $3 WHERE organisation_id = $1 AND {column} = $2",  # noqa: S608 - constants
            unit.organisation_id,
            profile_id,
            heir,
        )


async def remember(unit: UnitOfWork, said: Sequence[tuple[UUID, Said, bool]]) -> list[UUID]:
    """Keeps what sources (True: SCIM) said of people, in the order of their accounts, which stay locked; what is not
    newer changes nothing. Returns the accounts.
    """
    accounts = sorted({account_id for account_id, _, _ in said})
    # Of several none is locked before all are there: two who introduce them would wait for each other.
    rows = await _locked(unit, accounts) if len(accounts) == 1 else []
    if not rows:
        await unit.fetch(_INTRODUCE, unit.organisation_id, accounts)
        rows = await _locked(unit, accounts)
    people = {row["account_id"]: _known(row).person for row in rows}
    before = dict(people)
    for account_id, each, by_scim in said:
        people[account_id] = people[account_id].with_said(each, by_scim=by_scim)
    changed = [each for each in people.values() if each is not before[each.account_id]]
    if changed:
        told = zip(*((each.account_id, _kept(each.sign_in), _kept(each.scim)) for each in changed), strict=True)
        await unit.fetch(_REMEMBER, unit.organisation_id, *map(list, told))
    return accounts


async def _locked(unit: UnitOfWork, account_ids: Sequence[UUID]) -> list[Record]:
    return await unit.fetch(f"{_PEOPLE} FOR UPDATE", unit.organisation_id, account_ids)


async def people(unit: UnitOfWork, account_ids: Sequence[UUID]) -> list[Known]:
    """Those of the directory, in the order of their accounts."""
    rows = await unit.fetch(_PEOPLE, unit.organisation_id, list(account_ids))
    return [_known(row) for row in rows if row["sign_in"] or row["scim"]]


async def accounts_after(unit: UnitOfWork, account_id: UUID | None, most: int) -> list[UUID]:
    """Accounts of the directory in their order, after one of them."""
    return [row["account_id"] for row in await unit.fetch(_AFTER, unit.organisation_id, account_id, most)]


async def stand(unit: UnitOfWork, found: Iterable[tuple[UUID, Outcome, str]]) -> None:
    """Keeps how people stand, and why."""
    if rows := [(account_id, int(outcome), reason) for account_id, outcome, reason in found]:
        await unit.fetch(_STAND, unit.organisation_id, *map(list, zip(*rows, strict=True)))


async def rows_of(unit: UnitOfWork, account_ids: Sequence[UUID]) -> Mapping[UUID, Record]:
    """Memberships of accounts, of any kind and state, by account."""
    rows = await unit.fetch(_STANDINGS, unit.organisation_id, list(account_ids))
    return {row["account_id"]: row for row in rows}


def standing(row: Record | None) -> Standing | None:
    """A row of `rows_of`; None where there is none, or it is no member's."""
    if row is None or row["kind"] != MembershipKind.STAFF:
        return None
    return Standing(
        row["id"],
        MembershipState(row["state"]),
        Hand(row["directory"]),
        row["cut_by_directory"],
        row["profile_id"],
        row["structure_id"],
    )


async def asking(unit: UnitOfWork, account_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the accounts whose request for an access is open."""
    return [row["account_id"] for row in await unit.fetch(_ASKING, unit.organisation_id, list(account_ids))]


async def seen(unit: UnitOfWork, most: int) -> list[Record]:
    """Groups and claims that were sent (`claim`, `value`, `people`), the most frequent first."""
    return await unit.fetch(_SEEN, unit.organisation_id, most)


async def counts(unit: UnitOfWork) -> list[Record]:
    """How many stand how."""
    return await unit.fetch(_COUNTS, unit.organisation_id)


async def troubles(unit: UnitOfWork, most: int) -> list[tuple[Record, Said]]:
    """Who stands otherwise than the directory says, with what it said last."""
    return [
        (row, Said.read(json.loads(row["said"] or '{"version": 0}')))
        for row in await unit.fetch(_TROUBLES, unit.organisation_id, most)
    ]


def _known(row: Record) -> Known:
    sign_in, scim = (
        None if row[source] is None else Said.read(json.loads(row[source])) for source in ("sign_in", "scim")
    )
    return Known(Person(row["account_id"], sign_in, scim), Outcome(row["outcome"]), row["reason"])


def _kept(said: Said | None) -> str | None:
    return None if said is None else json.dumps(said.kept(), ensure_ascii=False)


def _id(value: str | None) -> UUID | None:
    return UUID(value) if value else None
