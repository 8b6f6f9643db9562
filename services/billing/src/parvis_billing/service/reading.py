"""Which invoices a caller sees, and one of them with everything that a page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from parvis_billing import store
from parvis_billing.domain import ClosedInvoice, Line, Party, missing_mentions, printed_texts, read_party
from parvis_billing.models import Invoice, InvoiceLine
from parvis_billing.service.records import Records
from parvis_billing.store import Sight
from parvis_billing.typesetter import Typesetter
from parvis_kit.errors import forbidden, not_found
from parvis_kit.grants import ALL

if TYPE_CHECKING:
    import asyncpg

    from parvis_kit.unit import UnitOfWork

READ = "invoices.read"
RECENT = 3


@dataclass(frozen=True)
class View:
    """An invoice with its lines and parties. What stops a draft from being closed, for staff: fields that are
    `missing`, and signs that cannot be printed by field.
    """

    invoice: Invoice
    lines: tuple[Line, ...]
    seller: Party
    buyer: Party
    missing: tuple[str, ...] = ()
    unprintable: Mapping[str, str] = field(default_factory=dict)


def sight(unit: "UnitOfWork") -> Sight:
    """What the caller may see. Staff without the right sees nothing."""
    if unit.caller.is_portal:
        contacts = unit.grants.portal_contacts
        return Sight(
            contacts=tuple(contact for contact, folders in contacts.items() if folders is None),
            folders=tuple((contact, folder) for contact, folders in contacts.items() for folder in folders or ()),
        )
    scope = unit.grants.scope(READ)
    if scope == ALL:
        return Sight(everything=True)
    return Sight(advisers=tuple(scope or ()))


async def seen(unit: "UnitOfWork", invoice_id: UUID, *, right: str = READ, lock: bool = False) -> Invoice:
    """An invoice that the caller sees. NOT_FOUND invoice, FORBIDDEN out_of_scope when `right` does not reach it."""
    row = await store.invoice(unit, invoice_id, lock=lock)
    if row is None:
        raise not_found("invoice")
    if unit.caller.is_portal:
        if not await store.sees(unit, sight(unit), invoice_id):
            raise not_found("invoice")
        return row
    await require_reach(unit, row.contact_id, right, unseen="invoice")
    return row


async def require_reach(unit: "UnitOfWork", contact_id: UUID, right: str, *, unseen: str) -> None:
    """Raises NOT_FOUND when the caller may not read the client's invoices, FORBIDDEN when `right` does not reach it."""
    advisers = await store.advisers(unit, contact_id)
    if not unit.grants.reaches(READ, advisers):
        raise not_found(unseen)
    if not unit.grants.reaches(right, advisers):
        raise forbidden("out_of_scope", right=right)


async def view(unit: "UnitOfWork", records: Records, typesetter: Typesetter, row: Invoice) -> View:
    """Everything about an invoice that the caller sees."""
    lines = tuple(map(read_row, await store.lines(unit, row.id)))
    if row.seller is not None and row.buyer is not None:
        return View(row, lines, read_party(row.seller), read_party(row.buyer))
    seller, buyer = await parties(unit, records, row.contact_id)
    missing = tuple(missing_mentions(seller, buyer, lines, row.exemption))
    return View(row, lines, seller, buyer, missing, await unprintable_signs(typesetter, row, seller, buyer, lines))


async def unprintable_signs(
    typesetter: Typesetter, row: Invoice, seller: Party, buyer: Party, lines: Sequence[Line]
) -> dict[str, str]:
    """What no font can print, by field: signs with a space between. Raises UNAVAILABLE typesetter_unavailable."""
    texts = printed_texts(
        seller, buyer, lines, purchase_order=row.purchase_order, note=row.note, exemption=row.exemption
    )
    lacking = await typesetter.unprintable("".join(texts.values()))
    found = {name: " ".join(sorted(lacking.intersection(text))) for name, text in texts.items()}
    return {name: signs for name, signs in found.items() if signs}


async def parties(unit: "UnitOfWork", records: Records, contact_id: UUID) -> tuple[Party, Party]:
    """Seller and buyer as they stand now."""
    customer = await records.customer(unit, contact_id)
    seller = await records.seller(unit)
    return read_party(seller.party), read_party(customer.party) if customer else Party()


async def overview(unit: "UnitOfWork") -> "tuple[int, list[asyncpg.Record]]":
    """For the home page: drafts for staff, the newest closed invoices for a portal access. One statement."""
    if unit.caller.is_portal:
        return 0, await store.invoices(unit, sight(unit), limit=RECENT)
    if not unit.grants.allows(READ):
        return 0, []
    return await store.count_drafts(unit, sight(unit)), []


def read_row(row: InvoiceLine) -> Line:
    """A line as the domain knows it; a Numeric comes back with all its places."""
    return Line(row.description, row.quantity, row.unit, row.unit_price, row.vat_rate)


def closed_invoice(row: Invoice, lines: tuple[Line, ...]) -> ClosedInvoice:
    """A closed invoice as its digest and its page read it."""
    if (
        row.number is None
        or row.issue_date is None
        or row.due_date is None
        or row.supply_date is None
        or row.closed_at is None
        or row.seller is None
        or row.buyer is None
    ):
        raise ValueError("not closed")
    return ClosedInvoice(
        id=str(row.id),
        contact_id=str(row.contact_id),
        number=row.number,
        issued=row.issue_date,
        due=row.due_date,
        supplied=row.supply_date,
        closed_at=row.closed_at.isoformat(),
        currency=row.currency,
        purchase_order=row.purchase_order,
        note=row.note,
        exemption=row.exemption,
        payment_days=row.payment_days,
        seller=read_party(row.seller),
        buyer=read_party(row.buyer),
        lines=lines,
    )
