"""Contacts under a scope, their people and advisers, and the next free code."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record
from sqlalchemy import delete, select

from parvis_kit.paging import Cursor
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.states import AdviserRole
from parvis_tenancy.models import Contact, ContactAdviser, Person
from parvis_tenancy.store import contact_lists
from parvis_tenancy.store.contact_lists import MOST_COUNTED
from parvis_tenancy.store.contact_reach import Reach
from parvis_tenancy.store.search import FIRST

# By kind and key as well: in that order the advisers of a page's contacts stand side by side in one index.
_ADVISERS = """
(SELECT coalesce(json_agg(json_build_array(a.membership_id, m.given_name || ' ' || m.family_name, a.role)
                          ORDER BY a.role, m.sort_key, m.id), '[]')::text
 FROM contact_advisers a
 JOIN memberships m ON m.organisation_id = a.organisation_id AND m.id = a.membership_id
 WHERE a.organisation_id = c.organisation_id AND a.contact_kind = c.kind AND a.contact_sort_key = c.sort_key
 AND a.contact_id = c.id) AS advisers"""
_ACCESSES = """
(SELECT count(*) FROM access_contacts x
 JOIN memberships m ON m.organisation_id = x.organisation_id AND m.id = x.membership_id
 WHERE x.organisation_id = c.organisation_id AND x.contact_id = c.id AND m.state IN (1, 2)) AS accesses"""
_COLUMNS = f"c.*, {_ADVISERS}, {_ACCESSES}"
_LISTED = f"""
SELECT {_COLUMNS} FROM contacts c WHERE c.organisation_id = $1 AND c.id = ANY($2)
ORDER BY c.sort_key, c.id"""  # noqa: S608 - constants
_MATCH = "c.organisation_id = $1 AND c.kind = ANY($2) AND c.search_key LIKE ALL($3)"
_UNUSED = """ AND c.id IN (
    SELECT x.contact_id FROM memberships m
    JOIN access_contacts x ON x.organisation_id = $1 AND x.membership_id = m.id
    WHERE m.organisation_id = $1 AND m.kind = 2 AND m.state = 1)"""

_PEOPLE = """
SELECT p.*, x.membership_id, x.folder_template_ids, m.account_id, m.identifier, m.state, m.invited_at, m.activated_at
FROM people p
LEFT JOIN access_contacts x ON x.organisation_id = p.organisation_id AND x.contact_id = p.contact_id
    AND x.person_id = p.id
LEFT JOIN memberships m ON m.organisation_id = x.organisation_id AND m.id = x.membership_id
WHERE p.organisation_id = $1 AND p.contact_id = ANY($2) ORDER BY p.contact_id, p.id"""

_REVISE_ADVISERS = """
WITH before AS (SELECT advisers_revision AS previous FROM rights_revisions WHERE organisation_id = $1),
counted AS (
    UPDATE rights_revisions SET advisers_revision = $3
    WHERE organisation_id = $1 AND advisers_revision < $3 AND revision = $3 RETURNING organisation_id)
