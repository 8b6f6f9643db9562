"""Drafts: written, changed, thrown away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from parvis_billing import domain, store
from parvis_billing.domain import Line, Problem, State
from parvis_billing.models import Invoice, InvoiceLine
from parvis_billing.service.reading import require_reach, seen
from parvis_billing.service.records import Records
from parvis_kit.errors import Violation, conflict, invalid, not_found, precondition
from parvis_kit.ids import uuid7
from parvis_kit.text import search_key

if TYPE_CHECKING:
    from parvis_kit.unit import UnitOfWork

EDIT = "invoices.edit"


@dataclass(frozen=True)
class Draft:
    """A draft as it was typed; `lines` by field name."""

    id: UUID | None
    contact_id: UUID
    supply_date: str
    purchase_order: str
    note: str
    exemption: str
    payment_days: int
    lines: Sequence[Mapping[str, str]]
    version: int


async def save(unit: "UnitOfWork", records: Records, draft: Draft) -> Invoice:
    """Makes a draft or changes one.

    INVALID invalid_invoice, NOT_FOUND invoice or contact, PRECONDITION invoice_closed, CONFLICT stale_version.
    """
    row = await _open(unit, draft)
    customer = await records.customer(unit, draft.contact_id)
    if customer is None:
        raise not_found("contact")
    await require_reach(unit, draft.contact_id, EDIT, unseen="contact")
    lines, supplied = _read(draft)
    sums = domain.totals(lines)
    row.contact_id = draft.contact_id
    row.contact_name = customer.party["name"]
    row.search_key = search_key(row.contact_name)
    row.supply_date = supplied
    row.purchase_order, row.note = draft.purchase_order.strip(), draft.note.strip()
    row.exemption, row.payment_days = draft.exemption.strip(), _days(draft)
    row.net_cents, row.tax_cents, row.gross_cents = sums.net, sums.tax, sums.gross
    if draft.id is None:
        unit.add(row)
    else:
        row.version += 1
    await unit.flush()
    await store.replace_lines(unit, row.id, [_line(row, number, line) for number, line in enumerate(lines, start=1)])
    act = "invoice.drafted" if draft.id is None else "invoice.changed"
    unit.record(act, target_kind="invoice", target_id=row.id, contact_id=str(row.contact_id))
    return row


def preview(lines: Sequence[Mapping[str, str]]) -> tuple[list[Line | None], domain.Totals]:
    """Lines that are being typed (None: cannot be read yet), and what they add up to. INVALID too_many."""
    if len(lines) > domain.MOST_LINES:
        limits = {"limit": str(domain.MOST_LINES)}
        raise invalid("invalid_invoice", [Violation("lines", "too_many", limits)])
    read = [domain.read_amounts(line) for line in lines]
    return read, domain.totals(line for line in read if line is not None)


async def throw_away(unit: "UnitOfWork", invoice_id: UUID) -> None:
    """Removes a draft. NOT_FOUND invoice, PRECONDITION invoice_closed."""
    row = await seen(unit, invoice_id, right=EDIT, lock=True)
    if row.state != State.DRAFT:
        raise precondition("invoice_closed", number=row.number or "")
    unit.record("invoice.discarded", target_kind="invoice", target_id=row.id, contact_id=str(row.contact_id))
    await store.delete_invoice(unit, row)


async def _open(unit: "UnitOfWork", draft: Draft) -> Invoice:
    if draft.id is None:
        return Invoice(
            organisation_id=unit.organisation_id,
            id=uuid7(),
            contact_id=draft.contact_id,
            contact_name="",
            payment_days=domain.DEFAULT_PAYMENT_DAYS,
            created_at=unit.now,
        )
    row = await seen(unit, draft.id, right=EDIT, lock=True)
    if row.state != State.DRAFT:
        raise precondition("invoice_closed", number=row.number or "")
    if row.version != draft.version:
        raise conflict("stale_version", version=str(row.version))
    return row


def _read(draft: Draft) -> tuple[list[Line], date | None]:
    problems = domain.header_problems(
        purchase_order=draft.purchase_order,
        note=draft.note,
        exemption=draft.exemption,
        payment_days=_days(draft),
    )
    supplied = domain.read_date(draft.supply_date) if draft.supply_date else None
    if draft.supply_date and supplied is None:
        problems.append(Problem("supply_date", "not_a_date"))
    if len(draft.lines) > domain.MOST_LINES:
        problems.append(Problem("lines", "too_many", {"limit": str(domain.MOST_LINES)}))
    lines = []
    for number, raw in enumerate(draft.lines[: domain.MOST_LINES], start=1):
        read = domain.read_line(number, raw)
        if isinstance(read, Line):
            lines.append(read)
        else:
            problems += read
    if problems:
        raise invalid("invalid_invoice", [Violation(each.field, each.reason, each.params) for each in problems])
    return lines, supplied


def _days(draft: Draft) -> int:
    return draft.payment_days or domain.DEFAULT_PAYMENT_DAYS


def _line(row: Invoice, position: int, line: Line) -> InvoiceLine:
    return InvoiceLine(
        organisation_id=row.organisation_id,
        invoice_id=row.id,
        position=position,
        description=line.description,
        quantity=line.quantity,
        unit=line.unit,
        unit_price=line.unit_price,
        vat_rate=line.vat_rate,
        total_cents=line.net,
    )
