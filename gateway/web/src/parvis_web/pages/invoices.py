"""Invoices: the list, one invoice and its state, and closing it. Drafts are written in `drafts`."""

from starlette.responses import Response

from parvis.billing.v1 import billing_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_ui import formats
from parvis_ui.frame import Flash
from parvis_ui.lists import Chip, Column, Task, changed
from parvis_ui.translations import Words
from parvis_web.access import Area, member, staff
from parvis_web.calls import if_allowed
from parvis_web.pages import labels
from parvis_web.pages.contacts import whole
from parvis_web.pages.invoice_lines import read_decimal
from parvis_web.sentences import N_, sentence
from parvis_web.visit import OrganisationVisit

pages = Area(
    "invoices",
    sentences={
        "invoice_closed": N_("This invoice is closed: it has its number and can no longer be changed."),
        "missing_mentions": N_("What the law asks for on an invoice is missing. It is listed on the page."),
        "unprintable_sign": N_("Signs that cannot be printed: %(sign)s. The page lists where they stand."),
        "negative_total": N_("Its total is negative: an invoice asks for money, it does not give any back."),
        "no_lines": N_("An invoice has at least one line."),
        "not_a_quantity": N_("A quantity is a number with at most %(places)s decimals, and not zero."),
        "not_an_amount": N_("A price is a number below a billion with at most %(places)s decimals, like 120 or 85,50."),
        "negative": N_("A price is not negative. For a discount, write a negative quantity."),
        "unknown_rate": N_("Choose one of the rates offered."),
        "not_a_date": N_("A date looks like 21/11/2026, between 2000 and 2099."),
        "lines_missing": N_("An invoice has at least one line."),
        "too_many_lines_of_invoice": N_("There are too many lines."),
    },
)

#: Value of `state` in the address → state of an invoice.
STATES = {
    "draft": billing_pb2.INVOICE_STATE_DRAFT,
    "closed": billing_pb2.INVOICE_STATE_CLOSED,
    "filed": billing_pb2.INVOICE_STATE_FILED,
}


def mention_label(_: Words, name: str) -> str:
    """What a missing mention is called."""
    return {
        "seller.legal_name": _("legal name of your organisation"),
        "seller.legal_form": _("legal form of your organisation"),
        "seller.address": _("address of your organisation"),
        "seller.siren": _("SIREN of your organisation"),
        "seller.capital": _("share capital of your organisation"),
        "seller.registry": _("trade register of your organisation"),
        "seller.vat_number": _("VAT number of your organisation"),
        "buyer.name": _("name of the client"),
        "buyer.address": _("postal address of the client"),
        "buyer.siren": _("SIREN of the client"),
        "exemption": _("text that exempts from VAT, since a line has the zero rate"),
    }.get(name, name)


@pages.get("/o/{slug}/invoices", member("invoices.read"))
async def invoices(visit: OrganisationVisit) -> Response:
    """The list: of everybody for staff, of their own closed ones for a client."""
    _, state = visit.words, visit.query.get("state", "")
    state = state if state in STATES and not visit.is_portal else ""
    query, contact_id = visit.query.get("q", ""), visit.query.get("contact", "")
    request = billing_pb2.ListInvoicesRequest(
        contact_id=contact_id,
        state=STATES.get(state, billing_pb2.INVOICE_STATE_UNSPECIFIED),
        query=query,
        page_token=visit.query.get("after", ""),
    )
    listed = visit.clients.invoices.ListInvoices(request)
    contact = None
    if contact_id and not visit.is_portal:
        _frame, found, record = await visit.together(
            listed, if_allowed(visit.clients.contacts.GetContact(tenancy_pb2.GetContactRequest(id=contact_id)))
        )
        contact = record.contact if record else None
    else:
        _frame, found = await visit.together(listed)
    context = {
        "rows": found.invoices,
        "total": found.total,
        "next": changed(visit.address, after=found.next_page_token) if found.next_page_token else "",
        "query": query,
        "state": state,
        "contact": contact,
        "organisation": visit.organisation.face.name,
        "fields": {name: value for name, value in visit.query.items() if name in {"state", "contact"}},
        "chips": [
            Chip(label, changed(visit.address, state=key), active=state == key)
            for key, label in (
                ("", _("All invoices")),
                ("draft", _("Drafts")),
                ("closed", _("PDF being made")),
                ("filed", _("Filed with the client")),
            )
        ],
        "columns": [
            Column(_("Invoice")),
            *([] if visit.is_portal else [Column(_("Client"))]),
            Column(_("Issued")),
            Column(_("Due"), wide=True),
            Column(_("Amount incl. VAT"), end=True),
            Column(_("State")),
        ],
        "state_of": lambda invoice: labels.invoice_state(_, invoice.state, portal=visit.is_portal),
    }
    return visit.render("invoices/portal.html" if visit.is_portal else "invoices/list.html", context)


