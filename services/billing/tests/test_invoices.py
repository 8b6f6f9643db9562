"""Drafts, closing, numbers and who sees what, on real PostgreSQL."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from billing_stage import RIGHTS, line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parvis.billing.v1 import billing_pb2 as pb
from parvis.documents.v1 import events_pb2 as documents_events
from parvis.tenancy.v1 import tenancy_pb2
from parvis_billing import domain
from parvis_billing.models import Model
from parvis_billing.service import closing
from parvis_billing.service.records import project_folder
from parvis_kit.errors import ServiceError
from parvis_kit.grants import ALL, GrantSet
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually


async def test_draft_is_computed(suite, firm, client):
    draft = await suite.draft(
        firm, client, line(quantity="12", unit_price="18,50"), line(unit_price="100", vat_rate="5.5")
    )
    assert (draft.net_cents, draft.tax_cents, draft.gross_cents) == (32_200, 4_990, 37_190)
    assert [(tax.vat_rate, tax.base_cents, tax.tax_cents) for tax in draft.taxes] == [
        ("20", 22_200, 4_440),
        ("5.5", 10_000, 550),
    ]
    assert (draft.state, draft.number, draft.version) == (pb.INVOICE_STATE_DRAFT, "", 1)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(
        st.tuples(
            st.decimals("0.0001", 500, places=4), st.decimals(0, 5000, places=4), st.sampled_from(domain.VAT_RATES)
        ),
        min_size=1, max_size=6,
    )
)  # fmt: skip
async def test_preview_is_what_the_draft_will_be(suite, firm, client, rows):
    lines = [line(quantity=str(q), unit_price=str(price), vat_rate=str(rate)) for q, price, rate in rows]
    preview = await suite.call("PreviewDraft", firm, pb.PreviewDraftRequest(lines=lines))
    draft = await suite.draft(firm, client, *lines)
    for name in ("net_cents", "tax_cents", "gross_cents", "taxes"):
        assert getattr(preview, name) == getattr(draft, name)
    assert [each.total_cents for each in preview.lines] == [each.total_cents for each in draft.lines]


async def test_preview_leaves_out_what_cannot_be_read_and_writes_nothing(suite, firm):
    lines = [line(unit_price="10"), line(unit_price=""), line(quantity="1e9"), line(vat_rate="19"), line(quantity="x")]
    preview = await suite.call("PreviewDraft", firm, pb.PreviewDraftRequest(lines=lines))
    assert [each.HasField("total_cents") for each in preview.lines] == [True, False, False, False, False]
    assert (preview.net_cents, preview.gross_cents) == (1000, 1200)
    for table in ("invoices", "lines", "audit", "outbox"):
        query = f"SELECT 1 FROM {table} WHERE organisation_id = $1"  # noqa: S608 - names above
        assert await suite.rows(firm, query, firm) == []
    with pytest.raises(ServiceError, match="invalid_invoice"):
        await suite.call("PreviewDraft", firm, pb.PreviewDraftRequest(lines=[line()] * 501))


async def test_draft_is_changed_with_its_version(suite, firm, client):
    draft = await suite.draft(firm, client)
    changed = await suite.draft(firm, client, line(unit_price="10"), id=draft.id, version=1)
    assert (changed.net_cents, changed.version, len(changed.lines)) == (1_000, 2, 1)
    with pytest.raises(ServiceError, match="stale_version") as refused:
        await suite.draft(firm, client, id=draft.id, version=1)
    assert refused.value.params["version"] == "2", "whoever saves again replaces what is there now"


async def test_every_wrong_field_is_named(suite, firm, client):
    with pytest.raises(ServiceError, match="invalid_invoice") as refused:
        await suite.draft(firm, client, line(quantity="x"), payment_days=90, supply_date="31/02/2026")
    found = {(violation.field, violation.reason) for violation in refused.value.violations}
    assert found == {
        ("lines[1].quantity", "not_a_quantity"),
        ("payment_days", "too_long"),
        ("supply_date", "not_a_date"),
    }


async def test_draft_says_what_stops_it(suite):
    firm = await suite.firm(siren="", vat_number="")
    draft = await suite.draft(firm, await suite.client(firm))
    assert list(draft.missing_mentions) == ["seller.siren", "seller.vat_number"]


async def test_closed_invoice_has_number_dates_parties_and_digest(suite, firm, client):
    closed = await suite.closed(firm, client, payment_days=45)
    year = closed.issue_date[:4]
    assert closed.number == f"F{year}-00001"
    assert closed.state == pb.INVOICE_STATE_CLOSED
    assert closed.supply_date == closed.issue_date < closed.due_date
    assert (closed.seller.name, closed.buyer.name) == ("Cabinet Armor Conseil", "Menuiserie Kerautret")
    assert list(closed.seller.address) == ["12 quai de la Fosse", "44000 Nantes"]
    assert len(closed.digest) == 64
    assert list(closed.missing_mentions) == []


async def test_missing_mention_stops_the_closing_and_takes_no_number(suite):
    firm = await suite.firm(siren="")
    client = await suite.client(firm)
    draft = await suite.draft(firm, client)
    with pytest.raises(ServiceError, match="missing_mentions") as refused:
        await suite.close(firm, draft)
    assert [violation.field for violation in refused.value.violations] == ["seller.siren"]
    assert await suite.rows(firm, "SELECT 1 FROM series") == []


async def test_sign_that_cannot_be_printed_is_shown_on_the_draft_and_stops_the_closing(suite, firm):
    client = await suite.client(firm, name="Société 中 Kerautret")
    draft = await suite.draft(firm, client, line("Bardage 12 ㎡"), line("Café 😀 中"), note="Œuvre – “finie” ✓")
    expected = {"buyer.name": "中", "lines[2].description": "中 😀"}
    assert {found.field: found.signs for found in draft.unprintable_signs} == expected, "m² has a plain form: 12 m2"
    with pytest.raises(ServiceError, match="unprintable_sign") as refused:
        await suite.close(firm, draft)
    assert {each.field: each.params["sign"] for each in refused.value.violations} == expected
    assert {each.reason for each in refused.value.violations} == {"unprintable_sign"}
    assert refused.value.params["sign"] == "中 😀"
    assert await suite.rows(firm, "SELECT 1 FROM series") == []


async def test_control_characters_are_refused_when_a_draft_is_saved(suite, firm, client):
    with pytest.raises(ServiceError, match="invalid_invoice") as refused:
        await suite.draft(
            firm, client, line("Bardage\x01", unit="h\n"), line("À\u202eB"), note="Merci\x07", purchase_order="BC\n1"
        )
    found = {(violation.field, violation.reason) for violation in refused.value.violations}
    places = ("lines[1].description", "lines[2].description", "note", "purchase_order")
    assert found == {(place, "control_characters") for place in places}
    await suite.draft(firm, client, line("Deux\nlignes"), note="Merci\r\n\tà vous")


async def test_invoice_without_lines_is_not_closed(suite, firm, client):
    empty = pb.SaveDraftRequest(invoice=pb.Invoice(contact_id=str(client)))
    draft = await suite.call("SaveDraft", firm, empty)
    with pytest.raises(ServiceError, match="no_lines"):
        await suite.close(firm, draft)


async def test_negative_invoice_is_not_closed(suite, firm, client):
    with pytest.raises(ServiceError, match="negative_total"):
        await suite.close(firm, await suite.draft(firm, client, line(quantity="-1")))


async def test_version_that_was_not_seen_is_not_closed(suite, firm, client):
    draft = await suite.draft(firm, client)
    draft.version = 7
    with pytest.raises(ServiceError, match="stale_version"):
        await suite.close(firm, draft)


async def test_closed_invoice_takes_no_change(suite, firm, client):
    closed = await suite.closed(firm, client)
    for attempt in (
        suite.close(firm, closed),
        suite.draft(firm, client, id=closed.id, version=closed.version),
        suite.call("DeleteDraft", firm, pb.DeleteDraftRequest(id=closed.id)),
    ):
        with pytest.raises(ServiceError, match="invoice_closed"):
            await attempt


async def test_discarded_draft_is_gone_and_takes_no_number(suite, firm, client):
    draft = await suite.draft(firm, client)
    await suite.call("DeleteDraft", firm, pb.DeleteDraftRequest(id=draft.id))
    with pytest.raises(ServiceError, match="not_found"):
        await suite.call("GetInvoice", firm, pb.GetInvoiceRequest(id=draft.id))
    assert (await suite.closed(firm, client)).number.endswith("-00001")


class GivenUpError(Exception):
    """The transaction that closed does not commit."""


class TestNumbers:
    """Numbers follow each other whatever closes, fails and is thrown away at once."""

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(fates=st.lists(st.booleans(), min_size=2, max_size=14))
    async def test_no_gap_and_no_double_under_concurrent_closers_and_rollbacks(self, suite, fates):
        firm = await suite.firm()
        client = await suite.client(firm)
        drafts = [await suite.draft(firm, client) for _ in fates]

        async def close(draft, commits):
            async with suite.unit(firm) as unit:
                unit.grants = staff(firm)
                await closing.close(unit, suite.records, suite.typesetter, draft.id, draft.version)
                await unit.flush()
                if not commits:
                    raise GivenUpError

        outcomes = await asyncio.gather(*map(close, drafts, fates), return_exceptions=True)
        assert [isinstance(outcome, GivenUpError) for outcome in outcomes] == [not commits for commits in fates]
        rows = await suite.rows(
            firm,
            "SELECT sequence, issue_date, closed_at, year FROM invoices WHERE number IS NOT NULL ORDER BY sequence",
        )
        assert [row["sequence"] for row in rows] == list(range(1, sum(fates) + 1))
        assert [row["closed_at"] for row in rows] == sorted(row["closed_at"] for row in rows)
        async with suite.unit(firm) as unit:
            assert not rows or await closing.first_break(unit, rows[0]["year"]) is None

    async def test_two_closings_of_one_draft_give_one_number(self, suite, firm, client):
        draft = await suite.draft(firm, client)
        outcomes = await asyncio.gather(*(suite.close(firm, draft) for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(outcome, pb.Invoice) for outcome in outcomes) == 1
        assert await suite.rows(firm, "SELECT last_number FROM series") == [(1,)]

    async def test_each_firm_has_its_own_numbers(self, suite, firm, client):
        other = await suite.firm()
        assert (await suite.closed(firm, client)).number.endswith("-00001")
        assert (await suite.closed(other, await suite.client(other))).number.endswith("-00001")


def staff(firm):
    return GrantSet(uuid7(), firm, "staff", 1, dict.fromkeys(RIGHTS, ALL))


CHANGES = {
    "amount": "UPDATE invoices SET net_cents = net_cents + 1 WHERE id = $1",
    "number": "UPDATE invoices SET number = 'F2026-99999' WHERE id = $1",
    "back to draft": "UPDATE invoices SET state = 'draft', number = NULL WHERE id = $1",
    "buyer": "UPDATE invoices SET buyer = '{}' WHERE id = $1",
    "removal": "DELETE FROM invoices WHERE id = $1",
    "line": "UPDATE lines SET quantity = 2 WHERE invoice_id = $1",
    "line removed": "DELETE FROM lines WHERE invoice_id = $1",
    "line added": "INSERT INTO lines SELECT organisation_id, invoice_id, 99, description, quantity, unit, unit_price, "
    "vat_rate, total_cents FROM lines WHERE invoice_id = $1",
    "filed with another note": "UPDATE invoices SET state = 'filed', document_id = id, note = 'x' WHERE id = $1",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_database_refuses_a_change_of_what_is_closed(suite, database_urls, firm, client, change):
    """Even its owner, who could write the table, cannot: the triggers hold."""
    closed = await suite.closed(firm, client)
    connection = await asyncpg.connect(database_urls.superuser)
    try:
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(change, closed.id)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "change",
    ["UPDATE series SET last_number = last_number + 2", "UPDATE series SET last_number = 0", "DELETE FROM series"],
)
async def test_database_refuses_a_jump_of_numbers(suite, database_urls, firm, client, change):
    await suite.closed(firm, client)
    connection = await asyncpg.connect(database_urls.superuser)
    try:
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(f"{change} WHERE organisation_id = $1", firm)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE invoices SET note = 'autre' WHERE id = $1",
        "UPDATE invoices SET issue_date = issue_date - 1 WHERE id = $1",
        "UPDATE invoices SET buyer = jsonb_set(buyer, '{name}', '\"Autre\"') WHERE id = $1",
        "UPDATE lines SET unit_price = unit_price + 0.01 WHERE invoice_id = $1",
    ],
)
async def test_change_behind_the_triggers_is_found_by_the_chain(suite, database_urls, firm, client, change):
    first, second = [await suite.closed(firm, client) for _ in range(2)]
    connection = await asyncpg.connect(database_urls.superuser)
    try:
        await connection.execute("SET session_replication_role = replica")  # triggers off, as only a superuser may
        await connection.execute(change, second.id)
    finally:
        await connection.close()
    async with suite.unit(firm) as unit:
        assert await closing.first_break(unit, int(first.issue_date[:4])) == second.number


async def numbers(suite, firm, **access):
    found = await suite.call("ListInvoices", firm, pb.ListInvoicesRequest(**access.pop("ask", {})), **access)
    return [invoice.id for invoice in found.invoices]


async def test_list_is_paged_newest_first(suite, firm, client):
    made = [(await suite.draft(firm, client)).id for _ in range(5)]
    first = await suite.call("ListInvoices", firm, pb.ListInvoicesRequest(page_size=3))
    rest = await suite.call("ListInvoices", firm, pb.ListInvoicesRequest(page_size=3, page_token=first.next_page_token))
    assert [invoice.id for invoice in (*first.invoices, *rest.invoices)] == made[::-1]
    assert (first.total, rest.total, rest.next_page_token) == (5, 5, "")
    assert await numbers(suite, firm, ask={"page_size": -3}) == made[::-1]


async def test_list_is_searched_by_number_and_name(suite, firm, client):
    closed = await suite.closed(firm, client)
    other = await suite.draft(firm, await suite.client(firm, name="Crêperie Élan"))
    assert await numbers(suite, firm, ask={"query": closed.number[-5:]}) == [closed.id]
    assert await numbers(suite, firm, ask={"query": "elan"}) == [other.id]
    assert await numbers(suite, firm, ask={"state": pb.INVOICE_STATE_DRAFT}) == [other.id]


async def test_staff_sees_invoices_of_their_clients_only(suite, firm):
    me, someone = uuid7(), uuid7()
    mine = await suite.draft(firm, await suite.client(firm, advisers=[me, someone]))
    theirs = await suite.draft(firm, await suite.client(firm, advisers=[someone]))
    assert await numbers(suite, firm, scope=frozenset([me])) == [mine.id]
    assert await numbers(suite, firm, scope=frozenset([someone])) == [theirs.id, mine.id]
    with pytest.raises(ServiceError, match="not_found"):
        await suite.call("GetInvoice", firm, pb.GetInvoiceRequest(id=theirs.id), scope=frozenset([me]))


async def test_what_is_seen_but_not_to_be_closed_is_forbidden(suite, firm, client):
    draft = await suite.draft(firm, client)
    with pytest.raises(ServiceError, match="out_of_scope") as refused:
        await suite.close(firm, draft, rights=("invoices.read",))
    assert refused.value.params == {"right": "invoices.close"}


async def test_client_of_another_adviser_is_not_invoiced(suite, firm):
    client = await suite.client(firm, advisers=[uuid7()])
    request = pb.SaveDraftRequest(invoice=pb.Invoice(contact_id=str(client)))
    with pytest.raises(ServiceError, match="contact"):
        await suite.call("SaveDraft", firm, request, scope=frozenset([uuid7()]))


async def test_other_firm_sees_nothing(suite, firm, client):
    draft = await suite.draft(firm, client)
    assert await numbers(suite, await suite.firm()) == []
    with pytest.raises(ServiceError, match="not_found"):
        await suite.call("GetInvoice", await suite.firm(), pb.GetInvoiceRequest(id=draft.id))


async def test_portal_sees_closed_invoices_of_its_contact(suite, firm, client):
    await suite.draft(firm, client)
    closed = await suite.closed(firm, client)
    await suite.closed(firm, await suite.client(firm))
    assert await numbers(suite, firm, portal={client: None}) == [closed.id]
    seen = await suite.call("GetInvoice", firm, pb.GetInvoiceRequest(id=closed.id), portal={client: None})
    assert seen.gross_cents == closed.gross_cents


async def test_portal_does_not_see_drafts(suite, firm, client):
    draft = await suite.draft(firm, client)
    with pytest.raises(ServiceError, match="not_found"):
        await suite.call("GetInvoice", firm, pb.GetInvoiceRequest(id=draft.id), portal={client: None})


async def test_portal_limited_to_other_folders_sees_no_invoice(suite, documents, firm, client):
    closed = await suite.closed(firm, client)
    await suite.filed(firm, closed.id)
    assert await numbers(suite, firm, portal={client: frozenset([uuid7()])}) == []
    assert await numbers(suite, firm, portal={client: frozenset([documents.folder])}) == [closed.id]


async def test_portal_limited_to_the_folder_of_invoices_sees_one_whose_pdf_is_being_made(
    suite, documents, firm, client
):
    documents.failures += ["start"] * 3
    closed = await suite.closed(firm, client)
    assert await numbers(suite, firm, portal={client: frozenset([documents.folder])}) == [closed.id]
    assert await numbers(suite, firm, portal={client: frozenset([uuid7()])}) == []
    documents.failures.clear()


@pytest.mark.parametrize("is_filed", [False, True])
async def test_portal_sees_no_invoice_of_a_folder_that_is_not_shared(suite, documents, firm, client, is_filed):
    closed = await suite.closed(firm, client)
    if is_filed:
        await suite.filed(firm, closed.id)
    for version, shared in ((2, False), (3, True)):
        event = documents_events.FolderTemplateChanged(template=suite.folder(portal=shared))
        await suite.tell(firm, event, aggregate_id=documents.folder, version=version)
        query = "SELECT 1 FROM folders WHERE version = $1"
        await eventually(lambda query=query, version=version: suite.rows(firm, query, version))
        for access in (None, frozenset([documents.folder])):
            assert await numbers(suite, firm, portal={client: access}) == ([closed.id] if shared else [])
            recent = await suite.call("GetOverview", firm, pb.GetOverviewRequest(), portal={client: access})
            assert len(recent.recent) == shared
            one = suite.call("GetInvoice", firm, pb.GetInvoiceRequest(id=closed.id), portal={client: access})
            if shared:
                assert (await one).id == closed.id
            else:
                with pytest.raises(ServiceError, match="not_found"):
                    await one
        assert await numbers(suite, firm) == [closed.id], "the firm always sees it"


async def test_older_news_of_a_folder_and_folders_of_others_change_nothing(suite, documents, firm, client):
    async with suite.unit(firm) as unit:
        await project_folder(unit, suite.folder(portal=False), 5)
        await project_folder(unit, suite.folder(portal=True), 5)
        await project_folder(unit, suite.folder(portal=True), 4)
        supplier = tenancy_pb2.CONTACT_KIND_SUPPLIER
        await project_folder(unit, suite.folder(id=str(uuid7()), audience=supplier), 1)
    await suite.closed(firm, client)
    assert await numbers(suite, firm, portal={client: None}) == []


async def test_home_page_shows_drafts_to_staff_and_recent_invoices_to_the_portal(suite, firm, client):
    await suite.draft(firm, client)
    closed = [(await suite.closed(firm, client)).id for _ in range(4)]
    request = pb.GetOverviewRequest()
    assert (await suite.call("GetOverview", firm, request)).drafts == 1
    assert (await suite.call("GetOverview", firm, request, rights=())).drafts == 0
    portal = await suite.call("GetOverview", firm, request, portal={client: None})
    assert [invoice.id for invoice in portal.recent] == closed[:0:-1]


async def test_client_whose_news_is_late_is_asked_for(suite, firm):
    contact = tenancy_pb2.Contact(id=str(uuid7()), kind=tenancy_pb2.CONTACT_KIND_CLIENT, name="Tard venu", version=1)
    suite.tenancy.contacts[UUID(contact.id)] = contact
    assert (await suite.draft(firm, contact.id)).contact_name == "Tard venu"


async def test_contact_that_is_no_client_is_not_invoiced(suite, firm):
    employee = await suite.client(firm, kind=tenancy_pb2.CONTACT_KIND_EMPLOYEE)
    with pytest.raises(ServiceError, match="contact"):
        await suite.draft(firm, employee)


async def test_acts_are_in_the_audit(suite, firm, client):
    closed = await suite.closed(firm, client)
    await suite.filed(firm, closed.id)
    acts = [
        row["act"]
        for row in await suite.rows(firm, "SELECT act FROM audit WHERE target_id = $1 ORDER BY id", closed.id)
    ]
    assert acts == ["invoice.drafted", "invoice.closed", "invoice.filed"]


@pytest.mark.parametrize("table", Model.metadata.tables.values(), ids=lambda table: table.name)
async def test_table_has_the_columns_of_its_model(table, database, caller):
    query = "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = $1"
    async with database.begin(caller()) as unit:
        found = {row["column_name"]: row["is_nullable"] == "YES" for row in await unit.fetch(query, table.name)}
    assert found == {column.name: bool(column.nullable) for column in table.columns}
