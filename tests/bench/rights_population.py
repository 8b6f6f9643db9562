"""A large firm for a bench of rights: members in a hierarchy of four levels, contacts and their advisers, made by
PostgreSQL itself in one transaction, as its superuser and without triggers (what they keep is written here).

The member numbered n (from 0) has the member n // 10 above them, counted from one: 1 at the top, 10 below, then 100,
1,000 and the rest. Contacts are spread over the members; one in ten has a second adviser, one in twenty an assistant,
one in fifty none.
"""

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from parvis_local.suite import Suite

BRANCHES = 10
#: Scopes of the members' profiles, in turns, with the numbers of the contract; the director's is everything.
MINE, ALL, ATTACHED, GROUP = 1, 2, 3, 4
SCOPES = (MINE, ATTACHED, GROUP, ALL)
FIRM = "cabinet-orsel"

_ORGANISATION = """
INSERT INTO organisations SELECT (jsonb_populate_record(o, $2)).* FROM organisations o WHERE slug = $1"""
_DIRECTORY = """
INSERT INTO organisation_directory SELECT (jsonb_populate_record(d, $2)).* FROM organisation_directory d
WHERE slug = $1"""
_PROFILES = """
INSERT INTO profiles SELECT (jsonb_populate_record(p, jsonb_build_object('organisation_id', $2::uuid))).*
FROM profiles p WHERE organisation_id = $1"""
_PROFILE_RIGHTS = """
INSERT INTO profile_rights (organisation_id, profile_id, code, scope)
SELECT $2, profile_id, code, scope FROM profile_rights WHERE organisation_id = $1"""
_PROFILE = """
INSERT INTO profiles SELECT (jsonb_populate_record(p, $2)).* FROM profiles p
WHERE organisation_id = $1 AND built_in = 'adviser'"""
_WIDENED = """
INSERT INTO profile_rights (organisation_id, profile_id, code, scope)
SELECT $2, $3, code, CASE scope WHEN 1 THEN $4 ELSE scope END FROM profile_rights
WHERE organisation_id = $2 AND profile_id = (
    SELECT id FROM profiles WHERE organisation_id = $2 AND built_in = 'adviser') AND $1::uuid IS NOT NULL"""

_MEMBERS = """
INSERT INTO memberships (
    organisation_id, id, account_id, kind, state, given_name, family_name, mail, locale, account_version, function,
    profile_id, profile_name, profile_built_in, manager_id, identifier, invited_at, activated_at, sort_key, search_key,
    version, created_at)
SELECT $1, ids[n + 1], CASE n WHEN 0 THEN $4 ELSE gen_random_uuid() END, 1, 2, 'Membre', lpad(n::text, 5, '0'),
    'membre' || n || '@mesure.example', 'fr', 1, '',
    p.id, p.name, p.built_in, CASE WHEN n > 0 THEN ids[(n - 1) / $5 + 1] END, '', now(), now(),
    'membre ' || lpad(n::text, 10, '0'), 'membre ' || n, 1, now()
FROM (SELECT $2::uuid[] AS ids) given, generate_series(0, cardinality(ids) - 1) n
JOIN profiles p ON p.organisation_id = $1 AND p.id = CASE WHEN n = 0 THEN $3::uuid
    ELSE ($6::uuid[])[1 + n % cardinality($6::uuid[])] END"""

_CONTACTS = """
INSERT INTO contacts (
    organisation_id, id, kind, code, name, mail_main, mail_quotes, mail_billing, mail_reminders, siren, vat_number,
    telephone, locale, address_lines, postal_code, city, country, sort_key, search_key, version, created_at)
SELECT $1, uuidv7(), kind, code, initcap(name), mail, '', '', '', '', '', '', 'fr', '{"3 rue du Port"}', '44000',
    'Nantes', 'FR', name, code || ' ' || name || ' ' || replace(replace(mail, '@', ' '), '.', ' '), 1, now()
FROM (
    SELECT CASE WHEN n % 100 < 80 THEN 1 WHEN n % 100 < 95 THEN 2 ELSE 3 END AS kind, 'm' || n AS code,
        trades[1 + (h & 1023) % cardinality(trades)] || ' ' || surname AS name,
        'contact@' || surname || '.example' AS mail
    FROM (
        SELECT n, h, trades, first[1 + (h >> 10 & 63) % cardinality(first)]
            || second[1 + (h >> 16 & 63) % cardinality(second)]
            || last[1 + (h >> 22 & 63) % cardinality(last)] AS surname
        FROM (SELECT $3::text[] AS trades, $4::text[] AS first, $5::text[] AS second, $6::text[] AS last) words,
            (SELECT n, hashint8(n) & 2147483647 AS h FROM generate_series(1, $2::bigint) n) numbers
    ) named
) made"""

_ADVISERS = """
INSERT INTO contact_advisers (organisation_id, contact_id, membership_id, role, contact_kind, contact_sort_key)
SELECT $1, id, ($2::uuid[])[1 + member], role, kind, sort_key FROM (
    SELECT id, kind, sort_key, role, CASE role
        WHEN 1 THEN h % cardinality($2::uuid[])
        WHEN 2 THEN (h + 1 + (h >> 8) % (cardinality($2::uuid[]) - 1)) % cardinality($2::uuid[])
        ELSE (h / cardinality($2::uuid[])) % cardinality($2::uuid[]) END AS member, h
    FROM (SELECT id, kind, sort_key, uuid_hash(id) & 2147483647 AS h FROM contacts WHERE organisation_id = $1) every,
        generate_series(1, 3) role
    WHERE CASE role WHEN 1 THEN (h >> 4) % 50 <> 0 WHEN 2 THEN (h >> 4) % 10 = 1 ELSE (h >> 4) % 20 = 2 END
) given ON CONFLICT DO NOTHING"""