@pages.get("/o/{slug}/invoices/{id}", member("invoices.read"))
async def invoice(visit: OrganisationVisit) -> Response:
    """One invoice: its state first; a draft says what still stops it from being closed."""
    request = billing_pb2.GetInvoiceRequest(id=visit.request.path_params["id"])
    _frame, found = await visit.together(visit.clients.invoices.GetInvoice(request))
    return _page(visit, found)


def _page(visit: OrganisationVisit, found: billing_pb2.Invoice) -> Response:
    _, draft = visit.words, found.state == billing_pb2.INVOICE_STATE_DRAFT
    context = {
        "invoice": found,
        "draft": draft,
        "making": found.state == billing_pb2.INVOICE_STATE_CLOSED,
        "here": f"{visit.base}/invoices/{found.id}",
        "title": _("Invoice %(number)s", number=found.number) if found.number else _("Draft invoice"),
        "state": labels.invoice_state(_, found.state, portal=visit.is_portal),
        "before_closing": _before_closing(visit, found) if draft else [],
        "columns": [
            Column(_("Description")),
            Column(_("Quantity"), end=True),
            Column(_("Unit price"), end=True),
            Column(_("VAT"), end=True),
            Column(_("Total excl. VAT"), end=True),
        ],
        "price": lambda text: _price(text, _.language),
        "decimal": lambda text: text.replace(".", ",") if _.language == "fr" else text,
    }
    return visit.render("invoices/invoice.html", context, blocks=("state",))


def place_label(_: Words, name: str) -> str:
    """What a field is called where something in it cannot be printed."""
    if name.startswith("lines["):
        return _("line %(number)s", number=name[len("lines[") : name.index("]")])
    return {
        "seller.mail": _("mail address of your organisation"),
        "seller.telephone": _("telephone of your organisation"),
        "seller.iban": _("IBAN of your organisation"),
        "buyer.vat_number": _("VAT number of the client"),
        "purchase_order": _("client’s order number"),
        "note": _("text under the lines"),
        "exemption": _("reason for the zero rate"),
    }.get(name) or mention_label(_, name)


def _before_closing(visit: OrganisationVisit, found: billing_pb2.Invoice) -> list[Task]:
    """What stops a draft from being closed, by the page where it is mended: what is missing, what cannot be printed."""
    _ = visit.words
    record = f"{visit.base}/settings/organisation"
    client = f"{visit.base}/contacts/{found.contact_id}/edit"
    draft = f"{visit.base}/invoices/{found.id}/edit"
    places = (
        ("seller.", record, "firm", _("Complete your organisation's record"), _("Correct your organisation's record")),
        ("buyer.", client, "clients", _("Complete the client's record"), _("Correct the client's record")),
        ("", draft, "edit", _("Complete the draft"), _("Correct the draft")),
    )
    tasks = []
    missing = {name: mention_label(_, name) for name in found.missing_mentions}
    lacking = {each.field: f"{each.signs} ({place_label(_, each.field)})" for each in found.unprintable_signs}
    for prefix, href, icon, complete, correct in places:
        for label, texts, said in (
            (complete, missing, "%(list)s"),
            (correct, lacking, _("cannot be printed: %(list)s")),
        ):
            here = [name for name in texts if name.startswith(prefix)]
            if here:
                listed = ", ".join(texts.pop(name) for name in here)
                tasks.append(Task(label, href, icon=icon, detail=said % {"list": listed}))
    return tasks


def _price(text: str, language: str) -> str:
    """A price before tax as it is read: two decimals at least, up to six where it has them."""
    value = read_decimal(text)
    if value is None:
        return text
    exponent = value.normalize().as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else 0
    return formats.number(float(value), language, max(2, places))


@pages.post("/o/{slug}/invoices/{id}/close", staff("invoices.close"))
async def close(visit: OrganisationVisit) -> Response:
    """Closes the draft that the reader has seen. What stops it is said on its page."""
    _, invoice_id = visit.words, visit.request.path_params["id"]
    here = f"{visit.base}/invoices/{invoice_id}"
    request = billing_pb2.CloseInvoiceRequest(id=invoice_id, version=whole(visit.form["version"]))
    try:
        closed = await visit.clients.invoices.CloseInvoice(request)
    except ServiceError as error:
        if error.kind not in {Kind.PRECONDITION, Kind.CONFLICT}:
            raise
        if error.reason == "stale_version":
            said = _(
                "Somebody changed this draft since you opened it. Nothing was closed: read it again, then close it."
            )
        else:
            said = sentence(_, error)
        return visit.redirect(here, Flash("bad", said))
    said = _("The invoice has its number, %(number)s. Its PDF is being made and filed.", number=closed.number)
    return visit.redirect(here, said)


@pages.post("/o/{slug}/invoices/{id}/delete", staff("invoices.edit"))
async def delete(visit: OrganisationVisit) -> Response:
    """Removes a draft."""
    _ = visit.words
    request = billing_pb2.DeleteDraftRequest(id=visit.request.path_params["id"])
    await visit.clients.invoices.DeleteDraft(request)
    return visit.redirect(f"{visit.base}/invoices", _("The draft is deleted."))
