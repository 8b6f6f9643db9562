"""Accounts that come many at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from parvis_identity.domain.address_changes import UNDONE_WITHIN
from parvis_identity.models import Account, Link
from parvis_kit.unit import UnitOfWork

_ACCOUNTS = """
INSERT INTO accounts (id, kind, state, organisation_id, identifier, identifier_key, mail, given_name, family_name,
    locale, version, created_at, activated_at, imported_at)
SELECT *, 1, $11::timestamptz, CASE state WHEN 'active' THEN $11 END, $11
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[]) AS new (id, kind, state, organisation_id, identifier, identifier_key, mail, given_name, family_name,
    locale)
ON CONFLICT DO NOTHING RETURNING id"""
_COLUMNS = (
    "id", "kind", "state", "organisation_id", "identifier", "identifier_key", "mail", "given_name", "family_name",
    "locale",
)  # fmt: skip
_HASHES = """
INSERT INTO credentials (account_id, password_hash, changed_at)
SELECT *, $3::timestamptz FROM unnest($1::uuid[], $2::text[])"""
_LINKS = """
INSERT INTO links (id, digest, purpose, account_id, organisation_id, organisation_slug, created_at, expires_at)
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[],
    $8::timestamptz[])"""
_LINK_COLUMNS = (
    "id", "digest", "purpose", "account_id", "organisation_id", "organisation_slug", "created_at", "expires_at",
)  # fmt: skip
_THERE = """
SELECT a.identifier_key, a.state, a.mail, a.given_name, a.family_name, a.locale, a.imported_at IS NOT NULL,
    coalesce(c.password_hash, '')
FROM accounts a LEFT JOIN credentials c ON c.account_id = a.id
WHERE {of} AND a.identifier_key = ANY($1::text[])"""
#: Addresses too that an account had and may have back.
_THERE_PERSONAL = (
    _THERE.format(of="a.organisation_id IS NULL")
    + " UNION ALL "
    + _THERE.replace("SELECT a.identifier_key", "SELECT r.old_key")
    .replace("FROM accounts a", "FROM address_changes r JOIN accounts a ON a.id = r.account_id")
    .format(of="r.ended_as = '' AND r.done_at > $2")
    .replace("a.identifier_key = ANY", "r.old_key = ANY")
)
_THERE_MANAGED = _THERE.format(of="a.organisation_id = $2")


@dataclass(frozen=True, slots=True)
class There:
    """An account that is there."""

    state: str
    mail: str
    given_name: str
    family_name: str
    locale: str
    imported: bool
    password_hash: str

    @property
    def signs_in_here(self) -> bool:
        """Whether its password was set or proven here."""
        return self.password_hash.startswith("$argon2id$")


async def there(unit: UnitOfWork, organisation_id: UUID | None, keys: Sequence[str]) -> dict[str, There]:
    """Accounts of a firm, or personal ones without one, by identifier key; unknown ones are left out."""
    if organisation_id is None:
        rows = await unit.fetch(_THERE_PERSONAL, list(keys), unit.now - UNDONE_WITHIN)
    else:
        rows = await unit.fetch(_THERE_MANAGED, list(keys), organisation_id)
    return {key: There(*rest) for key, *rest in rows}


async def insert_accounts(unit: UnitOfWork, accounts: Sequence[Account]) -> set[UUID]:
    """Adds accounts, made now; answers with the ids of those whose identifiers nobody had."""
    columns = [[getattr(account, name) for account in accounts] for name in _COLUMNS]
    return {row["id"] for row in await unit.fetch(_ACCOUNTS, *columns, unit.now)}


async def insert_hashes(unit: UnitOfWork, hashes: Sequence[tuple[UUID, str]]) -> None:
    """Stores the hashes of accounts that were just made."""
    await unit.fetch(_HASHES, [account for account, _ in hashes], [encoded for _, encoded in hashes], unit.now)


async def insert_links(unit: UnitOfWork, links: Sequence[Link]) -> None:
    """Adds links of accounts that were just made."""
    await unit.fetch(_LINKS, *([getattr(link, name) for link in links] for name in _LINK_COLUMNS))