_TRADES = [
    "boulangerie", "cabinet", "garage", "menuiserie", "plomberie", "pharmacie", "librairie", "fromagerie",
    "imprimerie", "serrurerie", "couverture", "ferme", "atelier", "transports", "maison", "hotel", "restaurant",
    "brasserie", "clinique", "optique", "quincaillerie", "verrerie", "scierie", "domaine",
]  # fmt: skip
_FIRST = [
    "ker", "le", "pen", "tre", "lan", "plou", "ros", "gui", "bou", "mor", "can", "del", "ver", "mar", "sau", "lam",
    "dur", "ber", "gar", "per", "col", "nor", "tal", "cha",
]  # fmt: skip
_SECOND = [
    "a", "an", "e", "el", "i", "in", "o", "ou", "u", "au", "ar", "er", "or", "al", "ev", "iv", "on", "et", "em", "il",
    "ac", "ad", "ub", "ag",
]  # fmt: skip
_LAST = [
    "veil", "rec", "dan", "gal", "lin", "drec", "noz", "rout", "mont", "zan", "goff", "bec", "tier", "dec", "ville",
    "nec", "gard", "son", "loc", "fur", "teau", "ves",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class LargeFirm:
    """The firm that was made, and how long that took."""

    organisation_id: UUID
    slug: str
    #: By number; the first is the director, who holds *Administrator* and whose account was given.
    members: Sequence[UUID]
    contacts: int
    seconds: float

    def scope(self, number: int) -> int:
        """How far the member's rights reach."""
        return SCOPES[number % len(SCOPES)] if number else ALL

    def above(self, number: int) -> Iterator[int]:
        """The superiors of a member, nearest first."""
        while number:
            number = (number - 1) // BRANCHES
            yield number

    def reach(self, number: int) -> frozenset[UUID] | None:
        """The advisers whose contacts the member's rights reach, None for everything: as the scopes are written."""
        scope = self.scope(number)
        if scope == ALL:
            return None
        own = frozenset({self.members[number]})
        if scope == MINE:
            return own
        superior = (number - 1) // BRANCHES
        return self.below(number) if scope == ATTACHED else own | (self.below(superior) - {self.members[superior]})

    def below(self, number: int) -> frozenset[UUID]:
        """The member with that number and all below, at all levels."""
        found, level = [number], [number]
        while level:
            level = [
                each
                for above in level
                for each in range(BRANCHES * above + 1, min(BRANCHES * above + BRANCHES + 1, len(self.members)))
            ]
            found += level
        return frozenset(self.members[each] for each in found)


async def settled(suite: Suite, *, members: int, contacts: int, account_id: UUID) -> LargeFirm:
    """A firm of that size, served by the demonstration's provider; its director signs in with the account."""
    began = time.monotonic()
    organisation, slug = UUID(bytes=secrets.token_bytes(16), version=4), f"mesure-{secrets.token_hex(4)}"
    connection = await asyncpg.connect(suite.superuser_url("tenancy"), command_timeout=3600)
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            told = {"id": str(organisation), "slug": slug, "name": "Cabinet Mesure", "sort_key": slug}
            source = await connection.fetchval("SELECT id FROM organisations WHERE slug = $1", FIRM)
            await connection.execute(_ORGANISATION, FIRM, told)
            await connection.execute(_DIRECTORY, FIRM, {**told, "organisation_id": str(organisation)})
            await connection.execute("INSERT INTO rights_revisions VALUES ($1, 1)", organisation)
            await connection.execute(_PROFILES, source, organisation)
            await connection.execute(_PROFILE_RIGHTS, source, organisation)
            profiles = [await _profile(connection, organisation, scope) for scope in SCOPES]
            administrator = "SELECT id FROM profiles WHERE organisation_id = $1 AND built_in = 'administrator'"
            chief = await connection.fetchval(administrator, organisation)
            ids = [UUID(bytes=secrets.token_bytes(16), version=4) for _ in range(members)]
            await connection.execute(_MEMBERS, organisation, ids, chief, account_id, BRANCHES, profiles)
            await connection.execute(_CONTACTS, organisation, contacts, _TRADES, _FIRST, _SECOND, _LAST)
            await connection.execute(_ADVISERS, organisation, ids)
        await connection.execute("VACUUM ANALYZE memberships, contacts, contact_advisers")
    finally:
        await connection.close()
    return LargeFirm(organisation, slug, ids, contacts, time.monotonic() - began)


async def _profile(connection: asyncpg.Connection, organisation: UUID, scope: int) -> UUID:
    """A profile as the adviser's, its scoped rights with this scope."""
    made = UUID(bytes=secrets.token_bytes(16), version=4)
    changes = {"id": str(made), "name": f"Mesure {scope}", "sort_key": f"mesure {scope}", "built_in": ""}
    await connection.execute(_PROFILE, organisation, changes)
    await connection.execute(_WIDENED, organisation, organisation, made, scope)
    return made
