"""Clients, grants, codes, refresh tokens and keys. Reads of the token endpoint are written by hand: they are
the busiest of the service.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from parvis_identity.domain import sessions as rules
from parvis_identity.domain.door import Standing
from parvis_identity.models import (
    AuthorizationCode,
    Client,
    Grant,
    SigningKey,
)
from parvis_identity.store.rows import Insertion
from parvis_kit.unit import UnitOfWork


@dataclass(slots=True)
class GrantRow:
    """A `Grant` that is read and written by hand: made in a fiftieth of the time."""

    id: UUID
    client_id: str
    account_id: UUID
    session_id: UUID
    scope: str
    auth_time: datetime
    acr: str
    amr: list[str]
    created_at: datetime
    claims: dict[str, Any] | None = None
    dpop_jkt: str = ""
    organisation_id: UUID | None = None
    organisation_name: str = ""
    organisation_slug: str = ""
    revoked_at: datetime | None = None


@dataclass(slots=True)
class AccountRow:
    """The same of an `Account`: what tokens say of it."""

    id: UUID
    kind: str
    organisation_id: UUID | None
    identifier: str
    mail: str
    given_name: str
    family_name: str
    locale: str
    phone_number: str
    address: dict[str, str] | None

    @property
    def name(self) -> str:
        """See `Account.name`."""
        return f"{self.given_name} {self.family_name}".strip() or self.identifier


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant with what tokens say of its account, and whether it still counts."""

    grant: GrantRow
    account: AccountRow
    #: Not revoked, session open, account active.
    alive: bool
    last_seen_at: datetime
    #: Of the session as it is now.
    standing: Standing


@dataclass(slots=True)
class CodeRow:
    """The same of an `AuthorizationCode`."""

    digest: bytes
    grant_id: UUID
    redirect_uri: str
    nonce: str
    code_challenge: str
    dpop_jkt: str
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(slots=True)
class RefreshTokenRow:
    """The same of a `RefreshToken`, of one that is to be stored too."""

    digest: bytes
    grant_id: UUID
    issued_at: datetime
    expires_at: datetime
    replaced_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PresentedCode:
    """A code that was presented, and its grant."""

    code: CodeRow
    granted: Granted


@dataclass(frozen=True, slots=True)
class PresentedRefreshToken:
    """A refresh token that was presented, and its grant."""

    token: RefreshTokenRow
    granted: Granted


# Columns in the order of the fields above.
_GRANTED = """
       g.id, g.client_id, g.account_id, g.session_id, g.scope, g.auth_time, g.acr, g.amr, g.created_at, g.claims,
       g.dpop_jkt, g.organisation_id, g.organisation_name, g.organisation_slug, g.revoked_at,
       a.id, a.kind, a.organisation_id, a.identifier, a.mail, a.given_name, a.family_name, a.locale, a.phone_number,
       a.address,
       g.revoked_at IS NULL AND a.state = 'active' AND s.ended_at IS NULL AND s.last_seen_at > $2 AND
       s.started_at > $3, s.last_seen_at, s.acr, s.proof_at"""
_FROM = """
  FROM grants g JOIN accounts a ON a.id = g.account_id JOIN sessions s ON s.id = g.session_id
"""
_CODE = f"""
SELECT {_GRANTED},
       c.digest, c.grant_id, c.redirect_uri, c.nonce, c.code_challenge, c.dpop_jkt, c.expires_at, c.used_at
{_FROM} JOIN authorization_codes c ON c.grant_id = g.id WHERE c.digest = $1
"""
_REFRESH_TOKEN = f"""
SELECT {_GRANTED}, r.digest, r.grant_id, r.issued_at, r.expires_at, r.replaced_at
{_FROM} JOIN refresh_tokens r ON r.grant_id = g.id WHERE r.digest = $1
"""
_BY_TOKEN = f"""
SELECT {_GRANTED} {_FROM} LEFT JOIN revoked_tokens r ON r.jti = $4 WHERE g.id = $1 AND r.jti IS NULL
"""
_OF_GRANT = len(fields(GrantRow))
_OF_BOTH = _OF_GRANT + len(fields(AccountRow))
_ALL = _OF_BOTH + 4


def _granted(row: asyncpg.Record) -> Granted:
    grant, account = GrantRow(*row[:_OF_GRANT]), AccountRow(*row[_OF_GRANT:_OF_BOTH])
    grant.claims, account.address = _json(grant.claims), _json(account.address)
    alive, last_seen_at, acr, proof_at = row[_OF_BOTH:_ALL]
    return Granted(grant, account, alive, last_seen_at, Standing(grant.session_id, acr, proof_at))


def _json(column: str | dict[str, Any] | None) -> dict[str, Any] | None:
    return json.loads(column) if isinstance(column, str) else column


