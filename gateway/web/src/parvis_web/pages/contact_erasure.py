"""A firm erases one of its contacts: what goes, what a law keeps and until when, asked for with a fresh proof."""

from datetime import date

from starlette.responses import Response

from parvis.billing.v1 import billing_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_ui.frame import Flash
from parvis_web.access import Area, staff
from parvis_web.calls import at_once
from parvis_web.visit import OrganisationVisit

_PAGE = "/o/{slug}/contacts/{id}/erase"
#: Years for which accounting papers are kept from the end of theirs (Code de commerce, article L123-22).
_KEPT = 10
_OPEN = (tenancy_pb2.MEMBERSHIP_STATE_INVITED, tenancy_pb2.MEMBERSHIP_STATE_ACTIVE)
pages = Area("contact_erasure", entry="contacts")


@pages.get(_PAGE, staff("contacts.edit"), fresh=True)
async def before(visit: OrganisationVisit) -> Response:
    """What would go, what would stay and until when."""
    contact_id = visit.request.path_params["id"]
    _frame, record = await visit.together(
        visit.clients.contacts.GetContact(tenancy_pb2.GetContactRequest(id=contact_id))
    )
    until = None
    if visit.may("invoices.read"):
        request = billing_pb2.ListInvoicesRequest(contact_id=contact_id, page_size=200)
        (found,) = await at_once(visit.clients.invoices.ListInvoices(request))
        until = _until(found)
    context = {
        "contact": record.contact,
        "may": record.may_edit and (record.may_manage_accesses or not _accesses(record)),
        "accesses": _accesses(record),
        "knows_invoices": visit.may("invoices.read"),
        "until": until,
        "here": f"{visit.base}/contacts/{contact_id}",
    }
    return visit.render("contacts/erase.html", context)


def _accesses(record: tenancy_pb2.ContactRecord) -> int:
    return sum(each.access.state in _OPEN for each in record.people)


def _until(found: billing_pb2.ListInvoicesResponse) -> date | None:
    """Until when the newest invoice is kept; None where none was closed."""
    issued = max((each.issue_date for each in found.invoices), default="")
    return date(int(issued[:4]) + _KEPT, 12, 31) if issued else None


@pages.post(_PAGE, staff("contacts.edit"))
async def erase(visit: OrganisationVisit) -> Response:
    """Erases the contact."""
    _ = visit.words
    if not visit.form["understood"]:
        return visit.redirect(visit.address, Flash("warn", _("Tick the box first: nothing was done.")))
    request = tenancy_pb2.EraseContactRequest(id=visit.request.path_params["id"])
    await visit.clients.contacts.EraseContact(request)
    return visit.redirect(
        f"{visit.base}/contacts", _("Erased. What other parts of the portal keep of it goes in the next minutes.")
    )
