"""Invoices, notifications, mail templates: what is typed, what is added up, what is said before and after closing."""

import pytest

from parvis.billing.v1 import billing_pb2
from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Violation, conflict, invalid, precondition, unavailable
from parvis_web.pages import invoice_lines as lines
from parvis_web.testing import Suite, make_frame, text_of

CONTACT, INVOICE, DOCUMENT, MESSAGE = (f"0192f000-0000-7000-8000-0000000000f{n}" for n in range(4))
DRAFT, CLOSED, FILED = (
    billing_pb2.INVOICE_STATE_DRAFT,
    billing_pb2.INVOICE_STATE_CLOSED,
    billing_pb2.INVOICE_STATE_FILED,
)


def an_invoice(state: billing_pb2.InvoiceState.ValueType = DRAFT, **changes: object) -> billing_pb2.Invoice:
    line = billing_pb2.Line(
        description="Conseil", quantity="1.5", unit="h", unit_price="85.5", vat_rate="20", total_cents=12825
    )
    invoice = billing_pb2.Invoice(
        id=INVOICE, state=state, contact_id=CONTACT, contact_name="Kerautret", lines=[line], net_cents=12825,
        tax_cents=2565, gross_cents=15390, payment_days=30, version=7, currency="EUR",
    )  # fmt: skip
    for name, value in changes.items():
        setattr(invoice, name, value)
    return invoice


def typed(*rows: tuple[str, str, str, str], **others: str) -> dict[str, str]:
    form = {"contact_id": CONTACT, "contact_name": "Kerautret", "payment_days": "30", "version": "0", **others}
    for place, (description, quantity, price, rate) in enumerate(rows, start=1):
        form |= {
            f"lines[{place}].description": description,
            f"lines[{place}].quantity": quantity,
            f"lines[{place}].unit": "h",
            f"lines[{place}].unit_price": price,
            f"lines[{place}].vat_rate": rate,
        }
    return form


async def test_the_total_is_made_while_it_is_typed_and_nothing_is_saved(suite: Suite):
    totals = billing_pb2.DraftPreview(net_cents=187_175, tax_cents=37_145, gross_cents=224_320)
    totals.taxes.add(vat_rate="5.5", base_cents=2_000, tax_cents=110)
    suite.services.answers["PreviewDraft"] = totals
    form = typed(("Conseil", "1,5", "1 234,50", "20"), ("Livre", "", "", "5.5"))
    answer = await suite.post("/o/durand/invoices/new", form, headers={"HX-Target": "totals", "HX-Request": "true"})
    said = text_of(answer)
    assert "<html" not in answer.text
    assert "€1,871.75" in said
    assert "VAT 5.5 % on €20.00 €1.10" in said
    assert "€2,243.20" in said
    sent = suite.services.last("PreviewDraft").lines
    assert [(line.quantity, line.unit_price, line.vat_rate) for line in sent] == [
        ("1.5", "1234.50", "20"),
        ("", "", "5.5"),
    ]
    assert "SaveDraft" not in suite.services.calls


async def test_what_is_typed_is_kept_when_billing_does_not_answer(suite: Suite):
    suite.services.answers["PreviewDraft"] = unavailable("service_unavailable")
    answer = await suite.post("/o/durand/invoices/new", typed(("Conseil", "1", "10", "20"), act="add"))
    assert answer.status_code == 200
    assert 'value="Conseil"' in answer.text
    assert "The total cannot be computed at the moment" in text_of(answer)


async def test_a_line_is_added_and_taken_away_without_script(suite: Suite):
    more = await suite.post("/o/durand/invoices/new", typed(("Conseil", "1", "10", "20"), act="add"))
    assert 'name="lines[2].description"' in more.text
    both = typed(("Conseil", "1", "10", "20"), ("Trajet", "1", "5", "20"), act="remove-1")
    fewer = await suite.post("/o/durand/invoices/new", both)
    assert 'value="Trajet"' in fewer.text
    assert 'value="Conseil"' not in fewer.text


async def test_a_draft_goes_to_billing_as_decimals(suite: Suite):
    suite.services.answers["SaveDraft"] = an_invoice()
    form = typed(("Conseil", "1,5", "1 234,50", "20"), ("", "1", "", "20"), act="save")
    answer = await suite.post("/o/durand/invoices/new", form)
    assert answer.headers["location"] == f"/o/durand/invoices/{INVOICE}"
    sent = suite.services.last("SaveDraft").invoice
    assert [(line.quantity, line.unit_price) for line in sent.lines] == [("1.5", "1234.50")]


