"""What decides over memberships, kept from one question to the next for as long as it holds.

Nothing is taken from memory on trust. Each question asks PostgreSQL, in one small statement, whether all revisions
since were changes of contacts' advisers only; the same statement reads the contact's advisers and who stands above
them. So an answer is of one moment, as if all had been read, and a change counts with its commit.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from uuid import UUID

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.catalogue import RIGHTS
from parvis_tenancy.store import facts
from parvis_tenancy.store.facts import Moment, Read

#: Acts whose revisions change who advises contacts and nothing else that is kept here.
ADVISER_ACTS = ("contact.created", "contact.advisers_set")
#: Revisions that are looked through before everything is read again.
_FARTHEST = 200

# `fresh`: each revision since $3 has its line, and all of them are of advisers. `clean`: this transaction has written
# nothing, so that nothing is kept that could still be undone.
_SINCE = """
WITH RECURSIVE own AS MATERIALIZED (
    SELECT a.membership_id FROM contact_advisers a WHERE a.organisation_id = $1 AND a.contact_id = $2),
chain AS (
    SELECT m.id, m.manager_id FROM own JOIN memberships m ON m.organisation_id = $1 AND m.id = own.membership_id
    UNION SELECT m.id, m.manager_id FROM chain c JOIN memberships m ON m.organisation_id = $1 AND m.id = c.manager_id)
SELECT r.revision, r.advisers_revision, ARRAY(SELECT membership_id FROM own) AS advisers, above.ids, above.superiors,
       EXISTS (SELECT FROM contacts c WHERE c.organisation_id = $1 AND c.id = $2) AS there,
       pg_current_xact_id_if_assigned() IS NULL AS clean,
       CASE WHEN r.revision - $3 <= $5 THEN r.revision - $3 = (
           SELECT count(*) FROM rights_changes c WHERE c.organisation_id = $1 AND c.revision > $3 AND c.act = ANY($4))
       ELSE false END AS fresh
FROM rights_revisions r
CROSS JOIN (SELECT array_agg(id) AS ids, array_agg(manager_id) AS superiors FROM chain) above
WHERE r.organisation_id = $1"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What decides over a question, and whether the contact that it names exists."""

    read: Read
    contact_exists: bool


class Known:
    """Facts about at most `size` memberships, those that were asked about last."""

    def __init__(self, size: int = 5_000) -> None:
        self._size = size
        #: Organisation and membership → facts without any contact's, and the last revision at which they held.
        self._read: OrderedDict[tuple[UUID, UUID], Read] = OrderedDict()

    async def for_question(
        self, unit: UnitOfWork, membership_id: UUID, right: str, contact_id: UUID | None = None
    ) -> Asked:
        """As `facts.for_question`, now. A product's rights change with its provider, not with the organisation's
        revision: what decides over them is read.
        """
        key = (unit.organisation_id, membership_id)
        kept = self._read.get(key) if right in RIGHTS else None
        since = kept.revisions[0] if kept is not None else -_FARTHEST - 1
        rows = await unit.fetch(_SINCE, unit.organisation_id, contact_id, since, ADVISER_ACTS, _FARTHEST)
        exists, clean = (rows[0]["there"], rows[0]["clean"]) if rows else (False, False)
        if kept is None or not rows or not rows[0]["fresh"]:
            read = await facts.for_question(unit, Moment(unit.now), membership_id, contact_id=contact_id)
            if clean and right in RIGHTS:
                self._keep(key, replace(read, facts=replace(read.facts, advisers={}, superiors={})))
            return Asked(read, exists)
        row = rows[0]
        kept = replace(kept, revisions=(row["revision"], row["advisers_revision"]))
        if clean:
            self._keep(key, kept)
        advisers = {contact_id: frozenset(row["advisers"])} if contact_id is not None else {}
        above = dict(zip(row["ids"] or (), row["superiors"] or (), strict=True))
        found = replace(kept.facts, advisers=advisers, superiors=above)
        return Asked(replace(kept, facts=found), exists)

    def _keep(self, key: tuple[UUID, UUID], read: Read) -> None:
        self._read[key] = read
        self._read.move_to_end(key)
        if len(self._read) > self._size:
            self._read.popitem(last=False)
