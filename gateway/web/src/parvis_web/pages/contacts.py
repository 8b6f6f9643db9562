"""Contacts: the clients, employees and suppliers of the organisation; their list and their record."""

from collections.abc import Iterable, Sequence

from starlette.responses import Response

from parvis.documents.v1 import documents_pb2
from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError
from parvis_ui.forms import Errors
from parvis_ui.lists import Chip, Column, Event, changed
from parvis_ui.translations import Words
from parvis_web.access import Area, staff
from parvis_web.calls import if_allowed
from parvis_web.pages import labels
from parvis_web.sentences import N_
from parvis_web.templating import moment
from parvis_web.visit import OrganisationVisit

#: Seconds that a part of the record waits for its service.
PATIENCE = 2.0
#: Lines of the history on a record.
HISTORY = 20
MOST_PEOPLE = 10

pages = Area(
    "contacts",
    sentences={
        "code_taken": N_(
            "The code %(code)s is already used. Choose another, or leave it empty to get the next free one."
        ),
        "code_invalid": N_("A code has letters, digits and hyphens only, without spaces: C0042."),
        "identifier_taken": N_("The identifier %(identifier)s is already used in your organisation. Choose another."),
        "identifier_invalid": N_("An identifier has letters, digits, dots and hyphens only, without spaces."),
        "person_has_no_mail": N_("This person has no mail address, so nothing could be sent to them. Add one first."),
        "already_has_access": N_("This person already has a portal access."),
        "already_active": N_("This access is already in use: no invitation is needed any more."),
        "access_cut": N_("This access is cut. Open it again first."),
        "too_many_passwords": N_(
            "Many provisional passwords were made for this access. The last one still works; wait a quarter of an hour"
            " before you make another."
        ),
        "adviser_out_of_reach": N_(
            "You see the clients that you are in charge of: this one would be lost to you. Choose yourself, then"
            " add your colleague among the advisers."
        ),
        "one_main": N_("Name exactly one main adviser."),
        "role_missing": N_("Choose a role for each adviser."),
        "twice": N_("The same person is named twice."),
    },
)
_TEXTS = ("code", "name", "siren", "vat_number", "telephone", "locale")
_USES = ("main", "quotes", "billing", "reminders")
_PLACE = ("lines", "postal_code", "city", "country")
FIELDS = ("kind", *_TEXTS, *_USES, *_PLACE, "main_adviser_id")
PERSON_FIELDS = ("given_name", "family_name", "function", "mail", "telephone")


@pages.get("/o/{slug}/contacts", staff("contacts.read"))
async def contacts(visit: OrganisationVisit) -> Response:
    """The list, with its filters in the address."""
    _ = visit.words
    kind, query = visit.query.get("kind", ""), visit.query.get("q", "")
    kind = kind if kind in labels.CONTACT_KINDS else ""
    unused = visit.query.get("access", "") == "unused"
    request = tenancy_pb2.ListContactsRequest(
        kind=labels.CONTACT_KINDS.get(kind, tenancy_pb2.CONTACT_KIND_UNSPECIFIED),
        query=query,
        unused_access=unused,
        page_token=visit.query.get("after", ""),
    )
    _frame, found = await visit.together(visit.clients.contacts.ListContacts(request))
    context = {
        "rows": found.contacts,
        "total": found.total,
        "more": found.more_than_total,
        "next": changed(visit.address, after=found.next_page_token) if found.next_page_token else "",
        "query": query,
        "kind": kind,
        "unused": unused,
        "fields": {name: value for name, value in (("kind", kind), ("access", "unused" if unused else "")) if value},
        "title": labels.kind_many(_, kind) if kind else _("Clients and contacts"),
        "new_label": labels.kind_new(_, kind or "client"),
        "chips": [
            Chip(_("All"), changed(visit.address, kind=None, access=None), active=not (kind or unused)),
            *(
                Chip(labels.kind_many(_, key), changed(visit.address, kind=key), active=kind == key)
                for key in labels.CONTACT_KINDS
            ),
            # Beside the kinds, not one of them: it narrows whichever is chosen, and a second click lets go of it.
            Chip(_("Never signed in"), changed(visit.address, access=None if unused else "unused"), active=unused),
        ],
        "columns": [
            Column(_("Name")),
            Column(_("Kind")),
            Column(_("Main adviser")),
            Column(_("Main address"), wide=True),
            Column(_("Portal access")),
        ],
        "kind_of": lambda contact: labels.kind_one(_, labels.kind_key(contact.kind)),
        "adviser_of": _main_adviser,
    }
    return visit.render("contacts/list.html", context)


