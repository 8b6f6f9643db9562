"""The OpenID endpoints as use cases: what is read before Authlib speaks (`provider`), and what is written after."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import structlog
from authlib.common.urls import add_params_to_uri

from parvis_identity.domain import claims as asked_claims
from parvis_identity.domain.asked_strength import Asked
from parvis_identity.domain.interaction import SINCE, Interaction, after_login, needed, organisation_of
from parvis_identity.models import Account, Client, Trial
from parvis_identity.service import demands, profiles, trials
from parvis_identity.service.clients import Clients
from parvis_identity.service.demands import FurtherStep, Unmet
from parvis_identity.service.organisations import Face, Organisations, ProductAnswer
from parvis_identity.service.protocol import ClientPolicy, ProtocolRequest, unacceptable
from parvis_identity.service.provider import Provider, SignedIn
from parvis_identity.service.refusals import Refusals
from parvis_identity.service.tokens import Tokens
from parvis_identity.store import consents
from parvis_identity.store import openid as store
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.unit import UnitOfWork

#: How answers reach the client: in its address, or in a form that the browser posts (Form Post Response Mode 1.0).
FORM_POST = "form_post"
RESPONSE_MODES = ("query", FORM_POST)
_NONCE = re.compile(r"[\x20-\x7e]{1,512}")
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
_log = structlog.get_logger(__name__)
#: Characters of an unknown address that whoever manages the client is shown.
_SHOWN = 300
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Go:
    """Send the browser there: a client's registered address. With `form`, it posts these fields there instead."""

    location: str
    form: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """The person must sign in first, on the firm's own page when one was named, and come back to `continuation`."""

    continuation: str
    slug: str = ""


@dataclass(frozen=True, slots=True)
class NotAssigned:
    """The product is not the person's to use, for this organisation."""

    client: Client
    answer: ProductAnswer


@dataclass(frozen=True, slots=True)
class ChooseOrganisation:
    """The person has the product in several organisations, and the request names none."""

    client: Client


@dataclass(frozen=True, slots=True)
class Closed:
    """The client was closed by its provider."""

    client: Client


@dataclass(frozen=True, slots=True)
class BadRequest:
    """Nobody can be sent anywhere: the client or its address is unknown. `description` is for who made the link."""

    error: str
    description: str


@dataclass(frozen=True, slots=True)
class AskConsent:
    """The person has not said yet that the client may know this of them (domain.claims.told). `continuation` is the
    request; it is answered with `agreed`, or `deny`.
    """

    client: Client
    account: Account
    told: tuple[str, ...]
    continuation: str


