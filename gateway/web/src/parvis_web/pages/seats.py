"""Applications of the organisation: how many seats there are, who holds them, and what is reserved to structures."""

from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError, not_found
from parvis_ui.forms import Errors
from parvis_ui.lists import Chip, Column, changed
from parvis_ui.translations import Words
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.pages.structures import Branch, branches
from parvis_web.sentences import N_, sentence
from parvis_web.visit import OrganisationVisit

pages = Area(
    "seats",
    entry="settings.applications",
    sentences={
        "seats_exhausted": N_(
            "%(product)s: %(used)s of %(seats)s seats are taken, %(missing)s missing. Nothing was done. Take it back"
            " from somebody, or ask %(provider)s for more seats."
        ),
        "seats_exhausted:structure": N_(
            "%(product)s: %(used)s of the %(seats)s seats of %(structure)s are taken, %(missing)s missing. Nothing was"
            " done. Take it back from somebody there, or reserve more seats to %(structure)s."
        ),
        "seats_short": N_(
            "Of %(seats)s seats, %(used)s are reserved elsewhere: %(missing)s missing. Reserve fewer, or ask"
            " %(provider)s for more seats."
        ),
        "seats_short:structure": N_(
            "Of %(seats)s seats of %(structure)s, %(used)s are reserved within it: %(missing)s missing."
        ),
        "seats_held": N_(
            "Seats in use elsewhere: %(used)s. Only %(seats)s would be left there. Take some back first, or reserve"
            " fewer."
        ),
        "seats_held:structure": N_(
            "Seats in use at %(structure)s: %(used)s. Only %(seats)s would be left there. Take some back first, or"
            " reserve more."
        ),
    },
)
_LONGEST = 9  # digits


