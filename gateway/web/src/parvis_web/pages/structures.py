"""Structures: agencies, subsidiaries and other parts of the organisation."""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError, not_found
from parvis_ui.forms import Errors
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.pages.contacts import whole
from parvis_web.sentences import N_, sentence
from parvis_web.visit import OrganisationVisit

pages = Area(
    "structures",
    entry="settings.structures",
    sentences={
        "structure_not_found": N_("This structure is gone."),
        "structure_cycle": N_("A structure cannot be part of itself, nor of one that is part of it. Choose another."),
        "structure_in_use": N_(
            "%(name)s is in use, so it stays. People in it: %(members)s; structures that are part of it:"
            " %(structures)s; people who administer it: %(tiers)s; applications with seats reserved to it:"
            " %(products)s. Move these first."
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Branch:
    """A structure in the tree: how deep it is, and all that are part of it."""

    structure: tenancy_pb2.Structure
    depth: int
    below: frozenset[str]


def branches(structures: Iterable[tenancy_pb2.Structure]) -> list[Branch]:
    """Structures as a tree, parents before children."""
    children: dict[str, list[tenancy_pb2.Structure]] = {}
    for each in structures:
        children.setdefault(each.parent_id, []).append(each)

    def walk(parent: str, depth: int) -> list[Branch]:
        found: list[Branch] = []
        for each in children.get(parent, ()):
            inside = walk(each.id, depth + 1)
            below = frozenset(branch.structure.id for branch in inside)
            found += [Branch(each, depth, below), *inside]
        return found

    return walk("", 0)


def _parents(found: Iterable[Branch]) -> list[tuple[str, str]]:
    return [(each.structure.id, "\u2003" * each.depth + each.structure.name) for each in found]


@pages.get("/o/{slug}/settings/structures", staff("organisation.manage"))
async def structures(visit: OrganisationVisit) -> Response:
    """The tree."""
    return await _structures(visit, "", "", Errors())


async def _structures(
    visit: OrganisationVisit, name: str, parent_id: str, errors: Errors, status: int = 200
) -> Response:
    _frame, found = await visit.together(
        visit.clients.organisations.ListStructures(tenancy_pb2.ListStructuresRequest())
    )
    tree = branches(found.structures)
    context = {
        "tabs": settings_tabs(visit),
        "here": f"{visit.base}/settings/structures",
        "structures": tree,
        "name": name,
        "parent_id": parent_id,
        "parents": _parents(tree),
        "errors": errors,
    }
    return visit.render("cabinet/structures.html", context, status=status)


@pages.post("/o/{slug}/settings/structures", staff("organisation.manage"))
async def add(visit: OrganisationVisit) -> Response:
    """Makes a structure."""
    _, form = visit.words, visit.form
    request = tenancy_pb2.CreateStructureRequest(name=form["name"], parent_id=form["parent_id"])
    try:
        made = await visit.clients.organisations.CreateStructure(request)
    except ServiceError as error:
        errors = visit.errors(error, "name", "parent_id", name_taken="name")
        return await _structures(visit, form["name"], form["parent_id"], errors, status=422)
    return visit.redirect(visit.address, _("“%(name)s” is added.", name=made.name))


@pages.get("/o/{slug}/settings/structures/{id}", staff("organisation.manage"))
async def structure(visit: OrganisationVisit) -> Response:
    """One structure: its name, what it is part of."""
    return await _structure(visit, None, Errors())


async def _structure(
    visit: OrganisationVisit, typed: dict[str, str] | None, errors: Errors, problem: str = "", status: int = 200
) -> Response:
    _frame, found = await visit.together(
        visit.clients.organisations.ListStructures(tenancy_pb2.ListStructuresRequest())
    )
    tree = branches(found.structures)
    chosen = next((each for each in tree if each.structure.id == visit.request.path_params["id"]), None)
    if chosen is None:
        raise not_found()
    elsewhere = [each for each in tree if each is not chosen and each.structure.id not in chosen.below]
    context = {
        "structure": chosen.structure,
        "here": f"{visit.base}/settings/structures/{chosen.structure.id}",
        "back": f"{visit.base}/settings/structures",
        "values": typed or {"name": chosen.structure.name, "parent_id": chosen.structure.parent_id},
        "parents": _parents(elsewhere),
        "errors": errors,
        "problem": problem,
    }
    return visit.render("cabinet/structure.html", context, status=status)


@pages.post("/o/{slug}/settings/structures/{id}", staff("organisation.manage"))
async def change(visit: OrganisationVisit) -> Response:
    """Renames it, or moves it with all below it."""
    _, form = visit.words, visit.form
    typed = {"name": form["name"], "parent_id": form["parent_id"]}
    request = tenancy_pb2.UpdateStructureRequest(
        id=visit.request.path_params["id"], version=whole(form["version"]), **typed
    )
    try:
        made = await visit.clients.organisations.UpdateStructure(request)
    except ServiceError as error:
        errors = visit.errors(error, *typed, structure_cycle="parent_id", above_ceiling="parent_id")
        return await _structure(visit, typed, errors, status=422)
    return visit.redirect(f"{visit.base}/settings/structures", _("“%(name)s” is saved.", name=made.name))


@pages.post("/o/{slug}/settings/structures/{id}/delete", staff("organisation.manage"))
async def delete(visit: OrganisationVisit) -> Response:
    """Deletes it, when nothing uses it."""
    _ = visit.words
    request = tenancy_pb2.DeleteStructureRequest(id=visit.request.path_params["id"])
    try:
        await visit.clients.organisations.DeleteStructure(request)
    except ServiceError as error:
        if error.reason != "structure_in_use":
            raise
        return await _structure(visit, None, Errors(), sentence(_, error), status=422)
    said = _("“%(name)s” is deleted.", name=visit.form["name"])
    return visit.redirect(f"{visit.base}/settings/structures", said)
