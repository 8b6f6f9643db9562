"""The sign-in pages: the portal's own (`/login`, personal accounts) and each firm's (`/login/<slug>`, its
managed accounts too).
"""

from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.addresses import continuation
from parvis_identity.domain.links import LIFETIMES, Purpose
from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.pushed import DECLINE
from parvis_identity.http.site import Site, see_other, wait_text
from parvis_identity.service import sessions
from parvis_identity.service.organisations import Face
from parvis_identity.service.sign_in import Expired, MustChoose, Refused
from parvis_kit.caller import Caller
from parvis_kit.errors import not_found

_LONGEST_HINT = 254


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
        return await self._form(request, face, after, identifier=hint[:_LONGEST_HINT], again=again)

    async def sign_in(self, request: Request) -> Response:
        """Signs in, or shows the form again with one answer for every reason."""
        site = self._site
        face = await self._face(request)
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        after = continuation(form.get("next", ""))
        identifier, password = form.get("identifier", ""), form.get("password", "")
        _ = site.pages.translator(request)
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
        response = see_other(after or _home(face))
        site.cookies.begin(response, result)
        return response

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
    ) -> Response:
        carried = {"next": after} if after else {}
        action = f"/login/{face.slug}" if face else "/login"
        forgotten = {"organisation": face.slug} if face else {}
        asked = await self._site.asked(after)
        locales = asked.get("ui_locales", "").split()
        context: dict[str, object] = {
            "errors": errors or {},
            "refused": refused,
            "identifier": identifier,
            "again": again,
            "firm": face,
            "join": f"/join/{face.slug}" if face and face.accepts_requests else "",
            "action": action,
            "next": after,
            # Nobody declines to sign in to the portal itself.
            "declines": DECLINE if asked and asked.get("client_id") != self._site.settings.web_client_id else "",
            "forgotten": "/reset" + (f"?{urlencode(forgotten)}" if forgotten else ""),
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