def _main_adviser(contact: tenancy_pb2.Contact) -> str:
    return next((each.name for each in contact.advisers if each.role == tenancy_pb2.ADVISER_ROLE_MAIN), "")


def _empty_person() -> dict[str, str]:
    return dict.fromkeys(PERSON_FIELDS, "")


@pages.get("/o/{slug}/contacts/new", staff("contacts.edit"))
async def new(visit: OrganisationVisit) -> Response:
    """The form that makes a contact."""
    kind = visit.query.get("kind", "")
    values = dict.fromkeys(FIELDS, "") | {
        "kind": kind if kind in labels.CONTACT_KINDS else "client",
        "locale": "fr",
        "country": "FR",
    }
    return await _new_form(visit, values, [_empty_person()], Errors())


async def _new_form(
    visit: OrganisationVisit,
    values: dict[str, str],
    people: Sequence[dict[str, str]],
    errors: Errors,
    status: int = 200,
) -> Response:
    _ = visit.words
    _frame, members = await visit.together(
        if_allowed(visit.clients.members.ListMembers(active_members())),
    )
    kind = values["kind"] if values["kind"] in labels.CONTACT_KINDS else "client"
    context = {
        "values": values | {"kind": kind},
        "people": people,
        "most_people": MOST_PEOPLE,
        "focus_last": visit.form["act"] == "add_person",
        "errors": errors,
        "title": labels.kind_new(_, kind),
        "create": labels.kind_create(_, kind),
        "kinds": [(key, labels.kind_one(_, key)) for key in labels.CONTACT_KINDS],
        "members": [(each.id, f"{each.given_name} {each.family_name}") for each in members.members] if members else [],
    }
    return visit.render("contacts/new.html", context, status=status, blocks=("people",))


def active_members() -> tenancy_pb2.ListMembersRequest:
    """Who may be an adviser."""
    return tenancy_pb2.ListMembersRequest(state=tenancy_pb2.MEMBERSHIP_STATE_ACTIVE, page_size=200)


def typed_people(visit: OrganisationVisit) -> list[dict[str, str]]:
    """The people of the form, without the blocks that were left empty."""
    typed = [{name: visit.form[f"people.{place}.{name}"] for name in PERSON_FIELDS} for place in range(MOST_PEOPLE)]
    return [each for each in typed if any(each.values())]


def contact_of(values: dict[str, str]) -> tenancy_pb2.Contact:
    """What was typed, as tenancy takes it."""
    return tenancy_pb2.Contact(
        kind=labels.CONTACT_KINDS.get(values["kind"], tenancy_pb2.CONTACT_KIND_UNSPECIFIED),
        code=values["code"],
        name=values["name"],
        siren=values["siren"],
        vat_number=values["vat_number"],
        telephone=values["telephone"],
        locale=values["locale"],
        addresses=tenancy_pb2.ContactAddresses(**{name: values[name] for name in _USES}),
        address=tenancy_pb2.PostalAddress(
            lines=[line.strip() for line in values["lines"].splitlines() if line.strip()],
            postal_code=values["postal_code"],
            city=values["city"],
            country=values["country"].upper(),
        ),
    )


def person_of(values: dict[str, str], person_id: str = "") -> tenancy_pb2.Person:
    """What was typed about a person, as tenancy takes it."""
    return tenancy_pb2.Person(
        id=person_id,
        given_name=values["given_name"],
        family_name=values["family_name"],
        function=values["function"],
        mail=values["mail"],
        telephone=values["telephone"],
    )


