"""What memberships may do, read from the tables: the source of every grant set and of every answer of Check."""

from dataclasses import dataclass
from uuid import UUID

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import rights as rules
from parvis_tenancy.domain.states import MembershipKind

_HOLDER = """
SELECT m.kind, m.state, r.revision, r.advisers_revision, o.kind = 1 AS of_provider, m.profile_built_in,
       ARRAY(SELECT p.code FROM profile_rights p WHERE p.organisation_id = m.organisation_id
             AND p.profile_id = m.profile_id ORDER BY p.code) AS codes,
       ARRAY(SELECT p.scope FROM profile_rights p WHERE p.organisation_id = m.organisation_id
             AND p.profile_id = m.profile_id ORDER BY p.code) AS scopes,
       ARRAY(SELECT a.product_id FROM assignments a WHERE a.organisation_id = m.organisation_id
             AND a.membership_id = m.id ORDER BY a.product_id) AS products
FROM memberships m
JOIN rights_revisions r ON r.organisation_id = m.organisation_id
JOIN organisations o ON o.id = m.organisation_id
WHERE m.organisation_id = $1 AND m.id = $2"""

_PORTAL_CONTACTS = """
SELECT contact_id, folder_template_ids FROM access_contacts
WHERE organisation_id = $1 AND membership_id = $2 ORDER BY contact_id"""

_PROFILE_RIGHTS = """
SELECT p.built_in, o.kind = 1 AS of_provider,
       ARRAY(SELECT r.code FROM profile_rights r WHERE r.organisation_id = p.organisation_id
             AND r.profile_id = p.id ORDER BY r.code) AS codes,
       ARRAY(SELECT r.scope FROM profile_rights r WHERE r.organisation_id = p.organisation_id
             AND r.profile_id = p.id ORDER BY r.code) AS scopes
FROM profiles p JOIN organisations o ON o.id = p.organisation_id
WHERE p.organisation_id = $1 AND p.id = $2"""

# Active staff who hold a right: through a profile that says so, or as administrators.
_HOLDERS = """
SELECT m.given_name || ' ' || m.family_name AS name FROM memberships m
WHERE m.organisation_id = $1 AND m.kind = 1 AND m.state = 2 AND m.id IS DISTINCT FROM $4
AND (NOT $5 OR EXISTS (SELECT 1 FROM organisations o WHERE o.id = $1 AND o.kind = 1))
AND (m.profile_built_in = 'administrator' OR (
    EXISTS (SELECT 1 FROM profile_rights p WHERE p.organisation_id = m.organisation_id
            AND p.profile_id = m.profile_id AND p.code = ANY($2))
    AND ($3 = '' OR EXISTS (SELECT 1 FROM profile_rights p WHERE p.organisation_id = m.organisation_id
                            AND p.profile_id = m.profile_id AND p.code = $3 AND p.scope = 2))))
ORDER BY m.sort_key, m.id LIMIT 5"""

_ALL_HOLDERS = """
SELECT m.id FROM memberships m
WHERE m.organisation_id = $1 AND m.kind = 1 AND m.state = 2 AND (m.profile_built_in = 'administrator' OR EXISTS (
    SELECT 1 FROM profile_rights p WHERE p.organisation_id = m.organisation_id AND p.profile_id = m.profile_id
    AND p.code = $2))
ORDER BY m.sort_key, m.id LIMIT $3"""

_OTHER_ADMINISTRATORS = """
SELECT count(*) FROM memberships
WHERE organisation_id = $1 AND kind = 1 AND state = 2 AND profile_built_in = 'administrator' AND id <> $2"""

_NEXT_REVISION = """
WITH counted AS (
    UPDATE rights_revisions SET revision = revision + 1 WHERE organisation_id = $1 RETURNING organisation_id, revision)
INSERT INTO rights_changes (organisation_id, revision, at, membership_id, account_id, service, act, reason)
SELECT organisation_id, revision, clock_timestamp(), $2, $3, $4, $5, $6 FROM counted RETURNING revision"""


@dataclass(frozen=True, slots=True)
class Holder:
    """A membership as the rules see it."""

    kind: MembershipKind
    state: int
    revision: int
    advisers_revision: int
    rights: rules.Rights
    compiled: rules.Compiled


async def holder(unit: UnitOfWork, membership_id: UUID) -> Holder | None:
    """A membership of the organisation with all it may do, whatever its state."""
    rows = await unit.fetch(_HOLDER, unit.organisation_id, membership_id)
    if not rows:
        return None
    row = rows[0]
    if row["kind"] == MembershipKind.PORTAL:
        found = await unit.fetch(_PORTAL_CONTACTS, unit.organisation_id, membership_id)
        contacts = {each["contact_id"]: each["folder_template_ids"] for each in found}
        known = row["revision"], row["advisers_revision"]
        return Holder(MembershipKind.PORTAL, row["state"], *known, {}, rules.compile_portal(contacts))
    held = rules.effective(
        row["profile_built_in"], zip(row["codes"], row["scopes"], strict=True), provider=row["of_provider"]
    )
    compiled = rules.compile_staff(membership_id, held, row["products"])
    return Holder(MembershipKind.STAFF, row["state"], row["revision"], row["advisers_revision"], held, compiled)


async def rights_of_profile(unit: UnitOfWork, profile_id: UUID) -> rules.Rights | None:
    """The rights of a profile; None when the organisation has no such profile."""
    rows = await unit.fetch(_PROFILE_RIGHTS, unit.organisation_id, profile_id)
    if not rows:
        return None
    row = rows[0]
    stored = zip(row["codes"], row["scopes"], strict=True)
    return rules.effective(row["built_in"], stored, provider=row["of_provider"])


async def next_revision(unit: UnitOfWork, act: str, reason: str = "") -> int:
    """Counts a change of rights, keeps whose act it was and why, and returns the new revision.

    Comes before any change of a fact: other changes wait until this transaction ends, so that revisions, and the
    moments at which they were reached, follow each other.
    """
    rows = await unit.fetch(
        _NEXT_REVISION,
        unit.organisation_id,
        unit.caller.membership_id,
        unit.caller.account_id,
        unit.caller.service,
        act,
        reason,
    )
    revision = int(rows[0]["revision"])
    unit.revised(revision)
    return revision


async def hold_revision(unit: UnitOfWork) -> None:
    """Makes changes of rights wait until this transaction ends."""
    await unit.fetch("SELECT 1 FROM rights_revisions WHERE organisation_id = $1 FOR SHARE", unit.organisation_id)


async def names_of_holders(unit: UnitOfWork, *codes: str, reader: UUID | None, holding: str = "") -> list[str]:
    """Names of five members at most, beside the reader's, who hold one of the rights `codes` and, when given, `holding`
    over everything. Nobody when `holding` is a right that the organisation has not.
    """
    of_provider = bool(holding) and rules.RIGHTS[holding].provider_only
    rows = await unit.fetch(_HOLDERS, unit.organisation_id, list(codes), holding, reader, of_provider)
    return [row["name"] for row in rows]


async def holders(unit: UnitOfWork, code: str, most: int) -> list[UUID]:
    """Active staff who hold a right, by name; `most` of them."""
    return [row["id"] for row in await unit.fetch(_ALL_HOLDERS, unit.organisation_id, code, most)]


async def other_administrators(unit: UnitOfWork, membership_id: UUID) -> int:
    """How many active administrators there are beside this membership."""
    rows = await unit.fetch(_OTHER_ADMINISTRATORS, unit.organisation_id, membership_id)
    return int(rows[0]["count"])
