"""Devices that show a code (RFC 8628): where they begin, and the page where a person types the code."""

from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parvis_identity.domain import user_codes
from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.proofs import proof_of
from parvis_identity.http.protocol import NO_STORE, answered
from parvis_identity.http.site import Site, see_other, wait_text
from parvis_identity.http.words import told_in_words
from parvis_identity.service import demands, limits, profiles, sessions
from parvis_identity.service.authorization import ChooseOrganisation, NotAssigned
from parvis_identity.service.demands import FurtherStep
from parvis_identity.service.device_flow import DEVICE_PAGE, DeviceFlow, Found
from parvis_identity.service.organisations import Face
from parvis_identity.service.protocol import ProtocolRefusal, protocol_error
from parvis_identity.service.provider import SignedIn
from parvis_kit.caller import Caller
from parvis_kit.unit import UnitOfWork

BEGIN = "/oauth2/device_authorization"
_LONGEST = 64


class DevicePages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._flow = DeviceFlow(site.clients, issuer=site.settings.public_url)
        self._caller = Caller("identity")

    def routes(self) -> list[Route]:
        """Addresses of the endpoint and its page."""
        page = self._site.guarded
        return [
            Route(BEGIN, answered(self.begin), methods=["POST"]),
            Route(DEVICE_PAGE, page(self.show), methods=["GET"]),
            Route(DEVICE_PAGE, page(self.answer), methods=["POST"]),
        ]

    async def begin(self, request: Request) -> Response:
        """RFC 8628, 3.1."""
        site = self._site
        form = await read_form(request)
        proven = await site.authentication.prove(form, request.headers, request.url.path)
        async with site.answering() as unit:
            proof = await proof_of(site.proofs, unit, request)
            await proven.once(unit)
            if proof is None and profiles.binds_tokens(proven.client):
                description = "The client must send a DPoP proof (RFC 9449)."
                raise ProtocolRefusal(protocol_error(400, "invalid_request", description))
            address, most = site.cookies.visitor(request).address, site.settings.client_waiting
            await limits.room_for(unit, proven.client, "device_codes", address, most=most)
            told = await self._flow.begin(
                unit, proven.client, form.get("scope", ""), jkt=proof.jkt if proof is not None else ""
            )
        return JSONResponse(told, headers=NO_STORE)

    async def show(self, request: Request) -> Response:
        """The form for the code; filled in already when the device showed an address with it."""
        query = query_of(request)
        code = query.get("user_code", "")[:_LONGEST]
        if await self._who(request) is None:
            return self._sign_in(code)
        return self._form(request, code)

    async def answer(self, request: Request) -> Response:
        """The code that was typed, and then what the person says to the device that shows it."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        typed, said = form.get("user_code", "")[:_LONGEST], form.get("answer", "")
        who = await self._who(request)
        if who is None or (said and form.get("account") != str(who.account.id)):
            return self._sign_in(typed)  # or somebody else did meanwhile: they are asked themselves
        _ = site.pages.translator(request)
        if not typed.strip():
            return self._form(request, typed, _("Enter the code that the device shows."), status=422)
        async with site.database.begin(self._caller) as unit:
            found = await self._flow.find(unit, who, typed, lock=bool(said))
            if isinstance(found, Found) and not said:
                return self._question(request, found, who)
            if isinstance(found, Found) and (done := await self._said(unit, request, found, who, said)) is not None:
                return done
        wrong = _("No device that waits shows this code. Check it on the device, or ask the device for a new one.")
        wait = "" if isinstance(found, Found) else wait_text(_, found.wait.total_seconds())
        if wait:
            wrong = f"{wrong} " + _("Wait %(time)s before you try again.", time=wait)
        return self._form(request, typed, wrong, status=422)

    async def _said(
        self, unit: UnitOfWork, request: Request, found: Found, who: SignedIn, said: str
    ) -> Response | None:
        """Tells the device what the person said; None when somebody was faster. Not before they are
        as sure as the client wants, and may enter the organisation that the product is of.
        """
        site, client = self._site, found.client
        after = f"{DEVICE_PAGE}?{urlencode({'user_code': found.code.user_code})}"
        asked, carried = demands.asked_of(client, {}, None), {"user_code": found.code.user_code}
        if said == "yes":
            more = await demands.of_client(unit, client, asked, carried, who, DEVICE_PAGE)
            if isinstance(more, FurtherStep):
                return see_other(f"{more.page}{urlencode({'next': more.continuation}, quote_via=quote)}")
        organisation = await site.authorization.launched_for(client, who) if said == "yes" else None
        if isinstance(organisation, ChooseOrganisation):
            return site.page(request, "choose_organisation.html", {"product": client.name}, status=409)
        if isinstance(organisation, Face) and await demands.step_at(unit, site.organisations, organisation, who):
            return see_other(f"/door/{organisation.id}?{urlencode({'next': after}, quote_via=quote)}")
        if said == "yes" and not isinstance(organisation, NotAssigned):
            done = await self._flow.allow(unit, found, who, organisation)
        else:
            done = await self._flow.deny(unit, found, who)
        if isinstance(organisation, NotAssigned):
            return site.not_assigned(request, organisation.client.name, organisation.answer)
        return (
            site.page(request, "device_done.html", {"allowed": said == "yes", "product": client.name}) if done else None
        )

    async def _who(self, request: Request) -> SignedIn | None:
        async with self._site.database.begin(self._caller) as unit:
            return await sessions.signed_in(unit, self._site.cookies.visitor(request).cookie)

    @staticmethod
    def _sign_in(code: str) -> Response:
        after = f"{DEVICE_PAGE}?{urlencode({'user_code': code})}" if code.isascii() and code else DEVICE_PAGE
        return see_other(f"/login?{urlencode({'next': after})}")

    def _form(self, request: Request, code: str, error: str = "", *, status: int = 200) -> Response:
        known = user_codes.typed(code)
        context: dict[str, object] = {
            "code": user_codes.shown(known) if known else code,
            "errors": {"user_code": error} if error else {},
        }
        return self._site.page(request, "device.html", context, status=status)

    def _question(self, request: Request, found: Found, who: SignedIn) -> Response:
        code = user_codes.shown(found.code.user_code)
        context: dict[str, object] = {
            "product": found.client.name,
            "account": who.account,
            "code": code,
            "told": told_in_words(self._site.pages.translator(request), found.code.scope.split()),
            "unknown": found.client.consent_required,
            "fields": {"user_code": code, "account": str(who.account.id)},
        }
        return self._site.page(request, "device_question.html", context)
