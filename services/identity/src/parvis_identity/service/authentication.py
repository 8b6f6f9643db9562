"""Who a client is: secrets in the header or the form, assertions signed with its key (RFC 6749, 2.3; RFC 7523; OpenID
Connect Core 9), or nothing for public clients. Each client proves itself in the one way that it is registered for.

Used by every endpoint that clients call. In two steps, since keys may have to be fetched: `prove` before the
transaction, `Proven.once` in it.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from parvis_identity.models import Client
from parvis_identity.service import profiles, signatures
from parvis_identity.service.client_keys import ClientKeys
from parvis_identity.service.clients import Clients
from parvis_identity.service.protocol import Answer, ClientPolicy, ProtocolRefusal, protocol_error
from parvis_identity.service.refusals import Refusals
from parvis_identity.store import openid as store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BY_KEY = "private_key_jwt"
#: How far clocks may differ; FAPI 2.0 (5.3.2.1) asks for at least 10 and at most 60 seconds.
SKEW = 30
#: An assertion that lives longer is none: it would have to be remembered as long.
_LONGEST = timedelta(hours=1)
_LONGEST_JTI = 500


@dataclass(frozen=True, slots=True)
class Proven:
    """A client that proved itself, and how ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")."""

    client: Client
    method: str
    #: The assertion's, empty where there was none.
    jti: str = ""
    expires_at: datetime | None = None

    @property
    def policy(self) -> ClientPolicy:
        """The client as Authlib asks about it."""
        return ClientPolicy(self.client)

    async def once(self, unit: UnitOfWork) -> None:
        """Uses up the assertion. Raises ProtocolRefusal when it came before."""
        if self.expires_at is None:
            return
        if not await store.first_time(unit, "assertion", self.client.client_id, self.jti, self.expires_at):
            unit.record("assertion.replayed", target_kind="client", target_id=self.client.client_id)
            raise ProtocolRefusal(unauthenticated("The assertion was used before."))


