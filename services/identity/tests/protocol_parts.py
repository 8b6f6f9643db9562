"""What a relying party of the FAPI 2.0 profile makes by itself: proofs and assertions, good ones and bad ones."""

import base64
import hashlib
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from identity_stage import PUBLIC_URL
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

PROOF_ALGORITHMS = ("ES256", "PS256", "EdDSA", "Ed25519")
_GENERATED = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "PS256": lambda: RSAKey.generate_key(2048),
    "RS256": lambda: RSAKey.generate_key(2048),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
}


class _Anything(jws.JWSRegistry):
    """Signs whatever a test wants to have signed."""

    max_header_length = 100_000

    def __init__(self) -> None:
        super().__init__(algorithms=list(self.algorithms), strict_check_header=False)

    def check_header(self, header: dict[str, Any]) -> None:
        """Nothing is wrong."""


def sign(header: dict[str, Any], claims: object, key: Any) -> str:
    """A JWT as it is asked for. Members that are None are left out of the header, and of the claims."""
    header = {name: value for name, value in header.items() if value is not None}
    if isinstance(claims, dict):
        claims = {name: value for name, value in claims.items() if value is not None}
    return jws.serialize_compact(header, json.dumps(claims), key, registry=_Anything())


def key_for(algorithm: str) -> Any:
    return _GENERATED[algorithm]()


@dataclass
class Prover:
    """A holder of a DPoP key."""

    key: Any
    algorithm: str = "ES256"

    @classmethod
    def of(cls, algorithm: str) -> "Prover":
        return cls(key_for(algorithm), algorithm)

    @property
    def jkt(self) -> str:
        return self.key.thumbprint()

    def header(self) -> dict[str, Any]:
        public = self.key.as_dict() if isinstance(self.key, OctKey) else self.key.as_dict(private=False)
        return {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": public}

    def proof(
        self,
        method: str,
        address: str,
        *,
        token: str | None = None,
        age: int = 0,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A proof; `claims` and `header` replace what it says, None takes it out."""
        said: dict[str, Any] = {
            "jti": secrets.token_urlsafe(12), "htm": method, "htu": address, "iat": int(time.time()) - age,
        }  # fmt: skip
        if token is not None:
            said["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
        return sign({**self.header(), **(header or {})}, {**said, **claims}, self.key)


@dataclass
class Asserter:
    """A client that authenticates with assertions (RFC 7523)."""

    client_id: str
    issuer: str
    key: Any
    algorithm: str = "ES256"
    extra: dict[str, Any] = field(default_factory=dict)

    def assertion(self, **claims: Any) -> str:
        """An assertion; `claims` replace what it says, None takes it out."""
        now = int(time.time())
        said = {
            "iss": self.client_id, "sub": self.client_id, "aud": self.issuer, "iat": now, "exp": now + 60,
            "jti": secrets.token_urlsafe(12), **self.extra, **claims,
        }  # fmt: skip
        return sign({"alg": self.algorithm, "kid": self.key.thumbprint()}, said, self.key)

    def form(self, **claims: Any) -> dict[str, str]:
        """The fields of a form that authenticate the client."""
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion(**claims),
        }


@dataclass
class FapiParty:
    """A relying party of the FAPI 2.0 security profile: pushed requests, assertions, proofs."""

    client: Any
    asserter: Asserter
    prover: Prover
    issuer: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def parameters(self) -> dict[str, str]:
        """A good authorization request."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "response_type": "code", "redirect_uri": self.client.redirect_uris[0], "scope": "openid profile email",
            "state": "s-123", "nonce": "n-456", "code_challenge_method": "S256",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        }  # fmt: skip

    async def push(self, http: Any, *, proof: str | None = None, **changes: str | None) -> Any:
        """The answer to a pushed request; None takes a field out, `proof` comes with it."""
        form = {**self.parameters, **self.asserter.form(), **changes}
        headers = {"DPoP": proof} if proof else {}
        sent = {name: value for name, value in form.items() if value is not None}
        return await http.post("/oauth2/par", data=sent, headers=headers)

    def proof(self, method: str, path: str, **said: Any) -> str:
        return self.prover.proof(method, f"{self.issuer}{path}", **said)

    async def pushed(self, http: Any, **changes: Any) -> dict[str, str]:
        """What the browser is sent to the authorization endpoint with."""
        answer = await self.push(http, **changes)
        assert answer.status_code == 201, answer.text
        return {"client_id": self.client.client_id, "request_uri": answer.json()["request_uri"]}

    async def code(self, http: Any, **changes: Any) -> str:
        """A code for whoever is signed in."""
        answer = await http.get("/oauth2/authorize", params=await self.pushed(http, **changes))
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]

    async def token(self, http: Any, *, prover: Prover | None = None, bare: bool = False, **changes: Any) -> Any:
        """The answer of the token endpoint; `bare`: without a proof."""
        form = {**self.asserter.form(), **changes}
        proof = (prover or self.prover).proof("POST", f"{self.issuer}/oauth2/token")
        sent = {name: value for name, value in form.items() if value is not None}
        return await http.post("/oauth2/token", data=sent, headers={} if bare else {"DPoP": proof})

    async def exchange(self, http: Any, code: str, **changes: Any) -> Any:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.client.redirect_uris[0],
            "code_verifier": self.verifier, **changes,
        }  # fmt: skip
        return await self.token(http, **form)

    async def tokens(self, http: Any) -> dict[str, str]:
        answer = await self.exchange(http, await self.code(http))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def userinfo(self, http: Any, token: str, *, scheme: str = "DPoP", proof: Any = "", **said: Any) -> Any:
        """What the resource says; `proof` is a header (or several) instead of a good one, None for none."""
        if proof == "":
            proof = self.proof("GET", "/oauth2/userinfo", token=token, **said)
        proofs = [proof] if isinstance(proof, str) else proof or []
        headers = [("Authorization", f"{scheme} {token}"), *(("DPoP", each) for each in proofs)]
        return await http.get("/oauth2/userinfo", headers=headers)


async def make_fapi_party(stage: Any, algorithm: str = "ES256", **changes: Any) -> FapiParty:
    """A registered client of the profile."""
    key = key_for(algorithm)
    client, _ = await stage.relying_party(
        **{
            "profile": "fapi2", "token_endpoint_auth_method": "private_key_jwt", "secret_digest": b"",
            "jwks": {"keys": [{**key.as_dict(private=False), "kid": key.thumbprint()}]}, **changes,
        }
    )  # fmt: skip
    asserter = Asserter(client.client_id, PUBLIC_URL, key, algorithm)
    return FapiParty(client, asserter, Prover.of("ES256"), PUBLIC_URL)


async def decline(browser: Any, location: str) -> Any:
    """Opens a sign-in page and presses the button that leads back to the client."""
    page = await browser.get(location)
    form = next(f for f in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if "/oauth2/decline" in f)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    fields = {name: value.replace("&amp;", "&") for name, value in fields.items()}
    return await browser.http.post("/oauth2/decline", data=fields, headers={"Origin": PUBLIC_URL})
