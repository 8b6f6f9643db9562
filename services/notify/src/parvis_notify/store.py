"""All SQL of notify. Every function takes the unit of work, which carries the organisation."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from parvis_kit.text import like_pattern
from parvis_notify.domain.deliveries import Result, State
from parvis_notify.models import Attempt, Contact, Membership, Message, Model, Organisation, Template

if TYPE_CHECKING:
    import asyncpg

    from parvis_kit.unit import UnitOfWork


async def save_projection(unit: "UnitOfWork", row: Model) -> bool:
    """Keeps what tenancy told, unless something newer is known. `row` has a `version`. Returns whether it was kept."""
    table = type(row).__table__  # type: ignore[attr-defined] # SQLModel's table classes have one
    values = row.model_dump()
    statement = insert(table).values(values)
    key = [column.name for column in table.primary_key]
    kept = await unit.execute(
        statement.on_conflict_do_update(
            index_elements=key,
            set_={name: statement.excluded[name] for name in values if name not in key},
            where=table.c.version < statement.excluded.version,
        ).returning(table.c.version)
    )
    return kept.first() is not None


_SAVE_MEMBERSHIP = """
INSERT INTO memberships AS m (organisation_id, id, active, given_name, family_name, mail, locale, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (organisation_id, id) DO UPDATE SET
    active = excluded.active, given_name = excluded.given_name, family_name = excluded.family_name,
    mail = excluded.mail, locale = excluded.locale, version = excluded.version,
    earlier_mails = CASE WHEN m.mail IN ('', excluded.mail) THEN m.earlier_mails
                         ELSE array_append(array_remove(m.earlier_mails, m.mail), m.mail) END
WHERE m.version < excluded.version"""


async def save_membership(unit: "UnitOfWork", row: Membership) -> None:
    """Keeps what tenancy told of a member, unless something newer is known, and where mails went until then."""
    told = (row.active, row.given_name, row.family_name, row.mail, row.locale, row.version)
    await unit.fetch(_SAVE_MEMBERSHIP, unit.organisation_id, row.id, *told)


async def organisation(unit: "UnitOfWork") -> Organisation | None:
    """The face of the unit's organisation."""
    return await unit.get(Organisation, unit.organisation_id)


async def contact(unit: "UnitOfWork", contact_id: UUID) -> Contact | None:
    """A contact as it is known."""
    return await unit.get(Contact, (unit.organisation_id, contact_id))


async def memberships(unit: "UnitOfWork", ids: Sequence[UUID]) -> list[Membership]:
    """Members among `ids`, in that order; those that are not known yet are left out."""
    found = await unit.session.scalars(
        select(Membership).where(
            Membership.organisation_id == unit.organisation_id,  # type: ignore[arg-type] # a column on the class
            Membership.id.in_(ids),  # type: ignore[attr-defined] # idem
        )
    )
    by_id = {row.id: row for row in found}
    return [by_id[each] for each in dict.fromkeys(ids) if each in by_id]


async def templates(unit: "UnitOfWork") -> list[Template]:
    """The firm's own templates, and those that it went back from."""
    statement = select(Template).where(Template.organisation_id == unit.organisation_id)  # type: ignore[arg-type]
    return list(await unit.session.scalars(statement))


async def template(unit: "UnitOfWork", kind: str, locale: str, *, lock: bool = False) -> Template | None:
    """The firm's row for a kind and a language."""
    return await unit.get(Template, (unit.organisation_id, kind, locale), lock=lock)


async def insert_message(unit: "UnitOfWork", message: Message) -> bool:
    """Adds a message; False when the event has made it already."""
    table = Message.__table__  # type: ignore[attr-defined] # SQLModel's table classes have one
    statement = insert(table).values(message.model_dump()).on_conflict_do_nothing().returning(table.c.id)
    return (await unit.execute(statement)).first() is not None


async def message(unit: "UnitOfWork", message_id: UUID, *, lock: bool = False) -> Message | None:
    """One message."""
    return await unit.get(Message, (unit.organisation_id, message_id), lock=lock)


async def attempts(unit: "UnitOfWork", message_id: UUID) -> list[Attempt]:
    """The attempts to send a message, first one first."""
    statement = (
        select(Attempt)
        .where(Attempt.organisation_id == unit.organisation_id, Attempt.message_id == message_id)  # type: ignore[arg-type]
        .order_by(Attempt.number)  # type: ignore[arg-type] # a column on the class
    )
    return list(await unit.session.scalars(statement))


async def hold_document(unit: "UnitOfWork", document_id: UUID) -> None:
    """Makes whoever says or marks something about the document wait until this transaction ends."""
    key = f"{unit.organisation_id} {document_id}"
    await unit.fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key)