async def _one(unit: UnitOfWork, query: str, key: object) -> asyncpg.Record | None:
    rows = await unit.fetch(query, key, unit.now - rules.LIVES.idle, unit.now - rules.LIVES.absolute)
    return rows[0] if rows else None


async def presented_code(unit: UnitOfWork, digest: bytes) -> PresentedCode | None:
    """The code with this secret and its grant, used and expired ones too."""
    row = await _one(unit, _CODE, digest)
    if row is None:
        return None
    return PresentedCode(CodeRow(*row[_ALL:]), _granted(row))


async def presented_refresh_token(unit: UnitOfWork, digest: bytes) -> PresentedRefreshToken | None:
    """The refresh token with this secret and its grant, replaced and expired ones too."""
    row = await _one(unit, _REFRESH_TOKEN, digest)
    if row is None:
        return None
    return PresentedRefreshToken(RefreshTokenRow(*row[_ALL:]), _granted(row))


async def granted(unit: UnitOfWork, grant_id: UUID, jti: str = "") -> Granted | None:
    """A grant by id; None when the access token of it that is presented was revoked alone."""
    rows = await unit.fetch(_BY_TOKEN, grant_id, unit.now - rules.LIVES.idle, unit.now - rules.LIVES.absolute, jti)
    return _granted(rows[0]) if rows else None


async def save_code(unit: UnitOfWork, grant: GrantRow, code: CodeRow) -> None:
    """A new grant and its code."""
    await _insert(unit, grant, code)


_insert = Insertion(Grant, AuthorizationCode)


async def use_code(unit: UnitOfWork, digest: bytes) -> bool:
    """Marks a code used; False when somebody else was first."""
    return bool(await unit.fetch(_USE_CODE, digest, unit.now))


_USE_CODE = "UPDATE authorization_codes SET used_at = $2 WHERE digest = $1 AND used_at IS NULL RETURNING 1"


async def replace_refresh_token(unit: UnitOfWork, digest: bytes, by: RefreshTokenRow) -> bool:
    """Puts a new refresh token in the place of one that is still good; False when somebody else was first."""
    return bool(await unit.fetch(_REPLACE, digest, by.issued_at, by.digest, by.expires_at))


_REPLACE = """
WITH used AS (
    UPDATE refresh_tokens SET replaced_at = $2 WHERE digest = $1 AND replaced_at IS NULL RETURNING grant_id
)
INSERT INTO refresh_tokens (digest, grant_id, issued_at, expires_at) SELECT $3, grant_id, $2, $4 FROM used RETURNING 1
"""


async def is_unused(unit: UnitOfWork, digest: bytes) -> bool:
    """Whether there is such a refresh token, and it was not replaced yet."""
    return bool(await unit.fetch("SELECT 1 FROM refresh_tokens WHERE digest = $1 AND replaced_at IS NULL", digest))


async def save_refresh_token(unit: UnitOfWork, token: RefreshTokenRow) -> None:
    """A new refresh token."""
    await unit.fetch(_SAVE, token.digest, token.grant_id, token.issued_at, token.expires_at)


_SAVE = "INSERT INTO refresh_tokens (digest, grant_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)"


async def revoke_grant(unit: UnitOfWork, grant_id: UUID) -> None:
    """Makes every token of a grant worthless."""
    statement = update(Grant).where(col(Grant.id) == grant_id, col(Grant.revoked_at).is_(None))
    await unit.execute(statement.values(revoked_at=unit.now))


async def bind_grant(unit: UnitOfWork, grant_id: UUID, jkt: str) -> None:
    """Remembers the key that the tokens of a grant are bound to (RFC 9449)."""
    await unit.execute(update(Grant).where(col(Grant.id) == grant_id).values(dpop_jkt=jkt))


async def touch_session(unit: UnitOfWork, session_id: UUID) -> None:
    """Remembers that a session was used."""
    await unit.fetch("UPDATE sessions SET last_seen_at = $2 WHERE id = $1", session_id, unit.now)


async def first_time(unit: UnitOfWork, what: str, whose: str, jti: str, expires_at: datetime) -> bool:
    """Remembers a `jti` until `expires_at`; False when it came before. `what` is "assertion" or "dpop", `whose` a
    client or a key.
    """
    digest = hashlib.sha256(f"{what}\0{whose}\0{jti}".encode("utf-8", "surrogateescape")).digest()
    return bool(await unit.fetch(_FIRST_TIME, digest, expires_at, unit.now))


# A digest that is there but too old to count is taken over.
_FIRST_TIME = """
INSERT INTO seen_proofs (digest, expires_at) VALUES ($1, $2)
ON CONFLICT (digest) DO UPDATE SET expires_at = $2 WHERE seen_proofs.expires_at < $3 RETURNING 1
"""


async def find_client(unit: UnitOfWork, client_id: str) -> Client | None:
    """A client."""
    return await unit.get(Client, client_id)