Outcome = Go | SignIn | FurtherStep | AskConsent | NotAssigned | ChooseOrganisation | Closed | BadRequest


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a known client asks for cannot be had: it is told so (RFC 6749, 4.1.2.1)."""

    error: str
    description: str


@dataclass(frozen=True, slots=True)
class _Valid:
    """An authorization request that can be answered."""

    client: Client
    provider: Provider
    request: ProtocolRequest
    grant: Any
    claims: dict[str, dict[str, Any]] | None
    #: The one whom the client means, empty for anybody.
    subject: str
    #: How sure the client wants to be of them.
    strength: Asked
    #: The try-out that it is of, whose answer nobody but us reads.
    trial: Trial | None = None


class Authorization:
    """The authorization endpoint."""

    def __init__(self, tokens: Tokens, clients: Clients, organisations: Organisations) -> None:
        self._tokens = tokens
        self._clients = clients
        self._organisations = organisations
        self._refusals = Refusals()

    async def authorize(
        self,
        unit: UnitOfWork,
        parameters: Mapping[str, str],
        signed_in: SignedIn | None,
        path: str,
        *,
        pushed: bool = False,
        agreed: bool = False,
    ) -> Outcome:
        """What comes next for an authorization request (RFC 6749, 4.1.1; OpenID Connect Core 3.1.2). `pushed`: it was
        sent ahead (RFC 9126); `agreed`: the person has just said that the client may know what it asks for.
        """
        valid = await self._validate(unit, parameters, signed_in, pushed=pushed)
        if isinstance(valid, Refusal):
            self._note(unit, parameters, valid)
            return self._refuse(parameters, valid.error, valid.description)
        if not isinstance(valid, _Valid):
            return valid
        who = self._signed_in(unit, valid, parameters, signed_in, path)
        if not isinstance(who, SignedIn):
            return who
        if (answer_first := await self._first(unit, valid, parameters, who, path, agreed=agreed)) is not None:
            return answer_first
        organisation = await self._organisation(unit, valid, parameters, who, path)
        if organisation is not None and not isinstance(organisation, Face):
            return organisation
        answer = valid.provider.code_for(valid.request, valid.grant)
        if valid.provider.new_code is not None:
            grant, code = valid.provider.new_code
            grant.acr = valid.strength.told(grant.acr) or grant.acr
            if organisation is not None:
                grant.organisation_id = organisation.id
                grant.organisation_name = organisation.name
                grant.organisation_slug = organisation.slug
            if valid.trial is None:
                await store.save_code(unit, grant, code)
            else:
                await trials.save_code(unit, valid.trial, grant, code)
        return _go(parameters, answer.location)

    async def problem(self, unit: UnitOfWork, parameters: Mapping[str, str]) -> BadRequest | Refusal | None:
        """What is wrong with an authorization request that is sent ahead (RFC 9126, 2.1)."""
        if "request_uri" in parameters:
            return Refusal("invalid_request", "A pushed request must not hold a 'request_uri'.")
        valid = await self._validate(unit, parameters, None, pushed=True)
        if isinstance(valid, Closed):
            return Refusal("unauthorized_client", "The client is closed.")
        if isinstance(valid, Refusal):
            self._note(unit, parameters, valid)
        if not isinstance(valid, _Valid):
            return valid
        try:
            needed(parameters, None, unit.now)
        except ValueError as error:
            return Refusal("invalid_request", str(error))
        return None

    async def deny(self, unit: UnitOfWork, parameters: Mapping[str, str], *, pushed: bool = False) -> Go | BadRequest:
        """The answer to the client when the person at the sign-in page does not want to (RFC 6749, 4.1.2.1)."""
        valid = await self._validate(unit, parameters, None, pushed=pushed)
        if isinstance(valid, BadRequest):
            return valid
        unit.record("sign_in.declined", target_kind="client", target_id=parameters["client_id"])
        return self._refuse(parameters, "access_denied", "The person did not sign in.")

    async def refused(self, unit: UnitOfWork, parameters: Mapping[str, str], refusal: Refusal) -> Go | BadRequest:
        """The answer to a request whose parameters cannot be read: to the client where its address says which."""
        client = await self._clients.find(unit, parameters.get("client_id", ""))
        if client is None or not ClientPolicy(client).check_redirect_uri(parameters.get("redirect_uri", "")):
            return BadRequest(refusal.error, refusal.description)
        self._note(unit, parameters, refusal)
        return self._refuse(parameters, refusal.error, refusal.description)

    async def _validate(  # noqa: PLR0911 - each check has its answer
        self, unit: UnitOfWork, parameters: Mapping[str, str], signed_in: SignedIn | None, *, pushed: bool
    ) -> _Valid | BadRequest | Closed | Refusal:
        """The request, checked: an error page where nobody can be sent anywhere, else an error for the client."""
        if name := unacceptable(parameters):
            return BadRequest("invalid_request", f"Invalid '{name}' in request.")
        client = await self._clients.find(unit, parameters.get("client_id", ""))
        trial = None
        if client is not None and not ClientPolicy(client).check_redirect_uri(parameters.get("redirect_uri", "")):
            client, trial = await trials.admitted(unit, client, parameters, signed_in) or (client, None)
        if client is None or not ClientPolicy(client).check_redirect_uri(parameters.get("redirect_uri", "")):
            what = "client_id" if client is None else "redirect_uri"
            asked = parameters.get("redirect_uri", "")
            if client is not None and not asked.startswith(f"{self._tokens.issuer}/o/"):  # a try-out that is over
                await store.refused_client(unit, client.client_id, f"redirect_uri {asked[:_SHOWN]}")
                self._note(unit, parameters, Refusal("redirect_uri", f"Not registered: {asked[:_SHOWN]}"))
            return BadRequest("invalid_request", f"Unknown '{what}'.")
        if client.closed_at is not None:
            return Closed(client)
        if not pushed and trial is None and profiles.pushes(client):
            return Refusal("invalid_request", "The client must push its requests (RFC 9126).")
        if refusal := _unsupported(parameters):
            return Refusal(*refusal)
        try:
            claims = asked_claims.read(parameters.get("claims", ""))
            subject = self._subject(client, parameters, claims)
        except ValueError as error:
            return Refusal("invalid_request", str(error))
        provider = Provider(self._tokens, unit.now, client=client, signed_in=signed_in)
        request = ProtocolRequest("GET", parameters, {})
        grant, failure = provider.validate(request)
        if failure is not None:
            return Refusal(*failure)
        strength = demands.asked_of(client, parameters, claims)
        return _Valid(client, provider, request, grant, claims, subject, strength, trial)

    def _subject(self, client: Client, parameters: Mapping[str, str], claims: Mapping[str, Any] | None) -> str:
        """Whom the client means (`id_token_hint`, the claim `sub` with a value); empty: anybody. Raises ValueError."""
        wanted = next(iter(asked_claims.values(claims, "sub")), "")
        if parameters.get("id_token_hint"):
            hint = self._tokens.read_hint(parameters["id_token_hint"])
            if hint is None or client.client_id not in {hint["aud"], hint.get("azp")}:
                raise ValueError("Invalid 'id_token_hint' in request.")
            if wanted and hint["sub"] != wanted:
                raise ValueError("The 'id_token_hint' and the claim 'sub' mean two people.")
            wanted = str(hint["sub"])
        return wanted

    def _signed_in(
        self, unit: UnitOfWork, valid: _Valid, parameters: Mapping[str, str], signed_in: SignedIn | None, path: str
    ) -> SignedIn | SignIn | Go:
        """Who the answer is about, once they have signed in as recently as the client asks, and are whom it means."""
        client = valid.client
        if client.default_max_age is not None:
            parameters = {"max_age": str(client.default_max_age), **parameters}
        try:
            interaction = needed(parameters, signed_in.session.auth_time if signed_in else None, unit.now)
        except ValueError as error:
            return self._refuse(parameters, "invalid_request", str(error))
        if interaction is Interaction.NONE and client.consent_required and signed_in and signed_in.is_vouched:
            silent = "none" in parameters.get("prompt", "").split()
            interaction = Interaction.REFUSE if silent else Interaction.LOGIN
        other = signed_in is not None and valid.subject not in {
            "",
            self._tokens.subjects.of(client, signed_in.account.id),
        }
        if other and interaction is Interaction.NONE:
            # Whoever has just signed in for this request is not asked for ever.
            last = "none" in parameters.get("prompt", "").split() or SINCE in parameters
            interaction = Interaction.REFUSE if last else Interaction.LOGIN
        if interaction is Interaction.REFUSE:
            who = "somebody else is" if other else "the person is not"
            return self._refuse(parameters, "login_required", f"The client asked for no page, and {who} signed in.")
        if interaction is Interaction.LOGIN or signed_in is None:
            slug = organisation_of(parameters)
            after = after_login(path, parameters, unit.now, again=other)
            return SignIn(after, slug if _SLUG.fullmatch(slug) else "")
        return signed_in

    async def _first(
        self,
        unit: UnitOfWork,
        valid: _Valid,
        parameters: Mapping[str, str],
        who: SignedIn,
        path: str,
        *,
        agreed: bool,
    ) -> FurtherStep | AskConsent | Go | None:
        """What the person is asked before the client is answered; None: nothing."""
        more = await demands.of_client(unit, valid.client, valid.strength, parameters, who, path)
        if more is not None:
            return self._further(parameters, more)
        return await self._consent(unit, valid, parameters, who, path, agreed=agreed)

    async def _organisation(
        self, unit: UnitOfWork, valid: _Valid, parameters: Mapping[str, str], who: SignedIn, path: str
    ) -> Face | Outcome | None:
        """The organisation that a product is launched for, once its door is open to the person; None for a client that
        is no product, and for a try-out of one that is not theirs.
        """
        if valid.client.product_id is None:
            return None
        found = await self._product(valid.client, who, parameters)
        if valid.trial is not None:
            return found if isinstance(found, Face) else None
        if not isinstance(found, Face):
            return self._unusable(unit, found, who, parameters)
        more = await demands.of_organisation(unit, self._organisations, found, parameters, who, path)
        return found if more is None else self._further(parameters, more)

    def _further(self, parameters: Mapping[str, str], more: FurtherStep | Unmet) -> FurtherStep | Go:
        return more if isinstance(more, FurtherStep) else self._refuse(parameters, more.error, more.description)

    async def _consent(
        self,
        unit: UnitOfWork,
        valid: _Valid,
        parameters: Mapping[str, str],
        who: SignedIn,
        path: str,
        *,
        agreed: bool,
    ) -> AskConsent | Go | None:
        """None when the client may know what it asks for: nobody asks to be asked, or the person said so."""
        prompts = parameters.get("prompt", "").split()
        if not (valid.client.consent_required or "consent" in prompts):
            return None
        client_id, account = valid.client.client_id, who.account
        told = asked_claims.told(valid.grant.request.scope or "", valid.claims)
        if agreed:
            await consents.give(unit, account.id, client_id, told)
            unit.record("consent.given", target_kind="client", target_id=client_id, told=" ".join(told))
            return None
        if "consent" not in prompts and await consents.given(unit, account.id, client_id) >= set(told):
            return None
        if "none" in prompts:
            return self._refuse(parameters, "consent_required", "The person has not agreed yet.")
        return AskConsent(valid.client, account, tuple(told), f"{path}?{urlencode(parameters)}")

    def _unusable(
        self, unit: UnitOfWork, why: NotAssigned | ChooseOrganisation, who: SignedIn, parameters: Mapping[str, str]
    ) -> Outcome:
        if "none" in parameters.get("prompt", "").split():
            return self._refuse(parameters, "interaction_required", "The product cannot be used as is.")
        if isinstance(why, NotAssigned):
            unit.record(
                "product.refused",
                target_kind="client",
                target_id=why.client.client_id,
                account=str(who.account.id),
            )
        return why

    async def launched_for(
        self, client: Client, who: SignedIn, organisation: str = ""
    ) -> Face | NotAssigned | ChooseOrganisation | None:
        """The organisation that somebody uses a product for; None for a client that is no product."""
        if client.product_id is None:
            return None
        return await self._product(client, who, {"organisation": organisation})

    async def _product(
        self, client: Client, signed_in: SignedIn, parameters: Mapping[str, str]
    ) -> Face | NotAssigned | ChooseOrganisation:
        asked = organisation_of(parameters)
        organisation_id: UUID | None = None
        if asked:
            try:
                organisation_id = UUID(asked)
            except ValueError:
                face = await self._organisations.face(asked) if _SLUG.fullmatch(asked) else None
                if face is None:
                    return NotAssigned(client, ProductAnswer(assigned=False, organisation=None, assigners=()))
                organisation_id = face.id
        try:
            answer = await self._organisations.product(signed_in.account.id, client.client_id, organisation_id)
        except ServiceError as error:
            if error.reason == "choose_organisation":
                return ChooseOrganisation(client)
            if error.kind is not Kind.NOT_FOUND:
                raise
            answer = ProductAnswer(assigned=False, organisation=None, assigners=())
        if answer.assigned and answer.organisation is not None:
            return answer.organisation
        return NotAssigned(client, answer)

    def _note(self, unit: UnitOfWork, parameters: Mapping[str, str], refusal: Refusal) -> None:
        """That a client asked for what it cannot have, in the trail: its own mistake, or somebody plays it."""
        told = refusal.description
        self._refusals.note(unit, "authorization.refused", parameters["client_id"], refusal.error, reason=told)

    def _refuse(self, parameters: Mapping[str, str], error: str, description: str) -> Go:
        """The error, sent to the registered address (RFC 6749, 4.1.2.1), with `iss` (RFC 9207)."""
        _log.info("authorization_refused", client=parameters.get("client_id", ""), error=error, why=description)
        told = [("error", error), ("error_description", description), ("iss", self._tokens.issuer)]
        if "state" in parameters:
            told.append(("state", parameters["state"]))
        return _go(parameters, add_params_to_uri(parameters["redirect_uri"], told))


def _unsupported(parameters: Mapping[str, str]) -> tuple[str, str] | None:
    """What a valid client asks for in a way that is not offered: error and description."""
    if not parameters.get("response_type"):
        return "invalid_request", "Missing 'response_type' in request."
    for name in ("request", "request_uri", "registration"):
        if name in parameters:
            return f"{name}_not_supported", f"The parameter {name} is not supported."
    if parameters.get("response_mode", "query") not in RESPONSE_MODES:
        return "invalid_request", "Unsupported 'response_mode'."
    if "nonce" in parameters and not _NONCE.fullmatch(parameters["nonce"]):
        return "invalid_request", "Invalid 'nonce' in request."
    if "dpop_jkt" in parameters and not _THUMBPRINT.fullmatch(parameters["dpop_jkt"]):
        return "invalid_request", "Invalid 'dpop_jkt' in request."
    return None


def _go(parameters: Mapping[str, str], location: str) -> Go:
    """The answer in the way that the client asked for."""
    if parameters.get("response_mode") != FORM_POST:
        return Go(location)
    own = parse_qsl(urlsplit(parameters["redirect_uri"]).query, keep_blank_values=True)
    return Go(parameters["redirect_uri"], dict(parse_qsl(urlsplit(location).query, keep_blank_values=True)[len(own) :]))