_KEEP_OPENING = """
INSERT INTO openings (organisation_id, document_id, contact_id, version, at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (organisation_id, document_id, contact_id, version) DO UPDATE SET at = least(openings.at, excluded.at)"""
#: What announced this version or an earlier one has been read; the first time counts.
_MARK_OPENED = """
UPDATE messages SET document_opened_at = least(document_opened_at, $5)
WHERE organisation_id = $1 AND document_id = $2 AND contact_id = $3
  AND ($4 = 0 OR document_version IS NULL OR document_version <= $4)"""
_OPENED_AT = """
SELECT min(at) AS at FROM openings
WHERE organisation_id = $1 AND document_id = $2 AND contact_id = $3 AND version >= $4"""


async def mark_opened(unit: "UnitOfWork", document_id: UUID, contact_id: UUID, *, version: int, at: datetime) -> None:
    """A version that messages announce, or will, was opened. Version 0: the event did not say which."""
    arguments = (unit.organisation_id, document_id, contact_id, version, at)
    if version:
        await unit.fetch(_KEEP_OPENING, *arguments)
    await unit.fetch(_MARK_OPENED, *arguments)


async def opened_at(unit: "UnitOfWork", document_id: UUID, contact_id: UUID, *, version: int) -> datetime | None:
    """When a contact first opened this version of a document, or a later one."""
    rows = await unit.fetch(_OPENED_AT, unit.organisation_id, document_id, contact_id, version)
    found: datetime | None = rows[0]["at"]
    return found


_WAITING = """
SELECT count(*) AS count, coalesce(extract(epoch FROM clock_timestamp() - min(since)), 0)::float AS age
FROM (SELECT since FROM mail_queue LIMIT 10000) q"""


async def waiting(unit: "UnitOfWork") -> tuple[int, float]:
    """How many messages of all organisations wait (10,000 at most), and the age of the oldest in seconds."""
    [row] = await unit.fetch(_WAITING)
    return row["count"], row["age"]


_HISTORY = """
SELECT id, kind, state, recipient_name, recipient_mail, subject, created_at, settled_at, reason, contact_id,
       document_id, document_opened_at, message_id, CASE WHEN $1::uuid IS NULL THEN count(*) OVER () END AS total
FROM messages
WHERE organisation_id = $2 AND ($1::uuid IS NULL OR id < $1) AND ($3 = '' OR state = $3)
  AND ($4::uuid IS NULL OR contact_id = $4) AND ($5::uuid IS NULL OR document_id = $5)
  AND ($6 = '%%' OR search_key LIKE $6) AND ($8::uuid[] IS NULL OR id = ANY($8))
ORDER BY id DESC LIMIT $7"""


async def history(
    unit: "UnitOfWork",
    *,
    before: UUID | None,
    query: str,
    state: State | None,
    contact_id: UUID | None,
    document_id: UUID | None,
    ids: Sequence[UUID] | None,
    limit: int,
) -> "list[asyncpg.Record]":
    """Messages that match, of `ids` only where there are any, newest first, those before `before`. `total` counts
    them all, on the first page only.
    """
    pattern = like_pattern(query)
    return await unit.fetch(
        _HISTORY, before, unit.organisation_id, state or "", contact_id, document_id, pattern, limit, ids
    )