UPDATE contacts SET advisers_revision = $3, advisers_previous = before.previous FROM before, counted
WHERE contacts.organisation_id = counted.organisation_id AND contacts.id = $2 RETURNING contacts.id"""

_ADVISERS_REVISION = "SELECT advisers_revision FROM rights_revisions WHERE organisation_id = $1"

_NEXT_NUMBER = """
INSERT INTO contact_code_counters (organisation_id, kind, last) VALUES ($1, $2, 1)
ON CONFLICT (organisation_id, kind) DO UPDATE SET last = contact_code_counters.last + 1 RETURNING last"""


async def page(
    unit: UnitOfWork,
    *,
    kinds: Sequence[int],
    patterns: Sequence[str],
    unused_access: bool,
    reach: Reach,
    after: Cursor | None,
    size: int,
) -> tuple[list[Record], int]:
    """Contacts by name after the cursor, and how many there are (`MOST_COUNTED` + 1: more than are counted); with
    `unused_access`, of those who never came.
    """
    if patterns or unused_access:
        return await _matching(unit, kinds, patterns, unused_access, reach, after, size)
    total = after.total if after else await contact_lists.count(unit, kinds, reach)
    found = await contact_lists.keys(unit, kinds, reach, after=after, size=size, total=total)
    return await unit.fetch(_LISTED, unit.organisation_id, [row["id"] for row in found]), total


async def _matching(
    unit: UnitOfWork,
    kinds: Sequence[int],
    patterns: Sequence[str],
    unused_access: bool,  # noqa: FBT001 - private
    reach: Reach,
    after: Cursor | None,
    size: int,
) -> tuple[list[Record], int]:
    start, match = after or FIRST, _MATCH + (_UNUSED if unused_access else "")
    matched = (unit.organisation_id, list(kinds), list(patterns))
    page = (
        f"SELECT {_COLUMNS} FROM contacts c WHERE {match} AND (c.sort_key, c.id) > ($4, $5){reach.condition(7)}"  # noqa: S608 - constants
        " ORDER BY c.sort_key, c.id LIMIT $6"
    )
    rows = await unit.fetch(page, *matched, start.key, start.id, size, *reach.parameters())
    if after is not None:
        return rows, after.total
    count = f"SELECT count(*) FROM (SELECT 1 FROM contacts c WHERE {match}{reach.condition(5)} LIMIT $4) found"  # noqa: S608 - constants
    return rows, int((await unit.fetch(count, *matched, MOST_COUNTED + 1, *reach.parameters()))[0]["count"])


async def read(unit: UnitOfWork, ids: Sequence[UUID], reach: Reach) -> list[Record]:
    """The contacts named, as far as they are in reach, in no order."""
    query = (
        f"SELECT {_COLUMNS} FROM contacts c"  # noqa: S608 - constants
        f" WHERE c.organisation_id = $1 AND c.id = ANY($2){reach.condition(3)}"
    )
    return await unit.fetch(query, unit.organisation_id, list(ids), *reach.parameters())


async def is_reached(unit: UnitOfWork, contact_id: UUID, reach: Reach) -> bool:
    """Whether a contact exists in reach."""
    query = f"SELECT 1 FROM contacts c WHERE c.organisation_id = $1 AND c.id = $2{reach.condition(3)}"  # noqa: S608 - constants
    return bool(await unit.fetch(query, unit.organisation_id, contact_id, *reach.parameters()))


async def people(unit: UnitOfWork, contact_ids: Sequence[UUID]) -> list[Record]:
    """The people of contacts in the order in which they were added, each with its portal access if there is one."""
    return await unit.fetch(_PEOPLE, unit.organisation_id, list(contact_ids))


async def load(unit: UnitOfWork, contact_id: UUID) -> Contact | None:
    """A contact to change, locked."""
    return await unit.get(Contact, (unit.organisation_id, contact_id), lock=True)


async def load_person(unit: UnitOfWork, contact_id: UUID, person_id: UUID) -> Person | None:
    """A person of the contact, to change."""
    found = await unit.get(Person, (unit.organisation_id, person_id), lock=True)
    return found if found is not None and found.contact_id == contact_id else None


async def people_of(unit: UnitOfWork, contact_id: UUID) -> Sequence[Person]:
    """The people of a contact."""
    statement = select(Person).where(
        Person.organisation_id == unit.organisation_id,  # type: ignore[arg-type] # a column
        Person.contact_id == contact_id,  # type: ignore[arg-type] # a column
    )
    found: Sequence[Person] = await unit.scalars(statement.order_by("id"))
    return found


async def advisers_of(unit: UnitOfWork, contact_id: UUID) -> frozenset[UUID]:
    """The memberships in charge of a contact."""
    rows = await unit.fetch(
        "SELECT membership_id FROM contact_advisers WHERE organisation_id = $1 AND contact_id = $2",
        unit.organisation_id,
        contact_id,
    )
    return frozenset(row["membership_id"] for row in rows)


async def replace_advisers(
    unit: UnitOfWork, contact_id: UUID, advisers: dict[UUID, AdviserRole], revision: int
) -> None:
    """Gives a contact exactly these advisers at a new revision, which is of this contact alone: by it the indexes of
    other services know what they lack.
    """
    organisation = unit.organisation_id
    await unit.flush()
    if not await unit.fetch(_REVISE_ADVISERS, organisation, contact_id, revision):
        raise ValueError("Each change of advisers has a revision of its own.")
    await unit.execute(
        delete(ContactAdviser).where(
            ContactAdviser.organisation_id == organisation,  # type: ignore[arg-type] # a column
            ContactAdviser.contact_id == contact_id,  # type: ignore[arg-type] # a column
        )
    )
    unit.add(
        *(
            ContactAdviser(organisation_id=organisation, contact_id=contact_id, membership_id=member, role=int(role))
            for member, role in advisers.items()
        )
    )
    await unit.flush()


async def adviser_changes(unit: UnitOfWork, after: int, size: int) -> tuple[list[Record], int]:
    """Contacts whose advisers changed after a revision, in the order of their last change, and the last revision at
    which any did, read first: what changes between the two statements is told by both or by the next answer. None, and
    0, of an organisation that is not there (any more).
    """
    known = await unit.fetch(_ADVISERS_REVISION, unit.organisation_id)
    newest = int(known[0]["advisers_revision"]) if known else 0
    query = (
        f"SELECT {_COLUMNS} FROM contacts c WHERE c.organisation_id = $1 AND c.advisers_revision > $2"  # noqa: S608 - constants
        " ORDER BY c.advisers_revision LIMIT $3"
    )
    return await unit.fetch(query, unit.organisation_id, after, size), newest


async def staff_among(unit: UnitOfWork, membership_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Which of these memberships are staff that belongs to the organisation now."""
    rows = await unit.fetch(
        "SELECT id FROM memberships WHERE organisation_id = $1 AND id = ANY($2) AND kind = 1 AND state IN (1, 2)",
        unit.organisation_id,
        list(membership_ids),
    )
    return frozenset(row["id"] for row in rows)


async def next_number(unit: UnitOfWork, kind: int) -> int:
    """The next number of a kind of contact. Whoever else asks waits until this transaction ends."""
    return int((await unit.fetch(_NEXT_NUMBER, unit.organisation_id, kind))[0]["last"])


async def code_is_free(unit: UnitOfWork, kind: int, code: str) -> bool:
    """Whether no contact of the kind has the code."""
    query = "SELECT 1 FROM contacts WHERE organisation_id = $1 AND kind = $2 AND code = $3"
    return not await unit.fetch(query, unit.organisation_id, kind, code)
