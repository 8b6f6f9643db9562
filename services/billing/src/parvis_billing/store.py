"""All SQL of billing. Every function takes the unit of work, which carries the organisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from parvis_billing.domain import GENESIS, State
from parvis_billing.models import Customer, CustomerAdviser, Entitlement, Folder, Invoice, InvoiceLine, Model, Seller
from parvis_kit.text import like_pattern

if TYPE_CHECKING:
    import asyncpg

    from parvis_kit.unit import UnitOfWork


@dataclass(frozen=True)
class Sight:
    """Which invoices a caller sees: all, those of customers with these advisers, or closed ones of these contacts in
    folders that are shared on the portal.
    """

    everything: bool = False
    advisers: tuple[UUID, ...] = ()
    #: Of a portal access: contacts whose folders are all open to it.
    contacts: tuple[UUID, ...] = ()
    #: Of a portal access: contact and folder template, for contacts that it is limited for.
    folders: tuple[tuple[UUID, UUID], ...] = ()


_VISIBLE = """
i.organisation_id = $1 AND (
    $2
    OR EXISTS (SELECT FROM customer_advisers a WHERE a.organisation_id = i.organisation_id
               AND a.customer_id = i.contact_id AND a.adviser_id = ANY($3))
    OR (i.state <> 'draft' AND EXISTS (
        SELECT FROM folders f WHERE f.organisation_id = i.organisation_id AND f.shared
            -- Where it is filed, or will be in a moment.
            AND (f.id = i.folder_template_id OR (i.folder_template_id IS NULL AND f.invoices))
            AND (i.contact_id = ANY($4)
                 OR (i.contact_id, f.id) IN (SELECT * FROM unnest($5::uuid[], $6::uuid[]))))))"""

_LIST = f"""
SELECT i.id, i.state, i.number, i.contact_id, i.contact_name, i.issue_date, i.due_date, i.supply_date, i.currency,
       i.net_cents, i.tax_cents, i.gross_cents, i.document_id, i.version, i.created_at, i.closed_at, i.payment_days,
       i.purchase_order, CASE WHEN $7::uuid IS NULL THEN count(*) OVER () END AS total
FROM invoices i
WHERE {_VISIBLE}
  AND ($7::uuid IS NULL OR i.id < $7)
  AND ($8::uuid IS NULL OR i.contact_id = $8)
  AND ($9 = '' OR i.state = $9)
  AND ($10 = '%%' OR i.search_key LIKE $10)
ORDER BY i.id DESC LIMIT $11"""  # noqa: S608 - constants above

_DRAFTS = f"SELECT count(*) AS drafts FROM invoices i WHERE {_VISIBLE} AND i.state = 'draft'"  # noqa: S608 - idem


async def invoices(
    unit: "UnitOfWork",
    sight: Sight,
    *,
    before: UUID | None = None,
    contact_id: UUID | None = None,
    state: State | None = None,
    query: str = "",
    limit: int,
) -> "list[asyncpg.Record]":
    """Invoices that match, newest first, those before `before`. `total` counts them all, on the first page only."""
    filters = (before, contact_id, state.value if state else "", like_pattern(query), limit)
    return await unit.fetch(_LIST, *_arguments(unit, sight), *filters)


_SEEN = f"SELECT FROM invoices i WHERE {_VISIBLE} AND i.id = $7"


async def sees(unit: "UnitOfWork", sight: Sight, invoice_id: UUID) -> bool:
    """Whether an invoice is one of those seen."""
    return bool(await unit.fetch(_SEEN, *_arguments(unit, sight), invoice_id))


async def count_drafts(unit: "UnitOfWork", sight: Sight) -> int:
    """How many drafts there are."""
    return int((await unit.fetch(_DRAFTS, *_arguments(unit, sight)))[0]["drafts"])


def _arguments(unit: "UnitOfWork", sight: Sight) -> tuple[object, ...]:
    limited = list(zip(*sight.folders, strict=True)) or [(), ()]
    return unit.organisation_id, sight.everything, sight.advisers, sight.contacts, limited[0], limited[1]


async def invoice(unit: "UnitOfWork", invoice_id: UUID, *, lock: bool = False) -> Invoice | None:
    """One invoice, whoever asks."""
    return await unit.get(Invoice, (unit.organisation_id, invoice_id), lock=lock)


async def lines(unit: "UnitOfWork", invoice_id: UUID) -> list[InvoiceLine]:
    """The lines of an invoice, in order."""
    table = InvoiceLine.__table__  # type: ignore[attr-defined] # SQLModel's table classes have one
    mine = (table.c.organisation_id == unit.organisation_id) & (table.c.invoice_id == invoice_id)
    return list(await unit.session.scalars(select(InvoiceLine).where(mine).order_by(table.c.position)))


async def replace_lines(unit: "UnitOfWork", invoice_id: UUID, new: Sequence[InvoiceLine]) -> None:
    """Gives a draft other lines."""
    table = InvoiceLine.__table__  # type: ignore[attr-defined] # idem
    mine = (table.c.organisation_id == unit.organisation_id) & (table.c.invoice_id == invoice_id)
    await unit.execute(delete(table).where(mine))
    if new:
        await unit.execute(insert(table), [line.model_dump() for line in new])


async def delete_invoice(unit: "UnitOfWork", row: Invoice) -> None:
    """Removes a draft with its lines."""
    await unit.session.delete(row)


async def seller(unit: "UnitOfWork") -> Seller | None:
    """The unit's organisation as it invoices."""
    return await unit.get(Seller, unit.organisation_id)


async def customer(unit: "UnitOfWork", contact_id: UUID) -> Customer | None:
    """A client as it is known."""
    return await unit.get(Customer, (unit.organisation_id, contact_id))


