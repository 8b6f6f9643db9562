"""My account: who I am, where I am signed in, what I may do here."""

from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp
from starlette.responses import RedirectResponse, Response

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError
from parvis_ui.forms import Errors
from parvis_ui.frame import Flash
from parvis_ui.languages import LANGUAGE_COOKIE, LANGUAGES
from parvis_web.access import ACCOUNT, MEMBER, Area
from parvis_web.calls import at_once, or_down
from parvis_web.rights import in_order, right_label
from parvis_web.sentences import N_, sentence
from parvis_web.visit import AccountVisit, OrganisationVisit, local_path

pages = Area(
    "account",
    sentences={
        "session_not_found": N_("This session has already ended."),
        "application_not_found": N_("This application no longer knows you."),
        "no_address_change": N_("No change of address waits any more: it was confirmed, stopped, or has expired."),
        "too_many_mails": N_("You have asked for this mail several times. Wait a quarter of an hour."),
    },
)

#: Scope → what an application gets to know by it.
TOLD = {
    "profile": N_("your name and your language"),
    "email": N_("your mail address"),
    "address": N_("your postal address"),
    "phone": N_("your phone number"),
    "offline_access": N_("access while you are away"),
}
_FIELDS = ("given_name", "family_name", "locale")
_YEAR = 365 * 24 * 3600


@pages.get("/account", ACCOUNT)
async def account(visit: AccountVisit) -> Response:
    """The account inside an organisation where there is one, else alone."""
    mine = await visit.organisations()
    if mine:
        return RedirectResponse(f"/o/{mine[0].face.slug}/account", 303)
    found, sessions, known = await at_once(
        visit.clients.accounts.GetMyAccount(identity_pb2.GetMyAccountRequest()),
        visit.clients.sessions.ListMySessions(identity_pb2.ListMySessionsRequest()),
        _known_by(visit),
    )
    return visit.bare("account/alone.html", {"account": found, "sessions": sessions.sessions, "known_by": known})


@pages.get("/o/{slug}/account", MEMBER)
async def mine(visit: OrganisationVisit) -> Response:
    """The account, its sessions, and what it may do in this organisation."""
    return await _page(visit, None, Errors())


async def _page(visit: OrganisationVisit, typed: dict[str, str] | None, errors: Errors, status: int = 200) -> Response:
    clients = visit.clients
    _frame, found, sessions, products, known = await visit.together(
        or_down(clients.accounts.GetMyAccount(identity_pb2.GetMyAccountRequest())),
        or_down(clients.sessions.ListMySessions(identity_pb2.ListMySessionsRequest())),
        _my_products(visit),
        _known_by(visit),
    )
    context = {
        "account": found,
        "values": typed or ({name: getattr(found, name) for name in _FIELDS} if found else None),
        "errors": errors,
        "sessions": sessions.sessions if sessions else None,
        "profile": visit.frame.membership.profile_name,
        "organisation": visit.organisation.face.name,
        "my_rights": [right_label(visit.words, code) for code in in_order(visit.frame.rights)],
        "products": products,
        "known_by": known,
    }
    return visit.render("account/account.html", context, status=status)


@dataclass(frozen=True, slots=True)
class Knowing:
    """An application that knows the reader: `told` in words."""

    client_id: str
    name: str
    told: list[str]
    agreed: bool
    at: Timestamp


async def _known_by(visit: AccountVisit) -> list[Knowing] | None:
    """The applications that know the reader, None while identity does not answer."""
    found = await or_down(visit.clients.accounts.ListMyApplications(identity_pb2.ListMyApplicationsRequest()))
    if found is None:
        return None
    return [
        Knowing(
            each.client_id,
            each.name,
            list(dict.fromkeys(visit.words(TOLD[_scope(told)]) for told in each.told if _scope(told) in TOLD)),
            each.HasField("agreed_at"),
            each.signed_in_at if each.HasField("signed_in_at") else each.agreed_at,
        )
        for each in found.applications
    ]


def _scope(told: str) -> str:
    """The scope that a claim asked for by name belongs to (OpenID Connect Core 5.4)."""
    claim = told.removeprefix("claim:")
    if claim == told:
        return told
    return {"address": "address", "phone_number": "phone", "email": "email", "email_verified": "email"}.get(
        claim, "profile"
    )


async def _my_products(visit: OrganisationVisit) -> list[str]:
    """Names of the applications that the reader can open; portal accesses have none."""
    if visit.is_portal:
        return []
    found = await or_down(visit.clients.products.ListMyProducts(tenancy_pb2.ListMyProductsRequest()))
    products = found.products if found else ()
    return [product.name for product in products if product.state == tenancy_pb2.PRODUCT_STATE_ASSIGNED]


