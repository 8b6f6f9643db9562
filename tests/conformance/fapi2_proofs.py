"""Modules of FAPI 2.0 about DPoP (RFC 9449) and about codes that come twice or late."""

import secrets
import time
from typing import Any
from urllib.parse import urlsplit

import proofs
from answers import check_token_error, check_tokens, check_userinfo
from fapi2_flows import LONGEST_CODE, PREFIX, finish_pushed, opened, pushed, seconds_left, signed_in
from flows import Outcome
from relying_party import RelyingParty, register
from runs import Run, module

_WRONG_PROOF = {"invalid_dpop_proof", "invalid_request", "invalid_grant"}


@module(f"{PREFIX}check-dpop-proof-nbf-exp")
def proof_with_times(run: Run) -> None:
    """A proof may have a beginning and an end."""
    now = int(time.time())
    _whole(run, nbf=now, exp=now + 300)


@module(f"{PREFIX}ensure-dpopproof-with-iat-10seconds-before-succeeds")
def proof_from_a_clock_behind(run: Run) -> None:
    """A clock that is ten seconds behind does no harm."""
    _whole(run, iat=int(time.time()) - 10)


@module(f"{PREFIX}ensure-dpopproof-with-iat-10seconds-after-succeeds")
def proof_from_a_clock_ahead(run: Run) -> None:
    """Nor one that is ten seconds ahead."""
    _whole(run, iat=int(time.time()) + 10)


@module(f"{PREFIX}ensure-holder-of-key-required")
def without_proof(run: Run) -> None:
    """Without a proof there are no tokens, nor with one that is none."""
    rp = register(run, "fapi2")
    code, _ = signed_in(run, rp)
    check_token_error(run, rp.exchange(code, dpop=False), {"invalid_dpop_proof", "invalid_request"})
    address = rp.endpoint("token")
    for wrong in ("no.proof.atall", rp.proof("GET", address), rp.proof("POST", rp.endpoint("userinfo"))):
        code, _ = signed_in(run, rp)
        check_token_error(run, rp.exchange(code, dpop=wrong), _WRONG_PROOF)
    used = rp.proof("POST", address)
    code, _ = signed_in(run, rp)
    check_tokens(run, rp, rp.exchange(code, dpop=used))
    code, _ = signed_in(run, rp)
    check_token_error(run, rp.exchange(code, dpop=used), _WRONG_PROOF)


@module(f"{PREFIX}ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt")
def other_key_than_proof(run: Run) -> None:
    """A code whose request came with a proof is exchanged with that key (RFC 9449, 10.1)."""
    rp = register(run, "fapi2")
    proof = rp.proof("POST", rp.endpoint("pushed_authorization_request"))
    _other_key(run, rp, rp.request(), proof)


@module(f"{PREFIX}ensure-token-endpoint-fails-with-mismatched-dpop-jkt")
def other_key_than_named(run: Run) -> None:
    """A code whose request named a key is exchanged with that key (RFC 9449, 10)."""
    rp = register(run, "fapi2")
    if rp.dpop_key is None:
        raise RuntimeError("The client has no key for proofs.")
    _other_key(run, rp, rp.request(dpop_jkt=proofs.thumbprint(rp.dpop_key)), None)


@module(f"{PREFIX}attempt-reuse-authorization-code-after-one-second")
def code_twice(run: Run) -> None:
    """A code that comes twice is refused, and what it gave ends."""
    rp = register(run, "fapi2")
    outcome = finish_pushed(run, rp, rp.request())
    check_userinfo(run, rp.userinfo(outcome.tokens.access_token), outcome.claims["sub"])
    time.sleep(1)
    check_token_error(run, rp.exchange(outcome.code), {"invalid_grant"})
    answer = rp.userinfo(outcome.tokens.access_token)
    run.check("the access token is revoked", 400 <= answer.status_code < 500, answer.status_code)
    if outcome.tokens.refresh_token:
        check_token_error(run, rp.refresh(outcome.tokens.refresh_token), {"invalid_grant"})


@module(f"{PREFIX}ensure-token-endpoint-fails-with-expired-auth-code", waits=True)
def code_too_late(run: Run) -> None:
    """A code is good for a minute (FAPI 2.0 security profile 5.3.2.1)."""
    rp = register(run, "fapi2")
    code, _ = signed_in(run, rp)
    began = time.monotonic()
    time.sleep(seconds_left(began, LONGEST_CODE + 2))
    check_token_error(run, rp.exchange(code), {"invalid_grant"})


@module(f"{PREFIX}dpop-negative-tests")
def broken_proofs(run: Run) -> None:
    """A resource looks at every part of a proof (RFC 9449, 4.3 and 7.1)."""
    rp = register(run, "fapi2")
    outcome = finish_pushed(run, rp, rp.request())
    token, address = outcome.tokens.access_token, rp.endpoint("userinfo")
    check_userinfo(run, rp.userinfo(token), outcome.claims["sub"])
    _check_refused_proofs(run, rp, token, address)
    _check_taken_proofs(run, rp, outcome, address)
    twice = rp.proof("GET", address, access_token=token)
    run.same("a proof is taken the first time", rp.userinfo(token, dpop=twice).status_code, 200)
    _refused(run, "a proof that comes twice", rp.userinfo(token, dpop=twice))
    good = rp.proof("GET", address, access_token=token)
    headers = [("Authorization", f"DPoP {token}"), ("DPoP", good),
               ("DPoP", rp.proof("GET", address, access_token=token))]  # fmt: skip
    _refused(run, "two proofs", run.provider.http.get(address, headers=headers))
    _refused(run, "no proof", rp.userinfo(token, dpop=False))
    _refused(run, "no proof and Bearer", rp.userinfo(token, dpop=False, scheme="Bearer"))
    _refused(run, "a proof and Bearer", rp.userinfo(token, scheme="Bearer"))
    check_userinfo(run, rp.userinfo(token), outcome.claims["sub"])


