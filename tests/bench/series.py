"""All invoices of a firm, as it reads them, and what is wrong with their numbers."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable

from parvis.billing.v1 import billing_pb2


async def all_invoices(
    ask: Callable[[billing_pb2.ListInvoicesRequest], Awaitable[billing_pb2.ListInvoicesResponse]],
) -> list[billing_pb2.Invoice]:
    """Page by page; `ask` gives one."""
    found, token = list[billing_pb2.Invoice](), ""
    while True:
        page = await ask(billing_pb2.ListInvoicesRequest(page_size=100, page_token=token))
        found += page.invoices
        token = page.next_page_token
        if not token:
            return found


def wrong_numbers(invoices: list[billing_pb2.Invoice]) -> list[str]:
    """Numbers that are missing or were given twice, by series ("F2026-00007" is the seventh of F2026)."""
    given = defaultdict[str, Counter[int]](Counter)
    for invoice in invoices:
        if invoice.number:
            series, _, place = invoice.number.rpartition("-")
            given[series][int(place)] += 1
    return [
        f"{series}-{place:05}: {places[place]} times"
        for series, places in sorted(given.items())
        for place in range(1, max(places) + 1)
        if places[place] != 1
    ]
