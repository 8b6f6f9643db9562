"""Providers of firms, whom they know, and who is on the way to them."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlmodel import col

from parvis_identity.models import Account, SessionProof, SsoAttempt, SsoIdentity, SsoProvider
from parvis_identity.store.rows import Insertion, Reading
from parvis_kit.unit import UnitOfWork

insert_attempt = Insertion(SsoAttempt)
_attempt, _provider, _account = Reading(SsoAttempt, "t"), Reading(SsoProvider, "p"), Reading(Account, "a")


async def provider(unit: UnitOfWork, provider_id: UUID) -> SsoProvider | None:
    """A provider, to read only."""
    rows = await unit.fetch(_ONE, provider_id)
    return _provider(rows[0]) if rows else None


_ONE = f"SELECT {_provider.columns} FROM sso_providers p WHERE id = $1"  # noqa: S608 - the model's columns


async def of_organisation(unit: UnitOfWork, organisation_id: UUID) -> Sequence[SsoProvider]:
    """The providers of a firm, in the order of their buttons."""
    query = select(SsoProvider).where(col(SsoProvider.organisation_id) == organisation_id)
    return await unit.scalars(query.order_by(col(SsoProvider.position), col(SsoProvider.created_at)))


async def attempt(unit: UnitOfWork, digest: bytes) -> SsoAttempt | None:
    """An attempt, kept from others until the transaction ends."""
    return await unit.get(SsoAttempt, digest, lock=True)


async def answer(
    unit: UnitOfWork, digest: bytes, provider_id: UUID, browser: bytes | None
) -> tuple[SsoAttempt, SsoProvider] | None:
    """Takes the answer to an attempt, which no other is from now on: the attempt and the provider, to read only; None
    where none waits for it. With a `browser`, which has to be the one that asked, the attempt is used by it too.
    """
    rows = await unit.fetch(_ANSWER, digest, provider_id, browser, unit.now)
    return (_attempt(rows[0]), _provider(rows[0], start=_attempt.width)) if rows else None


_ANSWER = f"""
UPDATE sso_attempts t SET answered_at = $4, used_at = CASE WHEN $3::bytea IS NOT NULL THEN $4::timestamptz END
  FROM sso_providers p
 WHERE t.digest = $1 AND t.provider_id = $2 AND p.id = $2 AND t.answered_at IS NULL AND t.expires_at > $4
   AND t.browser <> '' AND ($3::bytea IS NULL OR t.browser = $3)
RETURNING {_attempt.columns}, {_provider.columns}
"""  # noqa: S608 - the models' columns


async def keep(unit: UnitOfWork, digest: bytes, sealed: bytes) -> None:
    """Keeps what the provider said, until the browser comes for it."""
    await unit.fetch("UPDATE sso_attempts SET sealed = $2 WHERE digest = $1", digest, sealed)


async def finish(unit: UnitOfWork, digest: bytes, browser: bytes) -> tuple[SsoAttempt, SsoProvider] | None:
    """Uses an attempt that was answered, for the browser that asked: the attempt and the provider, to read only; None
    where none waits for it, or what waits is a trial or a link.
    """
    rows = await unit.fetch(_FINISH, digest, browser, unit.now)
    return (_attempt(rows[0]), _provider(rows[0], start=_attempt.width)) if rows else None


_FINISH = f"""
UPDATE sso_attempts t SET used_at = $3 FROM sso_providers p
 WHERE t.digest = $1 AND t.browser = $2 AND p.id = t.provider_id AND t.purpose IN ('login', 'step_up')
   AND t.answered_at IS NOT NULL AND t.used_at IS NULL AND t.expires_at > $3
