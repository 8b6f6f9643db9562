"""The provider's products: OpenID clients that the portal launches, registered and changed by its administrators."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError
from parvis_ui.forms import Errors
from parvis_web.access import Area, staff
from parvis_web.configurations import Configuration, Values, configurations
from parvis_web.navigation import settings_tabs
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "products",
    entry="settings.products",
    sentences={
        "not_a_redirect_address": N_(
            "This must be a full web address that begins with https:// (http:// only on this machine), without #. One"
            " on each line where there are several."
        ),
        "not_accepted": N_("This does not fit the rest of the registration: %(why)s"),
        "keys_needed": N_("Paste the product’s public keys, or say at which address they are."),
        "keys_twice": N_("Paste the keys or give their address, not both."),
        "not_a_key_set": N_(
            'This is not a set of public keys. It looks like {"keys": [{"kty": "EC", …}]}; private keys stay with the'
            " product."
        ),
        "fapi_needs_key": N_("FAPI 2.0 accepts no secret: choose a key."),
        "fapi_algorithm": N_("FAPI 2.0 does not sign with RS256: choose another algorithm."),
        "unknown_client": N_("%(client)s is no client identifier of one of your products."),
        "public_exchange": N_(
            "A product that proves nothing cannot call others for a person. Give it a secret or a key."
        ),
        "client_has_no_secret": N_("This product proves itself without a secret, so there is none to renew."),
        "client_closed": N_("The product is closed. Open it again to try it."),
    },
)

_TEXTS = (
    "name",
    "description",
    "launch_url",
    "backchannel_logout_uri",
    "jwks_json",
    "jwks_uri",
    "sector_identifier_uri",
)
_CHOICES = ("token_endpoint_auth_method", "id_token_signed_response_alg", "subject_type", "profile")
_FLAGS = ("backchannel_logout_session_required", "pkce_required", "rotates_refresh_tokens", "devices", "native")
_LISTS = ("redirect_uris", "post_logout_redirect_uris", "exchange_audiences")
_FIELDS = (*_TEXTS, *_CHOICES, *_FLAGS, *_LISTS, "scopes")
#: Fields that most products leave alone.
ADVANCED = frozenset(
    {"id_token_signed_response_alg", "subject_type", "sector_identifier_uri", "profile", "exchange_audiences"}
)
SCOPES = ("profile", "email", "phone", "address")
_FRESH: Mapping[str, object] = {
    **dict.fromkeys((*_TEXTS, *_LISTS), ""),
    "token_endpoint_auth_method": "client_secret_basic",
    "id_token_signed_response_alg": "ES256",
    "subject_type": "public",
    "profile": "",
    "scopes": ["profile", "email"],
    "backchannel_logout_session_required": False,
    "pkce_required": True,
    "rotates_refresh_tokens": True,
    "devices": False,
    "native": False,
}


@pages.get("/o/{slug}/settings/products", staff("products.manage"))
async def products(visit: OrganisationVisit) -> Response:
    """The products of the installation."""
    _frame, found = await visit.together(visit.clients.products.ListMyProducts(tenancy_pb2.ListMyProductsRequest()))
    return visit.render("products/list.html", {"tabs": settings_tabs(visit), "products": found.products})


@pages.get("/o/{slug}/settings/products/new", staff("products.manage"), fresh=True)
async def new(visit: OrganisationVisit) -> Response:
    """The form that registers a product."""
    await visit.together()
    return form(visit, _FRESH, Errors())


def form(
    visit: OrganisationVisit, values: Mapping[str, object], errors: Errors, *, product: str = "", status: int = 200
) -> Response:
    """The form of a new product, or of the one that is called `product`."""
    _ = visit.words
    advanced = any(errors.get(name) or values[name] != _FRESH[name] for name in (*ADVANCED, *_FLAGS[1:]))
    context = {
        "values": values,
        "errors": errors,
        "product": product,
        "advanced": advanced,
        "scopes": [
            ("profile", _("Names and language")),
            ("email", _("Mail address")),
            ("phone", _("Telephone number")),
            ("address", _("Postal address")),
        ],
    }
    return visit.render("products/form.html", context, status=status)


def typed(visit: OrganisationVisit) -> dict[str, object]:
    """What is in the form."""
    sent = visit.form
    return {
        **{name: sent[name] for name in (*_TEXTS, *_CHOICES, *_LISTS)},
        **{name: name in sent for name in _FLAGS},
        "scopes": [scope for scope in sent.all("scopes") if scope in SCOPES],
    }


def read_back(product: tenancy_pb2.Product) -> dict[str, object]:
    """A product as its form shows it."""
    settings = product.client.settings
    return {
        "name": product.name,
        "description": product.description,
        "launch_url": product.launch_url,
        **{name: getattr(settings, name) for name in (*_TEXTS[3:], *_CHOICES, *_FLAGS[:-1])},
        **{name: "\n".join(getattr(settings, name)) for name in _LISTS},
        "native": settings.application_type == "native",
        "scopes": [scope for scope in settings.scopes if scope in SCOPES] or list(SCOPES),
    }


def settings_of(visit: OrganisationVisit) -> identity_pb2.ClientSettings:
    """How the form wants the client."""
    sent = visit.form
    values: dict[str, Any] = {name: sent[name] for name in _TEXTS[3:]}
    values |= {name: sent[name] or _FRESH[name] for name in _CHOICES}
    values |= {name: name in sent for name in _FLAGS[:-1]}
    values |= {name: sent[name].split() for name in _LISTS}
    return identity_pb2.ClientSettings(
        **values,
        application_type="native" if "native" in sent else "web",
        # Who may refresh may do so without the person: what is asked for with it is what the sign-in gave.
        scopes=[*(scope for scope in sent.all("scopes") if scope in SCOPES), "offline_access"],
    )


def errors_of(visit: OrganisationVisit, error: ServiceError) -> Errors:
    """What is wrong with which field."""
    return visit.errors(error, *_FIELDS, name_taken="name", jwks="jwks_json", scope="scopes")


@pages.post("/o/{slug}/settings/products/new", staff("products.manage"))
async def register(visit: OrganisationVisit) -> Response:
    """Registers a product. Its secret is in this answer and nowhere else, so there is no redirect."""
    empty = visit.missing("name", "launch_url", "redirect_uris")
    if not empty:
        settings = settings_of(visit)
        request = tenancy_pb2.RegisterProductRequest(**{name: visit.form[name] for name in _TEXTS[:3]}, client=settings)
        try:
            made = await visit.clients.products.RegisterProduct(request)
        except ServiceError as error:
            empty = errors_of(visit, error)
    await visit.together()
    if empty:
        return form(visit, typed(visit), empty, status=422)
    _ = visit.words
    title = _("%(name)s is registered", name=visit.form["name"])
    return secret_shown(visit, made, title, settings, kept_hours=None)


def secret_shown(
    visit: OrganisationVisit,
    made: tenancy_pb2.RegisteredProduct,
    title: str,
    settings: identity_pb2.ClientSettings,
    *,
    kept_hours: int | None,
) -> Response:
    """The page that shows a secret, this once. `kept_hours`: how long the one before counts; None: there is none."""
    context = {
        "title": title,
        "made": made,
        "issuer": visit.portal.settings.public_url,
        "configurations": texts(visit, made.client_id, made.client_secret, settings),
        "kept_hours": kept_hours,
    }
    answer = visit.render("products/registered.html", context)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def texts(
    visit: OrganisationVisit, client_id: str, secret: str, settings: identity_pb2.ClientSettings
) -> list[Configuration]:
    """The configurations to paste; a secret that is not known is a place to fill in."""
    _ = visit.words
    if not secret and settings.token_endpoint_auth_method.startswith("client_secret"):
        secret = _("THE-SECRET-YOU-COPIED")
    return configurations(Values(visit.portal.settings.public_url, client_id, secret, settings))
