"""A relying party of the test: registers itself, asks for authorizations, exchanges codes, calls userinfo."""

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
import proofs
from runs import Run
from user_agent import Landing, UserAgent

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: What differs between the plans: how the client proves itself, how its tokens are signed. The last member of each is
#: the provider's own: which policy the client falls under (an operator may make them the default instead).
KINDS: dict[str, dict[str, Any]] = {
    "basic": {
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": "RS256",
        "pkce_required": False,
    },
    "dynamic": {
        "token_endpoint_auth_method": "private_key_jwt",
        "id_token_signed_response_alg": "RS256",
        "pkce_required": False,
    },
    "fapi2": {
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "id_token_signed_response_alg": "ES256",
        "require_pushed_authorization_requests": True,
        "dpop_bound_access_tokens": True,
        "profile": "fapi2",
    },
}


@dataclass
class Tokens:
    """What a code or a refresh token gave."""

    body: dict[str, Any]

    @property
    def access_token(self) -> str:
        return str(self.body.get("access_token", ""))

    @property
    def refresh_token(self) -> str:
        return str(self.body.get("refresh_token", ""))

    @property
    def id_token(self) -> str:
        return str(self.body.get("id_token", ""))


@dataclass
class RelyingParty:
    """See the module. Made by `register`."""

    run: Run
    kind: str
    metadata: dict[str, Any]
    registered: dict[str, Any]
    key: proofs.Key | None = None
    dpop_key: proofs.Key | None = None
    redirect_uri: str = ""
    #: PKCE verifiers by `state` are not kept: each request has its own.
    verifier: str = ""
    scope: str = "openid"
    dpop_nonces: dict[str, str] = field(default_factory=dict)

    @property
    def client_id(self) -> str:
        return str(self.registered["client_id"])

    @property
    def fapi2(self) -> bool:
        return self.kind == "fapi2"

    @property
    def uses_pkce(self) -> bool:
        """FAPI 2.0 asks for it; the other plans are for clients that know nothing of it."""
        return self.fapi2

    def endpoint(self, name: str) -> str:
        """An address of the provider (`token`, `userinfo` …). Raises KeyError when discovery names none."""
        metadata = self.run.provider.metadata
        return str(metadata.get(f"{name}_endpoint") or metadata[name])

    def browser(self) -> UserAgent:
        """A browser with nothing in it."""
        return UserAgent(self.run.receiver.origin)

    # Authorization

    def request(self, **changes: Any) -> dict[str, str]:
        """Parameters of an authorization request, with new state and nonce; a change to None leaves one out."""
        asked: dict[str, Any] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
        }
        if self.uses_pkce:
            self.verifier = secrets.token_urlsafe(48)
            asked |= {"code_challenge": proofs.whole_hash(self.verifier), "code_challenge_method": "S256"}
        return {name: str(value) for name, value in (asked | changes).items() if value is not None}

    def address(self, parameters: Mapping[str, str]) -> str:
        """The address that a browser is sent to."""
        return f"{self.endpoint('authorization')}?{urlencode(parameters)}"

    def authorize(self, parameters: Mapping[str, str], browser: UserAgent | None = None) -> Landing:
        """Sends a browser with a request and does there what the pages ask."""
        browser = browser or self.browser()
        return browser.sign_in(self.address(self.ready(parameters)), self.run.provider.person)

    def ready(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """What the browser is sent with: the parameters, or what the provider gave for them when they are pushed."""
        if not self.fapi2:
            return dict(parameters)
        pushed = self.push(parameters)
        self.run.must("the request is taken at the pushed authorization request endpoint", pushed.status_code == 201,
                      f"{pushed.status_code} {pushed.text[:300]}")  # fmt: skip
        return {"client_id": self.client_id, "request_uri": pushed.json()["request_uri"]}

    def push(self, parameters: Mapping[str, str], *, assertion: str | None = None, **changes: Any) -> httpx.Response:
        """Sends a request ahead (RFC 9126). `dpop`: a proof that comes with it."""
        proof = changes.pop("dpop", None)
        form, headers = self.authenticated({**parameters, **changes}, assertion)
        address = self.endpoint("pushed_authorization_request")
        if proof:
            headers["DPoP"] = proof
        return self._post(address, form, headers)

    # Tokens

    def exchange(self, code: str, **changes: Any) -> httpx.Response:
        """Exchanges a code. `dpop` and `assertion` replace the proof and the assertion; a change to None leaves out."""
        form: dict[str, Any] = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        if self.verifier:
            form["code_verifier"] = self.verifier
        return self.token(form, **changes)

    def refresh(self, token: str, **changes: Any) -> httpx.Response:
        """Exchanges a refresh token; as `exchange`."""
        return self.token({"grant_type": "refresh_token", "refresh_token": token}, **changes)

    def token(self, form: Mapping[str, Any], *, assertion: str | None = None, **changes: Any) -> httpx.Response:
        """A request to the token endpoint."""
        address = self.endpoint("token")
        given = changes.pop("dpop", self.dpop_key is not None)
        sent = proofs.without_none({**form, **changes})
        body, headers = self.authenticated(sent, assertion)
        if isinstance(given, str):
            headers["DPoP"] = given
        elif given and self.dpop_key is not None:
            headers["DPoP"] = self.proof("POST", address)
        answer = self._post(address, body, headers)
        if given is True and self._wants_nonce(answer, address):
            body, headers = self.authenticated(sent, assertion)
            headers["DPoP"] = self.proof("POST", address)
            answer = self._post(address, body, headers)
        return answer

    def proof(self, method: str, address: str, *, access_token: str = "", **changes: Any) -> str:
        """A DPoP proof with this client's key."""
        if self.dpop_key is None:
            raise RuntimeError("This client has no key for proofs.")
        nonce = self.dpop_nonces.get(address, "")
        return proofs.proof(self.dpop_key, method, address, access_token=access_token, nonce=nonce, **changes)

    def _wants_nonce(self, answer: httpx.Response, address: str) -> bool:
        if "dpop-nonce" in answer.headers:
            self.dpop_nonces[address] = answer.headers["dpop-nonce"]
        wanted = "use_dpop_nonce" in answer.text or "use_dpop_nonce" in answer.headers.get("www-authenticate", "")
        return wanted and answer.status_code in {400, 401}

    def assertion(self, *, algorithm: str = "", key: proofs.Key | None = None, **changes: Any) -> str:
        """What proves the client to the provider; the issuer is its audience in FAPI 2.0."""
        key = key or self.key
        if key is None:
            raise RuntimeError("This client has no key.")
        audience = self.run.provider.issuer if self.fapi2 else self.endpoint("token")
        claims = proofs.assertion_claims(self.client_id, audience, **changes)
        return proofs.sign(key, {"kid": key.kid}, claims, algorithm=algorithm)

    def authenticated(
        self, form: Mapping[str, Any], assertion: str | None = None
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """A form and its headers with what proves the client; an empty assertion: nothing does."""
        filled, headers = dict(form), {}
        secret = str(self.registered.get("client_secret", ""))
        match self.metadata.get("token_endpoint_auth_method"):
            case "client_secret_basic":
                pair = f"{quote_plus(self.client_id)}:{quote_plus(secret)}"
                headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            case "client_secret_post":
                filled |= {"client_id": self.client_id, "client_secret": secret}
            case "private_key_jwt" if assertion == "":
                filled.setdefault("client_id", self.client_id)
            case "private_key_jwt":
                filled |= {"client_assertion_type": JWT_BEARER, "client_assertion": assertion or self.assertion()}
                filled.setdefault("client_id", self.client_id)
        return filled, headers

    def _post(self, address: str, form: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
        return self.run.provider.http.post(address, data=dict(form), headers={"Accept": "application/json", **headers})

    # Userinfo

    def userinfo(
        self, access_token: str, *, method: str = "GET", scheme: str = "", headers: Any = None, **changes: Any
    ) -> httpx.Response:
        """Calls userinfo with the token in the header, and a proof when the client has a key for proofs.

        `dpop`: another proof, or False for none.
        """
        address = self.endpoint("userinfo")
        given = changes.pop("dpop", self.dpop_key is not None)
        scheme = scheme or ("DPoP" if self.dpop_key is not None else "Bearer")
        sent = {"Authorization": f"{scheme} {access_token}", "Accept": "*/*", **(headers or {})}
        if isinstance(given, str):
            sent["DPoP"] = given
        elif given:
            sent["DPoP"] = self.proof(method, address, access_token=access_token, **changes)
        answer = self.run.provider.http.request(method, address, headers=sent)
        if given is True and self._wants_nonce(answer, address):
            sent["DPoP"] = self.proof(method, address, access_token=access_token, **changes)
            answer = self.run.provider.http.request(method, address, headers=sent)
        return answer


def registration(run: Run, kind: str, **changes: Any) -> dict[str, Any]:
    """The metadata that a client of this kind registers; a change to None leaves a member out."""
    redirect = run.receiver.address(f"/callback/{secrets.token_hex(6)}")
    metadata: dict[str, Any] = {
        "client_name": f"Conformance {run.name.rpartition('/')[2]}"[:100],
        "redirect_uris": [redirect],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "web",
        "contacts": ["conformance@example.com"],
        **KINDS[kind],
    }
    return proofs.without_none(metadata | changes)


def send_registration(run: Run, metadata: Mapping[str, Any] | str) -> httpx.Response:
    """Asks for a registration (OpenID Connect Registration 1.0, 3.1), with the initial access token."""
    token = f"Bearer {run.provider.initial_access_token}"
    headers = {"Authorization": token, "Content-Type": "application/json"}
    body = metadata if isinstance(metadata, str) else json.dumps(dict(metadata))
    return run.provider.http.post(run.provider.metadata["registration_endpoint"], content=body, headers=headers)


def register(run: Run, kind: str, *, key: proofs.Key | None = None, **changes: Any) -> RelyingParty:
    """Registers a client and checks the answer. Keys are made as its kind needs them."""
    metadata = registration(run, kind, **changes)
    if metadata["token_endpoint_auth_method"] == "private_key_jwt":
        key = key or proofs.make_key(metadata.get("token_endpoint_auth_signing_alg", "RS256"))
        if "jwks_uri" not in metadata:
            metadata.setdefault("jwks", proofs.key_set(key))
    answer = send_registration(run, metadata)
    run.must("the client is registered (201)", answer.status_code == 201, f"{answer.status_code} {answer.text[:300]}")
    registered = answer.json()
    check_registration(run, metadata, answer)
    return RelyingParty(
        run,
        kind,
        metadata,
        registered,
        key=key,
        dpop_key=proofs.make_key("ES256") if metadata.get("dpop_bound_access_tokens") else None,
        redirect_uri=metadata["redirect_uris"][0],
    )


def check_registration(run: Run, metadata: Mapping[str, Any], answer: httpx.Response) -> None:
    """What a registration answers (OpenID Connect Registration 1.0, 3.2; RFC 7591, 3.2.1)."""
    told = answer.json()
    run.check("the registration answers JSON", _is_json(answer), answer.headers.get("content-type"))
    run.check("the registration gives a client_id", isinstance(told.get("client_id"), str) and told["client_id"])
    secret, method = told.get("client_secret"), metadata["token_endpoint_auth_method"]
    if method.startswith("client_secret"):
        run.check(
            "a client that needs a secret gets one of enough chance", isinstance(secret, str) and len(secret) >= 32
        )
        expires = told.get("client_secret_expires_at")
        run.check(
            "client_secret_expires_at is there and not in the past",
            type(expires) is int and (expires == 0 or expires > time.time()), expires,
        )  # fmt: skip
    else:
        run.check("a client that has keys gets no secret", secret is None)
    for name in ("redirect_uris", "token_endpoint_auth_method", "id_token_signed_response_alg"):
        run.same(f"the registration repeats {name}", told.get(name), metadata[name])
    if "registration_client_uri" in told or "registration_access_token" in told:
        run.check(
            "registration_client_uri and registration_access_token come together",
            str(told.get("registration_client_uri", "")).startswith(run.provider.issuer)
            and bool(told.get("registration_access_token")),
        )


def _is_json(answer: httpx.Response) -> bool:
    return answer.headers.get("content-type", "").partition(";")[0].strip() == "application/json"