RETURNING {_attempt.columns}, {_provider.columns}
"""  # noqa: S608 - the models' columns


async def use(unit: UnitOfWork, digest: bytes) -> bool:
    """Marks an attempt used; False when it was already, or is gone."""
    return bool(await unit.fetch(_USE, digest, unit.now))


_USE = "UPDATE sso_attempts SET used_at = $2 WHERE digest = $1 AND used_at IS NULL RETURNING 1"


async def identity(unit: UnitOfWork, provider_id: UUID, subject: str) -> SsoIdentity | None:
    """Whom a provider means by a subject."""
    query = select(SsoIdentity).where(col(SsoIdentity.provider_id) == provider_id, col(SsoIdentity.subject) == subject)
    found: SsoIdentity | None = await unit.scalar(query)
    return found


async def one_at_a_time(unit: UnitOfWork, *names: object) -> None:
    """Others who name the same wait until the transaction ends."""
    key = "\n".join(map(str, names))
    await unit.fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key)


async def prove(unit: UnitOfWork, proof: SessionProof) -> None:
    """A provider vouches for whoever is in a session, anew where it did before."""
    await unit.fetch(
        _PROVE, proof.session_id, proof.provider_id, proof.organisation_id, proof.at, proof.acr, list(proof.amr),
        proof.name_id, proof.session_index, proof.sealed_hint, proof.ends_at,
    )  # fmt: skip


_PROVE = """
INSERT INTO session_proofs
       (session_id, provider_id, organisation_id, at, acr, amr, name_id, session_index, sealed_hint, ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (session_id, provider_id) DO UPDATE
   SET at = EXCLUDED.at, acr = EXCLUDED.acr, amr = EXCLUDED.amr, name_id = EXCLUDED.name_id,
       session_index = EXCLUDED.session_index, sealed_hint = EXCLUDED.sealed_hint, ends_at = EXCLUDED.ends_at
"""


async def unprove(unit: UnitOfWork, session_id: UUID, provider_id: UUID) -> None:
    """A provider vouches no more for whoever is in a session."""
    await unit.fetch("DELETE FROM session_proofs WHERE session_id = $1 AND provider_id = $2", session_id, provider_id)


async def is_off(unit: UnitOfWork, organisation_id: UUID) -> bool:
    """Whether a firm has said that nobody signs in with its providers."""
    query = "SELECT 1 FROM sign_in_policies WHERE organisation_id = $1 AND sso = 'off'"
    return bool(await unit.fetch(query, organisation_id))


async def is_live(unit: UnitOfWork, provider_id: UUID) -> bool:
    """Whether a provider is in use and its firm lets people in with it, until the transaction ends: whoever puts it out
    of service waits.
    """
    return bool(await unit.fetch(_LIVE, provider_id))


_LIVE = """
SELECT 1 FROM sso_providers p
 WHERE id = $1 AND state = 'live'
   AND NOT EXISTS (SELECT FROM sign_in_policies s WHERE s.organisation_id = p.organisation_id AND s.sso = 'off')
   FOR SHARE OF p
"""


async def may_break_glass(unit: UnitOfWork, organisation_id: UUID, account_id: UUID) -> bool:
    """Whether an account of a firm may come without its directory."""
    query = "SELECT 1 FROM sign_in_policies WHERE organisation_id = $1 AND $2 = ANY(break_glass)"
    return bool(await unit.fetch(query, organisation_id, account_id))


async def forwarding(unit: UnitOfWork, session_id: UUID) -> Sequence[asyncpg.Record]:
    """The proofs of a session whose providers are told when it ends."""
    return await unit.fetch(_FORWARDING, session_id)


_FORWARDING = """
SELECT s.provider_id, s.name_id, s.session_index, s.sealed_hint FROM session_proofs s
  JOIN sso_providers p ON p.id = s.provider_id AND p.state = 'live' AND p.forwards_logout
 WHERE s.session_id = $1 ORDER BY s.at
"""


async def sessions_of(
    unit: UnitOfWork, provider_id: UUID, subject: str, session_index: str
) -> Sequence[tuple[UUID, UUID]]:
    """Open sessions that a provider vouches for, and whose they are: of one of its own sessions, else of a subject."""
    rows = await unit.fetch(_SESSIONS_OF, provider_id, subject, session_index)
    return [(row["session_id"], row["account_id"]) for row in rows]


_SESSIONS_OF = """
SELECT p.session_id, s.account_id FROM session_proofs p JOIN sessions s ON s.id = p.session_id
 WHERE p.provider_id = $1 AND s.ended_at IS NULL
   AND ($3 <> '' AND p.session_index = $3 AND ($2 = '' OR p.name_id = $2) OR $3 = '' AND p.name_id = $2)
"""


async def resting_on(unit: UnitOfWork, provider_id: UUID, most: int) -> Sequence[tuple[UUID, UUID]]:
    """Open sessions in which a provider's word stands, and whose they are: so many that nobody else is looking at."""
    rows = await unit.fetch(_RESTING, provider_id, most)
    return [(row["session_id"], row["account_id"]) for row in rows]


_RESTING = """
SELECT p.session_id, s.account_id FROM session_proofs p JOIN sessions s ON s.id = p.session_id AND s.ended_at IS NULL
 WHERE p.provider_id = $1 LIMIT $2 FOR UPDATE OF p SKIP LOCKED
"""


async def off_but_vouching(unit: UnitOfWork) -> SsoProvider | None:
    """A provider out of service whose word stands in an open session."""
    rows = await unit.fetch(_OFF_BUT_VOUCHING)
    return await unit.get(SsoProvider, rows[0]["id"]) if rows else None


_OFF_BUT_VOUCHING = """
SELECT o.id FROM sso_providers o WHERE state = 'off' AND EXISTS (
    SELECT 1 FROM session_proofs p JOIN sessions s ON s.id = p.session_id AND s.ended_at IS NULL
     WHERE p.provider_id = o.id) LIMIT 1
"""


async def vouched_until_now(unit: UnitOfWork) -> SsoProvider | None:
    """A provider whose word counts in a session no more, as it said itself."""
    rows = await unit.fetch("SELECT provider_id FROM session_proofs WHERE ends_at <= $1 LIMIT 1", unit.now)
    return await unit.get(SsoProvider, rows[0]["provider_id"]) if rows else None


async def take_over(unit: UnitOfWork, provider_id: UUID) -> Sequence[tuple[UUID, UUID]]:
    """Forgets what a provider said that counts no more, at most a hundred at a time: of which open sessions, and whose
    they are.
    """
    rows = await unit.fetch(_TAKE_OVER, provider_id, unit.now)
    return [(row["session_id"], row["account_id"]) for row in rows if row["ended_at"] is None]


_TAKE_OVER = """
WITH over AS (
    SELECT session_id FROM session_proofs WHERE provider_id = $1 AND ends_at <= $2 LIMIT 100 FOR UPDATE SKIP LOCKED
)
DELETE FROM session_proofs p USING over, sessions s
 WHERE p.provider_id = $1 AND p.session_id = over.session_id AND s.id = p.session_id
RETURNING p.session_id, s.account_id, s.ended_at
"""


async def vouched_sessions(unit: UnitOfWork, provider: SsoProvider) -> tuple[int, int]:
    """Open sessions in which a provider's word stands: those that end without it, and those that go on."""
    rows = await unit.fetch(_VOUCHED, provider.id, provider.organisation_id)
    return rows[0]["ending"], rows[0]["kept"]


# As `vouching.withdraw` has it.
_VOUCHED = """
SELECT count(*) FILTER (WHERE ends) AS ending, count(*) FILTER (WHERE NOT ends) AS kept
  FROM (SELECT a.organisation_id IS NOT DISTINCT FROM $2 OR s.acr < '1' AS ends
          FROM session_proofs p JOIN sessions s ON s.id = p.session_id AND s.ended_at IS NULL
          JOIN accounts a ON a.id = s.account_id WHERE p.provider_id = $1) each
"""


async def is_verified(unit: UnitOfWork, organisation_id: UUID, domain: str) -> bool:
    """Whether a firm has verified a mail domain."""
    return bool(await unit.fetch(_VERIFIED, organisation_id, domain))


_VERIFIED = """
SELECT 1 FROM sso_domains WHERE organisation_id = $1 AND domain = $2 AND state IN ('verified', 'lost')
"""


async def accounts_with(unit: UnitOfWork, mail_key: str) -> Sequence[tuple[UUID, UUID | None]]:
    """Accounts that an address belongs to, and the firm of each: None for a personal one, which comes first."""
    rows = await unit.fetch(_WITH_MAIL, mail_key)
    return [(row["id"], row["organisation_id"]) for row in rows]


# Personal accounts are found by their identifier; of managed ones the address says only where mails go.
_WITH_MAIL = """
SELECT id, organisation_id FROM accounts WHERE organisation_id IS NULL AND identifier_key = $1
 UNION ALL
(SELECT id, organisation_id FROM accounts WHERE organisation_id IS NOT NULL AND lower(mail) = $1 AND state <> 'disabled'
  LIMIT 50)
"""


async def taken_identifiers(unit: UnitOfWork, organisation_id: UUID, start: str) -> set[str]:
    """Identifiers of a firm's accounts that begin like this, as they are compared."""
    rows = await unit.fetch(_TAKEN, organisation_id, start)
    return {row["identifier_key"] for row in rows}


_TAKEN = """
SELECT identifier_key FROM accounts WHERE organisation_id = $1 AND starts_with(identifier_key, $2) LIMIT 1000
"""


async def provisioned(
    unit: UnitOfWork, external_ids: Sequence[str], names: Sequence[str]
) -> Sequence[tuple[UUID, bool]]:
    """Accounts that the directory of the organisation at hand made over SCIM, and whether a provider in use knows each:
    by its own name for the person, and of those whom it calls nothing by user names. The surest first.
    """
    rows = await unit.fetch(_PROVISIONED, unit.organisation_id, list(external_ids), list(names))
    return [(row["account_id"], row["known"]) for row in rows]


_PROVISIONED = """
SELECT account_id, external_id <> '' AS by_id,
       EXISTS (SELECT 1 FROM sso_identities i JOIN sso_providers p ON p.id = i.provider_id AND p.state = 'live'
                WHERE i.account_id = u.account_id) AS known
  FROM scim_users u
 WHERE organisation_id = $1 AND deleted_at IS NULL
   AND (external_id <> '' AND external_id = ANY($2)
        OR external_id = '' AND user_name_key = ANY($3)
           AND NOT EXISTS (SELECT 1 FROM sso_identities i WHERE i.account_id = u.account_id))
 ORDER BY by_id DESC LIMIT 2
"""


async def is_unused(unit: UnitOfWork, account_id: UUID) -> bool:
    """Whether an account that the directory of the organisation at hand made over SCIM is open, and nobody ever came in
    with it.
    """
    return bool(await unit.fetch(_UNUSED, account_id, unit.organisation_id))


_UNUSED = """
SELECT 1 FROM accounts a
  JOIN scim_users u ON u.account_id = a.id AND u.organisation_id = $2 AND u.deleted_at IS NULL
 WHERE a.id = $1 AND a.organisation_id = $2 AND a.directory AND a.state = 'active' AND a.last_sign_in_at IS NULL
   AND NOT EXISTS (SELECT 1 FROM sso_identities i WHERE i.account_id = a.id)
"""


async def people(unit: UnitOfWork, provider_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many people each provider knows."""
    rows = await unit.fetch(
        "SELECT provider_id, count(*) AS n FROM sso_identities WHERE provider_id = ANY($1) GROUP BY 1",
        list(provider_ids),
    )
    return {row["provider_id"]: row["n"] for row in rows}


async def provider_of(unit: UnitOfWork, account_id: UUID, session_id: UUID) -> UUID | None:
    """The provider in use that knows an account: the one that vouched in a session first, else any."""
    rows = await unit.fetch(_PROVIDER_OF, account_id, session_id)
    return rows[0]["id"] if rows else None


_PROVIDER_OF = """
SELECT p.id FROM sso_identities i JOIN sso_providers p ON p.id = i.provider_id
  LEFT JOIN session_proofs s ON s.provider_id = p.id AND s.session_id = $2
 WHERE i.account_id = $1 AND p.state = 'live' ORDER BY s.at DESC NULLS LAST, i.last_sign_in_at DESC LIMIT 1
"""


async def links_of(unit: UnitOfWork, account_id: UUID) -> Sequence[asyncpg.Record]:
    """Which firms' providers know somebody's own account: `id`, `provider_id`, `name`, `subject`, firm, since when."""
    return await unit.fetch(_LINKS_OF, account_id)


_LINKS_OF = """
SELECT i.id, i.subject, i.created_at, p.id AS provider_id, p.name, p.organisation_id, p.organisation_slug
  FROM sso_identities i JOIN sso_providers p ON p.id = i.provider_id JOIN accounts a ON a.id = i.account_id
 WHERE i.account_id = $1 AND a.organisation_id IS NULL ORDER BY i.created_at
"""


async def forget(unit: UnitOfWork, identity_id: UUID, account_id: UUID) -> bool:
    """A provider means the account no more by a subject; False when it did not."""
    query = "DELETE FROM sso_identities WHERE id = $1 AND account_id = $2 RETURNING 1"
    return bool(await unit.fetch(query, identity_id, account_id))


async def sessions_vouched(unit: UnitOfWork, provider_id: UUID, account_id: UUID) -> Sequence[UUID]:
    """Open sessions of an account in which a provider's word stands."""
    return [row["session_id"] for row in await unit.fetch(_SESSIONS_VOUCHED, provider_id, account_id)]


_SESSIONS_VOUCHED = """
SELECT p.session_id FROM session_proofs p JOIN sessions s ON s.id = p.session_id
 WHERE p.provider_id = $1 AND s.account_id = $2 AND s.ended_at IS NULL
"""


async def came_again(unit: UnitOfWork, provider_id: UUID, subject: str) -> Account | None:
    """The account that a provider means by a subject, to read only, and that it said so now; None when it never did
    before.
    """
    rows = await unit.fetch(_CAME_AGAIN, provider_id, subject, unit.now)
    return _account(rows[0]) if rows else None


_CAME_AGAIN = f"""
UPDATE sso_identities i SET last_sign_in_at = $3 FROM accounts a
 WHERE i.provider_id = $1 AND i.subject = $2 AND a.id = i.account_id RETURNING {_account.columns}
"""  # noqa: S608 - the model's columns
