"""JSON Web Tokens: for services (RFC 9068, audience of the internal API), for clients (ID tokens, access
tokens), and reading ours back.
"""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from parvis_identity.domain import claims as asked
from parvis_identity.domain.door import Standing
from parvis_identity.domain.sessions import VOUCHED_ACR
from parvis_identity.models import Account, AccountKind, Client, Grant, Viewing
from parvis_identity.service import profiles
from parvis_identity.service.keys import ALGORITHMS, INTERNAL, OPENID, KeyRing
from parvis_identity.service.organisations import Membership
from parvis_identity.service.subjects import PAIRWISE, Subjects
from parvis_identity.store.openid import AccountRow, GrantRow
from parvis_kit.tokens import AUDIENCE

#: Lifetimes in seconds.
INTERNAL_LIFETIME = 300
ACCESS_LIFETIME = 600
ID_LIFETIME = 3600
LOGOUT_LIFETIME = 120

#: Claims hold what JSON holds: joserfc's jwt.encode would look for other things first, and make a registry each time.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_REGISTRIES = {algorithm: jws.JWSRegistry(algorithms=[algorithm]) for algorithm in ALGORITHMS}
#: Algorithms that verify what we signed.
_OURS = list(ALGORITHMS)


class Tokens:
    """Issues and reads tokens of one issuer."""

    def __init__(self, ring: KeyRing, *, issuer: str) -> None:
        self._ring = ring
        self.issuer = issuer
        self.subjects = Subjects(ring)

    def internal(
        self,
        account: Account | AccountRow,
        grant: Grant | GrantRow,
        *,
        organisation: str = "",
        membership: Membership | None = None,
        standing: Standing,
        vouched: Sequence[UUID] = (),
    ) -> tuple[str, int]:
        """A token that services accept, and when it expires (Unix time). `vouched`: see the kit's Caller."""
        now = time.time()
        expires = int(now) + INTERNAL_LIFETIME
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": str(account.id),
            "sid": str(grant.session_id),
            "client_id": grant.client_id,
            "acr": standing.acr,
            "amr": grant.amr,
            "auth_time": int(grant.auth_time.timestamp()),
            "proof_time": int(standing.proof_at.timestamp()),
            "iat": now,
            "exp": expires,
            "jti": secrets.token_urlsafe(12),
        }
        if membership is not None:
            claims |= {"org": organisation, "mbr": str(membership.id), "mkind": membership.kind}
        if standing.acr == VOUCHED_ACR:
            claims["vouched"] = [str(each) for each in vouched]
        return self._sign(claims, INTERNAL, "ES256", typ="at+jwt"), expires

    def viewing(self, viewing: Viewing, grant: Grant | GrantRow, proof_at: datetime) -> tuple[str, int]:
        """As `internal`, for somebody who views as somebody else: that one is the subject, they are the actor (RFC
        8693, 4.1), and the viewing is the session, so that whatever ends it ends its tokens.
        """
        now = time.time()
        expires = min(int(now) + INTERNAL_LIFETIME, int(viewing.expires_at.timestamp()))
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": str(viewing.subject_account_id),
            "act": {"sub": str(viewing.account_id)},
            "sid": str(viewing.id),
            "client_id": grant.client_id,
            "acr": grant.acr,
            "amr": grant.amr,
            "auth_time": int(grant.auth_time.timestamp()),
            "proof_time": int(proof_at.timestamp()),
            "org": str(viewing.organisation_id),
            "mbr": str(viewing.membership_id),
            "mkind": viewing.kind,
            "iat": now,
            "exp": expires,
            "jti": secrets.token_urlsafe(12),
        }
        return self._sign(claims, INTERNAL, "ES256", typ="at+jwt"), expires

    def access(self, client: Client, scope: str, grant: Grant | GrantRow | None, *, jkt: str = "") -> str:
        """An access token of a client, for userinfo and the client's own interfaces (RFC 9068). Without a
        grant: the client itself, which says then whether it knows people by subjects of its own. `jkt`: of the key that
        it is bound to (RFC 9449, 6.1).
        """
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": client.client_id,
            "sub": self.subjects.of(client, grant.account_id) if grant else client.client_id,
            "client_id": client.client_id,
            "scope": scope,
            "iat": now,
            "exp": now + ACCESS_LIFETIME,
            "jti": secrets.token_urlsafe(12),
        }
        if grant is not None:
            claims |= {"sid": str(grant.session_id), "grant": str(grant.id)}
        elif client.subject_type == PAIRWISE:
            claims["subject_type"] = PAIRWISE
        if jkt:
            claims["cnf"] = {"jkt": jkt}
        return self._sign(claims, OPENID, "ES256", typ="at+jwt")

    def exchanged(
        self,
        client: Client,
        audience: Client,
        scope: str,
        grant: Grant | GrantRow,
        act: Mapping[str, Any],
        *,
        expires: int,
        jkt: str,
    ) -> str:
        """An access token with which `client` calls the interface of `audience` for a person; `act` says who acts (RFC
        8693, 4.1). `expires` in Unix time, `jkt` as in `access`.
        """
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": audience.client_id,
            "sub": self.subjects.of(audience, grant.account_id),
            "client_id": client.client_id,
            "scope": scope,
            "act": dict(act),
            "iat": int(time.time()),
            "exp": expires,
            "jti": secrets.token_urlsafe(12),
            "sid": str(grant.session_id),
            "grant": str(grant.id),
        }
        if jkt:
            claims["cnf"] = {"jkt": jkt}
        return self._sign(claims, OPENID, "ES256", typ="at+jwt")

    def id_token(
        self, client: Client, account: Account | AccountRow, grant: Grant | GrantRow, extra: Mapping[str, Any]
    ) -> str:
        """An ID token (OpenID Connect Core 2), signed with the client's algorithm."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": client.client_id,
            "iat": now,
            "exp": now + ID_LIFETIME,
            "auth_time": int(grant.auth_time.timestamp()),
            "acr": grant.acr,
            "amr": grant.amr,
            "sid": str(grant.session_id),
            **self.person(client, account, grant, "id_token"),
            **extra,
        }
        return self._sign(claims, OPENID, profiles.signed_with(client, client.id_token_signed_response_alg), typ="JWT")

    def logout(self, client: Client, account: Account, session_id: UUID) -> str:
        """A logout token (Back-Channel Logout 1.0, 2.4), signed with the algorithm of the client's ID tokens."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": client.client_id,
            "sub": self.subjects.of(client, account.id),
            "sid": str(session_id),
            "iat": now,
            "exp": now + LOGOUT_LIFETIME,
            "jti": secrets.token_urlsafe(16),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        return self._sign(
            claims, OPENID, profiles.signed_with(client, client.id_token_signed_response_alg), typ="logout+jwt"
        )

    def person(
        self, client: Client, account: Account | AccountRow, grant: Grant | GrantRow, place: str
    ) -> dict[str, Any]:
        """Claims about a person for a place ("id_token", "userinfo"): what the grant's scope and its claims ask for, as
        far as the account holds it; the organisation that the product was launched for always.
        """
        wanted = asked.of_scopes(grant.scope.split()) | asked.names(grant.claims, place)
        known: dict[str, Any] = {
            "name": account.name,
            "given_name": account.given_name,
            "family_name": account.family_name,
            "preferred_username": account.identifier,
            "locale": account.locale,
            "email": account.mail,
            "phone_number": account.phone_number,
            "address": account.address,
        }
        claims = {name: value for name, value in known.items() if value and name in wanted}
        if account.mail and "email_verified" in wanted:
            claims["email_verified"] = account.kind == AccountKind.PERSONAL
        if grant.organisation_id is not None:
            values = (str(grant.organisation_id), grant.organisation_name, grant.organisation_slug)
            claims |= dict(zip(asked.OF_ORGANISATION, values, strict=True))
        return {"sub": self.subjects.of(client, account.id), **claims}

    def userinfo(self, client: Client, account: Account | AccountRow, grant: Grant | GrantRow) -> dict[str, Any] | str:
        """What userinfo answers: claims, or a signed JWT of them where the client registered so (OpenID Connect Core
        5.3.2).
        """
        claims = self.person(client, account, grant, "userinfo")
        if not client.userinfo_signed_response_alg:
            return claims
        named = {"iss": self.issuer, "aud": client.client_id, "iat": int(time.time()), **claims}
        algorithm = profiles.signed_with(client, client.userinfo_signed_response_alg)
        return self._sign(named, OPENID, algorithm, typ="JWT")

    def successor(self, refresh_token: str) -> str:
        """What replaces a refresh token: always the same for the same one, so that two tabs that refresh at once get
        one answer, and nothing of it is stored but its hash.
        """
        digest = hmac.digest(self._ring.refresh_secret, refresh_token.encode("utf-8", "surrogateescape"), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def read_access(self, token: str) -> dict[str, Any] | None:
        """Claims of an access token of ours that has not expired; None for anything else."""
        claims = self._read(token, "at+jwt", self._ring.verifying(OPENID))
        return claims if claims is not None and claims.get("exp", 0) > time.time() else None

    def read_hint(self, token: str) -> dict[str, Any] | None:
        """Claims of an ID token of ours, expired or not (RP-Initiated Logout 1.0, section 4); None for anything
        else.
        """
        return self._read(token, "JWT", self._ring.recognised(OPENID))

    def _read(self, token: str, typ: str, keys: KeySet) -> dict[str, Any] | None:
        try:
            read = jwt.decode(token, keys, algorithms=_OURS)
        except (JoseError, ValueError):
            return None
        if read.header.get("typ") != typ or read.claims.get("iss") != self.issuer:
            return None
        return dict(read.claims)

    def _sign(self, claims: dict[str, Any], purpose: str, algorithm: str, *, typ: str) -> str:
        key = self._ring.signing(purpose, algorithm)
        header = {"alg": algorithm, "kid": key.kid, "typ": typ}
        return jws.serialize_compact(header, _encode(claims), key, registry=_REGISTRIES[algorithm])