def number(typed: str) -> int | None:
    """A number of seats as somebody typed it; None when it is no whole number."""
    digits = typed.replace("\u202f", "").replace("\xa0", "").replace(" ", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST else None


def taken(words: Words, seats: int | None, used: int) -> tuple[str, str]:
    """How many seats are taken, as `ui.state` shows it: label and kind."""
    if seats is None:
        return words.plural("%(num)s seat taken, no limit", "%(num)s seats taken, no limit", used), "ok"
    some = words.plural("%(num)s of %(seats)s seats taken", "%(num)s of %(seats)s seats taken", used, seats=seats)
    if used > seats:
        over = words.plural("%(num)s too many", "%(num)s too many", used - seats)
        return words("%(some)s: %(over)s", some=some, over=over), "bad"
    return some, "ok" if used < seats else "wait"


def offers(words: Words, assigned: tenancy_pb2.ListAssignmentsResponse | None) -> list[tuple[str, str, str]]:
    """Applications as `ui.checkboxes` offers them to somebody who joins: id, name, how many seats are taken."""
    found = assigned.products if assigned else ()
    return [(each.product_id, each.product_name, _state(words, each)[0]) for each in found]


def _state(words: Words, found: tenancy_pb2.ProductAssignments) -> tuple[str, str]:
    label, kind = taken(words, found.seats if found.HasField("seats") else None, found.used)
    return label, "bad" if found.over else kind


@pages.get("/o/{slug}/settings/applications", staff("members.read"))
async def applications(visit: OrganisationVisit) -> Response:
    """The subscribed applications, with their seats."""
    _ = visit.words
    request = tenancy_pb2.ListAssignmentsRequest(only_seats=True)
    _frame, found = await visit.together(visit.clients.products.ListAssignments(request))
    context = {
        "tabs": settings_tabs(visit),
        "products": found.products,
        "columns": [Column(_("Application")), Column(_("Seats")), Column(_("Reserved"), wide=True)],
        "state_of": lambda product: _state(_, product),
        "reserved": lambda product: sum(each.seats for each in product.reserved),
    }
    return visit.render("seats/list.html", context)


@pages.get("/o/{slug}/settings/applications/{id}", staff("members.read"))
async def application(visit: OrganisationVisit) -> Response:
    """One application: who has it, and what is reserved to structures."""
    return await _application(visit, "")


async def _application(visit: OrganisationVisit, problem: str, status: int = 200) -> Response:
    _, query, everybody = visit.words, visit.query.get("q", ""), visit.query.get("who") == "all"
    wanted = tenancy_pb2.ListMembersRequest(
        query=query,
        page_token=visit.query.get("after", ""),
        product_id="" if everybody else visit.request.path_params["id"],
    )
    _frame, assigned, found, structures = await visit.together(
        visit.clients.products.ListAssignments(
            tenancy_pb2.ListAssignmentsRequest(product_id=visit.request.path_params["id"], only_seats=not everybody)
        ),
        visit.clients.members.ListMembers(wanted),
        visit.clients.organisations.ListStructures(tenancy_pb2.ListStructuresRequest()),
    )
    product = _chosen(visit, assigned)
    here = f"{visit.base}/settings/applications/{product.product_id}"
    context = {
        "product": product,
        "here": here,
        "back": f"{visit.base}/settings/applications",
        "state": _state(_, product),
        "open": taken(_, product.open_seats if product.HasField("open_seats") else None, product.open_used),
        "problem": problem,
        "holders": frozenset(product.membership_ids if everybody else (each.id for each in found.members)),
        "members": found.members,
        "total": found.total,
        "next": changed(visit.address, after=found.next_page_token) if found.next_page_token else "",
        "query": query,
        "everybody": everybody,
        "now": visit.address,
        "chips": [
            Chip(_("Has it"), changed(visit.address, who="", after=""), active=not everybody, count=product.used),
            Chip(_("Everyone"), changed(visit.address, who="all", after=""), active=everybody),
        ],
        "columns": [
            Column(_("Name")), Column(_("Structure"), wide=True), Column(_("Application")),
            Column(_("Action"), hidden=True),
        ],
        "structures": branches(structures.structures),
        "parts": {each.structure_id: taken(_, each.seats, each.used) for each in product.reserved},
        "structure_columns": [Column(_("Structure")), Column(_("Seats reserved"))],
    }  # fmt: skip
    return visit.render("seats/application.html", context, status=status)


def _chosen(visit: OrganisationVisit, assigned: tenancy_pb2.ListAssignmentsResponse) -> tenancy_pb2.ProductAssignments:
    found = next((each for each in assigned.products if each.product_id == visit.request.path_params["id"]), None)
    if found is None:
        raise not_found()
    return found


@pages.post("/o/{slug}/settings/applications/{id}", staff("products.assign"))
async def assign(visit: OrganisationVisit) -> Response:
    """Assigns the application to a member, or takes it back."""
    _, form = visit.words, visit.form
    product_id, assigned = visit.request.path_params["id"], form["assigned"] == "1"
    request = tenancy_pb2.SetAssignmentRequest(
        product_id=product_id, membership_id=form["membership_id"], assigned=assigned
    )
    try:
        await visit.clients.products.SetAssignment(request)
    except ServiceError as error:
        if error.reason != "seats_exhausted":
            raise
        return await _application(visit, sentence(_, error), status=422)
    said = _("The application is assigned.") if assigned else _("The application is taken back.")
    return visit.redirect(visit.address, said)


@pages.get("/o/{slug}/settings/applications/{id}/structures/{structure_id}", staff("products.assign"))
async def structure(visit: OrganisationVisit) -> Response:
    """What one structure has of an application."""
    return await _structure(visit, None, Errors())


async def _structure(
    visit: OrganisationVisit, typed: str | None, errors: Errors, problem: str = "", status: int = 200
) -> Response:
    request = tenancy_pb2.ListAssignmentsRequest(product_id=visit.request.path_params["id"], only_seats=True)
    _frame, assigned, found = await visit.together(
        visit.clients.products.ListAssignments(request),
        visit.clients.organisations.ListStructures(tenancy_pb2.ListStructuresRequest()),
    )
    product = _chosen(visit, assigned)
    wanted = visit.request.path_params["structure_id"]
    chosen: Branch | None = next((each for each in branches(found.structures) if each.structure.id == wanted), None)
    if chosen is None:
        raise not_found()
    part = next((each for each in product.reserved if each.structure_id == wanted), None)
    back = f"{visit.base}/settings/applications/{product.product_id}"
    context = {
        "product": product,
        "name": chosen.structure.name,
        "below": chosen.below,
        "state": taken(visit.words, part.seats, part.used) if part else None,
        "here": f"{back}/structures/{wanted}",
        "back": back,
        "seats": typed if typed is not None else str(part.seats) if part else "",
        "errors": errors,
        "problem": problem,
    }
    return visit.render("seats/structure.html", context, status=status)


@pages.post("/o/{slug}/settings/applications/{id}/structures/{structure_id}", staff("products.assign"))
async def reserve(visit: OrganisationVisit) -> Response:
    """Reserves seats to the structure, or none any more."""
    _, typed = visit.words, visit.form["seats"]
    seats = number(typed)
    if typed and seats is None:
        return await _structure(visit, typed, Errors(seats=_("Write a whole number in digits.")), status=422)
    request = tenancy_pb2.SetStructureSeatsRequest(
        product_id=visit.request.path_params["id"], structure_id=visit.request.path_params["structure_id"], seats=seats
    )
    try:
        await visit.clients.products.SetStructureSeats(request)
    except ServiceError as error:
        errors = visit.errors(error, "seats", seats_short="seats", seats_held="seats")
        return await _structure(visit, typed, errors, status=422)
    name, where = visit.form["name"], f"{visit.base}/settings/applications/{request.product_id}"
    if seats is None:
        return visit.redirect(where, _("No seat is reserved to %(name)s any more.", name=name))
    return visit.redirect(where, _("The seats of %(name)s are reserved.", name=name))


@pages.post("/o/{slug}/settings/applications/{id}/structures/{structure_id}/everybody", staff("products.assign"))
async def assign_everybody(visit: OrganisationVisit) -> Response:
    """Assigns the application to everybody in the structure, or takes it back from all of them."""
    _, assigned = visit.words, visit.form["assigned"] == "1"
    request = tenancy_pb2.SetStructureAssignmentsRequest(
        product_id=visit.request.path_params["id"],
        structure_id=visit.request.path_params["structure_id"],
        assigned=assigned,
    )
    try:
        answer = await visit.clients.products.SetStructureAssignments(request)
    except ServiceError as error:
        if error.reason != "seats_exhausted":
            raise
        return await _structure(visit, None, Errors(), sentence(_, error), status=422)
    if not answer.changed:
        said = _("Everybody there has it already.") if assigned else _("Nobody there has it.")
    elif assigned:
        said = _.plural("Assigned to %(num)s person.", "Assigned to %(num)s people.", answer.changed)
    else:
        said = _.plural("Taken back from %(num)s person.", "Taken back from %(num)s people.", answer.changed)
    return visit.redirect(f"{visit.base}/settings/applications/{request.product_id}", said)
