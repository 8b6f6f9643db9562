"""Invoices: drafts saved and closed one after the other, and from the close to the PDF in the client's folder.

Closing gives the number, the digest chained to the one before, entries of audit and outbox; beside it the cheapest
question to the same service, so that the difference is what closing does. Filing sets the PDF in a process of its own,
uploads it and waits for documents to have read it; beside it a page of the same size, set alone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from decimal import Decimal

from machine import median, percentile, sized, wait_for_quiet
from report import Figure, show
from stage import Seat, administrator, run, running_suite

from parvis.billing.v1 import billing_pb2, billing_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_billing import layout
from parvis_billing.domain import ClosedInvoice, Line, Party
from parvis_billing.typesetter import Typesetter

INVOICES = sized(40, 10)
PATIENCE = 30.0
#: Seconds between two looks at an invoice that is being filed.
PAUSE = 0.01
WORDS = ("Tenue comptable", "12", "h", "85.50", "20"), ("Formation", "1", "u", "400", "20")


async def main() -> None:
    """Measures and prints."""
    with running_suite() as suite:
        async with administrator(suite) as seat, seat.acting():
            invoices = billing_pb2_grpc.InvoiceServiceStub(seat.portal.peers.channel("billing"))
            contact_id = await client_of(seat)
            await filed_after(invoices, await closed(invoices, await saved(invoices, contact_id)))
            await asyncio.to_thread(wait_for_quiet)
            saving, closing, asking, filing, setting = [list[float]() for _ in range(5)]
            numbers = []
            for _ in range(INVOICES):
                draft = await timed(saving, lambda: saved(invoices, contact_id))
                made = await timed(closing, lambda draft=draft: closed(invoices, draft))
                await timed(filing, lambda made=made: filed_after(invoices, made))
                await timed(asking, lambda: invoices.GetOverview(billing_pb2.GetOverviewRequest()))
                await timed(setting, set_alone)
                numbers.append(int(made.number[-5:]))
    if numbers != list(range(numbers[0], numbers[0] + INVOICES)):
        raise RuntimeError(f"Numbers of invoices have a gap: {numbers}")
    show(
        f"Invoices, {INVOICES} one after the other",
        [
            Figure("a draft of two lines saved, p50", median(saving), "ms", baseline=median(asking)),
            Figure("closed and numbered, p50", median(closing), "ms", baseline=median(asking)),
            Figure("closed and numbered, p95", percentile(closing, 0.95), "ms", percentile(asking, 0.95)),
            Figure("from closed to its PDF filed, p50", median(filing), "ms", baseline=median(setting)),
            Figure("from closed to its PDF filed, p95", percentile(filing, 0.95), "ms", percentile(setting, 0.95)),
        ],
        "baseline: of saving and closing GetOverview, of filing the same page set alone by the same typst",
    )


async def timed(into: list[float], act: Callable[[], Awaitable]):
    """What it answers; its milliseconds go `into` the list."""
    began = time.perf_counter()
    answer = await act()
    into.append(1000 * (time.perf_counter() - began))
    return answer


async def client_of(seat: Seat) -> str:
    """A client of the firm."""
    contacts = tenancy_pb2_grpc.ContactServiceStub(seat.portal.peers.channel("tenancy"))
    return (await contacts.ListContacts(tenancy_pb2.ListContactsRequest(page_size=1))).contacts[0].id


async def saved(invoices: billing_pb2_grpc.InvoiceServiceStub, contact_id: str) -> billing_pb2.Invoice:
    """A draft."""
    draft = billing_pb2.Invoice(contact_id=contact_id, payment_days=30, currency="EUR")
    for description, quantity, unit, price, rate in WORDS:
        draft.lines.add(description=description, quantity=quantity, unit=unit, unit_price=price, vat_rate=rate)
    return await invoices.SaveDraft(billing_pb2.SaveDraftRequest(invoice=draft))


async def closed(invoices: billing_pb2_grpc.InvoiceServiceStub, draft: billing_pb2.Invoice) -> billing_pb2.Invoice:
    """The invoice with its number."""
    return await invoices.CloseInvoice(billing_pb2.CloseInvoiceRequest(id=draft.id, version=draft.version))


async def filed_after(invoices: billing_pb2_grpc.InvoiceServiceStub, made: billing_pb2.Invoice) -> None:
    """Returns once its PDF is in the client's folder."""
    deadline = time.monotonic() + PATIENCE
    while made.state != billing_pb2.INVOICE_STATE_FILED:
        if time.monotonic() > deadline:
            raise RuntimeError(f"Invoice {made.number} was not filed within {PATIENCE:g} s.")
        await asyncio.sleep(PAUSE)
        made = await invoices.GetInvoice(billing_pb2.GetInvoiceRequest(id=made.id))


async def set_alone() -> bytes:
    """A page with as much on it."""
    party = Party("Cabinet Orsel", "SAS", "10 000 €", "404833048", address=("12 quai de la Fosse", "44000 Nantes"))
    lines = tuple(Line(words, Decimal(count), unit, Decimal(price), Decimal(rate))
                  for words, count, unit, price, rate in WORDS)  # fmt: skip
    today, now = date(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC)
    page = layout.page(
        ClosedInvoice(
            id="", contact_id="", number="F2026-00001", issued=today, due=today, supplied=today,
            closed_at=now.isoformat(), currency="EUR", purchase_order="", note="", exemption="", payment_days=30,
            seller=party, buyer=party, lines=lines,
        ),
        "",
    )  # fmt: skip
    return await Typesetter(1).typeset(page, now)


if __name__ == "__main__":
    run(main)
