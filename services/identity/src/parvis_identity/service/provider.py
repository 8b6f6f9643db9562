"""The OpenID provider's protocol, by Authlib: called synchronously, without input or output, on rows that were
loaded before.

One `Provider` serves one request. It holds what was loaded, answers Authlib's questions from it and collects
what is to be written; the use cases (`authorization`) do the reading and writing. Everything that Authlib takes
as it comes and raises on (quotes, other alphabets) is refused before it is called.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer, InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    RefreshTokenGrant,
)
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.util import create_half_hash

from parvis_identity.domain import sessions as rules
from parvis_identity.domain.claims import read as asked_claims
from parvis_identity.domain.links import digest_of
from parvis_identity.models import Account, Client, Session
from parvis_identity.service import profiles
from parvis_identity.service.device_grant import DeviceGrant
from parvis_identity.service.dpop import Proof
from parvis_identity.service.protocol import Answer, ClientPolicy, ProtocolRequest, protocol_error
from parvis_identity.service.tokens import ACCESS_LIFETIME, Tokens
from parvis_identity.store.openid import (
    AccountRow,
    CodeRow,
    Granted,
    GrantRow,
    PresentedCode,
    PresentedRefreshToken,
    RefreshTokenRow,
)
from parvis_kit.ids import uuid7

if TYPE_CHECKING:
    from parvis_identity.store.device_flow import PresentedDevice

# Authlib's stubs describe its classes more narrowly than it calls them: here they are taken as they are.
_Server: Any = AuthorizationServer
_CodeGrant: Any = AuthorizationCodeGrant
_RefreshGrant: Any = RefreshTokenGrant
_CredentialsGrant: Any = ClientCredentialsGrant
_Challenge: Any = CodeChallenge

CODE_LIFETIME = timedelta(seconds=60)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass
class SignedIn:
    """Who is at the browser."""

    session: Session
    account: Account

    @property
    def is_vouched(self) -> bool:
        """Whether a firm's provider alone says who it is, in an account of their own: whoever is none of that firm does
        not know them by that.
        """
        return self.session.acr < rules.PASSWORD_ACR


class Provider(_Server):  # type: ignore[misc] # see above
    """See the module."""

    def __init__(
        self,
        tokens: Tokens,
        now: datetime,
        *,
        client: Client | None = None,
        proven: bool = False,
        code: PresentedCode | None = None,
        refresh_token: PresentedRefreshToken | None = None,
        signed_in: SignedIn | None = None,
        proof: Proof | None = None,
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.now = now
        self.policy = ClientPolicy(client) if client is not None else None
        self._proven = proven
        self.code = code
        #: A device that asks for its tokens.
        self.device: PresentedDevice | None = None
        self.presented = refresh_token
        self.signed_in = signed_in
        self.jkt = proof.jkt if proof is not None else ""
        #: The refresh token that was presented, as it came; and whether it came a second time so soon after the first
        #: (with what replaced it not used yet) that the first answer is given once more.
        self.presented_as = ""
        self.repeated = False
        #: What is to be written when the answer is a good one.
        self.new_code: tuple[GrantRow, CodeRow] | None = None
        self.new_refresh_token: RefreshTokenRow | None = None
        #: The grant whose code or refresh token was presented a second time, by the client that it was issued to.
        self.reused: GrantRow | None = None
        self.register_grant(_Code, [_Pkce(required=False), _IdToken()])
        self.register_grant(_Refresh, [_IdToken()])
        self.register_grant(_Credentials)
        self.register_grant(DeviceGrant, [_IdToken()])

    # What Authlib asks

    def query_client(self, client_id: str) -> ClientPolicy | None:
        return self.policy if self.policy is not None and self.policy.get_client_id() == client_id else None

    def authenticate_client(
        self,
        request: ProtocolRequest,  # noqa: ARG002 - Authlib's signature
        methods: Sequence[str],  # noqa: ARG002 - idem
        endpoint: str = "token",  # noqa: ARG002 - idem
    ) -> ClientPolicy:
        """Done before (`authentication`): it needs keys that may have to be fetched."""
        if self.policy is None or not self._proven:
            raise InvalidClientError
        return self.policy

    def create_oauth2_request(self, request: ProtocolRequest) -> ProtocolRequest:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Answer:
        fields = dict(headers)
        location = fields.pop("Location", "")
        if location:  # RFC 9207: who answers, so that answers of two providers cannot be mixed up
            location = add_params_to_uri(location, [("iss", self.tokens.issuer)])
        return Answer(status, body or {}, fields, location)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Authlib's signals are not used."""

    def save_token(self, token: Any, request: ProtocolRequest) -> None:
        """Tokens are collected in `generate_token`."""

    def generate_token(
        self,
        grant_type: str,  # noqa: ARG002 - Authlib's signature
        client: Any,
        user: Any = None,
        scope: str | None = None,
        expires_in: int | None = None,  # noqa: ARG002 - idem
        include_refresh_token: bool = True,  # noqa: FBT001, FBT002 - idem
    ) -> dict[str, Any]:
        granted = self.granted
        scope = client.get_allowed_scope(scope)
        grant = granted.grant if granted is not None and user is not None else None
        token: dict[str, Any] = {
            "token_type": "DPoP" if self.jkt else "Bearer",
            "access_token": self.tokens.access(client.row, scope or "", grant, jkt=self.jkt),
            "expires_in": ACCESS_LIFETIME,
            "scope": scope,
        }
        if include_refresh_token and grant is not None:
            token["refresh_token"] = (
                self.tokens.successor(self.presented_as) if self.presented_as else secrets.token_urlsafe(32)
            )
            self.new_refresh_token = RefreshTokenRow(
                digest=digest_of(token["refresh_token"]),
                grant_id=grant.id,
                issued_at=self.now,
                expires_at=self.now + rules.LIVES.absolute,
            )
        return token

    @property
    def granted(self) -> Granted | None:
        """What was presented is a part of."""
        if self.code is not None:
            return self.code.granted
        if self.device is not None:
            return self.device.granted
        return self.presented.granted if self.presented is not None else None

    # What the use cases ask

    def token(self, request: ProtocolRequest) -> Answer:
        """The answer of the token endpoint."""
        try:
            answer: Answer = self.create_token_response(request)
        except (ValueError, TypeError, RuntimeError):
            # Whatever else Authlib meets in a request that it did not expect is the request's fault.
            return protocol_error(400, "invalid_request", "The request is malformed.")
        return answer

    def validate(self, request: ProtocolRequest) -> tuple[Any, tuple[str, str] | None]:
        """Checks an authorization request: the grant that will answer it, or what is wrong (error and description)."""
        try:
            return self.get_consent_grant(request, self.signed_in.account if self.signed_in else None), None
        except OAuth2Error as error:
            return None, (error.error or "invalid_request", error.get_error_description())
        except (ValueError, TypeError, RuntimeError):
            return None, ("invalid_request", "The request is malformed.")

    def code_for(self, request: ProtocolRequest, grant: Any) -> Answer:
        """The answer with a code for whoever is signed in."""
        account = self.signed_in.account if self.signed_in else None
        answer: Answer = self.create_authorization_response(request, account, grant)
        return answer


