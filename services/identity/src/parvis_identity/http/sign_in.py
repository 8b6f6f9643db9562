"""The sign-in pages: the portal's own (`/login`, personal accounts) and each firm's (`/login/<slug>`, its
managed accounts too).

The portal's own asks for the address first: its domain, and nothing else, says what comes next. Its first form has a
field for the password that nobody sees: password managers fill both, and sign in with one click.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.addresses import continuation
from parvis_identity.domain.identifiers import is_mail
from parvis_identity.domain.links import LIFETIMES, Purpose
from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.finding import Offer, choice, doors_at, doors_of, start
from parvis_identity.http.pushed import DECLINE
from parvis_identity.http.second_factor import ask_factor
from parvis_identity.http.site import Site, see_other, wait_text
from parvis_identity.service import sessions
from parvis_identity.service.mail_domains import of_address
from parvis_identity.service.organisations import Face
from parvis_identity.service.second_factor import Asked
from parvis_identity.service.sessions import Begun
from parvis_identity.service.sign_in import Expired, MustChoose, Refused
from parvis_kit.caller import Caller
from parvis_kit.errors import not_found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parvis_identity.store.domains import Door

_LONGEST_HINT = 254
#: The step that asks for a password, as forms and addresses name it (`/login?step=password` leads straight to it).
_PASSWORD = "password"  # noqa: S105 - a step, not a secret


class SignInPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these pages."""
        guarded = self._site.guarded
        return [
            Route("/login", guarded(self.show), methods=["GET"]),
            Route("/login", guarded(self.sign_in), methods=["POST"]),
            Route("/login/{slug}", guarded(self.show), methods=["GET"]),
            Route("/login/{slug}", guarded(self.sign_in), methods=["POST"]),
            Route("/signed-out", guarded(self.signed_out), methods=["GET"]),
        ]

    async def _face(self, request: Request) -> Face | None:
        slug = request.path_params.get("slug")
        if slug is None:
            return None
        face = await self._site.organisations.face(slug)
        if face is None:
            raise not_found("organisation_not_found")
        return face

    async def show(self, request: Request) -> Response:
        """The form; whoever is signed in already and was not asked to sign in again goes on."""
        site, query = self._site, query_of(request)
        face = await self._face(request)
        after = continuation(query.get("next", ""))
        who, cookie = None, site.cookies.visitor(request).cookie
        if cookie:
            async with site.database.begin(Caller("identity")) as unit:
                who = await sessions.signed_in(unit, cookie)
        if who is not None and not after:
            return see_other(_home(face))
        hint = query.get("login_hint") or (await site.asked(after)).get("login_hint", "")
        again = who is not None
        if who is not None and not hint:
            hint = who.account.identifier
        hint, straight = hint[:_LONGEST_HINT], query.get("step") == _PASSWORD
        if face is None and (named := query.get("organisation") or query.get("organization")):
            chosen = await site.organisations.face(named)
            if chosen is not None:
                carried = {"next": after, "login_hint": query.get("login_hint", "")[:_LONGEST_HINT]}
                asked = urlencode({name: value for name, value in carried.items() if value}, quote_via=quote)
                return see_other(f"/login/{chosen.slug}" + (f"?{asked}" if asked else ""))
        if face is None and hint and not straight:
            doors = await doors_of(site, of_address(hint))
            if doors:
                return await choice(site, request, doors, after, hint)
        asks_password = face is not None or bool(hint) or straight
        return await self._form(request, face, after, identifier=hint, again=again, asks_password=asks_password)

    async def sign_in(self, request: Request) -> Response:
        """Signs in, or shows the form again with one answer for every reason; an address alone leads to the next
        step.
        """
        site = self._site
        face = await self._face(request)
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        after = continuation(form.get("next", ""))
        identifier, password = form.get("identifier", ""), form.get("password", "")
        _ = site.pages.translator(request)
        if face is None and not password and form.get("step") != _PASSWORD:
            return await self._after_address(request, after, identifier)
        if not identifier.strip() or not password:
            errors = {}
            if not identifier.strip():
                errors["identifier"] = (
                    _("Enter your client code or your mail address.") if face else _("Enter your mail address.")
                )
            if not password:
                errors["password"] = _("Enter your password.")
            return await self._form(request, face, after, identifier=identifier, errors=errors, status=422)
        result = await site.passwords.sign_in(
            identifier,
            password,
            face.id if face else None,
            site.cookies.visitor(request),
            slug=face.slug if face else "",
        )
        if isinstance(result, MustChoose):
            carried = f"?{urlencode({'next': after}, quote_via=quote)}" if after else ""
            response = see_other(f"/renew/{result.token}{carried}")
            site.cookies.set(response, site.cookies.renewal, result.proof, lifetime=LIFETIMES[Purpose.RENEWAL])
            return response
        if isinstance(result, Expired):
            message = _("This provisional password has expired. Ask your firm for a new one.")
            return await self._form(request, face, after, identifier=identifier, refused=message, status=422)
        if isinstance(result, Refused):
            message = _("Wrong client code or password.") if face else _("Wrong mail address or password.")
            wait = wait_text(_, result.wait.total_seconds())
            if wait:
                message = f"{message} " + _("Wait %(time)s before you try again.", time=wait)
            return await self._form(request, face, after, identifier=identifier, refused=message, status=422)
        return self._go_on(result, after, face)

    def _go_on(self, result: Begun | Asked, after: str, face: Face | None) -> Response:
        """To where the person wanted to go, or first to their second factor."""
        if isinstance(result, Asked):
            return ask_factor(self._site, result, after, face.slug if face else "")
        response = see_other(after or _home(face))
        self._site.cookies.begin(response, result)
        return response

    async def _after_address(self, request: Request, after: str, identifier: str) -> Response:
        """The step after the address: the same for every address of a domain, whoever has an account."""
        _ = self._site.pages.translator(request)
        wrong = ""
        if not identifier.strip():
            wrong = _("Enter your mail address.")
        elif not is_mail(identifier.strip()):
            wrong = _("A mail address looks like name@example.com.")
        if wrong:
            errors = {"identifier": wrong}
            return await self._form(
                request, None, after, identifier=identifier, errors=errors, status=422, asks_password=False
            )
        doors = await doors_of(self._site, of_address(identifier))
        if doors:
            return await choice(self._site, request, doors, after, identifier.strip(), onward=True)
        return await self._form(request, None, after, identifier=identifier)

    async def _form(
        self,
        request: Request,
        face: Face | None,
        after: str,
        *,
        identifier: str,
        errors: dict[str, str] | None = None,
        refused: str = "",
        again: bool = False,
        status: int = 200,
        asks_password: bool = True,
    ) -> Response:
        carried = {"next": after} if after else {}
        action = f"/login/{face.slug}" if face else "/login"
        forgotten = {"organisation": face.slug} if face else {}
        asked = await self._site.asked(after)
        locales = asked.get("ui_locales", "").split()
        doors: Sequence[Door] = ()
        if face is not None:
            doors = await doors_at(self._site, face)
        elif asks_password and identifier:
            doors = await doors_of(self._site, of_address(identifier))
        hint = identifier if "@" in identifier else ""
        context: dict[str, object] = {
            "doors": [Offer(each.name, start(each, after, hint)) for each in doors],
            "errors": errors or {},
            "refused": refused,
            "identifier": identifier,
            "again": again,
            "asks_password": asks_password,
            "firm": face,
            "join": f"/join/{face.slug}" if face and face.accepts_requests else "",
            "action": action,
            "next": after,
            # Nobody declines to sign in to the portal itself.
            "declines": DECLINE if asked and asked.get("client_id") != self._site.settings.web_client_id else "",
            "forgotten": "/reset" + (f"?{urlencode(forgotten)}" if forgotten else ""),
            "passkey_options": self._site.second_factors.passkeys.to_sign_in(
                self._site.cookies.form_token(request), datetime.now(UTC)
            ),
            "personal": "/login" + (f"?{urlencode(carried, quote_via=quote)}" if carried else ""),
        }
        return self._site.page(
            request,
            "login.html",
            context,
            face=face,
            status=status,
            form_action=await self._site.form_targets(after, asked),
            language=next((each[:2] for each in locales if each[:2] in {"fr", "en"}), None),
        )

    async def signed_out(self, request: Request) -> Response:
        """Says that it is done."""
        return self._site.page(request, "signed_out.html")


def _home(face: Face | None) -> str:
    return f"/o/{face.slug}" if face else "/"