async def save_client(unit: UnitOfWork, client: Client) -> None:
    """Adds a client, or brings one that is there to what is given."""
    values = client.model_dump()
    kept = {
        name: value
        for name, value in values.items()
        if name not in {"client_id", "created_at", "used_at", "refused_at", "refused_for"}
    }
    statement = insert(Client).values(**values)
    await unit.execute(statement.on_conflict_do_update(index_elements=["client_id"], set_=kept))


async def delete_client(unit: UnitOfWork, client_id: str) -> None:
    """Deletes a client, and all that it was granted."""
    await unit.execute(delete(Client).where(col(Client.client_id) == client_id))


async def is_client_of(unit: UnitOfWork, client_id: str, organisation_id: UUID | None) -> bool:
    """Whether there is a client of a product of this organisation."""
    query = "SELECT 1 FROM clients WHERE client_id = $1 AND product_id IS NOT NULL AND organisation_id = $2"
    return "\x00" not in client_id and bool(await unit.fetch(query, client_id, organisation_id))


async def revoke_of_client(unit: UnitOfWork, client_id: str) -> None:
    """Makes everything worthless that a client was granted."""
    statement = update(Grant).where(col(Grant.client_id) == client_id, col(Grant.revoked_at).is_(None))
    await unit.execute(statement.values(revoked_at=unit.now))


async def has_waiting(unit: UnitOfWork, client_id: str, table: str, most: int) -> bool:
    """Whether `most` rows of a client wait in a table of ours ("pushed_requests", "device_codes")."""
    return bool(await unit.fetch(_WAITING[table], client_id, unit.now, most - 1))


_WAITING = {
    table: f"SELECT 1 FROM {table} WHERE client_id = $1 AND expires_at > $2 OFFSET $3 LIMIT 1"  # noqa: S608 - ours
    for table in ("pushed_requests", "device_codes")
}


async def sweep_unused_clients(unit: UnitOfWork, before: datetime) -> list[str]:
    """Deletes clients that registered themselves before a moment and were never given anything."""
    rows = await unit.fetch(_UNUSED, before)
    return [row["client_id"] for row in rows]


_UNUSED = """
DELETE FROM clients c WHERE c.registration_digest IS NOT NULL AND c.used_at IS NULL AND c.created_at < $1
   AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.client_id) RETURNING c.client_id
"""


async def refused_client(unit: UnitOfWork, client_id: str, why: str) -> None:
    """Remembers what a client was refused for, at most every ten seconds: strangers may cause it."""
    await unit.fetch(_REFUSED, client_id, unit.now, why, unit.now - timedelta(seconds=10))


_REFUSED = """
UPDATE clients SET refused_at = $2, refused_for = $3
 WHERE client_id = $1 AND (refused_at IS NULL OR refused_at < $4)
"""


async def used_client(unit: UnitOfWork, client_id: str) -> None:
    """Remembers that a client was given tokens."""
    await unit.fetch("UPDATE clients SET used_at = $2 WHERE client_id = $1", client_id, unit.now)


async def keys(unit: UnitOfWork) -> Sequence[SigningKey]:
    """All keys, oldest first."""
    return await unit.scalars(select(SigningKey).order_by(col(SigningKey.created_at)))


async def keys_at_hand(unit: UnitOfWork) -> str:
    """A mark of the keys that there are: the same as long as none was added, retired or forgotten."""
    return str((await unit.fetch(_KEYS_AT_HAND))[0]["mark"])


_KEYS_AT_HAND = "SELECT string_agg(id || coalesce(retired_at::text, ''), ' ' ORDER BY id) AS mark FROM signing_keys"


async def insert_key(unit: UnitOfWork, key: SigningKey) -> None:
    """Adds a key unless there is a current one of its purpose and algorithm: replicas that start together make one."""
    await unit.execute(insert(SigningKey).values(**key.model_dump()).on_conflict_do_nothing())


async def retire_key(unit: UnitOfWork, key_id: str, at: datetime) -> bool:
    """Sets the moment when a key signs no more; False when it has one: of two that rotate at once, one does."""
    statement = update(SigningKey).where(col(SigningKey.id) == key_id, col(SigningKey.retired_at).is_(None))
    return (await unit.execute(statement.values(retired_at=at).returning(col(SigningKey.id)))).first() is not None


async def forget_keys(unit: UnitOfWork, ids: Sequence[str]) -> None:
    """Deletes keys: nothing that they signed counts any more."""
    await unit.execute(delete(SigningKey).where(col(SigningKey.id).in_(ids)))


async def reseal_key(unit: UnitOfWork, key_id: str, sealed: bytes) -> None:
    """Stores a private part that was sealed again under the newest encryption key."""
    await unit.execute(update(SigningKey).where(col(SigningKey.id) == key_id).values(sealed=sealed))
