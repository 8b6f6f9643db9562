"""What stands around every page and on the home page: the hottest reads of the suite, one statement each."""

from uuid import UUID

from asyncpg import Record

from parvis_kit.unit import UnitOfWork

_FRAME = """
SELECT o.id AS organisation_id, o.slug, o.name, o.accent, o.kind AS organisation_kind, o.time_zone,
       m.id, m.account_id, m.kind, m.state, m.given_name, m.family_name, m.profile_name, m.profile_built_in,
       (SELECT count(*) FROM (SELECT 1 FROM memberships mine WHERE mine.account_id = m.account_id
                              AND mine.state IN (1, 2) LIMIT 100) counted) AS organisations
FROM memberships m JOIN organisations o ON o.id = m.organisation_id
WHERE m.organisation_id = $1 AND m.id = $2"""

_PRODUCTS = """
SELECT p.id, p.name, p.description, p.launch_url, p.closed_at IS NOT NULL AS closed,
       s.product_id IS NOT NULL AS subscribed, a.product_id IS NOT NULL AS assigned,
       CASE WHEN s.product_id IS NOT NULL AND a.product_id IS NULL THEN ARRAY(
           SELECT h.given_name || ' ' || h.family_name FROM memberships h
           WHERE h.organisation_id = $1 AND h.kind = 1 AND h.state = 2 AND (h.profile_built_in = 'administrator'
               OR EXISTS (SELECT 1 FROM profile_rights r WHERE r.organisation_id = $1
                          AND r.profile_id = h.profile_id AND r.code = 'products.assign'))
           ORDER BY h.sort_key, h.id LIMIT 5) ELSE '{}' END AS assigners
FROM products p
LEFT JOIN subscriptions s ON s.organisation_id = $1 AND s.product_id = p.id
LEFT JOIN assignments a ON a.organisation_id = $1 AND a.product_id = p.id AND a.membership_id = $2
WHERE p.provider_id = (SELECT o.provider_id FROM organisations o WHERE o.id = $1)
ORDER BY p.sort_key, p.id"""

_PENDING = """
SELECT CASE WHEN $2 THEN (SELECT count(*) FROM memberships m
           WHERE m.organisation_id = $1 AND m.kind = 1 AND m.state = 1) ELSE 0 END AS invitations,
       CASE WHEN $2 THEN (SELECT count(*) FROM access_requests q
           WHERE q.organisation_id = $1 AND q.state = 1 AND q.expires_at > $5) ELSE 0 END AS requests,
       CASE WHEN $3 THEN (SELECT count(DISTINCT x.contact_id) FROM memberships m
           JOIN access_contacts x ON x.organisation_id = $1 AND x.membership_id = m.id
           WHERE m.organisation_id = $1 AND m.kind = 2 AND m.state = 1
           AND ($4::uuid[] IS NULL OR EXISTS (SELECT 1 FROM contact_advisers d WHERE d.organisation_id = $1
                AND d.contact_id = x.contact_id AND d.membership_id = ANY($4)))) ELSE 0 END AS accesses,
       o.legal_name, o.legal_form, o.capital, o.siren, o.registry_entry, o.vat_number,
       cardinality(o.address_lines) > 0 AND o.postal_code <> '' AND o.city <> '' AS address_complete
FROM organisations o WHERE o.id = $1"""


async def frame(unit: UnitOfWork, membership_id: UUID) -> Record | None:
    """The organisation, the membership, and how many organisations its account may enter."""
    rows = await unit.fetch(_FRAME, unit.organisation_id, membership_id)
    return rows[0] if rows else None


async def products(unit: UnitOfWork, membership_id: UUID) -> list[Record]:
    """The provider's products: whether the organisation has each, the member may launch it, or else who assigns it."""
    return await unit.fetch(_PRODUCTS, unit.organisation_id, membership_id)


async def pending(unit: UnitOfWork, *, invitations: bool, accesses: bool, advisers: list[UUID] | None) -> Record:
    """Invitations, requests and accesses nobody answered (`advisers`: None for all contacts), and the legal record."""
    return (await unit.fetch(_PENDING, unit.organisation_id, invitations, accesses, advisers, unit.now))[0]
