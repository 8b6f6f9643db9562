"""Mail templates: the firm's own words for each kind of mail, in each language."""

from starlette.responses import Response

from parvis.notify.v1 import notify_pb2
from parvis_kit.errors import Kind, ServiceError, not_found
from parvis_ui.forms import Errors
from parvis_ui.lists import Column
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.pages import labels
from parvis_web.pages.contacts import whole
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "mail_templates",
    entry="settings.templates",
    sentences={
        "merge_field_unknown": N_("#%(field)s# does not exist. Did you mean #%(nearest)s#?"),
        "merge_field_unresolvable": N_("#%(field)s# has no value in this kind of mail. Perhaps #%(nearest)s#?"),
        "merge_field_not_closed": N_("#%(field)s is not closed: write #%(field)s#."),
        "merge_field_missing": N_("#%(field)s# is missing: without it the mail is of no use."),
        "merge_field_not_in_subject": N_("#%(field)s# cannot stand in a subject: nobody could follow it there."),
        "single_line": N_("A subject is one line."),
        "not_customisable": N_(
            "The text of this mail cannot be changed: it belongs to the person, not to an organisation."
        ),
    },
)
_FIELDS = ("subject", "body")
#: Mails about an account itself, which are the same for everybody.
_FIXED = frozenset(
    {
        notify_pb2.TEMPLATE_KIND_PASSWORD_RESET,
        notify_pb2.TEMPLATE_KIND_ACCOUNT_IMPORTED,
        notify_pb2.TEMPLATE_KIND_ADDRESS_CORRECTED,
        notify_pb2.TEMPLATE_KIND_PASSWORD_REPLACED,
    }
)


@pages.get("/o/{slug}/settings/templates", staff("notifications.configure"))
async def templates(visit: OrganisationVisit) -> Response:
    """Every kind of mail in both languages."""
    _ = visit.words
    _frame, found = await visit.together(visit.clients.templates.ListTemplates(notify_pb2.ListTemplatesRequest()))
    kinds = []
    for kind in dict.fromkeys(each.kind for each in found.templates):
        ours = sorted((each for each in found.templates if each.kind == kind), key=lambda each: each.locale != "fr")
        kinds.append(
            {
                "key": labels.mail_key(kind),
                "name": labels.mail_name(_, kind),
                "purpose": labels.mail_purpose(_, kind),
                "templates": ours,
            }
        )
    context = {
        "tabs": settings_tabs(visit),
        "kinds": [each for each in kinds if each["key"]],
        "columns": [Column(_("Language")), Column(_("Subject")), Column(_("Text"))],
        "locales": labels.LOCALES,
    }
    return visit.render("mail_templates/list.html", context)


def _named(visit: OrganisationVisit) -> tuple[notify_pb2.TemplateKind.ValueType, str]:
    params = visit.request.path_params
    if params["kind"] not in labels.MAIL_KINDS or params["locale"] not in labels.LOCALES:
        raise not_found("template")
    return labels.MAIL_KINDS[params["kind"]], params["locale"]


def _here(visit: OrganisationVisit) -> str:
    params = visit.request.path_params
    return f"{visit.base}/settings/templates/{params['kind']}/{params['locale']}"


@pages.get("/o/{slug}/settings/templates/{kind}/{locale}", staff("notifications.configure"))
async def edit(visit: OrganisationVisit) -> Response:
    """The editor, with the mail as it would look."""
    kind, locale = _named(visit)
    request = notify_pb2.GetTemplateRequest(kind=kind, locale=locale)
    _frame, template = await visit.together(visit.clients.templates.GetTemplate(request))
    try:
        preview, errors = await _preview(visit, template), Errors()
    except ServiceError as error:
        if error.kind not in {Kind.INVALID, Kind.UNAVAILABLE, Kind.PRECONDITION}:
            raise
        preview, errors = None, Errors()
    return _form(visit, template, preview, errors)


async def _preview(visit: OrganisationVisit, template: notify_pb2.Template) -> notify_pb2.Preview:
    return await visit.clients.templates.PreviewTemplate(notify_pb2.PreviewTemplateRequest(template=template))


def _form(
    visit: OrganisationVisit,
    template: notify_pb2.Template,
    preview: notify_pb2.Preview | None,
    errors: Errors,
    status: int = 200,
) -> Response:
    _ = visit.words
    context = {
        "tabs": settings_tabs(visit),
        "template": template,
        "name": labels.mail_name(_, template.kind),
        "purpose": labels.mail_purpose(_, template.kind),
        "locale_name": labels.LOCALES[template.locale],
        "here": _here(visit),
        "fields": [(f"#{each.name}#", each.name, each.example) for each in template.fields],
        "required": [f"#{each.name}#" for each in template.fields if each.required],
        "preview": preview,
        "paragraphs": preview.text.split("\n\n") if preview else [],
        "errors": errors,
        "fixed": template.kind in _FIXED,
    }
    return visit.render("mail_templates/edit.html", context, status=status, blocks=("preview",))


def _typed(visit: OrganisationVisit) -> notify_pb2.Template:
    kind, locale = _named(visit)
    form = visit.form
    return notify_pb2.Template(
        kind=kind,
        locale=locale,
        subject=form["subject"],
        body=form["body"].replace("\r\n", "\n"),
        version=whole(form["version"]),
        customised=form["customised"] == "1",
    )


@pages.post("/o/{slug}/settings/templates/{kind}/{locale}", staff("notifications.configure"))
async def save(visit: OrganisationVisit) -> Response:
    """Saves the words, or shows what they would look like."""
    _, wanted = visit.words, _typed(visit)
    templates = visit.clients.templates
    looking = visit.form["act"] == "preview" or visit.request.headers.get("hx-target") == "preview"
    try:
        if looking:
            _frame, preview, kept = await visit.together(
                _preview(visit, wanted),
                templates.GetTemplate(notify_pb2.GetTemplateRequest(kind=wanted.kind, locale=wanted.locale)),
            )
            wanted.fields.extend(kept.fields)
            return _form(visit, wanted, preview, Errors())
        await templates.SaveTemplate(notify_pb2.SaveTemplateRequest(template=wanted))
    except ServiceError as error:
        errors = visit.errors(error, *_FIELDS)
        _frame, kept = await visit.together(
            templates.GetTemplate(notify_pb2.GetTemplateRequest(kind=wanted.kind, locale=wanted.locale))
        )
        wanted.fields.extend(kept.fields)
        if error.reason == "stale_version":
            wanted.version = kept.version
        # htmx shows nothing that has an error's status: the preview says what is wrong in its place.
        return _form(visit, wanted, None, errors, status=200 if looking else 422)
    return visit.redirect(_here(visit), _("Saved. The next mails are written like this."))


@pages.post("/o/{slug}/settings/templates/{kind}/{locale}/reset", staff("notifications.configure"))
async def reset(visit: OrganisationVisit) -> Response:
    """Goes back to the words that ship."""
    _ = visit.words
    kind, locale = _named(visit)
    await visit.clients.templates.ResetTemplate(notify_pb2.ResetTemplateRequest(kind=kind, locale=locale))
    return visit.redirect(_here(visit), _("The text that ships is back."))
