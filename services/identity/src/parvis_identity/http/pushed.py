"""Where clients send authorization requests ahead (RFC 9126), and where people decline them."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parvis_identity.domain.addresses import continuation, parameters_of
from parvis_identity.http.browser import read_form
from parvis_identity.http.proofs import nonce_header, proof_of
from parvis_identity.http.protocol import NO_STORE, answered, problem
from parvis_identity.http.site import Site
from parvis_identity.service import limits
from parvis_identity.service.authorization import BadRequest, Go
from parvis_identity.service.pushed import Unusable
from parvis_identity.service.request_objects import RequestObjectRefused
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError, invalid

PUSH = "/oauth2/par"
DECLINE = "/oauth2/decline"
_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
#: What was pushed cannot be opened: `error` and `error_description` (RFC 9126, 4; RFC 9101, 7).
UNUSABLE = BadRequest("invalid_request_uri", "The request has expired, or was answered already.")


class PushedPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these endpoints."""
        return [
            Route(PUSH, answered(self.push), methods=_EVERY_METHOD),
            Route(DECLINE, self._site.guarded(self.decline), methods=["POST"]),
        ]

    async def push(self, request: Request) -> Response:
        """RFC 9126, 2."""
        if request.method != "POST":
            answer = problem(405, "invalid_request", "A request is pushed with POST.")
            answer.headers["Allow"] = "POST"
            return answer
        try:
            form = await read_form(request)
        except ServiceError as error:
            if error.reason == "form_too_large":
                return problem(413, "invalid_request", "The request is too large.")
            raise
        site = self._site
        proven = await site.authentication.prove(form, request.headers, request.url.path)
        client_id = proven.client.client_id
        said: Mapping[str, str] = form
        if "request" in form:  # RFC 9126, 3; keys may have to be fetched, so before the transaction
            try:
                said = await site.request_objects.read(proven.client, form)
            except RequestObjectRefused as refused:
                return problem(400, refused.error, refused.description)
        async with site.answering() as unit:
            proof = await proof_of(site.proofs, unit, request)
            await proven.once(unit)
            address, most = site.cookies.visitor(request).address, site.settings.client_waiting
            await limits.room_for(unit, proven.client, "pushed_requests", address, most=most)
            parameters = {**said, "client_id": client_id}
            if proof is not None and parameters.setdefault("dpop_jkt", proof.jkt) != proof.jkt:
                return problem(400, "invalid_request", "The 'dpop_jkt' is not of the key of the proof.")
            wrong = await site.authorization.problem(unit, parameters)
            if wrong is not None:
                return problem(400, wrong.error, wrong.description)
            request_uri, seconds = await site.pushed.keep(
                unit, client_id, parameters, dpop_jkt=parameters.get("dpop_jkt", "")
            )
            headers = {**NO_STORE, **nonce_header(site.proofs, unit)}
        return JSONResponse({"request_uri": request_uri, "expires_in": seconds}, 201, headers=headers)

    async def decline(self, request: Request) -> Response:
        """The person at the sign-in page of a client's request goes back to the client."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        after = continuation(form.get("next", ""))
        if not after.startswith("/oauth2/authorize"):
            raise invalid("malformed_form")
        outcome = await declined(site, parameters_of(after))
        return site.go(request, outcome) if isinstance(outcome, Go) else site.bad_request(request, outcome)


async def declined(site: Site, parameters: Mapping[str, str]) -> Go | BadRequest:
    """The answer to the client of a request that somebody does not agree to, given what their browser came with."""
    async with site.database.begin(Caller("identity")) as unit:
        try:
            asked = await site.pushed.open(unit, parameters)
        except Unusable:
            return UNUSABLE
        outcome = await site.authorization.deny(unit, asked.parameters, pushed=asked.pushed is not None)
        if isinstance(outcome, Go) and not await site.pushed.close(unit, asked):
            return UNUSABLE
    return outcome