class Authentication:
    """See the module. `issuer` and the addresses of the endpoints are what assertions are for."""

    def __init__(self, database: Database, clients: Clients, keys: ClientKeys, *, issuer: str) -> None:
        self._database = database
        self._clients = clients
        self._keys = keys
        self._issuer = issuer
        self._caller = Caller("identity")
        self._refusals = Refusals()

    async def prove(self, parameters: Mapping[str, str], headers: Mapping[str, str], path: str) -> Proven:
        """The client of a request to the endpoint at `path` ("/oauth2/token"). Outside any transaction.

        Raises ProtocolRefusal: invalid_client (401), or invalid_request when it proves itself in two ways at once.
        """
        name, secret = _basic(headers.get("authorization", ""))
        ways = [bool(name), "client_secret" in parameters, "client_assertion" in parameters]
        said = parameters.get("client_id", "")
        if sum(ways) > 1 or (name and said and said != name):
            description = "One way to authenticate the client, and one client, at a time."
            raise ProtocolRefusal(protocol_error(400, "invalid_request", description))
        if "client_assertion" in parameters or "client_assertion_type" in parameters:
            return await self._by_assertion(parameters, path)
        client = await self._find(name or said)
        if name:
            method = "client_secret_basic"
        else:
            method, secret = "client_secret_post", parameters.get("client_secret", "")
            if "client_secret" not in parameters:
                method = "none"
        known = client.token_endpoint_auth_method == method and profiles.proves_itself_well(client, method)
        if not known or (method != "none" and not ClientPolicy(client).check_client_secret(secret)):
            raise await self._refusal(client, method)
        return Proven(client, method)

    async def _refusal(self, client: Client, method: str, description: str = "") -> ProtocolRefusal:
        """What a client is told that somebody else may pretend to be; whoever runs it finds a trace."""
        async with self._database.begin(self._caller) as unit:
            why = description or "wrong secret, or another way than the registered one"
            self._refusals.note(unit, "client.refused", client.client_id, f"proof {method}", reason=why)
            await store.refused_client(unit, client.client_id, f"proof {method}")
        return ProtocolRefusal(unauthenticated(description) if description else unauthenticated())

    async def _find(self, client_id: object) -> Client:
        if not isinstance(client_id, str):
            raise ProtocolRefusal(unauthenticated())
        client = self._clients.kept(client_id)
        if client is None:
            async with self._database.begin(self._caller) as unit:
                client = await self._clients.find(unit, client_id)
        if client is None:
            raise ProtocolRefusal(unauthenticated())
        if client.closed_at is not None:
            raise ProtocolRefusal(unauthenticated("The client is closed."))
        return client

    async def _by_assertion(self, parameters: Mapping[str, str], path: str) -> Proven:
        assertion = parameters.get("client_assertion", "")
        if parameters.get("client_assertion_type") != ASSERTION_TYPE or not assertion:
            raise ProtocolRefusal(unauthenticated("The assertion is missing, or of an unknown type."))
        try:
            said = signatures.peek(assertion)
        except signatures.NotVerified as error:
            raise ProtocolRefusal(unauthenticated(f"The assertion is not accepted. {error}")) from error
        name = said.claims.get("sub")
        client = await self._find(name if name == parameters.get("client_id", name) else None)
        if client.token_endpoint_auth_method != BY_KEY:
            raise await self._refusal(client, BY_KEY)
        only = client.token_endpoint_auth_signing_alg
        allowed = signatures.STRONG if client.profile else signatures.ALGORITHMS
        keys = await self._keys.of(client, said.header)
        try:
            claims = signatures.verify(assertion, keys, {only} & set(allowed) if only else allowed).claims
            return self._checked(client, claims, path)
        except signatures.NotVerified as error:
            raise await self._refusal(client, BY_KEY, f"The assertion is not accepted. {error}") from error

    def _checked(self, client: Client, claims: dict[str, Any], path: str) -> Proven:
        """RFC 7523, 3. FAPI 2.0 (5.3.2.1) wants the issuer, as a string, for an audience: an assertion that was made
        for somebody else's endpoint must be worth nothing here.
        """
        name = client.client_id
        rules = JWTClaimsRegistry(
            leeway=SKEW,
            iss={"essential": True, "value": name},
            sub={"essential": True, "value": name},
            aud={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
        )
        try:
            rules.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise signatures.NotVerified(str(getattr(error, "description", "")) or "A claim is malformed.") from error
        audience = claims["aud"]
        if client.profile:
            meant = audience == self._issuer
        else:
            ours = {self._issuer, f"{self._issuer}/oauth2/token", f"{self._issuer}{path}"}
            meant = bool(ours.intersection([audience] if isinstance(audience, str) else audience))
        if not meant:
            raise signatures.NotVerified("Its 'aud' is not this issuer.")
        now = datetime.now(UTC)
        try:
            expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise signatures.NotVerified("Its 'exp' is malformed.") from error
        if expires_at > now + _LONGEST:
            raise signatures.NotVerified("It lives longer than an hour.")
        if len(claims["jti"]) > _LONGEST_JTI:
            raise signatures.NotVerified("Its 'jti' is too long.")
        return Proven(client, BY_KEY, claims["jti"], expires_at + timedelta(seconds=SKEW))


def unauthenticated(description: str = "The client cannot be authenticated.") -> Answer:
    """RFC 6749, 5.2."""
    answer = protocol_error(401, "invalid_client", description)
    return Answer(answer.status, answer.body, {**answer.headers, "WWW-Authenticate": 'Basic realm="parvis"'})


def _basic(header: str) -> tuple[str, str]:
    """Client and secret of a Basic header, empty when there is none. Raises ProtocolRefusal when it is malformed (RFC
    6749, 2.3.1).
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ProtocolRefusal(unauthenticated()) from error
    name, colon, secret = decoded.partition(":")
    if not colon or not name or not secret or "\x00" in decoded:
        raise ProtocolRefusal(unauthenticated())
    return unquote_plus(name), unquote_plus(secret)