async def test_what_is_wrong_with_a_line_is_said_at_its_field(suite: Suite):
    error = invalid("fields_invalid", [Violation("lines[1].unit_price", "not_an_amount", {"places": "6"})])
    suite.services.answers["SaveDraft"] = error
    answer = await suite.post("/o/durand/invoices/new", typed(("Conseil", "1", "abc", "20"), act="save"))
    assert answer.status_code == 422
    assert 'href="#f-lines[1].unit_price"' in answer.text
    assert 'value="abc"' in answer.text


async def test_what_is_missing_is_listed_with_where_to_complete_it(suite: Suite):
    invoice = an_invoice()
    invoice.missing_mentions.extend(["seller.capital", "buyer.address", "exemption"])
    suite.services.answers["GetInvoice"] = invoice
    answer = await suite.get(f"/o/durand/invoices/{INVOICE}")
    assert 'href="/o/durand/settings/organisation"' in answer.text
    assert f'href="/o/durand/contacts/{CONTACT}/edit"' in answer.text
    assert f"/o/durand/invoices/{INVOICE}/close" not in answer.text


async def test_a_sign_that_cannot_be_printed_is_shown_where_it_is_corrected(suite: Suite):
    invoice = an_invoice()
    for field, signs in (("buyer.name", "中"), ("lines[2].description", "😀"), ("exemption", "㊥")):
        invoice.unprintable_signs.add(field=field, signs=signs)
    suite.services.answers["GetInvoice"] = invoice
    answer = await suite.get(f"/o/durand/invoices/{INVOICE}")
    said = text_of(answer)
    assert "cannot be printed: 中 (name of the client)" in said
    assert "cannot be printed: 😀 (line 2), ㊥ (reason for the zero rate)" in said
    assert f'href="/o/durand/contacts/{CONTACT}/edit"' in answer.text
    assert f'href="/o/durand/invoices/{INVOICE}/edit"' in answer.text
    assert f"/o/durand/invoices/{INVOICE}/close" not in answer.text


async def test_closing_says_what_it_does_and_carries_the_version_that_was_seen(suite: Suite):
    suite.services.answers["GetInvoice"] = an_invoice()
    said = text_of(await suite.get(f"/o/durand/invoices/{INVOICE}"))
    assert "It takes the next number and can never be changed again" in said
    suite.services.answers["CloseInvoice"] = an_invoice(CLOSED, number="F2026-00001")
    answer = await suite.post(f"/o/durand/invoices/{INVOICE}/close", {"version": "7"})
    assert answer.status_code == 303
    assert suite.services.last("CloseInvoice").version == 7


async def test_a_draft_that_gives_money_back_is_not_offered_for_closing(suite: Suite):
    suite.services.answers["GetInvoice"] = an_invoice(gross_cents=-12000)
    answer = await suite.get(f"/o/durand/invoices/{INVOICE}")
    assert "Its total is negative" in text_of(answer)
    assert f"/invoices/{INVOICE}/close" not in answer.text


async def test_what_is_too_long_or_too_large_says_what_would_do(suite: Suite):
    found = [
        Violation("lines[1].description", "too_long", {"limit": "1000"}),
        Violation("lines[1].unit_price", "too_large", {"limit": "1000000000"}),
        Violation("payment_days", "too_long", {"limit": "60"}),
    ]
    suite.services.answers["SaveDraft"] = invalid("invalid_invoice", found)
    answer = await suite.post("/o/durand/invoices/new", typed(("x", "1", "1", "20"), act="save"))
    for said in ("at most 1000 characters", "too large for an invoice", "A whole number of days, from 0 to 60"):
        assert said in text_of(answer)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_draft_that_was_closed_in_another_tab_is_shown_as_the_invoice_it_is(suite: Suite, method):
    closed = an_invoice(CLOSED, number="F2026-00007")
    suite.services.answers |= {"SaveDraft": precondition("invoice_closed"), "GetInvoice": closed}
    address, form = f"/o/durand/invoices/{INVOICE}/edit", {"act": "save", "contact_id": CONTACT, "version": "7"}
    answer = await (suite.get(address) if method == "GET" else suite.post(address, form))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/o/durand/invoices/{INVOICE}")
    assert "This invoice is closed" in text_of(await suite.get(f"/o/durand/invoices/{INVOICE}"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (precondition("invoice_closed"), "This invoice is closed"),
        (precondition("missing_mentions"), "What the law asks for"),
        (precondition("unprintable_sign", sign="中 😀"), "Signs that cannot be printed: 中 😀"),
        (conflict("stale_version", version="8"), "Somebody changed this draft"),
    ],
)
async def test_a_draft_that_cannot_be_closed_says_why_on_its_page(suite: Suite, error, said):
    suite.services.answers |= {"CloseInvoice": error, "GetInvoice": an_invoice()}
    answer = await suite.post(f"/o/durand/invoices/{INVOICE}/close", {"version": "7"}, follow_redirects=True)
    assert answer.status_code == 200
    assert said in text_of(answer)