@pages.post("/o/{slug}/contacts/new", staff("contacts.edit"))
async def create(visit: OrganisationVisit) -> Response:
    """Makes the contact with its people, or shows one more block for a person."""
    _, form = visit.words, visit.form
    values = {name: form[name] for name in FIELDS}
    people = typed_people(visit)
    if form["act"] == "add_person":
        return await _new_form(visit, values, [*people, _empty_person()][:MOST_PEOPLE], Errors())
    request = tenancy_pb2.CreateContactRequest(
        contact=contact_of(values),
        main_adviser_id=values["main_adviser_id"],
        people=[person_of(each) for each in people],
    )
    try:
        made = await visit.clients.contacts.CreateContact(request)
    except ServiceError as error:
        shown = (*FIELDS, *(f"people.{place}.{name}" for place in range(len(people)) for name in PERSON_FIELDS))
        errors = visit.errors(error, *shown, code_taken="code", adviser_out_of_reach="main_adviser_id")
        return await _new_form(visit, values, people or [_empty_person()], errors, status=422)
    return visit.redirect(
        f"{visit.base}/contacts/{made.contact.id}",
        _("%(name)s is created, under the code %(code)s.", name=made.contact.name, code=made.contact.code),
    )


@pages.get("/o/{slug}/contacts/{id}", staff("contacts.read"))
async def contact(visit: OrganisationVisit) -> Response:
    """The record: who it is and its state, people and accesses, folders, history."""
    _, contact_id = visit.words, visit.request.path_params["id"]
    clients = visit.clients
    _frame, record, folders, documents, messages = await visit.together(
        clients.contacts.GetContact(tenancy_pb2.GetContactRequest(id=contact_id)),
        if_allowed(
            clients.folders.ListFolders(documents_pb2.ListFoldersRequest(contact_id=contact_id), timeout=PATIENCE)
        ),
        if_allowed(
            clients.documents.ListDocuments(
                documents_pb2.ListDocumentsRequest(contact_id=contact_id, page_size=HISTORY), timeout=PATIENCE
            )
        ),
        if_allowed(
            clients.messages.ListMessages(
                notify_pb2.ListMessagesRequest(contact_id=contact_id, page_size=HISTORY), timeout=PATIENCE
            )
        ),
    )
    kind = labels.kind_key(record.contact.kind)
    open_accesses = sum(each.access.state == tenancy_pb2.MEMBERSHIP_STATE_ACTIVE for each in record.people)
    waiting = sum(each.access.state == tenancy_pb2.MEMBERSHIP_STATE_INVITED for each in record.people)
    events = [
        *_own_events(_, record),
        *_document_events(_, visit.base, documents.documents if documents else ()),
        *_message_events(_, visit.base, messages.messages if messages else ()),
    ]
    events.sort(key=lambda event: event.when, reverse=True)
    context = {
        "contact": record.contact,
        "record": record,
        "here": f"{visit.base}/contacts/{record.contact.id}",
        "kind": kind,
        "kind_label": labels.kind_one(_, kind),
        "list_label": labels.kind_many(_, kind),
        "adviser": _main_adviser(record.contact),
        "access_state": lambda person: labels.access_state(_, person.access.state),
        "portal_state": _portal_state(_, open_accesses, waiting),
        "folders": folders.folders if folders else None,
        "events": events[:HISTORY],
        "silent": [
            name
            for name, answer, right in (
                (_("Documents"), documents, "documents.read"),
                (_("Notifications"), messages, "notifications.read"),
            )
            if answer is None and visit.may(right)
        ],
        "role_of": lambda adviser: {
            tenancy_pb2.ADVISER_ROLE_MAIN: _("main adviser"),
            tenancy_pb2.ADVISER_ROLE_FURTHER: _("adviser"),
            tenancy_pb2.ADVISER_ROLE_ASSISTANT: _("assistant"),
        }.get(adviser.role, ""),
        "uses": (
            (_("Main"), record.contact.addresses.main),
            (_("Quotes"), record.contact.addresses.quotes),
            (_("Invoices"), record.contact.addresses.billing),
            (_("Reminders"), record.contact.addresses.reminders),
        ),
        "language_label": labels.LOCALES.get(record.contact.locale, ""),
    }
    return visit.render("contacts/record.html", context)


def _portal_state(_: Words, opened: int, waiting: int) -> tuple[str, str]:
    if opened:
        return _.plural("%(num)s portal access in use", "%(num)s portal accesses in use", opened), "ok"
    if waiting:
        return _("Invited to the portal"), "wait"
    return _("No portal access"), "off"


