"""Requests, clients and answers of the OpenID protocol, as Authlib asks for them (`provider` runs it on them)."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from parvis_identity.domain.addresses import is_registered
from parvis_identity.domain.links import digest_of
from parvis_identity.models import Client

# Authlib's stubs describe its classes more narrowly than it calls them: here they are taken as they are.
_Client: Any = ClientMixin
_Request: Any = OAuth2Request

SCOPES = ("openid", "profile", "email", "address", "phone", "offline_access")
#: How clients prove who they are at the endpoints that they call (RFC 7591, 2).
METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
#: What error descriptions may contain (RFC 6749, 4.1.2.1): Authlib repeats these parameters in them.
_REPEATABLE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
_REPEATED = ("client_id", "response_type", "grant_type", "redirect_uri", "scope")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the protocol: JSON in `body`, or an address to go to."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    location: str = ""


class ProtocolRefusal(Exception):
    """A request that ends here, with `answer`. What was written before is kept."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.get("error", ""))
        self.answer = answer


def unacceptable(parameters: Mapping[str, str]) -> str:
    """The name of a parameter that no client of ours sends and Authlib cannot repeat; empty when all are fine."""
    return next(
        (name for name in _REPEATED if not _REPEATABLE.fullmatch(parameters.get(name, ""))),
        "",
    )


def protocol_error(status: int, error: str, description: str) -> Answer:
    """An error answer of the token endpoint (RFC 6749, 5.2)."""
    return Answer(
        status,
        {"error": error, "error_description": description},
        {"Cache-Control": "no-store", "Pragma": "no-cache"},
    )


class ClientPolicy(_Client):  # type: ignore[misc] # see above
    """A client as Authlib asks about it."""

    def __init__(self, client: Client) -> None:
        self.row = client
        self.client_metadata = {"post_logout_redirect_uris": client.post_logout_redirect_uris}

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_default_redirect_uri(self) -> str | None:
        """None: a request always says where it ends (OpenID Connect Core 3.1.2.1)."""
        return None

    def get_allowed_scope(self, scope: Any) -> str:
        allowed = self.row.scope.split() or SCOPES
        return " ".join(known for known in SCOPES if known in allowed and known in str(scope or "").split())

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        native = self.row.application_type == "native"
        return is_registered(redirect_uri, self.row.redirect_uris, native=native)

    def check_client_secret(self, client_secret: str) -> bool:
        """The present secret, or the one before it as long as both count."""
        digest, row = digest_of(client_secret), self.row
        until = row.previous_secret_until
        before = until is not None and until > datetime.now(UTC)
        return secrets.compare_digest(digest, row.secret_digest) or (
            before and secrets.compare_digest(digest, row.previous_secret_digest)
        )

    def check_endpoint_auth_method(self, method: str, endpoint: Any) -> bool:  # noqa: ARG002 - Authlib's signature
        return method == self.row.token_endpoint_auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and "authorization_code" in self.row.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.row.grant_types


class ProtocolRequest(_Request):  # type: ignore[misc] # see above
    """A request that was parsed and checked: each parameter once."""

    def __init__(self, method: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> None:
        # Authlib refuses plain HTTP but on the machine itself; whether that is so is decided by who sets
        # PARVIS_PUBLIC_URL.
        super().__init__(method, "https://localhost/oauth2", headers=headers)
        self._parameters = dict(parameters)
        self.payload = BasicOAuth2Payload(self._parameters)

    @property
    def args(self) -> dict[str, str]:
        return self._parameters

    @property
    def form(self) -> dict[str, str]:
        return self._parameters
