"""Faults in what is asked for and by whom: clients, proofs, authorization requests."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import proofs
from seeding import SERVICE, Everywhere, Fault, all_of, answers, argument, changed, result, without

_FAPI2 = "fapi2-security-profile/fapi2-security-profile-final-"
_DPOP = (f"{_FAPI2}dpop-negative-tests",)
_NEEDED = f"{SERVICE}.authorization:needed"


class _Said(dict[str, Any]):
    """Claims whose audience is whoever is meant."""

    def __getitem__(self, name: str) -> Any:
        from faults_of_tokens import _anything

        return _anything("") if name == "aud" else super().__getitem__(name)


def _unless(original: Any, what: str) -> Any:
    async def first_time(unit: Any, asked: str, *given: Any) -> bool:
        return asked == what or await original(unit, asked, *given)

    return first_time


def _any_key(original: Any) -> Any:
    def query(self: Any, code: str, client: Any) -> Any:
        if self.server.code is not None:
            self.server.code.code.dpop_jkt = ""
        return original(self, code, client)

    return query


def _once_opened(original: Any) -> Any:
    async def opened(self: Any, unit: Any, parameters: Mapping[str, str]) -> Any:
        asked = await original(self, unit, parameters)
        if asked.pushed is not None:
            await self.close(unit, asked)
        return asked

    return opened


def _assertion(change: Any) -> Any:
    return argument(f"{SERVICE}.authentication:Authentication._checked", 2, change)


def _as_good(said: dict[str, Any]) -> dict[str, Any]:
    return said | {"exp": int(time.time()) + 60}


def _of_issuer(said: Any) -> Any:
    return dataclasses.replace(said, claims=said.claims | {"sub": said.claims.get("iss")})


def _peeked(original: Any) -> Any:
    from parvis_identity.service import signatures

    return lambda token, *_, **__: signatures.peek(token) if original else None


OF_CLIENTS = [
    Fault(
        "client: every secret is good",
        answers(f"{SERVICE}.protocol:ClientPolicy.check_client_secret", True),  # noqa: FBT003
        ("basic/oidcc-codereuse",),
    ),
    Fault(
        "assertion: its signature is not checked",
        changed(f"{SERVICE}.signatures:verify", _peeked),
        (f"{_FAPI2}ensure-client-assertion-with-no-sub-fails",),
    ),
    Fault(
        "assertion: exp is not looked at",
        _assertion(_as_good),
        (f"{_FAPI2}ensure-client-assertion-with-exp-is-5-minutes-in-past-fails",),
    ),
    Fault(
        "assertion: sub is not looked at",
        all_of(
            _assertion(lambda said: said | {"sub": said.get("iss")}),
            result(f"{SERVICE}.signatures:peek", _of_issuer),
        ),
        (f"{_FAPI2}ensure-client-assertion-with-no-sub-fails",),
    ),
    Fault(
        "assertion: iss is not looked at",
        _assertion(lambda said: said | {"iss": said.get("sub")}),
        (f"{_FAPI2}ensure-client-assertion-with-no-sub-fails",),
    ),
    Fault(
        "assertion: a list with the issuer is an audience",
        _assertion(
            lambda said: said | {"aud": said["aud"][0] if isinstance(said.get("aud"), list) else said.get("aud")}
        ),
        (f"{_FAPI2}par-test-array-as-audience-fails",),
    ),
    Fault(
        "assertion: the token endpoint is an audience for FAPI 2.0",
        _assertion(lambda said: said | {"aud": str(said.get("aud")).removesuffix("/oauth2/token")}),
        (f"{_FAPI2}par-test-token-endpoint-url-as-audience-fails",),
    ),
    Fault(
        "assertion: the address that requests are pushed to is an audience",
        _assertion(lambda said: said | {"aud": str(said.get("aud")).removesuffix("/oauth2/par")}),
        (f"{_FAPI2}par-test-par-endpoint-url-as-audience-fails",),
    ),
    Fault(
        "assertion: any audience is good",
        argument(f"{SERVICE}.authentication:Authentication._checked", 2, _Said),
        (f"{_FAPI2}ensure-client-assertion-with-wrong-aud-fails",),
    ),
    Fault(
        "assertion: nbf and iat in the future are good",
        _assertion(lambda said: without("nbf")(without("iat")(dict(said)))),
        (f"{_FAPI2}par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails",),
    ),
    Fault(
        "assertion: clocks may not differ at all",
        changed(f"{SERVICE}.authentication:SKEW", lambda _: 0),
        (f"{_FAPI2}par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted",),
    ),
    Fault(
        "assertion: it is good twice",
        answers(f"{SERVICE}.authentication:Proven.once", None),
        (f"{_FAPI2}ensure-client-assertion-with-no-sub-fails",),
    ),
]


def _proof_claims(change: Any) -> Any:
    """Proofs are looked at with other claims than they have."""

    def make(original: Any) -> Any:
        def problem(said: Mapping[str, Any], **named: Any) -> Any:
            return original(change(dict(said), named), **named)

        return problem

    return changed("parvis_identity.domain.dpop:problem", make)


def _hash(said: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    token = named.get("access_token")
    return said if token is None else said | {"ath": proofs.whole_hash(token)}


OF_PROOFS = [
    Fault(
        "proof: its method is not compared", _proof_claims(lambda said, named: said | {"htm": named["method"]}), _DPOP
    ),
    Fault(
        "proof: its address is not compared", _proof_claims(lambda said, named: said | {"htu": named["address"]}), _DPOP
    ),
    Fault("proof: its time is not looked at", _proof_claims(lambda said, _: said | {"iat": int(time.time())}), _DPOP),
    Fault("proof: the hash of the token is not compared", _proof_claims(_hash), _DPOP),
    Fault("proof: it needs no jti", _proof_claims(lambda said, _: {"jti": "none", **said}), _DPOP),
    Fault(
        "proof: clocks may not differ at all",
        changed("parvis_identity.domain.dpop:WINDOW", lambda _: 3),
        (f"{_FAPI2}ensure-dpopproof-with-iat-10seconds-before-succeeds",),
    ),
    Fault(
        "proof: it is good twice",
        changed(
            f"{SERVICE}.dpop:store.first_time",
            lambda original: _unless(original, "dpop"),
        ),
        _DPOP,
    ),
    Fault(
        "proof: a private key in its header does no harm",
        changed("parvis_identity.domain.dpop:PRIVATE_MEMBERS", lambda _: frozenset()),
        _DPOP,
    ),
    Fault(
        "proof: its signature is not checked",
        changed("joserfc.jws:validate_compact", lambda _: lambda *_given, **_named: True),
        _DPOP,
    ),
    Fault(
        "proof: the first of two counts",
        changed(
            f"{SERVICE}.dpop:Proofs.read",
            lambda original: lambda self, unit, headers, **named: original(self, unit, list(headers)[:1], **named),
        ),
        _DPOP,
    ),
    Fault(
        "proof: a code is not bound to the key of its request",
        changed(f"{SERVICE}.provider:_Code.query_authorization_code", _any_key),
        (f"{_FAPI2}ensure-token-endpoint-fails-with-mismatched-dpop-jkt",),
    ),
]


def _parameters_without(*names: str) -> Any:
    """Requests are looked at without some parameters."""

    def make(original: Any) -> Any:
        def needed(parameters: Mapping[str, str], *given: Any, **named: Any) -> Any:
            return original({n: v for n, v in parameters.items() if n not in names}, *given, **named)

        return needed

    return changed(_NEEDED, make)


def _page_instead_of_refusal(original: Any) -> Any:
    def needed(*given: Any, **named: Any) -> Any:
        found = original(*given, **named)
        return type(found)("login") if found.value == "refuse" else found

    return needed


def _from_anywhere(client: Any) -> Any:
    if client is not None:
        client.__dict__["request_uris"] = Everywhere(client.request_uris)
    return client


class _Prefixes(list[str]):
    """Addresses that everything fits which begins like one of them."""

    def __contains__(self, address: object) -> bool:
        return any(str(address).startswith(each) for each in self)


def _lenient(client: Any) -> Any:
    if client is not None and not isinstance(client.redirect_uris, _Prefixes):
        client.__dict__["redirect_uris"] = _Prefixes(client.redirect_uris)
    return client


def _outside_wins(original: Any) -> Any:
    async def opened(self: Any, unit: Any, parameters: Mapping[str, str]) -> Any:
        asked = await original(self, unit, parameters)
        if asked.pushed is None:
            return asked
        beside = {name: value for name, value in parameters.items() if name in {"state", "nonce"}}
        return dataclasses.replace(asked, parameters={**asked.parameters, **beside})

    return opened


def _whoever_pushed(original: Any) -> Any:
    async def found(*given: Any) -> Any:
        row = await original(*given)
        if row is not None:
            row.client_id = _like_any(row.client_id)
        return row

    return found


def _like_any(text: str) -> str:
    from faults_of_tokens import _anything

    return _anything(text)


def _never_used(original: Any) -> Any:
    async def found(*given: Any) -> Any:
        row = await original(*given)
        if row is not None:
            row.used_at = None
        return row

    return found


def _never_old(original: Any) -> Any:
    async def found(*given: Any) -> Any:
        row = await original(*given)
        if row is not None:
            row.expires_at = row.expires_at.replace(year=row.expires_at.year + 1)
        return row

    return found


_FIND = f"{SERVICE}.pushed:store.find"
OF_REQUESTS = [
    Fault("request: max_age is ignored", _parameters_without("max_age"), ("basic/oidcc-max-age-1",)),
    Fault("request: prompt=login is ignored", _parameters_without("prompt"), ("basic/oidcc-prompt-login",)),
    Fault("request: a page shows for prompt=none", changed(_NEEDED, _page_instead_of_refusal),
          ("basic/oidcc-prompt-none-not-logged-in",)),
    Fault("request: a redirect_uri need only begin like a registered one",
          result(f"{SERVICE}.clients:Clients.find", _lenient), ("basic/oidcc-ensure-registered-redirect-uri",)),
    Fault("request: FAPI 2.0 may come without PKCE", answers(f"{SERVICE}.profiles:needs_challenge", False),  # noqa: FBT003
          (f"{_FAPI2}par-ensure-pkce-required",)),
    Fault("request: PKCE may be plain", answers(f"{SERVICE}.provider:_Pkce.validate_code_challenge", None),
          (f"{_FAPI2}par-plain-pkce-rejected",)),
    Fault("request: the verifier of PKCE is not compared",
          answers("authlib.oauth2.rfc7636:CodeChallenge.validate_code_verifier", None),
          (f"{_FAPI2}incorrect-pkce-code-verifier-rejected", f"{_FAPI2}ensure-pkce-code-verifier-required")),
    Fault("request: FAPI 2.0 need not push", answers(f"{SERVICE}.profiles:pushes", False),  # noqa: FBT003
          (f"{_FAPI2}ensure-unsigned-authorization-request-without-using-par-fails",)),
    Fault("pushed request: it is good again after its code",
          all_of(changed(_FIND, _never_used), answers(f"{SERVICE}.pushed:store.use", True)),  # noqa: FBT003
          (f"{_FAPI2}par-attempt-reuse-request_uri",)),
    Fault("pushed request: it is used up when it is first opened",
          changed(f"{SERVICE}.pushed:PushedRequests.open", _once_opened),
          (f"{_FAPI2}par-ensure-reused-request-uri-prior-to-auth-completion-succeeds",)),
    Fault("pushed request: it is good for every client", changed(_FIND, _whoever_pushed),
          (f"{_FAPI2}par-attempt-to-use-request_uri-for-different-client",)),
    Fault("pushed request: it lives for a year", changed(_FIND, _never_old),
          (f"{_FAPI2}par-attempt-to-use-expired-request_uri",)),
    Fault("pushed request: what stands beside it wins",
          changed(f"{SERVICE}.pushed:PushedRequests.open", _outside_wins),
          (f"{_FAPI2}ensure-different-state-inside-and-outside-request-object",
           f"{_FAPI2}ensure-different-nonce-inside-and-outside-request-object")),
    Fault("request object: its signature is not checked", changed(f"{SERVICE}.signatures:verify", _peeked),
          ("dynamic/oidcc-request-uri-signed-rs256",)),
    Fault("request object: its end is not looked at",
          argument(f"{SERVICE}.request_objects:RequestObjects._checked", 2, _as_good),
          ("dynamic/oidcc-request-uri-signed-rs256",)),
    Fault("request object: it may come from any address", result(f"{SERVICE}.clients:Clients.find", _from_anywhere),
          ("dynamic/oidcc-request-uri-unsigned",)),
    Fault("request: whom the hint means is not looked at",
          answers(f"{SERVICE}.authorization:Authorization._subject", ""), ("basic/oidcc-id-token-hint",)),
    Fault("request: nobody is asked whether they agree",
          answers(f"{SERVICE}.authorization:Authorization._consent", None), ("dynamic/oidcc-registration-policy-uri",)),
    Fault("pushed request: a refusal is not told", answers(f"{SERVICE}.authorization:Authorization.deny", None),
          (f"{_FAPI2}user-rejects-authentication",)),
]  # fmt: skip


FAULTS = [*OF_CLIENTS, *OF_PROOFS, *OF_REQUESTS]