def _own_events(_: Words, record: tenancy_pb2.ContactRecord) -> Iterable[Event]:
    made = moment(record.contact.created_at)
    if made:
        yield Event(made, _("Record created"), icon="plus")
    for person in record.people:
        name = f"{person.given_name} {person.family_name}".strip()
        invited, used = moment(person.access.invited_at), moment(person.access.activated_at)
        if invited:
            yield Event(invited, _("Portal access given to %(name)s", name=name), icon="key")
        if used:
            yield Event(used, _("First sign-in of %(name)s", name=name), kind="ok")


def _document_events(_: Words, base: str, documents: Iterable[documents_pb2.Document]) -> Iterable[Event]:
    for document in documents:
        address = f"{base}/documents/{document.id}"
        filed, opened = moment(document.filed_at), moment(document.opened_at)
        if filed:
            said = (
                _("%(document)s deposited in %(folder)s") if document.deposit else _("%(document)s filed in %(folder)s")
            )
            yield Event(
                filed, said % {"document": document.name, "folder": document.folder_name}, who=document.filed_by,
                icon="inbox" if document.deposit else "document", href=address,
            )  # fmt: skip
        if opened and not document.deposit:
            yield Event(
                opened,
                _("%(document)s opened on the portal", document=document.name),
                icon="eye",
                kind="ok",
                href=address,
            )


def _message_events(_: Words, base: str, messages: Iterable[notify_pb2.Message]) -> Iterable[Event]:
    for message in messages:
        when = moment(message.sent_at) or moment(message.created_at)
        if when:
            label, kind = labels.message_state(_, message.state)
            yield Event(
                when, _("Mail “%(subject)s”", subject=message.subject), text=f"{label} · {message.recipient_mail}",
                icon="mail", kind=kind, href=f"{base}/notifications/{message.id}",
            )  # fmt: skip


@pages.get("/o/{slug}/contacts/{id}/edit", staff("contacts.edit"))
async def edit(visit: OrganisationVisit) -> Response:
    """The form that changes a contact."""
    request = tenancy_pb2.GetContactRequest(id=visit.request.path_params["id"])
    _frame, record = await visit.together(visit.clients.contacts.GetContact(request))
    found = record.contact
    values = {
        "kind": labels.kind_key(found.kind),
        **{name: getattr(found, name) for name in _TEXTS},
        **{name: getattr(found.addresses, name) for name in _USES},
        "lines": "\n".join(found.address.lines),
        "postal_code": found.address.postal_code,
        "city": found.address.city,
        "country": found.address.country or "FR",
        "version": str(found.version),
    }
    return _edit_form(visit, values, Errors())


def _edit_form(visit: OrganisationVisit, values: dict[str, str], errors: Errors, status: int = 200) -> Response:
    context = {
        "values": values,
        "errors": errors,
        "here": f"{visit.base}/contacts/{visit.request.path_params['id']}",
        "kind_label": labels.kind_one(
            visit.words, values["kind"] if values["kind"] in labels.CONTACT_KINDS else "client"
        ),
    }
    return visit.render("contacts/edit.html", context, status=status)


@pages.post("/o/{slug}/contacts/{id}/edit", staff("contacts.edit"))
async def save(visit: OrganisationVisit) -> Response:
    """Saves the record. What was typed is kept when somebody else was faster; the next save replaces their change."""
    _ = visit.words
    form, contact_id = visit.form, visit.request.path_params["id"]
    values = {name: form[name] for name in FIELDS} | {"version": form["version"]}
    wanted = contact_of(values)
    wanted.id, wanted.version = contact_id, whole(values["version"])
    try:
        await visit.clients.contacts.UpdateContact(tenancy_pb2.UpdateContactRequest(contact=wanted))
    except ServiceError as error:
        errors = visit.errors(error, *FIELDS)
        await visit.together()
        return _edit_form(
            visit, values | {"version": error.params.get("version", values["version"])}, errors, status=422
        )
    return visit.redirect(f"{visit.base}/contacts/{contact_id}", _("Saved."))


def whole(text: str) -> int:
    """A number that a form carries for us; zero when somebody changed it."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0  # noqa: PLR2004 - digits of an int64