async def test_a_closed_invoice_looks_again_until_its_pdf_is_filed(suite: Suite):
    suite.services.answers["GetInvoice"] = an_invoice(CLOSED, number="F2026-00001")
    assert "hx-trigger" in (await suite.get(f"/o/durand/invoices/{INVOICE}")).text
    suite.services.answers["GetInvoice"] = an_invoice(FILED, number="F2026-00001", document_id=DOCUMENT)
    answer = await suite.get(f"/o/durand/invoices/{INVOICE}")
    assert f"/o/durand/documents/{DOCUMENT}" in answer.text
    assert "hx-trigger" not in answer.text


async def test_a_client_has_a_statement_and_no_way_to_write(suite: Suite):
    suite.organisations[0].kind = tenancy_pb2.MEMBERSHIP_KIND_PORTAL
    suite.services.answers |= {
        "GetFrame": make_frame(tenancy_pb2.MEMBERSHIP_KIND_PORTAL, ()),
        "ListInvoices": billing_pb2.ListInvoicesResponse(invoices=[an_invoice(FILED, number="F2026-00001")], total=1),
        "GetInvoice": an_invoice(FILED, number="F2026-00001", document_id=DOCUMENT, digest="ab" * 32),
    }
    listed = await suite.get("/o/durand/invoices?state=draft")
    assert "Statement of your invoices" in text_of(listed)
    assert suite.services.last("ListInvoices").state == billing_pb2.INVOICE_STATE_UNSPECIFIED
    shown = await suite.get(f"/o/durand/invoices/{INVOICE}")
    assert "/edit" not in shown.text
    assert "Proof of content" not in text_of(shown)
    assert (await suite.get("/o/durand/invoices/new")).status_code == 404


@pytest.mark.parametrize("text", ["", "abc", "1e999999", "1e-9999999", "1_0", "NaN", "Infinity", "١٢", "1,2,3"])
def test_what_is_no_number_is_left_out_of_the_total(text):
    assert lines.read_decimal(text) is None


@pytest.mark.parametrize("text", ["1 234,56", "1234.56", "1\u202f234,56 €", "1.234,56", "1,234.56", "1’234.56"])
def test_a_price_is_read_however_it_is_typed_or_pasted(text):
    assert lines.as_sent(text) == "1234.56"


async def test_a_message_that_was_not_sent_says_why(suite: Suite):
    message = notify_pb2.Message(
        id=MESSAGE, subject="Un document vous attend", state=notify_pb2.MESSAGE_STATE_FAILED, reason="no_address"
    )
    suite.services.answers["GetMessage"] = notify_pb2.MessageRecord(message=message, text="Bonjour")
    said = text_of(await suite.get(f"/o/durand/notifications/{MESSAGE}"))
    assert "The record has no mail address for this use" in said
    assert "Bonjour" in said


def a_template(**changes: object) -> notify_pb2.Template:
    template = notify_pb2.Template(
        kind=notify_pb2.TEMPLATE_KIND_DOCUMENT_FILED, locale="fr", subject="Nouveau : #document#", body="#lien#",
        fields=[notify_pb2.MergeField(name="lien", example="https://x", required=True)], version=2,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(template, name, value)
    return template


TEMPLATE = "/o/durand/settings/templates/document-filed/fr"


async def test_the_preview_follows_what_is_typed(suite: Suite):
    suite.services.answers |= {
        "GetTemplate": a_template(),
        "PreviewTemplate": lambda request: notify_pb2.Preview(subject=request.template.subject, text="Bonjour"),
    }
    answer = await suite.post(
        TEMPLATE, {"subject": "Autre", "body": "#lien#", "version": "2"}, headers={"HX-Target": "preview"}
    )
    assert "Autre" in answer.text
    assert "<html" not in answer.text
    assert "SaveTemplate" not in suite.services.calls


async def test_an_unknown_merge_field_is_said_at_the_field_with_the_nearest_one(suite: Suite):
    error = invalid(
        "invalid_template", [Violation("body", "merge_field_unknown", {"field": "lein", "nearest": "lien"})]
    )
    suite.services.answers |= {"GetTemplate": a_template(), "SaveTemplate": error}
    answer = await suite.post(TEMPLATE, {"subject": "S", "body": "#lein#", "version": "2", "act": "save"})
    assert answer.status_code == 422
    assert 'href="#f-body"' in answer.text
    assert "#lein# does not exist. Did you mean #lien#?" in text_of(answer)


@pytest.mark.parametrize("path", ["nothing/fr", "document-filed/de"])
async def test_a_template_that_does_not_exist_is_not_found(suite: Suite, path):
    assert (await suite.get(f"/o/durand/settings/templates/{path}")).status_code == 404
