"""Closing: a draft takes its number and never changes again. One transaction; whatever fails, no number is lost."""

from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from parvis.billing.v1 import events_pb2
from parvis_billing import domain, store
from parvis_billing.domain import State
from parvis_billing.models import Invoice
from parvis_billing.service.reading import closed_invoice, read_row, seen, unprintable_signs
from parvis_billing.service.records import Records
from parvis_billing.typesetter import Typesetter
from parvis_kit.errors import Violation, conflict, precondition
from parvis_kit.text import search_key

if TYPE_CHECKING:
    from datetime import date, datetime

    from parvis_billing.models import Seller
    from parvis_billing.store import HeldSeries
    from parvis_kit.unit import UnitOfWork

CLOSE = "invoices.close"
#: Code of the series of invoices.
SERIES = "F"


async def close(
    unit: "UnitOfWork", records: Records, typesetter: Typesetter, invoice_id: UUID, version: int
) -> Invoice:
    """Gives a draft its number, date, parties and digest.

    NOT_FOUND invoice, FORBIDDEN out_of_scope, CONFLICT stale_version, PRECONDITION invoice_closed, no_lines,
    negative_total, missing_mentions, unprintable_sign (a violation per field).
    """
    row = await seen(unit, invoice_id, right=CLOSE, lock=True)
    if row.state != State.DRAFT:
        raise precondition("invoice_closed", number=row.number or "")
    if row.version != version:
        raise conflict("stale_version")
    lines = tuple(map(read_row, await store.lines(unit, row.id)))
    if not lines:
        raise precondition("no_lines")
    if row.gross_cents < 0:
        raise precondition("negative_total")
    seller = await records.seller(unit)
    customer = await records.customer(unit, row.contact_id)
    buyer = domain.read_party(customer.party) if customer else domain.Party()
    missing = domain.missing_mentions(domain.read_party(seller.party), buyer, lines, row.exemption)
    if missing:
        raise precondition("missing_mentions", [Violation(name, "missing") for name in missing])
    # Before the series is held: nobody waits for fonts to get a number.
    lacking = await unprintable_signs(typesetter, row, domain.read_party(seller.party), buyer, lines)
    if lacking:
        violations = [Violation(name, "unprintable_sign", {"sign": found}) for name, found in lacking.items()]
        signs = " ".join(dict.fromkeys(" ".join(lacking.values()).split()))
        raise precondition("unprintable_sign", violations, sign=signs)

    held, issued, closed_at = await _hold(unit, seller)
    row.number = domain.number_text(held.code, held.year, held.last_number + 1)
    row.series, row.year, row.sequence = held.code, held.year, held.last_number + 1
    row.issue_date, row.due_date = issued, domain.due_on(issued, row.payment_days)
    row.supply_date = row.supply_date or issued
    row.closed_at = closed_at
    row.seller, row.buyer, row.accent = seller.party, domain.party_content(buyer), seller.accent
    row.contact_name = buyer.name
    row.search_key = search_key(row.number, buyer.name)
    row.digest = domain.chained_digest(closed_invoice(row, lines).content(), held.last_digest)
    row.state = State.CLOSED.value
    row.version += 1
    await store.advance_series(unit, held, digest=row.digest, issued=issued, closed_at=closed_at)

    event = events_pb2.InvoiceClosed(
        invoice_id=str(row.id),
        number=row.number,
        contact_id=str(row.contact_id),
        gross_cents=row.gross_cents,
        currency=row.currency,
    )
    unit.emit(event, aggregate_id=row.id)
    unit.record("invoice.closed", target_kind="invoice", target_id=row.id, number=row.number, digest=row.digest)
    return row


async def first_break(unit: "UnitOfWork", year: int) -> str | None:
    """Number of the first invoice of a year that is missing or was changed after it was closed; None when all holds."""
    series = []
    for invoice_id in await store.series_ids(unit, SERIES, year):
        row = await store.invoice(unit, invoice_id)
        if row is not None:
            lines = tuple(map(read_row, await store.lines(unit, invoice_id)))
            series.append((closed_invoice(row, lines), row.digest or ""))
    return domain.first_break(series, code=SERIES, year=year)


async def _hold(unit: "UnitOfWork", seller: "Seller") -> "tuple[HeldSeries, date, datetime]":
    """The series of today's year, held, with date and time of issue: never before those of the number before."""
    zone = ZoneInfo(seller.time_zone)
    year = unit.now.astimezone(zone).year
    while True:
        held = await store.hold_series(unit, SERIES, year)
        today = held.now.astimezone(zone).date()
        if today.year == year:
            break
        year = today.year  # it waited over New Year's Eve, or PostgreSQL's clock is the later one
    issued = domain.issue_date(today, held.last_issue_date)
    closed_at = max(held.now, held.last_closed_at) if held.last_closed_at else held.now
    return held, issued, closed_at
