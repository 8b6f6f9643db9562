"""Who did what: one row per act, in the transaction of the act, sealed afterwards into a chain per organisation.

    digest(n) = SHA-256(0x02 ‖ digest(n-1) ‖ n as 8 bytes ‖ SHA-256(open) ‖ content_digest(n))
    content_digest = SHA-256(salt ‖ details)      digest(0) is 32 zero bytes

`open` is all of the row but its details; both are canonical JSON.

A changed, removed or reordered row breaks the chain. Erasing a person nulls `details` and `salt`: they are gone and
cannot be guessed from their digest, while the chain still holds, and proves who did what and when. An act of the chain
(`ERASED`) says how many were erased. Rows of older releases have one digest for all: erased, nothing tells what they
were.

    digest(n) = SHA-256(digest(n-1) ‖ n as 8 bytes ‖ content_digest(n))      content_digest = SHA-256(salt ‖ row)
"""

import asyncio
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

from parvis_kit.ids import uuid7
from parvis_kit.postgres import keep_connected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parvis_kit.unit import UnitOfWork
    from parvis_watch.papers import Address

NOBODY = UUID(int=0)  # acts outside any organisation
GENESIS = bytes(32)
ERASED = "acts.erased"  # its target is the number of acts that lost their details in its transaction

_POLL = 1.0  # s
_TWO = 2
_NO_NUMBER = "it says no number of erased acts"
_BATCH = 500
_CONTENT = (
    "id", "organisation_id", "act", "target_kind", "target_id", "account_id", "membership_id", "actor", "service",
    "session_id", "at", "details",
)  # fmt: skip
_COLUMNS = ", ".join(_CONTENT)
_APPEND = f"""
INSERT INTO audit ({_COLUMNS}, salt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"""  # noqa: S608
_SET = "SELECT set_config('parvis.organisation', $1, true)"
_CLAIM = """
DELETE FROM audit_queue WHERE id IN (SELECT id FROM audit_queue ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING organisation_id"""
_HEAD = """
INSERT INTO audit_heads (organisation_id, seq, digest) VALUES ($1, 0, $2)
ON CONFLICT (organisation_id) DO UPDATE SET seq = audit_heads.seq RETURNING seq, digest"""
_UNSEALED = f"SELECT {_COLUMNS}, salt FROM audit WHERE organisation_id = $1 AND seq IS NULL ORDER BY at, id"  # noqa: S608
_SEAL = """
UPDATE audit SET seq = s.seq, previous = s.previous, content_digest = s.content_digest, digest = s.digest
FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[])
    AS s (id, seq, previous, content_digest, digest)
WHERE audit.id = s.id AND audit.organisation_id = $6"""
_CHAIN = f"""
SELECT {_COLUMNS}, salt, seq, previous, content_digest, digest
FROM audit WHERE organisation_id = $1 AND seq IS NOT NULL ORDER BY seq"""  # noqa: S608 - the column names above


@dataclass(frozen=True)
class Chain:
    """A chain that holds: its length, rows whose details were erased, rows not sealed yet. Or with a `problem`: the
    first row number at which it breaks, and how.
    """

    organisation_id: UUID
    seq: int
    problem: str = ""
    erased: int = 0
    unsealed: int = 0


def row(
    unit: "UnitOfWork", act: str, target_kind: str, target_id: UUID | str, details: "Mapping[str, str]"
) -> tuple[Any, ...]:
    """The audit row of an act ("contact.created") in a unit of work: `_CONTENT`, and the salt."""
    who = unit.caller
    return (
        uuid7(), unit.organisation_or_none or NOBODY, act, target_kind, str(target_id), who.account_id,
        who.membership_id, who.actor, unit.service, who.session_id, datetime.now(UTC), json.dumps(dict(details)),
        secrets.token_bytes(16),
    )  # fmt: skip


async def append(connection: "asyncpg.Connection", rows: "Iterable[tuple[Any, ...]]") -> None:
    """Writes rows in the connection's transaction."""
    await connection.executemany(_APPEND, rows)


async def seal_for_ever(url: "Address | str", *, source: str) -> None:
    """Seals what was committed, in the order of its time, within about a second; any number of replicas."""

    async def work(connection: "asyncpg.Connection") -> None:
        while True:
            if not await seal(connection):
                await asyncio.sleep(_POLL)

    await keep_connected(url, f"parvis-sealer-{source}", work)


async def seal(connection: "asyncpg.Connection") -> int:
    """Seals the rows of the organisations next in the queue, in one transaction. Returns how many claims it took."""
    async with connection.transaction():
        claims = await connection.fetch(_CLAIM, _BATCH)
        for organisation_id in sorted({claim["organisation_id"] for claim in claims}):  # one order: no deadlock
            await _seal_organisation(connection, organisation_id)
    return len(claims)