class _Code(_CodeGrant):  # type: ignore[misc] # see above
    def generate_authorization_code(self) -> str:
        return secrets.token_urlsafe(32)

    def save_authorization_code(self, code: str, request: Any) -> None:
        server: Provider = self.server
        if server.signed_in is None:
            raise InvalidRequestError("Nobody is signed in.")
        session = server.signed_in.session
        grant = GrantRow(
            id=uuid7(),
            client_id=request.client.get_client_id(),
            account_id=session.account_id,
            session_id=session.id,
            scope=request.scope or "",
            auth_time=session.auth_time,
            acr=session.acr,
            amr=session.amr,
            claims=asked_claims(request.payload.data.get("claims", "")),
            created_at=server.now,
        )
        server.new_code = (
            grant,
            CodeRow(
                digest=digest_of(code),
                grant_id=grant.id,
                redirect_uri=request.payload.redirect_uri,
                nonce=request.payload.data.get("nonce", ""),
                code_challenge=request.payload.data.get("code_challenge", ""),
                dpop_jkt=request.payload.data.get("dpop_jkt", ""),
                expires_at=server.now + CODE_LIFETIME,
            ),
        )

    def query_authorization_code(self, code: str, client: ClientPolicy) -> "_PresentedCode | None":  # noqa: ARG002 - Authlib's signature
        server: Provider = self.server
        presented = server.code
        if presented is None or presented.granted.grant.client_id != client.get_client_id():
            return None
        if presented.code.used_at is not None:
            server.reused = presented.granted.grant
            return None
        if presented.code.expires_at <= server.now or not presented.granted.alive:
            return None
        if presented.code.dpop_jkt not in {"", server.jkt}:  # RFC 9449, 10
            return None
        return _PresentedCode(presented)

    def delete_authorization_code(self, authorization_code: Any) -> None:
        """It is marked used, not deleted: a second use must be noticed."""

    def authenticate_user(self, authorization_code: "_PresentedCode") -> AccountRow:
        return authorization_code.presented.granted.account


