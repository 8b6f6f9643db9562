"""Pages that set a password: activation, reset, one's own change."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.addresses import continuation
from parvis_identity.domain.identifiers import is_mail
from parvis_identity.domain.links import LinkState, Purpose
from parvis_identity.domain.passwords import guessable_parts
from parvis_identity.domain.strength import strength_of
from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.finding import Offer, doors_of, start
from parvis_identity.http.password_rules import broken_in_words, rules_of
from parvis_identity.http.second_factor import ask_factor, changing
from parvis_identity.http.site import Site, see_other, wait_text
from parvis_identity.models import Account, AccountKind
from parvis_identity.service import sessions
from parvis_identity.service.mail_domains import of_address
from parvis_identity.service.organisations import Face
from parvis_identity.service.password_links import Opened
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.second_factor import Asked
from parvis_identity.service.sign_in import Broken, Refused, avoided
from parvis_identity.store.domains import Door
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError
from parvis_ui.forms import Meter, Rule

#: A reset answers after this long whether or not there is an account, so that time tells nothing (seconds).
_EVEN = 0.15
_OF_PATHS = {
    "activate": (Purpose.ACTIVATION,),
    "reset": (Purpose.RESET,),
    "renew": (Purpose.RENEWAL, Purpose.FIRST),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A password that was sent, and the rules that it breaks; `refused` when it was to be set."""

    password: str
    rules: Sequence[str]
    refused: bool = False


class PasswordPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these pages."""
        guarded = self._site.guarded
        found = [
            Route("/reset", guarded(self.show_request), methods=["GET"]),
            Route("/reset", guarded(self.request_reset), methods=["POST"]),
            Route("/password", guarded(self.show_change), methods=["GET"]),
            Route("/password", guarded(self.change), methods=["POST"]),
        ]
        for path in ("/activate", "/reset", "/renew"):
            found += [
                Route(path + "/{token}", guarded(self.show_link), methods=["GET"]),
                Route(path + "/{token}", guarded(self.set_password), methods=["POST"]),
            ]
            if path != "/renew":
                found.append(Route(path + "/{token}/again", guarded(self.send_again), methods=["POST"]))
        return found

    # Asking for a reset

    async def show_request(self, request: Request) -> Response:
        """The form that asks for a reset link."""
        query = query_of(request)
        face = await self._face(query.get("organisation", ""))
        context = {
            "firm": face,
            "identifier": query.get("identifier", "")[:254],
            "first": query.get("first") == "1",
        }
        return self._site.page(request, "reset.html", context, face=face)

    async def request_reset(self, request: Request) -> Response:
        """Sends a link if there is somebody to send it to, and says the same either way."""
        site, started = self._site, time.monotonic()
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        face = await self._face(form.get("organisation", ""))
        identifier = form.get("identifier", "").strip()
        if not identifier:
            _ = site.pages.translator(request)
            message = _("Enter your client code or your mail address.") if face else _("Enter your mail address.")
            context = {
                "firm": face,
                "identifier": "",
                "first": form.get("first") == "1",
                "errors": {"identifier": message},
            }
            return site.page(request, "reset.html", context, face=face, status=422)
        await site.password_links.request_reset(
            identifier, face.id if face else None, face.slug if face else "", site.cookies.visitor(request)
        )
        await asyncio.sleep(max(0.0, _EVEN - (time.monotonic() - started)))
        back = f"/login/{face.slug}" if face else "/login"
        return site.page(
            request, "reset_sent.html", {"identifier": identifier[:254], "firm": face, "back": back}, face=face
        )

    # Links

    async def show_link(self, request: Request) -> Response:
        """The form that a link opens, or why it does not."""
        visitor = self._site.cookies.visitor(request)
        opened = await self._site.password_links.open_link(
            str(request.path_params["token"]), visitor, *_purposes(request)
        )
        return await self._link_page(request, opened)

    async def set_password(self, request: Request) -> Response:
        """Sets the password, signs in and goes on to the organisation."""
        site, purposes, token = self._site, _purposes(request), str(request.path_params["token"])
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        visitor, password = site.cookies.visitor(request), form.get("password", "")
        if form.get("check"):
            opened = await site.password_links.open_link(token, visitor, *purposes)
            return await self._link_page(request, opened, await self._judged(password, opened.account, opened.slug))
        result = await site.password_links.set_through_link(token, purposes, password, visitor)
        if isinstance(result, Opened):
            return await self._link_page(request, result)
        if isinstance(result, Broken):
            opened = await site.password_links.open_link(token, visitor, *purposes)
            return await self._link_page(request, opened, Judged(password, result.rules, refused=True))
        opened = await site.password_links.open_link(token, visitor, *purposes)
        slug = opened.slug
        after = continuation(query_of(request).get("next", ""))
        if isinstance(result, Asked):
            response = ask_factor(site, result, after, slug)
        else:
            response = see_other(after or (f"/o/{slug}" if slug else "/"))
            site.cookies.begin(response, result)
        if visitor.proof:
            site.cookies.drop(response, site.cookies.renewal)
        return response

    async def send_again(self, request: Request) -> Response:
        """Sends a fresh link to whom an expired one was for; the address was proven by the old one."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        token = str(request.path_params["token"])
        state = await site.password_links.send_again(token)
        if state is not LinkState.EXPIRED:
            return await self.show_link(request)
        return site.page(request, "reset_sent.html", {"identifier": "", "firm": None, "back": "/login"})

    async def _link_page(self, request: Request, opened: Opened, judged: Judged | None = None) -> Response:
        site = self._site
        purpose = Purpose(opened.link.purpose) if opened.link else _purposes(request)[0]
        slug = opened.slug
        face = await self._face(slug)
        account = opened.account
        managed = account is not None and account.kind == AccountKind.MANAGED
        sign_in = f"/login/{face.slug}" if managed and face else "/login"
        language = account.locale if account and opened.state is LinkState.OPEN else None
        if opened.state is not LinkState.OPEN or account is None:
            async with site.database.begin(Caller("identity")) as unit:
                who = await sessions.signed_in(unit, site.cookies.visitor(request).cookie)
            mine = who is not None and account is not None and who.account.id == account.id
            closed: dict[str, object] = {
                "state": opened.state.value,
                "purpose": purpose.value,
                "firm": face,
                "sign_in": sign_in,
                "home": (f"/o/{face.slug}" if face else "/") if mine else "",
                "again": f"{request.url.path}/again",
            }
            status = 404 if opened.state is LinkState.UNKNOWN else 410
            return site.page(request, "link_closed.html", closed, face=face, status=status)
        chosen = site.pages.language(request, language or "")
        errors = await self._broken(request, judged.rules, account) if judged and judged.refused else {}
        doors = [] if judged else await self._doors(opened)
        token = str(request.path_params["token"])
        after = continuation(query_of(request).get("next", ""))
        context: dict[str, object] = {
            "errors": errors,
            "offers": [Offer(each.name, start(each, after, account.mail, invitation=token)) for each in doors],
            "enforced": any(each.enforced for each in doors),
            "purpose": purpose.value,
            "firm": face,
            "invites": opened.link is not None and opened.link.organisation_id is not None,
            "account": account,
            "managed": managed,
            "action": f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path,
            "rules": await self._rules(request, account, judged),
            "meter": _meter(account, judged),
        }
        return site.page(
            request,
            "set_password.html",
            context,
            face=face,
            language=chosen,
            status=422 if errors else 200,
        )

    async def _doors(self, opened: Opened) -> Sequence[Door]:
        """The inviting firm's own providers, where the address of whoever is invited leads to them."""
        link, account = opened.link, opened.account
        if link is None or account is None or link.purpose != Purpose.ACTIVATION or not is_mail(account.mail):
            return []
        found = await doors_of(self._site, of_address(account.mail))
        return [each for each in found if each.organisation_id == link.organisation_id]

    # One's own password

    async def show_change(self, request: Request) -> Response:
        """The form, for whoever is signed in."""
        who = await self._changing(request)
        return who if isinstance(who, Response) else await self._change_page(request, who)

    async def change(self, request: Request) -> Response:
        """Changes the password; other devices are signed out."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        who = await self._changing(request)
        if isinstance(who, Response):
            return who
        password = form.get("password", "")
        if form.get("check"):
            return await self._change_page(request, who, judged=await self._judged(password, who.account))
        try:
            result = await site.passwords.change(who, form.get("current", ""), password, site.cookies.visitor(request))
        except ServiceError as error:
            if error.reason != "session_ended":
                raise
            return see_other("/login?next=%2Fpassword")
        if isinstance(result, Broken):
            judged = Judged(password, result.rules, refused=True)
            errors = await self._broken(request, result.rules, who.account)
            return await self._change_page(request, who, errors, judged)
        if isinstance(result, Refused):
            _ = site.pages.translator(request)
            message = _("This is not your current password.")
            if wait := wait_text(_, result.wait.total_seconds()):
                message = f"{message} " + _("Wait %(time)s before you try again.", time=wait)
            return await self._change_page(request, who, {"current": message})
        return site.page(request, "password_changed.html")

    async def _changing(self, request: Request) -> SignedIn | Response:
        """Who may change their password, or what is said instead: an account of a directory has none."""
        who = await changing(self._site, request, "/password")
        if isinstance(who, Response) or not who.account.directory:
            return who
        firm = who.account.organisation_id
        face = await self._site.organisations.face_by_id(firm) if firm else None
        return self._site.page(request, "password.html", {"account": who.account, "firm": face})

    async def _change_page(
        self,
        request: Request,
        who: SignedIn,
        errors: Mapping[str, str] = MappingProxyType({}),
        judged: Judged | None = None,
    ) -> Response:
        context = {
            "errors": errors,
            "account": who.account,
            "rules": await self._rules(request, who.account, judged),
            "meter": _meter(who.account, judged),
        }
        return self._site.page(request, "password.html", context, status=422 if errors else 200)

    async def _face(self, slug: str) -> Face | None:
        """The organisation's face; a page of identity does without it rather than fail."""
        if not slug:
            return None
        try:
            return await self._site.organisations.face(slug)
        except ServiceError:
            return None

    async def _judged(self, password: str, account: Account | None, slug: str = "") -> Judged | None:
        """What is said of a password that was sent to be looked at only: pages without a script do that."""
        if account is None:
            return None
        return Judged(password, await self._site.passwords.broken(password, account, slug))

    async def _rules(self, request: Request, account: Account, judged: Judged | None) -> Sequence[Rule]:
        policy = await self._site.passwords.policy_of(account)

        def met(code: str) -> bool:
            return judged is not None and bool(judged.password) and code not in judged.rules

        _ = self._site.pages.translator(request, account.locale)
        return rules_of(_, policy, guessable_parts(avoided(account)), met)

    async def _broken(self, request: Request, codes: Sequence[str], account: Account) -> dict[str, str]:
        policy = await self._site.passwords.policy_of(account)
        return {"password": broken_in_words(self._site.pages.translator(request), policy, codes)}


def _meter(account: Account, judged: Judged | None) -> Meter:
    avoided_parts = guessable_parts(avoided(account))
    return Meter(strength_of(judged.password, avoided_parts) if judged else 0, avoided_parts)


def _purposes(request: Request) -> tuple[Purpose, ...]:
    """What the links of an address are for."""
    return _OF_PATHS[request.url.path.split("/")[1]]