def _check_refused_proofs(run: Run, rp: RelyingParty, token: str, address: str) -> None:
    def made(**changes: Any) -> str:
        return rp.proof("GET", address, access_token=token, **changes)

    if rp.dpop_key is None:
        raise RuntimeError("The client has no key for proofs.")
    hour = 3600
    now = int(time.time())
    private = dict(rp.dpop_key.as_dict(private=True))
    good = made()
    claims = proofs.claims_of(good)
    other = proofs.make_key("ES256")
    symmetric = {"kty": "oct", "k": proofs.encoded(secrets.token_bytes(32))}
    wrong = {
        "no JWT": good.replace(".", "-"),
        "no typ": made(header={"typ": None}),
        "another typ": made(header={"typ": "JWT"}),
        "no alg": proofs.replaced(good, header=_without(proofs.header_of(good), "alg")),
        "no jwk": made(header={"jwk": None}),
        "no jti": made(jti=None),
        "no htm": made(htm=None),
        "no htu": made(htu=None),
        "no iat": made(iat=None),
        "no ath": made(ath=None),
        "no signature": proofs.unsigned(claims, proofs.header_of(good) | {"alg": "none"}),
        "a spoilt signature": proofs.spoilt(good),
        "a private key in its header": made(header={"jwk": private}),
        "a symmetric key in its header": made(header={"jwk": symmetric}),
        "another method": made(htm="PUT"),
        "another address": made(htu="https://other.example/userinfo"),
        "another path": made(htu=f"{address}/other"),
        "an hour ahead": made(iat=now + hour),
        "an hour behind": made(iat=now - hour),
        "the hash of another token": made(ath=proofs.whole_hash("another")),
        "another key": proofs.proof(other, "GET", address, access_token=token),
        "the key of another in its header": made(header={"jwk": _bare(other)}),
        "an end that is over": made(exp=now - 300),
    }
    for what, proof in wrong.items():
        _refused(run, what, rp.userinfo(token, dpop=proof))
    rsa = proofs.make_key("RS256")
    _refused(run, "RS256", rp.userinfo(token, dpop=proofs.proof(rsa, "GET", address, access_token=token)))


def _check_taken_proofs(run: Run, rp: RelyingParty, outcome: Outcome, address: str) -> None:
    token, parts = outcome.tokens.access_token, urlsplit(address)
    capitals = (
        f"{parts.scheme.upper()}://{str(parts.hostname).upper()}{f':{parts.port}' if parts.port else ''}{parts.path}"
    )
    right = {
        "a query and a fragment in htu": {"htu": f"{address}?query=1#fragment"},
        "scheme and host in capitals": {"htu": capitals},
        "members that nobody knows": {"unknown": "value", "header": {"unknown": "value"}},
    }
    for what, changes in right.items():
        answer = rp.userinfo(token, dpop=rp.proof("GET", address, access_token=token, **changes))
        run.same(f"{what}: the proof is taken", answer.status_code, 200)


def _refused(run: Run, what: str, answer: Any) -> None:
    run.one_of(f"{what}: userinfo answers 400 or 401", answer.status_code, {400, 401})
    run.check(f"{what}: nothing is told", '"sub"' not in answer.text, answer.text[:100])
    if answer.status_code == 401:
        run.check(f"{what}: 401 comes with WWW-Authenticate", "www-authenticate" in answer.headers)


def _other_key(run: Run, rp: RelyingParty, asked: dict[str, str], proof: str | None) -> None:
    request_uri = pushed(run, rp, asked, dpop=proof) if proof else pushed(run, rp, asked)
    landing = rp.browser().sign_in(opened(rp, request_uri), run.provider.person)
    own, rp.dpop_key = rp.dpop_key, proofs.make_key("ES256")
    check_token_error(
        run, rp.exchange(landing.value("code")), {"invalid_grant", "invalid_dpop_proof", "invalid_request"}
    )
    rp.dpop_key = own


def _whole(run: Run, **changes: Any) -> None:
    """A flow whose proofs have other times, at all three endpoints."""
    rp = register(run, "fapi2")
    asked = rp.request()
    par, token = rp.endpoint("pushed_authorization_request"), rp.endpoint("token")
    request_uri = pushed(run, rp, asked, dpop=rp.proof("POST", par, **changes))
    landing = rp.browser().sign_in(opened(rp, request_uri), run.provider.person)
    answer = rp.exchange(landing.value("code"), dpop=rp.proof("POST", token, **changes))
    tokens = check_tokens(run, rp, answer)
    proof = rp.proof("GET", rp.endpoint("userinfo"), access_token=tokens.access_token, **changes)
    subject = str(proofs.claims_of(tokens.id_token)["sub"])
    check_userinfo(run, rp.userinfo(tokens.access_token, dpop=proof), subject)


def _bare(key: proofs.Key) -> dict[str, Any]:
    return {name: value for name, value in proofs.public(key).items() if name not in {"kid", "use", "alg"}}


def _without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in members.items() if each != name}
