"""Modules about userinfo, scopes and the claims parameter."""

import json
from typing import Any

import proofs
from answers import BY_SCOPE, STANDARD_CLAIMS, check_userinfo
from flows import Outcome, finish, sign_in, whole
from id_tokens import check_audience, check_signature
from relying_party import RelyingParty, register
from runs import Run, module


@module("basic/oidcc-userinfo-get")
def userinfo_by_get(run: Run) -> None:
    """GET with the token in the header; without a token, and with a wrong one, nothing is told (RFC 6750, 3)."""
    rp = register(run, "basic")
    outcome, _ = whole(run, rp)
    address, http = rp.endpoint("userinfo"), run.provider.http
    nobody = http.get(address)
    run.same("without a token userinfo answers 401", nobody.status_code, 401)
    run.check("401 comes with WWW-Authenticate: Bearer",
              nobody.headers.get("www-authenticate", "").lower().startswith("bearer"))  # fmt: skip
    for what, token in _worthless(outcome).items():
        answer = rp.userinfo(token)
        run.same(f"{what}: userinfo answers 401", answer.status_code, 401)
        told = answer.headers.get("www-authenticate", "")
        run.check(f"{what}: the error is invalid_token", 'error="invalid_token"' in told, told)


@module("basic/oidcc-userinfo-post-header")
def userinfo_by_post(run: Run) -> None:
    """POST with the token in the header."""
    rp = register(run, "basic")
    outcome = sign_in(run, rp)
    answer = rp.userinfo(outcome.tokens.access_token, method="POST")
    check_userinfo(run, answer, outcome.claims["sub"])


@module("basic/oidcc-userinfo-post-body")
def userinfo_by_form(run: Run) -> None:
    """POST with the token in the form (RFC 6750, 2.2)."""
    rp = register(run, "basic")
    outcome = sign_in(run, rp)
    address, http = rp.endpoint("userinfo"), run.provider.http
    answer = http.post(address, data={"access_token": outcome.tokens.access_token})
    check_userinfo(run, answer, outcome.claims["sub"])
    in_query = http.get(address, params={"access_token": outcome.tokens.access_token})
    run.check("a token in the query is not taken: it would stand in logs", in_query.status_code in {400, 401}, in_query)


@module("basic/oidcc-scope-profile", "basic/oidcc-scope-email", "basic/oidcc-scope-address", "basic/oidcc-scope-phone")
def one_scope(run: Run) -> None:
    """A scope gives its claims, and no others; one that is not offered is ignored (OpenID Connect Core 5.4)."""
    _with_scopes(run, [run.name.rpartition("-")[2]])


@module("basic/oidcc-scope-all")
def all_scopes(run: Run) -> None:
    """All of them at once."""
    _with_scopes(run, list(BY_SCOPE))


@module("basic/oidcc-alternate-happy-flow")
def another_order(run: Run) -> None:
    """The order of scopes and parameters says nothing."""
    rp = register(run, "basic")
    _, told = whole(run, rp, scope="openid email")
    asked = rp.request(scope="email openid")
    turned = dict(reversed(asked.items()))
    landing = rp.authorize(turned)
    outcome = finish(run, rp, landing, asked)
    second = check_userinfo(run, rp.userinfo(outcome.tokens.access_token), outcome.claims["sub"])
    run.same("the same claims are told", second, told)


@module("basic/oidcc-claims-essential")
def essential_claim(run: Run) -> None:
    """A claim that is asked for by name (OpenID Connect Core 5.5)."""
    claims = {"userinfo": {"name": {"essential": True}}}
    _, told = whole(run, register(run, "basic"), claims=json.dumps(claims))
    if run.provider.metadata.get("claims_parameter_supported"):
        run.check("name is told", told.get("name"), told)
    run.check(
        "nothing else is told about the person", set(told) & set(STANDARD_CLAIMS) <= {"sub", "name"}, sorted(told)
    )
    rp = register(run, "basic")
    asked = rp.request(claims="{not JSON")
    landing = rp.authorize(asked)
    run.check("a claims parameter that is no JSON is refused or ignored",
              landing.value("error") in {"", "invalid_request"} and landing.at_relying_party, landing)  # fmt: skip


