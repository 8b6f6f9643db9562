"""Pages that change the address of a personal account: asking, the proof from the new address, the old one's veto."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.address_changes import ChangeState
from parvis_identity.domain.identifiers import LONGEST_MAIL
from parvis_identity.domain.links import Purpose
from parvis_identity.http.browser import read_form
from parvis_identity.http.site import Site, see_other, wait_text
from parvis_identity.models import AccountKind
from parvis_identity.service import address_changes, sessions
from parvis_identity.service.address_changes import Looked, Unfit
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.sign_in import Refused
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError

_HERE = "/login?next=%2Faddress"


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
            Route("/address/old/{token}", guarded(self.take_back), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The form, for whoever is signed in."""
        who = await self._signed_in(request)
        return see_other(_HERE) if who is None else await self._form(request, who)

    async def ask(self, request: Request) -> Response:
        """Asks for another address. The answer is the same whether somebody has it."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        who = await self._signed_in(request)
        if who is None:
            return see_other(_HERE)
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
        return site.page(request, "address_asked.html", {"new": asked.new_mail, "old": asked.old_mail})

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
        """What the link to the new address does."""
        token = str(request.path_params["token"])
        return self._link_page(
            request, await self._site.address_changes.look(token, Purpose.ADDRESS_NEW), Purpose.ADDRESS_NEW
        )

    async def confirm(self, request: Request) -> Response:
        """The new address is proven."""
        await self._check(request)
        looked = await self._site.address_changes.confirm(str(request.path_params["token"]))
        return self._link_page(request, looked, Purpose.ADDRESS_NEW, just=looked.state is ChangeState.DONE)

    async def show_old(self, request: Request) -> Response:
        """What the link to the old address does."""
        token = str(request.path_params["token"])
        return self._link_page(
            request, await self._site.address_changes.look(token, Purpose.ADDRESS_OLD), Purpose.ADDRESS_OLD
        )

    async def take_back(self, request: Request) -> Response:
        """The old address stops a change or undoes it; a new password is chosen at once then."""
        await self._check(request)
        visitor = self._site.cookies.visitor(request)
        looked = await self._site.address_changes.take_back(str(request.path_params["token"]), visitor)
        if looked.reset:
            return see_other(looked.reset)
        return self._link_page(request, looked, Purpose.ADDRESS_OLD, just=looked.state is ChangeState.STOPPED)

    def _link_page(self, request: Request, looked: Looked, purpose: Purpose, *, just: bool = False) -> Response:
        """A form where there is something to do, else what has become of it. `just`: by this very request."""
        site, state = self._site, looked.state
        does = ""
        if state is ChangeState.PENDING:
            does = "confirm" if purpose is Purpose.ADDRESS_NEW else "stop"
        elif state is ChangeState.DONE and purpose is Purpose.ADDRESS_OLD:
            does = "undo"
        context: dict[str, object] = {
            "state": state.value,
            "does": does,
            "old_side": purpose is Purpose.ADDRESS_OLD,
            "action": request.url.path,
            "change": looked.change,
        }
        status = 200 if does or just else 404 if state is ChangeState.UNKNOWN else 410
        language = site.pages.language(request, looked.account.locale) if looked.account else None
        return site.page(request, "address_link.html", context, status=status, language=language)

    async def _check(self, request: Request) -> None:
        site = self._site
        site.cookies.check_form(request, await read_form(request), origin=site.origin)

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
