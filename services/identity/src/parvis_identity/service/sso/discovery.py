"""What an OpenID provider says of itself (OpenID Connect Discovery 1.0), and its keys.

The document is kept with the provider: whoever signs in waits for no reading of it. Keys are kept by this process, and
read again when a token is signed with one that is not known: that is how a provider changes them.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import structlog

from parvis_identity.domain.oidc_claims import Wrong, members_of
from parvis_identity.service.outgoing import NotReached, Outgoing
from parvis_identity.service.sso.id_tokens import ALGORITHMS, KeySet, Read, keys_of, verify
from parvis_identity.service.sso.upstream import Refused

WELL_KNOWN = "/.well-known/openid-configuration"
#: Bytes of a document or a key set.
LARGEST = 512 * 1024
#: Seconds that keys are used; and before they are read again for one that is not among them.
_FRESH = 3600.0
_AGAIN = 5.0
_KNOWN = 2000
_OK = 200
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Discovered:
    """What counts of a document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    algorithms: tuple[str, ...]
    #: "client_secret_basic" or "client_secret_post".
    authentication: str
    #: Whether answers name their issuer (RFC 9207).
    names_issuer: bool
    pkce: bool
    #: Whether ID tokens are said to carry `auth_time`.
    tells_sign_in_time: bool


@lru_cache(maxsize=512)
def read(document: str, issuer: str) -> Discovered:
    """What a document says, checked; read once. Raises Refused."""
    try:
        said = members_of(document.encode())
    except (ValueError, RecursionError) as error:
        raise Refused("metadata_unreadable", f"What is at the address is no OpenID configuration. {error}") from error
    if said.get("issuer") != issuer:
        found = str(said.get("issuer"))[:200]
        raise Refused("metadata_issuer_wrong", f"The configuration is of {found}, expected was {issuer}.")
    needed = {name: _address(said, name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    if missing := [name for name, address in needed.items() if not address]:
        raise Refused("metadata_incomplete", f"The configuration lacks {', '.join(missing)}.")
    named = _texts(said, "id_token_signing_alg_values_supported")
    algorithms = tuple(each for each in ALGORITHMS if each in named)
    if not algorithms:
        raise Refused(
            "metadata_algorithms", f"The provider signs with {', '.join(named)[:200]}: none that is accepted."
        )
    methods = _texts(said, "token_endpoint_auth_methods_supported")
    only_post = methods and "client_secret_basic" not in methods and "client_secret_post" in methods
    return Discovered(
        issuer=issuer,
        **needed,
        userinfo_endpoint=_address(said, "userinfo_endpoint"),
        end_session_endpoint=_address(said, "end_session_endpoint"),
        algorithms=algorithms,
        authentication="client_secret_post" if only_post else "client_secret_basic",
        names_issuer=said.get("authorization_response_iss_parameter_supported") is True,
        pkce="S256" in _texts(said, "code_challenge_methods_supported"),
        tells_sign_in_time="auth_time" in _texts(said, "claims_supported"),
    )


def document_address(issuer: str) -> str:
    """Where an issuer's document is (OpenID Connect Discovery 1.0, 4)."""
    return issuer.rstrip("/") + WELL_KNOWN


def issuer_of(typed: str) -> str:
    """The issuer that somebody means: what is typed, or the address of its document without the last part. Raises
    Refused.
    """
    issuer = typed.strip().removesuffix(WELL_KNOWN)
    try:
        parts = urlsplit(issuer)
        _ = parts.port
    except ValueError as error:
        raise Refused("issuer_malformed", "The address is malformed.") from error
    wrong = parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment
    if wrong or parts.username is not None or not issuer.isascii() or not issuer.isprintable() or " " in issuer:
        raise Refused("issuer_malformed", "The address of an issuer is https://… without anything behind its path.")
    if "{" in issuer or parts.path.rstrip("/").split("/")[1:2] in (["common"], ["organizations"], ["consumers"]):
        raise Refused("issuer_of_everybody", "This issuer speaks for everybody: take the one of your own tenant.")
    return issuer


async def fetch(outgoing: Outgoing, issuer: str) -> str:
    """The document of an issuer, as it is there now. Raises Refused."""
    address = document_address(issuer)
    try:
        reply = await outgoing.get(address, largest=LARGEST)
    except NotReached as error:
        raise Refused("provider_not_reached", f"{address}: {error}") from error
    if reply.status != _OK:
        raise Refused("metadata_unreadable", f"{address} answers with status {reply.status}.")
    document = reply.body.decode("utf-8", "replace")
    read(document, issuer)
    return document


@dataclass(slots=True)
class _Held:
    keys: KeySet = field(default_factory=KeySet)
    at: float = 0.0
    trouble: str = ""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class ProviderKeys:
    """The keys at an address, kept. Reading them takes as long as somebody else's server: never in a transaction."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._known: dict[str, _Held] = {}

    async def of(self, address: str, header: Mapping[str, Any]) -> KeySet:
        """Keys among which the one of a token with this header should be. When the provider does not answer, those of
        before count on. Raises Refused when there are none.
        """
        if len(self._known) >= _KNOWN and address not in self._known:
            self._known.pop(next(iter(self._known)))
        held = self._known.setdefault(address, _Held())
        age = time.monotonic() - held.at
        if held.at and age < _FRESH and held.keys.fitting(dict(header)):
            return held.keys
        async with held.lock:
            age = time.monotonic() - held.at
            if not held.at or age > _FRESH or (age > _AGAIN and not held.keys.fitting(dict(header))):
                await self._read(address, held)
        if not held.keys.keys and not held.keys.weak and held.trouble:
            raise Refused("keys_not_reached", held.trouble)
        return held.keys

    async def verified(self, address: str, token: str, header: dict[str, Any]) -> Read | Wrong:
        """What a token says, signed with a key at an address. Keys are read again before one is said to be of none:
        where they have no name of their own (`kid`), or keep it, a new one is not seen otherwise. Raises Refused.
        """
        read = verify(token, header, await self.of(address, header))
        held = self._known[address]
        if isinstance(read, Wrong) and read.check == "signature_wrong" and time.monotonic() - held.at > _AGAIN:
            async with held.lock:
                if time.monotonic() - held.at > _AGAIN:
                    await self._read(address, held)
            read = verify(token, header, held.keys)
        return read

    async def _read(self, address: str, held: _Held) -> None:
        held.at = time.monotonic()
        try:
            reply = await self._outgoing.get(
                address, accept="application/jwk-set+json, application/json", largest=LARGEST
            )
            held.keys, held.trouble = keys_of(reply.body if reply.status == _OK else b""), ""
        except (NotReached, ValueError, RecursionError) as error:
            held.trouble = f"{address}: {error}"
            held.at -= _FRESH - _AGAIN  # tried again soon
            _log.warning("provider_keys_unusable", url=address, error=str(error))


def _address(said: Mapping[str, Any], name: str) -> str:
    """An endpoint; empty when there is none or no browser nor we would go there."""
    found = said.get(name)
    if not isinstance(found, str) or not found.isascii() or not found.isprintable() or "#" in found:
        return ""
    try:
        parts = urlsplit(found)
    except ValueError:
        return ""
    return found if parts.scheme in {"https", "http"} and parts.hostname and parts.username is None else ""


def _texts(said: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = said.get(name)
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()
