"""Notifications: what was sent to whom, whether it arrived at the server, and whether what it announced was opened."""

from starlette.responses import Response

from parvis.notify.v1 import notify_pb2
from parvis_ui.lists import Chip, Column, Event, changed
from parvis_ui.translations import Words
from parvis_web.access import Area, staff
from parvis_web.pages import labels
from parvis_web.templating import moment
from parvis_web.visit import OrganisationVisit

pages = Area("notifications")

#: Value of `state` in the address → state of a message.
STATES = {
    "pending": notify_pb2.MESSAGE_STATE_PENDING,
    "sent": notify_pb2.MESSAGE_STATE_SENT,
    "failed": notify_pb2.MESSAGE_STATE_FAILED,
    "cancelled": notify_pb2.MESSAGE_STATE_CANCELLED,
}


def reason_text(_: Words, reason: str) -> str:
    """Why a message was not sent, or what is uncertain about it."""
    return {
        "": "",
        "no_address": _("The record has no mail address for this use. Complete it, then file the document again."),
        "mailbox_unavailable": _("The server of the recipient says that this mailbox does not exist or takes no mail."),
        "server_refused": _("The server of the recipient refused the message."),
        "server_unreachable": _("The mail server could not be reached for two days; the message was given up."),
        "maybe_sent_twice": _("The connection was cut at the last moment: the recipient may have received this twice."),
    }.get(reason, reason)


@pages.get("/o/{slug}/notifications", staff("notifications.read"))
async def notifications(visit: OrganisationVisit) -> Response:
    """The history, newest first."""
    _, state, query = visit.words, visit.query.get("state", ""), visit.query.get("q", "")
    state = state if state in STATES else ""
    request = notify_pb2.ListMessagesRequest(
        query=query,
        state=STATES.get(state, notify_pb2.MESSAGE_STATE_UNSPECIFIED),
        contact_id=visit.query.get("contact", ""),
        document_id=visit.query.get("document", ""),
        page_token=visit.query.get("after", ""),
    )
    _frame, found = await visit.together(visit.clients.messages.ListMessages(request))
    context = {
        "rows": found.messages,
        "total": found.total,
        "next": changed(visit.address, after=found.next_page_token) if found.next_page_token else "",
        "query": query,
        "state": state,
        "fields": {name: value for name, value in visit.query.items() if name in {"state", "contact", "document"}},
        "chips": [
            Chip(label, changed(visit.address, state=key), active=state == key)
            for key, label in (
                ("", _("All")),
                ("pending", _("Being sent")),
                ("sent", _("Sent")),
                ("failed", _("Not sent")),
                ("cancelled", _("Cancelled")),
            )
        ],
        "columns": [
            Column(_("Recipient")),
            Column(_("Subject")),
            Column(_("When")),
            Column(_("State")),
            Column(_("Document"), wide=True),
        ],
        "state_of": lambda message: labels.message_state(_, message.state),
        "may_configure": visit.may("notifications.configure"),
    }
    return visit.render("notifications/list.html", context)


@pages.get("/o/{slug}/notifications/{id}", staff("notifications.read"))
async def notification(visit: OrganisationVisit) -> Response:
    """One message: state, what was written, each attempt."""
    _ = visit.words
    request = notify_pb2.GetMessageRequest(id=visit.request.path_params["id"])
    _frame, record = await visit.together(visit.clients.messages.GetMessage(request))
    message = record.message
    results = {
        "accepted": (_("Accepted by the mail server"), "ok"),
        "refused": (_("Refused by the mail server"), "bad"),
        "unreachable": (_("Mail server not reachable"), "warn"),
        "interrupted": (_("Interrupted"), "warn"),
    }
    attempts = []
    for attempt in record.attempts:
        when = moment(attempt.ended_at) or moment(attempt.started_at)
        if when:
            title, kind = results.get(attempt.result, (_("Under way"), "wait"))
            attempts.append(
                Event(when, title, attempt.answer, _("attempt %(number)s", number=attempt.number), kind=kind)
            )
    opened = moment(message.document_opened_at)
    if opened:
        attempts.append(Event(opened, _("The document was opened on the portal"), kind="ok", icon="eye"))
    created = moment(message.created_at)
    if created:
        attempts.append(Event(created, _("Message written"), icon="edit"))
    attempts.sort(key=lambda event: event.when, reverse=True)
    context = {
        "message": message,
        "text": record.text,
        "attempts": attempts,
        "state": labels.message_state(_, message.state),
        "kind_name": labels.mail_name(_, message.kind),
        "reason": reason_text(_, message.reason),
    }
    return visit.render("notifications/message.html", context)