async def advisers(unit: "UnitOfWork", contact_id: UUID) -> frozenset[UUID]:
    """Memberships in charge of a client."""
    query = "SELECT adviser_id FROM customer_advisers WHERE organisation_id = $1 AND customer_id = $2"
    return frozenset(row["adviser_id"] for row in await unit.fetch(query, unit.organisation_id, contact_id))


async def save_seller(unit: "UnitOfWork", row: Seller) -> None:
    """Keeps what tenancy told, unless something newer is known."""
    await _keep(unit, row)


async def save_folder(unit: "UnitOfWork", row: Folder) -> None:
    """Keeps a folder, unless something newer is known."""
    await _keep(unit, row)


async def save_customer(unit: "UnitOfWork", row: Customer, adviser_ids: Sequence[UUID]) -> None:
    """Keeps a client and who is in charge, unless something newer is known."""
    if not await _keep(unit, row):
        return
    table = CustomerAdviser.__table__  # type: ignore[attr-defined] # idem
    mine = (table.c.organisation_id == row.organisation_id) & (table.c.customer_id == row.id)
    await unit.execute(delete(table).where(mine))
    if adviser_ids:
        rows = [
            {"organisation_id": row.organisation_id, "customer_id": row.id, "adviser_id": each}
            for each in dict.fromkeys(adviser_ids)
        ]
        await unit.execute(insert(table), rows)


async def _keep(unit: "UnitOfWork", row: Model) -> bool:
    table = type(row).__table__  # type: ignore[attr-defined] # idem
    values = row.model_dump()
    key = [column.name for column in table.primary_key]
    statement = insert(table).values(values)
    kept = await unit.execute(
        statement.on_conflict_do_update(
            index_elements=key,
            set_={name: statement.excluded[name] for name in values if name not in key},
            where=table.c.version < statement.excluded.version,
        ).returning(table.c.version)
    )
    return kept.first() is not None


@dataclass(frozen=True)
class HeldSeries:
    """A series that this transaction holds: nobody else gives numbers of it until the end. `now` is PostgreSQL's."""

    code: str
    year: int
    last_number: int
    last_digest: str
    last_issue_date: date | None
    last_closed_at: datetime | None
    now: datetime


_NEW_SERIES = f"""
INSERT INTO series (organisation_id, code, year, last_number, last_digest) VALUES ($1, $2, $3, 0, '{GENESIS}')
ON CONFLICT DO NOTHING"""  # noqa: S608 - a constant
_HOLD = """
SELECT last_number, last_digest, last_issue_date, last_closed_at, clock_timestamp() AS now
FROM series WHERE organisation_id = $1 AND code = $2 AND year = $3 FOR UPDATE"""
_ADVANCE = """
UPDATE series SET last_number = last_number + 1, last_digest = $4, last_issue_date = $5, last_closed_at = $6
WHERE organisation_id = $1 AND code = $2 AND year = $3"""


async def hold_series(unit: "UnitOfWork", code: str, year: int) -> HeldSeries:
    """Waits for whoever holds the series, then holds it."""
    await unit.fetch(_NEW_SERIES, unit.organisation_id, code, year)
    [row] = await unit.fetch(_HOLD, unit.organisation_id, code, year)
    return HeldSeries(code, year, **dict(row))


async def advance_series(
    unit: "UnitOfWork", held: HeldSeries, *, digest: str, issued: date, closed_at: datetime
) -> None:
    """Takes the next number; it is given back if the transaction does not commit."""
    await unit.fetch(_ADVANCE, unit.organisation_id, held.code, held.year, digest, issued, closed_at)


async def series_ids(unit: "UnitOfWork", code: str, year: int) -> list[UUID]:
    """Invoices of a series, in the order of their numbers."""
    query = "SELECT id FROM invoices WHERE organisation_id = $1 AND series = $2 AND year = $3 ORDER BY sequence"
    return [row["id"] for row in await unit.fetch(query, unit.organisation_id, code, year)]


_FILED = """
UPDATE invoices SET state = 'filed', document_id = $3, folder_template_id = $4, filed_at = $5
WHERE organisation_id = $1 AND id = $2 AND state = 'closed' RETURNING id"""


async def mark_filed(unit: "UnitOfWork", invoice_id: UUID, document_id: UUID, folder_template_id: UUID) -> bool:
    """Writes where the PDF is; False when it is written already."""
    arguments = (unit.organisation_id, invoice_id, document_id, folder_template_id, unit.now)
    return bool(await unit.fetch(_FILED, *arguments))


async def entitlements(
    unit: "UnitOfWork", customer_id: UUID | None, after: UUID | None, limit: int
) -> list["asyncpg.Record"]:
    """What customers (or the one named) have of the provider that is the organisation of the transaction."""
    return await unit.fetch(
        "SELECT * FROM entitlements WHERE provider_id = $1 AND ($2::uuid IS NULL OR customer_id = $2)"
        " AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4",
        unit.organisation_id,
        customer_id,
        after,
        limit,
    )


async def entitlement(unit: "UnitOfWork", customer_id: UUID, product_id: UUID) -> Entitlement | None:
    """What a customer has of a product, to change: locked."""
    return await unit.get(Entitlement, (unit.organisation_id, customer_id, product_id), lock=True)


async def insert_entitlement(unit: "UnitOfWork", row: Entitlement) -> bool:
    """Writes the first entitlement of a customer to a product; says whether nobody was faster."""
    statement = insert(Entitlement).values(row.model_dump()).on_conflict_do_nothing().returning(Entitlement.id)  # type: ignore[call-overload] # a column
    return (await unit.execute(statement)).first() is not None
