"""Lists of contacts by name under any reach, page by page, and how many there are: milliseconds, at millions too.

A reach is some advisers; `contact_advisers` carries copies of a contact's kind and key, so pages come from its indexes
alone, in one of three ways that agree on each page:

* *whole*: all that is in reach is read and sorted, where the first page counted little.
* *merged*: the next contact of each adviser and kind is looked up, then those ranges that can reach the page are read.
  What it costs grows with the advisers, whatever they have.
* *in order*: all advised contacts are read by name, those of other advisers are passed over. What it costs grows with
  how rare the reach is: it gives up after `_PATIENCE` entries.

Few advisers are merged; many, as those of a hierarchy's top, fill a page in order within a few hundred entries.
"""

from collections.abc import Sequence

from asyncpg import Record

from parvis_kit.paging import Cursor
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.store.contact_reach import Reach
from parvis_tenancy.store.search import FIRST

#: Contacts that are counted; a list that has more says so.
MOST_COUNTED = 1000
#: Entries that are read whole.
_WHOLE = 4 * MOST_COUNTED
#: Ranges of the index (advisers × kinds) that are merged without trying anything else.
_FEW = 100
#: Entries that are read in order, of each kind, before this way is given up.
_PATIENCE = 8000

# Each kind is a branch of its own: its rows come in the index's order, and a merge of branches stops when the page is
# full. One condition over several kinds would sort all there are.
_ALL = """
SELECT sort_key AS key, id FROM contacts
WHERE organisation_id = $1 AND kind = {kind} AND (sort_key, id) > ($2, $3) ORDER BY sort_key, id LIMIT $4"""
_EVERY = "SELECT key, id FROM ({branches}) every ORDER BY key, id LIMIT $4"

_ADVISED = """
SELECT contact_sort_key AS key, contact_id AS id, membership_id FROM contact_advisers
WHERE organisation_id = $1 AND contact_kind = {kind} AND (contact_sort_key, contact_id) > ($2, $3)
ORDER BY contact_sort_key, contact_id LIMIT {most}"""
# In `coalesce` the subquery stays a filter that is looked up in a hash: joined, all that is advised would be read.
_IN_ORDER = """
SELECT DISTINCT ON (key, id) key, id FROM (
    SELECT key, id, membership_id FROM ({branches}) every ORDER BY key, id LIMIT {most}) advised
WHERE coalesce(membership_id IN (SELECT unnest($5::uuid[])), false) ORDER BY key, id LIMIT $4"""
_MORE = "SELECT 1 FROM ({branches}) advised OFFSET {most} LIMIT 1"

_MERGED = """
WITH firsts AS MATERIALIZED (
    SELECT m, k, dense_rank() OVER (ORDER BY one.contact_sort_key, one.contact_id) AS place
    FROM unnest($5::uuid[]) m CROSS JOIN unnest($6::smallint[]) k CROSS JOIN LATERAL (
        SELECT a.contact_sort_key, a.contact_id FROM contact_advisers a
        WHERE a.organisation_id = $1 AND a.membership_id = m AND a.contact_kind = k
            AND (a.contact_sort_key, a.contact_id) > ($2, $3)
        ORDER BY a.contact_sort_key, a.contact_id LIMIT 1) one)
SELECT DISTINCT next.contact_sort_key AS key, next.contact_id AS id FROM firsts CROSS JOIN LATERAL (
    SELECT a.contact_sort_key, a.contact_id FROM contact_advisers a
    WHERE a.organisation_id = $1 AND a.membership_id = firsts.m AND a.contact_kind = firsts.k
        AND (a.contact_sort_key, a.contact_id) > ($2, $3)
    ORDER BY a.contact_sort_key, a.contact_id LIMIT $4) next
WHERE firsts.place <= $4 ORDER BY key, id LIMIT $4"""

_READ_WHOLE = """
WITH listed AS MATERIALIZED (
    SELECT a.key, a.id FROM unnest($5::uuid[]) m CROSS JOIN LATERAL (
        SELECT contact_sort_key AS key, contact_id AS id FROM contact_advisers
        WHERE organisation_id = $1 AND membership_id = m AND contact_kind = ANY($6)
            AND (contact_sort_key, contact_id) > ($2, $3)) a
    LIMIT $7)
SELECT DISTINCT key, id, (SELECT count(*) FROM listed) AS entries FROM listed ORDER BY key, id LIMIT $4"""