async def verify(connection: "asyncpg.Connection", organisation_id: UUID = NOBODY) -> Chain:
    """Recomputes the whole chain of an organisation and compares it with what is stored, its head included."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_SET, str(organisation_id))
        expected, previous, erased, silently = 0, GENESIS, 0, 0
        async for found in connection.cursor(_CHAIN, organisation_id, prefetch=1000):
            expected += 1
            if found["seq"] != expected:
                return Chain(organisation_id, expected, "a row is missing")
            if found["previous"] != previous:
                return Chain(organisation_id, expected, "it does not follow the row before it")
            kind, said = _kind(found, expected), _witnessed(found)
            if not kind or said < 0:
                return Chain(organisation_id, expected, _NO_NUMBER if kind else "it was changed")
            erased += found["salt"] is None
            silently += int(found["salt"] is None and kind == _TWO) - said
            previous = found["digest"]
        query = "SELECT seq, digest FROM audit_heads WHERE organisation_id = $1"
        head = await connection.fetchrow(query, organisation_id)
        if (head["seq"], head["digest"]) != (expected, previous) if head else expected:
            return Chain(organisation_id, expected + 1, "the chain does not end where its head says")
        fresh = await connection.fetch(_UNSEALED, organisation_id)
        later = [_witnessed(each) for each in fresh]
        if silently > sum(later) or -1 in later:
            told = _NO_NUMBER if -1 in later else "more acts were erased than acts say"
            return Chain(organisation_id, expected + (-1 in later), told)
    return Chain(organisation_id, expected, erased=erased, unsealed=len(fresh))


async def verify_all(url: str) -> list[Chain]:
    """Verifies every chain of a service's database."""
    connection = await asyncpg.connect(url)
    try:
        heads = await connection.fetch("SELECT organisation_id FROM audit_heads ORDER BY organisation_id")
        return [await verify(connection, head["organisation_id"]) for head in heads]
    finally:
        await connection.close()


async def _seal_organisation(connection: "asyncpg.Connection", organisation_id: UUID) -> None:
    await connection.execute(_SET, str(organisation_id))
    (head,) = await connection.fetch(_HEAD, organisation_id, GENESIS)  # locks the head: one sealer per chain
    seq, previous = head["seq"], head["digest"]
    sealed: list[tuple[UUID, int, bytes, bytes, bytes]] = []
    for seq, found in enumerate(await connection.fetch(_UNSEALED, organisation_id), seq + 1):  # noqa: B020 - goes on
        sealed.append((found["id"], seq, previous, *digests(found, seq, previous)))
        previous = sealed[-1][-1]
    if sealed:
        await connection.execute(_SEAL, *(list(column) for column in zip(*sealed, strict=True)), organisation_id)
        query = "UPDATE audit_heads SET seq = $2, digest = $3 WHERE organisation_id = $1"
        await connection.execute(query, organisation_id, seq, previous)


def content(found: "asyncpg.Record") -> dict[str, Any]:
    """What a row says."""
    return {name: _text(found[name]) for name in _CONTENT} | {"details": json.loads(found["details"] or "null")}


def canonical(told: "Mapping[str, Any] | None") -> bytes:
    """What is hashed of it."""
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digests(found: "asyncpg.Record", seq: int, previous: bytes) -> tuple[bytes, bytes]:
    """What seals a row: `content_digest` and `digest`."""
    told = content(found)
    details = told.pop("details")
    hidden = found["content_digest"] if _is_erased(found) else _sha(found["salt"] or b"", canonical(details))
    return hidden, _sha(b"\2", previous, seq.to_bytes(8), _sha(canonical(told)), hidden)


def _kind(found: "asyncpg.Record", seq: int) -> int:
    """How a row was sealed: in two parts, or as one by an older release (1); 0: it is not as it was."""
    stored, previous = (found["content_digest"], found["digest"]), found["previous"]
    if stored == digests(found, seq, previous):
        return _TWO
    whole = stored[0] if _is_erased(found) else _sha(found["salt"] or b"", canonical(content(found)))
    return int(stored == (whole, _sha(previous, seq.to_bytes(8), whole)))


def _witnessed(found: "asyncpg.Record") -> int:
    """How many acts were erased by what a row says; -1: it says no number."""
    said = found["target_id"] if found["act"] == ERASED else "0"
    return int(said) if said.isascii() and said.isdecimal() and said == said[:18] else -1


def _is_erased(found: "asyncpg.Record") -> bool:
    return found["details"] is None and found["salt"] is None


def _text(value: datetime | UUID | str | None) -> str | None:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else None if value is None else str(value)


def _sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()
