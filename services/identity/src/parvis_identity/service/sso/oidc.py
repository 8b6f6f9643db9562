"""Firms' OpenID providers: authorization code with PKCE (RFC 6749, RFC 7636, RFC 9700), nonce, issuer in the answer
(RFC 9207), and an ID token every claim of which is looked at (OpenID Connect Core 1.0, 3.1.3.7).
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from parvis_identity.domain import oidc_claims
from parvis_identity.domain.oidc_claims import Expected, Wrong
from parvis_identity.models import SsoProvider
from parvis_identity.service.outgoing import NotReached, Outgoing, Reply
from parvis_identity.service.sealing import Seal
from parvis_identity.service.sso import discovery, id_tokens
from parvis_identity.service.sso.discovery import Discovered, ProviderKeys
from parvis_identity.service.sso.upstream import Assertion, Begin, Check, Refused, Result

#: What is looked at, in this order: the names of a report.
STEPS = (
    *("configuration", "answer", "answer_issuer", "token_answer", "algorithm", "signature"),
    *oidc_claims.STEPS,
    *("access_token_hash", "userinfo"),
)
_UNAUTHORIZED = (400, 401)
_OK = 200
#: Where a claim usually is; a provider's settings name others. The first that is there counts.
USUAL = {
    "mail": ("email",),
    "user_name": ("preferred_username", "upn", "email"),
    "given_name": ("given_name",),
    "family_name": ("family_name",),
    "groups": ("groups",),
}


@dataclass(slots=True)
class _Report:
    """The checks of one answer, as far as it went."""

    done: list[str] = field(default_factory=list)

    def passed(self, step: str) -> None:
        self.done.append(step)

    def refuse(self, step: str, check: str, detail: str) -> Refused:
        return Refused(check, detail, self.checks(Check(step, Result.FAILED, detail)))

    def held(self, step: str, found: Wrong | None) -> None:
        """Notes the step. Raises Refused when something is wrong."""
        if found is not None:
            raise self.refuse(step, found.check, found.detail)
        self.passed(step)

    def checks(self, last: Check | None = None) -> tuple[Check, ...]:
        past = [Check(step, Result.PASSED) for step in self.done]
        if last is not None:
            past.append(last)
        named = {each.name for each in past}
        return (*past, *(Check(step, Result.NOT_REACHED) for step in STEPS if step not in named))


class OidcUpstream:
    """See the module, and `upstream.Upstream`."""

    def __init__(self, outgoing: Outgoing, seal: Seal, *, public_url: str) -> None:
        self._outgoing = outgoing
        self._seal = seal
        self._public_url = public_url
        self._keys = ProviderKeys(outgoing)

    async def begin(self, provider: SsoProvider, state: str, *, force: bool, hint: str) -> Begin:
        """See Upstream. Nothing is asked of the provider: its document is kept."""
        found = configuration(provider)
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        challenge = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": self._callback(provider),
            "scope": " ".join(dict.fromkeys(["openid", *provider.scope.split()])),
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        if force:
            asked |= {"prompt": "login", "max_age": "0"}
        if hint:
            asked["login_hint"] = hint
        kept = {"nonce": nonce, "verifier": verifier, "force": "1" if force else ""}
        kept["began"] = str(datetime.now(UTC).timestamp())
        sign = "&" if urlsplit(found.authorization_endpoint).query else "?"
        return Begin(f"{found.authorization_endpoint}{sign}{urlencode(asked, quote_via=quote)}", kept)

    async def finish(
        self, provider: SsoProvider, kept: Mapping[str, str], answer: Mapping[str, str]
    ) -> tuple[Assertion, Sequence[Check]]:
        """See Upstream."""
        report = _Report()
        found = configuration(provider)
        report.passed("configuration")
        code = _code(report, found, answer)
        given = await self._exchange(report, provider, found, code, kept["verifier"])
        token, access_token = str(given.get("id_token", "")), str(given.get("access_token", ""))
        claims, algorithm = await self._verified(report, found, token)
        began = datetime.fromtimestamp(float(kept["began"]), UTC)
        expected = Expected(
            issuer=provider.issuer,
            client_id=provider.client_id,
            nonce=kept["nonce"],
            now=datetime.now(UTC),
            began=began,
            fresh=bool(kept.get("force")),
            tells=found.tells_sign_in_time,
        )
        for step, trouble in oidc_claims.wrong(claims, expected):
            report.held(step, trouble)
        report.held("access_token_hash", _hash(claims, access_token, algorithm))
        told = await self._userinfo(report, provider, found, claims, access_token, always=bool(kept.get("trial")))
        return _assertion(provider, told | claims, token), report.checks()

    async def logout(self, provider: SsoProvider, *, name_id: str, session_index: str, hint: str, back: str) -> str:
        """See Upstream (OpenID Connect RP-Initiated Logout 1.0)."""
        _ = name_id, session_index
        try:
            found = configuration(provider)
        except Refused:
            return ""
        if not found.end_session_endpoint:
            return ""
        address, _, state = back.partition("?state=")
        asked = {"post_logout_redirect_uri": address, "client_id": provider.client_id}
        asked |= {"state": state} if state else {}
        asked |= {"id_token_hint": hint} if hint else {}
        sign = "&" if urlsplit(found.end_session_endpoint).query else "?"
        return f"{found.end_session_endpoint}{sign}{urlencode(asked, quote_via=quote)}"

    def _callback(self, provider: SsoProvider) -> str:
        """An address for each provider: an answer that comes there is of no other (RFC 9700, 4.4.2)."""
        return f"{self._public_url}/sso/{provider.id}/callback"

    async def _exchange(
        self, report: _Report, provider: SsoProvider, found: Discovered, code: str, verifier: str
    ) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback(provider),
            "code_verifier": verifier,
        }
        reply: Reply | None = None
        for secret in secrets_of(self._seal, provider) or ("",):
            try:
                reply = await self._post(provider, found, fields, secret)
            except NotReached as error:
                raise report.refuse(
                    "token_answer", "provider_not_reached", f"{found.token_endpoint}: {error}"
                ) from error
            # The one before counts as long as the provider knows it: the code is not used up by a wrong secret.
            if reply.status not in _UNAUTHORIZED or _error(reply) != "invalid_client":
                break
        assert reply is not None  # noqa: S101 - there is one secret at least
        if said := _error(reply):
            check = "client_refused" if said in {"invalid_client", "unauthorized_client"} else "code_refused"
            raise report.refuse("token_answer", check, f"The provider answers: {said} {_described(reply)}".strip())
        try:
            given = oidc_claims.members_of(reply.body)
        except (ValueError, RecursionError):
            given = None
        if reply.status != _OK or given is None:
            kind = reply.headers.get("content-type", "nothing")[:60]
            detail = f"The token endpoint answers with status {reply.status} and {kind} rather than JSON."
            raise report.refuse("token_answer", "token_answer_unreadable", detail)
        if not isinstance(given.get("id_token"), str):
            raise report.refuse("token_answer", "id_token_missing", "The token endpoint gave no ID token.")
        report.passed("token_answer")
        return given

    async def _post(self, provider: SsoProvider, found: Discovered, fields: dict[str, str], secret: str) -> Reply:
        if not secret:
            return await self._outgoing.post_form(found.token_endpoint, fields | {"client_id": provider.client_id})
        if found.authentication == "client_secret_post":
            told = {"client_id": provider.client_id, "client_secret": secret}
            return await self._outgoing.post_form(found.token_endpoint, fields | told)
        pair = f"{quote(provider.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749, 2.3.1
        basic = base64.b64encode(pair.encode()).decode()
        return await self._outgoing.post_form(found.token_endpoint, fields, authorization=f"Basic {basic}")

    async def _verified(self, report: _Report, found: Discovered, token: str) -> tuple[dict[str, Any], str]:
        header = id_tokens.header_of(token, found.algorithms)
        if isinstance(header, Wrong):
            raise report.refuse("algorithm", header.check, header.detail)
        report.passed("algorithm")
        try:
            read = await self._keys.verified(found.jwks_uri, token, header)
        except Refused as error:
            raise report.refuse("signature", error.check, error.detail) from error
        if isinstance(read, Wrong):
            raise report.refuse("signature", read.check, read.detail)
        report.passed("signature")
        return read.claims, str(header["alg"])

    async def _userinfo(
        self,
        report: _Report,
        provider: SsoProvider,
        found: Discovered,
        claims: Mapping[str, Any],
        access_token: str,
        *,
        always: bool,
    ) -> dict[str, Any]:
        """What the ID token does not say. Asked only where something is missing, or the report shall show it."""
        flat = oidc_claims.flat(claims)
        missing = any(not _values(provider, flat, name) for name in USUAL)
        if not found.userinfo_endpoint or not access_token or not (missing or always):
            report.passed("userinfo")
            return {}
        try:
            reply = await self._outgoing.get(
                found.userinfo_endpoint, authorization=f"Bearer {access_token}", largest=id_tokens.LARGEST
            )
            told = oidc_claims.members_of(reply.body) if reply.status == _OK else None
        except NotReached as error:
            raise report.refuse("userinfo", "provider_not_reached", f"{found.userinfo_endpoint}: {error}") from error
        except (ValueError, RecursionError):
            told = None
        if told is None:
            detail = f"{found.userinfo_endpoint} answers with status {reply.status} and no JSON object."
            raise report.refuse("userinfo", "userinfo_unreadable", detail)
        if told.get("sub") != claims["sub"]:
            detail = "The provider says something of somebody else than the token does (sub)."
            raise report.refuse("userinfo", "userinfo_subject_differs", detail)
        report.passed("userinfo")
        return told


def secrets_of(seal: Seal, provider: SsoProvider) -> tuple[str, ...]:
    """The client secrets that a provider may know us by, the newest first."""
    if not provider.sealed_secret:
        return ()
    return tuple(json.loads(seal.open(provider.sealed_secret, secret_label(provider))))


def secret_label(provider: SsoProvider) -> str:
    """What the secrets of a provider are sealed with."""
    return f"sso secret {provider.id}"


def configuration(provider: SsoProvider) -> Discovered:
    """What a provider said of itself when it was last asked. Raises Refused."""
    if not provider.metadata_document:
        raise Refused("metadata_missing", "The configuration of the provider was never read.")
    return discovery.read(provider.metadata_document, provider.issuer)


def _code(report: _Report, found: Discovered, answer: Mapping[str, str]) -> str:
    """The code of an answer (RFC 6749, 4.1.2; RFC 9207)."""
    if error := answer.get("error"):
        detail = f"The provider answers: {error[:100]} {answer.get('error_description', '')[:300]}".strip()
        raise report.refuse("answer", "provider_refused", detail)
    if {"id_token", "access_token", "response"} & set(answer):
        raise report.refuse(
            "answer", "answer_mixed", "The answer brings tokens in the address, which nobody asked for."
        )
    if not answer.get("code"):
        raise report.refuse("answer", "code_missing", "The answer brings no code.")
    report.passed("answer")
    issuer = answer.get("iss")
    if issuer is None and found.names_issuer:
        raise report.refuse("answer_issuer", "answer_issuer_missing", "The answer does not say whose it is (iss).")
    if issuer is not None and issuer != found.issuer:
        raise report.refuse("answer_issuer", "answer_issuer_wrong", f"The answer is of {issuer[:200]}.")
    report.passed("answer_issuer")
    return answer["code"]


def _hash(claims: Mapping[str, Any], access_token: str, algorithm: str) -> Wrong | None:
    """`at_hash`, where the token has one (OpenID Connect Core 1.0, 3.1.3.8)."""
    said = claims.get("at_hash")
    if said is None or not access_token:
        return None
    right = oidc_claims.access_token_hash(access_token, algorithm)
    if isinstance(said, str) and hmac.compare_digest(said.encode(), right.encode()):
        return None
    return Wrong("at_hash_wrong", "The access token is not the one that the ID token was made with (at_hash).")


def _assertion(provider: SsoProvider, said: Mapping[str, Any], token: str) -> Assertion:
    claims = oidc_claims.flat(said)
    mail = _first(provider, claims, "mail")
    if claims.get("email_verified", ("true",))[0].lower() != "true":  # anybody can write what is in it
        mail = ""
    amr = claims.get("amr", ())
    at = said.get("auth_time")
    return Assertion(
        subject=said["sub"],
        mail=mail,
        user_name=_first(provider, claims, "user_name"),
        given_name=_first(provider, claims, "given_name"),
        family_name=_first(provider, claims, "family_name"),
        groups=_values(provider, claims, "groups"),
        claims=claims,
        amr=amr,
        multi_factor=oidc_claims.is_multi_factor(amr),
        auth_time=datetime.fromtimestamp(at, UTC) if at is not None else None,
        name_id=said["sub"],
        session_index=claims.get("sid", ("",))[0],
        hint=token,
    )


def _values(provider: SsoProvider, claims: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    own = provider.claim_names.get(name)
    return next((claims[each] for each in ((own,) if own else USUAL[name]) if each in claims), ())


def _first(provider: SsoProvider, claims: Mapping[str, tuple[str, ...]], name: str) -> str:
    return next(iter(_values(provider, claims, name)), "").strip()


def _error(reply: Reply) -> str:
    return _member(reply, "error")


def _described(reply: Reply) -> str:
    return _member(reply, "error_description")


def _member(reply: Reply, name: str) -> str:
    if reply.status == _OK:
        return ""
    try:
        return str(oidc_claims.members_of(reply.body).get(name, ""))[:300]
    except (ValueError, RecursionError):
        return ""