@dataclass(frozen=True, slots=True)
class _PresentedCode:
    presented: PresentedCode

    @property
    def code_challenge(self) -> str:
        return self.presented.code.code_challenge

    def get_redirect_uri(self) -> str:
        return self.presented.code.redirect_uri

    def get_scope(self) -> str:
        return self.presented.granted.grant.scope


class _Refresh(_RefreshGrant):  # type: ignore[misc] # see above
    @property
    def INCLUDE_NEW_REFRESH_TOKEN(self) -> bool:  # noqa: N802 - Authlib's name
        return profiles.rotates(self.request.client.row)

    def authenticate_refresh_token(self, refresh_token: str) -> "_PresentedToken | None":  # noqa: ARG002 - Authlib's signature
        server: Provider = self.server
        presented = server.presented
        if presented is None:
            return None
        if presented.granted.grant.client_id != self.request.client.get_client_id():
            return None
        if presented.token.replaced_at is not None and not server.repeated:
            server.reused = presented.granted.grant
            return None
        if presented.token.expires_at <= server.now or not presented.granted.alive:
            return None
        if not _is_theirs(self.request.client.row, presented.granted.grant.dpop_jkt, server.jkt):
            return None
        return _PresentedToken(presented.granted)

    def authenticate_user(self, refresh_token: "_PresentedToken") -> AccountRow:
        return refresh_token.granted.account

    def revoke_old_credential(self, refresh_token: Any) -> None:
        """It is marked replaced, by the use case."""


def _is_theirs(client: Client, bound_to: str, jkt: str) -> bool:
    """Whether a proof is good for a refresh token whose grant is bound to a key (RFC 9449, 5): that key alone for a
    public client; a confidential one proved itself and may have a new key, but gets no bearer tokens instead.
    """
    return not bound_to or bound_to == jkt or (bool(jkt) and not profiles.is_public(client))


@dataclass(frozen=True, slots=True)
class _PresentedToken:
    granted: Granted

    def check_client(self, client: ClientPolicy) -> bool:
        return self.granted.grant.client_id == client.get_client_id()

    def get_scope(self) -> str:
        return self.granted.grant.scope


class _Credentials(_CredentialsGrant):  # type: ignore[misc] # see above
    """RFC 6749, 4.4: for clients that prove who they are."""


class _Pkce(_Challenge):  # type: ignore[misc] # see above
    """RFC 7636 with S256 alone, asked of every client whose policy does not say otherwise."""

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:  # noqa: ARG002 - Authlib's signature
        asked = grant.request.payload.data
        challenge, method = asked.get("code_challenge", ""), asked.get("code_challenge_method", "")
        if not challenge and not method:
            if profiles.needs_challenge(grant.request.client.row):
                raise InvalidRequestError("Missing 'code_challenge': PKCE is required.")
            return
        if method != "S256":
            raise InvalidRequestError("Unsupported 'code_challenge_method': S256 is required.")
        if not _CHALLENGE.fullmatch(challenge):
            raise InvalidRequestError("Invalid 'code_challenge'")

    def get_authorization_code_challenge_method(self, authorization_code: Any) -> str:  # noqa: ARG002 - Authlib's signature
        return "S256"


class _IdToken:
    """Adds the ID token to answers of grants with the scope openid."""

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_create_token_response", self.add)

    def add(self, grant: Any, response: tuple[int, dict[str, Any], Any]) -> None:
        _, token, _ = response
        server: Provider = grant.server
        granted = server.granted
        if granted is None or "openid" not in str(token.get("scope") or "").split():
            return
        client: Client = grant.request.client.row
        algorithm = profiles.signed_with(client, client.id_token_signed_response_alg)
        half = create_half_hash(token["access_token"], algorithm)
        extra: dict[str, Any] = {"at_hash": half.decode()} if half else {}
        if server.code is not None and server.code.code.nonce:
            extra["nonce"] = server.code.code.nonce
        token["id_token"] = server.tokens.id_token(client, granted.account, granted.grant, extra)
