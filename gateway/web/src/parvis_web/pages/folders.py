"""Settings of the folders (S4): what is shared, announced, deposited, for each audience."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from parvis.documents.v1 import documents_pb2
from parvis_kit.errors import ServiceError, not_found
from parvis_ui.forms import Errors
from parvis_ui.lists import Chip, Column
from parvis_ui.translations import Words
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.pages import labels
from parvis_web.pages.contacts import whole
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "folders",
    entry="settings.folders",
    sentences={
        "path_taken": N_("Another folder already has the path %(path)s. Each path names one folder."),
        "name_missing": N_("A name has at least one letter or digit."),
        "name_too_long": N_("This is too long: at most %(limit)s characters."),
        "name_has_separator": N_("A name has no slash."),
        "name_has_control_character": N_("There is an invisible sign in this name. Change the name, then try again."),
        "deposits_need_portal": N_(
            "A client can only deposit into a folder that they see: share it on the portal too."
        ),
        "employees_have_one_address": N_("Employees have one address only: choose the main one."),
        "not_a_media_type": N_("“%(type)s” is not a type of file."),
    },
)

SIDES = {
    "": documents_pb2.SIGNATURE_SIDE_UNSPECIFIED,
    "left": documents_pb2.SIGNATURE_SIDE_LEFT,
    "right": documents_pb2.SIGNATURE_SIDE_RIGHT,
}
RECIPIENTS = {
    "main": documents_pb2.NOTIFY_TO_MAIN,
    "quotes": documents_pb2.NOTIFY_TO_QUOTES,
    "billing": documents_pb2.NOTIFY_TO_BILLING,
    "reminders": documents_pb2.NOTIFY_TO_REMINDERS,
}
TARGETS = {
    "home": documents_pb2.LINK_TARGET_HOME,
    "document": documents_pb2.LINK_TARGET_DOCUMENT,
    "quotes": documents_pb2.LINK_TARGET_QUOTES,
    "invoices": documents_pb2.LINK_TARGET_INVOICES,
    "payslips": documents_pb2.LINK_TARGET_PAYSLIPS,
}


@dataclass(frozen=True, slots=True)
class FileType:
    """A choice of the settings: its media types are accepted together."""

    key: str
    label: str
    media_types: tuple[str, ...]


_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
FILE_TYPES = (
    FileType("pdf", N_("PDF"), ("application/pdf",)),
    FileType(
        "image", N_("Photos and scans (JPEG, PNG, TIFF, HEIC)"),
        ("image/jpeg", "image/png", "image/tiff", "image/heic"),
    ),
    FileType(
        "text", N_("Word and OpenDocument text"),
        (f"{_OFFICE}wordprocessingml.document", "application/msword", f"{_OPEN}text"),
    ),
    FileType(
        "sheet", N_("Excel, OpenDocument sheets and CSV"),
        (f"{_OFFICE}spreadsheetml.sheet", "application/vnd.ms-excel", f"{_OPEN}spreadsheet", "text/csv"),
    ),
    FileType("zip", N_("ZIP archives"), ("application/zip",)),
)  # fmt: skip
_FIELDS = ("name", "path", "portal", "signature", "notification", "notify_to", "link_to", "deposits", "media_types")


def type_names(_: Words, media_types: tuple[str, ...]) -> str:
    """The accepted types in short words; "All" when none is named."""
    if not media_types:
        return _("All")
    known = [each for each in FILE_TYPES if set(each.media_types) & set(media_types)]
    others = set(media_types) - {name for each in known for name in each.media_types}
    short = {
        "pdf": _("PDF"), "image": _("images"), "text": _("text"), "sheet": _("sheets"), "zip": _("ZIP"),
    }  # fmt: skip
    return ", ".join([*(short[each.key] for each in known), *sorted(others)])


def _recipient(_: Words, value: int) -> str:
    names: dict[int, str] = {
        documents_pb2.NOTIFY_TO_QUOTES: _("Quotes"),
        documents_pb2.NOTIFY_TO_BILLING: _("Invoices"),
        documents_pb2.NOTIFY_TO_REMINDERS: _("Reminders"),
    }
    return names.get(value, _("Main"))


def _target(_: Words, value: int) -> str:
    names: dict[int, str] = {
        documents_pb2.LINK_TARGET_DOCUMENT: _("The document"),
        documents_pb2.LINK_TARGET_QUOTES: _("Quotes"),
        documents_pb2.LINK_TARGET_INVOICES: _("Invoices"),
        documents_pb2.LINK_TARGET_PAYSLIPS: _("Payslips"),
    }
    return names.get(value, _("Home"))


def _side(_: Words, value: int) -> str:
    names: dict[int, str] = {
        documents_pb2.SIGNATURE_SIDE_LEFT: _("On the left"),
        documents_pb2.SIGNATURE_SIDE_RIGHT: _("On the right"),
    }
    return names.get(value, _("None"))


@pages.get("/o/{slug}/settings/folders", staff("folders.configure"))
async def folders(visit: OrganisationVisit) -> Response:
    """The templates of one audience, with their settings."""
    _ = visit.words
    audience = visit.query.get("audience", "")
    audience = audience if audience in labels.CONTACT_KINDS else "client"
    request = documents_pb2.ListFolderTemplatesRequest(audience=labels.CONTACT_KINDS[audience])
    _frame, found = await visit.together(visit.clients.folders.ListFolderTemplates(request))
    context = {
        "tabs": settings_tabs(visit),
        "audience": audience,
        "folders": found.templates,
        "chips": [
            Chip(labels.kind_many(_, key), f"{visit.base}/settings/folders?audience={key}", active=key == audience)
            for key in labels.CONTACT_KINDS
        ],
        "columns": [
            Column(_("Folder")),
            Column(_("Portal")),
            Column(_("Announced to"), wide=True),
            Column(_("Link to"), wide=True),
            Column(_("Deposits"), wide=True),
            Column(_("Signature"), wide=True),
            Column(_("Types"), wide=True),
        ],
        "recipient_of": lambda folder: _recipient(_, folder.notify_to),
        "target_of": lambda folder: _target(_, folder.link_to),
        "side_of": lambda folder: _side(_, folder.signature),
        "types_of": lambda folder: type_names(_, tuple(folder.media_types)),
    }
    return visit.render("folders/list.html", context)


@pages.get("/o/{slug}/settings/folders/new", staff("folders.configure"))
async def new(visit: OrganisationVisit) -> Response:
    """The form that makes a folder."""
    await visit.together()
    audience = visit.query.get("audience", "")
    values = dict.fromkeys(_FIELDS, "") | {
        "audience": audience if audience in labels.CONTACT_KINDS else "client",
        "portal": "1",
        "notification": "1",
        "notify_to": "main",
        "link_to": "document",
        "version": "0",
        "position": "0",
    }
    return _form(visit, values, ())


@pages.get("/o/{slug}/settings/folders/{id}", staff("folders.configure"))
async def edit(visit: OrganisationVisit) -> Response:
    """The form that changes a folder's settings."""
    folder_id = visit.request.path_params["id"]
    request = documents_pb2.ListFolderTemplatesRequest()
    _frame, found = await visit.together(visit.clients.folders.ListFolderTemplates(request))
    folder = next((each for each in found.templates if each.id == folder_id), None)
    if folder is None:
        raise not_found("folder")
    values = {
        "audience": labels.kind_key(folder.audience),
        "name": folder.name,
        "path": folder.path,
        "portal": "1" if folder.portal else "",
        "signature": _key(SIDES, folder.signature),
        "notification": "1" if folder.notification else "",
        "notify_to": _key(RECIPIENTS, folder.notify_to) or "main",
        "link_to": _key(TARGETS, folder.link_to) or "home",
        "deposits": "1" if folder.deposits else "",
        "version": str(folder.version),
        "position": str(folder.position),
    }
    return _form(visit, values, tuple(folder.media_types))


