"""People of a contact: who they are, their portal accesses, and the advisers in charge."""

from starlette.responses import Response

from parvis.documents.v1 import documents_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError, not_found
from parvis_ui.forms import Errors
from parvis_ui.frame import Flash
from parvis_web.access import Area, staff
from parvis_web.calls import if_allowed
from parvis_web.pages.contacts import PATIENCE, PERSON_FIELDS, active_members, person_of
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "contact_people",
    entry="contacts",
    sentences={
        "access_quota_reached": N_(
            "You may have given %(quota)s client accesses that are open, and you have given %(used)s. Cut one that is"
            " no longer used; an administrator can raise the number."
        ),
        "access_quota_reached:helpers": N_(
            "You may have given %(quota)s client accesses that are open, and you have given %(used)s. Cut one that is"
            " no longer used, or ask for a higher number: %(helpers)s."
        ),
    },
)

_MOST_ADVISERS = 20
ROLES = {
    "main": tenancy_pb2.ADVISER_ROLE_MAIN,
    "further": tenancy_pb2.ADVISER_ROLE_FURTHER,
    "assistant": tenancy_pb2.ADVISER_ROLE_ASSISTANT,
}


def _here(visit: OrganisationVisit) -> str:
    return f"{visit.base}/contacts/{visit.request.path_params['id']}"


def _contact(visit: OrganisationVisit) -> tenancy_pb2.GetContactRequest:
    return tenancy_pb2.GetContactRequest(id=visit.request.path_params["id"])


def _named(record: tenancy_pb2.ContactRecord, person_id: str) -> tenancy_pb2.Person:
    person = next((each for each in record.people if each.id == person_id), None)
    if person is None:
        raise not_found("person_not_found")
    return person


@pages.get("/o/{slug}/contacts/{id}/people/new", staff("contacts.edit"))
async def new_person(visit: OrganisationVisit) -> Response:
    """The form that adds a person."""
    return await _person_form(visit, dict.fromkeys(PERSON_FIELDS, ""), Errors())


@pages.get("/o/{slug}/contacts/{id}/people/{person_id}", staff("contacts.edit"))
async def edit_person(visit: OrganisationVisit) -> Response:
    """The form that changes a person."""
    return await _person_form(visit, None, Errors())


async def _person_form(
    visit: OrganisationVisit, values: dict[str, str] | None, errors: Errors, status: int = 200
) -> Response:
    person_id = visit.request.path_params.get("person_id", "")
    _frame, record = await visit.together(visit.clients.contacts.GetContact(_contact(visit)))
    if person_id:
        person = _named(record, person_id)
        values = values or {name: getattr(person, name) for name in PERSON_FIELDS}
    context = {
        "contact": record.contact,
        "here": _here(visit),
        "person_id": person_id,
        "values": values,
        "errors": errors,
        "has_access": bool(person_id) and _named(record, person_id).HasField("access"),
    }
    return visit.render("contacts/person.html", context, status=status)


@pages.post("/o/{slug}/contacts/{id}/people/new", staff("contacts.edit"))
async def add_person(visit: OrganisationVisit) -> Response:
    """Adds a person."""
    return await _save_person(visit)


@pages.post("/o/{slug}/contacts/{id}/people/{person_id}", staff("contacts.edit"))
async def save_person(visit: OrganisationVisit) -> Response:
    """Changes a person."""
    return await _save_person(visit)


async def _save_person(visit: OrganisationVisit) -> Response:
    _ = visit.words
    params = visit.request.path_params
    values = {name: visit.form[name] for name in PERSON_FIELDS}
    person = person_of(values, params.get("person_id", ""))
    try:
        await visit.clients.contacts.SavePerson(tenancy_pb2.SavePersonRequest(contact_id=params["id"], person=person))
    except ServiceError as error:
        return await _person_form(visit, values, visit.errors(error, *PERSON_FIELDS), status=422)
    return visit.redirect(_here(visit), _("Saved."))


@pages.get("/o/{slug}/contacts/{id}/people/{person_id}/access", staff("accesses.manage"))
async def access_form(visit: OrganisationVisit) -> Response:
    """The form that gives a person a portal access."""
    return await _access_form(visit, None, (), Errors())


