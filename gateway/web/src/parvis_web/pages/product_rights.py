"""The rights that a product declares, one at a time. The service takes them as a whole: each page reads the set,
changes one of it, and sends it back with the version that it read.
"""

from collections.abc import Mapping, Sequence

from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError, Violation, not_found
from parvis_ui.forms import Errors
from parvis_web.access import Area, staff
from parvis_web.pages.contacts import whole
from parvis_web.sentences import N_, violation
from parvis_web.visit import OrganisationVisit

pages = Area(
    "product_rights",
    entry="settings.products",
    sentences={
        "right_code_malformed": N_("A code looks like notes.publish: two words of small letters, digits and _."),
        "right_code_reserved": N_("Codes that begin so are the portal’s. Begin with a word of the product’s own."),
        "right_code_taken": N_("Another product has, or had, a right with this code. Choose another."),
        "right_declared_twice": N_("The product has a right with this code already."),
        "scope_lost": N_(
            "This right was limited to some clients. Whoever holds it so would suddenly reach all: declare a new right"
            " instead."
        ),
        "required_unknown": N_("There is no right %(right)s, neither of this product nor of the portal."),
        "requires_itself": N_("A right cannot require itself."),
        "requires_scoped": N_(
            "%(right)s can be limited to some clients, this right cannot: nobody could say which clients are meant."
        ),
        "requires_in_a_circle": N_("This right would require itself, through others."),
    },
)

_RIGHTS = "/o/{slug}/settings/products/{id}/rights"
_MANAGE = staff("products.manage")
_FIELDS = ("code", "name_fr", "name_en", "tab", "scoped", "requires")


def _base(visit: OrganisationVisit) -> str:
    return f"{visit.base}/settings/products/{visit.request.path_params['id']}"


async def _read(visit: OrganisationVisit) -> tuple[tenancy_pb2.Product, tenancy_pb2.ProductRights]:
    product_id = visit.request.path_params["id"]
    products = visit.clients.products
    _frame, product, declared = await visit.together(
        products.GetProduct(tenancy_pb2.GetProductRequest(id=product_id)),
        products.ListProductRights(tenancy_pb2.ListProductRightsRequest(product_id=product_id)),
    )
    return product, declared


@pages.get(f"{_RIGHTS}/new", _MANAGE)
async def new(visit: OrganisationVisit) -> Response:
    """The form of a right to declare."""
    product, declared = await _read(visit)
    tab = declared.rights[-1].tab if declared.rights else product.name
    fresh = {**dict.fromkeys(_FIELDS, ""), "tab": tab, "scoped": False, "version": declared.version}
    return _form(visit, product, fresh, Errors())


@pages.get(f"{_RIGHTS}/{{code}}", _MANAGE)
async def edit(visit: OrganisationVisit) -> Response:
    """The form of a right that is declared."""
    product, declared = await _read(visit)
    found = declared.rights[_place(visit, declared.rights)]
    shown = {name: getattr(found, name) for name in _FIELDS}
    shown |= {"requires": " ".join(found.requires), "version": declared.version}
    return _form(visit, product, shown, Errors(), code=found.code)


@pages.post(f"{_RIGHTS}/new", _MANAGE)
async def declare(visit: OrganisationVisit) -> Response:
    """Adds a right to those that the product declares."""
    product, declared = await _read(visit)
    return await _save(visit, product, [*declared.rights, _typed(visit, visit.form["code"])], len(declared.rights))


@pages.post(f"{_RIGHTS}/{{code}}", _MANAGE)
async def change(visit: OrganisationVisit) -> Response:
    """Changes a right; its code stays."""
    product, declared = await _read(visit)
    place = _place(visit, declared.rights)
    code = declared.rights[place].code
    wanted = [*declared.rights]
    wanted[place] = _typed(visit, code)
    return await _save(visit, product, wanted, place, code)