def _key(choices: Mapping[str, int], value: int) -> str:
    return next((key for key, each in choices.items() if each == value), "")


def _form(
    visit: OrganisationVisit,
    values: dict[str, str],
    media_types: tuple[str, ...],
    errors: Errors | None = None,
    status: int = 200,
) -> Response:
    _ = visit.words
    offered = {name for each in FILE_TYPES for name in each.media_types}
    context = {
        "tabs": settings_tabs(visit),
        "values": values,
        "errors": errors or Errors(),
        "folder_id": visit.request.path_params.get("id", ""),
        "audience_label": labels.kind_many(_, values["audience"]),
        "recipients": [
            (key, _recipient(_, value))
            for key, value in RECIPIENTS.items()
            if values["audience"] != "employee" or key == "main"
        ],
        "targets": [(key, _target(_, value)) for key, value in TARGETS.items()],
        "sides": [(key, _side(_, value)) for key, value in SIDES.items()],
        "types": [(each.key, _(each.label)) for each in FILE_TYPES],
        "chosen_types": [each.key for each in FILE_TYPES if set(each.media_types) & set(media_types)],
        "other_types": ", ".join(sorted(set(media_types) - offered)),
    }
    return visit.render("folders/edit.html", context, status=status)


@pages.post("/o/{slug}/settings/folders/new", staff("folders.configure"))
async def create(visit: OrganisationVisit) -> Response:
    """Makes a folder: every contact of the audience has it at once."""
    return await _save(visit)


@pages.post("/o/{slug}/settings/folders/{id}", staff("folders.configure"))
async def save(visit: OrganisationVisit) -> Response:
    """Saves the settings."""
    return await _save(visit)


async def _save(visit: OrganisationVisit) -> Response:
    _ = visit.words
    form = visit.form
    values = {name: form[name] for name in (*_FIELDS, "audience", "version", "position")}
    if values["audience"] not in labels.CONTACT_KINDS:
        values["audience"] = "client"
    chosen = form.all("types")
    media_types = [name for each in FILE_TYPES if each.key in chosen for name in each.media_types]
    media_types += [each.strip() for each in form["other_types"].split(",") if each.strip()]
    template = documents_pb2.FolderTemplate(
        id=visit.request.path_params.get("id", ""),
        audience=labels.CONTACT_KINDS[values["audience"]],
        name=values["name"],
        path=values["path"],
        portal=bool(values["portal"]),
        signature=SIDES.get(values["signature"], documents_pb2.SIGNATURE_SIDE_UNSPECIFIED),
        notification=bool(values["notification"]),
        notify_to=RECIPIENTS.get(values["notify_to"], documents_pb2.NOTIFY_TO_UNSPECIFIED),
        link_to=TARGETS.get(values["link_to"], documents_pb2.LINK_TARGET_UNSPECIFIED),
        deposits=bool(values["deposits"]),
        media_types=media_types,
        position=whole(values["position"]),
        version=whole(values["version"]),
    )
    try:
        await visit.clients.folders.SaveFolderTemplate(documents_pb2.SaveFolderTemplateRequest(template=template))
    except ServiceError as error:
        errors = visit.errors(error, *_FIELDS, name_taken="name", path_taken="path")
        await visit.together()
        values["version"] = error.params.get("version", values["version"])
        return _form(visit, values, tuple(media_types), errors, status=422)
    return visit.redirect(f"{visit.base}/settings/folders?audience={values['audience']}", _("Saved."))