async def _access_form(
    visit: OrganisationVisit, identifier: str | None, chosen: tuple[str, ...], errors: Errors, status: int = 200
) -> Response:
    _frame, record, folders = await visit.together(
        visit.clients.contacts.GetContact(_contact(visit)),
        if_allowed(
            visit.clients.folders.ListFolders(
                documents_pb2.ListFoldersRequest(contact_id=visit.request.path_params["id"]), timeout=PATIENCE
            )
        ),
    )
    person = _named(record, visit.request.path_params["person_id"])
    if person.HasField("access"):  # pressed twice, or a sheet opened again: what is left to do is elsewhere
        said = visit.words(
            "%(name)s already has an access, under the identifier %(identifier)s.",
            name=f"{person.given_name} {person.family_name}".strip(),
            identifier=person.access.identifier,
        )
        again = f"{_here(visit)}/accesses/{person.access.membership_id}/password"
        return visit.redirect(_here(visit), Flash("info", said, again, visit.words("New provisional password")))
    first = not any(each.HasField("access") for each in record.people)
    context = {
        "way": visit.form["way"] or ("mail" if person.mail else "paper"),
        "contact": record.contact,
        "person": person,
        "name": f"{person.given_name} {person.family_name}".strip(),
        "here": _here(visit),
        "identifier": (record.contact.code if first else "") if identifier is None else identifier,
        "first": first,
        "folders": _shared(folders),
        "chosen": chosen,
        "limited": visit.form["reach"] == "some",
        "errors": errors,
        "login": f"{visit.portal.settings.public_url.rstrip('/')}/login/{visit.organisation.face.slug}",
    }
    return visit.render("contacts/access.html", context, status=status)


def _shared(folders: documents_pb2.ListFoldersResponse | None) -> list[tuple[str, str]]:
    return (
        [(each.template.id, each.template.name) for each in folders.folders if each.template.portal] if folders else []
    )


def _chosen_folders(visit: OrganisationVisit) -> tuple[str, ...]:
    return tuple(visit.form.all("folders")) if visit.form["reach"] == "some" else ()


@pages.post("/o/{slug}/contacts/{id}/people/{person_id}/access", staff("accesses.manage"))
async def grant_access(visit: OrganisationVisit) -> Response:
    """Gives the access: the person receives a mail with a link, or a provisional password on paper."""
    _, params = visit.words, visit.request.path_params
    identifier, chosen = visit.form["identifier"], _chosen_folders(visit)
    if visit.form["reach"] == "some" and not chosen:
        errors = Errors({"folders": _("Choose at least one folder, or give access to all shared ones.")})
        return await _access_form(visit, identifier, chosen, errors, status=422)
    on_paper = visit.form["way"] == "paper"
    request = tenancy_pb2.GrantAccessRequest(
        contact_id=params["id"],
        person_id=params["person_id"],
        identifier=identifier,
        folder_template_ids=chosen,
        without_mail=on_paper,
    )
    try:
        access = await visit.clients.contacts.GrantAccess(request)
    except ServiceError as error:
        errors = visit.errors(error, "identifier", "folders", identifier_taken="identifier")
        return await _access_form(visit, identifier, chosen, errors, status=422)
    if on_paper:
        return await _sheet(visit, access.membership_id)
    said = _("The access is open under the identifier %(identifier)s; the mail with the link is on its way.")
    return visit.redirect(_here(visit), said % {"identifier": access.identifier})


@pages.get("/o/{slug}/contacts/{id}/accesses/{membership_id}/password", staff("accesses.manage"))
async def password_question(visit: OrganisationVisit) -> Response:
    """What a provisional password does, before one is made."""
    _frame, record = await visit.together(visit.clients.contacts.GetContact(_contact(visit)))
    person = _with_access(record, visit.request.path_params["membership_id"])
    context = {
        "contact": record.contact,
        "person": person,
        "name": f"{person.given_name} {person.family_name}".strip(),
        "here": _here(visit),
        "used": person.access.state == tenancy_pb2.MEMBERSHIP_STATE_ACTIVE,
    }
    return visit.render("contacts/password_question.html", context)


@pages.post("/o/{slug}/contacts/{id}/accesses/{membership_id}/password", staff("accesses.manage"))
async def issue_password(visit: OrganisationVisit) -> Response:
    """A provisional password to hand over."""
    return await _sheet(visit, visit.request.path_params["membership_id"])