_NAMED = """
SELECT sort_key AS key, id FROM contacts
WHERE organisation_id = $1 AND id = ANY($5) AND kind = ANY($6) AND (sort_key, id) > ($2, $3)
ORDER BY sort_key, id LIMIT $4"""

_COUNT_ALL = """
SELECT count(*) FROM (
    SELECT 1 FROM contacts WHERE organisation_id = $1 AND kind = ANY($2) LIMIT $3) listed"""
_COUNT_NAMED = """
SELECT count(*) FROM (
    SELECT 1 FROM contacts WHERE organisation_id = $1 AND kind = ANY($2) AND id = ANY($4) LIMIT $3) listed"""
_COUNT_ADVISED = """
SELECT count(*) AS entries, count(DISTINCT id) AS count FROM (
    SELECT a.contact_id AS id FROM unnest($4::uuid[]) m CROSS JOIN LATERAL (
        SELECT contact_id FROM contact_advisers
        WHERE organisation_id = $1 AND membership_id = m AND contact_kind = ANY($2) LIMIT $3) a
    LIMIT $3) listed"""


async def keys(
    unit: UnitOfWork,
    kinds: Sequence[int],
    reach: Reach,
    *,
    after: Cursor | None,
    size: int,
    total: int | None = None,
) -> list[Record]:
    """`key` and `id` of the contacts in reach by name after the cursor, `size` at most.

    `total` is what `count` said for the first page, if it was asked: it chooses the way, never the answer.
    """
    start = after or FIRST
    place = (unit.organisation_id, start.key, start.id, size)
    if reach.contacts is not None:
        return await unit.fetch(_NAMED, *place, list(reach.contacts), list(kinds))
    if (advisers := reach.advisers) is None:
        return await unit.fetch(_every(_EVERY, _ALL, kinds), *place)
    if total is not None and total <= MOST_COUNTED:
        found = await unit.fetch(_READ_WHOLE, *place, list(advisers), list(kinds), _WHOLE)
        if not found or found[0]["entries"] < _WHOLE:
            return found
    if len(advisers) * len(kinds) > _FEW:
        found = await unit.fetch(_every(_IN_ORDER, _ADVISED, kinds, most=_PATIENCE), *place, list(advisers))
        if len(found) == size or not await _has_more(unit, kinds, start):
            return found
    return await unit.fetch(_MERGED, *place, list(advisers), list(kinds))


async def count(unit: UnitOfWork, kinds: Sequence[int], reach: Reach) -> int:
    """How many contacts `keys` lists in all, `MOST_COUNTED` + 1 when there are more."""
    most = MOST_COUNTED + 1
    asked = (unit.organisation_id, list(kinds))
    if reach.contacts is not None:
        return int((await unit.fetch(_COUNT_NAMED, *asked, most, list(reach.contacts)))[0]["count"])
    if (advisers := reach.advisers) is None:
        return int((await unit.fetch(_COUNT_ALL, *asked, most))[0]["count"])
    entries = most
    while True:  # a contact has an entry for each of its advisers, of which there are fifty at most
        row = (await unit.fetch(_COUNT_ADVISED, *asked, entries, list(advisers)))[0]
        if row["count"] >= most or row["entries"] < entries:
            return min(int(row["count"]), most)
        entries *= 4


async def _has_more(unit: UnitOfWork, kinds: Sequence[int], start: Cursor) -> bool:
    """Whether contacts stand behind what is read in order at once."""
    query = _every(_MORE, _ADVISED, kinds, most=_PATIENCE)
    return bool(await unit.fetch(query, unit.organisation_id, start.key, start.id))


def _every(query: str, branch: str, kinds: Sequence[int], most: int = 0) -> str:
    """A query over one branch for each kind. What is written into the SQL are numbers of ours."""
    branches = [f"({branch.format(kind=int(kind), most=most + 1)})" for kind in sorted(set(kinds))]
    return query.format(branches=" UNION ALL ".join(branches), most=most)
