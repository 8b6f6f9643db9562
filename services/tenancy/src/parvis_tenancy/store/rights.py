"""What memberships may do, read from the tables: the source of every grant set; and the revision of rights."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import catalogue, decisions
from parvis_tenancy.domain.catalogue import Right, Rights
from parvis_tenancy.domain.decisions import Compiled
from parvis_tenancy.domain.rights import of_profile
from parvis_tenancy.domain.scopes import REACHES, Relation
from parvis_tenancy.domain.states import MembershipKind
from parvis_tenancy.store import facts
from parvis_tenancy.store.facts import Moment, Read

_PROFILE_RIGHTS = """
SELECT p.built_in,
       ARRAY(SELECT r.code FROM profile_rights r WHERE r.organisation_id = p.organisation_id
             AND r.profile_id = p.id ORDER BY r.code) AS codes,
       ARRAY(SELECT r.scope FROM profile_rights r WHERE r.organisation_id = p.organisation_id
             AND r.profile_id = p.id ORDER BY r.code) AS scopes
FROM profiles p WHERE p.organisation_id = $1 AND p.id = $2"""

_EXISTING = """
SELECT o.kind = 1 AS provider, r.code, r.tab, r.scoped, r.requires
FROM organisations o
LEFT JOIN subscriptions s ON s.organisation_id = o.id
LEFT JOIN product_rights r ON r.provider_id = s.provider_id AND r.product_id = s.product_id AND r.withdrawn_at IS NULL
WHERE o.id = $1 ORDER BY r.tab, r.position"""

# Nobody has proven to be able to enter with an account that a directory made until somebody has signed in with it.
_OTHER_ADMINISTRATORS = """
SELECT account_id FROM memberships m
WHERE organisation_id = $1 AND kind = 1 AND state = 2 AND profile_built_in = 'administrator' AND tier_id IS NULL
AND id <> $2 AND NOT EXISTS (
    SELECT 1 FROM directory_people p WHERE p.organisation_id = $1 AND p.account_id = m.account_id
    AND p.scim IS NOT NULL AND p.sign_in IS NULL)"""

_ADMINISTERED = """
SELECT organisation_id, id FROM memberships WHERE account_id = $1
AND kind = 1 AND state = 2 AND profile_built_in = 'administrator' AND tier_id IS NULL
AND NOT EXISTS (SELECT FROM closings c WHERE c.organisation_id = memberships.organisation_id AND c.ended_at IS NULL)
ORDER BY organisation_id"""

_NEXT_REVISION = """
WITH counted AS (
    UPDATE rights_revisions SET revision = revision + 1 WHERE organisation_id = $1 RETURNING organisation_id, revision)
INSERT INTO rights_changes (organisation_id, revision, at, membership_id, account_id, service, act, reason)
SELECT organisation_id, revision, clock_timestamp(), $2, $3, $4, $5, $6 FROM counted RETURNING revision"""


@dataclass(frozen=True, slots=True)
class Holder:
    """A membership as the rules see it. `rights`: those of a member's own, which are their ceiling."""

    kind: MembershipKind
    state: int
    revision: int
    advisers_revision: int
    rights: Rights
    compiled: Compiled


async def holder(unit: UnitOfWork, membership_id: UUID, at: datetime | None = None) -> Holder | None:
    """A membership of the organisation with all it may do, whatever its state: now, or at a moment of the past."""
    moment = Moment(unit.now)
    if at is not None:
        revision = await facts.revision_at(unit, at)
        if revision is None:
            return None
        moment = Moment(at, revision)
    read = await _in_one_state(unit, moment, membership_id)
    if (portal := read.facts.portals.get(membership_id)) is not None:
        compiled = Compiled(contacts={contact: read.folders[contact] for contact in sorted(portal.contacts)})
        return Holder(MembershipKind.PORTAL, read.states[membership_id], *read.revisions, {}, compiled)
    member = read.facts.members.get(membership_id)
    if member is None:
        return None
    compiled = decisions.compile_staff(read.facts, member, moment.at)
    own = read.facts.own_rights(member)
    return Holder(MembershipKind.STAFF, read.states[membership_id], *read.revisions, own, compiled)


async def _in_one_state(unit: UnitOfWork, moment: Moment, membership_id: UUID) -> Read:
    """The facts about a membership, with the hierarchy when its rights go down it: both as they stood at one revision.

    They are two statements, and somebody may be moved between them: they are read again then, until nobody was.
    """
    while True:
        read = await facts.for_question(unit, moment, membership_id)
        if not any(_needs_hierarchy(read.facts.own_rights(each)) for each in read.facts.members.values()):
            return read
        whole = replace(read.facts, superiors=await facts.superiors(unit, moment))
        if moment.revision is not None or await facts.revision_now(unit) == read.revisions[0]:
            return replace(read, facts=whole)


def _needs_hierarchy(rights: Rights) -> bool:
    return any((REACHES[scope] or (Relation.SELF,)) != (Relation.SELF,) for scope in rights.values())


async def existing(unit: UnitOfWork) -> Mapping[str, Right]:
    """The rights that exist in the organisation, those of its products included, by code in the order of the grid."""
    rows = await unit.fetch(_EXISTING, unit.organisation_id)
    declared = [
        Right(row["code"], row["tab"], "contact" if row["scoped"] else "", requires=tuple(row["requires"]))
        for row in rows
        if row["code"] is not None
    ]
    return catalogue.existing(provider=bool(rows) and rows[0]["provider"], declared=declared)


async def rights_of_profile(unit: UnitOfWork, profile_id: UUID) -> Rights | None:
    """The rights of a profile; None when the organisation has no such profile."""
    rows = await unit.fetch(_PROFILE_RIGHTS, unit.organisation_id, profile_id)
    if not rows:
        return None
    stored = zip(rows[0]["codes"], rows[0]["scopes"], strict=True)
    return of_profile(rows[0]["built_in"], stored, await existing(unit))


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
    """Makes changes of rights wait until this transaction ends. It comes before any other lock, as `next_revision`."""
    query = "SELECT 1 FROM rights_revisions WHERE organisation_id = $1 FOR NO KEY UPDATE"
    await unit.fetch(query, unit.organisation_id)


async def other_administrators(unit: UnitOfWork, membership_id: UUID) -> list[UUID]:
    """Accounts of the active administrators beside this membership who have come in."""
    rows = await unit.fetch(_OTHER_ADMINISTRATORS, unit.organisation_id, membership_id)
    return [row["account_id"] for row in rows]


async def administered(unit: UnitOfWork, account_id: UUID) -> list[tuple[UUID, UUID]]:
    """Organisation and membership wherever the account of the transaction is an administrator of the whole."""
    return [(row["organisation_id"], row["id"]) for row in await unit.fetch(_ADMINISTERED, account_id)]
