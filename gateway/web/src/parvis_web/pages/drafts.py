"""Writing an invoice: whom it is for, its lines, and what they add up to while they are typed."""

from starlette.responses import Response

from parvis.billing.v1 import billing_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError, precondition
from parvis_ui.forms import Errors
from parvis_ui.frame import Flash
from parvis_ui.lists import Column
from parvis_web.access import Area, staff
from parvis_web.calls import or_down
from parvis_web.pages import invoice_lines as lines
from parvis_web.pages.contacts import whole
from parvis_web.sentences import sentence
from parvis_web.visit import OrganisationVisit

pages = Area("drafts", entry="invoices")

_FIELDS = ("purchase_order", "supply_date", "payment_days", "note", "exemption")


@pages.get("/o/{slug}/invoices/new", staff("invoices.edit"))
async def new(visit: OrganisationVisit) -> Response:
    """Whom the invoice is for; then its form."""
    contact_id = visit.query.get("contact", "")
    if not contact_id:
        return await _choose(visit)
    request = tenancy_pb2.GetContactRequest(id=contact_id)
    _frame, record = await visit.together(visit.clients.contacts.GetContact(request))
    values = dict.fromkeys(_FIELDS, "") | {"payment_days": "30", "version": "0", "contact_id": contact_id}
    return _form(visit, values, [lines.empty()], Errors(), record.contact.name, billing_pb2.DraftPreview())


async def _choose(visit: OrganisationVisit) -> Response:
    query = visit.query.get("q", "")
    request = tenancy_pb2.ListContactsRequest(kind=tenancy_pb2.CONTACT_KIND_CLIENT, query=query, page_size=20)
    _frame, found = await visit.together(visit.clients.contacts.ListContacts(request))
    _ = visit.words
    context = {
        "rows": found.contacts,
        "total": found.total,
        "more": found.more_than_total,
        "query": query,
        "columns": [Column(_("Name")), Column(_("Code")), Column(_("Address for invoices"))],
    }
    return visit.render("invoices/choose.html", context)


def _form(
    visit: OrganisationVisit,
    values: dict[str, str],
    typed: list[dict[str, str]],
    errors: Errors,
    contact_name: str,
    totals: billing_pb2.DraftPreview | billing_pb2.Invoice | None,
    status: int = 200,
) -> Response:
    """`totals` is None while billing does not answer: what was typed is shown all the same."""
    _, invoice_id = visit.words, visit.request.path_params.get("id", "")
    context = {
        "values": values,
        "lines": typed,
        "totals": totals,
        "errors": errors,
        "contact_name": contact_name,
        "invoice_id": invoice_id,
        "action": f"{visit.base}/invoices/{invoice_id}/edit" if invoice_id else f"{visit.base}/invoices/new",
        "back": f"{visit.base}/invoices/{invoice_id}" if invoice_id else f"{visit.base}/invoices",
        "rates": [(rate, _percent(visit, rate)) for rate in lines.VAT_RATES],
        "percent": lambda rate: _percent(visit, rate),
        "most": lines.MOST,
        "focus_line": len(typed) if visit.form["act"] == "add" else 0,
    }
    return visit.render("invoices/edit.html", context, status=status, blocks=("lines", "totals"))


def _percent(visit: OrganisationVisit, rate: str) -> str:
    return f"{rate.replace('.', ',') if visit.words.language == 'fr' else rate}\u00a0%"


@pages.get("/o/{slug}/invoices/{id}/edit", staff("invoices.edit"))
async def edit(visit: OrganisationVisit) -> Response:
    """The form of a draft."""
    request = billing_pb2.GetInvoiceRequest(id=visit.request.path_params["id"])
    _frame, found = await visit.together(visit.clients.invoices.GetInvoice(request))
    if found.state != billing_pb2.INVOICE_STATE_DRAFT:
        return _closed(visit)
    values = {
        "purchase_order": found.purchase_order,
        "supply_date": found.supply_date,
        "payment_days": str(found.payment_days),
        "note": found.note,
        "exemption": found.exemption,
        "version": str(found.version),
        "contact_id": found.contact_id,
    }
    return _form(visit, values, lines.of_invoice(found) or [lines.empty()], Errors(), found.contact_name, found)


def _closed(visit: OrganisationVisit) -> Response:
    """To the invoice: a form that can never be saved again would go on promising a draft."""
    said = sentence(visit.words, precondition("invoice_closed"))
    return visit.redirect(f"{visit.base}/invoices/{visit.request.path_params['id']}", Flash("bad", said))


@pages.post("/o/{slug}/invoices/new", staff("invoices.edit"))
async def create(visit: OrganisationVisit) -> Response:
    """Makes the draft, or shows its lines again with one more or one less."""
    return await _take(visit)


@pages.post("/o/{slug}/invoices/{id}/edit", staff("invoices.edit"))
async def save(visit: OrganisationVisit) -> Response:
    """Saves the draft, or shows its lines again with one more or one less."""
    return await _take(visit)


async def _take(visit: OrganisationVisit) -> Response:
    _, form = visit.words, visit.form
    values = {name: form[name] for name in (*_FIELDS, "version", "contact_id")}
    typed, contact_name = lines.typed(form), form["contact_name"]
    act = form["act"]
    if act == "add":
        typed = [*typed, lines.empty()][: lines.MOST]
    elif act.startswith("remove-"):
        place = whole(act.removeprefix("remove-"))
        typed = [line for number, line in enumerate(typed, start=1) if number != place] or [lines.empty()]
    if act != "save":
        _frame, totals = await visit.together(_added_up(visit, typed))
        return _form(visit, values, typed, Errors(), contact_name, totals)
    typed = [line for line in typed if not lines.is_empty(line)] or typed[:1]
    draft = billing_pb2.Invoice(
        id=visit.request.path_params.get("id", ""),
        contact_id=values["contact_id"],
        supply_date=values["supply_date"],
        purchase_order=values["purchase_order"],
        note=values["note"],
        exemption=values["exemption"],
        payment_days=whole(values["payment_days"]) if values["payment_days"].isdigit() else -1,
        version=whole(values["version"]),
        lines=map(lines.as_message, typed),
    )
    try:
        saved = await visit.clients.invoices.SaveDraft(billing_pb2.SaveDraftRequest(invoice=draft))
    except ServiceError as error:
        if error.reason == "invoice_closed":
            return _closed(visit)
        shown = [f"lines[{place}].{name}" for place in range(1, len(typed) + 1) for name in lines.COLUMNS]
        errors = visit.errors(error, *_FIELDS, *shown)
        if errors["payment_days"]:
            errors["payment_days"] = _("A whole number of days, from 0 to 60.")
        values["version"] = error.params.get("version", values["version"])
        _frame, totals = await visit.together(_added_up(visit, typed))
        return _form(visit, values, typed, errors, contact_name, totals, status=422)
    return visit.redirect(f"{visit.base}/invoices/{saved.id}", _("The draft is saved."))


async def _added_up(visit: OrganisationVisit, typed: list[dict[str, str]]) -> billing_pb2.DraftPreview | None:
    request = billing_pb2.PreviewDraftRequest(lines=map(lines.as_message, typed))
    return await or_down(visit.clients.invoices.PreviewDraft(request))
