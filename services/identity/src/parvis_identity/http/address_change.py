"""Pages that change the address of a personal account: asking, the yes of the new one, the yes or no of the old one."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.address_changes import ALONE_AFTER, CONFIRMED_WITHIN, ChangeState
from parvis_identity.domain.identifiers import LONGEST_MAIL
from parvis_identity.domain.links import Purpose
from parvis_identity.http.browser import read_form
from parvis_identity.http.second_factor import changing
from parvis_identity.http.site import Site, see_other, wait_text
from parvis_identity.models import AccountKind
from parvis_identity.service import address_changes, sessions
from parvis_identity.service.address_changes import Looked, Unfit
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.sign_in import Refused
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError

_HERE = "/login?next=%2Faddress"
#: What somebody who sent a form has just done.
_JUST = {ChangeState.DONE, ChangeState.RETURNED, ChangeState.STOPPED}


class AddressPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these pages."""
        guarded = self._site.guarded
        return [
            Route("/address", guarded(self.show), methods=["GET"]),
            Route("/address", guarded(self.ask), methods=["POST"]),
            Route("/address/new/{token}", guarded(self.show_new), methods=["GET"]),
            Route("/address/new/{token}", guarded(self.confirm), methods=["POST"]),
            Route("/address/old/{token}", guarded(self.show_old), methods=["GET"]),
            Route("/address/old/{token}", guarded(self.answer_old), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The form, for whoever is signed in."""
        who = await changing(self._site, request, "/address")
        return who if isinstance(who, Response) else await self._form(request, who)

    async def ask(self, request: Request) -> Response:
        """Asks for another address. The answer is the same whether somebody has it."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        who = await changing(site, request, "/address")
        if isinstance(who, Response):
            return who
        _ = site.pages.translator(request)
        mail, password = form.get("mail", "").strip(), form.get("password", "")
        errors = {}
        if not mail:
            errors["mail"] = _("Enter the new address.")
        if not password:
            errors["password"] = _("Enter your password.")
        if errors or who.account.kind != AccountKind.PERSONAL:
            return await self._form(request, who, mail, errors)
        try:
            asked = await site.address_changes.ask(who, mail, password, site.cookies.visitor(request))
        except ServiceError as error:
            if error.reason == "session_ended":
                return see_other(_HERE)
            if error.reason != "too_many_mails":
                raise
            wait = wait_text(_, float(error.params["seconds"]))
            often = _("You have asked several times. Wait %(time)s before the next.", time=wait)
            return await self._form(request, who, mail, {"mail": often})
        if isinstance(asked, Refused | Unfit):
            return await self._form(request, who, mail, _refusal(_, asked))
        told = {"new": asked.new_mail, "old": "" if asked.old_confirmed_at else asked.old_mail}
        return site.page(request, "address_asked.html", told)

    async def _form(
        self, request: Request, who: SignedIn, mail: str = "", errors: dict[str, str] | None = None
    ) -> Response:
        async with self._site.database.begin(Caller("identity")) as unit:
            waiting = await address_changes.pending(unit, who.account.id)
        context: dict[str, object] = {
            "errors": errors or {},
            "account": who.account,
            "managed": who.account.kind == AccountKind.MANAGED,
            "mail": mail[:LONGEST_MAIL],
            "waiting": waiting.new_mail if waiting else "",
        }
        return self._site.page(request, "address.html", context, status=422 if errors else 200)

    # Links of mails: opening one does nothing, since mail programs open them too

    async def show_new(self, request: Request) -> Response:
        """What the link to the new address does, for the account's owner; whoever is not signed in does that first."""
        token = str(request.path_params["token"])
        looked = await self._site.address_changes.look(token, Purpose.ADDRESS_NEW)
        return self._new_page(request, looked, await self._signed_in(request))

    async def confirm(self, request: Request) -> Response:
        """The new address says yes."""
        await self._check(request)
        who, token = await self._signed_in(request), str(request.path_params["token"])
        looked = await self._site.address_changes.confirm(token, Purpose.ADDRESS_NEW, who)
        return self._new_page(request, looked, who)

    def _new_page(self, request: Request, looked: Looked, who: SignedIn | None) -> Response:
        change = looked.change
        if looked.state is not ChangeState.PENDING or change is None:
            mine = who is not None and looked.account is not None and who.account.id == looked.account.id
            return self._link_page(request, looked, Purpose.ADDRESS_NEW, home="/account" if mine else "")
        sign_in = f"/login?{urlencode({'next': request.url.path}, quote_via=quote)}"
        if who is None:
            return see_other(sign_in)
        if who.account.id != change.account_id:
            return self._link_page(
                request, looked, Purpose.ADDRESS_NEW, "other", mail=who.account.mail, sign_in=sign_in
            )
        alone = datetime.now(UTC) >= change.asked_at + ALONE_AFTER
        does = "confirm" if change.new_confirmed_at is None else "complete" if alone else "wait"
        return self._link_page(request, looked, Purpose.ADDRESS_NEW, does)

    async def show_old(self, request: Request) -> Response:
        """What the link to the old address does."""
        looked = await self._site.address_changes.look(str(request.path_params["token"]), Purpose.ADDRESS_OLD)
        return self._old_page(request, looked)

    async def answer_old(self, request: Request) -> Response:
        """The old address says yes, stops a change or undoes it; a new password is chosen at once then."""
        changes, token = self._site.address_changes, str(request.path_params["token"])
        if (await self._check(request)).get("answer") == "yes":
            looked = await changes.confirm(token, Purpose.ADDRESS_OLD, None)
            if looked.state is ChangeState.DONE:
                return self._link_page(request, looked, Purpose.ADDRESS_OLD)
            return self._old_page(request, looked)
        looked = await changes.take_back(token, self._site.cookies.visitor(request))
        return see_other(looked.reset) if looked.reset else self._old_page(request, looked)

    def _old_page(self, request: Request, looked: Looked) -> Response:
        does = ""
        if looked.state is ChangeState.PENDING and looked.change is not None:
            does = "decide" if looked.change.old_confirmed_at is None else "stop"
        elif looked.state is ChangeState.DONE:
            does = "undo"
        return self._link_page(request, looked, Purpose.ADDRESS_OLD, does)

    def _link_page(self, request: Request, looked: Looked, purpose: Purpose, does: str = "", **told: str) -> Response:
        """What can be done, else what has become of it; by this very request when it was sent, not opened."""
        site, state, change = self._site, looked.state, looked.change
        context: dict[str, object] = {
            "state": state.value,
            "does": does,
            "old_side": purpose is Purpose.ADDRESS_OLD,
            "action": request.url.path,
            "change": change,
            "alone_from": change.asked_at + ALONE_AFTER if change else None,
            "until": change.asked_at + CONFIRMED_WITHIN if change else None,
            "home": "",
            **told,
        }
        just = request.method == "POST" and state in _JUST
        status = 200 if does or just else 404 if state is ChangeState.UNKNOWN else 410
        language = site.pages.language(request, looked.account.locale) if looked.account else None
        return site.page(request, "address_link.html", context, status=status, language=language)

    async def _check(self, request: Request) -> dict[str, str]:
        form = await read_form(request)
        self._site.cookies.check_form(request, form, origin=self._site.origin)
        return form

    async def _signed_in(self, request: Request) -> SignedIn | None:
        async with self._site.database.begin(Caller("identity")) as unit:
            return await sessions.signed_in(unit, self._site.cookies.visitor(request).cookie)


def _refusal(_: Any, why: Refused | Unfit) -> dict[str, str]:
    """What stands at the field of what was refused."""
    if isinstance(why, Unfit) and why.reason == "same_address":
        return {"mail": _("This is your address already.")}
    if isinstance(why, Unfit):
        return {"mail": _("A mail address looks like name@example.com.")}
    message = _("This is not your current password.")
    if wait := wait_text(_, why.wait.total_seconds()):
        message = f"{message} " + _("Wait %(time)s before you try again.", time=wait)
    return {"password": message}