_OPEN = """
INSERT INTO attempts (organisation_id, message_id, number, started_at, result, answer)
SELECT $1, $2, coalesce(max(number), 0) + 1, $3, '', '' FROM attempts WHERE organisation_id = $1 AND message_id = $2
RETURNING number"""
_INTERRUPT = """
UPDATE attempts SET result = $3, ended_at = $4
WHERE organisation_id = $1 AND message_id = $2 AND ended_at IS NULL"""
# Whoever took it for dead sends too: it stays in doubt, however it ended.
_CLOSE = """
UPDATE attempts SET result = CASE result WHEN $7 THEN result ELSE $4 END, answer = $5, ended_at = $6
WHERE organisation_id = $1 AND message_id = $2 AND number = $3"""
_SETTLE = """
UPDATE messages SET state = $3, reason = $4, settled_at = $5
WHERE organisation_id = $1 AND id = $2 AND state = 'pending'"""


async def open_attempt(unit: "UnitOfWork", message_id: UUID) -> int:
    """Writes that an attempt starts now; returns its number, from 1."""
    rows = await unit.fetch(_OPEN, unit.organisation_id, message_id, unit.now)
    return int(rows[0]["number"])


async def interrupt_attempts(unit: "UnitOfWork", message_id: UUID) -> None:
    """Marks an attempt that never ended: its process was killed."""
    await unit.fetch(_INTERRUPT, unit.organisation_id, message_id, Result.INTERRUPTED.value, unit.now)


async def was_interrupted(unit: "UnitOfWork", message_id: UUID) -> bool:
    """Whether an earlier attempt ended in the dark, so that the recipient may have the message twice."""
    return any(attempt.result == Result.INTERRUPTED for attempt in await attempts(unit, message_id))


async def close_attempt(unit: "UnitOfWork", message_id: UUID, number: int, result: Result, answer: str) -> None:
    """Writes how an attempt ended."""
    told = (result.value, answer, unit.now, Result.INTERRUPTED.value)
    await unit.fetch(_CLOSE, unit.organisation_id, message_id, number, *told)


async def settle(unit: "UnitOfWork", message_id: UUID, state: State, reason: str) -> None:
    """Gives a message its final state."""
    await unit.fetch(_SETTLE, unit.organisation_id, message_id, state.value, reason, unit.now)


_THEIRS = """
organisation_id = $1 AND recipient_mail <> ''
    AND encode(sha256(convert_to(lower(btrim(recipient_mail)), 'UTF8')), 'hex') = ANY($2)"""
_NOTHING = """
recipient_name = '', recipient_mail = '', subject = '', text = '', link = '', one_time_link = NULL, search_key = ''"""
_ERASE_ATTEMPTS = f"""
UPDATE attempts SET answer = ''
WHERE organisation_id = $1 AND message_id IN (SELECT id FROM messages WHERE {_THEIRS}) RETURNING 1"""  # noqa: S608 - above
# The last mail, which says that the erasure is done, still leaves: then it is forgotten.
_ERASE_MAILS = f"""
UPDATE messages SET {_NOTHING}, state = CASE state WHEN 'pending' THEN 'cancelled' ELSE state END,
    settled_at = coalesce(settled_at, $3)
WHERE {_THEIRS} AND NOT (state = 'pending' AND kind = 'erasure_done') RETURNING 1"""  # noqa: S608 - above
_FORGET = f"UPDATE messages SET {_NOTHING} WHERE organisation_id = $1 AND id = $2"  # noqa: S608 - above
_FORGET_ATTEMPTS = "UPDATE attempts SET answer = '' WHERE organisation_id = $1 AND message_id = $2"


async def forget(unit: "UnitOfWork", message_id: UUID) -> None:
    """Empties a message that is settled: neither whom it went to nor what it said is known any more."""
    await unit.fetch(_FORGET, unit.organisation_id, message_id)
    await unit.fetch(_FORGET_ATTEMPTS, unit.organisation_id, message_id)


async def erase_mails(unit: "UnitOfWork", digests: Collection[str]) -> dict[str, int]:
    """Empties mails to addresses with these digests (SHA-256 in lower case, hexadecimal); table → rows."""
    attempts = await unit.fetch(_ERASE_ATTEMPTS, unit.organisation_id, list(digests))
    messages = await unit.fetch(_ERASE_MAILS, unit.organisation_id, list(digests), unit.now)
    return {"attempts": len(attempts), "messages": len(messages)}
