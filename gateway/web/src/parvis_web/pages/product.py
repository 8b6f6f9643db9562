"""One product of the provider: what its developers paste, its secret, trying it out, closing it."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.responses import Response

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_ui.forms import Errors
from parvis_ui.lists import Column
from parvis_web.access import Area, staff
from parvis_web.pages.products import errors_of, form, read_back, secret_shown, settings_of, texts, typed
from parvis_web.sentences import N_, sentence
from parvis_web.visit import OrganisationVisit

pages = Area("product", entry="settings.products")

_HERE = "/o/{slug}/settings/products/{id}"
_MANAGE = staff("products.manage")
#: Hours that an old secret may count beside the new one.
OVERLAPS = (0, 24, 168)
#: What identity says of addresses that it called.
_TROUBLES = {
    each: each
    for each in (
        N_("The address is malformed."),
        N_("The address is not one of https."),
        N_("No answer within 10 seconds."),
        N_("The name of the address is unknown."),
        N_("The address does not answer in time."),
        N_("The certificate of the address is not accepted."),
        N_("The answer is no HTTP."),
        N_("The answer is too large."),
        N_("The address does not answer."),
        N_("The address leads into a network that is not called."),
        N_("The name of the address leads nowhere."),
        N_("There is nothing at this address."),
        N_("The server answers with an error of its own."),
        N_("What is there is no set of public keys."),
    )
}


async def _product(visit: OrganisationVisit) -> tenancy_pb2.Product:
    request = tenancy_pb2.GetProductRequest(id=visit.request.path_params["id"])
    _frame, found = await visit.together(visit.clients.products.GetProduct(request))
    return found


def _base(visit: OrganisationVisit) -> str:
    return f"{visit.base}/settings/products/{visit.request.path_params['id']}"


@pages.get(_HERE, _MANAGE)
async def product(visit: OrganisationVisit) -> Response:
    """What it is, what its developers need, what can be done."""
    products, product_id = visit.clients.products, visit.request.path_params["id"]
    _frame, found, declared = await visit.together(
        products.GetProduct(tenancy_pb2.GetProductRequest(id=product_id)),
        products.ListProductRights(tenancy_pb2.ListProductRightsRequest(product_id=product_id)),
    )
    client = found.client
    context = {
        "product": found,
        "client": client,
        "here": _base(visit),
        "issuer": visit.portal.settings.public_url,
        "closed": client.HasField("closed_at"),
        "used": client.used_at if client.HasField("used_at") else None,
        "previous_until": client.previous_secret_until if client.HasField("previous_secret_until") else None,
        "refusal": _refusal(visit, client),
        "configurations": texts(visit, client.client_id, "", client.settings),
        "rights_declared": declared.rights,
        "rights_columns": _rights_columns(visit),
        "methods": _methods(visit),
        "scopes": _scopes(visit),
    }
    return visit.render("products/product.html", context)


def _rights_columns(visit: OrganisationVisit) -> list[Column]:
    _ = visit.words
    return [Column(_("Code")), Column(_("What it lets one do")), Column(_("Heading")), Column(_("Reach"))]


def _refusal(visit: OrganisationVisit, client: identity_pb2.Client) -> str:
    """What is wrong with how the product asks, as long as it has not been given anything since; empty: nothing."""
    _ = visit.words
    if not client.HasField("refused_at") or client.refused_at.ToDatetime() <= client.used_at.ToDatetime():
        return ""
    kind, _blank, what = client.refused_for.partition(" ")
    if kind == "redirect_uri":
        return _("Somebody was sent here with %(address)s to come back to, which is not registered.", address=what)
    if what == client.settings.token_endpoint_auth_method:
        return _("It could not prove who it is: its secret or its key is not the registered one.")
    return _(
        "It proved who it is in another way than the registered one: with %(used)s instead of %(registered)s.",
        used=what, registered=client.settings.token_endpoint_auth_method,
    )  # fmt: skip


def _methods(visit: OrganisationVisit) -> dict[str, str]:
    _ = visit.words
    return {
        "client_secret_basic": _("Secret"),
        "client_secret_post": _("Secret, in the form"),
        "private_key_jwt": _("Key of its own"),
        "none": _("Nothing: public client"),
    }


def _scopes(visit: OrganisationVisit) -> dict[str, str]:
    _ = visit.words
    return {
        "profile": _("Names and language"),
        "email": _("Mail address"),
        "phone": _("Telephone number"),
        "address": _("Postal address"),
    }


@pages.get(f"{_HERE}/edit", _MANAGE, fresh=True)
async def edit(visit: OrganisationVisit) -> Response:
    """The form of a product that is registered."""
    found = await _product(visit)
    return form(visit, {**read_back(found), "version": found.version}, Errors(), product=found.name)


@pages.post(f"{_HERE}/edit", _MANAGE)
async def save(visit: OrganisationVisit) -> Response:
    """Changes a product and its client."""
    _, sent = visit.words, visit.form
    wrong = visit.missing("name", "launch_url", "redirect_uris")
    version = sent["version"] if sent["version"].isdecimal() else "0"
    made = tenancy_pb2.RegisteredProduct()
    if not wrong:
        request = tenancy_pb2.UpdateProductRequest(
            id=visit.request.path_params["id"],
            version=int(version),
            client=settings_of(visit),
            **{name: sent[name] for name in ("name", "description", "launch_url")},
        )
        try:
            made = await visit.clients.products.UpdateProduct(request)
        except ServiceError as error:
            wrong = errors_of(visit, error)
            if error.reason == "stale_version":
                version = error.params.get("version", version)
    if wrong:
        found = await _product(visit)
        return form(visit, {**typed(visit), "version": version}, wrong, product=found.name, status=422)
    if made.client_secret:
        await visit.together()
        title = _("%(name)s has a secret now", name=sent["name"])
        return secret_shown(visit, made, title, settings_of(visit), kept_hours=None)
    return visit.redirect(_base(visit), _("The product is saved. It counts at once."))


@pages.post(f"{_HERE}/secret", _MANAGE)
async def new_secret(visit: OrganisationVisit) -> Response:
    """A new secret, shown this once."""
    _, kept = visit.words, visit.form["keep_hours"]
    hours = int(kept) if kept in map(str, OVERLAPS) else 0
    product_id = visit.request.path_params["id"]
    request = tenancy_pb2.RotateProductSecretRequest(id=product_id, keep_hours=hours)
    try:
        made = await visit.clients.products.RotateProductSecret(request)
    except ServiceError as error:
        if error.kind is not Kind.PRECONDITION or error.reason == "step_up_required":
            raise
        return visit.redirect(_base(visit), sentence(_, error))
    found = await _product(visit)
    title = _("%(name)s has a new secret", name=found.name)
    return secret_shown(visit, made, title, found.client.settings, kept_hours=hours)


@pages.post(f"{_HERE}/open", _MANAGE)
async def set_open(visit: OrganisationVisit) -> Response:
    """Closes the product, or opens it again."""
    _, wanted = visit.words, visit.form["open"] == "1"
    request = tenancy_pb2.SetProductOpenRequest(id=visit.request.path_params["id"], open=wanted)
    found = await visit.clients.products.SetProductOpen(request)
    said = _("%(name)s is open again.", name=found.name) if wanted else _("%(name)s is closed.", name=found.name)
    return visit.redirect(_base(visit), said)


@pages.post(f"{_HERE}/try", _MANAGE)
async def begin_trial(visit: OrganisationVisit) -> Response:
    """Sends the reader through a sign-in to the product that ends here instead of there."""
    _ = visit.words
    request = tenancy_pb2.StartProductTrialRequest(
        id=visit.request.path_params["id"], return_path=f"{_base(visit)}/try"
    )
    try:
        begun = await visit.clients.products.StartProductTrial(request)
    except ServiceError as error:
        if error.kind is not Kind.PRECONDITION:
            raise
        return visit.redirect(_base(visit), sentence(_, error))
    parts = urlsplit(begun.authorization_url)
    return visit.redirect(f"{parts.path}?{parts.query}")


@pages.get(f"{_HERE}/try", _MANAGE)
async def trial(visit: OrganisationVisit) -> Response:
    """What the product would have received."""
    query = visit.query
    if "state" not in query:
        await _product(visit)
        return visit.redirect(_base(visit))
    product_id = visit.request.path_params["id"]
    request = tenancy_pb2.FinishProductTrialRequest(
        id=product_id,
        **{name: query.get(name, "")[:2000] for name in ("state", "code", "error", "error_description")},
    )
    products = visit.clients.products
    try:
        _frame, found, report = await visit.together(
            products.GetProduct(tenancy_pb2.GetProductRequest(id=product_id)), products.FinishProductTrial(request)
        )
    except ServiceError as error:
        if error.reason != "trial_not_found":
            raise
        _ = visit.words
        return visit.redirect(_base(visit), _("That try-out is over. Begin a new one."))
    answer = visit.render("products/trial.html", {"product": found, "here": _base(visit), **_told(visit, report)})
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _told(visit: OrganisationVisit, report: identity_pb2.TrialReport) -> dict[str, Any]:
    _ = visit.words
    members = {
        "redirect_uri": _("Address to come back to"),
        "backchannel_logout_uri": _("Back-channel logout address"),
        "jwks_uri": _("Address of its keys"),
    }
    return {
        "report": report,
        "asked": parse_qsl(urlsplit(report.authorization_url).query),
        "header": _object(report.id_token_header_json),
        "claims": _object(report.id_token_claims_json),
        "userinfo": _object(report.userinfo_json),
        "probes": [
            (members.get(each.member, each.member), each.address, _(_TROUBLES.get(each.trouble, each.trouble)))
            for each in report.probes
        ],
    }


def _object(text: str) -> list[tuple[str, str]]:
    read = json.loads(text or "{}")
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in read.items()
    ]