@pages.post(f"{_RIGHTS}/{{code}}/withdraw", _MANAGE)
async def withdraw(visit: OrganisationVisit) -> Response:
    """Withdraws a right; one that is held only after whoever asks has been told where."""
    _ = visit.words
    product, declared = await _read(visit)
    gone = declared.rights[_place(visit, declared.rights)]
    left = [each for each in declared.rights if each.code != gone.code]
    version = whole(visit.form["version"]) or declared.version
    request = _request(visit, left, version, confirmed=visit.form["confirm"] == "1")
    try:
        await visit.clients.products.SaveProductRights(request)
    except ServiceError as error:
        if error.kind not in {Kind.PRECONDITION, Kind.INVALID, Kind.CONFLICT}:
            raise
        context = {
            "product": product,
            "right": gone,
            "here": _base(visit),
            "version": declared.version,
            "in_use": error.params if error.reason == "right_in_use" else {},
            "stale": error.reason == "stale_version",
            "required_by": [left[place] for place in _places_of(error.violations)],
        }
        return visit.render("products/withdraw.html", context, status=422)
    said = _("%(code)s is withdrawn: it grants nothing any more.", code=gone.code)
    return visit.redirect(f"{_base(visit)}#rights", said)


def _typed(visit: OrganisationVisit, code: str) -> tenancy_pb2.DeclaredRight:
    sent = visit.form
    return tenancy_pb2.DeclaredRight(
        code=code,
        scoped="scoped" in sent,
        requires=sent["requires"].replace(",", " ").split(),
        **{name: sent[name] for name in ("name_fr", "name_en", "tab")},
    )


async def _save(
    visit: OrganisationVisit,
    product: tenancy_pb2.Product,
    wanted: Sequence[tenancy_pb2.DeclaredRight],
    place: int,
    code: str = "",
) -> Response:
    """Sends the rights with the one that was typed, at `place`; `code` of one that is declared already."""
    _, version = visit.words, whole(visit.form["version"])
    try:
        await visit.clients.products.SaveProductRights(_request(visit, wanted, version))
    except ServiceError as error:
        errors = _errors(visit, error, place)
        if error.reason == "stale_version":
            version = whole(error.params.get("version", "")) or version
        sent = visit.form
        shown = {**{name: sent[name] for name in _FIELDS}, "scoped": "scoped" in sent, "version": version}
        return _form(visit, product, shown, errors, code=code, status=422)
    said = _("%(code)s is declared. Customers who have the product can grant it.", code=wanted[place].code)
    return visit.redirect(f"{_base(visit)}#rights", _("%(code)s is saved.", code=code) if code else said)


def _request(
    visit: OrganisationVisit, wanted: Sequence[tenancy_pb2.DeclaredRight], version: int, *, confirmed: bool = False
) -> tenancy_pb2.SaveProductRightsRequest:
    return tenancy_pb2.SaveProductRightsRequest(
        product_id=visit.request.path_params["id"], rights=wanted, version=version, confirm_withdrawal=confirmed
    )


def _errors(visit: OrganisationVisit, error: ServiceError, place: int) -> Errors:
    """What is wrong with the right that was typed, at its fields; with another one, at the top."""
    if not error.violations:
        return visit.errors(error, right_code_taken="code")
    errors = Errors()
    for found in error.violations:
        here = found.field.startswith(f"rights[{place}].")
        errors.setdefault(found.field.rpartition(".")[2] if here else "", violation(visit.words, found))
    return errors


def _places_of(violations: Sequence[Violation]) -> list[int]:
    """The rights that violations are about: "rights[3].requires"."""
    return sorted({int(found.field[len("rights[") :].partition("]")[0]) for found in violations})


def _place(visit: OrganisationVisit, rights: Sequence[tenancy_pb2.DeclaredRight]) -> int:
    code = visit.request.path_params["code"]
    place = next((place for place, each in enumerate(rights) if each.code == code), None)
    if place is None:
        raise not_found()
    return place


def _form(
    visit: OrganisationVisit,
    product: tenancy_pb2.Product,
    shown: Mapping[str, object],
    errors: Errors,
    *,
    code: str = "",
    status: int = 200,
) -> Response:
    context = {"product": product, "values": shown, "errors": errors, "code": code, "here": _base(visit)}
    return visit.render("products/right.html", context, status=status)