async def _sheet(visit: OrganisationVisit, membership_id: str) -> Response:
    """The sheet with a provisional password: this answer is the only place where it is ever shown."""
    issued = await visit.clients.contacts.IssueAccessPassword(
        tenancy_pb2.IssueAccessPasswordRequest(membership_id=membership_id)
    )
    _frame, record = await visit.together(visit.clients.contacts.GetContact(_contact(visit)))
    person = _with_access(record, membership_id)
    context = {
        "contact": record.contact,
        "name": f"{person.given_name} {person.family_name}".strip(),
        "firm": visit.organisation.face.name,
        "here": _here(visit),
        "issued": issued,
        "login": f"{visit.portal.settings.public_url.rstrip('/')}/login/{visit.organisation.face.slug}",
    }
    answer = visit.render("contacts/password_sheet.html", context)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.get("/o/{slug}/contacts/{id}/accesses/{membership_id}/folders", staff("accesses.manage"))
async def folder_limits(visit: OrganisationVisit) -> Response:
    """The form that limits an access to some folders."""
    return await _limits_form(visit, None, Errors())


async def _limits_form(
    visit: OrganisationVisit, chosen: tuple[str, ...] | None, errors: Errors, status: int = 200
) -> Response:
    params = visit.request.path_params
    _frame, record, folders = await visit.together(
        visit.clients.contacts.GetContact(_contact(visit)),
        visit.clients.folders.ListFolders(documents_pb2.ListFoldersRequest(contact_id=params["id"])),
    )
    person = next((each for each in record.people if each.access.membership_id == params["membership_id"]), None)
    if person is None:
        raise not_found("access_not_found")
    kept = tuple(person.access.folder_template_ids)
    context = {
        "contact": record.contact,
        "name": f"{person.given_name} {person.family_name}".strip(),
        "here": _here(visit),
        "action": visit.request.url.path,
        "folders": _shared(folders),
        "chosen": kept if chosen is None else chosen,
        "limited": bool(kept) if chosen is None else True,
        "errors": errors,
    }
    return visit.render("contacts/limits.html", context, status=status)


@pages.post("/o/{slug}/contacts/{id}/accesses/{membership_id}/folders", staff("accesses.manage"))
async def limit_folders(visit: OrganisationVisit) -> Response:
    """Limits the access, or opens all shared folders."""
    _, chosen = visit.words, _chosen_folders(visit)
    if visit.form["reach"] == "some" and not chosen:
        errors = Errors({"folders": _("Choose at least one folder, or give access to all shared ones.")})
        return await _limits_form(visit, chosen, errors, status=422)
    await visit.clients.contacts.SetAccessFolders(
        tenancy_pb2.SetAccessFoldersRequest(
            membership_id=visit.request.path_params["membership_id"], folder_template_ids=chosen
        )
    )
    return visit.redirect(_here(visit), _("Saved. It takes effect at their next click."))


@pages.get("/o/{slug}/contacts/{id}/accesses/{membership_id}/mail", staff("accesses.manage"))
async def mail_form(visit: OrganisationVisit) -> Response:
    """The form that corrects where the mails of an access go."""
    return await _mail_form(visit, None, Errors())


async def _mail_form(visit: OrganisationVisit, mail: str | None, errors: Errors, status: int = 200) -> Response:
    _frame, record = await visit.together(visit.clients.contacts.GetContact(_contact(visit)))
    person = _with_access(record, visit.request.path_params["membership_id"])
    context = {
        "contact": record.contact,
        "person": person,
        "name": f"{person.given_name} {person.family_name}".strip(),
        "here": _here(visit),
        "mail": person.mail if mail is None else mail,
        "errors": errors,
    }
    return visit.render("contacts/access_mail.html", context, status=status)


def _with_access(record: tenancy_pb2.ContactRecord, membership_id: str) -> tenancy_pb2.Person:
    person = next((each for each in record.people if each.access.membership_id == membership_id), None)
    if person is None:
        raise not_found("access_not_found")
    return person


@pages.post("/o/{slug}/contacts/{id}/accesses/{membership_id}/mail", staff("accesses.manage"))
async def correct_mail(visit: OrganisationVisit) -> Response:
    """Corrects where the mails of an access go."""
    _, mail = visit.words, visit.form["mail"]
    membership_id = visit.request.path_params["membership_id"]
    try:
        access = await visit.clients.contacts.CorrectAccessMail(
            tenancy_pb2.CorrectAccessMailRequest(membership_id=membership_id, mail=mail)
        )
    except ServiceError as error:
        return await _mail_form(visit, mail, visit.errors(error, "mail"), status=422)
    if access.state == tenancy_pb2.MEMBERSHIP_STATE_INVITED:
        return visit.redirect(_here(visit), _("Corrected. The access mail is on its way to the new address."))
    return visit.redirect(_here(visit), _("Corrected. The old address is told so by mail."))