@module("fapi2-security-profile/fapi2-security-profile-final-test-claims-parameter-identity-claims")
def every_claim(run: Run) -> None:
    """All standard claims that the provider has, asked for by name, in all forms that a claim can be asked for in."""
    metadata = run.provider.metadata
    supported = [name for name in metadata.get("claims_supported", ()) if name in STANDARD_CLAIMS and name != "sub"]
    run.check("claims_parameter_supported is true", metadata.get("claims_parameter_supported") is True)
    run.check("claims_supported has standard claims", supported, metadata.get("claims_supported"))
    forms: list[Any] = [None, {"essential": True}, {"essential": False}, {"value": "nobody has this"}, {"unknown": 1}]
    wanted = {name: forms[number % 3] for number, name in enumerate(supported)}
    odd = {"nobody-knows-this": {"essential": True}, "nor-this": None}
    rp = register(run, "fapi2")
    claims = {"userinfo": {**wanted, **odd}, "id_token": {**wanted, **odd}, "elsewhere": wanted}
    outcome, told = whole(run, rp, claims=json.dumps(claims))
    missing = [name for name in supported if name not in told and name not in outcome.claims]
    person_has = [name for name in missing if name not in {"address", "phone_number", "phone_number_verified"}]
    run.check("what the provider supports and the person has is told", not person_has, person_has)
    run.check("what nobody knows is not told", not set(odd) & (set(told) | set(outcome.claims)), told)
    once = register(run, "fapi2")
    _, little = whole(run, once)
    run.check("who asks for nothing is told nothing", not set(little) & set(supported), sorted(little))


@module("dynamic/oidcc-userinfo-rs256")
def signed_userinfo(run: Run) -> None:
    """Userinfo as a signed JWT (OpenID Connect Core 5.3.2)."""
    listed = run.provider.metadata.get("userinfo_signing_alg_values_supported", [])
    run.check("userinfo_signing_alg_values_supported has RS256", "RS256" in listed, listed)
    rp = register(run, "dynamic", userinfo_signed_response_alg="RS256")
    run.same("the registration repeats userinfo_signed_response_alg",
             rp.registered.get("userinfo_signed_response_alg"), "RS256")  # fmt: skip
    outcome = sign_in(run, rp)
    answer = rp.userinfo(outcome.tokens.access_token)
    run.must("userinfo answers 200", answer.status_code == 200, answer.text[:300])
    kind = answer.headers.get("content-type", "").partition(";")[0]
    run.same("userinfo answers application/jwt", kind, "application/jwt")
    claims = check_signature(run, answer.text, "RS256", "userinfo")
    run.same("iss of userinfo is the issuer", claims.get("iss"), run.provider.issuer)
    check_audience(run, claims, rp.client_id)
    run.same("sub of userinfo is sub of the ID token", claims.get("sub"), outcome.claims["sub"])


def _with_scopes(run: Run, names: list[str]) -> None:
    rp = register(run, "basic")
    outcome, told = whole(run, rp, scope=" ".join(["openid", *names]))
    offered = set(run.provider.metadata.get("scopes_supported", ()))
    given = {*told, *outcome.claims} & set(STANDARD_CLAIMS) - {"sub"}
    allowed = {claim for name in names if name in offered for claim in BY_SCOPE[name]}
    run.check("nothing is told that the scopes do not cover", given <= allowed, given - allowed)
    granted = outcome.tokens.body.get("scope", "openid " + " ".join(names)).split()
    for name in names:
        if name not in offered:
            run.check(f"{name} is not offered and not given", name not in granted, granted)
            continue
        run.check(f"{name} is given", name in granted, granted)
        _check_scope(run, rp, name, told)


def _check_scope(run: Run, rp: RelyingParty, name: str, told: dict[str, Any]) -> None:
    supported = set(rp.run.provider.metadata.get("claims_supported", ()))
    run.check(f"claims_supported has claims of {name}", supported & BY_SCOPE[name], supported)
    match name:
        case "profile":
            run.check("name is told", told.get("name"), sorted(told))
        case "email":
            run.check("email is told", told.get("email"), sorted(told))
            run.check("email_verified comes with it", isinstance(told.get("email_verified"), bool), told)
        case "address" if "address" in told:
            members = {"formatted", "street_address", "locality", "region", "postal_code", "country"}
            run.check("address has its members (5.1.1)", set(told["address"]) <= members, told["address"])
        case "phone" if "phone_number" in told:
            run.check("phone_number is E.164", str(told["phone_number"]).startswith("+"), told["phone_number"])


def _worthless(outcome: Outcome) -> dict[str, str]:
    token = outcome.tokens.access_token
    found = {"no token of ours": "abc", "a token that is too long": token + "a", "an ID token": outcome.tokens.id_token}
    if token.count(".") == 2:
        claims = proofs.claims_of(token)
        found |= {
            "a spoilt signature": proofs.spoilt(token),
            "an unsigned token": proofs.unsigned(claims, {"typ": "at+jwt"}),
            "another subject": proofs.replaced(token, claims={**claims, "sub": "somebody-else"}),
            "a key of somebody else": proofs.sign(proofs.make_key("ES256"), {"typ": "at+jwt"}, claims),
        }
    return found
