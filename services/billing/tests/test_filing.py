"""From a closed invoice to its document."""

import asyncio
import io
import json
from datetime import UTC, datetime

import pikepdf
import pytest
from billing_stage import line
from pypdf import PdfReader

from parvis_billing import typesetting
from parvis_billing.typesetter import COMMON, Typesetter

PAGE = {
    "title": "t", "accent": "#0f5c5c", "number": "F1", "seller": {"name": "s", "rows": []},
    "buyer": {"name": "b", "rows": []}, "facts": [], "columns": list("abcde"), "lines": [], "totals": [],
    "due_label": "d", "due_amount": "1", "payment": ["p"], "notes": [], "mentions": [], "legal_line": "l",
}  # fmt: skip


def pdf_of(documents, invoice):
    return documents.uploads[f"invoice:{invoice.id}"]["bytes"]


def text_of(pdf):
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return " ".join(text.replace("\u00a0", " ").split())


async def test_closed_invoice_becomes_one_document(suite, documents, firm, client):
    closed = await suite.closed(firm, client)
    filed = await suite.filed(firm, closed.id)
    request = documents.uploads[f"invoice:{closed.id}"]["request"]
    assert filed.document_id == str(documents.documents[f"invoice:{closed.id}"])
    assert (request.name, request.built_in_folder) == (f"Facture {closed.number}.pdf", "invoices")
    assert request.contact_id == str(client)
    query = "SELECT subject FROM outbox WHERE aggregate_id = $1 ORDER BY id"
    subjects = [row["subject"] for row in await suite.rows(firm, query, closed.id)]
    assert subjects == ["parvis.billing.v1.InvoiceClosed", "parvis.billing.v1.InvoiceFiled"]


async def test_every_mention_is_on_the_page(suite, documents, firm, client):
    closed = await suite.closed(
        firm, client,
        line(quantity="12", unit="u", unit_price="18.5"), line("Formation", unit_price="95", vat_rate="0"),
        exemption="Exonération de TVA, art. 261-4-4° a du CGI", note="Merci de votre confiance.",
        purchase_order="BC-118", supply_date="2026-11-02",
    )  # fmt: skip
    await suite.filed(firm, closed.id)
    text = text_of(pdf_of(documents, closed))
    for mention in (
        closed.number, "Cabinet Armor Conseil, SAS au capital de 10 000 €", "RCS Nantes 404 833 048",
        "TVA FR83404833048", "12 quai de la Fosse", "Menuiserie Kerautret", "3 rue des Charpentiers", "29000 Quimper",
        "SIREN 552 100 554", "2 novembre 2026", "BC-118", "Tenue comptable", "12 u", "18,50 €", "20 %", "222,00 €",
        "TVA 20 % sur 222,00 €", "44,40 €", "TVA 0 % sur 95,00 €", "Total HT", "317,00 €", "361,40 €",
        "Exonération de TVA, art. 261-4-4° a du CGI", "indemnité forfaitaire de 40 €", "Pas d’escompte",
        "majoré de 10 points", "IBAN FR76 3000 6000 0112 3456 7890 189", "Merci de votre confiance.", "page 1 / 1",
    ):  # fmt: skip
        assert mention in text, mention


async def test_private_person_is_not_threatened_with_business_penalties(suite, documents, firm):
    closed = await suite.closed(firm, await suite.client(firm, siren=""))
    await suite.filed(firm, closed.id)
    assert "indemnité" not in text_of(pdf_of(documents, closed))


async def test_pdf_is_for_keeping_and_for_screen_readers(suite, documents, firm, client):
    closed = await suite.closed(firm, client)
    await suite.filed(firm, closed.id)
    with pikepdf.open(io.BytesIO(pdf_of(documents, closed))) as pdf:
        meta = pdf.open_metadata()
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"], meta["pdfuaid:part"]) == ("3", "A", "1")
        assert str(pdf.Root.Lang).startswith("fr")
        assert closed.number in str(meta["dc:title"])


async def test_long_invoice_has_numbered_pages_and_keeps_its_head(suite, documents, firm, client):
    closed = await suite.closed(firm, client, *(line(f"Prestation {number}") for number in range(60)))
    await suite.filed(firm, closed.id)
    pages = [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf_of(documents, closed))).pages]
    assert len(pages) >= 2
    assert all(f"page {place} / {len(pages)}" in page for place, page in enumerate(pages, start=1))
    assert all("Désignation" in page for page in pages)


async def test_words_of_an_invoice_are_never_commands(suite, documents, firm, client):
    nasty = '#panic("x") $x$ *gras* @ref <b> \\u{41} "guillemets" ```'
    closed = await suite.closed(firm, client, line(nasty), note=nasty)
    await suite.filed(firm, closed.id)
    text = text_of(pdf_of(documents, closed))
    assert text.count('#panic("x") $x$ *gras* @ref <b> \\u{41}') == 2


async def test_sign_that_no_font_has_does_not_keep_an_invoice_of_an_older_release_from_being_filed():
    page = PAGE | {
        "notes": ["Bardage 12 ㎡ 😀\x01", "mot\ufeffcoupé"],
        "buyer": {"name": "Société 中 Kerautret", "rows": []},
    }
    text = text_of(await Typesetter(1).typeset(json.dumps(page), datetime.now(UTC)))
    assert "Bardage 12 m2 \ufffd" in text
    assert "Société \ufffd Kerautret" in text
    assert "motcoupé" in text


async def test_common_signs_need_not_be_asked_of_the_fonts():
    assert typesetting.unprintable("".join(sorted(COMMON))) == []


@pytest.mark.parametrize("step", ["start", "put", "complete", "get", "batch"])
async def test_failure_at_any_step_still_gives_one_document(suite, documents, firm, client, step):
    documents.failures.append(step)
    closed = await suite.closed(firm, client, *(line(f"Prestation {number}") for number in range(30)))
    filed = await suite.filed(firm, closed.id)
    assert filed.document_id == str(documents.documents[f"invoice:{closed.id}"])
    assert documents.failures == []


async def test_refused_upload_is_tried_again_as_a_new_one(suite, documents, firm, client):
    closed = await suite.draft(firm, client)
    documents.refusals += [f"invoice:{closed.id}"] * 2
    closed = await suite.close(firm, closed)
    filed = await suite.filed(firm, closed.id)
    assert filed.document_id == str(documents.documents[f"invoice:{closed.id}"])
    assert documents.refusals == []


async def test_same_invoice_has_the_same_bytes(suite):
    made_at = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    first, second = await asyncio.gather(*(Typesetter(2).typeset(json.dumps(PAGE), made_at) for _ in range(2)))
    assert first == second
    assert first.startswith(b"%PDF-")


async def test_page_that_cannot_be_set_says_why():
    with pytest.raises(RuntimeError, match="could not be set"):
        await Typesetter(1).typeset("{}", datetime.now(UTC))


async def test_redelivered_closing_files_nothing_twice(suite, documents, firm, client):
    closed = await suite.closed(firm, client)
    await suite.filed(firm, closed.id)
    before = len(documents.documents)
    async with suite.unit(firm) as unit:
        await unit.fetch("DELETE FROM inbox")
        await unit.fetch("UPDATE outbox SET id = uuidv7(), sent_at = NULL WHERE aggregate_id = $1", closed.id)
    await asyncio.sleep(1)
    assert len(documents.documents) == before
    query = "SELECT 1 FROM outbox WHERE aggregate_id = $1 AND subject LIKE '%InvoiceFiled'"
    assert len(await suite.rows(firm, query, closed.id)) == 1
