"""Documents: the list of all that the reader may see, the folders of a contact, and one document, read in the page.

A client's person has the same pages: their folders, what they have not read, and what they may deposit.
"""

from starlette.responses import RedirectResponse, Response

from parvis.documents.v1 import documents_pb2
from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import not_found
from parvis_ui.lists import Chip, Column, Event, changed
from parvis_web.access import Area, member
from parvis_web.calls import if_allowed
from parvis_web.pages import labels
from parvis_web.pages.contacts import PATIENCE, whole
from parvis_web.pages.folders import type_names
from parvis_web.templating import moment
from parvis_web.visit import OrganisationVisit

pages = Area("documents")

#: Types that a browser shows as a picture. Everything else that is not a PDF is downloaded.
PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
#: Seconds that a browser may use the address of the bytes without asking again; the address lives for a minute.
_ADDRESS_KEPT = 40


@pages.get("/o/{slug}/documents", member("documents.read"))
async def documents(visit: OrganisationVisit) -> Response:
    """Documents across contacts for staff; folders and documents of their own for a client."""
    return await (_of_client(visit) if visit.is_portal else _across_contacts(visit))


def _list_request(visit: OrganisationVisit, contact_id: str, folder_id: str = "") -> documents_pb2.ListDocumentsRequest:
    return documents_pb2.ListDocumentsRequest(
        contact_id=contact_id,
        folder_template_id=folder_id,
        query=visit.query.get("q", ""),
        unread_only=visit.query.get("unread", "") == "1",
        page_token=visit.query.get("after", ""),
    )


def _listed(visit: OrganisationVisit, found: documents_pb2.ListDocumentsResponse) -> dict[str, object]:
    """What every list of documents shows."""
    return {
        "rows": found.documents,
        "total": found.total,
        "next": changed(visit.address, after=found.next_page_token) if found.next_page_token else "",
        "query": visit.query.get("q", ""),
        "unread": visit.query.get("unread", "") == "1",
        "state_of": lambda document: labels.document_state(visit.words, document, portal=visit.is_portal),
    }


def _unread_chips(visit: OrganisationVisit) -> list[Chip]:
    _, unread = visit.words, visit.query.get("unread", "") == "1"
    return [
        Chip(_("All"), changed(visit.address, unread=None), active=not unread),
        Chip(
            _("Unread ones") if visit.is_portal else _("Deposits to read"),
            changed(visit.address, unread="1"),
            active=unread,
        ),
    ]


async def _across_contacts(visit: OrganisationVisit) -> Response:
    _, contact_id = visit.words, visit.query.get("contact", "")
    listed = visit.clients.documents.ListDocuments(_list_request(visit, contact_id))
    contact = None
    if contact_id:
        _frame, found, record = await visit.together(
            listed, if_allowed(visit.clients.contacts.GetContact(tenancy_pb2.GetContactRequest(id=contact_id)))
        )
        contact = record.contact if record else None
    else:
        _frame, found = await visit.together(listed)
    context = _listed(visit, found) | {
        "contact": contact,
        "fields": {name: value for name, value in visit.query.items() if name in {"unread", "contact"}},
        "chips": _unread_chips(visit),
        "columns": [
            Column(_("Document")),
            *([Column(_("Contact"))] if contact is None else []),
            Column(_("Filed")),
            Column(_("Size"), end=True, wide=True),
            Column(_("State")),
        ],
    }
    return visit.render("documents/list.html", context)


async def _of_client(visit: OrganisationVisit) -> Response:
    _ = visit.words
    if not visit.frame.membership.contact_ids:
        await visit.together()  # the first page of the session: for whom the reader is here is not known yet
    mine = list(visit.frame.membership.contact_ids)
    contact_id = visit.query.get("contact", "")
    if contact_id not in mine:
        contact_id = mine[0] if mine else ""
    if not contact_id:
        raise not_found("contact_not_found")
    clients = visit.clients
    _frame, folders, found, contacts = await visit.together(
        clients.folders.ListFolders(documents_pb2.ListFoldersRequest(contact_id=contact_id)),
        clients.documents.ListDocuments(_list_request(visit, contact_id)),
        if_allowed(clients.contacts.ListContacts(tenancy_pb2.ListContactsRequest())),
    )
    wanted = visit.query.get("folder", "")
    named = next((each for each in folders.folders if wanted and each.template.built_in == wanted), None)
    if named is not None:  # a mail's link names a folder by what it is for
        return RedirectResponse(f"{visit.base}/contacts/{contact_id}/folders/{named.template.id}", 303)
    context = _listed(visit, found) | {
        "contact_id": contact_id,
        "contacts": [
            Chip(each.name, changed(visit.address, contact=each.id), active=each.id == contact_id)
            for each in (contacts.contacts if contacts else ())
        ],
        "folders": folders.folders,
        "deposits": [each for each in folders.folders if each.template.deposits],
        "organisation": visit.organisation.face.name,
        "fields": {name: value for name, value in visit.query.items() if name in {"unread", "contact"}},
        "chips": _unread_chips(visit),
        "columns": _folder_columns(visit),
    }
    return visit.render("documents/client.html", context)


def _folder_columns(visit: OrganisationVisit) -> list[Column]:
    _ = visit.words
    return [
        Column(_("Document")),
        Column(_("Received") if visit.is_portal else _("Filed")),
        Column(_("Size"), end=True, wide=True),
        Column(_("State")),
    ]