@pages.post("/o/{slug}/contacts/{id}/accesses/{membership_id}/resend", staff("accesses.manage"))
async def resend(visit: OrganisationVisit) -> Response:
    """Sends the access mail again; the link of the earlier one stops working."""
    _ = visit.words
    membership_id = visit.request.path_params["membership_id"]
    await visit.clients.contacts.ResendAccess(tenancy_pb2.ResendAccessRequest(membership_id=membership_id))
    said = _("A new mail is on its way. The link of the earlier one no longer works.")
    return visit.redirect(_here(visit), said)


@pages.post("/o/{slug}/contacts/{id}/accesses/{membership_id}/cut", staff("accesses.manage"))
async def cut(visit: OrganisationVisit) -> Response:
    """Cuts the access, at once."""
    _ = visit.words
    membership_id = visit.request.path_params["membership_id"]
    await visit.clients.contacts.CutAccess(tenancy_pb2.CutAccessRequest(membership_id=membership_id))
    return visit.redirect(_here(visit), _("The access is cut."))


@pages.post("/o/{slug}/contacts/{id}/accesses/{membership_id}/reopen", staff("accesses.manage"))
async def reopen(visit: OrganisationVisit) -> Response:
    """Opens an access that was cut."""
    _ = visit.words
    membership_id = visit.request.path_params["membership_id"]
    access = await visit.clients.contacts.ReopenAccess(tenancy_pb2.ReopenAccessRequest(membership_id=membership_id))
    if access.state == tenancy_pb2.MEMBERSHIP_STATE_INVITED:
        said = _("The access is open again. It was never used: send the mail again, the earlier link no longer works.")
    else:
        said = _("The access is open again.")
    return visit.redirect(_here(visit), said)


@pages.get("/o/{slug}/contacts/{id}/advisers", staff("contacts.edit"))
async def advisers(visit: OrganisationVisit) -> Response:
    """The form that says who is in charge."""
    return await _advisers_form(visit, None, Errors())


async def _advisers_form(
    visit: OrganisationVisit, rows: list[tuple[str, str]] | None, errors: Errors, status: int = 200
) -> Response:
    _ = visit.words
    _frame, record, members = await visit.together(
        visit.clients.contacts.GetContact(_contact(visit)),
        if_allowed(visit.clients.members.ListMembers(active_members())),
    )
    keys = {value: key for key, value in ROLES.items()}
    if rows is None:
        rows = [(each.membership_id, keys.get(each.role, "")) for each in record.contact.advisers] + [("", "further")]
    names = {each.id: f"{each.given_name} {each.family_name}" for each in members.members} if members else {}
    names |= {each.membership_id: each.name for each in record.contact.advisers if each.membership_id not in names}
    context = {
        "contact": record.contact,
        "here": _here(visit),
        "rows": rows,
        "most": _MOST_ADVISERS,
        "focus_last": visit.form["act"] == "add",
        "members": sorted(names.items(), key=lambda each: each[1].casefold()),
        "complete": members is not None,
        "roles": (("main", _("Main adviser")), ("further", _("Adviser")), ("assistant", _("Assistant"))),
        "errors": errors,
    }
    return visit.render("contacts/advisers.html", context, status=status, blocks=("rows",))


@pages.post("/o/{slug}/contacts/{id}/advisers", staff("contacts.edit"))
async def set_advisers(visit: OrganisationVisit) -> Response:
    """Sets who is in charge, or shows one more line."""
    _ = visit.words
    form = visit.form
    rows = [(form[f"member.{place}"], form[f"role.{place}"]) for place in range(_MOST_ADVISERS)]
    rows = [row for row in rows if row[0]]
    if form["act"] == "add":
        return await _advisers_form(visit, [*rows, ("", "further")], Errors())
    wanted = [
        tenancy_pb2.Adviser(membership_id=member, role=ROLES.get(role, tenancy_pb2.ADVISER_ROLE_UNSPECIFIED))
        for member, role in rows
    ]
    try:
        await visit.clients.contacts.SetAdvisers(
            tenancy_pb2.SetAdvisersRequest(contact_id=visit.request.path_params["id"], advisers=wanted)
        )
    except ServiceError as error:
        return await _advisers_form(visit, rows, visit.errors(error), status=422)
    return visit.redirect(_here(visit), _("Saved. Their rights follow within a minute."))