@pages.post("/o/{slug}/account", MEMBER)
async def save(visit: OrganisationVisit) -> Response:
    """Saves names and language."""
    _, form = visit.words, visit.form
    typed = {name: form[name] for name in _FIELDS}
    try:
        saved = await visit.clients.accounts.UpdateMyAccount(identity_pb2.UpdateMyAccountRequest(**typed))
    except ServiceError as error:
        return await _page(visit, typed, visit.errors(error, *_FIELDS), status=422)
    answer = visit.redirect(f"{visit.base}/account", _("Your account is saved."))
    if saved.locale in LANGUAGES:
        # The choice in the page wins over the account: saving the account is the newer choice.
        answer.set_cookie(
            LANGUAGE_COOKIE, saved.locale, max_age=_YEAR, samesite="lax", httponly=True,
            secure=visit.portal.settings.secure,
        )  # fmt: skip
    return answer


@pages.post("/account/address/resend", ACCOUNT)
async def resend_address(visit: AccountVisit) -> Response:
    """Sends the mails again that confirm a change of address."""
    _ = visit.words
    try:
        found = await visit.clients.accounts.ResendMyAddressChange(identity_pb2.ResendMyAddressChangeRequest())
    except ServiceError as error:
        if error.reason not in {"no_address_change", "too_many_mails"}:
            raise
        return visit.redirect(_back(visit), Flash("warn", sentence(_, error)))
    change = found.address_change
    ends = [
        mail for mail, done in ((change.mail, change.new_confirmed), (found.mail, change.old_confirmed)) if not done
    ]
    if len(ends) > 1:
        told = _("Mails are on their way to %(mail)s and %(other)s.", mail=ends[0], other=ends[1])
    else:
        told = _("A mail is on its way to %(mail)s.", mail="".join(ends))
    return visit.redirect(_back(visit), told)


@pages.post("/account/address/cancel", ACCOUNT)
async def cancel_address(visit: AccountVisit) -> Response:
    """Gives a change of address up."""
    await visit.clients.accounts.CancelMyAddressChange(identity_pb2.CancelMyAddressChangeRequest())
    return visit.redirect(_back(visit), visit.words("The change is given up: your address stays as it is."))


def _back(visit: AccountVisit) -> str:
    """The account page that the form stood on."""
    return local_path(visit.form["back"] or "/account")


@pages.post("/o/{slug}/account/sessions/{id}/end", MEMBER)
async def end_session(visit: OrganisationVisit) -> Response:
    """Signs another device out."""
    return await _end(visit, visit.base)


@pages.post("/account/sessions/{id}/end", ACCOUNT)
async def end_session_alone(visit: AccountVisit) -> Response:
    """The same for who belongs to no organisation."""
    return await _end(visit, "")


@pages.post("/o/{slug}/account/sessions/end-others", MEMBER)
async def end_others(visit: OrganisationVisit) -> Response:
    """Signs all other devices out."""
    return await _end_others(visit, visit.base)


@pages.post("/account/sessions/end-others", ACCOUNT)
async def end_others_alone(visit: AccountVisit) -> Response:
    """The same for who belongs to no organisation."""
    return await _end_others(visit, "")


@pages.post("/o/{slug}/account/applications/withdraw", MEMBER)
async def withdraw(visit: OrganisationVisit) -> Response:
    """Takes back what an application may know."""
    return await _withdraw(visit, visit.base)


@pages.post("/account/applications/withdraw", ACCOUNT)
async def withdraw_alone(visit: AccountVisit) -> Response:
    """The same for who belongs to no organisation."""
    return await _withdraw(visit, "")


async def _withdraw(visit: AccountVisit, base: str) -> Response:
    request = identity_pb2.WithdrawMyApplicationRequest(client_id=visit.form["client_id"])
    await visit.clients.accounts.WithdrawMyApplication(request)
    said = visit.words("The application is signed out, and has to ask you again.")
    return visit.redirect(f"{base}/account#known-by", said)


async def _end(visit: AccountVisit, base: str) -> Response:
    await visit.clients.sessions.EndMySession(
        identity_pb2.EndMySessionRequest(session_id=visit.request.path_params["id"])
    )
    return visit.redirect(f"{base}/account#sessions", visit.words("That device is signed out."))


async def _end_others(visit: AccountVisit, base: str) -> Response:
    answer = await visit.clients.sessions.EndMyOtherSessions(identity_pb2.EndMyOtherSessionsRequest())
    said = visit.words.plural(
        "%(num)s other device is signed out.", "%(num)s other devices are signed out.", answer.ended
    )
    return visit.redirect(f"{base}/account#sessions", said)