@pages.get("/o/{slug}/contacts/{id}/folders/{folder_id}", member("documents.read"))
async def folder(visit: OrganisationVisit) -> Response:
    """A folder of a contact: its documents, and where files are dropped."""
    _, params = visit.words, visit.request.path_params
    clients = visit.clients
    _frame, record, folders, found = await visit.together(
        if_allowed(clients.contacts.GetContact(tenancy_pb2.GetContactRequest(id=params["id"]))),
        clients.folders.ListFolders(documents_pb2.ListFoldersRequest(contact_id=params["id"])),
        clients.documents.ListDocuments(_list_request(visit, params["id"], params["folder_id"])),
    )
    this = next((each for each in folders.folders if each.template.id == params["folder_id"]), None)
    if this is None:
        raise not_found("folder")
    contact_name = record.contact.name if record else found.documents[0].contact_name if found.documents else ""
    here = f"{visit.base}/contacts/{params['id']}/folders/{params['folder_id']}"
    context = _listed(visit, found) | {
        "folder": this,
        "contact_name": contact_name,
        "contact_href": f"{visit.base}/contacts/{params['id']}",
        "here": here,
        "may_file": this.template.deposits if visit.is_portal else visit.may("documents.file"),
        "target": {"contact_id": params["id"], "folder_template_id": params["folder_id"]},
        "accept": ",".join(this.template.media_types),
        "types": type_names(_, tuple(this.template.media_types)) if this.template.media_types else "",
        "several": len(visit.frame.membership.contact_ids) > 1,
        "fields": {name: value for name, value in visit.query.items() if name == "unread"},
        "chips": _unread_chips(visit) if visit.is_portal else [],
        "columns": _folder_columns(visit),
    }
    return visit.render("documents/folder.html", context, blocks=("rows",))


@pages.get("/o/{slug}/documents/{id}", member("documents.read"))
async def document(visit: OrganisationVisit) -> Response:
    """One document: read in the page, then what is known about it."""
    _, document_id = visit.words, visit.request.path_params["id"]
    clients = visit.clients
    read = clients.documents.GetDocument(documents_pb2.GetDocumentRequest(id=document_id))
    messages: notify_pb2.ListMessagesResponse | None = None
    if visit.is_portal:
        _frame, record = await visit.together(read)
    else:
        request = notify_pb2.ListMessagesRequest(document_id=document_id, page_size=10)
        _frame, record, messages = await visit.together(
            read, if_allowed(clients.messages.ListMessages(request, timeout=PATIENCE))
        )
    found = record.document
    version = min(whole(visit.query.get("version", "")), found.version) or found.version
    suffix = f"?version={version}" if version != found.version else ""
    context = {
        "document": found,
        "record": record,
        "version": version,
        "here": f"{visit.base}/documents/{found.id}",
        "content": f"{visit.base}/documents/{found.id}/content{suffix}",
        "download": f"{visit.base}/documents/{found.id}/download{suffix}",
        "folder_href": f"{visit.base}/contacts/{found.contact_id}/folders/{found.folder_template_id}",
        "shown_as": "pdf"
        if found.media_type == "application/pdf"
        else "picture"
        if found.media_type in PICTURES
        else "",
        "state": labels.document_state(_, found, portal=visit.is_portal),
        "openings": [
            Event(at, each.name, _("version %(number)s", number=each.version) if found.version > 1 else "", icon="eye")
            for each in record.openings
            if (at := moment(each.at))
        ],
        "messages": messages.messages if messages else None,
        "messages_down": messages is None and not visit.is_portal and visit.may("notifications.read"),
        "message_state": lambda message: labels.message_state(_, message.state),
        "may_add": not (visit.is_portal or found.deposit or found.external_reference) and visit.may("documents.file"),
        "accept": ",".join(record.folder.media_types),
        "type_label": _type_label(visit, found.media_type),
    }
    return visit.render("documents/document.html", context)


def _type_label(visit: OrganisationVisit, media_type: str) -> str:
    _ = visit.words
    if media_type == "application/pdf":
        return _("PDF document")
    if media_type.startswith("image/"):
        return _("Image")
    if "sheet" in media_type or "excel" in media_type or media_type == "text/csv":
        return _("Spreadsheet")
    if "word" in media_type or "opendocument.text" in media_type:
        return _("Text document")
    return _("Archive") if media_type == "application/zip" else media_type or _("File")


@pages.get("/o/{slug}/documents/{id}/content", member("documents.read"))
async def content(visit: OrganisationVisit) -> Response:
    """The bytes, to be shown in the page. A reader asks again for each stretch: presigned addresses last a minute."""
    address = await _address(visit, inline=True)
    return RedirectResponse(address, 307, headers={"Cache-Control": f"private, max-age={_ADDRESS_KEPT}"})


@pages.get("/o/{slug}/documents/{id}/download", member("documents.read"))
async def download(visit: OrganisationVisit) -> Response:
    """The identical bytes, as a file to keep."""
    return RedirectResponse(await _address(visit, inline=False), 303, headers={"Cache-Control": "no-store"})


async def _address(visit: OrganisationVisit, *, inline: bool) -> str:
    found = await visit.clients.documents.GetDownload(
        documents_pb2.GetDownloadRequest(
            id=visit.request.path_params["id"], version=whole(visit.query.get("version", "")[:9]), inline=inline
        )
    )
    return found.url
