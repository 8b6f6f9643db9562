"""Authorization requests inside a JWT (OpenID Connect Core 6, RFC 9101): by value (`request`) or where the client says
(`request_uri`), signed, or unsigned where its registration allows that.
"""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urldefrag

from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from parvis_identity.models import Client
from parvis_identity.service import profiles, signatures
from parvis_identity.service.authentication import SKEW
from parvis_identity.service.client_keys import ClientKeys
from parvis_identity.service.outgoing import NotReached, Outgoing

#: A request that was pushed (RFC 9126) is found here, not fetched.
PUSHED = "urn:ietf:params:oauth:request_uri:"
_OK = 200
_HASH = 43  # characters of a SHA-256, base64url
#: What a JWT says of itself is no parameter; the outer client is proved to be the one that signed.
_NO_PARAMETERS = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "client_id"})
#: What a request object cannot hold (RFC 9101, 4), nor anybody set but us.
_FORBIDDEN = ("request", "request_uri")


class RequestObjectRefused(Exception):
    """An error of OpenID Connect Core 3.1.2.6, and its description."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class RequestObjects:
    """See the module. May fetch: never inside a transaction."""

    def __init__(self, keys: ClientKeys, outgoing: Outgoing, *, issuer: str) -> None:
        self._keys = keys
        self._outgoing = outgoing
        self._issuer = issuer

    @staticmethod
    def is_one(parameters: Mapping[str, str]) -> bool:
        """Whether a request has a request object to be read."""
        uri = parameters.get("request_uri", "")
        return "request" in parameters or ("request_uri" in parameters and not uri.startswith(PUSHED))

    async def read(self, client: Client, parameters: Mapping[str, str]) -> dict[str, str]:
        """The parameters of a request with what its object says in the place of what its address says (OpenID Connect
        Core 6.1); under FAPI what the object says alone. Raises RequestObjectRefused.
        """
        if "request" in parameters and "request_uri" in parameters:
            raise RequestObjectRefused("invalid_request", "Either 'request' or 'request_uri'.")
        error = "invalid_request_object"
        if "request_uri" in parameters:
            text = await self._fetch(client, parameters["request_uri"])
        else:
            text = parameters["request"]
        try:
            claims = await self._verified(client, text)
            inner = self._checked(client, claims, parameters)
        except (signatures.NotVerified, JoseError) as refused:
            raise RequestObjectRefused(error, f"The request object is not accepted. {_why(refused)}") from refused
        outer = {} if client.profile else {n: v for n, v in parameters.items() if n not in _FORBIDDEN}
        return {**outer, **inner, "client_id": client.client_id}

    async def _fetch(self, client: Client, uri: str) -> str:
        """What stands at a registered address (OpenID Connect Core 6.2)."""
        bare, fragment = urldefrag(uri)
        if uri not in client.request_uris and bare not in [urldefrag(each).url for each in client.request_uris]:
            raise RequestObjectRefused("invalid_request_uri", "The 'request_uri' is not registered.")
        try:
            reply = await self._outgoing.get(bare, accept="application/oauth-authz-req+jwt, application/jwt, */*")
        except NotReached as error:
            raise RequestObjectRefused("invalid_request_uri", f"The 'request_uri' cannot be read. {error}") from error
        if reply.status != _OK or len(reply.body) > signatures.LARGEST:
            raise RequestObjectRefused("invalid_request_uri", "The 'request_uri' does not hold a request.")
        digest = urlsafe_b64encode(sha256(reply.body).digest()).decode().rstrip("=")
        if len(fragment) == _HASH and not hmac.compare_digest(fragment.encode(), digest.encode()):
            raise RequestObjectRefused("invalid_request_uri", "What the 'request_uri' holds is not what it says.")
        return reply.body.decode("ascii", "replace").strip()

    async def _verified(self, client: Client, text: str) -> dict[str, Any]:
        said = signatures.peek(text)
        only = client.request_object_signing_alg
        if said.header["alg"] == "none":
            if text.rpartition(".")[2] or client.profile or only not in {"", "none"}:
                raise signatures.NotVerified("It is not signed.")
            return said.claims
        allowed = signatures.STRONG if client.profile == profiles.FAPI2 else signatures.ALGORITHMS
        keys = await self._keys.of(client, said.header)
        return signatures.verify(text, keys, {only} & set(allowed) if only else allowed).claims

    def _checked(self, client: Client, claims: dict[str, Any], outer: Mapping[str, str]) -> dict[str, str]:
        """RFC 9101, 6.3 and 10.8."""
        JWTClaimsRegistry(
            int(time.time()),
            leeway=SKEW,
            iss={"value": client.client_id},
            client_id={"value": client.client_id},
            aud={"value": self._issuer},
        ).validate(claims)
        if any(name in claims for name in _FORBIDDEN):
            raise signatures.NotVerified("It holds a request itself.")
        for name in ("client_id", "response_type"):
            if name in claims and name in outer and claims[name] != outer[name]:
                raise signatures.NotVerified(f"Its '{name}' is another than the request's.")
        found: dict[str, str] = {}
        for name, value in claims.items():
            if name in _NO_PARAMETERS or name.startswith("parvis_"):
                continue
            found[name] = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            if "\0" in found[name] or "\0" in name:
                raise signatures.NotVerified("A parameter is malformed.")
        return found


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, signatures.NotVerified) else "A claim of it is not accepted."
