"""The authorization endpoint: requests as they come, the pages between, and answers to clients (RFC 6749, 3.1; OpenID
Connect Core 3.1.2).
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.addresses import LONGEST, continuation, parameters_of
from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.pushed import UNUSABLE, declined
from parvis_identity.http.site import Site, see_other
from parvis_identity.http.words import told_in_words
from parvis_identity.service import profiles, sessions
from parvis_identity.service.authorization import (
    AskConsent,
    BadRequest,
    ChooseOrganisation,
    Closed,
    Go,
    NotAssigned,
    Outcome,
    Refusal,
    SignIn,
)
from parvis_identity.service.demands import FurtherStep
from parvis_identity.service.pushed import Unusable
from parvis_identity.service.request_objects import RequestObjectRefused, RequestObjects
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError, invalid

AUTHORIZE = "/oauth2/authorize"
CONSENT = "/oauth2/consent"


class AuthorizationPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._caller = Caller("identity")

    def routes(self) -> list[Route]:
        """Addresses of the endpoint and its pages."""
        page = self._site.guarded
        return [
            Route(AUTHORIZE, page(self.authorize), methods=["GET"]),
            Route(AUTHORIZE, page(self.authorize_by_post), methods=["POST"]),
            Route(CONSENT, page(self.consent), methods=["POST"]),
        ]

    async def authorize_by_post(self, request: Request) -> Response:
        """A POST of another site comes without cookies: the same request as GET has them."""
        return see_other(f"{AUTHORIZE}?{urlencode(await read_form(request))}")

    async def authorize(self, request: Request) -> Response:
        """RFC 6749, 4.1.1."""
        parameters = await self._with_object(query_of(request))
        outcome = parameters if isinstance(parameters, Go | BadRequest) else await self._outcome(request, parameters)
        return await self._answer(request, outcome)

    async def consent(self, request: Request) -> Response:
        """What the person says to the question whether the client may know them."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        after = continuation(form.get("next", ""))
        if not after.startswith(AUTHORIZE):
            raise invalid("malformed_form")
        if form.get("answer") != "yes":
            return await self._answer(request, await declined(site, parameters_of(after)))
        async with site.database.begin(self._caller) as unit:
            who = await sessions.signed_in(unit, site.cookies.visitor(request).cookie)
        if who is None or str(who.account.id) != form.get("account"):
            return see_other(after)  # somebody else signed in meanwhile: they are asked themselves
        return await self._answer(request, await self._outcome(request, parameters_of(after), agreed=True))

    async def _with_object(self, parameters: dict[str, str]) -> Mapping[str, str] | Go | BadRequest:
        """The parameters, or where they are kept when a request object said them, or when they are too long to be
        carried through the sign-in page: the person comes back to what the client said, whatever becomes of it.
        """
        site = self._site
        has_object = RequestObjects.is_one(parameters)
        if not has_object and len(urlencode(parameters)) <= LONGEST:
            return parameters
        async with site.database.begin(self._caller) as unit:
            client = await site.clients.find(unit, parameters.get("client_id", ""))
        if client is None or profiles.pushes(client):
            return {name: value for name, value in parameters.items() if name not in {"request", "request_uri"}}
        read: Mapping[str, str] = parameters
        if has_object:
            try:
                read = await site.request_objects.read(client, parameters)
            except RequestObjectRefused as refused:
                told = Refusal(refused.error, refused.description)
                async with site.database.begin(self._caller) as unit:
                    return await site.authorization.refused(unit, parameters, told)
        async with site.database.begin(self._caller) as unit:
            if await site.authorization.problem(unit, read) is not None:
                return read  # not worth keeping: the client is told
            kept, _ = await site.pushed.keep(unit, client.client_id, read, dpop_jkt=read.get("dpop_jkt", ""))
        return {"client_id": client.client_id, "request_uri": kept}

    async def _outcome(self, request: Request, parameters: Mapping[str, str], *, agreed: bool = False) -> Outcome:
        """What comes next for an authorization request, one that was pushed too."""
        site = self._site
        async with site.database.begin(self._caller) as unit:
            try:
                asked = await site.pushed.open(unit, parameters)
            except Unusable:
                return UNUSABLE
            who = await sessions.signed_in(unit, site.cookies.visitor(request).cookie)
            outcome = await site.authorization.authorize(
                unit, asked.parameters, who, AUTHORIZE, pushed=asked.pushed is not None, agreed=agreed
            )
            if isinstance(outcome, Go) and not await site.pushed.close(unit, asked):
                return UNUSABLE
        if isinstance(outcome, SignIn | FurtherStep | AskConsent):
            return replace(outcome, continuation=asked.again(outcome.continuation))
        return outcome

    async def _answer(self, request: Request, outcome: Outcome) -> Response:  # noqa: PLR0911 - one for each
        site = self._site
        match outcome:
            case Go():
                return site.go(request, outcome)
            case SignIn(after, slug):
                return see_other(f"{await self._entrance(slug)}?{urlencode({'next': after})}")
            case FurtherStep(page, after):
                return see_other(f"{page}{urlencode({'next': after}, quote_via=quote)}")
            case AskConsent():
                return await self._ask(request, outcome)
            case NotAssigned(client, answer):
                return site.not_assigned(request, client.name, answer)
            case ChooseOrganisation(client):
                return site.page(request, "choose_organisation.html", {"product": client.name}, status=409)
            case Closed(client):
                return site.page(request, "closed.html", {"product": client.name}, status=403)
            case BadRequest():
                return site.bad_request(request, outcome)

    async def _ask(self, request: Request, question: AskConsent) -> Response:
        """The page that asks whether the client may know what it asks for."""
        site, client = self._site, question.client
        asked = await site.asked(question.continuation)
        locales = [each[:2] for each in asked.get("ui_locales", "").split()]
        language = next((each for each in locales if each in {"fr", "en"}), None)
        _ = site.pages.translator(request, language or "")
        host = urlsplit(asked.get("redirect_uri", "")).hostname or client.name
        links = [
            (label, address)
            for label, address in (
                (_("Its privacy policy"), client.policy_uri),
                (_("Its terms of use"), client.tos_uri),
            )
            if address
        ]
        context: dict[str, object] = {
            "product": client.name or host,
            "host": host,
            "account": question.account,
            "told": told_in_words(_, question.told),
            "logo": client.logo_uri,
            "unknown": client.consent_required,
            "links": links,
            "action": CONSENT,
            "fields": {"next": question.continuation, "account": str(question.account.id)},
        }
        targets = await site.form_targets(question.continuation, asked)
        logo = [client.logo_uri] if client.logo_uri else []
        return site.page(request, "consent.html", context, form_action=targets, images=logo, language=language)

    async def _entrance(self, slug: str) -> str:
        """The firm's own sign-in page when it is known; the portal's serves when tenancy cannot be asked."""
        try:
            face = await self._site.organisations.face(slug) if slug else None
        except ServiceError:
            face = None
        return f"/login/{face.slug}" if face else "/login"
